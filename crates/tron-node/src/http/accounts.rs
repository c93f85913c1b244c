//! Accounts and what they have left.

use serde_json::{Value, json};

use super::{Answer, Params, fields::Fields};
use crate::{
    Address,
    chain::{Chain, Constant},
    checks::SLOT_MS,
    resources::Usage,
    state::Account,
};

/// What an account's second key may do by default.
const OPERATIONS: &str = "7fff1fc0033ec30f000000000000000000000000000000000000000000000000";

pub(super) fn account(chain: &Chain, view: Constant, params: &Params) -> Answer {
    let Some(address) = Address::from_bytes(&params.address("address")?) else {
        return Ok(json!({}));
    };
    let Some(account) = chain.view(view).account(&address) else { return Ok(json!({})) };
    let head = chain.head_at(chain.newest(view));
    let now = head.slot();
    let since = |usage: &Usage| head.genesis_ms + SLOT_MS * usage.since();
    let resource = Fields::default()
        .int("energy_usage", account.energy.at(now))
        .int("latest_consume_time_for_energy", since(&account.energy))
        .int("energy_window_size", account.energy.window())
        .flag("energy_window_optimized", true);
    let shown = Fields::default()
        .text("type", if account.is_contract { "Contract" } else { "" })
        .address("address", &address.bytes(), params.visible)
        .int("balance", account.balance)
        .int("net_usage", account.net.at(now))
        .int("create_time", account.create_time_ms)
        .int("latest_opration_time", account.latest_operation_time_ms)
        .int("free_net_usage", account.free_net.at(now))
        .int("latest_consume_time", since(&account.net))
        .int("latest_consume_free_time", since(&account.free_net))
        .int("net_window_size", account.net.window())
        .flag("net_window_optimized", true)
        .with("account_resource", resource);
    Ok(permissions(shown, &address, account, params.visible)
        .list("frozenV2", frozen(chain, account))
        .into())
}

fn permissions(shown: Fields, address: &Address, account: &Account, visible: bool) -> Fields {
    if account.is_contract {
        return shown;
    }
    let key = Fields::default().address("address", &address.bytes(), visible).int("weight", 1);
    let keys = json!([Value::from(key)]);
    shown
        .with(
            "owner_permission",
            json!({ "permission_name": "owner", "threshold": 1, "keys": keys }),
        )
        .with(
            "active_permission",
            json!([{
                "type": "Active",
                "id": 2,
                "permission_name": "active",
                "threshold": 1,
                "operations": OPERATIONS,
                "keys": keys,
            }]),
        )
}

/// The stake that the account's points would take.
fn frozen(chain: &Chain, account: &Account) -> Vec<Value> {
    let parameters = &chain.parameters;
    let net = stake(account.net_points, parameters.total_net_weight, parameters.total_net_limit);
    let energy =
        stake(account.energy_points, parameters.total_energy_weight, parameters.total_energy_limit);
    vec![
        Fields::default().int("amount", net).into(),
        Fields::default().text("type", "ENERGY").int("amount", energy).into(),
        Fields::default().text("type", "TRON_POWER").into(),
    ]
}

fn stake(points: i64, weight: i64, limit: i64) -> i64 {
    let sun = i128::from(points) * i128::from(weight) * 1_000_000 / i128::from(limit.max(1));
    i64::try_from(sun).unwrap_or(i64::MAX)
}

pub(super) fn resource(chain: &Chain, params: &Params) -> Answer {
    let Some((account, now)) = find(chain, params)? else { return Ok(json!({})) };
    let parameters = &chain.parameters;
    Ok(net_fields(chain, account, now)
        .int("EnergyUsed", account.energy.at(now))
        .int("EnergyLimit", account.energy_points)
        .int("TotalEnergyLimit", parameters.total_energy_limit)
        .int("TotalEnergyWeight", parameters.total_energy_weight)
        .into())
}

pub(super) fn net(chain: &Chain, params: &Params) -> Answer {
    let Some((account, now)) = find(chain, params)? else { return Ok(json!({})) };
    Ok(net_fields(chain, account, now).into())
}

fn net_fields(chain: &Chain, account: &Account, now: i64) -> Fields {
    let parameters = &chain.parameters;
    Fields::default()
        .int("freeNetUsed", account.free_net.at(now))
        .int("freeNetLimit", parameters.free_net)
        .int("NetUsed", account.net.at(now))
        .int("NetLimit", account.net_points)
        .int("TotalNetLimit", parameters.total_net_limit)
        .int("TotalNetWeight", parameters.total_net_weight)
}

fn find<'a>(
    chain: &'a Chain,
    params: &Params,
) -> Result<Option<(&'a Account, i64)>, super::Failure> {
    let address = Address::from_bytes(&params.address("address")?);
    let account = address.and_then(|address| chain.pending_state().account(&address));
    Ok(account.map(|account| (account, chain.head_at(chain.head()).slot())))
}
