//! Whatever is lost or garbled on the way to the node is "unreachable" and nothing else.

use std::{fmt::Debug, sync::Arc};

use domain::{
    batch::Observation,
    payout::{Payout, Priority},
    ports::{BuildError, Handover, HoldReason, Rail, Unreachable},
};
use net::JsonRpc;
use rail_evm::{Evm, Settings};
use serde_json::{Value, json};

use crate::{
    fake::Fake,
    scene::{self, RECIPIENT},
};

pub(crate) const TOKEN: &str = "0xdAC17F958D2ee523a2206206994597C13D831ec7";

/// What calls of these functions begin with (the first bytes of the signature's Keccak-256).
pub(crate) const BALANCE_OF: &str = "0x70a08231";
pub(crate) const DECIMALS: &str = "0x313ce567";
pub(crate) const SYMBOL: &str = "0x95d89b41";
pub(crate) const PAUSED: &str = "0x5c975abb";
pub(crate) const IS_BLACK_LISTED: &str = "0xe47d6060";
pub(crate) const IS_BLACKLISTED: &str = "0xfe575a87";
pub(crate) const TRANSFER: &str = "0xa9059cbb";
pub(crate) const PROBE: &str = "0xdd8e5ec9";

/// A lane with plenty of everything and nine transactions, on a chain of 100 blocks of which 90
/// are final. It knows none of our transactions.
pub(crate) fn plenty(method: &str, params: &Value) -> Result<Value, Value> {
    let block = |number: u64| {
        let hash = format!("{:#066x}", 0xb10c);
        json!({"number": format!("{number:#x}"), "hash": hash, "transactions": []})
    };
    Ok(match (method, params[0].as_str()) {
        ("eth_feeHistory", _) => {
            let base = ["0x64", "0x64", "0x64"];
            json!({"oldestBlock": "0x63", "baseFeePerGas": base, "reward": [["0xa"], ["0xa"]]})
        }
        ("eth_chainId", _) => json!(format!("{:#x}", scene::CHAIN_ID)),
        ("eth_getBlockByNumber", Some("finalized")) => block(90),
        ("eth_getBalance", _) => json!("0xde0b6b3a7640000"),
        ("eth_call", _) => called(params),
        ("eth_getCode", Some(address)) if address.eq_ignore_ascii_case(TOKEN) => json!("0x60"),
        ("eth_getCode", _) => json!("0x"),
        ("eth_estimateGas", _) => json!("0xc350"),
        ("eth_getTransactionCount", _) => json!("0x9"),
        ("eth_getTransactionReceipt" | "eth_getTransactionByHash", _) => Value::Null,
        ("eth_sendRawTransaction", Some(raw)) => {
            let raw = hex::decode(&raw[2..]).unwrap();
            json!(alloy_primitives::keccak256(raw))
        }
        _ => return Err(json!({"code": -32601, "message": "no such method"})),
    })
}

/// What the token answers to a call, by the call's selector.
fn called(params: &Value) -> Value {
    let word = |number: u64| format!("{number:064x}");
    let amount = 5_000_000;
    match params[0]["data"].as_str().unwrap_or_default().get(..10) {
        Some(BALANCE_OF) => json!(format!("0x{}", word(amount))),
        Some(DECIMALS) => json!(format!("0x{}", word(6))),
        Some(SYMBOL) => json!(format!("0x{:0<64}", hex::encode("TOKEN"))),
        Some(IS_BLACK_LISTED | IS_BLACKLISTED | PAUSED) => json!(format!("0x{}", word(0))),
        Some(TRANSFER) => json!(format!("0x{}", word(1))),
        Some(PROBE) => {
            // It went through and returned nothing; the recipient's balance and the lane's, before
            // and after.
            let went = [1, 0xc0, 0, amount, amount, 0, 0];
            json!(format!("0x{}", went.map(word).concat()))
        }
        // A payment of the coin.
        None => json!("0x"),
        Some(other) => panic!("{other}"),
    }
}

pub(crate) fn rail<F>(fake: Arc<Fake<F>>) -> Evm
where
    F: Fn(&str, &Value) -> Result<Value, Value> + Send + Sync + 'static,
{
    scene::evm(JsonRpc::new(fake), &[scene::coin(), scene::token(TOKEN)])
}

/// Asks with all exchanges answered; then with each of them lost; then with the answer to each
/// method garbled.
async fn check<T: Debug, E: Debug + PartialEq>(
    methods: &[&'static str],
    exchanges: usize,
    unreachable: E,
    ask: impl AsyncFn(Evm) -> Result<T, E>,
) -> T {
    let fake = Arc::new(Fake::new(plenty));
    let answer = ask(rail(fake.clone())).await.unwrap();
    assert_eq!(fake.asked(), exchanges);
    for lose_from in 0..exchanges {
        let lost = ask(rail(Arc::new(Fake::losing(plenty, lose_from)))).await;
        assert_eq!(lost.unwrap_err(), unreachable, "exchange {lose_from}");
    }
    for garbled in methods.iter().copied() {
        let node = move |method: &str, params: &Value| {
            if method == garbled { Ok(json!([true])) } else { plenty(method, params) }
        };
        let odd = ask(rail(Arc::new(Fake::new(node)))).await;
        assert_eq!(odd.unwrap_err(), unreachable, "{garbled}");
    }
    answer
}

#[tokio::test]
async fn building() {
    let payout = scene::payout(&scene::token(TOKEN), RECIPIENT, 5_000_000);
    let methods = [
        "eth_chainId",
        "eth_getBlockByNumber",
        "eth_feeHistory",
        "eth_getBalance",
        "eth_getTransactionCount",
        "eth_estimateGas",
        "eth_call",
        "eth_getCode",
    ];
    let built = check(&methods, 6, BuildError::Unreachable, async |rail: Evm| {
        scene::sign(&rail, 3, &payout, None).await
    });
    assert_eq!(built.await.sequence, Some(9));
}

#[tokio::test]
async fn nothing_is_built_on_another_chain() {
    let other = |method: &str, params: &Value| match method {
        "eth_chainId" => Ok(json!("0x7b")),
        _ => plenty(method, params),
    };
    let fake = Arc::new(Fake::new(other));
    let rail = rail(fake.clone());
    assert!(matches!(rail.check_nodes().await, Err(net::NodeError::OtherChain(_))));
    let payout = scene::payout(&scene::token(TOKEN), RECIPIENT, 5_000_000);
    let built = scene::sign(&rail, 3, &payout, None).await;
    assert_eq!(built.unwrap_err(), BuildError::Unreachable);
    assert_eq!(fake.asked(), 2);
}

#[tokio::test]
async fn what_the_node_answers_to_the_estimate_is_told_to_people() {
    let payout = scene::payout(&scene::token(TOKEN), RECIPIENT, 5_000_000);
    let busy = |method: &str, params: &Value| match method {
        "eth_estimateGas" => Err(json!({"code": -32005, "message": "rate limit exceeded"})),
        _ => plenty(method, params),
    };
    let built = scene::sign(&rail(Arc::new(Fake::new(busy))), 9, &payout, None).await;
    let Err(BuildError::Hold(hold)) = built else { panic!("{built:?}") };
    assert_eq!(hold.reason, HoldReason::NotEstimated);
    assert!(hold.detail.contains("rate limit exceeded"), "{}", hold.detail);
}

#[tokio::test]
async fn a_wrong_count_does_not_move_the_lane() {
    let payout = scene::payout(&scene::token(TOKEN), RECIPIENT, 5_000_000);
    let build = async |latest: &'static str, settled: Option<&'static str>| {
        let node = move |method: &str, params: &Value| match method {
            "eth_getTransactionCount" if params[1] == "0x64" => Ok(json!(latest)),
            "eth_getTransactionCount" => {
                settled.map(|it| json!(it)).ok_or(json!({"code": -32000, "message": "missing"}))
            }
            _ => plenty(method, params),
        };
        let built = scene::sign(&rail(Arc::new(Fake::new(node))), 9, &payout, None).await;
        built.map(|attempt| attempt.sequence.unwrap())
    };
    assert_eq!(build("0x9", Some("0x9")).await, Ok(9));
    assert_eq!(build("0x9", None).await, Ok(9));
    assert_eq!(build("0xc", Some("0xc")).await, Ok(12));
    for (latest, settled) in [("0x100000", Some("0x9")), ("0xc", None), ("0xc", Some("0xb"))] {
        let held = build(latest, settled).await;
        let Err(BuildError::Hold(hold)) = held else { panic!("{held:?}") };
        assert_eq!(hold.reason, HoldReason::KeyUsedElsewhere);
    }
    let huge = "0xffffffffffffffff";
    for (latest, settled) in [(huge, Some("0x9")), (huge, Some(huge)), ("0x9", Some("0x100000"))] {
        assert_eq!(build(latest, settled).await, Err(BuildError::Unreachable));
    }
}

#[tokio::test]
async fn while_no_block_is_final_the_lane_counts_alone() {
    let payout = scene::payout(&scene::token(TOKEN), RECIPIENT, 5_000_000);
    let young = |method: &str, params: &Value| match (method, params[0].as_str()) {
        ("eth_getBlockByNumber", Some("finalized")) => Ok(Value::Null),
        _ => plenty(method, params),
    };
    let young = rail(Arc::new(Fake::new(young)));
    assert_eq!(scene::sign(&young, 9, &payout, None).await.unwrap().sequence, Some(9));
    let held = scene::sign(&young, 8, &payout, None).await;
    assert!(matches!(held, Err(BuildError::Hold(_))), "{held:?}");
}

#[tokio::test]
async fn a_node_that_does_not_know_what_it_took_gets_no_replacement() {
    let (_, first) = signed().await;
    let payout = scene::payout(&scene::token(TOKEN), RECIPIENT, 5_000_000);
    let replace = async |base: &'static str| {
        let node = move |method: &str, params: &Value| match method {
            "eth_feeHistory" => Ok(json!({"oldestBlock": "0x63",
                "baseFeePerGas": ["0x64", "0x64", base], "reward": [["0xa"], ["0xa"]]})),
            _ => plenty(method, params),
        };
        scene::sign(&rail(Arc::new(Fake::new(node))), 10, &payout, Some(&first)).await
    };
    assert_eq!(replace("0x64").await.unwrap_err(), BuildError::NotNeeded);
    assert_eq!(replace("0xc8").await.unwrap_err(), BuildError::NotNeeded);
    assert_eq!(replace("0xc9").await.unwrap().sequence, first.sequence);
}

#[tokio::test]
async fn handing_over() {
    let (rail, attempt) = signed().await;
    assert_eq!(rail.broadcast(&attempt.tx).await, Ok(Handover::Accepted));
    let done =
        check(&["eth_chainId", "eth_sendRawTransaction"], 2, Unreachable, async |rail: Evm| {
            Rail::broadcast(&rail, &attempt.tx).await
        });
    assert_eq!(done.await, Handover::Accepted);
    let other = |method: &str, params: &Value| match method {
        "eth_sendRawTransaction" => Ok(json!(alloy_primitives::B256::ZERO)),
        _ => plenty(method, params),
    };
    let told = Rail::broadcast(&self::rail(Arc::new(Fake::new(other))), &attempt.tx).await;
    assert!(matches!(told, Ok(Handover::Refused(_))), "{told:?}");
}

#[tokio::test]
async fn observing() {
    let (_, attempt) = signed().await;
    let methods = [
        "eth_chainId",
        "eth_getBlockByNumber",
        "eth_getTransactionCount",
        "eth_getTransactionReceipt",
    ];
    let seen = check(&methods, 3, Unreachable, async |rail: Evm| {
        Rail::observe(&rail, &scene::lane(10), std::slice::from_ref(&attempt), &[]).await
    });
    assert_eq!(seen.await, [Observation::Missing]);
}

#[tokio::test]
async fn a_node_that_is_still_indexing_proves_nothing() {
    let (_, attempt) = signed().await;
    for refusing in ["eth_getTransactionReceipt", "eth_getTransactionByHash"] {
        let node = move |method: &str, params: &Value| {
            let busy = json!({"code": -32000, "message": "transaction indexing is in progress"});
            if method == refusing { Err(busy) } else { plenty(method, params) }
        };
        let rail = rail(Arc::new(Fake::new(node)));
        let seen =
            Rail::observe(&rail, &scene::lane(10), std::slice::from_ref(&attempt), &[]).await;
        assert_eq!(seen, Err(Unreachable), "{refusing}");
    }
}

#[tokio::test]
async fn a_receipt_from_a_block_that_the_chain_does_not_have_proves_nothing() {
    let (_, attempt) = signed().await;
    let observe = async |hash: &'static str, height: &'static str| {
        let txid = attempt.tx.txid.to_string();
        let node = move |method: &str, params: &Value| match method {
            "eth_getTransactionReceipt" => Ok(json!({
                "transactionHash": txid,
                "blockHash": format!("0x{hash:0>64}"),
                "blockNumber": "0x50",
                "status": "0x0",
                "gasUsed": "0x5208",
                "effectiveGasPrice": "0x2",
                "l1Fee": "0x7",
                "logs": [],
            })),
            "eth_getBlockByNumber" if params[0] == "0x50" && height.is_empty() => Ok(Value::Null),
            "eth_getBlockByNumber" if params[0] == "0x50" => {
                let hash = format!("{:#066x}", 0xb10c);
                Ok(json!({"number": height, "hash": hash, "transactions": []}))
            }
            _ => plenty(method, params),
        };
        let rail = rail(Arc::new(Fake::new(node)));
        Rail::observe(&rail, &scene::lane(10), std::slice::from_ref(&attempt), &[]).await
    };
    let fee = domain::money::Amount::from_units(2 * 21_000 + 7).unwrap();
    assert_eq!(observe("b10c", "0x50").await, Ok(vec![Observation::Reverted { fee }]));
    assert_eq!(observe("b10d", "0x50").await, Ok(vec![Observation::Pending]));
    assert_eq!(observe("b10c", "").await, Ok(vec![Observation::Pending]));
    assert_eq!(observe("b10c", "0x51").await, Err(Unreachable));
}

#[tokio::test]
async fn damaged_attempts_are_not_observed() {
    let (rail, attempt) = signed().await;
    let observe = async |change: &dyn Fn(&mut domain::batch::Attempt), lane: &str| {
        let mut attempt = attempt.clone();
        change(&mut attempt);
        let lane = domain::lane::Lane { address: lane.to_owned(), ..scene::lane(10) };
        Rail::observe(&rail, &lane, &[attempt], &[]).await
    };
    assert_eq!(observe(&|_| {}, scene::LANE).await, Ok(vec![Observation::Missing]));
    assert_eq!(observe(&|_| {}, RECIPIENT).await, Err(Unreachable));
    assert_eq!(observe(&|it| it.sequence = Some(8), scene::LANE).await, Err(Unreachable));
    assert_eq!(observe(&|it| it.tx.raw.push(0), scene::LANE).await, Err(Unreachable));
    let renamed = domain::ids::TxId::new("0x00");
    assert_eq!(observe(&|it| it.tx.txid = renamed.clone(), scene::LANE).await, Err(Unreachable));
}

#[tokio::test]
async fn holdings() {
    let assets = [scene::coin(), scene::token(TOKEN)];
    let methods = ["eth_chainId", "eth_getBlockByNumber", "eth_getBalance", "eth_call"];
    let found = check(&methods, 3, Unreachable, async |rail: Evm| {
        Rail::holdings(&rail, &scene::lane(0), &assets).await
    });
    let units: Vec<u128> = found.await.iter().map(|it| it.amount.units()).collect();
    assert_eq!(units, [1_000_000_000_000_000_000, 5_000_000]);
}

#[tokio::test]
async fn a_depth_counts_from_the_latest_block_which_is_the_first() {
    for (depth, expected) in [("1", Ok("0x64")), ("3", Ok("0x62")), ("102", Err(Unreachable))] {
        let node = |method: &str, params: &Value| match method {
            "eth_blockNumber" => Ok(json!("0x64")),
            "eth_getBalance" => Ok(params[1].clone()),
            _ => plenty(method, params),
        };
        let rpc = JsonRpc::new(Arc::new(Fake::new(node)));
        let assets = [scene::coin()];
        let (network, endpoints) = (scene::network(depth), scene::alone(rpc));
        let rail = Evm::new(&network, &assets, endpoints, Settings::default()).unwrap();
        let found = Rail::holdings(&rail, &scene::lane(0), &assets).await;
        let at = found.map(|holdings| format!("{:#x}", holdings[0].amount.units()));
        assert_eq!(at.as_deref().map_err(|it| *it), expected);
    }
}

#[tokio::test]
async fn quotes() {
    let coin = scene::coin();
    let quote = check(&["eth_chainId", "eth_feeHistory"], 2, Unreachable, async |rail: Evm| {
        Rail::quote_fee(&rail, &coin).await
    });
    assert_eq!(quote.await.units(), 21_000 * (125 + 10));
    let token = scene::token(TOKEN);
    let methods = ["eth_chainId", "eth_getCode", "eth_call", "eth_feeHistory"];
    let quote =
        check(&methods, 3, Unreachable, async |rail: Evm| Rail::quote_fee(&rail, &token).await);
    assert_eq!(quote.await.units(), 65_000 * (125 + 10));
}

#[tokio::test]
async fn a_node_of_another_chain_is_not_connected_to() {
    let connect = async |answer: Value| {
        let node = move |_: &str, _: &Value| Ok(answer.clone());
        let rpc = JsonRpc::new(Arc::new(Fake::new(node)));
        let network = scene::network("finalized");
        let endpoints = scene::alone(rpc);
        Evm::connect(&network, &[scene::coin()], endpoints, Settings::default()).await.map(|_| ())
    };
    assert_eq!(connect(json!("0x7a69")).await, Ok(()));
    let told = connect(json!("0x1")).await.unwrap_err();
    assert!(told.contains("chain 1, and the network is chain 31337"), "{told}");
    assert!(connect(json!(null)).await.unwrap_err().contains("does not answer"));
}

async fn signed() -> (Evm, domain::batch::Attempt) {
    let rail = rail(Arc::new(Fake::new(plenty)));
    let payout = scene::payout(&scene::token(TOKEN), RECIPIENT, 5_000_000);
    let attempt = scene::sign(&rail, 9, &payout, None).await.unwrap();
    (rail, attempt)
}

#[tokio::test]
async fn an_urgent_payout_may_cost_more() {
    let fee_max = async |priority| {
        let ordinary = scene::payout(&scene::token(TOKEN), RECIPIENT, 5_000_000);
        let payout = Payout { priority, ..ordinary };
        let built = scene::sign(&rail(Arc::new(Fake::new(plenty))), 3, &payout, None).await;
        built.unwrap().fee_max
    };
    let mut fees = vec![];
    for priority in Priority::ALL {
        fees.push(fee_max(priority).await);
    }
    assert!(fees.is_sorted_by(|one, other| one < other), "{fees:?}");
}
