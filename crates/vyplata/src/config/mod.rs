//! The configuration file: read once at start, checked as a whole, errors name file, line and key.

mod database;
mod gas;
mod money;
mod place;
mod rate;

use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, anyhow};
use ipnet::IpNet;
use net::{Guard, Reach};
use serde::Deserialize;
use toml::de::DeTable;

pub(crate) use self::database::{Database, DatabaseUrl};
pub(crate) use self::gas::GasConfig;
pub(crate) use self::money::{
    Conversion, Fees, Limits, MerchantConfig, NetworkFeePayer, RateSources,
};
pub(crate) use self::rate::SatPerVbyte;
use self::{
    money::{Approvals, Dialects},
    place::{line_at, line_of},
};
use crate::{
    limiter::Settings,
    roles::{Role, Roles},
};

/// The name that stands for all merchants.
pub(crate) const EVERYBODY: &str = "*";

/// Everything an operator can set.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// The directory of the database and of what belongs to this process alone; made if it is not
    /// there.
    pub(crate) data: PathBuf,
    /// Where the state is kept: `sqlite:PATH`, or `postgres://USER:PASSWORD@HOST/NAME`; the file
    /// `vyplata.db` in the data directory by default. The environment variable `DATABASE_URL` goes
    /// before it.
    pub(crate) database: Option<DatabaseUrl>,
    /// What `serve` does of all that a gateway does; everything if none is named. Roles named on the
    /// command line go before them.
    #[serde(default)]
    pub(crate) roles: Vec<Role>,
    /// Where the API is served.
    #[serde(default = "default_listen")]
    pub(crate) listen: SocketAddr,
    /// Proxies whose word on a client's address is taken, as CIDR ranges.
    #[serde(default)]
    pub(crate) trusted_proxies: Vec<IpNet>,
    /// How often may be asked.
    #[serde(default)]
    pub(crate) requests: Settings,
    /// The encrypted keystore; `keystore.json` in the data directory by default.
    pub(crate) keystore: Option<PathBuf>,
    /// The key that opens merchants' API secrets, for processes that do not sign; `vault.key` in the
    /// data directory by default.
    pub(crate) vault: Option<PathBuf>,
    /// A file whose first line is the passphrase of the keystore. The environment variable
    /// `VYPLATA_PASSPHRASE` goes before it.
    pub(crate) passphrase_file: Option<PathBuf>,
    /// Catalog files with networks and assets beside the built-in ones.
    #[serde(default)]
    pub(crate) catalog: Vec<PathBuf>,
    /// Webhook delivery.
    #[serde(default)]
    pub(crate) webhooks: Webhooks,
    /// What merchants are charged.
    #[serde(default)]
    pub(crate) fees: Fees,
    /// Limits per asset, by `TICKER@network`.
    #[serde(default)]
    pub(crate) limits: BTreeMap<String, Limits>,
    /// Prices in US dollars, by ticker. Tokens whose network fee is paid in another coin need both.
    #[serde(default)]
    pub(crate) rates: BTreeMap<String, String>,
    /// Where prices come from that `rates` does not fix.
    #[serde(default)]
    pub(crate) rate_sources: RateSources,
    /// How the house exchanges.
    #[serde(default)]
    pub(crate) conversion: Conversion,
    /// What is agreed with merchants, by name; `*` is everybody.
    #[serde(default, rename = "merchant")]
    pub(crate) merchants: BTreeMap<String, MerchantConfig>,
    /// Approvals.
    #[serde(default)]
    pub(crate) approvals: Approvals,
    /// What can be set in single APIs.
    #[serde(default)]
    pub(crate) dialects: Dialects,
    /// Networks to pay on.
    #[serde(default, rename = "network")]
    pub(crate) networks: Vec<NetworkConfig>,
    /// Wallets to pay from.
    #[serde(default, rename = "lane")]
    pub(crate) lanes: Vec<LaneConfig>,
    #[serde(skip)]
    source: Source,
}

/// What a configuration was read from.
#[derive(Clone, Debug, Default)]
struct Source {
    path: PathBuf,
    text: String,
}

/// Webhook delivery.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Webhooks {
    /// Hosts, `host:port`s or CIDR ranges that may be called although they are private.
    #[serde(default)]
    pub(crate) allow: Vec<String>,
    /// How long a receiver may take, in milliseconds.
    pub(crate) timeout_ms: Option<u64>,
}

/// A network to pay on.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NetworkConfig {
    /// Its name in the catalog.
    pub(crate) id: String,
    /// Node endpoints, the preferred one first.
    pub(crate) rpc: Vec<String>,
    /// How many of them must say the same before anything ends; two if there are several.
    pub(crate) quorum: Option<u32>,
    /// By how many blocks one may lag behind the others and still be paid through.
    pub(crate) lag_blocks_max: Option<u64>,
    /// How long to wait between looks at a transaction, in milliseconds.
    pub(crate) poll_ms: Option<u64>,
    /// How long a transaction may wait before a replacement is considered, in milliseconds.
    pub(crate) replace_after_ms: Option<u64>,
    /// How long a transaction may wait for a block until it is made anew, in milliseconds.
    pub(crate) expires_after_ms: Option<u64>,
    /// Where the nodes of `rpc`, in the same order, tell what is final, if that is elsewhere.
    #[serde(default)]
    pub(crate) solidity: Vec<String>,
    /// Where energy is rented when that is cheaper than to burn coins.
    pub(crate) energy: Option<EnergyConfig>,
    /// How many transactions of one lane may be on their way at once.
    pub(crate) in_flight_max: Option<u32>,
    /// How many payouts are paid in one transaction: by the contract for that, or by the wallet's own
    /// account, which runs the contract's code. Each has its own transaction if this is left out.
    pub(crate) batching: Option<Batching>,
    /// The most payouts of one transaction.
    pub(crate) batch_max: Option<u32>,
    /// How long a payout that is not urgent waits for others to travel with, in milliseconds.
    pub(crate) batch_wait_ms: Option<u64>,
    /// The most to offer for a unit of gas, in gwei.
    pub(crate) fee_cap_gwei: Option<u64>,
    /// The most to offer for a virtual byte, in satoshi.
    pub(crate) fee_cap_sat_per_vbyte: Option<SatPerVbyte>,
    /// The least to offer for a virtual byte, in satoshi, whatever nodes estimate; what they relay is
    /// the least in any case.
    pub(crate) fee_min_sat_per_vbyte: Option<SatPerVbyte>,
    /// What to offer for a virtual byte while no node knows, in satoshi.
    pub(crate) fee_default_sat_per_vbyte: Option<SatPerVbyte>,
    /// Up to which price of a virtual byte small coins are brought together, in satoshi.
    pub(crate) gather_max_sat_per_vbyte: Option<SatPerVbyte>,
    /// Whether the wallet's own change is spent before it is in a block.
    pub(crate) spend_unconfirmed_change: Option<bool>,
    /// Whether nodes that do not say so take replacements of transactions that wait.
    pub(crate) node_replaces: Option<bool>,
    /// The most that one transaction may cost, in whole coins of the network: what needs more
    /// waits, and the signer refuses it. By default a million gas at the cap, and more with
    /// `batching`; the largest transaction at the cap where there is no gas.
    pub(crate) fee_max: Option<String>,
    /// The most that a replacement may offer, in percent of what the first transaction offered.
    pub(crate) replacement_budget_percent: Option<u32>,
    /// Overrides of the catalog's parameters, such as `finality`.
    #[serde(default)]
    pub(crate) parameters: BTreeMap<String, String>,
    /// What contracts may call themselves beside what the catalog knows, by the asset's ticker.
    #[serde(default)]
    pub(crate) symbols: BTreeMap<String, Vec<String>>,
}

impl NetworkConfig {
    /// A setting that is there and means nothing on networks of this family.
    pub(crate) fn foreign_key(&self, family: &str) -> Option<&'static str> {
        let of_evm = [
            ("lag_blocks_max", self.lag_blocks_max.is_some()),
            ("batching", self.batching.is_some()),
            ("fee_cap_gwei", self.fee_cap_gwei.is_some()),
        ];
        let of_bitcoin = [
            ("fee_cap_sat_per_vbyte", self.fee_cap_sat_per_vbyte.is_some()),
            ("fee_min_sat_per_vbyte", self.fee_min_sat_per_vbyte.is_some()),
            ("fee_default_sat_per_vbyte", self.fee_default_sat_per_vbyte.is_some()),
            ("gather_max_sat_per_vbyte", self.gather_max_sat_per_vbyte.is_some()),
            ("spend_unconfirmed_change", self.spend_unconfirmed_change.is_some()),
            ("node_replaces", self.node_replaces.is_some()),
        ];
        let of_tron = [
            ("expires_after_ms", self.expires_after_ms.is_some()),
            ("energy", self.energy.is_some()),
            ("solidity", !self.solidity.is_empty()),
        ];
        // What has transactions that replace others, and that pay several.
        let of_evm_and_bitcoin = [
            ("replace_after_ms", self.replace_after_ms.is_some()),
            ("replacement_budget_percent", self.replacement_budget_percent.is_some()),
            ("batch_max", self.batch_max.is_some()),
            ("batch_wait_ms", self.batch_wait_ms.is_some()),
        ];
        let of_contracts = [("symbols", !self.symbols.is_empty())];
        let others: Vec<&[(&'static str, bool)]> = match family {
            "evm" => vec![&of_bitcoin, &of_tron],
            "bitcoin" => vec![&of_evm, &of_tron, &of_contracts],
            "tron" => vec![&of_evm, &of_bitcoin, &of_evm_and_bitcoin],
            _ => vec![],
        };
        others.into_iter().flatten().find(|it| it.1).map(|it| it.0)
    }
}

/// Where energy is rented.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EnergyConfig {
    /// The market.
    pub(crate) market: EnergyMarket,
    /// The key of the operator's account with it, from which energy is paid for.
    pub(crate) key: String,
    /// Where it is, if not where it is for everybody.
    pub(crate) url: Option<String>,
}

/// A market of energy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum EnergyMarket {
    /// <https://tronsave.io>.
    Tronsave,
}

/// How many payouts are paid in one transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Batching {
    /// By a call of the contract.
    Contract,
    /// By the wallet's account, which runs the contract's code as its own (EIP-7702).
    Delegate,
}

/// A wallet to pay from.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LaneConfig {
    /// Its network.
    pub(crate) network: String,
    /// Its name, unique on the network.
    pub(crate) name: String,
    /// Its key: a derivation path, or `imported:NAME`.
    pub(crate) key: String,
    /// Whether it pays payouts; one that only brings other lanes coins does not.
    #[serde(default = "yes")]
    pub(crate) pays: bool,
    /// How it is brought coins for fees.
    pub(crate) gas: Option<GasConfig>,
}

fn yes() -> bool {
    true
}

/// Puts environment variables in the place of their names, `${NAME}`, outside comments.
fn with_environment(
    text: &str,
    variable: impl Fn(&str) -> Option<String>,
) -> anyhow::Result<String> {
    let mut all = String::with_capacity(text.len());
    for (number, line) in text.lines().enumerate() {
        let mut rest = line;
        while let Some((before, named)) = rest.split_once("${").filter(|it| !it.0.contains('#')) {
            let (name, after) = named
                .split_once('}')
                .ok_or_else(|| anyhow!("line {}: ${{ without }}", number + 1))?;
            let value = variable(name).filter(|it| !it.contains(['"', '\\', '\n']));
            let value = value.ok_or_else(|| {
                anyhow!(
                    "line {}: the environment variable {name} is not set, or no plain text",
                    number + 1
                )
            })?;
            all.push_str(before);
            all.push_str(&value);
            rest = after;
        }
        all.push_str(rest);
        all.push('\n');
    }
    Ok(all)
}

/// What a parser says, without the values that it quotes: those may be secrets, of the environment too.
fn what_is_wrong(message: &str) -> String {
    let quoted = message.split_once("string \"");
    let quoted = quoted.and_then(|(before, rest)| Some((before, rest.rsplit_once("\", ")?.1)));
    let said = quoted
        .map_or_else(|| message.to_owned(), |(before, after)| format!("{before}a string, {after}"));
    let remedy =
        if said.ends_with("expected a string") { "; write it in quotation marks" } else { "" };
    format!("{said}{remedy}")
}

fn default_listen() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 8080))
}

impl Config {
    /// Reads a file. Relative paths in it are relative to it; `${NAME}` stands for an environment
    /// variable, so that secrets in node URLs need not be in the file.
    ///
    /// # Errors
    /// Names the file, the line and the key.
    #[expect(clippy::disallowed_methods, reason = "the configuration may name the environment")]
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let text = fs::read_to_string(path).with_context(|| {
            format!("cannot read the configuration {}; name another with --config", path.display())
        })?;
        let text = with_environment(&text, |name| std::env::var(name).ok())
            .with_context(|| path.display().to_string())?;
        let parsed: Result<Self, _> = toml::from_str(&text);
        let mut config = parsed.map_err(|error| {
            let place = error.span().map(|it| line_at(&text, it.start));
            let (line, key) = place.map_or_else(Default::default, |(line, key)| {
                let key = key.filter(|it| !error.message().contains(it));
                (format!(":{line}"), key.map_or_else(String::new, |it| format!("{it}: ")))
            });
            anyhow!("{}{line}: {key}{}", path.display(), what_is_wrong(error.message()))
        })?;
        config.source = Source { path: path.to_owned(), text };
        let base = path.parent().unwrap_or(Path::new(""));
        for file in [&mut config.data].into_iter().chain(&mut config.catalog) {
            *file = base.join(&*file);
        }
        let others = [&mut config.keystore, &mut config.vault, &mut config.passphrase_file];
        for file in others.into_iter().flatten() {
            *file = base.join(&*file);
        }
        config.database = config.database.map(|it| it.relative_to(base));
        let config = config.with_database_of_environment()?;
        config.check()?;
        Ok(config)
    }

    /// Says where something stands: file, line and key. An element of a list is named by its `id`,
    /// or by its `network` and `name` with a slash between them, or by its number counted from one.
    pub(crate) fn place(&self, keys: &[&str]) -> String {
        let Source { path, text } = &self.source;
        let line = DeTable::parse(text).ok().map(|table| line_of(text, table, keys));
        let line = line.map_or_else(String::new, |it| format!(":{it}"));
        format!("{}{line}: {}", path.display(), keys.join("."))
    }

    /// The configuration of a sandbox: nothing but its data directory, and no limits on requests.
    pub(crate) fn sandbox(data: &Path) -> Self {
        Self {
            data: data.to_owned(),
            database: None,
            roles: vec![],
            listen: default_listen(),
            trusted_proxies: vec![],
            requests: Settings::off(),
            keystore: None,
            vault: None,
            passphrase_file: None,
            catalog: vec![],
            webhooks: Webhooks::default(),
            fees: Fees::default(),
            limits: BTreeMap::new(),
            rates: BTreeMap::new(),
            rate_sources: RateSources::default(),
            conversion: Conversion::default(),
            merchants: BTreeMap::new(),
            approvals: Approvals::default(),
            dialects: Dialects::default(),
            networks: vec![],
            lanes: vec![],
            source: Source::default(),
        }
    }

    fn check(&self) -> anyhow::Result<()> {
        self.requests.check().map_err(|(api, why)| {
            anyhow!("{}: {why}", self.place(&["requests", "spacing_ms", api]))
        })?;
        for lane in &self.lanes {
            let name = format!("{}/{}", lane.network, lane.name);
            anyhow::ensure!(
                self.networks.iter().any(|it| it.id == lane.network),
                "{}: there is no [[network]] with id = {:?}",
                self.place(&["lane", &name, "network"]),
                lane.network
            );
            let same = |it: &&LaneConfig| it.network == lane.network && it.name == lane.name;
            let once = self.lanes.iter().filter(same).count() == 1;
            anyhow::ensure!(once, "{} is listed twice", self.place(&["lane", &name]));
        }
        for network in &self.networks {
            self.check_endpoints(network)?;
            let once = self.networks.iter().filter(|it| it.id == network.id).count() == 1;
            anyhow::ensure!(once, "{} is listed twice", self.place(&["network", &network.id]));
        }
        anyhow::ensure!(
            self.webhooks.timeout_ms != Some(0),
            "{}: it must be at least 1",
            self.place(&["webhooks", "timeout_ms"])
        );
        let allow: Vec<&str> = self.webhooks.allow.iter().map(String::as_str).collect();
        Guard::new(Reach::Public, &allow)
            .map_err(|error| anyhow!("{}: {error}", self.place(&["webhooks", "allow"])))?;
        Ok(())
    }

    fn check_endpoints(&self, network: &NetworkConfig) -> anyhow::Result<()> {
        let place = |key| self.place(&["network", &network.id, key]);
        anyhow::ensure!(!network.rpc.is_empty(), "{} is empty", place("rpc"));
        for (position, url) in network.rpc.iter().enumerate() {
            // One that is asked twice always agrees with itself. Addresses hold secrets, so they
            // are not printed.
            let same = network.rpc.iter().take(position).position(|it| it == url);
            if let Some(same) = same {
                let (position, same) = (position + 1, same + 1);
                anyhow::bail!("{}: number {position} is number {same} again", place("rpc"));
            }
        }
        let count = network.rpc.len();
        anyhow::ensure!(
            network.solidity.is_empty() || network.solidity.len() == count,
            "{}: there must be one for each of the {count} endpoints in rpc, in their order",
            place("solidity")
        );
        let quorum = network.quorum.map(|it| usize::try_from(it).unwrap_or(usize::MAX));
        anyhow::ensure!(
            quorum.is_none_or(|it| (1..=count).contains(&it)),
            "{}: it must be between 1 and {count}, the number of endpoints in rpc",
            place("quorum")
        );
        anyhow::ensure!(
            network.lag_blocks_max != Some(0),
            "{}: it must be at least 1",
            place("lag_blocks_max")
        );
        Ok(())
    }

    /// What `serve` does, unless its command line says otherwise.
    pub(crate) fn roles(&self) -> Roles {
        Roles::named(self.roles.iter().copied())
    }

    /// Where the state is kept.
    pub(crate) fn database(&self) -> Database<'_> {
        let default = || Database::File(self.data.join("vyplata.db"));
        self.database.as_ref().map_or_else(default, DatabaseUrl::place)
    }

    /// The same with the database that the environment names, if it names one.
    ///
    /// # Errors
    /// If that is no address of a database.
    #[expect(clippy::disallowed_methods, reason = "the database may be named by the environment")]
    pub(crate) fn with_database_of_environment(mut self) -> anyhow::Result<Self> {
        if let Ok(text) = std::env::var("DATABASE_URL") {
            let url = DatabaseUrl::try_from(text);
            self.database = Some(url.map_err(|why| anyhow!("DATABASE_URL: {why}"))?);
        }
        Ok(self)
    }

    /// The keystore file.
    pub(crate) fn keystore_file(&self) -> PathBuf {
        self.keystore.clone().unwrap_or_else(|| self.data.join("keystore.json"))
    }

    /// The file of the vault's key.
    pub(crate) fn vault_file(&self) -> PathBuf {
        self.vault.clone().unwrap_or_else(|| self.data.join("vault.key"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str) -> Result<String, String> {
        let variable = |name: &str| (name == "KEY").then(|| "k1".to_owned());
        with_environment(text, variable).map_err(|error| error.to_string())
    }

    #[test]
    fn names_stand_for_environment_variables() {
        assert_eq!(filled("a = \"x/${KEY}/${KEY}\"").unwrap(), "a = \"x/k1/k1\"\n");
        assert_eq!(filled("# ${NONE}\nb = 1").unwrap(), "# ${NONE}\nb = 1\n");
        assert!(filled("a = 1\nb = \"${NONE}\"").unwrap_err().contains("line 2"));
        assert!(filled("b = \"${KEY\"").unwrap_err().contains("line 1"));
    }
}
