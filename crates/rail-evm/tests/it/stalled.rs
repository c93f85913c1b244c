//! A node that answers and stands still, where two must agree: nothing ends, it is told, and lanes
//! go on paying.

use domain::{
    batch::Observation,
    payout::Status,
    ports::{Rail, Store},
};
use rail_evm::Settings;
use serde_json::{Value, json};

use crate::{
    actor::Actor,
    house::{self, House, hot},
    lost::plenty,
    scene::{self, LANE, RECIPIENT, coin},
};

/// A node whose latest block and whose final block are these.
fn node(
    head: u64,
    final_head: u64,
) -> impl Fn(&str, &Value) -> Result<Value, Value> + Send + 'static {
    let block = |number: &Value| {
        let hash = format!("{:#066x}", 0xb10c);
        json!({"number": number, "hash": hash, "transactions": []})
    };
    move |method, params| match method {
        "eth_blockNumber" => Ok(json!(format!("{head:#x}"))),
        "eth_feeHistory" => Ok(json!({"oldestBlock": format!("{head:#x}"),
            "baseFeePerGas": ["0x64", "0x64"], "reward": [["0xa"]]})),
        "eth_getBlockByNumber" if params[0] == "finalized" => {
            Ok(block(&json!(format!("{final_head:#x}"))))
        }
        "eth_getBlockByNumber" => Ok(block(&params[0])),
        _ => plenty(method, params),
    }
}

/// The same if every transaction that is asked for is in block 80.
fn includes_all(
    head: u64,
    final_head: u64,
) -> impl Fn(&str, &Value) -> Result<Value, Value> + Send + 'static {
    move |method, params| match method {
        "eth_getTransactionReceipt" => Ok(json!({"transactionHash": params[0],
            "blockHash": format!("{:#066x}", 0xb10c), "blockNumber": "0x50", "status": "0x1",
            "gasUsed": "0x5208", "effectiveGasPrice": "0x64", "logs": []})),
        _ => node(head, final_head)(method, params),
    }
}

#[tokio::test]
async fn one_that_stands_still_is_told_and_does_not_undo_what_others_see() {
    let actors = [Actor::new(includes_all(100, 90)), Actor::new(node(50, 40))];
    let endpoints = scene::several(actors.each_ref().map(Actor::client));
    let rail = scene::over(endpoints, &[coin()], Settings::default());
    let payout = scene::payout(&coin(), RECIPIENT, 1);
    let attempt = scene::sign(&rail, 9, &payout, None).await.unwrap();
    let look = async || {
        Rail::observe(&rail, &scene::lane(10), std::slice::from_ref(&attempt), &[]).await.unwrap()
    };
    for _ in 0..100 {
        assert_eq!(look().await, [Observation::InBlock]);
        let alert = rail.alert().unwrap();
        assert!(alert.contains("1 answer and 2 are needed"), "{alert}");
        assert!(alert.ends_with("not where the others are: #2"), "{alert}");
    }
    // It has come as far and does not know it: then it is handed over again.
    actors[1].plays(node(98, 40));
    assert_eq!(look().await, [Observation::Missing]);
    assert_eq!(rail.alert(), None);
    actors[1].plays(includes_all(98, 85));
    assert!(matches!(look().await[..], [Observation::Final { .. }]));
}

#[tokio::test]
async fn a_lane_goes_on_paying_beside_a_node_that_stands_still() {
    let Some(mut house) = House::start(None).await else { return };
    let block: Value = house.anvil.ask("eth_getBlockByNumber", json!(["finalized", false])).await;
    let number = block["number"].clone();
    let stalled = Actor::new(move |method: &str, params: &Value| match method {
        "eth_blockNumber" => Ok(number.clone()),
        "eth_getBlockByNumber" if params[0] == "finalized" || params[0] == number => {
            Ok(block.clone())
        }
        "eth_getBlockByNumber" => Ok(Value::Null),
        "eth_getTransactionCount" => Ok(json!("0x0")),
        _ => plenty(method, params),
    });
    let assets = [coin(), house.token.clone()];
    let endpoints = scene::several([house.anvil.client(), stalled.client()]);
    house.rail = scene::over(endpoints, &assets, house::settings(None));
    let mut ids = vec![];
    // More than may be in no block at once.
    for (round, count) in [(0, 40), (1, 5)] {
        ids.extend(house.ask_many(&coin(), &format!("stalled {round}"), count).await);
        for _ in 0..30 {
            house.turn().await;
            house.anvil.mine(1).await;
            house.wait(1_000);
        }
        house.turn().await;
        house.are(&ids, Status::InBlock);
        assert_eq!(house.count(LANE).await, u64::try_from(ids.len()).unwrap());
    }
    let view = house.store.load_lane(&hot(), 0).await.unwrap().unwrap();
    assert_eq!(view.lane.next_sequence, 45);
    let alert = Rail::alert(&house.rail).unwrap();
    assert!(alert.ends_with("not where the others are: #2"), "{alert}");
    let endpoints = scene::several([house.anvil.client(), house.anvil.client()]);
    house.rail = scene::over(endpoints, &assets, house::settings(None));
    house.end(&ids).await;
    house.are(&ids, Status::Paid);
}
