//! What is known of prices and fees at one moment: a model of its own of what sources told, and the
//! book that is made of it.

use std::collections::BTreeMap;

use domain::{
    Timestamp,
    ids::AssetId,
    money::Rate,
    quote::PriceBook,
    rates::{RateBook, RateRules},
};

use crate::{
    faults::{Fault, Faults},
    scene,
};

/// Who tells prices.
pub(crate) const SOURCES: [&str; 3] = ["alpha", "beta", "gamma"];
/// How old a price may be.
pub(crate) const PRICE_AGE_MS: u64 = 30_000;
/// How old a network's fee may be.
pub(crate) const FEE_AGE_MS: u64 = 60_000;
/// How far a price may lie from the middle, in millionths of it.
const APART_PPM: u64 = 50_000;
/// The operator's own prices, in millionths of a dollar. Nobody can change the dollar's.
const FIXED: [(&str, u64); 3] = [("USD", 1_000_000), ("EUR", 1_080_000), ("TOKEN", 998_500)];
/// What sources tell, about, in millionths of a dollar, and how many of the sources know it.
const OBSERVED: [(&str, u64, usize); 2] = [("COIN", 2_500_000, 3), ("RUB", 11_000, 1)];

/// A price in millionths of a dollar, who told it, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) source: &'static str,
    pub(crate) millionths: u64,
    pub(crate) at: Timestamp,
}

/// What is known at one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Market {
    told: BTreeMap<(&'static str, &'static str), Told>,
    fees: BTreeMap<AssetId, (u128, Timestamp)>,
    pub(crate) book: PriceBook,
}

impl Market {
    /// Everybody has told everything.
    pub(crate) fn open(faults: &Faults, now: Timestamp) -> Self {
        let mut market = Self::default();
        market.renew(faults, now);
        market
    }

    /// Everybody tells everything again.
    pub(crate) fn renew(&mut self, faults: &Faults, now: Timestamp) {
        for (place, source) in SOURCES.into_iter().enumerate() {
            self.tell(faults, (place, source), now);
        }
        for asset in scene::paid_assets() {
            self.fees.insert(asset.clone(), (12 * scene::scale(&asset), now));
        }
        self.write();
    }

    /// Some of what is known may be told anew, or not.
    pub(crate) fn pass(&mut self, faults: &Faults, now: Timestamp) {
        for (place, source) in SOURCES.into_iter().enumerate() {
            if faults.chance(13) && !faults.strikes(Fault::PricesLost) {
                self.tell(faults, (place, source), now);
            }
        }
        for asset in scene::paid_assets() {
            if faults.chance(15) && !faults.strikes(Fault::FeeNotFound) {
                let units = u128::from(8 + faults.below(9)) * scene::scale(&asset);
                self.fees.insert(asset, (units, now));
            }
        }
        self.write();
    }

    fn tell(&mut self, faults: &Faults, (place, source): (usize, &'static str), now: Timestamp) {
        for (currency, about, known_to) in OBSERVED {
            if place < known_to {
                let mut millionths = about - about / 100 + faults.below(about / 50);
                if faults.strikes(Fault::WrongPrice) {
                    millionths += about / 2 + faults.below(about / 3);
                }
                self.told.insert((currency, source), Told { source, millionths, at: now });
            }
        }
    }

    /// Makes the book that decisions rest on.
    fn write(&mut self) {
        let rules = RateRules { age_ms_max: PRICE_AGE_MS, deviation_ppm_max: 50_000 };
        let mut rates = RateBook::new(rules);
        for (currency, millionths) in &FIXED[1..] {
            rates.fix(currency, rate(*millionths));
        }
        for ((currency, source), told) in &self.told {
            rates.observe(source, &[((*currency).to_owned(), rate(told.millionths))], told.at);
        }
        self.book = PriceBook { rates, ..scene::book() };
        for (asset, terms) in &mut self.book.terms {
            let fee = self.fees.get(asset);
            terms.network_fee = fee.map(|(units, at)| (scene::amount(*units), *at));
        }
    }

    /// The price of a currency that may be used, by one source or by all.
    pub(crate) fn price(
        &self,
        currency: &str,
        source: Option<&str>,
        now: Timestamp,
    ) -> Option<Told> {
        if let Some((_, millionths)) = FIXED.iter().find(|it| it.0 == currency) {
            return Some(Told { source: "fixed", millionths: *millionths, at: now });
        }
        let told = self.told.iter().filter(|it| it.0.0 == currency).map(|it| *it.1);
        let mut fresh: Vec<Told> =
            told.filter(|it| it.at <= now && now.0 - it.at.0 <= PRICE_AGE_MS).collect();
        fresh.sort_by_key(|it| (it.millionths, it.source));
        let middle = fresh.get(fresh.len().saturating_sub(1) / 2)?.millionths;
        let is_near = |it: &Told| it.millionths.abs_diff(middle) * 1_000_000 <= middle * APART_PPM;
        if fresh.len() == 2 && !fresh.iter().all(is_near) {
            return None;
        }
        fresh.retain(|it| is_near(it) && source.is_none_or(|source| it.source == source));
        fresh.get(fresh.len().saturating_sub(1) / 2).copied()
    }

    /// What paying an asset is charged for the network's fee, unless that is not known any more.
    pub(crate) fn fee(&self, asset: &AssetId, now: Timestamp) -> Option<u128> {
        let (units, at) = self.fees.get(asset)?;
        (now.0.saturating_sub(at.0) <= FEE_AGE_MS).then_some(*units)
    }
}

fn rate(millionths: u64) -> Rate {
    let text = format!("{}.{:06}", millionths / 1_000_000, millionths % 1_000_000);
    Rate::parse(&text).expect("prices here are positive")
}
