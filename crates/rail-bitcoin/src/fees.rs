//! What a transaction offers for its size, how much more a replacement must offer, and what a child
//! pays for its parents.
//!
//! Rates are in satoshi for 1,000 virtual bytes, as nodes count them.

use domain::payout::Priority;

/// What a transaction must pay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Price {
    /// The rate for its size.
    pub rate_sat_per_kvb: u64,
    /// What those that it replaces pay together, in satoshi; it pays at least that (BIP-125, rule
    /// 3). Zero if it replaces none.
    pub replaced_fee_sat: u64,
    /// The rate for its size that it pays on top of that (BIP-125, rule 4).
    pub increment_sat_per_kvb: u64,
}

impl Price {
    /// The price of a transaction that replaces none.
    pub const fn of_rate(rate_sat_per_kvb: u64) -> Self {
        Self { rate_sat_per_kvb, replaced_fee_sat: 0, increment_sat_per_kvb: 0 }
    }

    /// The price of a child: what its own size costs, on top of what those before it are short of, so
    /// that together they pay the rate (CPFP: whoever makes blocks chooses by the rate of a
    /// transaction and those that it cannot do without).
    pub const fn of_child(rate_sat_per_kvb: u64, missing_sat: u64) -> Self {
        Self {
            rate_sat_per_kvb,
            replaced_fee_sat: missing_sat,
            increment_sat_per_kvb: rate_sat_per_kvb,
        }
    }

    /// The least fee of a transaction of so many virtual bytes, in satoshi. Rounded up, as nodes do.
    pub fn fee_sat(&self, vsize: u64) -> u64 {
        let on_top = of_size(self.increment_sat_per_kvb, vsize);
        let over = self.replaced_fee_sat.saturating_add(on_top);
        of_size(self.rate_sat_per_kvb, vsize).max(over)
    }
}

/// What a rate means for so many virtual bytes, in satoshi, rounded up.
pub fn of_size(rate_sat_per_kvb: u64, vsize: u64) -> u64 {
    let sat = (u128::from(rate_sat_per_kvb) * u128::from(vsize)).div_ceil(1_000);
    u64::try_from(sat).unwrap_or(u64::MAX)
}

/// What a transaction that was sent pays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paid {
    /// Its fee, in satoshi.
    pub fee_sat: u64,
    /// Its size, in virtual bytes; not zero.
    pub vsize: u64,
}

impl Paid {
    /// Its rate, rounded up.
    pub fn rate_sat_per_kvb(self) -> u64 {
        let rate = (u128::from(self.fee_sat) * 1_000).div_ceil(u128::from(self.vsize.max(1)));
        u64::try_from(rate).unwrap_or(u64::MAX)
    }

    /// What it is short of, in satoshi, to pay a rate.
    pub fn missing_sat(self, rate_sat_per_kvb: u64) -> u64 {
        of_size(rate_sat_per_kvb, self.vsize).saturating_sub(self.fee_sat)
    }

    /// The two together.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self {
            fee_sat: self.fee_sat.saturating_add(other.fee_sat),
            vsize: self.vsize.saturating_add(other.vsize),
        }
    }

    /// Whether it pays as much as one that would be made at this rate: then nothing is gained by
    /// replacing it.
    pub fn suffices(self, rate_sat_per_kvb: u64) -> bool {
        self.fee_sat >= of_size(rate_sat_per_kvb, self.vsize)
    }
}

/// Within how many blocks a payout is meant to be in one, by its priority.
///
/// - highest: the next block. Nodes estimate for two blocks at the least (Bitcoin Core's
///   `estimatesmartfee` answers with `"blocks": 2` to 1).
/// - high: 3 blocks, half an hour on Bitcoin, which mempool.space calls `halfHourFee`.
/// - recommended: 6 blocks, the default of wallets (Bitcoin Core's `-txconfirmtarget`) and the
///   hour of mempool.space's `hourFee`.
/// - economy: 144 blocks, a day on Bitcoin and six hours on Litecoin: at some hour of the day there
///   is room. Estimates go up to 1,008 blocks, but nobody is told to wait a week for money.
pub const fn target_blocks(priority: Priority) -> u16 {
    match priority {
        Priority::Economy => 144,
        Priority::Recommended => 6,
        Priority::High => 3,
        Priority::Highest => 1,
    }
}

/// One rate out of what several sources answer; `None` if none knows.
///
/// The middle one of those that answered, so that one source that errs or lies moves it to the next
/// honest one at the worst. Of two in the middle the lower is taken: what is offered too little can
/// be raised later, what was paid too much is gone.
pub fn agreed(answers: &[Option<u64>]) -> Option<u64> {
    let mut rates: Vec<u64> = answers.iter().flatten().copied().filter(|it| *it > 0).collect();
    rates.sort_unstable();
    let middle = rates.len().checked_sub(1)? / 2;
    rates.get(middle).copied()
}

/// What to offer: what is asked for the payout's priority, as far as the operator's ceiling has room
/// for it, and never less than `floor`, what nodes relay. Nobody waits because of what is offered
/// for speed: the ceiling holds a payout only if it is below what is recommended, or below what is
/// asked where that is even less.
///
/// # Errors
/// If the ceiling does not allow that; tells what would have to be offered.
pub fn offer(asked: u64, recommended: u64, floor: u64, ceiling: u64) -> Result<u64, u64> {
    let needed = asked.min(recommended).max(floor);
    if needed > ceiling {
        return Err(needed);
    }
    Ok(asked.max(floor).min(ceiling))
}

/// The price of what replaces a transaction. `evicted_sat` are the fees of those that spend its
/// outputs already and go with it, as far as they are known; `increment_sat_per_kvb` is the nodes'
/// for replacements.
///
/// The rate is the market's, and at least an eighth more than before. Nodes ask for less (any higher
/// rate, and their increment on top of the fee), but each step is sent around the world, looked at,
/// and counted against the attempts of a batch: with eighths the usual budget of four times the
/// first fee is used up in twelve of them (1.125^12 is 4.1), with increments of a satoshi for a
/// byte in hundreds.
pub fn replacement(
    sent: Paid,
    evicted_sat: u64,
    market_sat_per_kvb: u64,
    increment_sat_per_kvb: u64,
) -> Price {
    let before = sent.rate_sat_per_kvb();
    // One more at least: nodes want a higher rate, too (`PaysMoreThanConflicts` in `policy/rbf.cpp`).
    let higher = before.saturating_add((before / 8).max(1));
    Price {
        rate_sat_per_kvb: market_sat_per_kvb.max(higher),
        replaced_fee_sat: sent.fee_sat.saturating_add(evicted_sat),
        increment_sat_per_kvb,
    }
}

#[cfg(test)]
#[path = "fees_tests.rs"]
mod tests;
