//! `vyplata doctor`: says what is wrong and what to do about it.

use anyhow::anyhow;
use domain::{catalog::Asset, lane::Lane, payout::Status, ports::PageQuery};

use super::{reconcile::unbalanced, silent};
use crate::{
    app::App,
    clock,
    config::Config,
    explain,
    wiring::{self, Need},
};

/// How long a payout may be on its way before the doctor looks at it, in milliseconds.
const SLOW_MS: u64 = 30 * 60 * 1_000;
/// How many payouts the doctor looks at.
const LOOKS_MAX: u32 = 1_000;

/// Counts what is wrong while saying it.
struct Report {
    wrong: usize,
}

impl Report {
    fn wrong(&mut self, what: &str, remedy: &str) {
        self.wrong += 1;
        println!("WRONG  {what}\n       -> {remedy}");
    }
}

fn good(what: &str) {
    println!("ok     {what}");
}

pub(super) async fn run(config: &Config) -> anyhow::Result<()> {
    let mut report = Report { wrong: 0 };
    good("the configuration can be read");
    let app = match wiring::gateway(config, Need::Rails).await {
        Ok(app) => app,
        Err(error) => {
            report.wrong(&format!("{error:#}"), "mend this first; nothing else can be looked at");
            return Err(anyhow!("1 thing is wrong"));
        }
    };
    good(&format!("the database {} answers", config.database().display()));
    if config.keystore_file().exists() {
        good("there is a keystore");
    } else {
        report.wrong("there is no keystore", "make one with `vyplata keys init`");
    }
    if config.lanes.is_empty() {
        report.wrong("there is no [[lane]]", "add a wallet to pay from; see docs/operating.md");
    }
    for asset in unbalanced(&app).await? {
        report.wrong(
            &format!("{asset}: the ledger does not add up to zero"),
            "stop the gateway, keep the database file, and find out what wrote to it",
        );
    }
    for lane in app.store.lanes().await.map_err(silent)? {
        wallet(&app, &mut report, &lane).await?;
    }
    slow(&app, &mut report).await?;
    anyhow::ensure!(report.wrong != 1, "1 thing is wrong");
    anyhow::ensure!(report.wrong == 0, "{} things are wrong", report.wrong);
    println!("nothing is wrong");
    Ok(())
}

async fn wallet(app: &App, report: &mut Report, lane: &Lane) -> anyhow::Result<()> {
    let Some(work) = app.lanes.iter().find(|it| it.lane == lane.id) else {
        println!(
            "note   {} ({}) is in the database, not in the configuration",
            lane.id, lane.address
        );
        return Ok(());
    };
    let assets: Vec<Asset> = app.catalog.assets_of(&lane.network).cloned().collect();
    let Ok(holdings) = work.rail.holdings(lane, &assets).await else {
        report.wrong(
            &format!("{}: the node does not answer", lane.id),
            "look at rpc of its [[network]], and whether the node is up and synchronised",
        );
        return Ok(());
    };
    good(&format!("{}: the node answers for {}", lane.id, lane.address));
    let network = app.catalog.network(lane.network.as_str());
    let fee_asset = network.map(|it| it.fee_asset.clone());
    let gas = holdings.iter().find(|it| Some(&it.asset) == fee_asset.as_ref());
    if gas.is_none_or(|it| it.amount.is_zero()) {
        report.wrong(
            &format!("{} holds nothing to pay the network's fees with", lane.id),
            &format!("send some of the network's own coin to {}", lane.address),
        );
    }
    let view = app.store.load_lane(&lane.id, 0).await.map_err(silent)?;
    let in_flight = view.map_or(0, |it| it.in_flight);
    good(&format!("{}: {in_flight} batches on their way", lane.id));
    Ok(())
}

async fn slow(app: &App, report: &mut Report) -> anyhow::Result<()> {
    for status in Status::ALL.into_iter().filter(|it| !it.is_final()) {
        let query =
            PageQuery { status: Some(status), count_max: LOOKS_MAX, ..PageQuery::default() };
        for payout in app.store.page(&query).await.map_err(silent)? {
            if clock::now().since_ms(payout.updated_at) > SLOW_MS {
                report.wrong(
                    &format!(
                        "{} is {} since {}",
                        payout.id,
                        status.word(),
                        explain::moment(payout.updated_at)
                    ),
                    &format!("`vyplata payout show {}` says why", payout.id),
                );
            }
        }
    }
    Ok(())
}
