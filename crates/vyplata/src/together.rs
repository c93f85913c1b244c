//! A store whose commits share a write to the disk: those that wait at the same time are written one
//! after another in one transaction, and each stands or falls by itself.
//!
//! What makes a commit slow is waiting until it is on the disk, which takes as long for one as for
//! many. Nobody is answered before it is there.

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread,
};

use domain::{
    BoxFuture, Timestamp,
    ids::{AssetId, BatchId, DeliveryId, KeyId, LaneId, MerchantId, PayoutId},
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
use store::Sqlite;
use tokio::sync::{mpsc, oneshot};

/// How many commits share a transaction at most.
const TOGETHER_MAX: usize = 64;
/// How many commits may wait; whoever comes then waits for a place.
const QUEUE_MAX: usize = 1_024;

/// A commit that waits, and whom to tell.
struct Waiting {
    change: ChangeSet,
    answer: oneshot::Sender<Result<(), CommitError>>,
}

/// The store.
pub(crate) struct Together {
    inner: Arc<Sqlite>,
    queue: mpsc::Sender<Waiting>,
}

impl Together {
    /// Starts the thread that writes. It ends when the store is dropped.
    ///
    /// # Panics
    /// If the operating system gives no thread.
    pub(crate) fn new(inner: Arc<Sqlite>) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE_MAX);
        let writing = Arc::clone(&inner);
        thread::Builder::new()
            .name("writer".to_owned())
            .spawn(move || write(&writing, waiting))
            .expect("the operating system gives a thread");
        Self { inner, queue }
    }
}

/// Writes what waits until nobody can ask any more.
fn write(store: &Sqlite, mut waiting: mpsc::Receiver<Waiting>) {
    let mut some = Vec::with_capacity(TOGETHER_MAX);
    while waiting.blocking_recv_many(&mut some, TOGETHER_MAX) > 0 {
        let (changes, answers): (Vec<_>, Vec<_>) =
            some.drain(..).map(|it| (it.change, it.answer)).unzip();
        let all = catch_unwind(AssertUnwindSafe(|| store.commit_all(&changes)));
        // One on which the code fails an assertion must not take the others with it.
        let results = all.unwrap_or_else(|_| changes.iter().map(|it| alone(store, it)).collect());
        for (answer, result) in answers.into_iter().zip(results) {
            // Whoever asked may be gone; what was written stands.
            let _ = answer.send(result);
        }
    }
}

fn alone(store: &Sqlite, change: &ChangeSet) -> Result<(), CommitError> {
    let written = catch_unwind(AssertUnwindSafe(|| store.commit_all(std::slice::from_ref(change))));
    let bug = |_| {
        tracing::error!("this is a bug: something cannot be written; report it");
        vec![Err(CommitError::Unreachable)]
    };
    written.unwrap_or_else(bug).pop().unwrap_or(Err(CommitError::Unreachable))
}

impl Store for Together {
    fn accept<'a>(
        &'a self,
        needs: &'a AcceptNeeds,
        decide: &'a mut Decide<'a>,
    ) -> BoxFuture<'a, Result<(), CommitError>> {
        self.inner.accept(needs, decide)
    }

    fn commit(&self, change: ChangeSet) -> BoxFuture<'_, Result<(), CommitError>> {
        Box::pin(async move {
            let (answer, result) = oneshot::channel();
            let sent = self.queue.send(Waiting { change, answer }).await;
            sent.map_err(|_| CommitError::Unreachable)?;
            // No answer is a bug in the writer: whoever asked looks again at what is stored.
            result.await.unwrap_or(Err(CommitError::Unreachable))
        })
    }

    fn load_batch(&self, id: BatchId) -> BoxFuture<'_, Result<BatchView, Unreachable>> {
        self.inner.load_batch(id)
    }

    fn commitments<'a>(
        &'a self,
        lane: &'a LaneId,
        without: BatchId,
    ) -> BoxFuture<'a, Result<Vec<Commitment>, Unreachable>> {
        self.inner.commitments(lane, without)
    }

    fn load_lane<'a>(
        &'a self,
        id: &'a LaneId,
        queued_max: u32,
    ) -> BoxFuture<'a, Result<Option<LaneView>, Unreachable>> {
        self.inner.load_lane(id, queued_max)
    }

    fn load_delivery(&self, id: DeliveryId) -> BoxFuture<'_, Result<DeliveryView, Unreachable>> {
        self.inner.load_delivery(id)
    }

    fn due_batches<'a>(
        &'a self,
        lane: &'a LaneId,
        now: Timestamp,
        count_max: u32,
    ) -> BoxFuture<'a, Result<Vec<BatchId>, Unreachable>> {
        self.inner.due_batches(lane, now, count_max)
    }

    fn due_deliveries(
        &self,
        now: Timestamp,
        count_max: u32,
    ) -> BoxFuture<'_, Result<Vec<DeliveryId>, Unreachable>> {
        self.inner.due_deliveries(now, count_max)
    }

    fn expired_approvals(
        &self,
        now: Timestamp,
        count_max: u32,
    ) -> BoxFuture<'_, Result<Vec<PayoutId>, Unreachable>> {
        self.inner.expired_approvals(now, count_max)
    }

    fn find_payout<'a>(
        &'a self,
        key: &'a PayoutKey,
    ) -> BoxFuture<'a, Result<Option<PayoutView>, Unreachable>> {
        self.inner.find_payout(key)
    }

    fn page<'a>(&'a self, query: &'a PageQuery) -> BoxFuture<'a, Result<Vec<Payout>, Unreachable>> {
        self.inner.page(query)
    }

    fn balances(&self) -> BoxFuture<'_, Result<Vec<Balance>, Unreachable>> {
        self.inner.balances()
    }

    fn held<'a>(
        &'a self,
        account: &'a LedgerAccount,
    ) -> BoxFuture<'a, Result<Vec<(AssetId, Amount)>, Unreachable>> {
        self.inner.held(account)
    }

    fn postings<'a>(
        &'a self,
        account: &'a LedgerAccount,
        asset: &'a AssetId,
        count_max: u32,
    ) -> BoxFuture<'a, Result<Vec<Posting>, Unreachable>> {
        self.inner.postings(account, asset, count_max)
    }

    fn moved_since<'a>(
        &'a self,
        debit: &'a LedgerAccount,
        credit: &'a LedgerAccount,
        asset: &'a AssetId,
        since: Timestamp,
    ) -> BoxFuture<'a, Result<Amount, Unreachable>> {
        self.inner.moved_since(debit, credit, asset, since)
    }

    fn merchants(&self) -> BoxFuture<'_, Result<Vec<Merchant>, Unreachable>> {
        self.inner.merchants()
    }

    fn merchant(&self, id: MerchantId) -> BoxFuture<'_, Result<Option<Merchant>, Unreachable>> {
        self.inner.merchant(id)
    }

    fn keys_of(&self, merchant: MerchantId) -> BoxFuture<'_, Result<Vec<ApiKey>, Unreachable>> {
        self.inner.keys_of(merchant)
    }

    fn key(&self, id: KeyId) -> BoxFuture<'_, Result<Option<ApiKey>, Unreachable>> {
        self.inner.key(id)
    }

    fn keys_by_lookup<'a>(
        &'a self,
        dialect: &'a str,
        lookup: &'a str,
    ) -> BoxFuture<'a, Result<Vec<ApiKey>, Unreachable>> {
        self.inner.keys_by_lookup(dialect, lookup)
    }

    fn lanes(&self) -> BoxFuture<'_, Result<Vec<Lane>, Unreachable>> {
        self.inner.lanes()
    }

    fn counts(&self) -> BoxFuture<'_, Result<BTreeMap<String, u64>, Unreachable>> {
        self.inner.counts()
    }
}

#[cfg(test)]
mod tests {
    use domain::{ids::NetworkId, ports::Store as _};

    use super::*;

    fn lane(name: &str, next_sequence: u64, version: u64) -> ChangeSet {
        let lane = Lane {
            id: LaneId::new(name),
            network: NetworkId::new("net"),
            address: name.to_owned(),
            key_path: "path".to_owned(),
            next_sequence,
            version,
        };
        ChangeSet { lanes: vec![lane], ..ChangeSet::default() }
    }

    #[tokio::test]
    async fn of_many_that_want_the_next_version_one_gets_it_and_others_are_not_harmed() {
        let store = Together::new(Arc::new(Sqlite::open_in_memory().unwrap()));
        store.commit(lane("net/a", 0, 1)).await.unwrap();
        let rivals = (1..=20).map(|number| store.commit(lane("net/a", number, 2)));
        let names: Vec<String> = (0..20).map(|it| format!("net/other{it}")).collect();
        let others = names.iter().map(|name| store.commit(lane(name, 7, 1)));
        let both = rivals.zip(others).flat_map(|(rival, other)| [rival, other]);
        let results = futures_util::future::join_all(both).await;
        let won: Vec<usize> = (0..20).filter(|it| results[2 * it].is_ok()).collect();
        assert_eq!(won.len(), 1);
        let lost = results.iter().step_by(2).filter(|it| **it == Err(CommitError::Conflict));
        assert_eq!(lost.count(), 19);
        assert!(results.iter().skip(1).step_by(2).all(Result::is_ok));
        let lanes = store.lanes().await.unwrap();
        assert_eq!(lanes.len(), 21);
        let stored = lanes.iter().find(|it| it.id.as_str() == "net/a").unwrap();
        assert_eq!(usize::try_from(stored.next_sequence), Ok(won[0] + 1));
    }
}
