//! What a rule says of the life of its alerts. Times and lengths are milliseconds.

/// What a rule says of the life of its alerts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LifecycleSettings<S> {
    /// How bad an alert is when it is raised.
    pub severity: S,
    /// After an alert of a key was told, no other of this key is for so long. Zero: no such rest.
    pub cooldown: i64,
    /// What still fires is told again after so long, unless somebody has acknowledged it.
    pub again_every: Option<i64>,
    /// What still fires, and nobody has acknowledged, gets worse; in the order of `after`.
    pub escalations: Vec<Escalation<S>>,
    /// How many keys are remembered; past it, the oldest are forgotten and counted.
    pub max_keys: usize,
}

/// An alert that nobody acknowledges gets worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Escalation<S> {
    /// So long after it was first told.
    pub after: i64,
    /// How bad it is then.
    pub to: S,
}

/// How many keys are remembered unless told otherwise.
const MAX_KEYS: usize = 10_000;

impl<S> LifecycleSettings<S> {
    /// Each alert is told once, and no more.
    pub fn new(severity: S) -> Self {
        Self { severity, cooldown: 0, again_every: None, escalations: Vec::new(), max_keys: MAX_KEYS }
    }
}

/// A time in which nothing is told: somebody silenced it, or it is a maintenance window.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Silence {
    /// Its name; another of the same name replaces it.
    pub id: String,
    /// Of which key; `None`: of all.
    pub key: Option<String>,
    /// From then on.
    pub from: i64,
    /// Until then, exclusive.
    pub until: i64,
}

impl Silence {
    /// Whether it covers a key at a time.
    pub fn covers(&self, key: &str, at: i64) -> bool {
        self.from <= at && at < self.until && self.key.as_deref().is_none_or(|own| own == key)
    }
}

/// Somebody has seen it and cares for it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Acknowledgement {
    /// Who.
    pub by: String,
    /// When.
    pub at: i64,
}
