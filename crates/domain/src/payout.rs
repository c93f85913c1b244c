//! The payout: an obligation to pay one destination, followed from acceptance to its end.

use crate::{
    Timestamp,
    catalog::Destination,
    command::CreatePayout,
    ids::{AssetId, BatchId, DialectId, KeyId, MerchantId, NetworkId, PayoutId, TxId},
    quote::Quote,
};

/// One obligation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payout {
    /// Our identifier.
    pub id: PayoutId,
    /// The identifier its merchant knows it by, in the shape of its dialect; unique.
    pub public_id: String,
    /// Who is charged.
    pub merchant: MerchantId,
    /// In which API it was asked for.
    pub dialect: DialectId,
    /// The credential that asked for it; its secret signs the webhooks. `None` if the operator did.
    pub key: Option<KeyId>,
    /// The merchant's own reference.
    pub merchant_ref: Option<String>,
    /// Where the money travels.
    pub network: NetworkId,
    /// What travels.
    pub asset: AssetId,
    /// Where it goes.
    pub destination: Destination,
    /// What arrives and what it costs.
    pub quote: Quote,
    /// How much the merchant wants to spend for speed, on networks where that makes a difference.
    pub priority: Priority,
    /// What was asked for, in canonical words: a repetition says the same.
    pub content: String,
    /// Whether it must have a transaction of its own, because one that it shared with others did
    /// not pay it, or could not be made.
    pub travels_alone: bool,
    /// Who must approve it, and whether that was done; `None` if nobody need.
    pub approval: Option<Approval>,
    /// Where to tell of its states.
    pub webhook: Option<Webhook>,
    /// What the dialect wants back word for word when it writes an answer; opaque to all others.
    pub note: String,
    /// How far it has come.
    pub state: PayoutState,
    /// How many deliveries it has had.
    pub delivery_count: u16,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When its state last changed.
    pub updated_at: Timestamp,
    /// Counts commits, for optimistic concurrency.
    pub version: u64,
}

/// Where, and of which states, a merchant wants to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// The address to post to.
    pub url: String,
    /// The states to tell of.
    pub on: Vec<Status>,
}

/// How much is spent for speed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// Cheaper, and slower when the network is busy.
    Economy,
    /// What the network asks for.
    #[default]
    Recommended,
    /// More than that.
    High,
    /// Much more.
    Highest,
}

impl Priority {
    /// Every priority.
    pub const ALL: [Self; 4] = [Self::Economy, Self::Recommended, Self::High, Self::Highest];

    /// Its word, in APIs and in stored records.
    pub fn word(self) -> &'static str {
        match self {
            Self::Economy => "economy",
            Self::Recommended => "recommended",
            Self::High => "high",
            Self::Highest => "highest",
        }
    }

    /// Finds a priority by its word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.word() == word)
    }

    /// What is offered to the network, in hundredths of what it asks for.
    pub fn percent(self) -> u32 {
        match self {
            Self::Economy => 85,
            Self::Recommended => 100,
            Self::High => 150,
            Self::Highest => 200,
        }
    }
}

/// An approval that a payout needs before it is paid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// Where the question is posted to; `None` if whoever approves looks for it.
    pub url: Option<String>,
    /// Until when the question is open; afterwards the payout is withdrawn.
    pub until: Timestamp,
    /// What was answered, once it was.
    pub verdict: Option<Verdict>,
}

/// An answer to the question whether a payout may be paid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether it may.
    pub approve: bool,
    /// The credential that answered; `None` if the operator did.
    pub key: Option<KeyId>,
    /// What that credential is known by: its public part, if it has one.
    pub key_public: String,
    /// The address that the answer came from.
    pub ip: String,
    /// The program that sent it, as it calls itself.
    pub user_agent: String,
    /// When.
    pub at: Timestamp,
}

/// How far a payout has come. The three last states are final.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PayoutState {
    /// Money is reserved; somebody must approve it first. See [`Payout::approval`].
    AwaitingApproval,
    /// Money is reserved; no transaction exists yet.
    Queued,
    /// A transaction is being made or is on its way.
    Sending {
        /// The batch that carries it.
        batch: BatchId,
        /// How far the batch has come.
        stage: Stage,
        /// The transaction that is on its way, once there is one.
        txid: Option<TxId>,
    },
    /// The network will not take it back.
    Paid {
        /// The transaction that paid.
        txid: TxId,
        /// When we learned that it is final.
        at: Timestamp,
    },
    /// No transaction of ours can ever pay it; the reservation was released.
    Failed {
        /// Why.
        failure: Failure,
        /// The transaction that was included without paying, if there was one.
        txid: Option<TxId>,
    },
    /// Withdrawn before a transaction existed; the reservation was released.
    Cancelled,
}

/// How far the batch of a payout has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// No transaction is signed yet.
    Preparing,
    /// A transaction is signed and stored: the point of no return.
    Signed,
    /// The network was handed the transaction.
    Broadcast,
    /// The transaction is in a block that may still be reorganised away.
    InBlock,
}

/// Why a payout failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The kind of failure.
    pub code: FailureCode,
    /// What was found, for people.
    pub detail: String,
}

/// The kinds of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureCode {
    /// The network would not carry it, or carried it and undid it.
    RefusedByNetwork,
    /// The signer found that the transaction does not do what it should, or policy forbids it.
    RefusedBySigner,
}

/// What a payout's state looks like from outside; what webhooks tell of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// Accepted, and somebody must approve it first.
    AwaitingApproval,
    /// Accepted, not yet on its way.
    Queued,
    /// A transaction exists.
    Sending,
    /// The transaction is in a block that may still be reorganised away.
    InBlock,
    /// Done.
    Paid,
    /// Will never be paid.
    Failed,
    /// Withdrawn.
    Cancelled,
}

impl Payout {
    /// What was asked for, with neither public identifier, content nor approval yet.
    pub fn new(
        create: &CreatePayout,
        network: NetworkId,
        destination: Destination,
        quote: Quote,
        now: Timestamp,
    ) -> Self {
        Self {
            id: create.id,
            public_id: String::new(),
            merchant: create.merchant,
            dialect: create.dialect.clone(),
            key: create.key,
            merchant_ref: create.merchant_ref.clone(),
            network,
            asset: create.asset.clone(),
            destination,
            quote,
            priority: create.priority,
            content: String::new(),
            travels_alone: false,
            approval: None,
            webhook: create.webhook.clone(),
            note: create.note.clone(),
            state: PayoutState::Queued,
            delivery_count: 0,
            created_at: now,
            updated_at: now,
            version: 1,
        }
    }

    /// The asset that the merchant is charged in: the payout's own, or the first that is sold for it
    /// where nothing of its own is used.
    pub fn charged_asset(&self) -> &AssetId {
        match self.quote.conversions.first() {
            Some(first) if self.quote.own_part().is_zero() => &first.from,
            Some(_) | None => &self.asset,
        }
    }
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 7] = [
        Self::AwaitingApproval,
        Self::Queued,
        Self::Sending,
        Self::InBlock,
        Self::Paid,
        Self::Failed,
        Self::Cancelled,
    ];

    /// Whether it can change any more.
    pub fn is_final(self) -> bool {
        match self {
            Self::AwaitingApproval | Self::Queued | Self::Sending | Self::InBlock => false,
            Self::Paid | Self::Failed | Self::Cancelled => true,
        }
    }

    /// Its word, in our own API and in stored records.
    pub fn word(self) -> &'static str {
        match self {
            Self::AwaitingApproval => "awaiting_approval",
            Self::Queued => "queued",
            Self::Sending => "sending",
            Self::InBlock => "in_block",
            Self::Paid => "paid",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Finds a status by its word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.word() == word)
    }
}

/// The asked-for change does not apply in the state the payout is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidTransition;

impl PayoutState {
    /// What the state looks like from outside.
    pub fn status(&self) -> Status {
        match self {
            Self::AwaitingApproval => Status::AwaitingApproval,
            Self::Queued | Self::Sending { stage: Stage::Preparing, .. } => Status::Queued,
            Self::Sending { stage: Stage::Signed | Stage::Broadcast, .. } => Status::Sending,
            Self::Sending { stage: Stage::InBlock, .. } => Status::InBlock,
            Self::Paid { .. } => Status::Paid,
            Self::Failed { .. } => Status::Failed,
            Self::Cancelled => Status::Cancelled,
        }
    }

    /// The transaction that pays it, as far as is known.
    pub fn txid(&self) -> Option<&TxId> {
        match self {
            Self::Sending { txid, .. } | Self::Failed { txid, .. } => txid.as_ref(),
            Self::Paid { txid, .. } => Some(txid),
            Self::AwaitingApproval | Self::Queued | Self::Cancelled => None,
        }
    }

    /// The batch that it is in with nothing signed.
    pub fn unsigned_batch(&self) -> Option<BatchId> {
        match self {
            Self::Sending { batch, stage: Stage::Preparing, .. } => Some(*batch),
            Self::Sending { stage: Stage::Signed | Stage::Broadcast | Stage::InBlock, .. }
            | Self::AwaitingApproval
            | Self::Queued
            | Self::Paid { .. }
            | Self::Failed { .. }
            | Self::Cancelled => None,
        }
    }

    /// Joins a batch.
    pub fn send(&self, batch: BatchId) -> Result<Self, InvalidTransition> {
        match self {
            Self::Queued => Ok(Self::Sending { batch, stage: Stage::Preparing, txid: None }),
            Self::AwaitingApproval
            | Self::Sending { .. }
            | Self::Paid { .. }
            | Self::Failed { .. }
            | Self::Cancelled => Err(InvalidTransition),
        }
    }

    /// May be paid.
    pub fn approve(&self) -> Result<Self, InvalidTransition> {
        match self {
            Self::AwaitingApproval => Ok(Self::Queued),
            Self::Queued
            | Self::Sending { .. }
            | Self::Paid { .. }
            | Self::Failed { .. }
            | Self::Cancelled => Err(InvalidTransition),
        }
    }

    /// Follows its batch, forth and (when a block is undone) back.
    pub fn follow(&self, stage: Stage, txid: Option<TxId>) -> Result<Self, InvalidTransition> {
        match self {
            Self::Sending { batch, .. } => Ok(Self::Sending { batch: *batch, stage, txid }),
            Self::AwaitingApproval
            | Self::Queued
            | Self::Paid { .. }
            | Self::Failed { .. }
            | Self::Cancelled => Err(InvalidTransition),
        }
    }

    /// Waits again: its batch has ended without paying it, and can never pay it.
    pub fn requeue(&self) -> Result<Self, InvalidTransition> {
        match self {
            Self::Sending { .. } => Ok(Self::Queued),
            Self::AwaitingApproval
            | Self::Queued
            | Self::Paid { .. }
            | Self::Failed { .. }
            | Self::Cancelled => Err(InvalidTransition),
        }
    }

    /// Ends well.
    pub fn pay(&self, txid: TxId, at: Timestamp) -> Result<Self, InvalidTransition> {
        match self {
            Self::Sending { .. } => Ok(Self::Paid { txid, at }),
            Self::AwaitingApproval
            | Self::Queued
            | Self::Paid { .. }
            | Self::Failed { .. }
            | Self::Cancelled => Err(InvalidTransition),
        }
    }

    /// Ends without payment, once no transaction of the batch can pay any more.
    pub fn fail(&self, failure: Failure, txid: Option<TxId>) -> Result<Self, InvalidTransition> {
        match self {
            Self::Sending { .. } => Ok(Self::Failed { failure, txid }),
            Self::AwaitingApproval
            | Self::Queued
            | Self::Paid { .. }
            | Self::Failed { .. }
            | Self::Cancelled => Err(InvalidTransition),
        }
    }

    /// Is withdrawn by the merchant or the operator.
    pub fn cancel(&self) -> Result<Self, InvalidTransition> {
        match self {
            Self::AwaitingApproval | Self::Queued => Ok(Self::Cancelled),
            Self::Sending { .. } | Self::Paid { .. } | Self::Failed { .. } | Self::Cancelled => {
                Err(InvalidTransition)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn states() -> Vec<PayoutState> {
        let batch = BatchId(1);
        let txid = TxId::new("t");
        let failure = Failure { code: FailureCode::RefusedByNetwork, detail: String::new() };
        vec![
            PayoutState::AwaitingApproval,
            PayoutState::Queued,
            PayoutState::Sending { batch, stage: Stage::Preparing, txid: None },
            PayoutState::Sending { batch, stage: Stage::InBlock, txid: Some(txid.clone()) },
            PayoutState::Paid { txid, at: Timestamp(1) },
            PayoutState::Failed { failure, txid: None },
            PayoutState::Cancelled,
        ]
    }

    #[test]
    fn every_transition_is_allowed_from_exactly_these_states() {
        let allowed = |step: &dyn Fn(&PayoutState) -> bool| -> Vec<bool> {
            states().iter().map(step).collect()
        };
        let failure = || Failure { code: FailureCode::RefusedBySigner, detail: String::new() };
        let sending = [false, false, true, true, false, false, false];
        let waiting = [true, false, false, false, false, false, false];
        let queued = [false, true, false, false, false, false, false];
        let waiting_or_queued = [true, true, false, false, false, false, false];
        assert_eq!(allowed(&|it| it.approve().is_ok()), waiting);
        assert_eq!(allowed(&|it| it.send(BatchId(2)).is_ok()), queued);
        assert_eq!(allowed(&|it| it.cancel().is_ok()), waiting_or_queued);
        assert_eq!(allowed(&|it| it.follow(Stage::Signed, None).is_ok()), sending);
        assert_eq!(allowed(&|it| it.requeue().is_ok()), sending);
        assert_eq!(allowed(&|it| it.pay(TxId::new("x"), Timestamp(2)).is_ok()), sending);
        assert_eq!(allowed(&|it| it.fail(failure(), None).is_ok()), sending);
    }

    #[test]
    fn priorities_have_words() {
        for priority in Priority::ALL {
            assert_eq!(Priority::from_word(priority.word()), Some(priority));
        }
        assert_eq!(Priority::from_word("fastest"), None);
    }

    #[test]
    fn statuses_have_words() {
        for status in Status::ALL {
            assert_eq!(Status::from_word(status.word()), Some(status));
        }
        assert_eq!(Status::from_word("lost"), None);
    }
}
