//! The rail itself: the port's questions, put to nodes.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use bitcoin::{BlockHash, ScriptBuf, Txid, consensus::encode};
use domain::{
    BoxFuture,
    batch::{Attempt, Observation, SignedTx},
    catalog::{Asset, Network},
    chore::Chore,
    grouping::BatchSize,
    ids::{AssetId, CoinId, TxId},
    lane::Lane,
    money::Amount,
    payout::Priority,
    ports::{
        BuildError, Draft, Finding, Handover, HoldReason, Holding, Rail, RailProfile, Signature,
        Spending, Unreachable, UnsignedTx,
    },
};
use futures_util::future::join_all;
use net::NodeError;

use crate::{
    building,
    chain::Place,
    fees,
    lock::{self, LaneKind},
    nodes::{Current, Endpoint, Nodes, Question, Seen, Wanted},
    psbt::{self, Sent},
    settings::{Parameters, Settings},
    upkeep::Task,
    verdict, wallet,
    weight::Shape,
};

/// How often a node is asked again what a lane holds because something moved meanwhile.
const LOOKS_MAX: usize = 3;
/// What to do about a node of another network.
pub(crate) const OTHER_NODE: &str =
    "take it out of rpc, or, on a test network, name the first block in parameters: genesis";
/// How many transactions that nodes contradict each other about, or that spend what nobody has, are told.
const TOLD_MAX: usize = 1_000;

/// A network of the Bitcoin family as a rail.
pub struct Bitcoin {
    pub(crate) profile: RailProfile,
    pub(crate) network: Network,
    pub(crate) parameters: Parameters,
    pub(crate) settings: Settings,
    pub(crate) coin: Asset,
    pub(crate) nodes: Nodes,
    /// The scripts of our own wallets, none of which is ever paid.
    pub(crate) own: Vec<ScriptBuf>,
    /// The height at which a transaction of a lane that waits was first seen to wait.
    waiting: Mutex<BTreeMap<ScriptBuf, BTreeMap<Txid, u32>>>,
    /// What a lane last began for itself, and the newest block then.
    begun: Mutex<BTreeMap<ScriptBuf, (Task, BlockHash)>>,
    /// Lanes of which a payment needs more coins than there is room for, and the newest block when it
    /// last said so.
    crowds: Mutex<BTreeMap<ScriptBuf, BlockHash>>,
    /// What the nodes contradict each other about, by the transaction.
    disputes: Mutex<BTreeMap<Txid, String>>,
    /// Transactions that spend a coin which nobody has any more, and what is to be said of each.
    orphans: Mutex<BTreeMap<Txid, String>>,
}

impl Bitcoin {
    /// A rail for `network`, whose coin is among `assets`, over `endpoints`, the preferred one
    /// first, without asking any of them anything.
    ///
    /// # Errors
    /// Says which parameter or setting makes no sense.
    pub fn new<'a>(
        network: &Network,
        assets: impl IntoIterator<Item = &'a Asset>,
        endpoints: Vec<Endpoint>,
        settings: Settings,
    ) -> Result<Self, String> {
        settings.check()?;
        let mut assets = assets.into_iter();
        let coin = assets.find(|it| it.id == network.fee_asset && it.contract.is_none());
        let coin = coin.cloned().ok_or_else(|| {
            format!("{} is not the coin of network {}", network.fee_asset, network.id)
        })?;
        let parameters = Parameters::of(network)?;
        let (waiting, begun, crowds, disputes, orphans) = Default::default();
        Ok(Self {
            profile: profile(network, &settings),
            network: network.clone(),
            nodes: Nodes::new(endpoints, settings.quorum, parameters.genesis, parameters.finality)?,
            parameters,
            settings,
            coin,
            own: vec![],
            waiting,
            begun,
            crowds,
            disputes,
            orphans,
        })
    }

    /// Takes the addresses of our own wallets, none of which is ever paid.
    ///
    /// # Errors
    /// Says which of them is no address.
    pub fn never_paying<'a>(
        mut self,
        wallets: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, String> {
        let own = wallets.into_iter().map(|it| lock::script(&self.network, it));
        self.own = own.collect::<Result<_, _>>()?;
        Ok(self)
    }

    /// Asks all nodes which network they are on.
    ///
    /// # Errors
    /// Says which is on another one, or that there is no answer from any.
    pub async fn check_nodes(&self) -> Result<(), NodeError> {
        let mut silent = vec![];
        let mut answers = 0;
        for Endpoint { name, chain } in self.nodes.all() {
            match chain.block(0).await {
                Ok(found) if found == self.parameters.genesis => answers += 1,
                Ok(found) => {
                    let what = self.of_another_network(found);
                    return Err(NodeError::OtherChain(format!("node {name} {what}: {OTHER_NODE}")));
                }
                Err(Unreachable) => silent.push(name.as_str()),
            }
        }
        if answers > 0 {
            return Ok(());
        }
        let silent = silent.join(", ");
        let title = &self.network.title;
        Err(NodeError::Silent(format!("no node of {title} gives an answer of use: {silent}")))
    }

    /// Says that a node with this first block is not the network's.
    pub(crate) fn of_another_network(&self, found: BlockHash) -> String {
        let (title, expected) = (&self.network.title, self.parameters.genesis);
        format!(
            "is on another network than {title}: its first block is {found}, and not {expected}"
        )
    }

    /// The script of a lane.
    pub(crate) fn lane(&self, lane: &Lane) -> Result<ScriptBuf, String> {
        lock::script(&self.network, &lane.address)
    }

    /// The heights at which transactions were first seen to wait, by lane.
    pub(crate) fn waiting(&self) -> MutexGuard<'_, BTreeMap<ScriptBuf, BTreeMap<Txid, u32>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What lanes last began for themselves, and the newest block then.
    pub(crate) fn begun(&self) -> MutexGuard<'_, BTreeMap<ScriptBuf, (Task, BlockHash)>> {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lanes of which a payment needs more coins than there is room for, and the newest block when it
    /// last said so.
    pub(crate) fn crowds(&self) -> MutexGuard<'_, BTreeMap<ScriptBuf, BlockHash>> {
        self.crowds.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn disputes(&self) -> MutexGuard<'_, BTreeMap<Txid, String>> {
        self.disputes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn orphans(&self) -> MutexGuard<'_, BTreeMap<Txid, String>> {
        self.orphans.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the nodes contradict each other about, or that too few are of use.
    fn nodes_alert(&self) -> Option<String> {
        let network = &self.network.id;
        let dispute = self.disputes().values().next().cloned();
        let fork = || {
            let words = self.nodes.disagreement()?;
            Some(format!("the nodes of {network} disagree: {words}"))
        };
        let few = || Some(format!("of the nodes of {network}, {}", self.nodes.too_few()?));
        dispute.or_else(fork).or_else(few)
    }

    /// Why there are no nodes to build with.
    pub(crate) fn without_nodes(&self) -> BuildError {
        match self.nodes_alert() {
            Some(words) => building::hold(HoldReason::NodesDisagree, words),
            None => BuildError::Unreachable,
        }
    }

    /// The fee rate for a priority, in satoshi for 1,000 virtual bytes, out of what all nodes
    /// answer; nothing if none knows and none is set.
    pub(crate) async fn rate(&self, priority: Priority) -> Option<u64> {
        let blocks = fees::target_blocks(priority);
        let right = self.nodes.right().await;
        let answers = join_all(right.iter().map(|it| it.chain.fee_rate(blocks))).await;
        let answers: Vec<Option<u64>> = answers.into_iter().map(|it| it.ok().flatten()).collect();
        let agreed = fees::agreed(&answers).or(self.settings.rate_default_sat_per_kvb);
        agreed.map(|it| it.max(self.settings.rate_min_sat_per_kvb))
    }

    async fn observe(
        &self,
        lane: &Lane,
        attempts: &[Attempt],
        before: &[Attempt],
    ) -> Result<Vec<Observation>, Unreachable> {
        let script = self.lane(lane).map_err(|what| misconfigured(&what))?;
        let read = |all: &[Attempt]| {
            let all = all.iter().map(|it| wanted(it, &script));
            all.collect::<Result<Vec<Wanted>, String>>().map_err(|what| misconfigured(&what))
        };
        let (wanted, before) = (read(attempts)?, read(before)?);
        let ours = wanted.iter().chain(&before).map(|it| (it.sent.txid, it.spends.clone()));
        let ours = ours.collect();
        let seen = self.nodes.observe(&Question { lane: &script, wanted: &wanted, ours }).await?;
        let txids = wanted.iter().map(|it| it.sent.txid);
        let disagreement = match seen {
            Ok(seen) => {
                let mut disputes = self.disputes();
                for (txid, seen) in txids.zip(&seen) {
                    disputes.remove(&txid);
                    self.note_orphan(txid, seen);
                }
                return Ok(seen.into_iter().map(|it| it.observation).collect());
            }
            Err(disagreement) => disagreement,
        };
        let network = &self.network.id;
        let mut disputes = self.disputes();
        for txid in txids {
            if disputes.len() >= TOLD_MAX {
                break;
            }
            disputes.entry(txid).or_insert_with(|| {
                let what = format!("the nodes of {network} disagree about {txid}: {disagreement}");
                tracing::error!(what, "nothing ends until they agree");
                what
            });
        }
        Err(Unreachable)
    }

    /// Takes down whether a transaction spends what nobody has. That proves nothing, so it ends nothing:
    /// an operator has to know.
    fn note_orphan(&self, txid: Txid, seen: &Seen) {
        let mut orphans = self.orphans();
        let coin = seen.lost.filter(|_| seen.observation == Observation::Missing);
        let Some(coin) = coin else {
            orphans.remove(&txid);
            return;
        };
        if orphans.contains_key(&txid) || orphans.len() >= TOLD_MAX {
            return;
        }
        let network = &self.network.id;
        let words = format!(
            "no node of {network} has coin {coin}, which transaction {txid} needs: the node that told of \
             it is gone, or has lied; its payouts wait until a node has the coin, or what spent it"
        );
        tracing::error!("{words}");
        orphans.insert(txid, words);
    }

    /// See [`Rail::spending`].
    async fn spending(&self, lane: &Lane) -> Result<Vec<Spending>, Unreachable> {
        let script = self.lane(lane).map_err(|what| misconfigured(&what))?;
        let nodes = self.nodes.leading().await?;
        let found = wallet::spending(&nodes, &script, self.parameters.finality).await?;
        let told = found.into_iter().map(|it| Spending {
            txid: TxId::new(&it.txid.to_string()),
            coins: it.spends.iter().map(|it| CoinId::new(&it.to_string())).collect(),
        });
        Ok(told.collect())
    }

    /// What a payout costs that shares its transaction with nobody: an input, two outputs.
    async fn quote_fee(&self) -> Result<Amount, Unreachable> {
        let rate = self.rate(Priority::Recommended).await.ok_or(Unreachable)?;
        let output = self.own.first().cloned().unwrap_or_default();
        let kind = LaneKind::of(&output).unwrap_or(LaneKind::P2wpkh);
        let vsize = Shape::new(kind, [output.as_script(), output.as_script()]).vsize(1);
        amount(fees::of_size(rate, vsize)).ok_or(Unreachable)
    }

    async fn broadcast(&self, tx: &SignedTx) -> Result<Handover, Unreachable> {
        let tx = encode::deserialize(&tx.raw).map_err(|error| misconfigured(&error.to_string()))?;
        let right = self.nodes.right().await;
        let answers = join_all(right.iter().map(|it| it.chain.send(&tx))).await;
        let answers: Vec<Handover> = answers.into_iter().flatten().collect();
        for wanted in [Handover::Accepted, Handover::Underpriced, Handover::Excluded] {
            if answers.contains(&wanted) {
                return Ok(wanted);
            }
        }
        answers.into_iter().next().ok_or(Unreachable)
    }

    /// What the lane holds as of the newest final block: what it holds in blocks, with all that moved
    /// since put back. What waits does not matter.
    async fn held(&self, lane: &Lane) -> Result<Amount, Unreachable> {
        let script = self.lane(lane).map_err(|what| misconfigured(&what))?;
        let nodes = self.nodes.leading().await?;
        let Current { chain, .. } = nodes.first().ok_or(Unreachable)?;
        chain.follow(&script).await?;
        for _ in 0..LOOKS_MAX {
            let tip = chain.tip().await?;
            let height = self.parameters.finality.height(tip.height).ok_or(Unreachable)?;
            let now = i128::from(chain.held(&script).await?);
            let moved = chain.movements_above(&script, height).await?;
            // Both must be as of one block.
            if chain.tip().await? != tip {
                continue;
            }
            let since: i128 =
                moved.iter().map(|it| i128::from(it.received_sat) - i128::from(it.spent_sat)).sum();
            if let Some(held) = u64::try_from(now - since).ok().and_then(amount) {
                return Ok(held);
            }
            tracing::warn!(lane = %lane.id, now, since, "the wallet's movements make no sense");
        }
        Err(Unreachable)
    }
}

/// An amount of satoshi.
pub(crate) fn amount(sat: u64) -> Option<Amount> {
    Amount::from_units(u128::from(sat))
}

fn misconfigured(what: &str) -> Unreachable {
    tracing::error!(what, "the rail is given what it cannot read");
    Unreachable
}

/// What is to be found out about an attempt.
fn wanted(attempt: &Attempt, lane: &ScriptBuf) -> Result<Wanted, String> {
    let sent = Sent::read(&attempt.tx.raw)?;
    if sent.txid.to_string() != attempt.tx.txid.as_str() {
        return Err(format!("the bytes of {} have another name", attempt.tx.txid));
    }
    let paid = sent.tx.output.iter().filter(|it| it.script_pubkey != *lane);
    let paid_sat = paid.fold(0_u64, |sum, it| sum.saturating_add(it.value.to_sat()));
    let spends = sent.spends().collect();
    let sent = verdict::Sent { txid: sent.txid, paid_sat, fee: attempt.fee_max };
    Ok(Wanted { sent, spends })
}

fn profile(network: &Network, settings: &Settings) -> RailProfile {
    RailProfile {
        network: network.id.clone(),
        batch_max: settings.batch_max,
        batch_wait_ms: settings.batch_wait_ms,
        economy_apart: network.has_priorities,
        in_flight_max: settings.in_flight_max,
        attempts_max: settings.attempts_max,
        poll_ms: settings.poll_ms,
        // What may not be replaced now is looked at again before that is tried once more.
        retry_ms: settings.retry_ms.min(settings.replace_after_ms / 2).max(1),
        replace_after_ms: Some(settings.replace_after_ms),
    }
}

impl Rail for Bitcoin {
    fn profile(&self) -> &RailProfile {
        &self.profile
    }

    fn batch_size(&self, _lane: &Lane, asset: &AssetId) -> BatchSize {
        // An output more is a fifth of a transaction of its own, so two are enough for a saving.
        let max = if *asset == self.coin.id { self.profile.batch_max } else { 1 };
        BatchSize { min: 1, max }
    }

    fn chore<'a>(
        &'a self,
        lane: &'a Lane,
        _live: &'a BTreeSet<u64>,
    ) -> BoxFuture<'a, Result<Option<Chore>, Unreachable>> {
        Box::pin(self.upkeep(lane))
    }

    fn quote_fee<'a>(&'a self, _asset: &'a Asset) -> BoxFuture<'a, Result<Amount, Unreachable>> {
        Box::pin(self.quote_fee())
    }

    fn build<'a>(&'a self, draft: Draft<'a>) -> BoxFuture<'a, Result<UnsignedTx, BuildError>> {
        Box::pin(self.make(draft))
    }

    fn finalize(&self, unsigned: &UnsignedTx, signature: &Signature) -> Result<SignedTx, String> {
        psbt::finalize(unsigned, signature)
    }

    fn broadcast<'a>(&'a self, tx: &'a SignedTx) -> BoxFuture<'a, Result<Handover, Unreachable>> {
        Box::pin(self.broadcast(tx))
    }

    fn observe<'a>(
        &'a self,
        lane: &'a Lane,
        attempts: &'a [Attempt],
        before: &'a [Attempt],
    ) -> BoxFuture<'a, Result<Vec<Observation>, Unreachable>> {
        Box::pin(self.observe(lane, attempts, before))
    }

    fn spending<'a>(&'a self, lane: &'a Lane) -> BoxFuture<'a, Result<Vec<Spending>, Unreachable>> {
        Box::pin(self.spending(lane))
    }

    fn holdings<'a>(
        &'a self,
        lane: &'a Lane,
        assets: &'a [Asset],
    ) -> BoxFuture<'a, Result<Vec<Holding>, Unreachable>> {
        Box::pin(async move {
            let mut holdings = vec![];
            for asset in assets.iter().filter(|it| it.id == self.coin.id) {
                let amount = self.held(lane).await?;
                holdings.push(Holding { asset: asset.id.clone(), amount });
            }
            Ok(holdings)
        })
    }

    fn alert(&self) -> Option<String> {
        let orphan = || self.orphans().values().next().cloned();
        self.nodes_alert().or_else(orphan)
    }

    fn examine<'a>(&'a self, lanes: &'a [Lane]) -> BoxFuture<'a, Vec<Finding>> {
        Box::pin(self.examine_nodes(lanes))
    }
}

/// Whether a node has a transaction in a block.
pub(crate) fn is_in_block(place: Place) -> bool {
    match place {
        Place::Block(_) => true,
        Place::Mempool | Place::Nowhere => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{Settings, profile};

    #[test]
    fn what_is_held_is_looked_at_before_a_replacement_is_tried_again() {
        let catalog = catalog::read(&[crate::CATALOG]).unwrap();
        let network = catalog.network("bitcoin").unwrap();
        for replace_after_ms in [1, 3_000, 20_000, 1_800_000] {
            let settings = Settings { replace_after_ms, ..Settings::default() };
            let retry_ms = profile(network, &settings).retry_ms;
            assert!(retry_ms <= replace_after_ms && retry_ms > 0, "{replace_after_ms}");
            assert!(retry_ms <= settings.retry_ms);
        }
    }
}
