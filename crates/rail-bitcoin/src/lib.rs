//! The Bitcoin family: Bitcoin, Litecoin, Bitcoin Cash, Dogecoin and Dash.
//!
//! What differs between these networks is data, in the parameters of their catalog rows.

pub mod address;
mod cashaddr;
mod rules;

pub use address::parse_destination;
pub use rules::check_network;

/// The networks and assets that this rail knows by itself.
pub const CATALOG: &str = include_str!("../catalog.toml");
