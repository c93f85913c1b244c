//! The rows of all rails together, against the codes that the providers' APIs pay.

use std::{collections::BTreeSet, sync::LazyLock};

use domain::catalog::{Catalog, Network};

use crate::addresses::parse;

const TEXTS: [&str; 5] = [
    rail_bitcoin::CATALOG,
    rail_evm::CATALOG,
    rail_tron::CATALOG,
    rail_solana::CATALOG,
    rail_ton::CATALOG,
];

/// Columns: the provider and its code, asset, network, contract (empty: the own coin), decimals.
const CODES: &str = include_str!("../data/codes.csv");

pub(crate) static ALL: LazyLock<Catalog> =
    LazyLock::new(|| catalog::read(&TEXTS).expect("the rails' rows are well-formed"));

#[test]
fn every_code_has_its_row_and_every_row_a_code() {
    let mut coded = BTreeSet::new();
    for line in CODES.lines().skip(1) {
        let [_, ticker, network, contract, decimals] =
            *line.split(',').collect::<Vec<_>>().as_slice()
        else {
            panic!("{line}");
        };
        let asset = ALL.asset_on(ticker, network).unwrap_or_else(|| panic!("{line}"));
        assert_eq!(asset.contract.as_deref().unwrap_or_default(), contract, "{line}");
        assert_eq!(asset.decimals.to_string(), decimals, "{line}");
        coded.insert(asset.id.clone());
    }
    assert_eq!(CODES.lines().count(), 1 + 95);
    let rows: BTreeSet<_> = ALL.assets().map(|asset| asset.id.clone()).collect();
    assert_eq!(rows, coded);
}

#[test]
fn networks_are_complete() {
    assert_eq!(ALL.networks().count(), 16);
    let parameter = |network: &Network, name: &str| network.parameters.get(name).cloned();
    let mut chain_ids = BTreeSet::new();
    for network in ALL.networks() {
        let coin = ALL.asset(network.fee_asset.as_str()).unwrap();
        assert_eq!((&coin.contract, coin.stablecoin), (&None, false), "{}", network.id);
        match network.family.as_str() {
            "bitcoin" => {
                rail_bitcoin::check_network(network).unwrap();
                assert!(parameter(network, "finality_blocks").unwrap().parse::<u32>().is_ok());
            }
            "evm" => {
                let chain_id: u64 = parameter(network, "chain_id").unwrap().parse().unwrap();
                assert!(chain_ids.insert(chain_id), "{}", network.id);
                let finality = parameter(network, "finality").unwrap();
                assert!(finality == "finalized" || finality.parse::<u32>().is_ok());
                assert!(parameter(network, "block_time_ms").unwrap().parse::<u32>().is_ok());
            }
            "tron" => rail_tron::check_network(network).unwrap(),
            family => assert_eq!(family, network.id.as_str()),
        }
    }
    assert_eq!(chain_ids, BTreeSet::from([1, 10, 56, 137, 250, 8453, 42161, 43114]));
}

/// As the contracts call themselves on their networks.
#[test]
fn contracts_that_are_called_otherwise_are_known() {
    let named = |it: &&domain::catalog::Asset| !it.symbols.is_empty();
    let symbols = ALL.assets().filter(named).map(|it| (it.id.as_str(), it.symbols.concat()));
    let expected = [
        ("USDT@arbitrum", "USD₮0"),
        ("USDT@avalanche", "USDt"),
        ("USDT@polygon", "USDT0"),
        ("XAUT@ethereum", "XAUt"),
    ];
    let expected: Vec<_> = expected.map(|(id, symbol)| (id, symbol.to_owned())).into();
    assert_eq!(symbols.collect::<Vec<_>>(), expected);
}

/// A contract with a wrong character would send money nowhere; each family's spelling has a
/// checksum except Solana's.
#[test]
fn contracts_are_spelled_right() {
    for asset in ALL.assets() {
        let Some(contract) = asset.contract.as_deref() else { continue };
        let network = ALL.network_of(asset);
        if network.family == "solana" {
            assert!((43..=44).contains(&contract.len()), "{}", asset.id);
            continue;
        }
        let found = parse(network, contract, None).unwrap().address;
        match network.family.as_str() {
            "ton" => assert_eq!(found[2..45], contract[2..45]),
            _ => assert_eq!(found, contract),
        }
    }
}
