//! What the gateway has before it is asked to pay: wallets with coins and tokens, and a merchant who
//! owns most of them.

use std::net::SocketAddr;

use anyhow::{Context as _, Result};

use super::{
    ETH, coins,
    node::Node,
    setup::{UP_TO_WEI, WEI_PER_COIN},
    token,
};
use crate::kill::{api::Api, gateway::Gateway};

/// What is given to the merchant and to the house, in whole coins.
const MERCHANT_COINS: u128 = 1_000;
const HOUSE_COINS: u128 = 10;
/// What the house has beside that in a station.
const STATION_COINS: u128 = 100_000;
/// What the merchant has of the token.
const TOKENS: u128 = 1_000_000_000;

/// The wallets' addresses, in small letters.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wallets {
    /// The one that pays.
    pub(crate) hot: String,
    /// The one that brings it coins, if there is one. The merchant's coins are in it, so that the
    /// one that pays can be left without any.
    pub(crate) station: Option<String>,
}

impl Wallets {
    /// Whether an address is one of them.
    pub(crate) fn has(&self, address: &str) -> bool {
        self.hot == address || self.station.as_deref() == Some(address)
    }
}

/// Makes the wallets, and gives them what they have on the chain.
///
/// # Errors
/// If gateway or node refuse.
pub(crate) fn found(gateway: &Gateway, node: &Node) -> Result<Wallets> {
    gateway.operate(&["keys", "init"])?;
    let mut addresses = gateway.wallets()?.into_iter().map(|it| it.to_lowercase());
    let hot = addresses.next().context("there is no wallet")?;
    let wallets = Wallets { hot, station: addresses.next() };
    let (small, large) = (UP_TO_WEI, (MERCHANT_COINS + STATION_COINS) * WEI_PER_COIN);
    match &wallets.station {
        None => node.set_balance(&wallets.hot, (MERCHANT_COINS + HOUSE_COINS) * WEI_PER_COIN)?,
        Some(station) => {
            node.set_balance(&wallets.hot, small)?;
            node.set_balance(station, large)?;
        }
    }
    token::put(node, &wallets.hot, TOKENS)?;
    Ok(wallets)
}

/// Makes the merchant, whose webhooks go to `receiver`, and books the coins of wallets that the
/// gateway knows.
///
/// # Errors
/// If the gateway refuses.
pub(crate) fn book(gateway: &Gateway, wallets: &Wallets, receiver: SocketAddr) -> Result<Api> {
    let api = gateway.merchant("shop", receiver, ETH)?;
    let fund = |asset: &str, amount: &str, lane: &str, whose: &[&str]| {
        let arguments = ["fund", asset, amount, "--lane", lane];
        gateway.operate(&[&arguments, whose].concat()).map(drop)
    };
    let (hot, station, shop) = ("ethereum/hot", "ethereum/station", ["--merchant", "shop"]);
    let (merchant, house) = (MERCHANT_COINS.to_string(), HOUSE_COINS.to_string());
    if wallets.station.is_some() {
        fund(ETH.id, &merchant, station, &shop)?;
        fund(ETH.id, &STATION_COINS.to_string(), station, &["--house"])?;
        fund(ETH.id, &coins(UP_TO_WEI), hot, &["--house"])?;
    } else {
        fund(ETH.id, &merchant, hot, &shop)?;
        fund(ETH.id, &house, hot, &["--house"])?;
    }
    fund(token::TOKEN.id, &TOKENS.to_string(), hot, &shop)?;
    Ok(api)
}
