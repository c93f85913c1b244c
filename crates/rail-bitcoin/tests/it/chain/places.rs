//! Where transactions are, and what spends an output.

use bitcoin::{OutPoint, Txid, hashes::Hash as _};
use rail_bitcoin::chain::{Family, Place};
use serde_json::json;

use super::{Handover, Scene, unreachable};
use crate::house::keys::Input;

pub(super) async fn the_newest_block_is_known(scene: Scene) {
    let genesis: String = scene.node.ask("getblockhash", json!([0])).await;
    assert_eq!(scene.chain.block(0).await.unwrap().to_string(), genesis);
    for _ in 0..2 {
        let tip = scene.chain.tip().await.unwrap();
        assert_eq!(tip.height, scene.node.height().await);
        let hash: String = scene.node.ask("getbestblockhash", json!([])).await;
        assert_eq!(tip.hash.to_string(), hash);
        scene.node.mine(1).await;
    }
    let before = scene.chain.tip().await.unwrap();
    scene.node.unmine(2).await;
    assert_eq!(scene.chain.tip().await.unwrap().height, before.height - 2);
    scene.node.mine(2).await;
    let after = scene.chain.tip().await.unwrap();
    assert_eq!(after.height, before.height);
    assert_ne!(after.hash, before.hash);
}

pub(super) async fn a_transaction_goes_through_a_reorganisation(scene: Scene) {
    let lane = scene.lane().await;
    let coin = scene.give(&lane, 100_000).await;
    let tx = lane.pay(&[coin], &[(scene.recipient(), 99_000)]);
    assert_eq!(scene.place(&tx).await, Place::Nowhere);
    assert_eq!(scene.spender(&coin).await, None);
    assert_eq!(scene.send(&tx).await, Handover::Accepted);
    let is_at = async |place| {
        assert_eq!(scene.place(&tx).await, place);
        assert_eq!(scene.spender(&coin).await, Some((tx.compute_txid(), place)));
        let movements = scene.moved(&lane, coin.height).await;
        assert_eq!(movements.len(), 1);
        assert_eq!((movements[0].place, movements[0].spent_sat), (place, 100_000));
        assert_eq!(movements[0].spends, [coin.outpoint]);
    };
    is_at(Place::Mempool).await;
    scene.node.mine(1).await;
    is_at(Place::Block(coin.height + 1)).await;
    scene.node.mine(1).await;
    is_at(Place::Block(coin.height + 1)).await;
    scene.node.unmine(2).await;
    is_at(Place::Mempool).await;
    // Its next block is a higher one.
    scene.node.mine_only(&[]).await;
    is_at(Place::Mempool).await;
    scene.node.mine(1).await;
    is_at(Place::Block(coin.height + 2)).await;
    scene.node.mine(1).await;
    is_at(Place::Block(coin.height + 2)).await;
}

pub(super) async fn a_conflicting_spend_is_found(scene: Scene) {
    let lane = scene.lane().await;
    let (first, second) = (scene.give(&lane, 100_000).await, scene.give(&lane, 80_000).await);
    // Somebody else has the key. The node never sees ours.
    let ours = lane.pay(&[first, second], &[(scene.recipient(), 170_000)]);
    let theirs = lane.pay(&[first], &[(scene.key("thief").script(), 99_000)]);
    scene.node.send(&theirs).await;
    let by_them = |place| Some((theirs.compute_txid(), place));
    assert_eq!(scene.spender(&first).await, by_them(Place::Mempool));
    assert_eq!(scene.spender(&second).await, None);
    assert_eq!(scene.place(&ours).await, Place::Nowhere);
    scene.node.mine(1).await;
    let place = Place::Block(second.height + 1);
    assert_eq!(scene.spender(&first).await, by_them(place));
    assert_eq!(scene.spender(&second).await, None);
    assert_eq!(scene.place(&theirs).await, place);
    assert_eq!(scene.place(&ours).await, Place::Nowhere);
    assert_eq!(scene.outpoints(&lane).await, [second.outpoint]);
    scene.refused(&ours).await;
    assert_eq!(scene.again().spender(first.outpoint).await, Ok(by_them(place)));
}

pub(super) async fn a_conflict_in_a_block_undoes_ours(scene: Scene) {
    let lane = scene.lane().await;
    let (first, second) = (scene.give(&lane, 100_000).await, scene.give(&lane, 80_000).await);
    let ours = lane.pay(&[first, second], &[(scene.recipient(), 170_000)]);
    assert_eq!(scene.send(&ours).await, Handover::Accepted);
    let theirs = lane.pay(&[first], &[(scene.key("thief").script(), 99_000)]);
    scene.node.mine_only(&[&theirs]).await;
    let place = Place::Block(second.height + 1);
    assert_eq!(scene.place(&ours).await, Place::Nowhere);
    assert_eq!(scene.spender(&first).await, Some((theirs.compute_txid(), place)));
    // What ours alone would have spent is there again.
    assert_eq!(scene.spender(&second).await, None);
    assert_eq!(scene.outpoints(&lane).await, [second.outpoint]);
    let movements = scene.chain.movements_above(&lane.script(), second.height).await.unwrap();
    let [movement] = &movements[..] else { panic!("{movements:?}") };
    assert_eq!((movement.txid, movement.place), (theirs.compute_txid(), place));
    assert_eq!((movement.spent_sat, movement.received_sat), (100_000, 0));
    // The block is undone, and another one has ours after all.
    scene.node.unmine(1).await;
    scene.node.mine_only(&[&ours]).await;
    assert_eq!(scene.place(&ours).await, place);
    assert_eq!(scene.place(&theirs).await, Place::Nowhere);
    assert_eq!(scene.spender(&first).await, Some((ours.compute_txid(), place)));
    assert_eq!(scene.spender(&second).await, Some((ours.compute_txid(), place)));
}

pub(super) async fn what_was_never_seen_is_nowhere(scene: Scene) {
    let lane = scene.lane().await;
    let coin = scene.give(&lane, 50_000).await;
    let unknown = Txid::from_byte_array([7; 32]);
    assert_eq!(scene.chain.place(unknown).await, Ok(Place::Nowhere));
    unreachable(scene.chain.transaction(unknown).await);
    assert_eq!(scene.chain.spender(OutPoint { txid: unknown, vout: 0 }).await, Ok(None));
    for vout in [1_000, u32::MAX] {
        let no_output = OutPoint { vout, ..coin.outpoint };
        assert_eq!(scene.chain.spender(no_output).await, Ok(None));
    }
    let foreign = scene.node.fund(&[(scene.recipient(), 50_000)]).await;
    let txid = foreign.compute_txid();
    assert_eq!(scene.chain.spender(OutPoint { txid, vout: 0 }).await, Ok(None));
}

pub(super) async fn what_others_made_of_it_is_told(scene: Scene) {
    let (lane, friend) = (scene.lane().await, scene.key("friend"));
    let coin = scene.give(&lane, 100_000).await;
    let ours = lane.pay(&[coin], &[(friend.script(), 60_000), (lane.script(), 39_000)]);
    let got = Input::of(&ours, &friend.script());
    let child = friend.pay(&[got], &[(friend.script(), 51_000), (scene.recipient(), 5_000)]);
    let got = Input::of(&child, &friend.script());
    let grandchild = friend.pay(&[got], &[(scene.recipient(), 50_000)]);
    let txid = ours.compute_txid();
    assert_eq!(scene.chain.family(txid).await, Ok(None), "it is nowhere");
    let mut vsize = 0;
    for (count, tx, fee_sat) in [(1, &ours, 1_000), (2, &child, 5_000), (3, &grandchild, 6_000)] {
        assert_eq!(scene.send(tx).await, Handover::Accepted);
        vsize += tx.vsize() as u64;
        let family = Family { count, vsize, fee_sat };
        assert_eq!(scene.chain.family(txid).await, Ok(Some(family)));
    }
    scene.node.mine(1).await;
    assert_eq!(scene.chain.family(txid).await, Ok(None), "it is in a block");
}
