//! Vyplata, the payout gateway: the only crate that owns threads, time and configuration.

mod acceptor;
mod app;
mod bench;
mod callers;
mod calls;
mod cli;
mod client;
mod clock;
mod concerns;
mod config;
mod connections;
mod courier;
#[cfg(any(test, feature = "crash-points"))]
mod crash;
mod deliveries;
mod docs;
mod elsewhere;
mod explain;
mod http;
mod leases;
mod limiter;
mod listen;
mod loops;
mod metrics;
mod prices;
mod queue;
mod rails;
mod rates;
mod roles;
mod rules;
mod sandbox;
mod server;
mod terms;
mod turn;
mod upkeep;
mod wiring;

use std::{io::IsTerminal as _, process::ExitCode};

use clap::Parser as _;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::{
    Layer as _, filter::Targets, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

/// Requests make and drop many small things at once, on all cores: this allocator is what they cost
/// least with (docs/scaling.md).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What is logged: `RUST_LOG` (such as `warn` or `info,rail_evm=debug`), or everything that matters.
#[expect(clippy::disallowed_methods, reason = "the log level may come from the environment")]
fn log_filter() -> Targets {
    let asked = std::env::var("RUST_LOG").ok().and_then(|it| it.parse().ok());
    asked.unwrap_or_else(|| Targets::new().with_default(LevelFilter::INFO))
}

fn main() -> ExitCode {
    let colours = std::io::stderr().is_terminal();
    let log = tracing_subscriber::fmt::layer().with_ansi(colours).with_writer(std::io::stderr);
    tracing_subscriber::registry().with(log.with_filter(log_filter())).init();
    let cli = cli::Cli::parse();
    #[cfg(feature = "crash-points")]
    if let Err(error) = crash::arm() {
        eprintln!("error: {error:#}");
        return ExitCode::FAILURE;
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: the operating system gives no threads: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(cli.run()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
