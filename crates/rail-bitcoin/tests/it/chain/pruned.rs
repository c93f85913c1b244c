//! A node that forgets old blocks.

use rail_bitcoin::chain::{Chain, core::Core};
use serde_json::{Value, json};

use super::unreachable;
use crate::house::{
    self, Kind, Node, WALLET,
    keys::{Input, Key},
};

#[test]
fn a_coin_of_a_block_that_is_gone_is_not_passed_over() {
    house::run(async {
        let options = ["-fastprune", "-prune=1"];
        let Some(node) = Node::alone(Kind::Bitcoin, &options).await else { return };
        let (old, new) = (Key::p2wpkh("old lane"), Key::p2tr("new lane"));
        node.mine(130).await;
        node.fund(&[(old.script(), 100_000)]).await;
        node.mine(570).await;
        // What is imported is looked for in the blocks of the last two hours at once.
        let info: Value = node.ask("getblockchaininfo", json!([])).await;
        let later = info["mediantime"].as_u64().unwrap() + 20_000;
        let _: Value = node.ask("setmocktime", json!([later])).await;
        node.mine(330).await;
        let _: u32 = node.ask("pruneblockchain", json!([600])).await;
        let info: Value = node.ask("getblockchaininfo", json!([])).await;
        assert!(info["pruneheight"].as_u64().unwrap() > 131, "{info}");
        let chain = Core::new(node.links(), WALLET, true);
        // Its coin cannot be accounted for, and is not said not to be.
        for _ in 0..2 {
            unreachable(chain.follow(&old.script()).await);
            unreachable(chain.coins(&old.script()).await);
        }
        chain.follow(&new.script()).await.unwrap();
        assert_eq!(chain.coins(&new.script()).await, Ok(vec![]));
        let paid = node.fund(&[(new.script(), 70_000)]).await;
        node.mine(1).await;
        let coins = chain.coins(&new.script()).await.unwrap();
        let outpoints: Vec<_> = coins.iter().map(|it| it.outpoint).collect();
        assert_eq!(outpoints, [Input::of(&paid, &new.script()).outpoint]);
    });
}
