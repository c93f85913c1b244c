//! What the format takes, and that each error names its row.

use domain::catalog::CatalogError;

const NETWORK: &str = r#"[[network]]
id = "chain"
title = "Chain"
family = "evm"
fee_asset = "COIN@chain"
explorer_url = "https://example.com/{txid}"

[network.parameters]
chain_id = "7"

[[asset]]
network = "chain"
ticker = "COIN"
title = "Coin"
decimals = 18
"#;

fn refused(texts: &[&str]) -> String {
    let Err(CatalogError(text)) = catalog::read(texts) else {
        panic!("must be refused");
    };
    text
}

#[test]
fn reads_rows_of_several_texts() {
    let more = r#"
        [[asset]]
        network = "chain"
        ticker = "USD1"
        title = "One Dollar"
        decimals = 6
        contract = "0x01"
        stablecoin = true
        symbols = ["USD₮1"]
    "#;
    let catalog = catalog::read(&[NETWORK, more]).unwrap();
    let network = catalog.network("chain").unwrap();
    assert_eq!(network.parameters["chain_id"], "7");
    let coin = catalog.asset(network.fee_asset.as_str()).unwrap();
    assert_eq!((coin.contract.as_deref(), coin.decimals, coin.stablecoin), (None, 18, false));
    let dollar = catalog.asset_on("USD1", "chain").unwrap();
    assert_eq!((dollar.contract.as_deref(), dollar.stablecoin), (Some("0x01"), true));
    assert_eq!(
        (coin.symbols.as_slice(), dollar.symbols.as_slice()),
        (&[][..], &["USD₮1".into()][..])
    );
}

#[test]
fn symbols_are_texts_that_a_contract_says() {
    let check = |row: &str, expected: &str| {
        let coin = NETWORK.replacen("decimals = 18", &format!("decimals = 18\n{row}"), 1);
        let found = refused(&[&coin]);
        assert!(found.ends_with(expected), "{found}");
    };
    check(r#"symbols = ["X"]"#, "symbols are what a contract calls itself, and there is none");
    let wrong = "each of symbols must be a text without control characters";
    check("contract = \"0x01\"\nsymbols = [\"\"]", wrong);
    check("contract = \"0x01\"\nsymbols = [\"A\\n\"]", wrong);
}

#[test]
fn names_text_line_and_row() {
    let check = |from: &str, to: &str, expected: &str| {
        assert!(NETWORK.contains(from), "{from}");
        assert_eq!(refused(&["", &NETWORK.replacen(from, to, 1)]), expected);
    };
    check(
        "decimals = 18",
        "decimal = 18",
        "catalog text 2, line 15: unknown field `decimal`, expected one of `network`, `ticker`, \
         `title`, `decimals`, `contract`, `stablecoin`, `symbols`",
    );
    check("decimals = 18", "", "catalog text 2, line 11: missing field `decimals`");
    check(
        "decimals = 18",
        "decimals = -1",
        "catalog text 2, line 15: invalid value: integer `-1`, expected u8",
    );
    check(
        "chain_id = \"7\"",
        "chain_id = 7",
        "catalog text 2, line 9: invalid type: integer `7`, expected a string",
    );
    check(
        "ticker = \"COIN\"",
        "ticker = \"coin\"",
        "catalog text 2, line 11: asset coin@chain: ticker must be capital letters and digits",
    );
    check(
        "id = \"chain\"",
        "id = \"Chain\"",
        "catalog text 2, line 1: network Chain: id must be lower-case letters and digits",
    );
    check(
        "{txid}",
        "txid",
        "catalog text 2, line 1: network chain: explorer_url must be an https address with {txid} \
         in it",
    );
    check(
        "decimals = 18",
        "decimals = 18\ncontract = \"\"",
        "catalog text 2, line 11: asset COIN@chain: contract must be an address; leave it out for \
         the network's own coin",
    );
    check("decimals = 18", "decimals = 31", "asset COIN@chain has too many decimals");
    check("\"COIN@chain\"", "\"COIN\"", "network chain charges in COIN, which is no asset of it");
    assert!(refused(&["[[network]]\nid = "]).starts_with("catalog text 1, line 2: "));
}

#[test]
fn refuses_the_same_money_under_two_names() {
    let other = NETWORK.replace("COIN", "GOLD");
    let asset = other.split_once("[[asset]]").unwrap().1;
    assert_eq!(
        refused(&[NETWORK, &format!("[[asset]]{asset}")]),
        "catalog text 2, line 1: asset GOLD@chain has the contract of COIN@chain"
    );
    assert_eq!(refused(&[NETWORK, NETWORK]), "network chain is listed twice");
}
