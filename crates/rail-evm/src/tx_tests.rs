//! Bytes against vectors made by another implementation (`tests/data/vectors.mjs`).

use alloy_primitives::{hex, uint};
use serde::Deserialize;

use super::*;
use crate::{
    contract,
    pay_call::{Method, PayCall, Payment},
    transfer::Transfer,
};

#[derive(Clone, Deserialize)]
struct Vector {
    name: String,
    format: String,
    method: String,
    chain_id: u64,
    nonce: u64,
    gas_limit: u64,
    max_fee: String,
    tip: String,
    token: Option<Address>,
    payments: Vec<(Address, String)>,
    to: Address,
    value: String,
    payload: String,
    signature: String,
    raw: String,
    txid: B256,
    sender: Address,
}

/// What a vector's transaction is meant to do.
#[derive(Debug, PartialEq, Eq)]
enum Meaning {
    Single(Transfer),
    Many(PayCall),
    Delegation,
}

impl Vector {
    fn all() -> Vec<Self> {
        serde_json::from_str(include_str!("../tests/data/vectors.json")).unwrap()
    }

    fn named(format: &str, name: &str) -> Self {
        let mut all = Self::all().into_iter();
        all.find(|it| it.format == format && it.name == name).unwrap()
    }

    fn meaning(&self) -> Meaning {
        let method = match self.method.as_str() {
            "delegation" => return Meaning::Delegation,
            "single" => {
                let (recipient, amount) = &self.payments[0];
                let (recipient, amount) = (*recipient, amount.parse().unwrap());
                return Meaning::Single(Transfer { token: self.token, recipient, amount });
            }
            "contract" => Method::Contract,
            "delegate" => Method::Delegate,
            other => panic!("{other}"),
        };
        let payment = |(recipient, amount): &(Address, String)| Payment {
            recipient: *recipient,
            amount: amount.parse().unwrap(),
        };
        let payments = self.payments.iter().map(payment).collect();
        Meaning::Many(PayCall::new(method, self.token, payments).unwrap())
    }

    fn tx(&self) -> Tx {
        let kind = match self.format.as_str() {
            "eip155" => Kind::Eip155,
            "eip1559" => Kind::Eip1559,
            "eip7702" => Kind::Eip7702 { delegate: contract::ADDRESS },
            other => panic!("{other}"),
        };
        let (to, value, input) = match self.meaning() {
            Meaning::Single(it) => (it.target(), it.value(), it.input()),
            Meaning::Many(it) => (it.target(self.sender), it.value(), it.input()),
            Meaning::Delegation => (self.sender, U256::ZERO, Bytes::new()),
        };
        assert_eq!((to, value), (self.to, self.value.parse().unwrap()), "{}", self.name);
        Tx {
            kind,
            chain_id: self.chain_id,
            nonce: self.nonce,
            gas_limit: self.gas_limit,
            max_fee_per_gas: self.max_fee.parse().unwrap(),
            max_priority_fee_per_gas: self.tip.parse().unwrap(),
            to,
            value,
            input,
        }
    }

    fn payload(&self) -> Vec<u8> {
        hex::decode(&self.payload).unwrap()
    }

    fn signature(&self) -> Vec<u8> {
        hex::decode(&self.signature).unwrap()
    }

    fn raw(&self) -> Vec<u8> {
        hex::decode(&self.raw).unwrap()
    }

    fn refused(&self, payload: &[u8], signature: &[u8]) -> String {
        join(&self.format, payload, signature).unwrap_err()
    }
}

#[test]
fn bytes_are_the_same_as_those_of_another_implementation() {
    let vectors = Vector::all();
    for format in ["eip155", "eip1559", "eip7702"] {
        assert!(vectors.iter().filter(|it| it.format == format).count() >= 7);
    }
    assert!(vectors.len() >= 40);
    for vector in vectors {
        let name = &vector.name;
        assert_eq!(vector.tx().kind.format(), vector.format);
        assert_eq!(hex::encode_prefixed(vector.tx().payload()), vector.payload, "{name}");
        let (hash, raw) = join(&vector.format, &vector.payload(), &vector.signature()).unwrap();
        assert_eq!((hash, hex::encode_prefixed(&raw)), (vector.txid, vector.raw.clone()), "{name}");
        let sent = read(&raw).unwrap();
        assert_eq!(sent.tx, vector.tx(), "{name}");
        assert_eq!((sent.hash, sent.sender), (vector.txid, vector.sender));
        let tx = sent.tx;
        let many = PayCall::read(sent.sender, tx.to, tx.value, &tx.input).map(Meaning::Many);
        let single = Transfer::read(tx.to.into(), tx.value, &tx.input).map(Meaning::Single);
        match vector.meaning() {
            Meaning::Many(it) => assert_eq!((many, single), (Some(Meaning::Many(it)), None)),
            it @ Meaning::Single(_) => assert_eq!((many, single), (None, Some(it))),
            Meaning::Delegation => assert_eq!(many, None),
        }
    }
}

#[test]
fn signatures_that_networks_refuse_are_refused() {
    let order = uint!(0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141_U256);
    let twin = |signature: &[u8]| -> Vec<u8> {
        let high: [u8; 32] = (order - U256::from_be_slice(&signature[32..64])).to_be_bytes();
        [&signature[..32], &high, &[1 - signature[64]]].concat()
    };
    for format in ["eip155", "eip1559"] {
        let vector = Vector::named(format, "token, ordinary");
        let refused = |signature: &[u8]| vector.refused(&vector.payload(), signature);
        let good = vector.signature();
        refused(&[]);
        refused(&good[..64]);
        refused(&[&good[..], &[0]].concat());
        refused(&[0; 65]);
        refused(&[&good[..64], &[27 + good[64]]].concat());
        refused(&[&good[..], &good[..]].concat());
        assert!(refused(&twin(&good)).contains("upper half"));
    }
    let vector = Vector::named("eip7702", "delegation 3");
    let refused = |signature: &[u8]| vector.refused(&vector.payload(), signature);
    let good = vector.signature();
    let (of_authorization, of_tx) = good.split_at(65);
    refused(of_tx);
    refused(&good[..129]);
    refused(&[&good[..], &[0]].concat());
    refused(&[of_tx, of_authorization].concat());
    assert!(refused(&[twin(of_authorization).as_slice(), of_tx].concat()).contains("upper half"));
    assert!(refused(&[of_authorization, &twin(of_tx)].concat()).contains("upper half"));
    // Each is a signature of its own by some key, but not by the same.
    for at in [0, 32] {
        let mut other = good.clone();
        other[at + 31] ^= 1;
        refused(&other);
        let mut other = good.clone();
        other[65 + at + 31] ^= 1;
        refused(&other);
    }
}

#[test]
fn a_payload_of_another_shape_is_refused() {
    for vector in Vector::all().into_iter().filter(|it| it.payments.len() < 3) {
        let payload = vector.payload();
        let refused = |payload: &[u8]| vector.refused(payload, &vector.signature());
        refused(&[]);
        refused(&[2]);
        for length in 0..payload.len() {
            refused(&payload[..length]);
        }
        refused(&[&payload[..], &[0]].concat());
        refused(&[&[1], &payload[1..]].concat());
        for other in ["eip155", "eip1559", "eip7702", "eip2930", ""] {
            let joined = join(other, &payload, &vector.signature());
            assert_eq!(joined.is_ok(), other == vector.format, "{other} {}", vector.name);
        }
    }
}

/// An authorization without a chain would be good on all of them.
#[test]
fn nothing_is_made_or_read_that_other_chains_would_take() {
    for name in ["delegation 1", "chain 56", "native, ordinary"] {
        for vector in Vector::all().into_iter().filter(|it| it.name == name) {
            let tx = Tx { chain_id: 0, ..vector.tx() };
            let why = vector.refused(&tx.payload(), &vector.signature());
            assert!(why.contains("bound to no chain"), "{why}");
        }
    }
    // 27: signed without the chain's number.
    let mut tx = Vector::named("eip155", "chain 10").tx().legacy();
    tx.chain_id = None;
    let vector = Vector::named("eip155", "chain 10");
    let mut raw = Vec::new();
    tx.eip2718_encode(&one_signature(&vector.signature()).unwrap(), &mut raw);
    assert!(read(&raw).unwrap_err().contains("bound to no chain"));
}

#[test]
fn authorizations_are_one_and_the_senders_own() {
    let vector = Vector::named("eip7702", "delegation 2");
    let (tx, signature) = signed::<TxEip7702>(&vector.raw()).unwrap();
    let refused = |change: &dyn Fn(&mut TxEip7702)| {
        let mut changed = tx.clone();
        change(&mut changed);
        let mut raw = Vec::new();
        changed.eip2718_encode(&signature, &mut raw);
        read(&raw).unwrap_err()
    };
    let other = |change: &dyn Fn(&mut Authorization)| {
        refused(&|tx| {
            let mut inner = tx.authorization_list[0].inner().clone();
            change(&mut inner);
            let signature = tx.authorization_list[0].signature().unwrap();
            tx.authorization_list = vec![inner.into_signed(signature)];
        })
    };
    assert!(other(&|it| it.chain_id = U256::ZERO).contains("this chain"));
    assert!(other(&|it| it.chain_id = U256::from(57)).contains("this chain"));
    assert!(other(&|it| it.nonce -= 1).contains("next number"));
    assert!(other(&|it| it.nonce += 1).contains("next number"));
    assert!(other(&|it| it.address = Address::ZERO).contains("somebody else"));
    assert!(refused(&|it| it.authorization_list.clear()).contains("0 authorizations"));
    let twice = refused(&|it| it.authorization_list.push(it.authorization_list[0].clone()));
    assert!(twice.contains("2 authorizations"));
    let unsigned = refused(&|it| {
        let inner = it.authorization_list[0].inner().clone();
        it.authorization_list =
            vec![SignedAuthorization::new_unchecked(inner, 0, U256::ZERO, U256::ZERO)];
    });
    assert!(unsigned.contains("no key"), "{unsigned}");
}

#[test]
fn damaged_transactions_are_not_read() {
    let names = ["native, ordinary", "chain 137", "delegation 1", "two, contract, eip1559"];
    let vectors = Vector::all().into_iter().filter(|it| names.contains(&it.name.as_str()));
    let mut formats = std::collections::BTreeSet::new();
    for vector in vectors {
        formats.insert(vector.format.clone());
        let raw = vector.raw();
        read(&[]).unwrap_err();
        read(&raw[..raw.len() - 1]).unwrap_err();
        read(&[&raw[..], &[0]].concat()).unwrap_err();
        for place in 0..raw.len() {
            let mut damaged = raw.clone();
            damaged[place] ^= 1 << (place % 8);
            let same = read(&damaged).is_ok_and(|it| it.sender == vector.sender);
            assert!(!same, "byte {place} of {}", vector.name);
        }
    }
    assert_eq!(formats.len(), 3);
}
