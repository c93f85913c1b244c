//! Exchange rates: what the configuration may say, and what the gateway and the doctor tell of them.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::{
    gateway::wait_for,
    http::Request,
    receiver::{Answer, Received, Receiver, idle_node},
    vyplata::Installation,
};

/// An exchange of which only Binance's page is there.
fn exchange(received: &Received) -> Answer {
    let prices = r#"[{"symbol":"ETHUSDT","price":"2611.72"},{"symbol":"USDTTRY","price":"34.29"}]"#;
    match received.path.as_str() {
        "/api/v3/ticker/price" => ("200 OK".to_owned(), String::new(), prices.to_owned()),
        _ => later(),
    }
}

fn later() -> Answer {
    ("503 Later".to_owned(), String::new(), "<html>".to_owned())
}

#[track_caller]
fn refuses(it: &Installation, rest: &str, words: &[&str]) {
    let wallet = Installation::ethereum(([127, 0, 0, 1], 9).into(), "");
    it.configure(&wallet.replacen("listen", &format!("{rest}\nlisten"), 1));
    it.refuses(&["serve"], &[&["vyplata.toml"], words].concat());
    it.refuses(&["doctor"], &[&["WRONG", "vyplata.toml"], words].concat());
}

#[test]
fn sources_that_make_no_sense_are_named_with_file_line_and_key() {
    let it = Installation::new("data = \"data\"\n");
    it.ok(&["keys", "init"]);
    let sources = |text: &str| format!("rate_sources = {{ {text} }}");
    let all = "there are binance, binancep2p, exmo, kucoin";
    let place = |key: &str| format!(":2: rate_sources.{key}");
    let mistakes = [
        ("use = [\"Binance\"]", "use", "\"Binance\""),
        ("use = [\"coinbase\"]", "use", all),
        ("use = [\"exmo\", \"exmo\"]", "use", "exmo is twice in it"),
        ("base_url = { coinbase = \"http://127.0.0.1:9\" }", "base_url.coinbase", all),
        (
            "use = [\"exmo\"], base_url = { exmo = \"ftp://host\" }",
            "base_url.exmo",
            "http or https",
        ),
        ("refresh_ms = 999", "refresh_ms", "at least 1000"),
        ("refresh_ms = 120000", "refresh_ms", "less than age_ms_max (120000)"),
        ("age_ms_max = 30000", "refresh_ms", "less than age_ms_max (30000)"),
        ("deviation_percent = \"101\"", "deviation_percent", "between 0 and 100"),
        ("deviation_percent = \"a bit\"", "deviation_percent", "between 0 and 100"),
        ("fiat = [\"EURO\"]", "fiat", "\"EURO\" is no currency"),
        ("use = [\"binancep2p\"]", "fiat", "between 1 and 16"),
    ];
    for (text, key, words) in mistakes {
        refuses(&it, &sources(text), &[&place(key), words]);
    }
    let wallet = Installation::ethereum(([127, 0, 0, 1], 9).into(), "rate_sources = { uze = [] }");
    it.configure(&wallet);
    it.refuses(&["serve"], &["unknown field `uze`", "`use`"]);
}

#[test]
fn silent_sources_are_told_of_and_the_others_are_used() {
    let (node, exchange) = (Receiver::start(0, idle_node), Receiver::start(0, exchange));
    let url = format!("\"http://{}\"", exchange.address);
    let more = format!(
        "[rates]\nUSDT = \"1\"\nUSDC = \"1\"\n[rate_sources]\nuse = [\"binance\", \"exmo\"]\n\
         refresh_ms = 1000\nfiat = [\"try\"]\nbase_url = {{ binance = {url}, exmo = {url} }}\n"
    );
    let it = Installation::new(&Installation::ethereum(node.address, &more));
    it.ok(&["keys", "init"]);
    it.refuses(
        &["doctor"],
        &[
            "ok     the rate source binance answers",
            "WRONG  the rate source exmo does not answer",
            "HTTP 503",
        ],
    );
    let gateway = it.serve();
    let figures = || gateway.send(&Request::get("/metrics")).text();
    let text = figures();
    assert!(text.contains("vyplata_rates_answered_at_seconds{source=\"exmo\"} 0"), "{text}");
    assert!(text.contains("vyplata_rate_failures_total{source=\"binance\"} 0"), "{text}");
    let answered = "vyplata_rates_answered_at_seconds{source=\"binance\"} 1";
    assert!(text.contains(answered), "{text}");
    // They are asked again and again.
    let again = "vyplata_rate_failures_total{source=\"exmo\"} 2";
    wait_for("a second question", || figures().contains(again).then_some(()));
}

/// An exchange whose price of ether grows by a dollar with each question.
fn climbing(_: &Received) -> Answer {
    static PRICE: AtomicU32 = AtomicU32::new(1_000);
    let price = PRICE.fetch_add(1, Ordering::Relaxed);
    let body = format!(r#"[{{"symbol":"ETHUSDT","price":"{price}"}}]"#);
    ("200 OK".to_owned(), String::new(), body)
}

#[test]
fn requests_are_priced_with_what_was_told_last() {
    let (node, exchange) = (Receiver::start(0, idle_node), Receiver::start(0, climbing));
    let sources = format!(
        "[rate_sources]\nuse = [\"binance\"]\nrefresh_ms = 1000\n\
         base_url = {{ binance = \"http://{}\" }}\n",
        exchange.address
    );
    let it = Installation::new(&Installation::ethereum(node.address, &sources));
    it.ok(&["keys", "init"]);
    let token = format!("Bearer {}", it.merchant(&["shop"]).native_token);
    let gateway = it.serve();
    let questions = || exchange.at("/api/v3/ticker/price").len();
    let price = || {
        let asked = Request::get("/vyplata/v1/rates?currency=ETH").header("authorization", &token);
        gateway.send(&asked).json()["rates"][0]["usd"].as_str().map(str::to_owned)
    };
    let first = wait_for("a price", price);
    let before = questions();
    wait_for("another price", || price().filter(|it| *it != first));
    // What networks charge is asked for every 15 seconds; prices do not wait for that.
    assert!(questions() - before < 10);
}

#[test]
fn before_an_exchange_was_heard_its_prices_are_missing_and_not_impossible() {
    let (node, exchange) = (Receiver::start(0, idle_node), Receiver::start(0, |_| later()));
    let sources = format!(
        "[rate_sources]\nuse = [\"binance\"]\nbase_url = {{ binance = \"http://{}\" }}\n",
        exchange.address
    );
    let it = Installation::new(&Installation::ethereum(node.address, &sources));
    it.ok(&["keys", "init"]);
    let token = format!("Bearer {}", it.merchant(&["shop"]).native_token);
    let wish = r#"{"asset":"USDT","network":"ethereum","amount":"5"}"#;
    let asked = Request::post("/vyplata/v1/quotes", wish).header("authorization", &token);
    let answer = it.serve().send(&asked);
    assert_eq!((answer.status, &answer.json()["error"]["code"]), (503, &"terms_unknown".into()));
}

/// Two exchanges of which one is wrong about ether.
fn quarrel(received: &Received) -> Answer {
    let body = match received.path.as_str() {
        "/api/v3/ticker/price" => r#"[{"symbol":"ETHUSDT","price":"2611.72"}]"#,
        _ => r#"{"ETH_USD":{"last_trade":"26.1172"},"USDT_USD":{"last_trade":"1.01"}}"#,
    };
    ("200 OK".to_owned(), String::new(), body.to_owned())
}

#[test]
fn the_doctor_tells_of_sources_that_disagree() {
    let (node, exchange) = (Receiver::start(0, idle_node), Receiver::start(0, quarrel));
    let url = format!("\"http://{}\"", exchange.address);
    let sources = format!(
        "rate_sources = {{ use = [\"binance\", \"exmo\"], \
         base_url = {{ binance = {url}, exmo = {url} }} }}"
    );
    let it = Installation::new(&Installation::ethereum(node.address, &sources));
    it.ok(&["keys", "init"]);
    let said = it.run(&["doctor"]);
    assert!(said.stdout.contains("WRONG  the rate sources disagree about ETH\n"), "{said:?}");
    assert!(!said.stdout.contains("disagree about USDT"), "{said:?}");
    let mine = format!("{sources}\n[rates]\nETH = \"2600\"");
    it.configure(&Installation::ethereum(node.address, &mine));
    let said = it.run(&["doctor"]);
    assert!(!said.stdout.contains("disagree"), "{said:?}");
}
