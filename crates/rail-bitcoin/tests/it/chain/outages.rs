//! Nodes that are away, and wallets that were put away.

use std::collections::BTreeSet;

use bitcoin::{OutPoint, Txid, hashes::Hash as _};
use serde_json::{Value, json};

use super::{Scene, Via, unreachable};
use crate::house::WALLET;

pub(super) async fn a_node_that_is_away_is_unreachable(mut scene: Scene) {
    let lane = scene.lane().await;
    let coin = scene.give(&lane, 100_000).await;
    let tx = lane.pay(&[coin], &[(scene.recipient(), 99_000)]);
    scene.node.stop().await;
    let (chain, script) = (&scene.chain, lane.script());
    let txid = Txid::from_byte_array([7; 32]);
    unreachable(chain.block(0).await);
    unreachable(chain.tip().await);
    unreachable(chain.coins(&script).await);
    unreachable(chain.held(&script).await);
    unreachable(chain.movements_above(&script, 0).await);
    unreachable(chain.waiting(&script, &BTreeSet::new()).await);
    unreachable(chain.place(txid).await);
    unreachable(chain.spender(OutPoint { txid, vout: 0 }).await);
    unreachable(chain.transaction(txid).await);
    unreachable(chain.fee_rate(6).await);
    unreachable(chain.send(&tx).await);
    if scene.via == Via::Core {
        unreachable(chain.follow(&script).await);
        unreachable(chain.relay_rules().await);
    }
    scene.node.start().await;
    assert_eq!(scene.outpoints(&lane).await, [coin.outpoint]);
    assert_eq!(scene.again().coins(&script).await.unwrap().len(), 1);
}

pub(super) async fn a_wallet_that_was_unloaded_is_loaded_again(mut scene: Scene) {
    let lane = scene.lane().await;
    let coin = scene.give(&lane, 100_000).await;
    let other = scene.again();
    if scene.via == Via::Core {
        // Not even after a restart.
        let params = json!([WALLET, false]);
        let _: Value = scene.node.ask("unloadwallet", params).await;
        scene.node.restart().await;
        let loaded: Vec<String> = scene.node.ask("listwallets", json!([])).await;
        assert!(!loaded.contains(&WALLET.to_owned()), "{loaded:?}");
    }
    // What happens meanwhile is found out afterwards.
    let second = scene.give(&lane, 50_000).await;
    let mut expected = [coin.outpoint, second.outpoint];
    expected.sort();
    assert_eq!(scene.outpoints(&lane).await, expected);
    if scene.via == Via::Core {
        let loaded: Vec<String> = scene.node.ask("listwallets", json!([])).await;
        assert!(loaded.contains(&WALLET.to_owned()), "{loaded:?}");
    }
    other.follow(&lane.script()).await.unwrap();
    assert_eq!(other.coins(&lane.script()).await.unwrap().len(), 2);
}
