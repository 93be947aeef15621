//! MQTT topics of a site. Ids are safe in a topic by construction, so a topic is built and read without escaping.
//!
//! ```text
//! parapet/<site>/cameras/<id>/detections   one frame with its objects, QoS 0 unless an uploader asks for more
//! parapet/<site>/cameras/<id>/updates      one of its objects again, of which a following model knows more, QoS 0
//! parapet/<site>/cameras/<id>/status       retained: how the camera is
//! parapet/<site>/models/<id>/status        retained: how the model is
//! parapet/<site>/alerts                    alerts, QoS 1
//! parapet/<site>/command/<name>            requests to the site (MQTT 5, 4.10), when it takes any; the answer goes where the request says
//! parapet/<site>/status                    retained: how the site is; `offline` is its last will
//! ```

use std::{fmt, str::FromStr};

use crate::{CameraId, DetectionEvent, ModelId, SiteId};

/// The first level of every topic.
pub const ROOT: &str = "parapet";

/// A topic that a site publishes on. `Display` gives its text; `parse` takes it back.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Topic {
    /// What the models saw in a camera's frames.
    Detections {
        /// The site.
        site: SiteId,
        /// The camera.
        camera: CameraId,
    },
    /// What following models know more of what was seen.
    Updates {
        /// The site.
        site: SiteId,
        /// The camera.
        camera: CameraId,
    },
    /// How a camera is; retained.
    CameraStatus {
        /// The site.
        site: SiteId,
        /// The camera.
        camera: CameraId,
    },
    /// How a model is; retained.
    ModelStatus {
        /// The site.
        site: SiteId,
        /// The model.
        model: ModelId,
    },
    /// The site's alerts.
    Alerts {
        /// The site.
        site: SiteId,
    },
    /// How the site is; retained, and the topic of its last will.
    SiteStatus {
        /// The site.
        site: SiteId,
    },
}

impl Topic {
    /// Where a camera's detections go.
    pub fn detections(site: &SiteId, camera: &CameraId) -> Self {
        Self::Detections { site: site.clone(), camera: camera.clone() }
    }

    /// Where updates of a camera's detections go.
    pub fn updates(site: &SiteId, camera: &CameraId) -> Self {
        Self::Updates { site: site.clone(), camera: camera.clone() }
    }

    /// Where an event goes: a camera's detections, or their updates.
    pub fn of_event(event: &DetectionEvent) -> Self {
        match event.update {
            None => Self::detections(&event.site, &event.camera),
            Some(_) => Self::updates(&event.site, &event.camera),
        }
    }

    /// Where a camera's status goes.
    pub fn camera_status(site: &SiteId, camera: &CameraId) -> Self {
        Self::CameraStatus { site: site.clone(), camera: camera.clone() }
    }

    /// Where a model's status goes.
    pub fn model_status(site: &SiteId, model: &ModelId) -> Self {
        Self::ModelStatus { site: site.clone(), model: model.clone() }
    }

    /// Where a site's alerts go.
    pub fn alerts(site: &SiteId) -> Self {
        Self::Alerts { site: site.clone() }
    }

    /// Where a site's status goes.
    pub fn site_status(site: &SiteId) -> Self {
        Self::SiteStatus { site: site.clone() }
    }

    /// The site whose topic it is.
    pub fn site(&self) -> &SiteId {
        match self {
            Self::Detections { site, .. }
            | Self::Updates { site, .. }
            | Self::CameraStatus { site, .. }
            | Self::ModelStatus { site, .. }
            | Self::Alerts { site }
            | Self::SiteStatus { site } => site,
        }
    }

    /// True for a topic whose last message the broker keeps for those who come later.
    pub fn is_retained(&self) -> bool {
        matches!(self, Self::CameraStatus { .. } | Self::ModelStatus { .. } | Self::SiteStatus { .. })
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Detections { site, camera } => write!(f, "{ROOT}/{site}/cameras/{camera}/detections"),
            Self::Updates { site, camera } => write!(f, "{ROOT}/{site}/cameras/{camera}/updates"),
            Self::CameraStatus { site, camera } => write!(f, "{ROOT}/{site}/cameras/{camera}/status"),
            Self::ModelStatus { site, model } => write!(f, "{ROOT}/{site}/models/{model}/status"),
            Self::Alerts { site } => write!(f, "{ROOT}/{site}/alerts"),
            Self::SiteStatus { site } => write!(f, "{ROOT}/{site}/status"),
        }
    }
}

/// Why a text is no topic.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is no topic of a site: expected {ROOT}/<site>/alerts, {ROOT}/<site>/status, {ROOT}/<site>/models/<id>/status, or {ROOT}/<site>/cameras/<id>/detections, /updates or /status"
)]
pub struct UnknownTopic {
    /// The text.
    pub text: String,
}

impl FromStr for Topic {
    type Err = UnknownTopic;

    fn from_str(text: &str) -> Result<Self, UnknownTopic> {
        let unknown = || UnknownTopic { text: text.to_owned() };
        let site = |id: &str| SiteId::new(id).map_err(|_| unknown());
        let camera = |id: &str| CameraId::new(id).map_err(|_| unknown());
        let model = |id: &str| ModelId::new(id).map_err(|_| unknown());
        let levels: Vec<&str> = text.split('/').collect();
        match levels.as_slice() {
            [ROOT, s, "alerts"] => Ok(Self::Alerts { site: site(s)? }),
            [ROOT, s, "status"] => Ok(Self::SiteStatus { site: site(s)? }),
            [ROOT, s, "cameras", c, "detections"] => Ok(Self::Detections { site: site(s)?, camera: camera(c)? }),
            [ROOT, s, "cameras", c, "updates"] => Ok(Self::Updates { site: site(s)?, camera: camera(c)? }),
            [ROOT, s, "models", m, "status"] => Ok(Self::ModelStatus { site: site(s)?, model: model(m)? }),
            [ROOT, s, "cameras", c, "status"] => Ok(Self::CameraStatus { site: site(s)?, camera: camera(c)? }),
            _ => Err(unknown()),
        }
    }
}

/// Where a site's failures go that an uploader sends.
pub fn errors(site: &SiteId) -> String {
    format!("{ROOT}/{site}/errors")
}

/// Where it goes that there is a file of evidence, when an uploader sends it.
pub fn evidence(site: &SiteId) -> String {
    format!("{ROOT}/{site}/evidence")
}

/// The filter for what others ask the site to do: `parapet/<site>/command/<name>`.
pub fn filter_commands(site: &SiteId) -> String {
    format!("{ROOT}/{site}/command/+")
}

/// What topics of answers begin with that lie among the site's own.
pub fn answers(site: &SiteId) -> String {
    format!("{ROOT}/{site}/answers/")
}

/// The filter for everything that a site publishes.
pub fn filter_all(site: &SiteId) -> String {
    format!("{ROOT}/{site}/#")
}

/// The filter for the detections of all of a site's cameras.
pub fn filter_detections(site: &SiteId) -> String {
    format!("{ROOT}/{site}/cameras/+/detections")
}

/// True when a filter such as `doors/+/state` or `doors/#` takes a topic (MQTT 5, 4.7).
pub fn matches(filter: &str, topic: &str) -> bool {
    let mut levels = topic.split('/');
    if topic.starts_with('$') && filter.starts_with(['+', '#']) {
        return false;
    }
    for level in filter.split('/') {
        match (level, levels.next()) {
            ("#", _) => return true,
            ("+", Some(_)) => {}
            (wanted, Some(level)) if wanted == level => {}
            _ => return false,
        }
    }
    levels.next().is_none()
}

/// True for a text that a broker takes as a filter: `+` and `#` stand alone in their level, `#` in the last one.
pub fn is_filter(text: &str) -> bool {
    let levels: Vec<&str> = text.split('/').collect();
    let fits = |(index, level): (usize, &&str)| match *level {
        "+" => true,
        "#" => index + 1 == levels.len(),
        level => !level.contains(['+', '#', '\0']),
    };
    !text.is_empty() && text.len() <= usize::from(u16::MAX) && levels.iter().enumerate().all(fits)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_topic_and_its_text_agree() {
        let (site, camera) = (SiteId::new("depot-7").unwrap(), CameraId::new("gate-north").unwrap());
        let model = ModelId::new("people").unwrap();
        for (topic, text, retained) in [
            (Topic::detections(&site, &camera), "parapet/depot-7/cameras/gate-north/detections", false),
            (Topic::updates(&site, &camera), "parapet/depot-7/cameras/gate-north/updates", false),
            (Topic::camera_status(&site, &camera), "parapet/depot-7/cameras/gate-north/status", true),
            (Topic::model_status(&site, &model), "parapet/depot-7/models/people/status", true),
            (Topic::alerts(&site), "parapet/depot-7/alerts", false),
            (Topic::site_status(&site), "parapet/depot-7/status", true),
        ] {
            assert_eq!(topic.to_string(), text);
            assert_eq!(text.parse::<Topic>().unwrap(), topic);
            assert_eq!(topic.is_retained(), retained, "{text}");
            assert_eq!(topic.site(), &site);
        }
        assert_eq!(filter_all(&site), "parapet/depot-7/#");
        assert_eq!(filter_detections(&site), "parapet/depot-7/cameras/+/detections");
    }

    #[test]
    fn a_filter_takes_what_mqtt_says() {
        for (filter, topic, taken) in [
            ("a/b", "a/b", true),
            ("a/b", "a/b/c", false),
            ("a/+", "a/b", true),
            ("a/+", "a/b/c", false),
            ("a/+", "a", false),
            ("a/#", "a", true),
            ("a/#", "a/b/c", true),
            ("#", "a/b", true),
            ("#", "$SYS/x", false),
            ("+/b", "a/b", true),
            ("/a", "a", false),
        ] {
            assert_eq!(matches(filter, topic), taken, "{filter} {topic}");
            assert!(is_filter(filter), "{filter}");
        }
        for bad in ["", "a/#/b", "a+", "a/b#", "a\0"] {
            assert!(!is_filter(bad), "{bad:?}");
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for bad in [
            "",
            "parapet",
            "parapet/depot",
            "parapet//alerts",
            "parapet/Depot/alerts",
            "parapet/depot/alerts/",
            "/parapet/depot/alerts",
            "parapet/depot/cameras/gate/other",
            "parapet/depot/models/people/detections",
            "parapet/depot/cameras/+/status",
            "other/depot/status",
        ] {
            assert!(bad.parse::<Topic>().is_err(), "{bad:?} was taken");
        }
    }
}
