//! Transactions of EVM networks of type 4 (EIP-7702): a lane's account is to run the code of the
//! contract that pays many recipients, and nothing else happens.
//!
//! The payload is `0x04 || rlp([chain_id, nonce, max_priority_fee_per_gas, max_fee_per_gas,
//! gas_limit, to, value, data, access_list, [[chain_id, contract, nonce + 1, 0, 0, 0]]])`: the
//! signature of the authorization is still zero. Two hashes are signed: that of the authorization,
//! then that of the transaction with it.

use alloy_consensus::{SignableTransaction, TxEip7702, transaction::RlpEcdsaDecodableTx};
use alloy_eips::eip7702::{Authorization, SignedAuthorization};
use alloy_primitives::{Signature, TxKind, U256};
use domain::{lane::Lane, money::Amount};

use super::{
    evm::{self, Fields, PAYLOAD_BYTES_MAX, PAYOUTS},
    same,
};

/// The format's name in [`domain::ports::UnsignedTx::format`].
pub const FORMAT: &str = "eip7702";

/// A delegation that was checked, to be signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delegation {
    tx: TxEip7702,
    authorization: Authorization,
}

impl Delegation {
    /// The hash that is signed first.
    pub fn authorization_hash(&self) -> [u8; 32] {
        self.authorization.signature_hash().0
    }

    /// The hash that is signed second, given the first signature.
    pub fn tx_hash(mut self, authorization: &Signature) -> [u8; 32] {
        self.tx.authorization_list = vec![self.authorization.into_signed(*authorization)];
        self.tx.signature_hash().0
    }
}

/// Checks that a transaction makes the account of `lane` run the code of the known contract, on the
/// chain `chain_id` only, with the number `sequence`, for at most `fee_max` (in wei), and does
/// nothing else.
///
/// # Errors
/// Says which field differs.
pub fn verify(
    payload: &[u8],
    lane: &Lane,
    chain_id: u64,
    fee_max: Amount,
    sequence: u64,
) -> Result<Delegation, String> {
    let tx = decode(payload)?;
    if chain_id == 0 {
        return Err("chain_id 0 stands for every chain".to_owned());
    }
    same("chain_id", &tx.chain_id, &chain_id)?;
    same("nonce", &tx.nonce, &sequence)?;
    if tx.max_priority_fee_per_gas > tx.max_fee_per_gas {
        return Err("max_priority_fee_per_gas is above max_fee_per_gas".to_owned());
    }
    let fields = Fields {
        chain_id,
        nonce: tx.nonce,
        gas_limit: tx.gas_limit,
        gas_price: tx.max_fee_per_gas,
        gas_price_name: "max_fee_per_gas",
        to: TxKind::Call(tx.to),
        value: tx.value,
        data: &tx.input,
    };
    fields.check_fee(fee_max.units())?;
    same("to", &tx.to, &evm::address("lane", &lane.address)?)?;
    same("value", &tx.value, &U256::ZERO)?;
    if !tx.input.is_empty() {
        return Err("data is not empty".to_owned());
    }
    if !tx.access_list.is_empty() {
        return Err("access_list is not empty".to_owned());
    }
    let [unsigned] = tx.authorization_list.as_slice() else {
        let count = tx.authorization_list.len();
        return Err(format!("authorization_list has {count} entries, not one"));
    };
    let authorization = unsigned.inner().clone();
    same("authorization.chain_id", authorization.chain_id(), &U256::from(chain_id))?;
    same("authorization.address", authorization.address(), &PAYOUTS)?;
    let next = sequence.checked_add(1).ok_or("nonce is the last there is")?;
    same("authorization.nonce", &authorization.nonce(), &next)?;
    let bare = SignedAuthorization::new_unchecked(authorization.clone(), 0, U256::ZERO, U256::ZERO);
    if *unsigned != bare {
        return Err("authorization is signed already".to_owned());
    }
    Ok(Delegation { tx, authorization })
}

fn decode(payload: &[u8]) -> Result<TxEip7702, String> {
    let malformed = |why: &str| format!("payload is no EIP-7702 transaction: {why}");
    if payload.len() > PAYLOAD_BYTES_MAX {
        return Err(malformed("it is too long"));
    }
    let Some((0x04, mut fields)) = payload.split_first() else {
        return Err(malformed("it does not begin with 0x04"));
    };
    let tx = TxEip7702::rlp_decode(&mut fields).map_err(|error| malformed(&error.to_string()))?;
    if tx.encoded_for_signing() != payload {
        return Err(malformed("its encoding is not canonical"));
    }
    Ok(tx)
}
