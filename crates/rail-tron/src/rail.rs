//! The rail itself: the port's questions, put to nodes.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use domain::{
    BoxFuture,
    agreement::{agreed, is_end},
    batch::{Attempt, Observation, SignedTx},
    catalog::{Asset, Network},
    grouping::BatchSize,
    ids::{AssetId, TxId},
    lane::Lane,
    money::Amount,
    ports::{
        BuildError, Draft, Finding, Handover, Holding, Rail, RailProfile, Signature, Unreachable,
        UnsignedTx,
    },
};
use futures_util::future::join_all;
use net::NodeError;

use crate::{
    address::{self, Address},
    building::sun,
    energy::{Market, Promises},
    node::As,
    nodes::{Endpoint, Nodes, look},
    receipt::Paid,
    settings::{self, Settings},
    tokens::Tokens,
    tx::{self, Payment, Sent},
    verdict::{self, Facts, Proof},
};

/// How many transactions that nodes will never prove anything about are told.
const UNPROVEN_MAX: usize = 1_000;

/// TRON as a rail.
pub struct Tron {
    pub(crate) profile: RailProfile,
    pub(crate) network: Network,
    pub(crate) settings: Settings,
    pub(crate) coin: Asset,
    pub(crate) assets: BTreeMap<AssetId, Asset>,
    pub(crate) contracts: BTreeMap<AssetId, Address>,
    pub(crate) nodes: Nodes,
    pub(crate) tokens: Tokens,
    /// Who is never paid, and what they are.
    pub(crate) never_paid: BTreeMap<Address, &'static str>,
    /// Our own wallets.
    pub(crate) own: Vec<Address>,
    /// Who rents energy.
    pub(crate) market: Option<Box<dyn Market>>,
    /// What energy is meant for.
    pub(crate) promises: Promises,
    /// What the nodes contradict each other about, by the transaction. They are few: nothing is built
    /// meanwhile.
    disputes: Mutex<BTreeMap<TxId, String>>,
    /// What no proof can be had of, by the transaction, and why.
    unproven: Mutex<BTreeMap<TxId, String>>,
}

impl Tron {
    /// A rail for `network` and its `assets` over `endpoints`, the preferred one first, without
    /// asking any of them anything.
    ///
    /// # Errors
    /// Says which parameter, setting or contract makes no sense.
    pub fn new<'a>(
        network: &Network,
        assets: impl IntoIterator<Item = &'a Asset>,
        endpoints: Vec<Endpoint>,
        settings: Settings,
    ) -> Result<Self, String> {
        settings.check()?;
        let of_network = assets.into_iter().filter(|it| it.network == network.id);
        let assets: BTreeMap<AssetId, Asset> =
            of_network.map(|it| (it.id.clone(), it.clone())).collect();
        let coin = assets.get(&network.fee_asset).filter(|it| it.contract.is_none()).cloned();
        let coin = coin.ok_or_else(|| {
            format!("{} is not the coin of network {}", network.fee_asset, network.id)
        })?;
        let mut contracts = BTreeMap::new();
        let mut never_paid = BTreeMap::new();
        for asset in assets.values() {
            match asset.contract.as_deref() {
                Some(text) => {
                    let contract = address::parse(text);
                    let contract =
                        contract.map_err(|what| format!("asset {}: {what}", asset.id))?;
                    contracts.insert(asset.id.clone(), contract);
                    never_paid.insert(contract, "the contract of a token");
                }
                None if asset.id == coin.id => {}
                None => return Err(format!("asset {} names no contract", asset.id)),
            }
        }
        Ok(Self {
            profile: profile(network, &settings),
            network: network.clone(),
            nodes: Nodes::new(endpoints, settings.quorum, settings::genesis(network)?)?,
            settings,
            coin,
            assets,
            contracts,
            tokens: Tokens::default(),
            never_paid,
            own: vec![],
            market: None,
            promises: Promises::default(),
            disputes: Mutex::default(),
            unproven: Mutex::default(),
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
        for text in wallets {
            let wallet = address::parse(text).map_err(|what| format!("{text:?}: {what}"))?;
            self.never_paid.insert(wallet, "one of the gateway's own wallets");
            self.own.push(wallet);
        }
        Ok(self)
    }

    /// Rents energy where that is cheaper than to burn coins.
    #[must_use]
    pub fn renting(mut self, market: Box<dyn Market>) -> Self {
        self.market = Some(market);
        self
    }

    /// Asks all nodes which network they are on.
    ///
    /// # Errors
    /// Says which is on another one, or that there is no answer from any.
    pub async fn check_nodes(&self) -> Result<(), NodeError> {
        let mut silent = vec![];
        let mut answers = 0;
        let title = &self.network.title;
        for member in self.nodes.all() {
            let name = member.name.as_str();
            let Ok(found) = member.node.genesis().await else {
                silent.push(name);
                continue;
            };
            if let Some(found) = self.nodes.other_network(&found) {
                return Err(NodeError::OtherChain(format!(
                    "node {name} is on another network than {title}: its first block, in rpc or in \
                     solidity, is {found}"
                )));
            }
            answers += 1;
        }
        if answers > 0 {
            return Ok(());
        }
        let silent = silent.join(", ");
        Err(NodeError::Silent(format!("no node of {title} answers: {silent}")))
    }

    /// Asks every token of the catalog for itself; tells, for each that is not what the catalog
    /// says, how it differs and what to do. It is stopped until it does not. A node that does not
    /// answer says nothing, and is asked again before a token is used.
    pub async fn check_tokens(&self) -> Vec<String> {
        let mut differences = vec![];
        for (id, contract) in &self.contracts {
            let (Some(asset), Ok((member, _))) = (self.assets.get(id), self.nodes.current().await)
            else {
                break;
            };
            match self.tokens.check(&member.node, asset, contract).await {
                Err(BuildError::Hold(hold)) => differences.push(hold.detail),
                Ok(())
                | Err(
                    BuildError::Unreachable
                    | BuildError::Refused(_)
                    | BuildError::NotNeeded
                    | BuildError::AwaitingGas { .. }
                    | BuildError::TooMany { .. }
                    | BuildError::Split { .. },
                ) => {}
            }
        }
        differences
    }

    async fn hand_over(&self, signed: &SignedTx) -> Result<Handover, Unreachable> {
        let sent = Sent::read(&signed.raw).map_err(|what| misconfigured(&what))?;
        if self.waits_for_energy(&sent).await {
            return Err(Unreachable);
        }
        let right = self.nodes.right().await;
        let txid = signed.txid.as_str();
        let answers = join_all(right.iter().map(|it| it.node.send(&signed.raw, txid))).await;
        let answers: Vec<Handover> = answers.into_iter().flatten().collect();
        if answers.contains(&Handover::Accepted) {
            self.promises.used(&sent.txid);
            return Ok(Handover::Accepted);
        }
        answers.into_iter().next().ok_or(Unreachable)
    }

    async fn observe(&self, attempts: &[Attempt]) -> Result<Vec<Observation>, Unreachable> {
        let mut seen = vec![];
        for attempt in attempts {
            let sent = Sent::read(&attempt.tx.raw).map_err(|what| misconfigured(&what))?;
            if sent.txid != attempt.tx.txid {
                return Err(misconfigured(&format!("{} has another name", attempt.tx.txid)));
            }
            seen.push(self.observe_one(&sent).await?);
        }
        Ok(seen)
    }

    async fn observe_one(&self, sent: &Sent) -> Result<Observation, Unreachable> {
        let right = self.nodes.right().await;
        let asked = right.iter().map(|it| async move {
            let facts = look(it, sent).await;
            if facts.is_err() {
                tracing::warn!(endpoint = it.name, "the node is of no use for now");
            }
            Some((it.name.as_str(), facts.ok()?))
        });
        let told = join_all(asked).await.into_iter().flatten();
        let (names, told): (Vec<&str>, Vec<Facts>) = told.unzip();
        if told.is_empty() {
            return Err(Unreachable);
        }
        let verdicts: Vec<Observation> = told.iter().map(|it| verdict::of(&sent.tx, it)).collect();
        let said: Vec<(&str, &Observation)> = names.into_iter().zip(&verdicts).collect();
        let needed = self.needed(&sent.txid);
        let agreed = agreed(&said, needed).map_err(|what| self.dispute(sent, &what))?;
        let is_open = !is_end(&agreed) && verdicts.iter().any(is_end);
        if verdicts.len() >= needed && !is_open {
            self.disputes().remove(&sent.txid);
        }
        self.take_down_proofs(sent, &told, &agreed);
        match &agreed {
            Observation::Final { .. } | Observation::Reverted { .. } => {
                self.promises.forget(&sent.txid);
                for facts in &told {
                    self.take_in(sent, facts);
                }
            }
            Observation::Dead => self.promises.forget(&sent.txid),
            Observation::InBlock | Observation::Pending => self.promises.used(&sent.txid),
            Observation::Missing => {}
        }
        Ok(agreed)
    }

    /// Takes down which nodes will never prove that a transaction can be included no more.
    fn take_down_proofs(&self, sent: &Sent, told: &[Facts], agreed: &Observation) {
        let why = told.iter().find_map(|it| match &it.proof {
            Proof::Impossible(why) => Some(why),
            Proof::Open | Proof::Excluded => None,
        });
        let mut unproven = self.unproven();
        match why.filter(|_| *agreed == Observation::Pending) {
            Some(why) if unproven.len() < UNPROVEN_MAX => {
                let txid = &sent.txid;
                let what = format!(
                    "nobody can tell whether {txid} was included: {why}; give the network a full \
                     node that keeps old blocks and receipts"
                );
                if unproven.insert(txid.clone(), what.clone()).is_none() {
                    tracing::error!(what, "the payout waits");
                }
            }
            Some(_) => {}
            None => drop(unproven.remove(&sent.txid)),
        }
    }

    fn unproven(&self) -> MutexGuard<'_, BTreeMap<TxId, String>> {
        self.unproven.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes down what an ended transaction shows of its token.
    fn take_in(&self, sent: &Sent, facts: &Facts) {
        let (Some(receipt), Payment::Token { contract, .. }) = (&facts.solid, &sent.tx.payment)
        else {
            return;
        };
        match receipt.paid(&sent.tx) {
            Paid::Yes => {}
            Paid::No(why) => tracing::warn!(txid = %sent.txid, why, "a payment was undone"),
            Paid::Otherwise => self.tokens.paid_otherwise(contract, sent.txid.as_str()),
        }
    }

    /// How many nodes must conclude the same: where they contradicted each other, one alone ends
    /// nothing, although another falls silent.
    fn needed(&self, txid: &TxId) -> usize {
        let is_disputed = self.disputes().contains_key(txid);
        if is_disputed { self.nodes.quorum.max(2) } else { self.nodes.quorum }
    }

    /// Takes down a contradiction. The first words stand, so that what a payout waits for reads the
    /// same for as long as it waits.
    fn dispute(&self, sent: &Sent, what: &str) -> Unreachable {
        let (network, txid) = (&self.network.id, &sent.txid);
        self.disputes().entry(txid.clone()).or_insert_with(|| {
            let what = format!("the nodes of {network} disagree about {txid}: {what}");
            tracing::error!(what, "nothing ends until they agree");
            what
        });
        Unreachable
    }

    /// What the nodes contradict each other about.
    pub(crate) fn disputed(&self) -> Option<String> {
        self.disputes().values().next().cloned()
    }

    fn disputes(&self) -> MutexGuard<'_, BTreeMap<TxId, String>> {
        self.disputes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn holdings(&self, lane: &Lane, assets: &[Asset]) -> Result<Vec<Holding>, Unreachable> {
        let holder = address::parse(&lane.address).map_err(misconfigured)?;
        let (member, _) = self.nodes.current().await?;
        let mut holdings = vec![];
        for asset in assets {
            let amount = match self.contracts.get(&asset.id) {
                Some(token) => member.node.token_balance(As::Solid, token, &holder).await?,
                None if asset.id == self.coin.id => {
                    let account = member.node.account(As::Solid, &holder).await?;
                    sun(account.map_or(0, |it| it.balance_sun))
                }
                None => continue,
            };
            holdings.push(Holding { asset: asset.id.clone(), amount });
        }
        Ok(holdings)
    }
}

impl Rail for Tron {
    fn profile(&self) -> &RailProfile {
        &self.profile
    }

    fn batch_size(&self, _lane: &Lane, _asset: &AssetId) -> BatchSize {
        BatchSize { min: 1, max: 1 }
    }

    fn quote_fee<'a>(&'a self, asset: &'a Asset) -> BoxFuture<'a, Result<Amount, Unreachable>> {
        Box::pin(self.quote(asset))
    }

    fn build<'a>(&'a self, draft: Draft<'a>) -> BoxFuture<'a, Result<UnsignedTx, BuildError>> {
        Box::pin(self.make(draft))
    }

    fn finalize(&self, unsigned: &UnsignedTx, signature: &Signature) -> Result<SignedTx, String> {
        tx::finalize(&unsigned.payload, &signature.0)
    }

    fn broadcast<'a>(&'a self, tx: &'a SignedTx) -> BoxFuture<'a, Result<Handover, Unreachable>> {
        Box::pin(self.hand_over(tx))
    }

    fn observe<'a>(
        &'a self,
        _lane: &'a Lane,
        attempts: &'a [Attempt],
        _before: &'a [Attempt],
    ) -> BoxFuture<'a, Result<Vec<Observation>, Unreachable>> {
        Box::pin(self.observe(attempts))
    }

    fn holdings<'a>(
        &'a self,
        lane: &'a Lane,
        assets: &'a [Asset],
    ) -> BoxFuture<'a, Result<Vec<Holding>, Unreachable>> {
        Box::pin(self.holdings(lane, assets))
    }

    fn alert(&self) -> Option<String> {
        let unproven = || self.unproven().values().next().cloned();
        self.disputed()
            .or_else(unproven)
            .or_else(|| self.nodes.alert())
            .or_else(|| self.rent_alert())
    }

    fn examine<'a>(&'a self, lanes: &'a [Lane]) -> BoxFuture<'a, Vec<Finding>> {
        Box::pin(self.examine_nodes(lanes))
    }
}

fn profile(network: &Network, settings: &Settings) -> RailProfile {
    RailProfile {
        network: network.id.clone(),
        batch_max: 1,
        batch_wait_ms: 0,
        economy_apart: false,
        in_flight_max: settings.in_flight_max,
        attempts_max: settings.attempts_max,
        poll_ms: settings.poll_ms,
        retry_ms: settings.retry_ms,
        // There are no numbers: a second transaction is safe once the first is proven dead.
        replace_after_ms: None,
    }
}

pub(crate) fn misconfigured(what: &str) -> Unreachable {
    tracing::error!(what, "the rail is given what it cannot read");
    Unreachable
}
