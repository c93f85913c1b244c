//! Tron's protobuf messages, as far as the node reads them
//! ([Tron.proto](https://github.com/tronprotocol/java-tron/blob/develop/protocol/src/main/protos/core/Tron.proto),
//! [balance_contract.proto](https://github.com/tronprotocol/java-tron/blob/develop/protocol/src/main/protos/core/contract/balance_contract.proto),
//! [smart_contract.proto](https://github.com/tronprotocol/java-tron/blob/develop/protocol/src/main/protos/core/contract/smart_contract.proto)).

use prost::Message;

/// `Transaction.Contract.ContractType`: sends TRX.
pub(crate) const TRANSFER: i32 = 1;
/// `Transaction.Contract.ContractType`: deploys a contract.
pub(crate) const CREATE: i32 = 30;
/// `Transaction.Contract.ContractType`: calls a contract.
pub(crate) const TRIGGER: i32 = 31;

/// `Transaction`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Transaction {
    #[prost(message, optional, tag = "1")]
    pub(crate) raw_data: Option<Raw>,
    #[prost(bytes = "vec", repeated, tag = "2")]
    pub(crate) signature: Vec<Vec<u8>>,
    #[prost(message, repeated, tag = "5")]
    pub(crate) ret: Vec<Ret>,
}

/// `Transaction.raw`: what is signed.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Raw {
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) ref_block_bytes: Vec<u8>,
    #[prost(int64, tag = "3")]
    pub(crate) ref_block_num: i64,
    #[prost(bytes = "vec", tag = "4")]
    pub(crate) ref_block_hash: Vec<u8>,
    #[prost(int64, tag = "8")]
    pub(crate) expiration: i64,
    #[prost(bytes = "vec", tag = "10")]
    pub(crate) data: Vec<u8>,
    #[prost(message, repeated, tag = "11")]
    pub(crate) contract: Vec<Contract>,
    #[prost(bytes = "vec", tag = "12")]
    pub(crate) scripts: Vec<u8>,
    #[prost(int64, tag = "14")]
    pub(crate) timestamp: i64,
    #[prost(int64, tag = "18")]
    pub(crate) fee_limit: i64,
}

/// `Transaction.Contract`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Contract {
    #[prost(int32, tag = "1")]
    pub(crate) kind: i32,
    #[prost(message, optional, tag = "2")]
    pub(crate) parameter: Option<Any>,
    #[prost(bytes = "vec", tag = "3")]
    pub(crate) provider: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    pub(crate) name: Vec<u8>,
    #[prost(int32, tag = "5")]
    pub(crate) permission_id: i32,
}

/// `google.protobuf.Any`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Any {
    #[prost(string, tag = "1")]
    pub(crate) type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) value: Vec<u8>,
}

/// `Transaction.Result`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Ret {
    #[prost(int64, tag = "1")]
    pub(crate) fee: i64,
    #[prost(int32, tag = "2")]
    pub(crate) code: i32,
    #[prost(int32, tag = "3")]
    pub(crate) ended: i32,
}

/// `TransferContract`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Transfer {
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) owner_address: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) to_address: Vec<u8>,
    #[prost(int64, tag = "3")]
    pub(crate) amount: i64,
}

/// `TriggerSmartContract`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Trigger {
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) owner_address: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) contract_address: Vec<u8>,
    #[prost(int64, tag = "3")]
    pub(crate) call_value: i64,
    #[prost(bytes = "vec", tag = "4")]
    pub(crate) data: Vec<u8>,
    #[prost(int64, tag = "5")]
    pub(crate) call_token_value: i64,
    #[prost(int64, tag = "6")]
    pub(crate) token_id: i64,
}

/// `CreateSmartContract`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Create {
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) owner_address: Vec<u8>,
    #[prost(message, optional, tag = "2")]
    pub(crate) new_contract: Option<SmartContract>,
    #[prost(int64, tag = "3")]
    pub(crate) call_token_value: i64,
    #[prost(int64, tag = "4")]
    pub(crate) token_id: i64,
}

/// `SmartContract`. The ABI is kept as its bytes.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct SmartContract {
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) origin_address: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) contract_address: Vec<u8>,
    #[prost(bytes = "vec", optional, tag = "3")]
    pub(crate) abi: Option<Vec<u8>>,
    #[prost(bytes = "vec", tag = "4")]
    pub(crate) bytecode: Vec<u8>,
    #[prost(int64, tag = "5")]
    pub(crate) call_value: i64,
    #[prost(int64, tag = "6")]
    pub(crate) consume_user_resource_percent: i64,
    #[prost(string, tag = "7")]
    pub(crate) name: String,
    #[prost(int64, tag = "8")]
    pub(crate) origin_energy_limit: i64,
}

/// `BlockHeader.raw`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Header {
    #[prost(int64, tag = "1")]
    pub(crate) timestamp: i64,
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) tx_trie_root: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    pub(crate) parent_hash: Vec<u8>,
    #[prost(int64, tag = "7")]
    pub(crate) number: i64,
    #[prost(bytes = "vec", tag = "9")]
    pub(crate) witness_address: Vec<u8>,
    #[prost(int32, tag = "10")]
    pub(crate) version: i32,
}
