//! A store in memory that keeps its promises.
//!
//! It passes the conformance suite like every other, so what the simulator finds over it is not
//! its fault. [`crate::ports::FaultyStore`] is the one that breaks.

use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
};

use domain::{
    BoxFuture, Timestamp,
    batch::{Attempt, Batch},
    delivery::{Delivery, DeliveryState},
    event::{Event, EventKind},
    ids::{AssetId, BatchId, DeliveryId, KeyId, LaneId, MerchantId, PayoutId, TxId},
    lane::Lane,
    lease::Lease,
    ledger::{LedgerAccount, Posting},
    merchant::{ApiKey, Merchant},
    money::Amount,
    payout::{Payout, Status},
    ports::{
        AcceptNeeds, Balance, BatchView, ChangeSet, Claim, CommitError, Commitment, Decide,
        DeliveryView, DueDelivery, DuePlace, LaneView, PageQuery, PayoutKey, PayoutView, Store,
        Unreachable,
    },
};

mod read;
mod write;

/// A store in memory.
#[derive(Debug, Default)]
pub struct MemoryStore(Mutex<Contents>);

/// Everything there is.
#[derive(Clone, Debug, Default)]
pub struct Contents {
    /// Merchants.
    pub merchants: BTreeMap<MerchantId, Merchant>,
    /// Credentials.
    pub keys: BTreeMap<KeyId, ApiKey>,
    /// Lanes.
    pub lanes: BTreeMap<LaneId, Lane>,
    /// Leases.
    pub leases: BTreeMap<String, Lease>,
    /// Payouts.
    pub payouts: BTreeMap<PayoutId, Payout>,
    /// Batches.
    pub batches: BTreeMap<BatchId, Batch>,
    /// Deliveries.
    pub deliveries: BTreeMap<DeliveryId, Delivery>,
    /// Names that were used.
    pub claims: BTreeMap<Claim, Option<PayoutId>>,
    /// Outward identifiers.
    pub public_ids: BTreeMap<String, PayoutId>,
    /// What was posted, oldest first.
    pub postings: Vec<Posting>,
    /// What follows from the postings.
    pub balances: BTreeMap<(LedgerAccount, AssetId), i128>,
    /// What happened, oldest first.
    pub events: Vec<Event>,
    /// What was committed since somebody last looked.
    pub journal: Vec<ChangeSet>,
}

impl From<Contents> for MemoryStore {
    /// A store that holds this.
    fn from(contents: Contents) -> Self {
        Self(Mutex::new(contents))
    }
}

impl MemoryStore {
    fn contents(&self) -> MutexGuard<'_, Contents> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at everything at once.
    pub fn look<T>(&self, look: impl FnOnce(&Contents) -> T) -> T {
        look(&self.contents())
    }

    /// Takes what was committed since this was last called.
    pub fn take_journal(&self) -> Vec<ChangeSet> {
        mem::take(&mut self.contents().journal)
    }
}

/// A future that is ready: the answer is found when it is first polled.
fn ready<'a, T: Send + 'a>(answer: impl FnOnce() -> T + Send + 'a) -> BoxFuture<'a, T> {
    Box::pin(async move { answer() })
}

impl Store for MemoryStore {
    fn accept<'a>(
        &'a self,
        needs: &'a AcceptNeeds,
        decide: &'a mut Decide<'a>,
    ) -> BoxFuture<'a, Result<(), CommitError>> {
        ready(move || {
            let contents = &mut *self.contents();
            let change = decide(contents.accept_view(needs));
            contents.commit(change)
        })
    }

    fn commit(&self, change: ChangeSet) -> BoxFuture<'_, Result<(), CommitError>> {
        ready(move || self.contents().commit(change))
    }

    fn load_batch(&self, id: BatchId) -> BoxFuture<'_, Result<BatchView, Unreachable>> {
        ready(move || self.contents().batch_view(id).ok_or(Unreachable))
    }

    fn peek_batch(&self, id: BatchId) -> BoxFuture<'_, Result<(Batch, Lane), Unreachable>> {
        ready(move || self.contents().peek_batch(id).ok_or(Unreachable))
    }

    fn commitments<'a>(
        &'a self,
        lane: &'a LaneId,
        without: BatchId,
    ) -> BoxFuture<'a, Result<Vec<Commitment>, Unreachable>> {
        ready(move || Ok(self.contents().commitments(lane, without)))
    }

    fn signed<'a>(
        &'a self,
        names: &'a BTreeSet<TxId>,
    ) -> BoxFuture<'a, Result<Vec<Attempt>, Unreachable>> {
        ready(move || Ok(self.contents().signed(names)))
    }

    fn load_lane<'a>(
        &'a self,
        id: &'a LaneId,
        queued_max: u32,
    ) -> BoxFuture<'a, Result<Option<LaneView>, Unreachable>> {
        ready(move || Ok(self.contents().lane_view(id, queued_max)))
    }

    fn load_delivery(&self, id: DeliveryId) -> BoxFuture<'_, Result<DeliveryView, Unreachable>> {
        ready(move || self.contents().delivery_view(id).ok_or(Unreachable))
    }

    fn due_batches<'a>(
        &'a self,
        lane: &'a LaneId,
        now: Timestamp,
        count_max: u32,
    ) -> BoxFuture<'a, Result<Vec<BatchId>, Unreachable>> {
        ready(move || Ok(self.contents().due_batches(lane, now, count_max)))
    }

    fn due_deliveries(
        &self,
        now: Timestamp,
        after: Option<DuePlace>,
        count_max: u32,
    ) -> BoxFuture<'_, Result<Vec<DueDelivery>, Unreachable>> {
        ready(move || Ok(self.contents().due_deliveries(now, after, count_max)))
    }

    fn expired_approvals(
        &self,
        now: Timestamp,
        count_max: u32,
    ) -> BoxFuture<'_, Result<Vec<PayoutId>, Unreachable>> {
        ready(move || Ok(self.contents().expired_approvals(now, count_max)))
    }

    fn find_payout<'a>(
        &'a self,
        key: &'a PayoutKey,
    ) -> BoxFuture<'a, Result<Option<PayoutView>, Unreachable>> {
        ready(move || Ok(self.contents().payout_view(key)))
    }

    fn page<'a>(&'a self, query: &'a PageQuery) -> BoxFuture<'a, Result<Vec<Payout>, Unreachable>> {
        ready(move || Ok(self.contents().page(query)))
    }

    fn balances(&self) -> BoxFuture<'_, Result<Vec<Balance>, Unreachable>> {
        ready(move || Ok(self.contents().all_balances()))
    }

    fn held<'a>(
        &'a self,
        account: &'a LedgerAccount,
    ) -> BoxFuture<'a, Result<Vec<(AssetId, Amount)>, Unreachable>> {
        ready(move || Ok(self.contents().held(account)))
    }

    fn postings<'a>(
        &'a self,
        account: &'a LedgerAccount,
        asset: &'a AssetId,
        count_max: u32,
    ) -> BoxFuture<'a, Result<Vec<Posting>, Unreachable>> {
        ready(move || {
            let contents = self.contents();
            let touches = |it: &&Posting| {
                it.asset == *asset && (it.debit == *account || it.credit == *account)
            };
            let found = contents.postings.iter().filter(touches);
            Ok(found.take(read::count(count_max)).cloned().collect())
        })
    }

    fn moved_since<'a>(
        &'a self,
        debit: &'a LedgerAccount,
        credit: &'a LedgerAccount,
        asset: &'a AssetId,
        since: Timestamp,
    ) -> BoxFuture<'a, Result<Amount, Unreachable>> {
        ready(move || {
            let contents = self.contents();
            let counts = |it: &&Posting| {
                it.debit == *debit && it.credit == *credit && it.asset == *asset && it.at >= since
            };
            let amounts = contents.postings.iter().filter(counts).map(|it| it.amount);
            let sum = amounts.into_iter().try_fold(Amount::ZERO, Amount::checked_add);
            Ok(sum.unwrap_or(Amount::MAX))
        })
    }

    fn merchants(&self) -> BoxFuture<'_, Result<Vec<Merchant>, Unreachable>> {
        ready(move || {
            let mut merchants: Vec<Merchant> =
                self.contents().merchants.values().cloned().collect();
            merchants.sort_by(|one, other| one.name.cmp(&other.name));
            Ok(merchants)
        })
    }

    fn merchant(&self, id: MerchantId) -> BoxFuture<'_, Result<Option<Merchant>, Unreachable>> {
        ready(move || Ok(self.contents().merchants.get(&id).cloned()))
    }

    fn keys_of(&self, merchant: MerchantId) -> BoxFuture<'_, Result<Vec<ApiKey>, Unreachable>> {
        ready(move || Ok(self.contents().keys_where(|it| it.merchant == merchant)))
    }

    fn key(&self, id: KeyId) -> BoxFuture<'_, Result<Option<ApiKey>, Unreachable>> {
        ready(move || Ok(self.contents().keys.get(&id).cloned()))
    }

    fn keys_by_lookup<'a>(
        &'a self,
        dialect: &'a str,
        lookup: &'a str,
    ) -> BoxFuture<'a, Result<Vec<ApiKey>, Unreachable>> {
        ready(move || {
            Ok(self.contents().keys_where(|it| {
                it.revoked_at.is_none() && it.dialect.as_str() == dialect && it.lookup == lookup
            }))
        })
    }

    fn lanes(&self) -> BoxFuture<'_, Result<Vec<Lane>, Unreachable>> {
        ready(move || Ok(self.contents().lanes.values().cloned().collect()))
    }

    fn leases(&self) -> BoxFuture<'_, Result<Vec<Lease>, Unreachable>> {
        ready(move || Ok(self.contents().leases.values().cloned().collect()))
    }

    fn counts(&self) -> BoxFuture<'_, Result<BTreeMap<String, u64>, Unreachable>> {
        ready(move || {
            let contents = self.contents();
            let mut counts = BTreeMap::new();
            for status in Status::ALL.into_iter().filter(|it| !it.is_final()) {
                let is_in = |it: &&Payout| it.state.status() == status;
                let count = contents.payouts.values().filter(is_in).count();
                counts.insert(format!("payouts.{}", status.word()), read::number(count));
            }
            let is_due = |it: &&Delivery| it.state == DeliveryState::Due;
            let due = contents.deliveries.values().filter(is_due).count();
            counts.insert("deliveries.due".to_owned(), read::number(due));
            Ok(counts)
        })
    }

    fn written(&self) -> BTreeMap<EventKind, u64> {
        let contents = self.contents();
        let count = |kind: &EventKind| contents.events.iter().filter(|it| it.kind == *kind).count();
        EventKind::ALL.iter().map(|it| (*it, read::number(count(it)))).collect()
    }
}
