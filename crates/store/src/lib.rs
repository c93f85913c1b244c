//! Durable state: [`domain::ports::Store`] over an `SQLite` file.
//!
//! The tables are described in `migrations/sqlite`, and in this crate's README for people who
//! want to read them by hand.

mod error;
mod queries;
mod sqlite;

pub use error::StoreError;
pub use sqlite::Sqlite;
