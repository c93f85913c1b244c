//! [`Store`] over an `SQLite` file.
//!
//! Commits are written by a thread of the store's own, several in one transaction if several wait.
//! Every other method does its work inside the first poll of the future it returns, and blocks the
//! thread while it does: on the disk, on another connection of this process, and for at most five
//! seconds on another process. Callers with something else to do run it on a thread of its own.

mod migrate;
mod open;
mod read;
mod report;
mod rows;
mod table;
mod write;
mod writer;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
    time::Duration,
};

use domain::{
    BoxFuture, Timestamp,
    batch::{Attempt, Batch},
    ids::{AssetId, BatchId, DeliveryId, KeyId, LaneId, MerchantId, PayoutId, TxId},
    lane::Lane,
    ledger::{LedgerAccount, Posting},
    merchant::{ApiKey, Merchant},
    money::Amount,
    payout::Payout,
    ports::{
        AcceptNeeds, Balance, BatchView, ChangeSet, CommitError, Commitment, Decide, DeliveryView,
        LaneView, PageQuery, PayoutKey, PayoutView, Store, Unreachable,
    },
};
use rusqlite::{Connection, TransactionBehavior};

use crate::error::{Fault, StoreError};
use open::{BUSY_TIMEOUT, Connections};
use writer::Writer;

/// Durable state in one `SQLite` file. Several processes may have it open at once.
pub struct Sqlite {
    connections: Arc<Connections>,
    writer: Writer,
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
        Ok(Self { connections, writer })
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

    /// Writes a copy of everything committed so far to a file that must not exist or be empty.
    /// Others go on reading and writing meanwhile.
    ///
    /// # Errors
    /// If the copy could not be written; what is there of it is then no backup.
    pub fn backup_to(&self, path: &Path) -> Result<(), StoreError> {
        self.connections.backup(path)
    }

    /// Writes inside one transaction that nobody else can write beside.
    fn write(
        &self,
        work: impl FnOnce(&Connection) -> Result<(), Fault>,
    ) -> Result<(), CommitError> {
        let mut writer = self.connections.writer();
        let attempt = || -> Result<(), Fault> {
            let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
            work(&transaction)?;
            transaction.commit()?;
            Ok(())
        };
        attempt().map_err(|fault| fault.refusal())
    }

    /// Reads as of one moment.
    fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Fault>,
    ) -> Result<T, Unreachable> {
        let reader = self.connections.reader();
        let attempt = || -> Result<T, Fault> {
            // Ends without a trace when it is dropped: there is nothing to commit.
            let transaction = reader.unchecked_transaction()?;
            work(&transaction)
        };
        attempt().map_err(|fault| fault.unreachable())
    }
}

impl Store for Sqlite {
    fn accept<'a>(
        &'a self,
        needs: &'a AcceptNeeds,
        decide: &'a mut Decide<'a>,
    ) -> BoxFuture<'a, Result<(), CommitError>> {
        Box::pin(async move {
            self.write(|connection| {
                let view = read::accept_view(connection, needs)?;
                write::change_set(connection, &decide(view))
            })
        })
    }

    fn commit(&self, change: ChangeSet) -> BoxFuture<'_, Result<(), CommitError>> {
        Box::pin(self.writer.commit(change))
    }

    fn load_batch(&self, id: BatchId) -> BoxFuture<'_, Result<BatchView, Unreachable>> {
        Box::pin(async move { self.read(|it| read::batch_view(it, id)) })
    }

    fn peek_batch(&self, id: BatchId) -> BoxFuture<'_, Result<(Batch, Lane), Unreachable>> {
        Box::pin(async move { self.read(|it| read::peek_batch(it, id)) })
    }

    fn commitments<'a>(
        &'a self,
        lane: &'a LaneId,
        without: BatchId,
    ) -> BoxFuture<'a, Result<Vec<Commitment>, Unreachable>> {
        Box::pin(async move { self.read(|it| read::commitments(it, lane, without)) })
    }

    fn signed<'a>(
        &'a self,
        names: &'a BTreeSet<TxId>,
    ) -> BoxFuture<'a, Result<Vec<Attempt>, Unreachable>> {
        Box::pin(async move { self.read(|it| read::signed(it, names)) })
    }

    fn load_lane<'a>(
        &'a self,
        id: &'a LaneId,
        queued_max: u32,
    ) -> BoxFuture<'a, Result<Option<LaneView>, Unreachable>> {
        Box::pin(async move { self.read(|it| read::lane_view(it, id, queued_max)) })
    }

    fn load_delivery(&self, id: DeliveryId) -> BoxFuture<'_, Result<DeliveryView, Unreachable>> {
        Box::pin(async move { self.read(|it| read::delivery_view(it, id)) })
    }

    fn due_batches<'a>(
        &'a self,
        lane: &'a LaneId,
        now: Timestamp,
        count_max: u32,
    ) -> BoxFuture<'a, Result<Vec<BatchId>, Unreachable>> {
        Box::pin(async move { self.read(|it| read::due_batches(it, lane, now, count_max)) })
    }

    fn due_deliveries(
        &self,
        now: Timestamp,
        count_max: u32,
    ) -> BoxFuture<'_, Result<Vec<DeliveryId>, Unreachable>> {
        Box::pin(async move { self.read(|it| read::due_deliveries(it, now, count_max)) })
    }

    fn expired_approvals(
        &self,
        now: Timestamp,
        count_max: u32,
    ) -> BoxFuture<'_, Result<Vec<PayoutId>, Unreachable>> {
        Box::pin(async move { self.read(|it| read::expired_approvals(it, now, count_max)) })
    }

    fn find_payout<'a>(
        &'a self,
        key: &'a PayoutKey,
    ) -> BoxFuture<'a, Result<Option<PayoutView>, Unreachable>> {
        Box::pin(async move { self.read(|it| report::payout_view(it, key)) })
    }

    fn page<'a>(&'a self, query: &'a PageQuery) -> BoxFuture<'a, Result<Vec<Payout>, Unreachable>> {
        Box::pin(async move { self.read(|it| report::page(it, query)) })
    }

    fn balances(&self) -> BoxFuture<'_, Result<Vec<Balance>, Unreachable>> {
        Box::pin(async move { self.read(report::balances) })
    }

    fn held<'a>(
        &'a self,
        account: &'a LedgerAccount,
    ) -> BoxFuture<'a, Result<Vec<(AssetId, Amount)>, Unreachable>> {
        Box::pin(async move { self.read(|it| report::held(it, account)) })
    }

    fn postings<'a>(
        &'a self,
        account: &'a LedgerAccount,
        asset: &'a AssetId,
        count_max: u32,
    ) -> BoxFuture<'a, Result<Vec<Posting>, Unreachable>> {
        Box::pin(async move { self.read(|it| report::postings(it, account, asset, count_max)) })
    }

    fn moved_since<'a>(
        &'a self,
        debit: &'a LedgerAccount,
        credit: &'a LedgerAccount,
        asset: &'a AssetId,
        since: Timestamp,
    ) -> BoxFuture<'a, Result<Amount, Unreachable>> {
        Box::pin(
            async move { self.read(|it| report::moved_since(it, (debit, credit), asset, since)) },
        )
    }

    fn merchants(&self) -> BoxFuture<'_, Result<Vec<Merchant>, Unreachable>> {
        Box::pin(async move { self.read(report::merchants) })
    }

    fn merchant(&self, id: MerchantId) -> BoxFuture<'_, Result<Option<Merchant>, Unreachable>> {
        Box::pin(async move { self.read(|it| read::merchant(it, id)) })
    }

    fn keys_of(&self, merchant: MerchantId) -> BoxFuture<'_, Result<Vec<ApiKey>, Unreachable>> {
        Box::pin(async move { self.read(|it| report::keys_of(it, merchant)) })
    }

    fn key(&self, id: KeyId) -> BoxFuture<'_, Result<Option<ApiKey>, Unreachable>> {
        Box::pin(async move { self.read(|it| read::key(it, id)) })
    }

    fn keys_by_lookup<'a>(
        &'a self,
        dialect: &'a str,
        lookup: &'a str,
    ) -> BoxFuture<'a, Result<Vec<ApiKey>, Unreachable>> {
        Box::pin(async move { self.read(|it| report::keys_by_lookup(it, dialect, lookup)) })
    }

    fn lanes(&self) -> BoxFuture<'_, Result<Vec<Lane>, Unreachable>> {
        Box::pin(async move { self.read(report::lanes) })
    }

    fn counts(&self) -> BoxFuture<'_, Result<BTreeMap<String, u64>, Unreachable>> {
        Box::pin(async move { self.read(report::counts) })
    }
}

#[cfg(test)]
mod tests {
    use sim::conformance::ready;

    use super::*;

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
