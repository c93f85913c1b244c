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

/// Tether's contract on Ethereum.
const TETHER: &str = "0xdac17f958d2ee523a2206206994597c13d831ec7";

/// A node of Ethereum that knows its chain, what gas costs, and what Tether's contract says of
/// itself, and nothing about any wallet: so payouts are accepted, and the first one waits for ever.
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
        "eth_getCode" if asked["params"][0] == TETHER => json!("0x60"),
        "eth_call" if asked["params"][0]["to"] == TETHER => {
            match asked["params"][0]["data"].as_str() {
                // decimals()
                Some("0x313ce567") => json!(format!("0x{:064x}", 6)),
                // symbol(), "USDT"
                Some("0x95d89b41") => json!(format!("0x{:064x}{:064x}{:0<64}", 32, 4, "55534454")),
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
