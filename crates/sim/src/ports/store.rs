//! A store that fails, over one that does not.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
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

use crate::{
    executor::{pause, pause_or_stall},
    faults::{Fault, Faults},
    store::MemoryStore,
};

/// A store whose calls can fail before and after they take effect.
pub struct FaultyStore {
    honest: Arc<MemoryStore>,
    faults: Arc<Faults>,
}

impl FaultyStore {
    /// Puts failures before a store.
    pub fn new(honest: Arc<MemoryStore>, faults: Arc<Faults>) -> Self {
        Self { honest, faults }
    }

    async fn before_load(&self) -> Result<(), Unreachable> {
        pause().await;
        if self.faults.strikes(Fault::LoadLost) { Err(Unreachable) } else { Ok(()) }
    }

    async fn before_commit(&self) -> Result<(), CommitError> {
        pause_or_stall(&self.faults).await;
        if self.faults.strikes(Fault::CommitLost) {
            return Err(CommitError::Unreachable);
        }
        if self.faults.strikes(Fault::CommitConflict) {
            return Err(CommitError::Conflict);
        }
        Ok(())
    }

    async fn after_commit(&self, done: Result<(), CommitError>) -> Result<(), CommitError> {
        pause_or_stall(&self.faults).await;
        if done == Err(CommitError::Overdrawn) {
            self.faults.violation("a commit would have overdrawn an account".to_owned());
        }
        if done.is_ok() && self.faults.strikes(Fault::CommitTorn) {
            return Err(CommitError::Unreachable);
        }
        done
    }
}

impl Store for FaultyStore {
    fn accept<'a>(
        &'a self,
        needs: &'a AcceptNeeds,
        decide: &'a mut Decide<'a>,
    ) -> BoxFuture<'a, Result<(), CommitError>> {
        Box::pin(async move {
            self.before_commit().await?;
            let done = self.honest.accept(needs, decide).await;
            if done == Err(CommitError::Conflict) {
                self.faults.violation("a decision made alone met a conflict".to_owned());
            }
            self.after_commit(done).await
        })
    }

    fn commit(&self, change: ChangeSet) -> BoxFuture<'_, Result<(), CommitError>> {
        Box::pin(async move {
            self.before_commit().await?;
            let done = self.honest.commit(change).await;
            self.after_commit(done).await
        })
    }

    fn load_batch(&self, id: BatchId) -> BoxFuture<'_, Result<BatchView, Unreachable>> {
        Box::pin(async move {
            self.before_load().await?;
            let view = self.honest.load_batch(id).await;
            pause_or_stall(&self.faults).await;
            view
        })
    }

    fn peek_batch(&self, id: BatchId) -> BoxFuture<'_, Result<(Batch, Lane), Unreachable>> {
        Box::pin(async move {
            self.before_load().await?;
            let peeked = self.honest.peek_batch(id).await;
            pause_or_stall(&self.faults).await;
            peeked
        })
    }

    fn commitments<'a>(
        &'a self,
        lane: &'a LaneId,
        without: BatchId,
    ) -> BoxFuture<'a, Result<Vec<Commitment>, Unreachable>> {
        Box::pin(async move {
            self.before_load().await?;
            let commitments = self.honest.commitments(lane, without).await;
            pause_or_stall(&self.faults).await;
            commitments
        })
    }

    fn signed<'a>(
        &'a self,
        names: &'a BTreeSet<TxId>,
    ) -> BoxFuture<'a, Result<Vec<Attempt>, Unreachable>> {
        Box::pin(async move {
            self.before_load().await?;
            let signed = self.honest.signed(names).await;
            pause_or_stall(&self.faults).await;
            signed
        })
    }

    fn load_lane<'a>(
        &'a self,
        id: &'a LaneId,
        queued_max: u32,
    ) -> BoxFuture<'a, Result<Option<LaneView>, Unreachable>> {
        Box::pin(async move {
            self.before_load().await?;
            let view = self.honest.load_lane(id, queued_max).await;
            pause_or_stall(&self.faults).await;
            view
        })
    }

    fn load_delivery(&self, id: DeliveryId) -> BoxFuture<'_, Result<DeliveryView, Unreachable>> {
        Box::pin(async move {
            self.before_load().await?;
            let view = self.honest.load_delivery(id).await;
            pause_or_stall(&self.faults).await;
            view
        })
    }

    fn due_batches<'a>(
        &'a self,
        lane: &'a LaneId,
        now: Timestamp,
        count_max: u32,
    ) -> BoxFuture<'a, Result<Vec<BatchId>, Unreachable>> {
        self.honest.due_batches(lane, now, count_max)
    }

    fn due_deliveries(
        &self,
        now: Timestamp,
        after: Option<DuePlace>,
        count_max: u32,
    ) -> BoxFuture<'_, Result<Vec<DueDelivery>, Unreachable>> {
        self.honest.due_deliveries(now, after, count_max)
    }

    fn expired_approvals(
        &self,
        now: Timestamp,
        count_max: u32,
    ) -> BoxFuture<'_, Result<Vec<PayoutId>, Unreachable>> {
        self.honest.expired_approvals(now, count_max)
    }

    fn find_payout<'a>(
        &'a self,
        key: &'a PayoutKey,
    ) -> BoxFuture<'a, Result<Option<PayoutView>, Unreachable>> {
        self.honest.find_payout(key)
    }

    fn page<'a>(&'a self, query: &'a PageQuery) -> BoxFuture<'a, Result<Vec<Payout>, Unreachable>> {
        self.honest.page(query)
    }

    fn balances(&self) -> BoxFuture<'_, Result<Vec<Balance>, Unreachable>> {
        self.honest.balances()
    }

    fn held<'a>(
        &'a self,
        account: &'a LedgerAccount,
    ) -> BoxFuture<'a, Result<Vec<(AssetId, Amount)>, Unreachable>> {
        self.honest.held(account)
    }

    fn postings<'a>(
        &'a self,
        account: &'a LedgerAccount,
        asset: &'a AssetId,
        count_max: u32,
    ) -> BoxFuture<'a, Result<Vec<Posting>, Unreachable>> {
        self.honest.postings(account, asset, count_max)
    }

    fn moved_since<'a>(
        &'a self,
        debit: &'a LedgerAccount,
        credit: &'a LedgerAccount,
        asset: &'a AssetId,
        since: Timestamp,
    ) -> BoxFuture<'a, Result<Amount, Unreachable>> {
        self.honest.moved_since(debit, credit, asset, since)
    }

    fn merchants(&self) -> BoxFuture<'_, Result<Vec<Merchant>, Unreachable>> {
        self.honest.merchants()
    }

    fn merchant(&self, id: MerchantId) -> BoxFuture<'_, Result<Option<Merchant>, Unreachable>> {
        self.honest.merchant(id)
    }

    fn keys_of(&self, merchant: MerchantId) -> BoxFuture<'_, Result<Vec<ApiKey>, Unreachable>> {
        self.honest.keys_of(merchant)
    }

    fn key(&self, id: KeyId) -> BoxFuture<'_, Result<Option<ApiKey>, Unreachable>> {
        self.honest.key(id)
    }

    fn keys_by_lookup<'a>(
        &'a self,
        dialect: &'a str,
        lookup: &'a str,
    ) -> BoxFuture<'a, Result<Vec<ApiKey>, Unreachable>> {
        self.honest.keys_by_lookup(dialect, lookup)
    }

    fn lanes(&self) -> BoxFuture<'_, Result<Vec<Lane>, Unreachable>> {
        self.honest.lanes()
    }

    fn leases(&self) -> BoxFuture<'_, Result<Vec<Lease>, Unreachable>> {
        Box::pin(async move {
            self.before_load().await?;
            self.honest.leases().await
        })
    }

    fn counts(&self) -> BoxFuture<'_, Result<BTreeMap<String, u64>, Unreachable>> {
        self.honest.counts()
    }

    fn written(&self) -> BTreeMap<EventKind, u64> {
        self.honest.written()
    }
}
