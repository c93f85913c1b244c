//! Reads the rows of networks and assets from TOML.
//!
//! Each rail has a `catalog.toml` of its own, and an operator may add rows of the same format:
//!
//! ```toml
//! [[network]]
//! id = "ethereum"                     # lower-case letters and digits
//! title = "Ethereum"                  # for people
//! family = "evm"                      # which rail carries it
//! fee_asset = "ETH@ethereum"          # what it charges in, one of the assets
//! explorer_url = "https://etherscan.io/tx/{txid}"
//! has_priorities = true               # paying more makes it faster; left out: false
//!
//! [network.parameters]                # what only the rail understands, all of it text
//! chain_id = "1"
//!
//! [[asset]]
//! network = "ethereum"                # a network of any of the texts
//! ticker = "USDT"                     # capital letters and digits
//! title = "Tether USD"
//! decimals = 6
//! contract = "0xdAC17F958D2ee523a2206206994597C13D831ec7"    # left out: the network's own coin
//! stablecoin = true                   # left out: false
//! symbols = ["USD₮0"]                 # what the contract may call itself instead of the ticker
//! ```

mod row;

use domain::catalog::{Asset, Catalog, CatalogError, Network};
use serde::Deserialize;
use toml::Spanned;

use crate::row::{AssetRow, NetworkRow};

/// One text: any number of rows of both kinds.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    #[serde(default)]
    network: Vec<Spanned<NetworkRow>>,
    #[serde(default)]
    asset: Vec<Spanned<AssetRow>>,
}

/// Reads all rows of all texts and puts them together.
///
/// # Errors
/// Says which row of which text is wrong, by the text's place in `texts` and the line in it (both
/// counted from one), or which row is there twice or points nowhere.
pub fn read(texts: &[&str]) -> Result<Catalog, CatalogError> {
    let mut networks: Vec<Network> = Vec::new();
    let mut assets: Vec<Asset> = Vec::new();
    for (index, text) in texts.iter().enumerate() {
        let wrong = |offset: usize, what: &str| {
            let line = 1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count();
            CatalogError(format!("catalog text {}, line {line}: {what}", index + 1))
        };
        let rows: Text = toml::from_str(text)
            .map_err(|error| wrong(error.span().map_or(0, |span| span.start), error.message()))?;
        for row in rows.network {
            let start = row.span().start;
            networks.push(row.into_inner().check().map_err(|what| wrong(start, &what))?);
        }
        for row in rows.asset {
            let start = row.span().start;
            let asset = row.into_inner().check().map_err(|what| wrong(start, &what))?;
            if let Some(other) = assets.iter().find(|other| keeps_the_same(other, &asset)) {
                let what = format!("asset {} has the contract of {}", asset.id, other.id);
                return Err(wrong(start, &what));
            }
            assets.push(asset);
        }
    }
    Catalog::new(networks, assets)
}

/// Whether two rows of different tickers are the same money: the books would count it twice.
fn keeps_the_same(one: &Asset, other: &Asset) -> bool {
    one.id != other.id && one.network == other.network && one.contract == other.contract
}
