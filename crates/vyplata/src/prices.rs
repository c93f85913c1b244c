//! Terms: what the configuration says, and what networks charge at the moment.

use std::collections::BTreeSet;

use domain::{
    Timestamp,
    catalog::{Asset, Catalog},
    ids::{AssetId, NetworkId},
    money::Amount,
    ports::{Rail, Unreachable},
    quote::{AssetTerms, PriceBook, fee_in_asset},
};

use crate::{
    app::App,
    config::{Config, NetworkFeePayer},
    terms,
};

/// What the configuration says about terms.
pub(crate) struct Pricing {
    /// Everything but network fees, for every asset of a network that has a lane.
    base: PriceBook,
    payer: NetworkFeePayer,
    /// How many sources of rates there are to hear.
    sources: usize,
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
        let base = terms::read(config, catalog, assets)?;
        let sources = config.rate_sources.names.len();
        Ok(Self { base, payer: config.fees.network_fee, sources })
    }

    /// The terms before any network was asked.
    pub(crate) fn initial(&self) -> PriceBook {
        self.base.clone()
    }

    /// Asks the networks and puts new terms in place; says whether all answered.
    pub(crate) async fn renew(&self, app: &App, now: Timestamp) -> bool {
        let before = app.book();
        let mut book = self.initial();
        let mut answers = Answers::default();
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
                NetworkFeePayer::Merchant => answers.ask(&app.catalog, &*work.rail, asset).await,
            };
            let fee_asset = &app.catalog.network_of(asset).fee_asset;
            let found = match fee {
                Ok(fee) => fee_in_asset(&app.catalog, &price, fee, fee_asset, id),
                Err(Unreachable) => None,
            };
            // What was known stays good until it is too old, whether network or prices are silent.
            let known = before.terms.get(id).and_then(|it| it.network_fee);
            terms.network_fee = found.map(|fee| (fee, now)).or(known);
        }
        let Answers { silent, stopped } = answers;
        let complete = silent.is_empty();
        // An asset whose fee cannot be priced at all is not one that this installation pays. It
        // cannot if everybody has been heard who could say more. One that is stopped is none until
        // it is not; the log was told why.
        let heard = rates.sources().count() >= self.sources;
        let priced = |id: &AssetId, terms: &AssetTerms| {
            terms.network_fee.is_some() || !(complete && heard || stopped.contains(id))
        };
        let unpriced: Vec<&str> = book
            .terms
            .iter()
            .filter(|(id, terms)| !priced(id, terms) && !stopped.contains(*id))
            .filter(|(id, _)| before.terms.contains_key(*id))
            .map(|(id, _)| id.as_str())
            .collect();
        if !unpriced.is_empty() {
            let assets = unpriced.join(", ");
            tracing::warn!(
                assets,
                "not paid: neither a rate source nor [rates] has a price of them, or of the coin \
                 that their network's fee is paid in"
            );
        }
        book.terms.retain(|id, terms| priced(id, terms));
        app.set_book(book);
        complete
    }
}

/// Who did not answer in one round of questions.
#[derive(Default)]
struct Answers {
    /// Networks that are not asked any more.
    silent: BTreeSet<NetworkId>,
    /// Assets that are not paid at the moment, of networks that do answer.
    stopped: BTreeSet<AssetId>,
}

impl Answers {
    /// Asks what a payout of an asset costs. One question without an answer is enough for each
    /// network, unless it is one asset only that has none: then the network's coin has.
    async fn ask(
        &mut self,
        catalog: &Catalog,
        rail: &dyn Rail,
        asset: &Asset,
    ) -> Result<Amount, Unreachable> {
        if self.silent.contains(&asset.network) {
            return Err(Unreachable);
        }
        let answer = rail.quote_fee(asset).await;
        if answer.is_err() {
            let coin = catalog.asset(catalog.network_of(asset).fee_asset.as_str());
            let coin = coin.filter(|it| it.id != asset.id);
            let network_answers = match coin {
                Some(coin) => rail.quote_fee(coin).await.is_ok(),
                None => false,
            };
            if network_answers {
                self.stopped.insert(asset.id.clone());
            } else {
                self.silent.insert(asset.network.clone());
            }
        }
        answer
    }
}
