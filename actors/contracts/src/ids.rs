//! Ids: the name of an actor is the name of the file that declares it.

use std::{borrow::Borrow, fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

/// Why a text is no id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no id: use 1 to 63 of a–z, 0–9, `-` and `_`, beginning with a letter or a digit")]
pub struct InvalidId {
    /// The text that was refused.
    pub text: String,
}

/// True for 1 to 63 of `a–z 0–9 - _`, beginning with a letter or a digit: safe in a topic, a path and a metric label.
pub fn is_valid_id(text: &str) -> bool {
    let bytes = text.as_bytes();
    (1..=63).contains(&bytes.len())
        && bytes[0].is_ascii_alphanumeric()
        && bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_'))
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks `text` and makes an id of it.
            ///
            /// # Errors
            /// When `text` has a form that [`is_valid_id`] refuses.
            pub fn new(text: &str) -> Result<Self, InvalidId> {
                if is_valid_id(text) { Ok(Self(text.into())) } else { Err(InvalidId { text: text.to_owned() }) }
            }

            /// The id as text.
            pub fn as_str(&self) -> &str { &self.0 }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(&self.0) }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { write!(f, "{:?}", &*self.0) }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> { Self::new(text) }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;
            fn try_from(text: String) -> Result<Self, InvalidId> { Self::new(&text) }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self { id.0.as_ref().to_owned() }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str { &self.0 }
        }
    };
}

id!(/** A site: the name in `site.yaml`. */ SiteId);
id!(/** A camera: the name of its file in `cameras/`. */ CameraId);
id!(/** A model: the name of its file in `models/`. */ ModelId);
id!(/** A rule: the name of its file in `rules/`. */ RuleId);
id!(/** An uploader: the name of its file in `uploaders/`. */ UploaderId);
id!(/** A stream of other things than cameras: the name of its file in `streams/`. */ StreamId);
id!(/** A table that rules look things up in: the name of its file in `tables/`. */ TableId);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_id_is_safe_in_topics_paths_and_labels() {
        for good in ["gate-north", "a", "0", "cam_2", &"x".repeat(63)] {
            assert_eq!(CameraId::new(good).unwrap().as_str(), good);
        }
        for bad in ["", "-a", "A", "a/b", "a+b", "#", "ü", "a b", "..", &"x".repeat(64)] {
            assert!(CameraId::new(bad).is_err(), "{bad:?} was taken");
        }
    }
}
