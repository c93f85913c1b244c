//! Bringing a database of PostgreSQL to the tables that this program knows.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_postgres::{Error, Transaction};

use super::Postgres;
use crate::{
    error::StoreError,
    migrations::{self, Migration, Unfit, WATCHED, count, sha256},
};

/// Every migration, oldest first. None is ever changed or taken away.
const MIGRATIONS: &[Migration] = &[
    ("0001_init", include_str!("../../migrations/postgres/0001_init.sql")),
    ("0002_what_has_ended", include_str!("../../migrations/postgres/0002_what_has_ended.sql")),
    (
        "0003_postings_beside_payouts",
        include_str!("../../migrations/postgres/0003_postings_beside_payouts.sql"),
    ),
    ("0004_claims_by_text", include_str!("../../migrations/postgres/0004_claims_by_text.sql")),
];

/// Whoever migrates holds this lock of the database; the number means nothing but us.
const LOCK: i64 = 0x7679_706c_6174_6100;

/// How often is looked whether leases move.
const LOOK: Duration = Duration::from_secs(1);

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
    /// Refuses a database that a newer program migrated, or with another text of a migration, or on
    /// which a gateway is at work.
    pub async fn migrate(&self) -> Result<u32, StoreError> {
        let mut client = self.connect("migrating").await?;
        let failed = |error| self.failed("migrating", error);
        let transaction = client.transaction().await.map_err(failed)?;
        // A large table takes its time, and whoever comes second waits for the first.
        let patience = "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0";
        transaction.batch_execute(patience).await.map_err(failed)?;
        let lock = transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK]);
        lock.await.map_err(failed)?;
        let applied = self.applied("migrating", &transaction).await?;
        let missing = MIGRATIONS.get(applied..).unwrap_or_default();
        if applied > 0 && !missing.is_empty() {
            self.must_be_idle(&transaction).await?;
        }
        apply(&transaction, applied, missing).await.map_err(failed)?;
        transaction.commit().await.map_err(failed)?;
        Ok(count(missing.len()))
    }

    /// Checks that the database has exactly the migrations of this program.
    ///
    /// # Errors
    /// Says whether the database or the program is behind.
    pub async fn check_schema(&self) -> Result<(), StoreError> {
        let doing = "reading the migrations";
        let mut client = self.connect(doing).await?;
        let transaction = client.transaction().await.map_err(|it| self.failed(doing, it))?;
        let applied = self.applied(doing, &transaction).await?;
        migrations::complete(applied, MIGRATIONS).map_err(|it| it.of(self.name()))
    }

    /// Refuses if somebody gives signs of life while it is watched.
    async fn must_be_idle(&self, transaction: &Transaction<'_>) -> Result<(), StoreError> {
        let failed = |error| self.failed("reading leases", error);
        let before = leases(transaction).await.map_err(failed)?;
        if before.is_empty() {
            return Ok(());
        }
        tracing::info!("watching {} for signs of life of other gateways", self.name());
        let begun = Instant::now();
        // One that stands still for so long is one of a gateway that is gone.
        while begun.elapsed() < WATCHED {
            sleep(LOOK).await;
            let now = leases(transaction).await.map_err(failed)?;
            if let Some((lease, _)) = now.into_iter().find(|it| !before.contains(it)) {
                return Err(Unfit::InUse { lease }.of(self.name()));
            }
        }
        Ok(())
    }

    /// How many migrations were applied, all of them known.
    async fn applied(
        &self,
        doing: &'static str,
        transaction: &Transaction<'_>,
    ) -> Result<usize, StoreError> {
        let database = self.name();
        match stored(transaction).await.map_err(|it| self.failed(doing, it))? {
            Stored::None => Ok(0),
            Stored::Foreign => Err(StoreError::Foreign { database: database.to_owned() }),
            Stored::Some(stored) => {
                migrations::applied(&stored, MIGRATIONS).map_err(|it| it.of(database))
            }
        }
    }
}

/// The list of migrations that a database has.
enum Stored {
    /// It has none.
    None,
    /// It has one of another program.
    Foreign,
    /// The names and hashes of the migrations that were applied, oldest first.
    Some(Vec<(String, String)>),
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

/// The names and versions of the leases.
async fn leases(transaction: &Transaction<'_>) -> Result<Vec<(String, i64)>, Error> {
    let sql = "SELECT name, version FROM leases";
    let rows = transaction.query(sql, &[]).await?;
    Ok(rows.iter().map(|it| (it.get(0), it.get(1))).collect())
}

async fn stored(transaction: &Transaction<'_>) -> Result<Stored, Error> {
    let sql = "SELECT count(*) FILTER (WHERE attname IN ('number', 'name', 'sha256')), count(*) \
               FROM pg_attribute WHERE attrelid = to_regclass('schema_migrations')";
    let columns = transaction.query_one(sql, &[]).await?;
    match columns.get(0) {
        3_i64 => {}
        _ if columns.get::<_, i64>(1) == 0 => return Ok(Stored::None),
        _ => return Ok(Stored::Foreign),
    }
    let sql = "SELECT name, sha256 FROM schema_migrations ORDER BY number";
    let rows = transaction.query(sql, &[]).await?;
    Ok(Stored::Some(rows.iter().map(|it| (it.get(0), it.get(1))).collect()))
}
