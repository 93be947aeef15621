//! The chain of the records that follow an alert: each names the one before it by its hash, the first the alert itself.
//!
//! So whoever has an alert and its records can tell whether one of them was changed, taken out, put in or moved after it was
//! written. What the chain alone can't show is that the last records were taken off: compare the last hash with one that was
//! sent elsewhere.
//!
//! All hashes are SHA-256, as 64 hexadecimal digits. That of an alert is taken over its canonical JSON; that of a record over
//! `<number>\n<previous>\n<canonical JSON of the record without link>`. Canonical JSON has the keys of all objects in the order of
//! their bytes, and no blanks. A field that is absent is not written, so that records with new fields and without them chain alike.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize, de::Error as _};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::{Alert, AlertUpdate, hex};

/// A record's place in the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Which record about its alert it is, from 1.
    pub number: u64,
    /// The hash of the record before it; of the first, that of the alert.
    pub previous: String,
    /// The hash of this record.
    pub hash: String,
}

/// A chain without a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Sound {
    /// Records that are chained.
    pub linked: usize,
    /// Records from before there were chains.
    pub unlinked: usize,
}

/// The first place at which a chain is broken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("record {number}: {fault}")]
pub struct Broken {
    /// Which record about the alert, from 1.
    pub number: u64,
    /// What is wrong there.
    pub fault: Fault,
}

/// What is wrong with a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Its hash is not that of what it says.
    #[error("it is not what was written: its content does not have its hash")]
    Altered,
    /// It does not follow on the record before it.
    #[error("the record before it is not the one that it was written after")]
    Detached,
    /// It does not follow on the alert.
    #[error("the alert is not what it was when this was written")]
    AlertAltered,
    /// It is not there, though later ones are.
    #[error("it is missing")]
    Missing,
    /// It has no place in the chain, though it was written after there was one.
    #[error("it is not chained")]
    Unlinked,
}

/// The canonical JSON of a thing.
///
/// # Errors
/// When it has no JSON, which alerts and records have.
pub fn canonical<T: Serialize>(thing: &T) -> Result<String, serde_json::Error> {
    // By way of its text: numbers are those that everybody reads.
    let value: Value = serde_json::from_str(&serde_json::to_string(thing)?)?;
    let mut out = String::new();
    write(&value, &mut out)?;
    Ok(out)
}

fn write(value: &Value, out: &mut String) -> Result<(), serde_json::Error> {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by(|(a, _), (b, _)| a.as_bytes().cmp(b.as_bytes()));
            out.push('{');
            for (place, (name, value)) in fields.into_iter().enumerate() {
                out.push_str(if place == 0 { "" } else { "," });
                out.push_str(&serde_json::to_string(name)?);
                out.push(':');
                write(value, out)?;
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (place, item) in items.iter().enumerate() {
                out.push_str(if place == 0 { "" } else { "," });
                write(item, out)?;
            }
            out.push(']');
        }
        plain => write!(out, "{plain}").map_err(serde_json::Error::custom)?,
    }
    Ok(())
}

pub(crate) fn sha256(text: &str) -> String {
    hex(&Sha256::digest(text))
}

/// The hash of an alert, on which its first record follows.
///
/// # Errors
/// As [`canonical`].
pub fn of_alert(alert: &Alert) -> Result<String, serde_json::Error> {
    canonical(alert).map(|json| sha256(&json))
}

/// The link of a record that is written after others about the same alert. Whatever link it has already is left out.
///
/// # Errors
/// As [`canonical`].
pub fn link(alert: &Alert, before: &[AlertUpdate], record: &AlertUpdate) -> Result<Link, serde_json::Error> {
    let last = before.iter().filter_map(|record| record.link.as_ref()).max_by_key(|link| link.number);
    let previous = match last {
        Some(last) => last.hash.clone(),
        None => of_alert(alert)?,
    };
    let number = last.map_or(before.len() as u64, |last| last.number) + 1;
    let hash = hash(number, &previous, record)?;
    Ok(Link { number, previous, hash })
}

fn hash(number: u64, previous: &str, record: &AlertUpdate) -> Result<String, serde_json::Error> {
    let bare = AlertUpdate { link: None, ..record.clone() };
    Ok(sha256(&format!("{number}\n{previous}\n{}", canonical(&bare)?)))
}

/// Follows the chain from the alert to its last record. The records may come in any order.
///
/// # Errors
/// The first link that is broken.
pub fn verify(alert: &Alert, records: &[AlertUpdate]) -> Result<Sound, Broken> {
    let mut linked: Vec<(&Link, &AlertUpdate)> =
        records.iter().filter_map(|record| record.link.as_ref().map(|link| (link, record))).collect();
    linked.sort_by_key(|(link, _)| link.number);
    let unlinked = records.len() - linked.len();
    let broken = |number: u64, fault: Fault| Err(Broken { number, fault });
    let (mut expected, mut previous) = (unlinked as u64 + 1, of_alert(alert).unwrap_or_default());
    if let Some((first, _)) = linked.first().filter(|(first, _)| first.number < expected) {
        // More are without a place than there were before the chain: one of them was written, or changed, later.
        let consecutive = (first.number..).zip(&linked).take_while(|(number, (link, _))| link.number == *number);
        return broken(first.number + consecutive.count() as u64, Fault::Unlinked);
    }
    for (link, record) in linked.iter() {
        if link.number > expected {
            return broken(expected, Fault::Missing);
        }
        if link.number < expected || link.previous != previous {
            return broken(link.number, if link.number == 1 { Fault::AlertAltered } else { Fault::Detached });
        }
        if hash(link.number, &link.previous, record).ok().as_ref() != Some(&link.hash) {
            return broken(expected, Fault::Altered);
        }
        (expected, previous) = (expected + 1, link.hash.clone());
    }
    Ok(Sound { linked: linked.len(), unlinked })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::cloudevent::tests::{alert, alert_update};
    use crate::{AlertChange, BBox, Object};

    /// An alert and three records about it, chained.
    fn story() -> (Alert, Vec<AlertUpdate>) {
        let mut alert = alert();
        alert.objects = vec![Object::new("person", 0, 0.9, BBox::from([1.5, 2.25, 3.1, 4.0]))];
        let mut records: Vec<AlertUpdate> = Vec::new();
        for (number, change) in (1..).zip([AlertChange::Reminded, AlertChange::Acknowledged, AlertChange::Resolved]) {
            let mut record = AlertUpdate { id: uuid::Uuid::from_u128(number), change, ..alert_update() };
            record.link = Some(link(&alert, &records, &record).unwrap());
            records.push(record);
        }
        (alert, records)
    }

    #[test]
    fn a_chain_is_sound_in_any_order_and_when_it_was_read_back() {
        let (alert, mut records) = story();
        records.reverse();
        let read: Alert = serde_json::from_str(&serde_json::to_string(&alert).unwrap()).unwrap();
        let texts: Vec<String> = records.iter().map(|record| serde_json::to_string(record).unwrap()).collect();
        let again: Vec<AlertUpdate> = texts.iter().map(|text| serde_json::from_str(text).unwrap()).collect();
        assert_eq!(verify(&read, &again), Ok(Sound { linked: 3, unlinked: 0 }));
        assert_eq!(verify(&alert, &[]), Ok(Sound { linked: 0, unlinked: 0 }));
    }

    #[test]
    fn the_first_broken_link_is_told() {
        let (alert, records) = story();
        let told = |change: &dyn Fn(&mut Alert, &mut Vec<AlertUpdate>)| {
            let (mut alert, mut records) = (alert.clone(), records.clone());
            change(&mut alert, &mut records);
            verify(&alert, &records).map_err(|broken| (broken.number, broken.fault))
        };
        assert_eq!(told(&|_, records| records[1].note = Some("nothing to see".into())), Err((2, Fault::Altered)));
        assert_eq!(told(&|_, records| drop(records.remove(1))), Err((2, Fault::Missing)));
        assert_eq!(told(&|_, records| drop(records.remove(0))), Err((1, Fault::Missing)));
        assert_eq!(told(&|alert, _| alert.message.push('!')), Err((1, Fault::AlertAltered)));
        assert_eq!(told(&|_, records| records[0].link = None), Err((2, Fault::Detached)));
        assert_eq!(told(&|_, records| records[1].link = None), Err((2, Fault::Unlinked)));
        // A record that is changed together with its own hash: the next does not follow on it.
        let forge = |alert: &mut Alert, records: &mut Vec<AlertUpdate>| {
            records[0].by = Some("mallory".into());
            records[0].link = Some(link(alert, &[], &records[0].clone()).unwrap());
        };
        assert_eq!(told(&forge), Err((2, Fault::Detached)));
        let twice = |_: &mut Alert, records: &mut Vec<AlertUpdate>| records.push(records[2].clone());
        assert_eq!(told(&twice), Err((3, Fault::Detached)));
    }

    #[test]
    fn records_from_before_there_were_chains_stand_before_the_first_link() {
        let alert = alert();
        let old = AlertUpdate { link: None, ..alert_update() };
        let mut new = AlertUpdate { id: uuid::Uuid::from_u128(9), ..alert_update() };
        new.link = Some(link(&alert, std::slice::from_ref(&old), &new).unwrap());
        assert_eq!(new.link.as_ref().map(|link| link.number), Some(2));
        assert_eq!(verify(&alert, &[old, new]), Ok(Sound { linked: 1, unlinked: 1 }));
    }

    #[test]
    fn anybody_can_compute_it_the_same_way() {
        let json = canonical(&serde_json::json!({ "b": [1, 0.5, null], "a": { "z": "ä\n", "é": true } })).unwrap();
        assert_eq!(json, r#"{"a":{"z":"ä\n","é":true},"b":[1,0.5,null]}"#);
        assert_eq!(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        let (alert, records) = story();
        let first = &records[0];
        let link = first.link.as_ref().unwrap();
        let bare = canonical(&AlertUpdate { link: None, ..first.clone() }).unwrap();
        assert_eq!(link.previous, sha256(&canonical(&alert).unwrap()));
        assert_eq!(link.hash, sha256(&format!("1\n{}\n{bare}", link.previous)));
    }
}
