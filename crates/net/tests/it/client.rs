//! The client over real connections: bounds, and the guard where it matters.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use net::{Client, Guard, Limits, Reach, SendError};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::server::{Reaction, Server, response};

const LIMITS: Limits = Limits { timeout_ms: 10_000, body_bytes_max: 1_000 };

fn client(permitted: &[&str]) -> Client {
    Client::new(Guard::new(Reach::Public, permitted).unwrap()).unwrap()
}

/// A resolver that gives the answers of its list in turn and counts the questions.
#[derive(Clone)]
struct Scripted(Arc<Mutex<Vec<Vec<IpAddr>>>>);

impl Scripted {
    fn new(answers: &[&[&str]]) -> Self {
        let parse = |answer: &&[&str]| answer.iter().map(|text| text.parse().unwrap()).collect();
        Self(Arc::new(Mutex::new(answers.iter().rev().map(parse).collect())))
    }

    fn answers_left(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    fn client(&self, permitted: &[&str]) -> Client {
        let guard = Guard::new(Reach::Public, permitted).unwrap();
        Client::with_resolver(guard, Arc::new(self.clone())).unwrap()
    }
}

impl Resolve for Scripted {
    fn resolve(&self, _: Name) -> Resolving {
        let answer = self.0.lock().unwrap().pop().expect("one question too many");
        let addresses = answer.into_iter().map(|address| SocketAddr::new(address, 0));
        Box::pin(std::future::ready(Ok(Box::new(addresses) as Addrs)))
    }
}

async fn post(client: &Client, url: &str) -> Result<net::Response, SendError> {
    client.post(url, &[], b"hello".to_vec(), LIMITS).await
}

fn refused(result: Result<net::Response, SendError>) -> String {
    match result {
        Err(SendError::Refused(why)) => why,
        other => panic!("not refused: {other:?}"),
    }
}

fn unreachable(result: Result<net::Response, SendError>) -> String {
    match result {
        Err(SendError::Unreachable(why)) => why,
        other => panic!("not unreachable: {other:?}"),
    }
}

#[tokio::test]
async fn posts_to_a_permitted_address() {
    let server =
        Server::start(vec![response("503 Later\r\nretry-after: 120", "please come back")]).await;
    let headers = [("x-signature".to_owned(), "abc".to_owned())];
    let answer = client(&["127.0.0.0/8"])
        .post(&server.url("/hook?a=1"), &headers, b"payload".to_vec(), LIMITS)
        .await
        .unwrap();
    assert_eq!((answer.status, answer.retry_after_seconds), (503, Some(120)));
    assert_eq!((answer.body.as_slice(), answer.body_cut), (b"please come back".as_slice(), false));
    let requests = server.requests();
    assert!(requests[0].starts_with("POST /hook?a=1 HTTP/1.1\r\n"), "{requests:?}");
    assert!(
        requests[0].contains("x-signature: abc\r\n") && requests[0].ends_with("\r\n\r\npayload")
    );
}

#[tokio::test]
async fn a_date_in_retry_after_is_ignored() {
    let head = "429 Slow\r\nretry-after: Fri, 31 Dec 1999 23:59:59 GMT";
    let server = Server::start(vec![response(head, "")]).await;
    let answer = post(&client(&["127.0.0.1"]), &server.url("/")).await.unwrap();
    assert_eq!((answer.status, answer.retry_after_seconds), (429, None));
}

#[tokio::test]
async fn a_literal_address_is_refused_without_resolver_and_connection() {
    let server = Server::start(vec![response("200 OK", "")]).await;
    let scripted = Scripted::new(&[]);
    let client = scripted.client(&[]);
    for host in ["127.0.0.1", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "[::1]"] {
        let why = refused(post(&client, &format!("http://{host}:{}/", server.port)).await);
        assert!(why.contains("not a public address"), "{why}");
    }
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn a_mixed_answer_is_refused_before_any_connection() {
    let server = Server::start(vec![response("200 OK", "")]).await;
    let url = format!("http://hooks.example:{}/", server.port);
    for addresses in [
        ["8.8.8.8", "127.0.0.1"].as_slice(),
        &["127.0.0.1", "8.8.8.8"],
        &["::ffff:127.0.0.1"],
        &["2606:4700::1111", "fd00:ec2::254"],
    ] {
        let why = refused(post(&Scripted::new(&[addresses]).client(&[]), &url).await);
        assert!(why.starts_with("hooks.example resolves badly: "), "{why}");
    }
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn a_name_that_turns_bad_is_refused_at_its_next_connection() {
    let server = Server::start(vec![response("200 OK", "first")]).await;
    let scripted = Scripted::new(&[&["127.0.0.1"], &["127.0.0.1", "10.0.0.1"]]);
    let client = scripted.client(&["127.0.0.1"]);
    let url = format!("http://hooks.example:{}/", server.port);
    assert_eq!(post(&client, &url).await.unwrap().body, b"first");
    assert_eq!(scripted.answers_left(), 1, "each connection resolves once");
    refused(post(&client, &url).await);
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn localhost_of_the_operating_system_is_refused() {
    let server = Server::start(vec![response("200 OK", "")]).await;
    refused(post(&client(&[]), &format!("http://localhost:{}/", server.port)).await);
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn a_listed_name_reaches_a_private_address() {
    let server = Server::start(vec![response("200 OK", "in")]).await;
    let listed = format!("hooks.internal:{}", server.port);
    let client = Scripted::new(&[&["127.0.0.1"]]).client(&[&listed]);
    assert_eq!(post(&client, &format!("http://{listed}/")).await.unwrap().body, b"in");
    refused(post(&client, "http://hooks.internal/").await);
}

#[tokio::test]
async fn a_redirect_is_an_answer() {
    let inner = Server::start(vec![response("200 OK", "secret")]).await;
    for status in ["301 Moved", "302 Found", "303 See", "307 Temporary", "308 Permanent"] {
        let head = format!("{status}\r\nlocation: {}", inner.url("/secret"));
        let outer = Server::start(vec![response(&head, "")]).await;
        let answer = post(&client(&["127.0.0.1"]), &outer.url("/")).await.unwrap();
        assert_eq!(answer.status.to_string(), status[..3]);
    }
    assert!(inner.requests().is_empty());
}

#[tokio::test]
async fn a_long_body_is_cut() {
    for (length, cut) in [(999, false), (1_000, false), (1_001, true), (3_000_000, true)] {
        let server = Server::start(vec![response("200 OK", &"x".repeat(length))]).await;
        let answer = post(&client(&["127.0.0.1"]), &server.url("/")).await.unwrap();
        assert_eq!((answer.body.len(), answer.body_cut), (length.min(1_000), cut), "{length}");
    }
}

#[tokio::test]
async fn a_silent_or_slow_server_is_unreachable_in_time() {
    let half = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf";
    let server = Server::start(vec![Reaction::Hang(""), Reaction::Hang(half)]).await;
    let limits = Limits { timeout_ms: 100, body_bytes_max: 1_000 };
    for _ in 0..2 {
        let url = server.url("/hook/secret-token");
        let result = client(&["127.0.0.1"]).post(&url, &[], Vec::new(), limits).await;
        let why = unreachable(result);
        assert!(why.contains("timed out") && !why.contains("secret-token"), "{why}");
    }
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn no_answer_and_half_an_answer_are_unreachable() {
    let half = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf".to_vec();
    let server =
        Server::start(vec![Reaction::Close, Reaction::Say(half), response("nonsense", "")]).await;
    for _ in 0..3 {
        unreachable(post(&client(&["127.0.0.1"]), &server.url("/")).await);
    }
    assert_eq!(server.requests().len(), 3);
    unreachable(post(&Scripted::new(&[&[]]).client(&[]), "http://nowhere.example/").await);
}

#[tokio::test]
async fn what_cannot_be_sent_is_refused() {
    refused(post(&client(&[]), "not a url").await);
    let headers = [("x-split".to_owned(), "a\r\nx-injected: b".to_owned())];
    refused(client(&[]).post("http://8.8.8.8/", &headers, Vec::new(), LIMITS).await);
}

#[tokio::test]
async fn https_to_a_server_without_tls_is_unreachable() {
    let server = Server::start(vec![Reaction::Close]).await;
    let url = format!("https://127.0.0.1:{}/", server.port);
    unreachable(post(&client(&["127.0.0.1"]), &url).await);
}
