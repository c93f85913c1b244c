//! What goes over the wire, and the neutral form that dialects translate it to and from.

use std::net::IpAddr;

use domain::{
    Timestamp,
    catalog::Catalog,
    command::{CreatePayout, Nonce},
    event::Event,
    ids::{AssetId, DeliveryId, KeyId, MerchantId, PayoutId},
    merchant::{ApiKey, Merchant},
    money::Amount,
    payout::Payout,
    ports::{PageQuery, PayoutKey},
};
use zeroize::Zeroizing;

/// A request as it came off the wire.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The method, in capitals.
    pub method: &'a str,
    /// The path, percent-decoding not applied.
    pub path: &'a str,
    /// What follows the question mark, if anything.
    pub query: &'a str,
    /// Header names (lower case) and values, in order.
    pub headers: &'a [(String, String)],
    /// The raw body: signatures are checked over bytes, not over what they parse to.
    pub body: &'a [u8],
    /// Where it comes from, if that is known. Proves nothing about who asks.
    pub client: Option<IpAddr>,
}

impl<'a> Request<'a> {
    /// Returns the first header of this (lower case) name. Dialects have refused by then what comes
    /// twice.
    pub fn header(&self, name: &str) -> Option<&'a str> {
        self.headers.iter().find(|it| it.0 == name).map(|it| it.1.as_str())
    }
}

/// An answer, or a webhook, as it goes onto the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The HTTP status of an answer; unused in a webhook.
    pub status: u16,
    /// Headers, the content type among them.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// A secret, wiped from memory when dropped.
pub type Secret = Zeroizing<String>;

/// A credential that a request may have been made with.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The credential.
    pub key: ApiKey,
    /// Its secret, unsealed.
    pub secret: Secret,
    /// Whose it is.
    pub merchant: Merchant,
}

/// Facts that dialects may use. Random things are drawn by whoever owns randomness.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// Networks and assets.
    pub catalog: &'a Catalog,
    /// The moment of the request.
    pub now: Timestamp,
    /// The identifier that a new payout gets.
    pub payout_id: PayoutId,
    /// Random bytes for outward identifiers and request identifiers.
    pub random: &'a [u8; 64],
}

/// An authenticated request in neutral form.
#[derive(Clone, Debug)]
pub struct Call {
    /// Who asks.
    pub merchant: MerchantId,
    /// The credential that proved it.
    pub key: KeyId,
    /// What must be used up before anything else, in dialects that have it. In a
    /// [`Action::Create`] it is part of the command instead.
    pub nonce: Option<Nonce>,
    /// What is asked.
    pub action: Action,
    /// What the dialect wants back when it writes the answer: which endpoint, which spelling.
    pub note: String,
}

/// What can be asked.
#[derive(Clone, Debug)]
pub enum Action {
    /// Pay somebody.
    Create(Box<CreatePayout>),
    /// Withdraw a payout.
    Cancel(PayoutKey),
    /// Show a payout.
    Show(PayoutKey),
    /// List payouts; the merchant is filled in by whoever asks.
    List(PageQuery),
    /// Show what can be spent.
    Balances,
}

/// What is answered.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// A payout.
    Payout {
        /// The payout.
        payout: Box<Payout>,
        /// What happened to it, oldest first; empty for one that was just created.
        events: Vec<Event>,
        /// What its merchant has left of its asset.
        available: Amount,
        /// Whether this request created or withdrew it; `false` for repetitions and questions.
        fresh: bool,
    },
    /// Payouts, newest first.
    Payouts {
        /// The page.
        page: Vec<Payout>,
        /// Whether there are older ones.
        more: bool,
    },
    /// Spendable balances that are not zero.
    Balances(Vec<(AssetId, Amount)>),
}

/// A state to be told of: the payout, as its delivery saw it.
#[derive(Clone, Copy, Debug)]
pub struct Webhook<'a> {
    /// The payout.
    pub payout: &'a Payout,
    /// The delivery, which knows the status and transaction to tell of.
    pub delivery: &'a domain::delivery::Delivery,
    /// The credential that signs.
    pub key: &'a ApiKey,
    /// Its secret, unsealed.
    pub secret: &'a Secret,
}

impl Webhook<'_> {
    /// The delivery's identifier.
    pub fn id(&self) -> DeliveryId {
        self.delivery.id
    }
}

/// A credential that is being made.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// What the dialect uses it for.
    pub role: &'static str,
    /// What requests are looked up by.
    pub lookup: String,
    /// What signatures are made and checked with.
    pub secret: Secret,
    /// What the merchant is told, once: labels and values.
    pub shown: Vec<(&'static str, Secret)>,
}
