//! The audit log of evidence: who held it, released it or had it deleted, when and why. Nothing removes a record, and each names the one
//! before it by its hash, as the records about an alert do ([`crate::chain`]).
//!
//! The hash of a record is SHA-256 over `<number>\n<previous>\n<canonical JSON of the record without number, previous and hash>`, as 64
//! hexadecimal digits; the first record's `previous` is 64 zeros.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    Selection, Timestamp,
    chain::{Broken, Fault, canonical, sha256},
};

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Act {
    /// Evidence is held.
    Held,
    /// A hold was ended.
    Released,
    /// Evidence was deleted.
    Deleted,
}

impl Act {
    /// The word for JSON and people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Released => "released",
            Self::Deleted => "deleted",
        }
    }
}

/// What a record says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// By the site's clock.
    pub at: Timestamp,
    /// What was done.
    pub act: Act,
    /// The hold, when it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<Uuid>,
    /// To which evidence.
    pub what: Selection,
    /// Who did it, as they said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Why.
    pub note: String,
    /// Of a deletion: alerts whose evidence went.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub alerts: u64,
    /// Of a deletion: files that went.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub files: u64,
    /// Of a deletion: their bytes.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub bytes: u64,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// An entry in its place in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRecord {
    /// From 1.
    pub number: u64,
    /// What it says.
    #[serde(flatten)]
    pub entry: Entry,
    /// The hash of the record before it.
    pub previous: String,
    /// The hash of this record.
    pub hash: String,
}

/// Where a log goes on; it begins at the default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tip {
    number: u64,
    hash: String,
}

impl Default for Tip {
    fn default() -> Self {
        Self { number: 0, hash: "0".repeat(64) }
    }
}

impl Tip {
    /// Where the log goes on after `record`.
    pub fn after(record: &AuditRecord) -> Self {
        Self { number: record.number, hash: record.hash.clone() }
    }

    /// How many records come before.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Puts an entry at the end.
    ///
    /// # Errors
    /// When it has no JSON, which entries have.
    pub fn append(&self, entry: Entry) -> Result<AuditRecord, serde_json::Error> {
        let number = self.number + 1;
        let hash = hash(number, &self.hash, &entry)?;
        Ok(AuditRecord { number, entry, previous: self.hash.clone(), hash })
    }

    /// Goes on over the next record, when it follows.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn follow(&mut self, record: &AuditRecord) -> Result<(), Broken> {
        let expected = self.number + 1;
        let broken = |number, fault| Err(Broken { number, fault });
        if record.number > expected {
            return broken(expected, Fault::Missing);
        }
        if record.number < expected || record.previous != self.hash {
            return broken(record.number, Fault::Detached);
        }
        if hash(record.number, &record.previous, &record.entry).ok().as_ref() != Some(&record.hash) {
            return broken(record.number, Fault::Altered);
        }
        *self = Self::after(record);
        Ok(())
    }
}

fn hash(number: u64, previous: &str, entry: &Entry) -> Result<String, serde_json::Error> {
    Ok(sha256(&format!("{number}\n{previous}\n{}", canonical(entry)?)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn log() -> Vec<AuditRecord> {
        let mut tip = Tip::default();
        let acts = [Act::Held, Act::Released, Act::Deleted];
        let entries = acts.map(|act| Entry {
            at: "2026-11-25T08:00:00Z".parse().unwrap(),
            act,
            hold: None,
            what: Selection { alert: Some(Uuid::from_u128(1)), ..Selection::default() },
            by: Some("ann".to_owned()),
            note: "case 7".to_owned(),
            alerts: 0,
            files: 2,
            bytes: 100,
        });
        entries
            .into_iter()
            .map(|entry| {
                let record = tip.append(entry).unwrap();
                tip = Tip::after(&record);
                record
            })
            .collect()
    }

    fn told(records: &[AuditRecord]) -> Result<u64, (u64, Fault)> {
        let mut tip = Tip::default();
        for record in records {
            tip.follow(record).map_err(|broken| (broken.number, broken.fault))?;
        }
        Ok(tip.number())
    }

    #[test]
    fn a_log_that_was_read_back_is_sound() {
        let texts: Vec<String> = log().iter().map(|record| serde_json::to_string(record).unwrap()).collect();
        let again: Vec<AuditRecord> = texts.iter().map(|text| serde_json::from_str(text).unwrap()).collect();
        assert_eq!(told(&again), Ok(3));
    }

    #[test]
    fn what_was_done_to_it_is_told() {
        let change = |change: &dyn Fn(&mut Vec<AuditRecord>)| {
            let mut records = log();
            change(&mut records);
            told(&records)
        };
        assert_eq!(change(&|log| log[1].entry.by = None), Err((2, Fault::Altered)));
        assert_eq!(change(&|log| drop(log.remove(1))), Err((2, Fault::Missing)));
        assert_eq!(change(&|log| drop(log.remove(0))), Err((1, Fault::Missing)));
        assert_eq!(change(&|log| log.swap(1, 2)), Err((2, Fault::Missing)));
        let forge = |log: &mut Vec<AuditRecord>| {
            log[0].entry.note = "another".to_owned();
            log[0] = Tip::default().append(log[0].entry.clone()).unwrap();
        };
        assert_eq!(change(&forge), Err((2, Fault::Detached)));
    }
}
