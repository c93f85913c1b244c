//! The codes of `CryptoCloud`'s withdrawals, and the catalog's assets they stand for.

use domain::{
    catalog::{Asset, Catalog},
    command::Refusal,
};

/// A code, and the network of the catalog it is paid on; what stands before the underscore is the
/// ticker.
struct Code {
    code: &'static str,
    network: &'static str,
}

const fn code(code: &'static str, network: &'static str) -> Code {
    Code { code, network }
}

/// All 42 codes of both versions of the page. The provider numbers its currencies, and of those
/// numbers only 4 (`USDT_TRC20`) and 20 (`BNB`) are published; the others count this list.
const CODES: [Code; 42] = [
    code("BTC", "bitcoin"),
    code("LTC", "litecoin"),
    code("TRX", "tron"),
    code("USDT_TRC20", "tron"),
    code("USDD_TRC20", "tron"),
    code("ETH", "ethereum"),
    code("USDT_ERC20", "ethereum"),
    code("USDC_ERC20", "ethereum"),
    code("TUSD_ERC20", "ethereum"),
    code("SHIB_ERC20", "ethereum"),
    code("DAI_ERC20", "ethereum"),
    code("ETH_ARB", "arbitrum"),
    code("USDT_ARB", "arbitrum"),
    code("USDC_ARB", "arbitrum"),
    code("ETH_OPT", "optimism"),
    code("USDT_OPT", "optimism"),
    code("USDC_OPT", "optimism"),
    code("ETH_BASE", "base"),
    code("USDC_BASE", "base"),
    code("BNB", "bsc"),
    code("USDT_BSC", "bsc"),
    code("USDC_BSC", "bsc"),
    code("TUSD_BSC", "bsc"),
    code("TON", "ton"),
    code("USDT_TON", "ton"),
    code("SOL", "solana"),
    code("USDT_SOL", "solana"),
    code("USDC_SOL", "solana"),
    code("DAI_ARB", "arbitrum"),
    code("DAI_BASE", "base"),
    code("DAI_BSC", "bsc"),
    code("DAI_OPT", "optimism"),
    code("PYUSD_ERC20", "ethereum"),
    code("PYUSD_SOL", "solana"),
    code("XAUT_ERC20", "ethereum"),
    code("XAUT_TON", "ton"),
    code("ARB_ARB", "arbitrum"),
    code("OP_OPT", "optimism"),
    code("PEPE_BSC", "bsc"),
    code("PEPE_ERC20", "ethereum"),
    code("SHIB_BSC", "bsc"),
    code("TRUMP_SOL", "solana"),
];

/// The networks' codes and numbers; only those of TRON and BNB Smart Chain are published.
const NETWORKS: [(&str, &str, u32); 10] = [
    ("bitcoin", "BTC", 1),
    ("litecoin", "LTC", 2),
    ("ethereum", "ERC20", 3),
    ("tron", "TRC20", 4),
    ("arbitrum", "ARB", 5),
    ("optimism", "OPT", 6),
    ("base", "BASE", 7),
    ("ton", "TON", 8),
    ("solana", "SOL", 9),
    ("bsc", "BSC", 20),
];

impl Code {
    fn ticker(&self) -> &'static str {
        self.code.split_once('_').map_or(self.code, |it| it.0)
    }
}

/// Finds the asset of a code.
///
/// # Errors
/// If it is no code, or its asset is not in the catalog.
pub(super) fn find<'a>(catalog: &'a Catalog, text: &str) -> Result<&'a Asset, Refusal> {
    let code = CODES.iter().find(|it| it.code == text).ok_or(Refusal::UnknownAsset)?;
    catalog.asset_on(code.ticker(), code.network).ok_or(Refusal::AssetUnavailable)
}

/// The assets of all codes, in the order of their numbers.
pub(super) fn all(catalog: &Catalog) -> impl Iterator<Item = &Asset> {
    CODES.iter().filter_map(|it| catalog.asset_on(it.ticker(), it.network))
}

/// How the provider's objects name an asset.
pub(super) struct Naming {
    /// The code, such as `USDT_TRC20`.
    pub(super) code: String,
    /// The currency's number; zero for an asset that has no code.
    pub(super) id: u32,
    /// The network's code.
    pub(super) network_code: &'static str,
    /// The network's number.
    pub(super) network_id: u32,
}

/// Names an asset, also one that has no code (its payout was asked for in another API).
pub(super) fn name(asset: &Asset) -> Naming {
    let network = asset.network.as_str();
    let known = NETWORKS.iter().find(|it| it.0 == network);
    let (network_code, network_id) = known.map_or(("", 0), |it| (it.1, it.2));
    let found =
        (1..).zip(&CODES).find(|(_, it)| it.network == network && it.ticker() == asset.ticker);
    match found {
        Some((id, code)) => Naming { code: code.code.to_owned(), id, network_code, network_id },
        None => Naming { code: asset.id.to_string(), id: 0, network_code, network_id },
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn published_numbers_are_kept() {
        assert_eq!((CODES[3].code, CODES[19].code), ("USDT_TRC20", "BNB"));
        let codes: BTreeSet<_> = CODES.iter().map(|it| it.code).collect();
        assert_eq!(codes.len(), 42);
        let numbers: BTreeSet<_> = NETWORKS.iter().map(|it| it.2).collect();
        assert_eq!(numbers.len(), NETWORKS.len());
        assert!(CODES.iter().all(|it| NETWORKS.iter().any(|network| network.0 == it.network)));
    }
}
