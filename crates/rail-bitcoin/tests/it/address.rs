//! Official and independently printed addresses, hostile texts, and every small change of them.

use domain::catalog::{Catalog, Destination, DestinationError, Network};
use rail_bitcoin::parse_destination;

const ADDRESSES: &str = include_str!("../data/addresses.txt");
const REFUSED: &str = include_str!("../data/refused.txt");

fn catalog() -> Catalog {
    catalog::read(&[rail_bitcoin::CATALOG]).expect("the rows are well-formed")
}

/// Network, text and canonical spelling of each address.
fn addresses(catalog: &Catalog) -> Vec<(&Network, &'static str, &'static str)> {
    let lines = ADDRESSES.lines().filter(|line| !line.starts_with('#'));
    let rows = lines.map(|line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let network = catalog.network(columns[0]).expect("the row is there");
        (network, columns[1], columns[columns.len() - 1])
    });
    rows.collect()
}

fn refusal(network: &Network, text: &str) -> String {
    match parse_destination(network, text, None) {
        Err(DestinationError::Address(reason)) => reason,
        other => panic!("{text} on {}: {other:?}", network.id),
    }
}

#[test]
fn addresses_are_taken() {
    let catalog = catalog();
    for (network, text, canonical) in addresses(&catalog) {
        let expected = Destination { address: canonical.to_owned(), memo: None };
        assert_eq!(parse_destination(network, text, None), Ok(expected.clone()), "{text}");
        assert_eq!(parse_destination(network, canonical, None), Ok(expected), "{text}");
    }
}

#[test]
fn other_texts_are_refused_with_a_reason() {
    let catalog = catalog();
    for line in REFUSED.lines().filter(|line| !line.starts_with('#')) {
        let [network, text, reason] = *line.split('|').collect::<Vec<_>>().as_slice() else {
            panic!("{line}");
        };
        let found = refusal(catalog.network(network).unwrap(), text);
        assert!(found.contains(reason), "{line}: {found}");
    }
    let bitcoin = catalog.network("bitcoin").unwrap();
    assert_eq!(refusal(bitcoin, &"1".repeat(129)), "the text is longer than any address");
}

#[test]
fn one_wrong_character_is_found() {
    let catalog = catalog();
    for (network, text, canonical) in addresses(&catalog) {
        let check = |changed: &[u8]| {
            let changed = str::from_utf8(changed).unwrap();
            if let Ok(found) = parse_destination(network, changed, None) {
                assert_eq!(found.address, canonical, "{text} became {changed}");
            }
        };
        for position in 0..text.len() {
            let mut changed = text.as_bytes().to_vec();
            for other in (b'0'..=b'z').filter(u8::is_ascii_alphanumeric) {
                changed[position] = other;
                check(&changed);
            }
            changed.remove(position);
            check(&changed);
            let mut swapped = text.as_bytes().to_vec();
            swapped.swap(position, (position + 1) % text.len());
            check(&swapped);
        }
    }
}

#[test]
fn old_litecoin_scripts_are_taken_when_the_row_says_so() {
    let catalog = catalog();
    let mut litecoin = catalog.network("litecoin").unwrap().clone();
    litecoin.parameters.insert("legacy_p2sh".to_owned(), "true".to_owned());
    let found = parse_destination(&litecoin, "3DKCnAUn5YxLwFgyHMKpQqM4oazK3h7nmx", None).unwrap();
    assert_eq!(found.address, "MKXM63tk2fomjkxsPEKAEUbU8Ham2eJW2V");
}

#[test]
fn a_malformed_row_is_named() {
    let catalog = catalog();
    let check = |name: &str, value: Option<&str>, expected: &str| {
        let mut network = catalog.network("bitcoin").unwrap().clone();
        network.parameters.remove(name);
        network.parameters.extend(value.map(|text| (name.to_owned(), text.to_owned())));
        assert_eq!(rail_bitcoin::check_network(&network).unwrap_err().0, expected);
        assert_eq!(refusal(&network, "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"), expected);
    };
    check("p2pkh", None, "network bitcoin: parameter p2pkh is missing");
    check("p2sh", Some("256"), "network bitcoin: parameter p2sh is malformed");
    check("legacy_p2sh", Some("yes"), "network bitcoin: parameter legacy_p2sh is malformed");
    check(
        "dust_sat_per_kvb",
        Some("1000000001"),
        "network bitcoin: parameter dust_sat_per_kvb is too large",
    );
    check("hrp", Some("BC"), "network bitcoin: parameter hrp must be lower-case letters");
}
