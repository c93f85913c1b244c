//! How much a transaction may offer for a unit of gas, and which of the operator's limits says so.
//! Pure.

use domain::money::Amount;

use crate::settings::Settings;

/// One of the operator's limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    /// The price of a unit of gas, in wei.
    PerGas(u128),
    /// The cost of one transaction.
    PerTransaction(Amount),
    /// The cost of a replacement, by what the first transaction of its number offered.
    Replacement {
        /// What that one offered.
        first: Amount,
        /// What may be offered in its place.
        most: Amount,
        /// How much that is, in percent.
        percent: u32,
    },
}

/// The most that may be offered for a unit of gas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ceiling {
    /// In wei.
    pub(crate) per_gas: u128,
    /// The limit that it comes from.
    pub(crate) limit: Limit,
}

impl Ceiling {
    /// The lowest of the operator's limits, for a transaction of so much gas for which `beside` wei
    /// may be charged beside the gas. `first` is what the first transaction of its number offered,
    /// if this one is a replacement.
    pub(crate) fn of(
        settings: &Settings,
        first: Option<Amount>,
        gas_limit: u64,
        beside: u128,
    ) -> Self {
        let cap = settings.max_fee_per_gas_cap_wei;
        let per_gas = |most: Amount| {
            let for_gas = most.units().saturating_sub(beside);
            for_gas.checked_div(u128::from(gas_limit)).unwrap_or(0)
        };
        let of_total = |limit, most| Self { per_gas: per_gas(most), limit };
        let of_transaction =
            settings.fee_max.map(|most| of_total(Limit::PerTransaction(most), most));
        let percent = settings.replacement_budget_percent;
        let of_replacement = first.map(|first| {
            let most = percent_of(first, percent);
            of_total(Limit::Replacement { first, most, percent }, most)
        });
        let of_cap = Self { per_gas: cap, limit: Limit::PerGas(cap) };
        [of_transaction, of_replacement]
            .into_iter()
            .flatten()
            .fold(of_cap, |lowest, it| if it.per_gas < lowest.per_gas { it } else { lowest })
    }

    /// Says that so much per gas is needed, and which limit is in its way. `text` writes an amount
    /// of wei for people.
    pub(crate) fn words(
        &self,
        needed_per_gas: u128,
        gas_limit: u64,
        beside: u128,
        text: impl Fn(Amount) -> String,
    ) -> String {
        let gas = needed_per_gas.saturating_mul(u128::from(gas_limit));
        let needed = Amount::from_units(gas.saturating_add(beside)).unwrap_or(Amount::MAX);
        let needed = text(needed);
        match self.limit {
            Limit::PerGas(cap) => {
                format!(
                    "the network asks for {needed_per_gas} wei per gas, and the cap is {cap} wei"
                )
            }
            Limit::PerTransaction(most) => format!(
                "the transaction needs up to {needed} for its fee, and the budget of one \
                 transaction (fee_max) is {}",
                text(most)
            ),
            Limit::Replacement { first, most, percent } => format!(
                "the replacement needs up to {needed} for its fee, and the budget of replacements \
                 (replacement_budget_percent = {percent}) is {}, the first transaction having \
                 offered {}",
                text(most),
                text(first)
            ),
        }
    }
}

fn percent_of(amount: Amount, percent: u32) -> Amount {
    let units = amount.units().saturating_mul(u128::from(percent)) / 100;
    Amount::from_units(units).unwrap_or(Amount::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn amount(units: u128) -> Amount {
        Amount::from_units(units).unwrap()
    }

    fn settings(cap: u128, fee_max: Option<u128>) -> Settings {
        let fee_max = fee_max.map(amount);
        Settings { max_fee_per_gas_cap_wei: cap, fee_max, ..Settings::default() }
    }

    #[test]
    fn the_lowest_limit_counts() {
        let of = |fee_max, first: Option<u128>, beside| {
            let found = Ceiling::of(&settings(50, fee_max), first.map(amount), 100, beside);
            (found.per_gas, found.limit)
        };
        let replacement = |first, most| Limit::Replacement {
            first: amount(first),
            most: amount(most),
            percent: 400,
        };
        assert_eq!(of(None, None, 7), (50, Limit::PerGas(50)));
        assert_eq!(of(Some(5_000), None, 0), (50, Limit::PerGas(50)));
        assert_eq!(of(Some(4_999), None, 0), (49, Limit::PerTransaction(amount(4_999))));
        assert_eq!(of(Some(5_000), None, 1), (49, Limit::PerTransaction(amount(5_000))));
        assert_eq!(of(Some(5_000), None, 5_001), (0, Limit::PerTransaction(amount(5_000))));
        assert_eq!(of(None, Some(1_000), 0), (40, replacement(1_000, 4_000)));
        assert_eq!(of(None, Some(2_000), 0), (50, Limit::PerGas(50)));
        assert_eq!(of(Some(3_000), Some(1_000), 0), (30, Limit::PerTransaction(amount(3_000))));
        assert_eq!(of(Some(4_500), Some(1_000), 500), (35, replacement(1_000, 4_000)));
    }

    #[test]
    fn the_words_name_budget_and_need() {
        let say = |settings: &Settings, first: Option<u128>| {
            let ceiling = Ceiling::of(settings, first.map(amount), 100, 5);
            ceiling.words(60, 100, 5, |it| format!("{} wei", it.units()))
        };
        assert_eq!(
            say(&settings(50, None), None),
            "the network asks for 60 wei per gas, and the cap is 50 wei"
        );
        assert_eq!(
            say(&settings(90, Some(6_004)), None),
            "the transaction needs up to 6005 wei for its fee, and the budget of one transaction \
             (fee_max) is 6004 wei"
        );
        assert_eq!(
            say(&settings(90, None), Some(1_500)),
            "the replacement needs up to 6005 wei for its fee, and the budget of replacements \
             (replacement_budget_percent = 400) is 6000 wei, the first transaction having offered \
             1500 wei"
        );
    }

    proptest! {
        #[test]
        fn nothing_under_the_ceiling_breaks_a_limit(
            cap in 0..u128::MAX,
            fee_max in proptest::option::of(0..u128::MAX / 2),
            first in proptest::option::of(0..u128::MAX / 2),
            gas_limit in 1..u64::MAX,
            beside in 0..u128::MAX,
        ) {
            let settings = settings(cap, fee_max);
            let found = Ceiling::of(&settings, first.map(amount), gas_limit, beside);
            prop_assert!(found.per_gas <= cap);
            for most in [fee_max, first.map(|it| it.saturating_mul(4))].into_iter().flatten() {
                let total = found.per_gas.checked_mul(u128::from(gas_limit)).unwrap();
                prop_assert!(found.per_gas == 0 || total.saturating_add(beside) <= most);
            }
        }
    }
}
