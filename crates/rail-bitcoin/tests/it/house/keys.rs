//! Keys of everybody in a test, and transactions signed with them.

use bitcoin::{
    Amount, OutPoint, PubkeyHash, ScriptBuf, Sequence, TapSighashType, Transaction, TxIn, TxOut,
    WPubkeyHash, Witness, XOnlyPublicKey,
    absolute::LockTime,
    hashes::{Hash as _, sha256},
    key::{Keypair, TapTweak as _},
    secp256k1::{Message, Secp256k1, SecretKey},
    sighash::{EcdsaSighashType, Prevouts, SighashCache},
    transaction::Version,
};

/// Somebody's key.
#[derive(Clone)]
pub(crate) struct Key {
    secret: SecretKey,
    is_taproot: bool,
}

/// An output to be spent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Input {
    pub(crate) outpoint: OutPoint,
    pub(crate) value_sat: u64,
    /// The height of its block.
    pub(crate) height: u32,
}

impl Input {
    /// The output of a transaction that pays a script, whatever block it is in.
    pub(crate) fn of(tx: &Transaction, script: &ScriptBuf) -> Self {
        let vout = tx.output.iter().position(|it| it.script_pubkey == *script).unwrap();
        let value_sat = tx.output[vout].value.to_sat();
        let outpoint = OutPoint { txid: tx.compute_txid(), vout: vout.try_into().unwrap() };
        Self { outpoint, value_sat, height: 0 }
    }
}

impl Key {
    /// Somebody whose coins are spent by the hash of a key.
    pub(crate) fn p2wpkh(name: &str) -> Self {
        Self { secret: secret(name), is_taproot: false }
    }

    /// Somebody whose coins are spent by a key path.
    pub(crate) fn p2tr(name: &str) -> Self {
        Self { secret: secret(name), is_taproot: true }
    }

    fn pair(&self) -> Keypair {
        Keypair::from_secret_key(&Secp256k1::new(), &self.secret)
    }

    pub(crate) fn script(&self) -> ScriptBuf {
        if self.is_taproot {
            let (key, _): (XOnlyPublicKey, _) = self.pair().x_only_public_key();
            return ScriptBuf::new_p2tr(&Secp256k1::new(), key, None);
        }
        ScriptBuf::new_p2wpkh(&self.hash())
    }

    fn hash(&self) -> WPubkeyHash {
        let key = bitcoin::PublicKey::new(self.pair().public_key());
        let hash: PubkeyHash = key.pubkey_hash();
        WPubkeyHash::from_raw_hash(hash.to_raw_hash())
    }

    /// A transaction of this one's coins. What is not paid is its fee.
    pub(crate) fn pay(&self, inputs: &[Input], outputs: &[(ScriptBuf, u64)]) -> Transaction {
        let input = |it: &Input| TxIn {
            previous_output: it.outpoint,
            sequence: Sequence::ENABLE_RBF_NO_LOCKTIME,
            ..TxIn::default()
        };
        let output = |(script, sat): &(ScriptBuf, u64)| TxOut {
            value: Amount::from_sat(*sat),
            script_pubkey: script.clone(),
        };
        let mut tx = Transaction {
            version: Version::TWO,
            lock_time: LockTime::ZERO,
            input: inputs.iter().map(input).collect(),
            output: outputs.iter().map(output).collect(),
        };
        let spent = |it: &Input| TxOut {
            value: Amount::from_sat(it.value_sat),
            script_pubkey: self.script(),
        };
        let spent: Vec<TxOut> = inputs.iter().map(spent).collect();
        for index in 0..inputs.len() {
            tx.input[index].witness = self.witness(&tx, index, &spent);
        }
        tx
    }

    fn witness(&self, tx: &Transaction, index: usize, spent: &[TxOut]) -> Witness {
        let secp = Secp256k1::new();
        let mut cache = SighashCache::new(tx);
        if self.is_taproot {
            let spent = Prevouts::All(spent);
            let kind = TapSighashType::Default;
            let hash = cache.taproot_key_spend_signature_hash(index, &spent, kind).unwrap();
            let pair = self.pair().tap_tweak(&secp, None).to_keypair();
            let message = Message::from_digest(hash.to_byte_array());
            let signature = secp.sign_schnorr_no_aux_rand(&message, &pair);
            let signature = bitcoin::taproot::Signature { signature, sighash_type: kind };
            return Witness::p2tr_key_spend(&signature);
        }
        let (script, kind) = (self.script(), EcdsaSighashType::All);
        let value = spent[index].value;
        let hash = cache.p2wpkh_signature_hash(index, &script, value, kind).unwrap();
        let message = Message::from_digest(hash.to_byte_array());
        let signature = secp.sign_ecdsa(&message, &self.secret);
        let signature = bitcoin::ecdsa::Signature { signature, sighash_type: kind };
        Witness::p2wpkh(&signature, &self.pair().public_key())
    }
}

fn secret(name: &str) -> SecretKey {
    SecretKey::from_slice(&sha256::Hash::hash(name.as_bytes()).to_byte_array()).unwrap()
}
