//! `vyplata serve`: the APIs and the wallets behind them.

use std::sync::Arc;

use anyhow::Context as _;
use axum::Router;
use clap::Args as ClapArgs;
use domain::catalog::Asset;
use tokio::net::TcpListener;

use crate::{
    app::App,
    config::Config,
    leases::Leases,
    prices::Pricing,
    rates::Rates,
    server::{Server, asked_to_stop},
    wiring::{self, Need},
};

#[derive(ClapArgs)]
pub(crate) struct Args {
    /// Pay from wallets although the chain holds less than the ledger says. Use it only when you
    /// know why: after an old copy of the database was put back, payouts could be paid again.
    #[arg(long)]
    pay_although_coins_are_missing: bool,
}

pub(super) async fn run(config: &Config, args: Args) -> anyhow::Result<()> {
    anyhow::ensure!(
        config.lanes.iter().any(|it| it.pays),
        "{}: there is no [[lane]] to pay from; docs/operating.md shows one, `vyplata sandbox` needs \
         none",
        config.place(&["lane"])
    );
    let _lock = wiring::lock(&config.data)?;
    let mut app = wiring::gateway(config, Need::Everything).await?;
    app.leases = Leases::new(wiring::node_name(&config.data)?);
    app.pay_although_coins_are_missing = args.pay_although_coins_are_missing;
    let pricing = Pricing::read(config, &app.catalog, payable(&app))?;
    let rates = Rates::read(config, &app.catalog)?;
    let listener = TcpListener::bind(config.listen)
        .await
        .with_context(|| format!("cannot listen on {}; is it in use?", config.listen))?;
    let address = listener.local_addr()?;
    let paying = app.lanes.iter().filter(|it| it.pays);
    let lanes: Vec<String> = paying.map(|it| it.lane.to_string()).collect();
    let server =
        Server::start(Arc::new(app), pricing, rates, config, listener, Router::new()).await?;
    println!("serving on http://{address}, paying from {}", lanes.join(", "));
    asked_to_stop().await?;
    println!("stopping: no new requests, what is being done ends");
    server.stop().await;
    Ok(())
}

/// The assets of networks that have a lane.
pub(super) fn payable(app: &App) -> impl Iterator<Item = &Asset> {
    let has_lane =
        |it: &&Asset| app.lanes.iter().any(|lane| lane.pays && lane.network == it.network);
    app.catalog.assets().filter(has_lane)
}
