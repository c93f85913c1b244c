//! Whether a node takes replacements that does not say so itself.

use std::sync::atomic::{AtomicBool, Ordering};

use bitcoin::Transaction;
use domain::ports::Unreachable;

use super::{Chain, Place};

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

    /// Whether a node that refused `tx` with these words keeps a transaction that may be replaced, as
    /// all of ours may: then it replaces nothing.
    pub(super) async fn is_refused(
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
