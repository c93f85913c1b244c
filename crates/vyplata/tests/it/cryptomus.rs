//! Cryptomus's calls that more than the ledger takes part in: tests of receivers, and what needs no
//! credential.

use serde_json::json;

use crate::{
    api::{Api, Body, Credentials, cryptomus_sign},
    gateway::{Gateway, wait_for},
    http::Request,
};

const PATH: &str = "/v1/test-webhook/payout";

fn asked(url: &str) -> Body {
    Body::default().text("url_callback", url).text("currency", "USDT").text("network", "tron")
}

/// A test arrives once, signed like any webhook, at a receiver that may be sent to; nothing else
/// is sent, and the merchant is told so.
#[test]
fn receivers_are_tested_and_others_are_not_reached() {
    let gateway = Gateway::sandbox();
    let send = |body: Body| gateway.send(&Api::Cryptomus.sign(PATH, &body.json()));
    let good = asked(&format!("{}/sandbox/webhooks", gateway.base()));
    let reply = send(good.text("status", "fail"));
    assert_eq!((reply.status, reply.json()), (200, json!({ "state": 0, "result": [] })));
    let arrived = wait_for("the test", || {
        let found = gateway.webhooks().into_iter().map(|it| it.1);
        found.into_iter().find(|it| it.contains("\"status\":\"fail\""))
    });
    let (start, rest) = arrived.split_once(",\"sign\":\"").unwrap();
    let (sign, end) = rest.split_once('"').unwrap();
    let key = Credentials::sandbox().cryptomus_payout_key;
    assert_eq!(cryptomus_sign(format!("{start}{end}").as_bytes(), &key), sign);
    for url in ["http://10.0.0.1/hook", "http://169.254.169.254/", "http://[::1]:1/"] {
        let reply = send(asked(url));
        assert_eq!(reply.status, 422, "{}", reply.text());
        assert!(reply.text().contains("not acknowledged"), "{}", reply.text());
    }
    // It is no receiver: it answers, and not with 200.
    let reply = send(asked(&format!("{}/v1/payout", gateway.base())));
    assert!(reply.status == 422 && reply.text().contains("HTTP 401"), "{}", reply.text());
}

#[test]
fn rates_need_no_credential_and_payments_are_not_taken() {
    let gateway = Gateway::sandbox();
    let reply = gateway.send(&Request::get("/v1/exchange-rate/LTC/list"));
    assert_eq!(reply.status, 200, "{}", reply.text());
    let course = json!({ "from": "LTC", "to": "USD", "course": "80.00000000" });
    assert!(reply.json()["result"].as_array().unwrap().contains(&course), "{}", reply.text());
    for request in [Request::get("/v1/payment/list"), Request::post("/v1/payment", "{}")] {
        let reply = gateway.send(&request);
        assert_eq!((reply.status, &reply.json()["state"]), (404, &json!(1)), "{}", reply.text());
    }
    let metrics = gateway.send(&Request::get("/metrics")).text();
    assert!(metrics.contains("dialect=\"cryptomus\",status=\"200\""), "{metrics}");
}
