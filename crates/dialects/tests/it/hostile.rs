//! Whatever comes off the wire, there is an answer: no bytes, headers or fields make a dialect
//! panic, with or without a valid signature.

use std::cell::RefCell;

use dialects::{Message, Request};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};

use crate::{
    vectors::{cryptomus_signature, hmac_hex, post},
    world::World,
};

const PATHS: [&str; 35] = [
    "/vyplata/v1/payouts",
    "/vyplata/v1/payouts/x",
    "/vyplata/v1/payouts/x/cancel",
    "/vyplata/v1/payouts/x/approve",
    "/vyplata/v1/quotes",
    "/vyplata/v1/transfers",
    "/vyplata/v1/balances",
    "/vyplata/",
    "/v2/invoice/api/out/create",
    "/v2/merchant/wallet/balance/all",
    "/v2/invoice/merchant/info",
    "/v2/invoice/merchant/list",
    "/v2/invoice/merchant/statistics",
    "/v2/invoice/merchant/canceled",
    "/v2/",
    "/v1/payout",
    "/v1/payout/info",
    "/v1/balance",
    "/v1/",
    "/api-gateway/auto-withdrawals/create",
    "/api-gateway/auto-withdrawals/get",
    "/api-gateway/auto-withdrawals/approve",
    "/api-gateway/withdrawal-fee-token",
    "/api-gateway/make-withdrawal",
    "/api-gateway/find-tx",
    "/api-gateway/get-transaction-history",
    "/api-gateway/account-addresses",
    "/api-gateway/available-currencies",
    "/api-gateway/price-rate",
    "/api-gateway/utils/validate-address",
    "/api-gateway/test-signature",
    "/api-gateway/webhooks/get-verbose",
    "/api-gateway/advanced-balances",
    "/api-gateway/advanced-balance",
    "/api-gateway/",
];

const HEADERS: [&str; 8] = [
    "authorization",
    "content-type",
    "idempotency-key",
    "merchant",
    "sign",
    "x-api-public-key",
    "x-api-signature",
    "x-other",
];

const FIELDS: [&str; 60] = [
    "asset",
    "network",
    "amount",
    "address",
    "memo",
    "fee_bearer",
    "merchant_ref",
    "webhook_url",
    "currency_code",
    "to_address",
    "order_id",
    "currency",
    "is_subtract",
    "url_callback",
    "to_currency",
    "from_currency",
    "priority",
    "uuid",
    "amountFrom",
    "amountTo",
    "feeInAmount",
    "webhookUrl",
    "nonce",
    "id",
    "advancedBalanceId",
    "approve",
    "approveUrl",
    "requestedClientId",
    "requestedCurrency",
    "requestedAmount",
    "addressId",
    "feeToken",
    "webhookId",
    "fields",
    "networks",
    "tx",
    "date",
    "limit",
    "offset",
    "type",
    "from",
    "to",
    "course_source",
    "worth_amount",
    "worth_currency",
    "spend_amount",
    "pay_from",
    "insured",
    "approval",
    "approval_url",
    "quote",
    "direction",
    "uuids",
    "start",
    "end",
    "limit",
    "offset",
    "",
    "ж",
    "\\u0000",
];

pub(crate) fn check(message: &Message) {
    assert!((200..=503).contains(&message.status), "{}", message.status);
    let body: Result<serde_json::Value, _> = serde_json::from_slice(&message.body);
    assert!(body.is_ok(), "answers are JSON: {:?}", String::from_utf8_lossy(&message.body));
    assert!(message.headers.iter().any(|it| it.0 == "content-type"));
    for (name, value) in &message.headers {
        let plain = |text: &str| text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        assert!(plain(name) && plain(value), "{name}: {value}");
    }
}

pub(crate) fn runner(cases: u32) -> TestRunner {
    TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() })
}

#[test]
fn any_bytes_get_an_answer() {
    let world = RefCell::new(World::new());
    let path = (prop::sample::select(&PATHS[..]), "[ -~]{0,20}|\\PC{0,8}")
        .prop_map(|(path, tail)| format!("{path}{tail}"));
    let value = prop_oneof![
        "\\PC{0,40}",
        Just("Token cc-withdraw-key".to_owned()),
        Just("Bearer vy_golden_token".to_owned()),
        Just("application/json".to_owned()),
        Just("application/x-www-form-urlencoded".to_owned()),
    ];
    let header = (prop::sample::select(&HEADERS[..]), value);
    let headers = prop::collection::vec(header.prop_map(|(name, it)| (name.to_owned(), it)), 0..6);
    let method = prop::sample::select(&["GET", "POST", "DELETE", ""][..]);
    let body = prop::collection::vec(any::<u8>(), 0..200);
    let strategy = (method, path, "\\PC{0,40}", headers, body);
    let result = runner(1_000).run(&strategy, |(method, path, query, headers, body)| {
        let request = Request {
            method,
            path: &path,
            query: &query,
            headers: &headers,
            body: &body,
            client: None,
        };
        check(&world.borrow_mut().ask(&request).message);
        Ok(())
    });
    result.unwrap();
}

pub(crate) fn json_value() -> impl Strategy<Value = String> {
    let number = "-?[0-9]{1,45}(\\.[0-9]{1,45})?([eE][+-]?[0-9]{1,20})?";
    let text = "\\PC{0,40}".prop_map(|it| serde_json::Value::from(it).to_string());
    let known = prop::sample::select(
        &[
            "USDT",
            "USDT@tron",
            "tron",
            "TRON",
            "USDT_TRC20",
            "USD",
            "LTC",
            "1",
            "12.5",
            "01.01.2026",
            "1e-3",
            "TNPeeaaFB7K9cmo4uQpcU32zGK8G1NYqeL",
            "https://a.b/c",
            "merchant",
            "high",
        ][..],
    );
    prop_oneof![
        4 => known.prop_map(|it| format!("\"{it}\"")),
        1 => text,
        1 => number.prop_map(|it| it),
        1 => number.prop_map(|it| format!("\"{it}\"")),
        1 => prop::sample::select(&["null", "true", "false", "[]", "[\"a\"]", "{\"a\":[1]}", "\"\""][..])
            .prop_map(str::to_owned),
    ]
}

/// With valid proofs the fields themselves are reached.
#[test]
fn any_fields_get_an_answer() {
    let world = RefCell::new(World::new());
    let field = (prop::sample::select(&FIELDS[..]), json_value());
    let strategy =
        (prop::sample::select(&PATHS[..]), prop::collection::btree_map(field.0, field.1, 0..12));
    let result = runner(3_000).run(&strategy, |(path, fields)| {
        let fields: Vec<_> = fields.iter().map(|(name, it)| format!("\"{name}\":{it}")).collect();
        let body = format!("{{{}}}", fields.join(","));
        let key = if path == "/v1/balance" { "payment-key-1" } else { "payout-key-1" };
        let token = if path.starts_with("/v2") {
            "Token cc-withdraw-key"
        } else {
            "Bearer vy_golden_token"
        };
        let headers = [
            ("authorization", token),
            ("idempotency-key", path),
            ("merchant", "8b03432e-385b-4670-8d06-064591096795"),
            ("sign", &cryptomus_signature(body.as_bytes(), key)),
            ("x-api-public-key", "pub=="),
            ("x-api-signature", &hmac_hex("priv==", &body)),
        ];
        let answered = post(&mut world.borrow_mut(), path, &headers, &body);
        check(&answered.message);
        let refused = answered.refusal == Some(domain::command::Refusal::Unauthenticated);
        prop_assert!(!refused, "the proofs are valid");
        Ok(())
    });
    result.unwrap();
}
