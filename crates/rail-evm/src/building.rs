//! Makes a transaction: asks one node everything that is to be known as of one block, decides, and
//! has the decision examined.

use std::collections::BTreeSet;

use alloy_primitives::{Address, U256};
use domain::{
    catalog::Asset,
    chore::Chore,
    payout::Payout,
    ports::{BuildError, Draft, Unreachable, UnsignedTx},
};

use crate::{
    agreeing,
    drafting::Wish,
    errand::Errand,
    examining::Many,
    fees::Market,
    l1_fee,
    node::{Node, Wallet, quantity},
    pay_call::{AMOUNT_MAX, Method, PayCall, Payment},
    preflight,
    rail::{Evm, address, token_of},
    settings::L1Charge,
    terms::Terms,
    transfer::Transfer,
    tx::{self, Sent},
};

/// What a transaction is made for.
struct Job<'a> {
    asset: &'a Asset,
    errand: Errand,
    skipped: Option<u64>,
    payer: Address,
    replaced: Option<Sent>,
}

impl Evm {
    pub(crate) async fn build(&self, draft: Draft<'_>) -> Result<UnsignedTx, BuildError> {
        if let Some(hold) = agreeing::pause(&self.pool, &self.parameters.finality).await {
            return Err(BuildError::Hold(hold));
        }
        let job = self.job(draft)?;
        for at in self.pool.in_order_after_survey().await {
            let Some(member) = self.pool.member(at).await else { continue };
            let built = match self.build_with(at, &member.node, draft, &job).await {
                Err(BuildError::Unreachable) => Err(Unreachable),
                answer => Ok(answer),
            };
            let built = match self.pool.took(at, built) {
                Some(Ok(Some(unsigned))) => Ok(unsigned),
                Some(Err(error)) => Err(error),
                // It lags, or does not answer.
                Some(Ok(None)) | None => continue,
            };
            self.shares.take_in(&draft.lane.id, &job.asset.id, draft.payouts.len(), &built);
            return built;
        }
        Err(BuildError::Unreachable)
    }

    /// What a draft is about, from what is known without asking.
    fn job(&self, draft: Draft<'_>) -> Result<Job<'_>, BuildError> {
        let refused = BuildError::Refused;
        let payer = address(&draft.lane.address).map_err(refused)?;
        let replaced = draft.replaces.map(|attempt| tx::read(&attempt.tx.raw));
        let replaced = replaced.transpose().map_err(refused)?;
        let (asset, errand, skipped) = match draft.chore {
            None => {
                let (asset, errand) = self.payments(payer, draft.payouts, replaced.as_ref())?;
                (asset, errand, None)
            }
            Some(Chore::Fill { sequence }) => (&self.fee_asset, Errand::Nothing, Some(*sequence)),
            Some(Chore::TopUp(it)) => {
                let asset = self.asset(&it.asset).map_err(refused)?;
                let transfer = Transfer {
                    token: token_of(asset).map_err(refused)?,
                    recipient: address(&it.destination.address).map_err(refused)?,
                    amount: U256::from(it.amount.units()),
                };
                (asset, Errand::Pay(transfer), None)
            }
            Some(Chore::Prepare(words)) => {
                let errand = Errand::of_words(words);
                let unknown = || refused(format!("{words:?} is nothing that can be prepared"));
                (&self.fee_asset, errand.ok_or_else(unknown)?, None)
            }
        };
        Ok(Job { asset, errand, skipped, payer, replaced })
    }

    fn asset(&self, id: &domain::ids::AssetId) -> Result<&Asset, String> {
        let network = &self.profile.network;
        self.assets.get(id).ok_or_else(|| format!("{id} is no asset of network {network}"))
    }

    /// The payments of a draft: one, or a call that makes all of them.
    fn payments(
        &self,
        payer: Address,
        payouts: &[Payout],
        replaced: Option<&Sent>,
    ) -> Result<(&Asset, Errand), BuildError> {
        let refused = BuildError::Refused;
        let first = payouts.first().ok_or_else(|| refused("there is nothing to pay".to_owned()))?;
        let asset = self.asset(&first.asset).map_err(refused)?;
        let token = token_of(asset).map_err(refused)?;
        if let [payout] = payouts {
            let recipient = address(&payout.destination.address).map_err(refused)?;
            let amount = U256::from(payout.quote.amount.units());
            return Ok((asset, Errand::Pay(Transfer { token, recipient, amount })));
        }
        // What was sent stays the way it was sent, whatever the settings are now.
        let method = match replaced {
            Some(sent) if sent.tx.to == payer => Method::Delegate,
            Some(_) => Method::Contract,
            None => self.settings.batching.ok_or_else(|| split(payouts, "batching is off"))?,
        };
        let fits = |it: &Payout| it.asset == first.asset && it.quote.amount.units() <= AMOUNT_MAX;
        let misfits: Vec<u32> =
            (0_u32..).zip(payouts).filter(|it| !fits(it.1)).map(|it| it.0).collect();
        if !misfits.is_empty() {
            let detail = "it is too much, or another asset, to be paid with the others".to_owned();
            return Err(BuildError::Split { alone: misfits, detail });
        }
        let payment = |it: &Payout| {
            let recipient = address(&it.destination.address)?;
            Ok(Payment { recipient, amount: it.quote.amount.units() })
        };
        let payments = payouts.iter().map(payment).collect::<Result<Vec<_>, String>>();
        let call = payments.and_then(|it| PayCall::new(method, token, it));
        Ok((asset, Errand::PayMany(call.map_err(refused)?)))
    }

    /// Asks one node everything that is to be known; nothing comes of it if the node lags.
    async fn build_with(
        &self,
        at: usize,
        node: &Node,
        draft: Draft<'_>,
        job: &Job<'_>,
    ) -> Result<Option<UnsignedTx>, BuildError> {
        let Job { asset, errand, payer, replaced, .. } = job;
        // The final head comes first, so that the latest block is not behind it.
        let final_head = match replaced {
            None => node.final_head(&self.parameters.finality).await?,
            Some(_) => None,
        };
        let market = node.market(&self.parameters, &self.settings).await?;
        if !self.pool.keeps_up(at, market.block) {
            return Ok(None);
        }
        let market = self.agreed(at, market).await;
        if let (None, Some(token)) = (&replaced, errand.token()) {
            let block = quantity(market.block);
            self.preflight.tokens.check(node, asset, token, &block).await?;
        }
        let wallet = node.wallet(*payer, errand, market.block, final_head).await;
        let wallet = wallet?;
        if replaced.is_none() {
            check_share(draft, errand, &wallet)?;
        }
        let drafted = self.decide(node, self.wish(draft, job), market, &wallet).await;
        let terms = self.examine(node, draft, job, (market.block, final_head), drafted).await?;
        if let Some(block) = final_head.filter(|_| terms.nonce > draft.lane.next_sequence)
            && let Some(hold) =
                agreeing::doubt_of_count(&self.pool, at, *payer, terms.nonce, block).await
        {
            return Err(BuildError::Hold(hold));
        }
        Ok(Some(terms.unsigned()))
    }

    /// Has a decision examined as of a block; up to the second one all is final, if any is.
    async fn examine(
        &self,
        node: &Node,
        draft: Draft<'_>,
        job: &Job<'_>,
        (block, final_head): (u64, Option<u64>),
        drafted: Result<Terms, BuildError>,
    ) -> Result<Terms, BuildError> {
        let Job { asset, errand, payer, replaced, .. } = job;
        let (asset, payer) = (*asset, *payer);
        match (errand, draft.chore) {
            // It does what the first does, which may be included at any time: whatever would be
            // found about it now must not keep it from being paid for.
            _ if replaced.is_some() => drafted,
            (Errand::Pay(transfer), None) => {
                let payment = preflight::Payment { payer, asset, transfer: *transfer, block };
                self.preflight.examine(node, payment, drafted).await
            }
            (Errand::PayMany(call), _) => {
                let many = Many { payer, asset, call, block, final_head };
                let terms = self.preflight.examine_many(node, many, drafted).await?;
                if call.method() == Method::Contract
                    && let Some(doubt) = self.doubt_of_contract().await
                {
                    return Err(split(
                        draft.payouts,
                        &format!("the contract is in doubt: {doubt}"),
                    ));
                }
                Ok(terms)
            }
            (_, Some(_)) | (Errand::Nothing | Errand::Approve(_), None) => drafted,
            (Errand::Deploy | Errand::Delegate, None) => drafted,
        }
    }

    fn wish<'a>(&'a self, draft: Draft<'a>, job: &'a Job<'a>) -> Wish<'a> {
        Wish {
            parameters: &self.parameters,
            lane: draft.lane,
            payer: job.payer,
            asset: job.asset,
            fee_asset: &self.fee_asset,
            errand: &job.errand,
            skipped: job.skipped,
            priority: draft.priority(),
            replaces: job.replaced.as_ref(),
            overdue: draft.overdue,
            first_fee_max: draft.first.or(draft.replaces).map(|attempt| attempt.fee_max),
            l1_gas: 0,
            l1_fee_wei: 0,
            committed: draft.committed,
            settings: &self.settings,
        }
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
        match self.parameters.l1_charge {
            L1Charge::None => {}
            L1Charge::Arbitrum => {
                let (to, data) = (wish.errand.target(wish.payer), wish.errand.input());
                let gas = l1_fee::arbitrum_gas(node, market.block, to, data).await;
                wish.l1_gas = gas?;
            }
            L1Charge::Op => {
                let draft = wish.draft(market, wallet)?;
                let fee = l1_fee::op(node, market.block, &draft).await;
                wish.l1_fee_wei = fee?.most();
            }
        }
        wish.draft(market, wallet)
    }
}

/// If the lane has enough for some of many payments and not for all, those that it has enough
/// for, in their order, go without the others.
fn check_share(draft: Draft<'_>, errand: &Errand, wallet: &Wallet) -> Result<(), BuildError> {
    let Errand::PayMany(call) = errand else { return Ok(()) };
    let Some(first) = draft.payouts.first() else { return Ok(()) };
    let committed = draft.committed.get(&first.asset).map_or(0, |amount| amount.units());
    let held = if call.token().is_some() { wallet.token } else { wallet.native };
    let mut left = held.saturating_sub(U256::from(committed));
    let mut without = BTreeSet::new();
    for (place, payment) in (0_u32..).zip(call.payments()) {
        match left.checked_sub(U256::from(payment.amount)) {
            Some(rest) => left = rest,
            None => {
                without.insert(place);
            }
        }
    }
    if without.is_empty() || without.len() == call.payments().len() {
        return Ok(());
    }
    let detail = "the lane does not hold enough for all of them together".to_owned();
    Err(BuildError::Split { alone: without.into_iter().collect(), detail })
}

/// All of these must travel alone.
fn split(payouts: &[Payout], why: &str) -> BuildError {
    BuildError::Split {
        alone: (0_u32..).zip(payouts).map(|it| it.0).collect(),
        detail: why.to_owned(),
    }
}
