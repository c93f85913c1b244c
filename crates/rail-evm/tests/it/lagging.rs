//! Several nodes behind one address, each with its own idea of the chain: however their answers are
//! mixed, nothing ends without having ended.

use std::{
    pin::pin,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
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
    scene::{self, LANE, RECIPIENT},
};

/// The number that is fought over.
pub(crate) const NONCE: u64 = 9;
/// A transaction of the same number that is none of ours.
const FOREIGN: &str = "0x0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f";
/// A transaction of another account or another number.
const BYSTANDER: &str = "0x0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b";
/// The contender that uses the number up without a transaction of the lane.
pub(crate) const DELEGATE: usize = 3;

/// Two attempts of ours, the second replacing the first.
pub(crate) static ATTEMPTS: LazyLock<Vec<Attempt>> = LazyLock::new(|| {
    block_on(async {
        let rail = scene::evm(JsonRpc::new(Arc::new(Fake::new(plenty))), &[scene::coin()]);
        let payout = scene::payout(&scene::coin(), RECIPIENT, 1);
        let first = scene::sign(&rail, NONCE, &payout, None).await.unwrap();
        let rail = scene::evm(JsonRpc::new(Arc::new(Fake::new(dear))), &[scene::coin()]);
        let second = scene::sign(&rail, NONCE, &payout, Some(&first)).await.unwrap();
        vec![first, second]
    })
});

/// Gas costs ten times as much.
fn dear(method: &str, params: &Value) -> Result<Value, Value> {
    if method != "eth_feeHistory" {
        return plenty(method, params);
    }
    let base = ["0x3e8", "0x3e8", "0x3e8"];
    Ok(json!({"oldestBlock": "0x63", "baseFeePerGas": base, "reward": [["0xa"], ["0xa"]]}))
}

pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut context = Context::from_waker(Waker::noop());
    match pin!(future).poll(&mut context) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the fake node answers at once"),
    }
}

fn hash_of(contender: usize) -> &'static str {
    ATTEMPTS.get(contender).map_or(FOREIGN, |attempt| attempt.tx.txid.as_str())
}

/// Which contender (0 and 1 are ours, 2 is foreign, 3 is [`DELEGATE`]) is in which block.
pub(crate) type Winner = Option<(usize, u64)>;

/// One node: how far it has come, on which branch, and what it keeps.
#[derive(Clone, Debug)]
pub(crate) struct View {
    pub(crate) height: u64,
    pub(crate) final_head: u64,
    pub(crate) branch: u64,
    pub(crate) winner: Winner,
    pub(crate) state_kept: u64,
    pub(crate) keeps_receipts: bool,
    pub(crate) knows: [bool; 2],
    /// Whether it answers for blocks whose state it does not have with that of its latest.
    pub(crate) makes_do: bool,
    /// What its receipts say: what a unit of gas cost, in wei, and whether the transaction was not
    /// undone.
    pub(crate) receipt: (u64, bool),
}

/// What is true of each receipt.
const TRUE_RECEIPT: (u64, bool) = (1, true);

impl View {
    pub(crate) fn answer(&self, shared: u64, method: &str, params: &Value) -> Result<Value, Value> {
        if method == "eth_chainId" {
            return Ok(json!(format!("{:#x}", scene::CHAIN_ID)));
        }
        if method == "eth_blockNumber" {
            return Ok(json!(format!("{:#x}", self.height)));
        }
        if matches!(method, "eth_getCode" | "eth_call") {
            return Ok(json!("0x"));
        }
        let text = params[0].as_str().unwrap();
        let refused = |message: &str| Err(json!({"code": -32000, "message": message}));
        let winner = self.winner.filter(|(_, block)| *block <= self.height);
        match method {
            "eth_getBlockByNumber" if text == "finalized" => {
                Ok(self.block(shared, self.final_head, false))
            }
            "eth_getBlockByNumber" => match number(&params[0]) {
                height if height <= self.height => {
                    Ok(self.block(shared, height, params[1] == true))
                }
                _ => Ok(Value::Null),
            },
            "eth_getTransactionCount" => {
                let mut height = number(&params[1]);
                if height > self.height || height + self.state_kept < self.height {
                    if !self.makes_do {
                        return refused("missing trie node");
                    }
                    height = self.height;
                }
                let used = winner.is_some_and(|(_, block)| block <= height);
                Ok(json!(format!("{:#x}", NONCE + u64::from(used))))
            }
            "eth_getTransactionReceipt" => Ok(match winner {
                Some((contender, block)) if self.keeps_receipts && hash_of(contender) == text => {
                    json!({
                        "transactionHash": text,
                        "blockHash": self.block(shared, block, false)["hash"],
                        "blockNumber": format!("{block:#x}"),
                        "status": format!("{:#x}", u64::from(self.receipt.1)),
                        "gasUsed": "0x5208",
                        "effectiveGasPrice": format!("{:#x}", self.receipt.0),
                        "logs": [],
                    })
                }
                _ => Value::Null,
            }),
            "eth_getTransactionByHash" => {
                let known = (0..2).any(|it| hash_of(it) == text && self.knows[it]);
                Ok(if known { json!({"hash": text}) } else { Value::Null })
            }
            other => panic!("{other}"),
        }
    }

    fn block(&self, shared: u64, height: u64, full: bool) -> Value {
        let branch = if height <= shared { 0 } else { self.branch };
        let nonce = format!("{NONCE:#x}");
        let mut transactions = vec![
            json!({"hash": BYSTANDER, "from": RECIPIENT, "nonce": nonce}),
            json!({"hash": BYSTANDER, "from": LANE, "nonce": "0x0"}),
            json!({"hash": BYSTANDER}),
        ];
        let winner = self.winner.filter(|(winner, block)| *block == height && *winner != DELEGATE);
        transactions.extend(winner.map(|(contender, _)| {
            json!({"hash": hash_of(contender), "from": LANE.to_lowercase(), "nonce": nonce})
        }));
        if !full {
            for it in &mut transactions {
                *it = it["hash"].take();
            }
        }
        json!({
            "number": format!("{height:#x}"),
            "hash": format!("{branch:#034x}{height:032x}"),
            "transactions": transactions,
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

prop_compose! {
    pub(crate) fn view(final_head: u64, winner: Winner)(
        height in 0..final_head + 6,
        lag in 0..=final_head,
        branch in 0..3_u64,
        above in proptest::option::of((0..4_usize, final_head + 1..final_head + 6)),
        state_kept in 0..60_u64,
        keeps_receipts in any::<bool>(),
        knows in any::<[bool; 2]>(),
        makes_do in any::<bool>(),
    ) -> View {
        let final_head = height.min(final_head).saturating_sub(lag);
        let winner = winner.or(above);
        let receipt = TRUE_RECEIPT;
        View {
            height, final_head, branch, winner, state_kept, keeps_receipts, knows, makes_do, receipt
        }
    }
}

fn world() -> impl Strategy<Value = World> {
    (1..30_u64)
        .prop_flat_map(|final_head| {
            (Just(final_head), proptest::option::of((0..4_usize, 1..=final_head)))
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
    block_on(Rail::observe(&rail, &scene::lane(NONCE + 1), &ATTEMPTS, &[])).ok()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn nothing_ends_without_having_ended(world in world()) {
        let winner = world.winner.map(|(contender, _)| contender);
        for (position, seen) in observe(world).into_iter().flatten().enumerate() {
            match seen {
                Observation::Final { .. } => prop_assert_eq!(winner, Some(position)),
                Observation::Dead => {
                    prop_assert!(winner.is_some_and(|it| it != position && it != DELEGATE));
                }
                Observation::Reverted { .. } => prop_assert!(false, "none was undone"),
                Observation::Missing | Observation::Pending | Observation::InBlock => {}
            }
        }
    }
}

/// All there is to see at one node that has everything.
pub(crate) fn whole(final_head: u64, winner: usize, block: u64) -> View {
    View {
        height: final_head + 2,
        final_head,
        branch: 0,
        winner: Some((winner, block)),
        state_kept: u64::MAX / 2,
        keeps_receipts: true,
        knows: [false; 2],
        makes_do: false,
        receipt: TRUE_RECEIPT,
    }
}

fn alone(view: View) -> World {
    World { final_head: view.final_head, winner: view.winner, views: vec![view], turns: vec![0] }
}

#[test]
fn a_node_that_has_everything_tells_the_end_however_long_ago_it_was() {
    for (final_head, block) in [(1, 1), (2, 1), (7, 7), (9, 3), (64, 1), (3_000, 1_234)] {
        for winner in 0..3 {
            let seen = observe(alone(whole(final_head, winner, block))).unwrap();
            for (position, seen) in seen.into_iter().enumerate() {
                let is_final = matches!(seen, Observation::Final { .. });
                let is_dead = seen == Observation::Dead;
                assert!(if winner == position { is_final } else { is_dead }, "{seen:?}");
            }
        }
    }
}

#[test]
fn a_node_that_has_lost_its_receipts_does_not_make_the_winner_dead() {
    for final_head in 1..20 {
        for block in 1..=final_head {
            for winner in 0..2 {
                let view = View { keeps_receipts: false, ..whole(final_head, winner, block) };
                assert_eq!(observe(alone(view)), None, "{winner} in {block} of {final_head}");
            }
        }
    }
}

/// One of two nodes has come to the end, but has neither receipts nor transactions. The other lags
/// far behind, and answers whatever it is asked about a count with its own.
#[test]
fn a_count_that_is_made_up_leads_nowhere() {
    let [final_head, block] = [20, 18];
    for winner in [0, 1, 2, DELEGATE] {
        let ahead = View { keeps_receipts: false, ..whole(final_head, winner, block) };
        for height in 0..block {
            let behind = View { height, final_head: height, makes_do: true, ..ahead.clone() };
            // The last turns repeat themselves, so every pattern of three comes once.
            for pattern in 0..8_usize {
                let mut turns = vec![0, 0, 0];
                turns.extend((0..3).map(|bit| pattern >> bit & 1));
                let views = vec![ahead.clone(), behind.clone()];
                let world = World { final_head, winner: ahead.winner, views, turns };
                for seen in observe(world).into_iter().flatten() {
                    assert!(seen == Observation::Missing || winner == 2, "{seen:?}");
                }
            }
        }
    }
}

#[test]
fn a_number_that_no_transaction_used_is_left_to_people() {
    for block in 1..=9 {
        let seen = observe(alone(whole(9, DELEGATE, block)));
        assert_eq!(seen, Some(vec![Observation::Missing; 2]));
    }
}

#[test]
fn a_node_without_old_state_leaves_it_open() {
    let view = View { state_kept: 1, ..whole(9, 2, 3) };
    assert_eq!(observe(alone(view)), Some(vec![Observation::Missing; 2]));
    let view = View { state_kept: 1, ..whole(9, 1, 3) };
    let seen = observe(alone(view)).unwrap();
    assert_eq!(seen[0], Observation::Dead);
    assert!(matches!(seen[1], Observation::Final { .. }));
}
