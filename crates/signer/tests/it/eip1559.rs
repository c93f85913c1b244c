//! Transactions of EVM networks: equal to ethers' signatures, and refused if anything differs.

use std::collections::BTreeMap;

use alloy_consensus::{SignableTransaction, TxEip1559, transaction::RlpEcdsaDecodableTx};
use alloy_primitives::{Bytes, TxKind, U256, address};
use domain::{
    ids::NetworkId,
    ports::{Intent, UnsignedTx},
};
use proptest::prelude::*;
use signer::{LocalSigner, Policy, intent::eip1559::verify};

use crate::world::{self, BOB, CAROL, Case, TETHER, amount, payment};

/// What ethers 6.17 makes of the transactions: `unsignedSerialized`.
const NATIVE: &str = "02f383aa36a7078459682f008506fc23ac008252089470997970c51812dc3a010c7d01b50e0d\
                      17dc79c8881121d3359738400080c0";
const TOKEN: &str = "02f86d0180843b9aca008505d21dba0082fde894dac17f958d2ee523a2206206994597c13d831\
                     ec780b844a9059cbb00000000000000000000000070997970c51812dc3a010c7d01b50e0d17dc\
                     79c8000000000000000000000000000000000000000000000000000000000016e360c0";
const SMALL: &str =
    "02e53882012d8084b2d05e008252089470997970c51812dc3a010c7d01b50e0d17dc79c80180c0";

fn case(payload: &str, chain_id: u64, sequence: u64, contract: Option<&str>, units: u128) -> Case {
    let fee_max = amount(65_000 * 25_000_000_000);
    Case {
        lane: world::lane(),
        unsigned: UnsignedTx {
            format: "eip1559",
            payload: hex::decode(payload).unwrap(),
            sequences_used: 1,
            spends: vec![],
            sequence: Some(sequence),
            fee_max,
        },
        intent: Intent {
            network: world::network(chain_id),
            chore: None,
            payments: vec![payment(contract, BOB, units)],
            fee_max,
            sequence: Some(sequence),
            spends: vec![],
        },
        policy: Policy::default(),
    }
}

fn native() -> Case {
    case(NATIVE, 11_155_111, 7, None, 1_234_500_000_000_000_000)
}

fn token() -> Case {
    case(TOKEN, 1, 0, Some(TETHER), 1_500_000)
}

#[track_caller]
fn check(case: &Case, signature: &str) {
    let signer = LocalSigner::new(world::keystore(), Policy::default());
    assert_eq!(hex::encode(case.sign_by(&signer).unwrap()), signature);
    assert_eq!(hex::encode(case.sign_by(&signer).unwrap()), signature, "with the key kept");
}

/// `r`, `s` and `yParity` of ethers 6.17.
#[test]
fn signs_as_ethers_does() {
    check(
        &native(),
        "4313d2267a980c6cadb096337160d9e96f2714b832ad6a98f0fef6a9fe0e6771\
         2dbcc9122424c35a5f8b6b39901b61a06d04722d475b3b9941eb5522b744a8f801",
    );
    check(
        &token(),
        "c7cae3dfdacf4418c41a6c8ee0cf6fb2435229ff5e9d14896276d680cf8fdbf3\
         405d74f8d08d4d69c55a80421e506d6f65e308bb8b5b419c3540951caff5fe3501",
    );
    check(
        &case(SMALL, 56, 301, None, 1),
        "a4113a01bb74aa59aefe736b5727c14e0900ce6c6395a315ef04c9baf3153a0e\
         786a76d053cd58ebdcc1e712fe703fd75bd0d7e73a23d688ccb8f9676c55a55c00",
    );
}

fn decode(payload: &[u8]) -> TxEip1559 {
    TxEip1559::rlp_decode(&mut &payload[1..]).unwrap()
}

/// Changes one field of the transaction, and nothing of the intent.
#[track_caller]
fn check_field(case: &Case, expected: &str, change: impl FnOnce(&mut TxEip1559)) {
    case.check_refused(expected, |case| {
        let mut tx = decode(&case.unsigned.payload);
        change(&mut tx);
        case.unsigned.payload = tx.encoded_for_signing();
    });
}

#[test]
fn a_transaction_that_differs_in_a_field_is_refused() {
    for case in [native(), token()] {
        assert!(case.sign().is_ok());
        check_field(&case, "chain_id is 5 ", |tx| tx.chain_id = 5);
        check_field(&case, "nonce is 8 ", |tx| tx.nonce = 8);
        check_field(&case, "max_priority_fee_per_gas", |tx| {
            tx.max_priority_fee_per_gas = tx.max_fee_per_gas + 1;
        });
        check_field(&case, "gas_limit * max_fee_per_gas is", |tx| tx.max_fee_per_gas *= 4);
        check_field(&case, "gas_limit * max_fee_per_gas is", |tx| tx.gas_limit *= 4);
        check_field(&case, "does not fit", |tx| {
            tx.max_fee_per_gas = u128::MAX;
            tx.gas_limit = u64::MAX;
        });
        check_field(&case, "to is empty", |tx| tx.to = TxKind::Create);
        check_field(&case, "to is", |tx| tx.to = TxKind::Call(CAROL.parse().unwrap()));
        check_field(&case, "value is", |tx| tx.value += U256::ONE);
        check_field(&case, "value is", |tx| tx.value = U256::MAX);
        check_field(&case, "data is", |tx| {
            tx.input = [tx.input.as_ref(), &[0]].concat().into();
        });
        check_field(&case, "access_list", |tx| {
            let address = address!("0xdAC17F958D2ee523a2206206994597C13D831ec7");
            let item = alloy_item(address);
            tx.access_list.0.push(item);
        });
    }
}

fn alloy_item(address: alloy_primitives::Address) -> alloy_eips::eip2930::AccessListItem {
    alloy_eips::eip2930::AccessListItem { address, storage_keys: Vec::new() }
}

#[test]
fn a_call_of_a_token_that_is_not_the_transfer_is_refused() {
    let case = token();
    let change_data = |change: &dyn Fn(&mut Vec<u8>)| {
        check_field(&case, "data is", |tx| {
            let mut data = tx.input.to_vec();
            change(&mut data);
            tx.input = data.into();
        });
    };
    // approve(address,uint256), and transferFrom's selector.
    change_data(&|data| data[..4].copy_from_slice(&[0x09, 0x5e, 0xa7, 0xb3]));
    change_data(&|data| data[..4].copy_from_slice(&[0x23, 0xb8, 0x72, 0xdd]));
    change_data(&|data| data[35] ^= 1);
    change_data(&|data| data[67] ^= 1);
    change_data(&|data| data[36] = 1);
    // Bytes that a contract would ignore.
    change_data(&|data| data[4] = 1);
    change_data(&|data| data.truncate(67));
    change_data(&|data| data.extend([0; 32]));
    change_data(&|data| data.clear());
    check_field(&case, "to is", |tx| tx.to = TxKind::Call(BOB.parse().unwrap()));
    check_field(&native(), "data is", |tx| tx.input = Bytes::from_static(&[0xa9, 5, 0x9c, 0xbb]));
}

#[test]
fn an_intent_that_differs_is_refused() {
    for case in [native(), token()] {
        case.check_refused("in the intent", |case| {
            case.intent.payments[0].destination.address = CAROL.into();
        });
        case.check_refused("in the intent", |case| case.intent.payments[0].amount = amount(1));
        case.check_refused("payments", |case| case.intent.payments.clear());
        case.check_refused("to is", |case| {
            case.intent.payments.push(case.intent.payments[0].clone());
        });
        case.check_refused("memo", |case| {
            case.intent.payments[0].destination.memo = Some("1".into());
        });
        case.check_refused("destination", |case| {
            case.intent.payments[0].destination.address.make_ascii_lowercase();
        });
        case.check_refused("asset", |case| {
            case.intent.payments[0].asset.network = NetworkId::new("other");
        });
        case.check_refused("chain_id", |case| case.intent.network.parameters.clear());
        case.check_refused("chain_id", |case| {
            case.intent.network.parameters.insert("chain_id".into(), "99".into());
        });
        case.check_refused("family", |case| case.intent.network.family = "tron".into());
        case.check_refused("sequence", |case| case.intent.sequence = None);
        case.check_refused("sequence", |case| case.unsigned.sequence = Some(99));
        case.check_refused("nonce", |case| {
            case.intent.sequence = Some(99);
            case.unsigned.sequence = Some(99);
        });
        case.check_refused("nonce", |case| {
            case.intent.sequence = None;
            case.unsigned.sequence = None;
        });
    }
    native().check_refused("to is", |case| {
        case.intent.payments[0].asset.contract = Some(TETHER.into());
    });
    token().check_refused("to is", |case| case.intent.payments[0].asset.contract = None);
    token().check_refused("contract", |case| {
        case.intent.payments[0].asset.contract = Some("0x12".into());
    });
}

#[test]
fn fees_have_limits() {
    let case = native();
    let most = 21_000 * 30_000_000_000;
    case.check_refused("gas_limit * max_fee_per_gas", |case| {
        case.intent.fee_max = amount(most - 1);
        case.unsigned.fee_max = amount(most - 1);
    });
    case.check_refused("fee_max is above the intent's", |case| case.intent.fee_max = amount(most));
    let mut exact = case.clone();
    exact.intent.fee_max = amount(most);
    exact.unsigned.fee_max = amount(most);
    let limit = |units| Policy {
        fee_max_limits: BTreeMap::from([(NetworkId::new("net"), amount(units))]),
        lane_addresses: std::collections::BTreeMap::new(),
        simulated: false,
    };
    exact.policy = limit(most);
    assert!(exact.sign().is_ok());
    exact.check_refused("above the signer's limit", |case| case.policy = limit(most - 1));
}

#[test]
fn a_lane_signs_with_its_own_key_only() {
    let case = native();
    case.check_refused("address of net/hot", |case| case.lane.address = BOB.into());
    case.check_refused("address of net/hot", |case| case.lane.key_path = "m/44'/60'/0'/0/1".into());
    case.check_refused("key_path", |case| case.lane.key_path = "m/44'/60'".to_owned() + "/x");
    case.check_refused("key_path", |case| case.lane.key_path = "imported:none".into());
    case.check_refused("network", |case| case.lane.network = NetworkId::new("other"));
    case.check_refused("format", |case| case.unsigned.format = "eip2930");
    case.check_refused("switched off", |case| case.unsigned.format = "sim1");
}

#[test]
fn other_encodings_are_refused() {
    let case = native();
    let payload = case.unsigned.payload.clone();
    let refused = |payload: &[u8]| verify(payload, &case.lane, &case.intent).unwrap_err();
    assert!(refused(&[]).contains("0x02"));
    assert!(refused(&payload[1..]).contains("0x02"));
    for length in 1..payload.len() {
        refused(&payload[..length]);
    }
    refused(&[payload.as_slice(), &[0]].concat());
    assert!(refused(&[2; 10_201]).contains("too long"));
    // The nonce 7 with a zero before it, and as a string of one byte: the length of the list is
    // the second byte.
    for nonce in [[0x82, 0x00, 0x07].as_slice(), &[0x81, 0x07]] {
        let mut longer = [&payload[..6], nonce, &payload[7..]].concat();
        assert_eq!(payload[6], 7);
        longer[1] += u8::try_from(nonce.len() - 1).unwrap();
        refused(&longer);
    }
    // The list's length in the long form.
    refused(&[&[2, 0xf8, payload[1] - 0xc0], &payload[2..]].concat());
}

/// A transaction that was changed somewhere is refused, unless all that changed is how much of
/// the allowed fee it may use.
fn check_mutated(case: &Case, payload: &[u8]) {
    if verify(payload, &case.lane, &case.intent).is_err() {
        return;
    }
    let (original, changed) = (decode(&case.unsigned.payload), decode(payload));
    let most = u128::from(changed.gas_limit) * changed.max_fee_per_gas;
    assert!(most <= case.intent.fee_max.units());
    let only_fees = TxEip1559 {
        gas_limit: changed.gas_limit,
        max_fee_per_gas: changed.max_fee_per_gas,
        max_priority_fee_per_gas: changed.max_priority_fee_per_gas,
        ..original
    };
    assert_eq!(changed, only_fees);
}

#[test]
fn every_changed_bit_is_noticed() {
    for case in [native(), token()] {
        for changed in world::flipped(&case.unsigned.payload) {
            check_mutated(&case, &changed);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_changes_are_noticed(
        changes in world::changes(),
        of_token: bool,
    ) {
        let case = if of_token { token() } else { native() };
        check_mutated(&case, &world::mutated(&case.unsigned.payload, changes));
    }

    #[test]
    fn arbitrary_bytes_are_refused(payload: Vec<u8>) {
        prop_assert!(verify(&payload, &world::lane(), &native().intent).is_err());
    }
}
