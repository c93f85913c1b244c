//! What is paid on this chain, and to whom.

use anyhow::{Context as _, Result};
use tron_node::Address;

use super::{TOKEN, TRX, setup::Wallets, token::Contracts};
use crate::kill::{
    random::Random,
    workload::{Asset, End, Wanted},
};

/// What a recipient of coins has who is there already, in sun.
const GIFT_SUN: u128 = 5;

/// Why a payout cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// It goes to the wallet that pays.
    OwnWallet,
    /// It goes to the token's own contract.
    TokenContract,
    /// Coins go to a contract, which the network does not do.
    Contract,
    /// The recipient is on the token's blacklist.
    Blacklisted,
}

/// Those for which a payout is refused when it is asked for.
const FOUND_AT_ONCE: [Fault; 2] = [Fault::OwnWallet, Fault::TokenContract];
/// Those that are found when its transaction is to be made.
const FOUND_LATE: [Fault; 2] = [Fault::Contract, Fault::Blacklisted];

/// Draws payouts of coins and of the token, to recipients who are there and to others.
pub(super) struct Draw {
    contracts: Contracts,
    wallets: Wallets,
    random: Random,
    seed: u64,
    /// Who is to be on the token's blacklist.
    pub(super) blacklist: Vec<Address>,
}

impl Draw {
    /// Starts from a seed.
    pub(super) fn new(contracts: Contracts, wallets: Wallets, seed: u64) -> Self {
        Self { contracts, wallets, random: Random::new(seed), seed, blacklist: Vec::new() }
    }

    /// Draws so many payouts that can be made.
    pub(super) fn payouts(&mut self, count: usize) -> Vec<Wanted> {
        (0..count).map(|index| self.payout(index)).collect()
    }

    /// The same, all of them of the token.
    pub(super) fn tokens(&mut self, count: usize) -> Vec<Wanted> {
        let mut all = self.payouts(count);
        for wanted in &mut all {
            if let Some(to) = Address::parse(&wanted.address) {
                pay(wanted, TOKEN, &to, false);
            }
        }
        all
    }

    /// Draws payouts that cannot be made, as is found when their transactions are to be.
    pub(super) fn at_fault(&mut self, count: usize) -> Vec<Wanted> {
        let mut all = self.payouts(count);
        for (wanted, fault) in all.iter_mut().zip(FOUND_LATE.iter().cycle()) {
            self.spoil(wanted, *fault);
        }
        all
    }

    /// Draws payouts of which every tenth one cannot be made.
    pub(super) fn mixed(&mut self, count: usize) -> Vec<Wanted> {
        let faults = [FOUND_AT_ONCE, FOUND_LATE].concat();
        let mut all = self.payouts(count);
        for (wanted, fault) in all.iter_mut().skip(4).step_by(10).zip(faults.iter().cycle()) {
            self.spoil(wanted, *fault);
        }
        all
    }

    fn payout(&mut self, index: usize) -> Wanted {
        let mut tail = [0; 20];
        for part in tail.chunks_mut(4) {
            part.copy_from_slice(&self.random.next().to_be_bytes()[..4]);
        }
        let to = Address::from_tail(tail);
        let mut wanted = Wanted {
            reference: format!("kill-{}-{index}", self.seed),
            address: String::new(),
            place: String::new(),
            asset: TRX,
            // One to ten whole ones; the last four digits are the index.
            units: 1_000_000 + u128::from(self.random.below(900)) * 10_000 + index as u128 % 10_000,
            gift: if self.random.below(2) == 0 { GIFT_SUN } else { 0 },
            end: End::Paid,
            approval: None,
        };
        let asset = if self.random.below(2) == 0 { TRX } else { TOKEN };
        pay(&mut wanted, asset, &to, false);
        wanted
    }

    /// Makes it a payout that cannot be made.
    fn spoil(&mut self, wanted: &mut Wanted, fault: Fault) {
        let is_found_at_once = FOUND_AT_ONCE.contains(&fault);
        wanted.end = if is_found_at_once { End::Refused } else { End::Unpaid };
        match fault {
            Fault::OwnWallet => pay(wanted, wanted.asset, &self.wallets.hot, true),
            Fault::TokenContract => pay(wanted, wanted.asset, &self.contracts.token, true),
            Fault::Contract => pay(wanted, TRX, &self.contracts.other, true),
            Fault::Blacklisted => {
                let to = Address::parse(&wanted.address);
                self.blacklist.extend(to);
                if let Some(to) = to {
                    pay(wanted, TOKEN, &to, false);
                }
            }
        }
    }
}

/// Makes it a payout of this asset to this recipient, who may be that of others, too.
fn pay(wanted: &mut Wanted, asset: Asset, to: &Address, is_shared: bool) {
    (wanted.asset, wanted.address) = (asset, to.to_string());
    wanted.gift = if is_shared { 0 } else { wanted.gift };
    wanted.place = place(asset, to, is_shared.then_some(wanted.units));
}

/// The place of what somebody gets of an asset; with how much it is, if others are paid to the same.
pub(super) fn place(asset: Asset, to: &Address, shared: Option<u128>) -> String {
    match shared {
        None => format!("{} {to}", asset.id),
        Some(units) => format!("{} {to} {units}", asset.id),
    }
}

/// The recipient of a payout.
///
/// # Errors
/// If it has none.
pub(super) fn recipient(wanted: &Wanted) -> Result<Address> {
    let address = &wanted.address;
    Address::parse(address).with_context(|| format!("{address} is no address"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn draw(seed: u64) -> Draw {
        let address = |number| Address::from_tail([number; 20]);
        let contracts = Contracts { token: address(1), other: address(2) };
        Draw::new(contracts, Wallets { hot: address(3), station: None }, seed)
    }

    #[test]
    fn a_plan_is_the_same_for_a_seed_and_all_its_payouts_differ() {
        let all = draw(7).mixed(400);
        assert_eq!(all, draw(7).mixed(400));
        assert_ne!(all, draw(8).mixed(400));
        assert_eq!(all.iter().map(|it| &it.place).collect::<BTreeSet<_>>().len(), 400);
        assert_eq!(all.iter().map(|it| it.units).collect::<BTreeSet<_>>().len(), 400);
        let count = |is_it: fn(&Wanted) -> bool| all.iter().filter(|it| is_it(it)).count();
        assert_eq!(count(|it| it.end == End::Refused), 20);
        assert_eq!(count(|it| it.end == End::Unpaid), 20);
        assert!(count(|it| it.asset == TRX && it.gift == 0) > 50);
        assert!(count(|it| it.asset == TRX && it.gift > 0) > 50);
        assert!(count(|it| it.asset == TOKEN) > 100);
    }

    #[test]
    fn what_cannot_be_made_says_why() {
        let mut draw = draw(7);
        let all = draw.at_fault(4);
        assert!(all.iter().all(|it| it.end == End::Unpaid));
        let other = draw.contracts.other;
        assert_eq!((recipient(&all[0]).unwrap(), all[0].asset), (other, TRX));
        assert_eq!((recipient(&all[1]).unwrap(), all[1].asset), (draw.blacklist[0], TOKEN));
        let refused: Vec<_> =
            draw.mixed(20).into_iter().filter(|it| it.end == End::Refused).collect();
        let (own, token) = (draw.wallets.hot, draw.contracts.token);
        assert_eq!(
            refused.iter().map(|it| recipient(it).unwrap()).collect::<Vec<_>>(),
            [own, token]
        );
        assert!(draw.tokens(20).iter().all(|it| it.asset == TOKEN && it.end == End::Paid));
    }
}
