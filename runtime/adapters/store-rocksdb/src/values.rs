//! Values: a version, then JSON for what people may want to look at, or big-endian numbers for the store's own books.
//! JSON rather than a compact form: it is read with any tool when a store must be mended, fields can be added without a
//! new version, and LZ4 and Zstandard take most of its size back.

use parapet_contracts::{hex, ports::store::StoreError};
use serde::{Serialize, de::DeserializeOwned};

use crate::db::{Db, Family};

/// The version of all values below.
const VERSION: u8 = 1;

/// A thing as a value.
pub fn to_json<T: Serialize>(db: &Db, thing: &T) -> Result<Vec<u8>, StoreError> {
    // Most things fit without growing.
    let mut bytes = Vec::with_capacity(1024);
    bytes.push(VERSION);
    serde_json::to_writer(&mut bytes, thing).map_err(|e| db.io(&format!("a value has no JSON: {e}")))?;
    Ok(bytes)
}

/// The thing in a value.
pub fn from_json<T: DeserializeOwned>(db: &Db, family: Family, key: &[u8], value: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(body(db, family, key, value)?)
        .map_err(|e| db.damaged(&format!("the value of {family:?} {} is unreadable: {e}", hex(key))))
}

/// A text of an actor's own form as a value.
pub fn to_text(text: &str) -> Vec<u8> {
    [&[VERSION], text.as_bytes()].concat()
}

/// The text in a value.
pub fn from_text(db: &Db, family: Family, key: &[u8], value: &[u8]) -> Result<String, StoreError> {
    String::from_utf8(body(db, family, key, value)?.to_vec())
        .map_err(|e| db.damaged(&format!("the value of {family:?} {} is no text: {e}", hex(key))))
}

/// Numbers as a value.
pub fn to_numbers(numbers: &[u64]) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    for number in numbers {
        bytes.extend(number.to_be_bytes());
    }
    bytes
}

/// The numbers in a value.
pub fn from_numbers<const N: usize>(db: &Db, family: Family, key: &[u8], value: &[u8]) -> Result<[u64; N], StoreError> {
    let (chunks, rest) = body(db, family, key, value)?.as_chunks::<8>();
    if chunks.len() != N || !rest.is_empty() {
        return Err(db.damaged(&format!("the value of {family:?} {} has a wrong length", hex(key))));
    }
    let mut numbers = [0; N];
    for (number, chunk) in numbers.iter_mut().zip(chunks) {
        *number = u64::from_be_bytes(*chunk);
    }
    Ok(numbers)
}

fn body<'a>(db: &Db, family: Family, key: &[u8], value: &'a [u8]) -> Result<&'a [u8], StoreError> {
    match value.split_first() {
        Some((&VERSION, body)) => Ok(body),
        Some((version, _)) if *version > VERSION => Err(db.newer(&format!("a value of version {version}"))),
        _ => Err(db.damaged(&format!("the value of {family:?} {} has no version", hex(key)))),
    }
}
