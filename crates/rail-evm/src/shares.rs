//! For how many of many payments what there is for fees is enough.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use alloy_primitives::U256;
use domain::{
    grouping::BatchSize,
    ids::{AssetId, LaneId},
    money::Amount,
    ports::BuildError,
};

use crate::{
    pay_call::PayCall,
    preparing::{COINS_MIN, TOKENS_MIN},
};

/// What a call takes beside its payments, with a quarter more: `tests/it/gas_table.rs` finds 24,000.
const GAS_OF_CALL: u64 = 30_000;
/// What a payment takes in a transaction of its own, with a margin.
const GAS_ALONE_COIN: u64 = 21_000;
const GAS_ALONE_TOKEN: u64 = 80_000;

/// A call for which there is too little.
#[derive(Clone, Copy)]
pub(crate) struct Short<'a> {
    /// The payments.
    pub(crate) call: &'a PayCall,
    /// How much gas all of them may take together.
    pub(crate) gas_limit: u64,
    /// How much of that is there for recipients that turn hostile, however many are paid.
    pub(crate) gas_of_hostility: u64,
    /// What that costs at the most, in wei.
    pub(crate) fee: U256,
    /// How much there is for it, in wei.
    pub(crate) left: U256,
    /// Whether that pays what coins are paid, too.
    pub(crate) pays_coins: bool,
    /// Whether some may go alone although that costs more for each, if there is too little for any
    /// together.
    pub(crate) goes_alone: bool,
}

impl Short<'_> {
    /// Lets go what there is enough for: as many as possible together, or else some alone, or nobody,
    /// who then waits because of `waits`. Some that go together are made into a batch of their own
    /// once this one is dissolved.
    pub(crate) fn answer(self, waits: BuildError, detail: String) -> BuildError {
        let per_gas = self.fee.div_ceil(U256::from(self.gas_limit.max(1)));
        let gas = |gas: u64| per_gas.saturating_mul(U256::from(gas));
        let count = U256::from(self.call.payments().len().max(1));
        let beside = gas(GAS_OF_CALL.saturating_add(self.gas_of_hostility)).min(self.fee);
        let together = self.enough_for(beside, (self.fee - beside).div_ceil(count));
        let is_token = self.call.token().is_some();
        let (min, alone) =
            if is_token { (TOKENS_MIN, GAS_ALONE_TOKEN) } else { (COINS_MIN, GAS_ALONE_COIN) };
        let most = u32::try_from(together.len()).unwrap_or(u32::MAX);
        if most < min {
            let some = self.enough_for(U256::ZERO, gas(alone));
            let is_some = self.goes_alone && !some.is_empty();
            let split = BuildError::Split { alone: some.into_iter().collect(), detail };
            return if is_some { split } else { waits };
        }
        let last = together.last().copied().unwrap_or(0);
        let dear: Vec<u32> = (0..last).filter(|it| !together.contains(it)).collect();
        if dear.is_empty() {
            BuildError::TooMany { most, detail }
        } else {
            BuildError::Split { alone: dear, detail }
        }
    }

    /// Those of the payments, in their order, for which there is enough at so much for all of them
    /// and so much for each.
    fn enough_for(&self, beside: U256, each: U256) -> BTreeSet<u32> {
        let Some(mut left) = self.left.checked_sub(beside) else { return BTreeSet::new() };
        let mut some = BTreeSet::new();
        for (place, payment) in (0_u32..).zip(self.call.payments()) {
            let paid = if self.pays_coins { U256::from(payment.amount) } else { U256::ZERO };
            if let Some(rest) = left.checked_sub(each.saturating_add(paid)) {
                left = rest;
                some.insert(place);
            }
        }
        // All of them were found to be too many.
        if some.len() == self.call.payments().len() {
            some.pop_last();
        }
        some
    }
}

/// How many payouts of an asset a lane can pay in one transaction where it has too little for as many
/// as usual. Forgotten as soon as some were paid together.
#[derive(Debug, Default)]
pub(crate) struct Shares(Mutex<BTreeMap<(LaneId, AssetId), u32>>);

impl Shares {
    fn known(&self) -> MutexGuard<'_, BTreeMap<(LaneId, AssetId), u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes down what came of making a transaction for so many payouts.
    pub(crate) fn take_in<T>(
        &self,
        lane: &LaneId,
        asset: &AssetId,
        payouts: usize,
        built: &Result<T, BuildError>,
    ) {
        let key = (lane.clone(), asset.clone());
        match built {
            Ok(_) if payouts > 1 => {
                self.known().remove(&key);
            }
            Err(BuildError::TooMany { most, .. }) => {
                self.known().insert(key, *most);
            }
            Ok(_)
            | Err(
                BuildError::Unreachable
                | BuildError::Hold(_)
                | BuildError::AwaitingGas { .. }
                | BuildError::Refused(_)
                | BuildError::Split { .. }
                | BuildError::NotNeeded,
            ) => {}
        }
    }

    /// Whether there is too little for as many as usual.
    pub(crate) fn has_little(&self, lane: &LaneId, asset: &AssetId) -> bool {
        self.known().contains_key(&(lane.clone(), asset.clone()))
    }

    /// The size of a batch, as far as there is enough for it.
    pub(crate) fn cap(&self, lane: &LaneId, asset: &AssetId, size: BatchSize) -> BatchSize {
        let most = self.known().get(&(lane.clone(), asset.clone())).copied();
        BatchSize { max: most.map_or(size.max, |it| it.clamp(1, size.max)), ..size }
    }
}

/// An amount of wei, as far as it can be represented.
pub(crate) fn amount(wei: U256) -> Amount {
    u128::try_from(wei).ok().and_then(Amount::from_units).unwrap_or(Amount::MAX)
}

#[cfg(test)]
#[path = "shares_tests.rs"]
mod tests;
