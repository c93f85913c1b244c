//! What lanes do for themselves.

use std::collections::BTreeSet;

use domain::{
    Timestamp,
    batch::Batch,
    chore::Chore,
    ids::{BatchId, LaneId},
    lane::Lane,
    ports::{BatchView, ChangeSet, CommitError, Store},
};

use crate::{Progress, World};

/// More open batches than any lane may have.
const OPEN_MAX: u32 = 100_000;

/// A lane with its batches that have not ended, each as it was when it was loaded.
pub(crate) struct Open {
    /// The lane.
    pub(crate) lane: Lane,
    /// Its open batches.
    pub(crate) batches: Vec<BatchView>,
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
            batches.push(store.load_batch(id).await.map_err(unreachable)?);
        }
        Ok(Self { lane, batches })
    }

    /// The chores that the lane has not finished.
    pub(crate) fn chores(&self) -> impl Iterator<Item = &Chore> {
        self.batches.iter().filter_map(|it| it.batch.chore.as_ref())
    }

    /// The numbers of the transactions that may still be included.
    fn live(&self) -> BTreeSet<u64> {
        let batches = self.batches.iter().map(|it| &it.batch);
        batches.flat_map(Batch::live).filter_map(|it| it.sequence).collect()
    }
}

/// Begins what a lane has to do for itself, one thing at a time; but a number that was skipped is used
/// up whatever else is open, since that may wait for it. `draw` gives a fresh identifier.
///
/// # Errors
/// If the store did not take it; call again.
pub async fn tend(
    world: &World<'_>,
    lane: &LaneId,
    draw: &mut (dyn FnMut() -> BatchId + Send),
    now: Timestamp,
) -> Result<Progress, CommitError> {
    let idle = Progress::Idle(now.plus_ms(world.rail.profile().poll_ms));
    let open = Open::load(world.store, lane).await?;
    match world.rail.chore(&open.lane, &open.live()).await {
        Ok(Some(chore)) if may_begin(open.chores(), &chore) => {
            begin(world.store, open.lane, chore, draw(), now).await
        }
        Ok(Some(_) | None) | Err(_) => Ok(idle),
    }
}

/// Whether a chore may be begun beside those that are open. What is open may wait for a number that
/// was skipped, so filling that waits for nothing but another filling.
fn may_begin<'a>(mut open: impl Iterator<Item = &'a Chore>, chore: &Chore) -> bool {
    match chore {
        Chore::Fill { .. } => !open.any(|it| matches!(it, Chore::Fill { .. })),
        Chore::TopUp(_) | Chore::Prepare(_) => open.next().is_none(),
    }
}

/// Stores a chore. The lane's next version goes with it, so that nobody begins another one, or signs
/// a transaction, from what was seen before.
pub(crate) async fn begin(
    store: &dyn Store,
    lane: Lane,
    chore: Chore,
    id: BatchId,
    now: Timestamp,
) -> Result<Progress, CommitError> {
    let batch = Batch::of_chore(id, lane.network.clone(), lane.id.clone(), chore, now);
    let lane = Lane { version: lane.version + 1, ..lane };
    let change = ChangeSet { lanes: vec![lane], batches: vec![batch], ..ChangeSet::default() };
    store.commit(change).await?;
    Ok(Progress::Advanced)
}

#[cfg(test)]
mod tests {
    use super::{Chore, may_begin};

    #[test]
    fn a_skipped_number_is_filled_although_something_else_waits_for_it() {
        let fill = |sequence| Chore::Fill { sequence };
        let approve = Chore::Prepare("approve".to_owned());
        let may = |open: &[Chore], chore: &Chore| may_begin(open.iter(), chore);
        assert!(may(&[], &approve) && may(&[], &fill(7)));
        let busy = std::slice::from_ref(&approve);
        assert!(may(busy, &fill(7)) && !may(busy, &approve));
        assert!(!may(&[fill(7)], &approve));
        assert!(!may(&[approve, fill(7)], &fill(8)));
    }
}
