//! Several nodes of one network: that they disagree, or are too few, is told wherever an operator
//! looks.

use serde_json::{Value, json};

use crate::{
    gateway::{Gateway, wait_for},
    http::Request,
    receiver::{Answer, Received, Receiver, idle_node},
    vyplata::Installation,
};

/// A node on a branch of its own from its final block on, and empty wallets.
fn on_branch(received: &Received, branch: u8) -> Answer {
    let asked: Value = serde_json::from_slice(&received.body).unwrap_or_default();
    let answer = |call: &Value| {
        let result = match call["method"].as_str()? {
            "eth_blockNumber" => json!("0x10"),
            "eth_getBlockByNumber" => {
                let hash = format!("0x{branch:064x}");
                json!({ "number": "0x10", "hash": hash, "transactions": [] })
            }
            "eth_getBalance" => json!("0x0"),
            "eth_call" => json!(format!("0x{:064x}", 0)),
            _ => return None,
        };
        Some(json!({ "jsonrpc": "2.0", "id": call["id"], "result": result }))
    };
    let answers = match &asked {
        Value::Array(calls) => calls.iter().map(answer).collect::<Option<Value>>(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
            answer(&asked)
        }
    };
    let headers = "content-type: application/json\r\n".to_owned();
    answers.map_or_else(|| idle_node(received), |it| ("200 OK".into(), headers, it.to_string()))
}

fn one_branch(received: &Received) -> Answer {
    on_branch(received, 1)
}

fn other_branch(received: &Received) -> Answer {
    on_branch(received, 2)
}

/// A gateway over two nodes, whose addresses hold a secret.
fn over(first: u16, second: u16) -> Installation {
    let address = |port: u16| format!("127.0.0.1:{port}/key-of-the-operator");
    let rpc = format!("http://{}\", \"http://{}", address(first), address(second));
    let config = Installation::ethereum(([127, 0, 0, 1], first).into(), "");
    let it = Installation::new(&config.replace(&format!("http://127.0.0.1:{first}"), &rpc));
    it.ok(&["keys", "init"]);
    it
}

fn is_told(gateway: &Gateway, words: &str) {
    wait_for("the alert is told", || {
        let ready = gateway.send(&Request::get("/readyz")).text();
        let metrics = gateway.send(&Request::get("/metrics")).text();
        assert!(!ready.contains("key-of-the-operator"), "{ready}");
        let is_counted = metrics.contains("vyplata_network_alert{network=\"ethereum\"} 1");
        (ready.contains(words) && is_counted).then_some(())
    });
}

#[test]
fn nodes_that_disagree_are_told_everywhere() {
    let (first, second) = (Receiver::start(0, one_branch), Receiver::start(0, other_branch));
    let it = over(first.address.port(), second.address.port());
    let words = format!("of final block 16, #1 {} says 0x", first.address);
    let other = format!("#2 {} says 0x", second.address);
    let gateway = it.serve();
    is_told(&gateway, &words);
    let log = std::fs::read_to_string(&gateway.log).unwrap();
    assert!(log.contains("paused: the network's nodes disagree"), "{log}");
    assert!(!log.contains("key-of-the-operator"), "{log}");
    drop(gateway);
    it.refuses(&["doctor"], &["WRONG", &words, &other, "block explorer"]);
}

#[test]
fn too_few_nodes_are_told_and_enough_are_not() {
    let (first, second) = (Receiver::start(0, one_branch), Receiver::start(0, one_branch));
    let it = over(first.address.port(), second.address.port());
    let gateway = it.serve();
    wait_for("there is no alert", || {
        let metrics = gateway.send(&Request::get("/metrics")).text();
        metrics.contains("vyplata_network_alert{network=\"ethereum\"} 0").then_some(())
    });
    drop(gateway);
    let it = over(first.address.port(), 9);
    is_told(&it.serve(), "1 answer and 2 are needed; silent: #2 127.0.0.1:9");
}

/// A node that keeps no state of its final block.
fn pruned(received: &Received) -> Answer {
    let (status, headers, body) = one_branch(received);
    let mut answers: Value = serde_json::from_str(&body).unwrap();
    let asked: Value = serde_json::from_slice(&received.body).unwrap();
    if let (Some(asked), Some(answers)) = (asked.as_array(), answers.as_array_mut()) {
        for call in asked.iter().filter(|it| it["method"] == "eth_getBalance") {
            let place = answers.iter_mut().find(|it| it["id"] == call["id"]).unwrap();
            let error = json!({ "code": -32000, "message": "missing trie node" });
            *place = json!({ "jsonrpc": "2.0", "id": call["id"], "error": error });
        }
    }
    (status, headers, answers.to_string())
}

#[test]
fn a_node_without_the_state_of_its_final_block_is_told() {
    let node = Receiver::start(0, pruned);
    let it = Installation::new(&Installation::ethereum(node.address, ""));
    it.ok(&["keys", "init"]);
    let gateway = it.serve();
    wait_for("the log says what is needed", || {
        let log = std::fs::read_to_string(&gateway.log).unwrap();
        let is_told = log.contains("a node that keeps the state of that block is needed");
        (is_told && log.contains("missing trie node")).then_some(())
    });
    drop(gateway);
    it.refuses(&["doctor"], &["the node does not answer", "state of its final block"]);
}
