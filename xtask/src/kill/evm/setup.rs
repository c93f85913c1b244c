//! How the gateway under test is configured.

use std::{
    str::FromStr,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use super::{
    coins,
    node::{Node, quantity},
};
use crate::kill::chain::{Around, station};

/// How payouts share transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Batching {
    /// Each has its own.
    Off,
    /// The contract pays many.
    Contract,
    /// The wallet's account runs the contract's code.
    Delegate,
}

impl Batching {
    /// Its name in the configuration.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Contract => "contract",
            Self::Delegate => "delegate",
        }
    }

    /// How many numbers a wallet uses up until it is prepared: for the contract, and the approval of
    /// a token if it holds one; or for the contract and the delegation, which takes two.
    pub(crate) fn numbers_of_preparations(self, has_token: bool) -> u128 {
        match (self, has_token) {
            (Self::Off, _) => 0,
            (Self::Contract, false) => 1,
            (Self::Contract, true) => 2,
            (Self::Delegate, _) => 3,
        }
    }

    /// Waits until a wallet has prepared itself for good.
    ///
    /// # Errors
    /// If it does not, or the node does not answer.
    pub(crate) fn await_preparations(
        self,
        node: &Node,
        wallet: &str,
        has_token: bool,
    ) -> Result<()> {
        let expected = self.numbers_of_preparations(has_token);
        if expected == 0 {
            return Ok(());
        }
        let (begun, count) = (Instant::now(), json!([wallet, "finalized"]));
        while quantity(&node.call("eth_getTransactionCount", &count)?)? < expected {
            ensure!(begun.elapsed() < PREPARING_MAX, "the wallet does not prepare itself");
            thread::sleep(Duration::from_millis(200));
        }
        Ok(())
    }

    /// What is configured for payouts that wait so long until there are so many.
    pub(crate) fn lines(self, batch_max: u64, wait_ms: u64) -> String {
        let word = match self {
            Self::Off => return String::new(),
            Self::Contract | Self::Delegate => self.word(),
        };
        format!("batching = \"{word}\"\nbatch_max = {batch_max}\nbatch_wait_ms = {wait_ms}\n")
    }
}

impl FromStr for Batching {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let all = [Self::Off, Self::Contract, Self::Delegate];
        let found = all.into_iter().find(|it| it.word() == text);
        found.with_context(|| format!("batching is off, contract or delegate, and not {text:?}"))
    }
}

/// How long a wallet may take to prepare itself.
const PREPARING_MAX: Duration = Duration::from_mins(1);

/// The most payouts of one transaction: the fewest coins for which one together costs less.
pub(crate) const BATCH_MAX: usize = 3;
/// How long a payout waits for others, in milliseconds.
pub(crate) const WAIT_MS: u64 = 150;

/// The wallet that pays is brought coins when it has less than this, in wei.
pub(crate) const BELOW_WEI: u128 = 2 * WEI_PER_COIN;
/// So many that it has this.
pub(crate) const UP_TO_WEI: u128 = 20 * WEI_PER_COIN;
/// So many within a day, until the end of the test: more than it needs.
pub(crate) const DAILY_MAX_WEI: u128 = 5_000 * WEI_PER_COIN;
/// One coin, in wei.
pub(crate) const WEI_PER_COIN: u128 = 1_000_000_000_000_000_000;

/// What is configured in one way or another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    /// How many transactions may be on their way at once.
    pub(crate) in_flight_max: usize,
    /// How payouts share transactions.
    pub(crate) batching: Batching,
    /// Whether a second wallet brings the first one coins.
    pub(crate) has_station: bool,
}

impl Setup {
    /// The configuration of a gateway.
    pub(crate) fn configuration(self, around: Around) -> String {
        let (head, node) = (around.head(), around.node);
        let Self { in_flight_max, batching, has_station } = self;
        // Where every death is followed by a rise of fees, a transaction may see many of them.
        let budget = if has_station { "replacement_budget_percent = 5000\n" } else { "" };
        // Wallets are looked after every fifth time.
        let poll_ms = if has_station { 100 } else { 200 };
        let batching = batching.lines(BATCH_MAX as u64, WAIT_MS);
        let limits = [BELOW_WEI, UP_TO_WEI, DAILY_MAX_WEI].map(coins);
        let station = has_station.then(|| station("ethereum", "m/44'/60'/0'/0/1", limits));
        let station = station.unwrap_or_default();
        format!(
            r#"catalog = ["tokens.toml"]
{head}
[rates]
ETH = "3000"
TOKEN = "1"

[[network]]
id = "ethereum"
rpc = ["http://{node}"]
poll_ms = {poll_ms}
replace_after_ms = 3000
in_flight_max = {in_flight_max}
{budget}{batching}
[[lane]]
network = "ethereum"
name = "hot"
key = "m/44'/60'/0'/0/0"
{station}"#
        )
    }
}

#[cfg(test)]
mod tests {
    use super::Batching;

    #[test]
    fn ways_to_share_transactions_are_read() {
        for batching in [Batching::Off, Batching::Contract, Batching::Delegate] {
            assert_eq!(batching.word().parse::<Batching>().unwrap(), batching);
        }
        assert!("Contract".parse::<Batching>().is_err());
    }
}
