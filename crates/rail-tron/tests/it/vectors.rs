//! Transactions as `TronWeb` made and signed them, and `tronpy` has read them: `data/transactions.mjs`
//! and `data/transactions.py`.

use domain::money::Amount;
use proptest::prelude::*;
use rail_tron::tx::{self, Payment, RefBlock, Sent, Tx};
use serde::Deserialize;

#[derive(Deserialize)]
struct Row {
    name: String,
    to: String,
    contract: Option<String>,
    amount: String,
    memo: Option<String>,
    ref_block_bytes: String,
    ref_block_hash: String,
    expiration: i64,
    timestamp: i64,
    fee_limit: i64,
    owner: String,
    raw_data_hex: String,
    txid: String,
    signature: String,
}

fn all_rows() -> Vec<Row> {
    serde_json::from_str(include_str!("../data/transactions.json")).unwrap()
}

/// Those that pay what can be an amount.
fn rows() -> Vec<Row> {
    let mut rows = all_rows();
    rows.retain(|it| Amount::parse(&it.amount, 0).is_ok());
    assert!(rows.len() >= 50, "{} transactions", rows.len());
    rows
}

fn address(text: &str) -> [u8; 21] {
    bs58::decode(text).with_check(None).into_vec().unwrap().try_into().unwrap()
}

fn bytes<const N: usize>(text: &str) -> [u8; N] {
    hex::decode(text).unwrap().try_into().unwrap()
}

impl Row {
    fn tx(&self) -> Tx {
        let to = address(&self.to);
        let payment = match &self.contract {
            None => Payment::Coins { to, sun: self.amount.parse().unwrap() },
            Some(contract) => Payment::Token {
                contract: address(contract),
                to,
                units: Amount::parse(&self.amount, 0).unwrap(),
            },
        };
        Tx {
            owner: address(&self.owner),
            payment,
            memo: self.memo.clone().unwrap_or_default(),
            ref_block: RefBlock {
                height: bytes(&self.ref_block_bytes),
                hash: bytes(&self.ref_block_hash),
            },
            expires_ms: self.expiration,
            timestamp_ms: self.timestamp,
            fee_limit_sun: self.fee_limit,
        }
    }
}

#[test]
fn every_byte_name_and_signature_is_as_tronweb_has_it() {
    for row in rows() {
        let (name, tx) = (&row.name, row.tx());
        let raw = tx.encode();
        assert_eq!(hex::encode(&raw), row.raw_data_hex, "{name}");
        let signature = hex::decode(&row.signature).unwrap();
        let signed = tx::finalize(&raw, &signature).unwrap();
        assert_eq!(signed.txid.as_str(), row.txid, "{name}");
        let sent = Sent::read(&signed.raw).unwrap();
        assert_eq!(hex::encode(sent.digest), row.txid, "{name}");
        assert_eq!((sent.tx, sent.txid), (tx, signed.txid), "{name}");
        // The network counts what is sent, and 64 bytes for the result; never more than was planned.
        let size = signed.raw.len() as u64 + 64;
        let planned = row.tx().bandwidth();
        assert!((size..=size + 3).contains(&planned), "{name}: {planned} for {size}");
    }
}

#[test]
fn what_pays_more_than_there_can_be_is_none_of_ours() {
    let mut rows = all_rows();
    rows.retain(|it| Amount::parse(&it.amount, 0).is_err());
    assert!(!rows.is_empty());
    for row in rows {
        let raw = hex::decode(&row.raw_data_hex).unwrap();
        assert!(Tx::decode(&raw).is_err(), "{}", row.name);
    }
}

#[test]
fn a_signature_by_anybody_else_is_refused() {
    let rows = rows();
    let other = rows.iter().find(|it| it.owner != rows[0].owner).unwrap();
    let raw = rows[0].tx().encode();
    let finalized = |signature: &[u8]| tx::finalize(&raw, signature).map(drop).unwrap_err();
    let own = hex::decode(&rows[0].signature).unwrap();
    assert!(finalized(&hex::decode(&other.signature).unwrap()).contains("signature"));
    assert!(finalized(&own[..64]).contains("27 or 28"));
    assert!(finalized(&[]).contains("too short"));
    let mut odd = own.clone();
    odd[64] = 29;
    assert!(finalized(&odd).contains("27 or 28"));
    odd[64] = if own[64] == 27 { 28 } else { 27 };
    assert!(finalized(&odd).contains("signature"));
}

proptest! {
    #[test]
    fn hostile_bytes_are_never_more_than_refused(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(Tx::decode(&bytes).is_err());
        prop_assert!(Sent::read(&bytes).is_err());
    }

    #[test]
    fn a_changed_byte_is_another_transaction_or_none(at in 0_usize..200, bit in 0_u8..8) {
        let tx = rows()[0].tx();
        let mut raw = tx.encode();
        let at = at % raw.len();
        raw[at] ^= 1 << bit;
        if let Ok(other) = Tx::decode(&raw) {
            prop_assert_ne!(&other, &tx);
            prop_assert_eq!(other.encode(), raw);
        }
    }
}
