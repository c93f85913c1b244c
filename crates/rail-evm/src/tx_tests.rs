//! Bytes against vectors made by another implementation (`tests/data/vectors.mjs`).

use alloy_primitives::{hex, uint};
use serde::Deserialize;

use super::*;
use crate::transfer::Transfer;

#[derive(Deserialize)]
struct Vector {
    name: String,
    chain_id: u64,
    nonce: u64,
    gas_limit: u64,
    max_fee: String,
    tip: String,
    token: Option<Address>,
    recipient: Address,
    amount: String,
    payload: String,
    signature: String,
    raw: String,
    txid: B256,
    sender: Address,
}

impl Vector {
    fn all() -> Vec<Self> {
        serde_json::from_str(include_str!("../tests/data/vectors.json")).unwrap()
    }

    fn transfer(&self) -> Transfer {
        let amount = U256::from(self.amount.parse::<u128>().unwrap());
        Transfer { token: self.token, recipient: self.recipient, amount }
    }

    fn tx(&self) -> TxEip1559 {
        let transfer = self.transfer();
        TxEip1559 {
            chain_id: self.chain_id,
            nonce: self.nonce,
            gas_limit: self.gas_limit,
            max_fee_per_gas: self.max_fee.parse().unwrap(),
            max_priority_fee_per_gas: self.tip.parse().unwrap(),
            to: transfer.target().into(),
            value: transfer.value(),
            input: transfer.input(),
            ..TxEip1559::default()
        }
    }

    fn payload(&self) -> Vec<u8> {
        hex::decode(&self.payload).unwrap()
    }

    fn signature(&self) -> Vec<u8> {
        hex::decode(&self.signature).unwrap()
    }
}

#[test]
fn bytes_are_the_same_as_those_of_another_implementation() {
    let vectors = Vector::all();
    assert_eq!(vectors.len(), 5);
    for vector in vectors {
        assert_eq!(payload(&vector.tx()), vector.payload(), "{}", vector.name);
        let (hash, raw) = join(&vector.payload(), &vector.signature()).unwrap();
        assert_eq!((hash, hex::encode_prefixed(&raw)), (vector.txid, vector.raw.clone()));
        let sent = read(&raw).unwrap();
        assert_eq!(sent.tx, vector.tx(), "{}", vector.name);
        assert_eq!((sent.hash, sent.sender), (vector.txid, vector.sender));
        let transfer = Transfer::read(sent.tx.to, sent.tx.value, &sent.tx.input);
        assert_eq!(transfer, Some(vector.transfer()));
    }
}

#[test]
fn signatures_that_networks_refuse_are_refused() {
    let vector = &Vector::all()[3];
    let refused = |signature: &[u8]| join(&vector.payload(), signature).unwrap_err();
    let good = vector.signature();
    refused(&good[..64]);
    refused(&[&good[..], &[0]].concat());
    refused(&[0; 65]);
    refused(&[&good[..64], &[27 + good[64]]].concat());
    let order = uint!(0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141_U256);
    let s = U256::from_be_slice(&good[32..64]);
    let high: [u8; 32] = (order - s).to_be_bytes();
    let twin = [&good[..32], &high, &[1 - good[64]]].concat();
    assert!(refused(&twin).contains("upper half"));
}

#[test]
fn a_payload_of_another_shape_is_refused() {
    let vector = &Vector::all()[0];
    let payload = vector.payload();
    let refused = |payload: &[u8]| join(payload, &vector.signature()).unwrap_err();
    refused(&[]);
    refused(&[2]);
    refused(&payload[..payload.len() - 1]);
    refused(&[&payload[..], &[0]].concat());
    refused(&[&[1], &payload[1..]].concat());
}

#[test]
fn damaged_transactions_are_not_read() {
    let raw = hex::decode(&Vector::all()[1].raw).unwrap();
    read(&[]).unwrap_err();
    read(&raw[..raw.len() - 1]).unwrap_err();
    read(&[&raw[..], &[0]].concat()).unwrap_err();
    for place in 0..raw.len() {
        let mut damaged = raw.clone();
        damaged[place] ^= 1;
        let same = read(&damaged).is_ok_and(|it| it.sender == Vector::all()[1].sender);
        assert!(!same, "byte {place}");
    }
}
