//! The EVM family: a development node, a token, and a contract that pays many.
//!
//! Payouts travel alone, or in threes by the contract: of the coin, or of a token. Where every point
//! is reached, a second wallet brings coins to the one that pays, and in the end no more than the
//! day's limit leaves. That a number is left out cannot come about by any death; the database is made
//! to say so.

mod audit;
pub(crate) mod funds;
pub(crate) mod node;
mod plan;
pub(crate) mod points;
pub(crate) mod setup;
mod token;
mod top_ups;

use std::{net::SocketAddr, path::Path, sync::Arc};

use anyhow::{Result, bail};

use super::{
    api::Api,
    chain::{Around, Chain, Files, Seen},
    gateway::Gateway,
    miner::Miner,
    proxy::Handover,
    workload::{Asset, Wanted},
};
use funds::Wallets;
use node::{Blocks, Node};
use setup::{Batching, DAILY_MAX_WEI, Setup};

/// The coin.
pub(crate) const ETH: Asset = Asset { id: "ETH@ethereum", ticker: Some("ETH"), decimals: 18 };

/// How many transactions may be on their way at once: payouts queue behind them.
const IN_FLIGHT_MAX: usize = 16;
/// The same where every point is reached: more than there ever are, so that there is room for a
/// scene's own while the chain is held still.
const IN_FLIGHT_MAX_OF_POINTS: usize = 200;

/// The chain, and what of it is the gateway's.
pub(crate) struct Evm {
    node: Arc<Node>,
    setup: Setup,
    wallets: Wallets,
    /// Who makes its blocks, if it does not do so itself.
    miner: Option<Miner>,
    /// The number that was left out last of the wallet that pays.
    skipped: Option<u128>,
    /// The most that the station may bring within the day, in wei.
    limit: u128,
}

impl Evm {
    /// Starts a chain that makes its own blocks.
    ///
    /// # Errors
    /// If the node does not start.
    pub(crate) fn start(anvil: &Path, batching: Batching) -> Result<Self> {
        let setup = Setup { in_flight_max: IN_FLIGHT_MAX, batching, has_station: false };
        let node = Arc::new(Node::start(anvil, Blocks::ByTime)?);
        Ok(Self::of(node, setup, None))
    }

    /// Starts a chain that can be held still, with a second wallet.
    ///
    /// # Errors
    /// If the node does not start.
    pub(crate) fn start_for_points(anvil: &Path, batching: Batching) -> Result<Self> {
        let in_flight_max = IN_FLIGHT_MAX_OF_POINTS;
        let setup = Setup { in_flight_max, batching, has_station: true };
        let node = Arc::new(Node::start(anvil, Blocks::ByHand)?);
        let miner = points::miner(&node);
        Ok(Self::of(node, setup, Some(miner)))
    }

    fn of(node: Arc<Node>, setup: Setup, miner: Option<Miner>) -> Self {
        let wallets = Wallets::default();
        Self { node, setup, wallets, miner, skipped: None, limit: DAILY_MAX_WEI }
    }
}

impl Chain for Evm {
    fn node(&self) -> SocketAddr {
        self.node.address
    }

    fn handover(&self) -> Handover {
        Handover::Method("eth_sendRawTransaction")
    }

    fn files(&self, around: Around) -> Files {
        files(self.setup, around)
    }

    fn found(&mut self, gateway: &Gateway) -> Result<()> {
        self.wallets = funds::found(gateway, &self.node)?;
        Ok(())
    }

    fn book(&self, gateway: &Gateway, receiver: SocketAddr) -> Result<Api> {
        funds::book(gateway, &self.wallets, receiver)
    }

    fn await_ready(&self) -> Result<()> {
        self.setup.batching.await_preparations(&self.node, &self.wallets.hot, true)
    }

    fn draw(&self, count: usize, seed: u64) -> Result<Vec<Wanted>> {
        let draw = if self.setup.batching == Batching::Off { plan::plan } else { plan::mixed };
        let plan = draw(count, seed);
        for wanted in plan.iter().filter(|it| it.gift > 0) {
            self.node.set_balance(&wanted.address, wanted.gift)?;
        }
        Ok(plan)
    }

    fn upset(&self) -> Result<()> {
        match &self.miner {
            None => self.node.raise_base_fee(),
            Some(_) => points::raise_base_fee(&self.node),
        }
    }

    fn overpaid(&self, plan: &[Wanted]) -> Result<usize> {
        let balances = audit::balances(&self.node, plan, "latest")?;
        Ok(plan.iter().zip(balances).filter(|(wanted, has)| *has > wanted.units).count())
    }

    fn look(&self, plan: &[Wanted], _ledger: &str, is_control: bool) -> Result<Seen> {
        let seen = audit::look(&self.node, &self.wallets, plan)?;
        let mut findings = top_ups::complaints(&self.node, &self.wallets, &seen, self.limit)?;
        println!("transactions that may have paid several: {}", seen.calls.len());
        if self.setup.batching != Batching::Off && !is_control && seen.calls.is_empty() {
            findings.push("no payouts shared a transaction".into());
        }
        Ok(Seen { payments: seen.payments, findings })
    }
}

/// The files of a gateway's configuration.
pub(crate) fn files(setup: Setup, around: Around) -> Files {
    vec![("tokens.toml", token::catalog()), ("vyplata.toml", setup.configuration(around))]
}

/// Writes wei as whole coins and eighteen decimals.
pub(crate) fn coins(wei: u128) -> String {
    ETH.text(wei)
}

/// Says that this chain has no coin of that name.
///
/// # Errors
/// Always, unless it is the one that it has.
pub(crate) fn check_coin(coin: &str) -> Result<()> {
    match coin {
        "" | "ether" => Ok(()),
        other => bail!("the rail evm is tested with its own coin, and not with {other:?}"),
    }
}
