//! How much a transaction may pay, and which of the operator's limits says so. Pure.

use crate::fees::{self, Paid};

/// One of the operator's limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// The rate, in satoshi for 1,000 virtual bytes.
    Rate(u64),
    /// The fee of one transaction, in satoshi.
    PerTransaction(u64),
    /// The fee of a replacement, by what the first transaction for the same payouts paid.
    Replacement {
        /// What that one paid with all that it depends on and that waits, in satoshi.
        first_sat: u64,
        /// What may be paid in its place, in satoshi.
        most_sat: u64,
        /// How much that is, in percent, unless an ordinary rate is more.
        percent: u32,
    },
    /// The rate beyond which a server hands nothing over, in satoshi for 1,000 virtual bytes.
    Unasked(u64),
    /// What a transaction pays for those that wait before it.
    Parents {
        /// What may be paid for them, in satoshi.
        most_sat: u64,
        /// The budget of replacements, in percent of what they paid.
        percent: u32,
    },
}

/// What the operator set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most for 1,000 virtual bytes, in satoshi.
    pub rate_max_sat_per_kvb: u64,
    /// The most for one transaction, in satoshi.
    pub fee_max_sat: Option<u64>,
    /// The most for a replacement, in percent of what the first transaction paid, however many
    /// there were in between.
    pub replacement_budget_percent: u32,
    /// The rate that a replacement may pay in any case, in satoshi for 1,000 virtual bytes: what
    /// began at the least that nodes relay can still be brought to what is ordinary.
    pub rate_ordinary_sat_per_kvb: u64,
}

impl Limits {
    /// The most that may be paid in place of what paid so much, in satoshi.
    pub fn budget_sat(&self, first: Paid) -> u64 {
        let ordinary = fees::of_size(self.rate_ordinary_sat_per_kvb, first.vsize);
        percent_of(first.fee_sat, self.replacement_budget_percent).max(ordinary)
    }

    /// Whether so much may be paid for those that wait before a transaction, which paid this.
    ///
    /// # Errors
    /// Tells the limit that is in the way.
    pub fn check_parents(&self, parents: Paid, needed_sat: u64) -> Result<(), Limit> {
        let most_sat = self.budget_sat(parents).saturating_sub(parents.fee_sat);
        let percent = self.replacement_budget_percent;
        if needed_sat <= most_sat { Ok(()) } else { Err(Limit::Parents { most_sat, percent }) }
    }
}

/// The most that a transaction may pay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ceiling {
    /// In satoshi, whatever its size. The rate is bounded before a transaction is made
    /// ([`crate::fees::offer`]), for what that bounds depends on the size.
    pub fee_sat: u64,
    /// The limit that it comes from; a rate if no other limit is set.
    pub limit: Limit,
}

impl Ceiling {
    /// The lowest of the limits for a transaction of at most so many virtual bytes. `first` is what
    /// the first transaction for the same payouts paid, if this one replaces it.
    pub fn of(limits: &Limits, first: Option<Paid>, vsize_max: u64) -> Self {
        let rate = limits.rate_max_sat_per_kvb;
        let of_rate = Self { fee_sat: fees::of_size(rate, vsize_max), limit: Limit::Rate(rate) };
        let of_transaction = limits
            .fee_max_sat
            .map(|most| Self { fee_sat: most, limit: Limit::PerTransaction(most) });
        let percent = limits.replacement_budget_percent;
        let of_replacement = first.map(|first| {
            let (first_sat, most_sat) = (first.fee_sat, limits.budget_sat(first));
            Self { fee_sat: most_sat, limit: Limit::Replacement { first_sat, most_sat, percent } }
        });
        let others = [of_transaction, of_replacement].into_iter().flatten();
        others.fold(of_rate, |lowest, it| if it.fee_sat < lowest.fee_sat { it } else { lowest })
    }
}

impl Limit {
    /// Says what is needed, and that this limit is in its way. `text` writes an amount in satoshi
    /// for people.
    pub fn words(&self, needed_sat: u64, text: impl Fn(u64) -> String) -> String {
        let needed = text(needed_sat);
        match *self {
            Self::Rate(most) => format!(
                "the transaction needs {needed} for its fee, which is more than the cap of {} for \
                 1,000 virtual bytes",
                text(most)
            ),
            Self::PerTransaction(most) => format!(
                "the transaction needs {needed} for its fee, and the budget of one transaction \
                 (fee_max) is {}",
                text(most)
            ),
            Self::Replacement { first_sat, most_sat, percent } => format!(
                "the replacement needs {needed} for its fee, and the budget of replacements \
                 (replacement_budget_percent = {percent}) is {}, the first transaction having paid \
                 {}",
                text(most_sat),
                text(first_sat)
            ),
            Self::Unasked(most) => format!(
                "the transaction needs {needed} for its fee, a server hands over none that pays more \
                 than {} for 1,000 virtual bytes, and no node answers that does",
                text(most)
            ),
            Self::Parents { most_sat, percent } => format!(
                "what waits for too little before the transaction needs {needed} more, and the \
                 budget of replacements (replacement_budget_percent = {percent}) leaves {} for it",
                text(most_sat)
            ),
        }
    }
}

fn percent_of(sat: u64, percent: u32) -> u64 {
    let most = u128::from(sat) * u128::from(percent) / 100;
    u64::try_from(most).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        rate_max_sat_per_kvb: 50_000,
        fee_max_sat: None,
        replacement_budget_percent: 400,
        rate_ordinary_sat_per_kvb: 10_000,
    };

    #[test]
    fn the_lowest_limit_counts() {
        let of = |fee_max_sat, first: Option<u64>| {
            let first = first.map(|fee_sat| Paid { fee_sat, vsize: 200 });
            let found = Ceiling::of(&Limits { fee_max_sat, ..LIMITS }, first, 200);
            (found.fee_sat, found.limit)
        };
        let replacement =
            |first_sat, most_sat| Limit::Replacement { first_sat, most_sat, percent: 400 };
        assert_eq!(of(None, None), (10_000, Limit::Rate(50_000)));
        assert_eq!(of(Some(10_000), None), (10_000, Limit::Rate(50_000)));
        assert_eq!(of(Some(9_999), None), (9_999, Limit::PerTransaction(9_999)));
        assert_eq!(of(None, Some(1_000)), (4_000, replacement(1_000, 4_000)));
        assert_eq!(of(None, Some(3_000)), (10_000, Limit::Rate(50_000)));
        assert_eq!(of(Some(3_000), Some(1_000)), (3_000, Limit::PerTransaction(3_000)));
        assert_eq!(of(None, Some(u64::MAX)).0, 10_000, "nothing is too large to be counted");
    }

    #[test]
    fn what_began_at_little_may_be_brought_to_an_ordinary_rate() {
        let budget = |fee_sat, vsize| LIMITS.budget_sat(Paid { fee_sat, vsize });
        assert_eq!(budget(200, 200), 2_000, "ten for one");
        assert_eq!(budget(500, 200), 2_000);
        assert_eq!(budget(501, 200), 2_004, "four times as much");
    }

    #[test]
    fn for_those_before_it_a_transaction_pays_what_a_replacement_could() {
        let parents = Paid { fee_sat: 1_000, vsize: 200 };
        assert_eq!(LIMITS.check_parents(parents, 3_000), Ok(()));
        let limit = Limit::Parents { most_sat: 3_000, percent: 400 };
        assert_eq!(LIMITS.check_parents(parents, 3_001), Err(limit));
        let none = Paid { fee_sat: 0, vsize: 0 };
        assert_eq!(LIMITS.check_parents(none, 0), Ok(()));
    }

    #[test]
    fn the_words_name_budget_and_need() {
        let say = |limit: Limit| limit.words(6_005, |sat| format!("{sat} sat"));
        assert_eq!(
            say(Limit::Rate(50_000)),
            "the transaction needs 6005 sat for its fee, which is more than the cap of 50000 sat \
             for 1,000 virtual bytes"
        );
        assert_eq!(
            say(Limit::PerTransaction(6_004)),
            "the transaction needs 6005 sat for its fee, and the budget of one transaction \
             (fee_max) is 6004 sat"
        );
        assert_eq!(
            say(Limit::Parents { most_sat: 6_000, percent: 400 }),
            "what waits for too little before the transaction needs 6005 sat more, and the budget \
             of replacements (replacement_budget_percent = 400) leaves 6000 sat for it"
        );
        assert_eq!(
            say(Limit::Replacement { first_sat: 1_500, most_sat: 6_000, percent: 400 }),
            "the replacement needs 6005 sat for its fee, and the budget of replacements \
             (replacement_budget_percent = 400) is 6000 sat, the first transaction having paid \
             1500 sat"
        );
    }
}
