//! A chain in memory: blocks, a mempool, reorganisations, fees and wallets, without a node.
//!
//! The sandbox pays over it and the simulator breaks it. It draws no random numbers and has no
//! clock: whoever owns the time calls [`SimChain::mine`].
//!
//! A lane counts its transactions: two with the same number exclude each other, whichever is
//! included first. A number may be skipped. Or a lane has coins, of which a transaction spends some:
//! two that share one exclude each other. A transaction is proven dead when another one with its
//! lane and number, or one of its coins, is final, and in no other way.

mod chain;
mod history;
mod payload;
mod rail;

pub use chain::{ChainOptions, SimChain};
pub use history::{FinalTransaction, PaymentMade, Standing};
pub use payload::{FORMAT, Payload, PayloadPayment, Uses};
pub use rail::SimRail;
