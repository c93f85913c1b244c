//! Withdrawals from an address ("Withdrawals 1.0"): a fee is asked for first, and promised.

use domain::{
    command::{Asked, CreatePayout, Refusal},
    ids::DialectId,
    payout::{Payout, Status},
    pricing::Locked,
    quote::{FeeBearer, Quote},
};
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    account::balance_id,
    addresses, decode,
    wire::{Note, USD_PLACES},
};
use crate::{
    Caller, Context, Request, Secret,
    fields::Fields,
    http, identity,
    shown::{Shown, rfc3339},
    token,
};

/// Where fees come from: the only source that there is.
const FEE_SOURCE: &str = "advanced_balance";

/// Reads what a fee is asked for. Fees come on top, and nobody is named yet.
pub(super) fn priced(
    dialect: &'static str,
    fields: &Fields,
    caller: &Caller,
    context: &Context<'_>,
) -> Result<CreatePayout, Refusal> {
    let asset = addresses::find(context.catalog, fields.required("addressId")?)?;
    let amount = fields.get("amount").ok_or(Refusal::MissingField { field: "amount" })?;
    let asked = Asked::Exact(amount.amount(asset.decimals)?);
    let (merchant, dialect) = (caller.merchant.id, DialectId::new(dialect));
    let create = CreatePayout::new(
        context.payout_id,
        merchant,
        dialect,
        asset.id.clone(),
        asked,
        String::new(),
    );
    Ok(CreatePayout { bearer: FeeBearer::Merchant, ..create })
}

/// Reads a request for a withdrawal at a promised fee.
pub(super) fn create(
    dialect: &'static str,
    request: &Request<'_>,
    fields: &Fields,
    caller: &Caller,
    context: &Context<'_>,
) -> Result<CreatePayout, Refusal> {
    let address = fields.required("address")?.to_owned();
    let priced = priced(dialect, fields, caller, context)?;
    let key = token::sealing_key(&caller.secret);
    let locked = token::open(fields.required("feeToken")?, &key).ok_or(Refusal::QuoteExpired)?;
    Ok(CreatePayout {
        public_ids: vec![identity::uuid_at(context.random, context.now)],
        key: Some(caller.key.id),
        idempotency_key: http::idempotency_key(request)?,
        locked: Some(locked),
        address,
        memo: fields.filled("tag")?.map(str::to_owned),
        webhook: decode::webhook(fields)?,
        note: Note { from_address: true, ..Note::default() }.text(),
        ..priced
    })
}

/// A promised fee. Everything is in the coin that is paid.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct FeeToken<'a> {
    #[serde(rename = "blockchainFeeCurrencyUSDRate")]
    blockchain_fee_currency_usd_rate: Option<String>,
    blockchain_fee_currency: &'a str,
    #[serde(rename = "withdrawalCurrencyUSDRate")]
    withdrawal_currency_usd_rate: Option<String>,
    blockchain_fee_source: &'static str,
    blockchain_fee: String,
    #[serde(rename = "blockchainFeeUSD")]
    blockchain_fee_usd: Option<String>,
    service_fee: String,
    #[serde(rename = "serviceFeeUSD")]
    service_fee_usd: Option<String>,
    withdrawal_min: String,
    token: String,
    until: String,
}

impl<'a> FeeToken<'a> {
    /// Writes what was promised; `None` if its asset is not in the catalog.
    pub(super) fn new(
        quote: &Quote,
        locked: &Locked,
        key: &Secret,
        context: &Context<'a>,
    ) -> Option<Self> {
        let asset = context.catalog.asset(locked.asset.as_str())?;
        // Nothing is exchanged, so nothing but the network's fee is promised.
        let fee_alone = Locked { promise: None, ..locked.clone() };
        let price = quote.usd.as_ref().map(|it| it.usd);
        let usd = |amount| {
            let rounding = domain::money::Rounding::Up;
            let worth = price?.price(amount, asset.decimals, USD_PLACES, rounding)?;
            Some(worth.to_text(USD_PLACES))
        };
        let least = context.book.terms.get(&asset.id).and_then(|it| it.amount_min);
        Some(Self {
            blockchain_fee_currency_usd_rate: price.map(|it| it.to_string()),
            blockchain_fee_currency: &asset.ticker,
            withdrawal_currency_usd_rate: price.map(|it| it.to_string()),
            blockchain_fee_source: FEE_SOURCE,
            blockchain_fee: asset.text(quote.network_fee),
            blockchain_fee_usd: usd(quote.network_fee),
            service_fee: asset.text(quote.service_fee),
            service_fee_usd: usd(quote.service_fee),
            withdrawal_min: asset.text(least.unwrap_or_default()),
            token: token::seal(&fee_alone, key),
            until: rfc3339(locked.until),
        })
    }
}

/// The words of statuses.
const STATUSES: [&str; 5] = ["init", "pending", "processed", "error", "rejected"];

/// A withdrawal from an address.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct AddressWithdrawal<'a> {
    id: &'a str,
    advanced_balance_id: String,
    address_id: String,
    currency: &'a str,
    network: &'a str,
    tx: Option<&'a str>,
    #[schemars(extend("enum" = STATUSES))]
    status: &'static str,
    address: &'a str,
    tag: Option<&'a str>,
    amount: String,
    fee_currency: &'a str,
    fee_source: &'static str,
    fee_amount: String,
    created_at: String,
    webhook_url: Option<&'a str>,
}

impl<'a> AddressWithdrawal<'a> {
    /// Writes a withdrawal.
    pub(super) fn new(shown: &Shown<'a>) -> Self {
        let payout: &'a Payout = shown.payout;
        let quote = &payout.quote;
        let fees = quote.service_fee.checked_add(quote.network_fee).unwrap_or_default();
        Self {
            id: &payout.public_id,
            advanced_balance_id: balance_id(payout.merchant),
            address_id: addresses::id(shown.asset),
            currency: &shown.asset.ticker,
            network: shown.asset.network.as_str(),
            tx: shown.txid,
            status: status_word(shown.status),
            address: &payout.destination.address,
            tag: payout.destination.memo.as_deref(),
            amount: shown.text(quote.amount),
            fee_currency: &shown.asset.ticker,
            fee_source: FEE_SOURCE,
            fee_amount: shown.text(fees),
            created_at: rfc3339(payout.created_at),
            webhook_url: payout.webhook.as_ref().map(|it| it.url.as_str()),
        }
    }
}

fn status_word(status: Status) -> &'static str {
    match status {
        Status::AwaitingApproval | Status::Queued => "init",
        Status::Sending | Status::InBlock => "pending",
        Status::Paid => "processed",
        Status::Failed => "error",
        Status::Cancelled => "rejected",
    }
}
