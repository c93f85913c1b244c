//! Mistakes in the configuration: file, line and key are named, and nothing is started.

use crate::{
    ledger::Ledger,
    receiver::{Receiver, idle_node},
    vyplata::Installation,
};

const WALLET: &str = "[[network]]\nid = \"ethereum\"\nrpc = [\"http://127.0.0.1:9\"]\n\
                      [[lane]]\nnetwork = \"ethereum\"\nname = \"hot\"\nkey = \"m/44'/60'/0'/0/0\"\n";

const STATION: &str = "[[lane]]\nnetwork = \"ethereum\"\nname = \"station\"\npays = false\n\
                       key = \"m/44'/60'/0'/0/1\"\n";

/// What `vyplata serve` says to a configuration whose first line is the data directory.
#[track_caller]
fn refuses(installation: &Installation, rest: &str, words: &[&str]) {
    installation.configure(&format!("data = \"data\"\n{rest}"));
    installation.refuses(&["serve"], &[&["vyplata.toml"], words].concat());
}

#[test]
fn mistakes_are_named_with_their_line() {
    let it = Installation::new("");
    it.refuses(&["serve"], &["vyplata.toml", "missing field `data`"]);
    refuses(&it, "listen = \"nowhere\"\n", &[":2: ", "listen", "socket address"]);
    refuses(&it, "data = \"again\"\n", &[":2: ", "duplicate key"]);
    refuses(&it, "\n\nlane = 5\n", &[":4: ", "lane: "]);
    refuses(&it, "lissen = \"127.0.0.1:1\"\n", &[":2: ", "unknown field `lissen`", "`listen`"]);
    refuses(&it, "[webhooks]\nalow = []\n", &[":3: ", "unknown field `alow`", "`allow`"]);
    refuses(&it, "[webhooks]\ntimeout_ms = -1\n", &[":3: ", "timeout_ms"]);
    refuses(&it, "[fees]\npercent = 0.5\n", &[":3: ", "percent: ", "`0.5`", "in quotation marks"]);
    refuses(&it, "[fees]\nnetwork_fee = \"you\"\n", &[":3: ", "network_fee", "`house`"]);
    refuses(&it, "trusted_proxies = [\"10.0.0.0/33\"]\n", &[":2: ", "trusted_proxies"]);
    refuses(&it, "[requests]\nper_hour = 1\n", &[":3: ", "unknown field `per_hour`"]);
    refuses(&it, "[limits]\n\"ETH@ethereum\" = { least = \"1\" }\n", &[":3: ", "`least`"]);
    refuses(&it, "[[network]]\nid = \"ethereum\"\n", &[":2: ", "missing field `rpc`"]);
    refuses(&it, "broken = \"\n", &[":2: ", "broken"]);
    // What it quotes could be a secret, and what it says goes to a log.
    for secret in [
        "databse = \"postgres://u:hunter2@db/x\"\n",
        "database = \"postgresq://u:hunter2@db/x\"\n",
        "lane = \"hunter2\"\n",
        "[[network]]\nid = \"ethereum\"\nrpc = \"https://node/hunter2\"\n",
        "database = \"postgres://u:hunter2@db/x\n",
        "[[network]]\nid = \"ethereum\"\nrpc = [\n\"https://node/hunter2?a=b\" 5]\n",
    ] {
        it.configure(&format!("data = \"data\"\n{secret}"));
        let said = it.refuses(&["serve"], &["vyplata.toml:"]);
        assert!(!said.contains("hunter2"), "{said}");
    }
}

#[test]
fn values_that_make_no_sense_are_named_with_file_line_and_key() {
    let it = Installation::new("");
    refuses(&it, "[webhooks]\nallow = [\"1.2.3.4.5:x\"]\n", &[":3: webhooks.allow", "1.2.3.4.5:x"]);
    refuses(&it, "[webhooks]\ntimeout_ms = 0\n", &[":3: webhooks.timeout_ms", "at least 1"]);
    let spacing = |text: &str| format!("[requests]\nspacing_ms = {{ {text} }}\n{WALLET}");
    refuses(&it, &spacing("paypal = 1"), &[":3: requests.spacing_ms.paypal", "no such API"]);
    refuses(&it, &spacing("native = 86400001"), &[":3: requests.spacing_ms.native", "a day"]);
    let stray = "[[lane]]\nname = \"hot\"\nnetwork = \"ethereum\"\nkey = \"x\"\n";
    refuses(&it, stray, &[":4: lane.ethereum/hot.network", "no [[network]]"]);
    let twice = format!("{WALLET}[[lane]]\nnetwork = \"ethereum\"\nname = \"hot\"\nkey = \"x\"\n");
    refuses(&it, &twice, &["lane.ethereum/hot", "listed twice"]);
    let twice = format!("{WALLET}[[network]]\nid = \"ethereum\"\nrpc = [\"http://127.0.0.1:9\"]\n");
    refuses(&it, &twice, &["network.ethereum", "listed twice"]);
    let nowhere = WALLET.replace("[\"http://127.0.0.1:9\"]", "[]");
    refuses(&it, &nowhere, &[":4: network.ethereum.rpc", "empty"]);
    let same = WALLET.replace("[\"http", "[\"http://127.0.0.1:9\", \"http");
    refuses(&it, &same, &[":4: network.ethereum.rpc", "number 2 is number 1 again"]);
    for (quorum, count) in [("0", "1"), ("2", "1")] {
        let quorum = WALLET.replace("rpc =", &format!("quorum = {quorum}\nrpc ="));
        refuses(&it, &quorum, &[":4: network.ethereum.quorum", &format!("between 1 and {count}")]);
    }
    let never = WALLET.replace("rpc =", "lag_blocks_max = 0\nrpc =");
    refuses(&it, &never, &[":4: network.ethereum.lag_blocks_max", "at least 1"]);
    refuses(
        &it,
        &WALLET.replace("ethereum", "moon"),
        &[":3: network.moon.id", "there are", "base"],
    );
    refuses(&it, &format!("catalog = [\"none.toml\"]\n{WALLET}"), &["none.toml"]);
    let typed = WALLET.replace("[[lane]]", "parameters = { finalty = \"12\" }\n[[lane]]");
    refuses(
        &it,
        &typed,
        &[":5: network.ethereum.parameters.finalty", "chain_id, fee_model, finality"],
    );
    for ticker in ["USDX", "ETH"] {
        let symbols = format!("symbols = {{ {ticker} = [\"USD0\"] }}\n[[lane]]");
        let place = format!(":5: network.ethereum.symbols.{ticker}");
        refuses(&it, &WALLET.replace("[[lane]]", &symbols), &[&place, "no such token"]);
    }
    refuses(&it, "", &["[[lane]]", "docs/operating.md"]);
    assert!(!it.data().join("keystore.json").exists());
}

#[test]
fn a_gas_station_that_makes_no_sense_is_named() {
    let it = Installation::new("");
    let gas = |text: &str| format!("{WALLET}[lane.gas]\n{text}\n{STATION}");
    let amounts = "below = \"0.05\"\nup_to = \"0.2\"\ndaily_max = \"1\"";
    let from = |name: &str| format!("from = \"{name}\"\n{amounts}");
    let refused = |text: &str, words: &[&str]| refuses(&it, &gas(text), words);
    refused(&from("nobody"), &[":10: lane.ethereum/hot.gas.from", "no other [[lane]]"]);
    refused(&from("hot"), &["gas.from", "no other [[lane]]"]);
    refused(&from("station").replace("0.05", "0.5"), &["gas.up_to", "not more than below"]);
    refused(&from("station").replace("\"1\"", "\"0\""), &["gas.daily_max", "more than 0"]);
    refused(&from("station").replace("0.05", "much"), &["gas.below", "\"much\""]);
    refused(amounts, &["missing field `from`"]);
}

/// These are found out after the keystore is open; nothing of them is kept.
#[test]
fn prices_and_keys_that_make_no_sense_are_named_with_file_line_and_key() {
    let node = Receiver::start(0, idle_node);
    let wallet = WALLET.replace("127.0.0.1:9", &node.address.to_string());
    let it = Installation::new("data = \"data\"\n");
    it.ok(&["keys", "init"]);
    let before = |text: &str| format!("{text}\n{wallet}");
    refuses(&it, &before("[fees]\npercent = \"100.1\""), &[":3: fees.percent", "0 and 100"]);
    refuses(&it, &before("[fees]\npercent = \"a lot\""), &[":3: fees.percent", "0 and 100"]);
    refuses(&it, &before("[fees.fixed]\nETH = \"1\""), &[":3: fees.fixed.ETH", "TICKER@network"]);
    let limits = "[limits]\n\n\"ETH@ethereum\" = { max = \"x\" }";
    refuses(&it, &before(limits), &[":4: limits.ETH@ethereum.max", "\"x\""]);
    refuses(&it, &before("[rates]\nUSDT = \"1\"\nETH = \"-3\""), &[":4: rates.ETH", "\"-3\""]);
    refuses(&it, &before("[rates]\nUSTD = \"1\""), &[":3: rates.USTD", "no asset"]);
    // Also of an asset that is not paid.
    let limits = "[limits]\n\"TRX@tron\" = { min = \"2\", max = \"1.9\" }";
    refuses(&it, &before(limits), &[":3: limits.TRX@tron", "min is more than max"]);
    let limits = "[limits]\n\"TRX@tron\" = { min = \"0.0000001\" }";
    refuses(&it, &before(limits), &[":3: limits.TRX@tron.min", "more digits"]);
    // The doctor finds all that serve does.
    it.refuses(&["doctor"], &["WRONG", ":3: limits.TRX@tron.min", "more digits"]);
    let path = wallet.replace("m/44'", "44x");
    refuses(&it, &path, &[":8: lane.ethereum/hot.key", "44x"]);
    let imported = wallet.replace("m/44'/60'/0'/0/0", "imported:nobody");
    refuses(&it, &imported, &[":8: lane.ethereum/hot.key", "nobody"]);
    let other_chain = wallet.replace("ethereum", "bsc");
    refuses(&it, &other_chain, &["network.bsc", "chain 1", "chain 56"]);
    let no_http = wallet.replace("http://", "ftp://");
    refuses(&it, &no_http, &["network.ethereum", "http or https"]);
    let dear = wallet.replace("rpc =", "fee_max = \"much\"\nrpc =");
    refuses(&it, &dear, &[":4: network.ethereum.fee_max", "\"much\""]);
    it.refuses(&["doctor"], &["WRONG", ":4: network.ethereum.fee_max"]);
    let never = wallet.replace("rpc =", "replacement_budget_percent = 112\nrpc =");
    refuses(&it, &never, &["network.ethereum", "replacement_budget_percent", "at least 113"]);
    let later = wallet.replace("ethereum", "solana");
    refuses(&it, &later, &[":8: lane.solana/hot.key", "no keys that are known here"]);
    let other_path = wallet.replace("ethereum", "bitcoin");
    refuses(&it, &other_path, &[":8: lane.bitcoin/hot.key", "begins with m/84'"]);
    let no_witness = wallet.replace("ethereum", "dogecoin").replace("m/44'/60'", "m/84'/3'");
    refuses(&it, &no_witness, &["dogecoin/hot"]);
    refuses(&it, &other_chain, &["chain 56"]);
    assert_eq!(
        Ledger::open(&it.data()).count("SELECT count(*) FROM lanes WHERE id LIKE 'bsc%'"),
        0
    );
}

/// The example of docs/operating.md.
#[test]
fn networks_and_assets_of_the_operator_are_read() {
    let guide = include_str!("../../../../docs/operating.md");
    let example = guide.split("```toml\n").find(|it| it.starts_with("# tokens.toml")).unwrap();
    let example = example.split("```").next().unwrap();
    let node = Receiver::start(0, idle_node);
    let wallet = WALLET.replace("127.0.0.1:9", &node.address.to_string());
    let more =
        "[limits]\n\"LINK@ethereum\" = { min = \"0.5\" }\n\"XDAI@gnosis\" = { min = \"1\" }\n";
    let it = Installation::new(&format!(
        "data = \"data\"\nlisten = \"127.0.0.1:0\"\ncatalog = [\"tokens.toml\"]\n{more}{wallet}"
    ));
    std::fs::write(it.config().with_file_name("tokens.toml"), example).unwrap();
    it.ok(&["keys", "init"]);
    drop(it.serve());
    it.ok(&["fund", "LINK@ethereum", "0.5", "--house"]);
}
