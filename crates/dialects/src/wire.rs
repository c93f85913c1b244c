//! What goes over the wire, and the neutral form that dialects translate it to and from.

use std::{collections::BTreeSet, net::IpAddr};

use domain::{
    Timestamp,
    catalog::{Asset, Catalog},
    command::{CreatePayout, Direction, Nonce},
    delivery::Delivery,
    event::Event,
    ids::{AssetId, DeliveryId, KeyId, MerchantId, NetworkId, PayoutId},
    merchant::{ApiKey, Merchant},
    money::{Amount, Decimal},
    payout::{Payout, Verdict},
    ports::{AddressRules, PageQuery, PayoutKey},
    pricing::Locked,
    quote::{PriceBook, Quote},
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
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// Networks and assets.
    pub catalog: &'a Catalog,
    /// Terms and prices, as they are known at the moment.
    pub book: &'a PriceBook,
    /// Address rules.
    pub rules: &'a dyn AddressRules,
    /// The gateway's own addresses.
    pub wallets: &'a BTreeSet<(NetworkId, String)>,
    /// What the operator may set in the dialects.
    pub settings: &'a Settings,
    /// The moment of the request.
    pub now: Timestamp,
    /// The identifier that a new payout gets.
    pub payout_id: PayoutId,
    /// Random bytes for outward identifiers and request identifiers.
    pub random: &'a [u8; 64],
}

impl Context<'_> {
    /// The least of an asset that may arrive at any address, if there is a bound: the operator's, or
    /// what its network carries.
    pub fn least(&self, asset: &Asset) -> Option<Amount> {
        let agreed = self.book.terms.get(&asset.id).and_then(|it| it.amount_min);
        let carried = match asset.contract {
            Some(_) => Amount::ZERO,
            None => self.rules.least(self.catalog.network_of(asset), None),
        };
        Some(agreed.unwrap_or_default().max(carried)).filter(|it| agreed.is_some() || !it.is_zero())
    }
}

/// What the operator may set in the dialects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// What a payout must be worth more than, in US dollars, in APIs whose provider has such a limit.
    pub more_than_usd: Decimal,
    /// How many times the network's fee a payout must be at least, in APIs whose provider has such a
    /// limit.
    pub network_fees: u32,
}

impl Default for Settings {
    /// As the providers say.
    fn default() -> Self {
        let twenty = Decimal::parse("20").expect("it is a decimal");
        Self { more_than_usd: twenty, network_fees: 2 }
    }
}

/// An authenticated request in neutral form.
#[derive(Clone, Debug)]
pub struct Call {
    /// Who asks.
    pub merchant: MerchantId,
    /// The credential that asks.
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
    /// Pay somebody. Answered with [`Outcome::Payout`].
    Create(Box<CreatePayout>),
    /// Price a payout without asking for it. Answered with [`Outcome::Quoted`].
    Quote(Box<CreatePayout>),
    /// Withdraw a payout. Answered with [`Outcome::Payout`].
    Cancel(PayoutKey),
    /// Approve or decline a payout. Answered with [`Outcome::Payout`].
    Judge(PayoutKey, Verdict),
    /// Show a payout. Answered with [`Outcome::Payout`].
    Show(PayoutKey),
    /// Show several payouts, in this order, without those that are not there. Answered with
    /// [`Outcome::Payouts`].
    ShowAll(Vec<PayoutKey>),
    /// List payouts; the merchant is filled in by whoever asks. Answered with [`Outcome::Payouts`].
    List(PageQuery),
    /// Show what can be spent and what is set apart. Answered with [`Outcome::Balances`].
    Balances,
    /// Set money apart, or take it back. Answered with [`Outcome::Moved`].
    Transfer {
        /// The coin.
        ticker: String,
        /// How much of it.
        amount: Decimal,
        /// Where to.
        direction: Direction,
    },
    /// Show a webhook: of this payout, with this number. Answered with [`Outcome::Delivery`].
    ShowDelivery(PayoutKey, u16),
    /// Post a message to an address of the merchant's once, and say whether it was acknowledged.
    /// Answered with [`Outcome::Posted`].
    TestWebhook {
        /// The payout it must be about, if it is about one.
        about: Option<PayoutKey>,
        /// Where to.
        url: String,
        /// What.
        message: Box<Message>,
    },
    /// Nothing needs to be asked of the ledger: this is the answer.
    Answer(Box<Message>),
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
        /// What its merchant has left of what it is [charged in](Payout::charged_asset).
        available: Amount,
        /// Whether this request created or withdrew it; `false` for repetitions and questions.
        fresh: bool,
    },
    /// What a payout would cost, and the figures that are promised for it.
    Quoted(Box<Quote>, Box<Locked>),
    /// Payouts, newest first.
    Payouts {
        /// The page.
        page: Vec<Payout>,
        /// Whether there are older ones (newer ones, if those after a payout were asked for).
        more: bool,
        /// What the merchant can spend now, where that is not zero.
        available: Vec<(AssetId, Amount)>,
    },
    /// Balances that are not zero.
    Balances {
        /// What can be spent.
        available: Vec<(AssetId, Amount)>,
        /// What is set apart from payouts.
        personal: Vec<(AssetId, Amount)>,
    },
    /// What the merchant has of a coin now, on all networks.
    Moved {
        /// What can be spent.
        available: Decimal,
        /// What is set apart.
        personal: Decimal,
    },
    /// A webhook, with the payout it tells of and the credential that signs it.
    Delivery(Box<Payout>, Box<Delivery>, Option<Box<ApiKey>>),
    /// Whether a message was acknowledged, and what came back, in a few words.
    Posted {
        /// Whether it was.
        acknowledged: bool,
        /// A status, or why there is none.
        result: String,
    },
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
