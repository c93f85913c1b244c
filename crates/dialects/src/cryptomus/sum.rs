//! Sums of a coin over its networks, which may count it in different smallest units.

use std::collections::BTreeMap;

use domain::{
    catalog::Catalog,
    ids::AssetId,
    money::{Amount, Rate, Rounding},
};

use crate::decimal::with_places;

/// How many places amounts of webhooks, balances and terms have at least.
pub(super) const PLACES: usize = 8;

/// A sum of a coin.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sum {
    units: Amount,
    places: u8,
}

impl Sum {
    /// Adds an amount of the same coin; `None` if the result is too large to be written.
    pub(super) fn add(self, amount: Amount, places: u8) -> Option<Self> {
        let common = self.places.max(places);
        let widen = |amount, from| Rate::ONE.price(amount, from, common, Rounding::Down);
        let units = widen(self.units, self.places)?.checked_add(widen(amount, places)?)?;
        Some(Self { units, places: common })
    }

    /// Prints it with at least [`PLACES`].
    pub(super) fn text(self) -> String {
        with_places(&self.units.to_text(self.places), PLACES)
    }

    /// What it is worth at a price in US dollars, rounded down to [`PLACES`].
    pub(super) fn worth(self, usd: Rate) -> Option<String> {
        let worth = usd.price(self.units, self.places, 8, Rounding::Down)?;
        Some(worth.to_fixed(8))
    }
}

/// Sums balances by ticker. A sum that is too large to be written is left out.
pub(super) fn by_ticker<'a>(
    rows: &[(AssetId, Amount)],
    catalog: &'a Catalog,
) -> BTreeMap<&'a str, Sum> {
    let mut sums: BTreeMap<&str, Option<Sum>> = BTreeMap::new();
    for (id, amount) in rows {
        let Some(asset) = catalog.asset(id.as_str()) else { continue };
        let sum = sums.entry(&asset.ticker).or_insert_with(|| Some(Sum::default()));
        *sum = sum.and_then(|it| it.add(*amount, asset.decimals));
    }
    sums.into_iter().filter_map(|(ticker, sum)| Some((ticker, sum?))).collect()
}
