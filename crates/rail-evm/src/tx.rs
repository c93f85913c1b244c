//! The transaction's bytes: the old form with the chain's number of EIP-155, type 2 (EIP-1559), and
//! type 4 (EIP-7702), which makes the sender's account run a contract's code.

use std::sync::LazyLock;

use alloy_consensus::{
    SignableTransaction, TxEip1559, TxEip7702, TxLegacy,
    transaction::{RlpEcdsaDecodableTx, RlpEcdsaEncodableTx},
};
use alloy_eips::eip7702::{Authorization, SignedAuthorization};
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256, keccak256};
use alloy_rlp::Decodable;
use bitcoin::secp256k1::{
    Message, Secp256k1, VerifyOnly,
    ecdsa::{RecoverableSignature, RecoveryId},
};

/// Half the order of the curve. Networks refuse signatures with a larger `s` (EIP-2, EIP-7702).
const S_MAX: U256 = U256::from_be_bytes(alloy_primitives::hex!(
    "7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0"
));

static CURVE: LazyLock<Secp256k1<VerifyOnly>> = LazyLock::new(Secp256k1::verification_only);

/// The form of a transaction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// With one gas price, for networks without base fee. Its price is the most that it pays and
    /// also the tip: both fields of [`Tx`] hold it, and the first is written.
    Eip155,
    /// Type 2.
    #[default]
    Eip1559,
    /// Type 4, with one authorization: the sender's account shall run this contract's code from
    /// here on. The transaction uses up two of the account's numbers, its own and the next.
    Eip7702 {
        /// The contract.
        delegate: Address,
    },
}

impl Kind {
    /// The name of the encoding that the signer gets, and what it answers with. A signature is
    /// `r || s || v` of 65 bytes with `v` 0 or 1.
    ///
    /// - `eip1559`: what is hashed for the signature, that is `0x02` and the list of the nine
    ///   fields in RLP.
    /// - `eip155`: what is hashed for the signature, that is the list of the six fields, the
    ///   chain's number, 0 and 0.
    /// - `eip7702`: `0x04` and the list of the ten fields, in which the signature of the one
    ///   authorization is `0, 0, 0`. The answer is two signatures (130 bytes): that of the
    ///   authorization, and that of the transaction with it.
    pub fn format(self) -> &'static str {
        match self {
            Self::Eip155 => "eip155",
            Self::Eip1559 => "eip1559",
            Self::Eip7702 { .. } => "eip7702",
        }
    }
}

/// What a transaction says, whatever its form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tx {
    /// Its form.
    pub kind: Kind,
    /// The chain it is for; never zero.
    pub chain_id: u64,
    /// The sender's number for it.
    pub nonce: u64,
    /// The most gas it may use.
    pub gas_limit: u64,
    /// The most it pays for one unit of gas, in wei.
    pub max_fee_per_gas: u128,
    /// The most of it that goes to the block producer, in wei.
    pub max_priority_fee_per_gas: u128,
    /// Who is paid or called.
    pub to: Address,
    /// How much of the network's coin it carries, in wei.
    pub value: U256,
    /// What is called.
    pub input: Bytes,
}

/// A signed transaction, read back from its bytes.
#[derive(Clone, Debug)]
pub struct Sent {
    /// What it says.
    pub tx: Tx,
    /// What the network calls it.
    pub hash: B256,
    /// Who signed it.
    pub sender: Address,
}

impl Tx {
    /// What the signer gets; see [`Kind::format`].
    pub fn payload(&self) -> Vec<u8> {
        match self.kind {
            Kind::Eip155 => self.legacy().encoded_for_signing(),
            Kind::Eip1559 => self.dynamic().encoded_for_signing(),
            Kind::Eip7702 { delegate } => {
                let nobody = SignedAuthorization::new_unchecked(
                    self.authorization(delegate),
                    0,
                    U256::ZERO,
                    U256::ZERO,
                );
                self.delegating(nobody).encoded_for_signing()
            }
        }
    }

    /// Reads what the signer gets.
    fn of_payload(format: &str, payload: &[u8]) -> Result<Self, String> {
        let malformed = |error| format!("the payload is no transaction: {error}");
        let typed = |kind: u8| match payload.split_first() {
            Some((first, fields)) if *first == kind => Ok(fields),
            _ => Err(format!("the payload does not begin with {kind:#04x}")),
        };
        let tx = match format {
            "eip155" => Self::of_legacy(TxLegacy::decode(&mut &payload[..]).map_err(malformed)?)?,
            "eip1559" => {
                let tx = TxEip1559::rlp_decode(&mut typed(2)?).map_err(malformed)?;
                Self::of_dynamic(tx)?
            }
            "eip7702" => {
                let tx = TxEip7702::rlp_decode(&mut typed(4)?).map_err(malformed)?;
                Self::of_delegating(tx)?.0
            }
            other => return Err(format!("the format {other} is none of this rail's")),
        };
        // This also finds bytes that are left over, and an authorization that is signed already.
        if tx.payload() != payload {
            return Err("the payload is not in its canonical encoding".to_owned());
        }
        Ok(tx)
    }

    /// What the sender has to sign besides, so that its account runs the code of `delegate`. The
    /// transaction itself uses up the number before (EIP-7702).
    fn authorization(&self, delegate: Address) -> Authorization {
        let (chain_id, nonce) = (U256::from(self.chain_id), self.nonce.saturating_add(1));
        Authorization { chain_id, address: delegate, nonce }
    }

    fn legacy(&self) -> TxLegacy {
        TxLegacy {
            chain_id: Some(self.chain_id),
            nonce: self.nonce,
            gas_price: self.max_fee_per_gas,
            gas_limit: self.gas_limit,
            to: self.to.into(),
            value: self.value,
            input: self.input.clone(),
        }
    }

    fn dynamic(&self) -> TxEip1559 {
        TxEip1559 {
            chain_id: self.chain_id,
            nonce: self.nonce,
            gas_limit: self.gas_limit,
            max_fee_per_gas: self.max_fee_per_gas,
            max_priority_fee_per_gas: self.max_priority_fee_per_gas,
            to: self.to.into(),
            value: self.value,
            input: self.input.clone(),
            ..TxEip1559::default()
        }
    }

    fn delegating(&self, authorization: SignedAuthorization) -> TxEip7702 {
        TxEip7702 {
            chain_id: self.chain_id,
            nonce: self.nonce,
            gas_limit: self.gas_limit,
            max_fee_per_gas: self.max_fee_per_gas,
            max_priority_fee_per_gas: self.max_priority_fee_per_gas,
            to: self.to,
            value: self.value,
            input: self.input.clone(),
            authorization_list: vec![authorization],
            ..TxEip7702::default()
        }
    }

    fn of_legacy(tx: TxLegacy) -> Result<Self, String> {
        Ok(Self {
            kind: Kind::Eip155,
            chain_id: chain_id(tx.chain_id.unwrap_or(0))?,
            nonce: tx.nonce,
            gas_limit: tx.gas_limit,
            max_fee_per_gas: tx.gas_price,
            max_priority_fee_per_gas: tx.gas_price,
            to: called(tx.to)?,
            value: tx.value,
            input: tx.input,
        })
    }

    fn of_dynamic(tx: TxEip1559) -> Result<Self, String> {
        if !tx.access_list.is_empty() {
            return Err("the transaction has an access list".to_owned());
        }
        Ok(Self {
            kind: Kind::Eip1559,
            chain_id: chain_id(tx.chain_id)?,
            nonce: tx.nonce,
            gas_limit: tx.gas_limit,
            max_fee_per_gas: tx.max_fee_per_gas,
            max_priority_fee_per_gas: tx.max_priority_fee_per_gas,
            to: called(tx.to)?,
            value: tx.value,
            input: tx.input,
        })
    }

    fn of_delegating(tx: TxEip7702) -> Result<(Self, SignedAuthorization), String> {
        if !tx.access_list.is_empty() {
            return Err("the transaction has an access list".to_owned());
        }
        let count = tx.authorization_list.len();
        let Ok([signed]) = <[SignedAuthorization; 1]>::try_from(tx.authorization_list) else {
            return Err(format!("the transaction has {count} authorizations, not one"));
        };
        let delegate = *signed.inner().address();
        let read = Self {
            kind: Kind::Eip7702 { delegate },
            chain_id: chain_id(tx.chain_id)?,
            nonce: tx.nonce,
            gas_limit: tx.gas_limit,
            max_fee_per_gas: tx.max_fee_per_gas,
            max_priority_fee_per_gas: tx.max_priority_fee_per_gas,
            to: tx.to,
            value: tx.value,
            input: tx.input,
        };
        if *signed.inner() != read.authorization(delegate) {
            return Err("the authorization is not for this chain and the next number".to_owned());
        }
        Ok((read, signed))
    }
}

/// A signature without a chain's number is good on all chains.
fn chain_id(number: u64) -> Result<u64, String> {
    if number == 0 { Err("the transaction is bound to no chain".to_owned()) } else { Ok(number) }
}

fn called(to: TxKind) -> Result<Address, String> {
    to.into_to().ok_or_else(|| "the transaction creates a contract".to_owned())
}

/// Joins a payload with its signature; gives the transaction's hash and bytes.
///
/// # Errors
/// Says what does not fit.
pub fn join(format: &str, payload: &[u8], signature: &[u8]) -> Result<(B256, Vec<u8>), String> {
    let tx = Tx::of_payload(format, payload)?;
    let mut raw = Vec::new();
    match tx.kind {
        Kind::Eip155 => {
            let signature = one_signature(signature)?;
            recover(keccak256(payload), &signature)?;
            tx.legacy().eip2718_encode(&signature, &mut raw);
        }
        Kind::Eip1559 => {
            let signature = one_signature(signature)?;
            recover(keccak256(payload), &signature)?;
            tx.dynamic().eip2718_encode(&signature, &mut raw);
        }
        Kind::Eip7702 { delegate } => {
            let Some((of_authorization, of_tx)) = signature.split_at_checked(65) else {
                return Err(format!("two signatures have 130 bytes, not {}", signature.len()));
            };
            let (of_authorization, of_tx) =
                (one_signature(of_authorization)?, one_signature(of_tx)?);
            let authorization = tx.authorization(delegate);
            let authority = recover(authorization.signature_hash(), &of_authorization)?;
            let full = tx.delegating(authorization.into_signed(of_authorization));
            if recover(full.signature_hash(), &of_tx)? != authority {
                return Err("the two signatures are of different keys".to_owned());
            }
            full.eip2718_encode(&of_tx, &mut raw);
        }
    }
    Ok((keccak256(&raw), raw))
}

/// Reads a signed transaction.
///
/// # Errors
/// If these are not exactly the bytes of a signed transaction of one of the three forms.
pub fn read(raw: &[u8]) -> Result<Sent, String> {
    let (tx, sender) = match raw.first() {
        // The old form is a list, which no type's number can begin (EIP-2718).
        Some(0xc0..) => {
            let (tx, signature) = signed::<TxLegacy>(raw)?;
            let tx = Tx::of_legacy(tx)?;
            let sender = recover(tx.legacy().signature_hash(), &signature)?;
            (tx, sender)
        }
        Some(2) => {
            let (tx, signature) = signed::<TxEip1559>(raw)?;
            let digest = tx.signature_hash();
            (Tx::of_dynamic(tx)?, recover(digest, &signature)?)
        }
        Some(4) => {
            let (tx, signature) = signed::<TxEip7702>(raw)?;
            let sender = recover(tx.signature_hash(), &signature)?;
            let (tx, authorization) = Tx::of_delegating(tx)?;
            let by = authorization.signature().map_err(|error| error.to_string())?;
            if recover(authorization.inner().signature_hash(), &by)? != sender {
                return Err("somebody else than the sender signed the authorization".to_owned());
            }
            (tx, sender)
        }
        _ => return Err("the transaction is of no type that is known here".to_owned()),
    };
    Ok(Sent { tx, hash: keccak256(raw), sender })
}

fn signed<T: RlpEcdsaDecodableTx + RlpEcdsaEncodableTx>(
    raw: &[u8],
) -> Result<(T, Signature), String> {
    let mut rest = raw;
    let decoded = T::eip2718_decode(&mut rest)
        .map_err(|error| format!("the bytes are no transaction: {error}"))?;
    let (tx, signature, _) = decoded.into_parts();
    let mut again = Vec::new();
    tx.eip2718_encode(&signature, &mut again);
    if !rest.is_empty() || again != raw {
        return Err("the transaction is not in its canonical encoding".to_owned());
    }
    Ok((tx, signature))
}

fn one_signature(bytes: &[u8]) -> Result<Signature, String> {
    let Ok([rs @ .., v]) = <&[u8; 65]>::try_from(bytes) else {
        return Err(format!("a signature has 65 bytes, not {}", bytes.len()));
    };
    match v {
        0 => Ok(Signature::from_bytes_and_parity(rs, false)),
        1 => Ok(Signature::from_bytes_and_parity(rs, true)),
        other => Err(format!("the signature's last byte is 0 or 1, not {other}")),
    }
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
