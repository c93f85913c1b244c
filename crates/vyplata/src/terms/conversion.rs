//! How the house exchanges.

use std::collections::BTreeSet;

use domain::{catalog::Asset, quote::ConversionTerms};

use super::{reader::Reader, scope::Scope};

/// How long a quote holds unless configured, in milliseconds.
const QUOTE_MS: u64 = 30_000;
/// The longest that it may hold: an hour. Prices move meanwhile, at the house's risk.
const QUOTE_MS_MAX: u64 = 60 * 60 * 1_000;

pub(super) fn read(read: &Reader<'_>, paid: &[&Asset]) -> anyhow::Result<ConversionTerms> {
    let set = &read.config.conversion;
    let mut sells = BTreeSet::new();
    for text in &set.sells {
        let scope = Scope::read(*read, &["conversion", "sells"], text)?;
        sells.extend(paid.iter().filter(|it| scope.has(it)).map(|it| it.id.clone()));
    }
    for ticker in &set.at_par {
        read.ticker(&["conversion", "at_par"], ticker)?;
    }
    let overdrafts = set.overdraft.iter().map(|(id, text)| {
        let keys = ["conversion", "overdraft", id];
        let asset = read.asset(&keys, id)?;
        Ok((asset.id.clone(), read.amount(&keys, text, asset)?))
    });
    let percent = |key, text: &Option<String>| read.percent(&["conversion", key], text.as_deref());
    Ok(ConversionTerms {
        spread_parts_per_million: percent("spread_percent", &set.spread_percent)?,
        insurance_parts_per_million: percent("insurance_percent", &set.insurance_percent)?,
        sells,
        at_par: set.at_par.iter().cloned().collect(),
        overdrafts: overdrafts.collect::<anyhow::Result<_>>()?,
        quote_ms: read.milliseconds(
            &["conversion", "quote_ms"],
            set.quote_ms.unwrap_or(QUOTE_MS),
            QUOTE_MS_MAX,
        )?,
    })
}
