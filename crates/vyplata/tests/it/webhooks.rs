//! Webhooks: signed as each API documents, repeated until taken, and sent nowhere else.

use std::{collections::BTreeMap, net::TcpListener, thread};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::Value;

use crate::{
    api::{Api, Credentials, EVM_ADDRESS, Order, address_on, cryptomus_sign, hmac, hmac_hex},
    gateway::{Gateway, quiet_port, wait_for},
    ledger::Ledger,
    receiver::{Answer, Received, Receiver, idle_node},
    vyplata::Installation,
};

/// Checks a webhook as its API's documents tell merchants to, with nothing of the program's code.
fn verify(api: Api, credentials: &Credentials, signature: &str, body: &str) {
    let fields: Value = serde_json::from_str(body).unwrap();
    match api {
        Api::Native => {
            let (time, mac) = signature.split_once(",v1=").unwrap();
            let seconds = time.strip_prefix("t=").unwrap();
            assert!(seconds.parse::<u64>().unwrap() > 1_700_000_000, "{signature}");
            let signed = format!("{seconds}.{body}");
            assert_eq!(mac, hmac_hex(&credentials.native_token, signed.as_bytes()), "{body}");
        }
        Api::CryptoCloud => {
            let token = fields["token"].as_str().unwrap();
            let (signed, mac) = token.rsplit_once('.').unwrap();
            let expected = hmac(&credentials.cryptocloud_key, signed.as_bytes());
            assert_eq!(BASE64_URL_SAFE_NO_PAD.decode(mac).unwrap(), expected, "{body}");
            let part = |index| {
                let text = signed.split('.').nth(index).unwrap();
                let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).unwrap();
                serde_json::from_slice::<Value>(&bytes).unwrap()
            };
            assert_eq!(part(0)["alg"], "HS256");
            assert_eq!(part(1)["id"], fields["invoice_id"]);
            assert!(part(1)["exp"].as_u64().unwrap() > 1_700_000_000);
        }
        Api::Cryptomus => {
            let shown = fields["sign"].as_str().unwrap();
            // As in PHP: take the field out, encode the rest again, escape slashes.
            let mut rest = fields.as_object().unwrap().clone();
            rest.remove("sign");
            let again = Value::Object(rest).to_string().replace('/', "\\/");
            let expected = cryptomus_sign(again.as_bytes(), &credentials.cryptomus_payout_key);
            assert_eq!(shown, expected, "{body}");
            // As others do: cut the field out of the text.
            let cut = body.replace(&format!(",\"sign\":\"{shown}\""), "");
            assert_eq!(cut, again);
        }
        Api::OnchainPay => {
            let expected = hmac_hex(&credentials.onchainpay_private, body.as_bytes());
            assert_eq!(signature, expected, "{body}");
        }
    }
}

/// Which API a webhook is of, by its shape.
fn api_of(body: &str) -> Api {
    let fields: Value = serde_json::from_str(body).unwrap();
    let has = |name: &str| fields.get(name).is_some();
    match () {
        () if has("payout") => Api::Native,
        () if has("invoice_info") => Api::CryptoCloud,
        () if has("sign") => Api::Cryptomus,
        () => Api::OnchainPay,
    }
}

#[test]
fn every_webhook_of_the_sandbox_carries_its_documented_signature() {
    let gateway = Gateway::sandbox();
    let credentials = Credentials::sandbox();
    let url = format!("{}/sandbox/webhooks", gateway.base());
    for api in Api::ALL {
        let order = Order {
            code: api.usdt_on_tron(),
            amount: "25",
            address: address_on("tron"),
            webhook_url: Some(&url),
            reference: &format!("told-{}", api.name()),
        };
        let id = api.id(&gateway.send(&api.create(&order)));
        gateway.wait_for_status(&id, "paid");
    }
    // In order: sending, in a block, and paid; each API tells of its own part of these.
    let expected = [(Api::Native, 3), (Api::CryptoCloud, 1), (Api::Cryptomus, 2)];
    let expected = expected.into_iter().chain([(Api::OnchainPay, 2)]);
    let total = expected.clone().map(|it| it.1).sum();
    let webhooks =
        wait_for("all webhooks", || Some(gateway.webhooks()).filter(|it| it.len() >= total));
    for (api, count) in expected {
        let of_api: Vec<_> = webhooks.iter().filter(|it| api_of(&it.1) == api).collect();
        assert_eq!(of_api.len(), count, "{api:?}: {of_api:?}");
        for (signature, body) in of_api {
            verify(api, &credentials, signature, body);
        }
    }
}

#[test]
fn private_addresses_are_refused_and_the_refusal_is_shown() {
    let gateway = Gateway::sandbox();
    let elsewhere = Receiver::start(0, |_| ("200 OK".into(), String::new(), String::new()));
    let port = elsewhere.address.port();
    let urls = [
        format!("http://127.0.0.1:{port}/"),
        format!("http://localhost:{port}/"),
        format!("http://[::1]:{port}/"),
        format!("http://[::ffff:127.0.0.1]:{port}/"),
        format!("http://2130706433:{port}/"),
        "http://10.1.2.3/".to_owned(),
        "http://192.168.0.1/".to_owned(),
        "http://169.254.169.254/latest/meta-data".to_owned(),
        "http://0.0.0.0:80/".to_owned(),
    ];
    let installation = Installation::new(&format!("data = {:?}\n", gateway.data));
    let ids = urls.iter().enumerate().map(|(number, url)| {
        let order = Order {
            code: "USDT/tron",
            amount: "1",
            address: address_on("tron"),
            webhook_url: Some(url),
            reference: &format!("private-{number}"),
        };
        (url, Api::Native.id(&gateway.send(&Api::Native.create(&order))))
    });
    let ids: Vec<_> = ids.collect();
    for (url, id) in ids {
        gateway.wait_for_status(&id, "paid");
        let shown = wait_for(&format!("the refusal of {url}"), || {
            let shown = installation.ok(&["payout", "show", &id]);
            shown.contains("not sent:").then_some(shown)
        });
        assert!(shown.contains(url.as_str()), "{shown}");
        assert!(!shown.contains("delivered"), "{shown}");
    }
    assert!(elsewhere.at("/").is_empty(), "the guard let something through");
}

/// A merchant's receiver that sends some webhooks elsewhere, fails on some, and takes the rest.
fn merchant(received: &Received) -> Answer {
    let (status, headers, body) = match received.path.as_str() {
        "/redirect" => ("307 Temporary Redirect", "location: /elsewhere\r\n", String::new()),
        "/long" => ("200 OK", "", "x".repeat(1_000_000)),
        _ => ("200 OK", "", "ok".to_owned()),
    };
    (status.to_owned(), headers.to_owned(), body)
}

/// Where the payouts of the test below send their webhooks, by what they are about.
const PATHS: [(Api, &str); 6] = [
    (Api::Native, "/native"),
    (Api::CryptoCloud, "/merchant"),
    (Api::Cryptomus, "/cryptomus"),
    (Api::OnchainPay, "/onchainpay"),
    (Api::Native, "/redirect"),
    (Api::Native, "/long"),
];

fn ether(api: Api) -> &'static str {
    match api {
        Api::Native | Api::OnchainPay => "ETH/ethereum",
        Api::CryptoCloud => "ETH",
        Api::Cryptomus => "ETH/ETH",
    }
}

/// Creates one payout for each path, and withdraws it.
fn make_and_cancel(
    installation: &Installation,
    gateway: &Gateway,
    credentials: &Credentials,
    base: &str,
) -> BTreeMap<&'static str, String> {
    let mut ids = BTreeMap::new();
    // The first payout waits for its wallet, and the others wait for the first.
    for (api, path) in [(Api::Native, "/plug")].into_iter().chain(PATHS) {
        let url = format!("{base}{path}");
        let order = Order {
            code: ether(api),
            amount: "0.5",
            address: EVM_ADDRESS,
            webhook_url: Some(&url),
            reference: path.trim_start_matches('/'),
        };
        let body = api.body(&order).raw("nonce", "1").json();
        let body = if api == Api::Native { api.body(&order).json() } else { body };
        let reply = gateway.send(&credentials.sign(api, api.path(), &body));
        ids.insert(path, api.id(&reply));
        if path == "/plug" {
            let ledger = Ledger::open(&gateway.data);
            let sql = "SELECT count(*) FROM batches WHERE closed = 0";
            wait_for("the plug is in a batch", || (ledger.count(sql) == 1).then_some(()));
        }
    }
    for (path, id) in ids.iter().filter(|it| *it.0 != "/plug") {
        let said = installation.ok(&["payout", "cancel", id]);
        assert!(said.contains("is cancelled"), "{path}: {said}");
    }
    ids
}

#[test]
fn a_receiver_that_was_down_is_told_later_and_redirects_are_not_followed() {
    let port = quiet_port(1);
    let base = format!("http://127.0.0.1:{port}");
    let node = Receiver::start(0, idle_node);
    let allow = format!("[rates]\nETH = \"3000\"\n[webhooks]\nallow = [\"127.0.0.1:{port}\"]\n");
    let installation = Installation::new(&Installation::ethereum(node.address, &allow));
    installation.ok(&["keys", "init"]);
    let credentials =
        installation.merchant(&["shop", "--webhook-url", &format!("{base}/merchant")]);
    let gateway = installation.serve_all_the_same();
    installation.ok(&["fund", "ETH@ethereum", "100", "--merchant", "shop"]);
    let ids = make_and_cancel(&installation, &gateway, &credentials, &base);
    let show = |path: &str| installation.ok(&["payout", "show", &ids[path]]);
    for (_, path) in PATHS {
        wait_for(&format!("{path} is tried"), || show(path).contains("no answer:").then_some(()));
    }
    assert!(TcpListener::bind(("127.0.0.1", port)).is_ok(), "nobody was listening");
    let receiver = Receiver::start(port, merchant);
    for (api, path) in PATHS {
        let received = wait_for(&format!("{path} is told"), || receiver.at(path).pop());
        assert_eq!(received.header("content-type"), "application/json");
        let header = match api {
            Api::Native => "vyplata-signature",
            Api::OnchainPay => "x-api-signature",
            Api::CryptoCloud | Api::Cryptomus => "none",
        };
        let body = String::from_utf8(received.body.clone()).unwrap();
        assert_eq!(api_of(&body), api);
        verify(api, &credentials, received.header(header), &body);
        if api == Api::OnchainPay {
            assert_eq!(received.header("x-api-public-key"), credentials.onchainpay_public);
        }
        let word = if path == "/redirect" { "HTTP 307" } else { "delivered, tries 2, HTTP 200" };
        wait_for(&format!("{path} says {word}"), || show(path).contains(word).then_some(()));
    }
    assert!(show("/redirect").contains(": due "), "a redirect is no acknowledgement");
    assert!(receiver.at("/elsewhere").is_empty(), "a redirect was followed");
    let ledger = Ledger::open(&gateway.data);
    ledger.assert_balanced();
    let statuses: Vec<String> = ledger.payouts().into_iter().map(|it| it.status).collect();
    assert_eq!(statuses.iter().filter(|it| *it == "cancelled").count(), PATHS.len());
}

/// Never answers.
fn silent(_: &Received) -> Answer {
    loop {
        thread::park();
    }
}

#[test]
fn a_receiver_that_does_not_answer_delays_nobody_elses_webhooks() {
    let (node, deaf) = (Receiver::start(0, idle_node), Receiver::start(0, silent));
    let receiver = Receiver::start(0, merchant);
    let [deaf, base] = [&deaf, &receiver].map(|it| it.address);
    let allow = format!("[rates]\nETH = \"3000\"\n[webhooks]\nallow = [\"{deaf}\", \"{base}\"]\n");
    let installation = Installation::new(&Installation::ethereum(node.address, &allow));
    installation.ok(&["keys", "init"]);
    let url = format!("http://{base}/merchant");
    let credentials = installation.merchant(&["shop", "--webhook-url", &url]);
    let mut gateway = installation.serve_all_the_same();
    installation.ok(&["fund", "ETH@ethereum", "100", "--merchant", "shop"]);
    make_and_cancel(&installation, &gateway, &credentials, &format!("http://{base}"));
    wait_for("one is told", || receiver.at("/native").pop());
    gateway.kill();
    // More than are looked at in a turn, and one that is due after all of them.
    let hand = rusqlite::Connection::open(gateway.data.join("vyplata.db")).unwrap();
    let copy = "WITH RECURSIVE copies (copy) AS \
                    (SELECT ?2 UNION ALL SELECT copy + 1 FROM copies WHERE copy < ?3) \
                INSERT INTO deliveries SELECT payout, copy, ?1, status, txid, occurred_at, 'due', 0, \
                    copy, '', body, 1 \
                FROM (SELECT * FROM deliveries WHERE url LIKE '%/native'), copies";
    let silent = format!("http://{deaf}/");
    assert_eq!(hand.execute(copy, (silent, 100, 20_099)), Ok(20_000));
    assert_eq!(hand.execute(copy, (format!("http://{base}/late"), 30_000, 30_000)), Ok(1));
    drop(hand);
    let _gateway = installation.serve_all_the_same();
    wait_for("the other one is told", || receiver.at("/late").pop());
}

#[test]
fn a_merchant_of_a_real_gateway_must_send_nonces() {
    let node = Receiver::start(0, idle_node);
    let installation = Installation::new(&Installation::ethereum(node.address, ""));
    installation.ok(&["keys", "init"]);
    let credentials = installation.merchant(&["shop"]);
    let gateway = installation.serve();
    let body = Api::OnchainPay.body(&Order {
        code: "ETH/ethereum",
        amount: "0.5",
        address: EVM_ADDRESS,
        webhook_url: None,
        reference: "",
    });
    let path = Api::OnchainPay.path();
    let reply = gateway.send(&credentials.sign(Api::OnchainPay, path, &body.json()));
    assert_eq!((reply.status, &reply.json()["error"]["name"]), (400, &"NONCE_REQUIRED".into()));
    assert!(Ledger::open(&gateway.data).payouts().is_empty());
}
