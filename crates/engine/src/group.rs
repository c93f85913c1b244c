//! The queue of a lane: payouts that wait become batches.

use std::collections::BTreeSet;

use domain::{
    Timestamp,
    batch::Batch,
    follow, grouping,
    ids::{AssetId, BatchId, LaneId},
    ports::{ChangeSet, CommitError, LaneView},
};

use crate::{Progress, World};

/// For how many batches payouts are looked at, even if there is room for fewer: the oldest may be
/// of several assets, each of which waits for company of its own.
const LOOK_MIN: u32 = 4;

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
    let idle = Progress::Idle(now.plus_ms(profile.poll_ms));
    let room_of = |view: &LaneView| {
        grouping::room(profile.in_flight_max, view.in_flight, view.stuck, view.open)
    };
    // A look without the queue costs little, and tells how much of the queue is worth a look.
    let loaded = world.store.load_lane(lane, 0).await.map_err(|_| CommitError::Unreachable)?;
    let room = loaded.as_ref().map_or(0, room_of);
    if room == 0 {
        return Ok(idle);
    }
    let batches = room.max(LOOK_MIN).min(profile.in_flight_max);
    let queued_max = batches.saturating_mul(profile.batch_max);
    let loaded = world.store.load_lane(lane, queued_max).await;
    let Some(view) = loaded.map_err(|_| CommitError::Unreachable)? else { return Ok(idle) };
    let size = |asset: &AssetId| world.rail.batch_size(&view.lane, asset);
    let room = room_of(&view);
    let (wait_ms, apart) = (profile.batch_wait_ms, profile.economy_apart);
    let groups = grouping::group(view.queued, &size, wait_ms, apart, room, now);
    if groups.now.is_empty() {
        let poll_at = now.plus_ms(profile.poll_ms);
        return Ok(Progress::Idle(groups.next_at.map_or(poll_at, |it| it.min(poll_at))));
    }
    let mut change = ChangeSet::default();
    let mut with_little = BTreeSet::new();
    for payouts in groups.now {
        // Who travels alone does so whatever others are enough for.
        let first = payouts.first().filter(|it| !it.travels_alone);
        let short = first.filter(|it| world.rail.has_little(&view.lane, &it.asset));
        if short.is_some_and(|it| !with_little.insert(it.asset.clone())) {
            continue;
        }
        let ids = payouts.iter().map(|it| it.id).collect();
        let batch = Batch::new(draw(), profile.network.clone(), lane.clone(), ids, now);
        follow::start(batch, payouts, now, &mut change);
    }
    world.commit(change).await?;
    Ok(Progress::Advanced)
}
