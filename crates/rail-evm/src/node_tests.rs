//! Networks with one price per gas. Transactions of theirs are not made yet, so that no real node can
//! be asked through the rail.

use std::sync::Arc;

use net::{Answer, BoxFuture, Question, Transport, Unreachable as Lost};

use super::*;
use crate::settings::L1Charge;

/// Answers the calls of a batch in order with these results.
struct Script(Vec<Value>);

impl Transport for Script {
    fn send<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Result<Answer, Lost>> {
        let Question::JsonRpc(Value::Array(calls)) = question else { panic!("{question:?}") };
        let methods: Vec<&str> = calls.iter().filter_map(|it| it["method"].as_str()).collect();
        assert_eq!(methods, ["eth_blockNumber", "eth_gasPrice"]);
        let answer = |(call, result): (&Value, &Value)| json!({"id": call["id"], "result": result});
        let body = calls.iter().zip(&self.0).map(answer).collect();
        Box::pin(std::future::ready(Ok(Answer { status: 200, body })))
    }
}

async fn market(answers: Value, floor: u128) -> Result<Market, Unreachable> {
    let Value::Array(answers) = answers else { panic!("{answers}") };
    let rpc = JsonRpc::new(Arc::new(Script(answers)));
    let parameters = Parameters {
        chain_id: 1,
        finality: Finality::Tag("finalized"),
        fee_model: FeeModel::Legacy,
        priority_fee_floor_wei: floor,
        lag_blocks_max: 5,
        l1_charge: L1Charge::None,
    };
    Node::new(NetworkId::new("testnet"), rpc).market(&parameters, &Settings::default()).await
}

#[tokio::test]
async fn one_price_is_what_the_node_names_or_the_floor() {
    let named = |tip| Ok(Market { block: 16, base_fee: 0, tip });
    assert_eq!(market(json!(["0x10", "0x3b9aca00"]), 1).await, named(1_000_000_000));
    assert_eq!(market(json!(["0x10", "0x5"]), 7).await, named(7));
    for nonsense in [json!(["0x10"]), json!(["0x10", null]), json!(["0x10", "5 gwei"])] {
        assert_eq!(market(nonsense, 1).await, Err(Unreachable));
    }
}
