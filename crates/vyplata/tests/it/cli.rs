//! The commands of an operator: what they do, and how they refuse.

use std::{fs, process::Command};

use serde_json::{Value, json};

use crate::{
    api::{Api, EVM_ADDRESS, Order, address_on},
    gateway::{Gateway, wait_for},
    ledger::Ledger,
    receiver::{Answer, Received, Receiver, idle_node},
    vyplata::{Installation, heard, said},
};

#[test]
fn every_command_has_help() {
    let commands = [
        "",
        "sandbox",
        "serve",
        "migrate",
        "merchant",
        "merchant create",
        "merchant list",
        "merchant keys",
        "merchant rotate",
        "merchant adopt",
        "merchant pause",
        "merchant resume",
        "fund",
        "payout",
        "payout create",
        "payout show",
        "payout list",
        "payout cancel",
        "payout approve",
        "payout decline",
        "house",
        "house withdraw",
        "rates",
        "keys",
        "keys init",
        "keys import",
        "keys show-addresses",
        "reconcile",
        "doctor",
        "bench",
        "bench accept",
        "bench settle",
        "bench deliver",
    ];
    let vyplata = || Command::new(env!("CARGO_BIN_EXE_vyplata"));
    for command in commands {
        let said = said(vyplata().args(command.split_whitespace()).arg("--help"));
        assert!(said.success && said.stdout.contains("Usage: vyplata"), "{command}: {said:?}");
    }
    assert!(said(vyplata().arg("--version")).stdout.starts_with("vyplata 0."));
    for wrong in [&["nothing"][..], &[], &["payout"], &["fund"], &["sandbox", "--fast"]] {
        let said = said(vyplata().args(wrong));
        assert!(!said.success && said.stderr.contains("Usage: vyplata"), "{wrong:?}: {said:?}");
    }
}

#[test]
fn the_keystore_is_made_once_and_opens_with_its_passphrase_only() {
    let mut it = Installation::new(&Installation::ethereum(([127, 0, 0, 1], 9).into(), ""));
    for command in [&["serve"][..], &["keys", "show-addresses"], &["merchant", "create", "shop"]] {
        it.refuses(command, &["there is no keystore", "vyplata keys init"]);
    }
    it.passphrase = Some("too short".to_owned());
    it.refuses(&["keys", "init"], &["at least 12 characters"]);
    it.passphrase = Some("a long enough passphrase".to_owned());
    let shown = it.ok(&["keys", "init"]);
    let words = shown.lines().map(|line| line.split_whitespace().count());
    assert!(words.clone().any(|count| count == 24), "{shown}");
    let file = it.data().join("keystore.json");
    let stored = std::fs::read(&file).unwrap();
    it.refuses(&["keys", "init"], &["keystore.json", "not touched"]);
    assert_eq!(std::fs::read(&file).unwrap(), stored);
    let shown = it.ok(&["keys", "show-addresses"]);
    assert!(shown.starts_with("ethereum/hot  0x") && shown.contains("m/44'/60'/0'/0/0"), "{shown}");
    it.passphrase = Some("another long passphrase".to_owned());
    for command in [&["serve"][..], &["keys", "show-addresses"], &["merchant", "create", "shop"]] {
        it.refuses(command, &["keystore.json", "passphrase is wrong"]);
    }
    std::fs::write(&file, &stored[..stored.len() / 2]).unwrap();
    it.refuses(&["serve"], &["keystore.json"]);
}

#[test]
fn the_passphrase_may_stand_in_a_file() {
    let config = Installation::ethereum(([127, 0, 0, 1], 9).into(), "passphrase_file = \"secret\"");
    let mut it = Installation::new(&config);
    it.passphrase = None;
    it.refuses(&["keys", "init"], &["passphrase file", "secret"]);
    let file = it.config().with_file_name("secret");
    std::fs::write(file, "a long enough passphrase\nand another line\n").unwrap();
    it.ok(&["keys", "init"]);
    it.passphrase = Some("a long enough passphrase".to_owned());
    assert!(it.ok(&["keys", "show-addresses"]).contains("0x"));
}

#[test]
fn merchants_are_created_paused_and_given_fresh_credentials() {
    let node = Receiver::start(0, idle_node);
    let it = Installation::new(&Installation::ethereum(node.address, ""));
    it.ok(&["keys", "init"]);
    it.refuses(&["merchant", "create", ""], &["name"]);
    it.refuses(&["merchant", "create", "a\nb"], &["name"]);
    it.refuses(&["merchant", "create", "shop", "--webhook-url", "file:///x"], &["http or https"]);
    let first = it.merchant(&["shop", "--webhook-url", "https://shop.example/hook"]);
    it.refuses(&["merchant", "create", "shop"], &["there is a merchant \"shop\" already"]);
    assert!(it.ok(&["merchant", "list"]).contains("  shop"));
    let keys = it.ok(&["merchant", "keys", "shop"]);
    assert_eq!(keys.lines().filter(|line| line.contains(" good ")).count(), 9, "{keys}");
    for secret in [&first.native_token, &first.onchainpay_private, &first.cryptomus_payout_key] {
        assert!(!keys.contains(secret), "a secret is shown again");
    }
    for command in ["keys", "pause", "resume"] {
        it.refuses(&["merchant", command, "nobody"], &["there is no merchant \"nobody\""]);
    }
    it.refuses(&["merchant", "rotate", "nobody", "--dialect", "native"], &["no merchant"]);
    it.refuses(&["merchant", "rotate", "shop", "--dialect", "none"], &["native, cryptocloud"]);

    let gateway = it.serve();
    it.ok(&["fund", "ETH@ethereum", "10", "--merchant", "shop"]);
    let order = |reference| {
        let address = EVM_ADDRESS;
        Order { code: "ETH/ethereum", amount: "1", address, webhook_url: None, reference }
    };
    let ask = |token: &str, reference| {
        let body = Api::Native.body(&order(reference)).json();
        let request = crate::http::Request::post(Api::Native.path(), body);
        gateway.send(&request.header("authorization", &format!("Bearer {token}"))).status
    };
    assert_eq!(ask(&first.native_token, "first"), 201);
    it.ok(&["merchant", "pause", "shop"]);
    assert!(it.ok(&["merchant", "list"]).contains("shop  paused"));
    // What was accepted is answered again; nothing new is accepted.
    assert_eq!((ask(&first.native_token, "first"), ask(&first.native_token, "second")), (200, 403));
    it.ok(&["merchant", "resume", "shop"]);
    assert_eq!(ask(&first.native_token, "second"), 201);
    let shown = it.ok(&["merchant", "rotate", "shop", "--dialect", "native"]);
    assert!(shown.starts_with("1 old credential of shop revoked"), "{shown}");
    let fresh = shown.lines().find(|line| line.contains("API token")).unwrap();
    let fresh = fresh.split_whitespace().last().unwrap();
    assert_eq!((ask(&first.native_token, "third"), ask(fresh, "third")), (401, 201));
    Ledger::open(&it.data()).assert_balanced();
}

/// One credential stands for one merchant, whoever is first.
#[test]
fn credentials_are_taken_over_once_and_keep_their_public_part() {
    let node = Receiver::start(0, idle_node);
    let it = Installation::new(&Installation::ethereum(node.address, ""));
    it.ok(&["keys", "init"]);
    let shop = it.merchant(&["shop", "--lenient-nonce"]);
    it.merchant(&["evil"]);
    let adopt = |merchant, dialect, public| {
        ["merchant", "adopt", merchant, "--dialect", dialect, "--public", public]
    };
    let refused = |arguments: &[&str], secret, word: &str| {
        let said = it.run_with(arguments, secret);
        assert!(!said.success && said.stderr.contains(word), "{arguments:?}: {said:?}");
    };
    refused(&adopt("shop", "cryptomus", "number-1"), "\n", "no secret part");
    refused(&adopt("shop", "cryptomus", ""), "a-payout-key\n", "--public");
    // Two at the same moment: one of them is too late.
    let merchants = ["shop", "evil"]
        .map(|name| it.start_with(&adopt(name, "cryptomus", "number-1"), "a-payout-key\n"));
    let said = merchants.map(|it| heard(it.wait_with_output().unwrap()));
    let late = said.iter().filter(|it| it.stderr.contains("is good already")).count();
    assert!(late == 1 && said.iter().any(|it| it.success), "{said:?}");
    for name in ["shop", "evil"] {
        refused(&adopt(name, "cryptomus", "number-1"), "another-key\n", "is good already");
        refused(&adopt(name, "cryptomus", &shop.cryptomus_merchant), "another-key", "shop");
        refused(&adopt(name, "native", ""), &shop.native_token, "merchant shop");
        refused(&adopt(name, "onchainpay", &shop.onchainpay_public), "private", "merchant shop");
    }
    // Not even the other key of somebody else's merchant number.
    let payment =
        [&adopt("evil", "cryptomus", &shop.cryptomus_merchant)[..], &["--role", "payment"]];
    refused(&payment.concat(), "another-key", "merchant shop");

    let shown = it.ok(&["merchant", "rotate", "shop", "--dialect", "cryptomus"]);
    assert_eq!(shown.matches(&shop.cryptomus_merchant).count(), 1, "{shown}");
    for old in [&shop.cryptomus_payout_key, &shop.cryptomus_payment_key] {
        assert!(!shown.contains(old), "{shown}");
    }
    let ledger = Ledger::open(&it.data());
    let lenient = "SELECT count(*) FROM api_keys WHERE lenient_nonce = 1 AND revoked_at IS NULL
                   AND dialect = 'onchainpay'";
    let rotate = ["merchant", "rotate", "shop", "--dialect", "onchainpay"];
    for (argument, count) in [(None, 1), (Some("--lenient-nonce=false"), 0), (None, 0)] {
        let shown = it.ok(&rotate.into_iter().chain(argument).collect::<Vec<_>>());
        assert!(shown.contains(&shop.onchainpay_public), "{shown}");
        assert!(!shown.contains(&shop.onchainpay_private), "{shown}");
        assert_eq!(ledger.count(lenient), count, "{argument:?}");
    }
    // What was revoked may be taken over again.
    it.ok(&["merchant", "rotate", "shop", "--dialect", "native"]);
    assert!(it.run_with(&adopt("evil", "native", ""), &shop.native_token).success);
}

#[test]
fn coins_are_booked_only_where_they_can_be() {
    let node = Receiver::start(0, idle_node);
    let it = Installation::new(&Installation::ethereum(node.address, ""));
    it.ok(&["keys", "init"]);
    it.merchant(&["shop"]);
    let fund = |asset, amount| ["fund", asset, amount, "--merchant", "shop"];
    it.refuses(&fund("ETH@ethereum", "1"), &["no wallet of ethereum", "vyplata serve"]);
    drop(it.serve());
    it.refuses(&fund("ETH@moon", "1"), &["no asset \"ETH@moon\"", "TICKER@network"]);
    it.refuses(&fund("ETH", "1"), &["TICKER@network"]);
    it.refuses(&fund("USDT@ethereum", "0.0000001"), &["0.0000001", "more digits"]);
    it.refuses(&fund("USDT@ethereum", "a lot"), &["a lot", "not a plain decimal"]);
    it.refuses(&fund("USDT@ethereum", "0"), &["zero"]);
    it.refuses(&fund("USDT@ethereum", "-1"), &["-1"]);
    it.refuses(&fund("ETH@ethereum", "9999999999999999999999999"), &["too large"]);
    it.refuses(&fund("USDT@tron", "1"), &["no wallet of tron"]);
    it.refuses(&["fund", "ETH@ethereum", "1", "--merchant", "nobody"], &["no merchant \"nobody\""]);
    it.refuses(&["fund", "ETH@ethereum", "1"], &["--merchant", "--house"]);
    it.refuses(&["fund", "ETH@ethereum", "1", "--house", "--merchant", "shop"], &["--house"]);
    let cold = ["fund", "ETH@ethereum", "1", "--house", "--lane", "ethereum/cold"];
    it.refuses(&cold, &["no wallet ethereum/cold"]);
    assert!(Ledger::open(&it.data()).balances("").is_empty(), "something was booked");
    it.ok(&fund("ETH@ethereum", "1.5"));
    it.ok(&["fund", "ETH@ethereum", "0.5", "--house", "--note", "gas"]);
    let ledger = Ledger::open(&it.data());
    ledger.assert_balanced();
    assert_eq!(ledger.balances("available:")["ETH@ethereum"], 1_500_000_000_000_000_000);
    assert_eq!(ledger.balances("inventory")["ETH@ethereum"], 500_000_000_000_000_000);
}

#[test]
fn payouts_are_shown_listed_and_cancelled() {
    let gateway = Gateway::sandbox();
    let it = Installation::new(&format!("data = {:?}\n", gateway.data));
    let order = Order {
        code: "USDT/TRON",
        amount: "4.5",
        address: address_on("tron"),
        webhook_url: None,
        reference: "shown",
    };
    let uuid = Api::Cryptomus.id(&gateway.send(&Api::Cryptomus.create(&order)));
    gateway.wait_for_status(&uuid, "paid");
    let shown = it.ok(&["payout", "show", &uuid]);
    for word in ["cryptomus", "shown", "paid", "4.5 USDT@tron", address_on("tron"), "final", &uuid]
    {
        assert!(shown.contains(word), "no {word:?} in {shown}");
    }
    let list = it.ok(&["payout", "list", "--merchant", "demo", "--status", "paid"]);
    assert!(list.lines().count() == 1 && list.contains("4.5 USDT@tron"), "{list}");
    assert!(list.ends_with("  shown\n"), "no reference in {list}");
    let by_reference = |reference| ["--merchant", "demo", "--reference", reference];
    let command = |verb, reference| [&["payout", verb][..], &by_reference(reference)].concat();
    assert_eq!(it.ok(&command("show", "shown")), shown);
    assert_eq!(it.ok(&command("list", "shown")), list);
    assert!(it.ok(&command("list", "show")).is_empty());
    it.refuses(&command("show", "show"), &["no payout", "\"show\"", "demo"]);
    it.refuses(&command("cancel", "shown"), &["on its way or has ended"]);
    it.refuses(&["payout", "show", "--reference", "shown"], &["--merchant"]);
    it.refuses(&["payout", "show"], &["Usage"]);
    assert!(it.ok(&["payout", "list", "--status", "failed"]).is_empty());
    it.refuses(&["payout", "list", "--status", "lost"], &["no status \"lost\""]);
    it.refuses(&["payout", "list", "--merchant", "nobody"], &["no merchant \"nobody\""]);
    for id in ["po_1", "", "po_00000000000000000000000000000001", "'; DROP TABLE payouts"] {
        it.refuses(&["payout", "show", id], &["there is no payout", "vyplata payout list"]);
        it.refuses(&["payout", "cancel", id], &["there is no payout"]);
    }
    it.refuses(&["payout", "cancel", &uuid], &["on its way or has ended"]);
    let create = ["payout", "create", "demo", "USDT@tron", "1", address_on("tron"), "--reference"];
    it.refuses(&[&create[..], &["by hand"]].concat(), &["no wallet pays this asset"]);
    assert_eq!(Ledger::open(&gateway.data).payouts().len(), 1);
}

#[test]
fn a_node_that_does_not_answer_is_named() {
    let it = Installation::new(&Installation::ethereum(([127, 0, 0, 1], 9).into(), ""));
    it.refuses(&["doctor"], &["WRONG", "there is no keystore", "vyplata keys init"]);
    let node = Receiver::start(0, idle_node);
    it.configure(&Installation::ethereum(node.address, ""));
    it.ok(&["keys", "init"]);
    it.merchant(&["shop"]);
    drop(it.serve());
    it.ok(&["fund", "ETH@ethereum", "1", "--merchant", "shop"]);
    for port in [9, node.address.port()] {
        it.configure(&Installation::ethereum(([127, 0, 0, 1], port).into(), ""));
        it.refuses(&["reconcile"], &["ethereum/hot", "did not answer", "1 wallet could not be"]);
        it.refuses(&["doctor"], &["WRONG", "ethereum/hot", "the node does not answer", "rpc"]);
    }
    // A wallet that is not looked at must not pass for one that agrees.
    it.configure("data = \"data\"\n");
    it.refuses(&["reconcile"], &["LEFT OUT", "ethereum/hot"]);
    it.refuses(&["doctor"], &["WRONG", "there is no [[lane]]", "ethereum/hot"]);
}

/// An idle node whose final block is known: every wallet holds 1.5 coins of the network, and no
/// token.
fn node_with_coins(received: &Received) -> Answer {
    node_with_code(received, None)
}

/// The same, where nobody ever made a contract.
fn node_without_contracts(received: &Received) -> Answer {
    node_with_code(received, Some("0x"))
}

fn node_with_code(received: &Received, code: Option<&str>) -> Answer {
    let asked: Value = serde_json::from_slice(&received.body).unwrap_or_default();
    let answer = |call: &Value| {
        let result = match call["method"].as_str()? {
            "eth_getBlockByNumber" => {
                let hash = format!("0x{:064x}", 16);
                json!({ "number": "0x10", "hash": hash, "transactions": [] })
            }
            "eth_getBalance" => json!("0x14d1120d7b160000"),
            "eth_call" => json!(format!("0x{:064x}", 0)),
            "eth_getCode" => json!(code?),
            _ => return None,
        };
        Some(json!({ "jsonrpc": "2.0", "id": call["id"], "result": result }))
    };
    let answers = match &asked {
        Value::Array(calls) => calls.iter().map(answer).collect::<Option<Value>>(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
            answer(&asked)
        }
    };
    let headers = "content-type: application/json\r\n".to_owned();
    answers.map_or_else(|| idle_node(received), |it| ("200 OK".into(), headers, it.to_string()))
}

#[test]
fn a_wallet_from_which_coins_are_missing_is_not_paid_from() {
    let node = Receiver::start(0, node_with_coins);
    let it = Installation::new(&Installation::ethereum(node.address, ""));
    it.ok(&["keys", "init"]);
    it.merchant(&["shop"]);
    drop(it.serve());
    // As after an old copy of the database was put back: the chain has paid what it does not know.
    it.ok(&["fund", "ETH@ethereum", "2", "--merchant", "shop"]);
    let address = address_on("ethereum");
    it.ok(&["payout", "create", "shop", "ETH@ethereum", "1", address, "--reference", "r"]);
    let ask = ["payout", "show", "--merchant", "shop", "--reference", "r"];
    let gateway = it.serve();
    wait_for("the gateway says why it does not pay", || {
        let log = fs::read_to_string(&gateway.log).unwrap();
        log.contains("not paying: the chain holds less").then_some(())
    });
    assert!(!it.ok(&ask).contains("batched"), "it is paid from a wallet that misses coins");
    drop(gateway);
    let _gateway = it.serve_all_the_same();
    wait_for("the payout is in a batch", || it.ok(&ask).contains("batched").then_some(()));
}

#[test]
fn wallets_are_compared_with_the_ledger_to_the_last_unit() {
    let node = Receiver::start(0, node_with_coins);
    let it = Installation::new(&Installation::ethereum(node.address, ""));
    it.ok(&["keys", "init"]);
    it.merchant(&["shop"]);
    // Not compared is not agreed.
    it.refuses(&["reconcile"], &["NOT KNOWN  ethereum/hot", "vyplata serve", "1 wallet not known"]);
    let first = it.ok(&["doctor"]);
    assert!(first.contains("note   ethereum/hot is not in the database"), "{first}");
    assert!(first.contains("the node answers for 0x"), "{first}");
    drop(it.serve());
    let line = "ethereum/hot  ETH@ethereum  ledger 0  chain 1.5  DIFFER by -1.5";
    it.refuses(&["reconcile"], &[line, "error: 1 difference:"]);
    it.refuses(&["doctor"], &[&format!("WRONG  {line}"), "vyplata fund", "1 thing is wrong"]);
    it.ok(&["fund", "ETH@ethereum", "1.499999999999999999", "--house"]);
    it.refuses(&["reconcile"], &["DIFFER by -0.000000000000000001"]);
    it.ok(&["fund", "ETH@ethereum", "0.000000000000000001", "--merchant", "shop"]);
    let said = it.ok(&["reconcile"]);
    assert!(said.ends_with("chain 1.5  agree\nchain and ledger agree\n"), "{said}");
    let said = it.ok(&["doctor"]);
    assert!(said.contains("9 API secrets can be opened") && said.ends_with("nothing is wrong\n"));
    // Nobody is asked for the passphrase; what it hides is not looked at.
    let mut it = it;
    let passphrase = it.passphrase.take();
    let said = it.ok(&["doctor"]);
    assert!(said.contains("note   there is a keystore") && said.contains("VYPLATA_PASSPHRASE"));
    it.passphrase = Some("another long passphrase".to_owned());
    it.refuses(&["doctor"], &["WRONG", "passphrase is wrong"]);
    it.passphrase = passphrase;
    // Another key would pay from another wallet.
    let config = Installation::ethereum(node.address, "").replace("0/0\"", "0/1\"");
    it.configure(&config);
    it.refuses(&["serve"], &["ethereum/hot", "another name"]);
    it.refuses(&["doctor"], &["WRONG", "ethereum/hot is 0x", "another name"]);
}

#[test]
fn tokens_that_are_not_what_the_catalog_says_are_stopped_and_the_coin_is_not() {
    let node = Receiver::start(0, node_without_contracts);
    let rates = "[rates]\nETH = \"2000\"\nUSDT = \"1\"\n";
    let it = Installation::new(&format!("{}{rates}", Installation::ethereum(node.address, "")));
    it.ok(&["keys", "init"]);
    it.merchant(&["shop"]);
    let difference = "USDT@ethereum is stopped: there is no contract at 0xdAC17F958D2ee523a2206206994597C13D831ec7";
    it.refuses(&["doctor"], &["WRONG", difference, "the node answers for 0x"]);
    let gateway = it.serve_all_the_same();
    let log = fs::read_to_string(&gateway.log).unwrap();
    assert!(log.contains(difference), "{log}");
    for asset in ["ETH@ethereum", "USDT@ethereum"] {
        it.ok(&["fund", asset, "2", "--merchant", "shop"]);
    }
    let create = |asset, reference| {
        let address = address_on("ethereum");
        it.run(&["payout", "create", "shop", asset, "1", address, "--reference", reference])
    };
    let coin = create("ETH@ethereum", "coin");
    assert!(coin.success, "{}", coin.stderr);
    let token = create("USDT@ethereum", "token");
    let said = "says why it is stopped";
    assert!(!token.success && token.stderr.contains(said), "{}", token.stderr);
}

#[test]
fn one_gateway_runs_on_a_data_directory() {
    let gateway = Gateway::sandbox();
    let data = gateway.data.to_str().unwrap();
    let it = Installation::new(&format!(
        "data = {data:?}\n[[network]]\nid = \"ethereum\"\nrpc = [\"http://127.0.0.1:9\"]\n\
         [[lane]]\nnetwork = \"ethereum\"\nname = \"hot\"\nkey = \"m/44'/60'/0'/0/0\"\n"
    ));
    let sandbox = ["sandbox", "--listen", "127.0.0.1:0", "--data", data];
    it.refuses(&sandbox, &["another gateway is running", data]);
    it.refuses(&["serve"], &["another gateway is running", data]);
    let address = gateway.address.to_string();
    let elsewhere = it.data().to_str().unwrap().to_owned();
    let taken = ["sandbox", "--listen", &address, "--data", &elsewhere];
    it.refuses(&taken, &["cannot listen", &address, "--listen"]);
    it.refuses(&["sandbox", "--listen", "127.0.0.1:0", "--data", "/dev/null/x"], &["/dev/null/x"]);
    gateway.assert_healthy();
}

/// The examples of `--once` are paid and told of, also when it goes on where it ended.
#[test]
fn the_sandbox_pays_its_examples() {
    let it = Installation::new("");
    let data = it.data();
    let data = data.to_str().unwrap();
    for _ in 0..2 {
        let said = it.ok(&["sandbox", "--once", "--listen", "127.0.0.1:0", "--data", data]);
        let paid: Vec<&str> = said.lines().filter(|line| line.ends_with("  paid")).collect();
        assert_eq!(paid.len(), 7, "{said}");
    }
    let ledger = Ledger::open(&it.data());
    ledger.assert_balanced();
    assert_eq!(ledger.payouts().len(), 14);
}
