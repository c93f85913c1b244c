//! What a lane's loop does beside paying: numbers that were skipped, preparations of the rail, and
//! coins for fees.

use domain::{
    Timestamp,
    catalog::Asset,
    ids::{BatchId, LaneId},
    money::Amount,
    ports::CommitError,
    station::{Refuel, runway_payouts},
};
use engine::{Progress, World};

use crate::{
    app::{App, LaneWork},
    clock,
};

/// How often a lane is looked after, in milliseconds.
const UPKEEP_MS: u64 = 30_000;
/// At least so many looks at transactions lie between two looks at the lane itself.
const UPKEEP_POLLS: u64 = 15;

/// When a lane is looked after next.
#[derive(Default)]
pub(crate) struct Upkeep {
    due_at: Timestamp,
    /// Whether the operator was told that the station's limit is reached.
    is_told: bool,
}

impl Upkeep {
    /// Whether it is time to look after the lane.
    pub(crate) fn is_due(&self) -> bool {
        self.due_at.is_due(clock::now())
    }

    /// Looks after a lane, if it is time. What cannot be done now is done the next time: it must not
    /// hold up payments.
    pub(crate) async fn tend(&mut self, app: &App, world: &World<'_>, work: &LaneWork) {
        let now = clock::now();
        if !self.due_at.is_due(now) {
            return;
        }
        let poll_ms = work.rail.profile().poll_ms.saturating_mul(UPKEEP_POLLS);
        self.due_at = now.plus_ms(UPKEEP_MS.min(poll_ms));
        let id = BatchId(clock::uuid_v7(now));
        match engine::tend(world, &work.lane, work.pays, id, now).await {
            Ok(Some(chore)) => tracing::info!(lane = %work.lane, "begins to {}", chore.title()),
            Ok(None) | Err(CommitError::Conflict) => {}
            Err(error) => {
                tracing::warn!(lane = %work.lane, ?error, "the lane was not looked after");
            }
        }
        if let Some(held) = self.refuel(app, world, work, now).await {
            runway(app, work, held).await;
        }
    }

    /// Has the lane brought coins if it needs some; says what it holds.
    async fn refuel(
        &mut self,
        app: &App,
        world: &World<'_>,
        work: &LaneWork,
        now: Timestamp,
    ) -> Option<Amount> {
        let Some(station) = &work.station else {
            return held(app, work).await;
        };
        let id = BatchId(clock::uuid_v7(now));
        let refueled = match engine::refuel(world, &work.lane, station, id, now).await {
            Ok(refueled) => refueled,
            Err(CommitError::Conflict) => return None,
            Err(error) => {
                tracing::warn!(lane = %work.lane, ?error, "the lane's coins were not looked at");
                return None;
            }
        };
        let is_spent = refueled.verdict == Refuel::LimitReached;
        if is_spent && !self.is_told {
            tracing::error!(
                lane = %work.lane, from = %station.from,
                "the lane is short of coins for fees, and daily_max of its [lane.gas] is reached"
            );
        }
        self.is_told = is_spent;
        if refueled.progress == Progress::Advanced {
            tracing::info!(lane = %work.lane, from = %station.from, "coins for fees are brought");
            ring(app, &station.from);
        }
        Some(refueled.held)
    }
}

fn ring(app: &App, lane: &LaneId) {
    for work in app.lanes.iter().filter(|it| it.lane == *lane) {
        work.rang.notify_one();
    }
}

/// What a lane holds of its network's coin, as far as it is final.
async fn held(app: &App, work: &LaneWork) -> Option<Amount> {
    let lane = app.store.load_lane(&work.lane, 0).await.ok()??.lane;
    let coin = app.catalog.network(work.network.as_str())?.fee_asset.clone();
    let coin = app.catalog.asset(coin.as_str())?;
    let holdings = work.rail.holdings(&lane, std::slice::from_ref(coin)).await.ok()?;
    holdings.first().map(|it| it.amount)
}

/// Takes down for how many payouts a lane's coins are enough.
async fn runway(app: &App, work: &LaneWork, held: Amount) {
    if let Some(payouts) = runway_of(app, work, held).await {
        app.metrics.runway(work.lane.as_str(), payouts);
    }
}

/// For how many payouts of the dearest kind the coins that a lane holds are enough, at the fees of
/// now; `None` if the network does not tell what they are.
pub(crate) async fn runway_of(app: &App, work: &LaneWork, held: Amount) -> Option<u64> {
    let network = app.catalog.network(work.network.as_str())?;
    let assets: Vec<&Asset> = app.catalog.assets_of(&network.id).collect();
    // Tokens take more than the coin, and about the same among themselves.
    let dearest = assets.iter().find(|it| it.contract.is_some()).or(assets.first())?;
    let fee = work.rail.quote_fee(dearest).await.ok()?;
    runway_payouts(held, fee)
}
