//! Whether nodes take the user, password or access key that stand in their addresses. To the rails,
//! one that does not is as good as silent.

use domain::catalog::Network;
use futures_util::future::join_all;
use net::{ACCESS_REFUSED, Question, Transport as _, Unreachable};
use serde_json::json;

use super::{Named, bitcoin::ESPLORA, client, named, tron};
use crate::config::NetworkConfig;

/// The names of a network's nodes that answer, and serve nothing with what stands in `rpc`.
pub(crate) async fn refused(network: &Network, config: &NetworkConfig) -> Vec<String> {
    let (Ok(client), Some(call)) = (client(), call(&network.family)) else { return vec![] };
    let asked = config.rpc.iter().enumerate().map(|(position, url)| {
        let (question, node) = match url.strip_prefix(ESPLORA) {
            Some(url) => {
                let question = Question::GetText { path: "/blocks/tip/hash".to_owned() };
                (question, named(&client, position, url))
            }
            None if network.family == "tron" => (call.clone(), tron::node(&client, position, url)),
            None => (call.clone(), named(&client, position, url)),
        };
        async move {
            let Named { name, endpoint } = node.ok()?;
            let answer = endpoint.send(&question).await;
            let is_refused = |it: &Result<_, Unreachable>| {
                it.as_ref().is_err_and(|it| it.0.contains(ACCESS_REFUSED))
            };
            is_refused(&answer).then_some(name)
        }
    });
    join_all(asked).await.into_iter().flatten().collect()
}

/// A call that nodes of the family have, and that costs them nothing.
fn call(family: &str) -> Option<Question> {
    let method = match family {
        "bitcoin" => "getblockchaininfo",
        "evm" => "eth_chainId",
        "tron" => {
            let path = "/wallet/getnowblock".to_owned();
            return Some(Question::Post { path, body: json!({}) });
        }
        _ => return None,
    };
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": []});
    Some(Question::JsonRpc(call))
}
