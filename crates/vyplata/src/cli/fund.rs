//! `vyplata fund`: coins that a wallet holds are booked to a merchant, or to the house.

use anyhow::{Context as _, anyhow};
use clap::{ArgGroup, Args as ClapArgs};
use domain::{
    catalog::{Asset, Catalog},
    ids::LaneId,
    ledger::{LedgerAccount, fund},
    money::Amount,
    ports::{ChangeSet, Store},
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
    /// It is the house's own: networks' fees are paid from it, and it is sold for conversions.
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
    let store = wiring::open_store(config, wiring::Use::Command).await?;
    let (asset, amount) = amount_of(&catalog, &args.asset, &args.amount)?;
    let lane = wallet_of(&*store, asset, args.lane.as_deref()).await?;
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

/// Reads an asset and an amount of it.
///
/// # Errors
/// If there is no such asset, or the amount is none or nothing.
pub(super) fn amount_of<'a>(
    catalog: &'a Catalog,
    id: &str,
    text: &str,
) -> anyhow::Result<(&'a Asset, Amount)> {
    let asset = catalog.asset(id);
    let asset = asset.with_context(|| format!("there is no asset {id:?}; write TICKER@network"))?;
    let amount = Amount::parse(text, asset.decimals)
        .map_err(|error| anyhow!("{text:?} is not an amount of {}: {error}", asset.id))?;
    anyhow::ensure!(!amount.is_zero(), "an amount of zero books nothing");
    Ok((asset, amount))
}

/// Finds the wallet that coins of an asset are in: the named one, or the only one of the network.
///
/// # Errors
/// If there is none, or there are several and none is named.
pub(super) async fn wallet_of(
    store: &dyn Store,
    asset: &Asset,
    named: Option<&str>,
) -> anyhow::Result<LaneId> {
    let network = &asset.network;
    let lanes = store.lanes().await.map_err(silent)?;
    let mut fitting = lanes
        .iter()
        .filter(|it| it.network == *network && named.is_none_or(|lane| it.id.as_str() == lane));
    match (fitting.next(), fitting.next(), named) {
        (Some(lane), None, _) => Ok(lane.id.clone()),
        (None, _, Some(named)) => Err(anyhow!("there is no wallet {named} on {network}")),
        (None, _, None) => Err(anyhow!(
            "no wallet of {network} is known yet; configure a [[lane]] and start `vyplata serve` \
             once"
        )),
        (Some(_), Some(_), _) => {
            Err(anyhow!("{network} has several wallets; name one with --lane"))
        }
    }
}
