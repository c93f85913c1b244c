//! The chain path: one batch, one step.

use std::collections::{BTreeMap, BTreeSet};

use domain::{
    Timestamp,
    batch::{Attempt, AttemptStatus, Batch, Input, Step},
    chore::Chore,
    follow,
    ids::{AssetId, BatchId, CoinId},
    lane::Lane,
    money::Amount,
    payout::{Failure, FailureCode},
    ports::{
        BatchView, BuildError, ChangeSet, CommitError, Commitment, Draft, Handover, Hold,
        HoldReason, Intent, Payment, SignError, Unreachable, UnsignedTx,
    },
};

use crate::{
    Progress, World,
    kin::{before, stranger},
};

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
    let change = match look(world, id, now).await? {
        Look::Idle(until) => return Ok(Progress::Idle(until)),
        Look::Change(change) => *change,
        Look::Signs => {
            let peeked = world.store.peek_batch(id).await;
            let (batch, _) = peeked.map_err(|_| CommitError::Unreachable)?;
            with_payouts(world, &batch, now).await?
        }
    };
    world.commit(change).await?;
    Ok(Progress::Advanced)
}

/// What a batch does next.
#[derive(Debug)]
pub enum Look {
    /// Nothing before this time.
    Idle(Timestamp),
    /// It makes a transaction: [`advance`] or [`crate::sign_together`] is to be called. Of those that
    /// make transactions of one lane at the same time, all but one meet a conflict.
    Signs,
    /// It takes in what was found out, which is to be committed. Other batches do so at the same
    /// time without a conflict.
    Change(Box<ChangeSet>),
}

/// Finds out what moves a batch one step, unless that makes a transaction.
///
/// # Errors
/// As [`advance`].
pub async fn look(world: &World<'_>, id: BatchId, now: Timestamp) -> Result<Look, CommitError> {
    let peeked = world.store.peek_batch(id).await;
    let (batch, lane) = peeked.map_err(|_| CommitError::Unreachable)?;
    let profile = world.rail.profile();
    let change = match batch.next_step(profile, now) {
        Step::Wait(until) => return Ok(Look::Idle(until)),
        Step::Sign | Step::Replace(_) => return Ok(Look::Signs),
        Step::Settle(_) | Step::Fail(_) => with_payouts(world, &batch, now).await?,
        Step::Broadcast(tx) => {
            let input = match world.rail.broadcast(tx).await {
                Ok(Handover::Accepted) => Input::Accepted(tx.txid.clone()),
                Ok(Handover::Underpriced) => Input::Underpriced(tx.txid.clone()),
                Ok(Handover::Excluded) => Input::Excluded(tx.txid.clone()),
                Ok(Handover::Refused(why)) => Input::NotRelayed(tx.txid.clone(), why),
                // Nobody knows whether it was taken. It may be paid since long, or over, so that
                // whoever only hands over would never find out.
                Err(_) => observed(world, &batch, &lane).await?,
            };
            take_in(world, batch, input, now).await?
        }
        Step::Observe => {
            let input = observed(world, &batch, &lane).await?;
            take_in(world, batch, input, now).await?
        }
    };
    Ok(Look::Change(Box::new(change)))
}

/// What the network says of the attempts that are live.
async fn observed(world: &World<'_>, batch: &Batch, lane: &Lane) -> Result<Input, CommitError> {
    let live: Vec<Attempt> = batch.live().cloned().collect();
    let before = before(world.store, &live).await?;
    let seen = world.rail.observe(lane, &live, &before).await;
    Ok(seen.map_or(Input::Unreachable, Input::Observed))
}

/// The same batch with its payouts. If somebody moved it meanwhile, that was first.
async fn view_of(world: &World<'_>, batch: &Batch) -> Result<BatchView, CommitError> {
    let loaded = world.store.load_batch(batch.id).await;
    let view = loaded.map_err(|_| CommitError::Unreachable)?;
    if view.batch.version == batch.version { Ok(view) } else { Err(CommitError::Conflict) }
}

/// A batch takes in what came of a step; its payouts follow if there is something to follow.
async fn take_in(
    world: &World<'_>,
    before: Batch,
    input: Input,
    now: Timestamp,
) -> Result<ChangeSet, CommitError> {
    let mut batch = before.clone();
    let told = batch.apply(input, world.rail.profile(), now);
    let payouts = if told.is_empty() && batch.stage() == before.stage() {
        vec![]
    } else {
        view_of(world, &before).await?.payouts
    };
    Ok(follow::advance(batch, payouts, &told, now))
}

/// What comes of the steps that need the payouts.
async fn with_payouts(
    world: &World<'_>,
    batch: &Batch,
    now: Timestamp,
) -> Result<ChangeSet, CommitError> {
    let view = view_of(world, batch).await?;
    let fee_asset = fee_asset(world, batch);
    let replaces = match batch.next_step(world.rail.profile(), now) {
        Step::Settle(settled) => return Ok(follow::settle(view, settled, fee_asset, now)),
        Step::Fail(failure) => return Ok(follow::fail(view, &failure, fee_asset, now)),
        Step::Replace(previous) => Some(previous),
        Step::Sign => None,
        // Somebody moved it meanwhile.
        Step::Wait(_) | Step::Broadcast(_) | Step::Observe => return Err(CommitError::Conflict),
    };
    let others = others(world, &view).await?;
    let signing = sign(world, &view, &others, replaces, now).await;
    Ok(signing.outcome(world, view, replaces.is_some(), now))
}

fn fee_asset<'a>(world: &World<'a>, batch: &Batch) -> &'a AssetId {
    let network = world.catalog.network(batch.network.as_str());
    &network.expect("a batch is on a network of the catalog").fee_asset
}

/// What the lane's other transactions may take. The lane was loaded before: if somebody signs in
/// between, our commit of its next version is a conflict. What ends in between is missing from the
/// lane when the rail asks for it afterwards.
pub(crate) async fn others(
    world: &World<'_>,
    view: &BatchView,
) -> Result<Vec<Commitment>, CommitError> {
    let others = world.store.commitments(&view.lane.id, view.batch.id).await;
    others.map_err(|_| CommitError::Unreachable)
}

/// What a batch may take with a transaction that was just made.
pub(crate) fn commitment(view: &BatchView, fee_max: Amount, sequence: Option<u64>) -> Commitment {
    let spends = BTreeSet::new();
    let payment = |it: &domain::payout::Payout| (it.asset.clone(), it.quote.amount);
    let payments = view.payouts.iter().map(payment).collect();
    Commitment { batch: view.batch.id, payments, fee_max, sequence, spends }
}

/// What came of making a transaction.
pub(crate) enum Signing {
    /// What the batch is told, and the lane if a number of it was used up.
    Input(Input, Option<Lane>),
    /// The payouts cannot be paid together.
    Split { alone: Vec<u32>, detail: String },
}

impl Signing {
    /// What it changes.
    pub(crate) fn outcome(
        self,
        world: &World<'_>,
        view: BatchView,
        is_replacement: bool,
        now: Timestamp,
    ) -> ChangeSet {
        let (input, lane) = match self {
            Self::Input(input, lane) => (input, lane),
            Self::Split { alone, detail } if !is_replacement => {
                let fee_asset = fee_asset(world, &view.batch);
                let BatchView { batch, payouts, .. } = view;
                let mut change = ChangeSet::default();
                follow::split(batch, payouts, &alone, &detail, fee_asset, now, &mut change);
                return change;
            }
            // The first transaction may still pay them together.
            Self::Split { .. } => (Input::ReplacementNotNeeded, None),
        };
        let BatchView { mut batch, payouts, .. } = view;
        let told = batch.apply(input, world.rail.profile(), now);
        let mut change = follow::advance(batch, payouts, &told, now);
        change.lanes.extend(lane);
        change
    }
}

/// Makes and signs a transaction. Nothing of it has left this process yet; the lane's number is
/// used up by the commit that stores the attempt.
pub(crate) async fn sign(
    world: &World<'_>,
    view: &BatchView,
    others: &[Commitment],
    replaces: Option<&Attempt>,
    now: Timestamp,
) -> Signing {
    let nothing = |input| Signing::Input(input, None);
    let (payouts, chore) = (view.payouts.as_slice(), view.batch.chore.as_ref());
    let unsigned = match build(world, view, others, replaces, now).await {
        Ok(unsigned) => unsigned,
        Err(BuildError::Unreachable) => return nothing(Input::Unreachable),
        Err(BuildError::Hold(hold)) => return nothing(Input::Held(hold)),
        Err(BuildError::TooMany { detail, .. }) if replaces.is_none() && payouts.len() > 1 => {
            return Signing::Split { alone: vec![], detail };
        }
        Err(BuildError::AwaitingGas { detail, .. } | BuildError::TooMany { detail, .. }) => {
            return nothing(Input::Held(Hold { reason: HoldReason::AwaitingGas, detail }));
        }
        Err(BuildError::NotNeeded) => return nothing(Input::ReplacementNotNeeded),
        // Without anybody who travels alone, the next batch would be the same.
        Err(BuildError::Split { alone, detail }) if !alone.is_empty() && payouts.len() > 1 => {
            return Signing::Split { alone, detail };
        }
        Err(BuildError::Split { detail, .. }) if replaces.is_none() => {
            return nothing(refused(FailureCode::RefusedByNetwork, detail));
        }
        Err(BuildError::Split { .. }) => return nothing(Input::ReplacementNotNeeded),
        Err(BuildError::Refused(detail)) if replaces.is_none() => {
            return nothing(refused(FailureCode::RefusedByNetwork, detail));
        }
        // The first transaction may still pay, so there is nothing to give up.
        Err(BuildError::Refused(_)) => return nothing(Input::ReplacementNotNeeded),
    };
    if !sequence_is_right(&view.lane, chore, replaces, &unsigned) {
        let detail = "the rail chose a number that is not the batch's".to_owned();
        return nothing(signer_refused(detail, replaces));
    }
    if !coins_are_right(&spent(others), replaces, &unsigned) {
        let detail = "the rail chose coins that are not the batch's".to_owned();
        return nothing(signer_refused(detail, replaces));
    }
    if let Some(input) = doubt(world, view, others).await {
        return nothing(input);
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
    let lane = used(&view.lane, replaces, &unsigned);
    let attempt = Attempt {
        tx,
        sequence: unsigned.sequence,
        spends: unsigned.spends,
        fee_max: unsigned.fee_max,
        status: AttemptStatus::Signed,
        signed_at: now,
        fee: None,
        unpaid: vec![],
    };
    Signing::Input(Input::Signed(Box::new(attempt)), lane)
}

/// What keeps a transaction that was made from being signed: somebody else spends the lane's coins.
async fn doubt(world: &World<'_>, view: &BatchView, others: &[Commitment]) -> Option<Input> {
    let live = view.batch.live().flat_map(|it| it.spends.clone());
    let spends = spent(others).into_iter().chain(live).collect();
    match stranger(world.store, world.rail, &view.lane, &spends).await {
        Ok(found) => found.map(Input::Held),
        Err(Unreachable) => Some(Input::Unreachable),
    }
}

/// Has the rail make a transaction for a batch.
pub(crate) async fn build(
    world: &World<'_>,
    view: &BatchView,
    others: &[Commitment],
    replaces: Option<&Attempt>,
    now: Timestamp,
) -> Result<UnsignedTx, BuildError> {
    let chore = view.batch.chore.as_ref();
    let number = match (replaces, chore) {
        (Some(previous), _) => previous.sequence,
        (None, Some(Chore::Fill { sequence })) => Some(*sequence),
        (None, None | Some(Chore::TopUp(_) | Chore::Prepare(_))) => None,
    };
    let Some(committed) = committed(world, view, others, number) else {
        let detail = "what is on its way already is more than can be represented".to_owned();
        return Err(BuildError::Hold(Hold { reason: HoldReason::AwaitingFunds, detail }));
    };
    let (lane, payouts) = (&view.lane, view.payouts.as_slice());
    let first = replaces.and_then(|it| view.batch.first_excluded_by(it));
    let overdue = replaces.is_some_and(|it| view.batch.is_overdue(it, world.rail.profile(), now));
    let (committed, spent) = (&committed, &spent(others));
    let draft = Draft { lane, payouts, chore, replaces, first, overdue, committed, spent };
    world.rail.build(draft).await
}

/// The coins that the lane's other transactions spend.
fn spent(others: &[Commitment]) -> BTreeSet<CoinId> {
    others.iter().flat_map(|it| it.spends.clone()).collect()
}

/// What those of the lane's other transactions may still take of each asset that go before one with
/// this number.
fn committed(
    world: &World<'_>,
    view: &BatchView,
    others: &[Commitment],
    number: Option<u64>,
) -> Option<BTreeMap<AssetId, Amount>> {
    let network = world.catalog.network(view.batch.network.as_str())?;
    let mut sums: BTreeMap<AssetId, Amount> = BTreeMap::new();
    for other in others.iter().filter(|it| it.goes_before(number)) {
        let fee = (network.fee_asset.clone(), other.fee_max);
        for (asset, amount) in other.payments.iter().cloned().chain([fee]) {
            let sum = sums.entry(asset).or_default();
            *sum = sum.checked_add(amount)?;
        }
    }
    Some(sums)
}

/// A replacement has its predecessor's number, so that they exclude each other where there are
/// numbers; anything else has one that the lane has not used. A number that was skipped is used by
/// the chore that says so.
fn sequence_is_right(
    lane: &Lane,
    chore: Option<&Chore>,
    replaces: Option<&Attempt>,
    unsigned: &UnsignedTx,
) -> bool {
    let (sequence, used) = (unsigned.sequence, unsigned.sequences_used);
    match (chore, replaces) {
        (_, Some(previous)) => sequence == previous.sequence,
        (Some(Chore::Fill { sequence: skipped }), None) => {
            sequence == Some(*skipped) && *skipped < lane.next_sequence && used == 1
        }
        (None | Some(Chore::TopUp(_) | Chore::Prepare(_)), None) => {
            let fits = |it: u64| it >= lane.next_sequence && it.checked_add(used).is_some();
            sequence.is_none_or(|it| used > 0 && fits(it))
        }
    }
}

/// A transaction leaves the coins of the lane's others alone, and a replacement spends all of its
/// predecessor's, so that the two exclude each other.
fn coins_are_right(
    spent: &BTreeSet<CoinId>,
    replaces: Option<&Attempt>,
    unsigned: &UnsignedTx,
) -> bool {
    let spends: BTreeSet<&CoinId> = unsigned.spends.iter().collect();
    let are_free = spends.iter().all(|it| !spent.contains(*it));
    let are_different = spends.len() == unsigned.spends.len();
    let excludes = replaces.is_none_or(|previous| {
        let has_number = previous.sequence.is_some();
        let has_coins = !previous.spends.is_empty();
        (has_number || has_coins) && previous.spends.iter().all(|it| spends.contains(it))
    });
    are_free && are_different && excludes
}

/// The lane with its number, or its coins, used up. A replacement uses its predecessor's, and leaves
/// the lane as it is unless it spends more coins: two transactions that choose coins at the same
/// time must not both be stored.
fn used(lane: &Lane, replaces: Option<&Attempt>, unsigned: &UnsignedTx) -> Option<Lane> {
    let version = lane.version + 1;
    if let Some(sequence) = unsigned.sequence.filter(|it| *it >= lane.next_sequence) {
        let next_sequence = sequence.checked_add(unsigned.sequences_used)?;
        return Some(Lane { next_sequence, version, ..lane.clone() });
    }
    let is_new = |it: &CoinId| replaces.is_none_or(|previous| !previous.spends.contains(it));
    unsigned.spends.iter().any(is_new).then(|| Lane { version, ..lane.clone() })
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
    let top_up = view.batch.chore.as_ref().and_then(Chore::top_up).map(|it| {
        let asset = world.catalog.asset(it.asset.as_str());
        Payment {
            asset: asset.expect("a chore's asset is in the catalog").clone(),
            destination: it.destination.clone(),
            amount: it.amount,
        }
    });
    Intent {
        network: network.expect("a batch is on a network of the catalog").clone(),
        payments: view.payouts.iter().map(payment).chain(top_up).collect(),
        chore: view.batch.chore.clone(),
        fee_max: unsigned.fee_max,
        sequence: unsigned.sequence,
        spends: unsigned.spends.clone(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use domain::{
        Timestamp,
        batch::{Attempt, AttemptStatus, SignedTx},
        ids::{CoinId, LaneId, NetworkId, TxId},
        lane::Lane,
        money::Amount,
        ports::UnsignedTx,
    };

    use super::{coins_are_right, used};

    fn coins(names: &[&str]) -> Vec<CoinId> {
        names.iter().map(|it| CoinId::new(it)).collect()
    }

    fn attempt(spends: &[&str]) -> Attempt {
        Attempt {
            tx: SignedTx { txid: TxId::new("a"), raw: vec![] },
            sequence: None,
            spends: coins(spends),
            fee_max: Amount::ZERO,
            status: AttemptStatus::Broadcast,
            signed_at: Timestamp(0),
            fee: None,
            unpaid: vec![],
        }
    }

    fn unsigned(spends: &[&str], sequence: Option<u64>) -> UnsignedTx {
        UnsignedTx {
            format: "any",
            payload: vec![],
            sequence,
            sequences_used: 1,
            spends: coins(spends),
            fee_max: Amount::ZERO,
        }
    }

    #[test]
    fn coins_are_spent_by_one_transaction_and_by_all_that_replace_it() {
        let spent: BTreeSet<CoinId> = coins(&["x", "y"]).into_iter().collect();
        let check = |previous: Option<&[&str]>, spends: &[&str]| {
            let previous = previous.map(attempt);
            coins_are_right(&spent, previous.as_ref(), &unsigned(spends, None))
        };
        assert!(check(None, &["a", "b"]));
        assert!(!check(None, &["a", "x"]), "another transaction spends it");
        assert!(!check(None, &["a", "a"]), "twice");
        assert!(check(Some(&["a", "b"]), &["b", "a"]));
        assert!(check(Some(&["a", "b"]), &["a", "b", "c"]));
        assert!(!check(Some(&["a", "b"]), &["a", "b", "y"]), "another transaction spends it");
        assert!(!check(Some(&["a", "b"]), &["a", "c"]), "the first may still be included");
        assert!(!check(Some(&[]), &["a"]), "nothing excludes the first");
    }

    #[test]
    fn whoever_chooses_coins_takes_the_lane_s_next_version() {
        let lane = Lane {
            id: LaneId::new("net/hot"),
            network: NetworkId::new("net"),
            address: String::new(),
            key_path: String::new(),
            next_sequence: 7,
            version: 3,
        };
        let next = |previous: Option<&[&str]>, spends: &[&str], sequence| {
            let previous = previous.map(attempt);
            let lane = used(&lane, previous.as_ref(), &unsigned(spends, sequence));
            lane.map(|it| (it.next_sequence, it.version))
        };
        assert_eq!(next(None, &["a"], None), Some((7, 4)));
        assert_eq!(next(Some(&["a"]), &["a"], None), None);
        assert_eq!(next(Some(&["a"]), &["a", "b"], None), Some((7, 4)));
        assert_eq!(next(None, &[], Some(9)), Some((10, 4)));
        assert_eq!(next(None, &[], Some(6)), None);
        assert_eq!(next(None, &[], None), None);
    }
}
