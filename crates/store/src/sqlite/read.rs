//! Reading for the engine: what decisions and steps need.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Display,
};

use domain::{
    Timestamp,
    batch::{Attempt, Batch},
    chore::Chore,
    ids::{AssetId, BatchId, DeliveryId, KeyId, LaneId, MerchantId, NetworkId, PayoutId, TxId},
    lane::Lane,
    ledger::LedgerAccount,
    merchant::{ApiKey, Merchant},
    money::Amount,
    payout::Payout,
    ports::{AcceptNeeds, AcceptView, BatchView, Commitment, DeliveryView, LaneView},
};
use rusqlite::{Connection, Params, Row, params};

use super::{
    rows::{self, Cells},
    table::{API_KEYS, BATCHES, DELIVERIES, LANES, MERCHANTS, PAYOUTS},
};
use crate::{codec, error::Fault};

/// Runs a query and turns each of its rows into something.
pub(crate) fn list<T>(
    connection: &Connection,
    sql: &str,
    parameters: impl Params,
    turn: impl Fn(&Row<'_>) -> Result<T, Fault>,
) -> Result<Vec<T>, Fault> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(parameters)?;
    let mut found = vec![];
    while let Some(row) = rows.next()? {
        found.push(turn(row)?);
    }
    Ok(found)
}

/// Runs a query and turns its first row, if there is one, into something.
pub(crate) fn first<T>(
    connection: &Connection,
    sql: &str,
    parameters: impl Params,
    turn: impl Fn(&Row<'_>) -> Result<T, Fault>,
) -> Result<Option<T>, Fault> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(parameters)?;
    rows.next()?.map(turn).transpose()
}

pub(crate) fn merchant(connection: &Connection, id: MerchantId) -> Result<Option<Merchant>, Fault> {
    let sql = format!("{} WHERE id = ?1", MERCHANTS.select);
    first(connection, &sql, [id.to_string()], rows::merchant)
}

pub(crate) fn key(connection: &Connection, id: KeyId) -> Result<Option<ApiKey>, Fault> {
    let sql = format!("{} WHERE id = ?1", API_KEYS.select);
    first(connection, &sql, [id.to_string()], rows::api_key)
}

pub(crate) fn lane(connection: &Connection, id: &LaneId) -> Result<Option<Lane>, Fault> {
    let sql = format!("{} WHERE id = ?1", LANES.select);
    first(connection, &sql, [id.as_str()], rows::lane)
}

pub(crate) fn payout(connection: &Connection, id: PayoutId) -> Result<Option<Payout>, Fault> {
    let sql = format!("{} WHERE id = ?1", PAYOUTS.select);
    first(connection, &sql, [id.to_string()], rows::payout)
}

/// The balance of one account in one asset, and the number of its line, if there is one.
pub(crate) fn balance(
    connection: &Connection,
    account: &LedgerAccount,
    asset: &AssetId,
) -> Result<Option<(i64, i128)>, Fault> {
    let sql = "SELECT id, units FROM balances WHERE account = ?1 AND asset = ?2";
    first(connection, sql, params![account.to_string(), asset.as_str()], |row| {
        let cells = Cells::new(row, "balances");
        Ok((cells.number("id")?, cells.word("units", codec::canonical)?))
    })
}

/// What a merchant may still spend of an asset.
pub(crate) fn available_of(
    connection: &Connection,
    merchant: MerchantId,
    asset: &AssetId,
) -> Result<Amount, Fault> {
    let Some((line, units)) = balance(connection, &LedgerAccount::Available(merchant), asset)?
    else {
        return Ok(Amount::ZERO);
    };
    let row = line.to_string();
    amount(units).ok_or(Fault::Damaged { table: "balances", row, column: "units" })
}

/// A balance that is not below zero.
pub(crate) fn amount(units: i128) -> Option<Amount> {
    u128::try_from(units).ok().and_then(Amount::from_units)
}

/// Loads what deciding about commands needs, as the transaction around it sees it.
pub(crate) fn accept_view(
    connection: &Connection,
    needs: &AcceptNeeds,
) -> Result<AcceptView, Fault> {
    let mut view = AcceptView::default();
    for id in &needs.merchants {
        view.merchants.extend(merchant(connection, *id)?.map(|it| (*id, it)));
    }
    let mut wanted = needs.payouts.clone();
    wanted.extend(&needs.leaving);
    let sql = "SELECT text, payout FROM claims WHERE scope = ?1 AND owner = ?2 AND text = ?3";
    for claim in &needs.claims {
        let (scope, owner) = (codec::scope_word(claim.scope), codec::claim_owner(claim));
        let used = first(connection, sql, params![scope, owner, claim.text], |row| {
            Cells::new(row, "claims").maybe_id::<PayoutId>("payout")
        })?;
        if let Some(payout) = used {
            wanted.extend(payout);
            view.claims.insert(claim.clone(), payout);
        }
    }
    for id in &needs.public_ids {
        let sql = "SELECT 1 FROM payouts WHERE public_id = ?1";
        if first(connection, sql, [id], |_| Ok(()))?.is_some() {
            view.public_ids.insert(id.clone());
        }
    }
    let mut lines = needs.balances.clone();
    for id in wanted {
        if let Some(payout) = payout(connection, id)? {
            let account = LedgerAccount::Available(payout.merchant);
            lines.insert((account, payout.charged_asset().clone()));
            view.payouts.insert(id, payout);
        }
    }
    for line in lines {
        if let Some((_, units)) = balance(connection, &line.0, &line.1)? {
            view.balances.insert(line, units);
        }
    }
    let left = needs.leaving.iter().filter_map(|it| view.payouts.get(it)?.state.unsigned_batch());
    for id in left.collect::<BTreeSet<BatchId>>() {
        let BatchView { batch, payouts, .. } = batch_view(connection, id)?;
        view.batches.insert(id, batch);
        view.payouts.extend(payouts.into_iter().map(|it| (it.id, it)));
    }
    Ok(view)
}

/// A batch with its payouts' identifiers and its attempts.
pub(crate) fn batch(connection: &Connection, id: BatchId) -> Result<Option<Batch>, Fault> {
    let sql = format!("{} WHERE id = ?1", BATCHES.select);
    let Some(mut batch) = first(connection, &sql, [id.to_string()], rows::batch)? else {
        return Ok(None);
    };
    batch.payouts = payouts_of(connection, id)?;
    batch.attempts = attempts_of(connection, id)?;
    Ok(Some(batch))
}

/// The payouts of a batch, in its order.
pub(crate) fn payouts_of(connection: &Connection, id: BatchId) -> Result<Vec<PayoutId>, Fault> {
    let sql = "SELECT batch, payout FROM batch_payouts WHERE batch = ?1 ORDER BY position";
    list(connection, sql, [id.to_string()], |row| Cells::new(row, "batch_payouts").id("payout"))
}

const ATTEMPTS: &str = "SELECT batch, number, txid, raw, sequence, fee_max, status, signed_at, fee, \
    unpaid, spends FROM attempts";

fn attempts_of(connection: &Connection, id: BatchId) -> Result<Vec<Attempt>, Fault> {
    let sql = format!("{ATTEMPTS} WHERE batch = ?1 ORDER BY number");
    list(connection, &sql, [id.to_string()], rows::attempt)
}

/// The signed transactions of these names.
pub(crate) fn signed(
    connection: &Connection,
    names: &BTreeSet<TxId>,
) -> Result<Vec<Attempt>, Fault> {
    let sql = format!("{ATTEMPTS} WHERE txid = ?1 ORDER BY batch, number");
    let mut found = vec![];
    for name in names {
        found.extend(list(connection, &sql, [name.as_str()], rows::attempt)?);
    }
    Ok(found)
}

pub(crate) fn batch_view(connection: &Connection, id: BatchId) -> Result<BatchView, Fault> {
    let (batch, lane) = peek_batch(connection, id)?;
    let mut payouts = vec![];
    for id in &batch.payouts {
        let found = payout(connection, *id)?;
        payouts.push(found.ok_or_else(|| missing("payouts", id))?);
    }
    Ok(BatchView { batch, payouts, lane })
}

pub(crate) fn peek_batch(connection: &Connection, id: BatchId) -> Result<(Batch, Lane), Fault> {
    let batch = batch(connection, id)?.ok_or_else(|| missing("batches", &id))?;
    let lane = lane(connection, &batch.lane)?.ok_or_else(|| missing("lanes", &batch.lane))?;
    Ok((batch, lane))
}

fn missing(table: &'static str, row: &dyn Display) -> Fault {
    Fault::Missing { table, row: row.to_string() }
}

const COMMITTED: &str = "SELECT batches.id, batches.takes, attempts.fee_max, attempts.sequence, \
    CASE WHEN attempts.status IN ('signed', 'broadcast', 'in_block') \
    THEN attempts.spends ELSE '' END AS spends FROM batches \
    JOIN attempts ON attempts.batch = batches.id \
    WHERE batches.lane = ?1 AND batches.closed = 0 ORDER BY batches.due_at, batches.id";

/// What the batches of a lane that have a signed transaction may take, but for one batch.
pub(crate) fn commitments(
    connection: &Connection,
    lane: &LaneId,
    without: BatchId,
) -> Result<Vec<Commitment>, Fault> {
    let lane = [lane.as_str()];
    let signed = list(connection, COMMITTED, lane, |row| {
        let cells = Cells::new(row, "batches");
        let takes = cells.maybe_word("takes", codec::sums)?;
        let sequence = cells.maybe_word("sequence", codec::canonical::<u64>)?;
        let spends = cells.word("spends", codec::coins)?;
        Ok((cells.id::<BatchId>("id")?, takes, cells.amount("fee_max")?, sequence, spends))
    })?;
    let mut commitments: Vec<Commitment> = vec![];
    for (id, sums, fee_max, sequence, spends) in signed.into_iter().filter(|it| it.0 != without) {
        match commitments.last_mut() {
            Some(last) if last.batch == id => {
                last.fee_max = last.fee_max.max(fee_max);
                last.sequence = last.sequence.max(sequence);
                last.spends.extend(spends);
            }
            _ => {
                let sums = match sums {
                    Some(sums) => sums,
                    None => takes_of_old(connection, id)?,
                };
                let payments = sums.into_iter().collect();
                let spends = spends.into_iter().collect();
                commitments.push(Commitment { batch: id, payments, fee_max, sequence, spends });
            }
        }
    }
    Ok(commitments)
}

/// What a batch takes from its lane in all, by asset.
pub(crate) fn takes(
    connection: &Connection,
    batch: &Batch,
) -> Result<BTreeMap<AssetId, Amount>, Fault> {
    let mut sums: BTreeMap<AssetId, Amount> = BTreeMap::new();
    let sql = "SELECT id, asset, amount FROM payouts WHERE id = ?1";
    for id in &batch.payouts {
        let found = first(connection, sql, [id.to_string()], |row| {
            let cells = Cells::new(row, "payouts");
            Ok((cells.asset("asset")?, cells.amount("amount")?))
        })?;
        let missing = || Fault::Missing { table: "payouts", row: id.to_string() };
        let (asset, amount) = found.ok_or_else(missing)?;
        let sum = sums.entry(asset).or_default();
        // More than there can be is as much as there can be.
        *sum = sum.checked_add(amount).unwrap_or(Amount::MAX);
    }
    if let Some(top_up) = batch.chore.as_ref().and_then(Chore::top_up) {
        sums.insert(top_up.asset.clone(), top_up.amount);
    }
    Ok(sums)
}

/// The same of a batch that was made before that was written down.
fn takes_of_old(connection: &Connection, id: BatchId) -> Result<BTreeMap<AssetId, Amount>, Fault> {
    let found = batch(connection, id)?;
    let batch = found.ok_or_else(|| Fault::Missing { table: "batches", row: id.to_string() })?;
    takes(connection, &batch)
}

/// What a batch is that waits with nothing signed.
macro_rules! waiting {
    () => {
        "(batches.hold_reason IS NOT NULL \
         AND NOT EXISTS (SELECT 1 FROM attempts WHERE attempts.batch = batches.id))"
    };
}

/// What a batch is that is in no block.
macro_rules! in_flight {
    () => {
        "NOT EXISTS (SELECT 1 FROM attempts \
         WHERE attempts.batch = batches.id AND status IN ('in_block', 'final', 'reverted'))"
    };
}

/// How many batches of a lane do not wait, how many of these are in no block, and how many of those
/// are stuck.
const GOING: &str = concat!(
    "SELECT count(*), count(*) FILTER (WHERE ",
    in_flight!(),
    "), count(*) FILTER (WHERE hold_reason = 'fee_above_cap' \
     AND NOT EXISTS (SELECT 1 FROM attempts \
     WHERE attempts.batch = batches.id AND sequence IS NOT NULL) AND ",
    in_flight!(),
    ") FROM batches WHERE lane = ?1 AND closed = 0 AND NOT ",
    waiting!()
);

const WAITING_ASSETS: &str = concat!(
    "SELECT payouts.asset, batches.hold_reason, count(DISTINCT batches.id) FROM batches \
     JOIN batch_payouts ON batch_payouts.batch = batches.id \
     JOIN payouts ON payouts.id = batch_payouts.payout \
     WHERE batches.lane = ?1 AND batches.closed = 0 AND ",
    waiting!(),
    " GROUP BY payouts.asset, batches.hold_reason"
);

pub(crate) fn lane_view(
    connection: &Connection,
    id: &LaneId,
    queued_max: u32,
) -> Result<Option<LaneView>, Fault> {
    let Some(lane) = lane(connection, id)? else { return Ok(None) };
    let waiting = waiting_assets(connection, id)?;
    let queued = queued(connection, &lane.network, &waiting, queued_max)?;
    let mut statement = connection.prepare_cached(GOING)?;
    let going =
        statement.query_row([id.as_str()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let (open, in_flight, stuck) = going;
    Ok(Some(LaneView { lane, queued, in_flight, stuck, open }))
}

fn queued_sql() -> String {
    format!(
        "{} WHERE network = ?1 AND status = 'queued' AND batch IS NULL \
         AND instr(?3, '|' || asset || '|') = 0 \
         ORDER BY created_at, id LIMIT ?2",
        PAYOUTS.select
    )
}

fn queued(
    connection: &Connection,
    network: &NetworkId,
    without_assets: &str,
    count_max: u32,
) -> Result<Vec<Payout>, Fault> {
    let asked = params![network.as_str(), count_max, without_assets];
    list(connection, &queued_sql(), asked, rows::payout)
}

/// The assets that batches of a lane wait with, each between bars.
fn waiting_assets(connection: &Connection, lane: &LaneId) -> Result<String, Fault> {
    let mut statement = connection.prepare_cached(WAITING_ASSETS)?;
    let mut rows = statement.query([lane.as_str()])?;
    let mut assets = String::from("|");
    while let Some(row) = rows.next()? {
        let reason = codec::hold(&row.get::<_, String>(1)?);
        let batches: u32 = row.get(2)?;
        if reason.is_some_and(|it| it.concerns_the_asset(batches)) {
            assets.push_str(&row.get::<_, String>(0)?);
            assets.push('|');
        }
    }
    Ok(assets)
}

pub(crate) fn delivery_view(
    connection: &Connection,
    id: DeliveryId,
) -> Result<DeliveryView, Fault> {
    let missing = |table, row| Fault::Missing { table, row };
    let sql = format!("{} WHERE payout = ?1 AND number = ?2", DELIVERIES.select);
    let found = first(connection, &sql, params![id.payout.to_string(), id.number], rows::delivery)?;
    let delivery = found.ok_or_else(|| missing("deliveries", id.to_string()))?;
    let payout = payout(connection, id.payout)?;
    let payout = payout.ok_or_else(|| missing("payouts", id.payout.to_string()))?;
    let key = match payout.key {
        Some(id) => {
            let found = key(connection, id)?;
            Some(found.ok_or_else(|| missing("api_keys", id.to_string()))?)
        }
        None => None,
    };
    Ok(DeliveryView { delivery, payout, key })
}

const DUE_BATCHES: &str = "SELECT id FROM batches \
    WHERE lane = ?1 AND closed = 0 AND due_at BETWEEN ?2 AND ?3 ORDER BY due_at, id LIMIT ?4";

/// What is due at `now`: until now, and beyond what anything can be put off, see
/// [`Timestamp::is_due`].
fn due_ranges(now: Timestamp) -> [(i64, i64); 2] {
    let beyond = Timestamp(now.0.saturating_add(Timestamp::HORIZON_MS).saturating_add(1));
    let never = codec::ms(Timestamp::NEVER);
    [(0, codec::ms(now)), (codec::ms(beyond), never.saturating_sub(1))]
}

pub(crate) fn due_batches(
    connection: &Connection,
    lane: &LaneId,
    now: Timestamp,
    count_max: u32,
) -> Result<Vec<BatchId>, Fault> {
    let mut due = vec![];
    for (from, to) in due_ranges(now) {
        let room = count_max.saturating_sub(u32::try_from(due.len()).unwrap_or(u32::MAX));
        let asked = params![lane.as_str(), from, to, room];
        due.append(&mut list(connection, DUE_BATCHES, asked, |row| {
            Cells::new(row, "batches").id("id")
        })?);
    }
    Ok(due)
}

const DUE_DELIVERIES: &str = "SELECT payout, number FROM deliveries \
    WHERE state = 'due' AND due_at BETWEEN ?1 AND ?2 ORDER BY due_at, payout, number LIMIT ?3";

pub(crate) fn due_deliveries(
    connection: &Connection,
    now: Timestamp,
    count_max: u32,
) -> Result<Vec<DeliveryId>, Fault> {
    let mut due = vec![];
    for (from, to) in due_ranges(now) {
        let room = count_max.saturating_sub(u32::try_from(due.len()).unwrap_or(u32::MAX));
        due.extend(list(connection, DUE_DELIVERIES, params![from, to, room], |row| {
            let cells = Cells::new(row, "deliveries");
            Ok(DeliveryId { payout: cells.id("payout")?, number: cells.number("number")? })
        })?);
    }
    Ok(due)
}

const EXPIRED_APPROVALS: &str = "SELECT id FROM payouts INDEXED BY payouts_awaiting_approval \
    WHERE status = 'awaiting_approval' AND approval_until < ?1 \
    ORDER BY approval_until, id LIMIT ?2";

pub(crate) fn expired_approvals(
    connection: &Connection,
    now: Timestamp,
    count_max: u32,
) -> Result<Vec<PayoutId>, Fault> {
    list(connection, EXPIRED_APPROVALS, params![codec::ms(now), count_max], |row| {
        Cells::new(row, "payouts").id("id")
    })
}

/// The batch that carries a payout, or the last that did.
pub(crate) fn batch_of(connection: &Connection, id: PayoutId) -> Result<Option<Batch>, Fault> {
    let sql = "SELECT batch FROM batch_payouts JOIN batches ON batches.id = batch \
               WHERE payout = ?1 ORDER BY batches.closed, batches.created_at DESC, batch DESC LIMIT 1";
    let found = first(connection, sql, [id.to_string()], |row| {
        Cells::new(row, "batch_payouts").id("batch")
    })?;
    found.map_or(Ok(None), |id| batch(connection, id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sqlite;

    #[test]
    fn what_is_asked_all_the_time_is_found_by_an_index_and_in_order() {
        let store = Sqlite::open_in_memory().unwrap();
        let connection = store.connections.reader();
        let queued = queued_sql();
        for sql in
            [queued.as_str(), DUE_BATCHES, DUE_DELIVERIES, GOING, WAITING_ASSETS, EXPIRED_APPROVALS]
        {
            let plan = format!("EXPLAIN QUERY PLAN {sql}");
            let mut statement = connection.prepare(&plan).unwrap();
            let mut rows = statement.raw_query();
            let mut steps: Vec<String> = vec![];
            while let Some(row) = rows.next().unwrap() {
                steps.push(row.get("detail").unwrap());
            }
            assert!(steps[0].starts_with("SEARCH"), "{steps:?}");
            assert!(!steps.iter().any(|it| it.contains("TEMP B-TREE FOR ORDER")), "{steps:?}");
        }
    }
}
