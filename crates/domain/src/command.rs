//! What is asked of us, what came of it, and why not.

use crate::{
    catalog::DestinationError,
    ids::{AssetId, DialectId, KeyId, MerchantId, PayoutId},
    money::{Amount, AmountError, Decimal},
    payout::{Payout, Priority, Verdict, Webhook},
    pricing::{Locked, Promise},
    quote::{FeeBearer, Quote},
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
    /// Answer whether a payout may be paid that waits for it.
    Judge {
        /// Whose payout it must be.
        merchant: MerchantId,
        /// The payout.
        payout: PayoutId,
        /// The answer.
        verdict: Verdict,
    },
    /// Withdraw a payout that nobody approved in time.
    Expire(PayoutId),
    /// Set money apart from payouts, or take it back.
    Transfer {
        /// Whose money.
        merchant: MerchantId,
        /// The coin, on whichever networks the merchant holds it.
        ticker: String,
        /// How much.
        amount: Decimal,
        /// Where to.
        direction: Direction,
    },
    /// Price a payout without asking for it. Changes nothing.
    Quote(Box<CreatePayout>),
    /// Use up a nonce without changing anything else.
    UseNonce(Nonce),
}

/// Where a transfer goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Away from what payouts are paid from.
    ToPersonal,
    /// Back to it.
    ToBusiness,
}

/// How much is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// So much of the payout's asset.
    Exact(Amount),
    /// As much of it as so much of another currency is worth.
    Worth {
        /// The currency's code, in capitals.
        currency: String,
        /// How much of it.
        amount: Decimal,
    },
    /// As much of it as is bought by selling so much of what is sold.
    Spend(Decimal),
}

/// What a payout is paid from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The payout's own asset, and the same coin of other networks where that is exchanged at par.
    Own,
    /// What the merchant holds of this coin, on any network.
    Ticker(String),
    /// What is agreed with the merchant ([`crate::quote::MerchantTerms::sources`]).
    Configured,
}

/// The least that an API pays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Least {
    /// Only what is worth more US dollars than this.
    pub more_than_usd: Decimal,
    /// At least so many times the network's fee.
    pub network_fees: u32,
}

/// What an approval is asked for with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApprovalRequest {
    /// Where to post the question; `None` if nobody is told.
    pub url: Option<String>,
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
    pub asked: Asked,
    /// Who bears the fees.
    pub bearer: FeeBearer,
    /// What it is paid from.
    pub source: Source,
    /// Where prices are taken from for a sum in another currency; the merchant's default if `None`.
    pub course: Option<String>,
    /// Whether something is set aside beside what is sold until the payout ends. Where a given sum
    /// is sold ([`Asked::Spend`]), that sum is all.
    pub insured: bool,
    /// How much to spend for speed.
    pub priority: Priority,
    /// The least that the API pays.
    pub least: Least,
    /// Figures that were promised before.
    pub locked: Option<Locked>,
    /// What must approve it first.
    pub approval: Option<ApprovalRequest>,
    /// Where to, as the merchant wrote it.
    pub address: String,
    /// What some networks need beside an address.
    pub memo: Option<String>,
    /// Where to tell of its states.
    pub webhook: Option<Webhook>,
    /// What the dialect wants back word for word when it writes an answer.
    pub note: String,
}

impl CreatePayout {
    /// A request for so much of an asset and nothing unusual: no names, no webhook, paid from the
    /// asset itself, fees on top.
    pub fn new(
        id: PayoutId,
        merchant: MerchantId,
        dialect: DialectId,
        asset: AssetId,
        asked: Asked,
        address: String,
    ) -> Self {
        Self {
            id,
            public_ids: vec![],
            merchant,
            dialect,
            key: None,
            merchant_ref: None,
            idempotency_key: None,
            on_other_content: OnOtherContent::Refuse,
            nonce: None,
            asset,
            asked,
            bearer: FeeBearer::Merchant,
            source: Source::Own,
            course: None,
            insured: false,
            priority: Priority::default(),
            least: Least::default(),
            locked: None,
            approval: None,
            address,
            memo: None,
            webhook: None,
            note: String::new(),
        }
    }
}

impl CreatePayout {
    /// What is wished for, in canonical words, whoever it goes to: the same words are the same wish.
    pub fn wish(&self) -> String {
        let asked = match &self.asked {
            Asked::Exact(amount) => format!("exact {}", amount.units()),
            Asked::Worth { currency, amount } => format!("worth {amount} {currency}"),
            Asked::Spend(amount) => format!("spend {amount}"),
        };
        let source = match &self.source {
            Source::Own => "own",
            Source::Ticker(ticker) => ticker,
            Source::Configured => "configured",
        };
        self.words(&asked, source)
    }

    /// What the same request was called before anything was exchanged, if it could be made then:
    /// nothing was said of what is sold, and both sums were sums of what is paid.
    pub fn wish_before_exchanges(&self, asset_decimals: u8) -> Option<String> {
        let asked = match (&self.source, &self.asked) {
            (Source::Own | Source::Configured, Asked::Exact(asked)) => *asked,
            (Source::Configured, Asked::Spend(spent)) => spent.amount(asset_decimals).ok()?,
            _ => return None,
        };
        Some(self.words(&format!("exact {}", asked.units()), "unsaid"))
    }

    fn words(&self, asked: &str, source: &str) -> String {
        let fees = match self.bearer {
            FeeBearer::Merchant => "merchant",
            FeeBearer::Recipient => "recipient",
        };
        format!("{asked} {} fees {fees} from {source}", self.asset)
    }

    /// The prices that were promised for it, if it shows a promise.
    pub fn promise(&self) -> Option<&Promise> {
        self.locked.as_ref()?.promise.as_ref()
    }
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
pub enum Accepted {
    /// A payout was created, found, withdrawn or judged.
    Payout {
        /// The payout.
        payout: Box<Payout>,
        /// Whether the command changed anything: `false` when it was a repetition.
        fresh: bool,
        /// What the merchant has left of what it is [charged in](Payout::charged_asset).
        available: Amount,
    },
    /// What a payout would cost, and the figures that are promised for it.
    Quoted(Box<Quote>, Box<Locked>),
    /// What the merchant has of a coin now, on all networks.
    Moved {
        /// What can be spent.
        available: Decimal,
        /// What is set apart.
        personal: Decimal,
    },
    /// The nonce was used up.
    NonceUsed,
}

impl Accepted {
    /// The payout that it is about, if it is about one.
    pub fn payout(&self) -> Option<&Payout> {
        match self {
            Self::Payout { payout, .. } => Some(payout),
            Self::Quoted(..) | Self::Moved { .. } | Self::NonceUsed => None,
        }
    }

    /// The payout, if the command changed it.
    pub fn changed(&self) -> Option<&Payout> {
        match self {
            Self::Payout { payout, fresh: true, .. } => Some(payout),
            Self::Payout { .. } | Self::Quoted(..) | Self::Moved { .. } | Self::NonceUsed => None,
        }
    }
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
    /// The merchant does not have what must be sold for it.
    InsufficientForConversion {
        /// The coin that would be sold.
        from: String,
        /// The coin that would be bought.
        to: String,
    },
    /// The merchant never had any of what it would be paid from.
    NoWallet,
    /// The house does not exchange that, or has not enough of it now. Says what is the matter.
    NotConvertible(&'static str),
    /// There is no price for this currency that can be relied on.
    RateUnknown {
        /// The currency's code.
        currency: String,
    },
    /// A figure that the decision needs is not known at the moment. Nothing was changed.
    TermsUnknown(&'static str),
    /// The quote is too old, was taken up already, or is for something else.
    QuoteExpired,
    /// The operator has stopped this merchant's payouts.
    MerchantPaused,
    /// There is no such payout, or it is somebody else's.
    NotFound,
    /// The payout is on its way or has ended.
    NotCancellable,
    /// The payout does not wait for an approval, or was judged otherwise.
    NotAwaitingApproval,
    /// The API has this call, and this gateway does not. Says why.
    NotSupported(&'static str),
    /// We cannot decide at the moment. Whether anything was changed is not known; the same request
    /// again finds out.
    Unavailable(&'static str),
}
