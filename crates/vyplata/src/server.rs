//! Runs a gateway, as far as its roles go: the API, a thread per lane, the tasks for webhooks, prices
//! and rates; and ends them.

use std::{sync::Arc, thread::JoinHandle};

use anyhow::{Context as _, anyhow};
use axum::Router;
use net::{Client, Guard, Reach};
use tokio::{net::TcpListener, sync::watch, task::JoinSet};

use crate::{
    acceptor::Acceptor,
    app::App,
    clock::{self, Uptime},
    config::Config,
    connections::Connections,
    courier::HttpCourier,
    deliveries,
    http::Api,
    limiter::Limiter,
    listen, loops,
    prices::Pricing,
    rates::Rates,
    roles::Role,
};

/// How long a webhook's receiver may take unless configured, in milliseconds.
const WEBHOOK_TIMEOUT_MS: u64 = 10_000;

/// A gateway at work.
pub(crate) struct Server {
    /// The API, for those who are in the same process.
    pub(crate) api: Arc<Api>,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
    leases: tokio::task::JoinHandle<()>,
    retired: tokio::task::JoinHandle<String>,
    threads: Vec<JoinHandle<()>>,
}

impl Server {
    /// Starts everything and serves `listener`, with `extra` routes beside the API's.
    ///
    /// # Errors
    /// If the configuration of webhooks cannot be read.
    pub(crate) async fn start(
        app: Arc<App>,
        pricing: Pricing,
        rates: Rates,
        config: &Config,
        listener: TcpListener,
        extra: Router,
    ) -> anyhow::Result<Self> {
        let webhooks = &config.webhooks;
        let allow: Vec<&str> = webhooks.allow.iter().map(String::as_str).collect();
        let guard = Guard::new(Reach::Public, &allow)
            .map_err(|error| anyhow!("webhooks.allow: {error}"))?;
        let client = Client::new(guard).map_err(|error| anyhow!("webhooks: {error}"))?;
        let timeout_ms = webhooks.timeout_ms.unwrap_or(WEBHOOK_TIMEOUT_MS);
        let courier = Arc::new(HttpCourier { app: app.clone(), client, timeout_ms });
        let (stop, stopped) = watch::channel(false);
        let (acceptor, thread) = Acceptor::start(app.clone());
        let mut threads = vec![thread];
        let (pricing, rates) = (Arc::new(pricing), Arc::new(rates));
        if app.roles.has(Role::Accept) {
            app.set_book(pricing.initial());
            rates.renew(&app, clock::now()).await;
            pricing.renew(&app, clock::now()).await;
        }
        app.metrics.roles(&app.roles);
        app.roles.iter().flat_map(|it| it.leases(&app.lanes)).for_each(|it| app.leases.want(it));
        app.leases.beat(&*app.store).await;
        let keeping = app.clone();
        let leases = tokio::spawn(async move { keeping.leases.keep(&*keeping.store).await });
        let retired = tokio::spawn(loops::watch_store(app.clone()));
        let mut tasks = JoinSet::new();
        for role in app.roles.iter() {
            let (app, stopped) = (app.clone(), stopped.clone());
            match role {
                Role::Accept => {
                    let (pricing, rates) = (pricing.clone(), rates.clone());
                    tasks.spawn(loops::price(app.clone(), pricing, stopped.clone()));
                    tasks.spawn(loops::rates(app, rates, stopped));
                }
                Role::Rails => threads.extend(
                    app.lanes
                        .iter()
                        .map(|work| loops::start_lane(app.clone(), work.clone(), stopped.clone())),
                ),
                Role::Deliver => {
                    tasks.spawn(deliveries::deliver(app, courier.clone(), stopped));
                }
                Role::Admin => {
                    tasks.spawn(loops::expire(app, acceptor.clone(), stopped));
                }
            }
        }
        let limiter = Limiter::new(&config.requests, &Uptime);
        let api = Arc::new(Api::new(app, acceptor, courier, limiter, &config.trusted_proxies));
        let router = api.clone().router().merge(extra);
        let most = listen::connections_max();
        // One address never has all of them, however few there are.
        let of_one = config.requests.per_address_connections.min(most / 4);
        let connections = Connections::new(of_one, &config.trusted_proxies);
        let refused = api.app.metrics.connections_refused.clone();
        tasks.spawn(listen::serve(listener, router, most, connections, refused, stopped));
        Ok(Self { api, stop, tasks, leases, retired, threads })
    }

    /// Returns when the operator asks for the end.
    ///
    /// # Errors
    /// If it may not go on: the database was moved, or a newer program has changed its tables.
    pub(crate) async fn until_stopped(&mut self) -> anyhow::Result<()> {
        tokio::select! {
            asked = asked_to_stop() => asked,
            why = &mut self.retired => Err(anyhow!(why.unwrap_or_default())),
        }
    }

    /// Stops taking requests, lets what is being done end, and waits for it.
    pub(crate) async fn stop(mut self) {
        let _ = self.stop.send(true);
        while self.tasks.join_next().await.is_some() {}
        // The acceptor's thread ends when its last entrance is gone.
        let app = self.api.app.clone();
        drop(self.api);
        let threads = self.threads;
        let joined = tokio::task::spawn_blocking(move || {
            for thread in threads {
                let _ = thread.join();
            }
        });
        let _ = joined.await;
        // Nothing is worked on any more: others need not wait until this looks dead.
        self.retired.abort();
        self.leases.abort();
        app.leases.give_back(&*app.store).await;
    }
}

/// Waits for the operator to ask for the end: Ctrl-C, or a termination signal.
///
/// # Errors
/// If the operating system does not tell us of signals.
pub(crate) async fn asked_to_stop() -> anyhow::Result<()> {
    let mut term = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
        .context("cannot listen for signals")?;
    tokio::select! {
        result = tokio::signal::ctrl_c() => result.context("cannot listen for signals"),
        _ = term.recv() => Ok(()),
    }
}
