//! Connecting to networks: one file for each kind that can be paid on.

mod access;
mod bitcoin;
mod evm;
mod tron;

use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use domain::{
    catalog::{Catalog, Network},
    money::Amount,
    ports::Rail,
};
use net::{Client, Endpoint, Guard, NodeError, Reach};

pub(crate) use self::access::refused;
use crate::config::NetworkConfig;

/// A network that is connected to.
pub(crate) struct Connected {
    /// What pays on it.
    pub(crate) rail: Arc<dyn Rail>,
    /// Tokens that are not what the catalog says.
    pub(crate) odd_tokens: Vec<String>,
}

/// Connects to a network's nodes. None of `wallets` is ever paid.
///
/// # Errors
/// If its rail is not built yet, a setting makes no sense, or a node is on another chain. A node
/// that does not answer is none: it is asked again when it is needed.
pub(crate) async fn connect(
    catalog: &Catalog,
    config: &NetworkConfig,
    fee_max: Amount,
    wallets: impl Iterator<Item = &str>,
) -> anyhow::Result<Connected> {
    let network = catalog.network(&config.id).context("the network was checked")?;
    match network.family.as_str() {
        "bitcoin" => bitcoin::connect(catalog, network, config, fee_max, wallets).await,
        "evm" => evm::connect(catalog, network, config, fee_max, wallets).await,
        "tron" => tron::connect(catalog, network, config, fee_max, wallets).await,
        _ => Err(anyhow!(
            "network {}: its rail is not built yet; it can be paid in the sandbox only",
            config.id
        )),
    }
}

/// What one transaction may cost at most by the settings of its network, if it can be represented.
pub(crate) fn fee_max(network: &Network, config: &NetworkConfig) -> Option<Amount> {
    match network.family.as_str() {
        "bitcoin" => bitcoin::fee_max(config),
        "tron" => tron::fee_max(config),
        _ => evm::fee_max(config),
    }
}

/// Whether a network's nodes answer, after all of them were asked which chain they are on. If none
/// does, other networks can be paid on meanwhile; this one is, as soon as a node answers.
fn answers(checked: Result<(), NodeError>) -> anyhow::Result<bool> {
    match checked {
        Ok(()) => Ok(true),
        Err(NodeError::Silent(why)) => {
            tracing::warn!("{why}");
            Ok(false)
        }
        Err(NodeError::OtherChain(why)) => Err(anyhow!(why)),
    }
}

/// A node at an address, with a name that shows the place in the list and the host, since the rest
/// of an address may be a secret.
struct Named {
    name: String,
    endpoint: Endpoint,
}

/// A client for nodes, which are where the operator says.
fn client() -> anyhow::Result<Client> {
    let guard = Guard::new(Reach::Anywhere, &[]).map_err(|error| anyhow!("{error}"))?;
    Ok(Client::new(guard)?)
}

/// The node at the place `position` of a network's list.
fn named(client: &Client, position: usize, url: &str) -> anyhow::Result<Named> {
    named_with(&[], client, position, url)
}

/// The same with headers for each question.
fn named_with(
    headers: &[(String, String)],
    client: &Client,
    position: usize,
    url: &str,
) -> anyhow::Result<Named> {
    let endpoint = Endpoint::new(client.clone(), url, headers, Endpoint::LIMITS);
    let endpoint = endpoint.map_err(|error| anyhow!("#{}: {error}", position + 1))?;
    let name = format!("#{} {}", position + 1, endpoint.label());
    Ok(Named { name, endpoint })
}
