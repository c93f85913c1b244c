//! Transactions of EVM networks: type 2 of EIP-2718, described by EIP-1559.
//!
//! The payload is what is signed: `0x02 || rlp([chain_id, nonce, max_priority_fee_per_gas,
//! max_fee_per_gas, gas_limit, to, value, data, access_list])`.

use alloy_consensus::{SignableTransaction, TxEip1559, transaction::RlpEcdsaDecodableTx};
use alloy_primitives::{Address, TxKind, U256};
use domain::ports::{Intent, Payment};

use super::same;

/// The format's name in [`domain::ports::UnsignedTx::format`].
pub const FORMAT: &str = "eip1559";

/// The family of networks whose transactions these are.
pub const FAMILY: &str = "evm";

/// More than any transaction that pays once.
const PAYLOAD_BYTES_MAX: usize = 1024;

/// The first four bytes of the Keccak-256 hash of `transfer(address,uint256)` (ERC-20).
const TRANSFER_SELECTOR: [u8; 4] = [0xa9, 0x05, 0x9c, 0xbb];

/// Checks that a transaction makes the intent's one payment and does nothing else.
///
/// `data` of a token transfer is compared with the only 68 bytes that mean it; a transaction whose
/// encoding is not the canonical one is refused.
///
/// # Errors
/// Says which field differs.
pub fn verify(payload: &[u8], intent: &Intent) -> Result<(), String> {
    if intent.network.family != FAMILY {
        return Err(format!("{} is no network of family {FAMILY}", intent.network.id));
    }
    let [payment] = intent.payments.as_slice() else {
        let count = intent.payments.len();
        return Err(format!("payments: there are {count} in the intent; this format makes one"));
    };
    let tx = decode(payload)?;
    same("chain_id", &tx.chain_id, &chain_id(intent)?)?;
    let sequence = intent.sequence.ok_or("nonce: the intent names no sequence")?;
    same("nonce", &tx.nonce, &sequence)?;
    check_fee(&tx, intent)?;
    if !tx.access_list.is_empty() {
        return Err("access_list is not empty".to_owned());
    }
    let TxKind::Call(to) = tx.to else {
        return Err("to is empty: the transaction would create a contract".to_owned());
    };
    check_payment(&tx, to, payment)
}

fn decode(payload: &[u8]) -> Result<TxEip1559, String> {
    let malformed = |why: &str| format!("payload is no EIP-1559 transaction: {why}");
    if payload.len() > PAYLOAD_BYTES_MAX {
        return Err(malformed("it is too long"));
    }
    let Some((0x02, mut fields)) = payload.split_first() else {
        return Err(malformed("it does not begin with 0x02"));
    };
    let tx = TxEip1559::rlp_decode(&mut fields).map_err(|error| malformed(&error.to_string()))?;
    if tx.encoded_for_signing() != payload {
        return Err(malformed("its encoding is not canonical"));
    }
    Ok(tx)
}

fn chain_id(intent: &Intent) -> Result<u64, String> {
    let text = intent.network.parameters.get("chain_id");
    let number = text.and_then(|it| it.parse().ok());
    number.ok_or_else(|| format!("chain_id: network {} names none", intent.network.id))
}

fn check_fee(tx: &TxEip1559, intent: &Intent) -> Result<(), String> {
    if tx.max_priority_fee_per_gas > tx.max_fee_per_gas {
        return Err("max_priority_fee_per_gas is above max_fee_per_gas".to_owned());
    }
    let most = tx.max_fee_per_gas.checked_mul(u128::from(tx.gas_limit));
    let most = most.ok_or("gas_limit * max_fee_per_gas does not fit a number")?;
    let fee_max = intent.fee_max.units();
    if most > fee_max {
        return Err(format!("gas_limit * max_fee_per_gas is {most}, above fee_max {fee_max}"));
    }
    Ok(())
}

fn check_payment(tx: &TxEip1559, to: Address, payment: &Payment) -> Result<(), String> {
    if payment.destination.memo.is_some() {
        return Err("memo: the intent has one, this format carries none".to_owned());
    }
    let destination = address("destination", &payment.destination.address)?;
    let amount = U256::from(payment.amount.units());
    let (wanted_to, wanted_value, wanted_data) = match &payment.asset.contract {
        None => (destination, amount, Vec::new()),
        Some(contract) => {
            (address("contract", contract)?, U256::ZERO, transfer(destination, amount))
        }
    };
    same("to", &to, &wanted_to)?;
    same("value", &tx.value, &wanted_value)?;
    same("data", &hex::encode(&tx.input), &hex::encode(wanted_data))
}

/// The call `transfer(destination, amount)`, 68 bytes.
fn transfer(destination: Address, amount: U256) -> Vec<u8> {
    let word = destination.into_word();
    [TRANSFER_SELECTOR.as_slice(), word.as_slice(), &amount.to_be_bytes::<32>()].concat()
}

/// Reads an address of the intent, which has the checksum of EIP-55.
fn address(field: &str, text: &str) -> Result<Address, String> {
    Address::parse_checksummed(text, None)
        .map_err(|_| format!("{field}: {text:?} in the intent is no address with its checksum"))
}
