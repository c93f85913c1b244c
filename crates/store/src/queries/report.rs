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

pub(crate) async fn page(session: &impl Session, query: &PageQuery) -> Result<Vec<Payout>, Fault> {
    let moment = |at: Timestamp| Value::from(codec::ms(at));
    let asked = [
        ("merchant = ", query.merchant.map(|it| it.to_string().into())),
        ("status = ", query.status.map(|it| it.word().into())),
        ("network = ", query.network.as_ref().map(|it| it.as_str().into())),
        ("asset = ", query.asset.as_ref().map(|it| it.as_str().into())),
        ("1 = instr(asset, ", query.ticker.as_ref().map(|it| format!("{it}@").into())),
        ("created_at >= ", query.from.map(moment)),
        ("created_at <= ", query.until.map(moment)),
        ("id < ", query.before.map(|it| it.to_string().into())),
        ("id > ", query.after.map(|it| it.to_string().into())),
    ];
    let mut values = vec![Value::from(query.count_max), query.offset.into()];
    let mut conditions = vec![];
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
    let mut page = session.list(&sql, &values, rows::payout).await?;
    if query.after.is_some() {
        page.reverse();
    }
    Ok(page)
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

/// Postings that debit or credit one line of the balances: each side by its own index.
const POSTINGS: &str = "
    WITH line AS (SELECT id FROM balances WHERE account = ?1 AND asset = ?2),
    found AS (
        SELECT * FROM (
            SELECT seq FROM postings WHERE debit = (SELECT id FROM line) ORDER BY seq LIMIT ?3
        ) AS debits
        UNION
        SELECT * FROM (
            SELECT seq FROM postings WHERE credit = (SELECT id FROM line) ORDER BY seq LIMIT ?3
        ) AS credits
    )
    SELECT
        postings.seq, postings.at, postings.cause_kind, postings.cause, debited.asset,
        debited.account AS debit, credited.account AS credit, postings.amount
    FROM found
    JOIN postings ON postings.seq = found.seq
    JOIN balances AS debited ON debited.id = postings.debit
    JOIN balances AS credited ON credited.id = postings.credit
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
    SELECT postings.amount FROM postings
    JOIN balances AS debited ON debited.id = postings.debit
    JOIN balances AS credited ON credited.id = postings.credit
    WHERE debited.account = ?1 AND credited.account = ?2 AND debited.asset = ?3
        AND credited.asset = ?3 AND postings.at >= ?4
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

pub(crate) async fn counts(session: &impl Session) -> Result<BTreeMap<String, u64>, Fault> {
    let payouts = Status::ALL.into_iter().map(|it| format!("payouts.{}", it.word()));
    let deliveries = codec::DELIVERY_STATES
        .into_iter()
        .map(|it| format!("deliveries.{}", codec::delivery_word(it)));
    let mut counts: BTreeMap<String, u64> = payouts.chain(deliveries).map(|it| (it, 0)).collect();
    let sql = "SELECT 'payouts.' || status AS word, count(*) AS count FROM payouts \
               GROUP BY status \
               UNION ALL \
               SELECT 'deliveries.' || state, count(*) FROM deliveries GROUP BY state";
    let turn = |row: &dyn Record| {
        let cells = Cells::new(row, "counts");
        Ok((cells.text("word")?, cells.number("count")?))
    };
    counts.extend(session.list(sql, &[], turn).await?);
    Ok(counts)
}
