//! `vyplata serve`: the APIs and the wallets behind them.

use std::sync::Arc;

use anyhow::Context as _;
use axum::Router;
use clap::Args as ClapArgs;
use domain::catalog::{Asset, Catalog};
use tokio::net::TcpListener;

use super::silent;
use crate::{
    app::App,
    config::{Config, Database},
    leases::Leases,
    prices::Pricing,
    rates::Rates,
    roles::{Role, Roles},
    server::Server,
    wiring::{self, Need},
};

/// What stands over the roles where options are listed.
const ROLES: &str = "Roles: what this process does; everything if none is named";

#[derive(ClapArgs)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub(crate) struct Args {
    /// Take merchants' requests. Without --rails this process has no wallet's key and needs no keystore:
    /// `vyplata keys vault` makes what it needs.
    #[arg(long, help_heading = ROLES)]
    accept: bool,
    /// Pay from the wallets. This is the only role that signs.
    #[arg(long, help_heading = ROLES)]
    rails: bool,
    /// Deliver webhooks.
    #[arg(long, help_heading = ROLES)]
    deliver: bool,
    /// Do what comes round by itself: end payouts that nobody approved in time.
    #[arg(long, help_heading = ROLES)]
    admin: bool,
    /// Pay from wallets although the chain holds less than the ledger says. Use it only when you
    /// know why: after an old copy of the database was put back, payouts could be paid again.
    #[arg(long)]
    pay_although_coins_are_missing: bool,
}

impl Args {
    /// The roles that are named here, or else in the configuration.
    fn roles(&self, config: &Config) -> Roles {
        let flags = [
            (self.accept, Role::Accept),
            (self.rails, Role::Rails),
            (self.deliver, Role::Deliver),
            (self.admin, Role::Admin),
        ];
        let named: Vec<Role> = flags.into_iter().filter(|it| it.0).map(|it| it.1).collect();
        if named.is_empty() { config.roles() } else { Roles::named(named) }
    }
}

pub(super) async fn run(config: &Config, args: Args) -> anyhow::Result<()> {
    let roles = args.roles(config);
    anyhow::ensure!(
        !roles.reaches_networks() || config.lanes.iter().any(|it| it.pays),
        "{}: there is no [[lane]] to pay from; docs/operating.md shows one, `vyplata sandbox` needs \
         none",
        config.place(&["lane"])
    );
    let _lock = wiring::lock(&config.data)?;
    if let (Database::File(file), Some(others)) = (config.database(), roles.others()) {
        tracing::warn!(
            "nobody has these roles: {others}. {} is for one process; several share their work on a \
             database of PostgreSQL",
            file.display()
        );
    }
    let mut app = gateway(config, roles).await?;
    app.leases = Leases::new(wiring::node_name(&config.data)?);
    app.pay_although_coins_are_missing = args.pay_although_coins_are_missing;
    let pricing = Pricing::read(config, &app.catalog, payable(config, &app.catalog))?;
    let rates = Rates::read(config, &app.catalog)?;
    let listener = TcpListener::bind(config.listen)
        .await
        .with_context(|| format!("cannot listen on {}; is it in use?", config.listen))?;
    let address = listener.local_addr()?;
    let said = said(&app);
    let mut server =
        Server::start(Arc::new(app), pricing, rates, config, listener, Router::new()).await?;
    println!("serving on http://{address}, {said}");
    let ended = server.until_stopped().await;
    println!("stopping: no new requests, what is being done ends");
    server.stop().await;
    ended
}

/// Puts together what the roles of a process need. Wallets' keys come near it only if it signs.
async fn gateway(config: &Config, roles: Roles) -> anyhow::Result<App> {
    let signs = roles.has(Role::Rails);
    let vault =
        (!signs && roles.opens_secrets()).then(|| wiring::open_vault(config)).transpose()?;
    let need = match (signs, roles.reaches_networks()) {
        (true, _) => Need::Everything,
        (false, true) => Need::Rails,
        (false, false) => Need::Ledger,
    };
    let mut app = wiring::gateway(config, need, wiring::Use::Gateway).await?;
    app.vault = app.vault.or(vault);
    app.roles = roles;
    let stored = app.store.lanes().await.map_err(silent)?;
    for lane in app.lanes.iter().map(|it| &it.lane) {
        // Nobody else knows the address, which must not be paid.
        anyhow::ensure!(
            stored.iter().any(|it| it.id == *lane),
            "{lane} is not in the database: start a process with the role rails first, which stores \
             its address"
        );
    }
    Ok(app)
}

/// What a process says of itself at the start.
fn said(app: &App) -> String {
    let paying = app.lanes.iter().filter(|it| it.pays);
    let lanes: Vec<String> = paying.map(|it| it.lane.to_string()).collect();
    let roles = format!("roles: {}", app.roles);
    if app.roles.has(Role::Rails) {
        format!("{roles}; paying from {}", lanes.join(", "))
    } else {
        format!("{roles}; without wallets' keys")
    }
}

/// The assets of networks that have a lane.
pub(super) fn payable<'a>(
    config: &'a Config,
    catalog: &'a Catalog,
) -> impl Iterator<Item = &'a Asset> {
    let has_lane = |it: &&Asset| {
        config.lanes.iter().any(|lane| lane.pays && lane.network == it.network.as_str())
    };
    catalog.assets().filter(has_lane)
}
