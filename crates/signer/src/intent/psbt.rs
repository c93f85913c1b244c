//! Transactions of the Bitcoin family: a PSBT of version 0 (BIP-174).
//!
//! The payload carries the unsigned transaction, for each input the output that it spends
//! (`witness_utxo`), for inputs that spend a witness public key hash also the whole transaction
//! that made that output (`non_witness_utxo`), and nothing else. A signature of that kind (BIP-143)
//! commits to the amount of its own input alone: without the whole transaction, two requests to
//! sign could each be lied to about another input, and a fee be paid that neither showed. Taproot
//! signatures (BIP-341) commit to all amounts and need no such thing.
//!
//! The answer is the witness of each input, consensus encoded, one after another.

use std::collections::{BTreeMap, BTreeSet};

use bitcoin::{
    Amount, EcdsaSighashType, OutPoint, Psbt, ScriptBuf, Sequence, TapSighashType, Transaction,
    TxIn, TxOut, hashes::Hash, psbt, sighash::Prevouts, sighash::SighashCache, transaction,
};
use domain::{
    chore::Chore,
    ids::CoinId,
    lane::Lane,
    ports::{Intent, Payment},
};

use super::{same, script};

/// The format's name in [`domain::ports::UnsignedTx::format`].
pub const FORMAT: &str = "psbt";

/// The family of networks whose transactions these are.
pub const FAMILY: &str = "bitcoin";

/// The chore that brings all of some coins of a lane together in one output of its own.
pub const GATHER: &str = "gather";

/// The chore, followed by a blank and a transaction's identifier, that spends an output of that
/// transaction to the lane itself, so that a block's maker is paid for both.
pub const LIFT: &str = "lift";

/// More than any payload: a transaction of standard size has at most some 1,700 inputs, and most of
/// the transactions that made what they spend are far below 10 kB.
pub const PAYLOAD_BYTES_MAX: usize = 16 << 20;

/// Signals replaceability (BIP-125) and no relative lock time (BIP-68).
const SEQUENCE: Sequence = Sequence::ENABLE_RBF_NO_LOCKTIME;

/// More than there is of any coin of the family that is signed for, in satoshi.
const AMOUNT_MAX_SAT: u64 = 84_000_000 * 100_000_000;

/// A transaction that does what its intent says, ready to be signed.
#[derive(Clone, Debug)]
pub struct Checked {
    tx: Transaction,
    /// What its inputs spend, in their order.
    spent: Vec<TxOut>,
}

impl Checked {
    /// What is signed for each input: by BIP-143 with `SIGHASH_ALL` or by BIP-341 with
    /// `SIGHASH_DEFAULT`.
    ///
    /// # Errors
    /// If the lane's address is neither of the two kinds.
    pub fn digests(&self) -> Result<Vec<[u8; 32]>, String> {
        let mut cache = SighashCache::new(&self.tx);
        let all = Prevouts::All(&self.spent);
        (0..).zip(&self.spent).map(|(at, spent)| digest(&mut cache, at, spent, &all)).collect()
    }
}

fn digest(
    cache: &mut SighashCache<&Transaction>,
    at: usize,
    spent: &TxOut,
    all: &Prevouts<'_, TxOut>,
) -> Result<[u8; 32], String> {
    let script = &spent.script_pubkey;
    if script.is_p2tr() {
        let digest = cache.taproot_key_spend_signature_hash(at, all, TapSighashType::Default);
        return digest.map(Hash::to_byte_array).map_err(|error| error.to_string());
    }
    let digest = cache.p2wpkh_signature_hash(at, script, spent.value, EcdsaSighashType::All);
    digest.map(Hash::to_byte_array).map_err(|error| error.to_string())
}

/// Checks that a transaction of `lane` makes the intent's payments, in any order, spends only what
/// is the lane's, and returns to the lane all but a fee that the intent allows.
///
/// # Errors
/// Says which field differs.
pub fn verify(payload: &[u8], lane: &Lane, intent: &Intent) -> Result<Checked, String> {
    if intent.network.family != FAMILY {
        return Err(format!("{} is no network of family {FAMILY}", intent.network.id));
    }
    if intent.sequence.is_some() {
        return Err("sequence: the intent names one, and this format counts nothing".to_owned());
    }
    let own = script::of(&intent.network, "lane", &lane.address)?;
    if !own.is_p2wpkh() && !own.is_p2tr() {
        let address = &lane.address;
        return Err(format!("lane: {address} is no address that is signed for"));
    }
    let psbt = decode(payload)?;
    check_frame(&psbt)?;
    let spent = check_inputs(&psbt, &own)?;
    let tx = psbt.unsigned_tx;
    check_coins(&tx, intent)?;
    check_outputs(&tx, &own, intent)?;
    check_fee(&tx, &spent, intent)?;
    Ok(Checked { tx, spent })
}

fn decode(payload: &[u8]) -> Result<Psbt, String> {
    let malformed = |why: &str| format!("payload is no PSBT: {why}");
    if payload.len() > PAYLOAD_BYTES_MAX {
        return Err(malformed("it is too long"));
    }
    let psbt = Psbt::deserialize(payload).map_err(|error| malformed(&error.to_string()))?;
    // This also finds bytes that are left over.
    if psbt.serialize() != payload {
        return Err(malformed("its encoding is not canonical"));
    }
    Ok(psbt)
}

/// Checks what belongs to no single input or payment.
fn check_frame(psbt: &Psbt) -> Result<(), String> {
    let Psbt { unsigned_tx, version, xpub, proprietary, unknown, inputs: _, outputs } = psbt;
    same_number("PSBT version", *version, 0)?;
    refuse("global fields", !(xpub.is_empty() && proprietary.is_empty() && unknown.is_empty()))?;
    let plain = psbt::Output::default();
    refuse("output fields", outputs.iter().any(|it| *it != plain))?;
    if unsigned_tx.version != transaction::Version::TWO {
        return Err(format!("version is {}, 2 is meant", unsigned_tx.version));
    }
    same_number("lock_time", unsigned_tx.lock_time.to_consensus_u32(), 0)
}

fn same_number(field: &str, found: u32, wanted: u32) -> Result<(), String> {
    if found == wanted { Ok(()) } else { Err(format!("{field} is {found}, {wanted} is meant")) }
}

fn refuse(what: &str, there: bool) -> Result<(), String> {
    if there { Err(format!("{what}: there are some, and none are meant")) } else { Ok(()) }
}

/// Checks that each input spends an output of the lane, and gives those outputs.
fn check_inputs(psbt: &Psbt, own: &ScriptBuf) -> Result<Vec<TxOut>, String> {
    let inputs = psbt.unsigned_tx.input.iter().zip(&psbt.inputs);
    let mut outpoints = BTreeSet::new();
    let mut spent = Vec::with_capacity(psbt.inputs.len());
    for (at, (input, fields)) in inputs.enumerate() {
        let named = |error: String| format!("input {at}: {error}");
        if !outpoints.insert(input.previous_output) {
            return Err(named(format!("{} is spent twice", input.previous_output)));
        }
        spent.push(check_input(input, fields, own).map_err(named)?);
    }
    if spent.is_empty() {
        return Err("inputs: there are none".to_owned());
    }
    Ok(spent)
}

fn check_input(input: &TxIn, fields: &psbt::Input, own: &ScriptBuf) -> Result<TxOut, String> {
    let (found, wanted) = (input.sequence, SEQUENCE);
    if found != wanted {
        return Err(format!("sequence is {found:#x}, {wanted:#x} is meant"));
    }
    check_only_spent(fields)?;
    let spent = fields.witness_utxo.as_ref().ok_or("witness_utxo is missing")?;
    if spent.script_pubkey != *own {
        let script = spent.script_pubkey.to_hex_string();
        return Err(format!("script of witness_utxo is {script}, which is not the lane's"));
    }
    match &fields.non_witness_utxo {
        Some(_) if own.is_p2tr() => {
            return Err("non_witness_utxo: taproot inputs carry none".to_owned());
        }
        None if own.is_p2tr() => {}
        None => return Err("non_witness_utxo is missing".to_owned()),
        Some(whole) => check_origin(input.previous_output, spent, whole)?,
    }
    Ok(spent.clone())
}

/// Checks that a whole transaction is the one that the input names, and what it says of the output.
fn check_origin(outpoint: OutPoint, spent: &TxOut, whole: &Transaction) -> Result<(), String> {
    let (found, OutPoint { txid, vout }) = (whole.compute_txid(), outpoint);
    if found != txid {
        return Err(format!("non_witness_utxo is {found}, and {txid} is spent"));
    }
    let output = usize::try_from(vout).ok().and_then(|vout| whole.output.get(vout));
    let output = output.ok_or_else(|| format!("non_witness_utxo has no output {vout}"))?;
    if output.value != spent.value {
        let (said, true_value) = (spent.value.to_sat(), output.value.to_sat());
        return Err(format!("amount of witness_utxo is {said}, and it is {true_value} in truth"));
    }
    if output.script_pubkey != spent.script_pubkey {
        return Err("script of witness_utxo is not that of the output in truth".to_owned());
    }
    Ok(())
}

/// Refuses every field of an input but the two that say what it spends.
fn check_only_spent(fields: &psbt::Input) -> Result<(), String> {
    let psbt::Input {
        non_witness_utxo: _,
        witness_utxo: _,
        partial_sigs,
        sighash_type,
        redeem_script,
        witness_script,
        bip32_derivation,
        final_script_sig,
        final_script_witness,
        ripemd160_preimages,
        sha256_preimages,
        hash160_preimages,
        hash256_preimages,
        tap_key_sig,
        tap_script_sigs,
        tap_scripts,
        tap_key_origins,
        tap_internal_key,
        tap_merkle_root,
        proprietary,
        unknown,
    } = fields;
    refuse("sighash_type", sighash_type.is_some())?;
    let finalized = final_script_sig.is_some() || final_script_witness.is_some();
    let signed = !partial_sigs.is_empty() || tap_key_sig.is_some() || !tap_script_sigs.is_empty();
    refuse("signatures", finalized || signed)?;
    let scripts = redeem_script.is_some() || witness_script.is_some();
    refuse("scripts", scripts || !tap_scripts.is_empty() || tap_merkle_root.is_some())?;
    let keys = !bip32_derivation.is_empty() || !tap_key_origins.is_empty();
    refuse("keys", keys || tap_internal_key.is_some())?;
    let hashes = ripemd160_preimages.len() + sha256_preimages.len();
    let hashes = hashes + hash160_preimages.len() + hash256_preimages.len();
    refuse("preimages", hashes > 0)?;
    refuse("unknown fields", !(proprietary.is_empty() && unknown.is_empty()))
}

/// Checks that exactly those outputs are spent that the ledger keeps for this transaction: others
/// may be what another one spends.
fn check_coins(tx: &Transaction, intent: &Intent) -> Result<(), String> {
    let wanted: BTreeSet<&str> = intent.spends.iter().map(CoinId::as_str).collect();
    let found: BTreeSet<String> =
        tx.input.iter().map(|it| it.previous_output.to_string()).collect();
    if let Some(other) = found.iter().find(|it| !wanted.contains(it.as_str())) {
        return Err(format!("inputs: {other} is spent, and not in the intent"));
    }
    if wanted.len() != found.len() || intent.spends.len() != found.len() {
        return Err("inputs: the intent has others beside them".to_owned());
    }
    Ok(())
}

/// Checks that the outputs are the payments, and beside them at most one to the lane itself.
fn check_outputs(tx: &Transaction, own: &ScriptBuf, intent: &Intent) -> Result<(), String> {
    let mut wanted = wanted(tx, own, intent)?;
    let mut change = Vec::new();
    for output in &tx.output {
        let (script, sat) = (&output.script_pubkey, output.value.to_sat());
        match wanted.get_mut(&(script.clone(), sat)) {
            Some(count) if *count > 0 => *count -= 1,
            Some(_) | None if script == own => change.push(sat),
            Some(_) | None => {
                let script = script.to_hex_string();
                return Err(format!("outputs: {sat} to {script} is no payment of the intent"));
            }
        }
    }
    if let Some(((script, sat), _)) = wanted.iter().find(|(_, count)| **count > 0) {
        let script = script.to_hex_string();
        return Err(format!("outputs: {sat} to {script} is in the intent and not paid"));
    }
    match (intent.payments.is_empty(), change.as_slice()) {
        (false, [] | [_]) | (true, [_]) => Ok(()),
        (_, found) => Err(format!("outputs: {} return to the lane, one is meant", found.len())),
    }
}

/// The payments that must be made, each with how often. A chore may pay nobody.
fn wanted(
    tx: &Transaction,
    own: &ScriptBuf,
    intent: &Intent,
) -> Result<BTreeMap<(ScriptBuf, u64), usize>, String> {
    let mut wanted = BTreeMap::new();
    match (&intent.chore, intent.payments.as_slice()) {
        (None | Some(Chore::TopUp(_)), [_, ..]) => {}
        (None | Some(Chore::TopUp(_)), []) => return Err("payments: there are none".to_owned()),
        (Some(Chore::Prepare(words)), []) => check_words(words, tx)?,
        (Some(chore @ (Chore::Prepare(_) | Chore::Fill { .. })), _) => {
            return Err(format!("chore: nothing on this network is to {}", chore.title()));
        }
    }
    for payment in &intent.payments {
        let (script, sat) = paid(payment, intent)?;
        if script == *own {
            let address = &payment.destination.address;
            return Err(format!("destination: {address} is the lane itself"));
        }
        *wanted.entry((script, sat)).or_default() += 1;
    }
    Ok(wanted)
}

/// What a lane does for itself.
fn check_words(words: &str, tx: &Transaction) -> Result<(), String> {
    if words == GATHER {
        return Ok(());
    }
    let lifted = words.strip_prefix(LIFT).and_then(|it| it.strip_prefix(' '));
    let lifted =
        lifted.ok_or_else(|| format!("chore: {words:?} is nothing that this signer knows"))?;
    let spends = |input: &TxIn| input.previous_output.txid.to_string() == lifted;
    if tx.input.iter().any(spends) {
        return Ok(());
    }
    Err(format!("inputs: none spends an output of {lifted}, which is to be lifted"))
}

fn paid(payment: &Payment, intent: &Intent) -> Result<(ScriptBuf, u64), String> {
    let Payment { asset, destination, amount } = payment;
    same("asset", &asset.id, &intent.network.fee_asset)?;
    if asset.contract.is_some() {
        return Err(format!("asset: {} is a token, and there are none here", asset.id));
    }
    if destination.memo.is_some() {
        return Err("memo: the intent has one, this format carries none".to_owned());
    }
    let sat = u64::try_from(amount.units()).ok().filter(|sat| (1..=AMOUNT_MAX_SAT).contains(sat));
    let sat = sat.ok_or_else(|| format!("amount: {} cannot be paid", amount.units()))?;
    Ok((script::of(&intent.network, "destination", &destination.address)?, sat))
}

fn check_fee(tx: &Transaction, spent: &[TxOut], intent: &Intent) -> Result<(), String> {
    let sum = |outputs: &[TxOut], field: &str| {
        let sum = outputs.iter().try_fold(Amount::ZERO, |sum, it| sum.checked_add(it.value));
        let sum = sum.map(Amount::to_sat).filter(|sat| *sat <= AMOUNT_MAX_SAT);
        sum.ok_or_else(|| format!("{field}: their sum is more than there is of any coin"))
    };
    let (inputs, outputs) = (sum(spent, "inputs")?, sum(&tx.output, "outputs")?);
    let fee = inputs.checked_sub(outputs).ok_or_else(|| {
        format!("fee: inputs of {inputs} do not make up for outputs of {outputs}")
    })?;
    let most = intent.fee_max.units();
    if u128::from(fee) > most {
        return Err(format!("fee is {fee}, above fee_max {most}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use bitcoin::{consensus::encode::deserialize, secp256k1::Secp256k1};

    use super::*;
    use crate::derive::SigningKey;

    fn read(hex: &str) -> Transaction {
        deserialize(&hex::decode(hex).unwrap()).unwrap()
    }

    fn bytes(hex: &str) -> [u8; 32] {
        hex::decode(hex).unwrap().try_into().unwrap()
    }

    fn output(script: &str, sat: u64) -> TxOut {
        let script_pubkey = ScriptBuf::from_hex(script).unwrap();
        TxOut { value: Amount::from_sat(sat), script_pubkey }
    }

    /// "Native P2WPKH" of BIP-143, the second input.
    #[test]
    fn signs_as_bip_143_does() {
        let tx = read(
            "0100000002fff7f7881a8099afa6940d42d1e7f6362bec38171ea3edf433541db4e4ad969f0000000000\
             eeffffffef51e1b804cc89d182d279655c3aa89e815b1b309fe287d9b2b55d57b90ec68a010000000\
             0ffffffff02202cb206000000001976a9148280b37df378db99f66f85c95a783a76ac7a6d5988ac90\
             93510d000000001976a9143bde42dbee7e4dbe6a21b2d50ce2f0167faa815988ac11000000",
        );
        let spent = output("00141d0f172a0ecb48aee1be1f2687d2963ae33f71a1", 600_000_000);
        let mut cache = SighashCache::new(&tx);
        let found = digest(&mut cache, 1, &spent, &Prevouts::All(&[])).unwrap();
        let expected = "c37af31116d1b27caf68aae9e3ac82f1477929014d5b917657d0eb49478cb670";
        assert_eq!(hex::encode(found), expected);
        let key = "619c335025c7f4012e556c2a58b2506e30b8511b53ade95ea316fd8c3286feb9";
        let key = SigningKey::from_bytes(&bytes(key)).unwrap();
        assert_eq!(
            key.sign_low_r(&Secp256k1::new(), found).to_string(),
            "304402203609e17b84f6a7d30c80bfa610b5b4542f32a8a0d5447a12fb1366d7f01cc44a0220573a954c\
             4518331561406f90300e8f3358f51928d43c212a8caed02de67eebee"
        );
    }

    /// `keyPathSpending` of BIP-341's `wallet-test-vectors.json`, the input with the kind of hash
    /// that is used here. Its key is tweaked with a script already.
    #[test]
    fn hashes_as_bip_341_does() {
        let tx = read(
            "02000000097de20cbff686da83a54981d2b9bab3586f4ca7e48f57f5b55963115f3b334e9c0100000000\
             00000000d7b7cab57b1393ace2d064f4d4a2cb8af6def61273e127517d44759b6dafdd990000000000\
             fffffffff8e1f583384333689228c5d28eac13366be082dc57441760d957275419a418420000000000\
             fffffffff0689180aa63b30cb162a73c6d2a38b7eeda2a83ece74310fda0843ad604853b0100000000\
             feffffffaa5202bdf6d8ccd2ee0f0202afbbb7461d9264a25e5bfd3c5a52ee1239e0ba6c0000000000\
             feffffff956149bdc66faa968eb2be2d2faa29718acbfe3941215893a2a3446d32acd0500000000000\
             00000000e664b9773b88c09c32cb70a2a3e4da0ced63b7ba3b22f848531bbb1d5d5f4c940100000000\
             00000000e9aa6b8e6c9de67619e6a3924ae25696bb7b694bb677a632a74ef7eadfd4eabf0000000000\
             ffffffffa778eb6a263dc090464cd125c466b5a99667720b1c110468831d058aa1b82af10100000000\
             ffffffff0200ca9a3b000000001976a91406afd46bcdfd22ef94ac122aa11f241244a37ecc88ac8078\
             40cb0000000020ac9a87f5594be208f8532db38cff670c450ed2fea8fcdefcc9a663f78bab962b0065\
             cd1d",
        );
        let spent = [
            ("512053a1f6e454df1aa2776a2814a721372d6258050de330b3c6d10ee8f4e0dda343", 420_000_000),
            ("5120147c9c57132f6e7ecddba9800bb0c4449251c92a1e60371ee77557b6620f3ea3", 462_000_000),
            ("76a914751e76e8199196d454941c45d1b3a323f1433bd688ac", 294_000_000),
            ("5120e4d810fd50586274face62b8a807eb9719cef49c04177cc6b76a9a4251d5450e", 504_000_000),
            ("512091b64d5324723a985170e4dc5a0f84c041804f2cd12660fa5dec09fc21783605", 630_000_000),
            ("00147dd65592d0ab2fe0d0257d571abf032cd9db93dc", 378_000_000),
            ("512075169f4001aa68f15bbed28b218df1d0a62cbbcf1188c6665110c293c907b831", 672_000_000),
            ("5120712447206d7a5238acc7ff53fbe94a3b64539ad291c7cdbc490b7577e4b17df5", 546_000_000),
            ("512077e30a5522dd9f894c3f8b8bd4c4b2cf82ca7da8a3ea6a239655c39c050ab220", 588_000_000),
        ];
        let spent = spent.map(|(script, sat)| output(script, sat));
        let mut cache = SighashCache::new(&tx);
        let found = digest(&mut cache, 4, &spent[4], &Prevouts::All(&spent)).unwrap();
        let expected = "4f900a0bae3f1446fd48490c2958b5a023228f01661cda3496a11da502a7f7ef";
        assert_eq!(hex::encode(found), expected);
    }
}
