//! Fees and limits of assets, and the plans that are agreed instead.

use std::collections::BTreeMap;

use anyhow::ensure;
use domain::{catalog::Asset, ids::AssetId, money::Amount, quote::FeePlan};

use super::{reader::Reader, scope::Scope};

/// Sums of one asset, as everybody is charged.
#[derive(Clone, Copy, Default)]
pub(super) struct Sums {
    fixed: Amount,
    minimum: Amount,
    pub(super) limit_min: Option<Amount>,
    pub(super) limit_max: Option<Amount>,
}

impl Sums {
    /// Reads the sums of every asset that is named, whether or not it is paid.
    pub(super) fn read_all(read: &Reader<'_>) -> anyhow::Result<BTreeMap<AssetId, Self>> {
        let config = read.config;
        let mut all: BTreeMap<AssetId, Self> = BTreeMap::new();
        let sum =
            |keys: &[&str], id: &str, text: &str| read.amount(keys, text, read.asset(keys, id)?);
        for (id, text) in &config.fees.fixed {
            let fixed = sum(&["fees", "fixed", id], id, text)?;
            all.entry(AssetId::new(id)).or_default().fixed = fixed;
        }
        for (id, text) in &config.fees.minimum {
            let minimum = sum(&["fees", "minimum", id], id, text)?;
            all.entry(AssetId::new(id)).or_default().minimum = minimum;
        }
        for (id, limits) in &config.limits {
            let asset = read.asset(&["limits", id], id)?;
            let limit = |key, text: &Option<String>| {
                let text = text.as_ref();
                text.map(|text| read.amount(&["limits", id, key], text, asset)).transpose()
            };
            let sums = all.entry(asset.id.clone()).or_default();
            sums.limit_min = limit("min", &limits.min)?;
            sums.limit_max = limit("max", &limits.max)?;
            let is_range = sums.limit_max.is_none_or(|it| sums.limit_min.unwrap_or_default() <= it);
            let what = "min is more than max: nothing could be paid";
            ensure!(is_range, read.wrong(&["limits", id], what));
        }
        Ok(all)
    }

    /// What everybody is charged.
    pub(super) fn plan(self, parts_per_million: u32) -> FeePlan {
        FeePlan { parts_per_million, fixed: self.fixed, minimum: self.minimum }
    }
}

/// A plan that is agreed, for the assets of its scope that are paid.
struct Agreed<'a> {
    merchant: &'a str,
    scope: Scope,
    plans: BTreeMap<AssetId, FeePlan>,
}

/// All plans that are agreed.
pub(super) struct Plans<'a>(Vec<Agreed<'a>>);

impl<'a> Plans<'a> {
    pub(super) fn read(read: &Reader<'a>, paid: &[&Asset]) -> anyhow::Result<Self> {
        let mut all: Vec<Agreed<'a>> = vec![];
        for (index, plan) in read.config.fees.plans.iter().enumerate() {
            let number = (index + 1).to_string();
            let keys = ["fees", "plan", &number];
            let scope = match &plan.asset {
                None => Scope::All,
                Some(text) => Scope::read(*read, &[&keys[..], &["asset"]].concat(), text)?,
            };
            let sums = [("fixed", &plan.fixed), ("minimum", &plan.minimum)];
            let says_nothing = plan.percent.is_none() && sums.iter().all(|it| it.1.is_none());
            let what = "it has neither percent nor fixed nor minimum; write percent = \"0\" if \
                        nothing is charged";
            ensure!(!says_nothing, read.wrong(&keys, what));
            for (key, _) in sums.iter().filter(|it| it.1.is_some()) {
                let what = "a sum needs an asset; write TICKER@network, or a ticker";
                let keys = [&keys[..], &[key]].concat();
                ensure!(scope.is_one_coin(), read.wrong(&keys, what));
            }
            let merchant = plan.merchant.as_str();
            let twice = all.iter().any(|it| it.merchant == merchant && it.scope == scope);
            let what = format!("there is another plan of {merchant:?} for the same assets");
            ensure!(!twice, read.wrong(&keys, &what));
            let percent = [&keys[..], &["percent"]].concat();
            let parts_per_million = read.percent(&percent, plan.percent.as_deref())?;
            let mut agreed = Agreed { merchant, scope, plans: BTreeMap::new() };
            // Sums are read for every asset of the scope, paid or not, so that a mistake is found
            // before it matters.
            for asset in read.catalog.assets().filter(|it| agreed.scope.has(it)) {
                let sum = |(key, text): (&str, &Option<String>)| {
                    let keys = [&keys[..], &[key]].concat();
                    let text = text.as_ref();
                    text.map_or(Ok(Amount::ZERO), |it| read.amount(&keys, it, asset))
                };
                let (fixed, minimum) = (sum(sums[0])?, sum(sums[1])?);
                if paid.iter().any(|it| it.id == asset.id) {
                    let plan = FeePlan { parts_per_million, fixed, minimum };
                    agreed.plans.insert(asset.id.clone(), plan);
                }
            }
            all.push(agreed);
        }
        // The most specific one counts, and it is the last to be put in.
        all.sort_by(|one, other| one.scope.cmp(&other.scope));
        Ok(Self(all))
    }

    /// The merchants that plans are agreed with.
    pub(super) fn merchants(&self) -> impl Iterator<Item = &'a str> {
        self.0.iter().map(|it| it.merchant)
    }

    /// What one merchant is charged, where that is agreed.
    pub(super) fn of(&self, merchant: &str) -> impl Iterator<Item = (AssetId, FeePlan)> {
        let of_merchant = self.0.iter().filter(move |it| it.merchant == merchant);
        of_merchant.flat_map(|it| it.plans.clone())
    }
}
