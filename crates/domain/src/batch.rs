//! The batch: payouts that share one on-chain transaction, and every attempt to get it confirmed.
//!
//! **The point of no return** is the commit of an attempt as [`AttemptStatus::Signed`]. Before it,
//! any failure may give up and release the money. After it, the transaction may confirm at any
//! time until its network proves otherwise, so the batch never gives up on silence: it hands over
//! the same bytes again, or a transaction that excludes the first. It ends when an attempt is
//! final, or when every attempt is proven unable to pay.
//!
//! [`Batch::next_step`] decides what to do, [`Batch::apply`] takes in what came of it. Both are
//! pure.

use crate::{
    Timestamp,
    chore::Chore,
    event::EventKind,
    ids::{BatchId, CoinId, LaneId, NetworkId, PayoutId, TxId},
    money::Amount,
    payout::{Failure, FailureCode, Stage},
    ports::{Hold, HoldReason, RailProfile},
};

/// A transaction ready for its network. Broadcasting it twice is the same as once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedTx {
    /// What the network will call it.
    pub txid: TxId,
    /// The bytes to broadcast.
    pub raw: Vec<u8>,
}

/// Payouts paid together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Our identifier.
    pub id: BatchId,
    /// The network that carries it.
    pub network: NetworkId,
    /// The wallet that pays it.
    pub lane: LaneId,
    /// The payouts it pays; never changed, and empty only if it is a chore.
    pub payouts: Vec<PayoutId>,
    /// What it does instead of paying.
    pub chore: Option<Chore>,
    /// Every transaction ever signed for it, oldest first.
    pub attempts: Vec<Attempt>,
    /// Why it is to end without payment, once no attempt can pay any more.
    pub given_up: Option<Failure>,
    /// Why it waits, if an operator or time must mend something.
    pub hold: Option<Hold>,
    /// Whether it has ended.
    pub closed: bool,
    /// The earliest moment at which it is worth looking again.
    pub due_at: Timestamp,
    /// The earliest moment at which a replacement may be considered.
    pub replace_at: Timestamp,
    /// When it was made.
    pub created_at: Timestamp,
    /// Counts commits, for optimistic concurrency.
    pub version: u64,
}

/// One signed transaction and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The transaction.
    pub tx: SignedTx,
    /// The lane's number for it, on networks that count. Attempts that share a number exclude
    /// each other.
    pub sequence: Option<u64>,
    /// The coins of the lane that it spends, on networks where a wallet is made of them. Attempts
    /// that share one exclude each other.
    pub spends: Vec<CoinId>,
    /// The most the network can charge for it, in the network's fee asset.
    pub fee_max: Amount,
    /// What became of it.
    pub status: AttemptStatus,
    /// When it was signed.
    pub signed_at: Timestamp,
    /// What the network charged, once that is final.
    pub fee: Option<Amount>,
    /// The places, in the batch, of the payouts that it did not pay although it is final: each
    /// payment of a transaction may succeed or fail by itself on some networks.
    pub unpaid: Vec<u32>,
}

/// What became of an attempt. The last three are final.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptStatus {
    /// Stored, perhaps handed over: from here on it may confirm.
    Signed,
    /// The network was handed it.
    Broadcast,
    /// Seen in a block that may still be reorganised away.
    InBlock,
    /// Deep enough that the network will not take it back.
    Final,
    /// As final as [`Self::Final`], but it was undone on the way and paid nobody.
    Reverted,
    /// Proven unable to confirm: its inputs, number or validity window went elsewhere.
    Dead,
}

impl Attempt {
    /// Whether at most one of the two can ever be included.
    pub fn excludes(&self, other: &Self) -> bool {
        let same_number = self.sequence.is_some() && self.sequence == other.sequence;
        same_number || self.spends.iter().any(|it| other.spends.contains(it))
    }
}

impl AttemptStatus {
    /// Whether anything may still become of it.
    pub fn is_live(self) -> bool {
        match self {
            Self::Signed | Self::Broadcast | Self::InBlock => true,
            Self::Final | Self::Reverted | Self::Dead => false,
        }
    }

    /// Whether it is in a block, for now or for good.
    pub fn is_included(self) -> bool {
        match self {
            Self::InBlock | Self::Final | Self::Reverted => true,
            Self::Signed | Self::Broadcast | Self::Dead => false,
        }
    }
}

/// What a rail reports about a transaction. Silence is `Missing`, never `Dead`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Observation {
    /// The network does not know it now. Proves nothing.
    Missing,
    /// Waiting to be included.
    Pending,
    /// Included, not yet final.
    InBlock,
    /// Final, and the payments were made.
    Final {
        /// What the network charged, in its fee asset.
        fee: Amount,
        /// The places, in the transaction, of the payments that were not made, rising.
        unpaid: Vec<u32>,
    },
    /// Final, and no payment was made.
    Reverted {
        /// What the network charged, in its fee asset.
        fee: Amount,
    },
    /// Cannot confirm any more; the rail holds the proof.
    Dead,
}

/// What to do next about a batch. Deciding is pure; doing is the engine's work.
#[derive(Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// Nothing before this moment.
    Wait(Timestamp),
    /// Build and sign a transaction, then store it before anything else.
    Sign,
    /// Build and sign a transaction that excludes this one, then store it before anything else.
    Replace(&'a Attempt),
    /// Hand this transaction to the network.
    Broadcast(&'a SignedTx),
    /// Ask the network about the attempts that are live.
    Observe,
    /// This attempt is final: its payouts are paid.
    Settle(&'a Attempt),
    /// No attempt can pay any more: the batch ends without payment.
    Fail(Failure),
}

/// What came of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A transaction was signed.
    Signed(Box<Attempt>),
    /// The network took the transaction.
    Accepted(TxId),
    /// The network will not relay the transaction for its fee.
    Underpriced(TxId),
    /// The network keeps a transaction that excludes this one.
    Excluded(TxId),
    /// The network will not relay the transaction; it says why.
    NotRelayed(TxId, String),
    /// The network answered about every live attempt, in their order.
    Observed(Vec<Observation>),
    /// No transaction can be made now.
    Held(Hold),
    /// No transaction must be made, ever.
    Refused(Failure),
    /// The replacement that was considered is not needed.
    ReplacementNotNeeded,
    /// The step could not be done; try again later.
    Unreachable,
}

/// How long a chore may wait with nothing signed, in milliseconds.
const CHORE_WAIT_MS: u64 = 10 * 60 * 1_000;

/// After how many times [`RailProfile::replace_after_ms`] a transaction is overdue.
const PATIENCE: u64 = 4;

/// For how long a batch with nothing signed is not left, in milliseconds, unless it waits: whoever
/// withdrew payouts in a row would else keep those that travel with them from being paid.
const LEFT_AFTER_MS: u64 = 60 * 1_000;

/// Something that happened to a batch, to be told to people.
pub type Happening = (EventKind, String);

impl Batch {
    /// Makes a batch that is due at once.
    pub fn new(
        id: BatchId,
        network: NetworkId,
        lane: LaneId,
        payouts: Vec<PayoutId>,
        now: Timestamp,
    ) -> Self {
        Self {
            id,
            network,
            lane,
            payouts,
            chore: None,
            attempts: vec![],
            given_up: None,
            hold: None,
            closed: false,
            due_at: now,
            replace_at: Timestamp::NEVER,
            created_at: now,
            version: 1,
        }
    }

    /// Makes a batch that pays nobody, and is due at once.
    pub fn of_chore(
        id: BatchId,
        network: NetworkId,
        lane: LaneId,
        chore: Chore,
        now: Timestamp,
    ) -> Self {
        Self { chore: Some(chore), ..Self::new(id, network, lane, vec![], now) }
    }

    /// The attempts of which anything may still become, oldest first.
    pub fn live(&self) -> impl DoubleEndedIterator<Item = &Attempt> {
        self.attempts.iter().filter(|it| it.status.is_live())
    }

    /// The oldest attempt that this one, one of the batch, excludes; it may be itself.
    pub fn first_excluded_by(&self, attempt: &Attempt) -> Option<&Attempt> {
        self.attempts.iter().find(|it| it.tx.txid == attempt.tx.txid || it.excludes(attempt))
    }

    /// Whether an attempt of it has waited longer than one whose fee is right should: then something
    /// else may be wrong, such as a node that keeps it and never includes it. Half of the attempts
    /// are left for fees that rise.
    pub fn is_overdue(&self, attempt: &Attempt, profile: &RailProfile, now: Timestamp) -> bool {
        let signed = u32::try_from(self.attempts.len()).unwrap_or(u32::MAX);
        let is_late = |ms: u64| attempt.signed_at.plus_ms(ms.saturating_mul(PATIENCE)).is_due(now);
        signed <= profile.attempts_max / 2 && profile.replace_after_ms.is_some_and(is_late)
    }

    /// Whether it waits for an operator or for time with nothing signed: it takes up no room then.
    pub fn is_waiting(&self) -> bool {
        !self.closed && self.hold.is_some() && self.attempts.is_empty()
    }

    /// Whether a payout of it may still be withdrawn: no transaction was ever signed for it, and none
    /// is just being made.
    pub fn may_be_left(&self, now: Timestamp) -> bool {
        let is_old = now.since_ms(self.created_at) >= LEFT_AFTER_MS;
        !self.closed && self.attempts.is_empty() && (self.hold.is_some() || is_old)
    }

    /// How far the batch has come, and with which transaction.
    pub fn stage(&self) -> (Stage, Option<TxId>) {
        let included = self.attempts.iter().find(|it| it.status.is_included());
        let Some(attempt) = included.or_else(|| self.live().next_back()) else {
            return (Stage::Preparing, None);
        };
        let stage = match attempt.status {
            AttemptStatus::Signed => Stage::Signed,
            AttemptStatus::Broadcast => Stage::Broadcast,
            AttemptStatus::InBlock
            | AttemptStatus::Final
            | AttemptStatus::Reverted
            | AttemptStatus::Dead => Stage::InBlock,
        };
        (stage, Some(attempt.tx.txid.clone()))
    }

    /// Returns what to do next.
    pub fn next_step(&self, profile: &RailProfile, now: Timestamp) -> Step<'_> {
        if self.closed || !self.due_at.is_due(now) {
            return Step::Wait(self.due_at);
        }
        if let Some(settled) = self.attempts.iter().find(|it| it.status == AttemptStatus::Final) {
            return Step::Settle(settled);
        }
        let signed = u32::try_from(self.attempts.len()).unwrap_or(u32::MAX);
        let Some(newest) = self.live().next_back() else {
            return match self.reason_to_fail(signed >= profile.attempts_max) {
                Some(failure) => Step::Fail(failure),
                None => Step::Sign,
            };
        };
        if self.live().any(|it| it.status == AttemptStatus::InBlock) {
            return Step::Observe;
        }
        match newest.status {
            AttemptStatus::Signed => Step::Broadcast(&newest.tx),
            AttemptStatus::Broadcast
                if profile.replace_after_ms.is_some()
                    && self.replace_at.is_due(now)
                    && signed < profile.attempts_max =>
            {
                Step::Replace(newest)
            }
            AttemptStatus::Broadcast
            | AttemptStatus::InBlock
            | AttemptStatus::Final
            | AttemptStatus::Reverted
            | AttemptStatus::Dead => Step::Observe,
        }
    }

    fn reason_to_fail(&self, attempts_are_used_up: bool) -> Option<Failure> {
        let failed = |detail: &str| Failure {
            code: FailureCode::RefusedByNetwork,
            detail: detail.to_owned(),
        };
        if self.attempts.iter().any(|it| it.status == AttemptStatus::Reverted) {
            return Some(failed("the network included the transaction and undid the payment"));
        }
        if self.given_up.is_some() {
            return self.given_up.clone();
        }
        attempts_are_used_up.then(|| failed("every transaction was proven unable to confirm"))
    }

    /// Takes in what came of a step and says what is worth telling.
    ///
    /// # Panics
    /// If the input does not answer the step that [`Self::next_step`] asked for.
    pub fn apply(&mut self, input: Input, profile: &RailProfile, now: Timestamp) -> Vec<Happening> {
        self.version += 1;
        self.due_at = now;
        match input {
            Input::Signed(attempt) => self.add(*attempt, profile, now),
            Input::Accepted(txid) => {
                self.due_at = now.plus_ms(profile.poll_ms);
                self.hold = None;
                self.set(&txid, AttemptStatus::Broadcast)
            }
            Input::Underpriced(txid) => {
                self.replace_at = now;
                let _ = self.set(&txid, AttemptStatus::Broadcast);
                let detail = format!("the network does not relay {txid}: its fee is too low");
                self.hold(Hold { reason: HoldReason::NotRelayed, detail })
            }
            // The one that it keeps is most likely the first, which may still pay: there is nothing to be
            // mended.
            Input::Excluded(txid) if self.live().any(|it| it.tx.txid != txid) => {
                self.due_at = now.plus_ms(profile.poll_ms);
                self.hold = None;
                let _ = self.set(&txid, AttemptStatus::Broadcast);
                vec![]
            }
            Input::Excluded(txid) => {
                let why = "it keeps another transaction that excludes it";
                self.not_relayed(&txid, why, profile, now)
            }
            Input::NotRelayed(txid, why) => self.not_relayed(&txid, &why, profile, now),
            Input::Observed(observations) => self.observe(&observations, profile, now),
            Input::Held(hold) => {
                self.due_at = now.plus_ms(profile.retry_ms);
                self.postpone_replacement(profile, now);
                self.give_up_chore(&hold, now);
                self.hold(hold)
            }
            Input::Refused(failure) => {
                assert!(self.live().next().is_none(), "a live attempt may still pay");
                self.given_up = Some(failure);
                vec![]
            }
            Input::ReplacementNotNeeded => {
                self.postpone_replacement(profile, now);
                self.end_hold_of_replacement();
                vec![]
            }
            Input::Unreachable => {
                self.due_at = now.plus_ms(profile.retry_ms);
                vec![]
            }
        }
    }

    /// A refusal is no proof. Looking comes next: perhaps the transaction, or one that excludes it, is
    /// in a block already; if not, it will be handed over again.
    fn not_relayed(
        &mut self,
        txid: &TxId,
        why: &str,
        profile: &RailProfile,
        now: Timestamp,
    ) -> Vec<Happening> {
        self.due_at = now.plus_ms(profile.retry_ms);
        let _ = self.set(txid, AttemptStatus::Broadcast);
        let detail = format!("the network does not relay {txid}: {why}");
        self.hold(Hold { reason: HoldReason::NotRelayed, detail })
    }

    /// Remembers why the batch waits. The same reason is told once, whatever its figures are.
    fn hold(&mut self, hold: Hold) -> Vec<Happening> {
        let before = self.hold.replace(hold.clone()).map(|it| it.reason);
        if before == Some(hold.reason) { vec![] } else { vec![(EventKind::Held, hold.detail)] }
    }

    /// What kept a replacement from being made is over when none is needed.
    fn end_hold_of_replacement(&mut self) {
        let is_over = |it: &Hold| match it.reason {
            HoldReason::AwaitingFunds
            | HoldReason::AwaitingGas
            | HoldReason::FeeAboveCap
            | HoldReason::NotEstimated
            | HoldReason::FeesUnknown
            | HoldReason::MoreThanHeld => true,
            HoldReason::SignerRefused
            | HoldReason::NotRelayed
            | HoldReason::KeyUsedElsewhere
            | HoldReason::NodesDisagree
            | HoldReason::AssetStopped => false,
        };
        self.hold = self.hold.take().filter(|it| !is_over(it));
    }

    /// A chore that cannot be begun makes room for others: it is begun anew if it is still needed.
    fn give_up_chore(&mut self, hold: &Hold, now: Timestamp) {
        let is_old = now.since_ms(self.created_at) >= CHORE_WAIT_MS;
        if self.chore.is_some() && self.attempts.is_empty() && is_old {
            let detail = format!("it could not be begun: {}", hold.detail);
            self.given_up = Some(Failure { code: FailureCode::RefusedByNetwork, detail });
            self.due_at = now;
        }
    }

    fn add(&mut self, attempt: Attempt, profile: &RailProfile, now: Timestamp) -> Vec<Happening> {
        assert!(
            self.live().all(|it| it.excludes(&attempt)),
            "a second attempt must exclude the first"
        );
        assert_eq!(attempt.status, AttemptStatus::Signed);
        let again = self.live().next().is_some();
        let kind = if again { EventKind::Replaced } else { EventKind::Signed };
        let told = vec![(kind, attempt.tx.txid.to_string())];
        self.hold = None;
        self.attempts.push(attempt);
        self.postpone_replacement(profile, now);
        told
    }

    fn observe(
        &mut self,
        observations: &[Observation],
        profile: &RailProfile,
        now: Timestamp,
    ) -> Vec<Happening> {
        let live: Vec<TxId> = self.live().map(|it| it.tx.txid.clone()).collect();
        assert_eq!(live.len(), observations.len(), "one answer for each live attempt");
        let mut told = vec![];
        let mut ended = false;
        for (txid, observation) in live.iter().zip(observations) {
            let status = match observation {
                // Not known: hand the same bytes over again. This is also how a reorganisation
                // ends: the block is gone, the transaction is not.
                Observation::Missing => AttemptStatus::Signed,
                Observation::Pending => AttemptStatus::Broadcast,
                Observation::InBlock => {
                    self.hold = None;
                    AttemptStatus::InBlock
                }
                Observation::Final { fee, unpaid } => {
                    self.charge(txid, *fee);
                    self.finish(txid, unpaid)
                }
                Observation::Reverted { fee } => {
                    self.charge(txid, *fee);
                    AttemptStatus::Reverted
                }
                Observation::Dead => AttemptStatus::Dead,
            };
            ended |= !status.is_live();
            told.extend(self.set(txid, status));
        }
        // Missing: look again at once would be a tight loop, so even handing over again waits.
        self.due_at = if ended { now } else { now.plus_ms(profile.poll_ms) };
        told
    }

    fn charge(&mut self, txid: &TxId, fee: Amount) {
        self.attempt_mut(txid).fee = Some(fee);
    }

    /// A transaction that paid none of its payouts is as good as undone.
    fn finish(&mut self, txid: &TxId, unpaid: &[u32]) -> AttemptStatus {
        let count = self.payouts.len();
        let place = |it: &u32| usize::try_from(*it).unwrap_or(usize::MAX);
        let are_places = unpaid.iter().all(|it| place(it) < count);
        let rise = unpaid.windows(2).all(|it| it[0] < it[1]);
        assert!(are_places && rise, "payments are named once, by their place in the batch");
        if !unpaid.is_empty() && unpaid.len() == count {
            return AttemptStatus::Reverted;
        }
        self.attempt_mut(txid).unpaid = unpaid.to_vec();
        AttemptStatus::Final
    }

    fn postpone_replacement(&mut self, profile: &RailProfile, now: Timestamp) {
        self.replace_at = profile.replace_after_ms.map_or(Timestamp::NEVER, |ms| now.plus_ms(ms));
    }

    fn set(&mut self, txid: &TxId, status: AttemptStatus) -> Vec<Happening> {
        let attempt = self.attempt_mut(txid);
        let before = std::mem::replace(&mut attempt.status, status);
        assert!(before.is_live(), "an attempt that has ended stays as it is");
        let kind = match (before, status) {
            (AttemptStatus::InBlock, AttemptStatus::Signed | AttemptStatus::Broadcast) => {
                EventKind::Undone
            }
            (AttemptStatus::Signed, AttemptStatus::Broadcast) => EventKind::Broadcast,
            (AttemptStatus::Signed | AttemptStatus::Broadcast, after) if after.is_included() => {
                EventKind::InBlock
            }
            (_, AttemptStatus::Dead) => EventKind::Dead,
            _ => return vec![],
        };
        vec![(kind, txid.to_string())]
    }

    fn attempt_mut(&mut self, txid: &TxId) -> &mut Attempt {
        let found = self.attempts.iter_mut().find(|it| it.tx.txid == *txid);
        found.expect("an attempt of this batch")
    }
}

#[cfg(test)]
#[path = "batch_tests.rs"]
mod tests;
