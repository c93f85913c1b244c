//! The transaction's bytes: type 2 of EIP-2718, as EIP-1559 describes it.

use std::sync::LazyLock;

use alloy_consensus::{
    SignableTransaction, Signed, TxEip1559,
    transaction::{RlpEcdsaDecodableTx, RlpEcdsaEncodableTx},
};
use alloy_primitives::{Address, B256, Signature, U256, keccak256};
use bitcoin::secp256k1::{
    Message, Secp256k1, VerifyOnly,
    ecdsa::{RecoverableSignature, RecoveryId},
};

/// The name of the encoding that the signer gets: what is hashed for the signature, that is `0x02`
/// and the list of the nine fields in RLP. The signature is `r || s || v` of 65 bytes with `v` 0
/// or 1.
pub const FORMAT: &str = "eip1559";

/// Half the order of the curve. Networks refuse signatures with a larger `s` (EIP-2).
const S_MAX: U256 = U256::from_be_bytes(alloy_primitives::hex!(
    "7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0"
));

static CURVE: LazyLock<Secp256k1<VerifyOnly>> = LazyLock::new(Secp256k1::verification_only);

/// A signed transaction, read back from its bytes.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    /// What it says.
    pub(crate) tx: TxEip1559,
    /// What the network calls it.
    pub(crate) hash: B256,
    /// Who signed it.
    pub(crate) sender: Address,
}

/// What the signer signs.
pub(crate) fn payload(tx: &TxEip1559) -> Vec<u8> {
    tx.encoded_for_signing()
}

/// Joins a payload with its signature.
///
/// # Errors
/// Says what does not fit.
pub(crate) fn join(payload: &[u8], signature: &[u8]) -> Result<(B256, Vec<u8>), String> {
    let tx = read_payload(payload)?;
    let Ok([rs @ .., v]) = <&[u8; 65]>::try_from(signature) else {
        return Err(format!("a signature has 65 bytes, not {}", signature.len()));
    };
    let parity = match v {
        0 => false,
        1 => true,
        other => return Err(format!("the signature's last byte is 0 or 1, not {other}")),
    };
    let signature = Signature::from_bytes_and_parity(rs, parity);
    recover(keccak256(payload), &signature)?;
    let mut raw = Vec::new();
    tx.eip2718_encode(&signature, &mut raw);
    Ok((keccak256(&raw), raw))
}

/// Reads a signed transaction.
///
/// # Errors
/// If these are not exactly the bytes of a signed transaction.
pub(crate) fn read(raw: &[u8]) -> Result<Sent, String> {
    let mut rest = raw;
    let signed: Signed<TxEip1559> =
        TxEip1559::eip2718_decode(&mut rest).map_err(|error| format!("not type 2: {error}"))?;
    let (tx, signature, _) = signed.into_parts();
    let mut again = Vec::new();
    tx.eip2718_encode(&signature, &mut again);
    if !rest.is_empty() || again != raw {
        return Err("the transaction is not in its canonical encoding".to_owned());
    }
    let sender = recover(keccak256(payload(&tx)), &signature)?;
    Ok(Sent { tx, hash: keccak256(raw), sender })
}

fn read_payload(payload: &[u8]) -> Result<TxEip1559, String> {
    let Some((2, mut rest)) = payload.split_first() else {
        return Err("the payload does not begin with 0x02".to_owned());
    };
    let tx = TxEip1559::rlp_decode(&mut rest)
        .map_err(|error| format!("the payload is no transaction: {error}"))?;
    if !rest.is_empty() || self::payload(&tx) != payload {
        return Err("the payload is not in its canonical encoding".to_owned());
    }
    Ok(tx)
}

fn recover(digest: B256, signature: &Signature) -> Result<Address, String> {
    if signature.s() > S_MAX {
        return Err("the signature's s is in the upper half".to_owned());
    }
    let wrong = |error| format!("the signature belongs to no key: {error}");
    let id = RecoveryId::from_i32(i32::from(signature.v())).map_err(wrong)?;
    let rs = &signature.as_rsy()[..64];
    let recoverable = RecoverableSignature::from_compact(rs, id).map_err(wrong)?;
    let key = CURVE.recover_ecdsa(&Message::from_digest(digest.0), &recoverable).map_err(wrong)?;
    Ok(Address::from_raw_public_key(&key.serialize_uncompressed()[1..]))
}

#[cfg(test)]
#[path = "tx_tests.rs"]
mod tests;
