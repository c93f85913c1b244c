//! Blocks.

use std::sync::Arc;

use prost::Message as _;
use sha2::{Digest as _, Sha256};

use crate::{
    process::Receipt,
    state::State,
    transaction::Transaction,
    wire::{Header, Ret},
};

/// A transaction of a block.
#[derive(Clone, Debug)]
pub(crate) struct Included {
    pub(crate) tx: Arc<Transaction>,
    pub(crate) receipt: Arc<Receipt>,
}

impl Included {
    /// As it is in the block: with its result.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let ended = self.receipt.ended.number();
        self.tx.with_results(vec![Ret { fee: 0, code: 0, ended }]).encode_to_vec()
    }
}

/// A block.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    pub(crate) id: [u8; 32],
    pub(crate) header: Header,
    pub(crate) transactions: Vec<Included>,
    /// The state after it, while it is needed.
    pub(crate) state: Option<State>,
}

impl Block {
    /// A block with this header, in which the root of the transactions is filled in.
    pub(crate) fn new(mut header: Header, transactions: Vec<Included>, state: State) -> Self {
        let leaves = transactions.iter().map(|it| Sha256::digest(it.encode()).into()).collect();
        header.tx_trie_root = root(leaves).to_vec();
        let id = id(&header);
        Self { id, header, transactions, state: Some(state) }
    }

    /// The first block, whose id is given.
    pub(crate) fn genesis(id: [u8; 32], time_ms: i64, state: State) -> Self {
        let header = Header {
            timestamp: time_ms,
            tx_trie_root: vec![0; 32],
            parent_hash: vec![0; 32],
            ..Header::default()
        };
        Self { id, header, transactions: vec![], state: Some(state) }
    }

    /// The eight bytes that transactions refer to it by.
    pub(crate) fn reference(&self) -> [u8; 8] {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&self.id[8..16]);
        bytes
    }

    pub(crate) fn id_hex(&self) -> String {
        hex::encode(self.id)
    }
}

/// The height in eight bytes, and 24 bytes of the header's hash.
fn id(header: &Header) -> [u8; 32] {
    let mut id: [u8; 32] = Sha256::digest(header.encode_to_vec()).into();
    id[..8].copy_from_slice(&header.number.to_be_bytes());
    id
}

/// The Merkle root; an odd node at the end of a row rises unchanged
/// ([MerkleTree](https://github.com/tronprotocol/java-tron/blob/develop/chainbase/src/main/java/org/tron/core/capsule/utils/MerkleTree.java)).
fn root(mut row: Vec<[u8; 32]>) -> [u8; 32] {
    while row.len() > 1 {
        row = row
            .chunks(2)
            .map(|pair| match pair {
                [left, right] => Sha256::digest([&left[..], &right[..]].concat()).into(),
                [single] => *single,
                _ => [0; 32],
            })
            .collect();
    }
    row.first().copied().unwrap_or([0; 32])
}
