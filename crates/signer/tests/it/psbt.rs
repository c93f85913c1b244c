//! Transactions of the Bitcoin family: signed if they do what is meant, refused if anything differs.

use std::sync::LazyLock;

use bitcoin::{
    Amount, OutPoint, Psbt, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Txid, Witness,
    WitnessProgram, WitnessVersion,
    absolute::LockTime,
    bech32::segwit,
    bip32::Fingerprint,
    consensus::Decodable,
    hashes::{Hash, sha256},
    psbt::{PsbtSighashType, raw},
    transaction::Version,
};
use domain::{
    catalog::Network,
    chore::{Chore, TopUp},
    ids::{AssetId, CoinId, LaneId, NetworkId},
    ports::{Intent, Payment, UnsignedTx},
};
use proptest::prelude::*;
use signer::{AddressFormat, Keystore, Policy, intent::psbt::verify};

use crate::world::{self, Case, amount};

const ALICE: &str = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4";
const BOB: &str = "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa";
const ALICE_SCRIPT: &str = "0014751e76e8199196d454941c45d1b3a323f1433bd6";
const BOB_SCRIPT: &str = "76a91462e907b15cbf27d5425399ebf6f0fb50ebb88f1888ac";
const FEE_MAX: u64 = 3_000;
const FEE: u64 = 2_000;

fn network() -> Network {
    let parameters = [("hrp", "bc"), ("p2pkh", "0"), ("p2sh", "5")];
    Network {
        family: "bitcoin".to_owned(),
        parameters: parameters.map(|(it, of)| (it.to_owned(), of.to_owned())).into(),
        ..world::network(1)
    }
}

fn payment(address: &str, sat: u64) -> Payment {
    world::payment(None, address, u128::from(sat))
}

fn output(script: &ScriptBuf, sat: u64) -> TxOut {
    TxOut { value: Amount::from_sat(sat), script_pubkey: script.clone() }
}

fn script(hex: &str) -> ScriptBuf {
    ScriptBuf::from_hex(hex).unwrap()
}

/// What made a coin of the lane; its second output.
fn origin(number: u8, own: &ScriptBuf, sat: u64) -> Transaction {
    let previous_output = OutPoint { txid: Txid::from_byte_array([number; 32]), vout: 7 };
    Transaction {
        version: Version::TWO,
        lock_time: LockTime::ZERO,
        input: vec![TxIn { previous_output, ..TxIn::default() }],
        output: vec![output(&script(BOB_SCRIPT), 5), output(own, sat)],
    }
}

/// The script of a witness address.
fn script_of(address: &str) -> ScriptBuf {
    let (_, version, program) = segwit::decode(address).unwrap();
    let version = WitnessVersion::try_from(version).unwrap();
    ScriptBuf::new_witness_program(&WitnessProgram::new(version, &program).unwrap())
}

/// Two payments out of two coins, with change.
fn case(is_taproot: bool) -> Case {
    // Stretching the mnemonic is slow, so it is done once.
    static KEYS: LazyLock<Keystore> = LazyLock::new(world::keystore);
    let [_, p2wpkh, p2tr, ..] = AddressFormat::MAIN;
    let format = if is_taproot { p2tr } else { p2wpkh };
    let mut lane = world::lane();
    lane.key_path = signer::default_path(format, 0);
    lane.address = KEYS.address(&lane.key_path, format).unwrap();
    let own = script_of(&lane.address);
    let origins = [origin(1, &own, 60_000), origin(2, &own, 42_000)];
    let input = |it: &Transaction| TxIn {
        previous_output: OutPoint { txid: it.compute_txid(), vout: 1 },
        sequence: Sequence(0xffff_fffd),
        ..TxIn::default()
    };
    let tx = Transaction {
        version: Version::TWO,
        lock_time: LockTime::ZERO,
        input: origins.iter().map(input).collect(),
        output: vec![
            output(&script(ALICE_SCRIPT), 30_000),
            output(&own, 102_000 - 30_000 - 50_000 - FEE),
            output(&script(BOB_SCRIPT), 50_000),
        ],
    };
    let mut psbt = Psbt::from_unsigned_tx(tx).unwrap();
    for (fields, origin) in psbt.inputs.iter_mut().zip(&origins) {
        fields.witness_utxo = Some(origin.output[1].clone());
        fields.non_witness_utxo = (!is_taproot).then(|| origin.clone());
    }
    let fee_max = amount(u128::from(FEE_MAX));
    let spends = coins(&psbt.unsigned_tx);
    Case {
        lane,
        unsigned: UnsignedTx {
            format: "psbt",
            payload: psbt.serialize(),
            sequence: None,
            sequences_used: 0,
            spends: spends.clone(),
            fee_max,
        },
        intent: Intent {
            network: network(),
            payments: vec![payment(BOB, 50_000), payment(ALICE, 30_000)],
            chore: None,
            fee_max,
            sequence: None,
            spends,
        },
        policy: Policy::default(),
    }
}

/// The coins that a transaction spends.
fn coins(tx: &Transaction) -> Vec<CoinId> {
    tx.input.iter().map(|it| CoinId::new(&it.previous_output.to_string())).collect()
}

fn decode(case: &Case) -> Psbt {
    Psbt::deserialize(&case.unsigned.payload).unwrap()
}

/// Changes the transaction, and nothing of the intent.
#[track_caller]
fn refused(case: &Case, expected: &str, change: impl FnOnce(&mut Psbt)) {
    case.check_refused(expected, |case| {
        let mut psbt = decode(case);
        change(&mut psbt);
        case.unsigned.payload = psbt.serialize();
    });
}

#[track_caller]
fn accepted(case: &Case, change: impl FnOnce(&mut Psbt)) {
    let (mut case, mut psbt) = (case.clone(), decode(case));
    change(&mut psbt);
    case.unsigned.payload = psbt.serialize();
    case.sign().unwrap();
}

fn both() -> [Case; 2] {
    [case(false), case(true)]
}

#[test]
fn the_answer_is_the_witness_of_each_input() {
    for (case, lengths) in both().iter().zip([[1 + 1 + 71 + 1 + 33; 2], [1 + 1 + 64; 2]]) {
        let signature = case.sign().unwrap();
        let mut rest = signature.as_slice();
        for length in lengths {
            let before = rest.len();
            let witness: Witness = Decodable::consensus_decode(&mut rest).unwrap();
            // A number in a signature may begin with zeros.
            assert!((length - 3..=length).contains(&(before - rest.len())), "{witness:?}");
        }
        assert!(rest.is_empty());
        assert_eq!(case.sign().unwrap(), signature, "the same again");
    }
}

#[test]
fn inputs_are_exactly_the_coins_that_are_kept_for_it() {
    for case in both() {
        let change = |expected: &str, coins: &dyn Fn(&mut Vec<CoinId>)| {
            case.check_refused(expected, |case| {
                coins(&mut case.unsigned.spends);
                case.intent.spends.clone_from(&case.unsigned.spends);
            });
        };
        change("is spent, and not in the intent", &|it| drop(it.pop()));
        change("is spent, and not in the intent", &|it| it[0] = CoinId::new("00:1"));
        change("the intent has others", &|it| it.push(CoinId::new("00:1")));
        change("the intent has others", &|it| it.push(it[0].clone()));
        case.check_refused("spends differs", |case| case.unsigned.spends.reverse());
    }
}

#[test]
fn outputs_are_exactly_the_payments() {
    for case in both() {
        let own = script_of(&case.lane.address);
        refused(&case, "outputs: 9 to 76a9", |it| {
            it.unsigned_tx.output.push(output(&script(BOB_SCRIPT), 9));
            it.outputs.push(bitcoin::psbt::Output::default());
        });
        refused(&case, "outputs: 0 to 6a01", |it| {
            it.unsigned_tx.output.push(output(&script("6a0100"), 0));
            it.outputs.push(bitcoin::psbt::Output::default());
        });
        refused(&case, "outputs: 30000 to 76a9", |it| {
            it.unsigned_tx.output[0].script_pubkey = script(BOB_SCRIPT);
        });
        refused(&case, "outputs: 29999 to 0014", |it| {
            it.unsigned_tx.output[0].value = Amount::from_sat(29_999);
        });
        refused(&case, "outputs: 30001 to 0014", |it| {
            it.unsigned_tx.output[0].value = Amount::from_sat(30_001);
        });
        refused(&case, "outputs: 30000 to 0014", |it| {
            let again = it.unsigned_tx.output[0].clone();
            it.unsigned_tx.output[1] = again;
        });
        refused(&case, "is in the intent and not paid", |it| {
            let sum = it.unsigned_tx.output.remove(0).value + it.unsigned_tx.output[0].value;
            it.unsigned_tx.output[0].value = sum;
            it.outputs.pop();
        });
        refused(&case, "outputs: 2 return to the lane", |it| {
            it.unsigned_tx.output[1].value -= Amount::from_sat(1_000);
            it.unsigned_tx.output.push(output(&own, 1_000));
            it.outputs.push(bitcoin::psbt::Output::default());
        });
        refused(&case, "outputs: 20000 to 76a9", |it| {
            it.unsigned_tx.output[1].script_pubkey =
                script("76a914751e76e8199196d454941c45d1b3a323f1433bd688ac");
        });
        accepted(&case, |it| it.unsigned_tx.output.reverse());
        accepted(&case, |it| it.unsigned_tx.output[1].value += Amount::from_sat(1_999));
    }
}

#[test]
fn the_fee_is_what_is_left_and_not_more_than_allowed() {
    for case in both() {
        accepted(&case, |it| it.unsigned_tx.output[1].value -= Amount::from_sat(FEE_MAX - FEE));
        refused(&case, "fee is 3001, above fee_max 3000", |it| {
            it.unsigned_tx.output[1].value -= Amount::from_sat(FEE_MAX - FEE + 1);
        });
        refused(&case, "fee is 22000", |it| {
            it.unsigned_tx.output.remove(1);
            it.outputs.pop();
        });
        refused(&case, "do not make up for", |it| {
            it.unsigned_tx.output[1].value += Amount::from_sat(FEE + 1);
        });
        refused(&case, "outputs: their sum", |it| {
            it.unsigned_tx.output[1].value = Amount::from_sat(u64::MAX);
        });
        case.check_refused("fee_max", |case| case.unsigned.fee_max = amount(3_001));
        case.check_refused("fee is 2000", |case| {
            case.unsigned.fee_max = amount(1_999);
            case.intent.fee_max = amount(1_999);
        });
        case.check_refused("signer's limit", |case| {
            case.policy.fee_max_limits.insert(NetworkId::new("net"), amount(2_999));
        });
    }
}

#[test]
fn inputs_are_the_lanes_and_their_amounts_are_true() {
    let (p2wpkh, taproot) = (case(false), case(true));
    for case in [&p2wpkh, &taproot] {
        refused(case, "input 1: script of witness_utxo is 0014751e", |it| {
            it.inputs[1].witness_utxo = Some(output(&script(ALICE_SCRIPT), 42_000));
        });
        refused(case, "input 0: witness_utxo is missing", |it| it.inputs[0].witness_utxo = None);
        refused(case, "is spent twice", |it| {
            it.unsigned_tx.input[1].previous_output = it.unsigned_tx.input[0].previous_output;
        });
        refused(case, "inputs: there are none", |it| {
            it.unsigned_tx.input.clear();
            it.inputs.clear();
        });
        for sequence in [0xffff_ffff, 0xffff_fffe, 0xffff_fffc, 0] {
            refused(case, "input 1: sequence is 0x", |it| {
                it.unsigned_tx.input[1].sequence = Sequence(sequence);
            });
        }
    }
    refused(&p2wpkh, "input 1: amount of witness_utxo is 41000, and it is 42000 in truth", |it| {
        it.inputs[1].witness_utxo.as_mut().unwrap().value = Amount::from_sat(41_000);
    });
    refused(&p2wpkh, "input 1: amount of witness_utxo is 43000", |it| {
        it.inputs[1].witness_utxo.as_mut().unwrap().value = Amount::from_sat(43_000);
    });
    refused(&p2wpkh, "input 0: non_witness_utxo is missing", |it| {
        it.inputs[0].non_witness_utxo = None;
    });
    refused(&p2wpkh, "input 0: non_witness_utxo is", |it| {
        it.inputs[0].non_witness_utxo = it.inputs[1].non_witness_utxo.clone();
    });
    refused(&p2wpkh, "input 0: non_witness_utxo is", |it| {
        // The true amount, changed where it is told: another transaction.
        let origin = it.inputs[0].non_witness_utxo.as_mut().unwrap();
        origin.output[1].value = Amount::from_sat(61_000);
        it.inputs[0].witness_utxo.as_mut().unwrap().value = Amount::from_sat(61_000);
    });
    refused(&p2wpkh, "input 0: amount of witness_utxo is 60000, and it is 5 in truth", |it| {
        it.unsigned_tx.input[0].previous_output.vout = 0;
    });
    refused(&p2wpkh, "input 0: script of witness_utxo is not that", |it| {
        let own = it.inputs[0].witness_utxo.as_ref().unwrap().script_pubkey.clone();
        it.unsigned_tx.input[0].previous_output.vout = 0;
        it.inputs[0].witness_utxo = Some(output(&own, 5));
    });
    refused(&p2wpkh, "input 0: non_witness_utxo has no output 2", |it| {
        it.unsigned_tx.input[0].previous_output.vout = 2;
    });
    refused(&taproot, "input 0: non_witness_utxo: taproot inputs carry none", |it| {
        let own = it.inputs[0].witness_utxo.as_ref().unwrap().script_pubkey.clone();
        it.inputs[0].non_witness_utxo = Some(origin(1, &own, 60_000));
    });
    // What a taproot signature commits to may be told wrong: it is a signature of nothing then.
    refused(&taproot, "fee is 1002000", |it| {
        it.inputs[1].witness_utxo.as_mut().unwrap().value = Amount::from_sat(1_042_000);
    });
}

#[test]
fn version_and_lock_time_are_the_usual() {
    for case in both() {
        for version in [0, 1, 3, -1] {
            refused(&case, "version is", |it| it.unsigned_tx.version = Version(version));
        }
        // Nothing is signed that could be included later only.
        for lock_time in [1, 499_999_999, 500_000_000] {
            refused(&case, "lock_time is", |it| {
                it.unsigned_tx.lock_time = LockTime::from_consensus(lock_time);
            });
        }
    }
}

#[test]
fn fields_that_are_not_meant_are_refused() {
    let key = raw::Key { type_value: 0xf0, key: vec![1] };
    let own_field = raw::ProprietaryKey { prefix: b"x".to_vec(), subtype: 1, key: vec![] };
    for case in both() {
        refused(&case, "global fields", |it| drop(it.unknown.insert(key.clone(), vec![])));
        refused(&case, "global fields", |it| {
            drop(it.proprietary.insert(own_field.clone(), vec![]));
        });
        refused(&case, "output fields", |it| {
            drop(it.outputs[1].unknown.insert(key.clone(), vec![]));
        });
        refused(&case, "output fields", |it| it.outputs[2].redeem_script = Some(ScriptBuf::new()));
        refused(&case, "input 1: unknown fields", |it| {
            drop(it.inputs[1].unknown.insert(key.clone(), vec![]));
        });
        refused(&case, "input 1: unknown fields", |it| {
            drop(it.inputs[1].proprietary.insert(own_field.clone(), vec![]));
        });
        refused(&case, "input 0: sighash_type", |it| {
            it.inputs[0].sighash_type = Some(PsbtSighashType::from_u32(1));
        });
        refused(&case, "input 0: sighash_type", |it| {
            it.inputs[0].sighash_type = Some(PsbtSighashType::from_u32(0x83));
        });
        refused(&case, "input 0: signatures", |it| {
            it.inputs[0].final_script_witness = Some(Witness::from_slice(&[[1_u8; 64]]));
        });
        refused(&case, "input 0: signatures", |it| {
            it.inputs[0].final_script_sig = Some(ScriptBuf::new());
        });
        refused(&case, "input 1: scripts", |it| {
            it.inputs[1].redeem_script = Some(ScriptBuf::new());
        });
        refused(&case, "input 1: scripts", |it| {
            it.inputs[1].witness_script = Some(ScriptBuf::new());
        });
        refused(&case, "input 1: scripts", |it| {
            it.inputs[1].tap_merkle_root = Some(bitcoin::TapNodeHash::from_byte_array([7; 32]));
        });
        refused(&case, "input 1: keys", |it| {
            let key = "025476c2e83188368da1ff3e292e7acafcdb3566bb0ad253f62fc70f07aeee6357";
            let source = (Fingerprint::default(), "m/84'/0'".parse().unwrap());
            drop(it.inputs[1].bip32_derivation.insert(key.parse().unwrap(), source));
        });
        refused(&case, "input 1: preimages", |it| {
            let preimage = vec![7];
            let hash = sha256::Hash::hash(&preimage);
            drop(it.inputs[1].sha256_preimages.insert(hash, preimage));
        });
        for byte in [0, 1, 0xff] {
            case.check_refused("payload is no PSBT", |it| it.unsigned.payload.push(byte));
        }
        for length in 0..case.unsigned.payload.len() {
            case.check_refused("payload is no PSBT", |it| it.unsigned.payload.truncate(length));
        }
        case.check_refused("too long", |it| it.unsigned.payload = vec![0; (16 << 20) + 1]);
        // A version that is left out is zero; told, it is another encoding of the same.
        case.check_refused("not canonical", |it| {
            let separator = it.unsigned.payload.iter().position(|byte| *byte == 0xff).unwrap();
            let version = [1, 0xfb, 4, 0, 0, 0, 0];
            it.unsigned.payload.splice(separator + 1..=separator, version);
        });
    }
}

#[test]
fn an_intent_that_differs_is_refused() {
    for case in both() {
        let own = case.lane.address.clone();
        let with = |words: &str, change: fn(&mut Intent)| {
            case.check_refused(words, |it| change(&mut it.intent));
        };
        with("no network of family bitcoin", |it| it.network.family = "ton".to_owned());
        with("chore", |it| it.chore = Some(Chore::Fill { sequence: 3 }));
        with("payments", |it| it.payments.clear());
        with("no payment of the intent", |it| drop(it.payments.pop()));
        with("is in the intent and not paid", |it| it.payments.push(payment(BOB, 50_000)));
        with("outputs: 50000 to 76a9", |it| it.payments[0] = payment(BOB, 49_999));
        with("amount: 0 cannot", |it| it.payments[0].amount = amount(0));
        with("amount: ", |it| it.payments[0].amount = amount(1 << 64));
        with("memo", |it| it.payments[0].destination.memo = Some(String::new()));
        with("is a token", |it| it.payments[0].asset.contract = Some("x".to_owned()));
        with("asset is USD@net", |it| it.payments[0].asset.id = AssetId::new("USD@net"));
        with("destination: ", |it| {
            it.payments[0].destination.address = "LVg2kJoFNg45Nbpy53h7Fe1wKyeXVRhMH9".to_owned();
        });
        case.check_refused("is the lane itself", |it| {
            it.intent.payments[0] = payment(&own, 50_000);
        });
        case.check_refused("sequence", |it| {
            it.intent.sequence = Some(1);
            it.unsigned.sequence = Some(1);
        });
        case.check_refused("is no address of", |it| {
            it.intent.network.parameters.insert("hrp".to_owned(), "ltc".to_owned());
        });
    }
}

#[test]
fn the_lane_has_the_key_of_its_path() {
    for (case, other) in both().into_iter().zip([case(true), case(false)]) {
        let purpose = &case.lane.key_path[..5];
        case.check_refused("address of net/hot is", |it| {
            it.lane.key_path = format!("{purpose}/0'/0'/0/1");
        });
        case.check_refused("address of net/hot is", |it| {
            it.lane.key_path.clone_from(&other.lane.key_path);
        });
        case.check_refused("BIP-86", |it| it.lane.key_path = "m/44'/0'/0'/0/0".to_owned());
        case.check_refused("script of witness_utxo", |it| {
            it.lane.address.clone_from(&other.lane.address);
        });
        case.check_refused("no address that is signed for", |it| it.lane.address = BOB.to_owned());
        case.check_refused("no imported key", |it| it.lane.key_path = "imported:hot".to_owned());
    }
}

#[test]
fn chores_pay_nobody_or_another_lane() {
    for mut case in both() {
        let mut gather = case.clone();
        gather.intent.payments.clear();
        gather.intent.chore = Some(Chore::Prepare("gather".to_owned()));
        gather.check_refused("outputs: 30000 to 0014", |_| {});
        let mut psbt = decode(&gather);
        psbt.unsigned_tx.output.swap_remove(0);
        psbt.unsigned_tx.output.pop();
        psbt.unsigned_tx.output = vec![output(&script_of(&case.lane.address), 100_000)];
        psbt.outputs.truncate(1);
        gather.unsigned.payload = psbt.serialize();
        gather.sign().unwrap();
        refused(&gather, "outputs: 0 return to the lane", |it| {
            it.unsigned_tx.output.clear();
            it.outputs.clear();
        });
        refused(&gather, "fee is 3001", |it| {
            it.unsigned_tx.output[0].value = Amount::from_sat(98_999);
        });
        let lift = |txid: &str| Some(Chore::Prepare(format!("lift {txid}")));
        let parent = psbt.unsigned_tx.input[1].previous_output.txid.to_string();
        let mut lifts = gather.clone();
        lifts.intent.chore = lift(&parent);
        lifts.sign().unwrap();
        let stranger = Txid::all_zeros().to_string();
        gather.check_refused("which is to be lifted", |it| it.intent.chore = lift(&stranger));
        for words in ["", "lift", "lift ", "gather all", "deploy", &format!("lift {parent} ")] {
            gather.check_refused("", |it| {
                it.intent.chore = Some(Chore::Prepare(words.to_owned()));
            });
        }
        case.check_refused("payments: 2 in a chore", |it| it.intent.chore = lift(&parent));

        // Coins for another lane.
        let mut psbt = decode(&case);
        psbt.unsigned_tx.output.pop();
        psbt.outputs.pop();
        psbt.unsigned_tx.output[1].value += Amount::from_sat(50_000);
        case.unsigned.payload = psbt.serialize();
        case.intent.payments.remove(0);
        let to = case.intent.payments[0].clone();
        case.intent.chore = Some(Chore::TopUp(TopUp {
            to: LaneId::new("net/other"),
            destination: to.destination,
            asset: to.asset.id,
            amount: to.amount,
        }));
        case.check_refused("is no other lane's", |_| {});
        case.policy.lane_addresses = [(NetworkId::new("net"), [ALICE.to_owned()].into())].into();
        case.sign().unwrap();
    }
}

/// What was changed somewhere is refused, unless all that changed is what may be: the order, the
/// change within the allowed fee, the height of the lock time, or what a taproot signature commits
/// to itself.
fn check_mutated(case: &Case, payload: &[u8]) {
    if verify(payload, &case.lane, &case.intent).is_err() {
        return;
    }
    let own = script_of(&case.lane.address);
    let psbt = Psbt::deserialize(payload).unwrap();
    let tx = psbt.unsigned_tx;
    let (change, mut paid): (Vec<&TxOut>, Vec<&TxOut>) =
        tx.output.iter().partition(|it| it.script_pubkey == own);
    paid.sort();
    let expected = [output(&script(ALICE_SCRIPT), 30_000), output(&script(BOB_SCRIPT), 50_000)];
    assert!(paid.into_iter().eq(&expected));
    assert!(change.len() <= 1);
    let inputs: Amount = psbt.inputs.iter().map(|it| it.witness_utxo.as_ref().unwrap().value).sum();
    let outputs: Amount = tx.output.iter().map(|it| it.value).sum();
    assert!(inputs - outputs <= Amount::from_sat(FEE_MAX));
    assert!(tx.input.iter().all(|it| it.sequence == Sequence(0xffff_fffd)));
    if own.is_p2wpkh() {
        let original = decode(case).unsigned_tx;
        assert!(tx.input.iter().all(|it| original.input.contains(it)));
        assert_eq!(inputs, Amount::from_sat(102_000));
    }
}

#[test]
fn every_changed_bit_is_noticed() {
    for case in both() {
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
        is_taproot: bool,
    ) {
        let case = case(is_taproot);
        check_mutated(&case, &world::mutated(&case.unsigned.payload, changes));
    }

    #[test]
    fn arbitrary_bytes_are_refused(mut payload: Vec<u8>, with_magic: bool) {
        if with_magic {
            payload.splice(0..0, *b"psbt\xff");
        }
        let case = case(false);
        prop_assert!(verify(&payload, &case.lane, &case.intent).is_err());
    }
}
