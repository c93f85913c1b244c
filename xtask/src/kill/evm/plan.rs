//! What is paid on this chain.

use super::{ETH, token};
use crate::kill::{
    random::Random,
    workload::{End, Wanted},
};

/// Draws payouts of the coin from a seed, each to an account that is not there yet.
pub(crate) fn plan(count: usize, seed: u64) -> Vec<Wanted> {
    let mut random = Random::new(seed);
    (0..count).map(|index| wanted(&mut random, seed, index)).collect()
}

fn wanted(random: &mut Random, seed: u64, index: usize) -> Wanted {
    let address =
        format!("0x{:016x}{:016x}{:08x}", random.next(), random.next(), random.below(1 << 32));
    Wanted {
        reference: format!("kill-{seed}-{index}"),
        place: address.clone(),
        address,
        asset: ETH,
        // About a thousandth of a coin; the last six digits are the index.
        units: 1_000_000_000_000_000
            + u128::from(random.below(1 << 30)) * 1_000_000
            + index as u128,
        gift: 0,
        end: End::Paid,
        approval: None,
    }
}

/// Draws payouts that can travel together: every second one is of the token, and who gets coins has
/// some: an account that has nothing is not there yet, and is paid coins alone.
pub(crate) fn mixed(count: usize, seed: u64) -> Vec<Wanted> {
    let mut all = plan(count, seed);
    for (index, wanted) in all.iter_mut().enumerate() {
        if index.is_multiple_of(2) {
            wanted.gift = 1;
        } else {
            pay_token(wanted);
        }
    }
    all
}

/// Makes it a payout of the token: about a thousand, and as different from others as before.
pub(crate) fn pay_token(wanted: &mut Wanted) {
    (wanted.asset, wanted.units) = (token::TOKEN, wanted.units / 1_000_000);
    wanted.place = token::place(&wanted.address);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{ETH, mixed, plan, token};

    #[test]
    fn a_plan_is_the_same_for_a_seed_and_all_its_payouts_differ() {
        let wanted = plan(500, 7);
        assert_eq!(wanted, plan(500, 7));
        assert_ne!(wanted, plan(500, 8));
        assert_eq!(wanted.iter().map(|it| &it.address).collect::<BTreeSet<_>>().len(), 500);
        assert_eq!(wanted.iter().map(|it| it.units).collect::<BTreeSet<_>>().len(), 500);
        assert!(wanted.iter().all(|it| it.address.len() == 42));
    }

    #[test]
    fn payouts_that_can_travel_together_are_of_two_assets() {
        let wanted = mixed(500, 7);
        let tokens: Vec<_> = wanted.iter().filter(|it| it.asset == token::TOKEN).collect();
        assert_eq!(tokens.len(), 250);
        assert!(wanted.iter().all(|it| (it.asset == ETH) == (it.gift > 0)));
        assert_eq!(wanted.iter().map(|it| it.units).collect::<BTreeSet<_>>().len(), 500);
        assert_eq!(tokens[0].place, format!("TOKEN {}", tokens[0].address));
    }
}
