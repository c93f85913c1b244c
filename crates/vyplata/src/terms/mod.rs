//! What the configuration says about money: who is charged what, what the house exchanges and at
//! which terms, and what is agreed with single merchants.

mod conversion;
mod fees;
mod merchants;
mod reader;
mod scope;

use dialects::Settings;
use domain::{
    catalog::{Asset, Catalog},
    money::Decimal,
    quote::{AssetTerms, PriceBook},
};

use self::{fees::Sums, reader::Reader};
use crate::config::Config;

pub(crate) use self::reader::{is_web_address, parts_per_million};

/// How old a network fee may be before it is refused instead of used, in milliseconds.
const FEE_AGE_MS_MAX: u64 = 10 * 60 * 1_000;
/// How long an approval may take unless configured, in milliseconds: a day.
const APPROVAL_MS: u64 = 24 * 60 * 60 * 1_000;
/// The longest that it may be allowed to take: a year.
const APPROVAL_MS_MAX: u64 = 365 * APPROVAL_MS;

/// Everything but prices and network fees, for all `assets` that are paid.
///
/// # Errors
/// Names the key that cannot be read.
pub(crate) fn read<'a>(
    config: &Config,
    catalog: &Catalog,
    assets: impl Iterator<Item = &'a Asset>,
) -> anyhow::Result<PriceBook> {
    let paid: Vec<&Asset> = assets.collect();
    let read = Reader { config, catalog };
    let sums = Sums::read_all(&read)?;
    let parts_per_million = read.percent(&["fees", "percent"], config.fees.percent.as_deref())?;
    let terms = paid.iter().map(|asset| {
        let sums = sums.get(&asset.id).copied().unwrap_or_default();
        let terms = AssetTerms {
            fee_plan: sums.plan(parts_per_million),
            network_fee: None,
            amount_min: sums.limit_min,
            amount_max: sums.limit_max,
        };
        (asset.id.clone(), terms)
    });
    let (everybody, merchants) = merchants::read(&read, &paid)?;
    Ok(PriceBook {
        terms: terms.collect(),
        age_ms_max: FEE_AGE_MS_MAX,
        conversion: conversion::read(&read, &paid)?,
        merchants,
        everybody,
        approval_ms: read.milliseconds(
            &["approvals", "timeout_ms"],
            config.approvals.timeout_ms.unwrap_or(APPROVAL_MS),
            APPROVAL_MS_MAX,
        )?,
        ..PriceBook::default()
    })
}

/// What the operator has set in the dialects.
///
/// # Errors
/// Names the key that cannot be read.
pub(crate) fn settings(config: &Config) -> anyhow::Result<Settings> {
    let (set, usual) = (&config.dialects.onchainpay, Settings::default());
    let more_than_usd = match &set.more_than_usd {
        None => usual.more_than_usd,
        Some(text) => Decimal::parse(text).map_err(|error| {
            let place = config.place(&["dialects", "onchainpay", "more_than_usd"]);
            anyhow::anyhow!("{place}: {text:?} is {error}")
        })?,
    };
    let network_fees = set.network_fees.unwrap_or(usual.network_fees);
    Ok(Settings { more_than_usd, network_fees })
}
