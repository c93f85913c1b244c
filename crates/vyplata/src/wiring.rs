//! Puts the gateway together from its configuration: catalog, store, keys, rails, lanes.

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    sync::{Arc, RwLock},
};

use anyhow::{Context as _, anyhow};
use domain::{
    catalog::{Asset, Catalog, Network},
    ids::{LaneId, NetworkId},
    lane::Lane,
    money::Amount,
    ports::{ChangeSet, Signer, Store, Unreachable},
    quote::PriceBook,
};
use signer::{AddressFormat, Keystore, LocalSigner, Policy, Vault};
use store::{Postgres, Sqlite, StoreError};
use tokio::sync::Notify;
use zeroize::Zeroizing;

use crate::{
    app::{App, LaneWork},
    callers::Callers,
    clock,
    config::{Config, Database, LaneConfig, NetworkConfig},
    leases::Leases,
    metrics::Metrics,
    rails::{self, Connected},
    rates,
    roles::Roles,
    rules::RAILS,
    terms,
};

/// The file in a data directory that the gateway on it holds.
const LOCK: &str = "vyplata.lock";

/// Reads the built-in catalogs, the operator's own, and the operator's changes of parameters.
///
/// # Errors
/// Names the file and the row.
pub(crate) fn catalog(config: &Config) -> anyhow::Result<Catalog> {
    let mut texts: Vec<String> = RAILS.iter().map(|it| it.1.to_owned()).collect();
    for file in &config.catalog {
        let text = fs::read_to_string(file);
        let text = text.with_context(|| format!("cannot read {}", file.display()));
        texts.push(text.with_context(|| config.place(&["catalog"]))?);
    }
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let plain = catalog::read(&texts)?;
    let mut networks: Vec<Network> = plain.networks().cloned().collect();
    for changed in &config.networks {
        let network = networks.iter_mut().find(|it| it.id.as_str() == changed.id);
        let network = network.ok_or_else(|| {
            let known: Vec<&str> = plain.networks().map(|it| it.id.as_str()).collect();
            let place = config.place(&["network", &changed.id, "id"]);
            anyhow!("{place}: there is no network {:?}; there are {}", changed.id, known.join(", "))
        })?;
        if let Some(key) = changed.foreign_key(&network.family) {
            let place = config.place(&["network", &changed.id, key]);
            anyhow::bail!("{place}: that is no setting of {}", network.title);
        }
        for (name, value) in &changed.parameters {
            let known: Vec<&str> = network.parameters.keys().map(String::as_str).collect();
            let place = || config.place(&["network", &changed.id, "parameters", name]);
            anyhow::ensure!(
                known.contains(&name.as_str()),
                "{}: the network has no such parameter; there are {}",
                place(),
                known.join(", ")
            );
            network.parameters.insert(name.clone(), value.clone());
        }
    }
    let mut assets: Vec<Asset> = plain.assets().cloned().collect();
    for network in &config.networks {
        for (ticker, symbols) in &network.symbols {
            let is_it = |it: &&mut Asset| {
                it.ticker == *ticker && it.network.as_str() == network.id && it.contract.is_some()
            };
            let place = || config.place(&["network", &network.id, "symbols", ticker]);
            let asset = assets.iter_mut().find(is_it);
            let asset =
                asset.ok_or_else(|| anyhow!("{}: the network has no such token", place()))?;
            asset.symbols.extend(symbols.iter().cloned());
        }
    }
    Ok(Catalog::new(networks, assets)?)
}

/// What a database is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// One command, which may run beside a gateway, and takes the tables as they are.
    Command,
    /// A gateway, or a migration, of which a file has one. It brings the tables up to date.
    Gateway,
}

/// Opens the database.
///
/// # Errors
/// Names the database and what to do.
pub(crate) async fn open_store(config: &Config, used: Use) -> anyhow::Result<Arc<dyn Store>> {
    fs::create_dir_all(&config.data)
        .with_context(|| format!("cannot make the data directory {}", config.data.display()))?;
    open_database(config.database(), used).await
}

/// Opens a database; one without tables gets them.
///
/// # Errors
/// Names the database and what to do.
pub(crate) async fn open_database(
    database: Database<'_>,
    used: Use,
) -> anyhow::Result<Arc<dyn Store>> {
    match database {
        Database::File(file) => {
            let opened = match used {
                Use::Command => Sqlite::open_or_make(&file),
                Use::Gateway => Sqlite::open_to_serve(&file),
            };
            Ok(Arc::new(opened.with_context(|| format!("database {}", file.display()))?))
        }
        Database::Postgres(url) => {
            let tls = net::tls_config().map_err(|error| anyhow!("TLS: {error}"))?;
            let opened = match used {
                Use::Command => Postgres::open_or_make(url, tls).await,
                Use::Gateway => Postgres::open_and_migrate(url, tls).await,
            };
            Ok(Arc::new(opened?))
        }
    }
}

/// What the database is called in messages.
///
/// # Errors
/// If its address makes no sense.
pub(crate) fn database_name(config: &Config) -> Result<String, StoreError> {
    match config.database() {
        Database::File(file) => Ok(file.display().to_string()),
        Database::Postgres(url) => Postgres::name_of(url),
    }
}

/// What this process is called among those that share the database: the same after each start in the
/// data directory, whose lock it holds.
///
/// # Errors
/// Names the file that cannot be read or written.
pub(crate) fn node_name(data: &Path) -> anyhow::Result<String> {
    let path = data.join("node");
    let found = fs::read_to_string(&path).unwrap_or_default();
    if let Some(name) = found.lines().next().filter(|it| !it.is_empty()) {
        return Ok(name.to_owned());
    }
    let name = hex::encode(clock::random::<8>());
    fs::write(&path, format!("{name}\n"))
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(name)
}

/// Finds the passphrase where nobody need be asked: environment, or file.
///
/// # Errors
/// If the file cannot be read.
#[expect(clippy::disallowed_methods, reason = "the passphrase may come from the environment")]
pub(crate) fn passphrase_at_hand(config: &Config) -> anyhow::Result<Option<Zeroizing<String>>> {
    if let Ok(text) = std::env::var("VYPLATA_PASSPHRASE") {
        return Ok(Some(Zeroizing::new(text)));
    }
    let Some(file) = &config.passphrase_file else { return Ok(None) };
    let text = fs::read_to_string(file)
        .with_context(|| format!("cannot read the passphrase file {}", file.display()))?;
    let text = Zeroizing::new(text);
    Ok(Some(Zeroizing::new(text.lines().next().unwrap_or("").to_owned())))
}

/// Finds the passphrase: environment, file, or a question at the terminal.
///
/// # Errors
/// If there is none.
pub(crate) fn passphrase(config: &Config) -> anyhow::Result<Zeroizing<String>> {
    if let Some(text) = passphrase_at_hand(config)? {
        return Ok(text);
    }
    let asked = rpassword::prompt_password("Passphrase of the keystore: ");
    asked
        .map(Zeroizing::new)
        .context("no passphrase: set VYPLATA_PASSPHRASE, or passphrase_file in the configuration")
}

/// Opens the keystore.
///
/// # Errors
/// Names the file and what to do.
pub(crate) fn open_keystore(config: &Config) -> anyhow::Result<Keystore> {
    let file = config.keystore_file();
    anyhow::ensure!(
        file.exists(),
        "there is no keystore {}; make one with `vyplata keys init`",
        file.display()
    );
    open_keystore_with(config, &passphrase(config)?)
}

/// Opens the keystore with a given passphrase.
///
/// # Errors
/// Names the file and what is wrong.
pub(crate) fn open_keystore_with(config: &Config, passphrase: &str) -> anyhow::Result<Keystore> {
    let file = config.keystore_file();
    let opened = Keystore::open(&file, passphrase);
    let keystore = opened.with_context(|| format!("keystore {}", file.display()))?;
    if let Some(warning) = keystore.warning() {
        tracing::warn!("keystore {}: {warning}", file.display());
    }
    Ok(keystore)
}

/// Opens the vault with the file of its key, where there is no keystore.
///
/// # Errors
/// Names the file and what to do.
pub(crate) fn open_vault(config: &Config) -> anyhow::Result<Vault> {
    let file = config.vault_file();
    anyhow::ensure!(
        file.exists(),
        "there is no key for merchants' API secrets, {}; where the keystore is, `vyplata keys vault` \
         writes one, which opens no wallet: bring it here",
        file.display()
    );
    let (vault, warning) =
        Vault::read(&file).with_context(|| format!("vault {}", file.display()))?;
    if let Some(warning) = warning {
        tracing::warn!("{warning}");
    }
    Ok(vault)
}

/// How much of the gateway a command needs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// The ledger only.
    Ledger,
    /// Rails too, to ask networks.
    Rails,
    /// Rails and keys, to pay.
    Everything,
}

/// Puts the gateway together.
///
/// # Errors
/// Says what is wrong in the configuration or does not answer.
pub(crate) async fn gateway(config: &Config, need: Need, used: Use) -> anyhow::Result<App> {
    let catalog = Arc::new(catalog(config)?);
    let rates = RwLock::new(rates::book(config, &catalog)?);
    for lane in &config.lanes {
        config.station(lane, &catalog)?;
    }
    let store = open_store(config, used).await?;
    #[cfg(feature = "crash-points")]
    let store = crate::crash::store(store);
    let mut app = App {
        catalog,
        store,
        vault: None,
        lanes: vec![],
        signer: None,
        own_addresses: BTreeSet::new(),
        rails: vec![],
        odd_tokens: vec![],
        pay_although_coins_are_missing: false,
        settings: terms::settings(config)?,
        book: RwLock::new(Arc::new(PriceBook::default())),
        rates,
        metrics: Metrics::default(),
        deliveries_rang: Notify::new(),
        roles: Roles::all(),
        leases: Leases::default(),
        callers: Callers::default(),
    };
    let mut wallets = vec![];
    if need == Need::Everything {
        let keystore = open_keystore(config)?;
        app.vault = Some(keystore.vault());
        for lane in &config.lanes {
            wallets.push((lane, lane_address(config, &keystore, &app.catalog, lane)?));
        }
        let mut policy = policy(config, &app.catalog)?;
        for (lane, address) in &wallets {
            let own = policy.lane_addresses.entry(NetworkId::new(&lane.network)).or_default();
            own.insert(address.clone());
        }
        let signer: Arc<dyn Signer> = Arc::new(LocalSigner::new(keystore, policy));
        #[cfg(feature = "crash-points")]
        let signer = crate::crash::signer(signer);
        app.signer = Some(signer);
    }
    if need != Need::Ledger {
        connect_lanes(config, &mut app, &wallets).await?;
    }
    // A lane is for ever, so it is stored when everything else is known to be right.
    for (lane, address) in wallets {
        let network = NetworkId::new(&lane.network);
        put_lane(&*app.store, &lane_id(lane), &network, address, &lane.key).await?;
    }
    app.own_addresses = own_addresses(&*app.store).await?;
    check_assets(&app).await?;
    Ok(app)
}

/// Connects to every network, and gives its lanes their work. None of `wallets`, nor of those that
/// the store knows, is ever paid.
///
/// # Errors
/// Says which network cannot be connected to, or which setting makes no sense.
async fn connect_lanes(
    config: &Config,
    app: &mut App,
    wallets: &[(&LaneConfig, String)],
) -> anyhow::Result<()> {
    let own = own_addresses(&*app.store).await?;
    for network in &config.networks {
        let new = wallets.iter().filter(|it| it.0.network == network.id).map(|it| it.1.as_str());
        let stored = own.iter().filter(|it| it.0.as_str() == network.id).map(|it| it.1.as_str());
        let fee_max = fee_max(config, &app.catalog, network)?;
        let connected = rails::connect(&app.catalog, network, fee_max, new.chain(stored)).await;
        let place = || config.place(&["network", &network.id]);
        let Connected { rail, odd_tokens } = connected.with_context(place)?;
        app.odd_tokens.extend(odd_tokens);
        #[cfg(feature = "crash-points")]
        let rail = crate::crash::rail(rail);
        app.rails.push(rail.clone());
        for lane in config.lanes.iter().filter(|it| it.network == network.id) {
            app.lanes.push(LaneWork {
                lane: lane_id(lane),
                network: NetworkId::new(&lane.network),
                rail: rail.clone(),
                pays: lane.pays,
                station: config.station(lane, &app.catalog)?,
                rang: Arc::default(),
                failed: Arc::default(),
            });
        }
    }
    Ok(())
}

/// Every asset that the ledger knows must have its row: without it, nobody knows its decimals.
async fn check_assets(app: &App) -> anyhow::Result<()> {
    let balances = app.store.balances().await;
    for line in balances.map_err(|Unreachable| anyhow!("the store does not answer"))? {
        anyhow::ensure!(
            app.catalog.asset(line.asset.as_str()).is_some(),
            "the ledger holds {}, which is in no catalog; was a file taken out of `catalog`?",
            line.asset
        );
    }
    Ok(())
}

/// The name of a configured lane.
pub(crate) fn lane_id(lane: &LaneConfig) -> LaneId {
    LaneId::new(&format!("{}/{}", lane.network, lane.name))
}

async fn own_addresses(store: &dyn Store) -> anyhow::Result<BTreeSet<(NetworkId, String)>> {
    let lanes = store.lanes().await.map_err(|Unreachable| anyhow!("the store does not answer"))?;
    Ok(lanes.into_iter().map(|it| (it.network, it.address)).collect())
}

/// The address of a lane's key.
///
/// # Errors
/// If there is no such key, or the network's keys are not built yet.
pub(crate) fn lane_address(
    config: &Config,
    keystore: &Keystore,
    catalog: &Catalog,
    lane: &LaneConfig,
) -> anyhow::Result<String> {
    let id = lane_id(lane);
    let network = catalog.network(&lane.network).context("the network was checked")?;
    let format = AddressFormat::of(network, &lane.key);
    let address = format.and_then(|format| keystore.address(&lane.key, format));
    let address = address.map_err(|error| anyhow!("lane {id}: {error}"));
    address.with_context(|| config.place(&["lane", id.as_str(), "key"]))
}

/// What the signer is to let pass.
///
/// # Errors
/// Names the key that cannot be read.
pub(crate) fn policy(config: &Config, catalog: &Catalog) -> anyhow::Result<Policy> {
    let mut policy = Policy::default();
    for network in &config.networks {
        let limit = fee_max(config, catalog, network)?;
        policy.fee_max_limits.insert(NetworkId::new(&network.id), limit);
    }
    Ok(policy)
}

/// What one transaction may cost at most: as configured, or what the network's rail takes for the
/// most. The rail keeps within it, and the signer insists on it.
///
/// # Errors
/// Names the key that cannot be read.
fn fee_max(config: &Config, catalog: &Catalog, network: &NetworkConfig) -> anyhow::Result<Amount> {
    let row = catalog.network(&network.id).context("the network was checked")?;
    let fee_asset = catalog.asset(row.fee_asset.as_str()).context("the catalog was checked")?;
    let place = |key| config.place(&["network", &network.id, key]);
    let Some(text) = &network.fee_max else {
        let most = rails::fee_max(row, network);
        return most.with_context(|| format!("{}: it is too large", place("fee_cap")));
    };
    Amount::parse(text, fee_asset.decimals)
        .map_err(|error| anyhow!("{}: {text:?} is {error}", place("fee_max")))
}

/// Registers a lane, or checks that it is the same as it was.
///
/// # Errors
/// If the lane is there with another address: its history would mix with a stranger's.
pub(crate) async fn put_lane(
    store: &dyn Store,
    id: &LaneId,
    network: &NetworkId,
    address: String,
    key_path: &str,
) -> anyhow::Result<()> {
    let known = store.load_lane(id, 0).await;
    let known = known.map_err(|Unreachable| anyhow!("the store does not answer"))?;
    if let Some(known) = known {
        anyhow::ensure!(
            known.lane.address == address,
            "lane {id} was {} and would become {address}; give the new wallet another name",
            known.lane.address
        );
        return Ok(());
    }
    let lanes = store.lanes().await.map_err(|Unreachable| anyhow!("the store does not answer"))?;
    if let Some(same) = lanes.iter().find(|it| it.network == *network && it.address == address) {
        anyhow::bail!(
            "lane {id} would be the same wallet as {}: two lanes would use each other's numbers and \
             coins; give it another key",
            same.id
        );
    }
    let lane = Lane {
        id: id.clone(),
        network: network.clone(),
        address,
        key_path: key_path.to_owned(),
        next_sequence: 0,
        version: 1,
    };
    let change = ChangeSet { lanes: vec![lane], ..ChangeSet::default() };
    let committed = store.commit(change).await;
    committed.map_err(|error| anyhow!("lane {id} could not be registered: {error:?}"))
}

/// Waits until nobody else makes credentials, and keeps others from it until it is dropped.
///
/// # Errors
/// Names the file that cannot be locked.
pub(crate) fn lock_credentials(config: &Config) -> anyhow::Result<fs::File> {
    let path = config.data.join("credentials.lock");
    let locked = fs::File::create(&path).and_then(|file| file.lock().map(|()| file));
    locked.with_context(|| format!("cannot lock {}", path.display()))
}

/// Whether a gateway ever had a data directory.
pub(crate) fn is_data(directory: &Path) -> bool {
    directory.join(LOCK).exists()
}

/// Refuses to start a second gateway on the same data.
///
/// # Errors
/// If another one is running, or it cannot be known.
pub(crate) fn lock(data: &Path) -> anyhow::Result<fs::File> {
    fs::create_dir_all(data)
        .with_context(|| format!("cannot make the data directory {}", data.display()))?;
    let path = data.join(LOCK);
    let file = fs::File::create(&path)
        .with_context(|| format!("cannot make the lock file {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(anyhow!(
            "another gateway is running on {}; stop it first, or give this one a data directory of \
             its own and both one database of PostgreSQL",
            data.display()
        )),
        Err(fs::TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("cannot lock {}", path.display()))
        }
    }
}
