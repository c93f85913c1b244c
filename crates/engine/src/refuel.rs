//! The gas station: one lane brings another coins for fees.

use domain::{
    Timestamp,
    batch::Batch,
    catalog::{Asset, Destination},
    chore::{Chore, TopUp},
    ids::{BatchId, LaneId},
    lane::Lane,
    ledger::LedgerAccount,
    money::Amount,
    ports::{BuildError, CommitError, HoldReason, Store, Unreachable},
    station::{DAY_MS, Refuel, Station},
};

use crate::{
    Progress, World,
    advance::{build, others},
    reconcile::arriving,
    tend::{Open, begin},
};

/// So many transactions that wait are asked for what they lack: the node answers for each of them.
const WAITING_MAX: usize = 4;

/// What came of looking after a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refueled {
    /// Whether coins are being brought from now on.
    pub progress: Progress,
    /// What the lane holds of the network's fee asset, as far as it is final, by chain or ledger,
    /// whichever is more.
    pub held: Amount,
    /// What was found to be needed.
    pub verdict: Refuel,
}

/// Looks whether `lane` has enough for fees, also for what waits, and if not, has `station` bring it
/// some.
///
/// Coins that are on their way are waited for: the same shortage is never answered twice.
///
/// # Errors
/// If store or network did not answer, or somebody else was faster; call again.
pub async fn refuel(
    world: &World<'_>,
    lane: &LaneId,
    station: &Station,
    id: BatchId,
    now: Timestamp,
) -> Result<Refueled, CommitError> {
    let unreachable = |_| CommitError::Unreachable;
    let idle = Progress::Idle(now.plus_ms(world.rail.profile().poll_ms));
    // The station's lane comes first: whoever commits its next version knows that nothing was
    // brought meanwhile that is not in what is loaded after it.
    let from = Open::load(world.store, &station.from).await?;
    let view = world.store.load_lane(lane, 0).await.map_err(unreachable)?;
    let to = view.ok_or(CommitError::Unreachable)?.lane;
    let network = world.catalog.network(to.network.as_str()).ok_or(CommitError::Unreachable)?;
    let coin = world.catalog.asset(network.fee_asset.as_str()).ok_or(CommitError::Unreachable)?;
    let since = Timestamp(now.0.saturating_sub(DAY_MS));
    let brought = brought(world.store, &to, coin, since).await.map_err(unreachable)?;
    let arriving = arriving(world.store, &to).await.map_err(unreachable)?;
    let holdings = world.rail.holdings(&to, std::slice::from_ref(coin)).await;
    let holdings = holdings.map_err(unreachable)?;
    let on_chain = holdings.first().map(|it| it.amount).unwrap_or_default();
    // A node that lags shows less than there is; what was brought is in the ledger.
    let held = on_chain.max(booked(world, &to, coin).await?);
    // The station may have been another one before.
    let is_busy = from.chores().next().is_some() || arriving.contains_key(&coin.id);
    let lacks = if is_busy { Amount::ZERO } else { lacking(world, lane, now).await? };
    let verdict = station.decide(held, lacks, brought);
    let amount = match verdict {
        Refuel::Bring(amount) if !is_busy && from.lane.network == to.network => amount,
        Refuel::Bring(_) | Refuel::Enough | Refuel::LimitReached => {
            return Ok(Refueled { progress: idle, held, verdict });
        }
    };
    let chore = Chore::TopUp(TopUp {
        to: to.id,
        destination: Destination { address: to.address, memo: None },
        asset: coin.id.clone(),
        amount,
    });
    let progress = begin(world, from.lane, chore, id, now).await?;
    Ok(Refueled { progress, held, verdict })
}

/// The most that one of the lane's transactions lacks that wait for coins for fees.
async fn lacking(world: &World<'_>, lane: &LaneId, now: Timestamp) -> Result<Amount, CommitError> {
    let waits =
        |it: &&Batch| it.hold.as_ref().is_some_and(|it| it.reason == HoldReason::AwaitingGas);
    let open = Open::load(world.store, lane).await?;
    let mut most = Amount::ZERO;
    for batch in open.batches.iter().filter(waits).take(WAITING_MAX) {
        let view = world.store.load_batch(batch.id).await;
        let view = view.map_err(|_| CommitError::Unreachable)?;
        if view.batch.version != batch.version {
            // Somebody may have withdrawn what it was to pay; the next look tells.
            continue;
        }
        let others = others(world, &view).await?;
        let replaces = view.batch.live().next_back();
        if let Err(BuildError::AwaitingGas { lacks, .. }) =
            build(world, &view, &others, replaces, now).await
        {
            most = most.max(lacks);
        }
    }
    Ok(most)
}

/// What all other lanes of its network have brought a lane since a moment.
async fn brought(
    store: &dyn Store,
    to: &Lane,
    coin: &Asset,
    since: Timestamp,
) -> Result<Amount, Unreachable> {
    let debit = LedgerAccount::HotWallet(to.id.clone());
    let mut sum = Amount::ZERO;
    for from in store.lanes().await?.into_iter().filter(|it| it.network == to.network) {
        let credit = LedgerAccount::HotWallet(from.id);
        let moved = store.moved_since(&debit, &credit, &coin.id, since).await?;
        sum = sum.checked_add(moved).unwrap_or(Amount::MAX);
    }
    Ok(sum)
}

/// What the ledger says that a lane holds.
async fn booked(world: &World<'_>, lane: &Lane, coin: &Asset) -> Result<Amount, CommitError> {
    let wallet = LedgerAccount::HotWallet(lane.id.clone());
    let balances = world.store.balances().await.map_err(|_| CommitError::Unreachable)?;
    let line = balances.into_iter().find(|it| it.account == wallet && it.asset == coin.id);
    let units = line.map_or(0, |it| -it.units);
    Ok(u128::try_from(units).ok().and_then(Amount::from_units).unwrap_or_default())
}
