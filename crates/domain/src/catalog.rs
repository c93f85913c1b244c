//! Networks and assets: rows that are read at start, never enum variants.

use std::{collections::BTreeMap, fmt};

use crate::{
    ids::{AssetId, NetworkId},
    money::Amount,
};

/// One network that payouts can travel on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// Its name in the catalog, in configuration and in the ledger.
    pub id: NetworkId,
    /// Its name for people.
    pub title: String,
    /// The kind of network: which rail carries it.
    pub family: String,
    /// What the network charges in.
    pub fee_asset: AssetId,
    /// Where a person can look at a transaction; `{txid}` stands for its identifier.
    pub explorer_url: String,
    /// Whether paying more for a transaction makes it faster.
    pub has_priorities: bool,
    /// What only the rail understands: chain ids, address prefixes, finality rules.
    pub parameters: BTreeMap<String, String>,
}

/// One asset on one network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asset {
    /// Its identifier, `TICKER@network`.
    pub id: AssetId,
    /// Its network.
    pub network: NetworkId,
    /// What people call it.
    pub ticker: String,
    /// Its full name for people.
    pub title: String,
    /// How many places a whole coin has.
    pub decimals: u8,
    /// The contract or mint that keeps it; `None` for the network's own coin.
    pub contract: Option<String>,
    /// Whether it is meant to be worth one US dollar.
    pub stablecoin: bool,
    /// What the contract may call itself instead of the ticker.
    pub symbols: Vec<String>,
}

impl Asset {
    /// Prints an amount of this asset without idle zeros.
    pub fn text(&self, amount: Amount) -> String {
        amount.to_text(self.decimals)
    }
}

/// Every network and asset there is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalog {
    networks: BTreeMap<NetworkId, Network>,
    assets: BTreeMap<AssetId, Asset>,
}

/// Why rows do not make a catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogError(pub String);

impl fmt::Display for CatalogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for CatalogError {}

/// More places than any asset has; amounts of such an asset could not be told apart from zero.
const DECIMALS_MAX: u8 = 30;

impl Catalog {
    /// Puts rows together.
    ///
    /// # Errors
    /// Names the row that is there twice or points nowhere.
    pub fn new(networks: Vec<Network>, assets: Vec<Asset>) -> Result<Self, CatalogError> {
        let mut catalog = Self::default();
        for network in networks {
            if let Some(twice) = catalog.networks.insert(network.id.clone(), network) {
                return Err(CatalogError(format!("network {} is listed twice", twice.id)));
            }
        }
        for asset in assets {
            if !catalog.networks.contains_key(&asset.network) {
                return Err(CatalogError(format!("asset {} is on no known network", asset.id)));
            }
            if asset.id.as_str() != format!("{}@{}", asset.ticker, asset.network) {
                return Err(CatalogError(format!("asset {} must be ticker@network", asset.id)));
            }
            if asset.decimals > DECIMALS_MAX {
                return Err(CatalogError(format!("asset {} has too many decimals", asset.id)));
            }
            if let Some(twice) = catalog.assets.insert(asset.id.clone(), asset) {
                return Err(CatalogError(format!("asset {} is listed twice", twice.id)));
            }
        }
        for network in catalog.networks.values() {
            match catalog.assets.get(&network.fee_asset) {
                Some(asset) if asset.network == network.id => {}
                _ => {
                    return Err(CatalogError(format!(
                        "network {} charges in {}, which is no asset of it",
                        network.id, network.fee_asset
                    )));
                }
            }
        }
        Ok(catalog)
    }

    /// Finds a network.
    pub fn network(&self, id: &str) -> Option<&Network> {
        self.networks.get(id)
    }

    /// Finds an asset.
    pub fn asset(&self, id: &str) -> Option<&Asset> {
        self.assets.get(id)
    }

    /// Finds an asset by its ticker on a network.
    pub fn asset_on(&self, ticker: &str, network: &str) -> Option<&Asset> {
        self.assets.get(format!("{ticker}@{network}").as_str())
    }

    /// All networks, by name.
    pub fn networks(&self) -> impl Iterator<Item = &Network> {
        self.networks.values()
    }

    /// All assets, by identifier.
    pub fn assets(&self) -> impl Iterator<Item = &Asset> {
        self.assets.values()
    }

    /// All assets of a network.
    pub fn assets_of<'a>(&'a self, network: &'a NetworkId) -> impl Iterator<Item = &'a Asset> {
        self.assets.values().filter(move |it| it.network == *network)
    }

    /// The network of an asset of this catalog.
    pub fn network_of(&self, asset: &Asset) -> &Network {
        self.networks.get(&asset.network).expect("an asset of the catalog is on a known network")
    }
}

/// Where a payout goes, already checked by the rules of its network.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Destination {
    /// The address in its canonical spelling.
    pub address: String,
    /// What some networks need beside an address (a memo, comment or tag).
    pub memo: Option<String>,
}

/// Why a text is not a destination. The text says what is wrong, for the merchant to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DestinationError {
    /// The address cannot receive on this network.
    Address(String),
    /// The memo is not one that this network carries.
    Memo(String),
}
