//! `vyplata payout`: payouts, from the operator's side.

use anyhow::{Context as _, anyhow};
use clap::Subcommand;
use domain::{
    command::{Command as Asked, CreatePayout, OnOtherContent},
    ids::{DialectId, PayoutId},
    money::Amount,
    payout::Status,
    ports::{PageQuery, PayoutKey, PayoutView, Store},
    quote::FeeBearer,
};

use super::{find_merchant, serve::payable, silent};
use crate::{
    app::App,
    clock,
    config::Config,
    explain,
    prices::Pricing,
    wiring::{self, Need},
};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Pay somebody on behalf of a merchant.
    Create {
        /// The merchant who is charged.
        merchant: String,
        /// The asset, as TICKER@network.
        asset: String,
        /// How much, in whole coins and decimals; fees come on top.
        amount: String,
        /// Where to.
        address: String,
        /// What some networks need beside an address.
        #[arg(long)]
        memo: Option<String>,
        /// The merchant's reference; at most one payout ever has it.
        #[arg(long)]
        reference: String,
    },
    /// Show a payout: where it is, why, and what happens next.
    Show {
        /// Its identifier, ours or the merchant's API's.
        id: String,
    },
    /// List payouts, newest first.
    List {
        /// Only this merchant's.
        #[arg(long)]
        merchant: Option<String>,
        /// Only those in this status: queued, sending, `in_block`, paid, failed, cancelled.
        #[arg(long)]
        status: Option<String>,
        /// At most so many.
        #[arg(long, default_value_t = 50)]
        count: u32,
    },
    /// Withdraw a payout for which no transaction exists yet.
    Cancel {
        /// Its identifier.
        id: String,
    },
}

pub(super) async fn run(config: &Config, command: Command) -> anyhow::Result<()> {
    match command {
        Command::Create { merchant, asset, amount, address, memo, reference } => {
            let app = wiring::gateway(config, Need::Rails).await?;
            let pricing = Pricing::read(config, &app.catalog, payable(&app))?;
            app.set_book(pricing.initial());
            pricing.renew(&app, clock::now()).await;
            let merchant = find_merchant(&*app.store, &merchant).await?;
            let found = app.catalog.asset(&asset);
            let asset = found.with_context(|| format!("there is no asset {asset:?}"))?;
            let asked = Amount::parse(&amount, asset.decimals)
                .map_err(|error| anyhow!("{amount:?} is not an amount of {}: {error}", asset.id))?;
            let id = PayoutId(clock::uuid_v7(clock::now()));
            let create = CreatePayout {
                id,
                public_ids: vec![id.to_string()],
                merchant: merchant.id,
                dialect: DialectId::new("native"),
                key: None,
                merchant_ref: Some(reference),
                idempotency_key: None,
                on_other_content: OnOtherContent::Refuse,
                nonce: None,
                asset: asset.id.clone(),
                asked,
                bearer: FeeBearer::Merchant,
                address,
                memo,
                webhook: None,
                note: String::new(),
            };
            decide(&app, Asked::Create(Box::new(create))).await
        }
        Command::Show { id } => {
            let app = wiring::gateway(config, Need::Ledger).await?;
            let view = find(&*app.store, &id).await?;
            print!("{}", explain::view(&app.catalog, &view));
            Ok(())
        }
        Command::List { merchant, status, count } => {
            let app = wiring::gateway(config, Need::Ledger).await?;
            list(&app, merchant, status, count).await
        }
        Command::Cancel { id } => {
            let app = wiring::gateway(config, Need::Ledger).await?;
            let payout = find(&*app.store, &id).await?.payout;
            let cancel = Asked::Cancel { merchant: payout.merchant, payout: payout.id };
            decide(&app, cancel).await
        }
    }
}

async fn decide(app: &App, command: Asked) -> anyhow::Result<()> {
    let book = app.book();
    let desk = app.desk(&book);
    let outcomes = engine::accept(&*app.store, &desk, &[command], clock::now()).await;
    let outcome = outcomes.into_iter().next().context("one command has one outcome")?;
    let accepted = outcome.map_err(|why| anyhow!("refused: {}", explain::refusal(&why)))?;
    let payout = accepted.payout.context("the command is about a payout")?;
    let again = if accepted.fresh { "" } else { " (it was so already)" };
    println!("{} is {}{again}", payout.id, payout.state.status().word());
    Ok(())
}

async fn find(store: &dyn Store, id: &str) -> anyhow::Result<PayoutView> {
    let key = id.parse().map_or_else(|_| PayoutKey::PublicId(id.to_owned()), PayoutKey::Id);
    let found = store.find_payout(&key).await.map_err(silent)?;
    found.ok_or_else(|| anyhow!("there is no payout {id:?}; see `vyplata payout list`"))
}

async fn list(
    app: &App,
    merchant: Option<String>,
    status: Option<String>,
    count: u32,
) -> anyhow::Result<()> {
    let merchant = match merchant {
        Some(name) => Some(find_merchant(&*app.store, &name).await?.id),
        None => None,
    };
    let known = |word: String| {
        Status::from_word(&word).ok_or_else(|| anyhow!("there is no status {word:?}"))
    };
    let status = status.map(known).transpose()?;
    let query = PageQuery { merchant, status, before: None, count_max: count };
    for payout in app.store.page(&query).await.map_err(silent)? {
        let amount =
            app.catalog.asset(payout.asset.as_str()).map(|it| it.text(payout.quote.amount));
        println!(
            "{}  {:<9}  {} {}  {}",
            payout.id,
            payout.state.status().word(),
            amount.unwrap_or_default(),
            payout.asset,
            payout.destination.address,
        );
    }
    Ok(())
}
