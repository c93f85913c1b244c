//! TRON and its TRC-20 tokens.

mod abi;
pub mod address;
mod building;
pub mod energy;
mod examining;
mod node;
mod nodes;
pub mod plan;
mod rail;
mod receipt;
pub mod settings;
mod tokens;
pub mod tx;
mod verdict;
mod wire;

pub use address::parse_destination;
pub use nodes::Endpoint;
pub use rail::Tron;
pub use settings::{Settings, check_network};

/// The networks and assets that this rail knows by itself.
pub const CATALOG: &str = include_str!("../catalog.toml");
