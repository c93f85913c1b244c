//! Nodes that are not well.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
};

use serde_json::{Value, json};
use tron_node::{Chain, Fault, Options};

use crate::{
    client::{post, request, try_post},
    scene::Scene,
};

const SEND: &str = "wallet/broadcasthex";

fn body(scene: &Scene, sun: i64) -> Value {
    let draft = scene.transfer(&scene.alice, scene.bob.address, sun);
    json!({ "transaction": hex::encode(draft.signed(&scene.alice)) })
}

fn waits(scene: &Scene) -> usize {
    scene.chain(|chain| chain.pending().len())
}

#[test]
fn answers_are_lost_before_or_after() {
    let scene = Scene::new();
    scene.node.lose(SEND, 2);
    scene.node.fault(SEND, 1, Fault::LostBefore);
    assert_eq!(try_post(&scene.node, SEND, &body(&scene, 1)), None);
    assert_eq!(waits(&scene), 1);
    assert_ne!(post(&scene.node, "wallet/getnowblock", &json!({})), json!({}), "another path");
    assert_eq!(try_post(&scene.node, SEND, &body(&scene, 2)), None);
    assert_eq!(waits(&scene), 2);
    let third = body(&scene, 3);
    assert_eq!(try_post(&scene.node, SEND, &third), None);
    assert_eq!(waits(&scene), 2);
    assert_eq!(try_post(&scene.node, SEND, &third).unwrap().1["result"], true);
}

#[test]
fn a_node_is_down_and_comes_back() {
    let scene = Scene::new();
    scene.node.down(true);
    assert_eq!(try_post(&scene.node, SEND, &body(&scene, 1)), None);
    assert_eq!(waits(&scene), 0);
    scene.node.down(false);
    assert_eq!(try_post(&scene.node, SEND, &body(&scene, 1)).unwrap().0, 200);
}

#[test]
fn nodes_refuse_who_asks_too_often() {
    let scene = Scene::new();
    for status in [200, 429, 503, 403] {
        scene.node.fault("", 1, Fault::Status(status));
        let (got, answer) = try_post(&scene.node, SEND, &body(&scene, 1)).unwrap();
        assert_eq!((got, answer["Error"].is_string()), (status, true));
    }
    assert_eq!(waits(&scene), 0);
    scene.node.fault("", 1_000, Fault::Status(429));
    scene.node.heal();
    assert_eq!(try_post(&scene.node, SEND, &body(&scene, 1)).unwrap().0, 200);
}

#[test]
fn the_chain_may_change_between_two_requests() {
    let scene = Scene::new();
    let number = || {
        let block = post(&scene.node, "wallet/getnowblock", &json!({}));
        block["block_header"]["raw_data"]["number"].as_i64().unwrap()
    };
    scene.node.before("wallet/getnowblock", Chain::mine);
    scene.node.before("wallet/getnowblock", |chain| chain.undo(1).unwrap());
    assert_eq!([number(), number(), number()], [2, 1, 1]);
    assert_eq!(scene.node.asked("wallet/getnowblock"), 3);
    assert_eq!(scene.node.asked(SEND), 0);
}

#[test]
fn a_silent_node_has_done_it() {
    let scene = Scene::new();
    scene.node.fault(SEND, 1, Fault::Silent);
    let body = body(&scene, 1).to_string();
    let mut stream = TcpStream::connect(scene.node.url().replace("http://", "")).unwrap();
    let head = format!("POST /{SEND} HTTP/1.1\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
    while waits(&scene) == 0 {
        std::thread::yield_now();
    }
    // The connection lives as long as the node.
    let node = scene.node;
    drop(node);
    let mut rest = vec![];
    let _ = stream.read_to_end(&mut rest);
    assert_eq!(rest, b"");
}

#[test]
fn a_key_may_be_wanted() {
    let scene = Scene::with(Options { api_key: Some("secret".to_owned()), ..Options::default() });
    let with = |header: &str| {
        let head = format!("POST /wallet/getnowblock HTTP/1.1\r\n{header}");
        request(&scene.node, &head, "{}").unwrap()
    };
    assert_eq!(with("").0, 403);
    assert_eq!(with("tron-pro-api-key: other\r\n"), (401, json!({ "Error": "ApiKey not exists" })));
    assert_eq!(with("TRON-PRO-API-KEY: secret\r\n").0, 200);
}

#[test]
fn hostile_requests_do_not_kill_it() {
    let scene = Scene::new();
    let long = "9".repeat(10_000);
    for text in [
        "GET / HTTP/1.1\r\n\r\n",
        "\r\n\r\n",
        "GET\r\n\r\n",
        "POST /wallet/getblock HTTP/1.1\r\ncontent-length: 99999999999999\r\n\r\n",
        "POST /wallet/getblock HTTP/1.1\r\ncontent-length: x\r\n\r\n",
        "POST /wallet/getblock HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffff\r\n",
        "GET /wallet/getblockbynum?num=%zz&&=%&visible HTTP/1.1\r\n\r\n",
    ] {
        let mut stream = TcpStream::connect(scene.node.url().replace("http://", "")).unwrap();
        stream.write_all(text.as_bytes()).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let _ = stream.read_to_end(&mut vec![]);
    }
    for path in [
        "getblock",
        "getblockbynum",
        "getblockbyid",
        "getblockbylimitnext",
        "gettransactionbyid",
        "getaccount",
        "getaccountresource",
        "triggerconstantcontract",
        "triggersmartcontract",
        "createtransaction",
        "broadcasthex",
        "broadcasttransaction",
        "getcontract",
    ] {
        for body in [
            json!([]),
            json!(null),
            json!({ "num": long, "value": "zz", "address": "zz", "id_or_num": long }),
            json!({ "raw_data": { "contract": [{}, 1, { "parameter": {} }] }, "signature": [1, "z"] }),
            json!({ "owner_address": [], "contract_address": {}, "data": 1, "amount": 0.5 }),
            json!({ "visible": true, "address": "T", "owner_address": "T", "to_address": "0" }),
        ] {
            let (status, _) = try_post(&scene.node, &format!("wallet/{path}"), &body).unwrap();
            assert_eq!(status, 200, "{path} {body}");
        }
    }
    assert_eq!(try_post(&scene.node, "wallet/nothing", &json!({})).unwrap().0, 404);
    scene.chain(Chain::mine);
    assert_eq!(scene.chain(|chain| chain.head_number()), 2);
}

#[test]
fn connections_are_kept() {
    let scene = Scene::new();
    let mut stream = TcpStream::connect(scene.node.url().replace("http://", "")).unwrap();
    let ask = "GET /wallet/getpendingsize HTTP/1.1\r\n\r\n";
    stream.write_all(ask.repeat(2).as_bytes()).unwrap();
    stream.write_all(
        b"POST /wallet/getpendingsize HTTP/1.1\r\ntransfer-encoding: chunked\r\nconnection: close\
          \r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n",
    )
    .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert_eq!(text.matches("{\"pendingSize\":0}").count(), 3, "{text}");
}

#[test]
fn nodes_have_a_chain_in_common_or_go_their_own_ways() {
    let scene = Scene::new();
    let other = scene.node.beside();
    other.down(true);
    assert_eq!(try_post(&other, SEND, &body(&scene, 1)), None);
    assert_eq!(try_post(&scene.node, SEND, &body(&scene, 2)).unwrap().1["result"], true);
    other.down(false);
    assert_eq!(post(&other, "wallet/getpendingsize", &json!({}))["pendingSize"], 1);
    // The same from the same beginning is the same; a copy need not be.
    let third = tron_node::TronNode::start(Options::default());
    let copy = scene.chain(|chain| chain.clone());
    third.chain(|chain| *chain = copy);
    third.chain(Chain::mine);
    scene.chain(Chain::mine);
    let ids = [&scene.node, &third].map(|node| node.chain(|chain| chain.block_id(2).unwrap()));
    assert_eq!(ids[0], ids[1]);
    third.chain(|chain| {
        chain.undo(1).unwrap();
        chain.mine();
        assert_ne!(chain.block_id(2).unwrap(), ids[0]);
    });
}
