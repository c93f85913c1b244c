//! What a node takes.

use bitcoin::{Amount, Witness};
use rail_bitcoin::chain::{Chain, Place, core::Core};

use super::{Handover, Scene, Via};
use crate::house::{Kind, WALLET};

pub(super) async fn an_evicted_transaction_is_taken_again(mut scene: Scene) {
    let lane = scene.lane().await;
    let coin = scene.give(&lane, 100_000).await;
    let tx = lane.pay(&[coin], &[(scene.recipient(), 99_000)]);
    for _ in 0..2 {
        assert_eq!(scene.send(&tx).await, Handover::Accepted);
        // Once more is nothing new.
        assert_eq!(scene.send(&tx).await, Handover::Accepted);
        assert_eq!(scene.place(&tx).await, Place::Mempool);
        scene.node.restart().await;
        assert_eq!(scene.place(&tx).await, Place::Nowhere);
    }
    assert_eq!(scene.send(&tx).await, Handover::Accepted);
    scene.node.mine(1).await;
    assert_eq!(scene.place(&tx).await, Place::Block(coin.height + 1));
}

pub(super) async fn a_replacement_must_pay_more(scene: Scene) {
    let lane = scene.lane().await;
    let (first, second) = (scene.give(&lane, 100_000).await, scene.give(&lane, 80_000).await);
    let pay = |sat| lane.pay(&[first, second], &[(scene.recipient(), sat)]);
    let (before, cheaper, hardly, after) = (pay(179_000), pay(179_500), pay(178_990), pay(178_000));
    assert_eq!(scene.send(&before).await, Handover::Accepted);
    assert!(scene.chain.relay_rules().await.unwrap().replaces);
    for underpaid in [cheaper, hardly] {
        assert_eq!(scene.send(&underpaid).await, Handover::Underpriced);
        assert_eq!(scene.place(&before).await, Place::Mempool);
        assert_eq!(scene.place(&underpaid).await, Place::Nowhere);
    }
    assert_eq!(scene.send(&after).await, Handover::Accepted);
    assert_eq!(scene.place(&before).await, Place::Nowhere);
    assert_eq!(scene.place(&after).await, Place::Mempool);
    assert_eq!(scene.spender(&first).await, Some((after.compute_txid(), Place::Mempool)));
    // One that spends only some of it frees the rest.
    let one = lane.pay(&[first], &[(scene.recipient(), 90_000)]);
    assert_eq!(scene.send(&one).await, Handover::Accepted);
    assert_eq!(scene.spender(&first).await, Some((one.compute_txid(), Place::Mempool)));
    assert_eq!(scene.spender(&second).await, None);
    assert_eq!(scene.outpoints(&lane).await, [second.outpoint]);
    assert_eq!(scene.send(&before).await, Handover::Underpriced);
    scene.node.mine(1).await;
    assert_eq!(scene.place(&one).await, Place::Block(second.height + 1));
    scene.refused(&after).await;
}

pub(super) async fn nothing_is_replaced_where_nothing_may_be(mut scene: Scene) {
    let options: &[&str] = match scene.node.kind {
        // Litecoin's own default.
        Kind::Litecoin => &["-vbparams=mweb:9223372036854775800:9223372036854775807"],
        Kind::Bitcoin => &["-mempoolreplacement=0"],
    };
    scene.node.restart_with(options).await;
    if scene.via == Via::Core {
        // The one says so, the other leaves it to the operator.
        let core = Core::new(scene.node.links(), WALLET, false);
        assert!(!core.relay_rules().await.unwrap().replaces);
    }
    let lane = scene.lane().await;
    let coin = scene.give(&lane, 100_000).await;
    let before = lane.pay(&[coin], &[(scene.recipient(), 99_000)]);
    let after = lane.pay(&[coin], &[(scene.recipient(), 90_000)]);
    assert_eq!(scene.send(&before).await, Handover::Accepted);
    assert_eq!(scene.send(&after).await, Handover::Excluded);
    // Whoever was taken to replace what waits is not any more.
    assert!(!scene.chain.relay_rules().await.unwrap().replaces);
    assert_eq!(scene.place(&before).await, Place::Mempool);
    assert_eq!(scene.place(&after).await, Place::Nowhere);
}

pub(super) async fn what_is_in_a_block_is_accepted(scene: Scene) {
    let (lane, other) = (scene.lane().await, scene.key("recipient"));
    let coin = scene.give(&lane, 100_000).await;
    let tx = lane.pay(&[coin], &[(other.script(), 99_000)]);
    assert_eq!(scene.send(&tx).await, Handover::Accepted);
    scene.node.mine(1).await;
    assert_eq!(scene.send(&tx).await, Handover::Accepted);
    // Also when all that it made is spent.
    let next = other.pay(
        &[crate::house::keys::Input::of(&tx, &other.script())],
        &[(scene.key("next").script(), 90_000)],
    );
    scene.node.send(&next).await;
    scene.node.mine(1).await;
    assert_eq!(scene.send(&tx).await, Handover::Accepted);
}

pub(super) async fn what_breaks_the_rules_is_refused(scene: Scene) {
    let lane = scene.lane().await;
    let coin = scene.give(&lane, 100_000).await;
    let good = lane.pay(&[coin], &[(scene.recipient(), 99_000)]);
    let dust = lane.pay(&[coin], &[(scene.recipient(), 98_000), (scene.key("x").script(), 1)]);
    let more = lane.pay(&[coin], &[(scene.recipient(), 100_001)]);
    let mut unsigned = good.clone();
    unsigned.input[0].witness = Witness::new();
    let mut changed = good.clone();
    changed.output[0].value = Amount::from_sat(98_999);
    let mut nothing = good.clone();
    nothing.output.clear();
    let mut missing = coin;
    missing.outpoint.vout = 77;
    let missing = lane.pay(&[missing], &[(scene.recipient(), 99_000)]);
    for refused in [dust, more, unsigned, changed, nothing, missing] {
        let words = scene.refused(&refused).await;
        assert!(!words.is_empty());
    }
    let free = lane.pay(&[coin], &[(scene.recipient(), 100_000)]);
    let cheap = lane.pay(&[coin], &[(scene.recipient(), 99_950)]);
    for underpaid in [free, cheap] {
        assert_eq!(scene.send(&underpaid).await, Handover::Underpriced);
    }
    assert_eq!(scene.outpoints(&lane).await, [coin.outpoint]);
    assert_eq!(scene.send(&good).await, Handover::Accepted);
}

/// More than 0.1 coins for 1,000 virtual bytes.
pub(super) async fn any_fee_is_taken_by_nodes_that_are_asked(scene: Scene) {
    let lane = scene.lane().await;
    let coin = scene.give(&lane, 3_000_000).await;
    let tx = lane.pay(&[coin], &[(scene.recipient(), 500_000)]);
    match scene.via {
        Via::Core => assert_eq!(scene.send(&tx).await, Handover::Accepted),
        Via::Esplora => drop(scene.refused(&tx).await),
    }
    assert_eq!(scene.chain.is_node(), matches!(scene.via, Via::Core));
}
