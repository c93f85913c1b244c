//! A web server on the loopback interface that gives the same answer to every question.

use std::sync::{Arc, Mutex};

use domain::ports::RateSource;
use net::{Client, Guard, Reach};
use rates::{Access, Wanted};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

/// What the server does after it has read a question.
#[derive(Clone)]
pub(crate) enum Reaction {
    /// Writes what the function makes of the question, and closes.
    Say(fn(&str) -> Vec<u8>),
    /// Says nothing and keeps the connection open.
    Hang,
}

/// A server on a free port; it ends with the test's runtime.
pub(crate) struct Server {
    pub(crate) url: String,
    questions: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub(crate) async fn start(reaction: Reaction) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let questions = Arc::new(Mutex::new(vec![]));
        let seen = questions.clone();
        tokio::spawn(async move {
            let mut held = vec![];
            while let Ok((mut stream, _)) = listener.accept().await {
                let question = read(&mut stream).await;
                seen.lock().unwrap().push(question.clone());
                match reaction {
                    Reaction::Say(answer) => {
                        // Whoever has read enough may be gone before all is written.
                        let _ = stream.write_all(&answer(&question)).await;
                        let _ = stream.shutdown().await;
                    }
                    Reaction::Hang => held.push(stream),
                }
            }
        });
        Self { url, questions }
    }

    /// The questions so far, sorted.
    pub(crate) fn questions(&self) -> Vec<String> {
        let mut all = self.questions.lock().unwrap().clone();
        all.sort();
        all
    }
}

/// A source that asks `url` with little patience.
pub(crate) fn source(name: &str, url: &str, timeout_ms: u64) -> Arc<dyn RateSource> {
    let client = Client::new(Guard::new(Reach::Anywhere, &[]).unwrap()).unwrap();
    let access = Access { client, base_url: Some(url.to_owned()), timeout_ms };
    rates::source(name, access, wanted()).unwrap()
}

pub(crate) fn wanted() -> Wanted {
    Wanted::new(["BTC", "ETH", "TRX", "SHIB", "LUNA", "LTC", "USDT"], ["RUB", "eur"])
}

pub(crate) fn http(head: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!("HTTP/1.1 {head}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
    [head.as_bytes(), body].concat()
}

/// The answer that an exchange would give to a question.
pub(crate) fn recorded(question: &str) -> &'static [u8] {
    if question.starts_with("GET /api/v3/ticker/price HTTP") {
        include_bytes!("../data/binance.json")
    } else if question.starts_with("GET /v1.1/ticker HTTP") {
        include_bytes!("../data/exmo.json")
    } else if question.starts_with("GET /api/v1/market/allTickers HTTP") {
        include_bytes!("../data/kucoin.json")
    } else if question.starts_with("GET /api/v1/prices?base=USD&currencies=USDT HTTP") {
        include_bytes!("../data/kucoin_usdt.json")
    } else if question.starts_with("POST /bapi/c2c/v2/friendly/c2c/adv/search HTTP") {
        if question.contains("\"fiat\":\"RUB\"") {
            include_bytes!("../data/binancep2p.json")
        } else {
            br#"{"code":"000000","message":null,"data":[],"total":0,"success":true}"#
        }
    } else {
        panic!("no exchange is asked this: {question}")
    }
}

async fn read(stream: &mut TcpStream) -> String {
    let mut bytes = vec![];
    loop {
        let mut chunk = [0_u8; 4096];
        let count = stream.read(&mut chunk).await.unwrap();
        bytes.extend_from_slice(&chunk[..count]);
        let text = String::from_utf8(bytes.clone()).unwrap();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            assert!(count > 0, "the question ended early");
            continue;
        };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
            return text;
        }
    }
}
