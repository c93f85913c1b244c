//! When to bring many small coins of a lane together. Pure.
//!
//! Each coin costs an input some day. While the network asks for little, it is cheaper to do it now,
//! and a lane of few coins makes small transactions when the network is busy.

use std::cmp::Reverse;

use crate::{drafting::Coin, fees};

/// What the operator set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gathering {
    /// Coins are gathered while the rate is at most this, in satoshi for 1,000 virtual bytes.
    pub rate_max_sat_per_kvb: u64,
    /// How many coins a lane may well have: so many batches can be on their way at once without
    /// waiting for each other's change. Those that are worth most are left alone.
    pub coins_kept: usize,
    /// How many more than that there must be before a transaction is made for it alone.
    pub coins_over: usize,
    /// The most inputs of such a transaction, and the most that a payment's transaction takes along.
    pub inputs_max: usize,
}

impl Gathering {
    /// Small coins that a transaction of so many payments takes along: one for each at the most, so
    /// that nobody's payment is charged for much more than itself.
    pub fn along(
        &self,
        coins: &[Coin],
        payments: usize,
        rate_sat_per_kvb: u64,
        input_vsize: u64,
    ) -> Vec<Coin> {
        let small = self.small(coins, rate_sat_per_kvb, input_vsize);
        small.into_iter().take(payments.min(self.inputs_max)).collect()
    }

    /// The coins that a transaction of their own should bring together, if it is time for one.
    pub fn alone(
        &self,
        coins: &[Coin],
        rate_sat_per_kvb: u64,
        input_vsize: u64,
    ) -> Option<Vec<Coin>> {
        let small = self.small(coins, rate_sat_per_kvb, input_vsize);
        let enough = small.len() > self.coins_over && small.len() > 1;
        enough.then(|| small.into_iter().take(self.inputs_max).collect())
    }

    /// Those beyond the ones that are kept, the smallest first, without what would cost more than it
    /// is worth; nothing while the rate is high.
    fn small(&self, coins: &[Coin], rate_sat_per_kvb: u64, input_vsize: u64) -> Vec<Coin> {
        if rate_sat_per_kvb > self.rate_max_sat_per_kvb {
            return Vec::new();
        }
        let cost_sat = fees::of_size(rate_sat_per_kvb, input_vsize);
        let mut worth: Vec<Coin> =
            coins.iter().filter(|it| it.value_sat > cost_sat).copied().collect();
        worth.sort_by_key(|it| (Reverse(it.value_sat), it.outpoint));
        worth.into_iter().skip(self.coins_kept).rev().collect()
    }
}

#[cfg(test)]
mod tests {
    use bitcoin::{OutPoint, Txid, hashes::Hash};

    use super::*;

    const SETTINGS: Gathering =
        Gathering { rate_max_sat_per_kvb: 3_000, coins_kept: 2, coins_over: 3, inputs_max: 5 };

    fn coins(values: &[u64]) -> Vec<Coin> {
        let outpoint = |vout| OutPoint { txid: Txid::all_zeros(), vout };
        let pairs = (0..).zip(values);
        pairs.map(|(vout, value)| Coin { outpoint: outpoint(vout), value_sat: *value }).collect()
    }

    fn values(coins: &[Coin]) -> Vec<u64> {
        coins.iter().map(|it| it.value_sat).collect()
    }

    #[test]
    fn the_small_ones_go_along_while_it_is_cheap() {
        let lane = coins(&[900_000, 500, 700, 800_000, 68, 600, 69]);
        let along = |payments, rate| values(&SETTINGS.along(&lane, payments, rate, 68));
        assert_eq!(along(9, 1_000), [69, 500, 600, 700], "not what costs as much as it is worth");
        assert_eq!(along(2, 1_000), [69, 500], "one for each payment");
        assert_eq!(along(9, 3_000), [500, 600, 700]);
        assert_eq!(along(9, 3_001), [0_u64; 0], "not while the network is busy");
    }

    #[test]
    fn many_coins_are_brought_together() {
        let alone = |coins: &[Coin], rate| SETTINGS.alone(coins, rate, 68).map(|it| values(&it));
        let five = coins(&[9_000, 8_000, 1_000, 2_000, 3_000]);
        assert_eq!(alone(&five, 1_000), None, "three are not too many");
        let seven = coins(&[9_000, 8_000, 1_000, 2_000, 3_000, 4_000, 5_000, 6_000]);
        assert_eq!(alone(&seven, 1_000), Some(vec![1_000, 2_000, 3_000, 4_000, 5_000]));
        assert_eq!(alone(&seven, 3_001), None);
        assert_eq!(alone(&coins(&[60; 100]), 1_000), None, "worth nothing");
    }
}
