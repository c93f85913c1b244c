//! Durable state: [`domain::ports::Store`] over an `SQLite` file, or a database of PostgreSQL.
//!
//! The tables are described in `migrations`, and in this crate's README for people who want to read
//! them by hand.

pub mod copy;
mod error;
mod migrations;
mod postgres;
mod queries;
mod sqlite;

pub use error::StoreError;
pub use migrations::{Move, Unfit, WATCHED};
pub use postgres::Postgres;
pub use sqlite::{Sqlite, lock_file};
