//! What is seen of transactions and accounts, newest and solid.

use serde_json::{Value, json};
use tron_node::{Chain, Code};

use crate::{
    client::{get, post},
    scene::{Scene, TRX, pay},
};

#[test]
fn a_transaction_is_seen_step_by_step() {
    let scene = Scene::new();
    let draft = scene.transfer(&scene.alice, scene.bob.address, 5);
    let value = json!({ "value": hex::encode(draft.id()) });
    let seen = || {
        [
            "wallet/gettransactionfrompending",
            "wallet/gettransactionbyid",
            "wallet/gettransactioninfobyid",
            "walletsolidity/gettransactionbyid",
            "walletsolidity/gettransactioninfobyid",
        ]
        .map(|path| post(&scene.node, path, &value) != json!({}))
    };
    assert_eq!(seen(), [false; 5]);
    assert_eq!(scene.send(&draft, &scene.alice), Code::Success);
    // Found by its id, and in no block.
    assert_eq!(seen(), [true, true, false, false, false]);
    scene.chain(Chain::mine);
    assert_eq!(seen(), [false, true, true, false, false]);
    scene.chain(|chain| chain.mine_many(18));
    assert_eq!(seen(), [false, true, true, false, false]);
    scene.chain(Chain::mine);
    assert_eq!(seen(), [false, true, true, true, true]);
}

#[test]
fn the_pool_is_listed() {
    let scene = Scene::new();
    let size = || post(&scene.node, "wallet/getpendingsize", &json!({}))["pendingSize"].clone();
    assert_eq!(size(), 0);
    assert_eq!(get(&scene.node, "wallet/gettransactionlistfrompending"), json!({}));
    let drafts = [1, 2].map(|sun| scene.transfer(&scene.alice, scene.bob.address, sun));
    for draft in &drafts {
        assert_eq!(scene.send(draft, &scene.alice), Code::Success);
    }
    assert_eq!(size(), 2);
    let ids = drafts.each_ref().map(|draft| hex::encode(draft.id()));
    assert_eq!(get(&scene.node, "wallet/gettransactionlistfrompending"), json!({ "txId": ids }));
    scene.chain(|chain| assert!(chain.forget_pending(&drafts[0].id())));
    assert_eq!(size(), 1);
}

#[test]
fn balances_are_with_and_without_what_waits() {
    let scene = Scene::new();
    let balance = |path: &str| {
        let body = json!({ "address": scene.bob.address.to_string(), "visible": true });
        post(&scene.node, &format!("{path}/getaccount"), &body)["balance"].as_i64().unwrap()
    };
    let draft = scene.transfer(&scene.alice, scene.bob.address, 5);
    assert_eq!(scene.send(&draft, &scene.alice), Code::Success);
    let thousand = 1_000 * TRX;
    assert_eq!((balance("wallet"), balance("walletsolidity")), (thousand + 5, thousand));
    assert_eq!(scene.balance(&scene.bob), thousand, "blocks only");
    scene.chain(|chain| chain.mine_many(20));
    assert_eq!((balance("wallet"), balance("walletsolidity")), (thousand + 5, thousand + 5));
}

#[test]
fn accounts_are_shown_in_both_spellings() {
    let scene = Scene::new();
    let hex =
        post(&scene.node, "wallet/getaccount", &json!({ "address": scene.bob.address.hex() }));
    assert_eq!(hex["address"], scene.bob.address.hex());
    let path = format!("wallet/getaccount?visible=true&address={}", scene.bob.address);
    let text = get(&scene.node, &path);
    assert_eq!(text["address"], scene.bob.address.to_string());
    assert_eq!(text["balance"], 1_000 * TRX);
    assert_eq!(text["owner_permission"]["keys"][0]["address"], scene.bob.address.to_string());
    for path in ["wallet/getaccount", "wallet/getaccountresource", "wallet/getaccountnet"] {
        let body = json!({ "address": scene.carol.address.hex() });
        assert_eq!(post(&scene.node, path, &body), json!({}), "there is no such account");
    }
    scene.chain(|chain| chain.activate(scene.carol.address));
    let body = json!({ "address": scene.carol.address.hex() });
    let empty = post(&scene.node, "wallet/getaccount", &body);
    assert_eq!(empty["address"], scene.carol.address.hex());
    assert_eq!(empty.get("balance"), None);
    let token = scene.token();
    let contract = post(&scene.node, "wallet/getaccount", &json!({ "address": token.hex() }));
    assert_eq!(contract["type"], "Contract");
}

#[test]
fn logs_have_no_prefix_unless_visible() {
    let scene = Scene::new();
    let token = scene.token();
    let draft = scene.call(&scene.alice, token, &pay(&scene.carol, 5), 10 * TRX);
    let info = scene.mined(&draft, &scene.alice);
    assert_eq!(info["contract_address"], token.hex());
    assert_eq!(info["log"][0]["address"], hex::encode(token.tail()));
    let topics = info["log"][0]["topics"].as_array().unwrap();
    assert_eq!(topics[0], "ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef");
    assert!(topics[2].as_str().unwrap().ends_with(&hex::encode(scene.carol.address.tail())));
    assert_eq!(info["log"][0]["data"], format!("{:064x}", 5));
    let body = json!({ "value": hex::encode(draft.id()), "visible": true });
    let info = post(&scene.node, "wallet/gettransactioninfobyid", &body);
    assert_eq!(info["contract_address"], token.to_string());
    assert_eq!(info["log"][0]["address"], token.to_string());
}

#[test]
fn the_node_builds_transactions_for_others_to_sign() {
    let scene = Scene::new();
    let token = scene.token();
    let transfer = json!({
        "owner_address": scene.alice.address.hex(),
        "to_address": scene.bob.address.hex(),
        "amount": 5,
    });
    let call = json!({
        "owner_address": scene.alice.address.to_string(),
        "contract_address": token.to_string(),
        "function_selector": "transfer(address,uint256)",
        "parameter": hex::encode(&pay(&scene.carol, 5)[4..]),
        "fee_limit": 10 * TRX,
        "visible": true,
    });
    let built = post(&scene.node, "wallet/createtransaction", &transfer);
    let other = post(&scene.node, "wallet/triggersmartcontract", &call);
    assert_eq!(other["result"], json!({ "result": true }));
    for mut tx in [built, other["transaction"].clone()] {
        let id = hex::decode(tx["txID"].as_str().unwrap()).unwrap();
        let signature = hex::encode(scene.alice.sign(id.try_into().unwrap()));
        tx["signature"] = json!([signature]);
        let answer = post(&scene.node, "wallet/broadcasttransaction", &tx);
        assert_eq!(answer["result"], true, "{answer}");
    }
    scene.chain(Chain::mine);
    assert_eq!(scene.balance(&scene.bob), 1_000 * TRX + 5);
    assert_eq!(scene.tokens(token, &scene.carol), 5);
    let again = [1, 2].map(|_| post(&scene.node, "wallet/createtransaction", &transfer));
    assert_ne!(again[0]["txID"], again[1]["txID"]);
    let too_much = json!({
        "owner_address": scene.alice.address.hex(),
        "to_address": scene.bob.address.hex(),
        "amount": 5_000 * TRX,
    });
    let answer = post(&scene.node, "wallet/createtransaction", &too_much);
    let text = "class org.tron.core.exception.ContractValidateException : \
                Validate TransferContract error, balance is not sufficient.";
    assert_eq!(answer, json!({ "Error": text }));
}

#[test]
fn the_json_counts_not_the_hex_beside_it() {
    let scene = Scene::new();
    let draft = scene.transfer(&scene.alice, scene.bob.address, 5);
    assert_eq!(scene.send(&draft, &scene.alice), Code::Success);
    let value = json!({ "value": hex::encode(draft.id()) });
    let mut shown: Value = post(&scene.node, "wallet/gettransactionbyid", &value);
    scene.chain(Chain::forget_all_pending);
    shown["raw_data"]["contract"][0]["parameter"]["value"]["amount"] = json!(6);
    let answer = post(&scene.node, "wallet/broadcasttransaction", &shown);
    assert_eq!(answer["code"], "SIGERROR");
    assert_ne!(answer["txid"], hex::encode(draft.id()));
}
