//! The lane: one hot wallet on one network, the unit that is sequenced.

use crate::ids::{LaneId, NetworkId};

/// One hot wallet on one network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lane {
    /// Its name, `network/name`.
    pub id: LaneId,
    /// Its network.
    pub network: NetworkId,
    /// Its address, in the network's canonical spelling.
    pub address: String,
    /// Which key of the signer it uses, as a derivation path.
    pub key_path: String,
    /// The number of the next transaction, on networks that count them. Committed together with
    /// the attempt that uses it, so that two attempts never share a number by accident.
    pub next_sequence: u64,
    /// Counts commits, for optimistic concurrency.
    pub version: u64,
}
