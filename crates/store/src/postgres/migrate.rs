//! Bringing a database of PostgreSQL to the tables that this program knows.

use deadpool_postgres::Client;
use tokio_postgres::{Error, Transaction};

use super::Postgres;
use crate::{
    error::StoreError,
    migrations::{self, Migration, count, sha256},
};

/// Every migration, oldest first. None is ever changed or taken away.
const MIGRATIONS: &[Migration] =
    &[("0001_init", include_str!("../../migrations/postgres/0001_init.sql"))];

/// Whoever migrates holds this lock of the database; the number means nothing but us.
const LOCK: i64 = 0x7679_706c_6174_6100;

const LIST: &str = "
    CREATE TABLE IF NOT EXISTS schema_migrations (
        number bigint PRIMARY KEY,
        name text NOT NULL,
        sha256 text NOT NULL
    );
";

impl Postgres {
    /// Applies the migrations that are missing, in one transaction, and returns how many those were.
    ///
    /// # Errors
    /// Refuses a database that a newer program migrated, or with another text of a migration.
    pub async fn migrate(&self) -> Result<u32, StoreError> {
        let mut client = self.connect("migrating").await?;
        let failed = |error| self.failed("migrating", error);
        let transaction = client.transaction().await.map_err(failed)?;
        let lock = transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK]);
        lock.await.map_err(failed)?;
        let stored = stored(&transaction).await.map_err(failed)?;
        let applied = migrations::applied(self.name(), &stored, MIGRATIONS)?;
        let missing = MIGRATIONS.get(applied..).unwrap_or_default();
        apply(&transaction, applied, missing).await.map_err(failed)?;
        transaction.commit().await.map_err(failed)?;
        Ok(count(missing.len()))
    }

    /// Checks that the database has exactly the migrations of this program.
    ///
    /// # Errors
    /// Says whether the database or the program is behind.
    pub async fn check_schema(&self) -> Result<(), StoreError> {
        let mut client: Client = self.connect("reading the migrations of").await?;
        let failed = |error| self.failed("reading the migrations of", error);
        let transaction = client.transaction().await.map_err(failed)?;
        let stored = stored(&transaction).await.map_err(failed)?;
        let (applied, known) =
            (migrations::applied(self.name(), &stored, MIGRATIONS)?, MIGRATIONS.len());
        if applied == known {
            return Ok(());
        }
        let (applied, known) = (count(applied), count(known));
        Err(StoreError::Outdated { database: self.name().to_owned(), applied, known })
    }
}

async fn apply(
    transaction: &Transaction<'_>,
    applied: usize,
    missing: &[Migration],
) -> Result<(), Error> {
    if missing.is_empty() {
        return Ok(());
    }
    transaction.batch_execute(LIST).await?;
    for (number, (name, text)) in (applied + 1..).zip(missing) {
        transaction.batch_execute(text).await?;
        let sql = "INSERT INTO schema_migrations (number, name, sha256) VALUES ($1, $2, $3)";
        let number = i64::from(count(number));
        transaction.execute(sql, &[&number, name, &sha256(text)]).await?;
    }
    Ok(())
}

/// The names and hashes of the migrations that were applied, oldest first.
async fn stored(transaction: &Transaction<'_>) -> Result<Vec<(String, String)>, Error> {
    let sql = "SELECT to_regclass('schema_migrations') IS NOT NULL";
    if !transaction.query_one(sql, &[]).await?.get::<_, bool>(0) {
        return Ok(vec![]);
    }
    let sql = "SELECT name, sha256 FROM schema_migrations ORDER BY number";
    let rows = transaction.query(sql, &[]).await?;
    Ok(rows.iter().map(|it| (it.get(0), it.get(1))).collect())
}
