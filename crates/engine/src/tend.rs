//! What lanes do for themselves.

use std::collections::BTreeSet;

use domain::{
    Timestamp,
    batch::Batch,
    chore::Chore,
    ids::{BatchId, LaneId},
    lane::Lane,
    ports::{ChangeSet, CommitError, Store},
};

use crate::{Progress, World};

/// More open batches than any lane may have.
const OPEN_MAX: u32 = 100_000;

/// A lane with its batches that have not ended, each as it was when it was loaded. Their payouts are
/// left where they are: there may be thousands of them.
pub(crate) struct Open {
    /// The lane.
    pub(crate) lane: Lane,
    /// Its open batches.
    pub(crate) batches: Vec<Batch>,
}

impl Open {
    /// Loads a lane's open batches. The lane comes first: whoever commits its next version knows
    /// that no transaction was signed meanwhile that is not among the batches.
    pub(crate) async fn load(store: &dyn Store, lane: &LaneId) -> Result<Self, CommitError> {
        let unreachable = |_| CommitError::Unreachable;
        let view = store.load_lane(lane, 0).await.map_err(unreachable)?;
        let lane = view.ok_or(CommitError::Unreachable)?.lane;
        let mut batches = vec![];
        for id in
            store.due_batches(&lane.id, Timestamp::NEVER, OPEN_MAX).await.map_err(unreachable)?
        {
            batches.push(store.peek_batch(id).await.map_err(unreachable)?.0);
        }
        Ok(Self { lane, batches })
    }

    /// The chores that the lane has not finished.
    pub(crate) fn chores(&self) -> impl Iterator<Item = &Chore> {
        self.batches.iter().filter_map(|it| it.chore.as_ref())
    }

    /// The numbers of the transactions that may still be included.
    fn live(&self) -> BTreeSet<u64> {
        self.batches.iter().flat_map(Batch::live).filter_map(|it| it.sequence).collect()
    }
}

/// Begins what a lane has to do for itself, one thing at a time, under the identifier `id`; says
/// what. A number that was skipped is used up although something else is under way, because that may
/// wait behind it. A lane that does not pay payouts prepares nothing for it.
///
/// # Errors
/// If the store did not take it; call again.
pub async fn tend(
    world: &World<'_>,
    lane: &LaneId,
    pays: bool,
    id: BatchId,
    now: Timestamp,
) -> Result<Option<Chore>, CommitError> {
    let open = Open::load(world.store, lane).await?;
    let is_fill = |it: &Chore| matches!(it, Chore::Fill { .. });
    if open.chores().any(is_fill) {
        return Ok(None);
    }
    let (is_free, live) = (open.chores().next().is_none(), open.live());
    let found = if is_free && pays {
        world.rail.chore(&open.lane, &live).await
    } else {
        let skipped = world.rail.skipped(&open.lane, &live).await;
        skipped.map(|it| it.map(|sequence| Chore::Fill { sequence }))
    };
    let Some(chore) = found.ok().flatten() else { return Ok(None) };
    begin(world, open.lane, chore.clone(), id, now).await?;
    Ok(Some(chore))
}

/// Stores a chore. The lane's next version goes with it, so that nobody begins another one, or signs
/// a transaction, from what was seen before.
pub(crate) async fn begin(
    world: &World<'_>,
    lane: Lane,
    chore: Chore,
    id: BatchId,
    now: Timestamp,
) -> Result<Progress, CommitError> {
    let batch = Batch::of_chore(id, lane.network.clone(), lane.id.clone(), chore, now);
    let lane = Lane { version: lane.version + 1, ..lane };
    let change = ChangeSet { lanes: vec![lane], batches: vec![batch], ..ChangeSet::default() };
    world.commit(change).await?;
    Ok(Progress::Advanced)
}
