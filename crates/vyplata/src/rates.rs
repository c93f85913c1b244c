//! Exchange rates: which sources the configuration names, and what they say.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use anyhow::{anyhow, ensure};
use domain::{
    Timestamp,
    catalog::Catalog,
    money::Rate,
    ports::{RateSource, Unreachable},
    rates::{RateBook, RateRules},
};
use net::{Client, Guard, Reach};
use rates::{Access, NAMES, SourceError, Wanted, binancep2p, fetch_all};

use crate::{app::App, config::Config, terms::parts_per_million};

/// How often sources are asked unless configured, in milliseconds.
const REFRESH_MS: u64 = 30_000;
/// How often they may be asked: exchanges shut out those who ask all the time.
const REFRESH_MS_MIN: u64 = 1_000;
/// How many fiat currencies may be asked for.
const FIAT_MAX: usize = 64;

/// The sources that are asked.
pub(crate) struct Rates {
    sources: Vec<Arc<dyn RateSource>>,
    refresh_ms: u64,
    /// What is known before anybody is asked.
    initial: RateBook,
    rules: RateRules,
    /// When they were asked last, in milliseconds since 1970.
    asked_at_ms: AtomicU64,
}

/// What is known before anybody is asked: the operator's own prices.
///
/// # Errors
/// Names the key that cannot be read.
pub(crate) fn book(config: &Config, catalog: &Catalog) -> anyhow::Result<RateBook> {
    let fiat = fiat(config)?;
    let mut book = RateBook::new(rules(config)?);
    for (currency, text) in &config.rates {
        let place = || config.place(&["rates", currency]);
        let is_known = catalog.assets().any(|it| it.ticker == *currency);
        ensure!(
            is_known || fiat.contains(currency),
            "{}: no asset has this ticker, and it is not in rate_sources.fiat",
            place()
        );
        let usd = Rate::parse(text);
        book.fix(currency, usd.ok_or_else(|| anyhow!("{}: {text:?} is not a price", place()))?);
    }
    Ok(book)
}

impl Rates {
    /// Makes the sources that the configuration names.
    ///
    /// # Errors
    /// Names the key that makes no sense.
    pub(crate) fn read(config: &Config, catalog: &Catalog) -> anyhow::Result<Self> {
        let wanted = Wanted::new(catalog.assets().map(|it| &it.ticker), fiat(config)?);
        Self::of(config, catalog, sources(config, &wanted)?)
    }

    /// Asks given sources instead of those that the configuration names.
    ///
    /// # Errors
    /// Names the key that makes no sense.
    pub(crate) fn of(
        config: &Config,
        catalog: &Catalog,
        sources: Vec<Arc<dyn RateSource>>,
    ) -> anyhow::Result<Self> {
        let rules = rules(config)?;
        let refresh_ms = config.rate_sources.refresh_ms.unwrap_or(REFRESH_MS);
        ensure!(
            (REFRESH_MS_MIN..rules.age_ms_max).contains(&refresh_ms),
            "{}: it must be at least {REFRESH_MS_MIN} and less than age_ms_max ({})",
            config.place(&["rate_sources", "refresh_ms"]),
            rules.age_ms_max
        );
        let initial = book(config, catalog)?;
        Ok(Self { sources, refresh_ms, initial, rules, asked_at_ms: AtomicU64::default() })
    }

    /// How long to wait between questions, in milliseconds.
    pub(crate) fn refresh_ms(&self) -> u64 {
        self.refresh_ms
    }

    /// Whether there is nobody to ask.
    pub(crate) fn is_empty(&self) -> bool {
        self.sources.is_empty()
    }

    /// The names of the sources.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.sources.iter().map(|it| it.name())
    }

    /// Asks all sources and takes in each answer as soon as it is there, so that the next request is
    /// priced with it; returns the names of those that did not answer.
    ///
    /// # Panics
    /// Never: whoever holds the lock only copies or takes in prices.
    pub(crate) async fn renew(&self, app: &App, now: Timestamp) -> BTreeSet<String> {
        let put = |take: &dyn Fn(&mut RateBook)| {
            take(&mut app.rates.write().expect("nobody panics while holding this lock"));
            app.renew_prices();
        };
        let before = Timestamp(self.asked_at_ms.swap(now.0, Ordering::Relaxed));
        if before.since_ms(now) > self.rules.age_ms_max {
            // The clock was ahead and was put right: what was taken in then would stand in the way.
            put(&|book| book.clone_from(&self.initial));
        }
        let mut silent = BTreeSet::new();
        fetch_all(&self.sources, Access::TIMEOUT_MS, |name, answer| match answer {
            Ok(prices) => {
                put(&|book| book.observe(name, &prices, now));
                app.metrics.rates(name, Some(now));
            }
            Err(Unreachable) => {
                silent.insert(name.to_owned());
                app.metrics.rates(name, None);
            }
        })
        .await;
        silent
    }
}

fn sources(config: &Config, wanted: &Wanted) -> anyhow::Result<Vec<Arc<dyn RateSource>>> {
    let settings = &config.rate_sources;
    let known = |keys: &[&str], name: &str| {
        let place = || config.place(keys);
        let all = NAMES.join(", ");
        ensure!(NAMES.contains(&name), "{}: there is no source {name:?}; there are {all}", place());
        Ok(())
    };
    for name in settings.base_url.keys() {
        known(&["rate_sources", "base_url", name], name)?;
    }
    let place = || config.place(&["rate_sources", "use"]);
    let guard = Guard::new(Reach::Anywhere, &[]).map_err(|error| anyhow!("{error}"))?;
    let client = Client::new(guard)?;
    let mut sources: Vec<Arc<dyn RateSource>> = vec![];
    for name in &settings.names {
        known(&["rate_sources", "use"], name)?;
        ensure!(sources.iter().all(|it| it.name() != name), "{}: {name} is twice in it", place());
        let count = wanted.fiat().count();
        ensure!(
            name != binancep2p::NAME || (1..=binancep2p::FIAT_MAX).contains(&count),
            "{}: {name} asks for fiat currencies; name between 1 and {} of them",
            config.place(&["rate_sources", "fiat"]),
            binancep2p::FIAT_MAX
        );
        let base_url = settings.base_url.get(name).cloned();
        let access = Access { client: client.clone(), base_url, timeout_ms: Access::TIMEOUT_MS };
        let source = rates::source(name, access, wanted.clone()).map_err(|error| match error {
            SourceError::UnknownName => anyhow!("{}: there is no source {name:?}", place()),
            SourceError::BadUrl(why) => {
                anyhow!("{}: {why}", config.place(&["rate_sources", "base_url", name]))
            }
        });
        sources.push(source?);
    }
    Ok(sources)
}

fn rules(config: &Config) -> anyhow::Result<RateRules> {
    let (settings, mut rules) = (&config.rate_sources, RateRules::default());
    if let Some(age_ms_max) = settings.age_ms_max {
        rules.age_ms_max = age_ms_max;
    }
    if let Some(percent) = &settings.deviation_percent {
        let keys = ["rate_sources", "deviation_percent"];
        rules.deviation_ppm_max = parts_per_million(config, &keys, percent)?;
    }
    Ok(rules)
}

/// The fiat currencies, in capitals.
fn fiat(config: &Config) -> anyhow::Result<BTreeSet<String>> {
    let place = || config.place(&["rate_sources", "fiat"]);
    let listed = &config.rate_sources.fiat;
    ensure!(listed.len() <= FIAT_MAX, "{}: more than {FIAT_MAX} currencies", place());
    let read = |code: &String| {
        let is_code = code.len() == 3 && code.bytes().all(|it| it.is_ascii_alphabetic());
        ensure!(is_code, "{}: {code:?} is no currency; write three letters, like EUR", place());
        Ok(code.to_ascii_uppercase())
    };
    listed.iter().map(read).collect()
}
