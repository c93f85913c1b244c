//! Twin brands have the same paths; the credential of a request tells them apart.

use crate::{
    api::{Api, Credentials, Order, cryptomus_sign},
    gateway::{Gateway, wait_for},
    http::Request,
};

const PAYOUT_KEY: &str = "heleket-payout-key-1";

fn twins() -> Credentials {
    Credentials {
        cryptomus_merchant: "7a02b1c4-0f5e-4d3c-9a2b-1e5f7c8d9a01".to_owned(),
        cryptomus_payout_key: PAYOUT_KEY.to_owned(),
        cryptomus_payment_key: "heleket-payment-key-1".to_owned(),
        onchainpay_public: "apollo-pub==".to_owned(),
        onchainpay_private: "apollo-priv==".to_owned(),
        ..Credentials::sandbox()
    }
}

/// Answers are counted under the twin's name, and its own key signs its webhooks.
#[test]
fn requests_are_served_by_the_brand_of_their_credential() {
    let gateway = Gateway::sandbox();
    let url = format!("{}/sandbox/webhooks", gateway.base());
    let order = Order {
        code: Api::Cryptomus.usdt_on_tron(),
        amount: "5",
        address: "TDD97yguPESTpcrJMqU6h2ozZbibv4Vaqm",
        webhook_url: Some(&url),
        reference: "twin-1",
    };
    let body = Api::Cryptomus.body(&order).json();
    Api::Cryptomus.id(&gateway.send(&twins().sign(Api::Cryptomus, "/v1/payout", &body)));
    let webhook = wait_for("a webhook of the twin", || {
        let found = gateway.webhooks().into_iter().map(|it| it.1);
        found.into_iter().find(|it| it.contains("\"order_id\":\"twin-1\""))
    });
    let (start, rest) = webhook.split_once(",\"sign\":\"").unwrap();
    let (sign, end) = rest.split_once('"').unwrap();
    assert_eq!(cryptomus_sign(format!("{start}{end}").as_bytes(), PAYOUT_KEY), sign);

    let path = "/api-gateway/advanced-balances";
    assert_eq!(gateway.send(&twins().sign(Api::OnchainPay, path, "{}")).status, 200);
    // The secret of one brand opens nothing under the name of the other.
    let mixed =
        Credentials { cryptomus_payout_key: PAYOUT_KEY.to_owned(), ..Credentials::sandbox() };
    assert_eq!(gateway.send(&mixed.sign(Api::Cryptomus, "/v1/payout", &body)).status, 401);
    let metrics = gateway.send(&Request::get("/metrics")).text();
    for labels in [
        "dialect=\"heleket\",status=\"200\"",
        "dialect=\"apollo\",status=\"200\"",
        "dialect=\"cryptomus\",status=\"401\"",
    ] {
        assert!(metrics.contains(labels), "{labels}: {metrics}");
    }
}
