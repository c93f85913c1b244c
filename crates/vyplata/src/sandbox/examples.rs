//! The sandbox's example payouts: one request through each API, over real HTTP, signed as that
//! API asks, and the same request as a `curl` command.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use md5::Md5;
use sha2::{Digest as _, Sha256};

use super::demo::{
    CRYPTOCLOUD_KEY, CRYPTOMUS_MERCHANT, CRYPTOMUS_PAYOUT_KEY, NATIVE_TOKEN, ONCHAINPAY_PRIVATE,
    ONCHAINPAY_PUBLIC,
};

/// One example.
pub(crate) struct Example {
    /// The API.
    pub(crate) dialect: &'static str,
    /// What it pays, for people.
    pub(crate) title: &'static str,
    /// Where to post it.
    pub(crate) path: &'static str,
    /// Its headers, the credential among them.
    pub(crate) headers: Vec<(String, String)>,
    /// Its body.
    pub(crate) body: String,
    /// Shell commands that make the same request.
    pub(crate) curl: String,
    /// Where in the answer the payout's outward identifier stands, as a JSON pointer.
    pub(crate) id_at: &'static str,
}

/// All examples, for a gateway at `base`; `run` makes their references new in every run.
pub(crate) fn all(base: &str, run: &str) -> Vec<Example> {
    vec![
        native(base, run),
        cryptocloud(base, run),
        cryptomus(base, run),
        onchainpay(base, run),
        euros_in_dollars(base, run),
        litecoin_for_euros(base, run),
        bitcoin_for_dollars(base, run),
    ]
}

fn header(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

fn json() -> (String, String) {
    header("content-type", "application/json")
}

fn native(base: &str, run: &str) -> Example {
    let body = format!(
        r#"{{"asset":"USDT","network":"tron","amount":"12.5","address":"TDD97yguPESTpcrJMqU6h2ozZbibv4Vaqm","merchant_ref":"native-{run}","webhook_url":"{base}/sandbox/webhooks"}}"#
    );
    to_native(base, "12.5 USDT on Tron", body)
}

/// A coin that is paid from another.
fn bitcoin_for_dollars(base: &str, run: &str) -> Example {
    let body = format!(
        r#"{{"asset":"BTC","network":"bitcoin","amount":"0.001","address":"1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa","pay_from":"USDT","insured":true,"merchant_ref":"bitcoin-{run}","webhook_url":"{base}/sandbox/webhooks"}}"#
    );
    to_native(base, "0.001 BTC from USDT", body)
}

fn to_native(base: &str, title: &'static str, body: String) -> Example {
    let path = "/vyplata/v1/payouts";
    let curl = format!(
        "curl -s {base}{path} -H 'Authorization: Bearer {NATIVE_TOKEN}' \\\n  \
         -H 'Content-Type: application/json' -d '{body}'"
    );
    Example {
        dialect: "native",
        title,
        path,
        headers: vec![json(), header("authorization", &format!("Bearer {NATIVE_TOKEN}"))],
        body,
        curl,
        id_at: "/id",
    }
}

fn cryptocloud(base: &str, run: &str) -> Example {
    let path = "/v2/invoice/api/out/create";
    let body = format!(
        r#"{{"currency_code":"BTC","to_address":"1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa","amount":0.00023,"order_id":"cryptocloud-{run}"}}"#
    );
    let curl = format!(
        "curl -s {base}{path} -H 'Authorization: Token {CRYPTOCLOUD_KEY}' \\\n  \
         -H 'Content-Type: application/json' -d '{body}'"
    );
    Example {
        dialect: "cryptocloud",
        title: "0.00023 BTC",
        path,
        headers: vec![json(), header("authorization", &format!("Token {CRYPTOCLOUD_KEY}"))],
        body,
        curl,
        id_at: "/result/uuid",
    }
}

fn cryptomus(base: &str, run: &str) -> Example {
    let body = format!(
        r#"{{"amount":"5","currency":"USDT","network":"TRON","order_id":"cryptomus-{run}","address":"TDD97yguPESTpcrJMqU6h2ozZbibv4Vaqm","url_callback":"{base}/sandbox/webhooks","is_subtract":"1"}}"#
    );
    to_cryptomus(base, "5 USDT on Tron", body)
}

/// A sum in another currency that is paid in the coin that the merchant has.
fn euros_in_dollars(base: &str, run: &str) -> Example {
    let body = format!(
        r#"{{"amount":"20","currency":"EUR","to_currency":"USDT","network":"TRON","course_source":"Exmo","order_id":"euros-{run}","address":"TDD97yguPESTpcrJMqU6h2ozZbibv4Vaqm","url_callback":"{base}/sandbox/webhooks","is_subtract":"1"}}"#
    );
    to_cryptomus(base, "20 EUR in USDT", body)
}

/// A sum in another currency that is paid in one coin from another.
fn litecoin_for_euros(base: &str, run: &str) -> Example {
    let body = format!(
        r#"{{"amount":"15","currency":"EUR","to_currency":"LTC","network":"LTC","from_currency":"USDT","order_id":"litecoin-{run}","address":"ltc1q7q5fnpu7w3kyte0zrkgs08k3ad772fsutxe8yy","url_callback":"{base}/sandbox/webhooks","is_subtract":"1"}}"#
    );
    to_cryptomus(base, "15 EUR in LTC, from USDT", body)
}

fn to_cryptomus(base: &str, title: &'static str, body: String) -> Example {
    let path = "/v1/payout";
    let mut hash = Md5::new();
    hash.update(BASE64_STANDARD.encode(&body));
    hash.update(CRYPTOMUS_PAYOUT_KEY);
    let sign = hex::encode(hash.finalize());
    let curl = format!(
        "BODY='{body}'\n\
         SIGN=$(printf '%s%s' \"$(printf '%s' \"$BODY\" | base64 | tr -d '\\n')\" \
         {CRYPTOMUS_PAYOUT_KEY} | md5sum | cut -d' ' -f1)\n\
         curl -s {base}{path} -H 'merchant: {CRYPTOMUS_MERCHANT}' -H \"sign: $SIGN\" \\\n  \
         -H 'Content-Type: application/json' -d \"$BODY\""
    );
    Example {
        dialect: "cryptomus",
        title,
        path,
        headers: vec![json(), header("merchant", CRYPTOMUS_MERCHANT), header("sign", &sign)],
        body,
        curl,
        id_at: "/result/uuid",
    }
}

fn onchainpay(base: &str, run: &str) -> Example {
    let path = "/api-gateway/auto-withdrawals/create";
    let body = format!(
        r#"{{"address":"1CGuTUAx7icKniPVKGiyiT7QLycpkxULLP","currency":"BTC","network":"bitcoin","amountTo":"0.1","feeInAmount":true,"webhookUrl":"{base}/sandbox/webhooks","nonce":"{run}"}}"#
    );
    let mut mac = Hmac::<Sha256>::new_from_slice(ONCHAINPAY_PRIVATE.as_bytes())
        .expect("HMAC takes keys of any length");
    mac.update(body.as_bytes());
    let sign = hex::encode(mac.finalize().into_bytes());
    // Every request needs a nonce that was never used.
    let again = body.replace(&format!("\"nonce\":\"{run}\""), "\"nonce\":\"'$(date +%s%N)'\"");
    let key = format!("onchainpay-{run}");
    let curl = format!(
        "BODY='{again}'\n\
         SIGN=$(printf '%s' \"$BODY\" | openssl dgst -sha256 -hmac {ONCHAINPAY_PRIVATE} \
         | sed 's/.* //')\n\
         curl -s {base}{path} -H 'x-api-public-key: {ONCHAINPAY_PUBLIC}' \\\n  \
         -H \"x-api-signature: $SIGN\" -H 'Idempotency-Key: {key}' \\\n  \
         -H 'Content-Type: application/json' -d \"$BODY\""
    );
    Example {
        dialect: "onchainpay",
        title: "0.1 BTC",
        path,
        headers: vec![
            json(),
            header("x-api-public-key", ONCHAINPAY_PUBLIC),
            header("x-api-signature", &sign),
            header("idempotency-key", &key),
        ],
        body,
        curl,
        id_at: "/response/id",
    }
}
