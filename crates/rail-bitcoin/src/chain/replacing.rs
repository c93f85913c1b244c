//! What a node means that does not take a transaction, and whether one takes replacements that does
//! not say so itself.

use std::sync::atomic::{AtomicBool, Ordering};

use bitcoin::Transaction;
use domain::ports::{Handover, Unreachable};

use super::{Chain, Place, handover};

/// The words of a node that keeps what spends the same coins. Nodes that replace what signals for it
/// say so only of what does not; Litecoin Core without `-mempoolreplacement` says so of everything.
const CONFLICT: &str = "txn-mempool-conflict";

/// What is assumed, until the node shows otherwise.
pub(super) struct Replacing {
    assumed: bool,
    was_refused: AtomicBool,
}

impl Replacing {
    /// What the operator, or the network's row, says.
    pub(super) fn assumed(assumed: bool) -> Self {
        Self { assumed, was_refused: AtomicBool::new(false) }
    }

    /// Whether replacements are taken, as far as is known.
    pub(super) fn is_likely(&self) -> bool {
        self.assumed && !self.was_refused.load(Ordering::Relaxed)
    }

    /// What a node means that did not take `tx` and said these words.
    pub(super) async fn refused(
        &self,
        chain: &dyn Chain,
        tx: &Transaction,
        words: &str,
    ) -> Result<Handover, Unreachable> {
        let sorted = handover::sort(words);
        if sorted == Handover::Accepted {
            return Ok(sorted);
        }
        // One that is in a block, with all its outputs spent, is refused for its inputs.
        match chain.place(tx.compute_txid()).await? {
            Place::Block(_) | Place::Mempool => Ok(Handover::Accepted),
            Place::Nowhere if self.is_refused(chain, tx, words).await? => Ok(Handover::Excluded),
            Place::Nowhere => Ok(sorted),
        }
    }

    /// Whether a node that refused `tx` with these words keeps a transaction that may be replaced, as
    /// all of ours may: then it replaces nothing.
    async fn is_refused(
        &self,
        chain: &dyn Chain,
        tx: &Transaction,
        words: &str,
    ) -> Result<bool, Unreachable> {
        if !words.contains(CONFLICT) {
            return Ok(false);
        }
        for input in &tx.input {
            let Some((txid, Place::Mempool)) = chain.spender(input.previous_output).await? else {
                continue;
            };
            let kept = chain.transaction(txid).await?;
            if !kept.is_explicitly_rbf() {
                return Ok(false);
            }
            if !self.was_refused.swap(true, Ordering::Relaxed) && self.assumed {
                tracing::warn!(
                    %txid,
                    "the node replaces nothing, whatever node_replaces says: what waits for too \
                     little is paid for by spending its change"
                );
            }
            return Ok(true);
        }
        Ok(false)
    }
}
