//! Calls that change nothing.

use serde_json::{Value, json};
use tron_node::{Chain, Code, Deploy, TETHER};

use crate::{
    client::post,
    scene::{Scene, TRX, data, pay},
};

fn ask(scene: &Scene, path: &str, call: &Value) -> Value {
    post(&scene.node, path, call)
}

fn transfer(scene: &Scene, token: tron_node::Address, units: i64) -> Value {
    json!({
        "owner_address": scene.alice.address.hex(),
        "contract_address": token.hex(),
        "function_selector": "transfer(address,uint256)",
        "parameter": hex::encode(&pay(&scene.carol, units)[4..]),
    })
}

#[test]
fn they_tell_the_energy() {
    let scene = Scene::new();
    let token = scene.token();
    let answer = ask(&scene, "wallet/triggerconstantcontract", &transfer(&scene, token, 5));
    assert_eq!(answer["result"], json!({ "result": true }));
    assert_eq!(answer["energy_used"], 28_418);
    assert_eq!(answer.get("energy_penalty"), None);
    assert_eq!(answer["constant_result"], json!(["0".repeat(64)]));
    assert_eq!(answer["logs"].as_array().unwrap().len(), 1);
    assert_eq!(answer["transaction"]["ret"], json!([{}]));
    assert_eq!(answer["transaction"]["raw_data"]["contract"][0]["type"], "TriggerSmartContract");
    assert_eq!(scene.tokens(token, &scene.carol), 0);
    scene.chain(|chain| chain.energy_factor(token, 10_000));
    let answer = ask(&scene, "wallet/triggerconstantcontract", &transfer(&scene, token, 5));
    assert_eq!(
        (&answer["energy_used"], &answer["energy_penalty"]),
        (&json!(56_836), &json!(28_418))
    );
    let visible = json!({
        "owner_address": scene.alice.address.to_string(),
        "contract_address": token.to_string(),
        "data": hex::encode(pay(&scene.carol, 5)),
        "visible": true,
    });
    let again = ask(&scene, "wallet/triggerconstantcontract", &visible);
    assert_eq!(again["energy_used"], 56_836, "{again}");
}

#[test]
fn a_revert_is_no_error() {
    let scene = Scene::new();
    let token = scene.token();
    let call = transfer(&scene, token, 5_000 * TRX);
    let answer = ask(&scene, "wallet/triggerconstantcontract", &call);
    let message = hex::encode("REVERT opcode executed");
    assert_eq!(answer["result"], json!({ "result": true, "message": message }));
    assert_eq!(answer["transaction"]["ret"], json!([{ "ret": "FAILED" }]));
    let said = answer["constant_result"][0].as_str().unwrap();
    assert!(said.starts_with("4e487b71"), "Panic(uint256): {said}");
}

#[test]
fn other_endings_are() {
    let scene = Scene::new();
    let stubborn = scene.deploy(include_str!("../data/Stubborn.hex"), &Deploy::default());
    for (ending, class) in [(1, "OutOfEnergyException"), (2, "IllegalOperationException")] {
        let choose = data("setEnding(uint8)", &[&i64::from(ending)]);
        scene.chain(|chain| {
            chain.parameters.constant_energy_limit = 100_000;
            chain.call_as(scene.bob.address, stubborn, &choose);
        });
        let answer = ask(&scene, "wallet/triggerconstantcontract", &transfer(&scene, stubborn, 5));
        assert_eq!(answer["result"]["code"], "OTHER_ERROR");
        assert_eq!(answer["result"].get("result"), None);
        let message = hex::decode(answer["result"]["message"].as_str().unwrap()).unwrap();
        let message = String::from_utf8(message).unwrap();
        let start = format!("class org.tron.core.vm.program.Program${class} : ");
        assert!(message.starts_with(&start), "{message}");
        assert_eq!(answer.get("energy_used"), None);
    }
}

#[test]
fn there_must_be_a_contract() {
    let scene = Scene::new();
    let call = transfer(&scene, scene.bob.address, 5);
    let answer = ask(&scene, "wallet/triggerconstantcontract", &call);
    let message = hex::encode("Smart contract is not exist.");
    let words = json!({ "code": "CONTRACT_VALIDATE_ERROR", "message": message });
    assert_eq!(answer, json!({ "result": words }));
    let answer = ask(&scene, "wallet/triggerconstantcontract", &json!({}));
    assert_eq!(answer["result"]["code"], "OTHER_ERROR");
    let answer = ask(&scene, "wallet/triggersmartcontract", &call);
    assert_eq!(answer["result"]["code"], "CONTRACT_VALIDATE_ERROR");
}

#[test]
fn deployment_can_be_tried() {
    let scene = Scene::new();
    let call = json!({ "owner_address": scene.alice.address.hex(), "data": TETHER });
    let answer = ask(&scene, "wallet/triggerconstantcontract", &call);
    assert_eq!(answer["result"], json!({ "result": true }), "{answer}");
    assert!(answer["energy_used"].as_i64().unwrap() > 200_000);
    let call = json!({
        "owner_address": scene.alice.address.hex(),
        "data": TETHER,
        "call_value": i64::MIN,
    });
    let answer = ask(&scene, "wallet/triggerconstantcontract", &call);
    assert_eq!(answer["result"]["code"], "CONTRACT_VALIDATE_ERROR", "{answer}");
}

#[test]
fn estimates_are_off_unless_they_are_on() {
    let scene = Scene::new();
    let token = scene.token();
    let call = transfer(&scene, token, 5);
    let answer = ask(&scene, "wallet/estimateenergy", &call);
    let message = hex::encode("this node does not support estimate energy");
    let words = json!({ "code": "CONTRACT_VALIDATE_ERROR", "message": message });
    assert_eq!(answer, json!({ "result": words }));
    scene.chain(|chain| chain.parameters.estimate_energy = true);
    let answer = ask(&scene, "wallet/estimateenergy", &call);
    assert_eq!(answer["result"], json!({ "result": true }));
    // To one TRX, which is 10,000.
    let energy = answer["energy_required"].as_i64().unwrap();
    assert!((28_418..=38_418).contains(&energy), "{energy}");
    let answer = ask(&scene, "wallet/estimateenergy", &transfer(&scene, token, 5_000 * TRX));
    assert_eq!(answer["result"]["code"], "CONTRACT_EXE_ERROR");
    assert_eq!(answer.get("energy_required"), None);
}

#[test]
fn each_view_has_its_own_state() {
    let scene = Scene::new();
    let token = scene.token();
    let holders = |path: &str| {
        let call = json!({
            "owner_address": scene.alice.address.hex(),
            "contract_address": token.hex(),
            "function_selector": "balanceOf(address)",
            "parameter": hex::encode(&data("", &[&scene.carol.address])[4..]),
        });
        let answer = ask(&scene, &format!("{path}/triggerconstantcontract"), &call);
        i64::from_str_radix(answer["constant_result"][0].as_str().unwrap(), 16).unwrap()
    };
    assert_eq!((holders("wallet"), holders("walletsolidity")), (0, 0));
    let draft = scene.call(&scene.alice, token, &pay(&scene.carol, 5), 10 * TRX);
    assert_eq!(scene.send(&draft, &scene.alice), Code::Success);
    // A full node answers with what waits.
    assert_eq!((holders("wallet"), holders("walletsolidity")), (5, 0));
    scene.chain(Chain::mine);
    assert_eq!((holders("wallet"), holders("walletsolidity")), (5, 0));
    scene.chain(|chain| chain.mine_many(19));
    assert_eq!((holders("wallet"), holders("walletsolidity")), (5, 5));
}
