//! What a catalog row says about the addresses of one network.

use std::str::FromStr;

use domain::catalog::{CatalogError, Network};

/// The address parameters of one network, read from its row.
pub(crate) struct Rules<'a> {
    /// The network's name for people.
    pub(crate) title: &'a str,
    /// Version byte of a payment to a public key's hash.
    pub(crate) p2pkh: u8,
    /// Version byte of a payment to a script's hash.
    pub(crate) p2sh: u8,
    /// Whether Bitcoin's version byte is taken for a script's hash too; `None` where nobody ever
    /// wrote addresses that way.
    pub(crate) legacy_p2sh: Option<bool>,
    /// Human-readable part of segregated witness addresses.
    pub(crate) hrp: Option<&'a str>,
    /// Human-readable part of confidential (MWEB) addresses, which this rail cannot pay.
    pub(crate) mweb_hrp: Option<&'a str>,
    /// Prefix of cashaddr addresses.
    pub(crate) cashaddr_prefix: Option<&'a str>,
    /// The rate by which nodes tell dust, in satoshi for 1,000 virtual bytes.
    pub(crate) dust_sat_per_kvb: u64,
}

/// Bitcoin Core's `DUST_RELAY_TX_FEE` (`policy/policy.h`).
const DUST_SAT_PER_KVB: u64 = 3_000;

/// Rates above this are a slip of the pen: nothing could be paid.
const DUST_SAT_PER_KVB_MAX: u64 = 1_000_000_000;

/// Checks that a network's row has the address parameters that this rail needs.
///
/// # Errors
/// Names the network and the parameter that is missing or malformed.
pub fn check_network(network: &Network) -> Result<(), CatalogError> {
    Rules::of(network).map(|_| ())
}

impl<'a> Rules<'a> {
    /// Reads the rules from a network's row.
    pub(crate) fn of(network: &'a Network) -> Result<Self, CatalogError> {
        Ok(Self {
            title: &network.title,
            p2pkh: required(network, "p2pkh")?,
            p2sh: required(network, "p2sh")?,
            legacy_p2sh: parsed(network, "legacy_p2sh")?,
            hrp: prefix(network, "hrp")?,
            mweb_hrp: prefix(network, "mweb_hrp")?,
            cashaddr_prefix: prefix(network, "cashaddr_prefix")?,
            dust_sat_per_kvb: dust(network)?,
        })
    }
}

fn wrong(network: &Network, name: &str, what: &str) -> CatalogError {
    CatalogError(format!("network {}: parameter {name} {what}", network.id))
}

fn parsed<T: FromStr>(network: &Network, name: &str) -> Result<Option<T>, CatalogError> {
    let value = network.parameters.get(name).map(|text| text.parse());
    value.transpose().map_err(|_| wrong(network, name, "is malformed"))
}

fn required<T: FromStr>(network: &Network, name: &str) -> Result<T, CatalogError> {
    parsed(network, name)?.ok_or_else(|| wrong(network, name, "is missing"))
}

fn dust(network: &Network) -> Result<u64, CatalogError> {
    let rate = parsed(network, "dust_sat_per_kvb")?.unwrap_or(DUST_SAT_PER_KVB);
    if rate <= DUST_SAT_PER_KVB_MAX {
        return Ok(rate);
    }
    Err(wrong(network, "dust_sat_per_kvb", "is too large"))
}

fn prefix<'a>(network: &'a Network, name: &str) -> Result<Option<&'a str>, CatalogError> {
    let value = network.parameters.get(name).map(String::as_str);
    match value {
        Some(text) if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_lowercase()) => {
            Err(wrong(network, name, "must be lower-case letters"))
        }
        _ => Ok(value),
    }
}
