//! Reading for people and APIs: lists, searches, balances, counts.

use std::collections::BTreeMap;

use domain::{
    Timestamp,
    delivery::Delivery,
    event::Event,
    ids::{AssetId, MerchantId, PayoutId},
    lane::Lane,
    ledger::{LedgerAccount, Posting},
    merchant::{ApiKey, Merchant},
    money::Amount,
    payout::{Payout, Status},
    ports::{Balance, PageQuery, PayoutKey, PayoutView},
};
use rusqlite::{Connection, ToSql, params, params_from_iter};

use super::{
    read::{amount, available_of, batch_of, first, list},
    rows::{self, Cells},
    table::{API_KEYS, DELIVERIES, LANES, MERCHANTS, PAYOUTS},
};
use crate::{codec, error::Fault};

pub(crate) fn payout_view(
    connection: &Connection,
    key: &PayoutKey,
) -> Result<Option<PayoutView>, Fault> {
    let select = |condition| format!("{} WHERE {condition}", PAYOUTS.select);
    let found = match key {
        PayoutKey::Id(id) => first(connection, &select("id = ?1"), [id.to_string()], rows::payout),
        PayoutKey::PublicId(id) => first(connection, &select("public_id = ?1"), [id], rows::payout),
        PayoutKey::MerchantRef(merchant, text) => {
            let sql = select("merchant = ?1 AND merchant_ref = ?2");
            first(connection, &sql, params![merchant.to_string(), text], rows::payout)
        }
        PayoutKey::TxId(merchant, txid) => {
            let sql = select("txid = ?2 AND merchant = ?1 ORDER BY id LIMIT 1");
            first(connection, &sql, params![merchant.to_string(), txid.as_str()], rows::payout)
        }
    };
    let Some(payout) = found? else { return Ok(None) };
    Ok(Some(PayoutView {
        batch: batch_of(connection, payout.id)?,
        events: events_of(connection, payout.id)?,
        deliveries: deliveries_of(connection, payout.id)?,
        available: available_of(connection, payout.merchant, payout.charged_asset())?,
        payout,
    }))
}

fn events_of(connection: &Connection, id: PayoutId) -> Result<Vec<Event>, Fault> {
    let sql = "SELECT seq, payout, at, kind, detail FROM events WHERE payout = ?1 ORDER BY seq";
    list(connection, sql, [id.to_string()], rows::event)
}

fn deliveries_of(connection: &Connection, id: PayoutId) -> Result<Vec<Delivery>, Fault> {
    let sql = format!("{} WHERE payout = ?1 ORDER BY number", DELIVERIES.select);
    list(connection, &sql, [id.to_string()], rows::delivery)
}

pub(crate) fn page(connection: &Connection, query: &PageQuery) -> Result<Vec<Payout>, Fault> {
    let text = |text: String| Box::new(text) as Box<dyn ToSql>;
    let moment = |at: Timestamp| Box::new(codec::ms(at)) as Box<dyn ToSql>;
    let asked = [
        ("merchant = ?", query.merchant.map(|it| text(it.to_string()))),
        ("status = ?", query.status.map(|it| text(it.word().to_owned()))),
        ("network = ?", query.network.as_ref().map(|it| text(it.to_string()))),
        ("asset = ?", query.asset.as_ref().map(|it| text(it.to_string()))),
        ("instr(asset, ?) = 1", query.ticker.as_ref().map(|it| text(format!("{it}@")))),
        ("created_at >= ?", query.from.map(moment)),
        ("created_at <= ?", query.until.map(moment)),
        ("id < ?", query.before.map(|it| text(it.to_string()))),
        ("id > ?", query.after.map(|it| text(it.to_string()))),
    ];
    let asked = asked.into_iter().filter_map(|(condition, value)| Some((condition, value?)));
    let (conditions, mut values): (Vec<&str>, Vec<Box<dyn ToSql>>) = asked.unzip();
    values.extend([Box::new(query.count_max) as Box<dyn ToSql>, Box::new(query.offset)]);
    let condition = match conditions.as_slice() {
        [] => String::new(),
        some => format!("WHERE {} ", some.join(" AND ")),
    };
    let order = if query.after.is_some() { "ASC" } else { "DESC" };
    let sql = format!("{} {condition}ORDER BY id {order} LIMIT ? OFFSET ?", PAYOUTS.select);
    let mut page = list(connection, &sql, params_from_iter(values), rows::payout)?;
    if query.after.is_some() {
        page.reverse();
    }
    Ok(page)
}

pub(crate) fn balances(connection: &Connection) -> Result<Vec<Balance>, Fault> {
    let sql = "SELECT id, account, asset, units FROM balances WHERE units <> '0' \
               ORDER BY asset, account";
    list(connection, sql, [], |row| {
        let cells = Cells::new(row, "balances");
        Ok(Balance {
            account: cells.id("account")?,
            asset: cells.asset("asset")?,
            units: cells.word("units", codec::canonical)?,
        })
    })
}

pub(crate) fn held(
    connection: &Connection,
    account: &LedgerAccount,
) -> Result<Vec<(AssetId, Amount)>, Fault> {
    let sql = "SELECT id, asset, units FROM balances \
               WHERE account = ?1 AND units <> '0' AND units NOT LIKE '-%' ORDER BY asset";
    list(connection, sql, [account.to_string()], |row| {
        let cells = Cells::new(row, "balances");
        let units = cells.word("units", |it| codec::canonical(it).and_then(amount))?;
        Ok((cells.asset("asset")?, units))
    })
}

/// Postings that debit or credit one line of the balances: each side by its own index.
const POSTINGS: &str = "
    WITH line AS (SELECT id FROM balances WHERE account = ?1 AND asset = ?2),
    found AS (
        SELECT * FROM (
            SELECT seq FROM postings WHERE debit = (SELECT id FROM line) ORDER BY seq LIMIT ?3
        )
        UNION
        SELECT * FROM (
            SELECT seq FROM postings WHERE credit = (SELECT id FROM line) ORDER BY seq LIMIT ?3
        )
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

pub(crate) fn postings(
    connection: &Connection,
    account: &LedgerAccount,
    asset: &AssetId,
    count_max: u32,
) -> Result<Vec<Posting>, Fault> {
    let parameters = params![account.to_string(), asset.as_str(), count_max];
    list(connection, POSTINGS, parameters, rows::posting)
}

const MOVED_SINCE: &str = "
    SELECT postings.amount FROM postings
    JOIN balances AS debited ON debited.id = postings.debit
    JOIN balances AS credited ON credited.id = postings.credit
    WHERE debited.account = ?1 AND credited.account = ?2 AND debited.asset = ?3
        AND credited.asset = ?3 AND postings.at >= ?4
";

/// What was posted from one account to another; the largest amount where the sum does not fit.
pub(crate) fn moved_since(
    connection: &Connection,
    (debit, credit): (&LedgerAccount, &LedgerAccount),
    asset: &AssetId,
    since: Timestamp,
) -> Result<Amount, Fault> {
    let asked = params![debit.to_string(), credit.to_string(), asset.as_str(), codec::ms(since)];
    let amounts =
        list(connection, MOVED_SINCE, asked, |row| Cells::new(row, "postings").amount("amount"))?;
    let sum = amounts.into_iter().try_fold(Amount::ZERO, Amount::checked_add);
    Ok(sum.unwrap_or(Amount::MAX))
}

pub(crate) fn merchants(connection: &Connection) -> Result<Vec<Merchant>, Fault> {
    let sql = format!("{} ORDER BY name", MERCHANTS.select);
    list(connection, &sql, [], rows::merchant)
}

pub(crate) fn keys_of(connection: &Connection, merchant: MerchantId) -> Result<Vec<ApiKey>, Fault> {
    let sql = format!("{} WHERE merchant = ?1 ORDER BY created_at, id", API_KEYS.select);
    list(connection, &sql, [merchant.to_string()], rows::api_key)
}

pub(crate) fn keys_by_lookup(
    connection: &Connection,
    dialect: &str,
    lookup: &str,
) -> Result<Vec<ApiKey>, Fault> {
    let sql = format!(
        "{} WHERE dialect = ?1 AND lookup = ?2 AND revoked_at IS NULL ORDER BY id",
        API_KEYS.select
    );
    list(connection, &sql, [dialect, lookup], rows::api_key)
}

pub(crate) fn lanes(connection: &Connection) -> Result<Vec<Lane>, Fault> {
    let sql = format!("{} ORDER BY id", LANES.select);
    list(connection, &sql, [], rows::lane)
}

pub(crate) fn counts(connection: &Connection) -> Result<BTreeMap<String, u64>, Fault> {
    let payouts = Status::ALL.into_iter().map(|it| format!("payouts.{}", it.word()));
    let deliveries = codec::DELIVERY_STATES
        .into_iter()
        .map(|it| format!("deliveries.{}", codec::delivery_word(it)));
    let mut counts: BTreeMap<String, u64> = payouts.chain(deliveries).map(|it| (it, 0)).collect();
    let sql = "SELECT 'payouts.' || status AS word, count(*) AS count FROM payouts \
               GROUP BY status \
               UNION ALL \
               SELECT 'deliveries.' || state, count(*) FROM deliveries GROUP BY state";
    let found = list(connection, sql, [], |row| {
        let cells = Cells::new(row, "counts");
        Ok((cells.text("word")?, cells.number("count")?))
    })?;
    counts.extend(found);
    Ok(counts)
}
