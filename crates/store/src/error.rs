//! What can go wrong: with a database file as a whole, and with one read or write.

use std::{fmt, path::PathBuf};

use domain::ports::{CommitError, Unreachable};
use rusqlite::{Error, ffi};
use tokio_postgres::error::SqlState;

use crate::migrations::Unfit;

/// Why a database file cannot be used. The text names the file and says what to do.
#[derive(Debug)]
pub enum StoreError {
    /// `SQLite` or the file system refused.
    Sqlite {
        /// The file.
        file: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// What `SQLite` said.
        error: Error,
    },
    /// PostgreSQL refused, or cannot be reached.
    Postgres {
        /// The database: host and name.
        database: String,
        /// What was being done.
        doing: &'static str,
        /// What it said.
        error: String,
    },
    /// The server of a database shows a certificate that nobody here trusts.
    NotTrusted {
        /// The database: host and name.
        database: String,
        /// What is wrong with it.
        error: String,
    },
    /// The address of a database makes no sense.
    Url {
        /// What is wrong with it.
        error: String,
    },
    /// The file could not be created.
    Create {
        /// The file.
        file: PathBuf,
        /// What the file system said.
        error: std::io::Error,
    },
    /// The operating system gives no thread to write with.
    NoThread {
        /// The file.
        file: PathBuf,
        /// What it said.
        error: std::io::Error,
    },
    /// Another gateway serves from the file.
    Served {
        /// The file.
        file: PathBuf,
    },
    /// The database is one of another program.
    Foreign {
        /// The database.
        database: String,
    },
    /// The file system cannot keep a write-ahead log.
    NoWriteAheadLog {
        /// The file.
        file: PathBuf,
        /// The journal mode that `SQLite` uses instead.
        mode: String,
    },
    /// The tables of the database are not those of this program.
    Unfit {
        /// The database.
        database: String,
        /// Why not.
        why: Unfit,
    },
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite { file, doing, error } => write!(
                f,
                "{doing} failed for the database {}: {error}; check that the file and its folder \
                 are writable, the disk is not full, and the file is a database",
                file.display()
            ),
            Self::Postgres { database, doing, error } => write!(
                f,
                "{doing} failed for the database {database}: {error}; check that the server runs, \
                 that it can be reached from here, and that the user may do that"
            ),
            Self::NotTrusted { database, error } => write!(
                f,
                "the server of the database {database} cannot be trusted: {error}; let this machine \
                 trust the authority that signed its certificate, and call the host what the \
                 certificate calls it"
            ),
            Self::Url { error } => write!(
                f,
                "the address of the database makes no sense: {error}; write \
                 postgres://user:password@host:5432/name, or sqlite:path/of/the/file"
            ),
            Self::Create { file, error } => write!(
                f,
                "the database {} cannot be created: {error}; create its folder and make it \
                 writable",
                file.display()
            ),
            Self::NoThread { file, error } => write!(
                f,
                "there is no thread to write the database {} with: {error}; allow the user of the \
                 gateway more of them",
                file.display()
            ),
            Self::Served { file } => write!(
                f,
                "another gateway serves from the database {}; stop it first, or give both one \
                 database of PostgreSQL",
                file.display()
            ),
            Self::Foreign { database } => {
                write!(f, "the database {database} is of another program; name another one")
            }
            Self::NoWriteAheadLog { file, mode } => write!(
                f,
                "the database {} cannot use a write-ahead log (it uses `{mode}`); move it to a \
                 local disk",
                file.display()
            ),
            Self::Unfit { database, why } => write!(f, "the database {database} {why}"),
        }
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Sqlite { error, .. } => Some(error),
            Self::Create { error, .. } | Self::NoThread { error, .. } => Some(error),
            Self::Postgres { .. }
            | Self::NotTrusted { .. }
            | Self::Url { .. }
            | Self::Served { .. }
            | Self::Foreign { .. }
            | Self::NoWriteAheadLog { .. }
            | Self::Unfit { .. } => None,
        }
    }
}

/// Why one read or write did not happen.
#[derive(Debug)]
pub(crate) enum Fault {
    /// `SQLite` said no.
    Sqlite(Error),
    /// PostgreSQL said no, or the way to it broke.
    Postgres(tokio_postgres::Error),
    /// There is no connection to PostgreSQL to be had.
    Pool(deadpool_postgres::PoolError),
    /// PostgreSQL did not answer in time.
    Silent,
    /// A stored value is not one that this program writes.
    Damaged {
        /// The table.
        table: &'static str,
        /// The row's first column.
        row: String,
        /// The column.
        column: &'static str,
    },
    /// A row that must be there is not.
    Missing {
        /// The table.
        table: &'static str,
        /// The row.
        row: String,
    },
    /// The change set would rewrite what must stay as it is, or write what cannot be read.
    Forbidden {
        /// The table.
        table: &'static str,
        /// The row.
        row: String,
    },
    /// A version or a name is not free.
    Conflict,
    /// An account would fall below zero, or a balance would not fit.
    Overdrawn,
    /// The code failed an assertion.
    Bug,
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<tokio_postgres::Error> for Fault {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Postgres(error)
    }
}

impl From<deadpool_postgres::PoolError> for Fault {
    fn from(error: deadpool_postgres::PoolError) -> Self {
        Self::Pool(error)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(error) => write!(f, "{error}"),
            Self::Postgres(error) => write_chain(f, error),
            Self::Pool(error) => write_chain(f, error),
            Self::Silent => f.write_str("it did not answer in time"),
            Self::Damaged { table, row, column } => {
                write!(f, "{table}.{column} of {row:?} holds a value that is never written")
            }
            Self::Missing { table, row } => write!(f, "{table} has no row {row:?}"),
            Self::Forbidden { table, row } => {
                write!(f, "a change breaks what always holds for {table} {row:?}")
            }
            Self::Conflict => f.write_str("somebody else was first"),
            Self::Overdrawn => f.write_str("an account would be overdrawn"),
            Self::Bug => f.write_str("this is a bug; report it with the message before this one"),
        }
    }
}

/// Writes an error and what caused it: what PostgreSQL says is a cause of what its client says.
fn write_chain(f: &mut fmt::Formatter<'_>, error: &dyn std::error::Error) -> fmt::Result {
    write!(f, "{error}")?;
    let mut cause = error.source();
    while let Some(error) = cause {
        write!(f, ": {error}")?;
        cause = error.source();
    }
    Ok(())
}

impl Fault {
    /// Whether the transactions of others got in the way, so that trying again is all it needs.
    pub(crate) fn is_crossed(&self) -> bool {
        let crossed = [SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED];
        matches!(self, Self::Postgres(error) if error.code().is_some_and(|it| crossed.contains(it)))
    }

    /// Whether the database cannot be reached, so that there is no use in asking for less.
    pub(crate) fn is_lost(&self) -> bool {
        match self {
            Self::Pool(_) | Self::Silent => true,
            Self::Postgres(error) => error.is_closed() || error.code().is_none(),
            Self::Sqlite(_)
            | Self::Damaged { .. }
            | Self::Missing { .. }
            | Self::Forbidden { .. }
            | Self::Conflict
            | Self::Overdrawn
            | Self::Bug => false,
        }
    }

    /// What a writer is told. Everything but a plain refusal goes to the log.
    pub(crate) fn refusal(&self) -> CommitError {
        match self {
            Self::Conflict => CommitError::Conflict,
            Self::Overdrawn => CommitError::Overdrawn,
            Self::Sqlite(error) if is_taken(error) => CommitError::Conflict,
            Self::Postgres(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION) => {
                CommitError::Conflict
            }
            Self::Postgres(_) if self.is_crossed() => CommitError::Conflict,
            Self::Sqlite(_)
            | Self::Postgres(_)
            | Self::Pool(_)
            | Self::Silent
            | Self::Damaged { .. }
            | Self::Missing { .. }
            | Self::Forbidden { .. }
            | Self::Bug => {
                tracing::error!(error = %self, "the store cannot write");
                CommitError::Unreachable
            }
        }
    }

    /// What a reader is told; the rest goes to the log.
    pub(crate) fn unreachable(&self) -> Unreachable {
        tracing::error!(error = %self, "the store cannot read");
        Unreachable
    }
}

/// Whether a row that must be the only one of its name is there already.
fn is_taken(error: &Error) -> bool {
    let code = error.sqlite_error().map(|it| it.extended_code);
    code == Some(ffi::SQLITE_CONSTRAINT_UNIQUE) || code == Some(ffi::SQLITE_CONSTRAINT_PRIMARYKEY)
}
