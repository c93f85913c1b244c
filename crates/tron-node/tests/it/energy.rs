//! Who pays for energy, and how much.

use serde_json::json;
use tron_node::{Address, Chain, Code, Deploy, TETHER};

use crate::{
    client::post,
    scene::{Scene, TRX, data, pay},
};

/// What Tether's `transfer` uses, to somebody who has some of it.
const TO_HOLDER: i64 = 13_418;

/// And to somebody who has none: 15,000 more for the new slot.
const TO_NEW: i64 = 28_418;

const STUBBORN: &str = include_str!("../data/Stubborn.hex");

#[test]
fn energy_is_bought() {
    let scene = Scene::new();
    let token = scene.token();
    scene.chain(|chain| chain.stake_net(scene.alice.address, 100_000));
    for energy in [TO_NEW, TO_HOLDER] {
        let before = scene.balance(&scene.alice);
        let draft = scene.call(&scene.alice, token, &pay(&scene.carol, 5), 10 * TRX);
        let info = scene.mined(&draft, &scene.alice);
        let receipt = &info["receipt"];
        assert_eq!(receipt["energy_usage_total"], energy, "{info}");
        assert_eq!(receipt["energy_fee"], energy * 100);
        assert_eq!(receipt["result"], "SUCCESS");
        assert_eq!(info["fee"], energy * 100);
        assert_eq!(info.get("result"), None);
        assert_eq!(info["contractResult"], json!(["0".repeat(64)]), "it says false");
        assert_eq!(scene.balance(&scene.alice), before - energy * 100);
    }
    assert_eq!(scene.tokens(token, &scene.carol), 10);
    assert_eq!(scene.chain(|chain| chain.balance(&scene.carol.address)), None);
}

#[test]
fn stake_pays_before_sun_and_comes_back() {
    let scene = Scene::new();
    let token = scene.token();
    scene.chain(|chain| {
        chain.stake_net(scene.alice.address, 100_000);
        chain.stake_energy(scene.alice.address, TO_NEW + 1_000);
    });
    let draft = scene.call(&scene.alice, token, &pay(&scene.carol, 5), 10 * TRX);
    let info = scene.mined(&draft, &scene.alice);
    assert_eq!(info["receipt"]["energy_usage"], TO_NEW);
    assert_eq!(info["receipt"].get("energy_fee"), None);
    assert_eq!(scene.balance(&scene.alice), 1_000 * TRX);
    let address = json!({ "address": scene.alice.address.hex() });
    let used = || {
        let answer = post(&scene.node, "wallet/getaccountresource", &address);
        assert_eq!(answer["EnergyLimit"], TO_NEW + 1_000);
        answer.get("EnergyUsed").map_or(0, |it| it.as_i64().unwrap())
    };
    assert!((used() - TO_NEW).abs() <= 2, "{}", used());
    let draft = scene.call(&scene.alice, token, &pay(&scene.carol, 5), 10 * TRX);
    let info = scene.mined(&draft, &scene.alice);
    let staked = info["receipt"]["energy_usage"].as_i64().unwrap();
    assert!((990..=1_010).contains(&staked), "{info}");
    assert_eq!(info["receipt"]["energy_fee"], (TO_HOLDER - staked) * 100);
    scene.chain(|chain| {
        chain.skip_slots(14_400);
        chain.mine_empty();
    });
    assert!((used() - TO_NEW.midpoint(1_000)).abs() <= 3, "{}", used());
}

#[test]
fn too_little_energy_takes_all_of_it() {
    let scene = Scene::new();
    let token = scene.token();
    // The fee limit is too low, and then the balance is.
    let limited = scene.call(&scene.alice, token, &pay(&scene.carol, 5), TO_NEW * 100 - 1);
    let info = scene.mined(&limited, &scene.alice);
    assert_eq!(info["receipt"]["energy_usage_total"], TO_NEW - 1);
    assert_eq!(info["receipt"]["energy_fee"], (TO_NEW - 1) * 100);
    assert_eq!(info["receipt"]["result"], "OUT_OF_ENERGY");
    assert_eq!(info["result"], "FAILED");
    let message = hex::decode(info["resMessage"].as_str().unwrap()).unwrap();
    let message = String::from_utf8(message).unwrap();
    assert!(message.starts_with("Not enough energy for '"), "{message}");
    let value = json!({ "value": hex::encode(limited.id()) });
    let shown = post(&scene.node, "wallet/gettransactionbyid", &value);
    assert_eq!(shown["ret"], json!([{ "contractRet": "OUT_OF_ENERGY" }]));

    scene.chain(|chain| {
        chain.fund(scene.carol.address, 2 * TRX);
        let bob = scene.bob.address;
        chain.call_as(bob, token, &data("issue(address,uint256)", &[&scene.carol.address, &9_i64]));
    });
    let draft = scene.call(&scene.carol, token, &pay(&scene.bob, 5), 1_000 * TRX);
    let poor = scene.mined(&draft, &scene.carol);
    assert_eq!(poor["receipt"]["result"], "SUCCESS", "{poor}");
    scene.chain(|chain| chain.fund(scene.carol.address, -TRX / 10));
    let draft = scene.call(&scene.carol, token, &pay(&scene.bob, 1), 1_000 * TRX);
    let poor = scene.mined(&draft, &scene.carol);
    assert_eq!(poor["receipt"]["result"], "OUT_OF_ENERGY", "{poor}");
    assert!(scene.balance(&scene.carol) < 100, "{}", scene.balance(&scene.carol));
    assert_eq!(scene.tokens(token, &scene.carol), 4);
}

#[test]
fn a_revert_takes_what_was_used() {
    let scene = Scene::new();
    let token = scene.token();
    let bob = scene.bob.address;
    let block = data("setBlackListed(address,bool)", &[&scene.alice.address, &1_i64]);
    scene.chain(|chain| chain.call_as(bob, token, &block));
    let draft = scene.call(&scene.alice, token, &pay(&scene.carol, 5), 10 * TRX);
    let info = scene.mined(&draft, &scene.alice);
    assert_eq!(info["receipt"]["result"], "REVERT");
    assert_eq!(info["result"], "FAILED");
    assert_eq!(info["resMessage"], hex::encode("REVERT opcode executed"));
    let used = info["receipt"]["energy_usage_total"].as_i64().unwrap();
    assert!((200..2_000).contains(&used), "{used}");
    assert_eq!(info["receipt"]["energy_fee"], used * 100);
    assert_eq!(info.get("log"), None);
    assert_eq!(scene.tokens(token, &scene.carol), 0);
    let infos = post(&scene.node, "wallet/gettransactioninfobyblocknum", &json!({ "num": 2 }));
    assert_eq!(infos, json!([info]));
}

#[test]
fn other_endings_take_everything() {
    let scene = Scene::new();
    let stubborn = scene.deploy(STUBBORN, &Deploy::default());
    let bob = scene.bob.address;
    for (ending, result) in [(0, "REVERT"), (1, "OUT_OF_ENERGY"), (2, "ILLEGAL_OPERATION")] {
        let choose = data("setEnding(uint8)", &[&i64::from(ending)]);
        scene.chain(|chain| chain.call_as(bob, stubborn, &choose));
        let draft = scene.call(&scene.alice, stubborn, &pay(&scene.carol, 5), TRX);
        let info = scene.mined(&draft, &scene.alice);
        assert_eq!(info["receipt"]["result"], result);
        let used = info["receipt"]["energy_usage_total"].as_i64().unwrap();
        assert_eq!(used == 10_000, result != "REVERT", "{info}");
    }
    // This one ends well, and says that it did not.
    scene.chain(|chain| chain.call_as(bob, stubborn, &data("setEnding(uint8)", &[&3_i64])));
    let draft = scene.call(&scene.alice, stubborn, &pay(&scene.carol, 5), TRX);
    let info = scene.mined(&draft, &scene.alice);
    assert_eq!(info["receipt"]["result"], "SUCCESS");
    assert_eq!(info.get("log"), None);
}

#[test]
fn a_busy_contracts_energy_costs_more() {
    let scene = Scene::new();
    let token = scene.token();
    scene.chain(|chain| chain.energy_factor(token, 34_000));
    let draft = scene.call(&scene.alice, token, &pay(&scene.carol, 5), 100 * TRX);
    let info = scene.mined(&draft, &scene.alice);
    let total = info["receipt"]["energy_usage_total"].as_i64().unwrap();
    let penalty = info["receipt"]["energy_penalty_total"].as_i64().unwrap();
    assert_eq!(total - penalty, TO_NEW);
    // Each instruction's is rounded down.
    let whole = TO_NEW * 34_000 / 10_000;
    assert!(penalty <= whole && penalty > whole - 500, "{penalty} {whole}");
    assert_eq!(info["receipt"]["energy_fee"], total * 100);
    let value = json!({ "value": token.hex() });
    let shown = post(&scene.node, "wallet/getcontractinfo", &value);
    assert_eq!(shown["contract_state"]["energy_factor"], 34_000);
    // Not if the committee says so.
    scene.chain(|chain| chain.parameters.dynamic_energy = false);
    let draft = scene.call(&scene.alice, token, &pay(&scene.carol, 5), 100 * TRX);
    let info = scene.mined(&draft, &scene.alice);
    assert_eq!(info["receipt"].get("energy_penalty_total"), None);
}

fn shared(scene: &Scene, percent: i64, limit: i64, points: i64) -> Address {
    let deploy =
        Deploy { consumer_pays_percent: percent, origin_energy_limit: limit, ..Deploy::default() };
    let token = scene.deploy(TETHER, &deploy);
    scene.chain(|chain| {
        chain.stake_energy(scene.bob.address, points);
        let issue = data("issue(address,uint256)", &[&scene.alice.address, &99_i64]);
        chain.call_as(scene.bob.address, token, &issue);
    });
    token
}

#[test]
fn who_deployed_it_may_pay_a_part() {
    for (percent, limit, points, origins) in [
        (100, 1_000_000, 1_000_000, 0),
        (70, 1_000_000, 1_000_000, TO_NEW * 30 / 100),
        (0, 1_000_000, 1_000_000, TO_NEW),
        // No more than the origin allows, or has.
        (0, 1_000, 1_000_000, 1_000),
        (0, 1_000_000, 2_000, 2_000),
        (0, 1_000_000, 0, 0),
    ] {
        let scene = Scene::new();
        let token = shared(&scene, percent, limit, points);
        let draft = scene.call(&scene.alice, token, &pay(&scene.carol, 5), 100 * TRX);
        let info = scene.mined(&draft, &scene.alice);
        let receipt = &info["receipt"];
        assert_eq!(receipt["energy_usage_total"], TO_NEW);
        let paid = receipt.get("origin_energy_usage").map_or(0, |it| it.as_i64().unwrap());
        assert_eq!(paid, origins, "{percent} {limit} {points}");
        let fee = receipt.get("energy_fee").map_or(0, |it| it.as_i64().unwrap());
        assert_eq!(fee, (TO_NEW - origins) * 100);
    }
}

#[test]
fn the_origins_part_comes_on_top_of_the_fee_limit() {
    let scene = Scene::new();
    let token = shared(&scene, 50, 1_000_000, 1_000_000);
    let half = TO_NEW / 2;
    let draft = scene.call(&scene.alice, token, &pay(&scene.carol, 5), half * 100);
    let info = scene.mined(&draft, &scene.alice);
    assert_eq!(info["receipt"]["result"], "SUCCESS", "{info}");
    let other = scene.call(&scene.alice, token, &pay(&scene.carol, 5), TO_HOLDER / 2 * 100 - 100);
    let info = scene.mined(&other, &scene.alice);
    assert_eq!(info["receipt"]["result"], "OUT_OF_ENERGY", "{info}");
}

#[test]
fn a_new_price_holds_at_once() {
    let scene = Scene::new();
    let token = scene.token();
    scene.chain(|chain| {
        chain.parameters.energy_price = 210;
        chain.parameters.energy_price_history = "0:100,1700000001000:210".to_owned();
    });
    let draft = scene.call(&scene.alice, token, &pay(&scene.carol, 5), 100 * TRX);
    let info = scene.mined(&draft, &scene.alice);
    assert_eq!(info["receipt"]["energy_fee"], TO_NEW * 210);
    let prices = post(&scene.node, "wallet/getenergyprices", &json!({}));
    assert_eq!(prices, json!({ "prices": "0:100,1700000001000:210" }));
}

#[test]
fn two_of_one_block_see_each_other() {
    let scene = Scene::new();
    let token = scene.token();
    let drafts =
        [1, 2].map(|units| scene.call(&scene.alice, token, &pay(&scene.carol, units), TRX * 10));
    for draft in &drafts {
        assert_eq!(scene.send(draft, &scene.alice), Code::Success);
    }
    scene.chain(Chain::mine);
    let energy = drafts.map(|draft| scene.info(&draft)["receipt"]["energy_usage_total"].clone());
    assert_eq!(energy, [json!(TO_NEW), json!(TO_HOLDER)]);
}
