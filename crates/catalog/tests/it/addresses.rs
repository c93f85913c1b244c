//! Every known address against every network: only the documented ones may be shared.

use domain::catalog::{Destination, DestinationError, Network};
use proptest::{prelude::*, test_runner::RngSeed};

use crate::rows::ALL;

const ADDRESSES: [&str; 5] = [
    include_str!("../../../rail-bitcoin/tests/data/addresses.txt"),
    include_str!("../../../rail-tron/tests/data/addresses.txt"),
    include_str!("../../../rail-solana/tests/data/addresses.txt"),
    include_str!("../../../rail-ton/tests/data/addresses.txt"),
    "ethereum 0x24d4269316D5C0ab5dD77042C70DD2eD00efBa95\n\
     bsc 0xcd4cc011f71d28d90a50f3c4ef134cf81ec2a035\n\
     base 0x52908400098527886E0F7030069857D2E4169EE7\n",
];

/// Asks the rail of the network's family.
pub(crate) fn parse(
    network: &Network,
    text: &str,
    memo: Option<&str>,
) -> Result<Destination, DestinationError> {
    match network.family.as_str() {
        "bitcoin" => rail_bitcoin::parse_destination(network, text, memo),
        "evm" => rail_evm::parse_destination(network, text, memo),
        "tron" => rail_tron::parse_destination(network, text, memo),
        "solana" => rail_solana::parse_destination(network, text, memo),
        "ton" => rail_ton::parse_destination(network, text, memo),
        family => panic!("no rail for {family}"),
    }
}

/// All EVM networks share their addresses; Bitcoin Cash still takes Bitcoin's base58 spelling.
fn shares(home: &Network, other: &Network, text: &str) -> bool {
    let base58 = text.starts_with(['1', '3']);
    match (home.id.as_str(), other.id.as_str()) {
        ("bitcoin", "bitcoincash") | ("bitcoincash", "bitcoin") => base58,
        _ => home.family == "evm" && other.family == "evm",
    }
}

#[test]
fn an_address_belongs_to_its_network_only() {
    let mut count = 0;
    for line in ADDRESSES.iter().flat_map(|text| text.lines()) {
        let mut columns = line.split_whitespace();
        let (Some(home), Some(text)) = (columns.next(), columns.next()) else { continue };
        let Some(home) = ALL.network(home) else {
            assert!(home.starts_with('#'), "{line}");
            continue;
        };
        for other in ALL.networks() {
            let expected = other.id == home.id || shares(home, other, text);
            let found = parse(other, text, None);
            assert_eq!(found.is_ok(), expected, "{text} on {}: {found:?}", other.id);
            count += 1;
        }
    }
    assert!(count > 50 * 15, "only {count} pairs");
}

#[test]
fn only_ton_carries_a_memo() {
    for line in ADDRESSES.iter().flat_map(|text| text.lines()) {
        let mut columns = line.split_whitespace();
        let (Some(home), Some(text)) = (columns.next(), columns.next()) else { continue };
        let Some(home) = ALL.network(home) else { continue };
        let found = parse(home, text, Some("7"));
        if home.family == "ton" {
            assert_eq!(found.unwrap().memo.as_deref(), Some("7"));
        } else {
            assert!(matches!(found, Err(DestinationError::Memo(_))), "{text}");
        }
    }
}

/// The same texts on every run.
fn config() -> ProptestConfig {
    ProptestConfig {
        cases: 1000,
        rng_seed: RngSeed::Fixed(1),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn no_text_and_no_memo_panics(text in ".{0,140}", memo in proptest::option::of(".{0,140}")) {
        for network in ALL.networks() {
            prop_assert!(parse(network, &text, memo.as_deref()).is_err());
        }
    }

    /// What is taken is spelled so that it is taken again and means the same.
    #[test]
    fn the_canonical_spelling_is_its_own(
        text in "[13LMDAX79T][1-9A-HJ-NP-Za-km-z]{30,43}|(bc1|ltc1)[qp][02-9ac-hj-np-z]{38,58}|\
            0x[0-9a-fA-F]{40}|41[0-9a-f]{40}|(0|-1):[0-9a-f]{64}|[EUk0][Qf][0-9A-Za-z_-]{46}|\
            (bitcoincash:)?[qpzr][02-9ac-hj-np-z]{41}"
    ) {
        for network in ALL.networks() {
            if let Ok(first) = parse(network, &text, None) {
                prop_assert_eq!(parse(network, &first.address, None), Ok(first));
            }
        }
    }
}
