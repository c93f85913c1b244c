//! Headers that could be read in two ways are refused by every dialect, and nothing is paid.

use domain::command::Refusal;

use crate::{
    vectors::{self, cryptomus_signature, hmac_hex},
    world::{Answered, World},
};

/// The header that names a request, and the APIs that take it.
const KEY: &str = "Idempotency-Key";
const KEY_PATHS: [&str; 3] =
    ["/vyplata/v1/payouts", "/v2/invoice/api/out/create", "/api-gateway/auto-withdrawals/create"];

const TRON: &str = "TNPeeaaFB7K9cmo4uQpcU32zGK8G1NYqeL";

/// A request that is accepted.
struct Good {
    path: &'static str,
    proofs: Vec<(&'static str, String)>,
    body: String,
}

/// A request that is accepted, one of each dialect.
fn good() -> [Good; 4] {
    let [native, cryptocloud, onchainpay] = KEY_PATHS;
    let text = format!(
        r#"{{"amount":"5","currency":"USDT","network":"TRON","order_id":"1","address":"{TRON}","is_subtract":true}}"#
    );
    let number = "8b03432e-385b-4670-8d06-064591096795".to_owned();
    let sign = cryptomus_signature(text.as_bytes(), "payout-key-1");
    let cryptomus =
        Good { path: "/v1/payout", proofs: vec![("merchant", number), ("sign", sign)], body: text };
    let text = format!(
        r#"{{"address":"{TRON}","currency":"USDT","network":"tron","amountTo":"50","nonce":1}}"#
    );
    let signature = hmac_hex("priv==", &text);
    let proofs = vec![("x-api-public-key", "pub==".to_owned()), ("x-api-signature", signature)];
    let onchainpay = Good { path: onchainpay, proofs, body: text };
    let native = Good {
        path: native,
        proofs: vec![("authorization", "Bearer vy_golden_token".to_owned())],
        body: format!(
            r#"{{"asset":"USDT@tron","amount":"5","address":"{TRON}","merchant_ref":"order-1"}}"#
        ),
    };
    let cryptocloud = Good {
        path: cryptocloud,
        proofs: vec![("authorization", "Token cc-withdraw-key".to_owned())],
        body: format!(r#"{{"currency_code":"USDT_TRC20","to_address":"{TRON}","amount":5}}"#),
    };
    [native, cryptocloud, cryptomus, onchainpay]
}

/// Sends a good request with these headers beside its own, to a new gateway.
fn ask(Good { path, proofs, body }: &Good, more: &[(&str, &str)]) -> Answered {
    let own = proofs.iter().map(|(name, value)| (*name, value.as_str()));
    let headers: Vec<_> = own.chain(more.iter().copied()).collect();
    let mut world = World::new();
    let answered = vectors::post(&mut world, path, &headers, body);
    assert_eq!((world.payout_count() == 0), answered.refusal.is_some(), "{path}");
    answered
}

fn assert_blames(answered: &Answered, name: &str) {
    let text = String::from_utf8_lossy(&answered.message.body);
    let found = &answered.refusal;
    let blamed = matches!(found, Some(Refusal::InvalidField { field, .. }) if *field == name);
    assert!(blamed, "{name}: {found:?}");
    assert!((400..500).contains(&answered.message.status) && text.contains(name), "{text}");
}

#[test]
fn a_header_that_comes_twice_is_refused() {
    let names = [
        "Authorization",
        "Content-Encoding",
        "Content-Type",
        "Idempotency-Key",
        "merchant",
        "sign",
        "x-api-public-key",
        "x-api-signature",
    ];
    for request in &good() {
        assert_eq!(ask(request, &[]).refusal, None);
        assert_eq!(ask(request, &[("x-other", "1"), ("x-other", "2")]).refusal, None);
        for name in names {
            for values in [["identity", "other"], ["identity", "identity"], ["", ""]] {
                assert_blames(&ask(request, &values.map(|it| (name, it))), name);
            }
            // The right value once more, as somebody in between might add it.
            for (_, value) in request.proofs.iter().filter(|it| it.0.eq_ignore_ascii_case(name)) {
                assert_blames(&ask(request, &[(name, value)]), name);
            }
        }
    }
}

#[test]
fn a_name_of_a_request_is_visible_ascii() {
    let long = "k".repeat(256);
    for request in good().iter().filter(|it| KEY_PATHS.contains(&it.path)) {
        assert_eq!(ask(request, &[(KEY, "~order-1!")]).refusal, None, "{}", request.path);
        for key in ["", "a b", "a\tb", "a\u{7f}", "a\u{fffd}", "\u{fffd}", "é", "ключ", &long]
        {
            assert_blames(&ask(request, &[(KEY, key)]), KEY);
        }
    }
}

#[test]
fn a_compressed_body_is_refused() {
    for request in &good() {
        for encoding in ["identity", "Identity", ""] {
            assert_eq!(ask(request, &[("content-encoding", encoding)]).refusal, None);
        }
        for encoding in ["gzip", "br", "identity, gzip", "\u{fffd}"] {
            let answered = ask(request, &[("content-encoding", encoding)]);
            assert_eq!(answered.refusal, Some(Refusal::UnsupportedMediaType), "{encoding}");
            assert!((400..500).contains(&answered.message.status));
        }
    }
}
