//! Lists of payouts: which page is asked for, and how it is written.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use domain::{
    Timestamp,
    catalog::Catalog,
    command::Refusal,
    ids::{AssetId, MerchantId, PayoutId},
    money::Amount,
    payout::Payout,
    ports::PageQuery,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use time::{PrimitiveDateTime, macros::format_description};
use url::form_urlencoded;
use uuid::Uuid;

use super::{
    decode::{broken, text},
    sum::PLACES,
    wire::{Note, asked, charged, note, status_word},
};
use crate::{
    decimal::with_places,
    fields::Fields,
    identity,
    shown::{Shown, moment},
};

/// How many payouts a page has.
const PER_PAGE: u32 = 15;
/// The provider's times are those of Moscow, three hours ahead of UTC.
const AHEAD_MS: u64 = 3 * 3_600_000;
const SECOND_MS: u64 = 1_000;

/// Where a page begins: beside which payout, and on which side of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Cursor {
    id: String,
    #[serde(rename = "_pointsToNextItems")]
    points_to_next_items: bool,
}

impl Cursor {
    /// Points away from a payout, to older or newer ones.
    fn text(payout: &Payout, points_to_next_items: bool) -> String {
        let cursor = Self { id: identity::uuid_of(payout.id.0), points_to_next_items };
        let json = serde_json::to_string(&cursor).expect("a cursor is plain text");
        BASE64_URL_SAFE_NO_PAD.encode(json)
    }

    fn parse(text: &str) -> Option<(PayoutId, bool)> {
        let json = BASE64_URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok()?;
        let cursor: Self = serde_json::from_slice(&json).ok()?;
        let id = Uuid::try_parse(&cursor.id).ok()?;
        Some((PayoutId(id.as_u128()), cursor.points_to_next_items))
    }
}

/// Reads which page is asked for.
pub(super) fn query(
    fields: &Fields,
    query: &str,
    merchant: MerchantId,
) -> Result<PageQuery, Refusal> {
    let from = match date(fields, "date_from")? {
        Some(from) => Some(from),
        // One published client writes it so.
        None => date(fields, "data_from")?,
    };
    let until = date(fields, "date_to")?.map(|it| it.plus_ms(SECOND_MS - 1));
    let page = PageQuery {
        merchant: Some(merchant),
        from,
        until,
        count_max: PER_PAGE,
        ..PageQuery::default()
    };
    let mut cursors =
        form_urlencoded::parse(query.as_bytes()).filter(|it| it.0 == "cursor" && !it.1.is_empty());
    match (cursors.next(), cursors.next()) {
        (None, _) => Ok(page),
        (Some((_, text)), None) => match Cursor::parse(&text) {
            Some((id, true)) => Ok(PageQuery { before: Some(id), ..page }),
            Some((id, false)) => Ok(PageQuery { after: Some(id), ..page }),
            None => Err(broken("cursor", "validation.cursor")),
        },
        (Some(_), Some(_)) => Err(broken("cursor", "validation.cursor")),
    }
}

/// Reads a moment like `2023-07-12 16:28:24`, of Moscow.
fn date(fields: &Fields, field: &'static str) -> Result<Option<Timestamp>, Refusal> {
    let Some(text) = text(fields, field)? else { return Ok(None) };
    let format = format_description!("[year]-[month]-[day] [hour padding:none]:[minute]:[second]");
    let moment = PrimitiveDateTime::parse(text, format).ok().and_then(|it| {
        let seconds = u64::try_from(it.assume_utc().unix_timestamp()).ok()?;
        seconds.checked_mul(SECOND_MS)?.checked_sub(AHEAD_MS).map(Timestamp)
    });
    moment.map(Some).ok_or_else(|| broken(field, "validation.date_format"))
}

/// Prints a moment like `2023-07-12T16:28:24+03:00`.
fn time(at: Timestamp) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]+03:00");
    moment(at.plus_ms(AHEAD_MS), format)
}

/// A page of payouts.
#[derive(Serialize, JsonSchema)]
pub(super) struct PageBody<'a> {
    merchant_uuid: &'a str,
    items: Vec<ItemBody<'a>>,
    paginate: Paginate,
}

#[derive(Serialize, JsonSchema)]
struct ItemBody<'a> {
    uuid: &'a str,
    amount: String,
    currency: String,
    network: String,
    address: &'a str,
    txid: Option<&'a str>,
    status: &'static str,
    is_final: bool,
    balance: String,
    created_at: String,
    updated_at: String,
}

/// Where a page is among the others.
#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Paginate {
    count: usize,
    has_pages: bool,
    next_cursor: Option<String>,
    previous_cursor: Option<String>,
    per_page: u32,
}

impl<'a> PageBody<'a> {
    /// Writes a page; `more` as [`crate::Outcome::Payouts`] says.
    pub(super) fn new(
        merchant_uuid: &'a str,
        query: &PageQuery,
        page: &'a [Payout],
        more: bool,
        available: &[(AssetId, Amount)],
        catalog: &'a Catalog,
    ) -> Self {
        let item = |it| ItemBody::new(it, available, catalog);
        Self {
            merchant_uuid,
            items: page.iter().map(item).collect(),
            paginate: Paginate::new(query, page, more),
        }
    }
}

impl<'a> ItemBody<'a> {
    fn new(payout: &'a Payout, available: &[(AssetId, Amount)], catalog: &'a Catalog) -> Self {
        let shown = Shown::now(payout, catalog);
        let Note { currency: coin, network } = note(&shown);
        let (amount, currency) = asked(&shown, &coin);
        let charged = charged(&shown, catalog);
        let left = available.iter().find(|it| it.0 == charged.id);
        let left = left.map(|it| it.1).unwrap_or_default();
        Self {
            uuid: &payout.public_id,
            amount,
            currency,
            network,
            address: &payout.destination.address,
            txid: shown.txid,
            status: status_word(&shown),
            is_final: shown.status.is_final(),
            balance: with_places(&charged.text(left), PLACES),
            created_at: time(payout.created_at),
            updated_at: time(payout.updated_at),
        }
    }
}

impl Paginate {
    fn new(query: &PageQuery, page: &[Payout], more: bool) -> Self {
        let (is_older, is_newer) = (query.before.is_some(), query.after.is_some());
        let has_next = is_newer || more;
        let has_previous = is_older || (is_newer && more);
        let next = page.last().filter(|_| has_next).map(|it| Cursor::text(it, true));
        let previous = page.first().filter(|_| has_previous).map(|it| Cursor::text(it, false));
        Self {
            count: page.len(),
            has_pages: has_next || has_previous,
            next_cursor: next,
            previous_cursor: previous,
            per_page: PER_PAGE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_are_read_back_and_nothing_else_is() {
        let json = br#"{"id":"019b7c00-0000-7000-8000-000000000001","_pointsToNextItems":false}"#;
        let text = BASE64_URL_SAFE_NO_PAD.encode(json);
        let id = PayoutId(0x019b_7c00_0000_7000_8000_0000_0000_0001);
        assert_eq!(Cursor::parse(&text), Some((id, false)));
        assert_eq!(Cursor::parse(&format!("{text}==")), Some((id, false)));
        for json in ["", "{}", "[]", r#"{"id":5,"_pointsToNextItems":true}"#, r#"{"id":"x"}"#] {
            assert_eq!(Cursor::parse(&BASE64_URL_SAFE_NO_PAD.encode(json)), None, "{json}");
        }
        assert_eq!(Cursor::parse("none"), None);
    }

    #[test]
    fn times_are_those_of_moscow() {
        // `date -d 2023-07-12T16:28:24+03:00 +%s`
        assert_eq!(time(Timestamp(1_689_168_504_999)), "2023-07-12T16:28:24+03:00");
    }
}
