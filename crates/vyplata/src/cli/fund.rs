//! `vyplata fund`: coins that a wallet holds are booked to a merchant, or to the house.

use anyhow::{Context as _, anyhow};
use clap::{ArgGroup, Args as ClapArgs};
use domain::{
    ids::LaneId,
    ledger::{LedgerAccount, fund},
    money::Amount,
    ports::{ChangeSet, Store as _},
};

use super::{find_merchant, not_committed, silent};
use crate::{clock, config::Config, wiring};

#[derive(ClapArgs)]
#[command(group(ArgGroup::new("owner").required(true).args(["merchant", "house"])))]
pub(crate) struct Args {
    /// The asset, as TICKER@network.
    asset: String,
    /// How much, in whole coins and decimals.
    amount: String,
    /// The merchant whose money it is.
    #[arg(long)]
    merchant: Option<String>,
    /// It is the house's own: networks' fees are paid from it.
    #[arg(long)]
    house: bool,
    /// The wallet that holds the coins, as network/name; needed if the network has several.
    #[arg(long)]
    lane: Option<String>,
    /// Why, for the auditor.
    #[arg(long, default_value = "booked by hand")]
    note: String,
}

pub(super) async fn run(config: &Config, args: Args) -> anyhow::Result<()> {
    let catalog = wiring::catalog(config)?;
    let store = wiring::open_store(config)?;
    let asset = catalog
        .asset(&args.asset)
        .with_context(|| format!("there is no asset {:?}; write TICKER@network", args.asset))?;
    let amount = Amount::parse(&args.amount, asset.decimals)
        .map_err(|error| anyhow!("{:?} is not an amount of {}: {error}", args.amount, asset.id))?;
    anyhow::ensure!(!amount.is_zero(), "an amount of zero books nothing");
    let lanes = store.lanes().await.map_err(silent)?;
    let mut fitting = lanes.iter().filter(|it| {
        it.network == asset.network && args.lane.as_ref().is_none_or(|lane| it.id.as_str() == lane)
    });
    let lane: LaneId = match (fitting.next(), fitting.next()) {
        (Some(lane), None) => lane.id.clone(),
        (None, _) if args.lane.is_some() => anyhow::bail!(
            "there is no wallet {} on {}",
            args.lane.unwrap_or_default(),
            asset.network
        ),
        (None, _) => anyhow::bail!(
            "no wallet of {} is known yet; configure a [[lane]] and start `vyplata serve` once",
            asset.network
        ),
        (Some(_), Some(_)) => {
            anyhow::bail!("{} has several wallets; name one with --lane", asset.network)
        }
    };
    let owner = match &args.merchant {
        Some(name) => LedgerAccount::Available(find_merchant(&*store, name).await?.id),
        None => LedgerAccount::Inventory,
    };
    let note = format!("fund: {}", args.note);
    let postings = fund(&lane, &asset.id, owner, amount, note, clock::now());
    let change = ChangeSet { postings, ..ChangeSet::default() };
    store.commit(change).await.map_err(not_committed)?;
    let whose = args.merchant.as_deref().unwrap_or("the house");
    println!("{} {} in {lane} belong to {whose}", asset.text(amount), asset.id);
    Ok(())
}
