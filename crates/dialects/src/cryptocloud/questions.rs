//! What questions in `CryptoCloud`'s API mean: which withdrawals, of which days.

use domain::{
    Timestamp,
    command::Refusal,
    ids::MerchantId,
    ports::{PageQuery, PayoutKey},
};
use time::{Date, Month};

use crate::fields::{Fields, Value};

/// How many withdrawals a list has, and how many it has if the question does not say.
const LIST_MAX: u32 = 100;
const LIST_COUNT: u32 = 10;
/// How many withdrawals statistics are made of.
pub(super) const STATISTICS_MAX: u32 = 10_000;

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// Characters of an identifier without its prefix.
const BARE_ID_CHARACTERS: usize = 8;

/// Reads which withdrawals are asked for by name.
pub(super) fn keys(fields: &Fields) -> Result<Vec<PayoutKey>, Refusal> {
    let uuids = fields.texts("uuids")?.ok_or(Refusal::MissingField { field: "uuids" })?;
    Ok(uuids.iter().map(|it| key(it)).collect())
}

/// A withdrawal by its identifier, whose prefix may be left out. Longer ones are those of other
/// APIs.
pub(super) fn key(uuid: &str) -> PayoutKey {
    let is_bare = !uuid.starts_with("INV-") && uuid.len() <= BARE_ID_CHARACTERS;
    PayoutKey::PublicId(if is_bare { format!("INV-{uuid}") } else { uuid.to_owned() })
}

/// Reads which page of the withdrawals of some days is asked for.
pub(super) fn page(fields: &Fields, merchant: MerchantId) -> Result<PageQuery, Refusal> {
    let limit = number(fields, "limit")?.unwrap_or(LIST_COUNT);
    if limit == 0 {
        return Err(invalid("limit", "must be at least 1"));
    }
    let offset = number(fields, "offset")?.unwrap_or_default();
    Ok(PageQuery { offset, count_max: limit.min(LIST_MAX), ..period(fields, merchant)? })
}

/// Reads which days statistics are asked for.
pub(super) fn all(fields: &Fields, merchant: MerchantId) -> Result<PageQuery, Refusal> {
    Ok(PageQuery { count_max: STATISTICS_MAX, ..period(fields, merchant)? })
}

/// Reads the first and the last day, in UTC, of questions that must name both.
pub(super) fn both_days(fields: &Fields) -> Result<(), Refusal> {
    fields.required("start")?;
    fields.required("end")?;
    Ok(())
}

/// The payouts of some days, in UTC; of all if none are named.
fn period(fields: &Fields, merchant: MerchantId) -> Result<PageQuery, Refusal> {
    let from = day(fields, "start")?;
    let last = day(fields, "end")?;
    if from.zip(last).is_some_and(|(from, last)| last < from) {
        return Err(invalid("end", "is before start"));
    }
    let until = last.map(|it| it.plus_ms(DAY_MS - 1));
    Ok(PageQuery { merchant: Some(merchant), from, until, ..PageQuery::default() })
}

/// Reads a day: when it begins.
fn day(fields: &Fields, field: &'static str) -> Result<Option<Timestamp>, Refusal> {
    let Some(text) = fields.filled(field)? else { return Ok(None) };
    let date = date(text).ok_or_else(|| invalid(field, "must be a date like 31.12.2025"))?;
    let seconds = date.midnight().assume_utc().unix_timestamp();
    Ok(Some(Timestamp(u64::try_from(seconds).unwrap_or_default() * 1_000)))
}

fn date(text: &str) -> Option<Date> {
    let is_written_so = text.len() == "dd.mm.yyyy".len()
        && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let mut parts = text.split('.').filter(|_| is_written_so);
    let (day, month, year) = (parts.next()?, parts.next()?, parts.next()?);
    let month = Month::try_from(month.parse::<u8>().ok()?).ok()?;
    let date = Date::from_calendar_date(year.parse().ok()?, month, day.parse().ok()?).ok()?;
    parts.next().is_none().then_some(date)
}

/// Reads a whole number, also one that is written as a text.
fn number(fields: &Fields, field: &'static str) -> Result<Option<u32>, Refusal> {
    let text = match fields.get(field) {
        None => return Ok(None),
        Some(Value::Number(text) | Value::Text(text)) => text,
        Some(Value::Null | Value::Bool(_) | Value::Texts(_) | Value::Nested) => "",
    };
    text.parse().map(Some).map_err(|_| invalid(field, "must be a whole number"))
}

fn invalid(field: &'static str, detail: &str) -> Refusal {
    Refusal::InvalidField { field, detail: detail.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_whole_and_exist() {
        assert_eq!(date("02.01.2026").map(|it| it.to_string()).as_deref(), Some("2026-01-02"));
        assert!(date("29.02.2024").is_some());
        for text in [
            "29.02.2025",
            "1.1.2026",
            "2026-01-02",
            "02.01.26",
            "00.01.2026",
            "",
            "02.13.2026",
            "+2.01.2026",
        ] {
            assert_eq!(date(text), None, "{text}");
        }
    }

    #[test]
    fn the_prefix_may_be_left_out() {
        let id = |text: &str| PayoutKey::PublicId(text.to_owned());
        assert_eq!(key("R3U2GD6W"), id("INV-R3U2GD6W"));
        assert_eq!(key("INV-R3U2GD6W"), id("INV-R3U2GD6W"));
        let other = "9fd8a5b2-0000-4000-8000-000000000000";
        assert_eq!(key(other), id(other));
    }
}
