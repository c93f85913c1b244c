//! What an operator can set about money, as it is written: fees, limits, prices, exchange,
//! merchants, approvals. What it means is found out in [`crate::terms`].

use std::collections::BTreeMap;

use serde::Deserialize;

/// Where prices come from.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RateSources {
    /// The sources to ask, by name.
    #[serde(default, rename = "use")]
    pub(crate) names: Vec<String>,
    /// How often they are asked, in milliseconds.
    pub(crate) refresh_ms: Option<u64>,
    /// How old a price may be before it is refused instead of used, in milliseconds.
    pub(crate) age_ms_max: Option<u64>,
    /// How far a price may lie from what the other sources say, as a percentage in decimal text.
    pub(crate) deviation_percent: Option<String>,
    /// Fiat currencies to ask for, by their ISO 4217 code.
    #[serde(default)]
    pub(crate) fiat: Vec<String>,
    /// Where sources are, if not where they usually are.
    #[serde(default)]
    pub(crate) base_url: BTreeMap<String, String>,
}

/// What merchants are charged.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fees {
    /// A part of the amount, as a percentage in decimal text.
    pub(crate) percent: Option<String>,
    /// Fixed sums in the payout's asset, by `TICKER@network`.
    #[serde(default)]
    pub(crate) fixed: BTreeMap<String, String>,
    /// The least that is charged, in the payout's asset, by `TICKER@network`.
    #[serde(default)]
    pub(crate) minimum: BTreeMap<String, String>,
    /// Who pays the network's fee.
    #[serde(default)]
    pub(crate) network_fee: NetworkFeePayer,
    /// What is charged instead, as agreed with merchants.
    #[serde(default, rename = "plan")]
    pub(crate) plans: Vec<Plan>,
}

/// A plan of fees, instead of what everybody is charged.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Plan {
    /// The merchant's name; `*` stands for all of them.
    pub(crate) merchant: String,
    /// What it is for: an asset, a ticker, a network, or everything if it is left out.
    pub(crate) asset: Option<String>,
    /// A part of the amount, as a percentage in decimal text.
    pub(crate) percent: Option<String>,
    /// A fixed sum in the payout's asset.
    pub(crate) fixed: Option<String>,
    /// The least that is charged, in the payout's asset.
    pub(crate) minimum: Option<String>,
}

/// Who pays the network's fee.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum NetworkFeePayer {
    /// The merchant (or the recipient, if the merchant asks so), as quoted.
    #[default]
    Merchant,
    /// The house.
    House,
}

/// Limits of one asset, in decimal text.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Limits {
    /// The least that may arrive.
    pub(crate) min: Option<String>,
    /// The most that may arrive.
    pub(crate) max: Option<String>,
}

/// How the house exchanges.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Conversion {
    /// What the house sells: assets, tickers, networks, or `*` for everything.
    #[serde(default)]
    pub(crate) sells: Vec<String>,
    /// Coins that are exchanged one for one between networks, by ticker.
    #[serde(default)]
    pub(crate) at_par: Vec<String>,
    /// What is charged beyond the price, as a percentage in decimal text.
    pub(crate) spread_percent: Option<String>,
    /// What is set aside until the payout ends, as a percentage in decimal text.
    pub(crate) insurance_percent: Option<String>,
    /// How long a quote holds, in milliseconds.
    pub(crate) quote_ms: Option<u64>,
    /// How far below zero the house's inventory may go, by `TICKER@network`.
    #[serde(default)]
    pub(crate) overdraft: BTreeMap<String, String>,
}

/// What is agreed with one merchant, or with everybody.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MerchantConfig {
    /// Where prices are taken from if a request does not say.
    pub(crate) rate_source: Option<String>,
    /// What is sold, in this order, in APIs that leave it to the settings.
    pub(crate) pay_from: Option<Vec<String>>,
    /// Where payouts that need an approval are announced, in APIs that leave it to the settings.
    pub(crate) approval_url: Option<String>,
}

/// Approvals.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Approvals {
    /// How long an approval may take, in milliseconds.
    pub(crate) timeout_ms: Option<u64>,
}

/// What can be set in single APIs.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Dialects {
    /// `OnchainPay`, and `Apollo`, which speaks the same.
    #[serde(default)]
    pub(crate) onchainpay: OnchainPay,
}

/// What can be set in the API of `OnchainPay`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OnchainPay {
    /// What a payout must be worth more than, in US dollars, in decimal text.
    pub(crate) more_than_usd: Option<String>,
    /// How many times the network's fee a payout must be at least.
    pub(crate) network_fees: Option<u32>,
}
