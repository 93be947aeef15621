//! Keeps from `rtspsrc` the challenges at which it would end the process.
//!
//! `rtspsrc` of GStreamer 1.22 takes apart a `WWW-Authenticate: Digest` without parameters by reading through a null pointer. It lets
//! RTSP extensions see each answer to a request before it looks for challenges in it: such an extension is registered here. It removes
//! a header that would do harm, whole, and lets everything else pass; a camera left without a challenge is one that `rtspsrc` has no
//! way to log in to, an ordinary error.
//!
//! Not covered: over UDP, `rtspsrc` also acts on a `401` that comes while the stream plays, and shows it to no extension. Over TCP it
//! ignores that.
// GStreamer's bindings know neither the interface of RTSP extensions nor the headers of a message they don't own.
#![allow(unsafe_code)]

use std::{
    ffi::{CStr, c_char},
    ptr,
    sync::OnceLock,
};

use gstreamer::{self as gst, glib, prelude::*, subclass::prelude::*};
use gstreamer_rtsp::ffi;

/// Registers the extension, once. It serves every `rtspsrc` of the process, provided that none was made before.
pub(crate) fn register() -> Result<(), glib::BoolError> {
    static DONE: OnceLock<Result<(), glib::BoolError>> = OnceLock::new();
    DONE.get_or_init(|| gst::Element::register(None, "parapetauthguard", gst::Rank::MARGINAL, AuthGuard::static_type()))
        .clone()
}

glib::wrapper! {
    /// An element that sees the RTSP messages of `rtspsrc`.
    struct RtspExtension(Interface<ffi::GstRTSPExtension, ffi::GstRTSPExtensionInterface>);

    match fn {
        type_ => || ffi::gst_rtsp_extension_get_type(),
    }
}

// SAFETY: the type's interface structure is the one named above. Functions that are left out count as "nothing to say".
unsafe impl<T: ObjectSubclass> IsImplementable<T> for RtspExtension {
    fn interface_init(interface: &mut glib::Interface<Self>) {
        interface.as_mut().after_send = Some(after_send);
    }
}

glib::wrapper! {
    struct AuthGuard(ObjectSubclass<imp::AuthGuard>) @extends gst::Element, gst::Object, @implements RtspExtension;
}

mod imp {
    use super::*;

    #[derive(Debug, Default)]
    pub(super) struct AuthGuard;

    #[glib::object_subclass]
    impl ObjectSubclass for AuthGuard {
        const NAME: &'static str = "ParapetAuthGuard";
        type Type = super::AuthGuard;
        type ParentType = gst::Element;
        type Interfaces = (RtspExtension,);
    }

    impl ObjectImpl for AuthGuard {}
    impl GstObjectImpl for AuthGuard {}

    impl ElementImpl for AuthGuard {
        fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
            static METADATA: OnceLock<gst::subclass::ElementMetadata> = OnceLock::new();
            Some(METADATA.get_or_init(|| {
                gst::subclass::ElementMetadata::new(
                    "Guard against harmful challenges",
                    "Network/Extension/Protocol",
                    "Removes RTSP challenges that rtspsrc does not survive",
                    "Parapet",
                )
            }))
        }
    }
}

/// Called by `rtspsrc` with each answer to a request of its own, before it acts on it.
unsafe extern "C" fn after_send(
    _: *mut ffi::GstRTSPExtension,
    _: *mut ffi::GstRTSPMessage,
    response: *mut ffi::GstRTSPMessage,
) -> ffi::GstRTSPResult {
    // SAFETY: the response is `rtspsrc`'s own and lives, unshared, until this returns.
    let removed = unsafe { remove_harmful(response) };
    if removed > 0 {
        tracing::warn!(
            removed,
            "a camera asks for Digest authentication without saying how (no realm, no nonce): its challenge is ignored"
        );
    }
    ffi::GST_RTSP_OK
}

/// Removes the challenges that do harm, and says how many.
///
/// # Safety
/// `message` is null, or a valid message that nobody else uses meanwhile.
unsafe fn remove_harmful(message: *mut ffi::GstRTSPMessage) -> usize {
    if message.is_null() {
        return 0;
    }
    let (mut index, mut removed) = (0, 0);
    loop {
        let mut value: *mut c_char = ptr::null_mut();
        // SAFETY: the message is valid; the value stays its own, and is used before the message changes.
        unsafe {
            let found =
                ffi::gst_rtsp_message_get_header(message, ffi::GST_RTSP_HDR_WWW_AUTHENTICATE, &mut value, index);
            if found != ffi::GST_RTSP_OK || value.is_null() {
                return removed;
            }
            if is_harmful(CStr::from_ptr(value)) {
                ffi::gst_rtsp_message_remove_header(message, ffi::GST_RTSP_HDR_WWW_AUTHENTICATE, index);
                removed += 1;
            } else {
                index += 1;
            }
        }
    }
}

/// Whether a value of `WWW-Authenticate` holds a Digest challenge in which no parameter is found.
///
/// GStreamer's own parser is asked, the one whose result `rtspsrc` reads: one written anew would differ at some odd spacing.
fn is_harmful(challenges: &CStr) -> bool {
    let mut message = ptr::null_mut();
    // SAFETY: the message and the credentials are made, used and freed here, once; a list that is not null ends with null.
    unsafe {
        ffi::gst_rtsp_message_new_response(&mut message, ffi::GST_RTSP_STS_UNAUTHORIZED, ptr::null(), ptr::null());
        if message.is_null() {
            return true;
        }
        ffi::gst_rtsp_message_add_header(message, ffi::GST_RTSP_HDR_WWW_AUTHENTICATE, challenges.as_ptr());
        let credentials = ffi::gst_rtsp_message_parse_auth_credentials(message, ffi::GST_RTSP_HDR_WWW_AUTHENTICATE);
        let mut harmful = false;
        let mut next = credentials;
        while !next.is_null() && !(*next).is_null() {
            harmful |= (**next).scheme == ffi::GST_RTSP_AUTH_DIGEST && (**next).params.is_null();
            next = next.add(1);
        }
        ffi::gst_rtsp_auth_credentials_free(credentials);
        ffi::gst_rtsp_message_free(message);
        harmful
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use std::ffi::CString;

    use proptest::prelude::*;

    use super::*;

    fn harmful(challenges: &str) -> bool {
        gst::init().unwrap();
        is_harmful(&CString::new(challenges).unwrap())
    }

    #[test]
    fn digest_without_parameters_is_harmful_wherever_it_stands() {
        for text in [
            "Digest",
            "digest",
            "Digest ",
            " \t Digest\t",
            "Digest,",
            "Digest , ,",
            "Digest realm",
            "Basic Digest",
            "Digest Basic realm=\"x\"",
            "Basic realm=\"x\", Digest",
            "Digest realm=\"x\", nonce=\"y\", Digest",
        ] {
            assert!(harmful(text), "{text:?}");
        }
    }

    #[test]
    fn whatever_else_is_let_through() {
        for text in [
            "",
            " , ",
            "Basic",
            "Basic realm=",
            "Basic realm=\"x\"",
            "Nonsense",
            "Nonsense x=y",
            "Digest realm=\"",
            "Digest realm=\"Digest\"",
            "Digest realm=\"x\", nonce=\"y\"",
            "Digest realm=\"x, Digest\",nonce=\"y\",",
            "Basic realm=\"x\", Digest realm=\"x\", nonce=\"y\", stale=FALSE",
        ] {
            assert!(!harmful(text), "{text:?}");
        }
    }

    /// The headers of a message that the guard has seen, and how many it removed.
    fn guarded(headers: &[CString]) -> (Vec<CString>, usize) {
        gst::init().unwrap();
        let field = ffi::GST_RTSP_HDR_WWW_AUTHENTICATE;
        let (mut message, mut kept) = (ptr::null_mut(), Vec::new());
        // SAFETY: the message is this function's own; values are copied before it is freed.
        unsafe {
            ffi::gst_rtsp_message_new_response(&mut message, ffi::GST_RTSP_STS_UNAUTHORIZED, ptr::null(), ptr::null());
            for header in headers {
                ffi::gst_rtsp_message_add_header(message, field, header.as_ptr());
            }
            let removed = remove_harmful(message);
            let mut value = ptr::null_mut();
            while ffi::gst_rtsp_message_get_header(message, field, &mut value, kept.len() as i32) == ffi::GST_RTSP_OK {
                kept.push(CStr::from_ptr(value).to_owned());
            }
            ffi::gst_rtsp_message_free(message);
            (kept, removed)
        }
    }

    #[test]
    fn only_the_harmful_headers_of_an_answer_go() {
        let [bare, basic, good] =
            ["Digest", "Basic realm=\"x\"", "Digest realm=\"x\", nonce=\"y\""].map(|text| CString::new(text).unwrap());
        let all = [bare.clone(), basic.clone(), bare.clone(), bare.clone(), good.clone(), bare];
        assert_eq!(guarded(&all), (vec![basic, good], 4));
        assert_eq!(guarded(&[]), (vec![], 0));
    }

    proptest! {
        #[test]
        fn nothing_harmful_is_left_and_nothing_else_is_lost(
            headers in prop::collection::vec("(Digest|Basic|realm=|nonce|[ ,=\"\\\\x\t\u{1}é]){0,12}", 0..5)
        ) {
            let headers: Vec<_> = headers.into_iter().map(|text| CString::new(text).unwrap()).collect();
            let (kept, removed) = guarded(&headers);
            prop_assert_eq!(kept.len() + removed, headers.len());
            prop_assert!(kept.iter().all(|text| !is_harmful(text)));
        }
    }
}
