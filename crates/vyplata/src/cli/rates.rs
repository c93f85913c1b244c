//! `vyplata rates`: what each source says now, and what would be used.

use domain::{Timestamp, rates::RateError};

use crate::{
    clock,
    config::Config,
    explain,
    rates::Rates,
    wiring::{self, Need},
};

pub(super) async fn run(config: &Config) -> anyhow::Result<()> {
    let app = wiring::gateway(config, Need::Ledger, wiring::Use::Command).await?;
    let rates = Rates::read(config, &app.catalog)?;
    for name in rates.renew(&app, clock::now()).await {
        println!("the source {name} does not answer; the log says why");
    }
    let (book, now) = (app.rates(), clock::now());
    let known = book.known();
    if known.is_empty() {
        println!("there are no prices: set some in [rates], or name [rate_sources]");
    }
    for currency in known {
        let used = match book.price(&currency, None, now) {
            Ok(used) => format!("{}  by {}  {}", used.usd, used.source, at(used.at)),
            Err(why) => format!("no price: {}", words(why)),
        };
        let said = book.said(&currency);
        let said = said.iter().map(|it| format!("  {} {}", it.source, it.usd));
        println!("{currency:<6} {used}{}", said.collect::<String>());
    }
    Ok(())
}

fn at(at: Timestamp) -> String {
    explain::moment(at)
}

/// Says why there is no price.
pub(super) fn words(why: RateError) -> &'static str {
    match why {
        RateError::Unknown => "nobody told one",
        RateError::Stale => "what was told is too old",
        RateError::Disagreement => "the sources disagree",
    }
}
