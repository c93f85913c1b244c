//! What a payout takes, alone and with others, beside the least that the protocol lets it take:
//!
//! `cargo test -p rail-bitcoin --test it cost_table -- --nocapture`

use std::collections::BTreeMap;

use bitcoin::{
    Amount, OutPoint, Transaction, TxIn, TxOut, absolute::LockTime, transaction::Version,
};
use domain::ports::Signature;
use rail_bitcoin::{
    drafting::{Coin, Order, Payment},
    fees::Price,
    lock::LaneKind,
    psbt::{self, Sent},
};

use crate::wallet::{self, Wallet};

/// Value, length of the script, and a witness public key hash (BIP-141).
const P2WPKH_OUTPUT_WU: u64 = 4 * (8 + 1 + 22);
const P2TR_OUTPUT_WU: u64 = 4 * (8 + 1 + 34);

/// Version, lock time, and the two flags of a transaction with witnesses.
const SHARED_WU: u64 = 4 * (4 + 4) + 2;

/// What one input takes with the shortest usual signature: 71 bytes with the kind of hash, or 64.
fn input_wu(kind: LaneKind) -> u64 {
    let outpoint_and_sequence = 4 * (36 + 1 + 4);
    outpoint_and_sequence
        + match kind {
            LaneKind::P2wpkh => 1 + (1 + 71) + (1 + 33),
            LaneKind::P2tr => 1 + (1 + 64),
        }
}

/// Bytes of a count (`CompactSize`).
fn count_bytes(count: u64) -> u64 {
    if count < 253 { 1 } else { 3 }
}

/// Weight units of a transaction that pays so many recipients out of one input, and with change to
/// the lane unless it comes out even.
fn least_wu(kind: LaneKind, count: u64, has_change: bool) -> u64 {
    let change = match kind {
        LaneKind::P2wpkh => P2WPKH_OUTPUT_WU,
        LaneKind::P2tr => P2TR_OUTPUT_WU,
    };
    let outputs = count + u64::from(has_change);
    let change = if has_change { change } else { 0 };
    let counts = 4 * (1 + count_bytes(outputs));
    SHARED_WU + counts + input_wu(kind) + count * P2WPKH_OUTPUT_WU + change
}

/// A signed transaction with so many payments, as it would be broadcast.
fn signed(wallet: &Wallet, count: u64) -> Transaction {
    let origin = Transaction {
        version: Version::TWO,
        lock_time: LockTime::ZERO,
        input: vec![TxIn::default()],
        output: vec![TxOut {
            value: Amount::from_sat(100_000_000_000),
            script_pubkey: wallet.script.clone(),
        }],
    };
    let recipient = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4";
    let amounts = || (0..count).map(|at| 10_000 + at * 317);
    let payments: Vec<Payment> = amounts().map(|sat| wallet.payment(recipient, sat)).collect();
    let outpoint = OutPoint { txid: origin.compute_txid(), vout: 0 };
    let order = Order {
        lane: &wallet.script,
        payments: &payments,
        coins: &[Coin { outpoint, value_sat: 100_000_000_000 }],
        required: &[],
        price: Price::of_rate(10_000),
        later_sat_per_kvb: 5_000,
        dust_sat_per_kvb: 3_000,
        fee_max_sat: 1_000_000,
    };
    let draft = order.draft().unwrap();
    assert!(draft.change_sat.is_some());
    let previous = BTreeMap::from([(origin.compute_txid(), origin)]);
    let payload = psbt::unsigned(&draft, &wallet.script, &previous).unwrap();
    let unsigned = wallet::unsigned(payload, draft.fee_sat);
    let intent = wallet.intent(amounts().map(|sat| (recipient, sat)), draft.fee_sat);
    let Signature(signature) = wallet.sign(&unsigned, &intent).unwrap();
    let signed = psbt::finalize(&unsigned, &Signature(signature)).unwrap();
    let sent = Sent::read(&signed.raw).unwrap();
    let paid = sent.paid(100_000_000_000).unwrap();
    assert!(paid.suffices(10_000), "the signed bytes pay the rate");
    sent.tx
}

/// A quarter of so many weight units for each, in hundredths of a virtual byte.
fn vb_each(wu: u64, count: u64) -> u64 {
    (wu * 100).div_ceil(4 * count)
}

fn text(hundredths: u64) -> String {
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

#[test]
fn a_payout_takes_what_the_protocol_takes() {
    println!("| lane | payouts | vB each | least with change | least without | beyond |");
    println!("|---|---|---|---|---|---|");
    for kind in [LaneKind::P2wpkh, LaneKind::P2tr] {
        let wallet = Wallet::bitcoin(kind);
        for count in [1, 10, 100, 500] {
            let found = signed(&wallet, count).weight().to_wu();
            let [with, without] = [true, false].map(|it| least_wu(kind, count, it));
            let beyond = (found.saturating_sub(without) * 10_000).div_ceil(without);
            println!(
                "| {kind:?} | {count} | {} | {} | {} | {} % |",
                text(vb_each(found, count)),
                text(vb_each(with, count)),
                text(vb_each(without, count)),
                text(beyond),
            );
            // A number in the signature may begin with zeros.
            assert!((with - 2..=with).contains(&found), "{kind:?} {count}: {found} of {with}");
            // Even beside a transaction that needs no change.
            assert!(count < 100 || beyond <= 200, "{kind:?} {count}: {beyond}");
        }
    }
}
