//! What the sources make of what exchanges say.

use std::{sync::Arc, time::Duration};

use domain::{
    BoxFuture, Timestamp,
    money::Rate,
    ports::{RateSource, Unreachable},
    rates::{RateBook, RateError},
};
use rates::{Fixed, NAMES, Prices, fetch_all};
use sim::conformance::rates::answers;

use crate::server::{Reaction, Server, http, recorded, source};

const PATIENT_MS: u64 = 10_000;

async fn exchange() -> Server {
    Server::start(Reaction::Say(|question| http("200 OK", recorded(question)))).await
}

fn texts(prices: &[(String, Rate)]) -> Vec<String> {
    prices.iter().map(|(code, usd)| format!("{code} {usd}")).collect()
}

#[tokio::test]
async fn each_source_reads_what_its_exchange_says() {
    let expected: [(&str, &[&str]); 4] = [
        (
            "binance",
            &[
                "BTC 67193.01",
                "ETH 2611.72",
                "EUR 1.0846",
                "SHIB 0.00001782",
                "TRX 0.1618",
                "USDT 1",
            ],
        ),
        ("binancep2p", &["RUB 0.010371292263", "USDT 1"]),
        (
            "exmo",
            // Ether's last trade was below what is bid now.
            &[
                "BTC 67190",
                "ETH 2610.1",
                "EUR 1.0846",
                "RUB 0.0103692180046",
                "TRX 0.16176764",
                "USDT 0.9998",
            ],
        ),
        (
            "kucoin",
            // Bitcoin's last trade was above what is asked now.
            &[
                "BTC 67159.0037",
                "ETH 2610.444125",
                "EUR 1.08405639913",
                "TRX 0.1617191",
                "USDT 0.9995",
            ],
        ),
    ];
    let server = exchange().await;
    for (name, prices) in expected {
        let source = source(name, &server.url, PATIENT_MS);
        assert_eq!(source.name(), name);
        assert_eq!(texts(&answers(&*source).await), prices, "{name}");
    }
    assert_eq!(expected.map(|it| it.0), NAMES);
}

#[tokio::test]
async fn questions_go_below_the_base() {
    let server = Server::start(Reaction::Say(|question| {
        let inner = question.replacen(" /mirror", " ", 1);
        http("200 OK", recorded(&inner))
    }))
    .await;
    for name in NAMES {
        answers(&*source(name, &format!("{}/mirror/", server.url), PATIENT_MS)).await;
    }
    let questions = server.questions();
    assert_eq!(questions.len(), 6, "{questions:?}");
    let search = questions.last().unwrap();
    assert!(search.contains("content-type: application/json\r\n"), "{search}");
    let body = "{\"asset\":\"USDT\",\"fiat\":\"RUB\",\"tradeType\":\"BUY\",\"page\":1,\"rows\":20,\
                \"payTypes\":[],\"countries\":[],\"publisherType\":null}";
    assert!(search.ends_with(body), "{search}");
}

#[tokio::test]
async fn given_prices_are_a_source() {
    let price = |code: &str, usd: &str| (code.to_owned(), Rate::parse(usd).unwrap());
    let fixed = Fixed::new("Sandbox", [price("coin", "2"), price("COIN", "3"), price("X", "1")]);
    assert_eq!(fixed.name(), "sandbox");
    assert_eq!(texts(&answers(&fixed).await), ["COIN 3", "X 1"]);
}

/// A source that takes its time: for ever, if it has no price.
struct Slow(&'static str, Option<Rate>);

impl RateSource for Slow {
    fn name(&self) -> &str {
        self.0
    }

    fn fetch(&self) -> BoxFuture<'_, Result<Prices, Unreachable>> {
        Box::pin(async move {
            let Some(usd) = self.1 else { return std::future::pending().await };
            tokio::time::sleep(Duration::from_millis(1_999)).await;
            Ok(vec![("COIN".to_owned(), usd)])
        })
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_source_holds_up_nobody() {
    let rate = |text| Rate::parse(text).unwrap();
    let sources: [Arc<dyn RateSource>; 4] = [
        Arc::new(Slow("silent", None)),
        Arc::new(Slow("slow", Some(rate("102")))),
        Arc::new(Fixed::new("quick", [("COIN".to_owned(), rate("101"))])),
        Arc::new(Slow("dumb", None)),
    ];
    let (mut book, now) = (RateBook::default(), Timestamp(1_000_000));
    let (mut heard, start) = (vec![], tokio::time::Instant::now());
    fetch_all(&sources, 2_000, |name, prices| {
        heard.push((name.to_owned(), prices.is_ok(), start.elapsed().as_millis()));
        if let Ok(prices) = prices {
            book.observe(name, &prices, now);
        }
    })
    .await;
    heard[2..].sort();
    let expected = [
        ("quick", true, 0),
        ("slow", true, 1_999),
        ("dumb", false, 2_000),
        ("silent", false, 2_000),
    ];
    assert_eq!(heard, expected.map(|(name, is_ok, at_ms)| (name.to_owned(), is_ok, at_ms)));
    let coin = book.price("COIN", None, now).unwrap();
    assert_eq!((coin.source.as_str(), coin.usd), ("quick", rate("101")));
    assert_eq!(book.price("COIN", Some("silent"), now), Err(RateError::Unknown));
}

#[tokio::test]
async fn one_currency_without_an_answer_leaves_the_others() {
    let server = Server::start(Reaction::Say(|question| {
        let is_asked = question.contains("\"fiat\":\"RUB\"");
        http(if is_asked { "200 OK" } else { "429 Slow" }, recorded(question))
    }))
    .await;
    let prices = source("binancep2p", &server.url, PATIENT_MS).fetch().await;
    assert_eq!(texts(&prices.unwrap()), ["RUB 0.010371292263", "USDT 1"]);
    let server =
        Server::start(Reaction::Say(|question| http("429 Slow", recorded(question)))).await;
    let prices = source("binancep2p", &server.url, PATIENT_MS).fetch().await;
    assert_eq!(prices, Err(Unreachable));
}
