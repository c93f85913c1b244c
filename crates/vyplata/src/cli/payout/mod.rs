//! `vyplata payout`: payouts, from the operator's side.

mod create;

use std::net::Ipv4Addr;

use anyhow::{Context as _, anyhow};
use clap::{Args as ClapArgs, Subcommand};
use domain::{
    command::Command as Asked,
    payout::{Payout, Status, Verdict},
    ports::{PageQuery, PayoutKey, PayoutView, Store},
};

use super::{find_merchant, not_committed, silent};
use crate::{
    app::App,
    clock,
    config::Config,
    explain,
    wiring::{self, Need},
};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Pay somebody on behalf of a merchant. No webhook tells of it: webhooks are for those who
    /// asked over an API.
    Create(create::Args),
    /// Show a payout: where it is, why, and what happens next.
    Show(Which),
    /// List payouts, newest first.
    List {
        /// Only this merchant's.
        #[arg(long)]
        merchant: Option<String>,
        /// Only those in this status: `awaiting_approval`, queued,
        /// sending, `in_block`, paid, failed, cancelled.
        #[arg(long)]
        status: Option<String>,
        /// Only the one that has this reference of the merchant.
        #[arg(long, requires = "merchant")]
        reference: Option<String>,
        /// At most so many.
        #[arg(long, default_value_t = 50)]
        count: u32,
    },
    /// Withdraw a payout for which no transaction exists yet.
    Cancel(Which),
    /// Let a payout be paid that waits for an approval.
    Approve(Which),
    /// Withdraw a payout that waits for an approval.
    Decline(Which),
}

/// Names one payout.
#[derive(ClapArgs)]
pub(crate) struct Which {
    /// Its identifier: ours, or the one that the merchant's API told.
    #[arg(required_unless_present = "reference")]
    id: Option<String>,
    /// Instead of an identifier, with --reference: the merchant.
    #[arg(long, requires = "reference")]
    merchant: Option<String>,
    /// Instead of an identifier, with --merchant: the merchant's own reference.
    #[arg(long, requires = "merchant", conflicts_with = "id")]
    reference: Option<String>,
}

pub(super) async fn run(config: &Config, command: Command) -> anyhow::Result<()> {
    match command {
        Command::Create(args) => {
            let (app, create) = create::prepare(config, args).await?;
            decide(&app, Asked::Create(Box::new(create))).await
        }
        Command::Show(which) => {
            let app = wiring::gateway(config, Need::Ledger, wiring::Use::Command).await?;
            let view = find(&*app.store, which).await?;
            print!("{}", explain::view(&app.catalog, &view));
            Ok(())
        }
        Command::List { merchant, status, reference, count } => {
            let app = wiring::gateway(config, Need::Ledger, wiring::Use::Command).await?;
            list(&app, merchant, status, reference, count).await
        }
        Command::Cancel(which) => {
            let app = wiring::gateway(config, Need::Ledger, wiring::Use::Command).await?;
            let payout = find(&*app.store, which).await?.payout;
            let cancel = Asked::Cancel { merchant: payout.merchant, payout: payout.id };
            decide(&app, cancel).await
        }
        Command::Approve(which) => judge(config, which, true).await,
        Command::Decline(which) => judge(config, which, false).await,
    }
}

/// Answers for a payout that waits for an approval.
async fn judge(config: &Config, which: Which, approve: bool) -> anyhow::Result<()> {
    let app = wiring::gateway(config, Need::Ledger, wiring::Use::Command).await?;
    let payout = find(&*app.store, which).await?.payout;
    let verdict = Verdict {
        approve,
        key: None,
        key_public: "operator".to_owned(),
        // Whoever runs a command does so on the gateway's host.
        ip: Ipv4Addr::LOCALHOST.to_string(),
        user_agent: concat!("vyplata/", env!("CARGO_PKG_VERSION")).to_owned(),
        at: clock::now(),
    };
    decide(&app, Asked::Judge { merchant: payout.merchant, payout: payout.id, verdict }).await
}

async fn decide(app: &App, command: Asked) -> anyhow::Result<()> {
    let book = app.book();
    let desk = app.desk(&book);
    let outcomes = engine::accept(&*app.store, &desk, &[command], clock::now()).await;
    let outcome = outcomes
        .map_err(not_committed)?
        .into_iter()
        .next()
        .context("one command has one outcome")?;
    let accepted = outcome.map_err(|why| anyhow!("refused: {}", explain::refusal(&why)))?;
    let payout = accepted.payout().context("the command is about a payout")?;
    let again = if accepted.changed().is_some() { "" } else { " (it was so already)" };
    println!("{} is {}{again}", payout.id, payout.state.status().word());
    Ok(())
}

async fn find(store: &dyn Store, which: Which) -> anyhow::Result<PayoutView> {
    let (key, named) = match which {
        Which { merchant: Some(merchant), reference: Some(reference), .. } => {
            let named = format!("with the reference {reference:?} of {merchant}");
            let merchant = find_merchant(store, &merchant).await?.id;
            (PayoutKey::MerchantRef(merchant, reference), named)
        }
        Which { id, .. } => {
            let id = id.context("name the payout, or --merchant and --reference")?;
            let named = format!("{id:?}");
            (id.parse().map_or(PayoutKey::PublicId(id), PayoutKey::Id), named)
        }
    };
    let found = store.find_payout(&key).await.map_err(silent)?;
    found.ok_or_else(|| anyhow!("there is no payout {named}; see `vyplata payout list`"))
}

async fn list(
    app: &App,
    merchant: Option<String>,
    status: Option<String>,
    reference: Option<String>,
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
    let payouts = if let (Some(merchant), Some(reference)) = (merchant, reference) {
        let key = PayoutKey::MerchantRef(merchant, reference);
        let found = app.store.find_payout(&key).await.map_err(silent)?.map(|it| it.payout);
        let fits = |it: &Payout| status.is_none_or(|status| it.state.status() == status);
        found.into_iter().filter(fits).collect()
    } else {
        let query = PageQuery { merchant, status, count_max: count, ..PageQuery::default() };
        app.store.page(&query).await.map_err(silent)?
    };
    for payout in payouts {
        let amount =
            app.catalog.asset(payout.asset.as_str()).map(|it| it.text(payout.quote.amount));
        let reference = payout.merchant_ref.as_deref().map(explain::plain);
        println!(
            "{}  {:<9}  {} {}  {}  {}",
            payout.id,
            payout.state.status().word(),
            amount.unwrap_or_default(),
            payout.asset,
            payout.destination.address,
            reference.unwrap_or_else(|| "-".to_owned()),
        );
    }
    Ok(())
}
