//! Servers of which nobody knows what they want: answers that are too much.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use bitcoin::{ScriptBuf, Txid, hashes::Hash as _};
use net::{Answer, BoxFuture, Question, Rest, Transport};
use rail_bitcoin::chain::{Chain, Movement, core::Links, esplora::Esplora};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use super::{RULES, unreachable};
use crate::house;

const BLOCK: &str = "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206";

/// Answers what was written for a path, of which the question has the beginning.
struct Canned {
    pages: Vec<String>,
    waiting: String,
    unspent: (u16, String),
    asked: Arc<AtomicUsize>,
}

impl Transport for Canned {
    fn send<'a>(
        &'a self,
        question: &'a Question,
    ) -> BoxFuture<'a, Result<Answer, net::Unreachable>> {
        let Question::GetText { path } = question else { panic!("{question:?}") };
        let said = |text: &str| (200, text.to_owned());
        let (status, text) = match path.as_str() {
            "/blocks/tip/hash" => said(BLOCK),
            it if it.starts_with("/block/") => {
                said(&json!({"id": BLOCK, "height": 900}).to_string())
            }
            it if it.contains("/txs/mempool") => said(&self.waiting),
            it if it.contains("/txs/chain") => {
                let page = self.asked.fetch_add(1, Ordering::Relaxed);
                said(self.pages.get(page).map_or("[]", String::as_str))
            }
            it if it.contains("/utxo") => self.unspent.clone(),
            it => panic!("{it}"),
        };
        Box::pin(std::future::ready(Ok(Answer { status, body: Value::String(text) })))
    }
}

fn script() -> ScriptBuf {
    ScriptBuf::from_hex("0014751e76e8199196d454941c45d1b3a323f1433bd6").unwrap()
}

/// Payments to the script, in a block or waiting.
fn payments(numbers: std::ops::Range<u8>, height: Option<u32>) -> Vec<Value> {
    let payment = |number: u8| {
        json!({
            "txid": Txid::from_byte_array([number; 32]).to_string(),
            "vin": [],
            "vout": [{"scriptpubkey": script().to_hex_string(), "value": 5}],
            "status": {"confirmed": height.is_some(), "block_height": height},
        })
    };
    numbers.map(payment).collect()
}

fn texts(pages: &[Vec<Value>]) -> Vec<String> {
    pages.iter().map(|it| json!(it).to_string()).collect()
}

fn server(canned: Canned) -> Esplora {
    Esplora::new(Rest::new(Arc::new(canned)), RULES)
}

fn of_pages(pages: Vec<String>) -> (Esplora, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let (unspent, waiting) = ((200, "[]".to_owned()), "[]".to_owned());
    (server(Canned { pages, waiting, unspent, asked: asked.clone() }), asked)
}

#[tokio::test]
async fn pages_that_are_too_long_or_come_again_are_refused() {
    let moved = async |pages: &[Vec<Value>]| {
        let (chain, _) = of_pages(texts(pages));
        chain.movements_above(&script(), 100).await.map(|it: Vec<Movement>| it.len())
    };
    let page = |numbers| payments(numbers, Some(500));
    assert_eq!(moved(&[page(0..25), page(25..50), page(50..53)]).await, Ok(53));
    unreachable(moved(&[page(0..26)]).await);
    unreachable(moved(&[page(0..25), page(24..49)]).await);
    unreachable(moved(&[page(0..25), page(0..25)]).await);
}

#[tokio::test]
async fn a_history_without_end_is_not_read_to_its_end() {
    let pad = " ".repeat(30 << 20);
    let page = |number: u8| {
        let page = json!(payments(number..number + 1, Some(500))).to_string();
        page.replace("\"vin\"", &format!("{pad}\"vin\""))
    };
    let (chain, asked) = of_pages((0..20).map(page).collect());
    unreachable(chain.movements_above(&script(), 100).await);
    assert!(asked.load(Ordering::Relaxed) < 12, "{asked:?}");
}

#[tokio::test]
async fn more_that_waits_than_is_ever_listed_is_refused() {
    let waiting = async |count| {
        let asked = Arc::default();
        let waiting = json!(payments(0..count, None)).to_string();
        let unspent = (200, "[]".to_owned());
        let chain = server(Canned { pages: vec![], waiting, unspent, asked });
        chain.waiting(&script(), &std::collections::BTreeSet::new()).await
    };
    assert_eq!(waiting(50).await, Ok(vec![]), "all of it is others'");
    unreachable(waiting(51).await);
}

#[tokio::test]
async fn coins_that_are_too_many_to_be_listed_are_no_answer() {
    let unspent = (400, "Too many unspent transaction outputs".to_owned());
    let (waiting, asked) = ("[]".to_owned(), Arc::default());
    let chain = server(Canned { pages: vec![], waiting, unspent, asked });
    unreachable(chain.coins(&script()).await);
}

/// A wallet of many coins: its list is longer than what a node may answer otherwise.
#[test]
fn the_list_of_a_large_wallet_is_read() {
    house::run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut bytes = vec![0; 8_192];
                let count = stream.read(&mut bytes).await.unwrap();
                let text = String::from_utf8_lossy(&bytes[..count]).into_owned();
                let body = text.split_once("\r\n\r\n").unwrap().1;
                let call: Value = serde_json::from_str(body).unwrap();
                let list = "x".repeat(40 << 20);
                let body = json!({"id": call["id"], "result": list}).to_string();
                let head = format!("HTTP/1.1 200 -\r\ncontent-length: {}\r\n", body.len());
                let text = format!("{head}connection: close\r\n\r\n{body}");
                // A client that has heard enough is gone.
                let _ = stream.write_all(text.as_bytes()).await;
            }
        });
        let client = net::Client::new(net::Guard::new(net::Reach::Anywhere, &[]).unwrap()).unwrap();
        let links = Links::at(&client, &url, &[], "wallet").unwrap();
        let list = links.wallet.call::<String>("listunspent", json!([])).await;
        assert_eq!(list.map(|it| it.len()), Ok(40 << 20));
        assert!(links.node.call::<String>("getblock", json!([])).await.is_err());
    });
}
