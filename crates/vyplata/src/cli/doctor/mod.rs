//! `vyplata doctor`: says what is wrong and what to do about it.

mod money;
mod nodes;
mod roles;
mod slow;

use std::collections::BTreeSet;

use anyhow::anyhow;
use domain::{
    catalog::{Asset, Network},
    ids::NetworkId,
    lane::Lane,
    money::Amount,
    ports::LaneView,
    reconcile::Verdict,
};
use signer::{AddressFormat, Keystore, Vault};

use super::{
    counted,
    reconcile::{describe, left_out, unbalanced},
    serve::payable,
    silent,
};
use crate::{
    app::{App, LaneWork},
    concerns,
    config::{Config, LaneConfig},
    prices::Pricing,
    roles::Role,
    upkeep,
    wiring::{self, Need},
};

/// For how many payouts a wallet's coins for fees should be enough.
const RUNWAY_MIN: u64 = 20;

/// Counts what is wrong while saying it.
struct Report {
    wrong: usize,
    /// Networks with nodes that do not let us in, which was said.
    locked_out: BTreeSet<NetworkId>,
}

impl Report {
    fn wrong(&mut self, what: &str, remedy: &str) {
        self.wrong += 1;
        println!("WRONG  {what}\n       -> {remedy}");
    }

    /// Takes what was read from the configuration.
    fn read<T>(&mut self, read: anyhow::Result<T>) -> Option<T> {
        let said = |error: &anyhow::Error| {
            self.wrong(&format!("{error:#}"), "mend the configuration; serve does not start");
        };
        read.inspect_err(said).ok()
    }
}

fn good(what: &str) {
    println!("ok     {what}");
}

fn note(what: &str) {
    println!("note   {what}");
}

pub(super) async fn run(config: &Config) -> anyhow::Result<()> {
    let mut report = Report { wrong: 0, locked_out: BTreeSet::new() };
    good("the configuration can be read");
    let mut app = match wiring::gateway(config, Need::Rails, wiring::Use::Command).await {
        Ok(app) => app,
        Err(error) => {
            report.wrong(&format!("{error:#}"), "mend this first; nothing else can be looked at");
            return Err(anyhow!("1 thing is wrong"));
        }
    };
    good(&format!("the database {} answers", wiring::database_name(config)?));
    let pricing = report.read(Pricing::read(config, &app.catalog, payable(config, &app.catalog)));
    report.read(wiring::policy(config, &app.catalog));
    let watch = roles::Watch::begin(&app).await.map_err(silent)?;
    let (keystore, vault) = keys(config, &mut report);
    app.vault = vault;
    secrets(&app, &mut report).await?;
    if config.lanes.is_empty() {
        report.wrong("there is no [[lane]]", "add a wallet to pay from; see docs/operating.md");
    }
    for asset in unbalanced(&app).await? {
        report.wrong(
            &format!("{asset}: the ledger does not add up to zero"),
            "stop the gateway, keep the database file, and find out what wrote to it",
        );
    }
    if config.listen.ip().is_loopback() && config.trusted_proxies.is_empty() {
        note(
            "it listens on this host only and there are no trusted_proxies: to the limits on \
             requests, all clients of a proxy are one address",
        );
    }
    money::rates(config, &app, &mut report).await;
    if let Some(pricing) = &pricing {
        money::terms(config, &app, pricing, &mut report).await?;
    }
    nodes::examine(config, &app, &mut report).await?;
    for lane in &config.lanes {
        wallet(config, &app, &mut report, lane, keystore.as_ref()).await?;
    }
    for what in &app.odd_tokens {
        report.wrong(what, "nothing of it is accepted or paid meanwhile, and all else is");
    }
    for concern in concerns::networks(&app) {
        report.wrong(&concern.what, concern.remedy);
    }
    strangers(&app, &mut report).await?;
    slow::payouts(&app, &mut report).await?;
    watch.end(&app, &mut report).await?;
    let wrong = counted(report.wrong, "thing is wrong", "things are wrong");
    anyhow::ensure!(report.wrong == 0, "{wrong}");
    println!("nothing is wrong");
    Ok(())
}

/// Opens what the roles of the configuration need: all keys, or those for merchants' secrets only.
fn keys(config: &Config, report: &mut Report) -> (Option<Keystore>, Option<Vault>) {
    let roles = config.roles();
    if roles.has(Role::Rails) {
        let keystore = keystore(config, report);
        let vault = keystore.as_ref().map(Keystore::vault);
        return (keystore, vault);
    }
    if !roles.opens_secrets() {
        return (None, None);
    }
    match wiring::open_vault(config) {
        Ok(vault) => {
            good("the key for merchants' API secrets is there");
            (None, Some(vault))
        }
        Err(error) => {
            report.wrong(&format!("{error:#}"), "bring it from where the keystore is");
            (None, None)
        }
    }
}

/// Opens the keystore, if nobody need be asked for its passphrase.
fn keystore(config: &Config, report: &mut Report) -> Option<Keystore> {
    if !config.keystore_file().exists() {
        report.wrong("there is no keystore", "make one with `vyplata keys init`");
        return None;
    }
    let opened = match wiring::passphrase_at_hand(config) {
        Ok(Some(passphrase)) => wiring::open_keystore_with(config, &passphrase),
        Ok(None) => {
            note(
                "there is a keystore; neither VYPLATA_PASSPHRASE nor passphrase_file opens it, so \
                 its keys are not looked at",
            );
            return None;
        }
        Err(error) => Err(error),
    };
    match opened {
        Ok(keystore) => {
            good("the keystore opens");
            Some(keystore)
        }
        Err(error) => {
            report.wrong(&format!("{error:#}"), "look at the passphrase, or bring a copy back");
            None
        }
    }
}

/// Merchants' secrets open with this keystore only.
async fn secrets(app: &App, report: &mut Report) -> anyhow::Result<()> {
    if app.vault.is_none() {
        return Ok(());
    }
    let mut count = 0;
    for merchant in app.store.merchants().await.map_err(silent)? {
        let keys = app.store.keys_of(merchant.id).await.map_err(silent)?;
        for key in keys.iter().filter(|it| it.revoked_at.is_none()) {
            match app.unseal(key) {
                Ok(_) => count += 1,
                Err(error) => report.wrong(
                    &format!("{}: {error:#}", merchant.name),
                    &format!(
                        "bring the keystore back, or `vyplata merchant rotate {}`",
                        merchant.name
                    ),
                ),
            }
        }
    }
    good(&format!("{} opened", counted(count, "API secret can be", "API secrets can be")));
    Ok(())
}

/// Looks at a configured wallet: its key, its node, its coins.
async fn wallet(
    config: &Config,
    app: &App,
    report: &mut Report,
    lane: &LaneConfig,
    keystore: Option<&Keystore>,
) -> anyhow::Result<()> {
    let id = wiring::lane_id(lane);
    let view = app.store.load_lane(&id, 0).await.map_err(silent)?;
    let derived = match keystore.map(|it| wiring::lane_address(config, it, &app.catalog, lane)) {
        Some(Err(error)) => {
            report.wrong(&format!("{error:#}"), "mend the configuration; serve does not start");
            return Ok(());
        }
        Some(Ok(address)) => Some(address),
        None => None,
    };
    let stored = view.as_ref().map(|it| it.lane.address.clone());
    if let (Some(stored), Some(derived)) = (&stored, &derived)
        && stored != derived
    {
        report.wrong(
            &format!("{id} is {stored} in the database, and its key is that of {derived}"),
            "bring the key back, or give the new wallet another name; serve does not start",
        );
    }
    let Some(work) = app.lanes.iter().find(|it| it.lane == id) else { return Ok(()) };
    if stored.is_none() {
        note(&format!("{id} is not in the database: `vyplata serve` was not started with it yet"));
    }
    let Some(address) = stored.or(derived) else { return Ok(()) };
    let network = app.catalog.network(work.network.as_str());
    if let Some(what) = network.and_then(|it| foreign_path(it, &lane.key)) {
        note(&format!("{id}: {what}"));
    }
    let probe = Lane {
        id,
        network: work.network.clone(),
        address,
        key_path: lane.key.clone(),
        next_sequence: 0,
        version: 1,
    };
    if coins(app, report, work, &probe).await {
        booked(app, report, work, view).await;
    }
    Ok(())
}

/// Asks the node what a wallet holds; says whether it answers.
async fn coins(app: &App, report: &mut Report, work: &LaneWork, lane: &Lane) -> bool {
    let assets: Vec<Asset> = app.catalog.assets_of(&lane.network).cloned().collect();
    let Ok(holdings) = work.rail.holdings(lane, &assets).await else {
        if report.locked_out.contains(&lane.network) {
            return false;
        }
        report.wrong(
            &format!("{}: the node does not answer", lane.id),
            "look at rpc of its [[network]], and whether the node is up, synchronised, and keeps the \
             state of its final block",
        );
        return false;
    };
    good(&format!("{}: the node answers for {}", lane.id, lane.address));
    let network = app.catalog.network(lane.network.as_str());
    let fee_asset = network.map(|it| it.fee_asset.clone());
    let gas = holdings.iter().find(|it| Some(&it.asset) == fee_asset.as_ref());
    if gas.is_none_or(|it| it.amount.is_zero()) {
        report.wrong(
            &format!(
                "{} holds, at the final block, nothing to pay the network's fees with",
                lane.id
            ),
            &format!(
                "send some of the network's own coin to {}; what was just sent is seen when it is \
                 final",
                lane.address
            ),
        );
    }
    if let Some(gas) = gas.filter(|it| !it.amount.is_zero()) {
        runway(app, report, work, gas.amount).await;
    }
    true
}

/// What is to be said of a key of another coin's path (BIP-44, SLIP-44): it pays as well as any.
fn foreign_path(network: &Network, key: &str) -> Option<String> {
    let usual = signer::default_path(AddressFormat::of(network, key).ok()?, 0);
    let title = &network.title;
    (coin_of(key)? != coin_of(&usual)?).then(|| {
        format!(
            "{key} is the path of another coin: a wallet that is made of the words looks for \
             {title} at {usual}"
        )
    })
}

/// The number of the coin in a path.
fn coin_of(path: &str) -> Option<&str> {
    Some(path.strip_prefix("m/")?.split('/').nth(1)?.trim_end_matches(['\'', 'h']))
}

/// Says for how many payouts a wallet's coins for fees are enough.
async fn runway(app: &App, report: &mut Report, work: &LaneWork, held: Amount) {
    let Some(payouts) = upkeep::runway_of(app, work, held).await else { return };
    let lane = &work.lane;
    let enough = match only_coin(app, work) {
        // What pays the fees is paid out, too.
        Some(coin) => {
            let held = coin.text(held);
            format!("{lane}: it holds {held} {}, for payouts and their fees", coin.ticker)
        }
        None => format!("{lane}: its coins pay the fees of about {payouts} payouts"),
    };
    if payouts >= RUNWAY_MIN || !work.pays {
        return good(&enough);
    }
    let remedy = match &work.station {
        Some(station) => format!("see that {} can bring it some: limits, coins", station.from),
        None => "send it some of the network's coin, or give it a [lane.gas]".to_owned(),
    };
    report.wrong(&enough, &remedy);
}

/// The coin of a network that has no other asset.
fn only_coin<'a>(app: &'a App, work: &'a LaneWork) -> Option<&'a Asset> {
    let mut assets = app.catalog.assets_of(&work.network);
    assets.next().filter(|_| assets.next().is_none())
}

/// Compares a wallet with the ledger, if the ledger knows it.
async fn booked(app: &App, report: &mut Report, work: &LaneWork, view: Option<LaneView>) {
    let Some(view) = view else { return };
    let Ok(compared) = app.compare(work).await else {
        report.wrong(&format!("{}: the node does not answer", work.lane), "try again");
        return;
    };
    let differs = |verdict| matches!(verdict, Verdict::Differ { .. });
    for line in compared.iter().filter(|it| differs(it.verdict())) {
        report.wrong(
            &describe(app, line),
            "coins that arrived are booked with `vyplata fund`; for what is missing, find out why: \
             `serve` does not pay from this wallet meanwhile",
        );
    }
    let count = usize::try_from(view.open).unwrap_or(usize::MAX);
    good(&format!("{}: {} on the way", work.lane, counted(count, "batch is", "batches are")));
}

/// Wallets that are not configured.
async fn strangers(app: &App, report: &mut Report) -> anyhow::Result<()> {
    let left_out = left_out(app).await?;
    for lane in app.store.lanes().await.map_err(silent)? {
        let known =
            format!("{} ({}) is in the database, not in the configuration", lane.id, lane.address);
        if left_out.contains(&lane.id) {
            report.wrong(&format!("{known}, and the ledger has coins in it"), "configure it again");
        } else if !app.lanes.iter().any(|it| it.lane == lane.id) {
            note(&known);
        }
    }
    Ok(())
}
