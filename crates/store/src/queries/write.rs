//! Writing change sets: what must be known is read, what follows is worked out, all of it is written.
//!
//! However many change sets there are and whatever is in them, that is one question after another a
//! fixed number of times, and one write.

use std::collections::{BTreeMap, BTreeSet};

use domain::{
    batch::{Attempt, Batch},
    delivery::Delivery,
    event::Event,
    ids::{AssetId, BatchId, PayoutId, TxId},
    lane::Lane,
    lease::Lease,
    ledger::LedgerAccount,
    merchant::{ApiKey, Merchant},
    money::Amount,
    payout::{Payout, PayoutState},
    ports::{ChangeSet, Claim},
};

use super::{
    codec::{self, ms},
    read::{self, Line},
    session::{Session, all, four, two},
    table::{
        API_KEYS, ATTEMPTS, BATCH_PAYOUTS, BATCHES, CLAIMS, DELIVERIES, EVENTS, LANES, LEASES,
        MERCHANTS, MOVE_LINE, OPEN_LINE, PAYOUTS, POSTINGS, TAKES, Write, version,
    },
    value::values,
};
use crate::error::Fault;

/// Writes a change set, in the transaction around it.
pub(crate) async fn change_set(session: &impl Session, change: &ChangeSet) -> Result<(), Fault> {
    change_sets(session, &[change]).await.map_err(|it| it.1)
}

/// Writes several change sets, each on top of those before it. If one of them cannot be, says which
/// one, unless that is not known.
pub(crate) async fn change_sets(
    session: &impl Session,
    changes: &[&ChangeSet],
) -> Result<(), (Option<usize>, Fault)> {
    let mut facts = Facts::of(session, changes).await.map_err(|it| (None, it))?;
    let mut writes = vec![];
    for (place, change) in changes.iter().enumerate() {
        if let Err(fault) = facts.plan(change, &mut writes) {
            // What was decided on old records is a conflict before it is anything else.
            session.write(writes).await.map_err(|it| (None, it))?;
            return Err((Some(place), fault));
        }
    }
    session.write(writes).await.map_err(|it| (None, it))
}

/// What is stored of that which the changes build upon. Others cannot change it meanwhile, or make
/// the changes a conflict if they do.
#[derive(Default)]
struct Facts {
    /// The tokens of leases that changes rest on.
    tokens: BTreeMap<String, u64>,
    /// The lines that money moves on: their numbers, and what they hold.
    lines: BTreeMap<Line, (i64, i128)>,
    /// The batches that are changed.
    batches: BTreeMap<BatchId, Parts>,
    /// What payouts pay that are put into batches.
    amounts: BTreeMap<PayoutId, (AssetId, Amount)>,
}

/// What a batch is made of.
struct Parts {
    version: u64,
    payouts: Vec<PayoutId>,
    attempts: usize,
}

impl Facts {
    async fn of(session: &impl Session, changes: &[&ChangeSet]) -> Result<Self, Fault> {
        let postings = changes.iter().flat_map(|it| &it.postings);
        let lines: BTreeSet<Line> = postings
            .flat_map(|it| [&it.debit, &it.credit].map(|one| (one.clone(), it.asset.clone())))
            .collect();
        let batches = || changes.iter().flat_map(|it| &it.batches);
        let (new, old): (Vec<&Batch>, Vec<&Batch>) = batches().partition(|it| it.version == 1);
        let payouts = new.iter().flat_map(|it| &it.payouts).copied().collect();
        let old: BTreeSet<BatchId> = old.iter().map(|it| it.id).collect();
        let parts = old.iter().map(|id| parts(session, *id));
        let fences: BTreeSet<&str> =
            changes.iter().flat_map(|it| &it.fences).map(|it| it.name.as_str()).collect();
        let tokens = read::locked_tokens(session, &fences);
        let lines = open_lines(session, &lines);
        let (tokens, lines, amounts, batches) =
            four(tokens, lines, read::amounts(session, &payouts), all(parts)).await?;
        let batches = old.into_iter().zip(batches).filter_map(|(id, it)| Some((id, it?)));
        Ok(Self { tokens, lines, amounts, batches: batches.collect() })
    }

    /// Works out what is to be written, what is pointed at before what points at it.
    fn plan<'a>(
        &mut self,
        change: &'a ChangeSet,
        writes: &mut Vec<Write<'a>>,
    ) -> Result<(), Fault> {
        if change.fences.iter().any(|it| self.tokens.get(&it.name) != Some(&it.token)) {
            return Err(Fault::Conflict);
        }
        for merchant in &change.merchants {
            writes.push(put_merchant(merchant)?);
        }
        for key in &change.keys {
            writes.push(put_key(key)?);
        }
        for lane in &change.lanes {
            writes.push(put_lane(lane)?);
        }
        for batch in &change.batches {
            writes.push(put_batch(batch)?);
        }
        for payout in &change.payouts {
            writes.push(put_payout(payout)?);
            let pays = (payout.asset.clone(), payout.quote.amount);
            self.amounts.insert(payout.id, pays);
        }
        for batch in &change.batches {
            self.put_parts(batch, writes)?;
        }
        for delivery in &change.deliveries {
            writes.push(put_delivery(delivery)?);
        }
        writes.extend(change.claims.iter().map(|(claim, payout)| add_claim(claim, *payout)));
        self.add_postings(change, writes)?;
        writes.extend(change.events.iter().map(add_event));
        for lease in &change.leases {
            writes.push(put_lease(lease)?);
            self.tokens.insert(lease.name.clone(), lease.token);
        }
        Ok(())
    }

    /// The payouts of a batch, written once, and its attempts.
    fn put_parts<'a>(
        &mut self,
        batch: &'a Batch,
        writes: &mut Vec<Write<'a>>,
    ) -> Result<(), Fault> {
        let id = batch.id.to_string();
        let forbidden = |table| Fault::Forbidden { table, row: id.clone() };
        if batch.version == 1 {
            for (position, payout) in (0i64..).zip(&batch.payouts) {
                writes.push(BATCH_PAYOUTS.with(values![id.clone(), position, payout.to_string()]));
            }
            let takes = codec::sums_text(&read::takes(batch, &self.amounts)?);
            writes.push(TAKES.with(values![id.clone(), takes]));
        } else {
            let stored = self.batches.get(&batch.id);
            let stored = stored.filter(|it| it.version.checked_add(1) == Some(batch.version));
            let stored = stored.ok_or(Fault::Conflict)?;
            if stored.payouts != batch.payouts {
                return Err(forbidden("batch_payouts"));
            }
            if stored.attempts > batch.attempts.len() {
                return Err(forbidden("attempts"));
            }
        }
        let (payouts, attempts) = (batch.payouts.clone(), batch.attempts.len());
        self.batches.insert(batch.id, Parts { version: batch.version, payouts, attempts });
        let attempts = (0i64..).zip(&batch.attempts);
        writes.extend(attempts.map(|(number, it)| put_attempt(&id, number, it)));
        Ok(())
    }

    /// Adds postings and moves the balances they touch, each once.
    fn add_postings<'a>(
        &mut self,
        change: &'a ChangeSet,
        writes: &mut Vec<Write<'a>>,
    ) -> Result<(), Fault> {
        let mut moves: BTreeMap<(&LedgerAccount, &AssetId), i128> = BTreeMap::new();
        for it in &change.postings {
            let units = it.amount.signed();
            let debit = moves.entry((&it.debit, &it.asset)).or_default();
            *debit = debit.checked_sub(units).ok_or(Fault::Overdrawn)?;
            let credit = moves.entry((&it.credit, &it.asset)).or_default();
            *credit = credit.checked_add(units).ok_or(Fault::Overdrawn)?;
        }
        let mut numbers: BTreeMap<(&LedgerAccount, &AssetId), i64> = BTreeMap::new();
        for (line, units) in moves {
            let (account, asset) = line;
            let allowed = change.overdrafts.get(asset);
            let allowed = allowed.filter(|_| *account == LedgerAccount::Inventory);
            let overdraft = allowed.map_or(0, |it| it.signed());
            let missing = || Fault::Missing { table: "balances", row: account.to_string() };
            let stored = self.lines.get_mut(&(account.clone(), asset.clone()));
            let (number, balance) = stored.ok_or_else(missing)?;
            let after = balance.checked_add(units).ok_or(Fault::Overdrawn)?;
            if units < 0 && after < -overdraft && account.must_not_be_negative() {
                return Err(Fault::Overdrawn);
            }
            *balance = after;
            writes.push(MOVE_LINE.with(values![*number, after.to_string()]));
            numbers.insert(line, *number);
        }
        for it in &change.postings {
            let (kind, cause) = codec::cause_words(&it.cause);
            let (debit, credit) =
                (numbers[&(&it.debit, &it.asset)], numbers[&(&it.credit, &it.asset)]);
            let amount = it.amount.units().to_string();
            writes.push(POSTINGS.with(values![ms(it.at), kind, cause, debit, credit, amount]));
        }
        Ok(())
    }
}

async fn parts(session: &impl Session, id: BatchId) -> Result<Option<Parts>, Fault> {
    let (found, payouts) =
        two(read::batch_version(session, id), read::payouts_of(session, id)).await?;
    Ok(found.map(|(version, attempts)| Parts { version, payouts, attempts }))
}

/// Finds lines, and opens those that there are not.
async fn open_lines(
    session: &impl Session,
    lines: &BTreeSet<Line>,
) -> Result<BTreeMap<Line, (i64, i128)>, Fault> {
    let found = read::locked_balances(session, lines).await?;
    if found.len() == lines.len() {
        return Ok(found);
    }
    let mut new = vec![];
    for (account, asset) in lines.iter().filter(|it| !found.contains_key(*it)) {
        let name = account.to_string();
        if name.parse().as_ref() != Ok(account) {
            return Err(Fault::Forbidden { table: "balances", row: name });
        }
        new.push(OPEN_LINE.with(values![name, asset.as_str()]));
    }
    session.write(new).await?;
    read::locked_balances(session, lines).await
}

fn put_merchant(it: &Merchant) -> Result<Write<'_>, Fault> {
    let values = values![
        it.id.to_string(),
        &it.name,
        it.webhook_url.as_ref(),
        it.paused,
        ms(it.created_at),
        version(it.version)?,
    ];
    Ok(MERCHANTS.put(it.version, values))
}

fn put_key(it: &ApiKey) -> Result<Write<'_>, Fault> {
    let values = values![
        it.id.to_string(),
        it.merchant.to_string(),
        it.dialect.as_str(),
        &it.role,
        &it.lookup,
        &it.secret.0,
        it.lenient_nonce,
        ms(it.created_at),
        it.revoked_at.map(ms),
        version(it.version)?,
    ];
    Ok(API_KEYS.put(it.version, values))
}

fn put_lane(it: &Lane) -> Result<Write<'_>, Fault> {
    let values = values![
        it.id.as_str(),
        it.network.as_str(),
        &it.address,
        &it.key_path,
        it.next_sequence.to_string(),
        version(it.version)?,
    ];
    Ok(LANES.put(it.version, values))
}

fn put_lease(it: &Lease) -> Result<Write<'_>, Fault> {
    let values = values![&it.name, it.holder.as_ref(), version(it.token)?, version(it.version)?];
    Ok(LEASES.put(it.version, values))
}

fn put_batch(it: &Batch) -> Result<Write<'_>, Fault> {
    let given_up = it.given_up.as_ref();
    let hold = it.hold.as_ref();
    let chore = it.chore.as_ref().map(codec::chore_text);
    if chore.as_deref().map(codec::chore) != it.chore.clone().map(Some) {
        return Err(Fault::Forbidden { table: "batches", row: it.id.to_string() });
    }
    let values = values![
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
    Ok(BATCHES.put(it.version, values))
}

fn put_attempt<'a>(batch: &str, number: i64, it: &'a Attempt) -> Write<'a> {
    ATTEMPTS.with(values![
        batch.to_owned(),
        number,
        it.tx.txid.as_str(),
        &it.tx.raw,
        it.sequence.map(|it| it.to_string()),
        it.fee_max.units().to_string(),
        codec::attempt_word(it.status),
        ms(it.signed_at),
        it.fee.map(|it| it.units().to_string()),
        codec::places_text(&it.unpaid),
        codec::coins_text(&it.spends),
    ])
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

fn put_payout(it: &Payout) -> Result<Write<'_>, Fault> {
    if !it.quote.adds_up() {
        return Err(Fault::Overdrawn);
    }
    let webhook = it.webhook.as_ref();
    let usd = it.quote.usd.as_ref();
    let worth = it.quote.worth.as_ref();
    let approval = it.approval.as_ref();
    let verdict = approval.and_then(|it| it.verdict.as_ref());
    let state = state_columns(&it.state);
    let values = values![
        it.id.to_string(),
        &it.public_id,
        it.merchant.to_string(),
        it.dialect.as_str(),
        it.key.map(|it| it.to_string()),
        it.merchant_ref.as_ref(),
        it.network.as_str(),
        it.asset.as_str(),
        &it.destination.address,
        it.destination.memo.as_ref(),
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
        &it.content,
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
        &it.note,
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
    Ok(PAYOUTS.put(it.version, values))
}

fn put_delivery(it: &Delivery) -> Result<Write<'_>, Fault> {
    let values = values![
        it.id.payout.to_string(),
        it.id.number,
        &it.url,
        it.status.word(),
        it.txid.as_ref().map(TxId::as_str),
        ms(it.occurred_at),
        codec::delivery_word(it.state),
        it.tries,
        ms(it.due_at),
        &it.last_result,
        &it.body,
        version(it.version)?,
    ];
    Ok(DELIVERIES.put(it.version, values))
}

fn add_claim(claim: &Claim, payout: Option<PayoutId>) -> Write<'_> {
    CLAIMS.with(values![
        codec::scope_word(claim.scope),
        &claim.text,
        codec::claim_owner(claim),
        payout.map(|it| it.to_string()),
    ])
}

fn add_event(it: &Event) -> Write<'_> {
    EVENTS.with(values![it.payout.to_string(), ms(it.at), it.kind.word(), &it.detail])
}
