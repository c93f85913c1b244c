//! The command line.

mod bench;
mod credentials;
mod doctor;
mod fund;
mod house;
mod keys;
mod merchant;
mod migrate;
mod payout;
mod quiet;
mod rates;
mod reconcile;
mod sandbox;
mod serve;

pub(crate) use credentials::api_key;
pub(crate) use merchant::new_merchant;

use std::{
    io::{IsTerminal as _, stdin},
    path::PathBuf,
};

use anyhow::anyhow;
use clap::{Parser, Subcommand};
use domain::{
    merchant::Merchant,
    ports::{CommitError, Store, Unreachable},
};
use zeroize::Zeroizing;

use crate::config::Config;

/// A self-hosted crypto payout gateway: each payout is paid exactly once.
#[derive(Parser)]
#[command(version, about, max_term_width = 100)]
pub(crate) struct Cli {
    /// The configuration file.
    #[arg(long, global = true, default_value = "vyplata.toml", env = "VYPLATA_CONFIG")]
    config: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Try everything out: simulated chains, a demo merchant, one payout through each API.
    Sandbox(sandbox::Args),
    /// Serve the APIs and pay.
    Serve(serve::Args),
    /// Bring the database up to date and say so; or, with --from and --to, move everything from one
    /// database to another.
    Migrate(migrate::Args),
    /// Merchants and their credentials.
    #[command(subcommand)]
    Merchant(merchant::Command),
    /// Book coins that a wallet holds to a merchant, or to the house.
    Fund(fund::Args),
    /// What the house has of each asset: its own, what is promised to conversions, the overdraft.
    House(house::Args),
    /// Ask the rate sources: what each says now, and what would be used.
    Rates,
    /// Payouts: create, show, list, cancel, approve, decline.
    #[command(subcommand)]
    Payout(payout::Command),
    /// The keystore: the wallets' keys, encrypted.
    #[command(subcommand)]
    Keys(keys::Command),
    /// Compare the chains with the ledger; exits 0 only if they agree.
    Reconcile,
    /// Say what is wrong and what to do about it.
    Doctor,
    /// Measure this machine: payouts accepted, settled, and told of per second.
    #[command(subcommand)]
    Bench(bench::Command),
    /// Be a process that is measured.
    #[command(hide = true)]
    BenchPart {
        /// Which one, in the bench's own words.
        part: String,
    },
    /// Print the moments at which this build can be made to die.
    #[cfg(feature = "crash-points")]
    #[command(hide = true)]
    CrashPoints,
}

impl Cli {
    /// Does what the command line says.
    ///
    /// # Errors
    /// Says what went wrong and what to do.
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let config = || Config::read(&self.config);
        if !matches!(self.command, Command::Sandbox(_) | Command::Serve(_)) {
            quiet::end_without_reader();
        }
        match self.command {
            Command::Sandbox(args) => sandbox::run(args).await,
            Command::Serve(args) => serve::run(&config()?, args).await,
            Command::Migrate(args) => migrate::run(&self.config, args).await,
            Command::Merchant(command) => merchant::run(&config()?, command).await,
            Command::Fund(args) => fund::run(&config()?, args).await,
            Command::House(args) => house::run(&config()?, args).await,
            Command::Rates => rates::run(&config()?).await,
            Command::Payout(command) => payout::run(&config()?, command).await,
            Command::Keys(command) => keys::run(&config()?, command),
            Command::Reconcile => reconcile::run(&config()?).await,
            Command::Doctor => doctor::run(&config()?).await,
            Command::Bench(command) => bench::run(command).await,
            Command::BenchPart { part } => crate::bench::part(&part).await,
            #[cfg(feature = "crash-points")]
            Command::CrashPoints => {
                crate::crash::print();
                Ok(())
            }
        }
    }
}

async fn find_merchant(store: &dyn Store, name: &str) -> anyhow::Result<Merchant> {
    let merchants = store.merchants().await.map_err(silent)?;
    let found = merchants.into_iter().find(|it| it.name == name || it.id.to_string() == name);
    found.ok_or_else(|| anyhow!("there is no merchant {name:?}; see `vyplata merchant list`"))
}

/// Asks for a secret at the terminal, or reads a line of standard input if that is something else.
fn ask(question: &str) -> anyhow::Result<Zeroizing<String>> {
    let answer = Zeroizing::new(if stdin().is_terminal() {
        rpassword::prompt_password(question)?
    } else {
        let mut line = String::new();
        stdin().read_line(&mut line)?;
        line
    });
    Ok(Zeroizing::new(answer.trim().to_owned()))
}

/// A number with its noun.
fn counted(count: usize, one: &str, many: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {many}") }
}

fn silent(_: Unreachable) -> anyhow::Error {
    anyhow!("the database does not answer; the log says more")
}

fn not_committed(error: CommitError) -> anyhow::Error {
    match error {
        CommitError::Conflict => anyhow!("somebody else changed it at the same moment; try again"),
        CommitError::Overdrawn => anyhow!("an account would be below zero; nothing was changed"),
        CommitError::Unreachable => anyhow!("the database does not answer; look before retrying"),
    }
}
