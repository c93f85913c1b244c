//! What a node thinks of fees.

use super::{Scene, Via};

pub(super) async fn nothing_is_known_of_fees_at_first(mut scene: Scene) {
    scene.node.forget_fees().await;
    for blocks in [0, 1, 6, 1_008, u16::MAX] {
        assert_eq!(scene.chain.fee_rate(blocks).await, Ok(None));
    }
    let rules = scene.chain.relay_rules().await.unwrap();
    assert_eq!((rules.fee_rate_min_sat_per_kvb, rules.increment_sat_per_kvb), (1_000, 1_000));
}

pub(super) async fn fees_are_estimated_once_there_are_some(scene: Scene) {
    for some in scene.crowd(100, &scene.recipient(), 997_800).await.chunks(5) {
        for tx in some {
            scene.node.send(tx).await;
        }
        scene.node.mine(1).await;
    }
    let rate = scene.chain.fee_rate(2).await.unwrap();
    let rate = rate.unwrap_or_else(|| panic!("nothing is known"));
    assert!((18_000..=22_000).contains(&rate), "{rate}");
    let long = scene.chain.fee_rate(1_008).await.unwrap().unwrap();
    assert!(long <= rate, "{long} {rate}");
    if scene.via == Via::Core {
        // A target of nothing is one of the next block, for which less may be known.
        assert!(scene.chain.fee_rate(0).await.unwrap().is_none_or(|it| it >= 18_000));
    }
}
