//! Opening connections: every setting that durability and concurrency rest on.

use std::{
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
    sync::{
        Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, config::DbConfig};

use super::{
    disk::{Disk, Mark},
    migrate,
};
use crate::error::{Fault, StoreError};

/// Marks the file as ours, in the header of the database: `VYPL`.
pub(crate) const APPLICATION_ID: i32 = 0x5659_504c;

/// How long a connection waits for another process to end its transaction.
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// How many connections read beside the writer.
const READER_COUNT: usize = 4;

/// How many statements a connection keeps prepared.
const STATEMENTS_MAX: usize = 128;

/// A commit is on the disk when it returns. The write-ahead log is moved into the database every
/// 4000 pages (16 MB), and its file is cut back to 64 MB after a burst. `cache_size` is in KiB
/// when negative.
const SETTINGS: &str = "
    PRAGMA synchronous = FULL;
    PRAGMA foreign_keys = ON;
    PRAGMA recursive_triggers = ON;
    PRAGMA trusted_schema = OFF;
    PRAGMA temp_store = MEMORY;
    PRAGMA wal_autocheckpoint = 4000;
    PRAGMA journal_size_limit = 67108864;
    PRAGMA cache_size = -32768;
";

/// The connections of one database.
pub(crate) struct Connections {
    /// The file, for messages; `:memory:` if there is none.
    pub(crate) file: PathBuf,
    writer: Mutex<Connection>,
    readers: Vec<Mutex<Connection>>,
    next: AtomicUsize,
    /// Who waits for the disk, unless each commit does.
    pub(crate) disk: OnceLock<Disk>,
    /// Nobody else serves from the file while this is held.
    lock: OnceLock<File>,
}

impl Connections {
    /// Opens a file, and makes it if there is none. Never touches a database of another program.
    pub(crate) fn to_file(path: &Path, busy_timeout: Duration) -> Result<Self, StoreError> {
        create_private(path)?;
        let failed =
            |doing| move |error| StoreError::Sqlite { file: path.to_owned(), doing, error };
        let writer = connect(path, busy_timeout).map_err(failed("opening"))?;
        if !is_ours(&writer).map_err(failed("reading"))? {
            return Err(StoreError::Foreign { database: path.display().to_string() });
        }
        let mode: String = writer
            .query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))
            .map_err(failed("switching to a write-ahead log"))?;
        if mode != "wal" {
            return Err(StoreError::NoWriteAheadLog { file: path.to_owned(), mode });
        }
        let mut readers = vec![];
        for _ in 0..READER_COUNT {
            let reader = connect(path, busy_timeout).map_err(failed("opening"))?;
            reader.pragma_update(None, "query_only", true).map_err(failed("opening"))?;
            readers.push(Mutex::new(reader));
        }
        Ok(Self::of(path.to_owned(), writer, readers))
    }

    /// Opens a database that vanishes with its only connection.
    pub(crate) fn to_memory() -> Result<Self, StoreError> {
        let file = PathBuf::from(":memory:");
        let opened =
            Connection::open_in_memory().and_then(|it| settle(&it, BUSY_TIMEOUT).map(|()| it));
        let writer = opened.map_err(|error| {
            let file = file.clone();
            StoreError::Sqlite { file, doing: "opening", error }
        })?;
        Ok(Self::of(file, writer, vec![]))
    }

    fn of(file: PathBuf, writer: Connection, readers: Vec<Mutex<Connection>>) -> Self {
        Self {
            file,
            writer: Mutex::new(writer),
            readers,
            next: AtomicUsize::new(0),
            disk: OnceLock::new(),
            lock: OnceLock::new(),
        }
    }

    /// Copies the database as of one moment into a file that must not exist or be empty.
    pub(crate) fn backup(&self, to: &Path) -> Result<(), StoreError> {
        create_private(to)?;
        let text = to.to_str().ok_or_else(|| {
            let error = std::io::Error::other("its path is not Unicode");
            StoreError::Create { file: to.to_owned(), error }
        })?;
        let copy = |source: &Connection| source.execute("VACUUM INTO ?1", [text]);
        let copied = if self.readers.is_empty() {
            copy(&self.writer())
        } else {
            connect(&self.file, BUSY_TIMEOUT).and_then(|it| copy(&it))
        };
        copied.map(|_| ()).map_err(|error| StoreError::Sqlite {
            file: to.to_owned(),
            doing: "backing up",
            error,
        })
    }

    /// Waits for the connection that writes.
    pub(crate) fn writer(&self) -> MutexGuard<'_, Connection> {
        lock(&self.writer)
    }

    /// From now on, the connection that writes does not wait for the disk; a thread does, and whoever
    /// wants to know asks [`Self::disk`]. A database in memory has nothing to wait for. All that was
    /// committed before this must have waited.
    ///
    /// All that is in the log is written to the database before: if the disk failed under the last
    /// process, what is read from the log may be what the operating system remembers, and nothing else.
    pub(crate) fn wait_beside(&self) -> Result<(), StoreError> {
        if self.readers.is_empty() {
            return Ok(());
        }
        let file = || self.file.clone();
        let failed = |error| StoreError::Sqlite { file: file(), doing: "opening", error };
        let writer = self.writer();
        move_log(&writer).map_err(failed)?;
        let disk = Disk::of(&self.file);
        let disk = disk.map_err(|error| StoreError::Create { file: file(), error })?;
        writer.pragma_update(None, "synchronous", "NORMAL").map_err(failed)?;
        // Whoever asks a second time has what the first time made.
        let _ = self.disk.set(disk);
        Ok(())
    }

    /// Keeps others from serving from the file until this is gone.
    ///
    /// # Errors
    /// If somebody does.
    pub(crate) fn lock(&self) -> Result<(), StoreError> {
        let lock = lock_file(&self.file)?;
        // Whoever asks a second time was refused.
        let _ = self.lock.set(lock);
        Ok(())
    }

    /// Commits what the connection that writes has; says what the disk must have before anybody is
    /// told of it, unless it has it.
    pub(crate) fn commit(
        &self,
        transaction: rusqlite::Transaction<'_>,
    ) -> Result<Option<Mark>, Fault> {
        let writing = self.disk.get().map(Disk::begins).transpose()?;
        transaction.commit()?;
        Ok(writing.map(|it| it.mark))
    }

    /// What the disk must have before anybody is told what was read until now.
    pub(crate) fn seen(&self) -> Option<Mark> {
        self.disk.get().map(Disk::seen)
    }

    /// Returns when the disk has that.
    ///
    /// # Errors
    /// If the disk failed: what it has is unknown.
    pub(crate) async fn keeps(&self, mark: Option<Mark>) -> Result<(), Fault> {
        match self.disk.get().zip(mark) {
            Some((disk, mark)) => disk.keeps(mark).await,
            None => Ok(()),
        }
    }

    /// The same for a thread that has nothing else to do meanwhile.
    ///
    /// # Errors
    /// If the disk failed: what it has is unknown.
    pub(crate) fn keep(&self, mark: Option<Mark>) -> Result<(), Fault> {
        self.disk.get().zip(mark).map_or(Ok(()), |(disk, mark)| disk.keep(mark))
    }

    /// Waits for a connection to read with: any that is free, or else the next in turn.
    pub(crate) fn reader(&self) -> MutexGuard<'_, Connection> {
        if self.readers.is_empty() {
            return self.writer();
        }
        if let Some(free) = self.readers.iter().find_map(|it| it.try_lock().ok()) {
            return free;
        }
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % self.readers.len();
        lock(&self.readers[turn])
    }
}

/// A panic while a connection was held has rolled its transaction back when it was dropped, so the
/// connection is as good as before.
fn lock(connection: &Mutex<Connection>) -> MutexGuard<'_, Connection> {
    connection.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Keeps gateways from serving from a file until what this returns is dropped.
///
/// # Errors
/// If one does, or the lock cannot be made.
pub fn lock_file(database: &Path) -> Result<File, StoreError> {
    // One file has one lock, whatever leads to it.
    let failed = |error| StoreError::Create { file: database.to_owned(), error };
    let mut path = fs::canonicalize(database).map_err(failed)?.into_os_string();
    path.push(".lock");
    let path = Path::new(&path);
    create_private(path)?;
    let file = File::options().write(true).open(path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Served { file: database.to_owned() }),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// Writes all of the log to the database, and cuts it off.
fn move_log(connection: &Connection) -> rusqlite::Result<()> {
    let sql = "PRAGMA wal_checkpoint(TRUNCATE)";
    let is_busy: bool = connection.query_row(sql, [], |row| row.get(0))?;
    if is_busy {
        tracing::warn!(
            "somebody else reads the database, so its log was not moved into it. If a disk has \
             failed, end them and start again"
        );
    }
    Ok(())
}

/// Opens one connection to a file that exists. The path is never taken for a URI.
pub(crate) fn connect(path: &Path, busy_timeout: Duration) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    settle(&connection, busy_timeout)?;
    Ok(connection)
}

/// Makes sure that a file that exists has the tables of this program. Nothing is changed.
pub(crate) fn check_file(path: &Path) -> Result<(), StoreError> {
    migrate::check_connection(path, &connect_to(path)?)
}

/// Opens one connection to a file of this program that exists. Nothing is changed.
pub(crate) fn connect_to(path: &Path) -> Result<Connection, StoreError> {
    let failed = |doing| move |error| StoreError::Sqlite { file: path.to_owned(), doing, error };
    let connection = connect(path, BUSY_TIMEOUT).map_err(failed("opening"))?;
    if !is_ours(&connection).map_err(failed("reading"))? {
        return Err(StoreError::Foreign { database: path.display().to_string() });
    }
    Ok(connection)
}

fn settle(connection: &Connection, busy_timeout: Duration) -> rusqlite::Result<()> {
    connection.busy_timeout(busy_timeout)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    // Without the guarantee, many statements are planned anew for each value they are given.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.execute_batch(SETTINGS)
}

/// Whether the database is empty or carries our mark.
fn is_ours(connection: &Connection) -> rusqlite::Result<bool> {
    let mark: i32 = connection.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    let sql = "SELECT count(*) FROM sqlite_schema";
    let objects: i64 = connection.query_row(sql, [], |row| row.get(0))?;
    Ok(mark == APPLICATION_ID || (mark == 0 && objects == 0))
}

/// Makes an empty file that only its owner can read, if there is none.
pub(crate) fn create_private(path: &Path) -> Result<(), StoreError> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(StoreError::Create { file: path.to_owned(), error }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_connection_has_the_settings() {
        let folder = tempfile::tempdir().unwrap();
        let connections =
            Connections::to_file(&folder.path().join("gateway.db"), BUSY_TIMEOUT).unwrap();
        // SQLite ignores a setting whose name is misspelt.
        for connection in [connections.writer(), connections.reader()] {
            let value = |name: &str| -> String {
                let sql = format!("SELECT CAST({name} AS TEXT) FROM pragma_{name}");
                connection.query_row(&sql, [], |row| row.get(0)).unwrap()
            };
            let number = |name: &str| -> i64 {
                connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get(0)).unwrap()
            };
            assert_eq!(value("journal_mode"), "wal");
            assert_eq!(number("synchronous"), 2);
            assert_eq!(number("foreign_keys"), 1);
            assert_eq!(number("recursive_triggers"), 1);
            assert_eq!(number("trusted_schema"), 0);
            assert_eq!(number("temp_store"), 2);
            assert_eq!(number("wal_autocheckpoint"), 4_000);
            assert_eq!(number("journal_size_limit"), 67_108_864);
            assert_eq!(number("cache_size"), -32_768);
            assert_eq!(number("busy_timeout"), 5_000);
        }
        assert!(connections.reader().execute_batch("CREATE TABLE x (y)").is_err());
    }
}
