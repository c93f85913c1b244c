//! Transactions, their infos and blocks, as JSON.

use prost::Message as _;
use serde_json::{Value, json};

use super::fields::{Fields, address_text};
use crate::{
    Ended, Log, Receipt,
    block::Block,
    transaction::{Deed, Transaction},
    wire::Contract,
};

/// A transaction, with its result if it has been carried out.
pub(crate) fn transaction(tx: &Transaction, ended: Option<Ended>, visible: bool) -> Fields {
    let ret = ended.map(|ended| json!({ "contractRet": ended.name() }));
    let raw = &tx.raw;
    let raw_data = Fields::default()
        .list("contract", raw.contract.iter().map(|it| contract(it, &tx.deed, visible)).collect())
        .bytes("ref_block_bytes", &raw.ref_block_bytes)
        .int("ref_block_num", raw.ref_block_num)
        .bytes("ref_block_hash", &raw.ref_block_hash)
        .int("expiration", raw.expiration)
        .bytes("data", &raw.data)
        .bytes("scripts", &raw.scripts)
        .int("fee_limit", raw.fee_limit)
        .int("timestamp", raw.timestamp);
    Fields::default()
        .list("ret", ret.into_iter().collect())
        .list("signature", tx.signatures.iter().map(|it| hex::encode(it).into()).collect())
        .text("txID", &tx.id_hex())
        .with("raw_data", raw_data)
        .bytes("raw_data_hex", &raw.encode_to_vec())
}

fn contract(contract: &Contract, deed: &Deed, visible: bool) -> Value {
    let (name, value) = match deed {
        Deed::Transfer(it) => {
            let value = Fields::default()
                .int("amount", it.amount)
                .address("owner_address", &it.owner_address, visible)
                .address("to_address", &it.to_address, visible);
            ("TransferContract", value)
        }
        Deed::Trigger(it) => {
            let value = Fields::default()
                .bytes("data", &it.data)
                .int("token_id", it.token_id)
                .address("owner_address", &it.owner_address, visible)
                .int("call_token_value", it.call_token_value)
                .address("contract_address", &it.contract_address, visible)
                .int("call_value", it.call_value);
            ("TriggerSmartContract", value)
        }
        Deed::Create(it) => {
            let new = it.new_contract.clone().unwrap_or_default();
            let inner = Fields::default()
                .bytes("bytecode", &new.bytecode)
                .int("consume_user_resource_percent", new.consume_user_resource_percent)
                .text("name", &new.name)
                .address("origin_address", &new.origin_address, visible)
                .int("origin_energy_limit", new.origin_energy_limit)
                .int("call_value", new.call_value);
            let value = Fields::default()
                .address("owner_address", &it.owner_address, visible)
                .with("new_contract", inner);
            ("CreateSmartContract", value)
        }
        Deed::Other(_) | Deed::Mismatch(_) | Deed::Count(_) => ("", Fields::default()),
    };
    let any = contract.parameter.clone().unwrap_or_default();
    let parameter = Fields::default().with("value", value).text("type_url", &any.type_url);
    Fields::default()
        .with("parameter", parameter)
        .text("type", name)
        .int("Permission_id", i64::from(contract.permission_id))
        .into()
}

/// A transaction's info.
pub(crate) fn info(tx: &Transaction, receipt: &Receipt, block: &Block, visible: bool) -> Value {
    let contract = receipt.contract.map(|it| it.bytes().to_vec()).unwrap_or_default();
    let failed = receipt.ended != Ended::Success;
    Fields::default()
        .text("id", &tx.id_hex())
        .int("fee", receipt.fee)
        .int("blockNumber", block.header.number)
        .int("blockTimeStamp", block.header.timestamp)
        .with("contractResult", json!([hex::encode(&receipt.output)]))
        .address("contract_address", &contract, visible)
        .with("receipt", resources(receipt))
        .list("log", receipt.logs.iter().map(|it| log(it, visible)).collect())
        .text("result", if failed { "FAILED" } else { "" })
        .message("resMessage", if failed { &receipt.message } else { "" }, visible)
        .into()
}

fn resources(receipt: &Receipt) -> Fields {
    let result = if receipt.is_contract { receipt.ended.name() } else { "" };
    Fields::default()
        .int("energy_usage", receipt.energy_usage)
        .int("energy_fee", receipt.energy_fee)
        .int("origin_energy_usage", receipt.origin_energy_usage)
        .int("energy_usage_total", receipt.energy_usage_total)
        .int("net_usage", receipt.net_usage)
        .int("net_fee", receipt.net_fee)
        .text("result", result)
        .int("energy_penalty_total", receipt.energy_penalty_total)
}

/// An entry of a log. Without `visible` its address has no prefix.
pub(crate) fn log(log: &Log, visible: bool) -> Value {
    let address = if visible {
        address_text(&log.address.bytes(), true)
    } else {
        hex::encode(log.address.tail())
    };
    Fields::default()
        .text("address", &address)
        .list("topics", log.topics.iter().map(|it| hex::encode(it).into()).collect())
        .bytes("data", &log.data)
        .into()
}

/// A block.
pub(crate) fn block(block: &Block, detail: bool, visible: bool) -> Value {
    let header = &block.header;
    let raw = Fields::default()
        .int("number", header.number)
        .bytes("txTrieRoot", &header.tx_trie_root)
        .address("witness_address", &header.witness_address, visible)
        .bytes("parentHash", &header.parent_hash)
        .int("version", i64::from(header.version))
        .int("timestamp", header.timestamp);
    // Nobody here checks who signed a block.
    let signature = if header.number == 0 { vec![] } else { vec![1; 65] };
    let head = Fields::default().with("raw_data", raw).bytes("witness_signature", &signature);
    let transactions = block.transactions.iter().filter(|_| detail);
    let transactions =
        transactions.map(|it| transaction(&it.tx, Some(it.receipt.ended), visible).into());
    Fields::default()
        .text("blockID", &block.id_hex())
        .with("block_header", head)
        .list("transactions", transactions.collect())
        .into()
}
