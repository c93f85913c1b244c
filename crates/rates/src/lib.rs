//! Exchange rates: asks exchanges what currencies are worth in US dollars.
//!
//! Each source is one file with two halves: a pure `parse` of the bytes that its exchange answers,
//! and the question over [`net`]. What is not understood is left out: a row that makes no sense is
//! skipped, and an answer that makes none is [`Unreachable`](domain::ports::Unreachable). Whether a
//! price can be relied on is not decided here but in [`domain::rates`].

pub mod binance;
pub mod binancep2p;
pub mod exmo;
mod fixed;
mod gather;
mod host;
pub mod kucoin;
mod number;
mod page;
mod pairs;
mod wanted;

use std::sync::Arc;

use domain::{money::Rate, ports::RateSource};

pub use fixed::Fixed;
pub use gather::fetch_all;
pub use host::{Access, BadUrl};
pub use page::Page;
pub use wanted::Wanted;

/// US dollar prices by currency, in capitals, each currency at most once.
pub type Prices = Vec<(String, Rate)>;

/// The names of all sources that [`source`] knows.
pub const NAMES: [&str; 4] = [binance::NAME, binancep2p::NAME, exmo::NAME, kucoin::NAME];

/// Why there is no such source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceError {
    /// Nobody has this name.
    UnknownName,
    /// The base URL cannot be used.
    BadUrl(BadUrl),
}

/// Makes a source by its name, one of [`NAMES`].
///
/// # Errors
/// If there is no such source, or its URL is no good.
pub fn source(
    name: &str,
    access: Access,
    wanted: Wanted,
) -> Result<Arc<dyn RateSource>, SourceError> {
    let made: Result<Arc<dyn RateSource>, BadUrl> = match name {
        binance::NAME => binance::new(access, wanted).map(|it| Arc::new(it) as _),
        binancep2p::NAME => binancep2p::BinanceP2p::new(access, wanted).map(|it| Arc::new(it) as _),
        exmo::NAME => exmo::new(access, wanted).map(|it| Arc::new(it) as _),
        kucoin::NAME => kucoin::Kucoin::new(access, wanted).map(|it| Arc::new(it) as _),
        _ => return Err(SourceError::UnknownName),
    };
    made.map_err(SourceError::BadUrl)
}
