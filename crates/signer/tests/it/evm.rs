//! Transactions of EVM networks in both plain forms, with one payment and with many: equal to
//! ethers' (`vectors.mjs` of the rail), and refused if anything differs.

use alloy_consensus::{SignableTransaction, TxEip1559, TxLegacy, transaction::RlpEcdsaDecodableTx};
use alloy_primitives::{Bytes, TxKind, U256, address};
use alloy_rlp::Decodable;
use domain::ports::{Intent, UnsignedTx};
use proptest::{prelude::*, sample::Index};
use serde_json::Value;
use signer::{
    LocalSigner, Policy,
    intent::{eip155, eip1559, evm::PAYOUTS},
};

use crate::world::{self, BOB, CAROL, Case, TETHER, amount, payment};

fn vectors() -> Vec<Value> {
    serde_json::from_str(include_str!("../../../rail-evm/tests/data/vectors.json")).unwrap()
}

fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap().strip_prefix("0x").unwrap()).unwrap()
}

fn number(value: &Value) -> u128 {
    value.as_str().unwrap().parse().unwrap()
}

/// The case of a vector that pays; `None` if its fee is more than an amount can be.
fn case_of(vector: &Value) -> Option<Case> {
    let format = match vector["format"].as_str().unwrap() {
        "eip155" => eip155::FORMAT,
        "eip1559" => eip1559::FORMAT,
        _ => return None,
    };
    let gas_limit = u128::from(vector["gas_limit"].as_u64().unwrap());
    let fee_max = number(&vector["max_fee"]).checked_mul(gas_limit)?;
    let sequence = vector["nonce"].as_u64();
    let payments = vector["payments"].as_array().unwrap().iter();
    let payments = payments
        .map(|it| payment(vector["token"].as_str(), it[0].as_str().unwrap(), number(&it[1])));
    Some(Case {
        lane: world::lane(),
        unsigned: UnsignedTx {
            sequences_used: 1,
            spends: vec![],
            format,
            payload: bytes(&vector["payload"]),
            sequence,
            fee_max: amount(fee_max),
        },
        intent: Intent {
            chore: None,
            network: world::network(vector["chain_id"].as_u64().unwrap()),
            payments: payments.collect(),
            fee_max: amount(fee_max),
            sequence,
            spends: vec![],
        },
        policy: Policy::default(),
    })
}

fn named(format: &str, name: &str) -> Case {
    let all = vectors();
    let found = all.iter().find(|it| it["format"] == format && it["name"] == name);
    case_of(found.unwrap()).unwrap()
}

/// Calls of the contract and of the lane itself, in both forms, with coins and with a token.
fn several() -> Vec<Case> {
    let mut cases = vec![];
    for vector in vectors() {
        let method = vector["method"].as_str().unwrap();
        let few = vector["payments"].as_array().unwrap().len() <= 4;
        cases.extend(case_of(&vector).filter(|_| few && matches!(method, "contract" | "delegate")));
    }
    assert_eq!(cases.len(), 9);
    cases
}

#[test]
fn signs_all_that_ethers_signs() {
    let signer = LocalSigner::new(world::keystore(), Policy::default());
    let mut count = 0;
    for vector in vectors() {
        let Some(case) = case_of(&vector) else { continue };
        let signature = case.sign_by(&signer).unwrap();
        assert_eq!(signature, bytes(&vector["signature"]), "{}", vector["name"]);
        count += 1;
    }
    assert!(count >= 30, "{count}");
}

/// Reads a payload, changes its fields, and writes it again.
fn changed(case: &Case, change: impl FnOnce(&mut TxEip1559)) -> Vec<u8> {
    let payload = &case.unsigned.payload;
    if case.unsigned.format == eip1559::FORMAT {
        let mut tx = TxEip1559::rlp_decode(&mut &payload[1..]).unwrap();
        change(&mut tx);
        return tx.encoded_for_signing();
    }
    let old = TxLegacy::decode(&mut payload.as_slice()).unwrap();
    let mut tx = TxEip1559 {
        chain_id: old.chain_id.unwrap(),
        nonce: old.nonce,
        gas_limit: old.gas_limit,
        max_fee_per_gas: old.gas_price,
        max_priority_fee_per_gas: 0,
        to: old.to,
        value: old.value,
        access_list: alloy_eips::eip2930::AccessList::default(),
        input: old.input,
    };
    change(&mut tx);
    let old = TxLegacy {
        chain_id: Some(tx.chain_id),
        nonce: tx.nonce,
        gas_price: tx.max_fee_per_gas,
        gas_limit: tx.gas_limit,
        to: tx.to,
        value: tx.value,
        input: tx.input,
    };
    old.encoded_for_signing()
}

#[track_caller]
fn check_field(case: &Case, expected: &str, change: impl FnOnce(&mut TxEip1559)) {
    case.check_refused(expected, |it| it.unsigned.payload = changed(case, change));
}

#[test]
fn a_transaction_that_differs_in_a_field_is_refused() {
    let mut cases = several();
    cases.push(named("eip155", "native, ordinary"));
    cases.push(named("eip155", "token, ordinary"));
    for case in cases {
        case.sign().unwrap();
        check_field(&case, "chain_id is 5 ", |tx| tx.chain_id = 5);
        check_field(&case, "nonce is 8 ", |tx| tx.nonce = 8);
        check_field(&case, "is", |tx| tx.max_fee_per_gas += 1);
        check_field(&case, "above fee_max", |tx| tx.gas_limit += 1);
        check_field(&case, "does not fit", |tx| {
            tx.max_fee_per_gas = u128::MAX;
            tx.gas_limit = u64::MAX;
        });
        check_field(&case, "to is empty", |tx| tx.to = TxKind::Create);
        check_field(&case, "to is", |tx| tx.to = TxKind::Call(CAROL.parse().unwrap()));
        check_field(&case, "value is", |tx| tx.value += U256::ONE);
        check_field(&case, "data is", |tx| tx.input = [tx.input.as_ref(), &[0]].concat().into());
        check_field(&case, "data is", |tx| {
            tx.input = [tx.input.as_ref(), &[0; 32]].concat().into();
        });
    }
}

#[test]
fn a_call_that_pays_otherwise_is_refused() {
    for case in several() {
        let is_native = case.intent.payments[0].asset.contract.is_none();
        let change_data = |change: &dyn Fn(&mut Vec<u8>)| {
            check_field(&case, "data is", |tx| {
                let mut data = tx.input.to_vec();
                change(&mut data);
                tx.input = data.into();
            });
        };
        change_data(&|data| data[0] ^= 1);
        change_data(&|data| data[4] = 1);
        change_data(&|data| data[35] ^= 1);
        change_data(&|data| data[67] ^= 1);
        change_data(&|data| data[99] ^= 1);
        change_data(&|data| data[100] ^= 1);
        change_data(&|data| data[111] ^= 1);
        change_data(&|data| data[131] ^= 1);
        change_data(&|data| data.truncate(data.len() - 32));
        change_data(&|data| data.clear());
        // A payment more, and told so.
        change_data(&|data| {
            data[99] += 1;
            data.extend([7; 32]);
        });
        // The way of the other method: coins come along, or stay.
        let own = case.lane.address.parse().unwrap();
        check_field(&case, if is_native { "value is" } else { "" }, |tx| {
            let to = if tx.to == TxKind::Call(PAYOUTS) { own } else { PAYOUTS };
            tx.to = TxKind::Call(to);
            if !is_native {
                tx.value = U256::ONE;
            }
        });
    }
}

#[test]
fn payments_of_an_intent_are_made_in_order_and_all_of_them() {
    for case in several() {
        case.check_refused("", |case| case.intent.payments.clear());
        case.check_refused("", |case| drop(case.intent.payments.pop()));
        case.check_refused("", |case| {
            case.intent.payments.push(case.intent.payments[0].clone());
        });
        case.check_refused("data is", |case| {
            case.intent.payments[1].destination.address = CAROL.into();
        });
        case.check_refused("in the intent", |case| {
            case.intent.payments[1].amount = amount(77);
        });
        case.check_refused("memo", |case| {
            case.intent.payments[1].destination.memo = Some("1".into());
        });
        case.check_refused("destination", |case| {
            case.intent.payments[1].destination.address = "0x12".into();
        });
        case.check_refused("paid alone", |case| case.intent.payments[1].amount = amount(1 << 96));
        case.check_refused("paid alone", |case| case.intent.payments[1].amount = amount(0));
        let other =
            if case.intent.payments[0].asset.contract.is_some() { None } else { Some(TETHER) };
        case.check_refused("asset", |case| {
            case.intent.payments[1] = payment(other, BOB, 5);
        });
        case.check_refused("chain_id", |case| case.intent.network.parameters.clear());
        case.check_refused("family", |case| case.intent.network.family = "tron".into());
        case.check_refused("lane", |case| case.lane.address.make_ascii_lowercase());
        case.check_refused("address of net/hot", |case| {
            case.lane.key_path = "m/44'/60'/0'/0/1".into();
        });
    }
    let ten = named("eip1559", "ten, delegate, eip1559");
    ten.sign().unwrap();
    ten.check_refused("data is", |case| case.intent.payments.swap(3, 4));
    // Equal payments are as good in either order.
    let mut equal = named("eip1559", "equal, delegate, eip1559");
    equal.intent.payments.swap(0, 1);
    equal.sign().unwrap();
}

/// A call of the lane itself is another lane's call of somebody.
#[test]
fn only_the_lane_calls_itself() {
    let case = named("eip1559", "two, delegate, eip1559");
    case.check_refused("to is", |case| case.lane.address = BOB.into());
}

#[test]
fn there_is_a_most() {
    let case = named("eip155", "hundred");
    case.check_refused("1 to 300, not 301", |case| {
        let one = case.intent.payments[0].clone();
        case.intent.payments = vec![one; 301];
    });
    case.check_refused("too long", |case| case.unsigned.payload = vec![0xf9; 10_201]);
}

#[test]
fn other_encodings_are_refused() {
    let case = named("eip155", "token, ordinary");
    let payload = case.unsigned.payload.clone();
    let refused = |payload: &[u8]| eip155::verify(payload, &case.lane, &case.intent).unwrap_err();
    for length in 0..payload.len() {
        refused(&payload[..length]);
    }
    refused(&[payload.as_slice(), &[0]].concat());
    // The last two fields are zero, or somebody else's.
    let mut other = payload.clone();
    *other.last_mut().unwrap() = 1;
    assert!(refused(&other).contains("canonical"));
    // Six fields: any chain would take them.
    let mut tx = TxLegacy::decode(&mut payload.as_slice()).unwrap();
    tx.chain_id = None;
    assert!(refused(&tx.encoded_for_signing()).contains("any chain"));
    let typed = named("eip1559", "token, ordinary");
    refused(&typed.unsigned.payload);
    typed.check_refused("EIP-155", |case| case.unsigned.format = eip155::FORMAT);
    case.check_refused("0x02", |case| case.unsigned.format = eip1559::FORMAT);
    let with_list = changed(&typed, |tx| {
        let address = address!("0xdAC17F958D2ee523a2206206994597C13D831ec7");
        let item = alloy_eips::eip2930::AccessListItem { address, storage_keys: vec![] };
        tx.access_list.0.push(item);
        tx.input = Bytes::new();
    });
    typed.check_refused("access_list", |case| case.unsigned.payload = with_list);
}

/// A changed transaction is refused unless all that changed is how much of the fee it may use.
fn check_mutated(case: &Case, payload: &[u8]) {
    let verify =
        if case.unsigned.format == eip155::FORMAT { eip155::verify } else { eip1559::verify };
    if verify(payload, &case.lane, &case.intent).is_err() {
        return;
    }
    let mut after = case.clone();
    after.unsigned.payload = payload.to_vec();
    let mut only_fees = (0, 0, 0);
    let _ = changed(&after, |tx| {
        only_fees = (tx.gas_limit, tx.max_fee_per_gas, tx.max_priority_fee_per_gas);
    });
    assert!(u128::from(only_fees.0) * only_fees.1 <= case.intent.fee_max.units());
    let with_fees = changed(case, |tx| {
        (tx.gas_limit, tx.max_fee_per_gas, tx.max_priority_fee_per_gas) = only_fees;
    });
    assert_eq!(with_fees, payload);
}

#[test]
fn every_changed_bit_is_noticed() {
    for case in several() {
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
        which: Index,
    ) {
        let cases = several();
        let case = &cases[which.index(cases.len())];
        check_mutated(case, &world::mutated(&case.unsigned.payload, changes));
    }

    #[test]
    fn arbitrary_bytes_are_refused(payload: Vec<u8>) {
        let case = named("eip155", "two, contract, eip155");
        prop_assert!(eip155::verify(&payload, &case.lane, &case.intent).is_err());
    }
}
