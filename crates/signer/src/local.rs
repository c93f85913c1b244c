//! A signer in this process, with the keys of a keystore.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use alloy_primitives::{Signature as EcdsaSignature, keccak256};
use bitcoin::{
    TapSighashType, Witness,
    consensus::encode::serialize,
    ecdsa,
    hashes::{Hash, sha256},
    taproot,
};
use domain::{
    BoxFuture,
    catalog::Network,
    chore::Chore,
    ids::NetworkId,
    lane::Lane,
    money::Amount,
    ports::{Intent, SignError, Signature, Signer, UnsignedTx},
};

use crate::{
    AddressFormat, Keystore,
    derive::SigningKey,
    intent::{eip155, eip1559, eip7702, evm, psbt, sim1, tron},
};

/// What the operator forbids, whatever the intent says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// The most that one transaction may cost on a network, in smallest units of its fee asset.
    /// Networks that are not listed have no such limit.
    pub fee_max_limits: BTreeMap<NetworkId, Amount>,
    /// The wallets of each network: a lane may bring coins to these and to nobody else.
    pub lane_addresses: BTreeMap<NetworkId, BTreeSet<String>>,
    /// Whether transactions of simulated networks are signed. Only the sandbox does.
    pub simulated: bool,
}

/// Signs with the keys of a keystore. Keys are derived once and erased when this is dropped.
pub struct LocalSigner {
    keystore: Keystore,
    policy: Policy,
    keys: Mutex<BTreeMap<String, Arc<SigningKey>>>,
}

impl fmt::Debug for LocalSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalSigner").field("policy", &self.policy).finish_non_exhaustive()
    }
}

impl LocalSigner {
    /// Makes a signer.
    pub fn new(keystore: Keystore, policy: Policy) -> Self {
        Self { keystore, policy, keys: Mutex::default() }
    }

    fn sign_checked(
        &self,
        lane: &Lane,
        unsigned: &UnsignedTx,
        intent: &Intent,
    ) -> Result<Vec<u8>, String> {
        self.check_frame(lane, unsigned, intent)?;
        match unsigned.format {
            eip1559::FORMAT => {
                eip1559::verify(&unsigned.payload, lane, intent)?;
                self.sign_evm(lane, keccak256(&unsigned.payload).0)
            }
            eip155::FORMAT => {
                eip155::verify(&unsigned.payload, lane, intent)?;
                self.sign_evm(lane, keccak256(&unsigned.payload).0)
            }
            eip7702::FORMAT if intent.chore == Some(Chore::Prepare("delegate".to_owned())) => {
                self.sign_delegation(lane, unsigned, evm::chain_id(intent)?, intent.fee_max)
            }
            eip7702::FORMAT => Err("only a chore to delegate delegates".to_owned()),
            psbt::FORMAT => {
                let checked = psbt::verify(&unsigned.payload, lane, intent)?;
                self.sign_psbt(lane, &intent.network, &checked)
            }
            tron::FORMAT => {
                tron::verify(&unsigned.payload, lane, intent)?;
                self.sign_tron(lane, sha256::Hash::hash(&unsigned.payload).to_byte_array())
            }
            sim1::FORMAT if !self.policy.simulated => {
                Err("simulated networks are switched off in the signer's policy".to_owned())
            }
            sim1::FORMAT => {
                sim1::verify(&unsigned.payload, lane, intent)?;
                let digest = sha256::Hash::hash(&unsigned.payload).to_byte_array();
                let key = self.key(lane)?;
                let signature = key.sign(self.keystore.curve(), digest).to_standard();
                Ok(signature.serialize_compact().to_vec())
            }
            unknown => Err(format!("format {unknown:?} is none that this signer reads")),
        }
    }

    /// Checks what is the same in every format.
    fn check_frame(
        &self,
        lane: &Lane,
        unsigned: &UnsignedTx,
        intent: &Intent,
    ) -> Result<(), String> {
        let network = &intent.network.id;
        if lane.network != *network {
            return Err(format!("network: lane {} is not on {network}", lane.id));
        }
        self.check_purpose(lane, intent)?;
        if let Some(other) = intent.payments.iter().find(|it| it.asset.network != *network) {
            return Err(format!("asset: {} is not on {network}", other.asset.id));
        }
        if unsigned.sequence != intent.sequence {
            return Err("sequence differs from the intent's".to_owned());
        }
        if unsigned.spends != intent.spends {
            return Err("spends differs from the intent's".to_owned());
        }
        let of_coins = [psbt::FORMAT, sim1::FORMAT].contains(&unsigned.format);
        if !of_coins && !intent.spends.is_empty() {
            return Err("spends: this format spends no coins".to_owned());
        }
        if unsigned.fee_max > intent.fee_max {
            return Err("fee_max is above the intent's".to_owned());
        }
        self.check_fee_limit(network, intent.fee_max)
    }

    /// Signs the transaction with which the account of `lane` begins to run the code of the
    /// contract that pays many recipients: two signatures, of the authorization and of the
    /// transaction with it, 130 bytes.
    ///
    /// No payout asks for this, so there is no intent to compare with; [`eip7702::verify`] takes
    /// nothing but that one delegation.
    ///
    /// # Errors
    /// Says which field differs, or what policy forbids.
    pub fn sign_delegation(
        &self,
        lane: &Lane,
        unsigned: &UnsignedTx,
        chain_id: u64,
        fee_max: Amount,
    ) -> Result<Vec<u8>, String> {
        if unsigned.format != eip7702::FORMAT {
            return Err(format!("format {:?} delegates nothing", unsigned.format));
        }
        if unsigned.fee_max > fee_max {
            return Err("fee_max is above what was allowed".to_owned());
        }
        self.check_fee_limit(&lane.network, fee_max)?;
        let sequence = unsigned.sequence.ok_or("nonce: the transaction names no sequence")?;
        let checked = eip7702::verify(&unsigned.payload, lane, chain_id, fee_max, sequence)?;
        let first = self.sign_evm(lane, checked.authorization_hash())?;
        let of_authorization = EcdsaSignature::from_raw(&first).map_err(|it| it.to_string())?;
        let second = self.sign_evm(lane, checked.tx_hash(&of_authorization))?;
        Ok([first, second].concat())
    }

    fn check_fee_limit(&self, network: &NetworkId, fee_max: Amount) -> Result<(), String> {
        let limit = self.policy.fee_max_limits.get(network);
        if let Some(limit) = limit.filter(|limit| fee_max > **limit) {
            let (fee, limit) = (fee_max.units(), limit.units());
            return Err(format!("fee_max {fee} is above the signer's limit {limit} on {network}"));
        }
        Ok(())
    }

    /// Payments are for payouts, or bring coins to another lane; other chores pay nobody.
    fn check_purpose(&self, lane: &Lane, intent: &Intent) -> Result<(), String> {
        match (&intent.chore, intent.payments.as_slice()) {
            (None, []) => Err("payments: the intent has none".to_owned()),
            (None, _) | (Some(Chore::Fill { .. } | Chore::Prepare(_)), []) => Ok(()),
            (Some(Chore::TopUp(_)), [payment]) => {
                let own = self.policy.lane_addresses.get(&intent.network.id);
                let to = &payment.destination.address;
                let is_own = own.is_some_and(|it| it.contains(to)) && *to != lane.address;
                if is_own { Ok(()) } else { Err(format!("destination: {to} is no other lane's")) }
            }
            (Some(chore), payments) => {
                Err(format!("payments: {} in a chore to {}", payments.len(), chore.title()))
            }
        }
    }

    /// Signs a hash as EVM networks want it: `r || s || v`, where `v` is the parity of `y`.
    fn sign_evm(&self, lane: &Lane, digest: [u8; 32]) -> Result<Vec<u8>, String> {
        let (compact, parity) = self.sign_recoverable(lane, AddressFormat::Evm, digest)?;
        Ok([compact.as_slice(), &[parity]].concat())
    }

    /// Signs a hash as Tron's own tools do: `r || s || v`, where `v` is 27 and the parity of `y`.
    fn sign_tron(&self, lane: &Lane, digest: [u8; 32]) -> Result<Vec<u8>, String> {
        let (compact, parity) = self.sign_recoverable(lane, AddressFormat::Tron, digest)?;
        Ok([compact.as_slice(), &[27 + parity]].concat())
    }

    /// Signs a hash so that the key follows from the signature: `r || s`, and the parity of `y`.
    fn sign_recoverable(
        &self,
        lane: &Lane,
        format: AddressFormat,
        digest: [u8; 32],
    ) -> Result<([u8; 64], u8), String> {
        let (key, curve) = (self.checked_key(lane, format)?, self.keystore.curve());
        let (id, compact) = key.sign(curve, digest).serialize_compact();
        // Two and three stand for an `r` that was reduced, which these networks cannot express.
        let parity = u8::try_from(id.to_i32()).ok().filter(|it| *it < 2);
        let parity =
            parity.ok_or("the signature cannot be expressed: build another transaction")?;
        Ok((compact, parity))
    }

    /// Signs every input: the witnesses, consensus encoded, one after another.
    fn sign_psbt(
        &self,
        lane: &Lane,
        network: &Network,
        checked: &psbt::Checked,
    ) -> Result<Vec<u8>, String> {
        let no_key = |error| format!("key_path of {}: {error}", lane.id);
        let format = AddressFormat::of(network, &lane.key_path).map_err(no_key)?;
        let (key, curve) = (self.checked_key(lane, format)?, self.keystore.curve());
        let digests = checked.digests()?;
        let witnesses: Vec<Witness> = match format {
            AddressFormat::Evm | AddressFormat::Tron => {
                return Err(format!("{} signs no PSBT", network.id));
            }
            AddressFormat::P2wpkh(_) => {
                let public = key.public(curve);
                let sign = |digest: [u8; 32]| {
                    let signature = ecdsa::Signature::sighash_all(key.sign_low_r(curve, digest));
                    Witness::p2wpkh(&signature, &public)
                };
                digests.into_iter().map(sign).collect()
            }
            AddressFormat::P2tr(_) => {
                let sighash_type = TapSighashType::Default;
                let witness = |signature| {
                    Witness::p2tr_key_spend(&taproot::Signature { signature, sighash_type })
                };
                key.sign_taproot(curve, &digests).into_iter().map(witness).collect()
            }
        };
        Ok(witnesses.iter().flat_map(serialize).collect())
    }

    /// The key of a lane, which must have the lane's address.
    fn checked_key(&self, lane: &Lane, format: AddressFormat) -> Result<Arc<SigningKey>, String> {
        let key = self.key(lane)?;
        let address = key.address(self.keystore.curve(), format);
        if address != lane.address {
            let Lane { id, address: wanted, key_path, .. } = lane;
            return Err(format!("address of {id} is {wanted}, but {key_path} is {address}"));
        }
        Ok(key)
    }

    fn key(&self, lane: &Lane) -> Result<Arc<SigningKey>, String> {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = keys.get(&lane.key_path) {
            return Ok(Arc::clone(key));
        }
        let key = self.keystore.key(&lane.key_path);
        let key = Arc::new(key.map_err(|error| format!("key_path of {}: {error}", lane.id))?);
        keys.insert(lane.key_path.clone(), Arc::clone(&key));
        Ok(key)
    }
}

impl Signer for LocalSigner {
    fn sign<'a>(
        &'a self,
        lane: &'a Lane,
        unsigned: &'a UnsignedTx,
        intent: &'a Intent,
    ) -> BoxFuture<'a, Result<Signature, SignError>> {
        Box::pin(async move {
            let signed = self.sign_checked(lane, unsigned, intent);
            signed.map(Signature).map_err(SignError::Refused)
        })
    }
}
