//! What is refused when it is handed over, and in which words.

use serde_json::json;
use tron_node::{Chain, Code, Deploy, Options, Parameters, TETHER};

use crate::{
    client::post,
    scene::{Draft, Scene, TRX, Wallet, field, int, pay},
};

/// The code and the text.
fn refused(scene: &Scene, draft: &Draft, by: &Wallet) -> (Code, String) {
    scene.send_bytes(&draft.signed(by))
}

fn invalid(scene: &Scene, draft: &Draft) -> String {
    let (code, text) = refused(scene, draft, &scene.alice);
    assert_eq!(code, Code::ContractValidateError);
    text.strip_prefix("Contract validate error : ").unwrap().to_owned()
}

#[test]
fn good_ones_are_taken_once() {
    let scene = Scene::new();
    let draft = scene.transfer(&scene.alice, scene.bob.address, TRX);
    assert_eq!(refused(&scene, &draft, &scene.alice), (Code::Success, String::new()));
    let twice = (Code::DupTransactionError, "Dup transaction.".to_owned());
    assert_eq!(refused(&scene, &draft, &scene.alice), twice);
    scene.chain(Chain::mine);
    assert_eq!(refused(&scene, &draft, &scene.alice), twice);
    assert_eq!(scene.balance(&scene.bob), 1_001 * TRX);
}

#[test]
fn the_two_ways_answer_differently() {
    let scene = Scene::new();
    let draft = scene.transfer(&scene.alice, scene.bob.address, TRX);
    let bytes = draft.signed(&scene.alice);
    let hex = json!({ "transaction": hex::encode(&bytes) });
    let first = post(&scene.node, "wallet/broadcasthex", &hex);
    assert_eq!(
        (&first["result"], &first["code"], &first["message"], &first["txid"]),
        (&json!(true), &json!("SUCCESS"), &json!(""), &json!(hex::encode(draft.id())))
    );
    // Not hexadecimal, in this one.
    let second = post(&scene.node, "wallet/broadcasthex", &hex);
    assert_eq!(
        (&second["result"], &second["code"], &second["message"]),
        (&json!(false), &json!("DUP_TRANSACTION_ERROR"), &json!("Dup transaction."))
    );
    let value = json!({ "value": hex::encode(draft.id()) });
    let shown = post(&scene.node, "wallet/gettransactionfrompending", &value);
    scene.chain(Chain::forget_all_pending);
    let first = post(&scene.node, "wallet/broadcasttransaction", &shown);
    assert_eq!(first, json!({ "result": true, "txid": hex::encode(draft.id()) }));
    let second = post(&scene.node, "wallet/broadcasttransaction", &shown);
    let text = hex::encode("Dup transaction.");
    assert_eq!(
        second,
        json!({
            "code": "DUP_TRANSACTION_ERROR",
            "message": text,
            "txid": hex::encode(draft.id()),
        })
    );
}

#[test]
fn signatures_are_the_owners() {
    let scene = Scene::new();
    let draft = scene.transfer(&scene.alice, scene.bob.address, TRX);
    let unsigned = field(1, &draft.raw());
    let words = |text: &str| (Code::SigError, format!("Validate signature error: {text}"));
    assert_eq!(scene.send_bytes(&unsigned), words("miss sig or contract"));

    let others = scene.bob.sign(draft.id());
    let text = format!(
        "{} is signed by {} but it is not contained of permission.",
        hex::encode(&others),
        scene.bob.address
    );
    assert_eq!(refused(&scene, &draft, &scene.bob), words(&text));

    let own = scene.alice.sign(draft.id());
    let with = |signature: &[u8]| scene.send_bytes(&[&unsigned[..], &field(2, signature)].concat());
    assert_eq!(with(&own[..64]), words("Signature size is 64"));
    let [mut high, mut odd] = [own.clone(), own.clone()];
    high[64] = 35;
    assert_eq!(with(&high), words("Header byte out of range: 35"));
    odd[64] = 200;
    assert_eq!(with(&odd), words("Header byte out of range: -29"));
    let none = [[0; 64].to_vec(), vec![0]].concat();
    assert_eq!(with(&none), words("Could not recover public key from signature"));
    let twice = [&unsigned[..], &field(2, &own), &field(2, &own)].concat();
    let text = "Signature count is 2 more than key counts of permission : 1";
    assert_eq!(scene.send_bytes(&twice), words(text));
    // 27 and 28 are the same as 0 and 1.
    let mut old = own;
    old[64] += 27;
    assert_eq!(with(&old).0, Code::Success);
}

#[test]
fn bytes_are_read_as_the_network_would_write_them() {
    let scene = Scene::new();
    let draft = scene.transfer(&scene.alice, scene.bob.address, TRX);
    // A zero that need not be there is left out by whoever writes it again: the hash is another.
    let raw = [draft.raw(), vec![3 << 3, 0]].concat();
    let hash = sha2::Digest::finalize(sha2::Digest::chain_update(
        <sha2::Sha256 as sha2::Digest>::new(),
        &raw,
    ));
    let signed = [field(1, &raw), field(2, &scene.alice.sign(hash.into()))].concat();
    assert_eq!(scene.send_bytes(&signed).0, Code::SigError);
    // What was signed without it is what counts.
    let signed = [field(1, &raw), field(2, &scene.alice.sign(draft.id()))].concat();
    assert_eq!(scene.send_bytes(&signed).0, Code::Success);
}

#[test]
fn it_must_refer_to_a_block_of_this_branch() {
    let scene = Scene::new();
    let known = scene.transfer(&scene.alice, scene.bob.address, TRX);
    let words = (Code::TaposError, "Tapos check error.".to_owned());
    let mut other_hash = known.clone();
    other_hash.reference[8] ^= 1;
    assert_eq!(refused(&scene, &other_hash, &scene.alice), words);
    let mut other_number = known.clone();
    other_number.reference[7] = 9;
    assert_eq!(refused(&scene, &other_number, &scene.alice), words);

    scene.chain(Chain::mine);
    let on_it = scene.transfer(&scene.alice, scene.bob.address, TRX);
    scene.chain(|chain| chain.undo(1)).unwrap();
    scene.chain(Chain::mine);
    assert_eq!(refused(&scene, &on_it, &scene.alice), words);
    assert_eq!(scene.send(&known, &scene.alice), Code::Success);
}

#[test]
fn blocks_are_forgotten_after_65536() {
    let scene = Scene::new();
    let draft = scene.transfer(&scene.alice, scene.bob.address, TRX);
    let expiration = scene.chain(|chain| {
        chain.mine_many(65_535);
        chain.head_time_ms() + 60_000
    });
    let draft = Draft { expiration, ..draft };
    let [one, two] = [1, 2].map(|timestamp| Draft { timestamp, ..draft.clone() });
    assert_eq!(scene.send(&one, &scene.alice), Code::Success);
    scene.chain(Chain::mine_empty);
    assert_eq!(scene.send(&two, &scene.alice), Code::TaposError);
}

#[test]
fn it_must_expire_soon_but_not_before_the_next_block() {
    let scene = Scene::new();
    let draft = scene.transfer(&scene.alice, scene.bob.address, TRX);
    let now = scene.chain(|chain| chain.head_time_ms());
    let words = (Code::TransactionExpirationError, "Transaction expired".to_owned());
    let day = 24 * 60 * 60 * 1_000;
    for (after, code) in [
        (-1, Code::TransactionExpirationError),
        (0, Code::TransactionExpirationError),
        (2_999, Code::TransactionExpirationError),
        (3_000, Code::Success),
        (day, Code::Success),
        (day + 1, Code::TransactionExpirationError),
    ] {
        let draft = Draft { expiration: now + after, ..draft.clone() };
        let answer = refused(&scene, &draft, &scene.alice);
        assert_eq!(answer.0, code, "{after}");
        assert!(answer.0 == Code::Success || answer == words);
    }
}

#[test]
fn it_must_not_be_too_long() {
    let scene = Scene::new();
    let draft = scene.transfer(&scene.alice, scene.bob.address, TRX);
    let long = Draft { memo: vec![0; 500 * 1_024], ..draft.clone() };
    let (code, text) = refused(&scene, &long, &scene.alice);
    assert_eq!(code, Code::TooBigTransactionError);
    assert!(text.starts_with("Too big transaction with result, TxId "), "{text}");
    assert!(text.ends_with(", maxTxSize 512000"), "{text}");
    let to_new = scene.transfer(&scene.alice, scene.carol.address, TRX);
    let (code, text) = refused(&scene, &Draft { memo: vec![0; 1_000], ..to_new }, &scene.alice);
    assert_eq!(code, Code::TooBigTransactionError);
    assert!(text.starts_with("Too big new account transaction, TxId "), "{text}");
}

#[test]
fn transfers_must_be_possible() {
    let scene = Scene::new();
    let (alice, bob, carol) = (&scene.alice, &scene.bob, &scene.carol);
    let poor = "Validate TransferContract error, balance is not sufficient.";
    for (to, sun, text) in [
        (alice.address, TRX, "Cannot transfer TRX to yourself."),
        (bob.address, 0, "Amount must be greater than 0."),
        (bob.address, -1, "Amount must be greater than 0."),
        (bob.address, 1_000 * TRX + 1, poor),
        (bob.address, i64::MAX, poor),
        // The new account costs 1 TRX, and 0.1 more that is taken before.
        (carol.address, 999 * TRX, poor),
        (carol.address, 999 * TRX - TRX / 10 + 1, poor),
    ] {
        assert_eq!(invalid(&scene, &scene.transfer(alice, to, sun)), text, "{to} {sun}");
    }
    let parameter = [field(1, &alice.address.bytes()), field(2, &[0x42; 21]), int(3, 1)].concat();
    let draft = scene.draft(1, "TransferContract", parameter);
    assert_eq!(invalid(&scene, &draft), "Invalid toAddress!");
    let draft = scene.transfer(carol, bob.address, 1);
    let (code, text) = refused(&scene, &draft, carol);
    let words = format!("Contract validate error : account [{}] does not exist", carol.address);
    assert_eq!((code, text), (Code::ContractValidateError, words));
    assert_eq!(scene.send(&scene.transfer(alice, carol.address, 998 * TRX), alice), Code::Success);
}

#[test]
fn contracts_get_no_plain_transfers() {
    let scene = Scene::new();
    let token = scene.token();
    let draft = scene.transfer(&scene.alice, token, TRX);
    assert_eq!(invalid(&scene, &draft), "Cannot transfer TRX to a smartContract.");
    scene.chain(|chain| chain.parameters.forbid_transfer_to_contract = false);
    assert_eq!(scene.send(&draft, &scene.alice), Code::Success);
}

#[test]
fn calls_must_be_possible() {
    let scene = Scene::new();
    let token = scene.token();
    let (alice, bob) = (&scene.alice, &scene.bob);
    let data = pay(bob, 1);
    let text = "feeLimit must be >= 0 and <= 15000000000";
    for fee_limit in [-1, 15_000_000_001] {
        assert_eq!(invalid(&scene, &scene.call(alice, token, &data, fee_limit)), text);
    }
    let draft = scene.call(alice, bob.address, &data, TRX);
    assert_eq!(invalid(&scene, &draft), "No contract or not a smart contract");
    let draft = scene.call_with(alice, token, &data, TRX, -1);
    assert_eq!(invalid(&scene, &draft), "callValue must be >= 0");
    let draft = scene.call_with(alice, token, &data, TRX, 1_001 * TRX);
    let text = "Validate InternalTransfer error, balance is not sufficient.";
    assert_eq!(invalid(&scene, &draft), text);
    let draft = scene.draft(31, "TransferContract", vec![]);
    assert_eq!(scene.send(&draft, alice), Code::SigError, "nobody is its owner");
}

#[test]
fn the_bytes_must_be_paid_for() {
    let scene = Scene::new();
    scene.chain(|chain| {
        chain.parameters.free_net = 0;
        chain.fund(scene.carol.address, 1_000);
    });
    let draft = scene.transfer(&scene.carol, scene.bob.address, 1);
    let words = (Code::BandwithError, "Account resource insufficient error.".to_owned());
    assert_eq!(refused(&scene, &draft, &scene.carol), words);
    scene.chain(|chain| chain.parameters.free_net = 600);
    let memo = Draft { memo: vec![1], ..draft.clone() };
    assert_eq!(refused(&scene, &memo, &scene.carol), words, "a memo costs 1 TRX");
    assert_eq!(scene.send(&draft, &scene.carol), Code::Success);
}

#[test]
fn nothing_but_a_transaction_is_one() {
    let scene = Scene::new();
    for bytes in [vec![0xff; 10], vec![0], vec![0x0a, 0xff]] {
        assert_eq!(scene.chain(|chain| chain.broadcast(&bytes)), None);
        let body = json!({ "transaction": hex::encode(&bytes) });
        let answer = post(&scene.node, "wallet/broadcasthex", &body);
        let class = "class com.google.protobuf.InvalidProtocolBufferException : ";
        assert!(answer["Error"].as_str().unwrap().starts_with(class), "{answer}");
    }
    let answer = post(&scene.node, "wallet/broadcasthex", &json!({ "transaction": "xyz" }));
    assert!(answer["Error"].as_str().unwrap().contains("DecoderException"), "{answer}");
    // Nothing is a transaction of nothing.
    let answer = post(&scene.node, "wallet/broadcasthex", &json!({}));
    assert_eq!(answer["message"], "Contract validate error : No contract!");
    let answer = post(&scene.node, "wallet/broadcasttransaction", &json!({}));
    assert_eq!(answer["Error"], "class java.lang.NullPointerException : null");
    let codes = scene.chain(|chain| chain.received().iter().map(|it| it.code).collect::<Vec<_>>());
    assert_eq!(codes.len(), 7);
}

#[test]
fn a_node_may_refuse_everything() {
    let scene = Scene::new();
    let draft = scene.transfer(&scene.alice, scene.bob.address, TRX);
    for (code, text) in [
        (Code::ServerBusy, "Server busy."),
        (Code::BlockUnsolidified, "Block unsolidified."),
        (Code::NoConnection, "No connection."),
    ] {
        scene.chain(|chain| chain.refuse_broadcasts(Some(code)));
        assert_eq!(refused(&scene, &draft, &scene.alice), (code, text.to_owned()));
    }
    scene.chain(|chain| chain.refuse_broadcasts(None));
    assert_eq!(scene.send(&draft, &scene.alice), Code::Success);
    scene.chain(|chain| chain.parameters.pending_max = 0);
    let draft = scene.transfer(&scene.alice, scene.bob.address, TRX);
    assert_eq!(scene.send(&draft, &scene.alice), Code::ServerBusy);
}

#[test]
fn a_node_may_remember_what_it_has_refused() {
    let parameters = Parameters { remember_ids: true, ..Parameters::default() };
    let scene = Scene::with(Options { parameters, ..Options::default() });
    let draft = scene.transfer(&scene.alice, scene.bob.address, 2_000 * TRX);
    assert_eq!(scene.send(&draft, &scene.alice), Code::ContractValidateError);
    let words = (Code::DupTransactionError, "Transaction already exists.".to_owned());
    assert_eq!(refused(&scene, &draft, &scene.alice), words);
}

#[test]
fn contracts_can_be_deployed() {
    let scene = Scene::new();
    let code = hex::decode(TETHER).unwrap();
    let owner = scene.alice.address.bytes();
    let new =
        [field(1, &owner), field(4, &code), int(6, 100), field(7, b"Tether"), int(8, 10_000_000)]
            .concat();
    let parameter = [field(1, &owner), field(2, &new)].concat();
    let draft = scene.draft(30, "CreateSmartContract", parameter);
    let draft = Draft { fee_limit: 500 * TRX, ..draft };
    let info = scene.mined(&draft, &scene.alice);
    assert_eq!(info["receipt"]["result"], "SUCCESS", "{info}");
    let contract = info["contract_address"].as_str().unwrap();
    let shown = post(&scene.node, "wallet/getcontract", &json!({ "value": contract }));
    assert_eq!(shown["name"], "Tether");
    assert_eq!(shown["origin_energy_limit"], 10_000_000);
    let token = tron_node::Address::parse(contract).unwrap();
    assert_eq!(scene.tokens(token, &scene.alice), 1_000_000_000_000_000);
    // The same code in a test's set-up runs the same.
    let other = scene.deploy(TETHER, &Deploy::default());
    let codes = [token, other].map(|it| {
        let value = json!({ "value": it.hex() });
        post(&scene.node, "wallet/getcontractinfo", &value)["runtimecode"].clone()
    });
    assert_eq!(codes[0], codes[1]);
}

#[test]
fn everything_handed_over_is_written_down() {
    let scene = Scene::new();
    let good = scene.transfer(&scene.alice, scene.bob.address, TRX);
    let bad = scene.transfer(&scene.alice, scene.bob.address, 0);
    for draft in [&good, &bad, &good] {
        scene.send(draft, &scene.alice);
    }
    let file = std::env::temp_dir().join(format!("tron-node-{}", std::process::id()));
    scene.node.write_received(&file).unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let codes: Vec<_> = lines.iter().map(|line| line["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["SUCCESS", "CONTRACT_VALIDATE_ERROR", "DUP_TRANSACTION_ERROR"]);
    assert_eq!(lines[0]["raw_hex"], hex::encode(good.signed(&scene.alice)));
    assert_eq!(lines[0]["raw_data_hex"], hex::encode(good.raw()));
    assert_eq!(lines[1]["txid"], hex::encode(bad.id()));
    assert_eq!(lines[1]["signature"], json!([hex::encode(scene.alice.sign(bad.id()))]));
}
