//! Terms: what the configuration says, and what networks charge at the moment.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, anyhow};
use domain::{
    Timestamp,
    catalog::{Asset, Catalog},
    ids::AssetId,
    money::Amount,
    ports::Unreachable,
    quote::{AssetTerms, ConversionTerms, FeePlan, MerchantTerms, PriceBook, fee_in_asset},
};

use crate::{
    app::App,
    config::{Config, NetworkFeePayer},
};

/// How old a network fee may be before it is refused instead of used, in milliseconds.
const FEE_AGE_MS_MAX: u64 = 10 * 60 * 1_000;
/// How long an approval may take, in milliseconds: a day.
const APPROVAL_MS: u64 = 24 * 60 * 60 * 1_000;

/// What the configuration says about terms.
pub(crate) struct Pricing {
    /// Everything but network fees, for every asset of a network that has a lane.
    base: PriceBook,
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
        let percent = config.fees.percent.as_deref().unwrap_or("0");
        let parts_per_million = parts_per_million(percent)
            .with_context(|| format!("{percent:?} must lie between 0 and 100"))
            .with_context(|| config.place(&["fees", "percent"]))?;
        let sums = Sums::read_all(config, catalog)?;
        let mut base = PriceBook {
            age_ms_max: FEE_AGE_MS_MAX,
            approval_ms: APPROVAL_MS,
            ..PriceBook::default()
        };
        for asset in assets {
            let sums = sums.get(&asset.id).copied().unwrap_or_default();
            let fixed = sums.fixed.unwrap_or_default();
            let terms = AssetTerms {
                fee_plan: FeePlan { parts_per_million, fixed, minimum: Amount::ZERO },
                network_fee: None,
                amount_min: sums.min,
                amount_max: sums.max,
            };
            base.terms.insert(asset.id.clone(), terms);
        }
        Ok(Self { base, payer: config.fees.network_fee })
    }

    /// The terms before any network was asked.
    pub(crate) fn initial(&self) -> PriceBook {
        self.base.clone()
    }

    /// Sets how the house exchanges, and what is agreed with a merchant.
    pub(crate) fn agree(
        &mut self,
        conversion: ConversionTerms,
        merchant: &str,
        agreed: MerchantTerms,
    ) {
        self.base.conversion = conversion;
        self.base.merchants.insert(merchant.to_owned(), agreed);
    }

    /// Asks the networks and puts new terms in place; says whether all answered.
    pub(crate) async fn renew(&self, app: &App, now: Timestamp) -> bool {
        let before = app.book();
        let mut book = self.initial();
        let mut silent = BTreeSet::new();
        book.rates = app.rates();
        let rates = book.rates.clone();
        let price = |ticker: &str| rates.price(ticker, None, now).ok().map(|it| it.usd);
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
                Ok(fee) => {
                    fee_in_asset(&app.catalog, &price, fee, fee_asset, id).map(|fee| (fee, now))
                }
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

/// Sums of one asset, as configured.
#[derive(Clone, Copy, Default)]
struct Sums {
    fixed: Option<Amount>,
    min: Option<Amount>,
    max: Option<Amount>,
}

impl Sums {
    /// Reads the sums of every asset that `fees.fixed` or `limits` names.
    fn read_all(config: &Config, catalog: &Catalog) -> anyhow::Result<BTreeMap<AssetId, Self>> {
        let decimals = |keys: &[&str], id: &str| {
            let place = || config.place(keys);
            let asset = catalog.asset(id).map(|it| it.decimals);
            asset
                .ok_or_else(|| anyhow!("{}: there is no such asset; write TICKER@network", place()))
        };
        let read = |keys: &[&str], text: &str, decimals| {
            Amount::parse(text, decimals)
                .map_err(|error| anyhow!("{}: {text:?} is {error}", config.place(keys)))
        };
        let mut all: BTreeMap<AssetId, Self> = BTreeMap::new();
        for (id, text) in &config.fees.fixed {
            let keys = ["fees", "fixed", id];
            let fixed = read(&keys, text, decimals(&keys, id)?)?;
            all.entry(AssetId::new(id)).or_default().fixed = Some(fixed);
        }
        for (id, limits) in &config.limits {
            let decimals = decimals(&["limits", id], id)?;
            let limit = |key, text: &Option<String>| {
                text.as_ref().map(|text| read(&["limits", id, key], text, decimals)).transpose()
            };
            let sums = all.entry(AssetId::new(id)).or_default();
            sums.min = limit("min", &limits.min)?;
            sums.max = limit("max", &limits.max)?;
            anyhow::ensure!(
                sums.max.is_none_or(|max| sums.min.is_none_or(|min| min <= max)),
                "{}: min is more than max: nothing could be paid",
                config.place(&["limits", id])
            );
        }
        Ok(all)
    }
}

fn parts_per_million(percent: &str) -> Option<u32> {
    let millionths = Amount::parse(percent, 4).ok()?.units();
    u32::try_from(millionths).ok().filter(|it| *it <= 1_000_000)
}
