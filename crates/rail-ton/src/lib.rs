//! TON.

pub mod address;

pub use address::parse_destination;

/// The networks and assets that this rail knows by itself.
pub const CATALOG: &str = include_str!("../catalog.toml");
