//! What a currency is worth in US dollars, as told by several sources that may be late or wrong.
//!
//! A price is used only while it is fresh and only if the other sources bear it out. With one
//! source there is nobody to bear it out, and it stands; with two that disagree, nobody knows which
//! of them is wrong; with more, the one that stands apart is left out.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Timestamp, money::Rate};

/// How many currencies of one source are kept; what comes beyond is not taken in.
pub const CURRENCIES_PER_SOURCE_MAX: usize = 4_096;

/// The currency that all prices are in.
const DOLLAR: &str = "USD";
/// The source of the operator's own prices.
const FIXED: &str = "fixed";
const MILLION: u32 = 1_000_000;

/// A price in US dollars, and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Priced {
    /// What one whole coin is worth.
    pub usd: Rate,
    /// Who said so, in small letters.
    pub source: String,
    /// When.
    pub at: Timestamp,
}

/// Why there is no price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RateError {
    /// Nobody has ever told one (or not the source that was asked for).
    Unknown,
    /// What was told is too old, or from a future that our clock does not know.
    Stale,
    /// Sources differ by more than is allowed, and it cannot be said who is right.
    Disagreement,
}

/// When a price may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateRules {
    /// How old it may be, and how far in the future, in milliseconds.
    pub age_ms_max: u64,
    /// How far it may lie from the median of all sources, in millionths of the median.
    pub deviation_ppm_max: u32,
}

impl Default for RateRules {
    fn default() -> Self {
        Self { age_ms_max: 120_000, deviation_ppm_max: 50_000 }
    }
}

/// What all sources said last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RateBook {
    rules: RateRules,
    /// By currency, in capitals.
    fixed: BTreeMap<String, Rate>,
    /// By source in small letters, then by currency in capitals.
    observed: BTreeMap<String, BTreeMap<String, Observed>>,
}

/// What one source said of one currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Observed {
    usd: Rate,
    at: Timestamp,
}

impl RateBook {
    /// An empty book.
    pub fn new(rules: RateRules) -> Self {
        Self { rules, ..Self::default() }
    }

    /// Sets the operator's own price. It goes before every source and is never stale.
    pub fn fix(&mut self, currency: &str, usd: Rate) {
        self.fixed.insert(currency.to_ascii_uppercase(), usd);
    }

    /// Takes in what a source says. What it said before about these currencies is replaced, unless
    /// it was said later.
    pub fn observe(&mut self, source: &str, prices: &[(String, Rate)], at: Timestamp) {
        let told = self.observed.entry(source.to_ascii_lowercase()).or_default();
        for (currency, usd) in prices {
            let currency = currency.to_ascii_uppercase();
            let is_full = told.len() >= CURRENCIES_PER_SOURCE_MAX;
            match told.get_mut(&currency) {
                Some(before) if before.at <= at => *before = Observed { usd: *usd, at },
                None if !is_full => {
                    told.insert(currency, Observed { usd: *usd, at });
                }
                Some(_) | None => {}
            }
        }
    }

    /// Prices a currency: by one source, or by the median of those that bear each other out (with
    /// an even number of them the lower of the two in the middle, so that it is some source's own
    /// price).
    ///
    /// # Errors
    /// Says why there is no price that can be relied on.
    pub fn price(
        &self,
        currency: &str,
        source: Option<&str>,
        now: Timestamp,
    ) -> Result<Priced, RateError> {
        let currency = currency.to_ascii_uppercase();
        let own = if currency == DOLLAR { Some(&Rate::ONE) } else { self.fixed.get(&currency) };
        if let Some(usd) = own {
            return Ok(Priced { usd: *usd, source: FIXED.to_owned(), at: now });
        }
        let told = self.told(&currency);
        let asked = source.map(str::to_ascii_lowercase);
        let is_asked = |name: &str| asked.as_deref().is_none_or(|asked| asked == name);
        if !told.iter().any(|it| is_asked(it.0)) {
            return Err(RateError::Unknown);
        }
        let fresh: Vec<_> = told.into_iter().filter(|it| self.is_fresh(it.1.at, now)).collect();
        if !fresh.iter().any(|it| is_asked(it.0)) {
            return Err(RateError::Stale);
        }
        let accepted = self.accepted(fresh).into_iter().filter(|it| is_asked(it.0)).collect();
        let (source, Observed { usd, at }) = middle(accepted).ok_or(RateError::Disagreement)?;
        Ok(Priced { usd, source: source.to_owned(), at })
    }

    /// The currencies that have a price now, sorted.
    pub fn currencies(&self, now: Timestamp) -> Vec<String> {
        let mut all = self.known();
        all.insert(DOLLAR.to_owned());
        all.into_iter().filter(|it| self.price(it, None, now).is_ok()).collect()
    }

    /// The currencies that anybody has ever told a price of.
    pub fn known(&self) -> BTreeSet<String> {
        let observed = self.observed.values().flat_map(BTreeMap::keys);
        self.fixed.keys().chain(observed).cloned().collect()
    }

    /// What every source said last of a currency, by source, whether or not it is used.
    pub fn said(&self, currency: &str) -> Vec<Priced> {
        let told = self.told(&currency.to_ascii_uppercase()).into_iter();
        let priced = told.map(|(source, Observed { usd, at })| Priced {
            usd,
            source: source.to_owned(),
            at,
        });
        priced.collect()
    }

    /// The sources that have told anything, sorted.
    pub fn sources(&self) -> impl Iterator<Item = &str> {
        self.observed.keys().map(String::as_str)
    }

    /// What every source said of a currency, by source.
    fn told(&self, currency: &str) -> Vec<(&str, Observed)> {
        let sources = self.observed.iter();
        sources.filter_map(|(name, told)| Some((name.as_str(), *told.get(currency)?))).collect()
    }

    fn is_fresh(&self, at: Timestamp, now: Timestamp) -> bool {
        now.0.abs_diff(at.0) <= self.rules.age_ms_max
    }

    /// Leaves out the prices that the others do not bear out. Where an even number of sources is
    /// divided in the middle, neither half can be trusted.
    fn accepted<'a>(&self, fresh: Vec<(&'a str, Observed)>) -> Vec<(&'a str, Observed)> {
        let fresh = sorted(fresh);
        let (Some(lower), Some(upper)) =
            (fresh.get(lower_middle(&fresh)), fresh.get(fresh.len() / 2))
        else {
            return fresh;
        };
        let median = lower.1.usd;
        if self.deviates(upper.1.usd, median) {
            return vec![];
        }
        fresh.into_iter().filter(|it| !self.deviates(it.1.usd, median)).collect()
    }

    fn deviates(&self, usd: Rate, median: Rate) -> bool {
        usd.deviates(median, self.rules.deviation_ppm_max, MILLION)
    }
}

/// By price; sources with the same one by name.
fn sorted(mut told: Vec<(&str, Observed)>) -> Vec<(&str, Observed)> {
    told.sort_by(|one, other| one.1.usd.cmp(&other.1.usd).then(one.0.cmp(other.0)));
    told
}

fn lower_middle<T>(sorted: &[T]) -> usize {
    sorted.len().saturating_sub(1) / 2
}

fn middle(told: Vec<(&str, Observed)>) -> Option<(&str, Observed)> {
    let told = sorted(told);
    told.get(lower_middle(&told)).copied()
}

#[cfg(test)]
#[path = "rates_tests.rs"]
mod tests;
