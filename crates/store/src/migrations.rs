//! What migrations are, whatever database they are of.

use sha2::{Digest as _, Sha256};

use crate::error::StoreError;

/// One migration: its name and its statements. Its number is its place, counted from one.
pub(crate) type Migration = (&'static str, &'static str);

/// Counts the migrations that were applied, given their names and hashes, after comparing each with
/// the text that is known.
pub(crate) fn applied(
    database: &str,
    stored: &[(String, String)],
    known: &[Migration],
) -> Result<usize, StoreError> {
    let database = || database.to_owned();
    if stored.len() > known.len() {
        let (applied, known) = (count(stored.len()), count(known.len()));
        return Err(StoreError::Newer { database: database(), applied, known });
    }
    for ((name, text), (stored_name, stored_sha256)) in known.iter().zip(stored) {
        if name != stored_name || sha256(text) != *stored_sha256 {
            let migration = stored_name.clone();
            return Err(StoreError::Changed { database: database(), migration });
        }
    }
    Ok(stored.len())
}

/// The hash that a migration's text is known by.
pub(crate) fn sha256(text: &str) -> String {
    hex::encode(Sha256::digest(text))
}

/// How many.
pub(crate) fn count(length: usize) -> u32 {
    u32::try_from(length).expect("there are a handful of migrations")
}
