//! What `OnchainPay` answers without looking at anybody's money: coins and networks, prices, and
//! whether a text is an address.

use std::collections::BTreeMap;

use domain::{
    catalog::{Asset, Network},
    command::Refusal,
    money::{Amount, Rate, Rounding},
    rates::RateError,
};
use schemars::JsonSchema;
use serde::Serialize;

use super::{account::Prices, addresses};
use crate::{Context, fields::Fields};

/// How many places a price is answered with.
const PRICE_PLACES: u8 = 8;

/// A coin.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct CurrencyBody<'a> {
    currency: &'a str,
    alias: &'a str,
    allow_deposit: bool,
    allow_withdrawal: bool,
    #[serde(rename = "priceUSD")]
    price_usd: Option<String>,
    networks: Vec<NetworkBody<'a>>,
}

/// A coin on a network.
#[expect(clippy::struct_excessive_bools, reason = "so many does the provider write")]
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct NetworkBody<'a> {
    name: &'a str,
    alias: &'a str,
    contract: Option<&'a str>,
    address_regex: &'static str,
    tag_regex: Option<&'static str>,
    allow_deposit: bool,
    allow_withdrawal: bool,
    allow_crosschain_bridge: bool,
    allow_crosschain_swap_from: bool,
    allow_crosschain_swap_to: bool,
    allow_auto_swap_from: bool,
    allow_auto_swap_to: bool,
    withdrawal_fee: Option<String>,
    withdrawal_min: Option<String>,
    confirmations: u32,
    under_maintenance: bool,
}

/// Lists the coins that are paid, by ticker; those that are asked for, if any are.
///
/// # Errors
/// If what is asked for cannot be read.
pub(super) fn available<'a>(
    fields: &Fields,
    prices: &Prices<'a>,
) -> Result<Vec<CurrencyBody<'a>>, Refusal> {
    let (currency, networks) = (fields.texts("currency")?, fields.texts("networks")?);
    let wanted = |list: &Option<Vec<String>>, name: &str| {
        list.as_ref().is_none_or(|it| it.iter().any(|it| it.eq_ignore_ascii_case(name)))
    };
    let context = prices.context;
    let mut coins: BTreeMap<&str, CurrencyBody<'_>> = BTreeMap::new();
    for asset in context.catalog.assets() {
        let is_wanted =
            wanted(&currency, &asset.ticker) && wanted(&networks, asset.network.as_str());
        if !is_wanted || !context.book.terms.contains_key(&asset.id) {
            continue;
        }
        let network = NetworkBody::new(asset, context.catalog.network_of(asset), prices);
        let coin = coins.entry(&asset.ticker).or_insert_with(|| CurrencyBody {
            currency: &asset.ticker,
            alias: &asset.title,
            allow_deposit: false,
            allow_withdrawal: false,
            price_usd: prices.rate(&asset.ticker).map(|it| it.to_string()),
            networks: vec![],
        });
        coin.allow_withdrawal |= network.allow_withdrawal;
        coin.networks.push(network);
    }
    Ok(coins.into_values().collect())
}

impl<'a> NetworkBody<'a> {
    fn new(asset: &'a Asset, network: &'a Network, prices: &Prices<'a>) -> Self {
        let context = prices.context;
        let fee = context.book.network_fee(&asset.id, context.now).ok();
        let minimum = fee.and_then(|it| least(asset, it, prices));
        let sources = &context.book.merchant(prices.merchant).sources;
        let is_source = sources.is_empty() || sources.contains(&asset.id);
        let same_coin = |it: &&Asset| it.ticker == asset.ticker;
        let is_own = sources.is_empty()
            || sources
                .iter()
                .filter_map(|it| context.catalog.asset(it.as_str()))
                .any(|it| same_coin(&it));
        let is_sold = is_own || context.book.conversion.sells.contains(&asset.id);
        Self {
            name: network.id.as_str(),
            alias: &network.title,
            contract: asset.contract.as_deref(),
            address_regex: addresses::form(network),
            tag_regex: addresses::memo_form(network),
            allow_deposit: false,
            allow_withdrawal: fee.is_some(),
            allow_crosschain_bridge: false,
            allow_crosschain_swap_from: false,
            allow_crosschain_swap_to: false,
            allow_auto_swap_from: is_source,
            allow_auto_swap_to: is_sold && fee.is_some(),
            withdrawal_fee: fee.map(|it| asset.text(it)),
            withdrawal_min: minimum.map(|it| asset.text(it)),
            confirmations: confirmations(network),
            under_maintenance: fee.is_none(),
        }
    }
}

/// The least that a withdrawal may be, as far as it is known: see [`domain::command::Least`] and the
/// operator's own bound, and what the network carries.
fn least(asset: &Asset, network_fee: Amount, prices: &Prices<'_>) -> Option<Amount> {
    let Context { settings, .. } = prices.context;
    let times = network_fee.scale(u128::from(settings.network_fees), 1, Rounding::Up)?;
    let least = times.max(prices.context.least(asset).unwrap_or_default());
    if settings.more_than_usd.is_zero() {
        return Some(least);
    }
    let price = prices.rate(&asset.ticker)?;
    let worth = settings.more_than_usd.worth(Rate::ONE, price, asset.decimals, Rounding::Down)?;
    worth.checked_add(Amount::from_units(1)?).map(|it| it.max(least))
}

/// After how many blocks a payment is final; one where the network says so itself.
fn confirmations(network: &Network) -> u32 {
    let count = |name: &str| network.parameters.get(name).and_then(|it| it.parse().ok());
    count("finality_blocks").or_else(|| count("finality")).unwrap_or(1)
}

/// Whether there is a currency of this code, as far as anybody has ever told.
pub(super) fn is_known(currency: &str, context: &Context<'_>) -> bool {
    context.catalog.assets().any(|it| it.ticker == currency)
        || context.book.rates.known().contains(currency)
}

/// The price of a currency.
///
/// # Errors
/// If there is no such currency, or no price that can be relied on.
pub(super) fn price(currency: &str, prices: &Prices<'_>) -> Result<Rate, Refusal> {
    let Context { book, catalog, now, .. } = prices.context;
    let currency = currency.to_ascii_uppercase();
    let source = book.merchant(prices.merchant).rate_source.as_deref();
    match book.rates.price(&currency, source, *now) {
        Ok(price) => Ok(price.usd),
        Err(RateError::Unknown) if !catalog.assets().any(|it| it.ticker == currency) => {
            Err(Refusal::UnknownAsset)
        }
        Err(RateError::Unknown | RateError::Stale | RateError::Disagreement) => {
            Err(Refusal::RateUnknown { currency })
        }
    }
}

/// Prices one currency in another, rounded down.
///
/// # Errors
/// If a currency has no name or price, or no price that can be relied on.
pub(super) fn price_rate(fields: &Fields, prices: &Prices<'_>) -> Result<String, Refusal> {
    let (from, to) = (fields.required("from")?, fields.required("to")?);
    let (from, to) = (price(from, prices)?, price(to, prices)?);
    let too_large = Refusal::AmountTooLarge { maximum: None };
    let one = Amount::from_units(1).unwrap_or_default();
    let rate = from.convert(one, 0, to, PRICE_PLACES, Rounding::Down).ok_or(too_large)?;
    Ok(rate.to_fixed(PRICE_PLACES))
}

/// Whether a text is an address, and what addresses look like.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct AddressCheck {
    is_valid: bool,
    regex: &'static str,
}

/// Checks an address.
///
/// # Errors
/// If a field is missing, or there is no such network.
pub(super) fn check_address(
    fields: &Fields,
    context: &Context<'_>,
) -> Result<AddressCheck, Refusal> {
    let address = fields.required("address")?;
    let name = fields.required("network")?.to_ascii_lowercase();
    let network = context.catalog.network(&name).ok_or(Refusal::UnknownNetwork)?;
    let is_valid = context.rules.parse(network, address, None).is_ok();
    Ok(AddressCheck { is_valid, regex: addresses::form(network) })
}
