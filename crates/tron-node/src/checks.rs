//! What a transaction must be before it is carried out
//! ([Manager](https://github.com/tronprotocol/java-tron/blob/develop/framework/src/main/java/org/tron/core/db/Manager.java),
//! [TransactionCapsule](https://github.com/tronprotocol/java-tron/blob/develop/chainbase/src/main/java/org/tron/core/capsule/TransactionCapsule.java)).

use crate::{
    Address, Code, Parameters,
    code::Refusal,
    signature,
    transaction::{Deed, Transaction},
};

/// The longest transaction, in bytes.
const SIZE_MAX: usize = 500 * 1_024;

/// What is kept free for a result, in bytes.
pub(crate) const RESULT_SIZE: usize = 64;

/// How far ahead a transaction may expire.
const EXPIRES_WITHIN_MS: i64 = 24 * 60 * 60 * 1_000;

/// The time between two blocks.
pub(crate) const SLOT_MS: i64 = 3_000;

/// The block that others are made on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head {
    pub(crate) time_ms: i64,
    pub(crate) genesis_ms: i64,
}

impl Head {
    /// Its slot, by which resources come back.
    pub(crate) fn slot(&self) -> i64 {
        (self.time_ms - self.genesis_ms) / SLOT_MS
    }
}

/// `validatePubSignature`: an account's own key must have signed, once. Changed permissions are
/// not modelled.
pub(crate) fn signature(tx: &Transaction) -> Result<(), Refusal> {
    let Some(contract) = tx.raw.contract.first().filter(|_| !tx.signatures.is_empty()) else {
        return Err(Refusal::signature("miss sig or contract"));
    };
    let count = tx.signatures.len();
    if count > 5 {
        return Err(Refusal::signature("too many signatures"));
    }
    if ![0, 2].contains(&contract.permission_id) {
        return Err(Refusal::signature("permission isn't exit"));
    }
    if count > 1 {
        let text = format!("Signature count is {count} more than key counts of permission : 1");
        return Err(Refusal::signature(text));
    }
    for one in &tx.signatures {
        let signer = signer(&tx.id, one).map_err(Refusal::signature)?;
        if tx.owner() != Some(signer) {
            let one = hex::encode(one);
            let text =
                format!("{one} is signed by {signer} but it is not contained of permission.");
            return Err(Refusal::signature(text));
        }
    }
    Ok(())
}

fn signer(id: &[u8; 32], bytes: &[u8]) -> Result<Address, String> {
    let Some(v) = bytes.get(64) else {
        return Err(format!("Signature size is {}", bytes.len()));
    };
    // A signed byte in Java.
    let v = i16::from(v.cast_signed());
    let header = if v < 27 { v + 27 } else { v };
    let number = match header {
        27..=30 => header - 27,
        31..=34 => header - 31,
        _ => return Err(format!("Header byte out of range: {header}")),
    };
    let number = u8::try_from(number).unwrap_or_default();
    let none = || "Could not recover public key from signature".to_owned();
    signature::recover(id, &bytes[..64], number).ok_or_else(none)
}

/// `validateTapos`: `recent` says what is kept of the block with these last two bytes of its
/// number.
pub(crate) fn reference(
    tx: &Transaction,
    recent: impl FnOnce([u8; 2]) -> Option<[u8; 8]>,
) -> Result<(), Refusal> {
    let number = <[u8; 2]>::try_from(&tx.raw.ref_block_bytes[..]).ok();
    let found = number.and_then(recent);
    if found.is_some_and(|hash| hash == tx.raw.ref_block_hash[..]) {
        return Ok(());
    }
    Err(Refusal::new(Code::TaposError, "Tapos check error."))
}

/// `validateCommon`: size and expiration.
pub(crate) fn common(
    tx: &Transaction,
    head: &Head,
    parameters: &Parameters,
    in_block: bool,
) -> Result<(), Refusal> {
    let id = tx.id_hex();
    let with_result = tx.size + 2 * RESULT_SIZE;
    if !in_block && with_result > SIZE_MAX {
        let text = format!(
            "Too big transaction with result, TxId {id}, the size is {with_result} bytes, \
             maxTxSize {SIZE_MAX}"
        );
        return Err(Refusal::new(Code::TooBigTransactionError, text));
    }
    let expiration = tx.raw.expiration;
    let too_late_for_slot = expiration < head.time_ms + SLOT_MS;
    if in_block && parameters.strict_expiration && too_late_for_slot {
        return Err(Refusal::expired());
    }
    if expiration <= head.time_ms || expiration > head.time_ms + EXPIRES_WITHIN_MS {
        return Err(Refusal::expired());
    }
    Ok(())
}

/// What is looked at when a transaction is handed over, before anything else: that it has a
/// contract, and does not expire before the next block can be.
pub(crate) fn at_the_door(tx: &Transaction, head: &Head) -> Result<(), Refusal> {
    if matches!(tx.deed, Deed::Count(0)) {
        return Err(Refusal::invalid("No contract!"));
    }
    if tx.raw.expiration < head.time_ms + SLOT_MS {
        return Err(Refusal::expired());
    }
    Ok(())
}
