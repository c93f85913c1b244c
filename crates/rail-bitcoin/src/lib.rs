//! The Bitcoin family: Bitcoin, Litecoin, Bitcoin Cash, Dogecoin and Dash.
//!
//! What differs between these networks is data, in the parameters of their catalog rows.

pub mod address;
pub mod budget;
mod building;
mod bulk;
mod cashaddr;
pub mod chain;
pub mod drafting;
mod examining;
pub mod fees;
pub mod gathering;
pub mod lock;
mod nodes;
mod parents;
pub mod psbt;
mod purse;
mod rail;
mod rules;
mod selection;
pub mod settings;
mod standing;
mod unmade;
mod upkeep;
mod verdict;
mod wallet;
pub mod weight;

pub use address::parse_destination;
pub use lock::least;
pub use nodes::Endpoint;
pub use rail::Bitcoin;
pub use rules::check_network;
pub use settings::Settings;

/// The networks and assets that this rail knows by itself.
pub const CATALOG: &str = include_str!("../catalog.toml");
