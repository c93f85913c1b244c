//! Official and independently printed addresses, hostile texts, and every small change of them.

use domain::catalog::{Destination, DestinationError, Network};
use rail_ton::parse_destination;

const ADDRESSES: &str = include_str!("../data/addresses.txt");
const REFUSED: &str = include_str!("../data/refused.txt");

fn network() -> Network {
    let catalog = catalog::read(&[rail_ton::CATALOG]).expect("the rows are well-formed");
    catalog.network("ton").expect("the row is there").clone()
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

/// Not in raw addresses, which have no checksum.
#[test]
fn one_wrong_character_is_found() {
    let network = network();
    for (text, canonical) in addresses().into_iter().filter(|(text, _)| !text.contains(':')) {
        let check = |changed: &[u8]| {
            let changed = str::from_utf8(changed).unwrap();
            if let Ok(found) = parse_destination(&network, changed, None) {
                assert_eq!(found.address, canonical, "{text} became {changed}");
            }
        };
        for position in 0..text.len() {
            let mut changed = text.as_bytes().to_vec();
            for other in b'!'..=b'~' {
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
fn a_comment_must_fit_into_its_cell() {
    let address = "UQDKbjIcfM6ezt8KjKJJLshZJJSqX7XOA4ff-W72r5gqPuwA";
    let parse = |memo: &str| parse_destination(&network(), address, Some(memo));
    for memo in ["7", "order 17, спасибо", &"x".repeat(123)] {
        assert_eq!(parse(memo).unwrap().memo.as_deref(), Some(memo));
    }
    let check = |memo: &str, expected: &str| {
        assert_eq!(parse(memo), Err(DestinationError::Memo(expected.to_owned())));
    };
    check("", "the memo is empty: leave it out");
    check(&"x".repeat(124), "the memo is longer than 123 bytes");
    check(&"я".repeat(62), "the memo is longer than 123 bytes");
    check("a\nb", "the memo has control characters");
}
