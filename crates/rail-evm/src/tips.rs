//! The tip that no single endpoint sets.

use std::sync::{Mutex, PoisonError};

use futures_util::future::join_all;

use crate::{fees::Market, pool::Pool, rail::Evm};

/// So many other endpoints are asked at the most.
const OTHERS_MAX: usize = 4;
/// A tip may rise so many times before others are asked.
const RISE: u128 = 2;

/// The tip (or price, where there are no tips) that several endpoints told last, or a lower one that
/// one of them told since, in wei per gas.
#[derive(Debug, Default)]
pub(crate) struct Tips(Mutex<Option<u128>>);

impl Tips {
    /// Whether others are to be asked before a tip is believed.
    fn doubts(&self, tip: u128) -> bool {
        let mut agreed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match *agreed {
            Some(before) if tip <= before.saturating_mul(RISE) => {
                *agreed = Some(before.min(tip));
                false
            }
            Some(_) | None => true,
        }
    }

    /// Tells which of what several told counts, and remembers it if they are as many as needed.
    fn agree(&self, told: Vec<u128>, needed: usize) -> Option<u128> {
        let are_enough = told.len() >= needed;
        let tip = middle(told)?;
        if are_enough {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(tip);
        }
        Some(tip)
    }
}

/// The middle one, or the lower of the two in the middle.
fn middle(mut told: Vec<u128>) -> Option<u128> {
    told.sort_unstable();
    told.get(told.len().saturating_sub(1) / 2).copied()
}

impl Evm {
    /// The market that an endpoint told, with no higher tip than several tell. They are asked if the
    /// tip is more than twice what they told last; one that does not answer does not count.
    pub(crate) async fn agreed(&self, at: usize, market: Market) -> Market {
        if self.pool.needed() == 1 || !self.tips.doubts(market.tip) {
            return market;
        }
        let others = self.pool.at_once().into_iter().filter(|it| *it != at).take(OTHERS_MAX);
        let told = join_all(others.map(|it| self.tip_of(&self.pool, it))).await;
        let told = told.into_iter().flatten().chain([market.tip]).collect();
        let tip = self.tips.agree(told, self.pool.needed());
        let tip = tip.map_or(market.tip, |it| it.min(market.tip));
        Market { tip, ..market }
    }

    async fn tip_of(&self, pool: &Pool, at: usize) -> Option<u128> {
        let node = &pool.member(at).await?.node;
        let told = node.market(&self.parameters, &self.settings).await;
        pool.took(at, told).map(|it| it.tip)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_who_lies_is_never_the_middle_of_three_nor_the_dearer_of_two() {
        assert_eq!(middle(vec![]), None);
        assert_eq!(middle(vec![7]), Some(7));
        assert_eq!(middle(vec![u128::MAX, 7]), Some(7));
        assert_eq!(middle(vec![9, u128::MAX, 7]), Some(9));
        assert_eq!(middle(vec![9, 0, 7]), Some(7));
    }

    #[test]
    fn nobody_is_asked_until_a_tip_has_doubled_and_a_fall_is_believed() {
        let tips = Tips::default();
        assert!(tips.doubts(10));
        assert_eq!(tips.agree(vec![400], 2), Some(400));
        assert!(tips.doubts(400), "too few have told it");
        assert_eq!(tips.agree(vec![10, 400], 2), Some(10));
        assert!(!tips.doubts(20) && tips.doubts(21));
        // It does not rise by being told again and again.
        assert!(!tips.doubts(20) && tips.doubts(21));
        assert!(!tips.doubts(4) && tips.doubts(9) && !tips.doubts(8));
    }
}
