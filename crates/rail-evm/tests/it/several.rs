//! Which of several endpoints is asked what, and what becomes of it if answers are lost.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, Ordering},
};

use domain::{
    batch::Observation,
    ports::{BuildError, Handover, HoldReason, Rail, Unreachable},
};
use net::NodeError;
use rail_evm::{Evm, Settings};
use serde_json::{Value, json};

use crate::{
    actor::Actor,
    lost::plenty,
    scene::{self, RECIPIENT},
};

/// How many blocks an endpoint may lag in the scene: it does not say how long a block takes.
const LAG: u64 = 5;

/// A lane with plenty, at a node whose latest block is `head`.
fn at(head: u64) -> impl Fn(&str, &Value) -> Result<Value, Value> + Send + 'static {
    move |method, params| match method {
        "eth_blockNumber" => Ok(json!(format!("{head:#x}"))),
        "eth_getBlockByNumber" if params[0] != "finalized" => {
            let hash = format!("{:#066x}", 0xb10c);
            Ok(json!({"number": params[0], "hash": hash, "transactions": []}))
        }
        "eth_feeHistory" => {
            let (base, latest) = (["0x64", "0x64"], format!("{head:#x}"));
            Ok(json!({"oldestBlock": latest, "baseFeePerGas": base, "reward": [["0xa"]]}))
        }
        _ => plenty(method, params),
    }
}

/// A node whose latest block is 100 and that counts other numbers of the lane.
fn counting(count: u64) -> impl Fn(&str, &Value) -> Result<Value, Value> + Send + 'static {
    let ordinary = at(100);
    move |method, params| match method {
        "eth_getTransactionCount" => Ok(json!(format!("{count:#x}"))),
        _ => ordinary(method, params),
    }
}

fn on_chain(id: u64) -> impl Fn(&str, &Value) -> Result<Value, Value> + Send + 'static {
    let ordinary = at(100);
    move |method, params| match method {
        "eth_chainId" => Ok(json!(format!("{id:#x}"))),
        _ => ordinary(method, params),
    }
}

fn refusing(why: &'static str) -> impl Fn(&str, &Value) -> Result<Value, Value> + Send + 'static {
    let ordinary = at(100);
    move |method, params| match method {
        "eth_sendRawTransaction" => Err(json!({"code": -32000, "message": why})),
        _ => ordinary(method, params),
    }
}

fn cast(count: usize) -> (Vec<Arc<Actor>>, Evm) {
    let actors: Vec<Arc<Actor>> = (0..count).map(|_| Actor::new(at(100))).collect();
    let rail = over(&actors, Settings::default());
    (actors, rail)
}

fn over(actors: &[Arc<Actor>], settings: Settings) -> Evm {
    let endpoints = scene::several(actors.iter().map(Actor::client));
    scene::over(endpoints, &[scene::coin()], settings)
}

async fn build(rail: &Evm) -> Result<u64, BuildError> {
    let payout = scene::payout(&scene::coin(), RECIPIENT, 1);
    scene::sign(rail, 9, &payout, None).await.map(|attempt| attempt.sequence.unwrap())
}

fn forget(actors: &[Arc<Actor>]) {
    for it in actors {
        it.asked();
    }
}

fn all_silent(actors: &[Arc<Actor>], silent: bool) {
    for it in actors {
        it.silent(silent);
    }
}

/// Which endpoint made the last transaction.
async fn built_with(actors: &[Arc<Actor>], rail: &Evm) -> usize {
    forget(actors);
    assert_eq!(build(rail).await, Ok(9));
    let estimated: Vec<bool> = actors.iter().map(|it| it.was_asked("eth_estimateGas")).collect();
    assert_eq!(estimated.iter().filter(|it| **it).count(), 1, "{estimated:?}");
    estimated.iter().position(|it| *it).unwrap()
}

#[tokio::test]
async fn the_first_that_answers_is_built_with_until_it_is_silent() {
    let (actors, rail) = cast(3);
    for _ in 0..20 {
        assert_eq!(built_with(&actors, &rail).await, 0);
    }
    actors[0].silent(true);
    assert_eq!(built_with(&actors, &rail).await, 1);
    // The one that works is remembered.
    let before = actors[0].exchanges();
    for _ in 0..100 {
        assert_eq!(built_with(&actors, &rail).await, 1);
    }
    assert!(actors[0].exchanges() - before < 10, "{}", actors[0].exchanges() - before);
    actors[1].silent(true);
    assert_eq!(built_with(&actors, &rail).await, 2);
    actors[2].silent(true);
    assert_eq!(build(&rail).await, Err(BuildError::Unreachable));
    assert!(rail.alert().unwrap().contains("0 answer and 2 are needed; silent: #1, #2, #3"));
    all_silent(&actors, false);
    assert_eq!(build(&rail).await, Ok(9));
    for _ in 0..400 {
        assert_eq!(build(&rail).await, Ok(9));
    }
    assert_eq!(built_with(&actors, &rail).await, 0);
    assert_eq!(rail.alert(), None);
}

#[tokio::test]
async fn one_endpoint_answers_all_questions_of_a_transaction() {
    let (actors, rail) = cast(2);
    assert_eq!(build(&rail).await, Ok(9));
    forget(&actors);
    // The last exchange of the three.
    actors[0].loses(actors[0].exchanges() + 2);
    assert_eq!(build(&rail).await, Ok(9));
    let all = ["eth_getBlockByNumber", "eth_feeHistory", "eth_getBalance", "eth_estimateGas"];
    let asked = actors[1].asked();
    for method in all {
        assert!(asked.iter().any(|it| it == method), "{method} of {asked:?}");
    }
}

#[tokio::test]
async fn an_endpoint_that_lags_is_left_out_until_it_has_caught_up() {
    let (actors, rail) = cast(2);
    let assets = [scene::coin()];
    for (behind, expected) in [(LAG, 0), (LAG + 1, 1), (LAG, 0)] {
        actors[0].plays(at(100 - behind));
        // Now and then all are asked how far they have come.
        for _ in 0..200 {
            assert_eq!(build(&rail).await, Ok(9));
        }
        assert_eq!(built_with(&actors, &rail).await, expected, "{behind}");
        Rail::holdings(&rail, &scene::lane(9), &assets).await.unwrap();
        assert_eq!(actors[0].was_asked("eth_getBalance"), expected == 0, "{behind}");
        assert_eq!(actors[1].was_asked("eth_getBalance"), expected == 1);
        Rail::quote_fee(&rail, &scene::coin()).await.unwrap();
    }
}

#[tokio::test]
async fn how_far_an_endpoint_may_lag_is_set() {
    for (lag_blocks_max, expected) in [(None, 1), (Some(9), 1), (Some(10), 0)] {
        let actors = [Actor::new(at(90)), Actor::new(at(100))];
        let rail = over(&actors, Settings { lag_blocks_max, ..Settings::default() });
        assert_eq!(built_with(&actors, &rail).await, expected, "{lag_blocks_max:?}");
    }
}

#[tokio::test]
async fn one_that_lags_is_better_than_none() {
    let (actors, rail) = cast(2);
    actors[0].plays(at(50));
    assert_eq!(built_with(&actors, &rail).await, 1);
    actors[1].silent(true);
    assert_eq!(built_with(&actors, &rail).await, 0);
}

#[tokio::test]
async fn an_endpoint_on_another_chain_is_asked_for_nothing_but_its_chain() {
    for wrong in 0..2 {
        let (actors, rail) = cast(2);
        actors[wrong].plays(on_chain(1));
        let attempt = signed(&rail).await;
        assert_eq!(Rail::broadcast(&rail, &attempt.tx).await, Ok(Handover::Accepted));
        for _ in 0..40 {
            let seen =
                Rail::observe(&rail, &scene::lane(10), std::slice::from_ref(&attempt), &[]).await;
            assert_eq!(seen, Ok(vec![Observation::Missing]));
        }
        Rail::holdings(&rail, &scene::lane(9), &[scene::coin()]).await.unwrap();
        Rail::quote_fee(&rail, &scene::coin()).await.unwrap();
        let asked = actors[wrong].asked();
        assert!(!asked.is_empty() && asked.iter().all(|it| it == "eth_chainId"), "{asked:?}");
        let told = rail.check_nodes().await.unwrap_err();
        assert!(
            matches!(&told, NodeError::OtherChain(why) if why.contains(&format!("#{}", wrong + 1)))
        );
    }
}

#[tokio::test]
async fn the_chain_is_asked_for_again_after_an_endpoint_was_silent() {
    let (actors, rail) = cast(1);
    assert_eq!(build(&rail).await, Ok(9));
    actors[0].asked();
    assert_eq!(build(&rail).await, Ok(9));
    assert!(!actors[0].was_asked("eth_chainId"));
    actors[0].silent(true);
    assert_eq!(build(&rail).await, Err(BuildError::Unreachable));
    actors[0].silent(false);
    actors[0].plays(on_chain(1));
    assert_eq!(build(&rail).await, Err(BuildError::Unreachable));
    assert_eq!(actors[0].asked(), ["eth_chainId"]);
    actors[0].plays(at(100));
    assert_eq!(build(&rail).await, Ok(9));
}

#[tokio::test]
async fn a_count_that_one_endpoint_makes_up_does_not_move_the_lane() {
    let (actors, rail) = cast(2);
    actors[0].plays(counting(12));
    let held = build(&rail).await;
    let Err(BuildError::Hold(hold)) = held else { panic!("{held:?}") };
    assert_eq!(hold.reason, HoldReason::KeyUsedElsewhere);
    assert!(hold.detail.contains("#1 says 12, #2 says 9"), "{}", hold.detail);
    actors[1].silent(true);
    let held = build(&rail).await;
    assert!(matches!(&held, Err(BuildError::Hold(it)) if it.detail.contains("#2 cannot tell")));
    actors[1].silent(false);
    actors[1].plays(counting(12));
    // It was silent once, and is asked again soon.
    for _ in 0..4 {
        let _ = build(&rail).await;
    }
    assert_eq!(build(&rail).await, Ok(12));
    // One quorum asks nobody else, the other is not reached by two of three.
    let actors = [counting(12), counting(12), counting(9)].map(Actor::new);
    for (quorum, is_built) in [(None, true), (Some(1), true), (Some(2), true), (Some(3), false)] {
        let rail = over(&actors, Settings { quorum, ..Settings::default() });
        assert_eq!(build(&rail).await.is_ok(), is_built, "{quorum:?}");
    }
    let actors = [Actor::new(counting(12)), Actor::new(at(100))];
    let rail = over(&actors, Settings { quorum: Some(1), ..Settings::default() });
    assert_eq!(build(&rail).await, Ok(12));
    assert!(!actors[1].was_asked("eth_getTransactionCount"));
}

#[tokio::test]
async fn a_transaction_is_handed_to_all_endpoints() {
    let (actors, rail) = cast(3);
    let attempt = signed(&rail).await;
    forget(&actors);
    assert_eq!(Rail::broadcast(&rail, &attempt.tx).await, Ok(Handover::Accepted));
    for actor in &actors {
        assert_eq!(actor.asked().iter().filter(|it| *it == "eth_sendRawTransaction").count(), 1);
    }
    // One that takes it is enough, wherever it stands; a fee that is too low goes before the rest.
    for taker in 0..3 {
        for actor in &actors {
            actor.plays(refusing("nonce too low"));
        }
        actors[taker].plays(at(100));
        assert_eq!(Rail::broadcast(&rail, &attempt.tx).await, Ok(Handover::Accepted));
        actors[taker].plays(refusing("transaction underpriced"));
        assert_eq!(Rail::broadcast(&rail, &attempt.tx).await, Ok(Handover::Underpriced));
    }
    actors[2].silent(true);
    actors[0].plays(refusing("txpool is full"));
    actors[1].plays(refusing("nonce too low"));
    let told = Rail::broadcast(&rail, &attempt.tx).await;
    let why = "#1: txpool is full (-32000); #2: nonce too low (-32000)";
    assert_eq!(told, Ok(Handover::Refused(why.to_owned())));
    all_silent(&actors, true);
    assert_eq!(Rail::broadcast(&rail, &attempt.tx).await, Err(Unreachable));
}

#[test]
fn endpoints_and_quorum_must_fit() {
    let new = |count, quorum| {
        let endpoints = scene::several((0..count).map(|_| Actor::new(plenty).client()));
        let settings = Settings { quorum, ..Settings::default() };
        Evm::new(&scene::network("finalized"), &[scene::coin()], endpoints, settings).map(drop)
    };
    for (count, quorum) in [(1, None), (2, None), (16, None), (1, Some(1)), (3, Some(3))] {
        assert_eq!(new(count, quorum), Ok(()), "{quorum:?} of {count}");
    }
    for (count, quorum) in [(0, None), (17, None), (1, Some(2)), (3, Some(4)), (3, Some(0))] {
        assert!(new(count, quorum).is_err(), "{quorum:?} of {count}");
    }
}

async fn signed(rail: &Evm) -> domain::batch::Attempt {
    let payout = scene::payout(&scene::coin(), RECIPIENT, 1);
    scene::sign(rail, 9, &payout, None).await.unwrap()
}

/// A chain that every endpoint sees alike: a transaction is in a final block as soon as it is handed
/// over.
#[derive(Default)]
struct Chain {
    sent: Mutex<Option<String>>,
    taken: AtomicU64,
}

impl Chain {
    fn part(self: &Arc<Self>) -> impl Fn(&str, &Value) -> Result<Value, Value> + Send + 'static {
        let (chain, ordinary) = (self.clone(), at(100));
        move |method, params| {
            let sent = chain.sent.lock().unwrap().clone();
            match (method, params[0].as_str()) {
                ("eth_sendRawTransaction", _) => {
                    let hash = ordinary(method, params)?;
                    *chain.sent.lock().unwrap() = hash.as_str().map(str::to_owned);
                    chain.taken.fetch_add(1, Ordering::Relaxed);
                    Ok(hash)
                }
                ("eth_getTransactionReceipt", Some(hash)) if sent.as_deref() == Some(hash) => {
                    Ok(json!({
                        "transactionHash": hash,
                        "blockHash": format!("{:#066x}", 0xb10c),
                        "blockNumber": "0x50",
                        "status": "0x1",
                        "gasUsed": "0x5208",
                        "effectiveGasPrice": "0x1",
                        "logs": [],
                    }))
                }
                _ => ordinary(method, params),
            }
        }
    }
}

/// How a story went: how many calls of the rail had no answer, and how many exchanges each endpoint
/// saw.
struct Told {
    unreachable: usize,
    exchanges: Vec<usize>,
}

/// What is done to the endpoint that is out of luck.
#[derive(Clone, Copy, Debug)]
enum Loss {
    Nothing,
    /// The answer to one exchange.
    Answer {
        of: usize,
        exchange: usize,
    },
    /// Everything.
    All {
        of: usize,
    },
}

/// Builds, hands over, and observes until the end, each again until it has an answer.
async fn story(count: usize, loss: Loss) -> Told {
    let chain = Arc::new(Chain::default());
    let actors: Vec<Arc<Actor>> = (0..count).map(|_| Actor::new(chain.part())).collect();
    match loss {
        Loss::Nothing => {}
        Loss::Answer { of, exchange } => actors[of].loses(exchange),
        Loss::All { of } => actors[of].silent(true),
    }
    let rail = over(&actors, Settings::default());
    let payout = scene::payout(&scene::coin(), RECIPIENT, 1);
    let mut unreachable = 0;
    let attempt = loop {
        match scene::sign(&rail, 9, &payout, None).await {
            Ok(attempt) => break attempt,
            Err(BuildError::Unreachable) => unreachable += 1,
            Err(other) => panic!("{other:?}"),
        }
        assert!(unreachable < 3, "{loss:?}");
    };
    assert_eq!(attempt.sequence, Some(9));
    let attempts = std::slice::from_ref(&attempt);
    let before = Rail::observe(&rail, &scene::lane(10), attempts, &[]).await;
    assert!(matches!(&before, Err(Unreachable) | Ok(_)) && before != Ok(vec![Observation::Dead]));
    unreachable += usize::from(before.is_err());
    while Rail::broadcast(&rail, &attempt.tx).await != Ok(Handover::Accepted) {
        unreachable += 1;
        assert!(unreachable < 3, "{loss:?}");
    }
    assert!(chain.taken.load(Ordering::Relaxed) > 0, "accepted, and nobody took it");
    for _ in 0..8 {
        match Rail::observe(&rail, &scene::lane(10), attempts, &[]).await {
            Ok(seen) => match seen[0] {
                Observation::Final { .. } => {
                    let exchanges = actors.iter().map(|it| it.exchanges()).collect();
                    return Told { unreachable, exchanges };
                }
                Observation::InBlock => {}
                Observation::Missing
                | Observation::Pending
                | Observation::Reverted { .. }
                | Observation::Dead => panic!("{seen:?} with {loss:?}"),
            },
            Err(Unreachable) => unreachable += 1,
        }
    }
    panic!("it does not end with {loss:?}");
}

#[tokio::test]
async fn whichever_answer_is_lost_the_payout_ends_once_and_right() {
    for count in 1..=3 {
        let whole = story(count, Loss::Nothing).await;
        assert_eq!(whole.unreachable, 0);
        for of in 0..count {
            for exchange in 0..whole.exchanges[of] + 4 {
                let told = story(count, Loss::Answer { of, exchange }).await;
                // Alone, one call finds no answer; with others, none does.
                assert!(told.unreachable <= usize::from(count == 1), "{of} of {count}, {exchange}");
            }
        }
    }
}

#[tokio::test]
async fn two_of_three_go_on_without_the_third() {
    for of in 0..3 {
        assert_eq!(story(3, Loss::All { of }).await.unreachable, 0);
    }
}

#[tokio::test]
async fn one_of_two_pays_on_and_ends_nothing_alone() {
    for of in 0..2 {
        let chain = Arc::new(Chain::default());
        let actors: Vec<Arc<Actor>> = (0..2).map(|_| Actor::new(chain.part())).collect();
        actors[of].silent(true);
        let rail = over(&actors, Settings::default());
        let attempt = signed(&rail).await;
        assert_eq!(Rail::broadcast(&rail, &attempt.tx).await, Ok(Handover::Accepted));
        let lane = scene::lane(10);
        let observe = || Rail::observe(&rail, &lane, std::slice::from_ref(&attempt), &[]);
        for _ in 0..20 {
            assert_eq!(observe().await, Ok(vec![Observation::InBlock]));
        }
        let name = format!("1 answer and 2 are needed; silent: #{}", of + 1);
        assert!(rail.alert().unwrap().contains(&name));
        // It is asked less and less often, for it may take its time.
        let before = actors[of].exchanges();
        for _ in 0..400 {
            assert_eq!(observe().await, Ok(vec![Observation::InBlock]));
        }
        assert!(actors[of].exchanges() - before < 8, "{}", actors[of].exchanges() - before);
        actors[of].silent(false);
        let mut looks = 0;
        while !matches!(observe().await.unwrap()[..], [Observation::Final { .. }]) {
            looks += 1;
            assert!(looks < 256, "it is not asked any more");
        }
        assert_eq!(rail.alert(), None);
    }
}

/// A node that names this tip, in wei.
fn tipping(tip: &'static str) -> impl Fn(&str, &Value) -> Result<Value, Value> + Send + 'static {
    let ordinary = at(100);
    move |method, params| match method {
        "eth_feeHistory" => {
            let base = ["0x64", "0x64"];
            Ok(json!({"oldestBlock": "0x64", "baseFeePerGas": base, "reward": [[tip]]}))
        }
        _ => ordinary(method, params),
    }
}

#[tokio::test]
async fn one_endpoint_does_not_set_the_tip() {
    let dear = "0x5d21dba000";
    for honest in 1..3 {
        let mut actors = vec![Actor::new(tipping(dear))];
        actors.extend((0..honest).map(|_| Actor::new(at(100))));
        let rail = over(&actors, Settings::default());
        let payout = scene::payout(&scene::coin(), RECIPIENT, 1);
        for _ in 0..3 {
            let attempt = scene::sign(&rail, 9, &payout, None).await.unwrap();
            assert_eq!(attempt.fee_max.units() % 210, 0, "{honest}");
            assert!(attempt.fee_max.units() < 100_000 * 210, "{:?}", attempt.fee_max);
            let quoted = Rail::quote_fee(&rail, &scene::coin()).await;
            assert_eq!(quoted.map(domain::money::Amount::units), Ok(21_000 * 135));
        }
    }
}

#[tokio::test]
async fn an_ordinary_tip_is_asked_of_one_endpoint() {
    let (actors, rail) = cast(3);
    for _ in 0..5 {
        build(&rail).await.unwrap();
    }
    let asked = |it: &Arc<Actor>| it.asked().iter().filter(|it| *it == "eth_feeHistory").count();
    assert_eq!(actors.iter().map(asked).collect::<Vec<_>>(), [5, 1, 1]);
}

#[tokio::test]
async fn quotes_are_no_higher_than_what_is_ever_paid() {
    let actors = [Actor::new(tipping("0xde0b6b3a7640000"))];
    let settings = Settings { max_fee_per_gas_cap_wei: 1_000, ..Settings::default() };
    let quote = async |settings| {
        let rail = over(&actors, settings);
        Rail::quote_fee(&rail, &scene::coin()).await.unwrap().units()
    };
    assert_eq!(quote(settings.clone()).await, 21_000 * 1_000);
    let fee_max = domain::money::Amount::from_units(20_000_000);
    assert_eq!(quote(Settings { fee_max, ..settings }).await, 20_000_000);
}
