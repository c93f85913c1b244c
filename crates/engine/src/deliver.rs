//! The webhook path: one delivery, one try.

use domain::{
    Timestamp,
    delivery::DeliveryState,
    event::{Event, EventKind},
    ids::DeliveryId,
    lease::Fence,
    ports::{ChangeSet, CommitError, Courier, Store},
};

use crate::{Progress, fenced};

/// How long a delivery waits when it could not be written or sent at all.
const RETRY_MS: u64 = 5_000;

/// Tries one delivery once.
///
/// The receiver may have acknowledged it and the commit may still fail; then it is told again.
///
/// # Errors
/// If the store did not take what came of it; call again.
pub async fn deliver(
    store: &dyn Store,
    courier: &dyn Courier,
    id: DeliveryId,
    fence: Option<&Fence>,
    now: Timestamp,
) -> Result<Progress, CommitError> {
    let loaded = store.load_delivery(id).await;
    let view = loaded.map_err(|_| CommitError::Unreachable)?;
    if view.delivery.state != DeliveryState::Due || !view.delivery.due_at.is_due(now) {
        return Ok(Progress::Idle(view.delivery.due_at));
    }
    let tried = courier.deliver(&view, now).await;
    let mut delivery = view.delivery;
    let mut change = ChangeSet::default();
    match tried {
        Ok(receipt) => delivery.apply(receipt, now),
        Err(_) => {
            delivery.version += 1;
            delivery.due_at = now.plus_ms(RETRY_MS);
        }
    }
    let told = match delivery.state {
        DeliveryState::Due => None,
        DeliveryState::Delivered => Some(EventKind::Delivered),
        DeliveryState::GivenUp => Some(EventKind::DeliveryGivenUp),
    };
    let detail = format!("{} to {}", delivery.status.word(), delivery.url);
    change.events.extend(told.map(|kind| Event { payout: view.payout.id, at: now, kind, detail }));
    change.deliveries.push(delivery);
    store.commit(fenced(change, fence)).await?;
    Ok(Progress::Advanced)
}
