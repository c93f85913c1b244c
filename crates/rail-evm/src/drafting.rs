//! Decides whether and how a transaction can be made. Pure.

use std::collections::BTreeMap;

use alloy_primitives::{Address, U256};
use domain::{
    catalog::Asset,
    ids::AssetId,
    lane::Lane,
    money::Amount,
    payout::Priority,
    ports::{BuildError, Hold, HoldReason},
};
use net::RpcError;

use crate::{
    budget::{Ceiling, Limit},
    errand::Errand,
    fees::{self, Fees, Market},
    node::{Wallet, lost},
    revert,
    settings::{FeeModel, Parameters, Settings},
    shares::{Short, amount},
    terms::Terms,
    transfer::Transfer,
    tx::Sent,
};

/// What a payment to somebody without a program takes: exactly the price of a transaction.
const GAS_PLAIN: u64 = 21_000;

/// How many times as much gas as is quoted for a payment of coins its recipient may make it take:
/// enough for accounts that are contracts and write down what they get.
const COIN_QUOTES_MAX: u64 = 6;

/// The most that one transaction may take (EIP-7825).
const GAS_TRANSACTION_MAX: u64 = 1 << 24;

/// What is kept for recipients that turn hostile must fit into such a part of a block together with
/// the rest: a block's maker leaves out what might not fit into what is left of it, so that larger
/// limits leave more of each block empty.
const BLOCK_PART: u64 = 8;

/// What is to be paid, and how.
pub(crate) struct Wish<'a> {
    /// What the network is like.
    pub(crate) parameters: &'a Parameters,
    /// Who pays.
    pub(crate) lane: &'a Lane,
    /// The lane's address.
    pub(crate) payer: Address,
    /// What is paid.
    pub(crate) asset: &'a Asset,
    /// What fees are paid in.
    pub(crate) fee_asset: &'a Asset,
    /// What it does.
    pub(crate) errand: &'a Errand,
    /// The number that it has to have, if it is about one that was skipped.
    pub(crate) skipped: Option<u64>,
    /// How much to spend for speed.
    pub(crate) priority: Priority,
    /// The transaction that the new one must exclude.
    pub(crate) replaces: Option<&'a Sent>,
    /// Whether that one has waited too long.
    pub(crate) overdue: bool,
    /// The most that the first transaction with that one's number can cost, in wei.
    pub(crate) first_fee_max: Option<Amount>,
    /// How much of the estimated gas is for the parent chain.
    pub(crate) l1_gas: u64,
    /// The most that is charged beside the gas, in wei.
    pub(crate) l1_fee_wei: u128,
    /// What the lane's other transactions on their way may still take of each asset.
    pub(crate) committed: &'a BTreeMap<AssetId, Amount>,
    /// What the operator set.
    pub(crate) settings: &'a Settings,
}

impl Wish<'_> {
    /// Makes the transaction, given what gas costs and what the lane holds.
    pub(crate) fn draft(&self, market: Market, wallet: &Wallet) -> Result<Terms, BuildError> {
        let asked = self.priority.percent();
        // What is as good as any in the next block is not replaced, however urgent it is.
        let replaced =
            self.replaced(self.for_priority(market, asked.min(100), u128::MAX), wallet)?;
        let nonce = match (self.replaces, self.skipped) {
            (Some(sent), _) => sent.tx.nonce,
            (None, Some(skipped)) if wallet.count > skipped => {
                let detail = format!("number {skipped} is used up already");
                return Err(BuildError::Refused(detail));
            }
            (None, Some(skipped)) => skipped,
            (None, None) => self.fresh_number(wallet)?,
        };
        let held = if self.errand.token().is_some() { wallet.token } else { wallet.native };
        if let Err((_, detail)) = self.check_funds(self.asset, held, self.errand.amount()) {
            return Err(hold(HoldReason::AwaitingFunds, detail));
        }
        let gas_limit = self.gas_limit(wallet)?;
        let (fees, fee_max) = self.offer(market, replaced, gas_limit)?;
        let needed = self.errand.coins().saturating_add(U256::from(fee_max.units()));
        if let Err((lacks, detail)) = self.check_funds(self.fee_asset, wallet.native, needed) {
            let left = needed.saturating_sub(lacks);
            let waits = BuildError::AwaitingGas { lacks: amount(lacks), detail };
            let why = "there is not enough for the fee of all of them together";
            return Err(self.fewer(waits, gas_limit, fee_max, left, why));
        }
        Ok(Terms {
            chain_id: self.parameters.chain_id,
            nonce,
            gas_limit,
            fees,
            fee_model: self.parameters.fee_model,
            lane: self.payer,
            errand: self.errand.clone(),
            fee_max,
        })
    }

    /// The market to somebody who offers so many hundredths of the going rate. What a node names as
    /// the one price per gas may be its least, so nobody offers less than that.
    fn for_priority(&self, market: Market, percent: u32, cap: u128) -> Market {
        let percent = match self.parameters.fee_model {
            FeeModel::Eip1559 => percent,
            FeeModel::Legacy => percent.max(100),
        };
        market.for_priority(percent, self.parameters.priority_fee_floor_wei, cap)
    }

    /// What to offer for gas, and the most that the transaction can cost with it. The lowest limit
    /// of the operator's cuts comfort first, then speed, and then holds the payment.
    fn offer(
        &self,
        market: Market,
        replaced: Option<Fees>,
        gas_limit: u64,
    ) -> Result<(Fees, Amount), BuildError> {
        let beside = self.l1_fee_wei;
        let first = self.replaces.and(self.first_fee_max);
        let ceiling = Ceiling::of(self.settings, first, gas_limit, beside);
        let market = self.for_priority(market, self.priority.percent(), ceiling.per_gas);
        let fees = fees::offer(market, replaced, ceiling.per_gas).map_err(|needed| {
            let words = |amount: Amount| text(self.fee_asset, U256::from(amount.units()));
            let detail = ceiling.words(needed, gas_limit, beside, words);
            let waits = hold(HoldReason::FeeAboveCap, detail);
            let fee = needed.saturating_mul(u128::from(gas_limit)).saturating_add(beside);
            match (ceiling.limit, Amount::from_units(fee)) {
                (Limit::PerTransaction(most), Some(fee)) => {
                    let why = "the fee of all of them together is above fee_max";
                    let left = U256::from(most.units());
                    self.fewer(waits, gas_limit, fee, left, why)
                }
                (Limit::PerTransaction(_) | Limit::PerGas(_) | Limit::Replacement { .. }, _) => {
                    waits
                }
            }
        })?;
        let gas = fees.max_fee.checked_mul(u128::from(gas_limit));
        let fee_max = gas.and_then(|gas| gas.checked_add(beside)).and_then(Amount::from_units);
        let fee_max = fee_max.ok_or_else(|| {
            let detail = "the fee is more than there is of any coin".to_owned();
            hold(HoldReason::FeeAboveCap, detail)
        })?;
        Ok((fees, fee_max))
    }

    /// The fees of the transaction to be replaced, if there is one and it has to be.
    fn replaced(&self, market: Market, wallet: &Wallet) -> Result<Option<Fees>, BuildError> {
        let Some(sent) = self.replaces else { return Ok(None) };
        let Sent { tx, sender, .. } = sent;
        if Errand::read(sent).as_ref() != Some(self.errand)
            || *sender != self.payer
            || tx.chain_id != self.parameters.chain_id
        {
            let detail = "the transaction to replace is not one for this payout";
            return Err(BuildError::Refused(detail.to_owned()));
        }
        let fees = Fees { max_fee: tx.max_fee_per_gas, tip: tx.max_priority_fee_per_gas };
        // Whether the node knows it does not matter: it is handed over again, and a node that says
        // it does not know what it took would ask for more and more. What is next and has waited
        // too long is replaced even if it offers enough: a node may keep it and never include it,
        // and everything behind it would wait with it.
        let is_jammed = self.overdue && wallet.count == tx.nonce;
        if wallet.count > tx.nonce || (fees.suffices(market) && !is_jammed) {
            return Err(BuildError::NotNeeded);
        }
        Ok(Some(fees))
    }

    /// The number of a transaction that replaces none. Only what is final moves the lane on, since
    /// a number that was skipped by mistake holds up everything that comes after it.
    fn fresh_number(&self, wallet: &Wallet) -> Result<u64, BuildError> {
        let (own, lane) = (self.lane.next_sequence, &self.lane.id);
        let (latest, settled) = (wallet.count, wallet.count_final.unwrap_or(0));
        let number = own.max(settled);
        if number.max(latest) == u64::MAX || (settled > own && settled > latest) {
            tracing::warn!(%lane, own, latest, settled, "the account's count makes no sense");
            return Err(BuildError::Unreachable);
        }
        if latest > number {
            let detail = format!(
                "the lane's key was used elsewhere: {lane} is at number {number}, and its account \
                 at {latest}; waits until that is final"
            );
            return Err(hold(HoldReason::KeyUsedElsewhere, detail));
        }
        if settled > own {
            tracing::warn!(%lane, own, settled, "the lane's key was used elsewhere; goes on there");
        }
        Ok(number)
    }

    /// If there is too little for many together, some of them may go.
    fn fewer(
        &self,
        waits: BuildError,
        gas_limit: u64,
        fee: Amount,
        left: U256,
        why: &str,
    ) -> BuildError {
        let (Errand::PayMany(call), None) = (self.errand, self.replaces) else { return waits };
        let is_of_wallet = matches!(waits, BuildError::AwaitingGas { .. });
        let on_its_way = self.committed.get(&self.fee_asset.id).copied().unwrap_or_default();
        let short = Short {
            call,
            gas_limit,
            // What is to be left for each payment is part of the estimate. More of it is there for
            // each recipient of coins, and once for a token.
            gas_of_hostility: match call.token() {
                Some(_) => self.errand.gas_of_hostility().saturating_mul(2),
                None => self.errand.gas_of_hostility(),
            },
            fee: U256::from(fee.units()),
            left,
            pays_coins: is_of_wallet && call.token().is_none(),
            // What is on its way leaves something over once it is final.
            goes_alone: !is_of_wallet || on_its_way.is_zero(),
        };
        short.answer(waits, why.to_owned())
    }

    /// Checks that the lane has enough of an asset, without what its other transactions may take;
    /// tells how much it lacks, and what for.
    fn check_funds(&self, asset: &Asset, held: U256, needed: U256) -> Result<(), (U256, String)> {
        let committed = self.committed.get(&asset.id).map_or(0, |amount| amount.units());
        let committed = U256::from(committed);
        let lacks = needed.saturating_sub(held.saturating_sub(committed));
        if lacks.is_zero() {
            return Ok(());
        }
        let (held, needed) = (text(asset, held), text(asset, needed));
        let on_their_way = match committed {
            U256::ZERO => String::new(),
            some => format!(", of which {} are on their way,", text(asset, some)),
        };
        let lane = &self.lane.id;
        Err((lacks, format!("{lane} holds {held}{on_their_way} and needs {needed}")))
    }

    /// The most gas that it may take. What a recipient of coins takes is the house's loss, so that
    /// is no more than a few times what is quoted for it. Many payments take more than one, by what the contract limits
    /// each of them to.
    fn gas_limit_max(&self) -> u64 {
        match self.errand {
            Errand::PayMany(_) => self.settings.gas_limit_max.max(GAS_TRANSACTION_MAX),
            Errand::Pay(Transfer { token: None, .. }) => {
                let quoted = self.settings.quote_gas_native;
                let most = quoted.saturating_mul(COIN_QUOTES_MAX).max(GAS_PLAIN);
                most.min(self.settings.gas_limit_max)
            }
            Errand::Pay(Transfer { token: Some(_), .. })
            | Errand::Nothing
            | Errand::Approve(_)
            | Errand::Deploy
            | Errand::Delegate => self.settings.gas_limit_max,
        }
    }

    /// How much more of it all can take that may turn hostile after it was estimated: each recipient
    /// of coins, since any account may become a program (EIP-7702), and tokens, which serve their
    /// recipients without asking them, once.
    fn gas_of_hostility(&self) -> u64 {
        let hostile = match self.errand {
            Errand::PayMany(call) if call.token().is_none() => call.payments().len(),
            Errand::PayMany(_)
            | Errand::Pay(_)
            | Errand::Nothing
            | Errand::Approve(_)
            | Errand::Deploy
            | Errand::Delegate => 1,
        };
        let hostile = u64::try_from(hostile).unwrap_or(u64::MAX);
        self.errand.gas_of_hostility().saturating_mul(hostile)
    }

    /// How much gas to allow: a quarter more than the node found, because contracts may take
    /// another path in the next block, and of many at least as much more as all can take that may
    /// turn hostile, as far as one transaction may take it, and an eighth of a block.
    ///
    /// A replacement is allowed what the first was, whatever the node finds by now: recipients may
    /// be programs, and what they have come to do must not keep the first from being replaced, or
    /// everything behind it would wait with it.
    fn gas_limit(&self, wallet: &Wallet) -> Result<u64, BuildError> {
        let estimate = match (&wallet.gas, self.replaces) {
            (Ok(_) | Err(RpcError::Refused { .. }), Some(sent)) => return Ok(sent.tx.gas_limit),
            (Ok(gas), None) => gas.saturating_add(self.errand.gas_beside_call()),
            (Err(RpcError::Refused { code, message, data }), None) => {
                return Err(match revert::reason(*code, message, data.as_ref()) {
                    Some(reason) => BuildError::Refused(reason),
                    None => {
                        let said = revert::printable(message);
                        let detail = format!("the node does not estimate it: {said} ({code})");
                        hold(HoldReason::NotEstimated, detail)
                    }
                });
            }
            (Err(error @ RpcError::Unreachable(_)), _) => {
                let _ = lost("eth_estimateGas", error);
                return Err(BuildError::Unreachable);
            }
        };
        let limit = match estimate {
            GAS_PLAIN => GAS_PLAIN,
            more => {
                let one = more.div_ceil(4).max(self.errand.gas_of_hostility());
                let fits =
                    wallet.block_gas.map_or(u64::MAX, |it| (it / BLOCK_PART).saturating_sub(more));
                more.saturating_add(self.gas_of_hostility().min(fits).max(one))
            }
        };
        // What the parent chain takes is not the recipient's doing, and has its own quarter.
        let (l1_gas, limit_max) = (self.l1_gas, self.gas_limit_max());
        let own = estimate.saturating_sub(l1_gas);
        if own > limit_max {
            let detail = format!("the payment takes {own} gas, and the limit is {limit_max}");
            return Err(BuildError::Refused(detail));
        }
        Ok(limit.min(limit_max.saturating_add(l1_gas).saturating_add(l1_gas.div_ceil(4))))
    }
}

/// Makes the answer of a batch that has to wait.
pub(crate) fn hold(reason: HoldReason, detail: String) -> BuildError {
    BuildError::Hold(Hold { reason, detail })
}

/// An amount with its ticker, for people.
pub(crate) fn text(asset: &Asset, amount: U256) -> String {
    let units = u128::try_from(amount).ok().and_then(Amount::from_units);
    format!("{} {}", asset.text(units.unwrap_or(Amount::MAX)), asset.ticker)
}

#[cfg(test)]
#[path = "drafting_tests.rs"]
mod tests;
