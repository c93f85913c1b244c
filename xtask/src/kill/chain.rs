//! What is different from rail to rail: a real node with a chain of its own, what is paid on it, and
//! how payments on it are counted.

use std::{fmt, net::SocketAddr, sync::MutexGuard};

use anyhow::Result;

use super::{
    api::Api,
    gateway::Gateway,
    judge::Payments,
    points::ordeal::Ordeal,
    proxy::Handover,
    random::Random,
    workload::{End, Reply, Wanted},
};

/// Where everything is that a gateway's configuration names.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Around {
    /// Where the gateway listens.
    pub(crate) gateway: SocketAddr,
    /// What it asks as its node.
    pub(crate) node: SocketAddr,
    /// The merchant's end of webhooks.
    pub(crate) receiver: SocketAddr,
}

impl Around {
    /// How every gateway's configuration begins.
    pub(crate) fn head(self) -> String {
        let Self { gateway, receiver, .. } = self;
        format!(
            r#"data = "data"
listen = "{gateway}"

# What is tested is the gateway, not its patience with a single client.
[requests]
per_address_per_second = 0
per_key_per_second = 0

[webhooks]
allow = ["{receiver}"]

[approvals]
timeout_ms = 4000
"#
        )
    }
}

/// How the last lane of a configuration is brought coins by one that comes after it, which has this
/// key: when it has less than `below`, so many that it has `up_to`, and `daily_max` within a day.
pub(crate) fn station(network: &str, key: &str, [below, up_to, daily_max]: [String; 3]) -> String {
    format!(
        r#"[lane.gas]
from = "station"
below = "{below}"
up_to = "{up_to}"
daily_max = "{daily_max}"

[[lane]]
network = "{network}"
name = "station"
key = "{key}"
pays = false
"#
    )
}

/// The files that a gateway is given: their names and what is in them. One is `vyplata.toml`.
pub(crate) type Files = Vec<(&'static str, String)>;

/// What the chain says at the end of a run.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// What each recipient got.
    pub(crate) payments: Payments,
    /// What is wrong that is not about a payout.
    pub(crate) findings: Vec<String>,
}

/// A chain that a gateway pays on.
pub(crate) trait Chain: Send {
    /// Where its node is asked.
    fn node(&self) -> SocketAddr;

    /// How its node is handed transactions.
    fn handover(&self) -> Handover;

    /// The configuration of a gateway that pays on it.
    fn files(&self, around: Around) -> Files;

    /// Makes the gateway's wallets, and gives them what they have on the chain. The gateway has not
    /// run yet.
    ///
    /// # Errors
    /// If gateway or node refuse.
    fn found(&mut self, gateway: &Gateway) -> Result<()>;

    /// Makes the merchant, whose webhooks go to `receiver`, and books the coins of the wallets, which
    /// the gateway knows now.
    ///
    /// # Errors
    /// If the gateway refuses.
    fn book(&self, gateway: &Gateway, receiver: SocketAddr) -> Result<Api>;
    /// Waits until the wallets can do all that is asked of them.
    ///
    /// # Errors
    /// If they cannot after a while, or the node does not answer.
    fn await_ready(&self) -> Result<()> {
        Ok(())
    }

    /// Draws the payouts of a run, and gives their recipients what they have before.
    ///
    /// # Errors
    /// If the node does not answer.
    fn draw(&self, count: usize, seed: u64) -> Result<Vec<Wanted>>;

    /// Changes the price of a transaction, so that signing again would give another one.
    ///
    /// # Errors
    /// If the node does not answer.
    fn upset(&self) -> Result<()>;

    /// How many recipients have more than they were to get.
    ///
    /// # Errors
    /// If the node does not answer.
    fn overpaid(&self, plan: &[Wanted]) -> Result<usize>;

    /// Reads the whole chain. `ledger` is what the gateway printed when it compared its ledger with
    /// it; a control is not expected to be right in more than what is counted.
    ///
    /// # Errors
    /// If the node does not answer, or contradicts itself.
    fn look(&self, plan: &[Wanted], ledger: &str, is_control: bool) -> Result<Seen>;
}

/// How much of a point's deaths there can be at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// What leads to the point happens to several payouts together.
    Together,
    /// There is only one at a time: of payouts that wait the first holds up the others.
    Alone,
    /// Likewise, and it takes long: something that a wallet does for itself.
    Chore,
    /// Likewise, and the very first time comes before everything else.
    FirstChore,
}

/// What can be played on a chain.
pub(crate) trait Repertoire {
    /// What is played on this chain and no other.
    type Act: Copy + fmt::Debug + PartialEq;

    /// Why a point cannot be reached here, if it cannot.
    fn out_of_reach(&self, act: &str) -> Option<&'static str>;

    /// What leads to a point, if it is something of this chain.
    fn act(&self, act: &str) -> Option<Self::Act>;

    /// How much of it there can be.
    fn manner(act: Self::Act) -> Manner;
}

/// What is played on a chain and no other.
pub(crate) type ActOf<T> = <<T as Theatre>::Plays as Repertoire>::Act;

/// A chain on which every crash point is reached.
pub(crate) trait Theatre: Chain + Sized {
    /// What can be played.
    type Plays: Repertoire;

    /// A transaction that waits to be included.
    type Waiting;

    /// What can be played.
    fn plays(&self) -> Self::Plays;

    /// What has to be done before the gateway starts, armed for a death in this act.
    ///
    /// # Errors
    /// If the test cannot go on.
    fn before(stage: &mut Ordeal<Self>, act: ActOf<Self>) -> Result<()>;

    /// Does what leads to the point, and waits for the death.
    ///
    /// # Errors
    /// If the test cannot go on.
    fn play(stage: &mut Ordeal<Self>, act: ActOf<Self>, count: usize) -> Result<()>;

    /// Draws payouts that nobody has asked for yet, for so many transactions, and gives their
    /// recipients what they have before.
    ///
    /// # Errors
    /// If the node does not answer.
    fn draw_for(
        &self,
        random: &mut Random,
        transactions: usize,
        end: End,
        approval: Option<Reply>,
    ) -> Result<Vec<Wanted>>;

    /// Makes no block until what is returned is dropped.
    fn hold(&self) -> MutexGuard<'_, ()>;

    /// Waits until nothing of scenes before is in the way of a payout.
    ///
    /// # Errors
    /// If the test cannot go on.
    fn calm(stage: &Ordeal<Self>) -> Result<()>;

    /// The transactions that wait and pay these payouts; `None` unless each has one.
    ///
    /// # Errors
    /// If the node does not answer.
    fn waiting(&self, plan: &[Wanted]) -> Result<Option<Vec<Self::Waiting>>>;

    /// What is done when the last death was died, before everything comes to its end.
    ///
    /// # Errors
    /// If the test cannot go on.
    fn last(stage: &mut Ordeal<Self>) -> Result<()>;
}
