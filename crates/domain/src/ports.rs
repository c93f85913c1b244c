//! What the engine needs from the outside world. Implementations live in other crates.
//!
//! Every future may be dropped at any await point (that is what a crash is), so implementations
//! must not rely on being polled to the end.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    BoxFuture, Timestamp,
    batch::{Attempt, Batch, Observation, SignedTx},
    catalog::{Asset, Destination, DestinationError, Network},
    chore::Chore,
    delivery::{Delivery, Receipt},
    event::Event,
    grouping::BatchSize,
    ids::{AssetId, BatchId, DeliveryId, KeyId, LaneId, MerchantId, NetworkId, PayoutId, TxId},
    lane::Lane,
    ledger::{LedgerAccount, Posting},
    merchant::{ApiKey, Merchant},
    money::{Amount, Rate},
    payout::{Payout, Priority, Status},
};

/// The outside world did not answer, or answered that it cannot now. Always worth another try, and
/// never a proof of anything. Details go to the log where they occur.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreachable;

// --- Addresses -------------------------------------------------------------------------------

/// The address rules of every network. Pure.
pub trait AddressRules: Send + Sync {
    /// Checks an address and memo and returns them in the network's canonical spelling.
    fn parse(
        &self,
        network: &Network,
        address: &str,
        memo: Option<&str>,
    ) -> Result<Destination, DestinationError>;
}

// --- Rates -----------------------------------------------------------------------------------

/// Where prices come from.
pub trait RateSource: Send + Sync {
    /// Its name in configuration, requests and on payouts, in small letters.
    fn name(&self) -> &str;
    /// Asks for the US dollar prices of everything it knows. Currencies are in capitals, each one
    /// at most once.
    fn fetch(&self) -> BoxFuture<'_, Result<Vec<(String, Rate)>, Unreachable>>;
}

// --- Rails -----------------------------------------------------------------------------------

/// What a rail's state machine needs to know about its network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RailProfile {
    /// Which network this is.
    pub network: NetworkId,
    /// How many payouts one transaction can carry.
    pub batch_max: u32,
    /// How long a payout that is not urgent may wait for others to travel with.
    pub batch_wait_ms: u64,
    /// How many batches of one lane may be in flight at once, that is, in no block yet: nodes keep no
    /// more of one account.
    pub in_flight_max: u32,
    /// How many transactions may be signed for one batch before it waits or fails.
    pub attempts_max: u32,
    /// How long to wait between looks at a transaction.
    pub poll_ms: u64,
    /// How long to wait after a failure to reach the network.
    pub retry_ms: u64,
    /// How long a transaction may wait before a conflicting one with a higher fee is considered.
    /// `None` where a second transaction is only safe once the first is proven dead.
    pub replace_after_ms: Option<u64>,
}

/// Payouts to be put into one transaction, or what a lane is to do for itself.
#[derive(Clone, Copy, Debug)]
pub struct Draft<'a> {
    /// The wallet that pays.
    pub lane: &'a Lane,
    /// What it pays; nothing if it is a chore.
    pub payouts: &'a [Payout],
    /// What it does instead.
    pub chore: Option<&'a Chore>,
    /// The attempt that the transaction must exclude (same inputs or number, higher fee), if any.
    pub replaces: Option<&'a Attempt>,
    /// The first attempt with the number of the one to be replaced, which may be that one: what it
    /// offered is what a replacement's budget is measured by.
    pub first: Option<&'a Attempt>,
    /// What the lane's other transactions that are on their way may still take of each asset. A
    /// new transaction must leave it untouched.
    pub committed: &'a BTreeMap<AssetId, Amount>,
}

impl Draft<'_> {
    /// How much to spend for speed: as much as for the most urgent of the payouts.
    pub fn priority(&self) -> Priority {
        self.payouts.iter().map(|it| it.priority).max().unwrap_or_default()
    }
}

/// A transaction to be signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnsignedTx {
    /// The encoding of the payload, by a name that rail and signer share.
    pub format: &'static str,
    /// The transaction in that encoding, without signatures.
    pub payload: Vec<u8>,
    /// The lane's number for it, on networks that count.
    pub sequence: Option<u64>,
    /// How many of the lane's numbers it uses up if it is included, from that one on; mostly one.
    pub sequences_used: u64,
    /// The most the network can charge for it, in the network's fee asset.
    pub fee_max: Amount,
}

/// Why a transaction cannot be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BuildError {
    /// The network did not answer.
    Unreachable,
    /// Not now: an operator or time must mend it (no coins, no gas, fee above the cap).
    Hold(Hold),
    /// Never: the network would refuse these payouts or undo them. Says what was found.
    Refused(String),
    /// Not together: these payouts (by their places in the draft) must travel alone, or they would
    /// hold up the others.
    Split {
        /// The places, rising.
        alone: Vec<u32>,
        /// What was found.
        detail: String,
    },
    /// A replacement was asked for, and the earlier transaction is good as it is.
    NotNeeded,
}

/// Why a batch cannot go on for the moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// The kind of reason.
    pub reason: HoldReason,
    /// What was found, for people.
    pub detail: String,
}

/// The kinds of reasons for which a batch waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HoldReason {
    /// The lane does not hold enough of the asset.
    AwaitingFunds,
    /// The lane does not hold enough of the fee asset.
    AwaitingGas,
    /// The network asks for more than the operator's cap.
    FeeAboveCap,
    /// The signer refuses another transaction.
    SignerRefused,
    /// The node does not relay the transaction. It is observed and handed over again.
    NotRelayed,
    /// The node cannot say what the transaction costs, and not why.
    NotEstimated,
    /// Somebody else used the lane's key, and it is not final yet how often.
    KeyUsedElsewhere,
    /// The network's nodes contradict each other about what is final.
    NodesDisagree,
    /// The asset is not what the catalog says, or its issuer has stopped it.
    AssetStopped,
}

impl HoldReason {
    /// Whether nothing of the same asset can be paid from the lane either.
    pub fn concerns_the_asset(self) -> bool {
        match self {
            Self::AwaitingFunds | Self::AwaitingGas | Self::FeeAboveCap => true,
            Self::KeyUsedElsewhere | Self::NodesDisagree | Self::AssetStopped => true,
            Self::SignerRefused | Self::NotRelayed | Self::NotEstimated => false,
        }
    }
}

/// How a network takes a transaction that is handed to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Handover {
    /// It knows the transaction now.
    Accepted,
    /// It will not relay it because its fee is too low. Proves nothing about the future.
    Underpriced,
    /// It will not relay it for another reason. Proves nothing about the future.
    Refused(String),
}

/// Coins a lane holds, as far as they are final.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding {
    /// The asset.
    pub asset: AssetId,
    /// How much.
    pub amount: Amount,
}

/// A network that carries payouts.
pub trait Rail: Send + Sync {
    /// What the state machine needs to know.
    fn profile(&self) -> &RailProfile;
    /// How many payouts of an asset one transaction of a lane carries, at present. Asks nobody.
    fn batch_size(&self, _lane: &Lane, _asset: &AssetId) -> BatchSize {
        BatchSize { min: 1, max: self.profile().batch_max }
    }
    /// What `lane` has to do for itself, given the numbers of its transactions that are on their
    /// way; one thing at a time. Only to be asked while it does nothing for itself.
    fn chore<'a>(
        &'a self,
        _lane: &'a Lane,
        _live: &'a BTreeSet<u64>,
    ) -> BoxFuture<'a, Result<Option<Chore>, Unreachable>> {
        Box::pin(std::future::ready(Ok(None)))
    }
    /// The number that `lane` has skipped, if it has, as [`Self::chore`] would tell it. To be asked
    /// while the lane does something else for itself: that may be what waits behind the number.
    fn skipped<'a>(
        &'a self,
        _lane: &'a Lane,
        _live: &'a BTreeSet<u64>,
    ) -> BoxFuture<'a, Result<Option<u64>, Unreachable>> {
        Box::pin(std::future::ready(Ok(None)))
    }
    /// Estimates what one payout of `asset` costs on the network now, at the recommended priority,
    /// in its fee asset.
    fn quote_fee<'a>(&'a self, asset: &'a Asset) -> BoxFuture<'a, Result<Amount, Unreachable>>;
    /// Makes a transaction that pays all of the draft's payouts, or does its chore. Changes nothing
    /// anywhere.
    fn build<'a>(&'a self, draft: Draft<'a>) -> BoxFuture<'a, Result<UnsignedTx, BuildError>>;
    /// Joins a transaction with its signature. Pure.
    ///
    /// # Errors
    /// Says what does not fit, if the signature is not one for this transaction.
    fn finalize(&self, unsigned: &UnsignedTx, signature: &Signature) -> Result<SignedTx, String>;
    /// Hands a transaction to the network. Doing it twice is the same as doing it once.
    fn broadcast<'a>(&'a self, tx: &'a SignedTx) -> BoxFuture<'a, Result<Handover, Unreachable>>;
    /// Asks what became of `attempts`, which exclude each other; one answer for each, in order.
    /// Never guesses: [`Observation::Dead`] needs a proof, described in the rail's README.
    fn observe<'a>(
        &'a self,
        lane: &'a Lane,
        attempts: &'a [Attempt],
    ) -> BoxFuture<'a, Result<Vec<Observation>, Unreachable>>;
    /// Asks what a lane holds of each of `assets`, as far as it is final.
    fn holdings<'a>(
        &'a self,
        lane: &'a Lane,
        assets: &'a [Asset],
    ) -> BoxFuture<'a, Result<Vec<Holding>, Unreachable>>;
    /// What an operator must know about the network now, such as that its nodes disagree; asks
    /// nobody.
    fn alert(&self) -> Option<String> {
        None
    }
}

// --- Signer ----------------------------------------------------------------------------------

/// What a transaction is meant to do, taken from the payouts and not from the transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent {
    /// The network it is for.
    pub network: Network,
    /// Every payment it may make, and must make. A chore that brings coins to another lane makes
    /// that payment, and any other chore none.
    pub payments: Vec<Payment>,
    /// What the lane does for itself, if it does not pay payouts.
    pub chore: Option<Chore>,
    /// The most the network may charge for it, in the network's fee asset.
    pub fee_max: Amount,
    /// The lane's number for it, on networks that count.
    pub sequence: Option<u64>,
}

/// One payment of an intent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payment {
    /// What is paid.
    pub asset: Asset,
    /// To whom.
    pub destination: Destination,
    /// How much.
    pub amount: Amount,
}

/// A signature in the encoding that the transaction's format asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature(pub Vec<u8>);

/// Why there is no signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignError {
    /// The signer did not answer.
    Unreachable,
    /// The transaction does not do what the intent says, or policy forbids it.
    Refused(String),
}

/// Holds keys; the only port that does.
pub trait Signer: Send + Sync {
    /// Signs `unsigned` with the key of `lane`, after checking that it does what `intent` says and
    /// nothing else.
    fn sign<'a>(
        &'a self,
        lane: &'a Lane,
        unsigned: &'a UnsignedTx,
        intent: &'a Intent,
    ) -> BoxFuture<'a, Result<Signature, SignError>>;
}

// --- Courier ---------------------------------------------------------------------------------

/// Writes webhooks in the dialect of their payout and brings them to their receivers.
pub trait Courier: Send + Sync {
    /// Tries once.
    fn deliver<'a>(
        &'a self,
        view: &'a DeliveryView,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Receipt, Unreachable>>;
}

// --- Store -----------------------------------------------------------------------------------

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
    /// Names that may have been used.
    pub claims: BTreeSet<Claim>,
    /// Outward identifiers that may be taken.
    pub public_ids: BTreeSet<String>,
    /// Payouts, beside those that the claims lead to.
    pub payouts: BTreeSet<PayoutId>,
    /// Lines of the ledger whose balance matters, beside those that loaded payouts are
    /// [charged in](Payout::charged_asset).
    pub balances: BTreeSet<(LedgerAccount, AssetId)>,
}

/// What was loaded, as of one moment at which nobody else can write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AcceptView {
    /// The merchants that exist.
    pub merchants: BTreeMap<MerchantId, Merchant>,
    /// The names that were used, and the payouts they stand for.
    pub claims: BTreeMap<Claim, Option<PayoutId>>,
    /// The outward identifiers that are taken.
    pub public_ids: BTreeSet<String>,
    /// The payouts asked for and those that the claims lead to.
    pub payouts: BTreeMap<PayoutId, Payout>,
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
}

/// A lane with what waits for it, as of one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneView {
    /// The lane.
    pub lane: Lane,
    /// Payouts of its network that are in no batch, oldest first, at most as many as asked for.
    /// Those whose asset a batch of the lane waits with ([`Batch::is_waiting`], if the reason
    /// [concerns the asset](HoldReason::concerns_the_asset)) are left out, so
    /// that what cannot be paid for the moment does not hold up what can.
    pub queued: Vec<Payout>,
    /// How many of its batches are in no block and do not wait with nothing signed.
    pub in_flight: u32,
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
    /// but for the batch `without`: their amounts and highest fees.
    fn commitments<'a>(
        &'a self,
        lane: &'a LaneId,
        without: BatchId,
    ) -> BoxFuture<'a, Result<Vec<Commitment>, Unreachable>>;
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
    /// Lists deliveries that are due, the longest due first.
    fn due_deliveries(
        &self,
        now: Timestamp,
        count_max: u32,
    ) -> BoxFuture<'_, Result<Vec<DeliveryId>, Unreachable>>;
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
    /// Lists all postings of an account's asset, oldest first, at most `count_max`.
    fn postings<'a>(
        &'a self,
        account: &'a LedgerAccount,
        asset: &'a AssetId,
        count_max: u32,
    ) -> BoxFuture<'a, Result<Vec<Posting>, Unreachable>>;
    /// Adds up what was posted from `credit` to `debit` (coins move from the account that is
    /// credited to the one that is debited) of an asset since a moment.
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
    /// Counts payouts by status and deliveries by state, under the words `payouts.queued`,
    /// `deliveries.due` and so on.
    fn counts(&self) -> BoxFuture<'_, Result<BTreeMap<String, u64>, Unreachable>>;
}
