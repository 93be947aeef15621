//! The token's file: read at each connection, and looked at every second while one stands.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use parapet_contracts::Secret;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::packet::LARGEST_TOKEN;

/// How often the file is looked at. Reading some hundred bytes is cheaper than to be told of every change in a folder, and works on any
/// file system; kubelet replaces a token long before it expires.
const LOOK: Duration = Duration::from_secs(1);

/// Reads a token.
///
/// # Errors
/// A text that names the file and says what is wrong; it never holds any of its content.
pub(crate) fn read(file: &Path) -> Result<Secret, String> {
    let text = std::fs::read_to_string(file)
        .map_err(|e| format!("{}: the service account token can't be read: {e}", file.display()))?;
    let token = text.trim();
    if token.is_empty() || token.len() > LARGEST_TOKEN || token.contains(char::is_whitespace) {
        return Err(format!("{}: this is no service account token", file.display()));
    }
    Ok(Secret::new(token))
}

/// Waits for another token.
#[derive(Debug)]
pub(super) struct Watch {
    file: PathBuf,
    known: Secret,
    looks: Interval,
}

impl Watch {
    /// Of a file whose token was `known` when the connection was made.
    pub(super) fn new(file: PathBuf, known: Secret) -> Self {
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { file, known, looks }
    }

    /// The token that was seen last.
    pub(super) fn known(&self) -> &Secret {
        &self.known
    }

    /// Returns when there is another one. A file that can't be read just then is looked at again: the next connection tells.
    pub(super) async fn changed(&mut self) {
        loop {
            self.looks.tick().await;
            if let Ok(found) = read(&self.file)
                && found != self.known
            {
                self.known = found;
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_file_without_a_token_is_named_and_its_content_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("broker-sat");
        assert!(read(&file).unwrap_err().contains("broker-sat"));
        for content in ["", " \n", "canary and more", &"canary".repeat(20_000)] {
            std::fs::write(&file, content).unwrap();
            let error = read(&file).unwrap_err();
            assert!(error.contains("broker-sat") && !error.contains("canary"), "{error}");
        }
        std::fs::write(&file, "a.b.c\n").unwrap();
        assert_eq!(read(&file).unwrap().expose(), "a.b.c");
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_that_is_replaced_is_noticed_and_one_that_is_gone_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("broker-sat");
        std::fs::write(&file, "one").unwrap();
        let mut watch = Watch::new(file.clone(), read(&file).unwrap());
        std::fs::remove_file(&file).unwrap();
        let waited = tokio::time::timeout(Duration::from_secs(10), watch.changed()).await;
        assert!(waited.is_err(), "nothing was replaced");
        std::fs::write(&file, "two").unwrap();
        watch.changed().await;
        assert_eq!(watch.known().expose(), "two");
    }
}
