//! `vyplata reconcile`: the chains against the ledger.

use std::collections::BTreeSet;

use anyhow::anyhow;
use domain::{
    BoxFuture,
    ids::LaneId,
    lane::Lane,
    ledger::LedgerAccount,
    ports::{Intent, SignError, Signature, Signer, UnsignedTx},
    reconcile::Verdict,
};
use engine::World;

use super::silent;
use crate::{
    app::App,
    config::Config,
    wiring::{self, Need},
};

/// Signs nothing: comparing needs no keys.
struct NoKeys;

impl Signer for NoKeys {
    fn sign<'a>(
        &'a self,
        _lane: &'a Lane,
        _unsigned: &'a UnsignedTx,
        _intent: &'a Intent,
    ) -> BoxFuture<'a, Result<Signature, SignError>> {
        Box::pin(async { Err(SignError::Unreachable) })
    }
}

pub(super) async fn run(config: &Config) -> anyhow::Result<()> {
    let app = wiring::gateway(config, Need::Rails).await?;
    let (differences, in_flight) = compare(&app).await?;
    let left_out = left_out(&app).await?;
    for lane in &left_out {
        println!("LEFT OUT  {lane}: the ledger has coins in it, and no [[lane]] is configured");
    }
    let sums = unbalanced(&app).await?;
    for asset in &sums {
        println!("UNBALANCED  {asset}: the ledger's accounts do not add up to zero");
    }
    anyhow::ensure!(
        differences == 0 && left_out.is_empty() && sums.is_empty(),
        "{differences} differences, {} wallets left out, {} unbalanced assets: find out why before \
         paying on",
        left_out.len(),
        sums.len()
    );
    let also = if in_flight > 0 {
        format!("; {in_flight} lines differ by what is on its way: look again when it is final")
    } else {
        String::new()
    };
    println!("chain and ledger agree{also}");
    Ok(())
}

/// Prints every comparison; returns how many differ and how many differ by what is on its way.
async fn compare(app: &App) -> anyhow::Result<(usize, usize)> {
    let (mut differences, mut in_flight) = (0, 0);
    for work in &app.lanes {
        let world =
            World { catalog: &app.catalog, store: &*app.store, rail: &*work.rail, signer: &NoKeys };
        let compared = engine::reconcile(&world, &work.lane).await;
        let compared = compared
            .map_err(|_| anyhow!("lane {}: node or store did not answer; try again", work.lane))?;
        for line in compared {
            let verdict = match line.verdict() {
                Verdict::Agree => "agree".to_owned(),
                Verdict::InFlight { units } => {
                    in_flight += 1;
                    format!("on its way: {units}")
                }
                Verdict::Differ { units } => {
                    differences += 1;
                    format!("DIFFER by {units}")
                }
            };
            println!(
                "{}  {}  ledger {}  chain {}  {verdict}",
                line.lane,
                line.asset,
                line.ledger_units,
                line.chain.units()
            );
        }
    }
    Ok((differences, in_flight))
}

/// The wallets that hold something by the ledger, but are not configured, so nobody can look.
async fn left_out(app: &App) -> anyhow::Result<BTreeSet<LaneId>> {
    let mut lanes = BTreeSet::new();
    for line in app.store.balances().await.map_err(silent)? {
        let LedgerAccount::HotWallet(lane) = line.account else { continue };
        if line.units != 0 && !app.lanes.iter().any(|it| it.lane == lane) {
            lanes.insert(lane);
        }
    }
    Ok(lanes)
}

/// The assets whose accounts do not add up to zero.
pub(super) async fn unbalanced(app: &App) -> anyhow::Result<Vec<String>> {
    let mut sums = std::collections::BTreeMap::new();
    for line in app.store.balances().await.map_err(silent)? {
        let sum: &mut i128 = sums.entry(line.asset.to_string()).or_default();
        *sum = sum.checked_add(line.units).ok_or_else(|| anyhow!("{} overflows", line.asset))?;
    }
    Ok(sums.into_iter().filter(|(_, sum)| *sum != 0).map(|(asset, _)| asset).collect())
}
