//! The rail itself: the port's questions, put to nodes.

use std::{
    collections::{BTreeMap, BTreeSet},
    str::FromStr,
};

use alloy_primitives::{Address, U256};
use domain::{
    BoxFuture,
    batch::{Attempt, Observation, SignedTx},
    catalog::{Asset, Network},
    chore::Chore,
    grouping::BatchSize,
    ids::{AssetId, NetworkId, TxId},
    lane::Lane,
    money::Amount,
    ports::{
        BuildError, Draft, Handover, Holding, Rail, RailProfile, Signature, Unreachable, UnsignedTx,
    },
};
use net::NodeError;

use crate::{
    agreeing, contract, l1_fee,
    node::Node,
    pool::{Endpoint, Pool},
    preflight::Preflight,
    preparing::Prepared,
    settings::{L1Charge, Parameters, Settings},
    shares::Shares,
    terms::Terms,
    tips::Tips,
    tx,
};

/// An EVM network as a rail.
pub struct Evm {
    pub(crate) profile: RailProfile,
    pub(crate) parameters: Parameters,
    pub(crate) settings: Settings,
    pub(crate) assets: BTreeMap<AssetId, Asset>,
    pub(crate) fee_asset: Asset,
    pub(crate) pool: Pool,
    pub(crate) preflight: Preflight,
    pub(crate) prepared: Prepared,
    pub(crate) shares: Shares,
    pub(crate) tips: Tips,
}

impl Evm {
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
        let parameters = Parameters::of(network)?;
        let of_network = assets.into_iter().filter(|asset| asset.network == network.id);
        let assets: BTreeMap<AssetId, Asset> =
            of_network.map(|asset| (asset.id.clone(), asset.clone())).collect();
        let mut preflight = Preflight::default();
        for asset in assets.values() {
            preflight.never_pay(token_of(asset)?, "the contract of a token");
        }
        preflight.never_pay([contract::ADDRESS], "the contract that pays many");
        let fee_asset = assets.get(&network.fee_asset).filter(|asset| asset.contract.is_none());
        let fee_asset = fee_asset.cloned().ok_or_else(|| {
            format!("{} is not the coin of network {}", network.fee_asset, network.id)
        })?;
        let profile = profile(network.id.clone(), &settings);
        let pool = Pool::new(network, &parameters, endpoints, &settings)?;
        let prepared = Prepared::default();
        let shares = Shares::default();
        Ok(Self {
            profile,
            parameters,
            settings,
            assets,
            fee_asset,
            pool,
            preflight,
            prepared,
            shares,
            tips: Tips::default(),
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
        let wallets = wallets.into_iter().map(address).collect::<Result<Vec<_>, _>>()?;
        self.preflight.never_pay(wallets, "one of the gateway's own wallets");
        Ok(self)
    }

    /// Asks every token of the catalog for itself; tells, for each that is not what the catalog
    /// says, how it differs and what to do. It is stopped until it does not. A node that does not
    /// answer says nothing, and is asked again before a token is used.
    pub async fn check_tokens(&self) -> Vec<String> {
        let mut differences = vec![];
        for asset in self.assets.values() {
            let Ok(Some(token)) = token_of(asset) else { continue };
            match self.check_token(asset, token).await {
                Err(BuildError::Hold(hold)) => differences.push(hold.detail),
                Err(BuildError::Unreachable) => break,
                Ok(())
                | Err(
                    BuildError::Refused(_)
                    | BuildError::NotNeeded
                    | BuildError::AwaitingGas { .. }
                    | BuildError::TooMany { .. }
                    | BuildError::Split { .. },
                ) => {}
            }
        }
        differences
    }

    /// Asks a token for itself, at the first node that answers.
    async fn check_token(&self, asset: &Asset, token: Address) -> Result<(), BuildError> {
        for at in self.pool.in_order() {
            let Some(member) = self.pool.member(at).await else { continue };
            let checked = self.preflight.tokens.check(&member.node, asset, token, "latest").await;
            let answer = match checked {
                Err(BuildError::Unreachable) => Err(Unreachable),
                answer => Ok(answer.map(|_| ())),
            };
            if let Some(answer) = self.pool.took(at, answer) {
                return answer;
            }
        }
        Err(BuildError::Unreachable)
    }

    /// A rail for `network`, after checking its nodes.
    ///
    /// # Errors
    /// As [`Self::new`] and [`Self::check_nodes`].
    pub async fn connect<'a>(
        network: &Network,
        assets: impl IntoIterator<Item = &'a Asset>,
        endpoints: Vec<Endpoint>,
        settings: Settings,
    ) -> Result<Self, String> {
        let evm = Self::new(network, assets, endpoints, settings)?;
        evm.check_nodes().await.map_err(|error| error.to_string())?;
        Ok(evm)
    }

    /// Asks all nodes for their chain that were not found to be on the right one since they failed
    /// last. Nothing else is asked of a node that was not.
    ///
    /// # Errors
    /// Says which is on another one, or that there is no answer from any.
    pub async fn check_nodes(&self) -> Result<(), NodeError> {
        self.pool.check_all().await
    }

    async fn observe(
        &self,
        lane: &Lane,
        attempts: &[Attempt],
    ) -> Result<Vec<Observation>, Unreachable> {
        let payer = address(&lane.address).map_err(|what| misconfigured(&what))?;
        let (tokens, finality) = (&self.preflight.tokens, &self.parameters.finality);
        agreeing::observe(&self.pool, tokens, finality, payer, attempts).await
    }

    async fn quote_fee(&self, asset: &Asset) -> Result<Amount, Unreachable> {
        let token = token_of(asset).map_err(|what| misconfigured(&what))?;
        if let Some(token) = token {
            self.check_token(asset, token).await.map_err(|_| Unreachable)?;
        }
        for at in self.pool.in_order_after_survey().await {
            let Some(member) = self.pool.member(at).await else { continue };
            let quoted = self.quote_with(at, &member.node, token).await;
            if let Some(Some(fee)) = self.pool.took(at, quoted) {
                return Ok(fee);
            }
        }
        Err(Unreachable)
    }

    /// What a typical payment costs by one node's figures; nothing comes of it if the node lags.
    async fn quote_with(
        &self,
        at: usize,
        node: &Node,
        token: Option<Address>,
    ) -> Result<Option<Amount>, Unreachable> {
        let gas = match token {
            None => self.settings.quote_gas_native,
            Some(_) => self.settings.quote_gas_token,
        };
        let market = node.market(&self.parameters, &self.settings).await?;
        if !self.pool.keeps_up(at, market.block) {
            return Ok(None);
        }
        let market = self.agreed(at, market).await;
        let typical = Terms::typical(&self.parameters, token, gas, market);
        let (gas, beside) = match self.parameters.l1_charge {
            L1Charge::None => (gas, 0),
            L1Charge::Arbitrum => {
                let tx = typical.tx();
                let l1_gas = l1_fee::arbitrum_gas(node, market.block, tx.to, tx.input).await?;
                (gas.saturating_add(l1_gas), 0)
            }
            L1Charge::Op => (gas, l1_fee::op(node, market.block, &typical).await?.expected()),
        };
        // Nothing is paid that costs more: it waits.
        let per_gas = market.expected().min(self.settings.max_fee_per_gas_cap_wei);
        let fee = per_gas.checked_mul(u128::from(gas));
        let fee = fee.and_then(|fee| fee.checked_add(beside)).and_then(Amount::from_units);
        let fee_max = self.settings.fee_max.unwrap_or(Amount::MAX);
        fee.map(|fee| Some(fee.min(fee_max))).ok_or(Unreachable)
    }

    async fn holdings(&self, lane: &Lane, assets: &[Asset]) -> Result<Vec<Holding>, Unreachable> {
        let holder = address(&lane.address).map_err(|what| misconfigured(&what))?;
        let tokens: Result<Vec<_>, String> = assets.iter().map(token_of).collect();
        let tokens = tokens.map_err(|what| misconfigured(&what))?;
        let amounts = self.amounts(holder, &tokens).await?;
        let mut holdings = Vec::new();
        for (asset, amount) in assets.iter().zip(amounts) {
            let units = u128::try_from(amount).ok().and_then(Amount::from_units);
            match units {
                Some(amount) => holdings.push(Holding { asset: asset.id.clone(), amount }),
                None => tracing::warn!(asset = %asset.id, %amount, "the contract tells nonsense"),
            }
        }
        Ok(holdings)
    }

    /// What one node that does not lag says that `holder` holds as of its final block.
    async fn amounts(
        &self,
        holder: Address,
        tokens: &[Option<Address>],
    ) -> Result<Vec<U256>, Unreachable> {
        agreeing::compare(&self.pool, &self.parameters.finality).await;
        for at in self.pool.in_order() {
            let Some(member) = self.pool.member(at).await else { continue };
            if self.pool.lags(at) {
                continue;
            }
            let asked = async {
                let head = member.node.final_head(&self.parameters.finality).await?;
                member.node.holdings(holder, tokens, head.ok_or(Unreachable)?).await
            };
            if let Some(amounts) = self.pool.took(at, asked.await) {
                return Ok(amounts);
            }
        }
        Err(Unreachable)
    }
}

impl Rail for Evm {
    fn profile(&self) -> &RailProfile {
        &self.profile
    }

    fn batch_size(&self, lane: &Lane, asset: &AssetId) -> BatchSize {
        self.shares.cap(&lane.id, asset, self.batch_size(lane, asset))
    }

    fn has_little(&self, lane: &Lane, asset: &AssetId) -> bool {
        self.shares.has_little(&lane.id, asset)
    }

    fn chore<'a>(
        &'a self,
        lane: &'a Lane,
        live: &'a BTreeSet<u64>,
    ) -> BoxFuture<'a, Result<Option<Chore>, Unreachable>> {
        Box::pin(self.chore(lane, live))
    }

    fn skipped<'a>(
        &'a self,
        lane: &'a Lane,
        live: &'a BTreeSet<u64>,
    ) -> BoxFuture<'a, Result<Option<u64>, Unreachable>> {
        Box::pin(self.skipped(lane, live))
    }

    fn quote_fee<'a>(&'a self, asset: &'a Asset) -> BoxFuture<'a, Result<Amount, Unreachable>> {
        Box::pin(self.quote_fee(asset))
    }

    fn build<'a>(&'a self, draft: Draft<'a>) -> BoxFuture<'a, Result<UnsignedTx, BuildError>> {
        Box::pin(self.build(draft))
    }

    fn finalize(&self, unsigned: &UnsignedTx, signature: &Signature) -> Result<SignedTx, String> {
        let (hash, raw) = tx::join(unsigned.format, &unsigned.payload, &signature.0)?;
        Ok(SignedTx { txid: TxId::new(&hash.to_string()), raw })
    }

    fn broadcast<'a>(&'a self, tx: &'a SignedTx) -> BoxFuture<'a, Result<Handover, Unreachable>> {
        Box::pin(agreeing::hand_over(&self.pool, tx))
    }

    fn observe<'a>(
        &'a self,
        lane: &'a Lane,
        attempts: &'a [Attempt],
        _before: &'a [Attempt],
    ) -> BoxFuture<'a, Result<Vec<Observation>, Unreachable>> {
        Box::pin(self.observe(lane, attempts))
    }

    fn holdings<'a>(
        &'a self,
        lane: &'a Lane,
        assets: &'a [Asset],
    ) -> BoxFuture<'a, Result<Vec<Holding>, Unreachable>> {
        Box::pin(self.holdings(lane, assets))
    }

    fn alert(&self) -> Option<String> {
        self.pool.alert()
    }
}

fn profile(network: NetworkId, settings: &Settings) -> RailProfile {
    RailProfile {
        network,
        batch_max: settings.batching.map_or(1, |_| settings.batch_max),
        batch_wait_ms: settings.batching.map_or(0, |_| settings.batch_wait_ms),
        economy_apart: false,
        in_flight_max: settings.in_flight_max,
        attempts_max: settings.attempts_max,
        poll_ms: settings.poll_ms,
        retry_ms: settings.retry_ms,
        replace_after_ms: Some(settings.replace_after_ms),
    }
}

pub(crate) fn address(text: &str) -> Result<Address, String> {
    Address::from_str(text).map_err(|_| format!("{text:?} is no address"))
}

pub(crate) fn token_of(asset: &Asset) -> Result<Option<Address>, String> {
    let contract = asset.contract.as_deref().map(address).transpose();
    contract.map_err(|what| format!("asset {}: {what}", asset.id))
}

pub(crate) fn misconfigured(what: &str) -> Unreachable {
    tracing::error!(what, "the configuration makes no sense");
    Unreachable
}
