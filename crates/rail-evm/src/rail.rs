//! The rail itself: the port's questions, put to nodes.

use std::{collections::BTreeMap, fmt, str::FromStr};

use alloy_primitives::{Address, U256};
use domain::{
    BoxFuture,
    batch::{Attempt, Observation, SignedTx},
    catalog::{Asset, Network},
    ids::{AssetId, NetworkId, TxId},
    lane::Lane,
    money::Amount,
    payout::Payout,
    ports::{
        BuildError, Draft, Handover, Holding, Rail, RailProfile, Signature, Unreachable, UnsignedTx,
    },
};

use crate::{
    agreeing, contract,
    drafting::Wish,
    fees::Market,
    l1_fee,
    node::{Node, Wallet, quantity},
    pool::{Endpoint, Pool},
    preflight::{Payment, Preflight},
    settings::{L1Charge, Parameters, Settings},
    terms::Terms,
    transfer::Transfer,
    tx,
};

/// An EVM network as a rail.
pub struct Evm {
    profile: RailProfile,
    parameters: Parameters,
    settings: Settings,
    assets: BTreeMap<AssetId, Asset>,
    fee_asset: Asset,
    pool: Pool,
    preflight: Preflight,
}

/// Why a node is not one to pay through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeError {
    /// It is on another chain.
    OtherChain(String),
    /// It does not answer; it may be the right one.
    Silent(String),
}

impl fmt::Display for NodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherChain(text) | Self::Silent(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for NodeError {}

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
        Ok(Self { profile, parameters, settings, assets, fee_asset, pool, preflight })
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
                | Err(BuildError::Refused(_) | BuildError::NotNeeded | BuildError::Split { .. }) => {
                }
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

    async fn build(&self, draft: Draft<'_>) -> Result<UnsignedTx, BuildError> {
        if let Some(hold) = agreeing::pause(&self.pool, &self.parameters.finality).await {
            return Err(BuildError::Hold(hold));
        }
        for at in self.pool.in_order_after_survey().await {
            let Some(member) = self.pool.member(at).await else { continue };
            let built = match self.build_with(at, &member.node, draft).await {
                Err(BuildError::Unreachable) => Err(Unreachable),
                answer => Ok(answer),
            };
            match self.pool.took(at, built) {
                Some(Ok(Some(unsigned))) => return Ok(unsigned),
                Some(Err(error)) => return Err(error),
                // It lags, or does not answer.
                Some(Ok(None)) | None => {}
            }
        }
        Err(BuildError::Unreachable)
    }

    /// Asks one node everything that is to be known; nothing comes of it if the node lags.
    async fn build_with(
        &self,
        at: usize,
        node: &Node,
        draft: Draft<'_>,
    ) -> Result<Option<UnsignedTx>, BuildError> {
        let refused = |detail: String| BuildError::Refused(detail);
        let (asset, transfer) = self.transfer(draft.payouts).map_err(refused)?;
        let payer = address(&draft.lane.address).map_err(refused)?;
        let replaced = draft.replaces.map(|attempt| tx::read(&attempt.tx.raw));
        let replaced = replaced.transpose().map_err(refused)?;
        let unreachable = |Unreachable| BuildError::Unreachable;
        // The final head comes first, so that the latest block is not behind it.
        let final_head = match replaced {
            None => node.final_head(&self.parameters.finality).await.map_err(unreachable)?,
            Some(_) => None,
        };
        let market = node.market(&self.parameters, &self.settings).await.map_err(unreachable)?;
        if !self.pool.keeps_up(at, market.block) {
            return Ok(None);
        }
        if let (None, Some(token)) = (&replaced, transfer.token) {
            let block = quantity(market.block);
            self.preflight.tokens.check(node, asset, token, &block).await?;
        }
        let wallet = node.wallet(payer, &transfer, market.block, final_head).await;
        let wish = Wish {
            parameters: &self.parameters,
            lane: draft.lane,
            payer,
            asset,
            fee_asset: &self.fee_asset,
            transfer,
            priority: draft.priority(),
            replaces: replaced.as_ref(),
            first_fee_max: draft.first.or(draft.replaces).map(|attempt| attempt.fee_max),
            l1_gas: 0,
            l1_fee_wei: 0,
            committed: draft.committed,
            settings: &self.settings,
        };
        let drafted = self.decide(node, wish, market, &wallet.map_err(unreachable)?).await;
        let payment = Payment { payer, asset, transfer, block: market.block };
        let terms = self.preflight.examine(node, payment, drafted).await?;
        if let Some(block) = final_head.filter(|_| terms.nonce > draft.lane.next_sequence)
            && let Some(hold) =
                agreeing::doubt_of_count(&self.pool, at, payer, terms.nonce, block).await
        {
            return Err(BuildError::Hold(hold));
        }
        Ok(Some(terms.unsigned()))
    }

    /// Decides on a transaction, with what the network charges for its parent chain. What the OP
    /// stack charges depends on the transaction itself, so that is decided twice.
    async fn decide(
        &self,
        node: &Node,
        mut wish: Wish<'_>,
        market: Market,
        wallet: &Wallet,
    ) -> Result<Terms, BuildError> {
        let unreachable = |Unreachable| BuildError::Unreachable;
        match self.parameters.l1_charge {
            L1Charge::None => {}
            L1Charge::Arbitrum => {
                let gas = l1_fee::arbitrum_gas(node, market.block, &wish.transfer).await;
                wish.l1_gas = gas.map_err(unreachable)?;
            }
            L1Charge::Op => {
                let draft = wish.draft(market, wallet)?;
                let fee = l1_fee::op(node, market.block, &draft).await;
                wish.l1_fee_wei = fee.map_err(unreachable)?.most();
            }
        }
        wish.draft(market, wallet)
    }

    /// The one payment of a draft.
    fn transfer(&self, payouts: &[Payout]) -> Result<(&Asset, Transfer), String> {
        let [payout] = payouts else {
            return Err(format!("one transaction carries one payout, not {}", payouts.len()));
        };
        let asset = self.assets.get(&payout.asset);
        let asset = asset.ok_or_else(|| {
            format!("{} is no asset of network {}", payout.asset, self.profile.network)
        })?;
        let transfer = Transfer {
            token: token_of(asset)?,
            recipient: address(&payout.destination.address)?,
            amount: U256::from(payout.quote.amount.units()),
        };
        Ok((asset, transfer))
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
        let typical = Terms::typical(&self.parameters, token, gas, market);
        let (gas, beside) = match self.parameters.l1_charge {
            L1Charge::None => (gas, 0),
            L1Charge::Arbitrum => {
                let l1_gas = l1_fee::arbitrum_gas(node, market.block, &typical.transfer).await?;
                (gas.saturating_add(l1_gas), 0)
            }
            L1Charge::Op => (gas, l1_fee::op(node, market.block, &typical).await?.expected()),
        };
        let fee = market.expected().checked_mul(u128::from(gas));
        let fee = fee.and_then(|fee| fee.checked_add(beside));
        fee.and_then(Amount::from_units).map(Some).ok_or(Unreachable)
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
        batch_max: 1,
        batch_wait_ms: 0,
        in_flight_max: settings.in_flight_max,
        attempts_max: settings.attempts_max,
        poll_ms: settings.poll_ms,
        retry_ms: settings.retry_ms,
        replace_after_ms: Some(settings.replace_after_ms),
    }
}

fn address(text: &str) -> Result<Address, String> {
    Address::from_str(text).map_err(|_| format!("{text:?} is no address"))
}

fn token_of(asset: &Asset) -> Result<Option<Address>, String> {
    let contract = asset.contract.as_deref().map(address).transpose();
    contract.map_err(|what| format!("asset {}: {what}", asset.id))
}

fn misconfigured(what: &str) -> Unreachable {
    tracing::error!(what, "the configuration makes no sense");
    Unreachable
}
