//! What the doctor says of money rules: prices, inventory, merchants.

use std::collections::BTreeSet;

use domain::rates::RateError;

use super::{Report, good, note};
use crate::{
    app::App,
    cli::{serve::payable, silent},
    clock, concerns,
    config::{Config, EVERYBODY},
    prices::Pricing,
    rates::Rates,
};

/// Asks the sources of rates, and looks at what they make of the assets that are paid.
pub(super) async fn rates(config: &Config, app: &App, report: &mut Report) {
    let rates = match Rates::read(config, &app.catalog) {
        Ok(rates) => rates,
        Err(error) => {
            report.wrong(&format!("{error:#}"), "mend the configuration; serve does not start");
            return;
        }
    };
    let silent = rates.renew(app, clock::now()).await;
    for name in &silent {
        report.wrong(
            &format!("the rate source {name} does not answer"),
            "the log above says why; meanwhile the other sources are used, and [rates]",
        );
    }
    for name in rates.names().filter(|it| !silent.contains(*it)) {
        good(&format!("the rate source {name} answers"));
    }
    let book = app.rates();
    let mut tickers: Vec<&str> =
        payable(config, &app.catalog).map(|it| it.ticker.as_str()).collect();
    tickers.sort_unstable();
    tickers.dedup();
    let mut unpriced = vec![];
    for ticker in tickers {
        match book.price(ticker, None, clock::now()) {
            Ok(_) => {}
            Err(RateError::Disagreement) => report.wrong(
                &format!("the rate sources disagree about {ticker}"),
                "look who is right; use more sources, or set a price in [rates]",
            ),
            Err(RateError::Unknown | RateError::Stale) => unpriced.push(ticker),
        }
    }
    if !unpriced.is_empty() {
        let tickers = unpriced.join(", ");
        note(&format!("neither a rate source nor [rates] has a price of {tickers}"));
    }
}

/// Looks at what follows from the terms, after the sources of rates were asked.
pub(super) async fn terms(
    config: &Config,
    app: &App,
    pricing: &Pricing,
    report: &mut Report,
) -> anyhow::Result<()> {
    let mut book = pricing.initial();
    book.rates = app.rates();
    for concern in concerns::look(app, &book, clock::now()).await.map_err(silent)? {
        if concern.urgent {
            report.wrong(&concern.what, concern.remedy);
        } else {
            note(&concern.what);
        }
    }
    let merchants = app.store.merchants().await.map_err(silent)?;
    let planned = config.fees.plans.iter().map(|it| it.merchant.as_str());
    let named: BTreeSet<&str> =
        planned.chain(config.merchants.keys().map(String::as_str)).collect();
    for name in named.into_iter().filter(|it| *it != EVERYBODY) {
        if !merchants.iter().any(|it| it.name == name) {
            note(&format!(
                "the configuration has terms of {name:?}, and there is no such merchant"
            ));
        }
    }
    Ok(())
}
