//! The ports with a crash point at each side of whatever changes something. Everything else is
//! handed on; a method that a port gains must be handed on here too.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use domain::{
    BoxFuture, Timestamp,
    batch::{Attempt, Batch, Observation, SignedTx},
    catalog::Asset,
    chore::Chore,
    delivery::Receipt,
    event::EventKind,
    grouping::BatchSize,
    ids::{AssetId, BatchId, DeliveryId, KeyId, LaneId, MerchantId, PayoutId, TxId},
    lane::Lane,
    lease::Lease,
    ledger::{LedgerAccount, Posting},
    merchant::{ApiKey, Merchant},
    money::Amount,
    payout::Payout,
    ports::{
        AcceptNeeds, Balance, BatchView, BuildError, ChangeSet, CommitError, Commitment, Courier,
        Decide, DeliveryView, Draft, DueDelivery, DuePlace, Finding, Handover, Holding, Intent,
        LaneView, PageQuery, PayoutKey, PayoutView, Rail, RailProfile, SignError, Signature,
        Signer, Spending, Store, Unreachable, UnsignedTx,
    },
};

use super::{Act, Point, Side, point::Change, reach};

/// A store with crash points.
pub(crate) fn store(inner: Arc<dyn Store>) -> Arc<dyn Store> {
    Arc::new(Dying(inner))
}

/// A rail with crash points.
pub(crate) fn rail(inner: Arc<dyn Rail>) -> Arc<dyn Rail> {
    Arc::new(Dying(inner))
}

/// A signer with crash points.
pub(crate) fn signer(inner: Arc<dyn Signer>) -> Arc<dyn Signer> {
    Arc::new(Dying(inner))
}

/// A courier with crash points.
pub(crate) fn courier<C: Courier>(inner: &C) -> impl Courier {
    Dying(inner)
}

/// A port at which the process can be made to die.
struct Dying<T>(T);

fn reach_all(changes: &[Change], side: Side) {
    for change in changes {
        reach(Point::new(Act::Commit(*change), side));
    }
}

/// Does something with a crash point at each side.
async fn between<T>(act: Act, doing: BoxFuture<'_, T>) -> T {
    reach(Point::new(act, Side::Before));
    let done = doing.await;
    reach(Point::new(act, Side::After));
    done
}

impl Store for Dying<Arc<dyn Store>> {
    fn accept<'a>(
        &'a self,
        needs: &'a AcceptNeeds,
        decide: &'a mut Decide<'a>,
    ) -> BoxFuture<'a, Result<(), CommitError>> {
        Box::pin(async move {
            let mut changes = vec![];
            let committed = self
                .0
                .accept(needs, &mut |view| {
                    let change = decide(view);
                    changes = Change::all_of(&change);
                    // The store's transaction is open: it must be as if it had never been.
                    reach_all(&changes, Side::Before);
                    change
                })
                .await;
            if committed.is_ok() {
                reach_all(&changes, Side::After);
            }
            committed
        })
    }

    fn commit(&self, change: ChangeSet) -> BoxFuture<'_, Result<(), CommitError>> {
        Box::pin(async move {
            let changes = Change::all_of(&change);
            reach_all(&changes, Side::Before);
            let committed = self.0.commit(change).await;
            if committed.is_ok() {
                reach_all(&changes, Side::After);
            }
            committed
        })
    }

    fn load_batch(&self, id: BatchId) -> BoxFuture<'_, Result<BatchView, Unreachable>> {
        self.0.load_batch(id)
    }

    fn peek_batch(&self, id: BatchId) -> BoxFuture<'_, Result<(Batch, Lane), Unreachable>> {
        self.0.peek_batch(id)
    }

    fn commitments<'a>(
        &'a self,
        lane: &'a LaneId,
        without: BatchId,
    ) -> BoxFuture<'a, Result<Vec<Commitment>, Unreachable>> {
        self.0.commitments(lane, without)
    }

    fn signed<'a>(
        &'a self,
        names: &'a BTreeSet<TxId>,
    ) -> BoxFuture<'a, Result<Vec<Attempt>, Unreachable>> {
        self.0.signed(names)
    }

    fn load_lane<'a>(
        &'a self,
        id: &'a LaneId,
        queued_max: u32,
    ) -> BoxFuture<'a, Result<Option<LaneView>, Unreachable>> {
        self.0.load_lane(id, queued_max)
    }

    fn load_delivery(&self, id: DeliveryId) -> BoxFuture<'_, Result<DeliveryView, Unreachable>> {
        self.0.load_delivery(id)
    }

    fn due_batches<'a>(
        &'a self,
        lane: &'a LaneId,
        now: Timestamp,
        count_max: u32,
    ) -> BoxFuture<'a, Result<Vec<BatchId>, Unreachable>> {
        self.0.due_batches(lane, now, count_max)
    }

    fn due_deliveries(
        &self,
        now: Timestamp,
        after: Option<DuePlace>,
        count_max: u32,
    ) -> BoxFuture<'_, Result<Vec<DueDelivery>, Unreachable>> {
        self.0.due_deliveries(now, after, count_max)
    }

    fn expired_approvals(
        &self,
        now: Timestamp,
        count_max: u32,
    ) -> BoxFuture<'_, Result<Vec<PayoutId>, Unreachable>> {
        self.0.expired_approvals(now, count_max)
    }

    fn find_payout<'a>(
        &'a self,
        key: &'a PayoutKey,
    ) -> BoxFuture<'a, Result<Option<PayoutView>, Unreachable>> {
        self.0.find_payout(key)
    }

    fn page<'a>(&'a self, query: &'a PageQuery) -> BoxFuture<'a, Result<Vec<Payout>, Unreachable>> {
        self.0.page(query)
    }

    fn balances(&self) -> BoxFuture<'_, Result<Vec<Balance>, Unreachable>> {
        self.0.balances()
    }

    fn held<'a>(
        &'a self,
        account: &'a LedgerAccount,
    ) -> BoxFuture<'a, Result<Vec<(AssetId, Amount)>, Unreachable>> {
        self.0.held(account)
    }

    fn postings<'a>(
        &'a self,
        account: &'a LedgerAccount,
        asset: &'a AssetId,
        count_max: u32,
    ) -> BoxFuture<'a, Result<Vec<Posting>, Unreachable>> {
        self.0.postings(account, asset, count_max)
    }

    fn moved_since<'a>(
        &'a self,
        debit: &'a LedgerAccount,
        credit: &'a LedgerAccount,
        asset: &'a AssetId,
        since: Timestamp,
    ) -> BoxFuture<'a, Result<Amount, Unreachable>> {
        self.0.moved_since(debit, credit, asset, since)
    }

    fn merchants(&self) -> BoxFuture<'_, Result<Vec<Merchant>, Unreachable>> {
        self.0.merchants()
    }

    fn merchant(&self, id: MerchantId) -> BoxFuture<'_, Result<Option<Merchant>, Unreachable>> {
        self.0.merchant(id)
    }

    fn keys_of(&self, merchant: MerchantId) -> BoxFuture<'_, Result<Vec<ApiKey>, Unreachable>> {
        self.0.keys_of(merchant)
    }

    fn key(&self, id: KeyId) -> BoxFuture<'_, Result<Option<ApiKey>, Unreachable>> {
        self.0.key(id)
    }

    fn keys_by_lookup<'a>(
        &'a self,
        dialect: &'a str,
        lookup: &'a str,
    ) -> BoxFuture<'a, Result<Vec<ApiKey>, Unreachable>> {
        self.0.keys_by_lookup(dialect, lookup)
    }

    fn lanes(&self) -> BoxFuture<'_, Result<Vec<Lane>, Unreachable>> {
        self.0.lanes()
    }

    fn leases(&self) -> BoxFuture<'_, Result<Vec<Lease>, Unreachable>> {
        self.0.leases()
    }

    fn counts(&self) -> BoxFuture<'_, Result<BTreeMap<String, u64>, Unreachable>> {
        self.0.counts()
    }

    fn written(&self) -> BTreeMap<EventKind, u64> {
        self.0.written()
    }

    fn disk_waits(&self) -> Option<u64> {
        self.0.disk_waits()
    }

    fn retired(&self) -> BoxFuture<'_, Result<Option<String>, Unreachable>> {
        self.0.retired()
    }
}

impl Rail for Dying<Arc<dyn Rail>> {
    fn profile(&self) -> &RailProfile {
        self.0.profile()
    }

    fn batch_size(&self, lane: &Lane, asset: &AssetId) -> BatchSize {
        self.0.batch_size(lane, asset)
    }

    fn has_little(&self, lane: &Lane, asset: &AssetId) -> bool {
        self.0.has_little(lane, asset)
    }

    fn chore<'a>(
        &'a self,
        lane: &'a Lane,
        live: &'a BTreeSet<u64>,
    ) -> BoxFuture<'a, Result<Option<Chore>, Unreachable>> {
        self.0.chore(lane, live)
    }

    fn skipped<'a>(
        &'a self,
        lane: &'a Lane,
        live: &'a BTreeSet<u64>,
    ) -> BoxFuture<'a, Result<Option<u64>, Unreachable>> {
        self.0.skipped(lane, live)
    }

    fn alert(&self) -> Option<String> {
        self.0.alert()
    }

    fn examine<'a>(&'a self, lanes: &'a [Lane]) -> BoxFuture<'a, Vec<Finding>> {
        self.0.examine(lanes)
    }

    fn quote_fee<'a>(&'a self, asset: &'a Asset) -> BoxFuture<'a, Result<Amount, Unreachable>> {
        self.0.quote_fee(asset)
    }

    fn build<'a>(&'a self, draft: Draft<'a>) -> BoxFuture<'a, Result<UnsignedTx, BuildError>> {
        self.0.build(draft)
    }

    fn finalize(&self, unsigned: &UnsignedTx, signature: &Signature) -> Result<SignedTx, String> {
        self.0.finalize(unsigned, signature)
    }

    fn broadcast<'a>(&'a self, tx: &'a SignedTx) -> BoxFuture<'a, Result<Handover, Unreachable>> {
        Box::pin(between(Act::Broadcast, self.0.broadcast(tx)))
    }

    fn observe<'a>(
        &'a self,
        lane: &'a Lane,
        attempts: &'a [Attempt],
        before: &'a [Attempt],
    ) -> BoxFuture<'a, Result<Vec<Observation>, Unreachable>> {
        self.0.observe(lane, attempts, before)
    }

    fn spending<'a>(&'a self, lane: &'a Lane) -> BoxFuture<'a, Result<Vec<Spending>, Unreachable>> {
        self.0.spending(lane)
    }

    fn holdings<'a>(
        &'a self,
        lane: &'a Lane,
        assets: &'a [Asset],
    ) -> BoxFuture<'a, Result<Vec<Holding>, Unreachable>> {
        self.0.holdings(lane, assets)
    }
}

impl Signer for Dying<Arc<dyn Signer>> {
    fn sign<'a>(
        &'a self,
        lane: &'a Lane,
        unsigned: &'a UnsignedTx,
        intent: &'a Intent,
    ) -> BoxFuture<'a, Result<Signature, SignError>> {
        Box::pin(between(Act::Sign, self.0.sign(lane, unsigned, intent)))
    }
}

impl<C: Courier> Courier for Dying<&C> {
    fn deliver<'a>(
        &'a self,
        view: &'a DeliveryView,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Receipt, Unreachable>> {
        Box::pin(between(Act::Deliver, self.0.deliver(view, now)))
    }
}
