//! The token that is paid beside coins, which behaves as Tether's on this network and lets everybody
//! change everything, and a contract of somebody else's.

use anyhow::{Context as _, Result};
use tron_node::{Address, Chain, Deploy, TETHER};

use super::TRX;
use crate::kill::workload::Asset;

/// Who deploys and changes the token.
const SOMEBODY: Address = Address::from_tail([0x5b; 20]);

/// The beginnings of calls of `issue(address,uint256)`, `setPaused(bool)` and
/// `setBlackListed(address,bool)`.
const ISSUE: [u8; 4] = [0x86, 0x79, 0x04, 0xb4];
const SET_PAUSED: [u8; 4] = [0x16, 0xc3, 0x8b, 0x3c];
const SET_BLACKLISTED: [u8; 4] = [0x5c, 0xd8, 0xc0, 0x72];

/// What the token costs more in the block in which it is to run out of energy, in ten-thousandths: the
/// rail allows for a quarter.
const DEAR: i64 = 20_000;

/// The contracts of the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Contracts {
    /// The token.
    pub(super) token: Address,
    /// One that nobody here knows.
    pub(super) other: Address,
}

impl Contracts {
    /// Deploys both.
    ///
    /// # Errors
    /// If the code is none.
    pub(super) fn deploy(chain: &mut Chain) -> Result<Self> {
        let code = hex::decode(TETHER).context("the token's code")?;
        let mut deploy = || chain.deploy(&code, SOMEBODY, &Deploy::default());
        Ok(Self { token: deploy(), other: deploy() })
    }

    /// Gives somebody so many of the token, in its smallest units.
    pub(super) fn issue(self, chain: &mut Chain, to: &Address, units: u128) {
        self.change(chain, ISSUE, &[to.tail(), &units.to_be_bytes()]);
    }

    /// Puts somebody on the token's blacklist.
    pub(super) fn blacklist(self, chain: &mut Chain, who: &Address) {
        self.change(chain, SET_BLACKLISTED, &[who.tail(), &[1]]);
    }

    /// What somebody has of an asset after the newest block, in its smallest units.
    ///
    /// # Errors
    /// If the token does not say.
    pub(super) fn holding(self, chain: &Chain, asset: Asset, holder: &Address) -> Result<u128> {
        if asset == TRX {
            return Ok(u128::try_from(chain.balance(holder).unwrap_or(0))?);
        }
        let held = chain.token_balance(self.token, holder).context("the token tells no balance")?;
        u128::try_from(held).ok().context("more of the token than there can be")
    }

    /// Does something while the token undoes what it is asked for: it is paused, or costs more energy
    /// than anybody allows for.
    pub(super) fn while_failing<T>(
        self,
        chain: &mut Chain,
        is_paused: bool,
        act: impl FnOnce(&mut Chain) -> T,
    ) -> T {
        let set = |chain: &mut Chain, is_failing: bool| {
            if is_paused {
                self.change(chain, SET_PAUSED, &[&[u8::from(is_failing)]]);
            } else {
                chain.energy_factor(self.token, if is_failing { DEAR } else { 0 });
            }
        };
        set(chain, true);
        let done = act(chain);
        set(chain, false);
        done
    }

    fn change(self, chain: &mut Chain, selector: [u8; 4], words: &[&[u8]]) {
        chain.call_as(SOMEBODY, self.token, &call(selector, words));
    }
}

/// A call with words that begin with zeros.
fn call(selector: [u8; 4], words: &[&[u8]]) -> Vec<u8> {
    let mut data = selector.to_vec();
    for word in words {
        data.resize(data.len() + 32_usize.saturating_sub(word.len()), 0);
        data.extend(*word);
    }
    data
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kill::tron::TOKEN;

    /// The beginning of a call of `paused()`.
    const PAUSED: [u8; 4] = [0x5c, 0x97, 0x5a, 0xbb];

    #[test]
    fn the_token_is_issued_and_paused_for_as_long_as_something_is_done() {
        let mut chain = Chain::new(&tron_node::Options::default());
        let contracts = Contracts::deploy(&mut chain).unwrap();
        assert_ne!(contracts.token, contracts.other);
        let holder = Address::from_tail([7; 20]);
        contracts.issue(&mut chain, &holder, 1 << 70);
        assert_eq!(contracts.holding(&chain, TOKEN, &holder).unwrap(), 1 << 70);
        assert_eq!(contracts.holding(&chain, TRX, &holder).unwrap(), 0);
        let is_paused = |chain: &Chain| chain.ask(contracts.token, &PAUSED).unwrap()[31] == 1;
        assert!(contracts.while_failing(&mut chain, true, |it| is_paused(it)));
        assert!(!is_paused(&chain));
        assert!(!contracts.while_failing(&mut chain, false, |it| is_paused(it)));
        contracts.blacklist(&mut chain, &holder);
    }
}
