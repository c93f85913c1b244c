//! What `OnchainPay` writes of a withdrawal.

use domain::{
    money::Amount,
    payout::{Payout, Status, Verdict},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{addresses, source::Source, webhooks::Told};
use crate::{
    Context,
    identity::uuid_of,
    shown::{Shown, rfc3339},
};

/// How exact figures in US dollars are, in places.
pub(super) const USD_PLACES: u8 = 8;

/// What is kept with a payout for its answers.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Note {
    /// The sum that was given as `amountFrom`, if one was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) amount_from: Option<String>,
    /// Whose wish it is, in the merchant's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) client_id: Option<String>,
    /// What was wished for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) currency: Option<String>,
    /// How much of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) amount: Option<String>,
    /// Whether it was asked for from an address: its webhooks are of that form.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) from_address: bool,
}

impl Note {
    /// What was kept with a payout; nothing if another API made it.
    pub(super) fn of(payout: &Payout) -> Self {
        serde_json::from_str(&payout.note).unwrap_or_default()
    }

    /// The text that is kept.
    pub(super) fn text(&self) -> String {
        serde_json::to_string(self).expect("a note is plain data")
    }
}

/// A successful answer.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
pub(super) struct Success<T> {
    success: bool,
    response: T,
}

impl<T> Success<T> {
    /// Wraps what is answered.
    pub(super) fn new(response: T) -> Self {
        Self { success: true, response }
    }
}

/// The words of statuses.
const STATUSES: [&str; 5] = ["PENDING", "WITHDRAWING", "PROCESSED", "ERROR", "REJECTED"];

/// A withdrawal, all of the page's keys in its order. What we do not know is null: nobody assesses
/// the address's risk.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Withdrawal<'a> {
    id: &'a str,
    organization_id: String,
    r#type: &'static str,
    #[schemars(extend("enum" = STATUSES))]
    status: &'static str,
    message: Option<&'a str>,
    address_risk_level: Option<()>,
    currency_from: &'a str,
    network_from: &'a str,
    currency_to: &'a str,
    network_to: &'a str,
    address_from_id: String,
    address_from: Option<&'a str>,
    address_to: &'a str,
    amount_from: String,
    #[serde(rename = "amountFromUSD")]
    amount_from_usd: Option<String>,
    amount_to: String,
    #[serde(rename = "amountToUSD")]
    amount_to_usd: Option<String>,
    amount_to_receive: String,
    rate: String,
    blockchain_fee_from: &'static str,
    #[serde(rename = "blockchainFeeFromUSD")]
    blockchain_fee_from_usd: &'static str,
    blockchain_fee_to_source: &'static str,
    blockchain_fee_to: String,
    #[serde(rename = "blockchainFeeToUSD")]
    blockchain_fee_to_usd: Option<String>,
    service_fee: String,
    tx_id: Option<&'a str>,
    webhook_url: Option<&'a str>,
    approve_url: Option<&'a str>,
    approve_result: Option<ApproveResult<'a>>,
    requested_client_id: Option<String>,
    requested_currency: Option<String>,
    requested_amount: Option<String>,
    created_at: String,
    updated_at: String,
}

/// Who approved or declined it, when, and from where.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ApproveResult<'a> {
    api_key: ApiKeyBody<'a>,
    request: RequestBody<'a>,
    approve: bool,
    time: String,
}

#[derive(Serialize, JsonSchema)]
struct ApiKeyBody<'a> {
    id: Option<String>,
    public: &'a str,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct RequestBody<'a> {
    ip: &'a str,
    user_agent: &'a str,
}

impl<'a> ApproveResult<'a> {
    fn new(verdict: &'a Verdict) -> Self {
        Self {
            api_key: ApiKeyBody {
                id: verdict.key.map(|it| uuid_of(it.0)),
                public: &verdict.key_public,
            },
            request: RequestBody { ip: &verdict.ip, user_agent: &verdict.user_agent },
            approve: verdict.approve,
            time: rfc3339(verdict.at),
        }
    }
}

impl<'a> Withdrawal<'a> {
    /// Writes a withdrawal.
    pub(super) fn new(shown: &Shown<'a>, context: &Context<'a>) -> Self {
        let payout: &'a Payout = shown.payout;
        let quote = &payout.quote;
        let note = Note::of(payout);
        let source = Source::of(shown, context.catalog);
        let amount_from = match &note.amount_from {
            Some(given) => source.amount(given),
            None => source.leaving(shown.status),
        };
        let usd = |amount: Amount| shown.usd(amount, USD_PLACES);
        let approval = payout.approval.as_ref();
        let answered = shown.status != Status::AwaitingApproval;
        let verdict = approval.and_then(|it| it.verdict.as_ref()).filter(|_| answered);
        Self {
            id: &payout.public_id,
            organization_id: uuid_of(payout.merchant.0),
            r#type: "WITHDRAWAL",
            status: status_word(shown.status),
            message: shown.failure().map(|it| it.detail.as_str()),
            address_risk_level: None,
            currency_from: &source.asset.ticker,
            network_from: source.asset.network.as_str(),
            currency_to: &shown.asset.ticker,
            network_to: shown.asset.network.as_str(),
            address_from_id: addresses::id(source.asset),
            address_from: addresses::wallet(context, source.asset),
            address_to: &payout.destination.address,
            amount_from: source.text(amount_from),
            amount_from_usd: source.usd(amount_from),
            amount_to: shown.text(quote.asked),
            amount_to_usd: usd(quote.asked),
            amount_to_receive: shown.text(quote.amount),
            rate: source.rate(),
            blockchain_fee_from: "0",
            blockchain_fee_from_usd: "0",
            blockchain_fee_to_source: "ADVANCED",
            blockchain_fee_to: shown.text(quote.network_fee),
            blockchain_fee_to_usd: usd(quote.network_fee),
            service_fee: source.text(source.worth_of(quote.service_fee)),
            tx_id: shown.txid,
            webhook_url: payout.webhook.as_ref().map(|it| it.url.as_str()),
            approve_url: approval.and_then(|it| it.url.as_deref()),
            approve_result: verdict.map(ApproveResult::new),
            requested_client_id: note.client_id,
            requested_currency: note.currency,
            requested_amount: note.amount,
            created_at: rfc3339(payout.created_at),
            updated_at: rfc3339(shown.updated_at),
        }
    }
}

fn status_word(status: Status) -> &'static str {
    match status {
        Status::AwaitingApproval | Status::Queued => "PENDING",
        Status::Sending | Status::InBlock => "WITHDRAWING",
        Status::Paid => "PROCESSED",
        Status::Failed => "ERROR",
        Status::Cancelled => "REJECTED",
    }
}

/// A withdrawal that was found by its transaction.
#[derive(Serialize, JsonSchema)]
pub(super) struct Found<'a> {
    r#type: &'static str,
    source: &'static str,
    address: Option<&'a str>,
    result: Told<'a>,
}

impl<'a> Found<'a> {
    /// Writes what was found; the address is the one that paid.
    pub(super) fn new(shown: &Shown<'a>, context: &Context<'a>) -> Self {
        let result = Told::new(shown, context);
        let source = match &result {
            Told::Auto(_) => "AUTO_WITHDRAWAL",
            Told::FromAddress(_) => "WITHDRAWAL",
        };
        Self { r#type: "OUT", source, address: addresses::wallet(context, shown.asset), result }
    }
}
