//! Hardware decoders come first, are left when they fail, and never wait for a buffer that somebody holds.
//!
//! This machine may have none, so two are made here: one that fails on the first frame, and one that works (a software
//! decoder that says it is hardware). One test, alone in its process, since decoders are registered for the whole of it.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::sync::{Arc, Mutex};

use common::*;
use gstreamer::{self as gst, glib, prelude::*, subclass::prelude::*};
use parapet_contracts::{
    camera::Pace,
    ports::media::{MediaEvent, MediaFrame, MediaPort, MediaSink},
};

fn templates() -> &'static [gst::PadTemplate] {
    static TEMPLATES: std::sync::OnceLock<Vec<gst::PadTemplate>> = std::sync::OnceLock::new();
    TEMPLATES.get_or_init(|| {
        let template = |name: &str, direction, caps: &str| {
            let caps = caps.parse::<gst::Caps>().unwrap();
            gst::PadTemplate::new(name, direction, gst::PadPresence::Always, &caps).unwrap()
        };
        vec![
            template("sink", gst::PadDirection::Sink, "video/x-h264"),
            template("src", gst::PadDirection::Src, "video/x-raw"),
        ]
    })
}

fn described(name: &'static str) -> gst::subclass::ElementMetadata {
    gst::subclass::ElementMetadata::new(name, "Codec/Decoder/Video/Hardware", "for a test", "the test")
}

/// Fails on the first frame.
mod broken {
    use super::*;

    #[derive(Default)]
    pub struct Imp;

    #[glib::object_subclass]
    impl ObjectSubclass for Imp {
        const NAME: &'static str = "ParapetTestBrokenDecoder";
        type Type = Broken;
        type ParentType = gst::Element;
    }

    impl ObjectImpl for Imp {
        fn constructed(&self) {
            self.parent_constructed();
            let sink = gst::Pad::builder_from_template(&templates()[0])
                .chain_function(|_, parent, _| {
                    let element = parent.and_then(|p| p.downcast_ref::<gst::Element>()).unwrap();
                    gst::element_error!(element, gst::StreamError::Decode, ("the device is gone"));
                    Err(gst::FlowError::Error)
                })
                .build();
            self.obj().add_pad(&sink).unwrap();
            self.obj().add_pad(&gst::Pad::from_template(&templates()[1])).unwrap();
        }
    }
    impl GstObjectImpl for Imp {}
    impl ElementImpl for Imp {
        fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
            static METADATA: std::sync::OnceLock<gst::subclass::ElementMetadata> = std::sync::OnceLock::new();
            Some(METADATA.get_or_init(|| described("a decoder that fails")))
        }
        fn pad_templates() -> &'static [gst::PadTemplate] {
            templates()
        }
    }
}

/// A software decoder that says it is hardware.
mod working {
    use super::*;

    #[derive(Default)]
    pub struct Imp;

    #[glib::object_subclass]
    impl ObjectSubclass for Imp {
        const NAME: &'static str = "ParapetTestWorkingDecoder";
        type Type = Working;
        type ParentType = gst::Bin;
    }

    impl ObjectImpl for Imp {
        fn constructed(&self) {
            self.parent_constructed();
            let decoder = gst::ElementFactory::make("avdec_h264").build().unwrap();
            self.obj().add(&decoder).unwrap();
            for (template, name) in templates().iter().zip(["sink", "src"]) {
                let inner = decoder.static_pad(name).unwrap();
                let pad = gst::GhostPad::builder_from_template_with_target(template, &inner).unwrap().build();
                self.obj().add_pad(&pad).unwrap();
            }
        }
    }
    impl GstObjectImpl for Imp {}
    impl ElementImpl for Imp {
        fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
            static METADATA: std::sync::OnceLock<gst::subclass::ElementMetadata> = std::sync::OnceLock::new();
            Some(METADATA.get_or_init(|| described("a decoder that works")))
        }
        fn pad_templates() -> &'static [gst::PadTemplate] {
            templates()
        }
    }
    impl BinImpl for Imp {}
}

glib::wrapper! {
    pub struct Broken(ObjectSubclass<broken::Imp>) @extends gst::Element, gst::Object;
}

glib::wrapper! {
    pub struct Working(ObjectSubclass<working::Imp>) @extends gst::Bin, gst::Element, gst::Object;
}

/// Keeps all frames.
#[derive(Default)]
struct Hoarder(Mutex<(Vec<MediaFrame>, bool)>);

impl MediaSink for Hoarder {
    fn frame(&self, frame: MediaFrame) {
        self.0.lock().unwrap().0.push(frame);
    }
    fn event(&self, event: MediaEvent) {
        self.0.lock().unwrap().1 |= matches!(event, MediaEvent::Ended | MediaEvent::Failed(_));
    }
}

#[test]
fn hardware_comes_first_and_is_left_when_it_fails() {
    let folder = tempfile::tempdir().unwrap();
    let path = clip(folder.path(), "clip.mp4", 40, 320, 180, 10);
    gst::Element::register(None, "parapettestworking", gst::Rank::MARGINAL, Working::static_type()).unwrap();
    let (sink, _stream) = play(&path);
    let format = &sink.formats()[0];
    assert!(format.hardware && format.decoder == "parapettestworking", "{format:?}");
    assert_eq!(sink.frames(), 40);

    let hoarder = Arc::new(Hoarder::default());
    let stream = media().open(&file(&path, Pace::Fast, false), Arc::clone(&hoarder) as Arc<dyn MediaSink>).unwrap();
    wait(20, || hoarder.0.lock().unwrap().1, || "the end".into());
    drop(stream);
    let kept = hoarder.0.lock().unwrap();
    assert_eq!(kept.0.len(), 40, "all frames may be held at once");
    let seen = sink.seen.lock().unwrap();
    for (kept, seen) in kept.0.iter().zip(&seen.frames) {
        assert!((luma(kept) - seen.luma).abs() < 1e-9, "frame {} lost its pixels", kept.index);
    }
    drop(seen);

    gst::Element::register(None, "parapettestbroken", gst::Rank::PRIMARY, Broken::static_type()).unwrap();
    let (sink, stream) = play(&path);
    assert!(sink.ended() && sink.frames() == 40, "{} {:?}", sink.words(), stream.stats());
    let format = &sink.formats()[0];
    assert!(!format.hardware && format.decoder == "avdec_h264", "{format:?}");
    assert!(
        sink.warnings().iter().any(|w| w.contains("parapettestbroken") && w.contains("without")),
        "{}",
        sink.words()
    );
}
