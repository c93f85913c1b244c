//! The two sides of a copy: how each is reached, kept from changing, and written to.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use deadpool_postgres::Client;
use rusqlite::{Connection, TransactionBehavior};
use tokio::time::{Instant, sleep};
use tokio_postgres::IsolationLevel;

use super::{
    error::{CopyError, failed},
    moved::text,
    row::{Held, Row},
    table::{COPIED, Copied},
};
use crate::{
    error::{Fault, StoreError},
    migrations::{Move, Unfit},
    postgres::{Asked, Postgres},
    queries::{
        session::Session as _,
        shape,
        value::{Record, Value},
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

/// How often is looked whether leases move.
const LOOK: Duration = Duration::from_secs(1);

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
                let folder = file.parent().filter(|it| !it.as_os_str().is_empty());
                let folder = fs::canonicalize(folder.unwrap_or(Path::new(".")));
                let new = || Some(folder.ok()?.join(file.file_name()?));
                let path = fs::canonicalize(file).ok().or_else(new);
                Ok(path.unwrap_or_else(|| file.clone()).display().to_string())
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

    /// Makes its tables if they are not there, and makes sure that they are those of this program.
    async fn make(&self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(file) => drop(Sqlite::open_and_migrate(file)?),
            Self::Postgres(store) => drop(store.migrate().await?),
        }
        Ok(())
    }

    async fn check(&self) -> Result<(), CopyError> {
        match self {
            Self::Sqlite(file) if !file.exists() => {
                return Err(CopyError::NoFile { file: file.clone() });
            }
            Self::Sqlite(file) => sqlite::check_file(file)?,
            Self::Postgres(store) => store.check_schema().await?,
        }
        Ok(())
    }

    /// Connects to what is copied from, and makes sure that its tables are those of this program. Says
    /// whether everything was moved from it before.
    pub(super) async fn connect_source(&self) -> Result<(Connected, Option<Move>), CopyError> {
        let moved = match self.check().await {
            Ok(()) => None,
            Err(CopyError::Store(StoreError::Unfit { why: Unfit::Moved(it), .. })) => Some(it),
            Err(error) => return Err(error),
        };
        Ok((self.reach().await?, moved))
    }

    /// Connects to what is copied to, which nobody can use until it has everything. If that was begun
    /// before, and the source was closed, it must be that one.
    pub(super) async fn connect_target(
        &self,
        from: &str,
        moved: Option<&Move>,
        source: &str,
    ) -> Result<(Connected, Move), CopyError> {
        let closed = |moved: &Move| Unfit::Moved(moved.clone()).of(source).into();
        let made = if moved.is_none() {
            self.make().await.map_err(Into::into)
        } else {
            self.check().await
        };
        match (made, moved) {
            (
                Ok(()) | Err(CopyError::Store(StoreError::Unfit { why: Unfit::Awaited(_), .. })),
                _,
            ) => {}
            // What it was moved to is not there: nothing is made in its place.
            (Err(_), Some(moved)) => return Err(closed(moved)),
            (Err(error), None) => return Err(error),
        }
        let mut connected = self.reach().await?;
        let begun = connected.begin_target().await?;
        // Somebody else may have been here meanwhile.
        let awaited = match (begun.mark().await?, moved) {
            (Some(Unfit::Awaited(it)), _)
                if it.place == from && moved.is_none_or(|moved| moved.id == it.id) =>
            {
                it
            }
            (Some(unfit), _) => return Err(unfit.of(self.name()).into()),
            (None, None) => {
                begun.must_be_empty().await?;
                let awaited = begun.wait_for(from).await?;
                begun.end("preparing it").await?;
                return Ok((connected, awaited));
            }
            (None, Some(moved)) => {
                let empty = begun.must_be_empty().await;
                return Err(empty.map_or_else(|it| it.or_done(source), |()| closed(moved)));
            }
        };
        drop(begun);
        Ok((connected, awaited))
    }

    /// Connects to what was to be copied to, and makes it if it is not there.
    pub(super) async fn connect_whatever_it_waits_for(&self) -> Result<Connected, CopyError> {
        match self.make().await {
            Ok(()) | Err(StoreError::Unfit { why: Unfit::Awaited(_), .. }) => self.reach().await,
            Err(error) => Err(error.into()),
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

/// The names and versions of leases.
pub(super) type Leases = Vec<(String, String)>;

/// Refuses if one of the leases is not as it was.
fn still(database: &str, before: &Leases, now: Leases) -> Result<(), CopyError> {
    match now.into_iter().find(|it| !before.contains(it)) {
        None => Ok(()),
        Some((lease, _)) => Err(CopyError::InUse { database: database.to_owned(), lease }),
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
    /// Refuses if somebody gives signs of life while it is watched. Says which leases there are.
    pub(super) async fn must_be_idle(&mut self, watched: Duration) -> Result<Leases, CopyError> {
        let before = self.leases().await?;
        if before.is_empty() {
            return Ok(before);
        }
        let begun = Instant::now();
        // One that stands still for so long is one of a gateway that is gone.
        while begun.elapsed() < watched {
            sleep(LOOK.min(watched)).await;
            let now = self.leases().await?;
            still(&self.name, &before, now)?;
        }
        Ok(before)
    }

    async fn leases(&mut self) -> Result<Leases, CopyError> {
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
        Begun { name, open }.leases().await
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
    pub(super) name: String,
    pub(super) open: Open<'a>,
}

pub(super) enum Open<'a> {
    Sqlite(rusqlite::Transaction<'a>),
    Postgres(deadpool_postgres::Transaction<'a>),
}

impl Begun<'_> {
    pub(super) async fn list<T>(
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

    async fn leases(&self) -> Result<Leases, CopyError> {
        let turn = |row: &dyn Record| Ok((text(row, "name"), text(row, "version")));
        self.list("reading leases", "SELECT name, version FROM leases", &[], turn).await
    }

    /// Refuses if somebody has given a sign of life since those leases were seen.
    pub(super) async fn must_be_idle_since(&self, seen: &Leases) -> Result<(), CopyError> {
        still(&self.name, seen, self.leases().await?)
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
        self.finish().await.map_err(uncertain)
    }

    /// The same, for what is known to be written or not.
    pub(super) async fn end(self, doing: &str) -> Result<(), CopyError> {
        let database = self.name.clone();
        self.finish().await.map_err(|it| failed(&database, doing, it))
    }

    async fn finish(self) -> Result<(), Fault> {
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

    pub(super) async fn execute(&self, doing: &str, statements: &str) -> Result<(), CopyError> {
        let done = match &self.open {
            Open::Sqlite(it) => it.execute_batch(statements).map_err(Fault::from),
            Open::Postgres(it) => it.batch_execute(statements).await.map_err(Fault::from),
        };
        done.map_err(|it| failed(&self.name, doing, it))
    }
}
