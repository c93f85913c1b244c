//! All sources at once.

use std::{sync::Arc, time::Duration};

use domain::ports::{RateSource, Unreachable};
use futures_util::{StreamExt as _, stream::FuturesUnordered};
use tokio::time::timeout;

use crate::Prices;

/// Asks all sources and hands on each answer as soon as it is there, so that a silent source holds
/// up none of the others. One that has not answered after `timeout_ms` is unreachable.
pub async fn fetch_all(
    sources: &[Arc<dyn RateSource>],
    timeout_ms: u64,
    mut answered: impl FnMut(&str, Result<Prices, Unreachable>),
) {
    let limit = Duration::from_millis(timeout_ms);
    let asked = sources.iter().map(|source| async move {
        let answer = timeout(limit, source.fetch()).await;
        (source.name(), answer.unwrap_or(Err(Unreachable)))
    });
    let mut under_way: FuturesUnordered<_> = asked.collect();
    while let Some((name, answer)) = under_way.next().await {
        answered(name, answer);
    }
}
