//! Whether nodes take the user, password or access key that stand in their addresses. To the rails,
//! one that does not is as good as silent.

use domain::catalog::Network;
use futures_util::future::join_all;
use net::{ACCESS_REFUSED, Question, Transport as _, Unreachable};
use serde_json::json;

use super::{Named, bitcoin::ESPLORA, client, named};
use crate::config::NetworkConfig;

/// The names of a network's nodes that answer, and serve nothing with what stands in `rpc`.
pub(crate) async fn refused(network: &Network, config: &NetworkConfig) -> Vec<String> {
    let Ok(client) = client() else { return vec![] };
    let asked = config.rpc.iter().enumerate().map(|(position, url)| {
        let (question, url) = match url.strip_prefix(ESPLORA) {
            Some(url) => (Question::GetText { path: "/blocks/tip/hash".to_owned() }, url),
            None => (call(&network.family), url.as_str()),
        };
        let named = named(&client, position, url);
        async move {
            let Named { name, endpoint } = named.ok()?;
            let answer = endpoint.send(&question).await;
            let is_refused = |it: &Result<_, Unreachable>| {
                it.as_ref().is_err_and(|it| it.0.contains(ACCESS_REFUSED))
            };
            is_refused(&answer).then_some(name)
        }
    });
    join_all(asked).await.into_iter().flatten().collect()
}

/// A call that a node of the family has, and that costs it nothing.
fn call(family: &str) -> Question {
    let method = if family == "bitcoin" { "getblockchaininfo" } else { "eth_chainId" };
    Question::JsonRpc(json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": []}))
}
