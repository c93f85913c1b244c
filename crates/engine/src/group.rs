//! The queue of a lane: payouts that wait become batches.

use domain::{
    Timestamp,
    batch::Batch,
    follow, grouping,
    ids::{AssetId, BatchId, LaneId},
    ports::{ChangeSet, CommitError},
};

use crate::{Progress, World};

/// Puts what waits for a lane into batches, as many as may be on their way at once.
///
/// `draw` gives a fresh identifier each time.
///
/// # Errors
/// If the store did not take it; call again.
pub async fn group(
    world: &World<'_>,
    lane: &LaneId,
    draw: &mut (dyn FnMut() -> BatchId + Send),
    now: Timestamp,
) -> Result<Progress, CommitError> {
    let profile = world.rail.profile();
    let queued_max = profile.in_flight_max.saturating_mul(profile.batch_max);
    let loaded = world.store.load_lane(lane, queued_max).await;
    let Some(view) = loaded.map_err(|_| CommitError::Unreachable)? else {
        return Ok(Progress::Idle(now.plus_ms(profile.poll_ms)));
    };
    let room = grouping::room(profile.in_flight_max, view.in_flight, view.open);
    let size = |asset: &AssetId| world.rail.batch_size(&view.lane, asset);
    let groups = grouping::group(view.queued, &size, profile.batch_wait_ms, room, now);
    if groups.now.is_empty() {
        let poll_at = now.plus_ms(profile.poll_ms);
        return Ok(Progress::Idle(groups.next_at.map_or(poll_at, |it| it.min(poll_at))));
    }
    let mut change = ChangeSet::default();
    for payouts in groups.now {
        let ids = payouts.iter().map(|it| it.id).collect();
        let batch = Batch::new(draw(), profile.network.clone(), lane.clone(), ids, now);
        follow::start(batch, payouts, now, &mut change);
    }
    world.store.commit(change).await?;
    Ok(Progress::Advanced)
}
