//! The chain path: one batch, one step.

use std::collections::BTreeMap;

use domain::{
    Timestamp,
    batch::{Attempt, AttemptStatus, Input, Step},
    follow,
    ids::{AssetId, BatchId},
    lane::Lane,
    money::Amount,
    payout::{Failure, FailureCode},
    ports::{
        BatchView, BuildError, CommitError, Draft, Handover, Hold, HoldReason, Intent, Payment,
        SignError, UnsignedTx,
    },
};

use crate::{Progress, World};

/// Moves one batch one step.
///
/// # Errors
/// If the store did not take what was decided; call again. Nothing is lost by it: every step is
/// safe to repeat.
pub async fn advance(
    world: &World<'_>,
    id: BatchId,
    now: Timestamp,
) -> Result<Progress, CommitError> {
    let loaded = world.store.load_batch(id).await;
    let view = loaded.map_err(|_| CommitError::Unreachable)?;
    let profile = world.rail.profile();
    let network = world.catalog.network(view.batch.network.as_str());
    let fee_asset = &network.expect("a batch is on a network of the catalog").fee_asset;
    let mut lane = None;
    let input = match view.batch.next_step(profile, now) {
        Step::Wait(until) => return Ok(Progress::Idle(until)),
        Step::Settle(settled) => {
            let settled = settled.clone();
            world.store.commit(follow::settle(view, &settled, fee_asset, now)).await?;
            return Ok(Progress::Advanced);
        }
        Step::Fail(failure) => {
            world.store.commit(follow::fail(view, &failure, fee_asset, now)).await?;
            return Ok(Progress::Advanced);
        }
        Step::Sign => {
            let (input, changed) = sign(world, &view, None, now).await;
            lane = changed;
            input
        }
        Step::Replace(previous) => {
            let (input, changed) = sign(world, &view, Some(previous), now).await;
            lane = changed;
            input
        }
        Step::Broadcast(tx) => match world.rail.broadcast(tx).await {
            Ok(Handover::Accepted) => Input::Accepted(tx.txid.clone()),
            Ok(Handover::Underpriced) => Input::Underpriced(tx.txid.clone()),
            Ok(Handover::Refused(why)) => Input::NotRelayed(tx.txid.clone(), why),
            Err(_) => Input::Unreachable,
        },
        Step::Observe => {
            let live: Vec<Attempt> = view.batch.live().cloned().collect();
            let seen = world.rail.observe(&view.lane, &live).await;
            seen.map_or(Input::Unreachable, Input::Observed)
        }
    };
    let BatchView { mut batch, payouts, .. } = view;
    let told = batch.apply(input, profile, now);
    let mut change = follow::advance(batch, payouts, &told, now);
    change.lanes.extend(lane);
    world.store.commit(change).await?;
    Ok(Progress::Advanced)
}

/// Makes and signs a transaction. Nothing of it has left this process yet; the lane's number is
/// used up by the commit that stores the attempt.
async fn sign(
    world: &World<'_>,
    view: &BatchView,
    replaces: Option<&Attempt>,
    now: Timestamp,
) -> (Input, Option<Lane>) {
    let nothing = |input| (input, None);
    let Some(committed) = committed(world, view) else {
        let detail = "what is on its way already is more than can be represented".to_owned();
        return nothing(Input::Held(Hold { reason: HoldReason::AwaitingFunds, detail }));
    };
    let (lane, payouts) = (&view.lane, view.payouts.as_slice());
    let first = replaces.and_then(|it| view.batch.first_with_number_of(it));
    let draft = Draft { lane, payouts, replaces, first, committed: &committed };
    let unsigned = match world.rail.build(draft).await {
        Ok(unsigned) => unsigned,
        Err(BuildError::Unreachable) => return nothing(Input::Unreachable),
        Err(BuildError::Hold(hold)) => return nothing(Input::Held(hold)),
        Err(BuildError::NotNeeded) => return nothing(Input::ReplacementNotNeeded),
        Err(BuildError::Refused(detail)) if replaces.is_none() => {
            return nothing(refused(FailureCode::RefusedByNetwork, detail));
        }
        // The first transaction may still pay, so there is nothing to give up.
        Err(BuildError::Refused(_)) => return nothing(Input::ReplacementNotNeeded),
    };
    if !sequence_is_right(&view.lane, replaces, unsigned.sequence) {
        let detail = "the rail chose a number that is not the batch's".to_owned();
        return nothing(signer_refused(detail, replaces));
    }
    let intent = intent(world, view, &unsigned);
    let signature = match world.signer.sign(&view.lane, &unsigned, &intent).await {
        Ok(signature) => signature,
        Err(SignError::Unreachable) => return nothing(Input::Unreachable),
        Err(SignError::Refused(detail)) => return nothing(signer_refused(detail, replaces)),
    };
    let tx = match world.rail.finalize(&unsigned, &signature) {
        Ok(tx) => tx,
        Err(detail) => return nothing(signer_refused(detail, replaces)),
    };
    let lane = used(&view.lane, unsigned.sequence);
    let attempt = Attempt {
        tx,
        sequence: unsigned.sequence,
        fee_max: unsigned.fee_max,
        status: AttemptStatus::Signed,
        signed_at: now,
        fee: None,
    };
    (Input::Signed(Box::new(attempt)), lane)
}

/// What the lane's other transactions may still take of each asset.
fn committed(world: &World<'_>, view: &BatchView) -> Option<BTreeMap<AssetId, Amount>> {
    let network = world.catalog.network(view.batch.network.as_str())?;
    let mut sums: BTreeMap<AssetId, Amount> = BTreeMap::new();
    for other in &view.committed {
        let fee = (network.fee_asset.clone(), other.fee_max);
        for (asset, amount) in other.payments.iter().cloned().chain([fee]) {
            let sum = sums.entry(asset).or_default();
            *sum = sum.checked_add(amount)?;
        }
    }
    Some(sums)
}

/// A replacement has its predecessor's number, so that they exclude each other; anything else has
/// one that the lane has not used.
fn sequence_is_right(lane: &Lane, replaces: Option<&Attempt>, sequence: Option<u64>) -> bool {
    match replaces {
        Some(previous) => sequence.is_some() && sequence == previous.sequence,
        None => sequence.is_none_or(|it| it >= lane.next_sequence && it < u64::MAX),
    }
}

/// The lane with its number used up. A replacement uses its predecessor's number, and leaves the
/// lane as it is.
fn used(lane: &Lane, sequence: Option<u64>) -> Option<Lane> {
    let sequence = sequence.filter(|it| *it >= lane.next_sequence)?;
    let next_sequence = sequence.checked_add(1)?;
    Some(Lane { next_sequence, version: lane.version + 1, ..lane.clone() })
}

fn signer_refused(detail: String, replaces: Option<&Attempt>) -> Input {
    match replaces {
        None => refused(FailureCode::RefusedBySigner, detail),
        Some(_) => Input::Held(Hold { reason: HoldReason::SignerRefused, detail }),
    }
}

fn refused(code: FailureCode, detail: String) -> Input {
    Input::Refused(Failure { code, detail })
}

/// What the transaction must do, taken from the payouts and the catalog alone.
fn intent(world: &World<'_>, view: &BatchView, unsigned: &UnsignedTx) -> Intent {
    let network = world.catalog.network(view.batch.network.as_str());
    let payment = |payout: &domain::payout::Payout| {
        let asset = world.catalog.asset(payout.asset.as_str());
        Payment {
            asset: asset.expect("an accepted payout's asset is in the catalog").clone(),
            destination: payout.destination.clone(),
            amount: payout.quote.amount,
        }
    };
    Intent {
        network: network.expect("a batch is on a network of the catalog").clone(),
        payments: view.payouts.iter().map(payment).collect(),
        fee_max: unsigned.fee_max,
        sequence: unsigned.sequence,
    }
}
