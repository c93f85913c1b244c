//! Signatures that were made by other programs, and webhooks checked as receivers check them.

use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use dialects::{Caller, DIALECTS, Message, NewKey, Outcome, Request};
use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};
use serde_json::Value;
use sha2::Sha256;

use crate::world::{Answered, World};

const TRON: &str = "TNPeeaaFB7K9cmo4uQpcU32zGK8G1NYqeL";

/// Asks with these headers, all of which a dialect may need.
pub(crate) fn post(
    world: &mut World,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Answered {
    let json = [("content-type", "application/json")];
    let headers: Vec<(String, String)> = headers
        .iter()
        .chain(&json)
        .map(|(name, value)| (name.to_ascii_lowercase(), (*value).to_owned()))
        .collect();
    let request = Request {
        method: "POST",
        path,
        query: "",
        headers: &headers,
        body: body.as_bytes(),
        client: None,
    };
    world.ask(&request)
}

/// Signs as the provider's documentation says.
pub(crate) fn cryptomus_signature(body: &[u8], key: &str) -> String {
    hex::encode(Md5::digest(format!("{}{key}", BASE64_STANDARD.encode(body))))
}

/// The HMAC-SHA256 of a text, in hexadecimal.
pub(crate) fn hmac_hex(key: &str, message: &str) -> String {
    hex::encode(hmac(key, message))
}

fn hmac(key: &str, message: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("HMAC takes any key");
    mac.update(message.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

const NUMBER: &str = "8b03432e-385b-4670-8d06-064591096795";

/// Made by Python 3.11 with its standard library:
/// `hashlib.md5(base64.b64encode(body) + b"payout-key-1").hexdigest()`, the body as PHP's
/// `json_encode` prints the documentation's sample.
#[test]
fn cryptomus_takes_what_python_signed() {
    let body = r#"{"amount":"5","currency":"USDT","network":"TRON","order_id":"1","address":"TDD97yguPESTpcrJMqU6h2ozZbibv4Vaqm","url_callback":"https:\/\/your.site\/callback","is_subtract":"1"}"#;
    let headers = [("merchant", NUMBER), ("sign", "b760e3bbfc6dacdd5ba232684986a723")];
    let answered = post(&mut World::new(), "/v1/payout", &headers, body);
    assert_eq!(answered.refusal, None);
    // `hashlib.md5(b"payment-key-1").hexdigest()`: the documentation's rule for no parameters.
    let headers = [("merchant", NUMBER), ("sign", "4a4163963636f26ed3a5f36128c6e163")];
    assert_eq!(post(&mut World::new(), "/v1/balance", &headers, "").refusal, None);
}

/// Made by Python 3.11: `hmac.new(b"priv==", body, hashlib.sha256).hexdigest()`, the body as its
/// `json.dumps` prints it.
#[test]
fn onchainpay_takes_what_python_signed() {
    let body = r#"{"address": "1CGuTUAx7icKniPVKGiyiT7QLycpkxULLP", "currency": "BTC", "network": "bitcoin", "amountFrom": "500", "nonce": 1749475091513}"#;
    let signature = "5fec9f50775d374ac89c515fa27c494cb8fffffbfb3bd7b14dc052cf078dca6a";
    let headers = [("x-api-public-key", "pub=="), ("x-api-signature", signature)];
    let path = "/api-gateway/auto-withdrawals/create";
    let answered = post(&mut World::new(), path, &headers, body);
    assert_eq!(answered.refusal, None);
    let mut wrong = body.to_owned();
    wrong.push(' ');
    assert!(post(&mut World::new(), path, &headers, &wrong).refusal.is_some());
}

/// Made by `printf %s cc-withdraw-key | sha256sum`.
#[test]
fn tokens_are_looked_up_by_their_hash() {
    let dialect = dialects::dialect("cryptocloud").unwrap();
    let key = dialect.adopt_key("payout", "", "cc-withdraw-key").unwrap();
    assert_eq!(key.lookup, "8f643e570b611111e434f332fcf9f1df1153e26e12d76e957e1070c38ab892ae");
}

fn cryptomus_webhook() -> String {
    let body = format!(
        r#"{{"amount":"5","currency":"USDT","network":"TRON","order_id":"жук","address":"{TRON}","is_subtract":"1","url_callback":"https://a.b/c"}}"#
    );
    let signature = cryptomus_signature(body.as_bytes(), "payout-key-1");
    let mut world = World::new();
    let headers = [("merchant", NUMBER), ("sign", signature.as_str())];
    assert_eq!(post(&mut world, "/v1/payout", &headers, &body).refusal, None);
    // No network names a transaction so; the slashes are what matters.
    world.move_last("paid a/b/c");
    let message = world.tell_last("").expect("the merchant is told");
    String::from_utf8(message.body).expect("it is text")
}

/// Receivers in PHP and in Python decode the webhook, take the signature out, and encode the rest
/// as PHP does.
#[test]
fn cryptomus_webhooks_verify_after_encoding_again() {
    let body = cryptomus_webhook();
    let mut value: Value = serde_json::from_str(&body).unwrap();
    let Some(Value::String(signature)) = value.as_object_mut().unwrap().shift_remove("sign") else {
        panic!("{body}");
    };
    let encoded = value.to_string().replace('/', "\\/");
    assert!(encoded.contains("жук") && encoded.contains("a\\/b\\/c"), "{encoded}");
    assert_eq!(cryptomus_signature(encoded.as_bytes(), "payout-key-1"), signature);
}

/// Others cut the signature out of the text.
#[test]
fn cryptomus_webhooks_verify_after_cutting() {
    let body = cryptomus_webhook();
    let (start, rest) = body.split_once(",\"sign\":\"").unwrap();
    let (signature, end) = rest.split_once('"').unwrap();
    let cut = format!("{start}{end}");
    assert_eq!(cryptomus_signature(cut.as_bytes(), "payout-key-1"), signature);
}

fn header<'a>(message: &'a Message, name: &str) -> &'a str {
    &message.headers.iter().find(|it| it.0 == name).expect("it has this header").1
}

#[test]
fn onchainpay_webhooks_verify_over_the_raw_body() {
    let body = format!(
        r#"{{"address":"{TRON}","currency":"USDT","network":"tron","amountTo":"50","webhookUrl":"https://a.b/c","nonce":"x"}}"#
    );
    let signature = hmac_hex("priv==", &body);
    let headers = [("x-api-public-key", "pub=="), ("x-api-signature", signature.as_str())];
    let mut world = World::new();
    post(&mut world, "/api-gateway/auto-swaps/create", &headers, &body);
    world.move_last("paid t");
    let message = world.tell_last("").unwrap();
    let sent = std::str::from_utf8(&message.body).unwrap();
    assert_eq!(header(&message, "x-api-signature"), hmac_hex("priv==", sent));
    assert_eq!(header(&message, "x-api-public-key"), "pub==");
}

/// One published receiver insists that the token is for the invoice it came with.
#[test]
fn cryptocloud_postbacks_carry_a_token_for_their_invoice() {
    let body = format!(r#"{{"currency_code":"USDT_TRC20","to_address":"{TRON}","amount":5}}"#);
    let mut world = World::new();
    let headers = [("authorization", "Token cc-withdraw-key")];
    post(&mut world, "/v2/invoice/api/out/create", &headers, &body);
    world.move_last("paid t");
    let sent: Value = serde_json::from_slice(&world.tell_last("").unwrap().body).unwrap();
    let token = sent["token"].as_str().unwrap();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let expected = BASE64_URL_SAFE_NO_PAD.encode(hmac("cc-withdraw-key", signed));
    assert_eq!(signature, expected);
    let part = |index| {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(signed.split('.').nth(index).unwrap()).unwrap();
        serde_json::from_slice::<Value>(&bytes).unwrap()
    };
    assert_eq!(part(0)["alg"], "HS256");
    assert_eq!(part(1)["id"], sent["invoice_id"]);
    assert_eq!(part(1)["exp"], 1_767_323_045 + 300);
    let uuid = sent["invoice_info"]["uuid"].as_str().unwrap();
    assert_eq!(uuid, format!("INV-{}", sent["invoice_id"].as_str().unwrap()));
}

/// Made by Python 3.11: `base64.urlsafe_b64encode` without padding of `json.dumps` without spaces and
/// of `hmac.new(b"cc-withdraw-key", ..., hashlib.sha256).digest()`. `PyJWT` 2.15 reads it.
#[test]
fn cryptocloud_tokens_are_those_that_python_makes() {
    let token = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9\
                 .eyJpZCI6IlIzVTJHRDZXIiwiZXhwIjoxNzY3MzIzMzQ1fQ\
                 .qmKFTWXfPDdnwYTkOENFWL7WuevPvYH9g63aTRKCgyM";
    let body = format!(r#"{{"currency_code":"USDT_TRC20","to_address":"{TRON}","amount":5}}"#);
    let mut world = World::new();
    let headers = [("authorization", "Token cc-withdraw-key")];
    post(&mut world, "/v2/invoice/api/out/create", &headers, &body);
    world.move_last("paid t");
    let sent: Value = serde_json::from_slice(&world.tell_last("").unwrap().body).unwrap();
    assert_eq!((&sent["invoice_id"], &sent["token"]), (&"R3U2GD6W".into(), &token.into()));
}

/// What is too much to add up is refused, not added up in part.
#[test]
fn cryptocloud_statistics_are_whole_or_none() {
    let world = World::new();
    let body = br#"{"start": "01.01.2026", "end": "31.12.2026"}"#;
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let headers = [
        header("authorization", "Token cc-project-key"),
        header("content-type", "application/json"),
    ];
    let path = "/v2/invoice/merchant/statistics";
    let request =
        Request { method: "POST", path, query: "", headers: &headers, body, client: None };
    let dialect = dialects::dialect("cryptocloud").unwrap();
    let call = dialect.decode(&request, &world.callers, &world.context()).unwrap();
    let answer = |more| {
        let outcome = Outcome::Payouts { page: vec![], more, available: vec![] };
        dialect.encode(&call, &outcome, &world.context())
    };
    assert_eq!((answer(false).status, answer(true).status), (200, 400));
    let text = String::from_utf8(answer(true).body).unwrap();
    assert!(text.contains("shorten the period") && !text.contains("count"), "{text}");
}

#[test]
fn native_webhooks_are_signed_with_their_time() {
    let body =
        format!(r#"{{"asset":"USDT@tron","amount":"5","address":"{TRON}","merchant_ref":"1"}}"#);
    let mut world = World::new();
    let headers = [("authorization", "Bearer vy_golden_token")];
    post(&mut world, "/vyplata/v1/payouts", &headers, &body);
    world.move_last("paid t");
    let message = world.tell_last("").unwrap();
    let sent = std::str::from_utf8(&message.body).unwrap();
    let expected = hmac_hex("vy_golden_token", &format!("1767323045.{sent}"));
    let signature = header(&message, "vyplata-signature");
    assert_eq!(signature, format!("t=1767323045,v1={expected}"));
}

fn draw(dialect: &str) -> Vec<NewKey> {
    let mut count = 0u8;
    let mut random = |length| {
        count += 1;
        vec![count; length]
    };
    dialects::dialect(dialect).expect("there is one").draw_keys(&mut random)
}

fn use_key(world: &mut World, dialect: &str, key: &NewKey) {
    let mut caller: Caller = world.callers[0].clone();
    caller.key.revoked_at = None;
    caller.key.dialect = domain::ids::DialectId::new(dialect);
    key.role.clone_into(&mut caller.key.role);
    caller.key.lookup.clone_from(&key.lookup);
    caller.secret.clone_from(&key.secret);
    world.callers = vec![caller];
}

#[test]
fn drawn_credentials_open_the_door_and_no_other_does() {
    let drawn = draw("cryptomus");
    let [payout, payment] = drawn.as_slice() else { panic!("two keys") };
    assert_eq!((payout.role, payment.role), ("payout", "payment"));
    assert!(payout.lookup == payment.lookup && payout.secret != payment.secret);
    let mut world = World::new();
    use_key(&mut world, "cryptomus", payment);
    let signature = cryptomus_signature(b"{}", &payment.secret);
    let headers = [("merchant", payment.lookup.as_str()), ("sign", signature.as_str())];
    assert_eq!(post(&mut world, "/v1/balance", &headers, "{}").refusal, None);
    assert!(post(&mut world, "/v1/payout/info", &headers, "{}").refusal.is_some());
    world.callers[0].key.revoked_at = Some(domain::Timestamp(1));
    assert!(post(&mut world, "/v1/balance", &headers, "{}").refusal.is_some());

    let [key] = <[NewKey; 1]>::try_from(draw("onchainpay")).unwrap();
    use_key(&mut world, "onchainpay", &key);
    let signature = hmac_hex(&key.secret, r#"{"nonce":1}"#);
    let headers = [("x-api-public-key", key.lookup.as_str()), ("x-api-signature", &signature)];
    let path = "/api-gateway/advanced-balances";
    assert_eq!(post(&mut world, path, &headers, r#"{"nonce":1}"#).refusal, None);

    for (dialect, scheme, path) in [
        ("native", "Bearer", "/vyplata/v1/payouts/x/cancel"),
        ("cryptocloud", "Token", "/v2/invoice/api/out/create"),
    ] {
        let key = draw(dialect).remove(0);
        use_key(&mut world, dialect, &key);
        let header = format!("{scheme} {}", *key.secret);
        let answer = post(&mut world, path, &[("authorization", &header)], "{}").message;
        assert!(!matches!(answer.status, 401) && !answer.body.windows(5).any(|it| it == b"Unaut"));
        let other = post(&mut world, path, &[("authorization", &header[..40])], "{}");
        assert_eq!(other.refusal, Some(domain::command::Refusal::Unauthenticated));
    }
}

#[test]
fn credentials_that_prove_nothing_are_not_taken_over() {
    for dialect in DIALECTS {
        for (role, public, secret) in [
            ("payout", "", ""),
            ("payout", "x", ""),
            ("owner", "", "12345678"),
            ("", "x", "12345678"),
        ] {
            assert!(dialect.adopt_key(role, public, secret).is_none(), "{}", dialect.name());
        }
    }
    assert!(dialects::dialect("cryptomus").unwrap().adopt_key("payout", "", "12345678").is_none());
}

#[test]
fn webhooks_are_tried_as_long_as_their_dialects_say() {
    let total = |name: &str| {
        let dialect = dialects::dialect(name).unwrap();
        let delays = (1..).map_while(|tries| dialect.retry_delay_ms(tries));
        let (count, sum) = delays.fold((0, 0), |(count, sum), delay| (count + 1, sum + delay));
        (count, sum / 1_000, dialect.acknowledges(204))
    };
    assert_eq!(total("native"), (7, 99_305, true));
    assert_eq!(total("cryptocloud"), (7, 99_305, true));
    assert_eq!(total("cryptomus"), (13, 81_910, false));
    assert_eq!(total("onchainpay"), (18, 60 + 9_000 + 28_800 + 129_600, false));
    for dialect in DIALECTS {
        assert_eq!(dialect.retry_delay_ms(u16::MAX), None);
        assert_eq!(dialect.retry_delay_ms(0), dialect.retry_delay_ms(1));
        assert!(dialect.acknowledges(200) && !dialect.acknowledges(302));
    }
}
