//! Delegations of a lane's account: equal to ethers' signatures, and refused if anything differs.

use alloy_consensus::{SignableTransaction, TxEip7702, transaction::RlpEcdsaDecodableTx};
use alloy_eips::eip7702::{Authorization, SignedAuthorization};
use alloy_primitives::{Address, U256, address};
use domain::{chore::Chore, ids::NetworkId, lane::Lane, money::Amount, ports::UnsignedTx};
use serde_json::Value;
use signer::{
    LocalSigner, Policy,
    intent::{eip7702::verify, evm::PAYOUTS},
};

use crate::world::{self, BOB, amount};

/// A delegation as ethers makes it.
struct Case {
    unsigned: UnsignedTx,
    chain_id: u64,
    sequence: u64,
    fee_max: Amount,
    signature: String,
}

fn cases() -> Vec<Case> {
    let all: Vec<Value> =
        serde_json::from_str(include_str!("../../../rail-evm/tests/data/vectors.json")).unwrap();
    let of_format = all.iter().filter(|it| it["format"] == "eip7702");
    let text = |it: &Value| it.as_str().unwrap().trim_start_matches("0x").to_owned();
    let case = |it: &Value| {
        let gas = u128::from(it["gas_limit"].as_u64().unwrap());
        let fee_max = amount(text(&it["max_fee"]).parse::<u128>().unwrap() * gas);
        let sequence = it["nonce"].as_u64().unwrap();
        Case {
            unsigned: UnsignedTx {
                sequences_used: 1,
                spends: vec![],
                format: "eip7702",
                payload: hex::decode(text(&it["payload"])).unwrap(),
                sequence: Some(sequence),
                fee_max,
            },
            chain_id: it["chain_id"].as_u64().unwrap(),
            sequence,
            fee_max,
            signature: text(&it["signature"]),
        }
    };
    of_format.map(case).collect()
}

impl Case {
    fn refused(&self, payload: &[u8], lane: &Lane) -> String {
        verify(payload, lane, self.chain_id, self.fee_max, self.sequence).unwrap_err()
    }

    #[track_caller]
    fn check_field(&self, expected: &str, change: impl FnOnce(&mut TxEip7702)) {
        let mut tx = TxEip7702::rlp_decode(&mut &self.unsigned.payload[1..]).unwrap();
        change(&mut tx);
        let why = self.refused(&tx.encoded_for_signing(), &world::lane());
        assert!(why.contains(expected), "{why}");
    }

    #[track_caller]
    fn check_authorization(&self, expected: &str, change: impl FnOnce(&mut Authorization)) {
        self.check_field(expected, |tx| {
            let mut inner = tx.authorization_list[0].inner().clone();
            change(&mut inner);
            tx.authorization_list = vec![bare(inner)];
        });
    }
}

fn bare(inner: Authorization) -> SignedAuthorization {
    SignedAuthorization::new_unchecked(inner, 0, U256::ZERO, U256::ZERO)
}

#[test]
fn signs_as_ethers_does() {
    let signer = LocalSigner::new(world::keystore(), Policy::default());
    let cases = cases();
    assert!(cases.len() >= 7);
    for case in cases {
        let (lane, fee_max) = (world::lane(), case.fee_max);
        let sign = |chain_id| signer.sign_delegation(&lane, &case.unsigned, chain_id, fee_max);
        assert_eq!(hex::encode(sign(case.chain_id).unwrap()), case.signature);
        assert!(sign(case.chain_id + 1).unwrap_err().contains("chain_id is"));
        assert!(sign(0).unwrap_err().contains("every chain"));
    }
}

#[test]
fn only_the_lanes_own_key_signs_and_only_within_limits() {
    let case = &cases()[1];
    let lane = world::lane();
    let limit = amount(case.fee_max.units() - 1);
    let fee_max_limits = [(NetworkId::new("net"), limit)].into();
    let signer =
        LocalSigner::new(world::keystore(), Policy { fee_max_limits, ..Policy::default() });
    let refused = |lane: &Lane, unsigned: &UnsignedTx, fee_max| {
        signer.sign_delegation(lane, unsigned, case.chain_id, fee_max).unwrap_err()
    };
    assert!(refused(&lane, &case.unsigned, case.fee_max).contains("signer's limit"));
    assert!(refused(&lane, &case.unsigned, limit).contains("what was allowed"));
    let mut other = case.unsigned.clone();
    other.fee_max = limit;
    assert!(refused(&lane, &other, limit).contains("above fee_max"));
    other.format = "eip1559";
    assert!(refused(&lane, &other, limit).contains("delegates nothing"));
    let signer = LocalSigner::new(world::keystore(), Policy::default());
    let lane = Lane { key_path: "m/44'/60'/0'/0/1".into(), ..lane };
    let signed = signer.sign_delegation(&lane, &case.unsigned, case.chain_id, case.fee_max);
    assert!(signed.unwrap_err().contains("address of net/hot"));
}

#[test]
fn only_the_chore_to_delegate_delegates() {
    let case = &cases()[0];
    let mut sent = world::Case {
        lane: world::lane(),
        unsigned: case.unsigned.clone(),
        intent: domain::ports::Intent {
            chore: None,
            network: world::network(case.chain_id),
            payments: vec![world::payment(None, BOB, 1)],
            fee_max: case.fee_max,
            sequence: Some(case.sequence),
            spends: vec![],
        },
        policy: Policy::default(),
    };
    sent.check_refused("only a chore to delegate", |_| {});
    sent.intent.payments.clear();
    for chore in [Chore::Fill { sequence: 0 }, Chore::Prepare("deploy".into())] {
        sent.check_refused("only a chore to delegate", |sent| {
            sent.intent.chore = Some(chore.clone());
        });
    }
    sent.intent.chore = Some(Chore::Prepare("delegate".into()));
    let signer = LocalSigner::new(world::keystore(), Policy::default());
    let alone = signer.sign_delegation(&sent.lane, &case.unsigned, case.chain_id, case.fee_max);
    assert_eq!(sent.sign(), Ok(alone.unwrap()));
    sent.check_refused("payments", |sent| {
        sent.intent.payments = vec![world::payment(None, BOB, 1)];
    });
}

#[test]
fn whatever_differs_is_refused() {
    for case in cases() {
        let elsewhere: Address = BOB.parse().unwrap();
        case.check_field("chain_id is", |tx| tx.chain_id += 1);
        case.check_field("nonce is", |tx| tx.nonce += 1);
        case.check_field("max_priority_fee_per_gas", |tx| {
            tx.max_priority_fee_per_gas = tx.max_fee_per_gas + 1;
        });
        case.check_field("above fee_max", |tx| tx.gas_limit += 1);
        case.check_field("does not fit", |tx| tx.max_fee_per_gas = u128::MAX);
        case.check_field("to is", |tx| tx.to = elsewhere);
        case.check_field("value is", |tx| tx.value = U256::ONE);
        case.check_field("data is not empty", |tx| tx.input = vec![0].into());
        case.check_field("access_list", |tx| {
            let address = address!("0xdAC17F958D2ee523a2206206994597C13D831ec7");
            let item = alloy_eips::eip2930::AccessListItem { address, storage_keys: vec![] };
            tx.access_list.0.push(item);
        });
        case.check_field("0 entries", |tx| tx.authorization_list.clear());
        case.check_field("2 entries", |tx| {
            tx.authorization_list.push(tx.authorization_list[0].clone());
        });
        case.check_authorization("authorization.chain_id", |it| it.chain_id = U256::ZERO);
        case.check_authorization("authorization.chain_id", |it| it.chain_id += U256::ONE);
        case.check_authorization("authorization.address", |it| it.address = elsewhere);
        case.check_authorization("authorization.address", |it| it.address = Address::ZERO);
        case.check_authorization("authorization.nonce", |it| it.nonce -= 1);
        case.check_authorization("authorization.nonce", |it| it.nonce += 1);
        case.check_field("signed already", |tx| {
            let inner = tx.authorization_list[0].inner().clone();
            let signed = SignedAuthorization::new_unchecked(inner, 0, U256::ONE, U256::ONE);
            tx.authorization_list = vec![signed];
        });
        assert_eq!(PAYOUTS, address!("0xD9732D1d51800E1641672fB9c76Add1373154fC8"));
    }
}

#[test]
fn every_changed_bit_is_noticed_unless_it_is_of_the_fee() {
    let case = &cases()[3];
    let payload = &case.unsigned.payload;
    let lane = world::lane();
    let original = TxEip7702::rlp_decode(&mut &payload[1..]).unwrap();
    for at in 0..payload.len() {
        case.refused(&payload[..at], &lane);
        for bit in 0..8 {
            let mut changed = payload.clone();
            changed[at] ^= 1 << bit;
            let taken = verify(&changed, &lane, case.chain_id, case.fee_max, case.sequence).is_ok();
            if taken {
                let tx = TxEip7702::rlp_decode(&mut &changed[1..]).unwrap();
                let only_fees = TxEip7702 {
                    gas_limit: tx.gas_limit,
                    max_fee_per_gas: tx.max_fee_per_gas,
                    max_priority_fee_per_gas: tx.max_priority_fee_per_gas,
                    ..original.clone()
                };
                assert_eq!(tx, only_fees);
            }
        }
    }
    case.refused(&[payload.as_slice(), &[0]].concat(), &lane);
    assert!(case.refused(&[4; 10_201], &lane).contains("too long"));
    assert!(case.refused(&payload[1..], &lane).contains("0x04"));
    let lane = Lane { address: BOB.to_owned(), ..lane };
    assert!(case.refused(payload, &lane).contains("to is"));
}
