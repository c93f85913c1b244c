//! `vyplata migrate`: brings a database up to date, or moves everything to another one.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, anyhow, bail};
use clap::Args as ClapArgs;
use store::{
    Postgres,
    copy::{self, End, Progress, Proof, Step},
};

use super::counted;
use crate::{
    clock,
    config::{Config, Database, DatabaseUrl},
    wiring,
};

/// After how many rows it is said how far a table is.
const TOLD_ROWS: u64 = 100_000;

#[derive(ClapArgs)]
pub(crate) struct Args {
    /// Copy everything from this database, `sqlite:PATH` or `postgres://USER:PASSWORD@HOST/NAME`. All
    /// gateways on it must be stopped. No gateway starts with it any more afterwards.
    #[arg(long, value_name = "DATABASE", requires = "to")]
    from: Option<String>,
    /// Copy everything to this one, which must be empty: its tables are made. All is there in the end,
    /// compared row by row, or nothing.
    #[arg(long, value_name = "DATABASE")]
    to: Option<String>,
    /// Let gateways use this database again, from which everything was to be moved to the other one, while
    /// that is empty. If it has everything, move it back instead.
    #[arg(long, value_name = "DATABASE", requires = "to", conflicts_with = "from")]
    reopen: Option<String>,
}

pub(super) async fn run(file: &Path, args: Args) -> anyhow::Result<()> {
    match (args.from, args.reopen, args.to) {
        (Some(from), _, Some(to)) => return move_all(file, from, to).await,
        (None, Some(moved), Some(to)) => return reopen(file, moved, to).await,
        (None, None, Some(_)) => bail!("--to says where to; name what to copy with --from"),
        (_, _, None) => {}
    }
    let config = Config::read(file)?;
    wiring::open_store(&config, wiring::Use::Gateway).await?;
    println!("{} is up to date", wiring::database_name(&config)?);
    Ok(())
}

async fn move_all(config: &Path, from: String, to: String) -> anyhow::Result<()> {
    let (from, to) = (end("--from", from)?, end("--to", to)?);
    let _locks = locks(config, &[&from, &to])?;
    let (from_name, to_name) = (from.name(), to.name());
    let begun_ms = clock::uptime_ms();
    let watched = match &from {
        // Nobody else has its lock.
        End::Sqlite(_) => Duration::ZERO,
        End::Postgres(_) => {
            eprintln!("looking for {} s whether a gateway is at work", store::WATCHED.as_secs());
            store::WATCHED
        }
    };
    let proofs = copy::copy(&from, &to, watched, tell).await;
    let proofs = proofs.with_context(|| format!("from {from_name} to {to_name}"))?;
    let took_ms = clock::uptime_ms().saturating_sub(begun_ms);
    print(&proofs);
    let rows: u64 = proofs.iter().map(|it| it.rows).sum();
    let rows = counted(usize::try_from(rows).unwrap_or(usize::MAX), "row", "rows");
    println!(
        "\n{rows} copied from {from_name} to {to_name} in {}.{} s: the same on both sides, and the \
         ledger adds up",
        took_ms / 1_000,
        took_ms % 1_000 / 100
    );
    println!("start the gateways with {to_name}; none starts with {from_name} any more");
    Ok(())
}

async fn reopen(config: &Path, moved: String, to: String) -> anyhow::Result<()> {
    let (moved, to) = (end("--reopen", moved)?, end("--to", to)?);
    let _locks = locks(config, &[&moved, &to])?;
    copy::reopen(&moved, &to).await?;
    println!("{} can be used again; {} waits for what may be moved to it", moved.name(), to.name());
    Ok(())
}

/// One side of the copy. What is wrong with an address is told without its password.
fn end(option: &'static str, address: String) -> anyhow::Result<End> {
    let url = DatabaseUrl::try_from(address).map_err(|why| anyhow!("{option}: {why}"))?;
    match url.place() {
        Database::File(file) => Ok(End::Sqlite(file)),
        Database::Postgres(url) => {
            let tls = net::tls_config().map_err(|error| anyhow!("TLS: {error}"))?;
            Ok(End::Postgres(Postgres::open(url, tls).context(option)?))
        }
    }
}

/// Keeps gateways of this machine from running meanwhile: on the configured data directory, and on
/// those in which the files are.
fn locks(config: &Path, ends: &[&End]) -> anyhow::Result<Vec<File>> {
    let mut directories: BTreeSet<PathBuf> = BTreeSet::new();
    if config.exists() {
        directories.extend(real(&Config::read(config)?.data));
    }
    for end in ends {
        let End::Sqlite(file) = end else { continue };
        let directory = file.parent().filter(|it| !it.as_os_str().is_empty());
        let directory = directory.unwrap_or(Path::new("."));
        if wiring::is_data(directory) {
            directories.extend(real(directory));
        }
    }
    let mut locks = vec![];
    for it in &directories {
        locks.push(wiring::lock(it)?);
    }
    // Wherever the data directory of a gateway is that serves from it. One file may have two names.
    let file = |end: &&End| match end {
        End::Sqlite(file) => real(file),
        End::Postgres(_) => None,
    };
    let files: BTreeSet<PathBuf> = ends.iter().filter_map(file).collect();
    for it in &files {
        locks.push(store::lock_file(it)?);
    }
    Ok(locks)
}

/// The only name of a directory or file, if it is there.
fn real(path: &Path) -> Option<PathBuf> {
    fs::canonicalize(path).ok()
}

fn tell(progress: Progress) {
    let Progress { step, table, rows } = progress;
    if rows > 0 && rows.is_multiple_of(TOLD_ROWS) {
        let step = match step {
            Step::Copying => "copied",
            Step::Comparing => "compared",
        };
        eprintln!("{table}: {rows} rows {step}");
    }
}

fn print(proofs: &[Proof]) {
    println!("{:<14} {:>12}  SHA-256 of all rows, on both sides", "table", "rows");
    for Proof { table, rows, sha256 } in proofs {
        println!("{table:<14} {rows:>12}  {sha256}");
    }
}
