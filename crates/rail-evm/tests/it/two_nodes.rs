//! The rail on two real nodes that make the same blocks if they are told the same, and others if not.
//!
//! Runs only with `RUN_NODE_TESTS=1` and `ANVIL` set to the path of the anvil binary.

use domain::{
    batch::{Attempt, Observation},
    ports::{BuildError, Handover, HoldReason, Rail},
};
use rail_evm::{Evm, Settings};
use serde_json::{Value, json};

use crate::{
    anvil::{Anvil, program},
    scene::{self, RECIPIENT, coin, payout},
};

/// An address that nobody uses.
const NOBODY: &str = "0x00000000000000000000000000000000c0FFee01";

/// Two nodes, and a rail on both.
struct Stage {
    nodes: [Anvil; 2],
    rail: Evm,
}

impl Stage {
    async fn new() -> Option<Self> {
        let nodes = Anvil::twins(&program()?).await;
        let endpoints = scene::several(nodes.iter().map(Anvil::client));
        let rail = scene::over(endpoints, &[coin()], Settings::default());
        Some(Self { nodes, rail })
    }

    async fn mine(&self, blocks: u32) {
        for node in &self.nodes {
            node.mine(blocks).await;
        }
    }

    /// Builds the lane's first transaction and hands it over.
    async fn pay(&self) -> Attempt {
        let attempt = scene::sign(&self.rail, 0, &payout(&coin(), NOBODY, 5), None).await.unwrap();
        assert_eq!(Rail::broadcast(&self.rail, &attempt.tx).await, Ok(Handover::Accepted));
        attempt
    }

    async fn observe(&self, attempt: &Attempt) -> Observation {
        let attempts = std::slice::from_ref(attempt);
        Rail::observe(&self.rail, &scene::lane(1), attempts, &[]).await.unwrap().remove(0)
    }

    /// What one node alone says.
    async fn alone(&self, node: usize, attempt: &Attempt) -> Observation {
        let rail = scene::evm(self.nodes[node].client(), &[coin()]);
        let attempts = std::slice::from_ref(attempt);
        Rail::observe(&rail, &scene::lane(1), attempts, &[]).await.unwrap().remove(0)
    }

    async fn is_paused(&self) {
        let built = scene::sign(&self.rail, 1, &payout(&coin(), NOBODY, 5), None).await;
        let Err(BuildError::Hold(hold)) = built else { panic!("{built:?}") };
        assert_eq!(hold.reason, HoldReason::NodesDisagree);
        assert!(hold.detail.contains("#1 says") && hold.detail.contains("#2 says"), "{hold:?}");
        assert_eq!(self.rail.alert(), Some(hold.detail));
    }
}

#[track_caller]
fn is_final(seen: &Observation) {
    assert!(matches!(seen, Observation::Final { .. }), "{seen:?}");
}

#[tokio::test]
async fn both_are_handed_the_transaction_and_it_is_final_when_both_say_so() {
    let Some(stage) = Stage::new().await else { return };
    stage.mine(3).await;
    let attempt = stage.pay().await;
    for node in &stage.nodes {
        let hash = attempt.tx.txid.as_str();
        let known: Value = node.ask("eth_getTransactionByHash", json!([hash])).await;
        assert_eq!(known["hash"], hash);
    }
    // The second stands still, and has it in its pool.
    stage.nodes[0].mine(3).await;
    is_final(&stage.alone(0, &attempt).await);
    for _ in 0..4 {
        assert_eq!(stage.observe(&attempt).await, Observation::InBlock);
    }
    stage.nodes[1].mine(2).await;
    for _ in 0..4 {
        assert_eq!(stage.observe(&attempt).await, Observation::InBlock);
    }
    assert_eq!(stage.rail.alert(), None);
    stage.nodes[1].mine(1).await;
    is_final(&stage.observe(&attempt).await);
    for node in &stage.nodes {
        assert_eq!(node.balance(NOBODY).await, 5);
    }
}

#[tokio::test]
async fn a_node_far_behind_is_not_built_with() {
    let Some(stage) = Stage::new().await else { return };
    stage.nodes[1].mine(20).await;
    let _: Value = stage.nodes[0].ask("anvil_setBalance", json!([scene::LANE, "0x0"])).await;
    // The first would find an empty lane.
    let payout = payout(&coin(), NOBODY, 5);
    let alone = scene::evm(stage.nodes[0].client(), &[coin()]);
    assert!(matches!(scene::sign(&alone, 0, &payout, None).await, Err(BuildError::Hold(_))));
    scene::sign(&stage.rail, 0, &payout, None).await.unwrap();
}

#[tokio::test]
async fn nodes_on_two_branches_pause_the_network_until_they_are_on_one() {
    let Some(stage) = Stage::new().await else { return };
    stage.mine(3).await;
    let attempt = scene::sign(&stage.rail, 0, &payout(&coin(), NOBODY, 5), None).await.unwrap();
    let foreign = scene::sign(&stage.rail, 0, &payout(&coin(), RECIPIENT, 5), None).await.unwrap();
    let snapshot: Value = stage.nodes[1].ask("evm_snapshot", json!([])).await;
    for (node, sent) in stage.nodes.iter().zip([&attempt, &foreign]) {
        let rail = scene::evm(node.client(), &[coin()]);
        assert_eq!(Rail::broadcast(&rail, &sent.tx).await, Ok(Handover::Accepted));
        node.mine(3).await;
    }
    is_final(&stage.alone(0, &attempt).await);
    assert_eq!(stage.alone(1, &attempt).await, Observation::Dead);
    for _ in 0..4 {
        assert_eq!(stage.observe(&attempt).await, Observation::InBlock);
        stage.is_paused().await;
    }
    let _: Value = stage.nodes[1].ask("evm_revert", json!([snapshot])).await;
    // What it forgets to turn back.
    let block: Value = stage.nodes[0].ask("eth_getBlockByNumber", json!(["0x4", false])).await;
    let base = json!([block["baseFeePerGas"]]);
    let _: Value = stage.nodes[1].ask("anvil_setNextBlockBaseFeePerGas", base).await;
    let rail = scene::evm(stage.nodes[1].client(), &[coin()]);
    assert_eq!(Rail::broadcast(&rail, &attempt.tx).await, Ok(Handover::Accepted));
    stage.nodes[1].mine(3).await;
    is_final(&stage.observe(&attempt).await);
    assert_eq!(stage.rail.alert(), None);
    scene::sign(&stage.rail, 1, &payout(&coin(), NOBODY, 5), None).await.unwrap();
}

#[tokio::test]
async fn other_final_blocks_alone_pause_the_network() {
    let Some(stage) = Stage::new().await else { return };
    stage.mine(3).await;
    let call = json!([{"from": RECIPIENT, "to": NOBODY, "value": "0x1"}]);
    let _: Value = stage.nodes[1].ask("eth_sendTransaction", call).await;
    stage.mine(3).await;
    let attempt = stage.pay().await;
    let _ = stage.observe(&attempt).await;
    stage.mine(3).await;
    assert_eq!(stage.observe(&attempt).await, Observation::InBlock);
    stage.is_paused().await;
}
