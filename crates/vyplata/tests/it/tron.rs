//! What the configuration and the doctor say of TRON, over the project's own test node.

use tron_node::{Address, Options, TronNode};

use crate::vyplata::Installation;

fn config(rpc: &str, more: &str) -> String {
    let genesis = hex::encode(Options::default().genesis);
    format!(
        "data = \"data\"\nlisten = \"127.0.0.1:0\"\n[rates]\nTRX = \"0.3\"\n\
         [[network]]\nid = \"tron\"\nrpc = [\"{rpc}\"]\n{more}\n\
         parameters = {{ genesis = \"{genesis}\" }}\n\
         [[lane]]\nnetwork = \"tron\"\nname = \"hot\"\nkey = \"m/44'/195'/0'/0/0\"\n"
    )
}

#[test]
fn a_node_that_does_not_answer_is_told() {
    let it = Installation::new(&config("http://127.0.0.1:9", ""));
    it.ok(&["keys", "init"]);
    it.refuses(&["doctor"], &["WRONG  tron: node #1", "does not answer"]);
}

#[test]
fn settings_of_other_networks_are_refused() {
    for (setting, key) in [
        ("batch_max = 5", "batch_max"),
        ("fee_cap_gwei = 5", "fee_cap_gwei"),
        ("node_replaces = true", "node_replaces"),
        ("replace_after_ms = 1000", "replace_after_ms"),
    ] {
        let it = Installation::new(&config("http://127.0.0.1:9", setting));
        it.refuses(&["doctor"], &[key, "that is no setting of TRON"]);
    }
    for (setting, words) in [
        ("expires_after_ms = 1000", "expires_after_ms must be from 15000 to 3600000"),
        ("energy = { market = \"nobody\", key = \"k\" }", "unknown variant `nobody`"),
        ("fee_max = \"0.0000001\"", "fee_max"),
    ] {
        let it = Installation::new(&config("http://127.0.0.1:9", setting));
        it.run(&["keys", "init"]);
        it.refuses(&["serve"], &[words]);
    }
}

#[test]
fn the_doctor_says_what_payouts_depend_on() {
    let node = TronNode::start(Options { api_key: Some("k-1".to_owned()), ..Options::default() });
    let url = node.url();
    let it = Installation::new(&config(&url, ""));
    it.ok(&["keys", "init"]);
    let locked = it.run(&["doctor"]).stdout;
    assert!(locked.contains("refuses the user, the password or the access key"), "{locked}");
    let silent = format!("node #1 {} does not answer", url.trim_start_matches("http://"));
    assert!(!locked.contains(&silent), "{locked}");
    it.configure(&config(&url.replace("http://", "http://k-1@"), ""));
    let addresses = it.ok(&["keys", "show-addresses"]);
    let mut words = addresses.split_whitespace();
    let wallet = words.find(|it| it.starts_with('T') && it.len() == 34).unwrap();
    node.chain(|chain| {
        chain.mine_many(30);
        chain.fund(Address::parse(wallet).unwrap(), 5_000_000);
        chain.mine_many(30);
    });
    drop(it.serve());
    let said = it.run(&["doctor"]).stdout;
    for words in [
        "ok     tron: node #1",
        "is on the right network, at block 60, 19 not final",
        "energy costs 100 sun a unit, bandwidth 1000 sun a byte",
        "tron/hot has 5 TRX, 0 energy, and bandwidth of 0 bytes staked and 600 free",
        "a payout of TRX@tron costs 0.27 TRX",
    ] {
        assert!(said.contains(words), "the doctor does not say {words:?}: {said}");
    }
    // The main network's tokens are not on this one.
    let missing = "decimals() of TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t is missing";
    assert!(said.contains(missing), "{said}");
}
