//! What migrations are, whatever database they are of.

use std::{fmt, time::Duration};

use domain::lease::PATIENCE_MS;
use sha2::{Digest as _, Sha256};

use crate::error::StoreError;

/// One migration: its name and its statements. Its number is its place, counted from one.
pub(crate) type Migration = (&'static str, &'static str);

/// The name of the last row of a database that everything was moved from. What stands for the hash is a
/// [`Move`]. No program takes it for a migration of its own, so that older ones refuse the database as
/// well.
pub(crate) const MOVED: &str = "moved";

/// The name of the last row of a database until it has what is copied to it; the same goes for it.
pub(crate) const AWAITED: &str = "awaited";

/// For how long leases are watched to find out whether a gateway is at work: longer than one waits for
/// another that was killed, and then for its turn.
pub const WATCHED: Duration = Duration::from_millis(PATIENCE_MS + 4_000);

/// A move from one database to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// What no other move is called.
    pub id: String,
    /// The database on the other side.
    pub place: String,
}

impl Move {
    fn read(text: &str) -> Self {
        let (id, place) = text.split_once(' ').unwrap_or(("", text));
        Self { id: id.to_owned(), place: place.to_owned() }
    }

    /// What stands for the hash.
    pub(crate) fn text(&self) -> String {
        format!("{} {}", self.id, self.place)
    }
}

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
    Moved(Move),
    /// What is copied to it from another database is not there yet.
    Awaited(Move),
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
            Self::Moved(Move { place, .. }) => write!(
                f,
                "was moved to {place} with everything in it: start the gateway with that one. If that waits \
                 for it, run `vyplata migrate --from … --to …` once more, as before; or, while that is \
                 empty, `vyplata migrate --reopen … --to …` lets this one be used again"
            ),
            Self::Awaited(Move { place, .. }) => write!(
                f,
                "waits for what was to be copied from {place}, which did not come to its end: run \
                 `vyplata migrate --from … --to …` once more, as before"
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
    let mark =
        stored.split_last().and_then(|(last, before)| Some((mark(&last.0, &last.1)?, before)));
    let migrations = mark.as_ref().map_or(stored, |(_, before)| before);
    for ((name, text), (stored_name, stored_sha256)) in known.iter().zip(migrations) {
        if name != stored_name || sha256(text) != *stored_sha256 {
            return Err(Unfit::Changed { migration: stored_name.clone() });
        }
    }
    match mark {
        Some((unfit, _)) => Err(unfit),
        None if stored.len() > known.len() => {
            Err(Unfit::Newer { applied: count(stored.len()), known: count(known.len()) })
        }
        None => Ok(stored.len()),
    }
}

/// What a row among the migrations says if it is none.
pub(crate) fn mark(name: &str, text: &str) -> Option<Unfit> {
    match name {
        MOVED => Some(Unfit::Moved(Move::read(text))),
        AWAITED => Some(Unfit::Awaited(Move::read(text))),
        _ => None,
    }
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
