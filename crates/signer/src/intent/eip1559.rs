//! Transactions of EVM networks: type 2 of EIP-2718, described by EIP-1559.
//!
//! The payload is what is signed: `0x02 || rlp([chain_id, nonce, max_priority_fee_per_gas,
//! max_fee_per_gas, gas_limit, to, value, data, access_list])`.

use alloy_consensus::{SignableTransaction, TxEip1559, transaction::RlpEcdsaDecodableTx};
use domain::{lane::Lane, ports::Intent};

use super::evm::{self, Fields};

/// The format's name in [`domain::ports::UnsignedTx::format`].
pub const FORMAT: &str = "eip1559";

/// Checks that a transaction of `lane` makes the intent's payments and does nothing else.
///
/// The data is compared with the only bytes that mean them; a transaction whose encoding is not
/// the canonical one is refused.
///
/// # Errors
/// Says which field differs.
pub fn verify(payload: &[u8], lane: &Lane, intent: &Intent) -> Result<(), String> {
    evm::check_frame(payload, intent)?;
    let tx = decode(payload)?;
    if tx.max_priority_fee_per_gas > tx.max_fee_per_gas {
        return Err("max_priority_fee_per_gas is above max_fee_per_gas".to_owned());
    }
    if !tx.access_list.is_empty() {
        return Err("access_list is not empty".to_owned());
    }
    let fields = Fields {
        chain_id: tx.chain_id,
        nonce: tx.nonce,
        gas_limit: tx.gas_limit,
        gas_price: tx.max_fee_per_gas,
        gas_price_name: "max_fee_per_gas",
        to: tx.to,
        value: tx.value,
        data: &tx.input,
    };
    fields.check(lane, intent)
}

fn decode(payload: &[u8]) -> Result<TxEip1559, String> {
    let malformed = |why: &str| format!("payload is no EIP-1559 transaction: {why}");
    let Some((0x02, mut fields)) = payload.split_first() else {
        return Err(malformed("it does not begin with 0x02"));
    };
    let tx = TxEip1559::rlp_decode(&mut fields).map_err(|error| malformed(&error.to_string()))?;
    if tx.encoded_for_signing() != payload {
        return Err(malformed("its encoding is not canonical"));
    }
    Ok(tx)
}
