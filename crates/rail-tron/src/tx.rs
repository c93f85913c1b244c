//! Transactions: what they say, their bytes, and their names.
//!
//! A transaction names a block of before (TAPOS), without which it is not included, and a moment after
//! which it is not. Its name is the SHA-256 of what is signed
//! (<https://developers.tron.network/docs/tron-protocol-transaction>). There are no numbers: what
//! makes two transactions of a wallet differ that say the same is their timestamp, which nobody checks
//! and which is therefore the lane's number for it, in milliseconds.

use std::sync::LazyLock;

use alloy_primitives::keccak256;
use bitcoin::secp256k1::{
    Message, Secp256k1, VerifyOnly,
    ecdsa::{RecoverableSignature, RecoveryId},
};
use domain::{batch::SignedTx, ids::TxId, money::Amount};
use prost::Message as _;
use sha2::{Digest as _, Sha256};

use crate::{
    abi,
    address::Address,
    wire::{Any, Contract, Raw, Transaction, TransferContract, TriggerSmartContract},
};

/// The name of the encoding that the signer gets: the bytes of `Transaction.raw`. It answers with
/// `r || s || v` over their SHA-256, 65 bytes, `v` 27 or 28.
pub const FORMAT: &str = "tron";

/// What java-tron counts for the result of a transaction beside its own bytes, in bytes
/// (`Constant.MAX_RESULT_SIZE_IN_TX`).
const RESULT_BYTES: u64 = 64;
/// What a signature adds to the bytes: 65 of its own, its tag and its length; and the tag of what is
/// signed, and its length in three bytes at the most.
const FRAME_BYTES: u64 = 67 + 4;

static CURVE: LazyLock<Secp256k1<VerifyOnly>> = LazyLock::new(Secp256k1::verification_only);

/// What a transaction does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payment {
    /// Pays the network's coin, in sun.
    Coins {
        /// To whom.
        to: Address,
        /// How much.
        sun: i64,
    },
    /// Has a token pay.
    Token {
        /// The token.
        contract: Address,
        /// To whom.
        to: Address,
        /// How much.
        units: Amount,
    },
}

/// The block of before that a transaction names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefBlock {
    /// The last two bytes of its height.
    pub height: [u8; 2],
    /// Eight bytes of its identifier, from the ninth on.
    pub hash: [u8; 8],
}

/// What a transaction says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tx {
    /// Who pays.
    pub owner: Address,
    /// What.
    pub payment: Payment,
    /// A text for the recipient; empty if there is none.
    pub memo: String,
    /// The block of before.
    pub ref_block: RefBlock,
    /// The moment from which on no block takes it: one whose predecessor is not older, in
    /// milliseconds.
    pub expires_ms: i64,
    /// The lane's number for it.
    pub timestamp_ms: i64,
    /// The most that it may burn for energy, in sun; 0 if it needs none.
    pub fee_limit_sun: i64,
}

impl Tx {
    /// The bytes that are signed.
    pub fn encode(&self) -> Vec<u8> {
        let owner_address = self.owner.to_vec();
        let (kind, type_url, value) = match &self.payment {
            Payment::Coins { to, sun } => {
                let contract =
                    TransferContract { owner_address, to_address: to.to_vec(), amount: *sun };
                (TransferContract::KIND, TransferContract::URL, contract.encode_to_vec())
            }
            Payment::Token { contract, to, units } => {
                let contract = TriggerSmartContract {
                    owner_address,
                    contract_address: contract.to_vec(),
                    data: abi::transfer(to, *units),
                };
                (TriggerSmartContract::KIND, TriggerSmartContract::URL, contract.encode_to_vec())
            }
        };
        let parameter = Some(Any { type_url: type_url.to_owned(), value });
        let raw = Raw {
            ref_block_bytes: self.ref_block.height.to_vec(),
            ref_block_hash: self.ref_block.hash.to_vec(),
            expiration: self.expires_ms,
            data: self.memo.clone().into_bytes(),
            contract: vec![Contract { kind, parameter }],
            timestamp: self.timestamp_ms,
            fee_limit: self.fee_limit_sun,
        };
        raw.encode_to_vec()
    }

    /// Reads what [`Self::encode`] wrote, and nothing else.
    ///
    /// # Errors
    /// Says what is none of ours.
    pub fn decode(bytes: &[u8]) -> Result<Self, String> {
        let tx = Self::read(bytes).ok_or("it is no transaction of ours")?;
        if tx.encode() == bytes { Ok(tx) } else { Err("its encoding is not ours".to_owned()) }
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let raw = Raw::decode(bytes).ok()?;
        let [contract] = raw.contract.as_slice() else { return None };
        let Any { type_url, value } = contract.parameter.as_ref()?;
        let address = |bytes: &[u8]| Address::try_from(bytes).ok();
        let (owner, payment) = match (contract.kind, type_url.as_str()) {
            (TransferContract::KIND, TransferContract::URL) => {
                let it = TransferContract::decode(value.as_slice()).ok()?;
                let to = address(&it.to_address)?;
                (it.owner_address, Payment::Coins { to, sun: it.amount })
            }
            (TriggerSmartContract::KIND, TriggerSmartContract::URL) => {
                let it = TriggerSmartContract::decode(value.as_slice()).ok()?;
                let contract = address(&it.contract_address)?;
                let (to, units) = abi::read_transfer(&it.data)?;
                (it.owner_address, Payment::Token { contract, to, units })
            }
            _ => return None,
        };
        Some(Self {
            owner: address(&owner)?,
            payment,
            memo: String::from_utf8(raw.data).ok()?,
            ref_block: RefBlock {
                height: raw.ref_block_bytes.try_into().ok()?,
                hash: raw.ref_block_hash.try_into().ok()?,
            },
            expires_ms: raw.expiration,
            timestamp_ms: raw.timestamp,
            fee_limit_sun: raw.fee_limit,
        })
    }

    /// How much bandwidth it takes, in bytes, once it is signed; three more at the most.
    pub fn bandwidth(&self) -> u64 {
        self.encode().len() as u64 + FRAME_BYTES + RESULT_BYTES
    }
}

/// A transaction that was signed, with its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// What it says.
    pub tx: Tx,
    /// What the network calls it.
    pub txid: TxId,
    /// The same in bytes.
    pub digest: [u8; 32],
}

impl Sent {
    /// Reads the bytes that [`finalize`] made.
    ///
    /// # Errors
    /// Says what is none of ours.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        let signed = Transaction::decode(bytes).map_err(|_| "it is no transaction".to_owned())?;
        let tx = Tx::decode(&signed.raw_data)?;
        let digest = digest(&signed.raw_data);
        Ok(Self { tx, txid: name(&digest), digest })
    }
}

fn digest(raw: &[u8]) -> [u8; 32] {
    Sha256::digest(raw).into()
}

fn name(digest: &[u8; 32]) -> TxId {
    TxId::new(&hex::encode(digest))
}

/// Joins what was signed with its signature, which must be one by who pays.
///
/// # Errors
/// Says what does not fit.
pub fn finalize(payload: &[u8], signature: &[u8]) -> Result<SignedTx, String> {
    let tx = Tx::decode(payload)?;
    let digest = digest(payload);
    let signer = signer(&digest, signature)?;
    if signer != tx.owner {
        return Err("the signature is not by the wallet that pays".to_owned());
    }
    let signature = vec![signature.to_vec()];
    let signed = Transaction { raw_data: payload.to_vec(), signature };
    Ok(SignedTx { txid: name(&digest), raw: signed.encode_to_vec() })
}

/// Whose signature it is.
fn signer(digest: &[u8; 32], signature: &[u8]) -> Result<Address, String> {
    let wrong = |what: &str| format!("signature: {what}");
    let (compact, v) = signature.split_at_checked(64).ok_or_else(|| wrong("it is too short"))?;
    let parity = match v {
        [27] => 0,
        [28] => 1,
        _ => return Err(wrong("its last byte must be 27 or 28, the only one after 64")),
    };
    let id = RecoveryId::from_i32(parity).map_err(|error| wrong(&error.to_string()))?;
    let signature = RecoverableSignature::from_compact(compact, id);
    let signature = signature.map_err(|error| wrong(&error.to_string()))?;
    let key = CURVE.recover_ecdsa(&Message::from_digest(*digest), &signature);
    let key = key.map_err(|error| wrong(&error.to_string()))?;
    let hash = keccak256(&key.serialize_uncompressed()[1..]);
    let mut address = [crate::address::PREFIX; 21];
    address[1..].copy_from_slice(&hash[12..]);
    Ok(address)
}
