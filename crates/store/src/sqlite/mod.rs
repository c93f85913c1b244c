//! [`Store`] over an `SQLite` file.
//!
//! Commits are written by a thread of the store's own, several in one transaction if several wait.
//! Every other method does its work inside the first poll of the future it returns, and blocks the
//! thread while it does: on another connection of this process, for at most five seconds on another
//! process, and on the disk, unless that is [waited for beside](Sqlite::open_to_serve). Callers with
//! something else to do run it on a thread of its own.

mod disk;
mod migrate;
mod open;
mod session;
mod writer;

use std::{
    collections::{BTreeMap, BTreeSet},
    future::ready,
    path::Path,
    sync::Arc,
    time::Duration,
};

use domain::{
    BoxFuture, Timestamp,
    batch::{Attempt, Batch},
    event::EventKind,
    ids::{AssetId, BatchId, DeliveryId, KeyId, LaneId, MerchantId, PayoutId, TxId},
    lane::Lane,
    lease::Lease,
    ledger::{LedgerAccount, Posting},
    merchant::{ApiKey, Merchant},
    money::Amount,
    payout::Payout,
    ports::{
        AcceptNeeds, Balance, BatchView, ChangeSet, CommitError, Commitment, Decide, DeliveryView,
        DueDelivery, DuePlace, LaneView, PageQuery, PayoutKey, PayoutView, Store, Unreachable,
    },
};
use rusqlite::TransactionBehavior;

use crate::{
    error::{Fault, StoreError},
    migrations::Unfit,
    queries::{read, report, store::store, write, written::Written},
};
use disk::{Disk, Mark};
pub use open::lock_file;
use open::{BUSY_TIMEOUT, Connections};
pub(crate) use open::{check_file, connect_to};
pub(crate) use session::Transaction;
use session::at_once;
use writer::Writer;

/// Durable state in one `SQLite` file. Several processes may have it open at once.
pub struct Sqlite {
    connections: Arc<Connections>,
    writer: Writer,
    written: Written,
}

impl Sqlite {
    /// Opens a file, and makes it if there is none, without touching what is in it. Use
    /// [`Self::migrate`] or [`Self::check_schema`] before anything else.
    ///
    /// # Errors
    /// Says which file it is about and what to do.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Self::open_waiting(path, BUSY_TIMEOUT)
    }

    /// Opens a file and migrates it.
    ///
    /// # Errors
    /// Says which file it is about and what to do.
    pub fn open_and_migrate(path: &Path) -> Result<Self, StoreError> {
        let store = Self::open(path)?;
        store.migrate()?;
        Ok(store)
    }

    /// Opens a file as it is, and makes its tables if it has none: to bring an older one up to date,
    /// whoever serves from it has to agree.
    ///
    /// # Errors
    /// Says which file it is about and what to do; also if it needs migrating.
    pub fn open_or_make(path: &Path) -> Result<Self, StoreError> {
        let store = Self::open(path)?;
        match store.check_schema() {
            Err(StoreError::Unfit { why: Unfit::Outdated { applied: 0, .. }, .. }) => {
                store.migrate().map(|_| store)
            }
            checked => checked.map(|()| store),
        }
    }

    /// Opens a file for a gateway that serves from it, the only one, and migrates it.
    ///
    /// From then on, the disk is waited for beside the connection that commits: while it takes what was
    /// decided, the next are decided. Nobody is told anything before the disk has it, either way.
    ///
    /// # Errors
    /// Says which file it is about and what to do; also if another process serves from it.
    pub fn open_to_serve(path: &Path) -> Result<Self, StoreError> {
        let store = Self::open(path)?;
        store.connections.lock()?;
        store.migrate()?;
        store.connections.wait_beside()?;
        Ok(store)
    }

    /// Makes a migrated database that is gone when it is dropped.
    ///
    /// # Errors
    /// If there is no memory for it.
    pub fn open_in_memory() -> Result<Self, StoreError> {
        let store = Self::over(Connections::to_memory()?)?;
        store.migrate()?;
        Ok(store)
    }

    fn open_waiting(path: &Path, busy_timeout: Duration) -> Result<Self, StoreError> {
        Self::over(Connections::to_file(path, busy_timeout)?)
    }

    fn over(connections: Connections) -> Result<Self, StoreError> {
        let connections = Arc::new(connections);
        let writer = Writer::start(Arc::clone(&connections))
            .map_err(|error| StoreError::NoThread { file: connections.file.clone(), error })?;
        Ok(Self { connections, writer, written: Written::default() })
    }

    /// Applies the migrations that are missing and returns how many those were.
    ///
    /// # Errors
    /// Refuses a file that a newer program migrated, or with another text of a migration.
    pub fn migrate(&self) -> Result<u32, StoreError> {
        migrate::migrate(&self.connections)
    }

    /// Checks that the file has exactly the migrations of this program.
    ///
    /// # Errors
    /// Says whether the file or the program is behind.
    pub fn check_schema(&self) -> Result<(), StoreError> {
        migrate::check(&self.connections)
    }

    fn check(&self) -> impl Future<Output = Result<(), StoreError>> + Send {
        ready(self.check_schema())
    }

    /// Writes a copy of everything committed so far to a file that must not exist or be empty.
    /// Others go on reading and writing meanwhile.
    ///
    /// # Errors
    /// If the copy could not be written; what is there of it is then no backup.
    pub fn backup_to(&self, path: &Path) -> Result<(), StoreError> {
        self.connections.backup(path)
    }

    /// Decides inside one transaction that nobody else can write beside, and writes that.
    async fn write_accept(
        &self,
        needs: &AcceptNeeds,
        decide: &mut Decide<'_>,
    ) -> Result<(), CommitError> {
        let accepted = match self.accept_at_once(needs, decide) {
            Ok(written) => self.connections.keeps(written).await,
            Err(fault) => Err(fault),
        };
        accepted.map_err(|fault| fault.refusal())
    }

    fn accept_at_once(
        &self,
        needs: &AcceptNeeds,
        decide: &mut Decide<'_>,
    ) -> Result<Option<Mark>, Fault> {
        let mut writer = self.connections.writer();
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let session = Transaction(&transaction);
        let view = at_once(read::accept_view(&session, needs))?;
        at_once(write::change_set(&session, &decide(view)))?;
        self.connections.commit(transaction)
    }

    async fn write_commit(&self, change: ChangeSet) -> Result<(), CommitError> {
        self.writer.commit(change).await
    }

    /// Moving the log into the database, which waits twice for many commits, is not counted.
    fn waits(&self) -> Option<u64> {
        self.connections.disk.get().map(Disk::waits)
    }
}

/// Asks as of one moment, and answers when the disk has all that this moment may have come from.
macro_rules! asking {
    ($store:ident, $session:ident => $work:expr) => {{
        let attempt = || {
            let reader = $store.connections.reader();
            // Ends without a trace when it is dropped: there is nothing to commit.
            let transaction = reader.unchecked_transaction()?;
            let $session = &Transaction(&transaction);
            at_once($work)
        };
        let answer = match attempt() {
            Ok(answer) => {
                let seen = $store.connections.seen();
                $store.connections.keeps(seen).await.map(|()| answer)
            }
            Err(fault) => Err(fault),
        };
        answer.map_err(|fault: Fault| fault.unreachable())
    }};
}

store!(Sqlite, asking);

#[cfg(test)]
mod tests {
    use std::{
        fs,
        sync::atomic::{AtomicU64, Ordering},
    };

    use domain::payout::Status;
    use futures_util::FutureExt as _;
    use rusqlite::Connection;
    use sim::conformance::ready;

    use super::*;
    use crate::queries::plans;

    #[test]
    fn what_is_asked_all_the_time_is_found_by_an_index_and_in_order() {
        let store = Sqlite::open_in_memory().unwrap();
        let connection = store.connections.reader();
        for sql in read::asked_often() {
            let steps = plan(&connection, &sql);
            assert!(steps[0].starts_with("SEARCH"), "{steps:?}");
            assert!(!steps.iter().any(|it| it.contains("TEMP B-TREE FOR ORDER")), "{steps:?}");
        }
    }

    /// The steps in which a question is answered.
    fn plan(connection: &Connection, sql: &str) -> Vec<String> {
        let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let mut rows = statement.raw_query();
        let mut steps = vec![];
        while let Some(row) = rows.next().unwrap() {
            steps.push(row.get("detail").unwrap());
        }
        steps
    }

    #[test]
    fn nothing_that_is_asked_reads_a_table_that_grows() {
        let store = Sqlite::open_in_memory().unwrap();
        let connection = store.connections.reader();
        let all = plans::all();
        assert!(all.len() > 50, "{all:#?}");
        for sql in &all {
            let steps = plan(&connection, sql);
            let is_sorted = steps.iter().any(|it| it.contains("TEMP B-TREE FOR ORDER"));
            for step in &steps {
                let Some(scan) = step.strip_prefix("SCAN ") else { continue };
                let mut words = scan.split_whitespace();
                let table = words.next().unwrap();
                let index = words.last().unwrap_or_default();
                let is_page = plans::is_page(sql) && step.contains("INDEX") && !is_sorted;
                let is_fine = plans::is_small(table) || plans::OF_OPEN.contains(&index) || is_page;
                assert!(is_fine, "{sql}\n{steps:#?}");
            }
        }
    }

    #[test]
    fn lists_are_found_by_what_they_are_of() {
        let store = Sqlite::open_in_memory().unwrap();
        for (status, of_merchant, of_all) in [
            (None, "payouts_by_merchant (merchant=? AND id<?)", "autoindex_payouts_1 (id<?)"),
            (
                Some(Status::Failed),
                "payouts_never_paid (merchant=? AND status=? AND id<?)",
                "payouts_unpaid (status=? AND id<?)",
            ),
            (
                Some(Status::Queued),
                "payouts_unpaid (status=? AND id<?)",
                "payouts_unpaid (status=? AND id<?)",
            ),
            (
                Some(Status::Paid),
                "payouts_by_merchant (merchant=? AND id<?)",
                "autoindex_payouts_1 (id<?)",
            ),
        ] {
            for (merchant, expected) in [(Some(MerchantId(1)), of_merchant), (None, of_all)] {
                let (before, count_max) = (Some(PayoutId(9)), 10);
                let query =
                    PageQuery { merchant, status, before, count_max, ..PageQuery::default() };
                let (sql, _) = report::page_question(&query);
                let steps = plan(&store.connections.reader(), &sql);
                assert!(steps.len() == 1 && steps[0].ends_with(expected), "{sql} {steps:?}");
            }
        }
    }

    fn lane(id: &str) -> ChangeSet {
        let lane = Lane {
            id: LaneId::new(id),
            network: domain::ids::NetworkId::new("net"),
            address: String::new(),
            key_path: String::new(),
            next_sequence: 0,
            version: 1,
        };
        ChangeSet { lanes: vec![lane], ..ChangeSet::default() }
    }

    #[test]
    fn all_that_was_told_is_in_what_was_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gateway.db");
        let (log, kept) = (folder.path().join("gateway.db-wal"), Arc::new(AtomicU64::new(0)));
        let store = Sqlite::open_and_migrate(&path).unwrap();
        let sync = {
            let (log, kept) = (log.clone(), kept.clone());
            move || fs::metadata(&log).map(|it| kept.store(it.len(), Ordering::SeqCst))
        };
        assert!(store.connections.disk.set(Disk::over(Box::new(sync)).unwrap()).is_ok());
        for number in 0..20 {
            let next = lane(&format!("net/{number}"));
            if number % 2 == 0 {
                assert_eq!(ready(store.commit(next)), Ok(()));
            } else {
                let mut decide = |_| next.clone();
                assert_eq!(ready(store.accept(&AcceptNeeds::default(), &mut decide)), Ok(()));
            }
            // As after a loss of power: of the log there is what the disk was told to keep.
            let copy = folder.path().join(format!("{number}.db"));
            fs::copy(&path, &copy).unwrap();
            let mut there = fs::read(&log).unwrap();
            there.truncate(usize::try_from(kept.load(Ordering::SeqCst)).unwrap());
            fs::write(folder.path().join(format!("{number}.db-wal")), there).unwrap();
            let lanes = ready(Sqlite::open(&copy).unwrap().lanes()).unwrap();
            assert_eq!(lanes.len(), number + 1);
        }
    }

    #[test]
    fn one_serves_from_a_file_and_finds_all_of_it_in_the_database() {
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("gateway.db"), folder.path().join("link.db"));
        let length = || fs::metadata(folder.path().join("gateway.db-wal")).unwrap().len();
        let other = Sqlite::open_and_migrate(&path).unwrap();
        assert!(length() > 0);
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let store = Sqlite::open_to_serve(&link).unwrap();
        assert_eq!(length(), 0);
        assert_eq!(ready(store.commit(lane("net/one"))), Ok(()));
        for name in [&path, &link] {
            let error = Sqlite::open_to_serve(name).err().unwrap().to_string();
            assert!(error.contains("another gateway serves"), "{error}");
        }
        assert_eq!(ready(other.commit(lane("net/two"))), Ok(()), "a command beside it");
        drop(store);
        let store = Sqlite::open_to_serve(&path).unwrap();
        assert_eq!(ready(store.lanes()).unwrap().len(), 2);
    }

    #[test]
    fn nobody_is_told_anything_before_the_disk_has_it() {
        let folder = tempfile::tempdir().unwrap();
        let store = Sqlite::open_and_migrate(&folder.path().join("gateway.db")).unwrap();
        let (disk, answer, asked) = disk::tests::slow();
        assert!(store.connections.disk.set(disk).is_ok());
        let (needs, mut decide) = (AcceptNeeds::default(), |_| lane("net/one"));
        let mut accepted = store.accept(&needs, &mut decide);
        assert_eq!((&mut accepted).now_or_never(), None);
        asked.recv().unwrap();
        let mut seen = store.lanes();
        assert_eq!((&mut seen).now_or_never(), None, "it saw what is not on the disk");
        let mut committed = store.commit(lane("net/two"));
        assert_eq!((&mut committed).now_or_never(), None);
        answer.send(Ok(())).unwrap();
        assert_eq!(ready(accepted), Ok(()));
        asked.recv().unwrap();
        assert_eq!((&mut committed).now_or_never(), None);
        answer.send(Err(std::io::Error::other("no"))).unwrap();
        assert_eq!(ready(committed), Err(CommitError::Unreachable));
        let _ = ready(seen);
        assert_eq!(ready(store.lanes()), Err(Unreachable));
        let mut decide = |_| lane("net/three");
        assert_eq!(ready(store.accept(&needs, &mut decide)), Err(CommitError::Unreachable));
        assert_eq!(ready(store.commit(lane("net/four"))), Err(CommitError::Unreachable));
        let hand = Connection::open(folder.path().join("gateway.db")).unwrap();
        let there = hand.query_row("SELECT count(*) FROM lanes", [], |row| row.get(0));
        assert_eq!(there, Ok(2), "a log that the disk may not have does not grow");
    }

    #[test]
    fn another_process_that_does_not_end_its_transaction_is_not_waited_for_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gateway.db");
        let store = Sqlite::open_waiting(&path, Duration::from_millis(1)).unwrap();
        store.migrate().unwrap();
        let other = Connection::open(&path).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let mut decide = |_| panic!("nothing is decided without the lock");
        let needs = AcceptNeeds::default();
        assert_eq!(ready(store.accept(&needs, &mut decide)), Err(CommitError::Unreachable));
        let change = ChangeSet::default();
        assert_eq!(ready(store.commit(change.clone())), Err(CommitError::Unreachable));
        assert_eq!(ready(store.merchants()), Ok(vec![]), "readers do not wait for writers");
        other.execute_batch("ROLLBACK").unwrap();
        assert_eq!(ready(store.commit(change)), Ok(()));
    }
}
