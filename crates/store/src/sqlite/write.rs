//! Writing a change set: all of it or, because the transaction around it is dropped, nothing.

use std::collections::BTreeMap;

use domain::{
    batch::{Attempt, Batch},
    delivery::Delivery,
    event::Event,
    ids::{AssetId, BatchId, PayoutId, TxId},
    lane::Lane,
    ledger::LedgerAccount,
    merchant::{ApiKey, Merchant},
    payout::{Payout, PayoutState},
    ports::{ChangeSet, Claim},
};
use rusqlite::{Connection, params};

use super::{
    read,
    table::{API_KEYS, BATCHES, DELIVERIES, LANES, MERCHANTS, PAYOUTS, version},
};
use crate::{
    codec::{self, ms},
    error::Fault,
};

/// Writes everything, what is pointed at before what points at it.
pub(crate) fn change_set(connection: &Connection, change: &ChangeSet) -> Result<(), Fault> {
    for merchant in &change.merchants {
        put_merchant(connection, merchant)?;
    }
    for key in &change.keys {
        put_key(connection, key)?;
    }
    for lane in &change.lanes {
        put_lane(connection, lane)?;
    }
    for batch in &change.batches {
        put_batch(connection, batch)?;
    }
    for payout in &change.payouts {
        put_payout(connection, payout)?;
    }
    for batch in &change.batches {
        put_parts(connection, batch)?;
    }
    for delivery in &change.deliveries {
        put_delivery(connection, delivery)?;
    }
    for (claim, payout) in &change.claims {
        add_claim(connection, claim, *payout)?;
    }
    add_postings(connection, change)?;
    for event in &change.events {
        add_event(connection, event)?;
    }
    Ok(())
}

fn put_merchant(connection: &Connection, it: &Merchant) -> Result<(), Fault> {
    let values = params![
        it.id.to_string(),
        it.name,
        it.webhook_url,
        it.paused,
        ms(it.created_at),
        version(it.version)?,
    ];
    MERCHANTS.put(connection, it.version, values)
}

fn put_key(connection: &Connection, it: &ApiKey) -> Result<(), Fault> {
    let values = params![
        it.id.to_string(),
        it.merchant.to_string(),
        it.dialect.as_str(),
        it.role,
        it.lookup,
        it.secret.0,
        it.lenient_nonce,
        ms(it.created_at),
        it.revoked_at.map(ms),
        version(it.version)?,
    ];
    API_KEYS.put(connection, it.version, values)
}

fn put_lane(connection: &Connection, it: &Lane) -> Result<(), Fault> {
    let values = params![
        it.id.as_str(),
        it.network.as_str(),
        it.address,
        it.key_path,
        it.next_sequence.to_string(),
        version(it.version)?,
    ];
    LANES.put(connection, it.version, values)
}

fn put_batch(connection: &Connection, it: &Batch) -> Result<(), Fault> {
    let given_up = it.given_up.as_ref();
    let hold = it.hold.as_ref();
    let chore = it.chore.as_ref().map(codec::chore_text);
    if chore.as_deref().map(codec::chore) != it.chore.clone().map(Some) {
        return Err(Fault::Forbidden { table: "batches", row: it.id.to_string() });
    }
    let values = params![
        it.id.to_string(),
        it.network.as_str(),
        it.lane.as_str(),
        chore,
        given_up.map(|it| codec::failure_word(it.code)),
        given_up.map(|it| &it.detail),
        hold.map(|it| codec::hold_word(it.reason)),
        hold.map(|it| &it.detail),
        it.closed,
        ms(it.due_at),
        ms(it.replace_at),
        ms(it.created_at),
        version(it.version)?,
    ];
    BATCHES.put(connection, it.version, values)
}

/// The payouts of a batch, written once, and its attempts.
fn put_parts(connection: &Connection, batch: &Batch) -> Result<(), Fault> {
    let id = batch.id.to_string();
    if batch.version == 1 {
        let sql = "INSERT INTO batch_payouts (batch, position, payout) VALUES (?1, ?2, ?3)";
        let mut statement = connection.prepare_cached(sql)?;
        for (position, payout) in (0i64..).zip(&batch.payouts) {
            statement.execute(params![id, position, payout.to_string()])?;
        }
        let takes = codec::sums_text(&read::takes(connection, batch)?);
        let sql = "UPDATE batches SET takes = ?2 WHERE id = ?1";
        connection.prepare_cached(sql)?.execute(params![id, takes])?;
    } else if read::payouts_of(connection, batch.id)? != batch.payouts {
        return Err(Fault::Forbidden { table: "batch_payouts", row: id });
    }
    for (number, attempt) in (0i64..).zip(&batch.attempts) {
        put_attempt(connection, &id, number, attempt)?;
    }
    let sql = "SELECT count(*) FROM attempts WHERE batch = ?1";
    let stored: i64 = connection.prepare_cached(sql)?.query_row([&id], |row| row.get(0))?;
    if usize::try_from(stored) == Ok(batch.attempts.len()) {
        Ok(())
    } else {
        Err(Fault::Forbidden { table: "attempts", row: id })
    }
}

/// Adds an attempt, or writes what became of it. What was signed is never replaced.
fn put_attempt(
    connection: &Connection,
    batch: &str,
    number: i64,
    it: &Attempt,
) -> Result<(), Fault> {
    let sql = "
        INSERT INTO attempts
            (batch, number, txid, raw, sequence, fee_max, status, signed_at, fee, unpaid, spends)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
        ON CONFLICT (batch, number) DO UPDATE SET
            status = excluded.status, fee = excluded.fee, unpaid = excluded.unpaid
        WHERE txid = excluded.txid AND raw = excluded.raw AND sequence IS excluded.sequence
            AND fee_max = excluded.fee_max AND signed_at = excluded.signed_at
            AND spends = excluded.spends
    ";
    let written = connection.prepare_cached(sql)?.execute(params![
        batch,
        number,
        it.tx.txid.as_str(),
        it.tx.raw,
        it.sequence.map(|it| it.to_string()),
        it.fee_max.units().to_string(),
        codec::attempt_word(it.status),
        ms(it.signed_at),
        it.fee.map(|it| it.units().to_string()),
        codec::places_text(&it.unpaid),
        codec::coins_text(&it.spends),
    ])?;
    let row = || format!("{batch} {number}");
    if written == 1 { Ok(()) } else { Err(Fault::Forbidden { table: "attempts", row: row() }) }
}

/// The columns of a payout that only some states have.
#[derive(Default)]
struct StateColumns<'a> {
    batch: Option<BatchId>,
    stage: Option<&'static str>,
    failure_code: Option<&'static str>,
    failure_detail: Option<&'a str>,
    paid_at: Option<i64>,
}

fn state_columns(state: &PayoutState) -> StateColumns<'_> {
    let none = StateColumns::default();
    match state {
        PayoutState::AwaitingApproval | PayoutState::Queued | PayoutState::Cancelled => none,
        PayoutState::Sending { batch, stage, txid: _ } => {
            StateColumns { batch: Some(*batch), stage: Some(codec::stage_word(*stage)), ..none }
        }
        PayoutState::Paid { txid: _, at } => StateColumns { paid_at: Some(ms(*at)), ..none },
        PayoutState::Failed { failure, txid: _ } => StateColumns {
            failure_code: Some(codec::failure_word(failure.code)),
            failure_detail: Some(&failure.detail),
            ..none
        },
    }
}

fn put_payout(connection: &Connection, it: &Payout) -> Result<(), Fault> {
    if !it.quote.adds_up() {
        return Err(Fault::Overdrawn);
    }
    let webhook = it.webhook.as_ref();
    let usd = it.quote.usd.as_ref();
    let worth = it.quote.worth.as_ref();
    let approval = it.approval.as_ref();
    let verdict = approval.and_then(|it| it.verdict.as_ref());
    let state = state_columns(&it.state);
    let values = params![
        it.id.to_string(),
        it.public_id,
        it.merchant.to_string(),
        it.dialect.as_str(),
        it.key.map(|it| it.to_string()),
        it.merchant_ref,
        it.network.as_str(),
        it.asset.as_str(),
        it.destination.address,
        it.destination.memo,
        it.quote.asked.units().to_string(),
        codec::bearer_word(it.quote.bearer),
        it.quote.amount.units().to_string(),
        it.quote.service_fee.units().to_string(),
        it.quote.network_fee.units().to_string(),
        usd.map(|it| it.usd.to_string()),
        usd.map(|it| &it.source),
        usd.map(|it| ms(it.at)),
        worth.map(|it| &it.currency),
        worth.map(|it| it.amount.to_string()),
        worth.map(|it| it.price.usd.to_string()),
        worth.map(|it| &it.price.source),
        worth.map(|it| ms(it.price.at)),
        codec::conversions_text(&it.quote.conversions),
        it.priority.word(),
        it.content,
        it.travels_alone,
        approval.and_then(|it| it.url.as_ref()),
        approval.map(|it| ms(it.until)),
        verdict.map(|it| codec::verdict_word(it.approve)),
        verdict.and_then(|it| it.key).map(|it| it.to_string()),
        verdict.map(|it| &it.key_public),
        verdict.map(|it| &it.ip),
        verdict.map(|it| &it.user_agent),
        verdict.map(|it| ms(it.at)),
        webhook.map(|it| &it.url),
        webhook.map(|it| codec::statuses_text(&it.on)),
        it.note,
        it.state.status().word(),
        state.batch.map(|it| it.to_string()),
        state.stage,
        it.state.txid().map(TxId::as_str),
        state.failure_code,
        state.failure_detail,
        state.paid_at,
        it.delivery_count,
        ms(it.created_at),
        ms(it.updated_at),
        version(it.version)?,
    ];
    PAYOUTS.put(connection, it.version, values)
}

fn put_delivery(connection: &Connection, it: &Delivery) -> Result<(), Fault> {
    let values = params![
        it.id.payout.to_string(),
        it.id.number,
        it.url,
        it.status.word(),
        it.txid.as_ref().map(TxId::as_str),
        ms(it.occurred_at),
        codec::delivery_word(it.state),
        it.tries,
        ms(it.due_at),
        it.last_result,
        it.body,
        version(it.version)?,
    ];
    DELIVERIES.put(connection, it.version, values)
}

fn add_claim(
    connection: &Connection,
    claim: &Claim,
    payout: Option<PayoutId>,
) -> Result<(), Fault> {
    let sql = "INSERT INTO claims (scope, owner, text, payout) VALUES (?1, ?2, ?3, ?4)";
    connection.prepare_cached(sql)?.execute(params![
        codec::scope_word(claim.scope),
        codec::claim_owner(claim),
        claim.text,
        payout.map(|it| it.to_string()),
    ])?;
    Ok(())
}

fn add_event(connection: &Connection, it: &Event) -> Result<(), Fault> {
    let sql = "INSERT INTO events (payout, at, kind, detail) VALUES (?1, ?2, ?3, ?4)";
    let values = params![it.payout.to_string(), ms(it.at), it.kind.word(), it.detail];
    connection.prepare_cached(sql)?.execute(values)?;
    Ok(())
}

/// An account in one asset.
type Line<'a> = (&'a LedgerAccount, &'a AssetId);

/// Adds postings and moves the balances they touch, each once.
fn add_postings(connection: &Connection, change: &ChangeSet) -> Result<(), Fault> {
    let mut moves: BTreeMap<Line<'_>, i128> = BTreeMap::new();
    for it in &change.postings {
        let units = it.amount.signed();
        let debit = moves.entry((&it.debit, &it.asset)).or_default();
        *debit = debit.checked_sub(units).ok_or(Fault::Overdrawn)?;
        let credit = moves.entry((&it.credit, &it.asset)).or_default();
        *credit = credit.checked_add(units).ok_or(Fault::Overdrawn)?;
    }
    let mut lines: BTreeMap<Line<'_>, i64> = BTreeMap::new();
    for (line, units) in moves {
        let allowed = change.overdrafts.get(line.1);
        let allowed = allowed.filter(|_| *line.0 == LedgerAccount::Inventory);
        let overdraft = allowed.map_or(0, |it| it.signed());
        lines.insert(line, move_balance(connection, line, units, overdraft)?);
    }
    let sql = "INSERT INTO postings (at, cause_kind, cause, debit, credit, amount) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let mut statement = connection.prepare_cached(sql)?;
    for it in &change.postings {
        let (kind, cause) = codec::cause_words(&it.cause);
        let (debit, credit) = (lines[&(&it.debit, &it.asset)], lines[&(&it.credit, &it.asset)]);
        let amount = it.amount.units().to_string();
        statement.execute(params![ms(it.at), kind, cause, debit, credit, amount])?;
    }
    Ok(())
}

/// Adds `units` to a balance and returns the number of its line. One that must not go below zero may
/// do so by `overdraft`.
fn move_balance(
    connection: &Connection,
    line: Line<'_>,
    units: i128,
    overdraft: i128,
) -> Result<i64, Fault> {
    let (account, asset) = line;
    let stored = read::balance(connection, account, asset)?;
    let before = stored.map_or(0, |(_, before)| before);
    let after = before.checked_add(units).ok_or(Fault::Overdrawn)?;
    if units < 0 && after < -overdraft && account.must_not_be_negative() {
        return Err(Fault::Overdrawn);
    }
    let text = after.to_string();
    if let Some((id, _)) = stored {
        let sql = "UPDATE balances SET units = ?2 WHERE id = ?1";
        connection.prepare_cached(sql)?.execute(params![id, text])?;
        return Ok(id);
    }
    let name = account.to_string();
    if name.parse().as_ref() != Ok(account) {
        return Err(Fault::Forbidden { table: "balances", row: name });
    }
    let sql = "INSERT INTO balances (account, asset, units) VALUES (?1, ?2, ?3)";
    connection.prepare_cached(sql)?.execute(params![name, asset.as_str(), text])?;
    Ok(connection.last_insert_rowid())
}
