//! `vyplata reconcile`: the chains against the ledger.

use std::collections::BTreeSet;

use anyhow::anyhow;
use domain::{
    ids::LaneId,
    ledger::LedgerAccount,
    reconcile::{Comparison, Verdict},
};

use super::{counted, silent};
use crate::{
    app::{App, LaneWork},
    config::Config,
    explain,
    wiring::{self, Need},
};

/// What was found, by how much it matters.
#[derive(Default)]
struct Found {
    differences: usize,
    in_flight: usize,
    unknown: usize,
    silent: usize,
}

pub(super) async fn run(config: &Config) -> anyhow::Result<()> {
    let app = wiring::gateway(config, Need::Rails, wiring::Use::Command).await?;
    let mut found = Found::default();
    for work in &app.lanes {
        compare(&app, work, &mut found).await?;
    }
    let left_out = left_out(&app).await?;
    for lane in &left_out {
        println!("LEFT OUT  {lane}: the ledger has coins in it, and no [[lane]] is configured");
    }
    let sums = unbalanced(&app).await?;
    for asset in &sums {
        println!("UNBALANCED  {asset}: the ledger's accounts do not add up to zero");
    }
    let wrong: Vec<String> = [
        (found.differences, "difference", "differences"),
        (found.unknown, "wallet not known yet", "wallets not known yet"),
        (found.silent, "wallet could not be looked at", "wallets could not be looked at"),
        (left_out.len(), "wallet left out", "wallets left out"),
        (sums.len(), "unbalanced asset", "unbalanced assets"),
    ]
    .into_iter()
    .filter(|it| it.0 > 0)
    .map(|(count, one, many)| counted(count, one, many))
    .collect();
    anyhow::ensure!(
        wrong.is_empty(),
        "{}: see above, and find out why before paying on",
        wrong.join(", ")
    );
    let also = match found.in_flight {
        0 => String::new(),
        1 => "; 1 line differs by what is on its way: look again when it is final".to_owned(),
        many => format!("; {many} lines differ by what is on its way: look again when it is final"),
    };
    println!("chain and ledger agree{also}");
    Ok(())
}

/// Prints the comparison of one lane.
async fn compare(app: &App, work: &LaneWork, found: &mut Found) -> anyhow::Result<()> {
    if app.store.load_lane(&work.lane, 0).await.map_err(silent)?.is_none() {
        found.unknown += 1;
        println!("NOT KNOWN  {}: start `vyplata serve` once, which stores it", work.lane);
        return Ok(());
    }
    let Ok(compared) = app.compare(work).await else {
        found.silent += 1;
        println!("NO ANSWER  {}: its node did not answer; try again", work.lane);
        return Ok(());
    };
    for line in compared {
        match line.verdict() {
            Verdict::Agree => {}
            Verdict::InFlight { .. } => found.in_flight += 1,
            Verdict::Differ { .. } => found.differences += 1,
        }
        println!("{}", describe(app, &line));
    }
    Ok(())
}

/// Puts a comparison into words.
pub(super) fn describe(app: &App, line: &Comparison) -> String {
    let decimals = app.catalog.asset(line.asset.as_str()).map_or(0, |it| it.decimals);
    let coins = |units| explain::signed(units, decimals);
    let verdict = match line.verdict() {
        Verdict::Agree => "agree".to_owned(),
        Verdict::InFlight { units } => format!("on its way: {}", coins(units)),
        Verdict::Differ { units } => format!("DIFFER by {}", coins(units)),
    };
    let (ledger, chain) = (coins(line.ledger_units), coins(line.chain.signed()));
    format!("{}  {}  ledger {ledger}  chain {chain}  {verdict}", line.lane, line.asset)
}

/// The wallets that hold something by the ledger, but are not configured, so nobody can look.
pub(super) async fn left_out(app: &App) -> anyhow::Result<BTreeSet<LaneId>> {
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
