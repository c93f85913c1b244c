//! Limits on requests, answered in the shape of each API.
//!
//! Where a limit gives requests back with time, they come back so slowly that a test which is held
//! up sees the same, or the test goes on asking until it has met the limit.

use serde_json::{Value, json};

use crate::{
    api::{Api, Body, Credentials, EVM_ADDRESS, Order},
    gateway::{Gateway, wait_for},
    http::{Connection, Reply, Request},
    ledger::Ledger,
    receiver::{Receiver, idle_node},
    vyplata::Installation,
};

/// A gateway with a table of limits, and the credentials of its merchant `shop`.
struct Limited {
    installation: Installation,
    gateway: Gateway,
    shop: Credentials,
    _node: Receiver,
}

fn start(config: &str) -> Limited {
    let node = Receiver::start(0, idle_node);
    let installation = Installation::new(&Installation::ethereum(node.address, config));
    installation.ok(&["keys", "init"]);
    let shop = installation.merchant(&["shop"]);
    let gateway = installation.serve_all_the_same();
    Limited { installation, gateway, shop, _node: node }
}

impl Limited {
    fn metric(&self, dialect: &str, limit: &str) -> Option<u64> {
        let name =
            format!("vyplata_requests_limited_total{{dialect=\"{dialect}\",limit=\"{limit}\"}} ");
        let text = self.gateway.send(&Request::get("/metrics")).text();
        text.lines().find_map(|it| it.strip_prefix(&name)).map(|it| it.parse().unwrap())
    }

    /// Asks over one connection, as fast as it goes, until the answer is that it was too often.
    fn until_limited(&self, mut request: impl FnMut(u32) -> Request) -> (Request, Reply) {
        let mut connection = Connection::open(self.gateway.address).unwrap();
        for number in 0..200 {
            let asked = request(number);
            let reply = connection.send(&asked).unwrap();
            if reply.status == 429 {
                assert_eq!(reply.header("retry-after"), Some("1"));
                return (asked, reply);
            }
        }
        panic!("200 requests met no limit");
    }
}

fn ether<'a>(code: &'a str, reference: &'a str) -> Order<'a> {
    Order { code, amount: "0.5", address: EVM_ADDRESS, webhook_url: None, reference }
}

/// A request to `CryptoCloud`'s API for half an ether.
fn withdraw(credentials: &Credentials, reference: &str, amount: &str) -> Request {
    let body = Api::CryptoCloud.body(&Order { amount, ..ether("ETH", reference) });
    credentials.sign(Api::CryptoCloud, Api::CryptoCloud.path(), &body.json())
}

fn is_spaced(reply: &Reply) -> bool {
    let spaced = json!({ "status": "error", "result": { "rate_limit": "Request limit exceeded." }});
    reply.status == 400 && reply.json() == spaced
}

#[test]
fn an_address_has_no_more_connections_than_it_may_have() {
    let it = start("[requests]\nper_address_connections = 2");
    let (address, request) = (it.gateway.address, Request::get("/healthz"));
    let open = || {
        let mut connection = Connection::open(address).ok()?;
        connection.send(&request).ok().map(|_| connection)
    };
    // Those that the test needed before may take a moment to be gone.
    let mut first = wait_for("a place", open);
    let second = wait_for("another place", open);
    assert!(open().is_none(), "a third one is closed");
    let metrics = first.send(&Request::get("/metrics")).unwrap().text();
    let refused =
        metrics.lines().find_map(|it| it.strip_prefix("vyplata_connections_refused_total "));
    assert!(refused.is_some_and(|it| it != "0"), "{refused:?}");
    drop(second);
    wait_for("the place of one that is gone", open);
    assert_eq!(first.send(&request).unwrap().status, 200);
}

#[test]
fn cryptocloud_withdrawals_of_a_key_are_12_seconds_apart() {
    let it = start("");
    let other = it.installation.merchant(&["other"]);
    it.installation.ok(&["fund", "ETH@ethereum", "100", "--merchant", "shop"]);
    let send = |credentials: &Credentials, reference: &str, amount: &str| {
        it.gateway.send(&withdraw(credentials, reference, amount))
    };
    let first = Api::CryptoCloud.id(&send(&it.shop, "one", "0.5"));
    let second = send(&it.shop, "two", "0.5");
    assert!(is_spaced(&second), "{}", second.text());
    let wait_s: u64 = second.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=12).contains(&wait_s), "{wait_s}");
    // Whoever lost the answer asks again, and is answered.
    assert_eq!(Api::CryptoCloud.id(&send(&it.shop, "one", "0.5")), first);
    let changed = send(&it.shop, "one", "0.6");
    assert!(changed.json()["result"]["validate_error"].is_string(), "{}", changed.text());
    // Nobody else is held up: neither another key, nor the same merchant in another API.
    let poor = send(&other, "three", "0.5");
    assert!(poor.json()["result"]["uncorrected_amount"].is_string(), "{}", poor.text());
    assert!(is_spaced(&send(&other, "three", "0.5")), "what the ledger refuses counts");
    for reference in ["four", "five"] {
        let body = Api::Native.body(&ether("ETH/ethereum", reference)).json();
        let reply = it.gateway.send(&it.shop.sign(Api::Native, Api::Native.path(), &body));
        assert_eq!(reply.status, 201, "{}", reply.text());
    }
    assert_eq!(it.metric("cryptocloud", "spacing"), Some(2));
    assert_eq!(Ledger::open(&it.gateway.data).payouts().len(), 3);
}

#[test]
fn a_sandbox_is_limited_on_demand() {
    let directory = tempfile::tempdir().unwrap();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_vyplata"));
    command.args(["sandbox", "--limits", "--no-examples", "--listen", "127.0.0.1:0", "--data"]);
    command.arg(directory.path());
    let limited = Gateway::start(command, directory.path());
    let credentials = Credentials::sandbox();
    assert_eq!(limited.send(&withdraw(&credentials, "one", "0.5")).status, 200);
    assert!(is_spaced(&limited.send(&withdraw(&credentials, "two", "0.5"))));
}

#[test]
fn a_credential_has_its_rate() {
    let it = start("[requests]\nper_key_per_second = 1\nper_key_burst = 2\n");
    let info = Body::default().text("order_id", "none").json();
    let ask = |api: Api, path: &str, body: &str| it.shop.sign(api, path, body);
    let (_, reply) = it.until_limited(|_| ask(Api::Cryptomus, "/v1/payout/info", &info));
    assert_eq!(reply.json(), json!({ "state": 1, "message": "Too Many Attempts." }));
    // A request that came too early has not used up its nonce.
    let balances = |number: u32| {
        let body = Body::default().raw("nonce", &number.to_string()).json();
        ask(Api::OnchainPay, "/api-gateway/advanced-balances", &body)
    };
    let (asked, reply) = it.until_limited(balances);
    assert_eq!(reply.json()["success"], Value::Bool(false));
    assert_eq!(reply.json()["error"]["name"], "TOO_MANY_REQUESTS");
    wait_for("the request is taken", || {
        let reply = it.gateway.send(&asked);
        assert!(matches!(reply.status, 200 | 429), "{}", reply.text());
        (reply.status == 200).then_some(())
    });
    // Whoever cannot sign does not spend what the credential has left.
    let forged = Request::get("/vyplata/v1/balances").header("authorization", "Bearer no");
    for _ in 0..5 {
        assert_eq!(it.gateway.send(&forged).status, 401);
    }
    let token = format!("Bearer {}", it.shop.native_token);
    let good = Request::get("/vyplata/v1/balances").header("authorization", &token);
    assert_eq!(it.gateway.send(&good).status, 200);
    assert!(it.metric("cryptomus", "key").is_some_and(|it| it >= 1));
}

#[test]
fn failures_are_limited_by_address_and_good_keys_are_not() {
    let it = start("trusted_proxies = [\"127.0.0.0/8\"]\n[requests]\nfailures_per_minute = 3\n");
    let ask = |token: &str, forwarded: &str| {
        let request = Request::get("/vyplata/v1/balances");
        let request = request.header("authorization", &format!("Bearer {token}"));
        it.gateway.send(&request.header("x-forwarded-for", forwarded))
    };
    let statuses: Vec<u16> = (0..5)
        .map(|number| ask(&format!("guess-{number}"), &format!("6.6.6.{number}, 1.1.1.1")).status)
        .collect();
    assert_eq!(statuses, [401, 401, 401, 429, 429], "what a client claims does not help it");
    let limited = ask("guess", "1.1.1.1");
    assert_eq!(limited.json()["error"]["code"], "rate_limited");
    assert!(limited.header("retry-after").is_some());
    assert_eq!(ask(&it.shop.native_token, "1.1.1.1").status, 200, "a good key from there");
    assert_eq!(ask("guess", "1.1.1.2").status, 401, "another address");
    assert_eq!(it.metric("native", "failures"), Some(3));
}

#[test]
fn an_address_has_its_rate_whatever_it_shows() {
    let it = start("[requests]\nper_address_per_second = 1\nper_address_burst = 2\n");
    let ask = |number: u32| {
        let token = format!("Bearer {}", it.shop.native_token);
        let request = Request::post("/vyplata/v1/payouts", "{}").header("authorization", &token);
        request.header("x-forwarded-for", &format!("1.1.1.{}", number % 256))
    };
    let (_, reply) = it.until_limited(ask);
    assert_eq!(reply.json()["error"]["code"], "rate_limited");
    assert!(it.metric("native", "address").is_some_and(|it| it >= 1));
    it.gateway.assert_healthy();
}
