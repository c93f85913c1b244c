//! Several nodes behind one address, each with its own idea of the chain: however their answers are
//! mixed, nothing ends without having ended.

use std::sync::{
    Arc, LazyLock,
    atomic::{AtomicUsize, Ordering},
};

use domain::{
    batch::{Attempt, Observation},
    ports::Rail,
};
use net::JsonRpc;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{
    fake::Fake,
    lost::plenty,
    scene::{self, RECIPIENT},
};

/// The number that is fought over.
const NONCE: u64 = 9;
/// A transaction of the same number that is none of ours.
const FOREIGN: &str = "0x0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f";

/// Two attempts of ours, the second replacing the first.
static ATTEMPTS: LazyLock<Vec<Attempt>> = LazyLock::new(|| {
    block_on(async {
        let rail = scene::evm(JsonRpc::new(Arc::new(Fake::new(plenty))), &[scene::coin()]);
        let payout = scene::payout(&scene::coin(), RECIPIENT, 1);
        let first = scene::sign(&rail, NONCE, &payout, None).await.unwrap();
        let second = scene::sign(&rail, NONCE, &payout, Some(&first)).await.unwrap();
        vec![first, second]
    })
});

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn hash_of(contender: usize) -> &'static str {
    ATTEMPTS.get(contender).map_or(FOREIGN, |attempt| attempt.tx.txid.as_str())
}

/// Which contender (0 and 1 are ours) is in which block.
type Winner = Option<(usize, u64)>;

/// One node: how far it has come, on which branch, and what it keeps.
#[derive(Clone, Debug)]
struct View {
    height: u64,
    final_head: u64,
    branch: u64,
    winner: Winner,
    state_kept: u64,
    knows: [bool; 2],
}

impl View {
    fn answer(&self, shared: u64, method: &str, params: &Value) -> Result<Value, Value> {
        let text = params[0].as_str().unwrap();
        let refused = |message: &str| Err(json!({"code": -32000, "message": message}));
        let winner = self.winner.filter(|(_, block)| *block <= self.height);
        match method {
            "eth_getBlockByNumber" if text == "finalized" => {
                Ok(self.block(shared, self.final_head))
            }
            "eth_getBlockByNumber" => match number(&params[0]) {
                height if height <= self.height => Ok(self.block(shared, height)),
                _ => Ok(Value::Null),
            },
            "eth_getTransactionCount" => {
                let height = number(&params[1]);
                if height > self.height {
                    return refused("header not found");
                }
                if height + self.state_kept < self.height {
                    return refused("missing trie node");
                }
                let used = winner.is_some_and(|(_, block)| block <= height);
                Ok(json!(format!("{:#x}", NONCE + u64::from(used))))
            }
            "eth_getTransactionReceipt" => Ok(match winner {
                Some((contender, block)) if hash_of(contender) == text => json!({
                    "transactionHash": text,
                    "blockHash": self.block(shared, block)["hash"],
                    "blockNumber": format!("{block:#x}"),
                    "status": "0x1",
                    "gasUsed": "0x5208",
                    "effectiveGasPrice": "0x1",
                    "logs": [],
                }),
                _ => Value::Null,
            }),
            "eth_getTransactionByHash" => {
                let known = (0..2).any(|it| hash_of(it) == text && self.knows[it]);
                Ok(if known { json!({"hash": text}) } else { Value::Null })
            }
            other => panic!("{other}"),
        }
    }

    fn block(&self, shared: u64, height: u64) -> Value {
        let branch = if height <= shared { 0 } else { self.branch };
        let winner = self.winner.filter(|(_, block)| *block == height);
        json!({
            "number": format!("{height:#x}"),
            "hash": format!("{branch:#034x}{height:032x}"),
            "transactions": winner.map(|(contender, _)| hash_of(contender)).into_iter().collect::<Vec<_>>(),
        })
    }
}

fn number(value: &Value) -> u64 {
    u64::from_str_radix(&value.as_str().unwrap()[2..], 16).unwrap()
}

/// What is true: up to where the chain is final for everybody, and who won there.
#[derive(Clone, Debug)]
struct World {
    final_head: u64,
    winner: Winner,
    views: Vec<View>,
    turns: Vec<usize>,
}

fn view(final_head: u64, winner: Winner) -> impl Strategy<Value = View> {
    let above = proptest::option::of((0..3_usize, final_head + 1..final_head + 6));
    (0..final_head + 6, 0..=final_head, 0..3_u64, above, 0..20_u64, any::<[bool; 2]>()).prop_map(
        move |(height, lag, branch, above, state_kept, knows)| View {
            height,
            final_head: height.min(final_head).saturating_sub(lag),
            branch,
            winner: winner.or(above),
            state_kept,
            knows,
        },
    )
}

fn world() -> impl Strategy<Value = World> {
    (1..30_u64)
        .prop_flat_map(|final_head| {
            (Just(final_head), proptest::option::of((0..3_usize, 1..=final_head)))
        })
        .prop_flat_map(|(final_head, winner)| {
            let views = proptest::collection::vec(view(final_head, winner), 1..4);
            let turns = proptest::collection::vec(0..4_usize, 1..12);
            (Just(final_head), Just(winner), views, turns)
        })
        .prop_map(|(final_head, winner, views, turns)| World { final_head, winner, views, turns })
}

fn observe(world: World) -> Option<Vec<Observation>> {
    let turn = AtomicUsize::new(0);
    let node = move |method: &str, params: &Value| {
        let turn = turn.fetch_add(1, Ordering::Relaxed);
        let view = world.turns[turn % world.turns.len()] % world.views.len();
        world.views[view].answer(world.final_head, method, params)
    };
    let rail = scene::evm(JsonRpc::new(Arc::new(Fake::new(node))), &[scene::coin()]);
    block_on(Rail::observe(&rail, &scene::lane(NONCE + 1), &ATTEMPTS)).ok()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn nothing_ends_without_having_ended(world in world()) {
        let winner = world.winner.map(|(contender, _)| contender);
        for (position, seen) in observe(world).into_iter().flatten().enumerate() {
            match seen {
                Observation::Final { .. } => prop_assert_eq!(winner, Some(position)),
                Observation::Dead => {
                    prop_assert!(winner.is_some_and(|it| it != position));
                }
                Observation::Reverted { .. } => prop_assert!(false, "none was undone"),
                Observation::Missing | Observation::Pending | Observation::InBlock => {}
            }
        }
    }

    #[test]
    fn a_node_that_is_up_to_date_tells_the_end(
        (final_head, block, winner) in (1..3_000_u64)
            .prop_flat_map(|final_head| (Just(final_head), 1..=final_head, 0..3_usize)),
    ) {
        let view = View {
            height: final_head + 2,
            final_head,
            branch: 0,
            winner: Some((winner, block)),
            state_kept: u64::MAX / 2,
            knows: [false; 2],
        };
        let winner_there = view.winner;
        let world = World { final_head, winner: winner_there, views: vec![view], turns: vec![0] };
        let seen = observe(world).unwrap();
        for (position, seen) in seen.iter().enumerate() {
            let ended = match seen {
                Observation::Final { .. } => winner == position,
                Observation::Dead => winner != position,
                Observation::Missing
                | Observation::Pending
                | Observation::InBlock
                | Observation::Reverted { .. } => false,
            };
            prop_assert!(ended, "{:?}", seen);
        }
    }
}
