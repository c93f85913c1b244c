//! How the gateway under test is configured, and what it has before it is asked to pay.

use std::net::SocketAddr;

use anyhow::{Context as _, Result};
use tron_node::{Address, Chain, Options};

use super::{LAG_BLOCKS, TOKEN, TRX, token::Contracts};
use crate::kill::{
    api::Api,
    chain::{Around, station},
    gateway::Gateway,
};

/// One coin, in sun.
pub(super) const SUN: u128 = 1_000_000;

/// What is given to the merchant and to the house, in whole coins.
const MERCHANT_COINS: u128 = 50_000;
const HOUSE_COINS: u128 = 10_000;
/// What the house has beside that in a station.
const STATION_COINS: u128 = 5_000_000;
/// What the merchant has of the token, in whole ones.
const TOKENS: u128 = 1_000_000_000;

/// The wallet that pays is brought coins when it has less than this, in sun.
pub(super) const BELOW_SUN: u128 = 300 * SUN;
/// So many that it has this.
pub(super) const UP_TO_SUN: u128 = 2_000 * SUN;
/// So many within a day, until the end of the test: more than it needs.
pub(super) const DAILY_MAX_SUN: u128 = 1_000_000 * SUN;

/// How long a transaction may wait for a block, in milliseconds of the chain: five blocks, the least
/// that can be configured.
const EXPIRES_AFTER_MS: u64 = 15_000;

/// The lane that pays.
pub(super) const HOT: &str = "tron/hot";
/// The lane that brings it coins.
pub(super) const STATION: &str = "tron/station";

/// The wallets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wallets {
    /// The one that pays.
    pub(super) hot: Address,
    /// The one that brings it coins, if there is one. The merchant's coins are in it, so that the one
    /// that pays can be left without any.
    pub(super) station: Option<Address>,
}

impl Wallets {
    /// Whether an address is one of them.
    pub(super) fn has(&self, address: &Address) -> bool {
        self.hot == *address || self.station.as_ref() == Some(address)
    }

    /// What the wallet that pays has of the coin in the beginning, in sun.
    pub(super) fn coins_first(&self) -> u128 {
        match self.station {
            None => (MERCHANT_COINS + HOUSE_COINS) * SUN,
            Some(_) => UP_TO_SUN,
        }
    }

    /// Makes the wallets of a gateway.
    ///
    /// # Errors
    /// If it refuses, or shows something else.
    pub(super) fn found(gateway: &Gateway) -> Result<Self> {
        gateway.operate(&["keys", "init"])?;
        let shown = gateway.wallets()?;
        let read = |it: &String| Address::parse(it).with_context(|| format!("{it} is no address"));
        let mut addresses = shown.iter().map(read);
        let hot = addresses.next().context("there is no wallet")??;
        Ok(Self { hot, station: addresses.next().transpose()? })
    }

    /// Gives them what they have on the chain.
    ///
    /// # Errors
    /// If that is more than there can be.
    pub(super) fn fund(&self, chain: &mut Chain, contracts: Contracts) -> Result<()> {
        chain.fund(self.hot, i64::try_from(self.coins_first())?);
        if let Some(station) = self.station {
            chain.fund(station, i64::try_from((MERCHANT_COINS + STATION_COINS) * SUN)?);
        }
        contracts.issue(chain, &self.hot, TOKENS * SUN);
        Ok(())
    }

    /// Makes the merchant, whose webhooks go to `receiver`, and books the coins of wallets that the
    /// gateway knows.
    ///
    /// # Errors
    /// If the gateway refuses.
    pub(super) fn book(&self, gateway: &Gateway, receiver: SocketAddr) -> Result<Api> {
        let api = gateway.merchant("shop", receiver, TRX)?;
        let fund = |asset: &str, amount: u128, lane: &str, whose: &[&str]| {
            let amount = amount.to_string();
            let arguments = ["fund", asset, &amount, "--lane", lane];
            gateway.operate(&[&arguments, whose].concat()).map(drop)
        };
        let (shop, house) = (["--merchant", "shop"], ["--house"]);
        if self.station.is_some() {
            fund(TRX.id, MERCHANT_COINS, STATION, &shop)?;
            fund(TRX.id, STATION_COINS, STATION, &house)?;
            fund(TRX.id, UP_TO_SUN / SUN, HOT, &house)?;
        } else {
            fund(TRX.id, MERCHANT_COINS, HOT, &shop)?;
            fund(TRX.id, HOUSE_COINS, HOT, &house)?;
        }
        fund(TOKEN.id, TOKENS, HOT, &shop)?;
        Ok(api)
    }
}

/// How the chain begins.
pub(super) fn options() -> Options {
    Options { solid_lag: LAG_BLOCKS, ..Options::default() }
}

/// The row of the gateway's catalog. The built-in tokens have contracts that are not on this chain.
pub(super) fn catalog(contracts: Contracts) -> String {
    let contract = contracts.token;
    format!(
        "[[asset]]\nnetwork = \"tron\"\nticker = \"TOKEN\"\ntitle = \"Token\"\ndecimals = 6\n\
         contract = \"{contract}\"\nsymbols = [\"USDT\"]\n"
    )
}

/// The configuration of a gateway; with a second wallet where every point is reached.
pub(super) fn configuration(is_for_points: bool, around: Around) -> String {
    let (head, node) = (around.head(), around.node);
    let genesis = hex::encode(options().genesis);
    // Where every point is reached there is room for a scene's own while the chain is held still, and
    // wallets are looked after every fifteenth time.
    let (in_flight_max, poll_ms) = if is_for_points { (200, 100) } else { (24, 200) };
    let limits = [BELOW_SUN, UP_TO_SUN, DAILY_MAX_SUN].map(|it| TRX.text(it));
    let station = is_for_points.then(|| station("tron", "m/44'/195'/0'/0/1", limits));
    let station = station.unwrap_or_default();
    format!(
        r#"catalog = ["tokens.toml"]
{head}
[rates]
TRX = "0.3"
TOKEN = "1"

[[network]]
id = "tron"
rpc = ["http://{node}"]
poll_ms = {poll_ms}
expires_after_ms = {EXPIRES_AFTER_MS}
in_flight_max = {in_flight_max}
parameters = {{ genesis = "{genesis}" }}

[[lane]]
network = "tron"
name = "hot"
key = "m/44'/195'/0'/0/0"
{station}"#
    )
}
