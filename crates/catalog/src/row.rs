//! One row as it is written, and what must be true of it by itself.

use std::collections::BTreeMap;

use domain::{
    catalog::{Asset, Network},
    ids::{AssetId, NetworkId},
};
use serde::Deserialize;

/// A network, as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NetworkRow {
    id: String,
    title: String,
    family: String,
    fee_asset: String,
    explorer_url: String,
    #[serde(default)]
    has_priorities: bool,
    #[serde(default)]
    parameters: BTreeMap<String, String>,
}

/// An asset, as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AssetRow {
    network: String,
    ticker: String,
    title: String,
    decimals: u8,
    contract: Option<String>,
    #[serde(default)]
    stablecoin: bool,
    #[serde(default)]
    symbols: Vec<String>,
}

impl NetworkRow {
    /// Checks the row and makes it a network.
    ///
    /// # Errors
    /// Names the row and what is wrong with it.
    pub(crate) fn check(self) -> Result<Network, String> {
        let wrong = |what: &str| Err(format!("network {}: {what}", self.id));
        if !is_word(&self.id, |byte| byte.is_ascii_lowercase()) {
            return wrong("id must be lower-case letters and digits");
        }
        if !is_word(&self.family, |byte| byte.is_ascii_lowercase()) {
            return wrong("family must be lower-case letters and digits");
        }
        if self.title.trim().is_empty() {
            return wrong("title is empty");
        }
        if !self.explorer_url.starts_with("https://") || !self.explorer_url.contains("{txid}") {
            return wrong("explorer_url must be an https address with {txid} in it");
        }
        Ok(Network {
            id: NetworkId::new(&self.id),
            title: self.title,
            family: self.family,
            fee_asset: AssetId::new(&self.fee_asset),
            explorer_url: self.explorer_url,
            has_priorities: self.has_priorities,
            parameters: self.parameters,
        })
    }
}

impl AssetRow {
    /// Checks the row and makes it an asset.
    ///
    /// # Errors
    /// Names the row and what is wrong with it.
    pub(crate) fn check(self) -> Result<Asset, String> {
        let id = format!("{}@{}", self.ticker, self.network);
        let wrong = |what: &str| Err(format!("asset {id}: {what}"));
        if !is_word(&self.ticker, |byte| byte.is_ascii_uppercase()) {
            return wrong("ticker must be capital letters and digits");
        }
        if self.title.trim().is_empty() {
            return wrong("title is empty");
        }
        let is_plain =
            |text: &String| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        if !self.contract.as_ref().is_none_or(is_plain) {
            return wrong("contract must be an address; leave it out for the network's own coin");
        }
        if self.contract.is_none() && !self.symbols.is_empty() {
            return wrong("symbols are what a contract calls itself, and there is none");
        }
        if self.symbols.iter().any(|it| it.is_empty() || it.chars().any(char::is_control)) {
            return wrong("each of symbols must be a text without control characters");
        }
        Ok(Asset {
            id: AssetId::new(&id),
            network: NetworkId::new(&self.network),
            ticker: self.ticker,
            title: self.title,
            decimals: self.decimals,
            contract: self.contract,
            stablecoin: self.stablecoin,
            symbols: self.symbols,
        })
    }
}

fn is_word(text: &str, is_letter: fn(u8) -> bool) -> bool {
    !text.is_empty() && text.bytes().all(|byte| is_letter(byte) || byte.is_ascii_digit())
}
