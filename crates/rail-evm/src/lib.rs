//! Ethereum and the networks that run its virtual machine.
//!
//! [`Evm`] is the [`domain::ports::Rail`] of one network. It pays the network's own coin and ERC-20
//! tokens, one payout per transaction, with the fees of EIP-1559. The README says when a
//! transaction is final, when one is proven dead, and how fees are found.

pub mod address;
mod agreeing;
mod budget;
mod building;
pub mod contract;
mod disputes;
mod drafting;
mod errand;
mod examining;
mod fees;
mod handover;
mod l1_fee;
mod node;
mod observing;
pub mod pay_call;
mod pool;
mod preflight;
mod preparing;
mod quorum;
mod rail;
mod revert;
mod riddles;
mod roster;
mod settings;
mod shares;
mod terms;
mod tips;
mod tokens;
mod transfer;
pub mod tx;
mod verdict;

pub use address::parse_destination;
pub use node::Log;
pub use pool::Endpoint;
pub use rail::Evm;
pub use settings::Settings;

/// The networks and assets that this rail knows by itself.
pub const CATALOG: &str = include_str!("../catalog.toml");
