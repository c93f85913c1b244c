//! The network of a desk: what it holds, and what others do to it.

use std::collections::BTreeMap;

use bitcoin::{
    Amount, OutPoint, ScriptBuf, TapSighashType, Transaction, TxOut, Txid, Witness,
    bip32::{DerivationPath, Xpriv},
    consensus::encode::serialize_hex,
    hashes::{Hash as _, sha256},
    key::{Keypair, TapTweak as _},
    opcodes::all::OP_RETURN,
    script::Builder,
    secp256k1::{Message, Secp256k1, SecretKey},
    sighash::{EcdsaSighashType, Prevouts, SighashCache},
};
use domain::catalog::Network;
use hex::FromHex as _;
use rail_bitcoin::{
    drafting::{Coin, transaction},
    lock::LaneKind,
};
use serde_json::{Value, json};

use super::{Desk, nobody};
use crate::{
    accepted,
    regtest::{Regtest, sat},
};

/// The seed of the test mnemonic (BIP-39, no passphrase).
const SEED: &str = "5eb00bbddcf069084889a8ab9155568165f5c453ccb85e70811aaed6f6da5fc1\
                    9a5ac40b389cd370d086206dec8aa6c43daea6690f20ad3d8d48b2d2ce9e38e4";

/// The address of a script on a network.
pub(crate) fn address_of(network: &Network, script: &ScriptBuf) -> String {
    accepted::address(network, script)
}

/// A script of somebody whom nobody else is, of another kind for each number.
pub(crate) fn kinds(name: &str, number: u64) -> ScriptBuf {
    let hash = sha256::Hash::hash(format!("{name} {number}").as_bytes()).to_byte_array();
    let script = |parts: [&[u8]; 3]| ScriptBuf::from(parts.concat());
    match number % 5 {
        0 => script([&[0x00, 0x14], &hash[..20], &[]]),
        1 => script([&[0x76, 0xa9, 0x14], &hash[..20], &[0x88, 0xac]]),
        2 => script([&[0xa9, 0x14], &hash[..20], &[0x87]]),
        3 => script([&[0x00, 0x20], &hash, &[]]),
        _ => {
            let curve = Secp256k1::new();
            let key = Keypair::from_secret_key(&curve, &SecretKey::from_slice(&hash).unwrap());
            script([&[0x51, 0x20], &key.x_only_public_key().0.serialize(), &[]])
        }
    }
}

/// A script that anybody can spend, and what is shown to spend it.
pub(crate) fn anybody() -> (ScriptBuf, ScriptBuf) {
    let inner = nobody();
    let hash = sha256::Hash::hash(inner.as_bytes()).to_byte_array();
    (ScriptBuf::from([&[0x00, 0x20][..], &hash].concat()), inner)
}

impl Regtest {
    /// Makes a block of these transactions alone, in hexadecimal digits or by name; gives its hash.
    #[track_caller]
    pub(crate) fn block_of(&self, txs: &[String]) -> String {
        let made = self.ask("generateblock", &json!([self.descriptor(&nobody()), txs]));
        made["hash"].as_str().unwrap().to_owned()
    }

    fn descriptor(&self, script: &ScriptBuf) -> String {
        let raw = format!("raw({})", script.to_hex_string());
        let told = self.ask("getdescriptorinfo", &json!([raw]));
        told["descriptor"].as_str().unwrap().to_owned()
    }

    /// The names of what waits for a block.
    pub(crate) fn waiting(&self) -> Vec<String> {
        let told = self.ask("getrawmempool", &json!([]));
        told.as_array().unwrap().iter().map(|it| it.as_str().unwrap().to_owned()).collect()
    }

    pub(crate) fn height(&self) -> u64 {
        self.ask("getblockcount", &json!([])).as_u64().unwrap()
    }

    pub(crate) fn hash(&self, height: u64) -> String {
        self.ask("getblockhash", &json!([height])).as_str().unwrap().to_owned()
    }

    /// Undoes the newest blocks, so many; gives the hash of the lowest.
    pub(crate) fn undo(&self, blocks: u64) -> String {
        let hash = self.hash(self.height() + 1 - blocks);
        self.ask("invalidateblock", &json!([hash]));
        hash
    }

    /// Tells the node of all blocks of another one.
    pub(crate) fn learn(&self, other: &Self) {
        for height in 1..=other.height() {
            let block = other.ask("getblock", &json!([other.hash(height), 0]));
            self.ask("submitblock", &json!([block]));
        }
    }

    /// What a transaction that waits pays, in satoshi.
    pub(crate) fn fee_of(&self, txid: &str) -> u64 {
        let entry = self.ask("getmempoolentry", &json!([txid]));
        let fee =
            if entry["fees"]["base"].is_null() { &entry["fee"] } else { &entry["fees"]["base"] };
        sat(fee)
    }
}

impl Desk {
    /// Somebody brings the lane coins of these values in one transaction, which is in the newest
    /// block then.
    pub(crate) fn bring(&self, coins_sat: &[u64]) {
        let tx = self.gift(coins_sat);
        self.node.block_of(&[serialize_hex(&tx)]);
    }

    /// A transaction of somebody else that brings the lane coins of these values. What is left over
    /// is lost, so that nobody but the lane has any of it.
    pub(crate) fn gift(&self, coins_sat: &[u64]) -> Transaction {
        let sum: u64 = coins_sat.iter().sum();
        let mut inputs = vec![];
        let mut given = 0;
        while given <= sum {
            let made = self.node.mine(&nobody(), 1);
            given += made[0].0.value_sat;
            inputs.push(made[0].0.outpoint);
        }
        self.node.mine(&nobody(), 100);
        let outputs = coins_sat.iter().map(|it| (self.wallet.script.clone(), *it));
        let lost = Builder::new().push_opcode(OP_RETURN).into_script();
        transaction(inputs, outputs.chain([(lost, given - sum)]))
    }

    /// The lane's coins in blocks, whoever spends them.
    pub(crate) fn coins(&self) -> Vec<Coin> {
        let told = self.scan(&[&self.wallet.script.to_hex_string()]);
        let coin = |it: &Value| {
            let txid: Txid = it["txid"].as_str().unwrap().parse().unwrap();
            let vout = u32::try_from(it["vout"].as_u64().unwrap()).unwrap();
            Coin { outpoint: OutPoint { txid, vout }, value_sat: sat(&it["amount"]) }
        };
        told.iter().map(coin).collect()
    }

    /// What scripts hold in blocks, in satoshi.
    pub(crate) fn held_by(&self, scripts: &[&str]) -> BTreeMap<String, u64> {
        let mut held = BTreeMap::new();
        for coin in self.scan(scripts) {
            let script = coin["scriptPubKey"].as_str().unwrap().to_owned();
            *held.entry(script).or_default() += sat(&coin["amount"]);
        }
        held
    }

    fn scan(&self, scripts: &[&str]) -> Vec<Value> {
        let wanted: Vec<String> = scripts.iter().map(|it| format!("raw({it})")).collect();
        let told = self.node.ask("scantxoutset", &json!(["start", wanted]));
        told["unspents"].as_array().unwrap().clone()
    }

    /// A transaction of somebody who has the lane's key, too, with this fee: it spends these coins
    /// and brings what they are worth elsewhere.
    pub(crate) fn steal(&self, coins: &[Coin], fee_sat: u64) -> Transaction {
        let all: u64 = coins.iter().map(|it| it.value_sat).sum();
        let away = kinds("thief", 0);
        let inputs = coins.iter().map(|it| it.outpoint);
        let tx = transaction(inputs, [(away, all - fee_sat)]);
        self.sign_with_the_key(tx, coins)
    }

    /// Signs without our signer.
    fn sign_with_the_key(&self, mut tx: Transaction, coins: &[Coin]) -> Transaction {
        let curve = Secp256k1::new();
        let seed = Vec::from_hex(SEED).unwrap();
        let root = Xpriv::new_master(bitcoin::Network::Bitcoin, &seed).unwrap();
        let path: DerivationPath = self.wallet.lane.key_path.parse().unwrap();
        let key = root.derive_priv(&curve, &path).unwrap().private_key;
        let spent: Vec<TxOut> = tx
            .input
            .iter()
            .map(|input| {
                let coin = coins.iter().find(|it| it.outpoint == input.previous_output).unwrap();
                let value = Amount::from_sat(coin.value_sat);
                TxOut { value, script_pubkey: self.wallet.script.clone() }
            })
            .collect();
        let mut witnesses = vec![];
        let mut cache = SighashCache::new(&tx);
        for (at, output) in spent.iter().enumerate() {
            witnesses.push(match self.stage.kind {
                LaneKind::P2wpkh => {
                    let (all, script) = (EcdsaSighashType::All, &output.script_pubkey);
                    let digest = cache.p2wpkh_signature_hash(at, script, output.value, all);
                    let message = Message::from_digest(digest.unwrap().to_byte_array());
                    let signature = curve.sign_ecdsa(&message, &key);
                    let signature = bitcoin::ecdsa::Signature::sighash_all(signature);
                    Witness::p2wpkh(&signature, &key.public_key(&curve))
                }
                LaneKind::P2tr => {
                    let all = Prevouts::All(&spent);
                    let kind = TapSighashType::Default;
                    let digest = cache.taproot_key_spend_signature_hash(at, &all, kind).unwrap();
                    let message = Message::from_digest(digest.to_byte_array());
                    let pair = Keypair::from_secret_key(&curve, &key).tap_tweak(&curve, None);
                    let signature = curve.sign_schnorr_no_aux_rand(&message, &pair.to_keypair());
                    Witness::from_slice(&[signature.serialize()])
                }
            });
        }
        for (input, witness) in tx.input.iter_mut().zip(witnesses) {
            input.witness = witness;
        }
        tx
    }
}
