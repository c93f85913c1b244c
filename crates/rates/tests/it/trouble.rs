//! Exchanges that do not answer, or answer with something else.

use rates::{Access, BadUrl, NAMES, SourceError, Wanted};
use sim::conformance::rates::is_unreachable;

use crate::server::{Reaction, Server, http, recorded, source};

const PATIENT_MS: u64 = 10_000;

async fn all_are_unreachable(trouble: &str, answer: fn(&str) -> Vec<u8>) {
    let server = Server::start(Reaction::Say(answer)).await;
    for name in NAMES {
        is_unreachable(&*source(name, &server.url, PATIENT_MS), trouble).await;
    }
}

#[tokio::test]
async fn a_status_that_is_no_success_is_no_answer() {
    all_are_unreachable("500", |it| http("500 Oops", recorded(it))).await;
    all_are_unreachable("429", |it| http("429 Slow\r\nretry-after: 60", recorded(it))).await;
    all_are_unreachable("418", |it| http("418 Banned", recorded(it))).await;
    all_are_unreachable("451", |it| http("451 Not for you", recorded(it))).await;
    all_are_unreachable("301", |it| http("301 Moved\r\nlocation: http://x/", recorded(it))).await;
    all_are_unreachable("204", |_| b"HTTP/1.1 204 Empty\r\n\r\n".to_vec()).await;
}

#[tokio::test]
async fn half_an_answer_is_none() {
    all_are_unreachable("the connection ends early", |it| {
        let mut bytes = http("200 OK", recorded(it));
        bytes.truncate(bytes.len() - 20);
        bytes
    })
    .await;
    all_are_unreachable("the document ends early", |it| {
        let body = recorded(it);
        http("200 OK", &body[..body.len() / 2])
    })
    .await;
    all_are_unreachable("no HTTP", |_| b"hello\r\n\r\n".to_vec()).await;
    all_are_unreachable("nothing", |_| vec![]).await;
}

#[tokio::test]
async fn too_much_is_not_read() {
    all_are_unreachable("spaces without end", |it| {
        let spaces = vec![b' '; rates::binance::BODY_BYTES_MAX];
        http("200 OK", &[&spaces, recorded(it)].concat())
    })
    .await;
}

#[tokio::test]
async fn something_else_is_no_answer() {
    all_are_unreachable("HTML", |_| http("200 OK", b"<!doctype html><p>Are you human?</p>")).await;
    all_are_unreachable("an empty body", |_| http("200 OK", b"")).await;
    all_are_unreachable("an error", |_| http("200 OK", br#"{"code":-1003,"msg":"no"}"#)).await;
    all_are_unreachable("an error", |_| http("200 OK", br#"{"code":"400100","data":[]}"#)).await;
    all_are_unreachable("an empty list", |_| http("200 OK", b"[]")).await;
    all_are_unreachable("an empty object", |_| http("200 OK", b"{}")).await;
    all_are_unreachable("null", |_| http("200 OK", b"null")).await;
    all_are_unreachable("wrong rows", |_| http("200 OK", b"[1,[],{\"symbol\":1}]")).await;
    all_are_unreachable("wrong types", |_| {
        http("200 OK", br#"{"code":"200000","data":{"ticker":"BTC-USDT","BTC_USD":[]}}"#)
    })
    .await;
    all_are_unreachable("no advertisement", |_| {
        http("200 OK", br#"{"code":"000000","data":[{"adv":{"price":"1"}},7]}"#)
    })
    .await;
    all_are_unreachable("not UTF-8", |_| http("200 OK", b"[\"\xff\xfe\"]")).await;
    all_are_unreachable("deep", |_| http("200 OK", &vec![b'['; 100_000])).await;
}

#[tokio::test]
async fn who_never_answers_is_not_waited_for() {
    let server = Server::start(Reaction::Hang).await;
    for name in NAMES {
        is_unreachable(&*source(name, &server.url, 100), "silence").await;
    }
}

#[tokio::test]
async fn nobody_there_is_no_answer() {
    for name in NAMES {
        is_unreachable(&*source(name, "http://127.0.0.1:1", PATIENT_MS), "nobody there").await;
    }
}

#[test]
fn what_cannot_be_asked_is_told() {
    let make = |name: &str, url: Option<&str>| {
        let guard = net::Guard::new(net::Reach::Anywhere, &[]).unwrap();
        let client = net::Client::new(guard).unwrap();
        let access = Access { client, base_url: url.map(str::to_owned), timeout_ms: 1 };
        rates::source(name, access, Wanted::default()).map(drop)
    };
    assert_eq!(make("nobody", None), Err(SourceError::UnknownName));
    assert_eq!(make("Binance", None), Err(SourceError::UnknownName));
    for name in NAMES {
        assert_eq!(make(name, None), Ok(()));
        for url in ["nowhere", "ftp://host", "http://host/?key=1", ""] {
            assert!(matches!(make(name, Some(url)), Err(SourceError::BadUrl(BadUrl(_)))), "{url}");
        }
    }
}
