//! Transactions from JSON (`Util.packTransaction`), and transactions that the node builds
//! (`Wallet.createTransactionCapsule`).

use prost::Message as _;

use super::{Failure, Params};
use crate::{
    chain::{Chain, Constant},
    transaction::Transaction,
    wire::{self, Any, Contract, Raw, Transfer, Trigger},
};

/// How long a transaction is valid that the node builds.
const VALID_MS: i64 = 60_000;

/// Reads a transaction of `broadcasttransaction`. `raw_data` counts, not `raw_data_hex`: the id
/// is that of what is in there. Contracts of other kinds than transfers and calls are left out.
pub(super) fn transaction(params: &Params) -> Result<Transaction, Failure> {
    let none = || Failure::new("java.lang.NullPointerException", "null");
    let raw = params.inner("raw_data").ok_or_else(none)?;
    let mut contract = vec![];
    for one in raw.list("contract") {
        contract.extend(read_contract(&one)?);
    }
    let raw = Raw {
        ref_block_bytes: raw.bytes("ref_block_bytes")?,
        ref_block_num: raw.int("ref_block_num")?,
        ref_block_hash: raw.bytes("ref_block_hash")?,
        expiration: raw.int("expiration")?,
        data: raw.bytes("data")?,
        contract,
        scripts: raw.bytes("scripts")?,
        timestamp: raw.int("timestamp")?,
        fee_limit: raw.int("fee_limit")?,
    };
    let texts = params.get("signature").and_then(|it| it.as_array().cloned()).unwrap_or_default();
    let signatures = texts.iter().filter_map(|it| hex::decode(it.as_str()?).ok()).collect();
    Ok(Transaction::new(raw, signatures))
}

fn read_contract(contract: &Params) -> Result<Option<Contract>, Failure> {
    let Some(parameter) = contract.inner("parameter") else { return Ok(None) };
    let Some(value) = parameter.inner("value") else { return Ok(None) };
    let (kind, value) = match contract.text("type").as_str() {
        "TransferContract" => {
            let transfer = Transfer {
                owner_address: value.address("owner_address")?,
                to_address: value.address("to_address")?,
                amount: value.int("amount")?,
            };
            (wire::TRANSFER, transfer.encode_to_vec())
        }
        "TriggerSmartContract" => (wire::TRIGGER, trigger(&value)?.encode_to_vec()),
        _ => return Ok(None),
    };
    let permission = contract.int("Permission_id")?;
    Ok(Some(Contract {
        kind,
        parameter: Some(Any { type_url: parameter.text("type_url"), value }),
        permission_id: i32::try_from(permission).unwrap_or_default(),
        ..Contract::default()
    }))
}

/// Reads a call.
pub(super) fn trigger(params: &Params) -> Result<Trigger, Failure> {
    Ok(Trigger {
        owner_address: params.address("owner_address")?,
        contract_address: params.address("contract_address")?,
        call_value: params.int("call_value")?,
        data: params.bytes("data")?,
        call_token_value: params.int("call_token_value")?,
        token_id: params.int("token_id")?,
    })
}

/// A transfer, as a contract of a transaction.
pub(super) fn any_transfer(transfer: &Transfer) -> Contract {
    any(wire::TRANSFER, "TransferContract", transfer.encode_to_vec())
}

/// A call, as a contract of a transaction.
pub(super) fn any_trigger(trigger: &Trigger) -> Contract {
    any(wire::TRIGGER, "TriggerSmartContract", trigger.encode_to_vec())
}

fn any(kind: i32, name: &str, value: Vec<u8>) -> Contract {
    let type_url = format!("type.googleapis.com/protocol.{name}");
    Contract { kind, parameter: Some(Any { type_url, value }), ..Contract::default() }
}

/// A transaction that refers to the newest block and is valid for a minute.
pub(super) fn build(
    chain: &mut Chain,
    mut contract: Contract,
    params: &Params,
    fee_limit: i64,
) -> Result<Transaction, Failure> {
    let permission = params.int("Permission_id")?;
    contract.permission_id = i32::try_from(permission).unwrap_or_default();
    let text = params.text("extra_data");
    let data = if params.visible { text.into_bytes() } else { params.bytes("extra_data")? };
    // No clock is read: what is built in one block differs by a millisecond.
    let made = i64::try_from(chain.next_made()).unwrap_or_default();
    let mut raw = unsigned(chain, Constant::Newest, contract).raw;
    raw.timestamp += made;
    Ok(Transaction::new(Raw { data, fee_limit, ..raw }, vec![]))
}

/// The transaction of a call that changes nothing.
pub(super) fn unsigned(chain: &Chain, view: Constant, contract: Contract) -> Transaction {
    let block = chain.newest(view);
    let raw = Raw {
        ref_block_bytes: block.id[6..8].to_vec(),
        ref_block_hash: block.reference().to_vec(),
        expiration: block.header.timestamp + VALID_MS,
        contract: vec![contract],
        timestamp: block.header.timestamp,
        ..Raw::default()
    };
    Transaction::new(raw, vec![])
}
