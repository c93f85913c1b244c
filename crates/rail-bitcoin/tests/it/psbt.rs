//! What the signer gets, and which of its answers are taken.

use std::collections::BTreeMap;

use bitcoin::{
    Amount, OutPoint, Transaction, TxIn, TxOut, Txid, Witness,
    absolute::LockTime,
    consensus::encode::{deserialize, serialize},
    ecdsa,
    hashes::Hash,
    secp256k1::{Message, Secp256k1, SecretKey},
    sighash::{EcdsaSighashType, SighashCache},
    transaction::Version,
};
use domain::ports::{Signature, UnsignedTx};
use proptest::{prelude::*, sample::Index};
use rail_bitcoin::{
    drafting::{Coin, Draft, Order},
    fees::Price,
    lock::LaneKind,
    psbt::{self, Sent},
};

use crate::wallet::{self, Wallet};

const ALICE: &str = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4";
const KINDS: [LaneKind; 2] = [LaneKind::P2wpkh, LaneKind::P2tr];

/// A transaction that made a coin of the lane.
fn origin(wallet: &Wallet, number: u8, sat: u64) -> Transaction {
    let previous_output = OutPoint { txid: Txid::from_byte_array([number; 32]), vout: 0 };
    Transaction {
        version: Version::TWO,
        lock_time: LockTime::ZERO,
        input: vec![TxIn {
            previous_output,
            witness: Witness::from_slice(&[[7_u8; 64]]),
            ..TxIn::default()
        }],
        output: vec![TxOut { value: Amount::from_sat(sat), script_pubkey: wallet.script.clone() }],
    }
}

struct Scene {
    wallet: Wallet,
    draft: Draft,
    previous: BTreeMap<Txid, Transaction>,
}

impl Scene {
    /// One payment out of two coins.
    fn new(kind: LaneKind) -> Self {
        let wallet = Wallet::bitcoin(kind);
        let origins = [origin(&wallet, 1, 60_000), origin(&wallet, 2, 50_000)];
        let coin = |it: &Transaction| Coin {
            outpoint: OutPoint { txid: it.compute_txid(), vout: 0 },
            value_sat: it.output[0].value.to_sat(),
        };
        let order = Order {
            lane: &wallet.script,
            payments: &[wallet.payment(ALICE, 100_000)],
            coins: &origins.each_ref().map(coin),
            required: &[],
            price: Price::of_rate(2_000),
            later_sat_per_kvb: 1_000,
            dust_sat_per_kvb: 3_000,
            fee_max_sat: 1_000,
        };
        let draft = order.draft().unwrap();
        assert_eq!(draft.spent.len(), 2);
        let previous = origins.into_iter().map(|it| (it.compute_txid(), it)).collect();
        Self { wallet, draft, previous }
    }

    fn payload(&self) -> Result<Vec<u8>, String> {
        psbt::unsigned(&self.draft, &self.wallet.script, &self.previous)
    }

    fn unsigned(&self) -> UnsignedTx {
        wallet::unsigned(self.payload().unwrap(), self.draft.fee_sat)
    }

    fn sign(&self) -> Vec<u8> {
        let intent = self.wallet.intent([(ALICE, 100_000)].into_iter(), self.draft.fee_sat);
        self.wallet.sign(&self.unsigned(), &intent).unwrap().0
    }

    #[track_caller]
    fn refused(&self, signature: &[u8], expected: &str) {
        let why = psbt::finalize(&self.unsigned(), &Signature(signature.to_vec())).unwrap_err();
        assert!(why.contains(expected), "{why:?} does not say {expected:?}");
    }
}

#[test]
fn every_changed_bit_of_an_answer_is_noticed() {
    for kind in KINDS {
        let scene = Scene::new(kind);
        let (unsigned, good) = (scene.unsigned(), scene.sign());
        psbt::finalize(&unsigned, &Signature(good.clone())).unwrap();
        for at in 0..good.len() {
            for bit in 0..8 {
                let mut changed = good.clone();
                changed[at] ^= 1 << bit;
                assert!(psbt::finalize(&unsigned, &Signature(changed)).is_err(), "{at}, {bit}");
            }
        }
        for length in 0..good.len() {
            assert!(psbt::finalize(&unsigned, &Signature(good[..length].to_vec())).is_err());
        }
        scene.refused(&[good.as_slice(), &[0]].concat(), "left over");
        scene.refused(&[0; 1_000], "longer than any");
        scene.refused(
            &[&[0xfe, 0xff, 0xff, 0x3f, 0], good.as_slice()].concat(),
            "no witness of one",
        );
        let (first, second) = good.split_at(good.len() / 2);
        let error = ["signature", "malformed", "no witness"];
        let swapped = Signature([second, first].concat());
        let why = psbt::finalize(&unsigned, &swapped).unwrap_err();
        assert!(error.iter().any(|it| why.contains(it)), "{why}");
    }
}

#[test]
fn the_other_kind_of_answer_is_refused() {
    let [p2wpkh, p2tr] = KINDS.map(Scene::new);
    p2tr.refused(&p2wpkh.sign()[..], "");
    p2wpkh.refused(&p2tr.sign()[..], "no signature and key");
    let schnorr = &p2tr.sign()[2..66];
    // A kind of hash behind the signature, which would sign something else and be a byte longer.
    let with = |elements: &[&[u8]]| {
        let witness = Witness::from_slice(elements);
        [serialize(&witness), serialize(&witness)].concat()
    };
    p2tr.refused(&with(&[&[schnorr, &[1]].concat()]), "");
    p2tr.refused(&with(&[schnorr, &[0x50]]), "no signature alone");
    let other = UnsignedTx { format: "psbt2", ..p2tr.unsigned() };
    assert!(psbt::finalize(&other, &Signature(p2tr.sign())).unwrap_err().contains("psbt2"));
    let other = UnsignedTx { payload: b"psbt\xff".to_vec(), ..p2tr.unsigned() };
    assert!(psbt::finalize(&other, &Signature(p2tr.sign())).unwrap_err().contains("no PSBT"));
}

/// Signatures that nodes or the fee would not bear, by the lane's own key.
#[test]
fn signatures_have_one_encoding_and_bear_their_fee() {
    let scene = Scene::new(LaneKind::P2wpkh);
    // The first key of BIP-84's test vectors.
    let key = bitcoin::PrivateKey::from_wif("KyZpNDKnfs94vbrwhJneDi77V6jF64PWPF8x5cdJb8ifgg2DUc9d");
    let key: SecretKey = key.unwrap().inner;
    let curve = Secp256k1::new();
    let public = key.public_key(&curve);
    let digest = |at: usize, kind| {
        let mut cache = SighashCache::new(&scene.draft.tx);
        let value = Amount::from_sat(scene.draft.spent[at].value_sat);
        let digest = cache.p2wpkh_signature_hash(at, &scene.wallet.script, value, kind).unwrap();
        Message::from_digest(digest.to_byte_array())
    };
    let answer = |change: &dyn Fn(usize) -> Vec<u8>| {
        let witness = |at| Witness::from_slice(&[change(at), public.serialize().to_vec()]);
        [serialize(&witness(0)), serialize(&witness(1))].concat()
    };
    let all = EcdsaSighashType::All;
    let good = |at| ecdsa::Signature::sighash_all(curve.sign_ecdsa_low_r(&digest(at, all), &key));
    assert_eq!(answer(&|at| good(at).to_vec()), scene.sign());

    let kind = EcdsaSighashType::SinglePlusAnyoneCanPay;
    scene.refused(
        &answer(&|at| {
            let signature = curve.sign_ecdsa_low_r(&digest(at, kind), &key);
            ecdsa::Signature { signature, sighash_type: kind }.to_vec()
        }),
        "does not sign all",
    );
    scene.refused(
        &answer(&|at| {
            // A high `s`: the order less the low one.
            let compact = good(at).signature.serialize_compact();
            let s = SecretKey::from_slice(&compact[32..]).unwrap().negate();
            let high = [&compact[..32], &s.secret_bytes()].concat();
            let signature = bitcoin::secp256k1::ecdsa::Signature::from_compact(&high).unwrap();
            ecdsa::Signature::sighash_all(signature).to_vec()
        }),
        "signature",
    );
    // An `r` that is not low: valid for nodes, and a byte longer than was paid for.
    scene.refused(
        &answer(&|at| {
            let mut noise = [0; 32];
            loop {
                let message = digest(at, all);
                let signature = curve.sign_ecdsa_with_noncedata(&message, &key, &noise);
                let signature = ecdsa::Signature::sighash_all(signature).to_vec();
                if signature.len() > 71 {
                    return signature;
                }
                noise[0] += 1;
            }
        }),
        "longer than its fee",
    );
    scene.refused(
        &answer(&|at| {
            // Padding in the DER encoding.
            let mut padded = good(at).to_vec();
            padded.insert(4, 0);
            padded[1] += 1;
            padded[3] += 1;
            padded
        }),
        "",
    );
}

#[test]
fn what_made_the_coins_must_be_there_and_say_the_same() {
    let scene = Scene::new(LaneKind::P2wpkh);
    let with = |change: fn(&mut Transaction), words: &str| {
        let (txid, mut whole) =
            scene.previous.first_key_value().map(|(a, b)| (*a, b.clone())).unwrap();
        change(&mut whole);
        let mut previous = scene.previous.clone();
        previous.insert(txid, whole);
        let why = psbt::unsigned(&scene.draft, &scene.wallet.script, &previous).unwrap_err();
        assert!(why.contains(words), "{why}");
    };
    with(|it| it.version = Version::ONE, "was given for");
    with(|it| it.output[0].value = Amount::from_sat(60_001), "was given for");
    let why = psbt::unsigned(&scene.draft, &scene.wallet.script, &BTreeMap::new()).unwrap_err();
    assert!(why.contains("is not there"), "{why}");
    let mut lying = Scene::new(LaneKind::P2wpkh);
    lying.draft.spent[0].value_sat += 1;
    assert!(lying.payload().unwrap_err().contains("is not what it was said to be"));
    lying.draft.spent.pop();
    assert!(lying.payload().unwrap_err().contains("what each of its inputs spends"));
    let taproot = Scene::new(LaneKind::P2tr);
    assert!(psbt::unsigned(&taproot.draft, &taproot.wallet.script, &BTreeMap::new()).is_ok());
}

#[test]
fn stored_bytes_are_read_whole() {
    let scene = Scene::new(LaneKind::P2tr);
    let signed = psbt::finalize(&scene.unsigned(), &Signature(scene.sign())).unwrap();
    let sent = Sent::read(&signed.raw).unwrap();
    assert_eq!(sent.tx, deserialize(&signed.raw).unwrap());
    for length in 0..signed.raw.len() {
        assert!(Sent::read(&signed.raw[..length]).is_err());
    }
    assert!(Sent::read(&[signed.raw.as_slice(), &[0]].concat()).is_err());
    assert_eq!(
        sent.paid(109_999),
        Some(sent.paid(110_000).unwrap()).map(|mut it| {
            it.fee_sat -= 1;
            it
        })
    );
    assert_eq!(sent.paid(10), None);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn hostile_bytes_are_refused(bytes: Vec<u8>, taproot: bool) {
        let kind = if taproot { LaneKind::P2tr } else { LaneKind::P2wpkh };
        let scene = Scene::new(kind);
        prop_assert!(psbt::finalize(&scene.unsigned(), &Signature(bytes.clone())).is_err());
        let unsigned = UnsignedTx { payload: bytes.clone(), ..scene.unsigned() };
        prop_assert!(psbt::finalize(&unsigned, &Signature(bytes.clone())).is_err());
        prop_assert!(Sent::read(&bytes).is_err());
    }

    #[test]
    fn a_changed_payload_has_no_signature(at: Index, byte: u8, taproot: bool) {
        let kind = if taproot { LaneKind::P2tr } else { LaneKind::P2wpkh };
        let scene = Scene::new(kind);
        let mut unsigned = scene.unsigned();
        let at = at.index(unsigned.payload.len());
        let same = std::mem::replace(&mut unsigned.payload[at], byte) == byte;
        if let Ok(signed) = psbt::finalize(&unsigned, &Signature(scene.sign())) {
            // What made the coins is not looked at again; the transaction is what was signed.
            let good = psbt::finalize(&scene.unsigned(), &Signature(scene.sign())).unwrap();
            prop_assert_eq!(signed, good);
            prop_assert!(same || kind == LaneKind::P2wpkh);
        }
    }
}

#[test]
fn what_is_shown_to_the_signer_is_no_longer_than_it_takes() {
    let most = signer::intent::psbt::PAYLOAD_BYTES_MAX;
    assert_eq!(rail_bitcoin::psbt::PAYLOAD_BYTES_MAX, most);
}
