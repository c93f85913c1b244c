//! What a script has.

use rail_bitcoin::chain::{Coin, Place};

use serde_json::{Value, json};

use super::{Scene, Via, unreachable};
use crate::house::{WALLET, keys::Input};

pub(super) async fn coins_come_and_go(scene: Scene) {
    let (lane, other) = (scene.lane().await, scene.key("other"));
    scene.chain.follow(&other.script()).await.unwrap();
    assert_eq!(scene.coins(&lane).await, []);
    let outputs = [(lane.script(), 100_000), (other.script(), 70_000), (lane.script(), 1)];
    let paid = scene.node.fund(&outputs[..2]).await;
    let coin = |input: &Input, height| Coin {
        outpoint: input.outpoint,
        value_sat: input.value_sat,
        height,
        is_coinbase: false,
    };
    let first = Input::of(&paid, &lane.script());
    assert_eq!(scene.coins(&lane).await, [coin(&first, None)]);
    scene.node.mine(1).await;
    let height = scene.node.height().await;
    assert_eq!(scene.coins(&lane).await, [coin(&first, Some(height))]);
    let theirs = Input::of(&paid, &other.script());
    assert_eq!(scene.coins(&other).await, [coin(&theirs, Some(height))]);
    assert_eq!(scene.chain.transaction(paid.compute_txid()).await, Ok(paid.clone()));

    let spends = lane.pay(&[first], &[(scene.recipient(), 40_000), (lane.script(), 59_000)]);
    scene.node.send(&spends).await;
    let change = Input::of(&spends, &lane.script());
    assert_eq!(scene.coins(&lane).await, [coin(&change, None)]);
    scene.node.mine(1).await;
    assert_eq!(scene.coins(&lane).await, [coin(&change, Some(height + 1))]);
    // Back where it was.
    scene.node.unmine(1).await;
    assert_eq!(scene.coins(&lane).await, [coin(&change, None)]);
    scene.node.mine(2).await;
    assert_eq!(scene.coins(&lane).await, [coin(&change, Some(height + 1))]);
    assert_eq!(scene.again().coins(&lane.script()).await.unwrap(), scene.coins(&lane).await);
}

pub(super) async fn coins_of_blocks_are_marked(scene: Scene) {
    let lane = scene.lane().await;
    scene.node.mine_to(&lane.script(), 1).await;
    let height = scene.node.height().await;
    let [young] = scene.coins(&lane).await[..] else { panic!("one coin") };
    assert!(young.is_coinbase && young.height == Some(height), "{young:?}");
    assert_eq!(scene.node.scan(&lane.script()).await[0].value_sat, young.value_sat);
    for blocks in [98, 1, 1] {
        scene.node.mine(blocks).await;
        assert_eq!(scene.coins(&lane).await, [young]);
    }
    assert_eq!(scene.again().coins(&lane.script()).await.unwrap(), [young]);
    // A block that is none any more made nothing.
    scene.node.unmine(101).await;
    assert_eq!(scene.coins(&lane).await, []);
    scene.node.mine(101).await;
}

pub(super) async fn a_script_followed_late_finds_its_old_coins(scene: Scene) {
    let lane = scene.unfollowed_lane();
    let (old, spent) = (scene.give(&lane, 50_000).await, scene.give(&lane, 60_000).await);
    let spends = lane.pay(&[spent], &[(scene.recipient(), 59_000)]);
    scene.node.send(&spends).await;
    scene.node.mine(3).await;
    if scene.via == Via::Core {
        unreachable(scene.chain.coins(&lane.script()).await);
        unreachable(scene.chain.movements_above(&lane.script(), 0).await);
    }
    scene.chain.follow(&lane.script()).await.unwrap();
    assert_eq!(scene.outpoints(&lane).await, [old.outpoint]);
    let spender = Some((spends.compute_txid(), Place::Block(spent.height + 1)));
    assert_eq!(scene.spender(&spent).await, spender);
    assert_eq!(scene.spender(&old).await, None);
    let movements = scene.chain.movements_above(&lane.script(), 0).await.unwrap();
    assert_eq!(movements.len(), 3);
    // Twice is once, here and in another process.
    let again = scene.again();
    scene.chain.follow(&lane.script()).await.unwrap();
    again.follow(&lane.script()).await.unwrap();
    assert_eq!(again.coins(&lane.script()).await, Ok(scene.coins(&lane).await));
    assert_eq!(again.movements_above(&lane.script(), 0).await.unwrap().len(), 3);
}

/// The gateway or the node died while old blocks were read again.
pub(super) async fn following_goes_on_where_it_stopped(scene: Scene) {
    let lane = scene.lane().await;
    let coin = scene.give(&lane, 50_000).await;
    if scene.via == Via::Core {
        let address = scene.node.address(&lane.script()).await;
        let newest = scene.node.height().await;
        for label in
            ["", "rescan from 7", &format!("rescan from {newest}"), "rescan from 4000000000"]
        {
            let params = json!([address, label]);
            let _: Value = scene.node.ask_wallet(WALLET, "setlabel", params).await;
            unreachable(scene.chain.coins(&lane.script()).await);
            unreachable(scene.chain.movements_above(&lane.script(), 0).await);
            scene.chain.follow(&lane.script()).await.unwrap();
            assert_eq!(scene.outpoints(&lane).await, [coin.outpoint]);
        }
    }
    scene.again().follow(&lane.script()).await.unwrap();
    assert_eq!(scene.outpoints(&lane).await, [coin.outpoint]);
}

pub(super) async fn what_was_evicted_spends_nothing(mut scene: Scene) {
    let lane = scene.lane().await;
    let coin = scene.give(&lane, 100_000).await;
    let spends = lane.pay(&[coin], &[(scene.recipient(), 50_000), (lane.script(), 49_000)]);
    scene.node.send(&spends).await;
    assert_ne!(scene.outpoints(&lane).await, [coin.outpoint]);
    assert_eq!(scene.chain.held(&lane.script()).await, Ok(100_000), "it waits");
    scene.node.restart().await;
    assert!(!scene.node.is_waiting(spends.compute_txid()).await);
    assert_eq!(scene.outpoints(&lane).await, [coin.outpoint]);
    assert_eq!(scene.coins(&lane).await[0].height, Some(coin.height));
    assert_eq!(scene.spender(&coin).await, None);
    assert_eq!(scene.moved(&lane, coin.height).await, []);
    assert_eq!(scene.chain.held(&lane.script()).await, Ok(100_000));
}
