//! The sandbox: the real gateway on simulated chains.

mod demo;
mod examples;
mod prices;
mod receiver;

use std::{
    collections::BTreeSet,
    path::Path,
    sync::{Arc, RwLock},
    time::Duration,
};

use anyhow::{Context as _, anyhow};
use domain::{
    catalog::{Catalog, Network},
    ids::LaneId,
    ledger::LedgerAccount,
    money::{Amount, Rounding},
    ports::{Rail, RailProfile, Store, Unreachable},
    quote::PriceBook,
};
use rail_sim::{ChainOptions, SimChain, SimRail};
use signer::{Keystore, LocalSigner, Policy};
use tokio::{net::TcpListener, sync::Notify, task::JoinHandle, time::interval};

pub(crate) use examples::{Example, all as examples};

use crate::{
    app::{App, LaneWork},
    config::{Config, Conversion, MerchantConfig, Webhooks},
    leases::Leases,
    metrics::Metrics,
    prices::Pricing,
    rates::{self, Rates},
    server::Server,
    terms, wiring,
};

/// How long a block takes, in milliseconds.
const BLOCK_MS: u64 = 250;
/// How many blocks on top make a block final.
const FINALITY_DEPTH: usize = 3;
/// The words of the sandbox's wallet: public, worth nothing.
const WORDS: &str = "test test test test test test test test test test test junk";
/// Seals the demo merchant's secrets, which are public anyway.
const VAULT_KEY: [u8; 32] = *b"sandbox: every secret is public.";
/// What the simulated chains charge, in millionths of a whole coin.
const FEE_MILLIONTHS: u128 = 10;

/// A sandbox at work.
pub(crate) struct Sandbox {
    /// The gateway behind it.
    pub(crate) app: Arc<App>,
    /// Where it is served, such as `http://127.0.0.1:8080`.
    pub(crate) base: String,
    server: Server,
    miner: JoinHandle<()>,
    _lock: std::fs::File,
}

/// Starts a sandbox on `listener`, as it is [configured](config).
///
/// # Errors
/// Says what is in the way.
pub(crate) async fn start(mut config: Config, listener: TcpListener) -> anyhow::Result<Sandbox> {
    let lock = wiring::lock(&config.data)?;
    let catalog = Arc::new(wiring::catalog(&config)?);
    let store = wiring::open_store(&config).await?;
    let address = listener.local_addr()?;
    let base = format!("http://{address}");
    let keystore = Keystore::in_memory(WORDS, VAULT_KEY).map_err(|error| anyhow!("{error}"))?;
    let vault = keystore.vault();
    let mut chains = vec![];
    let mut app = App {
        catalog: catalog.clone(),
        store: store.clone(),
        vault: Some(keystore.vault()),
        lanes: vec![],
        signer: None,
        own_addresses: BTreeSet::new(),
        rails: vec![],
        odd_tokens: vec![],
        pay_although_coins_are_missing: false,
        settings: terms::settings(&config)?,
        book: RwLock::new(Arc::new(PriceBook::default())),
        rates: RwLock::new(rates::book(&config, &catalog)?),
        metrics: Metrics::default(),
        deliveries_rang: Notify::new(),
        leases: Leases::new(wiring::node_name(&config.data)?),
    };
    for network in catalog.networks() {
        let lane = lane(&*store, network).await?;
        let chain = chain(&catalog, network)?;
        app.own_addresses.insert((network.id.clone(), lane_address(network)));
        chains.push(chain.clone());
        let rail: Arc<dyn Rail> = Arc::new(rail(chain, network));
        app.rails.push(rail.clone());
        app.lanes.push(LaneWork {
            lane,
            network: network.id.clone(),
            rail,
            pays: true,
            station: None,
            rang: Arc::default(),
            failed: Arc::default(),
        });
    }
    let policy = Policy { simulated: true, ..Policy::default() };
    app.signer = Some(Arc::new(LocalSigner::new(keystore, policy)));
    let app = Arc::new(app);
    demo::prepare(&app, &vault, &format!("{base}/sandbox/webhooks")).await?;
    resume(&app, &chains).await?;
    let pricing = Pricing::read(&config, &catalog, catalog.assets())?;
    let rates = Rates::of(&config, &catalog, prices::sources(&catalog)?)?;
    config.webhooks = Webhooks { allow: vec![address.to_string()], timeout_ms: None };
    let extra = receiver::Receiver::default().router();
    let server = Server::start(app.clone(), pricing, rates, &config, listener, extra).await?;
    let miner = tokio::spawn(mine(chains));
    Ok(Sandbox { app, base, server, miner, _lock: lock })
}

impl Sandbox {
    /// Ends it.
    pub(crate) async fn stop(self) {
        self.miner.abort();
        self.server.stop().await;
    }
}

/// The configuration of a sandbox with its database in `data`: the house sells everything, and the
/// demo merchant pays from USDT where that is left to its settings.
pub(crate) fn config(data: &Path) -> Config {
    let mut config = Config::sandbox(data);
    config.rate_sources.names = prices::names();
    config.rate_sources.fiat = prices::fiat();
    config.conversion = Conversion {
        sells: vec!["*".to_owned()],
        at_par: ["USDT", "USDC"].map(str::to_owned).to_vec(),
        spread_percent: Some("0.5".to_owned()),
        insurance_percent: Some("1".to_owned()),
        ..Conversion::default()
    };
    let pay_from = Some(vec!["USDT@bsc".to_owned()]);
    let demo = MerchantConfig { pay_from, ..MerchantConfig::default() };
    config.merchants.insert(demo::NAME.to_owned(), demo);
    config
}

fn lane_address(network: &Network) -> String {
    format!("sandbox-wallet-{}", network.id)
}

async fn lane(store: &dyn Store, network: &Network) -> anyhow::Result<LaneId> {
    let lane = LaneId::new(&format!("{}/sandbox", network.id));
    let path = "m/44'/60'/0'/0/0";
    wiring::put_lane(store, &lane, &network.id, lane_address(network), path).await?;
    Ok(lane)
}

/// An empty chain. What its wallet holds is what the ledger says: see [`resume`].
fn chain(catalog: &Catalog, network: &Network) -> anyhow::Result<SimChain> {
    let coin = catalog.asset(network.fee_asset.as_str()).context("the catalog was checked")?;
    let whole = 10u128.checked_pow(u32::from(coin.decimals)).and_then(Amount::from_units);
    let fee_level = whole
        .and_then(|it| it.scale(FEE_MILLIONTHS, 1_000_000, Rounding::Up))
        .context("a fee can be represented")?;
    let fee_asset = network.fee_asset.clone();
    Ok(SimChain::new(ChainOptions {
        fee_asset,
        finality_depth: FINALITY_DEPTH,
        fee_level,
        of_coins: false,
    }))
}

fn rail(chain: SimChain, network: &Network) -> SimRail {
    let fee_cap = chain.fee_level().scale(1_000, 1, Rounding::Up).unwrap_or(Amount::MAX);
    let profile = RailProfile {
        network: network.id.clone(),
        batch_max: 1,
        batch_wait_ms: 0,
        economy_apart: false,
        in_flight_max: 64,
        attempts_max: 10,
        poll_ms: BLOCK_MS,
        retry_ms: BLOCK_MS,
        replace_after_ms: Some(40 * BLOCK_MS),
    };
    SimRail::new(chain, profile, network.fee_asset.clone(), fee_cap)
}

/// Gives each wallet on its chain what the ledger says it holds.
async fn resume(app: &App, chains: &[SimChain]) -> anyhow::Result<()> {
    let balances = app.store.balances().await;
    for line in balances.map_err(|Unreachable| anyhow!("the store does not answer"))? {
        let LedgerAccount::HotWallet(lane) = &line.account else { continue };
        let Some(at) = app.lanes.iter().position(|it| it.lane == *lane) else { continue };
        let network = app.catalog.network(app.lanes[at].network.as_str());
        let network = network.context("a lane is on a network of the catalog")?;
        let held = u128::try_from(-line.units).ok().and_then(Amount::from_units);
        if let Some(held) = held {
            chains[at].fund(&lane_address(network), &line.asset, held);
        }
    }
    Ok(())
}

async fn mine(chains: Vec<SimChain>) {
    let mut ticks = interval(Duration::from_millis(BLOCK_MS));
    loop {
        ticks.tick().await;
        chains.iter().for_each(SimChain::mine);
    }
}

#[cfg(test)]
mod lane_tests;
#[cfg(test)]
mod tests;
