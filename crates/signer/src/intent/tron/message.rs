//! The messages that a transaction is made of, as far as a payment needs them: `core/Tron.proto`,
//! `core/contract/balance_contract.proto` and `core/contract/smart_contract.proto` of
//! <https://github.com/tronprotocol/protocol>, and `Any` of Protocol Buffers.
//!
//! Fields that no payment has are here too where the protocol knows them, so that whoever finds one
//! can be told its name. Any others do not survive [`decode`].

use prost::Message;

/// `Transaction.raw`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Raw {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) ref_block_bytes: Vec<u8>,
    #[prost(int64, tag = "3")]
    pub(super) ref_block_num: i64,
    #[prost(bytes = "vec", tag = "4")]
    pub(super) ref_block_hash: Vec<u8>,
    #[prost(int64, tag = "8")]
    pub(super) expiration: i64,
    /// Messages, which nobody reads here.
    #[prost(bytes = "vec", repeated, tag = "9")]
    pub(super) auths: Vec<Vec<u8>>,
    #[prost(bytes = "vec", tag = "10")]
    pub(super) data: Vec<u8>,
    #[prost(message, repeated, tag = "11")]
    pub(super) contract: Vec<Contract>,
    #[prost(bytes = "vec", tag = "12")]
    pub(super) scripts: Vec<u8>,
    #[prost(int64, tag = "14")]
    pub(super) timestamp: i64,
    #[prost(int64, tag = "18")]
    pub(super) fee_limit: i64,
}

/// `Transaction.Contract`. Its enumeration is read as a number: a new kind is no error in itself.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Contract {
    /// `type`.
    #[prost(int32, tag = "1")]
    pub(super) kind: i32,
    #[prost(message, optional, tag = "2")]
    pub(super) parameter: Option<Any>,
    #[prost(bytes = "vec", tag = "3")]
    pub(super) provider: Vec<u8>,
    /// `ContractName`.
    #[prost(bytes = "vec", tag = "4")]
    pub(super) name: Vec<u8>,
    #[prost(int32, tag = "5")]
    pub(super) permission_id: i32,
}

/// `google.protobuf.Any`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Any {
    #[prost(string, tag = "1")]
    pub(super) type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) value: Vec<u8>,
}

/// `TransferContract`: coins change hands.
#[derive(Clone, PartialEq, Message)]
pub(super) struct TransferContract {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) owner_address: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) to_address: Vec<u8>,
    #[prost(int64, tag = "3")]
    pub(super) amount: i64,
}

/// `TriggerSmartContract`: a contract is called.
#[derive(Clone, PartialEq, Message)]
pub(super) struct TriggerSmartContract {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) owner_address: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) contract_address: Vec<u8>,
    #[prost(int64, tag = "3")]
    pub(super) call_value: i64,
    #[prost(bytes = "vec", tag = "4")]
    pub(super) data: Vec<u8>,
    #[prost(int64, tag = "5")]
    pub(super) call_token_value: i64,
    #[prost(int64, tag = "6")]
    pub(super) token_id: i64,
}

/// Reads a message whose encoding is the canonical one: fields by their numbers, once each, without
/// default values, in as few bytes as possible, and none that the message does not have.
///
/// # Errors
/// Says, after `what` it is, why it is not.
pub(super) fn decode<M: Message + Default>(what: &str, bytes: &[u8]) -> Result<M, String> {
    let message = M::decode(bytes).map_err(|error| format!("{what}: {error}"))?;
    if message.encode_to_vec() != bytes {
        return Err(format!("{what}: its encoding is not canonical"));
    }
    Ok(message)
}
