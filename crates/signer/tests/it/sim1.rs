//! Transactions of simulated networks.

use bitcoin::{
    hashes::{Hash, sha256},
    secp256k1::{Message, PublicKey, Secp256k1, SecretKey, ecdsa::Signature},
};
use domain::ports::{Intent, UnsignedTx};
use proptest::{prelude::*, sample::Index};
use signer::{Policy, intent::sim1::verify};

use crate::world::{self, Case, amount, payment};

const TEXT: &str = "sim1\n\
                    network=net\n\
                    lane=net/hot\n\
                    sequence=7\n\
                    fee_max=5\n\
                    pay ETH@net 1000 first -\n\
                    pay USDT@net 2000 second d0bcd0b5d0bcd0be\n";

fn case() -> Case {
    let mut second = payment(Some("contract"), "second", 2000);
    second.destination.memo = Some("мемо".to_owned());
    Case {
        lane: world::lane(),
        unsigned: UnsignedTx {
            format: "sim1",
            payload: TEXT.into(),
            sequences_used: 1,
            spends: vec![],
            sequence: Some(7),
            fee_max: amount(5),
        },
        intent: Intent {
            network: world::network(1),
            chore: None,
            payments: vec![payment(None, "first", 1000), second],
            fee_max: amount(5),
            sequence: Some(7),
            spends: vec![],
        },
        policy: Policy { simulated: true, ..Policy::default() },
    }
}

#[test]
fn signs_the_hash_of_the_text() {
    let key = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
    let curve = Secp256k1::new();
    let public = PublicKey::from_secret_key(&curve, &key.parse::<SecretKey>().unwrap());
    let signature = Signature::from_compact(&case().sign().unwrap()).unwrap();
    let digest = Message::from_digest(sha256::Hash::hash(TEXT.as_bytes()).to_byte_array());
    curve.verify_ecdsa(&digest, &signature, &public).unwrap();
}

#[test]
fn any_family_can_be_simulated() {
    let mut case = case();
    case.intent.network.family = "ton".to_owned();
    case.lane.address = "somewhere else".to_owned();
    assert_eq!(case.sign().unwrap().len(), 64);
}

#[test]
fn an_intent_that_differs_is_refused() {
    let case = case();
    case.check_refused("line 2", |case| {
        let other = domain::ids::NetworkId::new("other");
        case.lane.network = other.clone();
        case.intent.network.id = other.clone();
        case.intent.payments.iter_mut().for_each(|it| it.asset.network = other.clone());
    });
    case.check_refused("line 3", |case| case.lane.id = domain::ids::LaneId::new("net/cold"));
    case.check_refused("line 4", |case| {
        case.intent.sequence = Some(8);
        case.unsigned.sequence = Some(8);
    });
    case.check_refused("sequence", |case| {
        case.intent.sequence = None;
        case.unsigned.sequence = None;
    });
    case.check_refused("line 5", |case| case.intent.fee_max = amount(6));
    case.check_refused("line 6", |case| case.intent.payments[0].amount = amount(999));
    case.check_refused("line 6", |case| case.intent.payments.swap(0, 1));
    case.check_refused("line 6", |case| {
        case.intent.payments[0].destination.memo = Some(String::new());
    });
    case.check_refused("line 7", |case| case.intent.payments[1].destination.memo = None);
    case.check_refused("line 7", |case| case.intent.payments[1].destination.address = "x".into());
    case.check_refused("line 7", |case| case.intent.payments.truncate(1));
    case.check_refused("switched off", |case| case.policy.simulated = false);
}

/// An address with blanks could make one payment look like two.
#[test]
fn an_intent_of_several_words_is_refused() {
    let case = case();
    for address in ["", "a b", "a\npay", "a\u{a0}b", "a\0"] {
        case.check_refused("no single word", |case| {
            case.intent.payments[0].destination.address = address.to_owned();
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_changed_byte_is_noticed(at: Index, byte: u8, kind in 0_u8..3) {
        let Case { lane, intent, .. } = case();
        let mut payload = TEXT.as_bytes().to_vec();
        let at = at.index(payload.len());
        match kind {
            0 => payload[at] = byte,
            1 => payload.insert(at, byte),
            _ => drop(payload.remove(at)),
        }
        prop_assert_eq!(verify(&payload, &lane, &intent).is_ok(), payload == TEXT.as_bytes());
    }
}
