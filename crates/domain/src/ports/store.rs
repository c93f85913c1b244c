//! Durable state.

use std::collections::{BTreeMap, BTreeSet};

use super::Unreachable;
use crate::{
    BoxFuture, Timestamp,
    batch::{Attempt, Batch},
    delivery::Delivery,
    event::{Event, EventKind},
    ids::{
        AssetId, BatchId, CoinId, DeliveryId, KeyId, LaneId, MerchantId, NetworkId, PayoutId, TxId,
    },
    lane::Lane,
    lease::{Fence, Lease},
    ledger::{LedgerAccount, Posting},
    merchant::{ApiKey, Merchant},
    money::Amount,
    payout::{Payout, Status},
};

/// A name that can be used once, ever.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Claim {
    /// What kind of name it is.
    pub scope: ClaimScope,
    /// Within what it is unique: a merchant, or a credential.
    pub owner: u128,
    /// The name.
    pub text: String,
}

/// The kinds of names that can be used once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ClaimScope {
    /// A merchant's own reference of a payout.
    MerchantRef,
    /// A merchant's name for one request.
    IdempotencyKey,
    /// A credential's nonce.
    Nonce,
    /// Prices that were promised to a merchant.
    Promise,
}

/// What deciding about commands needs to be loaded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AcceptNeeds {
    /// Merchants.
    pub merchants: BTreeSet<MerchantId>,
    /// Credentials that commands were given with.
    pub keys: BTreeSet<KeyId>,
    /// Names that may have been used.
    pub claims: BTreeSet<Claim>,
    /// Outward identifiers that may be taken.
    pub public_ids: BTreeSet<String>,
    /// Payouts, beside those that the claims lead to.
    pub payouts: BTreeSet<PayoutId>,
    /// Payouts that may have to leave the batch that they are in with nothing signed: they are
    /// loaded with it and with all that are in it.
    pub leaving: BTreeSet<PayoutId>,
    /// Lines of the ledger whose balance matters, beside those that loaded payouts are
    /// [charged in](Payout::charged_asset).
    pub balances: BTreeSet<(LedgerAccount, AssetId)>,
}

/// What was loaded, as of one moment at which nobody else can write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AcceptView {
    /// The merchants that exist.
    pub merchants: BTreeMap<MerchantId, Merchant>,
    /// The credentials that exist.
    pub keys: BTreeMap<KeyId, ApiKey>,
    /// The names that were used, and the payouts they stand for.
    pub claims: BTreeMap<Claim, Option<PayoutId>>,
    /// The outward identifiers that are taken.
    pub public_ids: BTreeSet<String>,
    /// The payouts asked for, those that the claims lead to, and those of the batches.
    pub payouts: BTreeMap<PayoutId, Payout>,
    /// The batches of payouts that may have to leave them.
    pub batches: BTreeMap<BatchId, Batch>,
    /// Balances, in smallest units; a line that is not listed never had a posting.
    pub balances: BTreeMap<(LedgerAccount, AssetId), i128>,
}

/// Everything one decision writes, all of it or nothing.
///
/// A record replaces the stored one with the same identifier; its version must be exactly one
/// ahead of what is stored, and 1 if nothing is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChangeSet {
    /// Merchants to insert or replace.
    pub merchants: Vec<Merchant>,
    /// Credentials to insert or replace.
    pub keys: Vec<ApiKey>,
    /// Lanes to insert or replace.
    pub lanes: Vec<Lane>,
    /// Payouts to insert or replace.
    pub payouts: Vec<Payout>,
    /// Batches to insert or replace.
    pub batches: Vec<Batch>,
    /// Deliveries to insert or replace.
    pub deliveries: Vec<Delivery>,
    /// Names that are used from here on. One that is used already is a conflict.
    pub claims: Vec<(Claim, Option<PayoutId>)>,
    /// Entries for the ledger.
    pub postings: Vec<Posting>,
    /// How far below zero this change may bring the house's inventory of an asset; not at all if it
    /// is not listed.
    pub overdrafts: BTreeMap<AssetId, Amount>,
    /// What happened, for people.
    pub events: Vec<Event>,
    /// Leases to insert or replace.
    pub leases: Vec<Lease>,
    /// Leases that this rests on. If one of them was taken by another since, it is a conflict.
    pub fences: Vec<Fence>,
}

/// Why a commit was refused. Unless it says `Unreachable`, nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommitError {
    /// Somebody else was first: load again and decide again.
    Conflict,
    /// A ledger account that may not go below zero would have.
    Overdrawn,
    /// The store did not answer; the commit may or may not have happened.
    Unreachable,
}

/// A batch with its payouts and lane, as they were at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchView {
    /// The batch.
    pub batch: Batch,
    /// Its payouts, in the batch's order.
    pub payouts: Vec<Payout>,
    /// Its lane.
    pub lane: Lane,
}

/// What a batch that is on its way may take from its lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commitment {
    /// The batch.
    pub batch: BatchId,
    /// What it pays in all, by asset.
    pub payments: Vec<(AssetId, Amount)>,
    /// The most that the network can charge for any of its transactions, in its fee asset.
    pub fee_max: Amount,
    /// The coins that those of its transactions spend of which anything may still become.
    pub spends: BTreeSet<CoinId>,
    /// The highest of its transactions' numbers, on networks that count: nothing of it can be
    /// included before what has a lower one.
    pub sequence: Option<u64>,
}

impl Commitment {
    /// Whether a transaction with this number must leave untouched what it may take. What has a
    /// higher number waits behind that transaction, which must not wait for it in turn; a
    /// transaction whose number is not known yet comes after all others.
    pub fn goes_before(&self, number: Option<u64>) -> bool {
        match (self.sequence, number) {
            (Some(own), Some(number)) => own < number,
            (None, _) | (_, None) => true,
        }
    }
}

/// A lane with what waits for it, as of one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneView {
    /// The lane.
    pub lane: Lane,
    /// Payouts of its network that are in no batch, oldest first, at most as many as asked for.
    /// Those whose asset a batch of the lane waits with ([`Batch::is_waiting`], if the reason
    /// [concerns the asset](super::HoldReason::concerns_the_asset)) are left out, so
    /// that what cannot be paid for the moment does not hold up what can.
    pub queued: Vec<Payout>,
    /// How many of its batches are in no block and do not wait with nothing signed.
    pub in_flight: u32,
    /// How many of these wait because a higher fee would be above a limit
    /// ([`FeeAboveCap`](super::HoldReason::FeeAboveCap)), and have no number behind which others
    /// wait.
    pub stuck: u32,
    /// How many of its batches have not ended and do not wait with nothing signed: beside those that
    /// are in flight, those that are in a block that is not final yet.
    pub open: u32,
}

/// A delivery with its payout, as of one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryView {
    /// The delivery.
    pub delivery: Delivery,
    /// The payout it tells of.
    pub payout: Payout,
    /// The credential that asked for the payout: its secret signs. `None` if the operator did.
    pub key: Option<ApiKey>,
}

/// A delivery that is due, and where it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueDelivery {
    /// The delivery.
    pub id: DeliveryId,
    /// Since when it is due.
    pub due_at: Timestamp,
    /// Where it goes.
    pub url: String,
}

/// A place among deliveries in the order in which they are due.
pub type DuePlace = (Timestamp, DeliveryId);

impl DueDelivery {
    /// Its place among those that are due.
    pub fn place(&self) -> DuePlace {
        (self.due_at, self.id)
    }
}

/// A payout with everything that explains it, as of one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PayoutView {
    /// The payout.
    pub payout: Payout,
    /// Its batch, if it is or was in one.
    pub batch: Option<Batch>,
    /// What happened to it, oldest first.
    pub events: Vec<Event>,
    /// Its deliveries, oldest first.
    pub deliveries: Vec<Delivery>,
    /// What its merchant has left of what it is [charged in](Payout::charged_asset).
    pub available: Amount,
}

/// How to find a payout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PayoutKey {
    /// By our identifier.
    Id(PayoutId),
    /// By its outward identifier.
    PublicId(String),
    /// By the reference of its merchant.
    MerchantRef(MerchantId, String),
    /// By the transaction that pays it; the oldest of them if there are several.
    TxId(MerchantId, TxId),
}

/// Which payouts to list, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageQuery {
    /// Only this merchant's.
    pub merchant: Option<MerchantId>,
    /// Only those in this status.
    pub status: Option<Status>,
    /// Only those on this network.
    pub network: Option<NetworkId>,
    /// Only those of this asset.
    pub asset: Option<AssetId>,
    /// Only those of this coin, on any network.
    pub ticker: Option<String>,
    /// Only those accepted at this moment or later.
    pub from: Option<Timestamp>,
    /// Only those accepted at this moment or earlier.
    pub until: Option<Timestamp>,
    /// Only those older than this one.
    pub before: Option<PayoutId>,
    /// Only those newer than this one, and of them the oldest (still newest first).
    pub after: Option<PayoutId>,
    /// How many to leave out at the beginning.
    pub offset: u32,
    /// At most so many.
    pub count_max: u32,
}

/// One line of the ledger: an account's balance in one asset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Balance {
    /// The account.
    pub account: LedgerAccount,
    /// The asset.
    pub asset: AssetId,
    /// What was credited less what was debited, in smallest units.
    pub units: i128,
}

/// Decides inside the store's transaction: facts in, changes out, no I/O.
pub type Decide<'a> = dyn FnMut(AcceptView) -> ChangeSet + Send + 'a;

/// Durable state. Two ways to write, so that each backend has two things to get right.
pub trait Store: Send + Sync {
    /// Loads what `needs` names, lets `decide` decide, and writes what it answers, with nobody
    /// else writing in between. `decide` is called once at the most.
    fn accept<'a>(
        &'a self,
        needs: &'a AcceptNeeds,
        decide: &'a mut Decide<'a>,
    ) -> BoxFuture<'a, Result<(), CommitError>>;
    /// Writes a change set.
    fn commit(&self, change: ChangeSet) -> BoxFuture<'_, Result<(), CommitError>>;
    /// Loads a batch.
    fn load_batch(&self, id: BatchId) -> BoxFuture<'_, Result<BatchView, Unreachable>>;
    /// Loads a batch and its lane without its payouts, which most steps do not touch.
    fn peek_batch(&self, id: BatchId) -> BoxFuture<'_, Result<(Batch, Lane), Unreachable>>;
    /// Loads what the lane's batches that have a signed transaction and have not ended may take,
    /// but for the batch `without`: their amounts, highest fees, numbers and coins.
    fn commitments<'a>(
        &'a self,
        lane: &'a LaneId,
        without: BatchId,
    ) -> BoxFuture<'a, Result<Vec<Commitment>, Unreachable>>;
    /// Loads the signed transactions of these names, whatever became of them or of their batches, in
    /// the order of their names.
    fn signed<'a>(
        &'a self,
        names: &'a BTreeSet<TxId>,
    ) -> BoxFuture<'a, Result<Vec<Attempt>, Unreachable>>;
    /// Loads a lane and at most `queued_max` payouts that wait for it.
    fn load_lane<'a>(
        &'a self,
        id: &'a LaneId,
        queued_max: u32,
    ) -> BoxFuture<'a, Result<Option<LaneView>, Unreachable>>;
    /// Loads a delivery.
    fn load_delivery(&self, id: DeliveryId) -> BoxFuture<'_, Result<DeliveryView, Unreachable>>;
    /// Lists batches of a lane that have not ended and are due, the longest due first.
    fn due_batches<'a>(
        &'a self,
        lane: &'a LaneId,
        now: Timestamp,
        count_max: u32,
    ) -> BoxFuture<'a, Result<Vec<BatchId>, Unreachable>>;
    /// Lists deliveries that are due, the longest due first: from the beginning, or after a place in
    /// this order.
    fn due_deliveries(
        &self,
        now: Timestamp,
        after: Option<DuePlace>,
        count_max: u32,
    ) -> BoxFuture<'_, Result<Vec<DueDelivery>, Unreachable>>;
    /// Lists payouts that wait for an approval whose time is over.
    fn expired_approvals(
        &self,
        now: Timestamp,
        count_max: u32,
    ) -> BoxFuture<'_, Result<Vec<PayoutId>, Unreachable>>;
    /// Finds a payout and all that explains it.
    fn find_payout<'a>(
        &'a self,
        key: &'a PayoutKey,
    ) -> BoxFuture<'a, Result<Option<PayoutView>, Unreachable>>;
    /// Lists payouts.
    fn page<'a>(&'a self, query: &'a PageQuery) -> BoxFuture<'a, Result<Vec<Payout>, Unreachable>>;
    /// Lists all balances that are not zero.
    fn balances(&self) -> BoxFuture<'_, Result<Vec<Balance>, Unreachable>>;
    /// Lists what one account holds of each asset, where that is more than nothing.
    fn held<'a>(
        &'a self,
        account: &'a LedgerAccount,
    ) -> BoxFuture<'a, Result<Vec<(AssetId, Amount)>, Unreachable>>;
    /// Lists all postings of an account's asset, oldest first, at most `count_max`. It may read the whole
    /// ledger to find them.
    fn postings<'a>(
        &'a self,
        account: &'a LedgerAccount,
        asset: &'a AssetId,
        count_max: u32,
    ) -> BoxFuture<'a, Result<Vec<Posting>, Unreachable>>;
    /// Adds up what was posted from `credit` to `debit` (coins move from the account that is
    /// credited to the one that is debited) of an asset since a moment, but for payouts.
    fn moved_since<'a>(
        &'a self,
        debit: &'a LedgerAccount,
        credit: &'a LedgerAccount,
        asset: &'a AssetId,
        since: Timestamp,
    ) -> BoxFuture<'a, Result<Amount, Unreachable>>;
    /// Lists merchants by name.
    fn merchants(&self) -> BoxFuture<'_, Result<Vec<Merchant>, Unreachable>>;
    /// Finds a merchant.
    fn merchant(&self, id: MerchantId) -> BoxFuture<'_, Result<Option<Merchant>, Unreachable>>;
    /// Lists a merchant's credentials, revoked ones too, oldest first.
    fn keys_of(&self, merchant: MerchantId) -> BoxFuture<'_, Result<Vec<ApiKey>, Unreachable>>;
    /// Finds a credential.
    fn key(&self, id: KeyId) -> BoxFuture<'_, Result<Option<ApiKey>, Unreachable>>;
    /// Finds the credentials that are not revoked and are looked up by this text in a dialect.
    fn keys_by_lookup<'a>(
        &'a self,
        dialect: &'a str,
        lookup: &'a str,
    ) -> BoxFuture<'a, Result<Vec<ApiKey>, Unreachable>>;
    /// Lists lanes by name.
    fn lanes(&self) -> BoxFuture<'_, Result<Vec<Lane>, Unreachable>>;
    /// Lists leases by name.
    fn leases(&self) -> BoxFuture<'_, Result<Vec<Lease>, Unreachable>>;
    /// Counts what has not ended: payouts by status, and deliveries that are due, under the words
    /// `payouts.queued`, `deliveries.due` and so on. What has ended is ever more, so that counting it
    /// would take ever longer.
    fn counts(&self) -> BoxFuture<'_, Result<BTreeMap<String, u64>, Unreachable>>;
    /// How many events of each kind were written through this store since it was opened.
    fn written(&self) -> BTreeMap<EventKind, u64>;
    /// How often it has waited for the disk since it was opened, if it does that itself: once for all
    /// that was committed meanwhile.
    fn disk_waits(&self) -> Option<u64> {
        None
    }
    /// Why this process may not use it any more, if that is so: everything in it was moved to another
    /// one, or a newer program has changed its tables. Says what to do.
    fn retired(&self) -> BoxFuture<'_, Result<Option<String>, Unreachable>> {
        Box::pin(async { Ok(None) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_a_lower_number_goes_before_and_so_does_everything_where_there_is_none() {
        let goes_before = |own, number| {
            let (batch, fee_max) = (BatchId(1), Amount::ZERO);
            let spends = std::collections::BTreeSet::new();
            let commitment = Commitment { batch, payments: vec![], fee_max, sequence: own, spends };
            commitment.goes_before(number)
        };
        assert!(goes_before(Some(6), Some(7)));
        assert!(!goes_before(Some(7), Some(7)) && !goes_before(Some(8), Some(7)));
        assert!(goes_before(Some(8), None) && goes_before(None, Some(7)));
    }
}
