//! The merchant's balance, as `OnchainPay` shows it: one sum in US dollars, and what is charged.

use domain::{
    catalog::Asset,
    ids::{AssetId, MerchantId},
    money::{Amount, Decimal, Rate, Rounding},
};
use schemars::JsonSchema;
use serde::Serialize;

use super::{currencies, wire::USD_PLACES};
use crate::{
    Context,
    identity::{uuid_named, uuid_of},
};

/// The provider's prepaid balance in US dollars, which its published clients ask for before
/// anything else. Here it is what all coins of the merchant are worth.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct AdvancedBalance {
    #[serde(rename = "advancedBalanceId")]
    id: String,
    currency: &'static str,
    blocked: bool,
    block_reason: Option<()>,
    balance: String,
    available_currencies_for_deposit: [(); 0],
    tariffs: Vec<Tariff>,
}

/// What is charged for withdrawals.
#[derive(PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Tariff {
    id: String,
    action: &'static str,
    amount: String,
    #[schemars(extend("enum" = ["PERCENT", "FIXED"]))]
    r#type: &'static str,
    min_amount: String,
    max_amount: Option<()>,
    invoice_additional_fee: bool,
}

/// The identifier of a merchant's balance.
pub(super) fn balance_id(merchant: MerchantId) -> String {
    uuid_of(merchant.0)
}

impl AdvancedBalance {
    /// Adds up what a merchant has. Coins without a price that can be relied on are left out.
    pub(super) fn new(
        merchant: MerchantId,
        name: &str,
        available: &[(AssetId, Amount)],
        context: &Context<'_>,
    ) -> Self {
        let prices = Prices { context, merchant: name };
        let worth = |(id, amount): &(AssetId, Amount)| {
            prices.usd(context.catalog.asset(id.as_str())?, *amount, Rounding::Down)
        };
        let add = |sum: Amount, it: Amount| sum.checked_add(it).unwrap_or(Amount::MAX);
        let sum = available.iter().filter_map(worth).fold(Amount::ZERO, add);
        Self {
            id: balance_id(merchant),
            currency: "USD",
            blocked: false,
            block_reason: None,
            balance: sum.to_text(USD_PLACES),
            available_currencies_for_deposit: [],
            tariffs: tariffs(&prices),
        }
    }
}

/// The prices that count for a merchant.
pub(super) struct Prices<'a> {
    /// What is known.
    pub(super) context: &'a Context<'a>,
    /// The merchant's name.
    pub(super) merchant: &'a str,
}

impl Prices<'_> {
    /// The price of a whole coin.
    pub(super) fn rate(&self, ticker: &str) -> Option<Rate> {
        currencies::price(ticker, self).ok()
    }

    /// What so much of an asset is worth, in units of [`USD_PLACES`] places.
    pub(super) fn usd(&self, asset: &Asset, amount: Amount, rounding: Rounding) -> Option<Amount> {
        self.rate(&asset.ticker)?.price(amount, asset.decimals, USD_PLACES, rounding)
    }
}

/// What a merchant is charged, each way of charging once: plans differ between coins, and sums are
/// in US dollars here.
fn tariffs(prices: &Prices<'_>) -> Vec<Tariff> {
    let book = prices.context.book;
    let mut tariffs: Vec<Tariff> = vec![];
    for asset in prices.context.catalog.assets() {
        let Some(plan) = book.fee_plan(prices.merchant, &asset.id) else { continue };
        let usd = |amount: Amount| {
            let worth = prices.usd(asset, amount, Rounding::Up)?;
            Some(worth.to_text(USD_PLACES))
        };
        let Some(least) = usd(plan.minimum).or(plan.minimum.is_zero().then(|| "0".to_owned()))
        else {
            continue;
        };
        let percent = Amount::from_units(u128::from(plan.parts_per_million));
        let percent = percent.filter(|it| !it.is_zero());
        let percent = percent.map(|it| Decimal::new(it, 4).to_string());
        let fixed = usd(plan.fixed).filter(|_| !plan.fixed.is_zero());
        let found = [("PERCENT", percent), ("FIXED", fixed)];
        for (kind, amount) in found.into_iter().filter_map(|(kind, it)| Some((kind, it?))) {
            let tariff = Tariff {
                id: uuid_named(&format!("tariff {kind} {amount} {least}")),
                action: "PAYOUT_WITHDRAWAL",
                amount,
                r#type: kind,
                min_amount: least.clone(),
                max_amount: None,
                invoice_additional_fee: false,
            };
            if !tariffs.contains(&tariff) {
                tariffs.push(tariff);
            }
        }
    }
    tariffs
}
