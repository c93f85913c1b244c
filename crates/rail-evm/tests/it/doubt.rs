//! Whether the contract that pays many is there is not one endpoint's word, and what nobody can
//! make sense of is told and ends nothing.

use std::{collections::BTreeSet, sync::Arc};

use alloy_primitives::hex;
use domain::{
    batch::{Attempt, Observation},
    catalog::Asset,
    grouping::BatchSize,
    payout::{Payout, Status},
    ports::{BuildError, Draft, Rail, UnsignedTx},
};
use net::{Answer, BoxFuture, JsonRpc, Question, Transport, Unreachable};
use rail_evm::{Evm, Settings, contract, pay_call::Method};
use serde_json::{Value, json};

use crate::{
    actor::Actor,
    anvil::Wire,
    bulk::somebody,
    house::{self, House},
    lost::{PROBE, TOKEN, plenty},
    scene::{self, coin},
};

const ETHER: u128 = 1_000_000_000_000_000_000;
/// What each payout is of.
const AMOUNT: u128 = 1_000_000;
/// The final block of the scripted nodes.
const FINAL: &str = "0x5a";

fn is_ours(address: &Value) -> bool {
    address.as_str().is_some_and(|it| it.eq_ignore_ascii_case(&contract::ADDRESS.to_string()))
}

/// A node whose latest block is `head`, on a chain that has the contract or does not.
fn node(head: u64, has: bool) -> impl Fn(&str, &Value) -> Result<Value, Value> + Send + 'static {
    move |method, params| match method {
        "eth_blockNumber" => Ok(json!(format!("{head:#x}"))),
        "eth_feeHistory" => Ok(json!({"oldestBlock": format!("{head:#x}"),
            "baseFeePerGas": ["0x64", "0x64"], "reward": [["0xa"]]})),
        "eth_getCode" if is_ours(&params[0]) && has => {
            Ok(json!(hex::encode_prefixed(contract::runtime())))
        }
        // None of the payments would fail.
        "eth_call" if is_ours(&params[0]["to"]) && has => {
            Ok(json!(format!("0x{:064x}{:064x}", 0x20, 0)))
        }
        "eth_call" if is_ours(&params[0]["to"]) => Ok(json!("0x")),
        "eth_call" if params[0]["data"].as_str().is_some_and(|it| it.starts_with(PROBE)) => {
            let went = [1, 0xc0, 0, AMOUNT, AMOUNT, 0, 0].map(|it| format!("{it:064x}"));
            Ok(json!(format!("0x{}", went.concat())))
        }
        "eth_getBlockByNumber" if params[0] != "finalized" => {
            let hash = format!("{:#066x}", 0xb10c);
            Ok(json!({"number": params[0], "hash": hash, "transactions": []}))
        }
        _ => plenty(method, params),
    }
}

/// A node that keeps no state of its final block.
fn pruned(method: &str, params: &Value) -> Result<Value, Value> {
    match method {
        "eth_getCode" if params[1] == FINAL => {
            Err(json!({"code": -32000, "message": "missing trie node"}))
        }
        _ => node(100, true)(method, params),
    }
}

fn over(actors: &[Arc<Actor>], quorum: Option<u32>) -> Evm {
    paying(&[coin()], actors, quorum)
}

fn paying(assets: &[Asset], actors: &[Arc<Actor>], quorum: Option<u32>) -> Evm {
    let settings = Settings { batching: Some(Method::Contract), quorum, ..Settings::default() };
    let endpoints = scene::several(actors.iter().map(Actor::client));
    scene::over(endpoints, assets, settings)
}

fn payouts(asset: &Asset) -> Vec<Payout> {
    let one = |n| scene::payout(asset, &somebody("many", n).to_string(), AMOUNT);
    (1..=3).map(one).collect()
}

async fn build(rail: &Evm) -> Result<UnsignedTx, BuildError> {
    build_of(rail, &coin()).await
}

async fn build_of(rail: &Evm, asset: &Asset) -> Result<UnsignedTx, BuildError> {
    let (lane, payouts) = (scene::lane(9), payouts(asset));
    Rail::build(rail, Draft { payouts: &payouts, ..Draft::alone(&lane) }).await
}

/// How many payouts travel together once the lane was looked after.
async fn size(rail: &Evm) -> BatchSize {
    let lane = scene::lane(9);
    assert_eq!(Rail::chore(rail, &lane, &BTreeSet::new()).await, Ok(None));
    Rail::batch_size(rail, &lane, &coin().id)
}

#[track_caller]
fn all_alone(built: Result<UnsignedTx, BuildError>) -> String {
    let Err(BuildError::Split { alone, detail }) = built else { panic!("{built:?}") };
    assert_eq!(alone, [0, 1, 2]);
    detail
}

#[tokio::test]
async fn coins_go_to_the_contract_only_if_the_quorum_has_it() {
    for (has, quorum) in [([true, false, false], 2), ([true, true, false], 3)] {
        let actors = has.map(|has| Actor::new(node(100, has)));
        let rail = over(&actors, Some(quorum));
        assert_eq!(size(&rail).await, BatchSize::ONE);
        let detail = all_alone(build(&rail).await);
        assert!(detail.contains("#1 has it") && detail.contains("#3 does not"), "{detail}");
        assert_eq!(rail.alert(), None, "nobody failed");
        // What was not borne out once may be later, and is not asked again then.
        for it in &actors {
            it.plays(node(100, true));
        }
        build(&rail).await.unwrap();
        assert!(size(&rail).await.max > 1);
        actors[1].silent(true);
        actors[2].silent(true);
        build(&rail).await.unwrap();
    }
}

#[tokio::test]
async fn without_the_state_of_the_final_block_coins_travel_alone() {
    let rail = over(&[Actor::new(pruned)], None);
    assert_eq!(size(&rail).await, BatchSize::ONE);
    all_alone(build(&rail).await);
    let actors = [Actor::new(node(100, true)), Actor::new(pruned)];
    let rail = over(&actors, None);
    assert_eq!(size(&rail).await, BatchSize::ONE);
    let detail = all_alone(build(&rail).await);
    assert!(detail.contains("#2 cannot tell"), "{detail}");
    actors[1].silent(true);
    all_alone(build(&rail).await);
}

#[tokio::test]
async fn of_two_the_second_does_not_make_itself_the_builder_by_an_absurd_head() {
    let actors = [Actor::new(node(100, false)), Actor::new(node(1 << 40, true))];
    let rail = over(&actors, None);
    assert_eq!(size(&rail).await, BatchSize::ONE);
    for _ in 0..40 {
        all_alone(build(&rail).await);
        assert!(!actors[1].was_asked("eth_estimateGas"));
    }
    assert!(actors[0].was_asked("eth_getBalance"));
}

/// A node that has a transaction in a block of which it says nothing but that it was not undone.
fn silent_about(
    attempt: &Attempt,
    status: &'static str,
) -> impl Fn(&str, &Value) -> Result<Value, Value> + Send + 'static + use<> {
    let hash = attempt.tx.txid.to_string();
    move |method, params| match method {
        "eth_getTransactionReceipt" if params[0] == hash.as_str() => {
            Ok(json!({"transactionHash": hash, "blockHash": format!("{:#066x}", 0xb10c),
                "blockNumber": "0x50", "status": status, "gasUsed": "0x5208",
                "effectiveGasPrice": "0x64", "logs": []}))
        }
        "eth_getTransactionCount" => Ok(json!("0xa")),
        _ => node(100, true)(method, params),
    }
}

#[tokio::test]
async fn what_nobody_can_make_sense_of_is_told_and_is_no_failure_of_the_node() {
    for count in 1..=3 {
        let actors: Vec<_> = (0..count).map(|_| Actor::new(node(100, true))).collect();
        let rail = over(&actors, None);
        let unsigned = build(&rail).await.unwrap();
        let attempt = scene::join(&rail, &unsigned);
        let look = async || {
            Rail::observe(&rail, &scene::lane(10), std::slice::from_ref(&attempt), &[])
                .await
                .unwrap()
        };
        for it in &actors {
            it.plays(silent_about(&attempt, "0x1"));
        }
        for _ in 0..20 {
            assert_eq!(look().await, [Observation::InBlock], "of {count}");
            let alert = rail.alert().unwrap();
            assert!(alert.contains(attempt.tx.txid.as_str()), "{alert}");
            assert!(alert.contains("wait for a person"), "{alert}");
        }
        for it in &actors {
            it.plays(silent_about(&attempt, "0x0"));
        }
        assert!(matches!(look().await[..], [Observation::Reverted { .. }]), "of {count}");
        assert_eq!(rail.alert(), None);
    }
}

#[tokio::test]
async fn a_call_for_tokens_that_nobody_served_has_paid_nobody() {
    let actor = Actor::new(node(100, true));
    let token = scene::token(TOKEN);
    let rail = paying(&[coin(), token.clone()], std::slice::from_ref(&actor), None);
    let unsigned = build_of(&rail, &token).await.unwrap();
    let attempt = scene::join(&rail, &unsigned);
    actor.plays(silent_about(&attempt, "0x1"));
    let seen = Rail::observe(&rail, &scene::lane(10), std::slice::from_ref(&attempt), &[]).await;
    assert!(matches!(seen.as_deref(), Ok([Observation::Reverted { .. }])), "{seen:?}");
    assert_eq!(rail.alert(), None);
}

/// A real node's answers, but for those about the contract: it is there.
struct Liar(Arc<Wire>);

impl Transport for Liar {
    fn send<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Result<Answer, Unreachable>> {
        Box::pin(async move {
            let mut answer = self.0.send(question).await?;
            let Question::JsonRpc(Value::Array(calls)) = question else { return Ok(answer) };
            let Some(answers) = answer.body.as_array_mut() else { return Ok(answer) };
            for call in calls {
                let is_call = is_ours(&call["params"][0]["to"]);
                let result = match call["method"].as_str().unwrap() {
                    "eth_getCode" if is_ours(&call["params"][0]) => {
                        hex::encode_prefixed(contract::runtime())
                    }
                    "eth_estimateGas" if is_call => "0x30d40".to_owned(),
                    "eth_call" if is_call => format!("0x{:064x}{:064x}", 0x20, 0),
                    _ => continue,
                };
                let place = answers.iter_mut().find(|it| it["id"] == call["id"]).unwrap();
                *place = json!({"jsonrpc": "2.0", "id": call["id"], "result": result});
            }
            Ok(answer)
        })
    }
}

#[tokio::test]
async fn one_node_that_makes_the_contract_up_burns_nothing() {
    let Some(mut house) = House::start(Some(Method::Contract)).await else { return };
    let liar = JsonRpc::new(Arc::new(Liar(house.anvil.wire.clone())));
    let endpoints = scene::several([liar, house.anvil.client(), house.anvil.client()]);
    let settings = Settings { quorum: Some(3), ..house::settings(Some(Method::Contract)) };
    house.rail = scene::over(endpoints, &[coin(), house.token.clone()], settings);
    house.tend().await;
    let mut ids = vec![];
    for n in 0..3 {
        let friend = house.friend("unburned", n).await;
        ids.push(house.ask(&coin(), &friend, ETHER).await);
    }
    house.wait(500);
    house.end(&ids).await;
    house.are(&ids, Status::Paid);
    assert_eq!(house.anvil.balance(&contract::ADDRESS.to_string()).await, 0);
    assert_eq!(Rail::alert(&house.rail), None);
}
