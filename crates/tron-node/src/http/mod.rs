//! The node's HTTP interface.

mod accounts;
mod blocks;
mod calls;
mod contracts;
mod fields;
mod network;
mod pack;
mod params;
mod print;
pub(crate) mod server;
mod transactions;

use serde_json::{Value, json};

use crate::chain::{Chain, Constant};
use params::{Failure, Params};

type Answer = Result<Value, Failure>;

/// Answers a request; `None` if there is no such path.
pub(crate) fn answer(
    chain: &mut Chain,
    path: &str,
    params: &Result<Params, Failure>,
) -> Option<Value> {
    let (view, name) = match path.trim_start_matches('/').split_once('/')? {
        ("wallet", name) => (Constant::Newest, name),
        ("walletsolidity", name) => (Constant::Solid, name),
        _ => return None,
    };
    let answer = match params {
        Ok(params) => read(chain, view, name, params)
            .or_else(|| (view == Constant::Newest).then(|| write(chain, name, params))?)?,
        Err(Failure(text)) => Err(Failure(text.clone())),
    };
    Some(answer.unwrap_or_else(|Failure(text)| json!({ "Error": text })))
}

/// What both interfaces have.
fn read(chain: &Chain, view: Constant, name: &str, params: &Params) -> Option<Answer> {
    Some(match name {
        "getnowblock" => Ok(blocks::newest(chain, view, params)),
        "getblock" => blocks::block(chain, view, params),
        "getblockbynum" => blocks::by_number(chain, view, params),
        "getblockbyid" => blocks::by_id(chain, view, params),
        "getblockbylimitnext" => blocks::range(chain, view, params),
        "gettransactionbyid" => transactions::by_id(chain, view, params),
        "gettransactioninfobyid" => transactions::info(chain, view, params),
        "gettransactioninfobyblocknum" => transactions::infos(chain, view, params),
        "getaccount" => accounts::account(chain, view, params),
        "triggerconstantcontract" => Ok(calls::constant(chain, view, params)),
        "estimateenergy" => Ok(calls::estimate(chain, view, params)),
        "getenergyprices" => Ok(network::energy_prices(chain)),
        "getnodeinfo" => Ok(network::node_info(chain)),
        _ => return None,
    })
}

/// What only a full node has.
fn write(chain: &mut Chain, name: &str, params: &Params) -> Option<Answer> {
    Some(match name {
        "broadcasthex" => transactions::broadcast_hex(chain, params),
        "broadcasttransaction" => transactions::broadcast(chain, params),
        "createtransaction" => transactions::create(chain, params),
        "triggersmartcontract" => Ok(calls::trigger(chain, params)),
        "gettransactionfrompending" => transactions::waiting(chain, params),
        "gettransactionlistfrompending" => Ok(transactions::all_waiting(chain)),
        "getpendingsize" => Ok(json!({ "pendingSize": chain.pool().len() })),
        "getaccountresource" => accounts::resource(chain, params),
        "getaccountnet" => accounts::net(chain, params),
        "getcontract" => contracts::contract(chain, params),
        "getcontractinfo" => contracts::info(chain, params),
        "getchainparameters" => Ok(network::parameters(chain)),
        _ => return None,
    })
}
