//! Reading for people and APIs: lists, searches, balances, counts.

use std::collections::BTreeMap;

use domain::{
    Timestamp,
    delivery::Delivery,
    event::Event,
    ids::{AssetId, MerchantId, PayoutId},
    lane::Lane,
    lease::Lease,
    ledger::{LedgerAccount, Posting},
    merchant::{ApiKey, Merchant},
    money::Amount,
    payout::{Payout, Status},
    ports::{Balance, PageQuery, PayoutKey, PayoutView},
};

use super::{
    codec,
    read::{amount, available_of, batch_of},
    rows::{self, Cells},
    session::{Session, four},
    table::{API_KEYS, DELIVERIES, LANES, LEASES, MERCHANTS, PAYOUTS},
    value::{Record, Value, values},
};
use crate::error::Fault;

pub(crate) async fn payout_view(
    session: &impl Session,
    key: &PayoutKey,
) -> Result<Option<PayoutView>, Fault> {
    let (condition, values) = match key {
        PayoutKey::Id(id) => ("id = ?1", vec![id.to_string().into()]),
        PayoutKey::PublicId(id) => ("public_id = ?1", vec![Value::from(id)]),
        PayoutKey::MerchantRef(merchant, text) => {
            ("merchant = ?1 AND merchant_ref = ?2", vec![merchant.to_string().into(), text.into()])
        }
        PayoutKey::TxId(merchant, txid) => (
            "merchant = ?1 AND txid = ?2 ORDER BY id LIMIT 1",
            vec![merchant.to_string().into(), txid.as_str().into()],
        ),
    };
    let sql = format!("{} WHERE {condition}", PAYOUTS.select);
    let Some(payout) = session.first(&sql, &values, rows::payout).await? else {
        return Ok(None);
    };
    let (batch, events, deliveries, available) = four(
        batch_of(session, payout.id),
        events_of(session, payout.id),
        deliveries_of(session, payout.id),
        available_of(session, payout.merchant, payout.charged_asset()),
    )
    .await?;
    Ok(Some(PayoutView { payout, batch, events, deliveries, available }))
}

async fn events_of(session: &impl Session, id: PayoutId) -> Result<Vec<Event>, Fault> {
    let sql = "SELECT seq, payout, at, kind, detail FROM events WHERE payout = ?1 ORDER BY seq";
    session.list(sql, &values![id.to_string()], rows::event).await
}

async fn deliveries_of(session: &impl Session, id: PayoutId) -> Result<Vec<Delivery>, Fault> {
    let sql = format!("{} WHERE payout = ?1 ORDER BY number", DELIVERIES.select);
    session.list(&sql, &values![id.to_string()], rows::delivery).await
}

/// How far apart the moment in a payout's identifier, when it was drawn, and that of its acceptance
/// are at most: a request waits seconds, and a clock may be put right in between.
const DRAWN_BEFORE_MS: u64 = 60 * 60 * 1_000;

/// The first identifier that may be drawn at a moment: identifiers begin with it, in 48 bits.
fn first_drawn(at_ms: u64) -> Value<'static> {
    let ms = u128::from(at_ms.min((1 << 48) - 1));
    PayoutId(ms << 80).to_string().into()
}

/// What the indexes of payouts by status say of their rows: those that were paid are nearly all that
/// there are, and are found in the order of all.
fn indexed(query: &PageQuery) -> &'static [&'static str] {
    match query.status {
        None | Some(Status::Paid) => &[],
        Some(Status::Failed | Status::Cancelled) if query.merchant.is_some() => {
            &["status IN ('failed', 'cancelled')"]
        }
        Some(_) => &["status <> 'paid'"],
    }
}

pub(crate) async fn page(session: &impl Session, query: &PageQuery) -> Result<Vec<Payout>, Fault> {
    let (sql, values) = page_question(query);
    let mut page = session.list(&sql, &values, rows::payout).await?;
    if query.after.is_some() {
        page.reverse();
    }
    Ok(page)
}

/// How a page is asked for.
pub(crate) fn page_question(query: &PageQuery) -> (String, Vec<Value<'_>>) {
    let moment = |at: Timestamp| Value::from(codec::ms(at));
    let (from, until) = (query.from.map(|it| it.0), query.until.map(|it| it.0));
    let asked = [
        ("merchant = ", query.merchant.map(|it| it.to_string().into())),
        ("status = ", query.status.map(|it| it.word().into())),
        ("network = ", query.network.as_ref().map(|it| it.as_str().into())),
        ("asset = ", query.asset.as_ref().map(|it| it.as_str().into())),
        ("1 = instr(asset, ", query.ticker.as_ref().map(|it| format!("{it}@").into())),
        ("created_at >= ", query.from.map(moment)),
        ("created_at <= ", query.until.map(moment)),
        // Days are found by the order of identifiers, without an index of moments.
        ("id >= ", from.map(|it| first_drawn(it.saturating_sub(DRAWN_BEFORE_MS)))),
        ("id < ", until.map(|it| first_drawn(it.saturating_add(DRAWN_BEFORE_MS)))),
        ("id < ", query.before.map(|it| it.to_string().into())),
        ("id > ", query.after.map(|it| it.to_string().into())),
    ];
    let mut values = vec![Value::from(query.count_max), query.offset.into()];
    let mut conditions: Vec<String> = indexed(query).iter().map(|it| (*it).to_owned()).collect();
    for (condition, value) in asked {
        let Some(value) = value else { continue };
        values.push(value);
        let close = if condition.contains('(') { ")" } else { "" };
        conditions.push(format!("{condition}?{}{close}", values.len()));
    }
    let condition = match conditions.as_slice() {
        [] => String::new(),
        some => format!("WHERE {} ", some.join(" AND ")),
    };
    let order = if query.after.is_some() { "ASC" } else { "DESC" };
    let sql = format!("{} {condition}ORDER BY id {order} LIMIT ?1 OFFSET ?2", PAYOUTS.select);
    (sql, values)
}

pub(crate) async fn balances(session: &impl Session) -> Result<Vec<Balance>, Fault> {
    let sql = "SELECT id, account, asset, units FROM balances WHERE units <> '0' \
               ORDER BY asset, account";
    let turn = |row: &dyn Record| {
        let cells = Cells::new(row, "balances");
        Ok(Balance {
            account: cells.id("account")?,
            asset: cells.asset("asset")?,
            units: cells.word("units", codec::canonical)?,
        })
    };
    session.list(sql, &[], turn).await
}

pub(crate) async fn held(
    session: &impl Session,
    account: &LedgerAccount,
) -> Result<Vec<(AssetId, Amount)>, Fault> {
    let sql = "SELECT id, asset, units FROM balances \
               WHERE account = ?1 AND units <> '0' AND units NOT LIKE '-%' ORDER BY asset";
    let turn = |row: &dyn Record| {
        let cells = Cells::new(row, "balances");
        let units = cells.word("units", |it| codec::canonical(it).and_then(amount))?;
        Ok((cells.asset("asset")?, units))
    };
    session.list(sql, &values![account.to_string()], turn).await
}

/// Postings that debit or credit one line of the balances. Reads the whole ledger.
pub(crate) const POSTINGS: &str = "
    SELECT
        postings.seq, postings.at, postings.cause_kind, postings.cause, debited.asset,
        debited.account AS debit, credited.account AS credit, postings.amount
    FROM postings
    JOIN balances AS debited ON debited.id = postings.debit
    JOIN balances AS credited ON credited.id = postings.credit
    WHERE (debited.account = ?1 OR credited.account = ?1) AND debited.asset = ?2
    ORDER BY postings.seq
    LIMIT ?3
";

pub(crate) async fn postings(
    session: &impl Session,
    account: &LedgerAccount,
    asset: &AssetId,
    count_max: u32,
) -> Result<Vec<Posting>, Fault> {
    let asked = values![account.to_string(), asset.as_str(), count_max];
    session.list(POSTINGS, &asked, rows::posting).await
}

const MOVED_SINCE: &str = "
    SELECT amount FROM postings
    WHERE debit = (SELECT id FROM balances WHERE account = ?1 AND asset = ?3)
        AND credit = (SELECT id FROM balances WHERE account = ?2 AND asset = ?3)
        AND at >= ?4 AND cause_kind <> 'payout'
";

/// What was posted from one account to another; the largest amount where the sum does not fit.
pub(crate) async fn moved_since(
    session: &impl Session,
    (debit, credit): (&LedgerAccount, &LedgerAccount),
    asset: &AssetId,
    since: Timestamp,
) -> Result<Amount, Fault> {
    let asked = values![debit.to_string(), credit.to_string(), asset.as_str(), codec::ms(since)];
    let turn = |row: &dyn Record| Cells::new(row, "postings").amount("amount");
    let amounts = session.list(MOVED_SINCE, &asked, turn).await?;
    let sum = amounts.into_iter().try_fold(Amount::ZERO, Amount::checked_add);
    Ok(sum.unwrap_or(Amount::MAX))
}

pub(crate) async fn merchants(session: &impl Session) -> Result<Vec<Merchant>, Fault> {
    let sql = format!("{} ORDER BY name", MERCHANTS.select);
    session.list(&sql, &[], rows::merchant).await
}

pub(crate) async fn keys_of(
    session: &impl Session,
    merchant: MerchantId,
) -> Result<Vec<ApiKey>, Fault> {
    let sql = format!("{} WHERE merchant = ?1 ORDER BY created_at, id", API_KEYS.select);
    session.list(&sql, &values![merchant.to_string()], rows::api_key).await
}

pub(crate) async fn keys_by_lookup(
    session: &impl Session,
    dialect: &str,
    lookup: &str,
) -> Result<Vec<ApiKey>, Fault> {
    let sql = format!(
        "{} WHERE dialect = ?1 AND lookup = ?2 AND revoked_at IS NULL ORDER BY id",
        API_KEYS.select
    );
    session.list(&sql, &values![dialect, lookup], rows::api_key).await
}

pub(crate) async fn lanes(session: &impl Session) -> Result<Vec<Lane>, Fault> {
    let sql = format!("{} ORDER BY id", LANES.select);
    session.list(&sql, &[], rows::lane).await
}

pub(crate) async fn leases(session: &impl Session) -> Result<Vec<Lease>, Fault> {
    let sql = format!("{} ORDER BY name", LEASES.select);
    session.list(&sql, &[], rows::lease).await
}

/// What has not ended, in the words of the indexes that hold nothing else.
const OPEN: &str = "
    SELECT 'payouts.' || status AS word, count(*) AS count FROM payouts
    WHERE status <> 'paid'
        AND status IN ('awaiting_approval', 'queued', 'sending', 'in_block')
    GROUP BY status
    UNION ALL
    SELECT 'deliveries.due', count(*) FROM deliveries WHERE state = 'due'
";

pub(crate) async fn counts(session: &impl Session) -> Result<BTreeMap<String, u64>, Fault> {
    let open = Status::ALL.into_iter().filter(|it| !it.is_final());
    let open = open.map(|it| (format!("payouts.{}", it.word()), 0));
    let mut counts: BTreeMap<String, u64> = open.collect();
    let turn = |row: &dyn Record| {
        let cells = Cells::new(row, "counts");
        Ok((cells.text("word")?, cells.number("count")?))
    };
    counts.extend(session.list(OPEN, &[], turn).await?);
    Ok(counts)
}
