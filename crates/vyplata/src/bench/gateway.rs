//! The gateway that is measured: the real one, as `serve` runs it, on a simulated chain and a store of
//! its own.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use anyhow::{Context as _, anyhow};
use axum::Router;
use domain::{
    ids::{InvalidId, PayoutId},
    payout::Payout,
    ports::{PageQuery, Store, Unreachable},
};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

use super::{
    child::Ready,
    history::History,
    part, place, prepare,
    shops::{self, NETWORK, Speech},
};
use crate::{
    clock,
    config::{Config, Webhooks},
    limiter::Settings,
    prices::Pricing,
    roles::{Role, Roles},
    sandbox::{self, Assembled, Pace},
    server::Server,
    wiring,
};

/// How often an address and a credential may ask: the limits are there, and nobody reaches them.
const REQUESTS_PER_SECOND: u32 = 1_000_000;

/// How many payouts are read at once.
const PAGE: u32 = 2_000;

/// What there is to do before time is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Prepared {
    /// Nothing.
    Nothing,
    /// So many payouts are accepted and wait to be paid.
    Payouts(usize),
    /// So many payouts are accepted and withdrawn, and a webhook is due for each.
    Webhooks(usize),
    /// Payouts that have ended long ago.
    History(History),
}

/// How a gateway is run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Plan {
    /// The store's URL.
    pub(crate) store: String,
    /// Where everything else is kept.
    pub(crate) data: PathBuf,
    /// What references and merchants of this run are told apart by.
    pub(crate) run: String,
    /// The API.
    pub(crate) speech: Speech,
    /// How many merchants there are.
    pub(crate) merchants: usize,
    /// What is done before.
    pub(crate) prepared: Prepared,
    /// Whether the simulated chain is in its process; one that has none leaves the lanes to others.
    pub(crate) has_chain: bool,
    /// Whether lanes pay.
    pub(crate) pays: bool,
    /// How long a block takes, in milliseconds.
    pub(crate) block_ms: u64,
    /// How many wallets the network is paid from.
    pub(crate) wallets: u32,
    /// How many payouts share a transaction at most.
    pub(crate) batch_max: u32,
    /// How many transactions of a wallet may be on their way at once.
    pub(crate) in_flight_max: u32,
    /// Where webhooks go: the first merchant's to the first, and so on, and around.
    pub(crate) receivers: Vec<SocketAddr>,
}

/// Runs until nobody listens to it any more.
///
/// # Errors
/// Says what is in the way.
pub(crate) async fn run(plan: Plan) -> anyhow::Result<()> {
    let _lock = wiring::lock(&plan.data)?;
    let config = config(&plan);
    let store = place::open(&plan.store).await?;
    let newest_before = newest(&*store).await?;
    let pace = Pace {
        networks: Some(&[NETWORK]),
        wallets: plan.wallets,
        block_ms: plan.block_ms,
        batch_max: plan.batch_max,
        in_flight_max: plan.in_flight_max,
        pays: plan.pays,
    };
    let Assembled { mut app, vault, chains } = sandbox::assemble(&config, store, &pace).await?;
    if !plan.has_chain {
        app.roles = Roles::named([Role::Accept, Role::Deliver, Role::Admin]);
    }
    let app = Arc::new(app);
    let shops = shops::all(&plan.run, plan.merchants);
    let made = shops::open(&app, &vault, plan.speech, &shops).await?;
    sandbox::resume(&app, &chains).await?;
    let paid = app.catalog.assets().filter(|it| it.network.as_str() == NETWORK);
    let pricing = Pricing::read(&config, &app.catalog, paid)?;
    let rates = sandbox::exchanges(&config, &app.catalog)?;
    if plan.prepared != Prepared::Nothing {
        app.set_book(pricing.initial());
        rates.renew(&app, clock::now()).await;
        pricing.renew(&app, clock::now()).await;
        prepare::all(&app, &chains, &plan, &made).await?;
    }
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    part::prepared().await?;
    let (address, begun_at_ms) = (listener.local_addr()?, clock::now().0);
    let waits_before = app.store.disk_waits();
    let ready = Ready { address, begun_at_ms, newest_before, waits_before };
    let server = Server::start(app, pricing, rates, &config, listener, Router::new()).await?;
    let miner = tokio::spawn(sandbox::mine(chains, plan.block_ms));
    part::say(&ready)?;
    let acceptor = server.api.acceptor.clone();
    part::obey(move |line| {
        let most = line.strip_prefix("slice ").and_then(|it| it.parse().ok());
        most.map(|it| acceptor.limit_slices(it)).is_some()
    })
    .await;
    miner.abort();
    server.stop().await;
    Ok(())
}

/// The newest payout of a store.
async fn newest(store: &dyn Store) -> anyhow::Result<Option<String>> {
    let page = page(store, &PageQuery { count_max: 1, ..PageQuery::default() }).await?;
    Ok(page.first().map(|it| it.id.to_string()))
}

/// Reads a page of a store.
///
/// # Errors
/// If it does not answer.
pub(super) async fn page(store: &dyn Store, query: &PageQuery) -> anyhow::Result<Vec<Payout>> {
    store.page(query).await.map_err(|Unreachable| anyhow!("the store does not answer"))
}

fn config(plan: &Plan) -> Config {
    let mut config = sandbox::config(&plan.data);
    config.merchants.clear();
    config.requests = Settings {
        per_address_per_second: REQUESTS_PER_SECOND,
        per_address_burst: REQUESTS_PER_SECOND,
        per_key_per_second: REQUESTS_PER_SECOND,
        per_key_burst: REQUESTS_PER_SECOND,
        ..Settings::off()
    };
    let allow = plan.receivers.iter().map(ToString::to_string).collect();
    config.webhooks = Webhooks { allow, timeout_ms: None };
    config
}

/// Counts the payouts of a gateway's store that are newer than one, without the gateway.
///
/// # Errors
/// If the store cannot be opened or does not answer.
pub(crate) fn count_without(store: &str, newer_than: Option<&str>) -> anyhow::Result<u64> {
    let newer_than: Option<PayoutId> = newer_than
        .map(str::parse)
        .transpose()
        .map_err(|InvalidId| anyhow!("a payout has a name that none has"))?;
    let mut query = PageQuery {
        after: Some(newer_than.unwrap_or(PayoutId(0))),
        count_max: PAGE,
        ..PageQuery::default()
    };
    read_without(store, async |store| {
        let mut count = 0;
        loop {
            let page = page(store, &query).await?;
            let Some(newest) = page.first() else { return Ok(count) };
            query.after = Some(newest.id);
            count += u64::try_from(page.len())?;
        }
    })
}

/// Reads a gateway's store without the gateway.
///
/// # Errors
/// If the store cannot be opened, or with what goes wrong.
pub(super) fn read_without<T>(
    store: &str,
    read: impl AsyncFnOnce(&dyn Store) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.context("reading a store")?.block_on(async { read(&*place::open(store).await?).await })
}
