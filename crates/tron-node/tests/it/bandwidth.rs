//! What bytes cost.

use serde_json::json;
use tron_node::Code;

use crate::{
    client::post,
    scene::{Draft, Scene, TRX},
};

/// As java-tron counts: the signed transaction, and 64 for its result.
fn size(draft: &Draft, scene: &Scene) -> i64 {
    i64::try_from(draft.signed(&scene.alice).len() + 64).unwrap()
}

#[test]
fn free_bytes_come_first_then_sun() {
    let scene = Scene::new();
    let mut free = 600;
    for _ in 0..4 {
        let draft = scene.transfer(&scene.alice, scene.bob.address, 1);
        let size = size(&draft, &scene);
        let before = scene.balance(&scene.alice);
        let info = scene.mined(&draft, &scene.alice);
        // All or nothing.
        if size <= free {
            free -= size;
            assert_eq!(info["receipt"], json!({ "net_usage": size }));
            assert_eq!(info.get("fee"), None);
            assert_eq!(scene.balance(&scene.alice), before - 1);
        } else {
            assert_eq!(info["receipt"], json!({ "net_fee": size * 1_000 }));
            assert_eq!(info["fee"], size * 1_000);
            assert_eq!(scene.balance(&scene.alice), before - 1 - size * 1_000);
        }
    }
    assert!(free < 263, "two were free");
    let address = json!({ "address": scene.alice.address.hex() });
    let resource = post(&scene.node, "wallet/getaccountresource", &address);
    assert_eq!(resource["freeNetLimit"], 600);
    // A little has come back already.
    let used = resource["freeNetUsed"].as_i64().unwrap();
    assert!((0..=2).contains(&(600 - free - used)), "{used}");
    assert_eq!(post(&scene.node, "wallet/getaccountnet", &address)["freeNetUsed"], used);
}

#[test]
fn staked_bytes_come_before_free_ones() {
    let scene = Scene::new();
    scene.chain(|chain| chain.stake_net(scene.alice.address, 500));
    let draft = scene.transfer(&scene.alice, scene.bob.address, 1);
    let size = size(&draft, &scene);
    scene.mined(&draft, &scene.alice);
    let address = json!({ "address": scene.alice.address.hex() });
    let resource = post(&scene.node, "wallet/getaccountresource", &address);
    assert_eq!((&resource["NetUsed"], &resource["NetLimit"]), (&json!(size), &json!(500)));
    assert_eq!(resource.get("freeNetUsed"), None);
    let next = scene.transfer(&scene.alice, scene.bob.address, 1);
    scene.mined(&next, &scene.alice);
    let resource = post(&scene.node, "wallet/getaccountresource", &address);
    assert_eq!(resource["freeNetUsed"], size);
}

#[test]
fn new_accounts_cost_more_and_take_no_free_bytes() {
    let scene = Scene::new();
    let draft = scene.transfer(&scene.alice, scene.carol.address, 5);
    let info = scene.mined(&draft, &scene.alice);
    assert_eq!(info["fee"], 1_100_000);
    assert_eq!(info["receipt"], json!({ "net_fee": 100_000 }));
    assert_eq!(scene.balance(&scene.alice), 1_000 * TRX - 1_100_005);
    assert_eq!(scene.balance(&scene.carol), 5);
    // It is no new one any more.
    let info = scene.mined(&scene.transfer(&scene.alice, scene.carol.address, 5), &scene.alice);
    assert_eq!(info.get("fee"), None);
}

#[test]
fn stake_spares_the_tenth_of_a_trx() {
    let scene = Scene::new();
    scene.chain(|chain| chain.stake_net(scene.alice.address, 10_000));
    let draft = scene.transfer(&scene.alice, scene.carol.address, 5);
    let size = size(&draft, &scene);
    let info = scene.mined(&draft, &scene.alice);
    assert_eq!(info["fee"], 1_000_000);
    assert_eq!(info["receipt"], json!({ "net_usage": size }));
}

#[test]
fn bytes_come_back_over_a_day() {
    let scene = Scene::new();
    let used = |scene: &Scene| {
        let address = json!({ "address": scene.alice.address.hex() });
        let answer = post(&scene.node, "wallet/getaccountresource", &address);
        let get = |key: &str| answer.get(key).map_or(0, |it| it.as_i64().unwrap());
        (get("NetUsed"), get("freeNetUsed"))
    };
    scene.chain(|chain| chain.stake_net(scene.alice.address, 300));
    for _ in 0..2 {
        let draft = scene.transfer(&scene.alice, scene.bob.address, 1);
        scene.mined(&draft, &scene.alice);
    }
    let (net, free) = used(&scene);
    assert!((net - free).abs() <= 1 && net > 200, "{net} {free}");
    let later = |slots: u32| {
        scene.chain(|chain| {
            chain.skip_slots(slots - 1);
            chain.mine_empty();
        });
        used(&scene)
    };
    let (half_net, half_free) = later(14_400);
    for (half, whole) in [(half_net, net), (half_free, free)] {
        assert!((half - whole / 2).abs() <= 1, "{half} {whole}");
    }
    assert_eq!(later(14_400), (0, 0));
}

#[test]
fn a_memo_costs_a_trx() {
    let scene = Scene::new();
    let draft = scene.transfer(&scene.alice, scene.bob.address, 5);
    let info = scene.mined(&Draft { memo: b"hello".to_vec(), ..draft }, &scene.alice);
    assert_eq!(info["fee"], TRX);
    assert_eq!(scene.balance(&scene.alice), 999 * TRX - 5);
    scene.chain(|chain| chain.parameters.memo_fee = 0);
    let draft = scene.transfer(&scene.alice, scene.bob.address, 5);
    let draft = Draft { memo: b"hello".to_vec(), ..draft };
    assert_eq!(scene.send(&draft, &scene.alice), Code::Success);
}

#[test]
fn prices_are_the_committees() {
    let scene = Scene::new();
    scene.chain(|chain| {
        chain.parameters.byte_price = 7;
        chain.parameters.free_net = 0;
        chain.parameters.new_account_fee = 11;
        chain.parameters.create_account_fee = 13;
    });
    let draft = scene.transfer(&scene.alice, scene.bob.address, 5);
    assert_eq!(scene.mined(&draft, &scene.alice)["fee"], 7 * size(&draft, &scene));
    let draft = scene.transfer(&scene.alice, scene.carol.address, 5);
    assert_eq!(scene.mined(&draft, &scene.alice)["fee"], 24);
    let answer = post(&scene.node, "wallet/getchainparameters", &json!({}));
    let list = answer["chainParameter"].as_array().unwrap();
    let find = |key: &str| list.iter().find(|it| it["key"] == key).unwrap();
    assert_eq!(find("getTransactionFee")["value"], 7);
    assert_eq!(find("getCreateNewAccountFeeInSystemContract")["value"], 11);
    assert_eq!(find("getCreateAccountFee")["value"], 13);
    assert_eq!(find("getFreeNetLimit"), &json!({ "key": "getFreeNetLimit" }), "zero is left out");
}
