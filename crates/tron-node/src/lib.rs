//! A Tron node for tests: java-tron's checks, codes and JSON over HTTP, contracts in a real EVM with
//! Tron's costs, and blocks under the test's control. What it models, what it does not, and where
//! each fact is from is in the README.
//!
//! ```
//! use tron_node::{Address, Options, TronNode};
//!
//! let node = TronNode::start(Options::default());
//! let somebody = Address::from_tail([1; 20]);
//! node.chain(|chain| {
//!     chain.fund(somebody, 1_000_000);
//!     chain.mine();
//!     assert_eq!(chain.balance(&somebody), Some(1_000_000));
//! });
//! assert!(node.url().starts_with("http://127.0.0.1:"));
//! ```

mod address;
mod block;
mod chain;
mod checks;
mod code;
mod faults;
mod http;
mod net;
mod node;
mod parameters;
mod process;
mod received;
mod resources;
mod signature;
mod state;
mod transaction;
mod transfer;
mod trigger;
mod tvm;
mod wire;

pub use address::Address;
pub use chain::{Chain, Deploy, Options, Solidified, TxId};
pub use code::{Code, Ended};
pub use faults::Fault;
pub use node::TronNode;
pub use parameters::Parameters;
pub use process::Receipt;
pub use received::Received;
pub use tvm::Log;

/// The code that creates a token like Tether's on Tron, in hexadecimal digits: `transfer` is said
/// to return a bool, and returns false although it moved the coins. Who deploys it gets 10^15
/// units of 6 decimals. Everybody may call `issue(address,uint256)`, `setPaused(bool)`,
/// `setBlackListed(address,bool)` (senders only) and `setFee(uint256)` (in ten-thousandths).
/// Its source is in `tests/data/Tokens.sol`.
pub const TETHER: &str = include_str!("Tether.hex").trim_ascii();
