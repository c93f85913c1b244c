//! Where payouts are kept while they are measured: the one place that reads a store's URL.

use std::{
    fs,
    io::{Read as _, Seek as _, SeekFrom},
    path::Path,
    sync::Arc,
};

use anyhow::{Context as _, anyhow, bail};
use domain::ports::Store;

use crate::{
    config::{Database, DatabaseUrl},
    wiring,
};

/// What the URL of a file begins with.
const SQLITE: &str = "sqlite:";
/// Where the transaction counter stands in the index of a write-ahead log, in bytes
/// (<https://www.sqlite.org/walformat.html>, "The WAL-Index Header": `iChange`).
const CHANGES_AT: u64 = 8;

/// The URL of a database file.
pub(crate) fn of_file(path: &Path) -> String {
    format!("{SQLITE}{}", path.display())
}

/// Opens a store and brings its tables up to date.
///
/// # Errors
/// If nobody knows the URL, or the store cannot be opened.
pub(crate) async fn open(url: &str) -> anyhow::Result<Arc<dyn Store>> {
    let url = read(url)?;
    if let Database::File(file) = url.place()
        && let Some(folder) = file.parent()
    {
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the directory {}", folder.display()))?;
    }
    wiring::open_database(url.place(), wiring::Use::Gateway).await
}

/// Checks that a URL is one that can be opened, before anything is started.
///
/// # Errors
/// If it is not.
pub(crate) fn check(url: &str) -> anyhow::Result<()> {
    read(url).map(|_| ())
}

/// Checks that gateways can share a store, before any is started.
///
/// # Errors
/// If they cannot.
pub(crate) fn check_shared(url: Option<&str>) -> anyhow::Result<()> {
    let url = url.map(read).transpose()?;
    match url.as_ref().map(DatabaseUrl::place) {
        Some(Database::Postgres(_)) => Ok(()),
        Some(Database::File(_)) | None => bail!(
            "several gateways (--nodes) share a database, which SQLite does not offer: say \
             --store postgres://…"
        ),
    }
}

/// How many transactions an open store has written since it was opened, if it tells. Only differences
/// mean something, and they wrap around.
///
/// A process that has the store open itself must not ask: when any descriptor of a file is closed, all
/// POSIX locks go that its process has on the file, `SQLite`'s among them
/// (<https://www.sqlite.org/howtocorrupt.html>, "POSIX advisory locks canceled by a separate thread doing
/// `close()`").
pub(crate) fn transactions(url: &str) -> Option<u32> {
    let url = read(url).ok()?;
    let Database::File(file) = url.place() else { return None };
    let mut index = file.into_os_string();
    index.push("-shm");
    let mut index = fs::File::open(index).ok()?;
    index.seek(SeekFrom::Start(CHANGES_AT)).ok()?;
    let mut bytes = [0; 4];
    index.read_exact(&mut bytes).ok()?;
    Some(u32::from_ne_bytes(bytes))
}

/// How large a store is on the disk, in bytes, if it tells.
pub(crate) fn bytes(url: &str) -> Option<u64> {
    let url = read(url).ok()?;
    let Database::File(file) = url.place() else { return None };
    let length = |end: &str| {
        let mut name = file.clone().into_os_string();
        name.push(end);
        fs::metadata(name).map_or(0, |it| it.len())
    };
    Some(length("") + length("-wal"))
}

fn read(url: &str) -> anyhow::Result<DatabaseUrl> {
    DatabaseUrl::try_from(url.to_owned()).map_err(|why| anyhow!("the store URL: {why}"))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use domain::ports::ChangeSet;
    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn transactions_are_counted() {
        let folder = tempfile::tempdir().unwrap();
        let [url, copy] = ["counted.db", "copy.db"].map(|it| of_file(&folder.path().join(it)));
        let store = open(&url).await.unwrap();
        // Another process reads the index of what is open here.
        let counted = || {
            let mut command = Command::new("cp");
            command.args(["counted.db-shm", "copy.db-shm"]).current_dir(folder.path());
            assert!(command.status().unwrap().success());
            transactions(&copy).unwrap()
        };
        let before = counted();
        for name in ["a", "b", "c"] {
            let merchant = crate::cli::new_merchant(name, None);
            let change = ChangeSet { merchants: vec![merchant], ..ChangeSet::default() };
            store.commit(change).await.unwrap();
        }
        assert!(store.merchants().now_or_never().unwrap().unwrap().len() == 3);
        assert_eq!(counted().wrapping_sub(before), 3);
    }

    #[test]
    fn only_postgresql_is_shared() {
        assert!(check_shared(Some("postgres://localhost/bench")).is_ok());
        for url in [None, Some("sqlite:bench.db"), Some("mysql://localhost/x")] {
            assert!(check_shared(url).unwrap_err().to_string().contains("postgres://"), "{url:?}");
        }
    }

    #[test]
    fn other_urls_are_refused() {
        for url in ["", "vyplata.db", "sqlite:", "mysql://localhost/x"] {
            assert!(check(url).unwrap_err().to_string().contains("sqlite:"), "{url}");
        }
    }
}
