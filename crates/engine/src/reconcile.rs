//! The chain against the ledger.

use std::collections::BTreeMap;

use domain::{
    Timestamp,
    catalog::{Asset, Catalog},
    chore::Chore,
    ids::{AssetId, LaneId},
    lane::Lane,
    ledger::LedgerAccount,
    money::Amount,
    ports::{Rail, Store, Unreachable},
    reconcile::{Comparison, in_flight_max, takes_nothing},
};

/// More open batches than any lane may have.
const OPEN_MAX: u32 = 100_000;

/// Compares what the chain says a lane holds with the ledger, for every asset that either has.
///
/// # Errors
/// If store or network did not answer.
pub async fn reconcile(
    catalog: &Catalog,
    store: &dyn Store,
    rail: &dyn Rail,
    lane: &LaneId,
) -> Result<Vec<Comparison>, Unreachable> {
    let view = store.load_lane(lane, 0).await?.ok_or(Unreachable)?;
    let network = catalog.network(view.lane.network.as_str()).ok_or(Unreachable)?;
    let assets: Vec<Asset> = catalog.assets_of(&network.id).cloned().collect();
    let open = store.due_batches(lane, Timestamp::NEVER, OPEN_MAX).await?;
    let mut in_flight: BTreeMap<AssetId, Amount> = BTreeMap::new();
    for id in open {
        // Most wait unsigned, with many payouts.
        if takes_nothing(&store.peek_batch(id).await?.0) {
            continue;
        }
        let view = store.load_batch(id).await?;
        for asset in &assets {
            let most = in_flight_max(&view.batch, &view.payouts, &asset.id, &network.fee_asset);
            let sum = in_flight.entry(asset.id.clone()).or_default();
            *sum = most.and_then(|most| sum.checked_add(most)).unwrap_or(Amount::MAX);
        }
    }
    let arriving = arriving(store, &view.lane).await?;
    let wallet = LedgerAccount::HotWallet(lane.clone());
    let balances = store.balances().await?;
    let booked: BTreeMap<AssetId, i128> = balances
        .into_iter()
        .filter(|it| it.account == wallet)
        // Coins that we hold are a debit balance.
        .map(|it| (it.asset, -it.units))
        .collect();
    // The chain is asked last: what has left the lane there is then in the ledger already, or
    // among the open batches, and never unexplained.
    let holdings = rail.holdings(&view.lane, &assets).await?;
    let mut comparisons = vec![];
    for holding in holdings {
        let comparison = Comparison {
            lane: lane.clone(),
            ledger_units: booked.get(&holding.asset).copied().unwrap_or_default(),
            in_flight_max: in_flight.get(&holding.asset).copied().unwrap_or_default(),
            arriving_max: arriving.get(&holding.asset).copied().unwrap_or_default(),
            asset: holding.asset,
            chain: holding.amount,
        };
        if comparison.ledger_units != 0 || !comparison.chain.is_zero() {
            comparisons.push(comparison);
        }
    }
    Ok(comparisons)
}

/// What other lanes may be bringing to `lane`, by asset.
pub(crate) async fn arriving(
    store: &dyn Store,
    lane: &Lane,
) -> Result<BTreeMap<AssetId, Amount>, Unreachable> {
    let mut arriving: BTreeMap<AssetId, Amount> = BTreeMap::new();
    let others = store.lanes().await?.into_iter().filter(|it| it.network == lane.network);
    for other in others.filter(|it| it.id != lane.id) {
        for id in store.due_batches(&other.id, Timestamp::NEVER, OPEN_MAX).await? {
            let (batch, _) = store.peek_batch(id).await?;
            let top_up = batch.chore.as_ref().and_then(Chore::top_up);
            let Some(top_up) = top_up.filter(|it| it.to == lane.id) else { continue };
            let sum = arriving.entry(top_up.asset.clone()).or_default();
            *sum = sum.checked_add(top_up.amount).unwrap_or(Amount::MAX);
        }
    }
    Ok(arriving)
}
