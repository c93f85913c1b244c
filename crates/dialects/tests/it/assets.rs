//! Every code that the providers document leads to its row of the catalog.

use std::collections::BTreeSet;

use dialects::Action;
use regex::Regex;
use serde_json::Value;

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
    assert_eq!(counts, [42, 37, 16]);
}

/// Addresses that the rails' own tests know as good, and one of each network that runs the Ethereum
/// virtual machine.
const ADDRESSES: [&str; 5] = [
    include_str!("../../../rail-bitcoin/tests/data/addresses.txt"),
    include_str!("../../../rail-solana/tests/data/addresses.txt"),
    include_str!("../../../rail-ton/tests/data/addresses.txt"),
    include_str!("../../../rail-tron/tests/data/addresses.txt"),
    "ethereum 0x24d4269316D5C0ab5dD77042C70DD2eD00efBa95
     polygon 0x24d4269316d5c0ab5dd77042c70dd2ed00efba95",
];

/// What an address looks like is not stricter than the rules, or good addresses would be refused by
/// whoever looks at it first.
#[test]
fn good_addresses_look_as_is_said() {
    let mut world = World::new();
    let lines = ADDRESSES.iter().flat_map(|it| it.lines()).map(str::trim);
    let mut seen = BTreeSet::new();
    for (number, line) in lines.filter(|it| !it.is_empty() && !it.starts_with('#')).enumerate() {
        let mut words = line.split(' ');
        let (network, address) = (words.next().unwrap(), words.next().unwrap());
        let body = format!(r#"{{"address":"{address}","network":"{network}","nonce":{number}}}"#);
        let signature = hmac_hex("priv==", &body);
        let headers = [("x-api-public-key", "pub=="), ("x-api-signature", signature.as_str())];
        let answered = post(&mut world, "/api-gateway/utils/validate-address", &headers, &body);
        let answer: Value = serde_json::from_slice(&answered.message.body).unwrap();
        assert_eq!(answer["response"]["isValid"], true, "{line}");
        let form = Regex::new(answer["response"]["regex"].as_str().unwrap()).unwrap();
        assert!(form.is_match(address), "{line}: {form}");
        assert!(!form.is_match(&format!("{address} ")) && !form.is_match("x"), "{line}: {form}");
        seen.insert(network);
    }
    let families: BTreeSet<&str> = world.catalog.networks().map(|it| it.family.as_str()).collect();
    let of_seen = seen.iter().filter_map(|it| world.catalog.network(it));
    assert_eq!(of_seen.map(|it| it.family.as_str()).collect::<BTreeSet<_>>(), families);
}
