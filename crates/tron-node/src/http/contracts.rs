//! Contracts.

use alloy_primitives::keccak256;
use serde_json::{Value, json};

use super::{Answer, Failure, Params, fields::Fields};
use crate::{Address, chain::Chain, state::Contract};

pub(super) fn contract(chain: &Chain, params: &Params) -> Answer {
    Ok(find(chain, params)?.map_or_else(
        || json!({}),
        |(address, contract)| shown(&address, contract, params.visible).into(),
    ))
}

/// The contract, what it runs, and its factor.
pub(super) fn info(chain: &Chain, params: &Params) -> Answer {
    let Some((address, contract)) = find(chain, params)? else { return Ok(json!({})) };
    let state = Fields::default().int("energy_factor", contract.energy_factor);
    let info = Fields::default()
        .bytes("runtimecode", contract.code.original_byte_slice())
        .with("smart_contract", shown(&address, contract, params.visible))
        .with("contract_state", state);
    Ok(Value::from(info))
}

fn find<'a>(chain: &'a Chain, params: &Params) -> Result<Option<(Address, &'a Contract)>, Failure> {
    let address = Address::from_bytes(&params.address("value")?);
    Ok(address.and_then(|it| Some((it, chain.pending_state().contract(&it)?))))
}

fn shown(address: &Address, contract: &Contract, visible: bool) -> Fields {
    let hash = keccak256(contract.code.original_byte_slice());
    Fields::default()
        .bytes("bytecode", &contract.deployed)
        .int("consume_user_resource_percent", contract.consumer_pays_percent)
        .text("name", &contract.name)
        .address("origin_address", &contract.origin.bytes(), visible)
        .with("abi", json!({}))
        .int("origin_energy_limit", contract.origin_energy_limit)
        .address("contract_address", &address.bytes(), visible)
        .bytes("code_hash", hash.as_slice())
}
