//! How our own API names assets: as the catalog does.

use domain::{
    catalog::{Asset, Catalog},
    command::Refusal,
};

/// Finds an asset by its identifier (`USDT@tron`), or by its ticker and network. The network may
/// be left out where there is only one.
///
/// # Errors
/// If there is no such asset, or more than one.
pub(super) fn find<'a>(
    catalog: &'a Catalog,
    asset: &str,
    network: Option<&str>,
) -> Result<&'a Asset, Refusal> {
    if asset.contains('@') {
        let found = catalog.asset(asset).ok_or(Refusal::UnknownAsset)?;
        let agrees = network.is_none_or(|it| it == found.network.as_str());
        return if agrees { Ok(found) } else { Err(Refusal::UnknownNetwork) };
    }
    let mut found = catalog.assets().filter(|it| it.ticker == asset).peekable();
    if found.peek().is_none() {
        return Err(Refusal::UnknownAsset);
    }
    let mut found = found.filter(|it| network.is_none_or(|name| name == it.network.as_str()));
    match (found.next(), found.next()) {
        (Some(only), None) => Ok(only),
        _ => Err(Refusal::UnknownNetwork),
    }
}
