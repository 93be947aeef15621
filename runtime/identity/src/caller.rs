//! Who asks, and what they may do.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// What somebody may do. Each role may do what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Looks.
    Viewer,
    /// Acknowledges, silences, sends again.
    Operator,
    /// Changes what the site is.
    Admin,
}

impl Role {
    /// Its name in configuration and answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

/// The cameras that somebody may see, and what comes of them: frames, events, alerts, evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cameras {
    /// All, also those that will be added.
    All,
    /// Those with these ids.
    Only(BTreeSet<String>),
}

impl Cameras {
    /// Whether a camera is among them.
    pub fn permit(&self, camera: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(ids) => ids.contains(camera),
        }
    }

    /// Whether all cameras are.
    pub fn are_all(&self) -> bool {
        matches!(self, Self::All)
    }
}

/// How somebody has shown who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Via {
    /// By a token of the identity provider.
    Token,
    /// By a key of the site's own.
    Key,
    /// Not at all: the site has no identity, and listens on this machine alone or was told to let everybody in.
    Nothing,
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// By what people know them: the preferred user name, the subject, the name of a key.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// To which cameras.
    pub cameras: Cameras,
    /// How they have shown it.
    pub via: Via,
}

impl Caller {
    /// Anybody, at a site without identity.
    pub fn anybody() -> Self {
        Self { name: "anybody".into(), role: Role::Admin, cameras: Cameras::All, via: Via::Nothing }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_may_do_what_those_before_it_may() {
        assert!(Role::Admin > Role::Operator && Role::Operator > Role::Viewer);
    }

    #[test]
    fn cameras_that_are_named_are_the_only_ones() {
        let only = Cameras::Only(BTreeSet::from(["gate".to_owned()]));
        assert!(only.permit("gate") && !only.permit("dock") && !only.are_all());
        assert!(Cameras::All.permit("dock"));
        assert!(!Cameras::Only(BTreeSet::new()).permit("gate"));
    }
}
