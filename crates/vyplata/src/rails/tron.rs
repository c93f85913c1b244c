//! TRON.

use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use domain::{
    catalog::{Catalog, Network},
    money::Amount,
};
use net::{Client, Endpoint, Rest};
use rail_tron::{Settings, Tron, energy::tronsave::TronSave};

use super::{Connected, answers, client};
use crate::config::{EnergyConfig, EnergyMarket, NetworkConfig};

/// The header by which `TronGrid` knows whose question it is.
const NODE_KEY: &str = "TRON-PRO-API-KEY";

/// See [`super::connect`].
pub(super) async fn connect(
    catalog: &Catalog,
    network: &Network,
    config: &NetworkConfig,
    fee_max: Amount,
    wallets: impl Iterator<Item = &str>,
) -> anyhow::Result<Connected> {
    let wrong = |error: String| anyhow!("network {}: {error}", config.id);
    let endpoints = endpoints(config).with_context(|| format!("network {}: rpc", config.id))?;
    let fee_max_sun = u64::try_from(fee_max.units()).unwrap_or(u64::MAX);
    let settings = Settings { fee_max_sun, ..settings(config) };
    let rail = Tron::new(network, catalog.assets_of(&network.id), endpoints, settings)
        .and_then(|rail| rail.never_paying(wallets))
        .map_err(wrong)?;
    let rail = match &config.energy {
        Some(energy) => {
            let market = market(energy).with_context(|| format!("network {}: energy", config.id));
            rail.renting(Box::new(market?))
        }
        None => rail,
    };
    let odd_tokens =
        if answers(rail.check_nodes().await)? { rail.check_tokens().await } else { vec![] };
    Ok(Connected { rail: Arc::new(rail), odd_tokens })
}

/// What one transaction may cost at most, if nothing else is set.
pub(super) fn fee_max(config: &NetworkConfig) -> Option<Amount> {
    Amount::from_units(settings(config).fee_max_sun.into())
}

fn settings(config: &NetworkConfig) -> Settings {
    let defaults = Settings::default();
    Settings {
        expires_after_ms: config.expires_after_ms.unwrap_or(defaults.expires_after_ms),
        in_flight_max: config.in_flight_max.unwrap_or(defaults.in_flight_max),
        poll_ms: config.poll_ms.unwrap_or(defaults.poll_ms),
        quorum: config.quorum,
        ..defaults
    }
}

fn endpoints(config: &NetworkConfig) -> anyhow::Result<Vec<rail_tron::Endpoint>> {
    let client = client()?;
    let mut endpoints = vec![];
    for (position, url) in config.rpc.iter().enumerate() {
        let way = |url: &str| {
            let (url, key) = without_key(url);
            let headers: Vec<_> = key.map(|key| (NODE_KEY.to_owned(), key)).into_iter().collect();
            rest(&client, &url, &headers).with_context(|| format!("#{}", position + 1))
        };
        let (name, rest) = way(url)?;
        let (_, solid) = way(config.solidity.get(position).unwrap_or(url))?;
        let name = format!("#{} {name}", position + 1);
        endpoints.push(rail_tron::Endpoint { name, rest, solid });
    }
    Ok(endpoints)
}

fn market(config: &EnergyConfig) -> anyhow::Result<TronSave> {
    let EnergyConfig { market, key, url } = config;
    let (default, header) = match market {
        EnergyMarket::Tronsave => ("https://api.tronsave.io", "apikey"),
    };
    let headers = [(header.to_owned(), key.clone())];
    let (_, rest) = rest(&client()?, url.as_deref().unwrap_or(default), &headers)?;
    Ok(TronSave::new(rest))
}

fn rest(
    client: &Client,
    url: &str,
    headers: &[(String, String)],
) -> anyhow::Result<(String, Rest)> {
    let endpoint = Endpoint::new(client.clone(), url, headers, Endpoint::LIMITS);
    let endpoint = endpoint.map_err(|error| anyhow!("{error}"))?;
    Ok((endpoint.label().to_owned(), Rest::new(Arc::new(endpoint))))
}

/// A node's address and the key that stands before its host, as a user's name without a password.
fn without_key(url: &str) -> (String, Option<String>) {
    let found = url.split_once("://").and_then(|(scheme, rest)| {
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let (key, host) = authority.rsplit_once('@').filter(|it| !it.0.contains(':'))?;
        Some((format!("{scheme}://{host}{path}"), Some(key.to_owned())))
    });
    found.unwrap_or_else(|| (url.to_owned(), None))
}

#[cfg(test)]
mod tests {
    use super::without_key;

    #[test]
    fn a_node_s_key_stands_before_its_host() {
        for (url, plain, key) in [
            ("https://api.trongrid.io", "https://api.trongrid.io", None),
            ("https://k-1@api.trongrid.io/x@y", "https://api.trongrid.io/x@y", Some("k-1")),
            ("http://127.0.0.1:8090/", "http://127.0.0.1:8090/", None),
            ("http://u:p@host:1", "http://u:p@host:1", None),
        ] {
            let key = key.map(str::to_owned);
            assert_eq!(without_key(url), (plain.to_owned(), key), "{url}");
        }
    }
}
