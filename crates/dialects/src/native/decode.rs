//! What requests of our own API mean.

use domain::{
    catalog::{Asset, Catalog},
    command::{Asked, CreatePayout, Refusal},
    ids::{DialectId, MerchantId, PayoutId},
    money::Amount,
    payout::{self, Status},
    ports::{PageQuery, PayoutKey},
};
use percent_encoding::percent_decode_str;
use url::form_urlencoded;

use super::{NAME, assets, wire};
use crate::{
    Caller, Context,
    field::TEXT_CHARACTERS_MAX,
    fields::{Fields, Value},
    http, identity,
};

/// What a refusal blames for a field that does not exist; the answer names that field.
pub(super) const BODY: &str = "body";

const PAGE_COUNT: u32 = 20;
const PAGE_COUNT_MAX: u32 = 100;

/// What merchants are told of: everything that happens after acceptance.
pub(super) const TOLD: [Status; 5] =
    [Status::Sending, Status::InBlock, Status::Paid, Status::Failed, Status::Cancelled];

fn invalid(field: &'static str, detail: &str) -> Refusal {
    Refusal::InvalidField { field, detail: detail.to_owned() }
}

fn required<'a>(fields: &'a Fields, field: &'static str) -> Result<&'a str, Refusal> {
    fields.text(field)?.ok_or(Refusal::MissingField { field })
}

/// Reads a request for a payout.
pub(super) fn create(
    fields: &Fields,
    idempotency_key: Option<String>,
    caller: &Caller,
    context: &Context<'_>,
) -> Result<CreatePayout, Refusal> {
    if let Some(name) = fields.unknown() {
        return Err(invalid(BODY, &format!("there is no field {name:?}")));
    }
    let asset = asset(fields, context.catalog)?;
    let asked = match fields.get("amount") {
        None => return Err(Refusal::MissingField { field: "amount" }),
        Some(Value::Text(text)) => Amount::parse(text, asset.decimals).map_err(Refusal::Amount)?,
        Some(_) => return Err(invalid("amount", "must be a string")),
    };
    let bearer = fields.text("fee_bearer")?.unwrap_or("merchant");
    let bearer = wire::bearer(bearer);
    let address = required(fields, "address")?.to_owned();
    let merchant_ref = fields.text("merchant_ref")?.map(str::to_owned);
    if merchant_ref.as_ref().is_some_and(|it| it.is_empty() || it.contains(char::is_control)) {
        return Err(invalid("merchant_ref", "must not be empty or have control characters"));
    }
    if merchant_ref.is_none() && idempotency_key.is_none() {
        return Err(Refusal::MissingField { field: "merchant_ref" });
    }
    let url = fields.text("webhook_url")?.map(str::to_owned);
    if url.as_deref().is_some_and(|it| !http::is_webhook_url(it)) {
        return Err(invalid("webhook_url", "must be an http or https address"));
    }
    let url = url.or_else(|| caller.merchant.webhook_url.clone());
    let (merchant, dialect) = (caller.merchant.id, DialectId::new(NAME));
    let asked = Asked::Exact(asked);
    let create =
        CreatePayout::new(context.payout_id, merchant, dialect, asset.id.clone(), asked, address);
    Ok(CreatePayout {
        public_ids: identity::uuids(context.random),
        key: Some(caller.key.id),
        merchant_ref,
        idempotency_key,
        bearer: bearer.ok_or_else(|| invalid("fee_bearer", "must be merchant or recipient"))?,
        memo: fields.text("memo")?.map(str::to_owned),
        webhook: url.map(|url| payout::Webhook { url, on: TOLD.to_vec() }),
        ..create
    })
}

/// Finds the asset that a request for a payout names.
pub(super) fn asset<'a>(fields: &Fields, catalog: &'a Catalog) -> Result<&'a Asset, Refusal> {
    let asset = required(fields, "asset")?;
    assets::find(catalog, asset, fields.text("network")?)
}

/// Reads what stands for a payout in a path: `po_…`, `ref:…`, or an outward identifier.
pub(super) fn payout_key(
    merchant: MerchantId,
    segment: Option<&str>,
) -> Result<PayoutKey, Refusal> {
    let segment = segment.ok_or(Refusal::NotFound)?;
    let text = percent_decode_str(segment).decode_utf8().map_err(|_| Refusal::NotFound)?;
    if text.chars().count() > TEXT_CHARACTERS_MAX + "ref:".len() {
        return Err(Refusal::NotFound);
    }
    Ok(match (text.strip_prefix("ref:"), text.parse::<PayoutId>()) {
        (Some(merchant_ref), _) => PayoutKey::MerchantRef(merchant, merchant_ref.to_owned()),
        (None, Ok(id)) => PayoutKey::Id(id),
        (None, Err(_)) => PayoutKey::PublicId(text.into_owned()),
    })
}

/// Reads which page of payouts is asked for.
pub(super) fn page_query(query: &str, merchant: MerchantId) -> Result<PageQuery, Refusal> {
    let mut page =
        PageQuery { merchant: Some(merchant), count_max: PAGE_COUNT, ..PageQuery::default() };
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match &*name {
            "status" => {
                let status = Status::from_word(&value);
                page.status = Some(status.ok_or_else(|| invalid("status", "no such status"))?);
            }
            "limit" => {
                let count = value.parse().ok().filter(|it| (1..=PAGE_COUNT_MAX).contains(it));
                page.count_max = count.ok_or_else(|| invalid("limit", "must be 1 to 100"))?;
            }
            "before" => {
                let id = value.parse().ok();
                page.before = Some(id.ok_or_else(|| invalid("before", "must be a payout's id"))?);
            }
            _ => return Err(invalid("query", &format!("there is no parameter {name:?}"))),
        }
    }
    Ok(page)
}
