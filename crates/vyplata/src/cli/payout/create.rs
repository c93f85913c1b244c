//! `vyplata payout create`: a payout on a merchant's behalf.

use anyhow::{Context as _, anyhow, ensure};
use clap::Args as ClapArgs;
use domain::{
    catalog::Asset,
    command::{Asked, CreatePayout, Source},
    ids::{DialectId, PayoutId},
    money::{Amount, Decimal},
    payout::Priority,
};

use super::super::{find_merchant, serve::payable};
use crate::{
    app::App,
    clock,
    config::Config,
    prices::Pricing,
    rates::Rates,
    wiring::{self, Need},
};

#[derive(ClapArgs)]
#[command(
    override_usage = "vyplata payout create [OPTIONS] --reference <REFERENCE> <MERCHANT> <ASSET> \
                      [AMOUNT] <ADDRESS>"
)]
pub(crate) struct Args {
    /// The merchant who is charged.
    merchant: String,
    /// The asset, as TICKER@network.
    asset: String,
    /// How much, in whole coins and decimals, fees come on top (left out with --worth); and where
    /// to.
    #[arg(required = true, num_args = 1..=2, value_name = "AMOUNT ADDRESS")]
    amount_and_address: Vec<String>,
    /// What some networks need beside an address.
    #[arg(long)]
    memo: Option<String>,
    /// The merchant's reference; at most one payout ever has it.
    #[arg(long)]
    reference: String,
    /// Instead of an amount: as much as this is worth, such as "20 EUR".
    #[arg(long)]
    worth: Option<String>,
    /// Sell what the merchant has of this coin, on any network; left out: the payout's own.
    #[arg(long, value_name = "TICKER")]
    pay_from: Option<String>,
    /// How much to spend for speed, where that makes a difference: economy, recommended, high,
    /// highest.
    #[arg(long, default_value = "recommended")]
    priority: String,
}

/// Puts the gateway together, with prices as they are now, and what is asked of it.
pub(super) async fn prepare(config: &Config, args: Args) -> anyhow::Result<(App, CreatePayout)> {
    let app = wiring::gateway(config, Need::Rails, wiring::Use::Command).await?;
    let pricing = Pricing::read(config, &app.catalog, payable(config, &app.catalog))?;
    Rates::read(config, &app.catalog)?.renew(&app, clock::now()).await;
    pricing.renew(&app, clock::now()).await;
    let merchant = find_merchant(&*app.store, &args.merchant).await?.id;
    let found = app.catalog.asset(&args.asset).cloned();
    let asset = found.with_context(|| format!("there is no asset {:?}", args.asset))?;
    let (asked, address) = match (args.amount_and_address.as_slice(), &args.worth) {
        ([amount, address], None) => (exact(&asset, amount)?, address.clone()),
        ([address], Some(worth)) => (read_worth(worth)?, address.clone()),
        (_, None) => return Err(anyhow!("say how much and where to, in this order")),
        (_, Some(_)) => return Err(anyhow!("with --worth, there is no other amount")),
    };
    let source = match args.pay_from {
        None => Source::Own,
        Some(ticker) => {
            let is_known = app.catalog.assets().any(|it| it.ticker == ticker);
            ensure!(is_known, "no asset has the ticker {ticker:?}");
            Source::Ticker(ticker)
        }
    };
    let priority = Priority::from_word(&args.priority);
    let priority = priority.ok_or_else(|| {
        let words = Priority::ALL.map(Priority::word).join(", ");
        anyhow!("there is no priority {:?}; there are {words}", args.priority)
    })?;
    let id = PayoutId(clock::uuid_v7(clock::now()));
    let dialect = DialectId::new("native");
    let create = CreatePayout::new(id, merchant, dialect, asset.id, asked, address);
    let create = CreatePayout {
        public_ids: vec![id.to_string()],
        merchant_ref: Some(args.reference),
        memo: args.memo,
        source,
        priority,
        ..create
    };
    Ok((app, create))
}

fn exact(asset: &Asset, text: &str) -> anyhow::Result<Asked> {
    let amount = Amount::parse(text, asset.decimals);
    amount
        .map(Asked::Exact)
        .map_err(|error| anyhow!("{text:?} is not an amount of {}: {error}", asset.id))
}

fn read_worth(text: &str) -> anyhow::Result<Asked> {
    let (amount, currency) = text
        .split_once(' ')
        .with_context(|| format!("{text:?} is no sum; write it like \"20 EUR\""))?;
    let amount = Decimal::parse(amount).map_err(|error| anyhow!("{amount:?} is {error}"))?;
    Ok(Asked::Worth { currency: currency.trim().to_ascii_uppercase(), amount })
}
