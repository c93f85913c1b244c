//! What happens to a transaction that is handed over (`Wallet.broadcastTransaction`).

use std::sync::Arc;

use super::{Chain, TxId};
use crate::{Code, checks, code::Refusal, received::Received, transaction::Transaction};

impl Chain {
    /// Hands over a signed transaction, as `wallet/broadcasthex` does. `None` if the bytes are
    /// none; the code and java-tron's text otherwise.
    pub fn broadcast(&mut self, bytes: &[u8]) -> Option<(Code, String)> {
        match Transaction::read(bytes) {
            Ok(tx) => Some(self.hand_over(bytes, tx)),
            Err(_) => {
                self.received.push(Received::unreadable(bytes));
                None
            }
        }
    }

    /// As above, when the bytes have been read.
    pub(crate) fn hand_over(&mut self, bytes: &[u8], tx: Transaction) -> (Code, String) {
        let tx = Arc::new(tx);
        let answer = match self.try_hand_over(&tx) {
            Ok(()) => (Code::Success, String::new()),
            Err(Refusal { code, text }) => (code, text),
        };
        self.received.push(Received::new(bytes, &tx, answer.0, &answer.1));
        self.known.insert(tx.id, tx);
        answer
    }

    fn try_hand_over(&mut self, tx: &Arc<Transaction>) -> Result<(), Refusal> {
        let busy = (self.pool.len() > self.parameters.pending_max).then_some(Code::ServerBusy);
        if let Some(code) = self.refuses.or(busy) {
            return Err(Refusal::new(code, words(code)));
        }
        if self.parameters.remember_ids && !self.seen.insert(tx.id) {
            return Err(Refusal::new(Code::DupTransactionError, "Transaction already exists."));
        }
        let head = self.head_at(self.head());
        checks::at_the_door(tx, &head)?;
        checks::signature(tx)?;
        // Whether it is there already is asked behind its reference, size and expiration, and
        // before anything that depends on accounts.
        checks::reference(tx, |number| self.recent(number))?;
        checks::common(tx, &head, &self.parameters, false)?;
        if self.has(&tx.id) {
            return Err(Refusal::new(Code::DupTransactionError, "Dup transaction."));
        }
        self.push(tx)
    }

    /// Whether a transaction waits or is in a block.
    pub fn has(&self, id: &TxId) -> bool {
        self.places.contains_key(id) || self.pool.iter().any(|it| it.tx.id == *id)
    }

    /// From now on everything that is handed over is refused with this code, before anything is
    /// looked at (`SERVER_BUSY` and the like); `None` ends that.
    pub fn refuse_broadcasts(&mut self, code: Option<Code>) {
        self.refuses = code;
    }

    /// Everything that was ever handed over, in order.
    pub fn received(&self) -> &[Received] {
        &self.received
    }
}

const fn words(code: Code) -> &'static str {
    match code {
        Code::ServerBusy => "Server busy.",
        Code::NoConnection => "No connection.",
        Code::NotEnoughEffectiveConnection => "P2P broadcast failed.",
        Code::BlockUnsolidified => "Block unsolidified.",
        Code::Success
        | Code::SigError
        | Code::ContractValidateError
        | Code::ContractExeError
        | Code::BandwithError
        | Code::DupTransactionError
        | Code::TaposError
        | Code::TooBigTransactionError
        | Code::TransactionExpirationError
        | Code::OtherError => "Error: null",
    }
}
