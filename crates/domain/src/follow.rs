//! What the course of a batch means for its payouts: states, postings, webhooks and events.

use crate::{
    Timestamp,
    batch::{Attempt, AttemptStatus, Batch, Happening},
    chore::Chore,
    delivery::{Delivery, DeliveryState},
    event::{Event, EventKind},
    ids::{AssetId, DeliveryId},
    ledger,
    payout::{Failure, Payout, PayoutState, Status},
    ports::{BatchView, ChangeSet},
};

/// Puts a payout into a new state; if its status changed and the merchant wants to know, a
/// delivery is due.
///
/// One that joins a batch of which nothing is signed, or leaves it again, is as queued as before:
/// since when stays, so that it does not wait for company once more.
pub fn enter(payout: &mut Payout, state: PayoutState, now: Timestamp, change: &mut ChangeSet) {
    let (before, after) = (payout.state.status(), state.status());
    payout.state = state;
    if (before, after) != (Status::Queued, Status::Queued) {
        payout.updated_at = now;
    }
    let wanted = payout.webhook.as_ref().filter(|it| it.on.contains(&after) && before < after);
    let Some(webhook) = wanted else { return };
    let url = webhook.url.clone();
    announce(payout, url, now, change);
}

/// A payout that was just accepted waits for an approval; whoever gives it is told, if an address is
/// known.
pub fn ask_for_approval(payout: &mut Payout, now: Timestamp, change: &mut ChangeSet) {
    payout.state = PayoutState::AwaitingApproval;
    tell(payout, EventKind::ApprovalAsked, String::new(), now, change);
    if let Some(url) = payout.approval.as_ref().and_then(|it| it.url.clone()) {
        announce(payout, url, now, change);
    }
}

/// Makes a delivery of a payout's present status due.
fn announce(payout: &mut Payout, url: String, now: Timestamp, change: &mut ChangeSet) {
    change.deliveries.push(Delivery {
        id: DeliveryId { payout: payout.id, number: payout.delivery_count },
        url,
        status: payout.state.status(),
        txid: payout.state.txid().cloned(),
        occurred_at: now,
        state: DeliveryState::Due,
        tries: 0,
        due_at: now,
        last_result: String::new(),
        body: vec![],
        version: 1,
    });
    payout.delivery_count = payout.delivery_count.saturating_add(1);
}

/// Writes down that something happened to a payout.
pub fn tell(
    payout: &Payout,
    kind: EventKind,
    detail: String,
    now: Timestamp,
    change: &mut ChangeSet,
) {
    change.events.push(Event { payout: payout.id, at: now, kind, detail });
}

/// Queued payouts join a batch.
///
/// # Panics
/// If one of them is in a batch already: a lane's queue holds none.
pub fn start(batch: Batch, payouts: Vec<Payout>, now: Timestamp, change: &mut ChangeSet) {
    for mut payout in payouts {
        let state = payout.state.send(batch.id).expect("a queued payout can join a batch");
        enter(&mut payout, state, now, change);
        tell(&payout, EventKind::Batched, batch.id.to_string(), now, change);
        payout.version += 1;
        change.payouts.push(payout);
    }
    change.batches.push(batch);
}

/// A batch took in what came of a step: its payouts follow.
pub fn advance(
    batch: Batch,
    payouts: Vec<Payout>,
    told: &[Happening],
    now: Timestamp,
) -> ChangeSet {
    let mut change = ChangeSet::default();
    let (stage, txid) = batch.stage();
    for mut payout in payouts {
        let followed = payout.state.follow(stage, txid.clone());
        let state = followed.expect("a payout of an open batch is being sent");
        let moved = state != payout.state;
        if !moved && told.is_empty() {
            continue;
        }
        for (kind, detail) in told {
            tell(&payout, *kind, detail.clone(), now, &mut change);
        }
        if moved {
            enter(&mut payout, state, now, &mut change);
            payout.version += 1;
            change.payouts.push(payout);
        }
    }
    change.batches.push(batch);
    change
}

/// An attempt is final: its payouts are paid, those that it left out wait again, and what the
/// network charged is booked.
pub fn settle(
    view: BatchView,
    settled: &Attempt,
    fee_asset: &AssetId,
    now: Timestamp,
) -> ChangeSet {
    let BatchView { batch, payouts, lane, .. } = view;
    let mut change = ChangeSet::default();
    let txid = &settled.tx.txid;
    for (place, mut payout) in (0_u32..).zip(payouts) {
        if settled.unpaid.contains(&place) {
            let why = format!("{txid} paid the others and not this one");
            requeue(payout, true, &why, now, &mut change);
            continue;
        }
        let paid = payout.state.pay(txid.clone(), now);
        let state = paid.expect("a payout of an open batch is being sent");
        change.postings.extend(ledger::settle(&payout, &lane.id, now));
        tell(&payout, EventKind::Final, txid.to_string(), now, &mut change);
        enter(&mut payout, state, now, &mut change);
        payout.version += 1;
        change.payouts.push(payout);
    }
    if let Some(top_up) = batch.chore.as_ref().and_then(Chore::top_up) {
        change.postings.extend(ledger::top_up(&batch, top_up, now));
    }
    close(batch, fee_asset, now, &mut change);
    change
}

/// No attempt can pay any more. A payout that travelled alone fails and its price returns; of
/// several, nobody knows whose fault it was, so each of them waits for a transaction of its own.
pub fn fail(view: BatchView, failure: &Failure, fee_asset: &AssetId, now: Timestamp) -> ChangeSet {
    let BatchView { batch, payouts, .. } = view;
    let mut change = ChangeSet::default();
    let reverted = batch.attempts.iter().find(|it| it.status == AttemptStatus::Reverted);
    let txid = reverted.map(|it| it.tx.txid.clone());
    let is_single = payouts.len() == 1;
    for mut payout in payouts {
        if !is_single {
            requeue(payout, true, &failure.detail, now, &mut change);
            continue;
        }
        let failed = payout.state.fail(failure.clone(), txid.clone());
        let state = failed.expect("a payout of an open batch is being sent");
        change.postings.extend(ledger::release(&payout, now));
        tell(&payout, EventKind::Failed, failure.detail.clone(), now, &mut change);
        enter(&mut payout, state, now, &mut change);
        payout.version += 1;
        change.payouts.push(payout);
    }
    close(batch, fee_asset, now, &mut change);
    change
}

/// A batch of which nothing is signed is dissolved: these of its payouts wait again, and those at the
/// places `alone` for a transaction of their own. Without any, it was too large, or somebody left.
///
/// # Panics
/// If a transaction of the batch may still pay.
pub fn split(
    batch: Batch,
    payouts: Vec<Payout>,
    alone: &[u32],
    why: &str,
    fee_asset: &AssetId,
    now: Timestamp,
    change: &mut ChangeSet,
) {
    assert!(batch.live().next().is_none(), "a live attempt may still pay");
    for (place, payout) in (0_u32..).zip(payouts) {
        let is_alone = alone.contains(&place);
        let is_told = is_alone || alone.is_empty();
        let told = if is_told { why } else { "others of its batch travel alone" };
        requeue(payout, is_alone, told, now, change);
    }
    close(batch, fee_asset, now, change);
}

/// A payout whose batch ends without paying it waits again, perhaps for a transaction of its own.
fn requeue(mut payout: Payout, alone: bool, why: &str, now: Timestamp, change: &mut ChangeSet) {
    let queued = payout.state.requeue();
    let state = queued.expect("a payout of an open batch is being sent");
    payout.travels_alone |= alone;
    tell(&payout, EventKind::Requeued, why.to_owned(), now, change);
    enter(&mut payout, state, now, change);
    payout.version += 1;
    change.payouts.push(payout);
}

fn close(mut batch: Batch, fee_asset: &AssetId, now: Timestamp, change: &mut ChangeSet) {
    for fee in batch.attempts.iter().filter_map(|it| it.fee) {
        change.postings.extend(ledger::network_charged(&batch, fee_asset, fee, now));
    }
    for attempt in &mut batch.attempts {
        if attempt.status.is_live() {
            attempt.status = AttemptStatus::Dead;
        }
    }
    batch.closed = true;
    batch.hold = None;
    batch.due_at = Timestamp::NEVER;
    batch.version += 1;
    change.batches.push(batch);
}
