//! Every code that the providers document leads to its row of the catalog.

use dialects::Action;

use crate::{
    vectors::{cryptomus_signature, hmac_hex, post},
    world::World,
};

/// Columns: the provider and its code, asset, network.
const CODES: &str = include_str!("../../../catalog/tests/data/codes.csv");

/// Asks for a payout of a code, and returns the asset it was understood as and the note.
fn ask(world: &mut World, provider: &str, code: &str) -> (String, String) {
    let (currency, network) = code.split_once('/').unwrap_or((code, ""));
    let (path, body) = match provider {
        "cryptocloud" => (
            "/v2/invoice/api/out/create",
            format!(r#"{{"currency_code":"{code}","to_address":"x","amount":1}}"#),
        ),
        "cryptomus" => (
            "/v1/payout",
            format!(
                r#"{{"amount":"1","currency":"{currency}","network":"{network}","order_id":"1",
                "address":"x","is_subtract":true}}"#
            ),
        ),
        "onchainpay" => (
            "/api-gateway/auto-withdrawals/create",
            format!(
                r#"{{"address":"x","currency":"{currency}","network":"{network}",
                "amountTo":"1","nonce":"{code}"}}"#
            ),
        ),
        other => panic!("no dialect is called {other}"),
    };
    let headers = [
        ("authorization", "Token cc-withdraw-key"),
        ("merchant", "8b03432e-385b-4670-8d06-064591096795"),
        ("sign", &cryptomus_signature(body.as_bytes(), "payout-key-1")),
        ("x-api-public-key", "pub=="),
        ("x-api-signature", &hmac_hex("priv==", &body)),
    ];
    let answered = post(world, path, &headers, &body);
    let Some(Action::Create(create)) = answered.action else {
        panic!("{provider} {code}: {:?}", answered.refusal);
    };
    (create.asset.to_string(), create.note)
}

#[test]
fn every_documented_code_is_in_the_catalog() {
    let mut world = World::new();
    let mut counts = [0; 3];
    for line in CODES.lines().skip(1) {
        let columns: Vec<&str> = line.split(',').collect();
        let (provider, code) = columns[0].split_once(':').unwrap();
        let (asset, note) = ask(&mut world, provider, code);
        assert_eq!(asset, format!("{}@{}", columns[1], columns[2]), "{line}");
        if provider == "cryptomus" {
            let (currency, network) = code.split_once('/').unwrap();
            assert!(note.contains(&format!("\"{currency}\"")), "{note}");
            assert!(note.contains(&format!("\"{network}\"")), "{note}");
        }
        let providers = ["cryptocloud", "cryptomus", "onchainpay"];
        counts[providers.iter().position(|it| *it == provider).unwrap()] += 1;
    }
    assert_eq!(counts, [42, 37, 15]);
}
