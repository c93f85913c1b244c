//! Networks of the Bitcoin family.

use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use domain::{
    catalog::{Catalog, Network},
    money::Amount,
};
use net::{Client, Rest};
use rail_bitcoin::{
    Bitcoin, Endpoint, Settings,
    chain::{
        Chain, RelayRules,
        core::{Core, Links},
        esplora::Esplora,
    },
};

use super::{Connected, Named, answers, client, named};
use crate::config::{NetworkConfig, SatPerVbyte};

/// What stands before the address of a server that speaks Esplora's API, and not a node's.
pub(super) const ESPLORA: &str = "esplora+";
/// The name of our wallet in a node.
const WALLET: &str = "vyplata";
/// What nodes relay by default, and ask for on top of what is replaced, in satoshi for 1,000 virtual
/// bytes (`DEFAULT_MIN_RELAY_TX_FEE` and `DEFAULT_INCREMENTAL_RELAY_FEE` of Bitcoin Core before 29,
/// which later ones only lower).
const RELAYED_SAT_PER_KVB: u64 = 1_000;

/// See [`super::connect`].
pub(super) async fn connect(
    catalog: &Catalog,
    network: &Network,
    config: &NetworkConfig,
    fee_max: Amount,
    wallets: impl Iterator<Item = &str>,
) -> anyhow::Result<Connected> {
    let wrong = |error: String| anyhow!("network {}: {error}", config.id);
    let endpoints =
        endpoints(network, config).with_context(|| format!("network {}: rpc", config.id))?;
    let mut settings = settings(config);
    settings.limits.fee_max_sat = u64::try_from(fee_max.units()).ok();
    let assets = catalog.assets_of(&network.id);
    let rail = Bitcoin::new(network, assets, endpoints, settings)
        .and_then(|rail| rail.never_paying(wallets))
        .map_err(wrong)?;
    answers(rail.check_nodes().await)?;
    Ok(Connected { rail: Arc::new(rail), odd_tokens: vec![] })
}

/// The largest transaction at the highest fee rate.
pub(super) fn fee_max(config: &NetworkConfig) -> Option<Amount> {
    Amount::from_units(u128::from(settings(config).fee_max_sat()))
}

fn settings(config: &NetworkConfig) -> Settings {
    let defaults = Settings::default();
    let per_kvb = |rate: Option<SatPerVbyte>| rate.map(|it| it.per_kvb);
    let mut limits = defaults.limits;
    limits.rate_max_sat_per_kvb =
        per_kvb(config.fee_cap_sat_per_vbyte).unwrap_or(limits.rate_max_sat_per_kvb);
    limits.replacement_budget_percent =
        config.replacement_budget_percent.unwrap_or(limits.replacement_budget_percent);
    let mut gathering = defaults.gathering;
    gathering.rate_max_sat_per_kvb =
        per_kvb(config.gather_max_sat_per_vbyte).unwrap_or(gathering.rate_max_sat_per_kvb);
    Settings {
        limits,
        gathering,
        rate_min_sat_per_kvb: per_kvb(config.fee_min_sat_per_vbyte)
            .unwrap_or(defaults.rate_min_sat_per_kvb),
        rate_default_sat_per_kvb: per_kvb(config.fee_default_sat_per_vbyte),
        spends_unconfirmed_change: config
            .spend_unconfirmed_change
            .unwrap_or(defaults.spends_unconfirmed_change),
        batch_max: config.batch_max.unwrap_or(defaults.batch_max),
        batch_wait_ms: config.batch_wait_ms.unwrap_or(defaults.batch_wait_ms),
        in_flight_max: config.in_flight_max.unwrap_or(defaults.in_flight_max),
        poll_ms: config.poll_ms.unwrap_or(defaults.poll_ms),
        replace_after_ms: config.replace_after_ms.unwrap_or(defaults.replace_after_ms),
        quorum: config.quorum,
        ..defaults
    }
}

fn endpoints(network: &Network, config: &NetworkConfig) -> anyhow::Result<Vec<Endpoint>> {
    let client = client()?;
    let replaces = node_replaces(network, config)?;
    let relayed = config.fee_min_sat_per_vbyte.map_or(RELAYED_SAT_PER_KVB, |it| it.per_kvb);
    let mut endpoints = vec![];
    for (position, url) in config.rpc.iter().enumerate() {
        let (name, chain) = match url.strip_prefix(ESPLORA) {
            Some(url) => esplora(&client, position, url, relayed, replaces)?,
            None => core(&client, position, url, replaces)?,
        };
        endpoints.push(Endpoint { name, chain });
    }
    Ok(endpoints)
}

/// Whether nodes that do not say so take replacements: as set, or as nodes of the network do by
/// default.
fn node_replaces(network: &Network, config: &NetworkConfig) -> anyhow::Result<bool> {
    let of_row = network.parameters.get("node_replaces").map_or("true", String::as_str);
    match (config.node_replaces, of_row) {
        (Some(replaces), _) => Ok(replaces),
        (None, "true") => Ok(true),
        (None, "false") => Ok(false),
        (None, other) => Err(anyhow!("parameter node_replaces cannot be {other:?}")),
    }
}

type Node = (String, Box<dyn Chain>);

fn esplora(
    client: &Client,
    position: usize,
    url: &str,
    relayed_sat_per_kvb: u64,
    replaces: bool,
) -> anyhow::Result<Node> {
    let Named { name, endpoint } = named(client, position, url)?;
    let rules = RelayRules {
        fee_rate_min_sat_per_kvb: relayed_sat_per_kvb,
        increment_sat_per_kvb: RELAYED_SAT_PER_KVB,
        replaces,
        replaces_is_assumed: true,
    };
    Ok((name, Box::new(Esplora::new(Rest::new(Arc::new(endpoint)), rules))))
}

fn core(client: &Client, position: usize, url: &str, replaces: bool) -> anyhow::Result<Node> {
    let Named { name, .. } = named(client, position, url)?;
    let links = Links::at(client, url, &[], WALLET);
    let links = links.map_err(|error| anyhow!("#{}: {error}", position + 1))?;
    Ok((name, Box::new(Core::new(links, WALLET, replaces))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(more: &str) -> NetworkConfig {
        toml::from_str(&format!("id = \"bitcoin\"\nrpc = [\"http://127.0.0.1:1\"]\n{more}"))
            .unwrap()
    }

    #[test]
    fn litecoin_replaces_nothing_unless_it_is_said() {
        let catalog = catalog::read(&[rail_bitcoin::CATALOG]).unwrap();
        let replaces = |id: &str, more: &str| {
            node_replaces(catalog.network(id).unwrap(), &config(more)).unwrap()
        };
        assert!(replaces("bitcoin", "") && !replaces("litecoin", ""));
        assert!(replaces("litecoin", "node_replaces = true"));
        assert!(!replaces("bitcoin", "node_replaces = false"));
        let mut odd = catalog.network("litecoin").unwrap().clone();
        odd.parameters.insert("node_replaces".to_owned(), "maybe".to_owned());
        assert!(node_replaces(&odd, &config("")).unwrap_err().to_string().contains("maybe"));
    }

    #[test]
    fn the_least_that_is_offered_can_be_lowered() {
        let settings = settings(&config(
            "fee_min_sat_per_vbyte = \"0.1\"\nfee_cap_sat_per_vbyte = \"12.5\"\n\
             gather_max_sat_per_vbyte = 2",
        ));
        assert_eq!(settings.rate_min_sat_per_kvb, 100);
        assert_eq!(settings.limits.rate_max_sat_per_kvb, 12_500);
        assert_eq!(settings.gathering.rate_max_sat_per_kvb, 2_000);
        assert_eq!(super::settings(&config("")).rate_min_sat_per_kvb, 1_000);
    }
}
