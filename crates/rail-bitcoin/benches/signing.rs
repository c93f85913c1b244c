//! How long it takes from 10,000 payments to signed transactions, beside the library's bare
//! signatures of the same number: `cargo bench -p rail-bitcoin`.

#![expect(clippy::unwrap_used, reason = "a measurement that fails is to stop")]

use std::{
    collections::BTreeMap,
    hint::black_box,
    time::{Duration, Instant},
};

use bitcoin::{
    Amount, OutPoint, Transaction, TxIn, TxOut, Txid,
    absolute::LockTime,
    hashes::Hash,
    key::{Keypair, TapTweak},
    secp256k1::{Message, Secp256k1, SecretKey},
    transaction::Version,
};
use domain::ports::UnsignedTx;
use rail_bitcoin::{
    drafting::{Coin, Order},
    fees::Price,
    lock::LaneKind,
    psbt,
};

use wallet::Wallet;

#[path = "../tests/it/wallet.rs"]
mod wallet;

const PAYOUTS: u64 = 10_000;

/// How many coins a lane has to choose from.
const COINS: u32 = 100;

/// A coin is worth so much, and a few satoshi more.
const COIN_SAT: u64 = 100_000_000;

const RECIPIENT: &str = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4";

/// Where the time goes.
#[derive(Default)]
struct Times {
    draft: Duration,
    sign: Duration,
    finalize: Duration,
    bytes: usize,
    signatures: u64,
}

/// A lane's coins, made by transactions with a hundred outputs as exchanges have them.
fn coins(wallet: &Wallet) -> (Vec<Coin>, BTreeMap<Txid, Transaction>) {
    let made = (0..COINS).map(|number| {
        let output = |at: u64| TxOut {
            value: Amount::from_sat(COIN_SAT + u64::from(number) * 1_000 + at),
            script_pubkey: wallet.script.clone(),
        };
        let outpoint = OutPoint { txid: Txid::from_byte_array([7; 32]), vout: number };
        let tx = Transaction {
            version: Version::TWO,
            lock_time: LockTime::ZERO,
            input: vec![TxIn { previous_output: outpoint, ..TxIn::default() }],
            output: (0..100).map(output).collect(),
        };
        (tx.compute_txid(), tx)
    });
    let made: BTreeMap<Txid, Transaction> = made.collect();
    let coin = |(txid, tx): (&Txid, &Transaction)| Coin {
        outpoint: OutPoint { txid: *txid, vout: 0 },
        value_sat: tx.output[0].value.to_sat(),
    };
    (made.iter().map(coin).collect(), made)
}

#[expect(clippy::disallowed_methods, reason = "what takes how long is the question")]
fn now() -> Instant {
    Instant::now()
}

/// Signs 10,000 payouts, so many in each transaction.
fn run(wallet: &Wallet, together: u64) -> Times {
    let (coins, made) = coins(wallet);
    let mut times = Times::default();
    for batch in 0..PAYOUTS / together {
        let amounts = || (0..together).map(|at| 10_000 + (batch * together + at) % 50_000);
        let payments: Vec<_> = amounts().map(|sat| wallet.payment(RECIPIENT, sat)).collect();
        let intent = wallet.intent(amounts().map(|sat| (RECIPIENT, sat)), 1_000_000);
        let begin = now();
        let order = Order {
            lane: &wallet.script,
            payments: &payments,
            coins: &coins,
            required: &[],
            price: Price::of_rate(10_000 + batch),
            later_sat_per_kvb: 5_000,
            dust_sat_per_kvb: 3_000,
            fee_max_sat: 1_000_000,
        };
        let draft = order.draft().unwrap();
        let payload = psbt::unsigned(&draft, &wallet.script, &made).unwrap();
        let unsigned: UnsignedTx = wallet::unsigned(payload, draft.fee_sat);
        times.draft += begin.elapsed();
        let begin = now();
        let signature = wallet.sign(&unsigned, &intent).unwrap();
        times.sign += begin.elapsed();
        let begin = now();
        let signed = psbt::finalize(&unsigned, &signature).unwrap();
        times.finalize += begin.elapsed();
        times.bytes += signed.raw.len();
        times.signatures += draft.spent.len() as u64;
    }
    times
}

/// The library's bare signatures, each of another hash.
fn bare(kind: LaneKind, signatures: u64) -> Duration {
    let curve = Secp256k1::new();
    let key = SecretKey::from_slice(&[7; 32]).unwrap();
    let pair = Keypair::from_secret_key(&curve, &key).tap_tweak(&curve, None).to_keypair();
    let message = |number: u64| {
        let mut digest = [0; 32];
        digest[..8].copy_from_slice(&number.to_le_bytes());
        Message::from_digest(digest)
    };
    let begin = now();
    for number in 0..signatures {
        match kind {
            LaneKind::P2wpkh => {
                black_box(curve.sign_ecdsa_low_r(&message(number), &key));
            }
            LaneKind::P2tr => {
                black_box(curve.sign_schnorr_no_aux_rand(&message(number), &pair));
            }
        }
    }
    begin.elapsed()
}

fn main() {
    println!("{PAYOUTS} payouts, {COINS} coins to choose from, one thread; times in milliseconds");
    println!(
        "| lane | in each | signatures | draft | sign | finalize | all | bare signatures | kB |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for kind in [LaneKind::P2wpkh, LaneKind::P2tr] {
        let wallet = Wallet::bitcoin(kind);
        for together in [1, 10, 100, 500] {
            let Times { draft, sign, finalize, bytes, signatures } = run(&wallet, together);
            let [all, bare] = [draft + sign + finalize, bare(kind, signatures)];
            let ms = [draft, sign, finalize, all, bare].map(|it| it.as_millis().to_string());
            let (ms, kb) = (ms.join(" | "), bytes / 1_000);
            println!("| {kind:?} | {together} | {signatures} | {ms} | {kb} |");
        }
    }
}
