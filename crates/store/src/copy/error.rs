//! Why a copy was not made.

use std::{fmt, path::PathBuf};

use crate::error::{Fault, StoreError};

/// Why a copy was not made. The text says which side it is about, and what to do.
#[derive(Debug)]
pub enum CopyError {
    /// A database cannot be used at all.
    Store(StoreError),
    /// There is nothing to copy from.
    NoFile {
        /// The file that is not there.
        file: PathBuf,
    },
    /// Both sides are the same.
    Same {
        /// The database.
        database: String,
    },
    /// A gateway is at work on the database to copy from.
    InUse {
        /// The database.
        database: String,
        /// The lease that moved.
        lease: String,
    },
    /// Everything was moved to it before.
    Done {
        /// The database that it was moved from.
        database: String,
        /// The database that has it.
        to: String,
    },
    /// Nothing was moved from the database that is to be used again.
    NotMoved {
        /// The database.
        database: String,
    },
    /// The database to copy to holds something.
    NotEmpty {
        /// The database.
        database: String,
        /// The table that has rows.
        table: &'static str,
    },
    /// One side refused, or broke off.
    Failed {
        /// The database.
        database: String,
        /// What was being done.
        doing: String,
        /// What it said.
        error: String,
    },
    /// The commit was not answered.
    Uncertain {
        /// The database.
        database: String,
        /// What is known of why.
        error: String,
    },
    /// What was read back differs.
    Differ {
        /// The table.
        table: &'static str,
        /// The first key at which it does.
        key: String,
    },
    /// The ledger does not add up.
    Ledger {
        /// What does not.
        what: String,
    },
}

impl fmt::Display for CopyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(error) => write!(f, "{error}"),
            Self::NoFile { file } => write!(
                f,
                "there is no database {}; name the file that the gateway used",
                file.display()
            ),
            Self::Same { database } => {
                write!(f, "both sides are the database {database}; name another one to copy to")
            }
            Self::InUse { database, lease } => write!(
                f,
                "a gateway works on the database {database} (the lease {lease:?} is kept); stop all \
                 gateways on it, and do not start them again before its copy is in use"
            ),
            Self::Done { database, to } => write!(
                f,
                "everything in the database {database} was moved to {to} before, and that is not empty: \
                 start the gateways with that one"
            ),
            Self::NotMoved { database } => {
                write!(f, "nothing was moved from the database {database}: it can be used as it is")
            }
            Self::NotEmpty { database, table } => write!(
                f,
                "the database {database} is not empty ({table} has rows), so nothing can be copied \
                 to it; name an empty one"
            ),
            Self::Failed { database, doing, error } => write!(
                f,
                "{doing} failed for the database {database}: {error}; put that right \
                 and run the command again"
            ),
            Self::Uncertain { database, error } => write!(
                f,
                "the database {database} did not confirm the copy: {error}; either all of it is \
                 there or nothing: run the command again, which says which. No gateway starts with the \
                 old one any more"
            ),
            Self::Differ { table, key } => write!(
                f,
                "what was copied differs from what was there, first in {table} at {key}; nothing was \
                 copied: look at that row on both sides, at triggers or rules that are not this \
                 program's, and report it if there are none"
            ),
            Self::Ledger { what } => write!(
                f,
                "the ledger does not add up: {what}; nothing was copied: find out why before you pay \
                 on, `vyplata reconcile` helps"
            ),
        }
    }
}

impl CopyError {
    /// The same, if everything was moved from `source` to that before.
    pub(super) fn or_done(self, source: &str) -> Self {
        if let Self::NotEmpty { database, .. } = self {
            return Self::Done { database: source.to_owned(), to: database };
        }
        self
    }
}

impl std::error::Error for CopyError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Store(error) => error.source(),
            Self::NoFile { .. }
            | Self::Same { .. }
            | Self::InUse { .. }
            | Self::Done { .. }
            | Self::NotMoved { .. }
            | Self::NotEmpty { .. }
            | Self::Failed { .. }
            | Self::Uncertain { .. }
            | Self::Differ { .. }
            | Self::Ledger { .. } => None,
        }
    }
}

impl From<StoreError> for CopyError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// One side refused.
pub(super) fn failed(
    database: &str,
    doing: impl Into<String>,
    fault: impl Into<Fault>,
) -> CopyError {
    let error = fault.into().to_string();
    CopyError::Failed { database: database.to_owned(), doing: doing.into(), error }
}
