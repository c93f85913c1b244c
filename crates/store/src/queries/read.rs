//! Reading for the engine: what decisions and steps need.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Display,
};

use super::{
    codec,
    rows::{self, Cells},
    session::{Session, all, three, two},
    table::{API_KEYS, BATCHES, DELIVERIES, LANES, MERCHANTS, PAYOUTS, Table},
    value::{Record, Value, values},
};
use crate::error::Fault;
use domain::{
    Timestamp,
    batch::{Attempt, Batch},
    chore::Chore,
    ids::{AssetId, BatchId, DeliveryId, KeyId, LaneId, MerchantId, PayoutId, TxId},
    lane::Lane,
    ledger::LedgerAccount,
    merchant::{ApiKey, Merchant},
    money::Amount,
    payout::Payout,
    ports::{
        AcceptNeeds, AcceptView, BatchView, Commitment, DeliveryView, DueDelivery, DuePlace,
        LaneView,
    },
};

pub(crate) async fn merchant(
    session: &impl Session,
    id: MerchantId,
) -> Result<Option<Merchant>, Fault> {
    let sql = format!("{} WHERE id = ?1", MERCHANTS.select);
    session.first(&sql, &values![id.to_string()], rows::merchant).await
}

pub(crate) async fn key(session: &impl Session, id: KeyId) -> Result<Option<ApiKey>, Fault> {
    let sql = format!("{} WHERE id = ?1", API_KEYS.select);
    session.first(&sql, &values![id.to_string()], rows::api_key).await
}

pub(crate) async fn lane(session: &impl Session, id: &LaneId) -> Result<Option<Lane>, Fault> {
    let sql = format!("{} WHERE id = ?1", LANES.select);
    session.first(&sql, &values![id.as_str()], rows::lane).await
}

pub(crate) async fn payout(session: &impl Session, id: PayoutId) -> Result<Option<Payout>, Fault> {
    let sql = format!("{} WHERE id = ?1", PAYOUTS.select);
    session.first(&sql, &values![id.to_string()], rows::payout).await
}

/// A line of the balances: an account in one asset.
pub(crate) type Line = (LedgerAccount, AssetId);

/// The numbers and balances of those lines that there are. Nobody else changes them until the
/// transaction ends; all lock them in the same order.
pub(crate) async fn locked_balances<S: Session>(
    session: &S,
    lines: &BTreeSet<Line>,
) -> Result<BTreeMap<Line, (i64, i128)>, Fault> {
    let sql = format!("{BALANCE}{}", S::LOCKING);
    let sets = sets(lines, |(account, asset)| values![account.to_string(), asset.as_str()]);
    let found = session.each(&sql, &sets, line).await?;
    Ok(lines.iter().zip(found).filter_map(|(line, it)| Some((line.clone(), it?))).collect())
}

/// The lines, and those that money moves to and from when it moves on them. Locking them only once it
/// does would be another order than everybody else's.
fn with_those_beside<S: Session>(lines: &BTreeSet<Line>) -> BTreeSet<Line> {
    let mut all = lines.clone();
    if S::LOCKING.is_empty() {
        return all;
    }
    for (account, asset) in lines {
        let beside = match account {
            LedgerAccount::Available(merchant)
            | LedgerAccount::Reserved(merchant)
            | LedgerAccount::Personal(merchant) => vec![
                LedgerAccount::Available(*merchant),
                LedgerAccount::Reserved(*merchant),
                LedgerAccount::Personal(*merchant),
            ],
            LedgerAccount::Inventory | LedgerAccount::InventoryReserved => {
                vec![LedgerAccount::Inventory, LedgerAccount::InventoryReserved]
            }
            LedgerAccount::HotWallet(_)
            | LedgerAccount::ServiceFee
            | LedgerAccount::NetworkFeeCharged
            | LedgerAccount::NetworkFee
            | LedgerAccount::Suspense => vec![],
        };
        all.extend(beside.into_iter().map(|it| (it, asset.clone())));
    }
    all
}

const BALANCE: &str = "SELECT id, units FROM balances WHERE account = ?1 AND asset = ?2";

/// The number of a line and its balance.
fn line(row: &dyn Record) -> Result<(i64, i128), Fault> {
    let cells = Cells::new(row, "balances");
    Ok((cells.number("id")?, cells.word("units", codec::canonical)?))
}

/// A set of values for each of several things.
fn sets<'a, T: 'a, const N: usize>(
    all: impl IntoIterator<Item = &'a T>,
    values: impl Fn(&'a T) -> [Value<'a>; N],
) -> Vec<Vec<Value<'a>>> {
    all.into_iter().map(|it| values(it).into()).collect()
}

/// What a merchant may still spend of an asset.
pub(crate) async fn available_of(
    session: &impl Session,
    merchant: MerchantId,
    asset: &AssetId,
) -> Result<Amount, Fault> {
    let account = LedgerAccount::Available(merchant).to_string();
    let found = session.first(BALANCE, &values![account, asset.as_str()], line).await?;
    let Some((line, units)) = found else { return Ok(Amount::ZERO) };
    let row = line.to_string();
    amount(units).ok_or(Fault::Damaged { table: "balances", row, column: "units" })
}

/// A balance that is not below zero.
pub(crate) fn amount(units: i128) -> Option<Amount> {
    u128::try_from(units).ok().and_then(Amount::from_units)
}

/// Loads what deciding about commands needs. Until the transaction ends, nobody else moves the
/// balances; whoever else changes one of the payouts meanwhile, or uses one of the names, makes what
/// is decided a conflict. Merchants and credentials are read when the balances can be had, which may
/// take others a while: what became of them until then counts.
pub(crate) async fn accept_view<S: Session>(
    session: &S,
    needs: &AcceptNeeds,
) -> Result<AcceptView, Fault> {
    let mut view = AcceptView::default();
    let named = needs.payouts.union(&needs.leaving).copied().collect();
    let by_id = |table: &Table| format!("{} WHERE id = ?1", table.select);
    let names = sets(&needs.claims, |it| {
        values![codec::scope_word(it.scope), codec::claim_owner(it), &it.text]
    });
    let used = |row: &dyn Record| Cells::new(row, "claims").maybe_id("payout");
    let claims = session.each(CLAIMED, &names, used);
    let ids = sets(&needs.public_ids, |it| values![it]);
    let public_ids = session.each(TAKEN, &ids, |_| Ok(()));
    let (claims, public_ids, payouts) = three(claims, public_ids, payouts(session, &named)).await?;
    let claims = needs.claims.iter().zip(claims);
    view.claims = claims.filter_map(|(claim, used)| Some((claim.clone(), used?))).collect();
    let public_ids = needs.public_ids.iter().zip(public_ids);
    view.public_ids = public_ids.filter(|it| it.1.is_some()).map(|it| it.0.clone()).collect();
    view.payouts = payouts;
    let led_to = view.claims.values().flatten().filter(|it| !named.contains(*it)).copied();
    view.payouts.extend(self::payouts(session, &led_to.collect()).await?);
    let charged = view.payouts.values();
    let charged =
        charged.map(|it| (LedgerAccount::Available(it.merchant), it.charged_asset().clone()));
    let lines: BTreeSet<Line> = needs.balances.iter().cloned().chain(charged).collect();
    let lines_beside = with_those_beside::<S>(&lines);
    let balances = locked_balances(session, &lines_beside);
    let ids = sets(&needs.merchants, |it| values![it.to_string()]);
    let sql = by_id(&MERCHANTS);
    let merchants = session.each(&sql, &ids, rows::merchant);
    let ids = sets(&needs.keys, |it| values![it.to_string()]);
    let sql = by_id(&API_KEYS);
    let keys = session.each(&sql, &ids, rows::api_key);
    // They are asked in this order.
    let (balances, merchants, keys) = three(balances, merchants, keys).await?;
    view.merchants = merchants.into_iter().flatten().map(|it| (it.id, it)).collect();
    view.keys = keys.into_iter().flatten().map(|it| (it.id, it)).collect();
    let balances = balances.into_iter().map(|(line, (_, units))| (line, units));
    view.balances = balances.filter(|it| lines.contains(&it.0)).collect();
    let left = needs.leaving.iter().filter_map(|it| view.payouts.get(it)?.state.unsigned_batch());
    for id in left.collect::<BTreeSet<BatchId>>() {
        let BatchView { batch, payouts, .. } = batch_view(session, id).await?;
        view.batches.insert(id, batch);
        view.payouts.extend(payouts.into_iter().map(|it| (it.id, it)));
    }
    Ok(view)
}

/// Whether a name was used, and if so, for which payout.
const CLAIMED: &str =
    "SELECT text, payout FROM claims WHERE scope = ?1 AND owner = ?2 AND text = ?3";

/// Whether a payout has this outward identifier.
const TAKEN: &str = "SELECT id FROM payouts WHERE public_id = ?1";

/// Those of the payouts that there are.
async fn payouts(
    session: &impl Session,
    ids: &BTreeSet<PayoutId>,
) -> Result<BTreeMap<PayoutId, Payout>, Fault> {
    let sql = format!("{} WHERE id = ?1", PAYOUTS.select);
    let ids = sets(ids, |it| values![it.to_string()]);
    let found = session.each(&sql, &ids, rows::payout).await?;
    Ok(found.into_iter().flatten().map(|it| (it.id, it)).collect())
}

/// A batch with its payouts' identifiers and its attempts.
pub(crate) async fn batch(session: &impl Session, id: BatchId) -> Result<Option<Batch>, Fault> {
    let sql = format!("{} WHERE id = ?1", BATCHES.select);
    let values = values![id.to_string()];
    let batch = session.first(&sql, &values, rows::batch);
    let (batch, payouts, attempts) =
        three(batch, payouts_of(session, id), attempts_of(session, id)).await?;
    Ok(batch.map(|it| Batch { payouts, attempts, ..it }))
}

/// The payouts of a batch, in its order.
pub(crate) async fn payouts_of(
    session: &impl Session,
    id: BatchId,
) -> Result<Vec<PayoutId>, Fault> {
    let sql = "SELECT batch, payout FROM batch_payouts WHERE batch = ?1 ORDER BY position";
    let turn = |row: &dyn Record| Cells::new(row, "batch_payouts").id("payout");
    session.list(sql, &values![id.to_string()], turn).await
}

/// The version of a batch, and how many transactions it has, if there is one.
pub(crate) async fn batch_version(
    session: &impl Session,
    id: BatchId,
) -> Result<Option<(u64, usize)>, Fault> {
    let sql = "SELECT id, version, (SELECT count(*) FROM attempts WHERE batch = batches.id) AS count \
               FROM batches WHERE id = ?1";
    let turn = |row: &dyn Record| {
        let cells = Cells::new(row, "batches");
        let count: u32 = cells.number("count")?;
        Ok((cells.number("version")?, usize::try_from(count).unwrap_or(usize::MAX)))
    };
    session.first(sql, &values![id.to_string()], turn).await
}

const ATTEMPTS: &str = "SELECT batch, number, txid, raw, sequence, fee_max, status, signed_at, fee, \
    unpaid, spends FROM attempts";

async fn attempts_of(session: &impl Session, id: BatchId) -> Result<Vec<Attempt>, Fault> {
    let sql = format!("{ATTEMPTS} WHERE batch = ?1 ORDER BY number");
    session.list(&sql, &values![id.to_string()], rows::attempt).await
}

/// The signed transactions of these names.
pub(crate) async fn signed(
    session: &impl Session,
    names: &BTreeSet<TxId>,
) -> Result<Vec<Attempt>, Fault> {
    let sql = format!("{ATTEMPTS} WHERE txid = ?1 ORDER BY batch, number");
    let named =
        async |name: &TxId| session.list(&sql, &values![name.as_str()], rows::attempt).await;
    Ok(all(names.iter().map(named)).await?.concat())
}

pub(crate) async fn batch_view(session: &impl Session, id: BatchId) -> Result<BatchView, Fault> {
    let (batch, lane) = peek_batch(session, id).await?;
    let found = payouts(session, &batch.payouts.iter().copied().collect()).await?;
    let payout = |id| found.get(id).cloned().ok_or_else(|| missing("payouts", id));
    let payouts = batch.payouts.iter().map(payout).collect::<Result<_, _>>()?;
    Ok(BatchView { batch, payouts, lane })
}

pub(crate) async fn peek_batch(
    session: &impl Session,
    id: BatchId,
) -> Result<(Batch, Lane), Fault> {
    let batch = batch(session, id).await?.ok_or_else(|| missing("batches", &id))?;
    let lane = lane(session, &batch.lane).await?;
    let lane = lane.ok_or_else(|| missing("lanes", &batch.lane))?;
    Ok((batch, lane))
}

fn missing(table: &'static str, row: &dyn Display) -> Fault {
    Fault::Missing { table, row: row.to_string() }
}

/// The tokens of those leases that there are, which nobody takes until the transaction ends; all lock
/// them in the same order.
pub(crate) async fn locked_tokens<S: Session>(
    session: &S,
    names: &BTreeSet<&str>,
) -> Result<BTreeMap<String, u64>, Fault> {
    let sql = format!("SELECT name, token FROM leases WHERE name = ?1{}", S::LOCKING);
    let turn = |row: &dyn Record| {
        let cells = Cells::new(row, "leases");
        Ok((cells.text("name")?, cells.number("token")?))
    };
    let found = session.each(&sql, &sets(names, |it| values![*it]), turn).await?;
    Ok(found.into_iter().flatten().collect())
}

const COMMITTED: &str = "SELECT batches.id, batches.takes, attempts.fee_max, attempts.sequence, \
    CASE WHEN attempts.status IN ('signed', 'broadcast', 'in_block') \
    THEN attempts.spends ELSE '' END AS spends FROM batches \
    JOIN attempts ON attempts.batch = batches.id \
    WHERE batches.lane = ?1 AND batches.closed = 0 ORDER BY batches.due_at, batches.id";

/// What the batches of a lane that have a signed transaction may take, but for one batch.
pub(crate) async fn commitments(
    session: &impl Session,
    lane: &LaneId,
    without: BatchId,
) -> Result<Vec<Commitment>, Fault> {
    let turn = |row: &dyn Record| {
        let cells = Cells::new(row, "batches");
        let takes = cells.maybe_word("takes", codec::sums)?;
        let sequence = cells.maybe_word("sequence", codec::canonical::<u64>)?;
        let spends = cells.word("spends", codec::coins)?;
        Ok((cells.id::<BatchId>("id")?, takes, cells.amount("fee_max")?, sequence, spends))
    };
    let signed = session.list(COMMITTED, &values![lane.as_str()], turn).await?;
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
                    None => takes_of_old(session, id).await?,
                };
                let payments = sums.into_iter().collect();
                let spends = spends.into_iter().collect();
                commitments.push(Commitment { batch: id, payments, fee_max, sequence, spends });
            }
        }
    }
    Ok(commitments)
}

/// What each of these payouts pays.
pub(crate) async fn amounts(
    session: &impl Session,
    ids: &BTreeSet<PayoutId>,
) -> Result<BTreeMap<PayoutId, (AssetId, Amount)>, Fault> {
    let sql = "SELECT id, asset, amount FROM payouts WHERE id = ?1";
    let turn = |row: &dyn Record| {
        let cells = Cells::new(row, "payouts");
        Ok((cells.id("id")?, (cells.asset("asset")?, cells.amount("amount")?)))
    };
    let found = session.each(sql, &sets(ids, |it| values![it.to_string()]), turn).await?;
    Ok(found.into_iter().flatten().collect())
}

/// What a batch takes from its lane in all, by asset.
pub(crate) fn takes(
    batch: &Batch,
    amounts: &BTreeMap<PayoutId, (AssetId, Amount)>,
) -> Result<BTreeMap<AssetId, Amount>, Fault> {
    let mut sums: BTreeMap<AssetId, Amount> = BTreeMap::new();
    for id in &batch.payouts {
        let (asset, amount) = amounts.get(id).ok_or_else(|| missing("payouts", id))?;
        let sum = sums.entry(asset.clone()).or_default();
        // More than there can be is as much as there can be.
        *sum = sum.checked_add(*amount).unwrap_or(Amount::MAX);
    }
    if let Some(top_up) = batch.chore.as_ref().and_then(Chore::top_up) {
        sums.insert(top_up.asset.clone(), top_up.amount);
    }
    Ok(sums)
}

/// The same of a batch that was made before that was written down.
async fn takes_of_old(
    session: &impl Session,
    id: BatchId,
) -> Result<BTreeMap<AssetId, Amount>, Fault> {
    let batch = batch(session, id).await?.ok_or_else(|| missing("batches", &id))?;
    let amounts = amounts(session, &batch.payouts.iter().copied().collect()).await?;
    takes(&batch, &amounts)
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
    "SELECT count(*) AS open, count(*) FILTER (WHERE ",
    in_flight!(),
    ") AS in_flight, count(*) FILTER (WHERE hold_reason = 'fee_above_cap' \
     AND NOT EXISTS (SELECT 1 FROM attempts \
     WHERE attempts.batch = batches.id AND sequence IS NOT NULL) AND ",
    in_flight!(),
    ") AS stuck FROM batches WHERE lane = ?1 AND closed = 0 AND NOT ",
    waiting!()
);

const WAITING_ASSETS: &str = concat!(
    "SELECT payouts.asset, batches.hold_reason, count(DISTINCT batches.id) AS count FROM batches \
     JOIN batch_payouts ON batch_payouts.batch = batches.id \
     JOIN payouts ON payouts.id = batch_payouts.payout \
     WHERE batches.lane = ?1 AND batches.closed = 0 AND ",
    waiting!(),
    " GROUP BY payouts.asset, batches.hold_reason"
);

pub(crate) async fn lane_view(
    session: &impl Session,
    id: &LaneId,
    queued_max: u32,
) -> Result<Option<LaneView>, Fault> {
    let turn = |row: &dyn Record| {
        let cells = Cells::new(row, "batches");
        Ok((cells.number("open")?, cells.number("in_flight")?, cells.number("stuck")?))
    };
    let name = values![id.as_str()];
    let going = session.first(GOING, &name, turn);
    let (lane, waiting, going) =
        three(lane(session, id), waiting_assets(session, id), going).await?;
    let Some(lane) = lane else { return Ok(None) };
    let (open, in_flight, stuck) = going.unwrap_or_default();
    let asked = values![lane.network.as_str(), queued_max, &waiting];
    let queued = session.list(&queued_sql(), &asked, rows::payout).await?;
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

/// The assets that batches of a lane wait with, each between bars.
async fn waiting_assets(session: &impl Session, lane: &LaneId) -> Result<String, Fault> {
    let turn = |row: &dyn Record| {
        let cells = Cells::new(row, "batches");
        let reason = cells.word("hold_reason", codec::hold)?;
        Ok((cells.text("asset")?, reason, cells.number("count")?))
    };
    let waiting = session.list(WAITING_ASSETS, &values![lane.as_str()], turn).await?;
    let mut assets = String::from("|");
    for (asset, _, _) in waiting.iter().filter(|it| it.1.concerns_the_asset(it.2)) {
        assets.push_str(asset);
        assets.push('|');
    }
    Ok(assets)
}

pub(crate) async fn delivery_view(
    session: &impl Session,
    id: DeliveryId,
) -> Result<DeliveryView, Fault> {
    let sql = format!("{} WHERE payout = ?1 AND number = ?2", DELIVERIES.select);
    let values = values![id.payout.to_string(), id.number];
    let found = session.first(&sql, &values, rows::delivery);
    let (delivery, payout) = two(found, payout(session, id.payout)).await?;
    let delivery = delivery.ok_or_else(|| missing("deliveries", &id))?;
    let payout = payout.ok_or_else(|| missing("payouts", &id.payout))?;
    let key = match payout.key {
        Some(id) => Some(key(session, id).await?.ok_or_else(|| missing("api_keys", &id))?),
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

pub(crate) async fn due_batches(
    session: &impl Session,
    lane: &LaneId,
    now: Timestamp,
    count_max: u32,
) -> Result<Vec<BatchId>, Fault> {
    let turn = |row: &dyn Record| Cells::new(row, "batches").id("id");
    let due = due_ranges(now).map(async |(from, to)| {
        let asked = values![lane.as_str(), from, to, count_max];
        session.list(DUE_BATCHES, &asked, turn).await
    });
    Ok(at_most(all(due).await?, count_max))
}

const DUE_DELIVERIES: &str = "SELECT payout, number, due_at, url FROM deliveries \
    WHERE state = 'due' AND due_at BETWEEN ?1 AND ?2 AND (due_at, payout, number) > (?3, ?4, ?5) \
    ORDER BY due_at, payout, number LIMIT ?6";

pub(crate) async fn due_deliveries(
    session: &impl Session,
    now: Timestamp,
    after: Option<DuePlace>,
    count_max: u32,
) -> Result<Vec<DueDelivery>, Fault> {
    let turn = |row: &dyn Record| {
        let cells = Cells::new(row, "deliveries");
        let id = DeliveryId { payout: cells.id("payout")?, number: cells.number("number")? };
        Ok(DueDelivery { id, due_at: cells.time("due_at")?, url: cells.text("url")? })
    };
    // Nothing is due before 1970.
    let (at, payout, number) = after.map_or((-1, String::new(), 0), |(at, id)| {
        (codec::ms(at), id.payout.to_string(), i64::from(id.number))
    });
    let due = due_ranges(now).map(async |(from, to)| {
        let values = values![from.max(at), to, at, &payout, number, count_max];
        session.list(DUE_DELIVERIES, &values, turn).await
    });
    Ok(at_most(all(due).await?, count_max))
}

/// Several lists as one, cut off where it is too long.
fn at_most<T>(lists: Vec<Vec<T>>, count_max: u32) -> Vec<T> {
    let count_max = usize::try_from(count_max).unwrap_or(usize::MAX);
    lists.into_iter().flatten().take(count_max).collect()
}

const EXPIRED_APPROVALS: &str = "SELECT id FROM payouts \
    WHERE status = 'awaiting_approval' AND approval_until < ?1 \
    ORDER BY approval_until, id LIMIT ?2";

pub(crate) async fn expired_approvals(
    session: &impl Session,
    now: Timestamp,
    count_max: u32,
) -> Result<Vec<PayoutId>, Fault> {
    let turn = |row: &dyn Record| Cells::new(row, "payouts").id("id");
    session.list(EXPIRED_APPROVALS, &values![codec::ms(now), count_max], turn).await
}

/// The batch that carries a payout, or the last that did.
pub(crate) async fn batch_of(session: &impl Session, id: PayoutId) -> Result<Option<Batch>, Fault> {
    let sql = "SELECT batch FROM batch_payouts JOIN batches ON batches.id = batch \
               WHERE payout = ?1 ORDER BY batches.closed, batches.created_at DESC, batch DESC LIMIT 1";
    let turn = |row: &dyn Record| Cells::new(row, "batch_payouts").id("batch");
    match session.first(sql, &values![id.to_string()], turn).await? {
        Some(id) => batch(session, id).await,
        None => Ok(None),
    }
}

/// What is asked all the time, of tables that grow.
#[cfg(test)]
pub(crate) fn asked_often() -> Vec<String> {
    let fixed = [DUE_BATCHES, DUE_DELIVERIES, GOING, WAITING_ASSETS, EXPIRED_APPROVALS];
    fixed.into_iter().map(str::to_owned).chain([queued_sql()]).collect()
}
