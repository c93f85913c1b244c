//! The two sides of a copy: how each is reached, kept from changing, and written to.

use std::{
    fs,
    path::{self, Path, PathBuf},
    time::Duration,
};

use deadpool_postgres::Client;
use rusqlite::{Connection, TransactionBehavior};
use tokio_postgres::IsolationLevel;

use super::{
    error::{CopyError, failed},
    moved,
    row::{Held, Row},
    table::{COPIED, Copied},
};
use crate::{
    error::{Fault, StoreError},
    migrations::{MOVED, Unfit},
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

    /// What it is called, whoever asks and from where: the path of a file, or a schema of a database.
    pub(super) async fn place(&self) -> Result<String, CopyError> {
        match self {
            Self::Sqlite(file) => {
                let path = path::absolute(file).unwrap_or_else(|_| file.clone());
                Ok(path.display().to_string())
            }
            Self::Postgres(store) => {
                let client = store.connect("copying").await?;
                let asked = client.query_one("SELECT current_schema()", &[]).await;
                let row = asked.map_err(|it| failed(store.name(), "reading its schema", it))?;
                let schema: Option<&str> = row.get(0);
                Ok(format!("{} (schema {})", store.name(), schema.unwrap_or("unknown")))
            }
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
        match self {
            Self::Sqlite(file) if !file.exists() => {
                return Err(CopyError::NoFile { file: file.clone() });
            }
            Self::Sqlite(file) => sqlite::check_file(file)?,
            Self::Postgres(store) => store.check_schema().await?,
        }
        self.reach().await
    }

    /// The same, also if everything was moved to `to` before: whether that has it is not known.
    pub(super) async fn connect_to_copy(&self, to: &str) -> Result<Connected, CopyError> {
        match self.connect().await {
            Err(CopyError::Store(StoreError::Unfit {
                why: Unfit::Moved { to: there }, ..
            })) if there == to => self.reach().await,
            connected => connected,
        }
    }

    /// Connects to it, which was checked.
    pub(super) async fn reach(&self) -> Result<Connected, CopyError> {
        let way = match self {
            Self::Sqlite(file) => Way::Sqlite(sqlite::connect_to(file)?),
            Self::Postgres(store) => Way::Postgres(store.connect("copying").await?),
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
        self.begin(IsolationLevel::RepeatableRead).await
    }

    /// Begins to write to it. Nobody else does until that has ended.
    pub(super) async fn begin_target(&mut self) -> Result<Begun<'_>, CopyError> {
        self.begin(IsolationLevel::ReadCommitted).await
    }

    async fn begin(&mut self, level: IsolationLevel) -> Result<Begun<'_>, CopyError> {
        let name = self.name.clone();
        let open = match &mut self.way {
            Way::Sqlite(connection) => connection
                .transaction_with_behavior(TransactionBehavior::Immediate)
                .map(Open::Sqlite)
                .map_err(Fault::from),
            Way::Postgres(client) => begin_postgres(client, level).await,
        };
        let doing = "keeping others from writing (are all gateways stopped?)";
        let open = open.map_err(|it| failed(&name, doing, it))?;
        Ok(Begun { name, open })
    }
}

/// The tables are locked before the moment that is seen.
async fn begin_postgres(client: &mut Client, level: IsolationLevel) -> Result<Open<'_>, Fault> {
    let transaction = client.build_transaction().isolation_level(level).start().await?;
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
        let database = self.name.clone();
        let uncertain = |fault: Fault| CopyError::Uncertain { database, error: fault.to_string() };
        self.end().await.map_err(uncertain)
    }

    async fn end(self) -> Result<(), Fault> {
        match self.open {
            Open::Sqlite(transaction) => Ok(transaction.commit()?),
            Open::Postgres(transaction) => Ok(transaction.commit().await?),
        }
    }

    /// Lets numbers that the database gives go on after those that were copied. A file does that by
    /// itself.
    pub(super) async fn go_on_counting(&self) -> Result<(), CopyError> {
        let Open::Postgres(_) = &self.open else { return Ok(()) };
        for table in COPIED.iter().filter(|it| it.shape.is_numbered) {
            let (name, key) = (table.name(), table.shape.key.join(", "));
            let sql = format!(
                "SELECT setval(pg_get_serial_sequence('{name}', '{key}'), last) \
                 FROM (SELECT max({key}) AS last FROM {name}) AS rows WHERE last IS NOT NULL"
            );
            self.execute("numbering what comes next", &sql).await?;
        }
        Ok(())
    }

    /// Closes it for ever, since everything was moved to `to`: nobody writes to it or starts with it.
    pub(super) async fn close(self, to: &str) -> Result<(), CopyError> {
        let doing = "closing what was moved";
        let marks = "SELECT number FROM schema_migrations WHERE name = ?1";
        let marks = self.list(doing, marks, &[MOVED.into()], |_| Ok(())).await?;
        if !marks.is_empty() {
            return Ok(());
        }
        let close = match &self.open {
            Open::Sqlite(_) => moved::close_sqlite(),
            Open::Postgres(_) => moved::close_postgres(),
        };
        self.execute(doing, &close).await?;
        let mark = "INSERT INTO schema_migrations (number, name, sha256) \
                    SELECT max(number) + 1, ?1, ?2 FROM schema_migrations RETURNING number";
        self.list(doing, mark, &[MOVED.into(), to.into()], |_| Ok(())).await?;
        let database = self.name.clone();
        self.end().await.map_err(|it| failed(&database, doing, it))
    }

    /// Takes that back.
    pub(super) async fn reopen(self) -> Result<(), CopyError> {
        let doing = "opening what was moved";
        let open = match &self.open {
            Open::Sqlite(_) => moved::open_sqlite(),
            Open::Postgres(_) => moved::open_postgres(),
        };
        let unmark = format!("DELETE FROM schema_migrations WHERE name = '{MOVED}';");
        self.execute(doing, &(open + &unmark)).await?;
        let database = self.name.clone();
        self.end().await.map_err(|it| failed(&database, doing, it))
    }

    async fn execute(&self, doing: &str, statements: &str) -> Result<(), CopyError> {
        let done = match &self.open {
            Open::Sqlite(it) => it.execute_batch(statements).map_err(Fault::from),
            Open::Postgres(it) => it.batch_execute(statements).await.map_err(Fault::from),
        };
        done.map_err(|it| failed(&self.name, doing, it))
    }
}
