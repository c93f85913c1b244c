//! `vyplata house`: what is the house's own.

use std::collections::BTreeMap;

use clap::{Args as ClapArgs, Subcommand};
use domain::{
    ids::AssetId,
    ledger::{LedgerAccount, withdraw},
    money::Amount,
    ports::ChangeSet,
};

use super::{
    fund::{amount_of, wallet_of},
    not_committed, silent,
};
use crate::{clock, config::Config, explain::signed, terms, wiring};

#[derive(ClapArgs)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Book that coins of the house's have left a wallet. It sends nothing: send them first.
    Withdraw {
        /// The asset, as TICKER@network.
        asset: String,
        /// How much, in whole coins and decimals.
        amount: String,
        /// The wallet that held the coins, as network/name; needed if the network has several.
        #[arg(long)]
        lane: Option<String>,
        /// Why, for the auditor.
        #[arg(long)]
        note: String,
    },
}

pub(super) async fn run(config: &Config, args: Args) -> anyhow::Result<()> {
    match args.command {
        None => list(config).await,
        Some(Command::Withdraw { asset, amount, lane, note }) => {
            let catalog = wiring::catalog(config)?;
            let store = wiring::open_store(config, wiring::Use::Command).await?;
            let (asset, amount) = amount_of(&catalog, &asset, &amount)?;
            let lane = wallet_of(&*store, asset, lane.as_deref()).await?;
            let note = format!("withdraw: {note}");
            let postings = withdraw(&lane, &asset.id, amount, note, clock::now());
            let change = ChangeSet { postings, ..ChangeSet::default() };
            store.commit(change).await.map_err(not_committed)?;
            println!("{} {} of the house's have left {lane}", asset.text(amount), asset.id);
            Ok(())
        }
    }
}

/// What the house has of one asset.
#[derive(Default)]
struct Line {
    own: i128,
    promised: i128,
    overdraft: Amount,
}

async fn list(config: &Config) -> anyhow::Result<()> {
    let catalog = wiring::catalog(config)?;
    let store = wiring::open_store(config, wiring::Use::Command).await?;
    let overdrafts = terms::read(config, &catalog, std::iter::empty())?.conversion.overdrafts;
    let mut lines: BTreeMap<AssetId, Line> = BTreeMap::new();
    for it in store.balances().await.map_err(silent)? {
        if it.account == LedgerAccount::Inventory {
            lines.entry(it.asset).or_default().own = it.units;
        } else if it.account == LedgerAccount::InventoryReserved {
            lines.entry(it.asset).or_default().promised = it.units;
        }
    }
    for (asset, overdraft) in overdrafts {
        lines.entry(asset).or_default().overdraft = overdraft;
    }
    for (asset, line) in lines {
        let decimals = catalog.asset(asset.as_str()).map_or(0, |it| it.decimals);
        let own = signed(line.own, decimals);
        let promised = signed(line.promised, decimals);
        let overdraft = line.overdraft.to_text(decimals);
        println!("{asset}  own {own}  promised {promised}  overdraft {overdraft}");
    }
    Ok(())
}
