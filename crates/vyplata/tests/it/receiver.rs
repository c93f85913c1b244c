//! A small HTTP server of the test's own: a merchant's receiver of webhooks, or a false node.

use std::{
    io::{BufReader, Result, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

use serde_json::{Value, json};

use crate::http::{read_body, read_head};

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|it| it.0 == name);
        found.map(|it| it.1.as_str()).unwrap_or_default()
    }
}

/// What is said to a request: the status line after the version, further headers, and the body.
pub(crate) type Answer = (String, String, String);

/// A server that ends when it is dropped.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Receiver {
    /// Serves a port of 127.0.0.1; zero means any.
    pub(crate) fn start(port: u16, answer: fn(&Received) -> Answer) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let address = listener.local_addr().unwrap();
        let received = Arc::new(Mutex::new(vec![]));
        let over = Arc::new(AtomicBool::new(false));
        let (seen, ended) = (received.clone(), over.clone());
        let accept = move || {
            for stream in listener.incoming() {
                if ended.load(Ordering::Relaxed) {
                    return;
                }
                let seen = seen.clone();
                // A connection ends when its client has enough.
                thread::spawn(move || stream.and_then(|it| serve(&it, &seen, answer)));
            }
        };
        Self { address, received, over, thread: Some(thread::spawn(accept)) }
    }

    /// What arrived at a path so far.
    pub(crate) fn at(&self, path: &str) -> Vec<Received> {
        let all = self.received.lock().unwrap();
        all.iter().filter(|it| it.path == path).cloned().collect()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(
    stream: &TcpStream,
    seen: &Mutex<Vec<Received>>,
    answer: fn(&Received) -> Answer,
) -> Result<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let (first, headers) = read_head(&mut reader)?;
        let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
        let mut received = Received { path, headers, body: vec![] };
        // A question without a length has no body.
        let length = Some(received.header("content-length")).filter(|it| !it.is_empty());
        received.body = read_body(&mut reader, length.or(Some("0")))?;
        let (status, headers, body) = answer(&received);
        seen.lock().unwrap().push(received);
        let length = body.len();
        let text = format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\n\r\n{body}");
        (&*stream).write_all(text.as_bytes())?;
    }
}

/// A node of Ethereum that knows its chain, what gas costs, and what the tokens of the catalog say
/// of themselves, and nothing about any wallet: so payouts are accepted, and the first one waits for
/// ever.
pub(crate) fn idle_node(received: &Received) -> Answer {
    let asked: Value = serde_json::from_slice(&received.body).unwrap_or_default();
    let answered = match &asked {
        Value::Array(calls) => Value::Array(calls.iter().map(call).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
            call(&asked)
        }
    };
    ("200 OK".to_owned(), "content-type: application/json\r\n".to_owned(), answered.to_string())
}

fn call(asked: &Value) -> Value {
    let gwei = "0x3b9aca00";
    let result = match asked["method"].as_str().unwrap_or_default() {
        "eth_chainId" => json!("0x1"),
        "eth_feeHistory" => json!({
            "oldestBlock": "0x10",
            "baseFeePerGas": [gwei, gwei],
            "gasUsedRatio": [0.5],
            "reward": [[gwei]],
        }),
        "eth_getCode" if token(&asked["params"][0]).is_some() => json!("0x60"),
        "eth_call" if token(&asked["params"][0]["to"]).is_some() => {
            let token = token(&asked["params"][0]["to"]).unwrap();
            match asked["params"][0]["data"].as_str() {
                // decimals()
                Some("0x313ce567") => json!(format!("0x{:064x}", token.decimals)),
                // symbol()
                Some("0x95d89b41") => {
                    let (length, text) = (token.symbol.len(), hex::encode(&token.symbol));
                    json!(format!("0x{:064x}{length:064x}{text:0<64}", 32))
                }
                _ => {
                    let error = json!({ "code": 3, "message": "execution reverted" });
                    return json!({ "jsonrpc": "2.0", "id": asked["id"], "error": error });
                }
            }
        }
        _ => {
            let error = json!({ "code": -32000, "message": "still synchronising" });
            return json!({ "jsonrpc": "2.0", "id": asked["id"], "error": error });
        }
    };
    json!({ "jsonrpc": "2.0", "id": asked["id"], "result": result })
}

/// What a token's contract says of itself.
struct Token {
    decimals: i64,
    symbol: String,
}

/// The token of Ethereum at an address, if the catalog has one there.
fn token(address: &Value) -> Option<Token> {
    let catalog: toml::Table = include_str!("../../../rail-evm/catalog.toml").parse().unwrap();
    let rows = catalog["asset"].as_array().unwrap();
    let is_it = |row: &&toml::Value| {
        let contract = row.get("contract").and_then(toml::Value::as_str).unwrap_or_default();
        row["network"].as_str() == Some("ethereum")
            && address.as_str().is_some_and(|it| it.eq_ignore_ascii_case(contract))
    };
    let row = rows.iter().find(is_it)?;
    let other = row.get("symbols").and_then(|it| it.as_array()?.first());
    let symbol = other.unwrap_or(&row["ticker"]).as_str().unwrap().to_owned();
    Some(Token { decimals: row["decimals"].as_integer().unwrap(), symbol })
}
