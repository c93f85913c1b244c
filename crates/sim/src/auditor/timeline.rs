//! The events of a payout, replayed.

use domain::{
    event::{Event, EventKind},
    payout::{Payout, PayoutState, Status},
};

use super::{Violation, must};

/// What the events so far add up to.
#[derive(Debug, Default)]
pub(super) struct Timeline {
    begun: bool,
    /// Whether somebody must approve it first.
    is_asked: bool,
    batched: bool,
    end: Option<Status>,
    /// Transactions that are not dead, oldest first, and whether they are in a block.
    transactions: Vec<(String, bool)>,
}

impl Timeline {
    pub(super) fn add(&mut self, event: &Event) -> Result<(), Violation> {
        let id = event.payout;
        must!(self.begun || event.kind == EventKind::Accepted, "{id} began with {:?}", event.kind);
        let informs = match event.kind {
            EventKind::Delivered | EventKind::DeliveryGivenUp => true,
            EventKind::Accepted
            | EventKind::ApprovalAsked
            | EventKind::Approved
            | EventKind::Declined
            | EventKind::ApprovalExpired
            | EventKind::Batched
            | EventKind::Signed
            | EventKind::Replaced
            | EventKind::Broadcast
            | EventKind::InBlock
            | EventKind::Undone
            | EventKind::Dead
            | EventKind::Final
            | EventKind::Requeued
            | EventKind::Failed
            | EventKind::Cancelled
            | EventKind::Held => false,
        };
        must!(informs || self.end.is_none(), "{id} had {:?} after its end", event.kind);
        match event.kind {
            EventKind::Accepted => {
                must!(!self.begun, "{id} was accepted twice");
                self.begun = true;
            }
            EventKind::ApprovalAsked => {
                must!(!self.is_asked && !self.batched, "{id} asked for an approval late");
                self.is_asked = true;
            }
            EventKind::Approved => {
                must!(self.is_asked, "{id} was approved, and nobody had asked");
                self.is_asked = false;
            }
            EventKind::Batched => {
                must!(!self.is_asked, "{id} is being paid, and nobody approved it");
                must!(!self.batched, "{id} joined two batches");
                self.batched = true;
            }
            EventKind::Signed | EventKind::Replaced => {
                self.transactions.push((event.detail.clone(), false));
            }
            EventKind::InBlock => self.mark(event, true)?,
            EventKind::Undone => self.mark(event, false)?,
            EventKind::Dead => self.transactions.retain(|it| it.0 != event.detail),
            EventKind::Requeued => {
                must!(self.batched, "{id} left a batch that it was not in");
                self.batched = false;
                self.transactions.clear();
            }
            EventKind::Final => self.end = Some(Status::Paid),
            EventKind::Failed => self.end = Some(Status::Failed),
            EventKind::Declined | EventKind::ApprovalExpired => {
                must!(self.is_asked, "{id} was declined, and nobody had asked");
                self.end = Some(Status::Cancelled);
            }
            EventKind::Cancelled => self.end = Some(Status::Cancelled),
            EventKind::Broadcast
            | EventKind::Held
            | EventKind::Delivered
            | EventKind::DeliveryGivenUp => {}
        }
        Ok(())
    }

    fn mark(&mut self, event: &Event, included: bool) -> Result<(), Violation> {
        let found = self.transactions.iter_mut().find(|it| it.0 == event.detail);
        let found = found.ok_or_else(|| format!("{}: {event:?} of nothing", event.payout))?;
        found.1 = included;
        Ok(())
    }

    /// The events must lead to the state that is stored.
    pub(super) fn check(&self, payout: &Payout) -> Result<(), Violation> {
        let included = self.transactions.iter().find(|it| it.1);
        let shown = included.or(self.transactions.last()).map(|it| it.0.as_str());
        let on_the_way = match (included, shown) {
            (Some(_), _) => Status::InBlock,
            (None, Some(_)) => Status::Sending,
            (None, None) if self.is_asked => Status::AwaitingApproval,
            (None, None) => Status::Queued,
        };
        let status = self.end.unwrap_or(on_the_way);
        let found = payout.state.status();
        must!(status == found, "{} is {found:?}; its events say {status:?}", payout.id);
        if let PayoutState::Sending { txid, .. } = &payout.state {
            let txid = txid.as_ref().map(domain::ids::TxId::as_str);
            must!(txid == shown, "{} shows {txid:?}; its events say {shown:?}", payout.id);
        }
        Ok(())
    }
}
