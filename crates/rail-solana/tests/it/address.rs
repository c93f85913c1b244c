//! Official and independently printed addresses, hostile texts, and what a slip of the pen does.

use domain::catalog::{Destination, DestinationError, Network};
use rail_solana::parse_destination;

const ADDRESSES: &str = include_str!("../data/addresses.txt");
const REFUSED: &str = include_str!("../data/refused.txt");

fn network() -> Network {
    let catalog = catalog::read(&[rail_solana::CATALOG]).expect("the rows are well-formed");
    catalog.network("solana").expect("the row is there").clone()
}

/// Text and canonical spelling of each address.
fn addresses() -> Vec<(&'static str, &'static str)> {
    let lines = ADDRESSES.lines().filter(|line| !line.starts_with('#'));
    let rows = lines.map(|line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        (columns[1], columns[columns.len() - 1])
    });
    rows.collect()
}

fn refusal(text: &str) -> String {
    match parse_destination(&network(), text, None) {
        Err(DestinationError::Address(reason)) => reason,
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn addresses_are_taken() {
    for (text, canonical) in addresses() {
        let expected = Destination { address: canonical.to_owned(), memo: None };
        assert_eq!(parse_destination(&network(), text, None), Ok(expected.clone()), "{text}");
        assert_eq!(parse_destination(&network(), canonical, None), Ok(expected), "{text}");
    }
}

#[test]
fn other_texts_are_refused_with_a_reason() {
    for line in REFUSED.lines().filter(|line| !line.starts_with('#')) {
        let (text, reason) = line.split_once('|').unwrap();
        let found = refusal(text);
        assert!(found.contains(reason), "{line}: {found}");
    }
    assert_eq!(refusal(&"T".repeat(129)), "the text is longer than any address");
}

/// Base58 of 32 bytes has no checksum: what can be promised is that nothing is paid but what is
/// written, and that about half of all slips hit no point of the curve.
#[test]
fn one_wrong_character_is_never_changed_back() {
    let network = network();
    let (mut taken, mut refused) = (0, 0);
    for (text, _) in addresses() {
        for position in 0..text.len() {
            for other in b'!'..=b'~' {
                let mut changed = text.as_bytes().to_vec();
                changed[position] = other;
                let changed = str::from_utf8(&changed).unwrap();
                match parse_destination(&network, changed, None) {
                    Ok(found) => {
                        assert_eq!(found.address, changed);
                        taken += 1;
                    }
                    Err(_) => refused += 1,
                }
            }
        }
    }
    assert!(taken < refused, "{taken} taken, {refused} refused");
}
