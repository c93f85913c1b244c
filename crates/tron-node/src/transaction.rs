//! Transactions that were handed over.

use prost::Message as _;
use sha2::{Digest as _, Sha256};

use crate::{
    Address,
    wire::{self, Create, Raw, Transfer, Trigger},
};

/// What a transaction does.
#[derive(Clone, Debug)]
pub(crate) enum Deed {
    Transfer(Transfer),
    Trigger(Trigger),
    Create(Create),
    /// One of the kinds that are not modelled, by its number.
    Other(i32),
    /// The parameter is not what the kind says.
    Mismatch(String),
    /// There is none, or more than one.
    Count(usize),
}

/// A transaction.
#[derive(Clone, Debug)]
pub(crate) struct Transaction {
    pub(crate) raw: Raw,
    pub(crate) signatures: Vec<Vec<u8>>,
    /// The hash of the raw data.
    pub(crate) id: [u8; 32],
    pub(crate) deed: Deed,
    /// Bytes, without results.
    pub(crate) size: usize,
}

impl Transaction {
    /// Reads the protobuf. Results are left out, as a node does that is given one. What counts,
    /// also for the id, is how the node would write it: who writes fields twice, in another order
    /// or with default values has signed something else.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, String> {
        let read = wire::Transaction::decode(bytes).map_err(|error| error.to_string())?;
        Ok(Self::new(read.raw_data.unwrap_or_default(), read.signature))
    }

    pub(crate) fn new(raw: Raw, signatures: Vec<Vec<u8>>) -> Self {
        let id = Sha256::digest(raw.encode_to_vec()).into();
        let deed = Deed::of(&raw);
        let mut it = Self { raw, signatures, id, deed, size: 0 };
        it.size = it.encode().len();
        it
    }

    /// All of it, without results.
    pub(crate) fn encode(&self) -> Vec<u8> {
        self.with_results(vec![]).encode_to_vec()
    }

    pub(crate) fn with_results(&self, ret: Vec<wire::Ret>) -> wire::Transaction {
        let (raw_data, signature) = (Some(self.raw.clone()), self.signatures.clone());
        wire::Transaction { raw_data, signature, ret }
    }

    /// The owner's bytes, whatever they are.
    pub(crate) fn owner_bytes(&self) -> &[u8] {
        match &self.deed {
            Deed::Transfer(it) => &it.owner_address,
            Deed::Trigger(it) => &it.owner_address,
            Deed::Create(it) => &it.owner_address,
            Deed::Other(_) | Deed::Mismatch(_) | Deed::Count(_) => &[],
        }
    }

    pub(crate) fn owner(&self) -> Option<Address> {
        Address::from_bytes(self.owner_bytes())
    }

    pub(crate) fn id_hex(&self) -> String {
        hex::encode(self.id)
    }

    /// The address of the contract that it deploys.
    pub(crate) fn new_contract(&self) -> Address {
        let hash = alloy_primitives::keccak256([&self.id[..], self.owner_bytes()].concat());
        let mut tail = [0; 20];
        tail.copy_from_slice(&hash[12..]);
        Address::from_tail(tail)
    }
}

impl Deed {
    fn of(raw: &Raw) -> Self {
        let [contract] = &raw.contract[..] else { return Self::Count(raw.contract.len()) };
        let any = contract.parameter.clone().unwrap_or_default();
        let name = any.type_url.rsplit('/').next().unwrap_or_default();
        let value = &any.value[..];
        let read = match (contract.kind, name) {
            (wire::TRANSFER, "protocol.TransferContract") => {
                Transfer::decode(value).map(Self::Transfer)
            }
            (wire::TRIGGER, "protocol.TriggerSmartContract") => {
                Trigger::decode(value).map(Self::Trigger)
            }
            (wire::CREATE, "protocol.CreateSmartContract") => {
                Create::decode(value).map(Self::Create)
            }
            (wire::TRANSFER | wire::TRIGGER | wire::CREATE, _) => {
                return Self::Mismatch(any.type_url);
            }
            (other, _) => return Self::Other(other),
        };
        read.unwrap_or_else(|error| Self::Mismatch(error.to_string()))
    }
}
