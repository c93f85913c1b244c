//! Networks that run the Ethereum virtual machine.

use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use domain::{
    catalog::{Catalog, Network},
    money::Amount,
};
use net::JsonRpc;
use rail_evm::pay_call::Method;

use super::{Connected, Named, answers, client, named};
use crate::config::{Batching, NetworkConfig};

/// See [`super::connect`]; looks at the network's tokens, too.
pub(super) async fn connect(
    catalog: &Catalog,
    network: &Network,
    config: &NetworkConfig,
    fee_max: Amount,
    wallets: impl Iterator<Item = &str>,
) -> anyhow::Result<Connected> {
    let endpoints =
        endpoints(&config.rpc).with_context(|| format!("network {}: rpc", config.id))?;
    for asset in catalog.assets_of(&network.id) {
        rail_evm::address::check_contract(asset).map_err(|what| anyhow!(what))?;
    }
    let assets = catalog.assets_of(&network.id);
    let settings = rail_evm::Settings { fee_max: Some(fee_max), ..settings(config) };
    let rail = rail_evm::Evm::new(network, assets, endpoints, settings)
        .and_then(|rail| rail.never_paying(wallets))
        .map_err(|error| anyhow!("network {}: {error}", config.id))?;
    let answers = answers(rail.check_nodes().await)?;
    let odd_tokens = if answers { rail.check_tokens().await } else { vec![] };
    Ok(Connected { rail: Arc::new(rail), odd_tokens })
}

/// All gas that a transaction may use at the fee cap.
pub(super) fn fee_max(config: &NetworkConfig) -> Option<Amount> {
    let settings = settings(config);
    let most = settings.max_fee_per_gas_cap_wei.checked_mul(u128::from(settings.gas_max()))?;
    Amount::from_units(most)
}

fn settings(config: &NetworkConfig) -> rail_evm::Settings {
    let defaults = rail_evm::Settings::default();
    rail_evm::Settings {
        poll_ms: config.poll_ms.unwrap_or(defaults.poll_ms),
        replace_after_ms: config.replace_after_ms.unwrap_or(defaults.replace_after_ms),
        in_flight_max: config.in_flight_max.unwrap_or(defaults.in_flight_max),
        replacement_budget_percent: config
            .replacement_budget_percent
            .unwrap_or(defaults.replacement_budget_percent),
        max_fee_per_gas_cap_wei: config
            .fee_cap_gwei
            .map_or(defaults.max_fee_per_gas_cap_wei, |gwei| u128::from(gwei) * 1_000_000_000),
        batching: config.batching.map(|it| match it {
            Batching::Contract => Method::Contract,
            Batching::Delegate => Method::Delegate,
        }),
        batch_max: config.batch_max.unwrap_or(defaults.batch_max),
        batch_wait_ms: config.batch_wait_ms.unwrap_or(defaults.batch_wait_ms),
        quorum: config.quorum,
        lag_blocks_max: config.lag_blocks_max,
        ..defaults
    }
}

fn endpoints(urls: &[String]) -> anyhow::Result<Vec<rail_evm::Endpoint>> {
    let client = client()?;
    let mut endpoints = vec![];
    for (position, url) in urls.iter().enumerate() {
        let Named { name, endpoint } = named(&client, position, url)?;
        endpoints.push(rail_evm::Endpoint { name, rpc: JsonRpc::new(Arc::new(endpoint)) });
    }
    Ok(endpoints)
}
