//! What a transaction offers for gas (EIP-1559), and how much more a replacement must offer.
//!
//! All figures are wei per unit of gas.

use crate::node::FeeHistory;

/// What the network asks for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Market {
    /// The latest block.
    pub(crate) block: u64,
    /// What the next block burns.
    pub(crate) base_fee: u128,
    /// What block producers got on top lately.
    pub(crate) tip: u128,
}

/// What a transaction offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fees {
    /// The most it pays in all.
    pub(crate) max_fee: u128,
    /// The most of it that goes to the block producer.
    pub(crate) tip: u128,
}

impl Market {
    /// Reads the answer to `eth_feeHistory`. The tip is the median of the blocks' going rates;
    /// blocks in which nobody tipped say nothing and do not count.
    pub(crate) fn of(history: &FeeHistory, tip_floor: u128) -> Option<Self> {
        let [.., _, next] = history.base_fee_per_gas.as_slice() else { return None };
        let blocks = u64::try_from(history.base_fee_per_gas.len()).ok()?.checked_sub(2)?;
        let rewards = history.reward.iter().flatten().filter_map(|of_block| of_block.first());
        let mut tips: Vec<u128> =
            rewards.map(|tip| tip.to::<u128>()).filter(|tip| *tip > 0).collect();
        tips.sort_unstable();
        let median = tips.get(tips.len() / 2).copied().unwrap_or(0);
        Some(Self {
            block: history.oldest_block.to::<u64>().checked_add(blocks)?,
            base_fee: next.to::<u128>(),
            tip: median.max(tip_floor),
        })
    }

    /// The market of a network without base fee: one price per gas, as `eth_gasPrice` answers.
    pub(crate) fn of_gas_price(block: u64, price: u128, floor: u128) -> Self {
        Self { block, base_fee: 0, tip: price.max(floor) }
    }

    /// The same market to somebody who offers block producers so many hundredths of what they got
    /// lately. More than that is offered only as far as the cap has room for it: nobody waits
    /// because of what is offered for speed.
    pub(crate) fn for_priority(self, percent: u32, tip_floor: u128, cap: u128) -> Self {
        let scaled = self.tip.saturating_mul(u128::from(percent)).div_ceil(100).max(tip_floor);
        let room = cap.saturating_sub(self.base_fee);
        Self { tip: scaled.min(room.max(self.tip)), ..self }
    }

    /// What one unit of gas will cost, as far as one can tell beforehand.
    pub(crate) fn expected(self) -> u128 {
        self.base_fee.saturating_add(self.base_fee / 4).saturating_add(self.tip)
    }
}

impl Fees {
    /// The least that replaces a transaction with these fees: an eighth more of both. Nodes ask for
    /// a tenth more (geth's default `--txpool.pricebump`).
    pub(crate) fn bumped(self) -> Self {
        let more = |fee: u128| fee.saturating_add((fee / 8).saturating_add(1));
        Self { max_fee: more(self.max_fee), tip: more(self.tip) }
    }

    /// Whether a transaction with these fees is as good as any in the next block.
    pub(crate) fn suffices(self, market: Market) -> bool {
        let left = self.max_fee.checked_sub(market.base_fee);
        left.is_some_and(|left| left.min(self.tip) >= market.tip)
    }
}

/// Finds what to offer: as much as lets the base fee double (which takes it six full blocks) if the
/// cap allows, and never less than what the market or the transaction to be replaced asks for.
///
/// # Errors
/// If the cap does not allow even that; tells what would have to be offered.
pub(crate) fn offer(market: Market, replaced: Option<Fees>, cap: u128) -> Result<Fees, u128> {
    let floor = replaced.map_or(Fees { max_fee: 0, tip: 0 }, Fees::bumped);
    let tip = market.tip.max(floor.tip);
    let needed = market.base_fee.saturating_add(tip).max(floor.max_fee);
    if needed > cap {
        return Err(needed);
    }
    let wanted = market.base_fee.saturating_mul(2).saturating_add(tip).max(floor.max_fee);
    Ok(Fees { max_fee: wanted.min(cap), tip })
}

#[cfg(test)]
#[path = "fees_tests.rs"]
mod tests;
