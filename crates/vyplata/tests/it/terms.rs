//! Money rules: what the configuration may say, and what follows from it for payouts, the house and
//! the operator.

use crate::{
    api::EVM_ADDRESS,
    gateway::wait_for,
    http::Request,
    ledger::Ledger,
    receiver::{Receiver, idle_node},
    vyplata::Installation,
};

/// Mistakes, each with the key that is named, which stands in the last line, and what is said.
const MISTAKES: &[(&str, &str, &str)] = &[
    ("[fees]\nminimum = { ETH = \"1\" }", "fees.minimum.ETH", "TICKER@network"),
    ("[fees]\nminimum = { \"ETH@ethereum\" = \"x\" }", "fees.minimum.ETH@ethereum", "\"x\""),
    ("[[fees.plan]]\nmerchant = \"a\"\nasset = \"USTD\"", "fees.plan.1.asset", "\"USTD\""),
    ("[[fees.plan]]\nmerchant = \"a\"\nasset = \"@moon\"", "fees.plan.1.asset", "\"moon\""),
    ("[[fees.plan]]\nmerchant = \"a\"\nasset = \"ETH@moon\"", "fees.plan.1.asset", "ETH@moon"),
    ("[[fees.plan]]\nmerchant = \"a\"\npercent = \"101\"", "fees.plan.1.percent", "0 and 100"),
    ("[[fees.plan]]\nmerchant = \"a\"\nfixed = \"1\"", "fees.plan.1.fixed", "needs an asset"),
    (
        "[[fees.plan]]\nmerchant = \"a\"\nasset = \"@bsc\"\nminimum = \"1\"",
        "fees.plan.1.minimum",
        "needs an asset",
    ),
    // Seven digits do for 18 decimals, and not for 6.
    (
        "[[fees.plan]]\nmerchant = \"a\"\nasset = \"USDT\"\nfixed = \"0.0000001\"",
        "fees.plan.1.fixed",
        "more digits",
    ),
    ("[[fees.plan]] # nothing\nmerchant = \"a\"", "fees.plan.1", "neither percent nor fixed"),
    ("[conversion]\nsells = [\"BTC@moon\"]", "conversion.sells", "BTC@moon"),
    ("[conversion]\nsells = [\"BCT\"]", "conversion.sells", "\"BCT\""),
    ("[conversion]\nat_par = [\"USDT\", \"UDSC\"]", "conversion.at_par", "\"UDSC\""),
    ("[conversion]\nspread_percent = \"100.1\"", "conversion.spread_percent", "0 and 100"),
    ("[conversion]\ninsurance_percent = \"-1\"", "conversion.insurance_percent", "0 and 100"),
    ("[conversion]\nquote_ms = 0", "conversion.quote_ms", "at least 1"),
    ("[conversion]\nquote_ms = 3600001", "conversion.quote_ms", "at most 3600000"),
    ("[conversion]\noverdraft = { BTC = \"1\" }", "conversion.overdraft.BTC", "TICKER@network"),
    (
        "[conversion]\noverdraft = { \"BTC@bitcoin\" = \"much\" }",
        "conversion.overdraft.BTC@bitcoin",
        "\"much\"",
    ),
    ("[merchant.a]\nrate_source = \"coinbase\"", "merchant.a.rate_source", "binance, binancep2p"),
    ("[merchant.a]\nrate_source = \"kucoin\"", "merchant.a.rate_source", "not in rate_sources.use"),
    ("[merchant.\"*\"]\npay_from = [\"USDT\"]", "merchant.*.pay_from", "TICKER@network"),
    (
        "[merchant.a]\npay_from = [\"USDT@bsc\", \"USDC@bsc\"]",
        "merchant.a.pay_from",
        "USDC@bsc is another coin than USDT@bsc",
    ),
    ("[merchant.a]\npay_from = [\"USDT@bsc\", \"USDT@bsc\"]", "merchant.a.pay_from", "twice"),
    ("[merchant.a]\napproval_url = \"file:///x\"", "merchant.a.approval_url", "http or https"),
    ("[approvals]\ntimeout_ms = 0", "approvals.timeout_ms", "at least 1"),
    (
        "[dialects.onchainpay]\nmore_than_usd = \"$20\"",
        "dialects.onchainpay.more_than_usd",
        "\"$20\"",
    ),
];

#[test]
fn rules_that_make_no_sense_are_named_with_file_line_and_key() {
    let node = Receiver::start(0, idle_node);
    let it = Installation::new("data = \"data\"\n");
    it.ok(&["keys", "init"]);
    for (text, key, words) in MISTAKES {
        let line = 3 + text.lines().count() - usize::from(text.contains("# nothing"));
        // The line of a list's element is that of its head.
        let more = format!("\n{text}\n");
        it.configure(&Installation::ethereum(node.address, &more));
        let place = format!("vyplata.toml:{line}: {key}: ");
        it.refuses(&["serve"], &[&place, words]);
        it.refuses(&["doctor"], &["WRONG", &place, words]);
    }
    let twice = "[[fees.plan]]\nmerchant = \"a\"\npercent = \"1\"\nasset = \"ETH\"\n".repeat(2);
    it.configure(&Installation::ethereum(node.address, &twice));
    it.refuses(&["serve"], &[":7: fees.plan.2: ", "another plan of \"a\""]);
    for (text, word) in [
        ("[[fees.plan]]\npercent = \"1\"", "missing field `merchant`"),
        ("[conversion]\nsels = []", "unknown field `sels`"),
        ("[merchant.a]\nrate_sauce = \"x\"", "unknown field `rate_sauce`"),
        ("[approvals]\ntimeout = 1", "unknown field `timeout`"),
        ("[dialects.cryptomus]\nx = 1", "unknown field `cryptomus`"),
        ("[dialects.onchainpay]\nnetwork_fees = -1", "network_fees"),
    ] {
        it.configure(&Installation::ethereum(node.address, text));
        it.refuses(&["serve"], &["vyplata.toml", word]);
    }
}

/// The examples of docs/operating.md.
#[test]
fn the_guide_is_read() {
    let guide = include_str!("../../../../docs/operating.md");
    let section = guide.split("### Fees, limits, conversion, approvals").nth(1).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let examples: Vec<&str> = section.split("```toml\n").skip(1).collect();
    let examples: Vec<&str> = examples.iter().map(|it| it.split("```").next().unwrap()).collect();
    assert_eq!(examples.len(), 4);
    let sources = "rate_sources.use = [\"binance\"]\n";
    let it = Installation::new(&format!("data = \"data\"\n{sources}{}", examples.concat()));
    assert_eq!(it.ok(&["house"]), "BTC@bitcoin  own 0  promised 0  overdraft 0.5\n");
    it.ok(&["payout", "list"]);
}

const RULES: &str = "\
[fees]
percent = \"0.5\"
minimum = { \"USDT@ethereum\" = \"0.3\" }
fixed = { \"USDT@ethereum\" = \"0.01\" }
[[fees.plan]]
merchant = \"*\"
asset = \"ETH@ethereum\"
percent = \"0.5\"
[[fees.plan]]
merchant = \"shop\"
percent = \"0.2\"
[[fees.plan]]
merchant = \"shop\"
asset = \"USDT\"
percent = \"0.1\"
fixed = \"1\"
[[fees.plan]]
merchant = \"shop\"
asset = \"@ethereum\"
percent = \"0.3\"
[[fees.plan]]
merchant = \"later\"
percent = \"0\"
[conversion]
sells = [\"ETH\"]
spread_percent = \"1\"
overdraft = { \"ETH@ethereum\" = \"1\" }
[merchant.nobody]
pay_from = [\"USDT@ethereum\"]
[rate_sources]
fiat = [\"EUR\"]
[rates]
ETH = \"3000\"
USDT = \"1\"
EUR = \"1.08\"
";

/// What `payout show` says behind a label.
fn shown(it: &Installation, reference: &str, label: &str) -> String {
    let who = ["payout", "show", "--merchant", "shop", "--reference", reference];
    let text = it.ok(&who);
    let line = text.lines().find(|line| line.split_whitespace().next() == Some(label));
    let line = line.unwrap_or_else(|| panic!("no {label} in {text}"));
    line.trim_start_matches(label).trim().to_owned()
}

/// A gateway that was started once, with merchants and coins.
fn installation(node: &Receiver) -> Installation {
    let it = Installation::new(&Installation::ethereum(node.address, RULES));
    it.ok(&["keys", "init"]);
    for merchant in ["shop", "other"] {
        it.merchant(&[merchant]);
    }
    drop(it.serve());
    for merchant in ["shop", "other"] {
        it.ok(&["fund", "USDT@ethereum", "1000", "--merchant", merchant]);
    }
    it.ok(&["fund", "ETH@ethereum", "1", "--merchant", "shop"]);
    it
}

#[test]
fn merchants_are_charged_by_the_most_specific_plan() {
    let node = Receiver::start(0, idle_node);
    let it = installation(&node);
    let pay = |merchant: &str, asset: &str, amount: &str, reference: &str| {
        let create = ["payout", "create", merchant, asset, amount, EVM_ADDRESS, "--reference"];
        it.ok(&[&create[..], &[reference]].concat());
        let by_reference = ["payout", "show", "--merchant", merchant, "--reference", reference];
        let text = it.ok(&by_reference);
        let fee = text.split("(service ").nth(1).and_then(|it| it.split(',').next());
        fee.unwrap_or_else(|| panic!("no fee in {text}")).to_owned()
    };
    // A part, a fixed sum, and at least a minimum.
    assert_eq!(pay("other", "USDT@ethereum", "10", "minimum"), "0.3");
    assert_eq!(pay("other", "USDT@ethereum", "100", "part"), "0.51");
    // The coin before its network, the network before everything, and the merchant before all.
    assert_eq!(pay("shop", "USDT@ethereum", "100", "coin"), "1.1");
    assert_eq!(pay("shop", "ETH@ethereum", "0.1", "network"), "0.0003");
    Ledger::open(&it.data()).assert_balanced();
}

#[test]
fn euros_are_paid_in_ether_from_dollars_and_the_house_keeps_count() {
    let node = Receiver::start(0, idle_node);
    let it = installation(&node);
    let before = Ledger::open(&it.data()).balances("available:");
    let create = ["payout", "create", "shop", "ETH@ethereum", EVM_ADDRESS, "--worth"];
    let ways = |rest: &[&'static str]| [&create[..], rest].concat();
    let from_dollars = ways(&["20 EUR", "--pay-from", "USDT", "--reference", "r"]);
    it.ok(&from_dollars);
    assert!(it.ok(&from_dollars).contains("it was so already"));
    // 20 euros are 0.0072 ether; 0.3 percent, and 2.25 gwei for 21,000 gas.
    assert_eq!(shown(&it, "r", "arrives"), "0.0072 ETH@ethereum");
    assert_eq!(shown(&it, "r", "price"), "0.00726885 (service 0.0000216, network 0.00004725)");
    assert!(shown(&it, "r", "worth").starts_with("20 EUR at 1.08 USD by fixed at 20"));
    // 21.80655 dollars and one percent, rounded up.
    let sells = shown(&it, "r", "sells");
    let sold = "22.024616 USDT@ethereum for 0.00726885 ETH@ethereum, at 1 USD by fixed at ";
    assert!(sells.starts_with(sold), "{sells}");
    let house = it.ok(&["house"]);
    let line = "ETH@ethereum  own -0.00726885  promised 0.00726885  overdraft 1\n";
    assert_eq!(house, line);
    let said = it.run(&["doctor"]).stdout;
    let below = "note   the house's inventory of ETH@ethereum is -0.00726885; its overdraft is 1\n";
    assert!(said.contains(below), "{said}");
    for name in ["later", "nobody"] {
        let unknown = format!("note   the configuration has terms of {name:?}, and there is no");
        assert!(said.contains(&unknown), "{said}");
    }
    let rules = RULES.replace("overdraft = { \"ETH@ethereum\" = \"1\" }", "");
    let rules = rules.replace("ETH = \"3000\"\n", "");
    it.configure(&Installation::ethereum(node.address, &rules));
    it.refuses(
        &["doctor"],
        &[
            "WRONG  the house's inventory of ETH@ethereum is -0.00726885; its overdraft is 0, \
             nearly used",
            "WRONG  there is no price of ETH, so it is not exchanged",
            "note   dialects.onchainpay.more_than_usd is not 0, and there is no price of",
        ],
    );
    it.configure(&Installation::ethereum(node.address, RULES));
    for verb in ["approve", "decline"] {
        let judge = ["payout", verb, "--merchant", "shop", "--reference", "r"];
        it.refuses(&judge, &["does not wait for an approval"]);
    }
    it.ok(&["payout", "cancel", "--merchant", "shop", "--reference", "r"]);
    let ledger = Ledger::open(&it.data());
    assert_eq!(ledger.balances("available:"), before);
    assert!(ledger.balances("inventory").values().all(|units| *units == 0));
    // What is wanted fast costs more.
    it.ok(&ways(&["1.08 USD", "--priority", "high", "--reference", "fast"]));
    assert!(shown(&it, "fast", "price").ends_with("network 0.000070875)"));
    assert_eq!(shown(&it, "fast", "priority"), "high");
    let refused = |rest: &[&'static str], word: &str| it.refuses(&ways(rest), &[word]);
    refused(&["1 EUR", "--reference", "x", "--priority", "fast"], "there are economy,");
    refused(&["1 EUR", "--reference", "x", "--pay-from", "USTD"], "\"USTD\"");
    refused(&["1EUR", "--reference", "x"], "20 EUR");
    refused(&["1 GBP", "--reference", "x"], "no price");
    refused(&["20000 EUR", "--reference", "x", "--pay-from", "USDT"], "would be sold");
    Ledger::open(&it.data()).assert_balanced();
}

#[test]
fn what_is_the_houses_own_is_withdrawn_and_nothing_else() {
    let node = Receiver::start(0, idle_node);
    let it = installation(&node);
    it.ok(&["fund", "ETH@ethereum", "0.5", "--house"]);
    let withdraw = |amount| ["house", "withdraw", "ETH@ethereum", amount, "--note", "to the vault"];
    it.refuses(&withdraw("0.500000000000000001"), &["below zero", "nothing was changed"]);
    it.refuses(&withdraw("0"), &["books nothing"]);
    it.refuses(&["house", "withdraw", "ETH@ethereum", "1"], &["--note"]);
    assert!(it.ok(&withdraw("0.2")).starts_with("0.2 ETH@ethereum of the house's have left"));
    assert_eq!(it.ok(&["house"]), "ETH@ethereum  own 0.3  promised 0  overdraft 1\n");
    let ledger = Ledger::open(&it.data());
    ledger.assert_balanced();
    assert_eq!(ledger.balances("hot_wallet:")["ETH@ethereum"], -1_300_000_000_000_000_000);
}

#[test]
fn prices_and_gaps_in_them_are_told() {
    let node = Receiver::start(0, idle_node);
    let it = Installation::new(&Installation::ethereum(node.address, RULES));
    it.ok(&["keys", "init"]);
    let said = it.ok(&["rates"]);
    assert_eq!(said.lines().count(), 3, "{said}");
    assert!(said.starts_with("ETH    3000  by fixed  20"), "{said}");
    let gateway = it.serve();
    let ready = wait_for("it is ready", || {
        let reply = gateway.send(&Request::get("/readyz"));
        (reply.status == 200).then(|| reply.text())
    });
    assert!(ready.starts_with("ready\n"), "{ready}");
    drop(gateway);
    it.configure(&Installation::ethereum(node.address, ""));
    assert!(it.ok(&["rates"]).starts_with("there are no prices"));
}
