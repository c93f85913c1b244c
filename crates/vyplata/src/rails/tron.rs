//! TRON.

use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use domain::{
    catalog::{Catalog, Network},
    money::Amount,
};
use net::{Client, Endpoint, Rest};
use rail_tron::{Settings, Tron, energy::tronsave::TronSave};

use super::{Connected, Named, answers, client, named_with};
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
            let Named { name, endpoint } = node(&client, position, url)?;
            Ok::<_, anyhow::Error>((name, Rest::new(Arc::new(endpoint))))
        };
        let (name, rest) = way(url)?;
        let (_, solid) = way(config.solidity.get(position).unwrap_or(url))?;
        endpoints.push(rail_tron::Endpoint { name, rest, solid });
    }
    Ok(endpoints)
}

/// See [`super::named_with`].
pub(super) fn node(client: &Client, position: usize, url: &str) -> anyhow::Result<Named> {
    let (url, key) = without_key(url);
    let headers: Vec<_> = key.map(|key| (NODE_KEY.to_owned(), key)).into_iter().collect();
    named_with(&headers, client, position, &url)
}

fn market(config: &EnergyConfig) -> anyhow::Result<TronSave> {
    let EnergyConfig { market, key, url } = config;
    let (default, header) = match market {
        EnergyMarket::Tronsave => ("https://api.tronsave.io", "apikey"),
    };
    let headers = [(header.to_owned(), key.clone())];
    let url = url.as_deref().unwrap_or(default);
    let endpoint = Endpoint::new(client()?, url, &headers, Endpoint::LIMITS);
    Ok(TronSave::new(Rest::new(Arc::new(endpoint.map_err(|error| anyhow!("{error}"))?))))
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
