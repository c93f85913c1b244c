//! Terms: what the configuration says, and what networks charge at the moment.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, anyhow};
use domain::{
    Timestamp,
    catalog::{Asset, Catalog},
    ids::AssetId,
    money::{Amount, Rate},
    ports::Unreachable,
    quote::{AssetTerms, FeePlan, PriceBook, fee_in_asset},
};

use crate::{
    app::App,
    config::{Config, NetworkFeePayer},
};

/// How old a network fee may be before it is refused instead of used, in milliseconds.
const FEE_AGE_MS_MAX: u64 = 10 * 60 * 1_000;

/// What the configuration says about terms.
pub(crate) struct Pricing {
    /// Terms without network fees, for every asset of a network that has a lane.
    base: BTreeMap<AssetId, AssetTerms>,
    usd_rates: BTreeMap<String, Rate>,
    payer: NetworkFeePayer,
}

impl Pricing {
    /// Reads terms for `assets` from the configuration.
    ///
    /// # Errors
    /// Names the key that cannot be read.
    pub(crate) fn read<'a>(
        config: &Config,
        catalog: &Catalog,
        assets: impl Iterator<Item = &'a Asset>,
    ) -> anyhow::Result<Self> {
        let mut usd_rates = BTreeMap::new();
        for (ticker, text) in &config.rates {
            let rate = Rate::parse(text);
            let place = || config.place(&["rates", ticker]);
            let rate = rate.ok_or_else(|| anyhow!("{}: {text:?} is not a price", place()))?;
            usd_rates.insert(ticker.clone(), rate);
        }
        let fixed = config.fees.fixed.keys().map(|id| vec!["fees", "fixed", id]);
        for keys in fixed.chain(config.limits.keys().map(|id| vec!["limits", id])) {
            anyhow::ensure!(
                keys.last().is_some_and(|id| catalog.asset(id).is_some()),
                "{}: there is no such asset; write TICKER@network",
                config.place(&keys)
            );
        }
        let percent = config.fees.percent.as_deref().unwrap_or("0");
        let parts_per_million = parts_per_million(percent)
            .with_context(|| format!("{percent:?} must lie between 0 and 100"))
            .with_context(|| config.place(&["fees", "percent"]))?;
        let mut base = BTreeMap::new();
        for asset in assets {
            let limits = config.limits.get(asset.id.as_str()).cloned().unwrap_or_default();
            let id = asset.id.as_str();
            let read = |keys: &[&str], text: Option<&String>| {
                text.map(|text| {
                    Amount::parse(text, asset.decimals)
                        .map_err(|error| anyhow!("{}: {text:?} is {error}", config.place(keys)))
                })
                .transpose()
            };
            let fixed = read(&["fees", "fixed", id], config.fees.fixed.get(id))?;
            let terms = AssetTerms {
                fee_plan: FeePlan { parts_per_million, fixed: fixed.unwrap_or_default() },
                network_fee: None,
                amount_min: read(&["limits", id, "min"], limits.min.as_ref())?,
                amount_max: read(&["limits", id, "max"], limits.max.as_ref())?,
                usd_rate: usd_rates.get(&asset.ticker).copied(),
            };
            base.insert(asset.id.clone(), terms);
        }
        Ok(Self { base, usd_rates, payer: config.fees.network_fee })
    }

    /// The terms before any network was asked.
    pub(crate) fn initial(&self) -> PriceBook {
        PriceBook { terms: self.base.clone(), age_ms_max: FEE_AGE_MS_MAX }
    }

    /// Asks the networks and puts new terms in place; says whether all answered.
    pub(crate) async fn renew(&self, app: &App, now: Timestamp) -> bool {
        let before = app.book();
        let mut book = self.initial();
        let mut silent = BTreeSet::new();
        for (id, terms) in &mut book.terms {
            let Some(asset) = app.catalog.asset(id.as_str()) else { continue };
            let Some(work) = app.lanes.iter().find(|it| it.network == asset.network) else {
                continue;
            };
            let fee = match self.payer {
                NetworkFeePayer::House => Ok(Amount::ZERO),
                // One question without an answer is enough for each network and round.
                NetworkFeePayer::Merchant if silent.contains(&asset.network) => Err(Unreachable),
                NetworkFeePayer::Merchant => work.rail.quote_fee(asset).await,
            };
            let fee_asset = &app.catalog.network_of(asset).fee_asset;
            terms.network_fee = match fee {
                Ok(fee) => fee_in_asset(&app.catalog, &self.usd_rates, fee, fee_asset, id)
                    .map(|fee| (fee, now)),
                // What was known stays good until it is too old.
                Err(Unreachable) => {
                    silent.insert(asset.network.clone());
                    before.terms.get(id).and_then(|it| it.network_fee)
                }
            };
        }
        let complete = silent.is_empty();
        // An asset whose fee cannot be priced at all is not one that this installation pays.
        let priced = |terms: &AssetTerms| terms.network_fee.is_some() || !complete;
        let unpriced: Vec<&str> = book
            .terms
            .iter()
            .filter(|(id, terms)| !priced(terms) && before.terms.contains_key(*id))
            .map(|(id, _)| id.as_str())
            .collect();
        if !unpriced.is_empty() {
            let assets = unpriced.join(", ");
            tracing::info!(assets, "not payable: [rates] has no price for them or their fee coin");
        }
        book.terms.retain(|_, terms| priced(terms));
        app.set_book(book);
        complete
    }
}

fn parts_per_million(percent: &str) -> Option<u32> {
    let millionths = Amount::parse(percent, 4).ok()?.units();
    u32::try_from(millionths).ok().filter(|it| *it <= 1_000_000)
}
