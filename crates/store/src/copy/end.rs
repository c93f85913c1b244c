//! The two sides of a copy: how each is reached, kept from changing, and written to.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use deadpool_postgres::Client;
use rusqlite::{Connection, TransactionBehavior};
use tokio_postgres::IsolationLevel;

use super::{
    error::{CopyError, failed},
    row::{Held, Row},
    table::{COPIED, Copied},
};
use crate::{
    error::Fault,
    postgres::{Asked, Postgres},
    queries::{
        session::Session as _,
        shape,
        value::{Cell, Record, Value},
    },
    sqlite::{self, Sqlite, Transaction},
};

/// One side of a copy.
pub enum End {
    /// A file.
    Sqlite(PathBuf),
    /// A database of PostgreSQL.
    Postgres(Postgres),
}

/// A long transaction is what this is, and each page of a new table is to be found by its key, although
/// the server knows nothing of the table yet.
const POSTGRES_SETTINGS: &str = "
    SET LOCAL statement_timeout = 0;
    SET LOCAL idle_in_transaction_session_timeout = 0;
    SET LOCAL enable_seqscan = off;
    SET LOCAL enable_bitmapscan = off;
    SET LOCAL enable_sort = off;
";

impl End {
    /// What it is called in messages.
    pub fn name(&self) -> String {
        match self {
            Self::Sqlite(file) => file.display().to_string(),
            Self::Postgres(store) => store.name().to_owned(),
        }
    }

    /// Whether it is the same file. The same database of a server is noticed by what it holds.
    pub(super) fn is(&self, other: &Self) -> bool {
        let (Self::Sqlite(one), Self::Sqlite(other)) = (self, other) else { return false };
        let real = |it: &Path| fs::canonicalize(it).ok();
        one == other || real(one).is_some_and(|it| real(other) == Some(it))
    }

    /// Makes its tables if they are not there.
    pub(super) async fn make(&self) -> Result<(), CopyError> {
        match self {
            Self::Sqlite(file) => drop(Sqlite::open_and_migrate(file)?),
            Self::Postgres(store) => drop(store.migrate().await?),
        }
        Ok(())
    }

    /// Connects to it, and makes sure that its tables are those of this program.
    pub(super) async fn connect(&self) -> Result<Connected, CopyError> {
        let way = match self {
            Self::Sqlite(file) => {
                if !file.exists() {
                    return Err(CopyError::NoFile { file: file.clone() });
                }
                Way::Sqlite(sqlite::connect_checked(file)?)
            }
            Self::Postgres(store) => {
                store.check_schema().await?;
                Way::Postgres(store.connect("copying").await?)
            }
        };
        Ok(Connected { name: self.name(), way })
    }
}

/// A connection to one side.
pub(super) struct Connected {
    name: String,
    way: Way,
}

enum Way {
    Sqlite(Connection),
    Postgres(Client),
}

impl Connected {
    /// Refuses if somebody gives signs of life while it is watched.
    pub(super) async fn must_be_idle(&mut self, watched: Duration) -> Result<(), CopyError> {
        let before = self.leases().await?;
        if before.is_empty() {
            return Ok(());
        }
        tokio::time::sleep(watched).await;
        let after = self.leases().await?;
        // One that stands still is one of a gateway that was killed.
        match after.into_iter().find(|it| !before.contains(it)) {
            None => Ok(()),
            Some((lease, _)) => Err(CopyError::InUse { database: self.name.clone(), lease }),
        }
    }

    /// The names and versions of the leases.
    async fn leases(&mut self) -> Result<Vec<(String, String)>, CopyError> {
        let name = self.name.clone();
        let begun = match &mut self.way {
            Way::Sqlite(connection) => {
                connection.transaction().map(Open::Sqlite).map_err(Fault::from)
            }
            Way::Postgres(client) => {
                client.transaction().await.map(Open::Postgres).map_err(Fault::from)
            }
        };
        let open = begun.map_err(|it| failed(&name, "reading leases", it))?;
        let text = |row: &dyn Record, column| match row.cell(column) {
            Some(Cell::Text(text)) => text.into_owned(),
            other => format!("{other:?}"),
        };
        let turn = |row: &dyn Record| Ok((text(row, "name"), text(row, "version")));
        Begun { name, open }
            .list("reading leases", "SELECT name, version FROM leases", &[], turn)
            .await
    }

    /// Begins to read it as of one moment, after which nobody writes to it until that has ended.
    pub(super) async fn begin_source(&mut self) -> Result<Begun<'_>, CopyError> {
        self.begin(true).await
    }

    /// Begins to write to it. Nobody else does until that has ended.
    pub(super) async fn begin_target(&mut self) -> Result<Begun<'_>, CopyError> {
        self.begin(false).await
    }

    async fn begin(&mut self, read_only: bool) -> Result<Begun<'_>, CopyError> {
        let name = self.name.clone();
        let open = match &mut self.way {
            Way::Sqlite(connection) => connection
                .transaction_with_behavior(TransactionBehavior::Immediate)
                .map(Open::Sqlite)
                .map_err(Fault::from),
            Way::Postgres(client) => begin_postgres(client, read_only).await,
        };
        let doing = "keeping others from writing (are all gateways stopped?)";
        let open = open.map_err(|it| failed(&name, doing, it))?;
        Ok(Begun { name, open })
    }
}

/// The tables are locked before the moment that is seen.
async fn begin_postgres(client: &mut Client, read_only: bool) -> Result<Open<'_>, Fault> {
    let mut builder = client.build_transaction().read_only(read_only);
    if read_only {
        builder = builder.isolation_level(IsolationLevel::RepeatableRead);
    }
    let transaction = builder.start().await?;
    let tables: Vec<&str> = [shape::LEASES.name].into_iter().chain(names()).collect();
    let lock = format!("LOCK TABLE {} IN EXCLUSIVE MODE", tables.join(", "));
    transaction.batch_execute(POSTGRES_SETTINGS).await?;
    transaction.batch_execute(&lock).await?;
    Ok(Open::Postgres(transaction))
}

fn names() -> impl Iterator<Item = &'static str> {
    COPIED.iter().map(Copied::name)
}

/// One side within its transaction.
pub(super) struct Begun<'a> {
    name: String,
    open: Open<'a>,
}

enum Open<'a> {
    Sqlite(rusqlite::Transaction<'a>),
    Postgres(deadpool_postgres::Transaction<'a>),
}

impl Begun<'_> {
    async fn list<T>(
        &self,
        doing: &str,
        sql: &str,
        values: &[Value<'_>],
        turn: impl Fn(&dyn Record) -> Result<T, Fault>,
    ) -> Result<Vec<T>, CopyError> {
        let listed = match &self.open {
            Open::Sqlite(it) => Transaction(it).list(sql, values, turn).await,
            Open::Postgres(it) => Asked(it).list(sql, values, turn).await,
        };
        listed.map_err(|it| failed(&self.name, doing, it))
    }

    /// Refuses if there is anything in it.
    pub(super) async fn must_be_empty(&self) -> Result<(), CopyError> {
        for table in names().chain([shape::LEASES.name]) {
            let sql = format!("SELECT 1 FROM {table} LIMIT 1");
            if !self.list("reading", &sql, &[], |_| Ok(())).await?.is_empty() {
                return Err(CopyError::NotEmpty { database: self.name.clone(), table });
            }
        }
        Ok(())
    }

    /// Some rows of a table in the order of their keys: the first ones of a part of it, or those after
    /// another.
    pub(super) async fn page(
        &self,
        table: &'static Copied,
        part: Option<&str>,
        after: Option<&Row>,
    ) -> Result<Vec<Row>, CopyError> {
        let sql = table.page(part, after.is_some());
        let key = after.map_or(&[][..], |it| it.key(table));
        let values: Vec<Value<'_>> = key.iter().map(Held::value).collect();
        let doing = format!("reading {}", table.name());
        self.list(&doing, &sql, &values, |it| Row::read(table, it)).await
    }

    /// Inserts rows of a table.
    pub(super) async fn insert(
        &self,
        table: &'static Copied,
        rows: &[Row],
    ) -> Result<(), CopyError> {
        let writes = rows.iter().map(|it| table.insert.with(it.values())).collect();
        let written = match &self.open {
            Open::Sqlite(it) => Transaction(it).write(writes).await,
            Open::Postgres(it) => Asked(it).write(writes).await,
        };
        written.map_err(|it| failed(&self.name, format!("writing {}", table.name()), it))
    }

    /// Commits what was written.
    pub(super) async fn commit(self) -> Result<(), CopyError> {
        let database = self.name;
        let uncertain = |fault: Fault| {
            let error = fault.to_string();
            CopyError::Uncertain { database: database.clone(), error }
        };
        match self.open {
            Open::Sqlite(transaction) => transaction.commit().map_err(|it| uncertain(it.into())),
            Open::Postgres(transaction) => {
                go_on_counting(&transaction)
                    .await
                    .map_err(|it| failed(&database, "numbering what comes next", it))?;
                transaction.commit().await.map_err(|it| uncertain(it.into()))
            }
        }
    }
}

/// Lets numbers that the database gives go on after those that were copied. A file does that by itself.
async fn go_on_counting(transaction: &deadpool_postgres::Transaction<'_>) -> Result<(), Fault> {
    for table in COPIED.iter().filter(|it| it.shape.is_numbered) {
        let (name, key) = (table.name(), table.shape.key.join(", "));
        let sql = format!(
            "SELECT setval(pg_get_serial_sequence('{name}', '{key}'), last) \
             FROM (SELECT max({key}) AS last FROM {name}) AS rows WHERE last IS NOT NULL"
        );
        transaction.batch_execute(&sql).await?;
    }
    Ok(())
}
