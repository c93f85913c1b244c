//! What the gateway has before it is asked to pay: a wallet with coins, and a merchant who owns most
//! of them.

use std::net::SocketAddr;

use anyhow::Result;

use super::{api::Api, gateway::Gateway, node::Node};

/// What is given to the merchant and to the house, in whole coins.
const MERCHANT_COINS: u128 = 1_000;
const HOUSE_COINS: u128 = 10;
const WEI_PER_COIN: u128 = 1_000_000_000_000_000_000;

/// Makes the wallet, and gives it its coins on the chain; returns its address.
///
/// # Errors
/// If gateway or node refuse.
pub(crate) fn found(gateway: &Gateway, node: &Node) -> Result<String> {
    gateway.operate(&["keys", "init"])?;
    let wallet = gateway.wallet()?;
    node.set_balance(&wallet, (MERCHANT_COINS + HOUSE_COINS) * WEI_PER_COIN)?;
    Ok(wallet)
}

/// Makes the merchant, whose webhooks go to `receiver`, and books the coins of a wallet that the
/// gateway knows.
///
/// # Errors
/// If the gateway refuses.
pub(crate) fn book(gateway: &Gateway, receiver: SocketAddr) -> Result<Api> {
    let api = gateway.merchant("shop", receiver)?;
    let (merchant, house) = (MERCHANT_COINS.to_string(), HOUSE_COINS.to_string());
    gateway.operate(&["fund", "ETH@ethereum", &merchant, "--merchant", "shop"])?;
    gateway.operate(&["fund", "ETH@ethereum", &house, "--house"])?;
    Ok(api)
}
