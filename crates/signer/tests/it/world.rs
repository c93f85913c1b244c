//! A network, its assets, a lane and a signer to try things with.

use std::{collections::BTreeMap, pin::pin, sync::LazyLock, task};

use domain::{
    catalog::{Asset, Destination, Network},
    ids::{AssetId, LaneId, NetworkId},
    lane::Lane,
    money::Amount,
    ports::{Intent, Payment, SignError, Signer, UnsignedTx},
};
use proptest::{prelude::*, sample::Index};
use signer::{Keystore, LocalSigner, Policy};

/// The first three accounts of the mnemonic below.
pub(crate) const ALICE: &str = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
pub(crate) const BOB: &str = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";
pub(crate) const CAROL: &str = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC";
pub(crate) const TETHER: &str = "0xdAC17F958D2ee523a2206206994597C13D831ec7";

pub(crate) fn keystore() -> Keystore {
    let mnemonic = "test test test test test test test test test test test junk";
    Keystore::in_memory(mnemonic, [1; 32]).unwrap()
}

pub(crate) fn network(chain_id: u64) -> Network {
    Network {
        id: NetworkId::new("net"),
        title: "Net".to_owned(),
        family: "evm".to_owned(),
        fee_asset: AssetId::new("ETH@net"),
        explorer_url: String::new(),
        has_priorities: false,
        parameters: BTreeMap::from([("chain_id".to_owned(), chain_id.to_string())]),
    }
}

pub(crate) fn payment(contract: Option<&str>, address: &str, units: u128) -> Payment {
    let ticker = if contract.is_some() { "USDT" } else { "ETH" };
    let asset = Asset {
        id: AssetId::new(&format!("{ticker}@net")),
        network: NetworkId::new("net"),
        ticker: ticker.to_owned(),
        title: ticker.to_owned(),
        decimals: 6,
        contract: contract.map(str::to_owned),
        stablecoin: false,
        symbols: vec![],
    };
    let destination = Destination { address: address.to_owned(), memo: None };
    Payment { asset, destination, amount: amount(units) }
}

pub(crate) fn amount(units: u128) -> Amount {
    Amount::from_units(units).unwrap()
}

pub(crate) fn lane() -> Lane {
    Lane {
        id: LaneId::new("net/hot"),
        network: NetworkId::new("net"),
        address: ALICE.to_owned(),
        key_path: "m/44'/60'/0'/0/0".to_owned(),
        next_sequence: 0,
        version: 1,
    }
}

/// Everything that a signature depends on.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) lane: Lane,
    pub(crate) unsigned: UnsignedTx,
    pub(crate) intent: Intent,
    pub(crate) policy: Policy,
}

impl Case {
    pub(crate) fn sign(&self) -> Result<Vec<u8>, String> {
        // Stretching the mnemonic is slow, so the usual signer is made once.
        static USUAL: LazyLock<LocalSigner> =
            LazyLock::new(|| LocalSigner::new(keystore(), Policy::default()));
        if self.policy == Policy::default() {
            return self.sign_by(&USUAL);
        }
        self.sign_by(&LocalSigner::new(keystore(), self.policy.clone()))
    }

    pub(crate) fn sign_by(&self, signer: &LocalSigner) -> Result<Vec<u8>, String> {
        let mut future = pin!(signer.sign(&self.lane, &self.unsigned, &self.intent));
        let context = &mut task::Context::from_waker(task::Waker::noop());
        match future.as_mut().poll(context) {
            task::Poll::Ready(Ok(signature)) => Ok(signature.0),
            task::Poll::Ready(Err(SignError::Refused(why))) => Err(why),
            task::Poll::Ready(Err(SignError::Unreachable)) => panic!("there is nobody to reach"),
            task::Poll::Pending => panic!("there is nothing to wait for"),
        }
    }

    /// Changes the case and expects a refusal that says so.
    #[track_caller]
    pub(crate) fn check_refused(&self, expected: &str, change: impl FnOnce(&mut Self)) {
        let mut changed = self.clone();
        change(&mut changed);
        let why = changed.sign().expect_err(expected);
        assert!(why.contains(expected), "{why:?} does not say {expected:?}");
    }
}

/// Everything that differs from these bytes by one bit.
pub(crate) fn flipped(payload: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    (0..payload.len() * 8).map(|at| {
        let mut changed = payload.to_vec();
        changed[at / 8] ^= 1 << (at % 8);
        changed
    })
}

/// Bytes that are set, put in or taken out: where, which, and what of the three.
pub(crate) fn changes() -> impl Strategy<Value = Vec<(Index, u8, u8)>> {
    proptest::collection::vec((any::<Index>(), any::<u8>(), 0_u8..3), 1..4)
}

pub(crate) fn mutated(payload: &[u8], changes: Vec<(Index, u8, u8)>) -> Vec<u8> {
    let mut payload = payload.to_vec();
    for (at, byte, kind) in changes {
        let at = at.index(payload.len());
        match kind {
            0 => payload[at] = byte,
            1 => payload.insert(at, byte),
            _ => drop(payload.remove(at)),
        }
    }
    payload
}
