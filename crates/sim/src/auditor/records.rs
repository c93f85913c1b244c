//! What a record may become.

use std::collections::BTreeMap;

use domain::{
    batch::{Attempt, AttemptStatus, Batch},
    chore::Chore,
    delivery::Delivery,
    event::{Event, EventKind},
    payout::{Payout, PayoutState, Priority, Status},
    ports::ChangeSet,
};

use super::{Auditor, Violation, must, prices::Case};
use crate::scene;

impl Auditor {
    /// Every record must be one version ahead of the last.
    pub(super) fn check_versions(&mut self, change: &ChangeSet) -> Result<(), Violation> {
        for it in &change.merchants {
            let before = self.merchant_versions.insert(it.id, it.version);
            one_ahead(&it.id, before, it.version)?;
        }
        for it in &change.lanes {
            one_ahead(&it.id, version(&self.lanes, &it.id, |it| it.version), it.version)?;
        }
        for it in &change.payouts {
            one_ahead(&it.id, version(&self.payouts, &it.id, |it| it.version), it.version)?;
        }
        for it in &change.batches {
            one_ahead(&it.id, version(&self.batches, &it.id, |it| it.version), it.version)?;
        }
        for it in &change.deliveries {
            one_ahead(&it.id, version(&self.deliveries, &it.id, |it| it.version), it.version)?;
        }
        Ok(())
    }

    /// A batch keeps what it has signed, and signs nothing that could pay a second time.
    pub(super) fn check_batch(&mut self, batch: &Batch) -> Result<(), Violation> {
        let id = batch.id;
        let before = self.batches.get(&id);
        let known = before.map_or(&[][..], |it| &it.attempts);
        if let Some(before) = before {
            must!(!before.closed, "{id} changed after its end");
            must!(before.payouts == batch.payouts, "{id} changed its payouts");
        }
        must!(batch.payouts.is_empty() == batch.chore.is_some(), "{id} pays nobody");
        must!(known.len() <= batch.attempts.len(), "{id} forgot a transaction");
        must!(batch.attempts.len() <= known.len() + 1, "{id} signed two transactions at once");
        for (before, after) in known.iter().zip(&batch.attempts) {
            must!(before.tx == after.tx, "{id} changed a transaction");
            must!(
                before.status.is_live() || before.status == after.status,
                "{id} changed its mind about {}",
                before.tx.txid
            );
        }
        let ends_paid = batch.attempts.iter().any(|it| it.status == AttemptStatus::Final);
        for attempt in &batch.attempts {
            if attempt.status.is_live() {
                must!(!batch.closed, "{id} ended while {} may still pay", attempt.tx.txid);
                must!(
                    batch.live().all(|it| it.excludes(attempt)),
                    "{id} has two live transactions that do not exclude each other"
                );
            }
            self.check_status(batch, attempt)?;
        }
        if batch.closed && !ends_paid {
            must!(
                batch.attempts.iter().all(|it| !it.status.is_live()),
                "{id} was given up while a transaction may still pay"
            );
        }
        for attempt in batch.attempts.iter().skip(known.len()) {
            match attempt.sequence {
                Some(number) => {
                    must!(attempt.spends.is_empty(), "{id} has a number and coins");
                    let owner = *self.numbers.entry((batch.lane.clone(), number)).or_insert(id);
                    must!(owner == id, "{id} and {owner} both use the lane's number {number}");
                    let lane = self.lanes.get(&batch.lane);
                    let lane = lane.ok_or_else(|| format!("{id} has no lane"))?;
                    let next = lane.next_sequence;
                    must!(number < next, "the number {number} of {} is free", lane.id);
                }
                None => self.check_coins(batch, attempt)?,
            }
            self.signed_for.insert(attempt.tx.txid.clone(), id);
        }
        if batch.closed {
            let fees = batch.attempts.iter().filter_map(|it| self.finals.get(&it.tx.txid));
            let charged = fees.map(|it| it.fee.signed()).sum();
            self.books.expect_charge(batch, charged);
            if let Some(top_up) = batch.chore.as_ref().and_then(Chore::top_up) {
                let units = if ends_paid { top_up.amount.signed() } else { 0 };
                self.books.expect_brought(batch, units);
            }
        }
        Ok(())
    }

    /// A coin is spent by the transactions of one batch, until none of them may pay any more.
    fn check_coins(&self, batch: &Batch, attempt: &Attempt) -> Result<(), Violation> {
        let id = batch.id;
        must!(!attempt.spends.is_empty(), "{id} signed without a number and without coins");
        let others = self.batches.values().filter(|it| it.id != id && it.lane == batch.lane);
        for other in others.filter(|it| !it.closed) {
            let shared = other.live().find(|it| it.excludes(attempt));
            must!(shared.is_none(), "{id} and {} both spend a coin of the lane", other.id);
        }
        Ok(())
    }

    /// What was accepted is what was asked for, at the price that it has.
    fn check_accepted(&self, payout: &Payout) -> Result<(), Violation> {
        let request = self.requests.get(&payout.id).ok_or("nobody asked for it")?;
        let create = &request.create;
        let is_it = payout.created_at == request.at
            && payout.merchant == create.merchant
            && payout.merchant_ref == create.merchant_ref
            && payout.asset == create.asset
            && payout.destination.address == create.address.to_ascii_lowercase()
            && payout.destination.memo == create.memo
            && payout.webhook == create.webhook
            && create.public_ids.contains(&payout.public_id);
        must!(is_it, "that is not what was asked");
        let fast = scene::network(&create.asset) == "fast";
        let priority = if fast { create.priority } else { Priority::Recommended };
        must!(payout.priority == priority, "its priority is {:?}", payout.priority);
        let asked = create.approval.as_ref();
        let url = |it: &domain::command::ApprovalRequest| {
            it.url.clone().or(scene::approval_url(create.merchant))
        };
        let until = request.at.plus_ms(scene::APPROVAL_MS);
        let expected = asked.map(|it| (url(it), until));
        let question = payout.approval.as_ref().map(|it| (it.url.clone(), it.until));
        must!(question == expected, "its approval is asked as {question:?}");
        let (quote, market, at) = (&payout.quote, &*request.market, request.at);
        Case { create, quote, market, at }.check()
    }

    /// Nothing expires before its time.
    pub(super) fn check_expiry(&self, event: &Event) -> Result<(), Violation> {
        if event.kind != EventKind::ApprovalExpired {
            return Ok(());
        }
        let payout = self.payouts.get(&event.payout);
        let until = payout.and_then(|it| it.approval.as_ref()).map(|it| it.until);
        must!(until.is_some_and(|it| it < event.at), "{} expired before {until:?}", event.payout);
        Ok(())
    }

    /// A payout goes one way, keeps what was agreed, and tells of it.
    pub(super) fn check_payout(
        &self,
        payout: &Payout,
        made: &[&Delivery],
    ) -> Result<(), Violation> {
        let id = payout.id;
        let before = self.payouts.get(&id);
        if let Some(before) = before {
            let kept = before.quote == payout.quote
                && before.destination == payout.destination
                && before.asset == payout.asset
                && before.content == payout.content
                && before.priority == payout.priority
                && before.merchant == payout.merchant
                && before.merchant_ref == payout.merchant_ref
                && before.public_id == payout.public_id
                && (payout.travels_alone || !before.travels_alone);
            must!(kept, "{id} changed what was agreed");
        } else {
            self.check_accepted(payout)
                .map_err(|why| format!("{id}: {why}: {:?}", payout.quote))?;
        }
        check_approval(before, payout).map_err(|why| format!("{id} {why}"))?;
        let old = before.map(|it| &it.state);
        must!(may_become(old, &payout.state), "{id} went from {old:?} to {:?}", payout.state);
        match &payout.state {
            PayoutState::Paid { txid, .. } => must!(
                self.paid_by.get(&id) == Some(txid),
                "{id} says that {txid} paid it, and the chain says {:?}",
                self.paid_by.get(&id)
            ),
            PayoutState::Failed { .. } | PayoutState::Cancelled => must!(
                !self.paid_by.contains_key(&id),
                "{id} is {:?}, and was paid by {:?}",
                payout.state,
                self.paid_by.get(&id)
            ),
            PayoutState::AwaitingApproval | PayoutState::Queued | PayoutState::Sending { .. } => {}
        }
        self.check_end_of_batch(old, payout)?;
        let status = payout.state.status();
        let wanted = payout.webhook.as_ref().is_some_and(|it| it.on.contains(&status));
        let moved = before.is_some_and(|it| it.state.status() < status)
            || (before.is_none() && payout.state == PayoutState::Cancelled)
            // It was approved as soon as it was accepted.
            || (before.is_none() && status == Status::Queued && payout.approval.is_some());
        // A question for an approval goes to whoever gives it, not to the merchant's webhook.
        let is_question = status == Status::AwaitingApproval;
        let is_asked = payout.approval.as_ref().is_some_and(|it| it.url.is_some());
        let (wanted, moved) =
            if is_question { (is_asked, before.is_none()) } else { (wanted, moved) };
        let due = made.iter().filter(|it| it.version == 1 && it.status == status).count();
        must!(
            due == usize::from(wanted && moved),
            "{id} became {status:?}, and {due} webhooks are due"
        );
        Ok(())
    }
}

impl Auditor {
    /// A payout leaves its batch only when no transaction of the batch can pay it, and fails only
    /// for what is wrong with itself.
    fn check_end_of_batch(
        &self,
        old: Option<&PayoutState>,
        payout: &Payout,
    ) -> Result<(), Violation> {
        let (id, new) = (payout.id, &payout.state);
        let Some(PayoutState::Sending { batch, .. }) = old else { return Ok(()) };
        let batch = self.batches.get(batch).ok_or_else(|| format!("{id} was in no batch"))?;
        if *new == PayoutState::Cancelled {
            let may_pay = !batch.closed || !batch.attempts.is_empty();
            must!(!may_pay, "{id} was withdrawn, and {} may still pay it", batch.id);
        }
        if *new == PayoutState::Queued {
            let may_pay = !batch.closed || batch.live().next().is_some();
            must!(!may_pay, "{id} waits again, and {} may still pay it", batch.id);
            must!(!self.paid_by.contains_key(&id), "{id} waits again, and was paid");
        }
        if matches!(new, PayoutState::Failed { .. }) {
            must!(batch.payouts.len() == 1, "{id} failed together with others");
        }
        Ok(())
    }
}

/// Whether nothing stands in the way of paying it.
pub(super) fn is_approved(payout: &Payout) -> bool {
    let approval = payout.approval.as_ref();
    approval.is_none_or(|it| it.verdict.as_ref().is_some_and(|it| it.approve))
}

/// The question stays what it was, it is answered once and in time, and what is not approved is not
/// paid.
fn check_approval(before: Option<&Payout>, payout: &Payout) -> Result<(), Violation> {
    let approval = payout.approval.as_ref();
    let verdict = approval.and_then(|it| it.verdict.as_ref());
    if let Some(before) = before {
        let question = |it: &Payout| it.approval.clone().map(|it| (it.url, it.until));
        must!(question(before) == question(payout), "is asked about in another way");
        let first = before.approval.as_ref().and_then(|it| it.verdict.as_ref());
        must!(first.is_none() || first == verdict, "was judged as {first:?}, and now {verdict:?}");
    }
    if let (Some(approval), Some(verdict)) = (approval, verdict) {
        must!(verdict.at <= approval.until, "was judged too late: {approval:?}");
        let declined = payout.state == PayoutState::Cancelled;
        must!(verdict.approve || declined, "was declined, and is {:?}", payout.state);
    }
    match payout.state {
        PayoutState::AwaitingApproval => {
            must!(approval.is_some() && verdict.is_none(), "waits for nothing: {approval:?}");
        }
        PayoutState::Queued
        | PayoutState::Sending { .. }
        | PayoutState::Paid { .. }
        | PayoutState::Failed { .. } => {
            must!(is_approved(payout), "is {:?}: {approval:?}", payout.state);
        }
        PayoutState::Cancelled => {}
    }
    Ok(())
}

fn may_become(before: Option<&PayoutState>, after: &PayoutState) -> bool {
    match (before, after) {
        (None, PayoutState::AwaitingApproval | PayoutState::Queued | PayoutState::Cancelled)
        | (Some(PayoutState::AwaitingApproval), PayoutState::Queued | PayoutState::Cancelled)
        | (Some(PayoutState::Queued), PayoutState::Sending { .. } | PayoutState::Cancelled)
        | (
            Some(PayoutState::Sending { .. }),
            PayoutState::Queued
            | PayoutState::Paid { .. }
            | PayoutState::Failed { .. }
            | PayoutState::Cancelled,
        ) => true,
        (
            Some(PayoutState::Sending { batch: one, .. }),
            PayoutState::Sending { batch: other, .. },
        ) => one == other,
        _ => false,
    }
}

fn version<Id: Ord, T>(
    records: &BTreeMap<Id, T>,
    id: &Id,
    version: impl Fn(&T) -> u64,
) -> Option<u64> {
    records.get(id).map(version)
}

fn one_ahead(
    id: &impl std::fmt::Display,
    before: Option<u64>,
    after: u64,
) -> Result<(), Violation> {
    must!(after == before.unwrap_or_default() + 1, "{id} went from version {before:?} to {after}");
    Ok(())
}
