//! Which of a lane's coins may be spent now. Pure.

use std::collections::{BTreeMap, BTreeSet};

use bitcoin::{OutPoint, Txid};

use crate::{chain, drafting::Coin};

/// A coin that a block itself made can be spent after so many blocks (`COINBASE_MATURITY` in
/// Bitcoin Core's `consensus/consensus.h`). One more is waited for, as wallets do, so that the loss
/// of the newest block changes nothing.
const COINBASE_BLOCKS: u32 = 100;

/// How many transactions that wait for a block may depend on each other, the new one counted
/// (`DEFAULT_ANCESTOR_LIMIT`; of descendants there may be as many).
const CHAIN_MAX: u32 = 25;

/// How large they may be together, in virtual bytes (`DEFAULT_ANCESTOR_SIZE_LIMIT_KVB`, and of
/// descendants likewise).
const CHAIN_VSIZE_MAX: u64 = 101_000;

/// A transaction that waits for a block, with all of those that wait which it depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Waiting {
    /// How many they are, itself counted.
    pub(crate) count: u32,
    /// Their size together, in virtual bytes.
    pub(crate) vsize: u64,
}

/// Whether nodes take a child of so many virtual bytes of a transaction that waits.
pub(crate) fn has_room(parent: Waiting, child_vsize: u64) -> bool {
    parent.count < CHAIN_MAX && parent.vsize.saturating_add(child_vsize) <= CHAIN_VSIZE_MAX
}

/// What a lane holds, and what of it may be touched.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Purse<'a> {
    /// The height of the newest block.
    pub(crate) tip_height: u32,
    /// What other transactions of the lane spend, whether a node knows them or not.
    pub(crate) reserved: &'a BTreeSet<OutPoint>,
    /// The lane's own transactions that wait for a block and whose outputs may be spent. Empty where
    /// only what is in a block may be; a replacement adds no others (BIP-125, rule 2).
    pub(crate) unconfirmed: &'a BTreeMap<Txid, Waiting>,
    /// How large the new transaction may become, in virtual bytes.
    pub(crate) vsize: u64,
}

impl Purse<'_> {
    /// The coins that may be spent, whichever of them are: all that wait for a block are counted as
    /// if they were spent together, the ones with the shortest chains first.
    pub(crate) fn spendable(&self, coins: &[chain::Coin]) -> Vec<Coin> {
        let free = |it: &&chain::Coin| !self.reserved.contains(&it.outpoint);
        let origins = coins.iter().filter(free).map(|it| it.outpoint.txid).collect();
        let allowed = self.allowed(&origins);
        let may = |it: &&chain::Coin| {
            let is_there = match it.height {
                Some(height) if it.is_coinbase => {
                    self.tip_height.saturating_sub(height) >= COINBASE_BLOCKS
                }
                Some(_) => true,
                None => !it.is_coinbase && allowed.contains(&it.outpoint.txid),
            };
            is_there && !self.reserved.contains(&it.outpoint)
        };
        let plain = |it: &chain::Coin| Coin { outpoint: it.outpoint, value_sat: it.value_sat };
        coins.iter().filter(may).map(plain).collect()
    }

    /// Those that wait and may be depended on, all of them together. Ones whose outputs are spent
    /// already count for those that spent them only.
    fn allowed(&self, origins: &BTreeSet<Txid>) -> BTreeSet<Txid> {
        let mut room =
            Waiting { count: CHAIN_MAX - 1, vsize: CHAIN_VSIZE_MAX.saturating_sub(self.vsize) };
        let pairs = self.unconfirmed.iter().filter(|it| origins.contains(it.0));
        let pairs = pairs.map(|(txid, it)| (*it, *txid));
        let sorted: BTreeSet<(Waiting, Txid)> = pairs.collect();
        let mut allowed = BTreeSet::new();
        for (it, txid) in sorted {
            let count = room.count.checked_sub(it.count.max(1));
            let (Some(count), Some(vsize)) = (count, room.vsize.checked_sub(it.vsize)) else {
                continue;
            };
            room = Waiting { count, vsize };
            allowed.insert(txid);
        }
        allowed
    }
}

#[cfg(test)]
mod tests {
    use bitcoin::hashes::Hash;

    use super::*;

    fn txid(number: u8) -> Txid {
        Txid::from_byte_array([number; 32])
    }

    fn coin(number: u8, height: Option<u32>, is_coinbase: bool) -> chain::Coin {
        let outpoint = OutPoint { txid: txid(number), vout: 0 };
        chain::Coin { outpoint, value_sat: u64::from(number), height, is_coinbase }
    }

    fn found(purse: Purse<'_>, coins: &[chain::Coin]) -> Vec<u64> {
        purse.spendable(coins).into_iter().map(|it| it.value_sat).collect()
    }

    const NOTHING: &BTreeSet<OutPoint> = &BTreeSet::new();
    const NOBODY: &BTreeMap<Txid, Waiting> = &BTreeMap::new();

    #[test]
    fn coins_of_a_block_itself_ripen() {
        let coins = [coin(1, Some(100), true), coin(2, Some(100), false), coin(3, None, true)];
        let at = |tip_height| {
            found(Purse { tip_height, reserved: NOTHING, unconfirmed: NOBODY, vsize: 0 }, &coins)
        };
        assert_eq!(at(199), [2]);
        assert_eq!(at(200), [1, 2]);
        assert_eq!(at(50), [2], "a node that lost blocks lets nothing ripen");
    }

    #[test]
    fn what_is_spent_already_is_left_alone() {
        let coins = [coin(1, Some(1), false), coin(2, Some(1), false)];
        let reserved = BTreeSet::from([coins[0].outpoint]);
        let purse = Purse { tip_height: 9, reserved: &reserved, unconfirmed: NOBODY, vsize: 0 };
        assert_eq!(found(purse, &coins), [2]);
    }

    #[test]
    fn unconfirmed_coins_are_spent_if_allowed_and_no_chain_grows_too_long() {
        let coins: Vec<chain::Coin> = (1..=5).map(|it| coin(it, None, false)).collect();
        let with = |vsize: u64, chains: &[(u8, u32)]| {
            let waiting = |count: u32| Waiting { count, vsize: u64::from(count) * 1_000 };
            let unconfirmed =
                chains.iter().map(|(it, count)| (txid(*it), waiting(*count))).collect();
            let purse =
                Purse { tip_height: 9, reserved: NOTHING, unconfirmed: &unconfirmed, vsize };
            found(purse, &coins)
        };
        assert_eq!(with(200, &[]), [0_u64; 0]);
        assert_eq!(with(200, &[(2, 1)]), [2]);
        assert_eq!(with(200, &[(2, 24)]), [2], "24 that wait and the new one");
        assert_eq!(with(200, &[(2, 25)]), [0_u64; 0]);
        assert_eq!(with(200, &[(1, 20), (2, 1), (3, 3)]), [1, 2, 3], "24 in all");
        assert_eq!(with(200, &[(1, 21), (2, 1), (3, 3)]), [2, 3]);
        assert_eq!(with(200, &[(1, 0)]), [1]);
        assert_eq!(with(99_000, &[(1, 2)]), [1], "101,000 virtual bytes in all");
        assert_eq!(with(99_001, &[(1, 2)]), [0_u64; 0]);
        assert_eq!(with(99_001, &[(1, 1), (2, 2), (3, 1)]), [1]);
        // Of a chain, only the change of the last is there.
        assert_eq!(with(200, &[(5, 24), (6, 1), (7, 2), (8, 23)]), [5]);
    }
}
