//! Several batches of a lane get their transactions in one commit.

use domain::{
    BoxFuture, Timestamp,
    batch::{Input, Step},
    ids::BatchId,
    money::{Amount, Rounding},
    ports::{BatchView, ChangeSet, CommitError, Commitment},
};
use futures_util::{StreamExt as _, stream};

use crate::{
    Progress, World,
    advance::{Signing, advance, commitment, others, sign},
};

/// How much more than the first of several transactions the others are taken to cost at most.
const FEE_FACTOR: u128 = 2;
/// How many transactions are made at the same time at most: the node answers for each of them.
const AT_ONCE_MAX: usize = 16;

/// Makes transactions for batches of one lane, with one number after another, and stores all of them
/// and the lane in one commit: none of them can leave before that, and a conflict about any of them
/// is one about all.
///
/// The first is made alone; the others, at the same time, by what the first costs: each takes into
/// account what those before it may take. Ends with the first that has no transaction made, because
/// a number must not be skipped, and after one that costs more than the others were told. Where
/// transactions have no numbers, only the first batch gets one: which coins the others may spend is
/// not known before. What cannot be made for the first of all moves it one step, as [`advance`] does.
///
/// # Errors
/// As [`advance`].
pub async fn sign_together(
    world: &World<'_>,
    ids: &[BatchId],
    now: Timestamp,
) -> Result<Progress, CommitError> {
    let mut views = vec![];
    for id in ids {
        match fresh(world, *id, now).await? {
            Some(view) => views.push(view),
            None => break,
        }
    }
    let mut views = views.into_iter();
    let Some(first) = views.next() else {
        let Some(id) = ids.first() else { return Ok(Progress::Idle(now)) };
        return advance(world, *id, now).await;
    };
    // The lane was loaded with the first batch. Whoever signs after that makes our commit a conflict.
    let mut taken = others(world, &first).await?;
    let signing = sign(world, &first, &taken, None, now).await;
    let change = match made(&signing) {
        None => signing.outcome(world, first, false, now),
        Some((fee_max, next_sequence)) => {
            taken.push(commitment(&first, fee_max, next_sequence.checked_sub(1)));
            let mut rest: Vec<Planned> = vec![];
            let lane = first.lane.id.clone();
            for view in views.take_while(|it| it.lane.id == lane) {
                let Some(planned) = plan(&first, fee_max, next_sequence, rest.len(), view) else {
                    break;
                };
                rest.push(planned);
            }
            let change = signing.outcome(world, first, false, now);
            with_others(world, change, taken, rest, now).await
        }
    };
    world.commit(change).await?;
    Ok(Progress::Advanced)
}

/// A batch that is to get its first transaction, with the number that it will have, and what that
/// is taken to cost at most.
struct Planned {
    view: BatchView,
    fee_guess: Amount,
}

fn plan(
    first: &BatchView,
    fee_max: Amount,
    next_sequence: u64,
    place: usize,
    mut view: BatchView,
) -> Option<Planned> {
    let count = |it: &BatchView| u128::try_from(it.payouts.len()).ok();
    let (of_first, of_it) = (count(first)?.max(1), count(&view)?);
    let numerator = of_it.max(of_first).checked_mul(FEE_FACTOR)?;
    let fee_guess = fee_max.scale(numerator, of_first, Rounding::Up)?;
    view.lane = first.lane.clone();
    view.lane.next_sequence = next_sequence.checked_add(u64::try_from(place).ok()?)?;
    Some(Planned { view, fee_guess })
}

/// What a transaction takes at most, and the number after its own; `None` if none was made, or one
/// without a number.
fn made(signing: &Signing) -> Option<(Amount, u64)> {
    match signing {
        Signing::Input(Input::Signed(attempt), Some(lane)) => {
            attempt.sequence.map(|_| (attempt.fee_max, lane.next_sequence))
        }
        Signing::Input(..) | Signing::Split { .. } => None,
    }
}

/// Adds the other batches to what the first changes.
async fn with_others(
    world: &World<'_>,
    mut change: ChangeSet,
    mut taken: Vec<Commitment>,
    rest: Vec<Planned>,
    now: Timestamp,
) -> ChangeSet {
    let before = taken.len();
    let planned =
        |it: &Planned| commitment(&it.view, it.fee_guess, Some(it.view.lane.next_sequence));
    taken.extend(rest.iter().map(planned));
    let mut signings: Vec<BoxFuture<'_, Signing>> = vec![];
    for (place, it) in rest.iter().enumerate() {
        let taken = taken.get(..before + place).unwrap_or(&taken);
        signings.push(Box::pin(sign(world, &it.view, taken, None, now)));
    }
    let signings: Vec<Signing> = stream::iter(signings).buffered(AT_ONCE_MAX).collect().await;
    for (planned, signing) in rest.into_iter().zip(signings) {
        let Some((fee_max, next_sequence)) = made(&signing) else { break };
        let (number, fee_guess) = (planned.view.lane.next_sequence, planned.fee_guess);
        if number.checked_add(1) != Some(next_sequence) {
            break;
        }
        let one = signing.outcome(world, planned.view, false, now);
        change.batches.extend(one.batches);
        change.payouts.extend(one.payouts);
        change.events.extend(one.events);
        change.deliveries.extend(one.deliveries);
        // The lane as of the last of them.
        change.lanes = one.lanes;
        if fee_max > fee_guess {
            break;
        }
    }
    change
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
