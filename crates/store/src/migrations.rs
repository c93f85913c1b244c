//! What migrations are, whatever database they are of.

use std::fmt;

use sha2::{Digest as _, Sha256};

use crate::error::StoreError;

/// One migration: its name and its statements. Its number is its place, counted from one.
pub(crate) type Migration = (&'static str, &'static str);

/// The name of the last row of a database that everything was moved from. Where to stands for the hash.
/// No program takes it for a migration of its own, so that older ones refuse the database as well.
pub(crate) const MOVED: &str = "moved";

/// Why the tables of a database cannot be used. The text says what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// Migrations are waiting.
    Outdated {
        /// How many were applied.
        applied: u32,
        /// How many this program knows.
        known: u32,
    },
    /// A newer program migrated the database.
    Newer {
        /// How many migrations were applied.
        applied: u32,
        /// How many this program knows.
        known: u32,
    },
    /// A migration was applied whose text is not the one this program has.
    Changed {
        /// The migration.
        migration: String,
    },
    /// Migrations are waiting, and a gateway is at work.
    InUse {
        /// The lease that moved.
        lease: String,
    },
    /// Everything was moved to another database.
    Moved {
        /// What the other one is called.
        to: String,
    },
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Outdated { applied: 0, .. } => f.write_str(
                "is empty; if it is the right one, migrate it: start the gateway, or `vyplata migrate`",
            ),
            Self::Outdated { applied, known } => write!(
                f,
                "has {applied} of {known} migrations; back it up, and migrate it: start the gateway, or \
                 `vyplata migrate`"
            ),
            Self::Newer { applied, known } => write!(
                f,
                "has {applied} migrations and this program knows {known}; run the newer program that \
                 migrated it"
            ),
            Self::Changed { migration } => write!(
                f,
                "was migrated by another text of {migration}; run the program that migrated it, or \
                 restore a backup"
            ),
            Self::InUse { lease } => write!(
                f,
                "must be migrated, and a gateway works on it (the lease {lease:?} is kept); stop all \
                 gateways on it, and start those of this version"
            ),
            Self::Moved { to } => write!(
                f,
                "was moved to {to} with everything in it: start the gateway with that one. If no gateway \
                 has ever been started with that, `vyplata migrate --reopen` lets this one be used again"
            ),
        }
    }
}

impl Unfit {
    /// Why the database of this name cannot be used.
    pub(crate) fn of(self, database: impl Into<String>) -> StoreError {
        StoreError::Unfit { database: database.into(), why: self }
    }
}

/// Counts the migrations that were applied, given their names and hashes, after comparing each with
/// the text that is known.
pub(crate) fn applied(stored: &[(String, String)], known: &[Migration]) -> Result<usize, Unfit> {
    if let Some((_, to)) = stored.last().filter(|(name, _)| name == MOVED) {
        return Err(Unfit::Moved { to: to.clone() });
    }
    if stored.len() > known.len() {
        return Err(Unfit::Newer { applied: count(stored.len()), known: count(known.len()) });
    }
    for ((name, text), (stored_name, stored_sha256)) in known.iter().zip(stored) {
        if name != stored_name || sha256(text) != *stored_sha256 {
            return Err(Unfit::Changed { migration: stored_name.clone() });
        }
    }
    Ok(stored.len())
}

/// Makes sure that all that are known were applied.
pub(crate) fn complete(applied: usize, known: &[Migration]) -> Result<(), Unfit> {
    let (applied, known) = (count(applied), count(known.len()));
    if applied == known { Ok(()) } else { Err(Unfit::Outdated { applied, known }) }
}

/// The hash that a migration's text is known by.
pub(crate) fn sha256(text: &str) -> String {
    hex::encode(Sha256::digest(text))
}

/// How many.
pub(crate) fn count(length: usize) -> u32 {
    u32::try_from(length).expect("there are a handful of migrations")
}
