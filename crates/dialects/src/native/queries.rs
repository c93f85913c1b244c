//! What the query strings of our own API mean.

use domain::{
    Timestamp,
    command::Refusal,
    ids::{MerchantId, NetworkId, PayoutId},
    payout::Status,
    ports::PageQuery,
};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{
    assets,
    decode::invalid,
    terms::{self, RatesBody},
};
use crate::{Action, Caller, Context, endpoint::Found, fields::Fields, http, wire::Request};

const PAGE_COUNT: u32 = 20;
const PAGE_COUNT_MAX: u32 = 100;

/// Reads a query string. What the call does not have is refused.
pub(super) fn read<R: Copy>(
    found: &Found<'_, R>,
    request: &Request<'_>,
) -> Result<Fields, Refusal> {
    let fields = found.query(request)?;
    let unknown = fields.unknown().map(|name| format!("there is no parameter {name:?}"));
    match unknown {
        Some(detail) => Err(invalid("query", &detail)),
        None => Ok(fields),
    }
}

/// Reads which page of payouts is asked for.
pub(super) fn page(
    fields: &Fields,
    merchant: MerchantId,
    context: &Context<'_>,
) -> Result<PageQuery, Refusal> {
    let status = fields
        .text("status")?
        .map(|it| Status::from_word(it).ok_or_else(|| invalid("status", "no such status")));
    let count = fields.text("limit")?.map(|it| {
        let count = it.parse().ok().filter(|it| (1..=PAGE_COUNT_MAX).contains(it));
        count.ok_or_else(|| invalid("limit", "must be 1 to 100"))
    });
    let (before, after) = (payout(fields, "before")?, payout(fields, "after")?);
    if before.is_some() && after.is_some() {
        return Err(invalid("after", "not together with before"));
    }
    let network = fields.text("network")?;
    let asset = fields.text("asset")?.map(|it| assets::find(context.catalog, it, network));
    if network.is_some_and(|it| !context.catalog.networks().any(|known| known.id.as_str() == it)) {
        return Err(Refusal::UnknownNetwork);
    }
    Ok(PageQuery {
        merchant: Some(merchant),
        status: status.transpose()?,
        network: network.map(NetworkId::new),
        asset: asset.transpose()?.map(|it| it.id.clone()),
        from: moment(fields, "created_from")?,
        until: moment(fields, "created_until")?,
        before,
        after,
        offset: 0,
        count_max: count.transpose()?.unwrap_or(PAGE_COUNT),
        ticker: None,
    })
}

fn payout(fields: &Fields, field: &'static str) -> Result<Option<PayoutId>, Refusal> {
    let id = fields
        .text(field)?
        .map(|it| it.parse::<PayoutId>().map_err(|_| invalid(field, "must be a payout's id")));
    id.transpose()
}

/// Reads a moment as RFC 3339 writes it.
fn moment(fields: &Fields, field: &'static str) -> Result<Option<Timestamp>, Refusal> {
    let Some(text) = fields.text(field)? else { return Ok(None) };
    let wrong = || invalid(field, "must be a moment like 2026-01-31T23:59:59Z");
    let moment = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| wrong())?;
    let ms = moment.unix_timestamp_nanos() / 1_000_000;
    u64::try_from(ms).map(|it| Some(Timestamp(it))).map_err(|_| wrong())
}

/// Answers which prices there are; by the account's own source if none is named.
pub(super) fn rates(
    fields: &Fields,
    caller: &Caller,
    context: &Context<'_>,
) -> Result<Action, Refusal> {
    let agreed = context.book.merchant(&caller.merchant.name).rate_source.as_deref();
    let source = fields.text("source")?.or(agreed);
    let prices = terms::prices(fields.text("currency")?, source, context);
    let message = http::json(200, &RatesBody::new(&prices, context));
    Ok(Action::Answer(Box::new(message)))
}
