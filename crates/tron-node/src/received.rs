//! What was handed over.

use serde_json::json;

use crate::{Code, transaction::Transaction};
use prost::Message as _;

/// A transaction that was handed over, and the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// All of it, signed.
    pub bytes: Vec<u8>,
    /// What is signed.
    pub raw_data: Vec<u8>,
    /// The hash of that.
    pub txid: [u8; 32],
    /// The signatures.
    pub signatures: Vec<Vec<u8>>,
    /// The answer; `OTHER_ERROR` for bytes that are no transaction.
    pub code: Code,
    /// java-tron's text of it.
    pub text: String,
}

impl Received {
    pub(crate) fn new(bytes: &[u8], tx: &Transaction, code: Code, text: &str) -> Self {
        Self {
            bytes: bytes.to_vec(),
            raw_data: tx.raw.encode_to_vec(),
            txid: tx.id,
            signatures: tx.signatures.clone(),
            code,
            text: text.to_owned(),
        }
    }

    pub(crate) fn unreadable(bytes: &[u8]) -> Self {
        Self {
            bytes: bytes.to_vec(),
            raw_data: vec![],
            txid: [0; 32],
            signatures: vec![],
            code: Code::OtherError,
            text: String::new(),
        }
    }

    /// A line of JSON.
    pub fn line(&self) -> String {
        json!({
            "raw_hex": hex::encode(&self.bytes),
            "raw_data_hex": hex::encode(&self.raw_data),
            "txid": hex::encode(self.txid),
            "signature": self.signatures.iter().map(hex::encode).collect::<Vec<_>>(),
            "code": self.code.name(),
        })
        .to_string()
    }
}
