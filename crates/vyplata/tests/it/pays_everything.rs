//! Every currency code of every API is paid, with the right asset, amount and address.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    api::{Api, Order, address_on},
    gateway::{Gateway, wait_for},
    http::{Connection, Request},
    ledger::Ledger,
};

/// The codes of all APIs and what they stand for.
const CODES: &str = include_str!("../../../catalog/tests/data/codes.csv");

/// One line of the list.
struct Code {
    api: Api,
    name: &'static str,
    asset_id: String,
    network: &'static str,
}

fn codes() -> Vec<Code> {
    let read = |line: &'static str| {
        let mut cells = line.split(',');
        let mut cell = || cells.next().unwrap();
        let (api, name) = cell().split_once(':').unwrap();
        let api = *Api::ALL.iter().find(|it| it.name() == api).unwrap();
        let (ticker, network) = (cell(), cell());
        Code { api, name, asset_id: format!("{ticker}@{network}"), network }
    };
    CODES.lines().skip(1).map(read).collect()
}

#[test]
fn every_currency_code_of_every_api_is_paid() {
    let codes = codes();
    let count = |api| codes.iter().filter(|it| it.api == api).count();
    let counts = [count(Api::CryptoCloud), count(Api::Cryptomus), count(Api::OnchainPay)];
    assert!(counts[0] == 42 && counts[1] >= 37 && counts[2] >= 15, "{counts:?}");
    let gateway = Gateway::sandbox();
    let ledger = Ledger::open(&gateway.data);
    let before = ledger.owned();
    let url = format!("{}/sandbox/webhooks", gateway.base());
    let mut connection = Connection::open(gateway.address).unwrap();
    let mut made = vec![];
    for (number, code) in codes.iter().enumerate() {
        // No two amounts are the same, so that a mix-up shows. This API pays only what is worth
        // more than twenty dollars.
        let whole = match (code.api, code.asset_id.split('@').next()) {
            (Api::OnchainPay, Some("TRX" | "POL")) => 121,
            (Api::OnchainPay, Some("BTC")) => 1,
            (Api::OnchainPay, _) => 21,
            (Api::Native | Api::CryptoCloud | Api::Cryptomus, _) => 1,
        };
        let amount = format!("{whole}.{:04}", 1_001 + number);
        let order = Order {
            code: code.name,
            amount: &amount,
            address: address_on(code.network),
            webhook_url: Some(&url),
            reference: &format!("everything-{number}"),
        };
        let request = code.api.create(&order);
        let reply = connection.send(&request).unwrap();
        assert_eq!(reply.status, 200, "{}: {}", code.name, reply.text());
        made.push((code, amount, code.api.id(&reply), request));
    }
    for (code, amount, id, request) in &made {
        let payout = gateway.wait_for_status(id, "paid");
        let name = format!("{:?} {}: {payout}", code.api, code.name);
        assert_eq!(payout["asset_id"], *code.asset_id, "{name}");
        assert_eq!(payout["network"], code.network, "{name}");
        assert_eq!(payout["amount"], amount.trim_end_matches('0'), "{name}");
        assert_eq!(payout["address"], address_on(code.network), "{name}");
        assert!(payout["txid"].as_str().is_some_and(|it| !it.is_empty()), "{name}");
        let word = if code.api == Api::OnchainPay { "PROCESSED" } else { "paid" };
        assert_eq!(status_word(&gateway, code, id, request), word, "{name}");
    }
    ledger.assert_settled(&before);
    assert_eq!(ledger.payouts().len(), made.len());
    let ids: BTreeMap<String, Api> = made.into_iter().map(|it| (it.2, it.0.api)).collect();
    assert_all_told(&gateway, &ids);
}

/// What the API itself says of the status, in its own word: where it has a call for one payout,
/// that call, otherwise the answer to the same request once more.
fn status_word(gateway: &Gateway, code: &Code, id: &str, request: &Request) -> String {
    let (request, at) = match code.api {
        Api::Native => (request.clone(), "/status"),
        Api::CryptoCloud => (request.clone(), "/result/status"),
        Api::Cryptomus => {
            let body = format!(r#"{{"uuid":"{id}"}}"#);
            (Api::Cryptomus.sign("/v1/payout/info", &body), "/result/status")
        }
        Api::OnchainPay => {
            let body = format!(r#"{{"id":"{id}"}}"#);
            let path = "/api-gateway/auto-withdrawals/get";
            (Api::OnchainPay.sign(path, &body), "/response/status")
        }
    };
    let answer = gateway.send(&request).json();
    answer.pointer(at).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Waits until the receiver was told of the end of every payout, and nothing is due any more.
fn assert_all_told(gateway: &Gateway, ids: &BTreeMap<String, Api>) {
    let told = |body: &str| {
        let body: Value = serde_json::from_str(body).ok()?;
        let text = |at: &str| body.pointer(at).and_then(Value::as_str).map(str::to_owned);
        let cryptocloud = (text("/status")? == "success").then(|| text("/invoice_info/uuid"));
        let cryptomus = (text("/status")? == "paid").then(|| text("/uuid"));
        let onchainpay = (text("/status")? == "PROCESSED").then(|| text("/id"));
        cryptocloud.or(cryptomus).or(onchainpay).flatten()
    };
    wait_for("every webhook is delivered", || {
        let webhooks = gateway.webhooks();
        let mut missing: Vec<&String> = ids.keys().collect();
        for id in webhooks.iter().filter_map(|it| told(&it.1)) {
            missing.retain(|it| **it != id);
        }
        missing.is_empty().then_some(())
    });
    let ledger = Ledger::open(&gateway.data);
    wait_for("nothing is due any more", || {
        let open = ledger.count("SELECT count(*) FROM deliveries WHERE state <> 'delivered'");
        (open == 0).then_some(())
    });
}
