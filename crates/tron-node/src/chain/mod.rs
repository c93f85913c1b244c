//! The chain: blocks, the pool, and what a test does to them.

mod broadcast;
mod look;
mod mine;
mod setup;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use alloy_primitives::U256;

use crate::{
    Address, Code, Parameters, Receipt, block::Block, checks::Head, process::Scene,
    received::Received, state::State, transaction::Transaction, tvm::Surroundings, wire::Header,
};
pub(crate) use look::Constant;
pub use setup::Deploy;

/// An id of a transaction.
pub type TxId = [u8; 32];

/// How the chain begins.
#[derive(Clone, Debug)]
pub struct Options {
    /// The time of the first block, in ms since 1970.
    pub start_ms: i64,
    /// The id of the first block. Its last four bytes are the number of the chain that contracts
    /// see.
    pub genesis: [u8; 32],
    /// How many blocks the newest solid one is behind the newest.
    pub solid_lag: i64,
    /// What the committee and the operator decide.
    pub parameters: Parameters,
    /// What clients must have in `TRON-PRO-API-KEY`, if anything.
    pub api_key: Option<String>,
}

impl Default for Options {
    /// A chain like mainnet's that begins on 14 November 2023, with a first block of its own.
    fn default() -> Self {
        let mut genesis = [0x7e; 32];
        genesis[..8].copy_from_slice(&[0; 8]);
        Self {
            start_ms: 1_700_000_001_000,
            genesis,
            solid_lag: 19,
            parameters: Parameters::default(),
            api_key: None,
        }
    }
}

/// A transaction in the pool.
#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    pub(crate) tx: Arc<Transaction>,
    pub(crate) since_ms: i64,
    pub(crate) receipt: Arc<Receipt>,
}

/// Blocks are solid and cannot be undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Solidified;

/// The chain as one node sees it. Blocks are made only when the test says so, and time is that of
/// the blocks: nothing here looks at a clock. A copy goes its own way.
#[derive(Clone, Debug)]
pub struct Chain {
    /// What the committee and the operator decide.
    pub parameters: Parameters,
    /// By number.
    blocks: Vec<Block>,
    /// The number of the newest solid block.
    solid: usize,
    solid_lag: i64,
    solid_frozen: bool,
    pool: Vec<Waiting>,
    /// The state after the newest block and what waits.
    pending: State,
    /// Where transactions of blocks are: block and place in it.
    places: BTreeMap<TxId, (usize, usize)>,
    received: Vec<Received>,
    /// All that was ever handed over and could be read.
    known: BTreeMap<TxId, Arc<Transaction>>,
    /// See [`Parameters::remember_ids`].
    seen: BTreeSet<TxId>,
    refuses: Option<Code>,
    /// Slots without a block before the next.
    skip: i64,
    /// Reorganisations so far.
    branch: u8,
    /// Contracts that tests deployed, and transactions that the node built.
    made: u64,
}

impl Chain {
    /// A chain of which there is only the first block.
    pub fn new(options: &Options) -> Self {
        let state = State::default();
        let genesis = Block::genesis(options.genesis, options.start_ms, state.clone());
        Self {
            parameters: options.parameters.clone(),
            blocks: vec![genesis],
            solid: 0,
            solid_lag: options.solid_lag,
            solid_frozen: false,
            pool: vec![],
            pending: state,
            places: BTreeMap::new(),
            received: vec![],
            known: BTreeMap::new(),
            seen: BTreeSet::new(),
            refuses: None,
            skip: 0,
            branch: 0,
            made: 0,
        }
    }

    /// The newest block.
    pub(crate) fn head(&self) -> &Block {
        let genesis_and_more = "the first block is never undone";
        self.blocks.last().expect(genesis_and_more)
    }

    /// The state after the newest block.
    pub(crate) fn state(&self) -> &State {
        self.head().state.as_ref().unwrap_or(&self.pending)
    }

    /// The state after the newest block and what waits: what java-tron's `wallet` answers with.
    pub(crate) fn pending_state(&self) -> &State {
        &self.pending
    }

    /// The state after the newest solid block: what `walletsolidity` answers with.
    pub(crate) fn solid_state(&self) -> &State {
        self.blocks[self.solid].state.as_ref().unwrap_or(&self.pending)
    }

    pub(crate) fn pool(&self) -> &[Waiting] {
        &self.pool
    }

    pub(crate) fn block(&self, number: i64) -> Option<&Block> {
        self.blocks.get(usize::try_from(number).ok()?)
    }

    pub(crate) fn block_by_id(&self, id: &[u8]) -> Option<&Block> {
        let number = i64::from_be_bytes(id.get(..8)?.try_into().ok()?);
        self.block(number).filter(|block| block.id == id)
    }

    /// In which block a transaction is, and where in it.
    pub(crate) fn place(&self, id: &TxId) -> Option<(&Block, usize)> {
        let (block, place) = self.places.get(id)?;
        Some((self.blocks.get(*block)?, *place))
    }

    pub(crate) fn head_at(&self, block: &Block) -> Head {
        let genesis_ms = self.blocks[0].header.timestamp;
        Head { time_ms: block.header.timestamp, genesis_ms }
    }

    /// Where transactions are carried out on top of `block`, in one of the given header.
    fn scene<'a>(&self, block: &Block, header: &Header, parameters: &'a Parameters) -> Scene<'a> {
        let genesis = &self.blocks[0].id;
        let surroundings = Surroundings {
            number: header.number,
            time_ms: header.timestamp,
            witness: Address::from_bytes(&header.witness_address).unwrap_or(WITNESS),
            chain_id: U256::from_be_slice(&genesis[28..]),
            energy_price: parameters.energy_price,
            dynamic_energy: parameters.dynamic_energy,
            energy_adjustment: parameters.energy_adjustment,
            origin: WITNESS,
            txid: genesis.into(),
        };
        Scene { parameters, head: self.head_at(block), surroundings }
    }
}

/// Who makes the blocks, until a reorganisation.
const WITNESS: Address = Address::from_tail([0x57; 20]);
