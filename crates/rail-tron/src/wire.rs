//! Transactions as they travel: Protocol Buffers, of which only what payouts need is described here.
//!
//! Field numbers: `core/Tron.proto`, `core/contract/balance_contract.proto` and
//! `core/contract/smart_contract.proto` of <https://github.com/tronprotocol/protocol>. What is empty or
//! zero is not written, and fields stand in the order of their numbers, as java-tron writes them.

/// A signed transaction (`Transaction`).
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Transaction {
    /// The bytes of a [`Raw`]: kept as they are, since their hash is the transaction's name.
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) raw_data: Vec<u8>,
    #[prost(bytes = "vec", repeated, tag = "2")]
    pub(crate) signature: Vec<Vec<u8>>,
}

/// What is signed (`Transaction.raw`).
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Raw {
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) ref_block_bytes: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    pub(crate) ref_block_hash: Vec<u8>,
    #[prost(int64, tag = "8")]
    pub(crate) expiration: i64,
    #[prost(bytes = "vec", tag = "10")]
    pub(crate) data: Vec<u8>,
    #[prost(message, repeated, tag = "11")]
    pub(crate) contract: Vec<Contract>,
    #[prost(int64, tag = "14")]
    pub(crate) timestamp: i64,
    #[prost(int64, tag = "18")]
    pub(crate) fee_limit: i64,
}

/// What a transaction does (`Transaction.Contract`).
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Contract {
    #[prost(int32, tag = "1")]
    pub(crate) kind: i32,
    #[prost(message, optional, tag = "2")]
    pub(crate) parameter: Option<Any>,
}

/// `google.protobuf.Any`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Any {
    #[prost(string, tag = "1")]
    pub(crate) type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) value: Vec<u8>,
}

/// Coins for an account.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct TransferContract {
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) owner_address: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) to_address: Vec<u8>,
    #[prost(int64, tag = "3")]
    pub(crate) amount: i64,
}

impl TransferContract {
    pub(crate) const KIND: i32 = 1;
    pub(crate) const URL: &str = "type.googleapis.com/protocol.TransferContract";
}

/// A call of a contract.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct TriggerSmartContract {
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) owner_address: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) contract_address: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    pub(crate) data: Vec<u8>,
}

impl TriggerSmartContract {
    pub(crate) const KIND: i32 = 31;
    pub(crate) const URL: &str = "type.googleapis.com/protocol.TriggerSmartContract";
}
