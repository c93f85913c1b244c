//! Makes blocks, and undoes them.

use std::sync::Arc;

use super::{Chain, Solidified, TxId, WITNESS, Waiting};
use crate::{
    block::{Block, Included},
    checks::{self, SLOT_MS},
    code::Refusal,
    process::{Receipt, process},
    state::State,
    transaction::Transaction,
    wire::Header,
};

/// The longest block, in bytes, about: the header is not counted here.
const BLOCK_SIZE_MAX: usize = 2_000_000;

impl Chain {
    /// The next block, with all that waits and is still valid.
    pub fn mine(&mut self) {
        let candidates = self.pool.iter().map(|it| Arc::clone(&it.tx)).collect();
        self.make_block(candidates);
    }

    /// The next `count` blocks. What waits is in the first, as far as it is valid there.
    pub fn mine_many(&mut self, count: usize) {
        for _ in 0..count {
            self.mine();
        }
    }

    /// The next block, with these transactions only, in this order: those of the pool, and also
    /// those that were handed over once and that this node has forgotten, since other nodes may
    /// not have. What is not valid is left out.
    pub fn mine_only(&mut self, ids: &[TxId]) {
        let known = ids.iter().filter_map(|id| self.known.get(id).cloned());
        let signed = known.filter(|tx| checks::signature(tx).is_ok()).collect();
        self.make_block(signed);
    }

    /// The next block, with nothing in it.
    pub fn mine_empty(&mut self) {
        self.make_block(vec![]);
    }

    /// The next block comes so many slots of three seconds later.
    pub fn skip_slots(&mut self, count: u32) {
        self.skip += i64::from(count);
    }

    /// A reorganisation: the newest `count` blocks are gone. Their transactions wait again, as
    /// far as they are valid on what is left; what is mined next has other ids.
    ///
    /// # Errors
    /// If one of them is solid. Nothing has happened then.
    pub fn undo(&mut self, count: usize) -> Result<(), Solidified> {
        let left = self.blocks.len().checked_sub(count).ok_or(Solidified)?;
        if left <= self.solid {
            return Err(Solidified);
        }
        let gone = self.blocks.split_off(left);
        let now_ms = self.head().header.timestamp;
        self.branch = self.branch.wrapping_add(1);
        for included in gone.into_iter().flat_map(|block| block.transactions) {
            let Included { tx, receipt } = included;
            self.places.remove(&tx.id);
            self.pool.push(Waiting { tx, since_ms: now_ms, receipt });
        }
        self.push_again();
        Ok(())
    }

    /// How many blocks the newest solid one is behind the newest, from the next block on. What is
    /// solid stays solid.
    pub fn solid_lag(&mut self, blocks: u32) {
        self.solid_lag = i64::from(blocks);
        self.solidify();
    }

    /// While `frozen`, no more blocks become solid.
    pub fn freeze_solid(&mut self, frozen: bool) {
        self.solid_frozen = frozen;
        self.solidify();
    }

    fn solidify(&mut self) {
        let target = self.head().header.number - self.solid_lag;
        let target = usize::try_from(target).unwrap_or(0);
        if self.solid_frozen || target <= self.solid {
            return;
        }
        for block in &mut self.blocks[self.solid..target] {
            block.state = None;
        }
        self.solid = target;
    }

    fn make_block(&mut self, candidates: Vec<Arc<Transaction>>) {
        let header = self.next_header();
        let mut state = self.state().clone();
        let mut included: Vec<Included> = vec![];
        let mut size = 0;
        for tx in candidates {
            let twice = included.iter().any(|it| it.tx.id == tx.id);
            let is_full = size + tx.size > BLOCK_SIZE_MAX;
            if twice || is_full || self.places.contains_key(&tx.id) {
                continue;
            }
            // What has become invalid is dropped without a word.
            if let Ok(receipt) = self.carry_out(&tx, &mut state, &header, true) {
                size += tx.size;
                included.push(Included { tx, receipt: Arc::new(receipt) });
            }
        }
        self.skip = 0;
        for (place, one) in included.iter().enumerate() {
            self.places.insert(one.tx.id, (self.blocks.len(), place));
        }
        let mined = |waiting: &Waiting| included.iter().any(|it| it.tx.id == waiting.tx.id);
        self.pool.retain(|waiting| !mined(waiting));
        self.blocks.push(Block::new(header, included, state));
        self.solidify();
        self.push_again();
    }

    fn next_header(&self) -> Header {
        let head = self.head();
        let mut witness = WITNESS.bytes();
        witness[20] = self.branch;
        Header {
            timestamp: head.header.timestamp + SLOT_MS * (1 + self.skip),
            tx_trie_root: vec![],
            parent_hash: head.id.to_vec(),
            number: head.header.number + 1,
            witness_address: witness.to_vec(),
            version: 31,
        }
    }

    /// Checks a transaction and carries it out; leaves the state as it was if that cannot be.
    pub(super) fn carry_out(
        &self,
        tx: &Transaction,
        state: &mut State,
        header: &Header,
        in_block: bool,
    ) -> Result<Receipt, Refusal> {
        let head = self.head();
        checks::reference(tx, |number| self.recent(number))?;
        checks::common(tx, &self.head_at(head), &self.parameters, in_block)?;
        let mut scene = self.scene(head, header, &self.parameters);
        let checkpoint = state.checkpoint();
        match process(tx, state, &mut scene) {
            Ok(receipt) => {
                state.commit();
                Ok(receipt)
            }
            Err(refusal) => {
                state.roll_back(checkpoint);
                Err(refusal)
            }
        }
    }

    /// What is kept of the newest block whose number ends with these bytes: blocks are kept for
    /// 65,536 numbers.
    pub(super) fn recent(&self, number: [u8; 2]) -> Option<[u8; 8]> {
        let ending = i64::from(u16::from_be_bytes(number));
        let head = self.head().header.number;
        let back = (head - ending).rem_euclid(1 << 16);
        self.block(head - back).map(Block::reference)
    }

    /// Puts all that waits into the pool anew, on the newest block. What is not valid there, or
    /// has waited for too long, is forgotten.
    pub(super) fn push_again(&mut self) {
        let header = self.next_header();
        let mut state = self.state().clone();
        let now_ms = self.head().header.timestamp;
        let mut kept: Vec<Waiting> = vec![];
        for mut waiting in std::mem::take(&mut self.pool) {
            let id = waiting.tx.id;
            let too_old = now_ms - waiting.since_ms > self.parameters.pending_timeout_ms;
            let twice = kept.iter().any(|it| it.tx.id == id);
            if too_old || twice || self.places.contains_key(&id) {
                continue;
            }
            if let Ok(receipt) = self.carry_out(&waiting.tx, &mut state, &header, false) {
                waiting.receipt = Arc::new(receipt);
                kept.push(waiting);
            }
        }
        self.pool = kept;
        self.pending = state;
    }

    /// Adds a transaction to the pool, if it is valid behind what waits.
    pub(super) fn push(&mut self, tx: &Arc<Transaction>) -> Result<(), Refusal> {
        let header = self.next_header();
        let mut state = std::mem::take(&mut self.pending);
        let done = self.carry_out(tx, &mut state, &header, false);
        self.pending = state;
        let receipt = Arc::new(done?);
        let since_ms = self.head().header.timestamp;
        self.pool.push(Waiting { tx: Arc::clone(tx), since_ms, receipt });
        Ok(())
    }

    /// The node forgets a transaction that waits; it may be handed over again. Whether it was
    /// there.
    pub fn forget_pending(&mut self, id: &TxId) -> bool {
        let before = self.pool.len();
        self.pool.retain(|waiting| waiting.tx.id != *id);
        self.seen.remove(id);
        let was_there = self.pool.len() < before;
        self.push_again();
        was_there
    }

    /// The node forgets all that waits.
    pub fn forget_all_pending(&mut self) {
        self.pool.clear();
        self.seen.clear();
        self.push_again();
    }
}
