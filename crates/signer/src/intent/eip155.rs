//! Transactions of EVM networks in the form from before EIP-2718, bound to a chain by EIP-155.
//!
//! The payload is what is signed: `rlp([nonce, gas_price, gas_limit, to, value, data, chain_id, 0,
//! 0])`.

use alloy_consensus::{SignableTransaction, TxLegacy};
use alloy_rlp::Decodable;
use domain::{lane::Lane, ports::Intent};

use super::evm::{self, Fields};

/// The format's name in [`domain::ports::UnsignedTx::format`].
pub const FORMAT: &str = "eip155";

/// Checks that a transaction of `lane` makes the intent's payments and does nothing else; as
/// strict as [`super::eip1559::verify`].
///
/// # Errors
/// Says which field differs.
pub fn verify(payload: &[u8], lane: &Lane, intent: &Intent) -> Result<(), String> {
    evm::check_frame(payload, intent)?;
    let malformed = |why: &str| format!("payload is no EIP-155 transaction: {why}");
    let tx = TxLegacy::decode(&mut &*payload).map_err(|error| malformed(&error.to_string()))?;
    // Also finds what comes after the end, and last fields that are not zero.
    if tx.encoded_for_signing() != payload {
        return Err(malformed("its encoding is not canonical"));
    }
    let fields = Fields {
        chain_id: tx.chain_id.ok_or("chain_id is missing: any chain would take the transaction")?,
        nonce: tx.nonce,
        gas_limit: tx.gas_limit,
        gas_price: tx.gas_price,
        gas_price_name: "gas_price",
        to: tx.to,
        value: tx.value,
        data: &tx.input,
    };
    fields.check(lane, intent)
}
