//! Bringing a file to the tables that this program knows.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior, params};

use super::open::{APPLICATION_ID, Connections};
use crate::{
    error::StoreError,
    migrations::{self, Migration, count, sha256},
};

/// Every migration, oldest first. None is ever changed or taken away.
const MIGRATIONS: &[Migration] = &[
    ("0001_init", include_str!("../../migrations/sqlite/0001_init.sql")),
    (
        "0002_conversions_and_approvals",
        include_str!("../../migrations/sqlite/0002_conversions_and_approvals.sql"),
    ),
    (
        "0003_batches_of_several",
        include_str!("../../migrations/sqlite/0003_batches_of_several.sql"),
    ),
    ("0004_coins", include_str!("../../migrations/sqlite/0004_coins.sql")),
    (
        "0005_transactions_by_name",
        include_str!("../../migrations/sqlite/0005_transactions_by_name.sql"),
    ),
    ("0006_leases", include_str!("../../migrations/sqlite/0006_leases.sql")),
    ("0007_what_has_ended", include_str!("../../migrations/sqlite/0007_what_has_ended.sql")),
    (
        "0008_postings_beside_payouts",
        include_str!("../../migrations/sqlite/0008_postings_beside_payouts.sql"),
    ),
    ("0009_claims_by_text", include_str!("../../migrations/sqlite/0009_claims_by_text.sql")),
];

const LIST: &str = "
    CREATE TABLE IF NOT EXISTS schema_migrations (
        number INTEGER PRIMARY KEY,
        name TEXT NOT NULL,
        sha256 TEXT NOT NULL
    ) STRICT;
";

/// Applies what is missing, in one transaction, and says how many that were.
pub(crate) fn migrate(connections: &Connections) -> Result<u32, StoreError> {
    let failed =
        |error| StoreError::Sqlite { file: connections.file.clone(), doing: "migrating", error };
    let mut writer = connections.writer();
    // A large table is sorted, which needs no memory for all of it.
    writer.pragma_update(None, "temp_store", "FILE").map_err(failed)?;
    let migrated = migrate_at_once(&connections.file, &mut writer);
    writer.pragma_update(None, "temp_store", "MEMORY").map_err(failed)?;
    migrated
}

fn migrate_at_once(file: &Path, writer: &mut Connection) -> Result<u32, StoreError> {
    let failed = |error| StoreError::Sqlite { file: file.to_owned(), doing: "migrating", error };
    let begun = writer.transaction_with_behavior(TransactionBehavior::Immediate);
    let transaction = begun.map_err(failed)?;
    let applied = applied(file, &transaction, MIGRATIONS)?;
    let missing = MIGRATIONS.get(applied..).unwrap_or_default();
    if missing.is_empty() {
        return Ok(0);
    }
    apply(&transaction, applied, missing).map_err(failed)?;
    transaction.commit().map_err(failed)?;
    Ok(count(missing.len()))
}

/// Finds out whether the database has exactly the migrations that this program knows.
pub(crate) fn check(connections: &Connections) -> Result<(), StoreError> {
    check_connection(&connections.file, &connections.reader())
}

/// The same of the database that a connection has.
pub(crate) fn check_connection(file: &Path, connection: &Connection) -> Result<(), StoreError> {
    let applied = applied(file, connection, MIGRATIONS)?;
    migrations::complete(applied, MIGRATIONS).map_err(|it| it.of(file.display().to_string()))
}

fn apply(connection: &Connection, applied: usize, missing: &[Migration]) -> rusqlite::Result<()> {
    connection.execute_batch(LIST)?;
    for (number, (name, text)) in (applied + 1..).zip(missing) {
        connection.execute_batch(text)?;
        connection.execute(
            "INSERT INTO schema_migrations (number, name, sha256) VALUES (?1, ?2, ?3)",
            params![count(number), name, sha256(text)],
        )?;
    }
    connection.pragma_update(None, "application_id", APPLICATION_ID)?;
    connection.pragma_update(None, "user_version", count(applied + missing.len()))
}

/// Counts the migrations that were applied, after comparing each with the text that is known.
fn applied(file: &Path, connection: &Connection, known: &[Migration]) -> Result<usize, StoreError> {
    let stored = stored(connection).map_err(|error| StoreError::Sqlite {
        file: file.to_owned(),
        doing: "reading the migrations of",
        error,
    })?;
    migrations::applied(&stored, known).map_err(|it| it.of(file.display().to_string()))
}

/// The names and hashes of the migrations that were applied, oldest first.
fn stored(connection: &Connection) -> rusqlite::Result<Vec<(String, String)>> {
    let sql = "SELECT count(*) FROM sqlite_schema WHERE name = 'schema_migrations'";
    let tables: i64 = connection.query_row(sql, [], |row| row.get(0))?;
    if tables == 0 {
        return Ok(vec![]);
    }
    let sql = "SELECT name, sha256 FROM schema_migrations ORDER BY number";
    let mut statement = connection.prepare(sql)?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect()
}
