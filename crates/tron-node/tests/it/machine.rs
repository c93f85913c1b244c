//! What instructions cost, and what contracts can do.

use tron_node::{Address, Deploy};

use crate::scene::{Scene, TRX, data};

const CALLER: &str = include_str!("../data/Caller.hex");
const STANDARD: &str = include_str!("../data/Standard.hex");
const TAKES_FEE: &str = include_str!("../data/TakesFee.hex");

/// A contract that runs this and nothing else.
fn raw(scene: &Scene, code: &str) -> Address {
    let length = code.len() / 2;
    // Returns what follows.
    scene.deploy(&format!("60{length:02x}80600b6000396000f3{code}"), &Deploy::default())
}

fn used(scene: &Scene, code: &str) -> i64 {
    let contract = raw(scene, code);
    let draft = scene.call(&scene.alice, contract, &[], 100 * TRX);
    let info = scene.mined(&draft, &scene.alice);
    assert_eq!(info["receipt"]["result"], "SUCCESS", "{info}");
    info["receipt"].get("energy_usage_total").map_or(0, |it| it.as_i64().unwrap())
}

#[test]
fn the_costs_are_trons() {
    let scene = Scene::new();
    for (code, energy, what) in [
        ("00", 0, "STOP"),
        ("600054", 3 + 50, "SLOAD"),
        ("6001600055", 6 + 20_000, "SSTORE, new"),
        ("6000600055", 6 + 5_000, "SSTORE, nothing to nothing"),
        ("60016000556002600055", 12 + 25_000, "SSTORE, new and changed"),
        ("60016000556000600055", 12 + 25_000, "SSTORE, new and cleared: nothing back"),
        ("600160005560006000556001600055", 18 + 30_000, "a cleared slot is not new"),
        ("600051", 3 + 1 + 3, "MLOAD"),
        ("6001600052", 6 + 1 + 3, "MSTORE"),
        ("600160005360016020526001604052", 18 + 3 + 9, "MSTORE8, MSTORE, MSTORE"),
        ("60206000600037", 9 + 3 + 3, "CALLDATACOPY has no fixed part"),
        ("60206000600039", 9 + 3 + 3, "CODECOPY"),
        ("6020600020", 6 + 30 + 6 + 3, "SHA3"),
        ("3031", 2 + 20, "ADDRESS, BALANCE"),
        ("47", 5, "SELFBALANCE"),
        ("303b", 2 + 20, "EXTCODESIZE"),
        ("303f", 2 + 400, "EXTCODEHASH"),
        ("61ffff60020a", 6 + 10 + 20, "EXP by the byte"),
        ("60206000a0", 6 + 375 + 8 * 32 + 3, "LOG0"),
        ("6001600260206000a2", 12 + 375 + 750 + 8 * 32 + 3, "LOG2"),
        ("5f", 2, "PUSH0"),
        ("5b", 1, "JUMPDEST"),
        ("46", 2, "CHAINID"),
        // The address of another contract is not colder than others.
        ("6000600060006000600073aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa5af1", 18 + 2 + 40, "CALL"),
        (
            "600060006000600073aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa5afa",
            15 + 2 + 40,
            "STATICCALL",
        ),
        ("600060006000f0", 9 + 32_000, "CREATE of nothing"),
    ] {
        assert_eq!(used(&scene, code), energy, "{what}");
    }
}

/// The figures of java-tron's
/// [OperationsTest](https://github.com/tronprotocol/java-tron/blob/develop/framework/src/test/java/org/tron/common/runtime/vm/OperationsTest.java),
/// which runs without the energy adjustment.
#[test]
fn the_costs_are_those_of_java_trons_tests() {
    let scene = Scene::new();
    scene.chain(|chain| chain.parameters.energy_adjustment = false);
    for (code, energy) in [
        ("6001600202", 11),
        ("6001600203", 9),
        ("6001600204", 11),
        ("6001600105", 11),
        ("6002600106", 11),
        ("6002600107", 11),
        ("60026001600108", 17),
        ("60026001600109", 17),
        ("600260020a", 26),
        ("600260020b", 11),
        ("6001600210", 9),
        ("6001600211", 9),
        ("6001600212", 9),
        ("6001600213", 9),
        ("6001600214", 9),
        ("600115", 6),
        ("6001600216", 9),
        ("6001600217", 9),
        ("6001600218", 9),
        ("600019", 6),
        ("600160011a", 9),
        ("600160011b", 9),
        ("600160021c", 9),
        ("600160021d", 9),
        ("6001600120", 45),
        ("30", 2),
        ("32", 2),
        ("33", 2),
        ("34", 2),
        ("600135", 6),
        ("600136", 5),
        ("60016001600137", 15),
        ("38", 2),
        ("60016001600139", 15),
        ("3d", 2),
        ("3a", 2),
        ("600140", 23),
        ("41", 2),
        ("42", 2),
        ("43", 2),
        ("44", 2),
        ("45", 2),
        ("600150", 5),
        ("600151", 9),
        ("6001600152", 12),
        ("6001600153", 9),
        ("60016005575b60cc", 3 + 3 + 10 + 1 + 3),
        ("6001600058", 8),
        ("6001600059", 8),
        ("600160005a", 8),
        ("61123460005260206000a0", 646),
        ("61123460005261999960206000a1", 1_024),
        ("61123460005261999961666660206000a2", 1_402),
        ("60016001f3", 9),
        ("47", 5),
    ] {
        assert_eq!(used(&scene, code), energy, "{code}");
    }
}

#[test]
fn value_costs_more_and_new_accounts_most() {
    let scene = Scene::new();
    let caller = scene.deploy(CALLER, &Deploy { value: 10, ..Deploy::default() });
    let pay = |to: Address| {
        let data = data("pay(address,uint256)", &[&to, &1_i64]);
        let draft = scene.call(&scene.alice, caller, &data, 100 * TRX);
        let info = scene.mined(&draft, &scene.alice);
        assert_eq!(info["receipt"]["result"], "SUCCESS", "{info}");
        info["receipt"]["energy_usage_total"].as_i64().unwrap()
    };
    let (new, old) = (pay(scene.carol.address), pay(scene.carol.address));
    assert_eq!(new - old, 25_000);
    // Of the 9,000, 2,300 come back: nothing runs there.
    assert!((6_700..7_700).contains(&old), "{old}");
    assert_eq!(scene.balance(&scene.carol), 2);
    assert_eq!(scene.chain(|chain| chain.balance(&caller)), Some(8));
}

#[test]
fn calls_carry_value() {
    let scene = Scene::new();
    let caller = scene.deploy(CALLER, &Deploy::default());
    let draft = scene.call_with(&scene.alice, caller, &[], TRX, 7);
    let info = scene.mined(&draft, &scene.alice);
    assert_eq!(info["receipt"]["result"], "SUCCESS", "{info}");
    assert_eq!(scene.chain(|chain| chain.balance(&caller)), Some(7));
    // A function that takes none reverts, and the value stays.
    let set = data("set(uint256,uint256)", &[&1_i64, &1_i64]);
    let before = scene.balance(&scene.alice);
    let draft = scene.call_with(&scene.alice, caller, &set, TRX, 7);
    let info = scene.mined(&draft, &scene.alice);
    assert_eq!(info["receipt"]["result"], "REVERT");
    assert_eq!(scene.balance(&scene.alice), before - info["fee"].as_i64().unwrap());
    assert_eq!(scene.chain(|chain| chain.balance(&caller)), Some(7));
}

#[test]
fn a_failed_call_within_changes_nothing() {
    let scene = Scene::new();
    let caller = scene.deploy(CALLER, &Deploy { value: 10, ..Deploy::default() });
    // It has less than that.
    let too_much = data("pay(address,uint256)", &[&scene.carol.address, &11_i64]);
    let draft = scene.call(&scene.alice, caller, &too_much, 100 * TRX);
    let info = scene.mined(&draft, &scene.alice);
    assert_eq!(info["receipt"]["result"], "SUCCESS");
    assert_eq!(info["contractResult"][0], "0".repeat(64));
    assert_eq!(scene.chain(|chain| chain.balance(&scene.carol.address)), None);
    // To itself it cannot pay at all, which ends everything.
    let itself = data("pay(address,uint256)", &[&caller, &1_i64]);
    let draft = scene.call(&scene.alice, caller, &itself, 100 * TRX);
    let info = scene.mined(&draft, &scene.alice);
    assert_eq!(info["receipt"]["result"], "TRANSFER_FAILED");
    assert!(info["receipt"]["energy_usage_total"].as_i64().unwrap() < 20_000, "{info}");
}

#[test]
fn contracts_make_contracts_and_call_deep() {
    let scene = Scene::new();
    let caller = scene.deploy(CALLER, &Deploy::default());
    let draft = scene.call(&scene.alice, caller, &data("create()", &[]), 500 * TRX);
    let info = scene.mined(&draft, &scene.alice);
    assert_eq!(info["receipt"]["result"], "SUCCESS", "{info}");
    let made = scene.chain(|chain| chain.ask(caller, &data("made()", &[]))).unwrap();
    let made = Address::from_tail(made[12..].try_into().unwrap());
    let supply = scene.chain(|chain| chain.token_balance(made, &caller)).unwrap();
    assert_eq!(u64::try_from(supply).unwrap(), 1_000_000_000_000_000);
    // 64 calls within each other, no more.
    let deep = |levels: i64| {
        let data = data("deep(uint256)", &[&levels]);
        scene.chain(|chain| chain.ask(caller, &data)).is_some()
    };
    assert!(deep(64));
    assert!(!deep(65));
}

#[test]
fn nothing_is_held_back_from_a_call_within() {
    let scene = Scene::new();
    let caller = scene.deploy(CALLER, &Deploy::default());
    let stubborn = scene.deploy(include_str!("../data/Stubborn.hex"), &Deploy::default());
    let choose = data("setEnding(uint8)", &[&1_i64]);
    scene.chain(|chain| chain.call_as(scene.bob.address, stubborn, &choose));
    let mut data = data("callAndForgive(address,bytes)", &[&stubborn, &64_i64, &68_i64]);
    data.extend(crate::scene::pay(&scene.carol, 1));
    data.extend([0; 28]);
    let draft = scene.call(&scene.alice, caller, &data, 10 * TRX);
    let info = scene.mined(&draft, &scene.alice);
    assert_eq!(info["receipt"]["result"], "OUT_OF_ENERGY", "{info}");
    assert_eq!(info["receipt"]["energy_usage_total"], 100_000);
}

#[test]
fn natives_work() {
    let scene = Scene::new();
    let caller = scene.deploy(CALLER, &Deploy::default());
    let hash = [7; 32];
    let signature = scene.alice.sign(hash);
    let [r, s]: [[u8; 32]; 2] =
        [signature[..32].try_into().unwrap(), signature[32..64].try_into().unwrap()];
    let v = i64::from(signature[64]) + 27;
    let recover = data("recover(bytes32,uint8,bytes32,bytes32)", &[&hash, &v, &r, &s]);
    let found = scene.chain(|chain| chain.ask(caller, &recover)).unwrap();
    assert_eq!(&found[12..], scene.alice.address.tail());
    let mut digest = data("digest(bytes)", &[&32_i64, &3_i64]);
    digest.extend(b"abc");
    digest.extend([0; 29]);
    let found = scene.chain(|chain| chain.ask(caller, &digest)).unwrap();
    let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(hex::encode(found), abc);
}

#[test]
fn contracts_know_where_and_when_they_are() {
    let scene = Scene::new();
    let caller = scene.deploy(CALLER, &Deploy::default());
    let said = scene.chain(|chain| chain.ask(caller, &data("when()", &[]))).unwrap();
    let numbers: Vec<u64> =
        said.chunks(32).map(|word| u64::from_be_bytes(word[24..].try_into().unwrap())).collect();
    assert_eq!(numbers, [1, 1_700_000_004, 0x7e7e_7e7e]);
}

#[test]
fn tokens_have_habits() {
    let scene = Scene::new();
    let [standard, takes_fee] =
        [STANDARD, TAKES_FEE].map(|code| scene.deploy(code, &Deploy::default()));
    for (token, arrives) in [(standard, 1_000), (takes_fee, 990)] {
        let issue = data("issue(address,uint256)", &[&scene.alice.address, &5_000_i64]);
        scene.chain(|chain| chain.call_as(scene.bob.address, token, &issue));
        let pay = crate::scene::pay(&scene.carol, 1_000);
        let draft = scene.call(&scene.alice, token, &pay, 100 * TRX);
        let info = scene.mined(&draft, &scene.alice);
        assert_eq!(info["contractResult"][0], format!("{:064x}", 1));
        assert_eq!(scene.tokens(token, &scene.carol), arrives);
    }
    let tether = scene.token();
    scene.chain(|chain| {
        chain.call_as(scene.bob.address, tether, &data("setFee(uint256)", &[&100_i64]));
    });
    let draft =
        scene.call(&scene.alice, tether, &crate::scene::pay(&scene.carol, 1_000), 100 * TRX);
    assert_eq!(scene.mined(&draft, &scene.alice)["log"].as_array().unwrap().len(), 2);
    assert_eq!(scene.tokens(tether, &scene.carol), 990);
}
