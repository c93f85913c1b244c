//! The codes of Cryptomus's payouts, and the catalog's assets they stand for.

use domain::{
    catalog::{Asset, Catalog},
    command::Refusal,
};

/// The networks: the provider's code, the catalog's name, and other spellings that were seen in
/// its clients' documentation.
const NETWORKS: [(&str, &str, &[&str]); 13] = [
    ("ARBITRUM", "arbitrum", &["ARBITRUM ONE"]),
    ("AVALANCHE", "avalanche", &["AVAX"]),
    ("BCH", "bitcoincash", &["BITCOINCASH", "BITCOIN CASH"]),
    ("BSC", "bsc", &["BEP20", "BINANCE SMART CHAIN", "BNB SMART CHAIN"]),
    ("BTC", "bitcoin", &["BITCOIN"]),
    ("DASH", "dash", &[]),
    ("DOGE", "dogecoin", &["DOGECOIN"]),
    ("ETH", "ethereum", &["ETHEREUM", "ERC20"]),
    ("LTC", "litecoin", &["LITECOIN"]),
    ("POLYGON", "polygon", &["MATIC"]),
    ("SOL", "solana", &["SOLANA"]),
    ("TON", "ton", &["TONCOIN"]),
    ("TRON", "tron", &["TRX", "TRC20"]),
];

/// The currencies, each with the networks that the provider pays it on.
const CURRENCIES: [(&str, &[&str]); 20] = [
    ("USDT", &["ARBITRUM", "AVALANCHE", "BSC", "ETH", "POLYGON", "SOL", "TON", "TRON"]),
    ("USDC", &["ARBITRUM", "AVALANCHE", "BSC", "ETH", "POLYGON", "TRON"]),
    ("ETH", &["ARBITRUM", "BSC", "ETH"]),
    ("AVAX", &["AVALANCHE"]),
    ("BCH", &["BCH"]),
    ("CGPT", &["BSC"]),
    ("DAI", &["BSC", "ETH", "POLYGON"]),
    ("BNB", &["BSC"]),
    ("BTC", &["BTC"]),
    ("DASH", &["DASH"]),
    ("DOGE", &["DOGE"]),
    ("VERSE", &["ETH"]),
    ("POL", &["ETH", "POLYGON"]),
    ("LTC", &["LTC"]),
    ("SOL", &["SOL"]),
    ("TON", &["TON"]),
    ("TRX", &["TRON"]),
    ("SHIB", &["ETH"]),
    ("HMSTR", &["TON"]),
    ("BUSD", &["BSC"]),
];

/// Currencies of the provider that no rail carries.
const UNPAID: [&str; 2] = ["CRMS", "XMR"];

/// Fiat currencies that amounts can be given in.
const FIAT: [&str; 43] = [
    "AED", "AMD", "ARS", "AUD", "AZN", "BDT", "BRL", "BYN", "CAD", "CHF", "CNY", "CZK", "DKK",
    "EUR", "GBP", "GEL", "HKD", "HUF", "IDR", "ILS", "INR", "JPY", "KGS", "KRW", "KZT", "MXN",
    "MYR", "NGN", "NOK", "PHP", "PLN", "RUB", "SEK", "SGD", "THB", "TJS", "TMT", "TRY", "UAH",
    "USD", "UZS", "VND", "ZAR",
];

/// An asset, and how the provider names it.
pub(super) struct Coin<'a> {
    /// The asset.
    pub(super) asset: &'a Asset,
    /// The currency's code, in the spelling of the request (`MATIC` stays `MATIC`).
    pub(super) currency: String,
    /// The network's code, in capitals.
    pub(super) network: &'static str,
}

/// Whether a code is that of a fiat currency.
pub(super) fn is_fiat(currency: &str) -> bool {
    FIAT.contains(&currency.to_ascii_uppercase().as_str())
}

fn networks_of(currency: &str) -> Option<&'static [&'static str]> {
    let ticker = ticker(currency);
    CURRENCIES.iter().find(|it| it.0 == ticker).map(|it| it.1)
}

/// Every currency that has a code: coins, then fiat currencies.
pub(super) fn currencies() -> impl Iterator<Item = &'static str> {
    CURRENCIES.iter().map(|it| it.0).chain(FIAT)
}

/// The catalog's ticker of a code.
pub(super) fn coin_ticker(currency: &str) -> Option<String> {
    let currency = currency.to_ascii_uppercase();
    networks_of(&currency).map(|_| ticker(&currency).to_owned())
}

/// Every coin that the provider pays and the catalog has.
pub(super) fn coins(catalog: &Catalog) -> impl Iterator<Item = Coin<'_>> {
    CURRENCIES.iter().flat_map(move |(currency, networks)| {
        networks.iter().filter_map(move |code| find(catalog, currency, Some(code)).ok())
    })
}

/// The coin of Polygon changed its ticker; the older one is still sent.
fn ticker(currency: &str) -> &str {
    if currency == "MATIC" { "POL" } else { currency }
}

fn network_code(text: &str) -> Option<&'static str> {
    let text = text.to_ascii_uppercase();
    NETWORKS.iter().find(|it| it.0 == text || it.2.contains(&text.as_str())).map(|it| it.0)
}

/// Finds what a currency and a network stand for; the network may be left out where the currency
/// has only one.
///
/// # Errors
/// If there is no such currency, it is not on that network, or the network must be named.
pub(super) fn find<'a>(
    catalog: &'a Catalog,
    currency: &str,
    network: Option<&str>,
) -> Result<Coin<'a>, Refusal> {
    let currency = currency.to_ascii_uppercase();
    if UNPAID.contains(&currency.as_str()) {
        return Err(Refusal::AssetUnavailable);
    }
    let networks = networks_of(&currency).ok_or(Refusal::UnknownAsset)?;
    let code = match (network, networks) {
        (None, [only]) => only,
        (None, _) => return Err(Refusal::MissingField { field: "network" }),
        (Some(text), _) => network_code(text).ok_or(Refusal::UnknownNetwork)?,
    };
    if !networks.contains(&code) {
        return Err(Refusal::UnknownNetwork);
    }
    let row = NETWORKS.iter().find(|it| it.0 == code).ok_or(Refusal::UnknownNetwork)?;
    let asset = catalog.asset_on(ticker(&currency), row.1).ok_or(Refusal::AssetUnavailable)?;
    Ok(Coin { asset, currency, network: row.0 })
}

/// The provider's code of an asset's network, or its name in capitals.
pub(super) fn network_name(asset: &Asset) -> String {
    let network = asset.network.as_str();
    let row = NETWORKS.iter().find(|it| it.1 == network);
    row.map_or_else(|| network.to_ascii_uppercase(), |it| it.0.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_currency_is_on_known_networks_and_no_spelling_means_two() {
        let codes: Vec<_> = CURRENCIES.iter().flat_map(|it| it.1).collect();
        assert!(codes.iter().all(|it| NETWORKS.iter().any(|network| network.0 == **it)));
        let spellings = NETWORKS.iter().flat_map(|it| it.2.iter().chain([&it.0]));
        let mut spellings: Vec<_> = spellings.collect();
        spellings.sort_unstable();
        let count = spellings.len();
        spellings.dedup();
        assert_eq!(spellings.len(), count);
        assert!(!CURRENCIES.iter().any(|it| is_fiat(it.0) || UNPAID.contains(&it.0)));
    }
}
