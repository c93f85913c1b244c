//! What the engine needs from the outside world. Implementations live in other crates.
//!
//! Every future may be dropped at any await point (that is what a crash is), so implementations
//! must not rely on being polled to the end.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    BoxFuture, Timestamp,
    batch::{Attempt, Observation, SignedTx},
    catalog::{Asset, Destination, DestinationError, Network},
    chore::Chore,
    delivery::Receipt,
    grouping::BatchSize,
    ids::{AssetId, CoinId, NetworkId, TxId},
    lane::Lane,
    money::{Amount, Rate},
    payout::{Payout, Priority},
};

mod store;

pub use store::{
    AcceptNeeds, AcceptView, Balance, BatchView, ChangeSet, Claim, ClaimScope, CommitError,
    Commitment, Decide, DeliveryView, DueDelivery, DuePlace, LaneView, PageQuery, PayoutKey,
    PayoutView, Store,
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
    /// The least that a network carries to an address, in canonical spelling, of its own coin; to
    /// any address, if none is named. Zero where it carries anything.
    fn least(&self, _network: &Network, _address: Option<&str>) -> Amount {
        Amount::ZERO
    }
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
    /// Whether payouts that are not urgent at all share a transaction only with each other: where the
    /// most urgent of a transaction sets the price of all of it.
    pub economy_apart: bool,
    /// How many batches of one lane may be in flight at once, that is, in no block yet: nodes keep no
    /// more of one account. Half as many again may pass those of coins that are stuck above the cap.
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
    /// The attempt that the transaction must exclude (same coins or number, higher fee), if any. It
    /// spends all coins of that one, and perhaps more.
    pub replaces: Option<&'a Attempt>,
    /// The first attempt that excludes the one to be replaced, which may be that one: what it
    /// offered is what a replacement's budget is measured by.
    pub first: Option<&'a Attempt>,
    /// Whether that one has [waited too long](crate::batch::Batch::is_overdue) although its fee may
    /// be right. It is to be replaced all the same if nothing else is in its way.
    pub overdue: bool,
    /// What the lane's other transactions that are on their way may still take of each asset. A
    /// new transaction must leave it untouched. If its number is given, that is what those with
    /// lower ones may take.
    pub committed: &'a BTreeMap<AssetId, Amount>,
    /// The coins that the lane's other transactions spend. A new transaction must not touch them.
    pub spent: &'a BTreeSet<CoinId>,
}

impl<'a> Draft<'a> {
    /// A draft of nothing yet, for a lane of which nothing is on its way.
    pub fn alone(lane: &'a Lane) -> Self {
        static COMMITTED: BTreeMap<AssetId, Amount> = BTreeMap::new();
        static SPENT: BTreeSet<CoinId> = BTreeSet::new();
        Self {
            lane,
            payouts: &[],
            chore: None,
            replaces: None,
            first: None,
            overdue: false,
            committed: &COMMITTED,
            spent: &SPENT,
        }
    }

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
    /// The coins of the lane that it spends, on networks where a wallet is made of them.
    pub spends: Vec<CoinId>,
    /// The most the network can charge for it, in the network's fee asset.
    pub fee_max: Amount,
}

/// Why a transaction cannot be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BuildError {
    /// The network did not answer.
    Unreachable,
    /// Not now: an operator or time must mend it (no coins, fee above the cap).
    Hold(Hold),
    /// Not now: the lane lacks so much of the fee asset. Waits with [`HoldReason::AwaitingGas`].
    AwaitingGas {
        /// How much.
        lacks: Amount,
        /// What was found, for people.
        detail: String,
    },
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
    /// Not so many at once, for the moment: so many can go together, as [`Rail::batch_size`] tells
    /// from now on. Never told of one payout, or of a replacement.
    TooMany {
        /// How many.
        most: u32,
        /// What was found.
        detail: String,
    },
    /// A replacement was asked for, and the earlier transaction is good as it is.
    NotNeeded,
}

impl From<Unreachable> for BuildError {
    fn from(Unreachable: Unreachable) -> Self {
        Self::Unreachable
    }
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
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
    /// Nobody knows what transactions cost now.
    FeesUnknown,
    /// The payout is more than all that the lane holds, whatever it waits for.
    MoreThanHeld,
    /// Somebody else used the lane's key, and it is not final yet how often.
    KeyUsedElsewhere,
    /// The network's nodes contradict each other about what is final.
    NodesDisagree,
    /// The asset is not what the catalog says, or its issuer has stopped it.
    AssetStopped,
}

/// So many batches of an asset may wait for more than their lane holds while others go on.
const MORE_THAN_HELD_MAX: u32 = 16;

impl HoldReason {
    /// Whether nothing of the same asset can be paid from the lane either, if so many batches wait
    /// for this reason. Payouts that are more than the lane holds let smaller ones pass, or whoever
    /// asks for one would stop all others; that is no hardship to them, because nothing but coins
    /// from elsewhere helps, and as soon as the lane has enough they keep their turn. Where they are
    /// many, the lane has too little for its payouts, and all wait.
    pub fn concerns_the_asset(self, batches: u32) -> bool {
        match self {
            Self::AwaitingFunds | Self::AwaitingGas | Self::FeeAboveCap => true,
            Self::KeyUsedElsewhere | Self::NodesDisagree | Self::AssetStopped => true,
            Self::FeesUnknown => true,
            Self::MoreThanHeld => batches >= MORE_THAN_HELD_MAX,
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
    /// It keeps a transaction that excludes this one, and does not take this in its place. Proves
    /// nothing about the future: either may be included.
    Excluded,
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

/// A transaction that spends coins of a lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spending {
    /// Its name.
    pub txid: TxId,
    /// Which coins of the lane it spends.
    pub coins: Vec<CoinId>,
}

/// A network that carries payouts.
pub trait Rail: Send + Sync {
    /// What the state machine needs to know.
    fn profile(&self) -> &RailProfile;
    /// How many payouts of an asset one transaction of a lane carries, at present. Asks nobody.
    fn batch_size(&self, _lane: &Lane, _asset: &AssetId) -> BatchSize {
        BatchSize { min: 1, max: self.profile().batch_max }
    }
    /// Whether a lane has too little at present for more than one batch of an asset, of the size that
    /// [`Self::batch_size`] tells: the next is made once that one is signed. Asks nobody.
    fn has_little(&self, _lane: &Lane, _asset: &AssetId) -> bool {
        false
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
    /// Never guesses: [`Observation::Dead`] needs a proof, described in the rail's README. `before`
    /// are transactions that were signed here and that they depend on, where a wallet is made of
    /// coins: what the network has forgotten of these, the store knows.
    fn observe<'a>(
        &'a self,
        lane: &'a Lane,
        attempts: &'a [Attempt],
        before: &'a [Attempt],
    ) -> BoxFuture<'a, Result<Vec<Observation>, Unreachable>>;
    /// Asks which transactions spend coins of a lane and are not final yet, where a wallet is made of
    /// them, as far as the network tells. One that was not signed here shows that the key is used
    /// elsewhere.
    fn spending<'a>(
        &'a self,
        _lane: &'a Lane,
    ) -> BoxFuture<'a, Result<Vec<Spending>, Unreachable>> {
        Box::pin(std::future::ready(Ok(vec![])))
    }
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
    /// Asks every node what payouts from `lanes` depend on, for an operator who looks before they
    /// do. Nothing where there is no more to be found than by [`Self::holdings`].
    fn examine<'a>(&'a self, _lanes: &'a [Lane]) -> BoxFuture<'a, Vec<Finding>> {
        Box::pin(std::future::ready(vec![]))
    }
}

/// Something that was found out about a network's nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What, for people.
    pub what: String,
    /// How bad it is.
    pub weight: Weight,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// As it should be.
    Good,
    /// Worth knowing.
    Note,
    /// To be mended, and how.
    Wrong(&'static str),
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
    /// The coins of the lane that it may spend, and must spend, on networks where a wallet is made
    /// of them.
    pub spends: Vec<CoinId>,
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
