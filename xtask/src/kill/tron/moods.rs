//! What those are up to who make the blocks: some forget what waits, leave it out, come late, or undo
//! what others made.
//!
//! A transaction lives for five blocks of this chain, so that now and then one is over before it is in
//! any, and another one is made once that is proven: what must not pay twice. Some of what was left out
//! is in a block all the same, because other nodes had it: later, or in the place of one that is undone,
//! where it was over already.

use tron_node::{Chain, TxId};

use super::LAG_BLOCKS;
use crate::kill::random::Random;

/// One mood of so many is other than usual.
const MOODS: u64 = 16;

/// How long a branch becomes that will not last: as long as none of it is final, and as a payout needs
/// to be paid anew on it if that is not proven.
const BRANCH_BLOCKS: u64 = 4;

/// How many transactions are remembered that were left out.
const LEFT_OUT_MAX: usize = 100;

/// After so many slots without a block everything is over that was made before.
const LATE_SLOTS: u32 = 10;

/// The price of a unit of energy that is usual, in sun, and by how much deaths raise it at most: the
/// rail allows for a quarter more.
pub(super) const ENERGY_SUN: i64 = 100;
const ENERGY_MORE_SUN: u64 = 20;

/// Who makes blocks.
pub(super) struct Moods {
    random: Random,
    /// What was left out, and others may have.
    left_out: Vec<TxId>,
    /// Of a branch that will not last: how many blocks it has, the first of which is late. It begins as
    /// soon as something waits.
    branch: Option<u64>,
}

impl Moods {
    /// Starts from a seed.
    pub(super) fn new(seed: u64) -> Self {
        Self { random: Random::new(seed), left_out: Vec::new(), branch: None }
    }

    /// Makes a block, or several in the place of others.
    pub(super) fn mine(&mut self, chain: &mut Chain) {
        if let Some(blocks) = self.branch.take() {
            return self.follow(chain, blocks);
        }
        match self.random.below(MOODS) {
            0 => {
                self.leave_out(chain);
                chain.forget_all_pending();
                chain.mine_empty();
            }
            1 => {
                self.leave_out(chain);
                chain.mine_empty();
            }
            // It may hold what is over when it is made, since the block before is older.
            2 => {
                chain.skip_slots(self.slots());
                chain.mine();
            }
            3 => {
                self.leave_out(chain);
                chain.skip_slots(LATE_SLOTS);
                chain.mine_empty();
            }
            4 => self.follow(chain, 0),
            5 => {
                let (depth, is_forgotten) = (1 + self.random.below(3), self.random.below(2) == 0);
                let others = if self.random.below(2) == 0 { &[] } else { &self.left_out[..] };
                undo(chain, depth, is_forgotten, others);
            }
            6 => {
                let all: Vec<TxId> = self.left_out.drain(..).chain(chain.pending()).collect();
                chain.mine_only(&all);
            }
            _ => chain.mine(),
        }
    }

    /// Makes a branch longer, or another one in its place: what is over on the first one is in a block
    /// of the second.
    fn follow(&mut self, chain: &mut Chain, blocks: u64) {
        let begins = blocks > 0 || !chain.pending().is_empty();
        match blocks {
            BRANCH_BLOCKS.. => return undo(chain, blocks, false, &self.left_out),
            0 if begins => {
                self.leave_out(chain);
                chain.skip_slots(LATE_SLOTS);
                chain.mine_empty();
            }
            _ => chain.mine(),
        }
        self.branch = Some(if begins { blocks + 1 } else { 0 });
    }

    /// Remembers what waits and is in no block for now.
    fn leave_out(&mut self, chain: &Chain) {
        self.left_out.extend(chain.pending());
        let old = self.left_out.len().saturating_sub(LEFT_OUT_MAX);
        self.left_out.drain(..old);
    }

    fn slots(&mut self) -> u32 {
        1 + u32::try_from(self.random.below(6)).unwrap_or_default()
    }
}

/// Undoes so many of the newest blocks, as far as that can be; as many take their place, and one more.
/// They are empty but for `others` in the first of them. What was in those that are undone waits again,
/// or is forgotten.
pub(super) fn undo(chain: &mut Chain, depth: u64, is_forgotten: bool, others: &[TxId]) {
    let solid = chain.head_number() - chain.solid_number();
    let depth = usize::try_from(solid.min(i64::try_from(depth).unwrap_or(solid))).unwrap_or(0);
    if chain.undo(depth).is_ok() && is_forgotten {
        chain.forget_all_pending();
    }
    chain.mine_only(others);
    (0..depth).for_each(|_| chain.mine_empty());
}

/// Lets these transactions come to their end in no block: the next one is late, and does not have
/// them. Then so many blocks follow that this is proven.
pub(super) fn lapse(chain: &mut Chain, lost: &[TxId]) {
    chain.skip_slots(LATE_SLOTS);
    let others: Vec<TxId> = chain.pending().into_iter().filter(|it| !lost.contains(it)).collect();
    chain.mine_only(&others);
    settle(chain);
}

/// Lets everything come to its end that was made and is in no block. Then so many empty blocks follow
/// that all that may still be undone is as the newest.
pub(super) fn leave_all_out(chain: &mut Chain) {
    chain.forget_all_pending();
    chain.skip_slots(LATE_SLOTS);
    (0..=LAG_BLOCKS).for_each(|_| chain.mine_empty());
}

/// Makes so many blocks that what is in the newest one is final.
pub(super) fn settle(chain: &mut Chain) {
    (0..LAG_BLOCKS).for_each(|_| chain.mine());
}

/// What happens while the gateway is dead: energy has another price, and perhaps the node has forgotten
/// what waits, some blocks are undone, or one comes late.
pub(super) fn upset(chain: &mut Chain, random: &mut Random) {
    let more = i64::try_from(1 + random.below(ENERGY_MORE_SUN)).unwrap_or_default();
    let price = ENERGY_SUN + more;
    // Another one in any case.
    let is_same = chain.parameters.energy_price == price;
    chain.parameters.energy_price = if is_same { ENERGY_SUN } else { price };
    match random.below(5) {
        0 => chain.forget_all_pending(),
        1 => undo(chain, 1 + random.below(2), random.below(2) == 0, &[]),
        2 => {
            chain.skip_slots(LATE_SLOTS);
            chain.mine_empty();
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kill::tron::setup::options;

    #[test]
    fn blocks_are_made_in_every_mood_and_what_is_final_stays() {
        let mut chain = Chain::new(&options());
        let (mut moods, mut random) = (Moods::new(7), Random::new(8));
        let mut solid = Vec::new();
        for _ in 0..500 {
            let before = chain.head_number();
            moods.mine(&mut chain);
            assert!(chain.head_number() > before);
            // Nothing waits here, so that no branch would ever begin.
            moods.branch = moods.branch.map(|it| it.max(1));
            let number = chain.solid_number();
            solid.push((number, chain.block_id(number)));
            let price = chain.parameters.energy_price;
            upset(&mut chain, &mut random);
            assert_ne!(chain.parameters.energy_price, price);
            assert!((100..=120).contains(&chain.parameters.energy_price));
        }
        assert!(solid.iter().all(|(number, id)| chain.block_id(*number) == *id));
    }

    #[test]
    fn undoing_more_than_there_is_undoes_what_is_not_final() {
        let mut chain = Chain::new(&options());
        settle(&mut chain);
        let first = chain.block_id(0);
        undo(&mut chain, 9, true, &[]);
        assert_eq!((chain.block_id(0), chain.head_number()), (first, LAG_BLOCKS + 1));
        lapse(&mut chain, &[]);
        assert_eq!(chain.solid_number(), LAG_BLOCKS + 2);
    }
}
