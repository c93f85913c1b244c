//! What is asked of us, what came of it, and why not.

use crate::{
    catalog::DestinationError,
    ids::{AssetId, DialectId, KeyId, MerchantId, PayoutId},
    money::{Amount, AmountError},
    payout::{Payout, Webhook},
    quote::FeeBearer,
};

/// A change that somebody asks for. Questions that change nothing are not commands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Pay somebody.
    Create(Box<CreatePayout>),
    /// Withdraw a payout for which no transaction exists yet.
    Cancel {
        /// Whose payout it must be.
        merchant: MerchantId,
        /// The payout.
        payout: PayoutId,
    },
    /// Use up a nonce without changing anything else.
    UseNonce(Nonce),
}

/// A request to pay somebody, as a dialect understood it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreatePayout {
    /// The identifier it gets if it is accepted.
    pub id: PayoutId,
    /// Outward identifiers to choose from: the first that is not taken is used.
    pub public_ids: Vec<String>,
    /// Who is charged.
    pub merchant: MerchantId,
    /// In which API it is asked for.
    pub dialect: DialectId,
    /// The credential that asks; `None` if the operator does.
    pub key: Option<KeyId>,
    /// The merchant's own reference: at most one payout ever has it.
    pub merchant_ref: Option<String>,
    /// Names the request itself: at most one payout ever comes of it.
    pub idempotency_key: Option<String>,
    /// What to do if a payout with this reference or key exists and says something else.
    pub on_other_content: OnOtherContent,
    /// Must never have been used before, unless the payout exists already.
    pub nonce: Option<Nonce>,
    /// What to pay.
    pub asset: AssetId,
    /// How much, before fees.
    pub asked: Amount,
    /// Who bears the fees.
    pub bearer: FeeBearer,
    /// Where to, as the merchant wrote it.
    pub address: String,
    /// What some networks need beside an address.
    pub memo: Option<String>,
    /// Where to tell of its states.
    pub webhook: Option<Webhook>,
    /// What the dialect wants back word for word when it writes an answer.
    pub note: String,
}

/// What to do when an identifier comes back with other content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnOtherContent {
    /// Refuse, so that the merchant notices.
    Refuse,
    /// Answer with the payout that exists, if it was asked for in the same API; else refuse.
    AnswerExisting,
}

/// A number or text that a credential may use once, ever.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nonce {
    /// The credential.
    pub key: KeyId,
    /// The number or text, as written.
    pub text: String,
}

/// What came of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The payout that was created, found or withdrawn; `None` if the command was about none.
    pub payout: Option<Payout>,
    /// Whether the command changed anything: `false` when it was a repetition.
    pub fresh: bool,
    /// What the merchant has left of the payout's asset.
    pub available: Amount,
}

/// Why we will not do what was asked. Dialects put it into words; nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The credential is missing, unknown or revoked, or the signature is wrong.
    Unauthenticated,
    /// There is nothing at this path.
    UnknownPath,
    /// There is something at this path, but not for this method.
    MethodNotAllowed,
    /// The content type is not one this API takes.
    UnsupportedMediaType,
    /// The body is larger than we read.
    BodyTooLarge,
    /// The body cannot be read at all.
    Malformed {
        /// What is wrong with it.
        detail: String,
    },
    /// A field that must be there is not.
    MissingField {
        /// Its name on the wire.
        field: &'static str,
    },
    /// A field holds something it must not.
    InvalidField {
        /// Its name on the wire.
        field: &'static str,
        /// What is wrong with it.
        detail: String,
    },
    /// The request must carry a nonce.
    NonceMissing,
    /// The nonce was used before.
    NonceReused,
    /// A payout with this reference or key exists and says something else.
    RefReused,
    /// Too many requests.
    RateLimited {
        /// When to come back.
        retry_after_ms: u64,
    },
    /// No coin goes by this name.
    UnknownAsset,
    /// The coin exists, but not on this network, or the network is missing and not the only one.
    UnknownNetwork,
    /// The asset is in the catalog, but this installation does not pay it.
    AssetUnavailable,
    /// The address or memo cannot receive.
    Destination(DestinationError),
    /// The amount is not a plain positive number that the asset can represent.
    Amount(AmountError),
    /// Less than may be paid.
    AmountTooSmall {
        /// The least, if there is a fixed one.
        minimum: Option<Amount>,
    },
    /// More than may be paid.
    AmountTooLarge {
        /// The most, if there is a fixed one.
        maximum: Option<Amount>,
    },
    /// The merchant does not have what it costs.
    InsufficientFunds,
    /// The operator has stopped this merchant's payouts.
    MerchantPaused,
    /// There is no such payout, or it is somebody else's.
    NotFound,
    /// The payout is on its way or has ended.
    NotCancellable,
    /// We cannot decide at the moment. Whether anything was changed is not known; the same request
    /// again finds out.
    Unavailable(&'static str),
}
