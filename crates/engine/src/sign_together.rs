//! Several batches of a lane get their transactions in one commit.

use domain::{
    Timestamp,
    batch::{Input, Step},
    follow,
    ids::BatchId,
    ports::{BatchView, ChangeSet, CommitError, Commitment},
};

use crate::{
    Progress, World,
    advance::{Signing, advance, commitment, sign},
};

/// Makes transactions for batches of one lane, with one number after another, and stores all of them
/// and the lane in one commit: none of them can leave before that, and a conflict about any of them
/// is one about all. Each takes into account what those before it may take.
///
/// Ends with the first that has no transaction made: a number must not be skipped. If that is the
/// first of all, it is moved one step, as [`advance`] does.
///
/// # Errors
/// As [`advance`].
pub async fn sign_together(
    world: &World<'_>,
    ids: &[BatchId],
    now: Timestamp,
) -> Result<Progress, CommitError> {
    let Some((first, rest)) = ids.split_first() else { return Ok(Progress::Idle(now)) };
    let Some(first_view) = fresh(world, *first, now).await? else {
        return advance(world, *first, now).await;
    };
    // The lane was loaded with the first batch. Whoever signs after that makes our commit a conflict.
    let version = first_view.lane.version;
    let mut lane = first_view.lane.clone();
    let others = world.store.commitments(&lane.id, *first).await;
    let mut others: Vec<Commitment> = others.map_err(|_| CommitError::Unreachable)?;
    let mut change = ChangeSet::default();
    let mut next = Some(first_view);
    let mut rest = rest.iter();
    while let Some(mut view) = next {
        if view.lane.id != lane.id {
            break;
        }
        view.lane = lane.clone();
        let signing = sign(world, &view, &others, None, now).await;
        let Signing::Input(Input::Signed(attempt), Some(used)) = signing else { break };
        others.push(commitment(&view, attempt.fee_max));
        lane.next_sequence = used.next_sequence;
        let BatchView { mut batch, payouts, .. } = view;
        let told = batch.apply(Input::Signed(attempt), world.rail.profile(), now);
        let one = follow::advance(batch, payouts, &told, now);
        change.batches.extend(one.batches);
        change.payouts.extend(one.payouts);
        change.events.extend(one.events);
        change.deliveries.extend(one.deliveries);
        next = match rest.next() {
            Some(id) => fresh(world, *id, now).await?,
            None => None,
        };
    }
    if change.batches.is_empty() {
        return advance(world, *first, now).await;
    }
    lane.version = version + 1;
    change.lanes.push(lane);
    world.store.commit(change).await?;
    Ok(Progress::Advanced)
}

/// A batch that is to get its first transaction, and pays.
async fn fresh(
    world: &World<'_>,
    id: BatchId,
    now: Timestamp,
) -> Result<Option<BatchView>, CommitError> {
    let loaded = world.store.load_batch(id).await;
    let view = loaded.map_err(|_| CommitError::Unreachable)?;
    let batch = &view.batch;
    let is_new = batch.attempts.is_empty() && batch.chore.is_none();
    let signs = matches!(batch.next_step(world.rail.profile(), now), Step::Sign);
    Ok((is_new && signs).then_some(view))
}
