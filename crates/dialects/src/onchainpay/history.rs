//! Which withdrawals are listed.

use domain::{Timestamp, catalog::Catalog, command::Refusal, ports::PageQuery};
use time::{Date, Duration, macros::format_description};

use super::assets;
use crate::fields::{Fields, Value};

/// How many are listed if nothing is said, and at most.
const COUNT: u32 = 100;
const COUNT_MAX: u32 = 1_000;

fn invalid(field: &'static str, detail: String) -> Refusal {
    Refusal::InvalidField { field, detail }
}

/// Reads which withdrawals are listed; `None` if none can be.
///
/// # Errors
/// Names the filter that cannot be read.
pub(super) fn query(fields: &Fields, catalog: &Catalog) -> Result<Option<PageQuery>, Refusal> {
    let count_max = number(fields, "limit", COUNT_MAX)?.unwrap_or(COUNT);
    let offset = number(fields, "offset", u32::MAX)?.unwrap_or(0);
    match fields.filled("sortDate")? {
        Some(order) if !order.eq_ignore_ascii_case("desc") => {
            return Err(invalid("sortDate", "must be DESC: newest first".to_owned()));
        }
        Some(_) | None => {}
    }
    let is_deposit = match fields.filled("type")?.map(str::to_ascii_lowercase).as_deref() {
        Some("withdrawal" | "out") | None => false,
        Some("deposit" | "in") => true,
        Some(_) => return Err(invalid("type", "must be withdrawal or deposit".to_owned())),
    };
    let day = day(fields)?;
    let network = fields.filled("network")?;
    let (asset, ticker) = match (fields.filled("currency")?, network) {
        (None, _) => (None, None),
        (Some(currency), Some(network)) => {
            (Some(assets::find(catalog, currency, network)?.id.clone()), None)
        }
        (Some(currency), None) => (None, Some(ticker(currency, catalog)?)),
    };
    let network = match network {
        Some(name) => {
            let found = catalog.network(&name.to_ascii_lowercase());
            Some(found.ok_or(Refusal::UnknownNetwork)?.id.clone())
        }
        None => None,
    };
    let query = PageQuery {
        network,
        asset,
        ticker,
        from: day.map(|it| it.0),
        until: day.map(|it| it.1),
        offset,
        count_max,
        ..PageQuery::default()
    };
    Ok(Some(query).filter(|_| !is_deposit && count_max > 0))
}

/// The ticker of a currency that is on some network.
fn ticker(currency: &str, catalog: &Catalog) -> Result<String, Refusal> {
    let mut found = catalog.assets().filter(|it| it.ticker.eq_ignore_ascii_case(currency));
    Ok(found.next().ok_or(Refusal::UnknownAsset)?.ticker.clone())
}

/// Reads a whole number up to a limit, which may be written as a text.
fn number(fields: &Fields, name: &'static str, most: u32) -> Result<Option<u32>, Refusal> {
    let read = |text: &str| text.parse().ok().filter(|it| *it <= most);
    let found = match fields.get(name) {
        None => return Ok(None),
        Some(Value::Number(text) | Value::Text(text)) => read(text),
        Some(Value::Null | Value::Bool(_) | Value::Texts(_) | Value::Nested) => None,
    };
    found.map(Some).ok_or_else(|| invalid(name, format!("must be a number from 0 to {most}")))
}

/// Reads a day in UTC: its first and its last moment.
fn day(fields: &Fields) -> Result<Option<(Timestamp, Timestamp)>, Refusal> {
    let Some(text) = fields.filled("date")? else { return Ok(None) };
    let wrong = || invalid("date", "must be a day like 2026-01-31".to_owned());
    let day = Date::parse(text, format_description!("[year]-[month]-[day]"));
    let begin = day.map_err(|_| wrong())?.midnight().assume_utc();
    let ms = |at: time::OffsetDateTime| {
        u64::try_from(at.unix_timestamp_nanos() / 1_000_000).map_err(|_| wrong())
    };
    let (first, next) = (ms(begin)?, ms(begin.saturating_add(Duration::days(1)))?);
    Ok(Some((Timestamp(first), Timestamp(next.saturating_sub(1)))))
}
