//! Blocks as clients see them.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tron_node::{Chain, Options};

use crate::{
    client::{get, post},
    scene::{Scene, field, int},
};

#[test]
fn ids_are_hashes_and_link() {
    let scene = Scene::new();
    let draft = scene.transfer(&scene.alice, scene.bob.address, 5);
    scene.mined(&draft, &scene.alice);
    scene.chain(Chain::mine);
    let blocks: Vec<Value> = (0..4)
        .map(|number| post(&scene.node, "wallet/getblockbynum", &json!({ "num": number })))
        .collect();
    assert_eq!(blocks[0]["blockID"], hex::encode(Options::default().genesis));
    assert_eq!(blocks[0]["block_header"]["raw_data"].get("number"), None);
    for (number, pair) in blocks.windows(2).enumerate() {
        let raw = &pair[1]["block_header"]["raw_data"];
        assert_eq!(raw["parentHash"], pair[0]["blockID"]);
        assert_eq!(raw["number"], number + 1);
        let bytes = |key: &str| hex::decode(raw[key].as_str().unwrap()).unwrap();
        let number = |key: &str| raw[key].as_i64().unwrap();
        let header = [
            int(1, number("timestamp")),
            field(2, &bytes("txTrieRoot")),
            field(3, &bytes("parentHash")),
            int(7, number("number")),
            field(9, &bytes("witness_address")),
            int(10, number("version")),
        ]
        .concat();
        let hash = Sha256::digest(header);
        let id = [&number("number").to_be_bytes()[..], &hash[8..]].concat();
        assert_eq!(pair[1]["blockID"], hex::encode(id));
    }
    // One transaction is its own root; its result is in it.
    let signed = draft.signed(&scene.alice);
    let included = [&signed[..], &field(5, &int(3, 1))].concat();
    let root = &blocks[2]["block_header"]["raw_data"]["txTrieRoot"];
    assert_eq!(root, &json!(hex::encode(Sha256::digest(included))));
    let root = &blocks[3]["block_header"]["raw_data"]["txTrieRoot"];
    assert_eq!(root, &json!("0".repeat(64)));
    let shown = &blocks[2]["transactions"][0];
    assert_eq!(shown["txID"], hex::encode(draft.id()));
    assert_eq!(shown["raw_data_hex"], hex::encode(draft.raw()));
    assert_eq!(shown["ret"], json!([{ "contractRet": "SUCCESS" }]));
}

#[test]
fn blocks_are_found_in_every_way() {
    let scene = Scene::new();
    let draft = scene.transfer(&scene.alice, scene.bob.address, 5);
    scene.mined(&draft, &scene.alice);
    let whole = post(&scene.node, "wallet/getnowblock", &json!({}));
    assert!(whole.get("transactions").is_some());
    let id = whole["blockID"].as_str().unwrap();
    let mut bare = whole.clone();
    bare.as_object_mut().unwrap().remove("transactions");
    let block = |body: Value| post(&scene.node, "wallet/getblock", &body);
    assert_eq!(block(json!({})), bare);
    assert_eq!(block(json!({ "detail": true })), whole);
    assert_eq!(block(json!({ "id_or_num": "2", "detail": true })), whole);
    assert_eq!(block(json!({ "id_or_num": id, "detail": false })), bare);
    assert_eq!(block(json!({ "id_or_num": "3" })), json!({}));
    let error = json!({ "Error": "num must be non-positive number." });
    assert_eq!(block(json!({ "id_or_num": "-1" })), error);
    let error = json!({ "Error": "id must be legal block hash." });
    for odd in ["zz", &id[1..], &"f".repeat(64)] {
        assert_eq!(block(json!({ "id_or_num": odd })), error);
    }
    assert_eq!(post(&scene.node, "wallet/getblockbyid", &json!({ "value": id })), whole);
    assert_eq!(get(&scene.node, &format!("wallet/getblockbyid?value={id}")), whole);
    assert_eq!(get(&scene.node, "wallet/getblockbynum?num=2"), whole);
    assert_eq!(get(&scene.node, "wallet/getblock?id_or_num=2&detail=true"), whole);
    assert_eq!(get(&scene.node, "wallet/getblockbynum?num=3"), json!({}));
    let visible = get(&scene.node, "wallet/getblockbynum?num=2&visible=true");
    let value = &visible["transactions"][0]["raw_data"]["contract"][0]["parameter"]["value"];
    assert_eq!(value["to_address"], scene.bob.address.to_string());
}

#[test]
fn ranges_end_before_their_end() {
    let scene = Scene::new();
    scene.chain(|chain| chain.mine_many(120));
    let count = |start: i64, end: i64| {
        let body = json!({ "startNum": start, "endNum": end });
        let answer = post(&scene.node, "wallet/getblockbylimitnext", &body);
        answer.get("block").map(|it| it.as_array().unwrap().len())
    };
    assert_eq!(count(5, 8), Some(3));
    assert_eq!(count(5, 105), Some(100));
    assert_eq!(count(5, 106), None);
    assert_eq!(count(5, 5), None);
    assert_eq!(count(i64::MIN, i64::MAX), None);
    assert_eq!(count(120, 130), Some(2), "there are no more");
}

#[test]
fn solid_blocks_are_behind() {
    let scene = Scene::new();
    scene.chain(|chain| chain.mine_many(30));
    let number = |path: &str| {
        let block = post(&scene.node, path, &json!({}));
        block["block_header"]["raw_data"]["number"].as_i64().unwrap()
    };
    assert_eq!((number("wallet/getnowblock"), number("walletsolidity/getnowblock")), (31, 12));
    assert_eq!((number("wallet/getblock"), number("walletsolidity/getblock")), (31, 12));
    let by_number = |number: i64| {
        post(&scene.node, "walletsolidity/getblockbynum", &json!({ "num": number })) != json!({})
    };
    assert!(by_number(12) && !by_number(13));
    let body = json!({ "startNum": 10, "endNum": 20 });
    let range = post(&scene.node, "walletsolidity/getblockbylimitnext", &body);
    assert_eq!(range["block"].as_array().unwrap().len(), 3);
    let node = get(&scene.node, "wallet/getnodeinfo");
    assert!(node["block"].as_str().unwrap().starts_with("Num:31,ID:"));
    assert!(node["solidityBlock"].as_str().unwrap().starts_with("Num:12,ID:"));
}

#[test]
fn infos_of_a_block_are_in_its_order() {
    let scene = Scene::new();
    let drafts = [1, 2, 3].map(|sun| scene.transfer(&scene.alice, scene.bob.address, sun));
    for draft in &drafts {
        scene.send(draft, &scene.alice);
    }
    scene.chain(Chain::mine);
    let infos = |path: &str, number: i64| {
        let path = format!("{path}/gettransactioninfobyblocknum");
        post(&scene.node, &path, &json!({ "num": number }))
    };
    let ids: Vec<_> =
        infos("wallet", 2).as_array().unwrap().iter().map(|it| it["id"].clone()).collect();
    assert_eq!(ids, drafts.map(|draft| json!(hex::encode(draft.id()))));
    assert_eq!(infos("walletsolidity", 2), json!([]));
    assert_eq!(infos("wallet", 9), json!([]));
    assert_eq!(infos("wallet", 0), json!({}));
}
