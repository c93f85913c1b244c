//! A tiny HTTP server that says what a test tells it to, one connection at a time.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What the server does with a connection, after reading the request.
#[derive(Clone, Debug)]
pub(crate) enum Reaction {
    /// Writes these bytes and closes.
    Say(Vec<u8>),
    /// Closes without a word.
    Close,
    /// Writes these bytes and keeps the connection open for ever.
    Hang(&'static str),
    /// Answers 200 with the JSON that the function makes of the request's JSON.
    Json(fn(&serde_json::Value) -> serde_json::Value),
}

/// A server on a free port of 127.0.0.1; it ends with the test's runtime.
pub(crate) struct Server {
    pub(crate) port: u16,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Serves as many connections as there are reactions; later ones are refused.
    pub(crate) async fn start(reactions: Vec<Reaction>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        tokio::spawn(async move {
            let mut held = Vec::new();
            for reaction in reactions {
                let (mut stream, _) = listener.accept().await.unwrap();
                let request = read_request(&mut stream).await;
                seen.lock().unwrap().push(request.clone());
                react(&mut stream, &request, reaction).await;
                held.push(stream);
            }
            // Later connections are refused, while a hanging one goes on hanging.
            drop(listener);
            std::future::pending::<()>().await;
            drop(held);
        });
        Self { port, requests }
    }

    pub(crate) fn url(&self, rest: &str) -> String {
        format!("http://127.0.0.1:{}{rest}", self.port)
    }

    /// The requests so far, heads and bodies as they came.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

/// A whole HTTP/1.1 response that ends the connection.
pub(crate) fn response(head: &str, body: &str) -> Reaction {
    let length = body.len();
    let text =
        format!("HTTP/1.1 {head}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
    Reaction::Say(text.into_bytes())
}

async fn react(stream: &mut TcpStream, request: &str, reaction: Reaction) {
    match reaction {
        Reaction::Close => {}
        Reaction::Say(bytes) => {
            // A client that has read enough may be gone before all is written.
            let _ = stream.write_all(&bytes).await;
        }
        Reaction::Hang(text) => {
            stream.write_all(text.as_bytes()).await.unwrap();
            return;
        }
        Reaction::Json(answer) => {
            let (_, body) = request.split_once("\r\n\r\n").unwrap();
            let body = answer(&serde_json::from_str(body).unwrap()).to_string();
            let length = body.len();
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n");
            let text = format!("{head}connection: close\r\n\r\n{body}");
            stream.write_all(text.as_bytes()).await.unwrap();
        }
    }
    let _ = stream.shutdown().await;
}

async fn read_request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let mut chunk = [0_u8; 4096];
        let count = stream.read(&mut chunk).await.unwrap();
        bytes.extend_from_slice(&chunk[..count]);
        let Ok(text) = String::from_utf8(bytes.clone()) else {
            return "not HTTP".to_owned();
        };
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            assert!(count > 0, "the request ended early");
            continue;
        };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
            return text;
        }
    }
}
