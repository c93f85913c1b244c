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
use signer::{Keystore, LocalSigner, Policy, Vault};
use tokio::{net::TcpListener, sync::Notify, task::JoinHandle, time::interval};

pub(crate) use examples::{Example, all as examples};

use crate::{
    app::{App, LaneWork},
    callers::Callers,
    config::{Config, Conversion, MerchantConfig, Webhooks},
    leases::Leases,
    metrics::Metrics,
    prices::Pricing,
    rates::{self, Rates},
    roles::Roles,
    server::Server,
    terms, wiring,
};

/// How long a block takes, in milliseconds.
const BLOCK_MS: u64 = 250;
/// How many blocks on top make a block final.
const FINALITY_DEPTH: usize = 3;
/// How many transactions of a wallet may be on their way at once.
const IN_FLIGHT_MAX: u32 = 64;
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

/// Which simulated chains there are, how fast they are, and whether lanes pay.
pub(crate) struct Pace<'a> {
    /// The networks that have a chain and lanes; all of the catalog if `None`.
    pub(crate) networks: Option<&'a [&'a str]>,
    /// How many wallets each of them is paid from, each a lane of its own.
    pub(crate) wallets: u32,
    /// How long a block takes, in milliseconds.
    pub(crate) block_ms: u64,
    /// How many payouts share a transaction at most.
    pub(crate) batch_max: u32,
    /// How many transactions of a lane may be on their way at once.
    pub(crate) in_flight_max: u32,
    /// Whether lanes pay.
    pub(crate) pays: bool,
}

impl Pace<'_> {
    /// How a sandbox is for people.
    const SANDBOX: Self = Self {
        networks: None,
        wallets: 1,
        block_ms: BLOCK_MS,
        batch_max: 1,
        in_flight_max: IN_FLIGHT_MAX,
        pays: true,
    };
}

/// A gateway on simulated chains that is put together and not served yet.
pub(crate) struct Assembled {
    /// The gateway.
    pub(crate) app: App,
    /// Seals the secrets of its merchants.
    pub(crate) vault: Vault,
    /// The chain of each of its rails, in their order.
    pub(crate) chains: Vec<SimChain>,
}

/// Starts a sandbox on `listener`, as it is [configured](config).
///
/// # Errors
/// Says what is in the way.
pub(crate) async fn start(mut config: Config, listener: TcpListener) -> anyhow::Result<Sandbox> {
    let lock = wiring::lock(&config.data)?;
    let store = wiring::open_store(&config, wiring::Use::Gateway).await?;
    let address = listener.local_addr()?;
    let base = format!("http://{address}");
    let Assembled { app, vault, chains } = assemble(&config, store, &Pace::SANDBOX).await?;
    let app = Arc::new(app);
    demo::prepare(&app, &vault, &format!("{base}/sandbox/webhooks")).await?;
    resume(&app, &chains).await?;
    let pricing = Pricing::read(&config, &app.catalog, app.catalog.assets())?;
    let rates = exchanges(&config, &app.catalog)?;
    config.webhooks = Webhooks { allow: vec![address.to_string()], timeout_ms: None };
    let extra = receiver::Receiver::default().router();
    let server = Server::start(app.clone(), pricing, rates, &config, listener, extra).await?;
    let miner = tokio::spawn(mine(chains, BLOCK_MS));
    Ok(Sandbox { app, base, server, miner, _lock: lock })
}

/// Puts a gateway on simulated chains together. Its store knows the lanes then.
///
/// # Errors
/// Says what is in the way.
pub(crate) async fn assemble(
    config: &Config,
    store: Arc<dyn Store>,
    pace: &Pace<'_>,
) -> anyhow::Result<Assembled> {
    let catalog = Arc::new(wiring::catalog(config)?);
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
        settings: terms::settings(config)?,
        book: RwLock::new(Arc::new(PriceBook::default())),
        rates: RwLock::new(rates::book(config, &catalog)?),
        metrics: Metrics::default(),
        deliveries_rang: Notify::new(),
        roles: Roles::all(),
        leases: Leases::new(wiring::node_name(&config.data)?),
        callers: Callers::default(),
    };
    let is_there = |it: &&Network| pace.networks.is_none_or(|some| some.contains(&it.id.as_str()));
    for network in catalog.networks().filter(is_there) {
        let chain = chain(&catalog, network)?;
        chains.push(chain.clone());
        let rail: Arc<dyn Rail> = Arc::new(rail(chain, network, pace));
        app.rails.push(rail.clone());
        for wallet in wallets(network, pace.wallets) {
            let Wallet { lane, address, key_path } = wallet;
            app.own_addresses.insert((network.id.clone(), address.clone()));
            wiring::put_lane(&*store, &lane, &network.id, address, &key_path).await?;
            app.lanes.push(LaneWork {
                lane,
                network: network.id.clone(),
                rail: rail.clone(),
                pays: pace.pays,
                station: None,
                rang: Arc::default(),
                failed: Arc::default(),
            });
        }
    }
    let policy = Policy { simulated: true, ..Policy::default() };
    app.signer = Some(Arc::new(LocalSigner::new(keystore, policy)));
    Ok(Assembled { app, vault, chains })
}

/// The sandbox's exchanges.
///
/// # Errors
/// If a price cannot be represented.
pub(crate) fn exchanges(config: &Config, catalog: &Catalog) -> anyhow::Result<Rates> {
    Rates::of(config, catalog, prices::sources(catalog)?)
}

impl Sandbox {
    /// Returns when the operator asks for the end.
    ///
    /// # Errors
    /// If it may not go on.
    pub(crate) async fn until_stopped(&mut self) -> anyhow::Result<()> {
        self.server.until_stopped().await
    }

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

/// A wallet as it is configured: a lane with a name, and a key.
struct Wallet {
    lane: LaneId,
    address: String,
    key_path: String,
}

/// The first wallets of a network. The first of them is called the same however many there are.
fn wallets(network: &Network, count: u32) -> impl Iterator<Item = Wallet> {
    (0..count).map(|number| {
        let end = if number == 0 { String::new() } else { format!("-{}", number + 1) };
        Wallet {
            lane: LaneId::new(&format!("{}/sandbox{end}", network.id)),
            address: format!("sandbox-wallet-{}{end}", network.id),
            key_path: format!("m/44'/60'/0'/0/{number}"),
        }
    })
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

fn rail(chain: SimChain, network: &Network, pace: &Pace<'_>) -> SimRail {
    let fee_cap = chain.fee_level().scale(1_000, 1, Rounding::Up).unwrap_or(Amount::MAX);
    let profile = RailProfile {
        network: network.id.clone(),
        batch_max: pace.batch_max,
        batch_wait_ms: 0,
        economy_apart: false,
        in_flight_max: pace.in_flight_max,
        attempts_max: 10,
        poll_ms: pace.block_ms,
        retry_ms: pace.block_ms,
        replace_after_ms: Some(40 * BLOCK_MS),
    };
    SimRail::new(chain, profile, network.fee_asset.clone(), fee_cap)
}

/// Gives each wallet on its chain what the ledger says it holds.
///
/// # Errors
/// If the store does not answer.
pub(crate) async fn resume(app: &App, chains: &[SimChain]) -> anyhow::Result<()> {
    let silent = |Unreachable| anyhow!("the store does not answer");
    let lanes = app.store.lanes().await.map_err(silent)?;
    for line in app.store.balances().await.map_err(silent)? {
        let LedgerAccount::HotWallet(id) = &line.account else { continue };
        let Some(work) = app.lanes.iter().find(|it| it.lane == *id) else { continue };
        let lane = lanes.iter().find(|it| it.id == *id).context("a lane is stored")?;
        let on = |(rail, _): &(&Arc<dyn Rail>, _)| rail.profile().network == work.network;
        let (_, chain) = app.rails.iter().zip(chains).find(on).context("a network has a chain")?;
        let held = u128::try_from(-line.units).ok().and_then(Amount::from_units);
        if let Some(held) = held {
            chain.fund(&lane.address, &line.asset, held);
        }
    }
    Ok(())
}

/// Adds a block to each chain every `block_ms`, for ever.
pub(crate) async fn mine(chains: Vec<SimChain>, block_ms: u64) {
    let mut ticks = interval(Duration::from_millis(block_ms));
    loop {
        ticks.tick().await;
        chains.iter().for_each(SimChain::mine);
    }
}

#[cfg(test)]
mod lane_tests;
#[cfg(test)]
mod tests;
