//! Values of the configuration, read with the catalog at hand; errors say where the value stands.

use anyhow::{Context as _, anyhow, ensure};
use axum::http::Uri;
use domain::{
    catalog::{Asset, Catalog},
    money::Amount,
};

use crate::config::Config;

/// What values are read with.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    /// What is read.
    pub(super) config: &'a Config,
    /// What it may name.
    pub(super) catalog: &'a Catalog,
}

impl<'a> Reader<'a> {
    /// An error that says where.
    pub(super) fn wrong(self, keys: &[&str], what: &str) -> anyhow::Error {
        anyhow!("{}: {what}", self.config.place(keys))
    }

    /// An asset by its identifier.
    pub(super) fn asset(self, keys: &[&str], id: &str) -> anyhow::Result<&'a Asset> {
        let asset = self.catalog.asset(id);
        asset.ok_or_else(|| {
            self.wrong(keys, &format!("there is no asset {id:?}; write TICKER@network"))
        })
    }

    /// A ticker that some asset has.
    pub(super) fn ticker(self, keys: &[&str], ticker: &str) -> anyhow::Result<()> {
        let is_known = self.catalog.assets().any(|it| it.ticker == ticker);
        ensure!(is_known, self.wrong(keys, &format!("no asset has the ticker {ticker:?}")));
        Ok(())
    }

    /// An amount of an asset.
    pub(super) fn amount(self, keys: &[&str], text: &str, asset: &Asset) -> anyhow::Result<Amount> {
        Amount::parse(text, asset.decimals).map_err(|error| {
            self.wrong(keys, &format!("{text:?} is no amount of {}: {error}", asset.id))
        })
    }

    /// A percentage, in millionths; nothing if it is left out.
    pub(super) fn percent(self, keys: &[&str], text: Option<&str>) -> anyhow::Result<u32> {
        text.map_or(Ok(0), |text| parts_per_million(self.config, keys, text))
    }

    /// A time that is neither nothing nor longer than makes sense.
    pub(super) fn milliseconds(self, keys: &[&str], ms: u64, ms_max: u64) -> anyhow::Result<u64> {
        let what = format!("it must be at least 1 and at most {ms_max}");
        ensure!((1..=ms_max).contains(&ms), self.wrong(keys, &what));
        Ok(ms)
    }
}

/// Reads a percentage as millionths.
///
/// # Errors
/// Says where it stands and what it must be.
pub(crate) fn parts_per_million(config: &Config, keys: &[&str], text: &str) -> anyhow::Result<u32> {
    let millionths = Amount::parse(text, 4).ok().and_then(|it| u32::try_from(it.units()).ok());
    millionths
        .filter(|it| *it <= 1_000_000)
        .with_context(|| {
            format!("{text:?} must lie between 0 and 100; write \"0.5\" for half a percent")
        })
        .with_context(|| config.place(keys))
}

/// Whether something can be posted there.
pub(crate) fn is_web_address(text: &str) -> bool {
    let url = text.parse::<Uri>().ok().filter(|it| it.host().is_some());
    url.is_some_and(|it| matches!(it.scheme_str(), Some("http" | "https")))
}
