//! The catalog, a lane with its signer, and what is asked of it.

use std::{pin::pin, sync::LazyLock, task};

use bitcoin::ScriptBuf;
use domain::{
    catalog::{Catalog, Destination, Network},
    ids::CoinId,
    lane::Lane,
    money::Amount,
    ports::{Intent, SignError, Signature, Signer, UnsignedTx},
};
use rail_bitcoin::{drafting, lock, psbt};
use signer::{AddressFormat, Keystore, LocalSigner, Policy, default_path};

const MNEMONIC: &str = "abandon abandon abandon abandon abandon abandon abandon abandon abandon \
                        abandon abandon about";

pub(crate) fn catalog() -> Catalog {
    catalog::read(&[rail_bitcoin::CATALOG]).expect("the rows are well-formed")
}

pub(crate) fn keystore() -> Keystore {
    Keystore::in_memory(MNEMONIC, [1; 32]).unwrap()
}

/// Stretching the mnemonic is slow, so it is done once.
static KEYS: LazyLock<Keystore> = LazyLock::new(keystore);

/// A lane and who signs for it.
pub(crate) struct Wallet {
    pub(crate) network: Network,
    pub(crate) lane: Lane,
    pub(crate) script: ScriptBuf,
    pub(crate) asset: domain::catalog::Asset,
}

impl Wallet {
    pub(crate) fn new(catalog: &Catalog, lane: Lane) -> Self {
        let network = catalog.network(lane.network.as_str()).unwrap().clone();
        let script = lock::script(&network, &lane.address).unwrap();
        let asset = catalog.asset(network.fee_asset.as_str()).unwrap().clone();
        Self { network, lane, script, asset }
    }

    /// The first lane of a kind on Bitcoin.
    pub(crate) fn bitcoin(kind: lock::LaneKind) -> Self {
        Self::first("bitcoin", kind)
    }

    /// The first lane of a kind on a network.
    pub(crate) fn first(network: &str, kind: lock::LaneKind) -> Self {
        let catalog = catalog();
        let path = match kind {
            lock::LaneKind::P2wpkh => "m/84'/0'/0'/0/0",
            lock::LaneKind::P2tr => "m/86'/0'/0'/0/0",
        };
        let format = AddressFormat::of(catalog.network(network).unwrap(), path).unwrap();
        let key_path = default_path(format, 0);
        let address = KEYS.address(&key_path, format).unwrap();
        let lane = Lane {
            id: domain::ids::LaneId::new(&format!("{network}/hot")),
            network: domain::ids::NetworkId::new(network),
            address,
            key_path,
            next_sequence: 0,
            version: 1,
        };
        Self::new(&catalog, lane)
    }

    pub(crate) fn payment(&self, address: &str, amount_sat: u64) -> drafting::Payment {
        let script = lock::script(&self.network, address).unwrap();
        drafting::Payment { script, amount_sat }
    }

    pub(crate) fn intent<'a>(
        &self,
        payments: impl Iterator<Item = (&'a str, u64)>,
        fee_max_sat: u64,
    ) -> Intent {
        let payment = |(address, sat): (&str, u64)| domain::ports::Payment {
            asset: self.asset.clone(),
            destination: Destination { address: address.to_owned(), memo: None },
            amount: amount(sat),
        };
        Intent {
            network: self.network.clone(),
            payments: payments.map(payment).collect(),
            chore: None,
            fee_max: amount(fee_max_sat),
            sequence: None,
            spends: vec![],
        }
    }

    pub(crate) fn sign(&self, unsigned: &UnsignedTx, intent: &Intent) -> Result<Signature, String> {
        static SIGNER: LazyLock<LocalSigner> =
            LazyLock::new(|| LocalSigner::new(keystore(), Policy::default()));
        let intent = Intent { spends: unsigned.spends.clone(), ..intent.clone() };
        let mut future = pin!(SIGNER.sign(&self.lane, unsigned, &intent));
        let context = &mut task::Context::from_waker(task::Waker::noop());
        match future.as_mut().poll(context) {
            task::Poll::Ready(Ok(signature)) => Ok(signature),
            task::Poll::Ready(Err(SignError::Refused(why))) => Err(why),
            task::Poll::Ready(Err(SignError::Unreachable)) => panic!("there is nobody to reach"),
            task::Poll::Pending => panic!("there is nothing to wait for"),
        }
    }
}

fn amount(sat: u64) -> Amount {
    Amount::from_units(u128::from(sat)).unwrap()
}

pub(crate) fn unsigned(payload: Vec<u8>, fee_sat: u64) -> UnsignedTx {
    let decoded = bitcoin::Psbt::deserialize(&payload);
    let inputs = decoded.map(|it| it.unsigned_tx.input).unwrap_or_default();
    let coin = |it: &bitcoin::TxIn| CoinId::new(&it.previous_output.to_string());
    UnsignedTx {
        format: psbt::FORMAT,
        payload,
        sequence: None,
        sequences_used: 0,
        spends: inputs.iter().map(coin).collect(),
        fee_max: amount(fee_sat),
    }
}
