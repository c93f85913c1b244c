//! What is agreed with merchants, and with everybody else.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::ensure;
use domain::{catalog::Asset, ids::AssetId, quote::MerchantTerms};

use super::{
    fees::Plans,
    reader::{Reader, is_web_address},
};
use crate::config::EVERYBODY;

/// What is agreed with everybody, and with merchants by name. What is not said of a merchant is as
/// it is for everybody.
pub(super) fn read(
    read: &Reader<'_>,
    paid: &[&Asset],
) -> anyhow::Result<(MerchantTerms, BTreeMap<String, MerchantTerms>)> {
    let plans = Plans::read(read, paid)?;
    let everybody = agreed(read, &plans, MerchantTerms::default(), EVERYBODY)?;
    let named = read.config.merchants.keys().map(String::as_str).chain(plans.merchants());
    let named: BTreeSet<&str> = named.filter(|it| *it != EVERYBODY).collect();
    let terms = named
        .into_iter()
        .map(|name| Ok((name.to_owned(), agreed(read, &plans, everybody.clone(), name)?)));
    let merchants = terms.collect::<anyhow::Result<_>>()?;
    Ok((everybody, merchants))
}

/// What is agreed with one merchant, over what is agreed with everybody.
fn agreed(
    read: &Reader<'_>,
    plans: &Plans<'_>,
    mut terms: MerchantTerms,
    name: &str,
) -> anyhow::Result<MerchantTerms> {
    terms.fee_plans.extend(plans.of(name));
    let Some(set) = read.config.merchants.get(name) else { return Ok(terms) };
    if let Some(source) = &set.rate_source {
        let used = &read.config.rate_sources.names;
        let what = format!(
            "{source:?} is not in rate_sources.use; name it there too, in small letters: there are {}",
            rates::NAMES.join(", ")
        );
        let keys = ["merchant", name, "rate_source"];
        ensure!(used.contains(source), read.wrong(&keys, &what));
        terms.rate_source = Some(source.clone());
    }
    if let Some(list) = &set.pay_from {
        terms.sources = sources(read, &["merchant", name, "pay_from"], list)?;
    }
    if let Some(url) = &set.approval_url {
        let what = format!("{url:?} is not an http or https address");
        let keys = ["merchant", name, "approval_url"];
        ensure!(is_web_address(url), read.wrong(&keys, &what));
        terms.approval_url = Some(url.clone());
    }
    Ok(terms)
}

/// What a merchant's payouts are paid from: one coin, on any networks.
fn sources(read: &Reader<'_>, keys: &[&str], list: &[String]) -> anyhow::Result<Vec<AssetId>> {
    let mut sources: Vec<&Asset> = vec![];
    for id in list {
        let asset = read.asset(keys, id)?;
        let twice = format!("{id} is twice in it");
        ensure!(sources.iter().all(|it| it.id != asset.id), read.wrong(keys, &twice));
        let other = sources.iter().find(|it| it.ticker != asset.ticker);
        if let Some(other) = other {
            let what = format!("{id} is another coin than {}", other.id);
            return Err(read.wrong(keys, &what));
        }
        sources.push(asset);
    }
    Ok(sources.into_iter().map(|it| it.id.clone()).collect())
}
