//! What the signer gets, what becomes of its answer, and what a stored transaction says.
//!
//! The format is `psbt`: a PSBT of version 0 (BIP-174) with the unsigned transaction, for each input
//! the output that it spends (`witness_utxo`), and for inputs of a witness public key hash also the
//! transaction that made that output, without its witnesses (`non_witness_utxo`). The signer answers
//! with the inputs' witnesses, consensus encoded, one after another.

use std::{collections::BTreeMap, sync::LazyLock};

use bitcoin::{
    Amount, CompressedPublicKey, EcdsaSighashType, OutPoint, Psbt, Script, TapSighashType,
    Transaction, TxOut, Txid, Witness, XOnlyPublicKey,
    consensus::{Decodable, encode},
    ecdsa,
    hashes::Hash,
    secp256k1::{Message, Secp256k1, VerifyOnly, schnorr},
    sighash::{Prevouts, SighashCache},
};
use domain::{
    batch::SignedTx,
    ids::TxId,
    ports::{Signature, UnsignedTx},
};

use crate::{drafting::Draft, fees::Paid, lock::LaneKind};

/// The name of the encoding that the signer gets.
pub const FORMAT: &str = "psbt";

/// The longest payload that the signer takes, in bytes.
pub const PAYLOAD_BYTES_MAX: usize = 16 << 20;

/// The most that an ECDSA signature may have with the byte that says what it signs; see
/// [`LaneKind::input`].
const ECDSA_BYTES_MAX: usize = 71;

/// More than the witness of any input takes.
const WITNESS_BYTES_MAX: usize = 128;

static CURVE: LazyLock<Secp256k1<VerifyOnly>> = LazyLock::new(Secp256k1::verification_only);

/// Encodes a draft for the signer. `lane` is the script of what it spends. `previous` holds the
/// transactions that made the spent outputs of a witness public key hash, which are compared with
/// the draft; taproot needs none.
///
/// # Errors
/// If one of them is not there or does not say what the draft does: nobody may sign that.
pub fn unsigned(
    draft: &Draft,
    lane: &Script,
    previous: &BTreeMap<Txid, Transaction>,
) -> Result<Vec<u8>, String> {
    let kind = LaneKind::of(lane).ok_or("the script is none that a lane has")?;
    let mut psbt = Psbt::from_unsigned_tx(draft.tx.clone()).map_err(|error| error.to_string())?;
    if draft.spent.len() != draft.tx.input.len() {
        return Err("the draft does not say what each of its inputs spends".to_owned());
    }
    for (fields, coin) in psbt.inputs.iter_mut().zip(&draft.spent) {
        let value = Amount::from_sat(coin.value_sat);
        let spent = TxOut { value, script_pubkey: lane.to_owned() };
        match kind {
            LaneKind::P2wpkh => {
                let OutPoint { txid, .. } = coin.outpoint;
                let whole = previous.get(&txid);
                let whole = whole.ok_or_else(|| format!("transaction {txid} is not there"))?;
                check_origin(coin.outpoint, &spent, whole)?;
                fields.non_witness_utxo = Some(without_witnesses(whole));
            }
            LaneKind::P2tr => {}
        }
        fields.witness_utxo = Some(spent);
    }
    Ok(psbt.serialize())
}

fn check_origin(outpoint: OutPoint, spent: &TxOut, whole: &Transaction) -> Result<(), String> {
    let found = whole.compute_txid();
    if found != outpoint.txid {
        return Err(format!("transaction {found} was given for {}", outpoint.txid));
    }
    let output = usize::try_from(outpoint.vout).ok().and_then(|vout| whole.output.get(vout));
    if output != Some(spent) {
        return Err(format!("{outpoint} is not what it was said to be"));
    }
    Ok(())
}

/// The identifier of a transaction covers no witnesses, so the signer needs none.
fn without_witnesses(whole: &Transaction) -> Transaction {
    let mut bare = whole.clone();
    for input in &mut bare.input {
        input.witness = Witness::new();
    }
    bare
}

/// Joins a transaction with the signer's answer, after verifying every signature.
///
/// # Errors
/// Says what does not fit.
pub fn finalize(unsigned: &UnsignedTx, signature: &Signature) -> Result<SignedTx, String> {
    if unsigned.format != FORMAT {
        return Err(format!("the format {} is none of this rail's", unsigned.format));
    }
    let psbt = Psbt::deserialize(&unsigned.payload)
        .map_err(|error| format!("the payload is no PSBT: {error}"))?;
    let spent = psbt.inputs.into_iter().map(|it| it.witness_utxo).collect::<Option<Vec<TxOut>>>();
    let spent = spent.ok_or("an input does not say what it spends")?;
    let mut tx = psbt.unsigned_tx;
    let witnesses = witnesses(&signature.0, spent.len())?;
    verify_all(&tx, &spent, &witnesses)?;
    for (input, witness) in tx.input.iter_mut().zip(witnesses) {
        input.witness = witness;
    }
    let txid = TxId::new(&tx.compute_txid().to_string());
    Ok(SignedTx { txid, raw: encode::serialize(&tx) })
}

/// Reads the witnesses of so many inputs, and nothing else.
fn witnesses(bytes: &[u8], count: usize) -> Result<Vec<Witness>, String> {
    if bytes.len() > count.saturating_mul(WITNESS_BYTES_MAX) {
        return Err("the signature is longer than any of this transaction".to_owned());
    }
    let mut rest = bytes;
    let mut found = Vec::with_capacity(count);
    for at in 0..count {
        // One that claims to have many elements would be given room for them before they are read.
        if rest.first().is_none_or(|elements| *elements > 2) {
            return Err(format!("input {at} has no witness of one or two elements"));
        }
        let witness = Witness::consensus_decode(&mut rest)
            .map_err(|error| format!("the witness of input {at} is malformed: {error}"))?;
        found.push(witness);
    }
    if !rest.is_empty() {
        return Err("bytes are left over behind the last witness".to_owned());
    }
    Ok(found)
}

fn verify_all(tx: &Transaction, spent: &[TxOut], witnesses: &[Witness]) -> Result<(), String> {
    let mut cache = SighashCache::new(tx);
    let all = Prevouts::All(spent);
    for (at, (output, witness)) in spent.iter().zip(witnesses).enumerate() {
        let named = |error: String| format!("input {at}: {error}");
        let script = output.script_pubkey.as_script();
        match LaneKind::of(script) {
            Some(LaneKind::P2wpkh) => {
                let (kind, value) = (EcdsaSighashType::All, output.value);
                let digest = cache.p2wpkh_signature_hash(at, script, value, kind);
                let digest = digest.map_err(|error| named(error.to_string()))?;
                verify_ecdsa(script, witness, digest.to_byte_array()).map_err(named)?;
            }
            Some(LaneKind::P2tr) => {
                let kind = TapSighashType::Default;
                let digest = cache.taproot_key_spend_signature_hash(at, &all, kind);
                let digest = digest.map_err(|error| named(error.to_string()))?;
                verify_schnorr(script, witness, digest.to_byte_array()).map_err(named)?;
            }
            None => return Err(named("it spends no output of a lane".to_owned())),
        }
    }
    Ok(())
}

fn verify_ecdsa(script: &Script, witness: &Witness, digest: [u8; 32]) -> Result<(), String> {
    let elements: Vec<&[u8]> = witness.iter().collect();
    let [signature, key] = elements.as_slice() else {
        return Err("the witness is no signature and key".to_owned());
    };
    let key = CompressedPublicKey::from_slice(key).map_err(|error| error.to_string())?;
    if script.as_bytes().get(2..) != Some(key.wpubkey_hash().as_ref()) {
        return Err("the key is not the lane's".to_owned());
    }
    let parsed = ecdsa::Signature::from_slice(signature).map_err(|error| error.to_string())?;
    if parsed.sighash_type != EcdsaSighashType::All || *parsed.serialize() != **signature {
        return Err("the signature is not in its one encoding, or does not sign all".to_owned());
    }
    if signature.len() > ECDSA_BYTES_MAX {
        return Err("the signature is longer than its fee was paid for".to_owned());
    }
    // Refuses a high `s` as well (BIP-62, rule 5).
    let verified = CURVE.verify_ecdsa(&Message::from_digest(digest), &parsed.signature, &key.0);
    verified.map_err(|_| "the signature is not one of this transaction".to_owned())
}

fn verify_schnorr(script: &Script, witness: &Witness, digest: [u8; 32]) -> Result<(), String> {
    let elements: Vec<&[u8]> = witness.iter().collect();
    let [signature] = elements.as_slice() else {
        return Err("the witness is no signature alone".to_owned());
    };
    let key = script.as_bytes().get(2..).map(XOnlyPublicKey::from_slice);
    let Some(Ok(key)) = key else {
        return Err("the script holds no key of the curve".to_owned());
    };
    let parsed = schnorr::Signature::from_slice(signature).map_err(|error| error.to_string())?;
    let verified = CURVE.verify_schnorr(&parsed, &Message::from_digest(digest), &key);
    verified.map_err(|_| "the signature is not one of this transaction".to_owned())
}

/// A transaction that was signed, read back from its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// What it says.
    pub tx: Transaction,
    /// What the network calls it.
    pub txid: Txid,
}

impl Sent {
    /// Reads the bytes of [`SignedTx::raw`].
    ///
    /// # Errors
    /// If they are no transaction with inputs.
    pub fn read(raw: &[u8]) -> Result<Self, String> {
        let tx: Transaction = encode::deserialize(raw)
            .map_err(|error| format!("the bytes are no transaction: {error}"))?;
        if tx.input.is_empty() {
            return Err("the transaction spends nothing".to_owned());
        }
        Ok(Self { txid: tx.compute_txid(), tx })
    }

    /// Which outputs it spends, in the order of its inputs.
    pub fn spends(&self) -> impl Iterator<Item = OutPoint> {
        self.tx.input.iter().map(|it| it.previous_output)
    }

    /// Its outputs to a script, which may be spent once it is in a block.
    pub fn outputs_to(&self, script: &Script) -> impl Iterator<Item = (OutPoint, u64)> {
        let outputs = (0_u32..).zip(&self.tx.output);
        let ours = outputs.filter(move |(_, it)| it.script_pubkey.as_script() == script);
        ours.map(|(vout, it)| (OutPoint { txid: self.txid, vout }, it.value.to_sat()))
    }

    /// What it pays for its size, given what its inputs are worth together, in satoshi; nothing if
    /// that does not make up for its outputs.
    pub fn paid(&self, inputs_sat: u64) -> Option<Paid> {
        let values = self.tx.output.iter().map(|it| it.value.to_sat());
        let outputs_sat = values.fold(0, u64::saturating_add);
        let fee_sat = inputs_sat.checked_sub(outputs_sat)?;
        Some(Paid { fee_sat, vsize: self.tx.vsize() as u64 })
    }
}
