//! Nodes that are apart from each other, lie about coins, or are too few.

use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering},
};

use bitcoin::{OutPoint, Txid, consensus::encode::serialize_hex, hashes::Hash as _};
use domain::{
    payout::Status,
    ports::{HoldReason, Rail as _},
};
use rail_bitcoin::drafting::transaction;
use serde_json::{Value, json};

use crate::{
    desk::{Desk, Edit, REPLACING, edited, endpoint, nobody},
    regtest::Regtest,
};

const COIN: u64 = 100_000_000;

/// How a node lies.
#[derive(Clone)]
struct Lie {
    /// 0: not at all; 1: about a coin; 2: about its height, too.
    level: Arc<AtomicU8>,
    /// The coin.
    coin: OutPoint,
    edit: Edit,
}

impl Lie {
    /// A node that invents a coin of nine, which is in an old block, and a thousand blocks.
    fn new(desk: &Desk, other: &Regtest) -> Self {
        let lane = desk.wallet.script.clone();
        let origin = OutPoint { txid: Txid::from_byte_array([7; 32]), vout: 0 };
        let invented = transaction([origin], [(lane.clone(), 9 * COIN)]);
        let (txid, raw) = (invented.compute_txid(), serialize_hex(&invented));
        let level = Arc::new(AtomicU8::new(0));
        let (told, best) = (level.clone(), other.hash(other.height()));
        let script = lane.to_hex_string();
        let edit = move |call: &Value, answer: &mut Value| {
            let level = told.load(Ordering::Relaxed);
            let is_about_it = call["params"].to_string().contains(&txid.to_string());
            let result = match call["method"].as_str().unwrap() {
                "getblockchaininfo" if level == 2 => {
                    let blocks = answer["result"]["blocks"].as_u64().unwrap() + 1_000;
                    answer["result"]["blocks"] = json!(blocks);
                    answer["result"]["headers"] = json!(blocks);
                    return;
                }
                "getblockheader" if level == 2 => {
                    let height = answer["result"]["height"].as_u64().unwrap();
                    answer["result"]["height"] = json!(height + 1_000);
                    return;
                }
                "getblockhash" if level == 2 && !answer["error"].is_null() => json!(best),
                "listsinceblock" if level == 2 => json!({"transactions": []}),
                "listunspent" if level > 0 => {
                    let coin = json!({"txid": txid.to_string(), "vout": 0, "scriptPubKey": script});
                    answer["result"].as_array_mut().unwrap().push(coin);
                    return;
                }
                "gettxout" if level > 0 && is_about_it => json!({
                    "bestblock": best, "confirmations": 90, "value": 9.0,
                    "scriptPubKey": {"hex": script}, "coinbase": false,
                }),
                "gettransaction" if level > 0 && is_about_it => {
                    json!({"confirmations": 90, "blockheight": 20, "hex": raw})
                }
                _ => return,
            };
            answer["error"] = Value::Null;
            answer["result"] = result;
        };
        Self { level, coin: OutPoint { txid, vout: 0 }, edit: Arc::new(edit) }
    }

    fn tell(&self, level: u8) {
        self.level.store(level, Ordering::Relaxed);
    }
}

/// A desk, and another node with the same blocks.
async fn pair(name: &str) -> Option<(Desk, Regtest)> {
    let desk = Desk::start(REPLACING[0], name, &[COIN, COIN]).await?;
    let other = Regtest::start_with("bitcoin", &format!("{name}-second"), &[])?;
    other.learn(&desk.node);
    desk.book(9 * COIN).await;
    Some((desk, other))
}

#[tokio::test]
async fn of_two_nodes_one_that_boasts_is_not_built_with_alone() {
    let Some((mut desk, other)) = pair("boasts").await else { return };
    let lie = Lie::new(&desk, &other);
    let honest = endpoint("#1", &desk.node.url(), true);
    desk.connect(vec![honest, edited("#2", &other.url(), true, &lie.edit)]);
    lie.tell(1);
    let id = desk.ask(&desk.friend("boasts", 0), 5 * COIN).await;
    desk.wait(500);
    desk.turn().await;
    assert_eq!(desk.hold_of(id), Some(HoldReason::MoreThanHeld), "{}", desk.report());
    lie.tell(2);
    for _ in 0..3 {
        desk.look_again().await;
    }
    let batch = desk.batch_of(id);
    assert!(batch.attempts.is_empty(), "what one node invents is not spent: {}", desk.report());
    let hold = batch.hold.unwrap();
    let height = desk.node.height();
    let words = format!("#1 is at block {height}, #2 is at block {}", height + 1_000);
    assert!(hold.reason == HoldReason::NodesDisagree && hold.detail.contains(&words), "{hold:?}");
    assert_eq!(desk.rail.alert(), Some(hold.detail));
    // The operator takes it out, and brings what is missing.
    desk.restart();
    desk.bring(&[20 * COIN]);
    desk.until("paid", |it| crate::desk::status_in(it, id) == Status::Paid).await;
    assert_eq!(desk.rail.alert(), None);
}

/// Of three, the one that boasts is left out, wherever it stands in the list.
#[tokio::test]
async fn of_three_nodes_the_one_that_boasts_is_done_without() {
    let Some((mut desk, other)) = pair("three").await else { return };
    let lie = Lie::new(&desk, &other);
    let url = desk.node.url();
    let honest = [endpoint("#2", &url, true), endpoint("#3", &url, true)];
    let liar = edited("#1", &other.url(), true, &lie.edit);
    desk.connect([liar].into_iter().chain(honest).collect());
    lie.tell(2);
    let large = desk.ask(&desk.friend("three", 0), 5 * COIN).await;
    desk.wait(500);
    desk.turn().await;
    assert_eq!(desk.hold_of(large), Some(HoldReason::MoreThanHeld), "{}", desk.report());
    assert_eq!(desk.rail.alert(), None, "two are enough");
}

/// Nothing proves that it can never be included, so nothing ends; the operator is told.
#[tokio::test]
async fn a_coin_that_nobody_has_any_more_is_named() {
    let Some((mut desk, other)) = pair("orphan").await else { return };
    let lie = Lie::new(&desk, &other);
    desk.connect(vec![edited("#2", &other.url(), true, &lie.edit)]);
    lie.tell(1);
    let id = desk.ask(&desk.friend("orphan", 0), 5 * COIN).await;
    desk.wait(500);
    desk.turn().await;
    let spends = desk.newest_of(&[id]).spends;
    assert!(
        spends.iter().any(|it| it.as_str() == lie.coin.to_string()),
        "it believes its one node"
    );
    desk.restart();
    for _ in 0..3 {
        desk.look_again().await;
    }
    let alert = desk.rail.alert().unwrap();
    let txid = desk.newest_of(&[id]).tx.txid;
    assert!(alert.contains(&lie.coin.to_string()) && alert.contains(txid.as_str()), "{alert}");
    assert!(alert.contains("the node that told of it is gone"), "{alert}");
    assert!(desk.newest_of(&[id]).status.is_live());
}

#[tokio::test]
async fn too_few_nodes_are_told_and_named() {
    let Some((mut desk, other)) = pair("few").await else { return };
    let (url, nowhere) = (desk.node.url(), "http://u:p@127.0.0.1:9");
    let ids = desk.ask_many("few", 2).await;
    desk.wait(500);
    desk.turn().await;
    desk.connect(vec![endpoint("#1", &url, true), endpoint("#2", nowhere, true)]);
    assert_eq!(desk.rail.alert(), None, "nobody was asked yet");
    desk.node.mine(&nobody(), 20);
    for _ in 0..3 {
        desk.look_again().await;
    }
    desk.are(&ids, Status::InBlock);
    let alert = desk.rail.alert().unwrap();
    assert!(
        alert.contains("1 keep up and 2 are needed") && alert.contains("#2 is silent"),
        "{alert}"
    );
    // Nothing is built on what one of them says.
    let more = desk.ask(&desk.friend("few more", 0), COIN / 10).await;
    desk.wait(500);
    desk.turn().await;
    let hold = desk.batch_of(more).hold.unwrap();
    assert_eq!((hold.reason, Some(hold.detail)), (HoldReason::NodesDisagree, desk.rail.alert()));
    // It stands still.
    desk.connect(vec![endpoint("#1", &url, true), endpoint("#2", &other.url(), true)]);
    for _ in 0..2 {
        desk.look_again().await;
    }
    let alert = desk.rail.alert().unwrap();
    let words = format!("#2 is at block {}", other.height());
    assert!(alert.contains(&words), "{alert}");
    other.learn(&desk.node);
    for _ in 0..2 {
        desk.look_again().await;
    }
    desk.are(&ids, Status::Paid);
    assert_eq!(desk.batch_of(more).attempts.len(), 1, "{}", desk.report());
    assert_eq!(desk.rail.alert(), None);
}
