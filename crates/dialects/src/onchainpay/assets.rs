//! The codes of `OnchainPay`'s withdrawals, and the catalog's assets they stand for.
//!
//! The provider publishes its list only at run time. The network names in its documents are those
//! of the catalog, so every asset of the catalog goes by its ticker and its network's name.

use domain::{
    catalog::{Asset, Catalog},
    command::Refusal,
};

/// Finds what a currency and a network stand for.
///
/// # Errors
/// If there is no such currency, or it is not on that network.
pub(super) fn find<'a>(
    catalog: &'a Catalog,
    currency: &str,
    network: &str,
) -> Result<&'a Asset, Refusal> {
    let currency = currency.to_ascii_uppercase();
    // The coin of Polygon changed its ticker; the older one is still sent.
    let ticker = if currency == "MATIC" { "POL" } else { &currency };
    if let Some(asset) = catalog.asset_on(ticker, &network.to_ascii_lowercase()) {
        return Ok(asset);
    }
    let elsewhere = catalog.assets().any(|it| it.ticker == ticker);
    Err(if elsewhere { Refusal::UnknownNetwork } else { Refusal::UnknownAsset })
}
