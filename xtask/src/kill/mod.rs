//! The kill test: the gateway dies again and again while it pays on a real node, and in the end
//! every payout must be on the chain exactly once.
//!
//! Half of the deaths come at moments drawn from the seed. The other half come at the worst moment
//! there is: the node has accepted a transaction, the gateway dies before it hears of it, and fees
//! change before it is back, so that signing again would give another transaction.
//!
//! What is different from rail to rail is behind [`chain::Chain`], and for the crash points behind
//! [`chain::Theatre`]: a rail is a folder here. With `--batching` payouts of the coin and of a token
//! share transactions on EVM networks; on Bitcoin's kind they do in any case.
//!
//! With `--nodes` several gateways share a database of PostgreSQL, and with `--split` the work, too: see
//! [`cluster`].
//!
//! With `--every-point` the deaths come at every crash point of a gateway that is built with them:
//! see [`points`].

pub(crate) mod api;
mod bitcoin;
mod chain;
mod cluster;
mod control;
pub(crate) mod evm;
pub(crate) mod gateway;
pub(crate) mod http;
mod judge;
mod miner;
mod native;
mod points;
mod proxy;
mod random;
mod receiver;
mod settle;
mod trial;
mod tron;
pub(crate) mod workload;

use std::{
    fs,
    path::{Path, PathBuf},
    str::FromStr,
};

use anyhow::{Context as _, Result, bail, ensure};

use crate::{args::Args, nodes, process};
use bitcoin::Bitcoin;
use cluster::Shape;
use evm::{Evm, setup::Batching};
use judge::Counts;
use settle::Verdict;
use tron::Tron;

/// A rail that there is a kill test for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rail {
    /// The EVM family.
    Evm,
    /// The Bitcoin family.
    Bitcoin,
    /// TRON.
    Tron,
}

impl Rail {
    const ALL: [Self; 3] = [Self::Evm, Self::Bitcoin, Self::Tron];

    /// Its name.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Evm => "evm",
            Self::Bitcoin => "bitcoin",
            Self::Tron => "tron",
        }
    }
}

impl FromStr for Rail {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|it| it.word() == text);
        found.with_context(|| format!("there is no kill test for the rail {text}"))
    }
}

/// What to do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    /// The rail.
    pub(crate) rail: Rail,
    /// How many payouts are asked for.
    pub(crate) payouts: usize,
    /// How many times the gateway is killed.
    pub(crate) kills: usize,
    /// What recipients, amounts and moments are drawn from.
    pub(crate) seed: u64,
    /// Whether a gateway with a planted bug is to be caught.
    pub(crate) is_control: bool,
}

/// Runs the test as the arguments say.
///
/// # Errors
/// If anything but the expected verdict comes out.
pub(crate) fn run(root: &Path, arguments: &[String]) -> Result<()> {
    let values =
        ["rail", "coin", "payouts", "kills", "seed", "times", "program", "batching", "nodes"];
    let flags = ["negative-control", "every-point", "split"];
    let args = Args::parse(arguments, &values, &flags)?;
    let rail: String = args.get("rail", "evm".into())?;
    let options = Options {
        rail: rail.parse()?,
        payouts: args.get("payouts", 200)?,
        kills: args.get("kills", 50)?,
        seed: args.get("seed", 1)?,
        is_control: args.has("negative-control"),
    };
    let verdict = if args.has("every-point") {
        at_points(root, options, &args)?
    } else {
        at_random(root, options, &args)?
    };
    conclude(options, &verdict)
}

/// The gateway that was built before, or the one of these sources.
fn program(root: &Path, options: Options, args: &Args, features: &[&str]) -> Result<PathBuf> {
    let given: PathBuf = args.get("program", PathBuf::new())?;
    if given.as_os_str().is_empty() { build(root, options, features) } else { Ok(given) }
}

fn at_random(root: &Path, options: Options, args: &Args) -> Result<Verdict> {
    ensure!(options.payouts >= options.kills, "more kills than payouts: nothing to interrupt");
    let batching = args.get("batching", Batching::Off)?;
    let coin: String = args.get("coin", String::new())?;
    let folder = folder(root, options, "", &coin);
    let program = program(root, options, args, &[])?;
    let chain: Box<dyn chain::Chain> = match options.rail {
        Rail::Evm => {
            evm::check_coin(&coin)?;
            Box::new(Evm::start(&nodes::anvil(root)?, batching)?)
        }
        Rail::Bitcoin => Box::new(Bitcoin::start(&folder, coin.parse()?, false)?),
        Rail::Tron => {
            tron::check_coin(&coin)?;
            Box::new(Tron::start(options.seed, false)?)
        }
    };
    let gateway = folder.join("gateway");
    let shape = Shape { count: args.get("nodes", 1)?, is_split: args.has("split") };
    let verdict = if shape.count == 1 && !shape.is_split {
        trial::run(chain, &program, &gateway, options)?
    } else {
        cluster::run(root, chain, &program, &gateway, options, shape)?
    };
    println!("{}", line(options, verdict.counts));
    Ok(verdict)
}

fn at_points(root: &Path, options: Options, args: &Args) -> Result<Verdict> {
    // There must be what every point needs.
    let batching = args.get("batching", Batching::Contract)?;
    let is_able = batching == Batching::Contract;
    ensure!(is_able, "every point needs --batching contract, which is the default there");
    let times = args.get("times", 2)?;
    ensure!(times > 0, "no deaths: nothing to survive");
    let coin: String = args.get("coin", String::new())?;
    let folder = folder(root, options, "points-", &coin);
    let program = program(root, options, args, &["--features", "crash-points"])?;
    let gateway = folder.join("gateway");
    match options.rail {
        Rail::Evm => {
            evm::check_coin(&coin)?;
            let chain = Evm::start_for_points(&nodes::anvil(root)?, batching)?;
            points::run(chain, &program, &gateway, options, times)
        }
        Rail::Bitcoin => {
            let chain = Bitcoin::start(&folder, coin.parse()?, true)?;
            points::run(chain, &program, &gateway, options, times)
        }
        Rail::Tron => {
            tron::check_coin(&coin)?;
            let chain = Tron::start(options.seed, true)?;
            points::run(chain, &program, &gateway, options, times)
        }
    }
}

/// Where everything goes that a run writes.
fn folder(root: &Path, options: Options, kind: &str, coin: &str) -> PathBuf {
    let rail = options.rail.word();
    let coin = if coin.is_empty() { String::new() } else { format!("-{coin}") };
    let name = if options.is_control { "-control" } else { "" };
    process::target_dir(root).join(format!("kill/{kind}{rail}{coin}{name}"))
}

/// Builds the gateway, or one with the planted bug. What has features is put where it does not
/// replace the real one.
fn build(root: &Path, options: Options, features: &[&str]) -> Result<PathBuf> {
    if options.is_control {
        return control::build(root, features);
    }
    let release = ["build", "--locked", "--release", "-p", "vyplata"];
    let built = process::target_dir(root).join("release/vyplata");
    process::run(process::cargo(root).args(release).args(features))?;
    if features.is_empty() {
        return Ok(built);
    }
    let program = process::target_dir(root).join("kill/vyplata-with-features");
    fs::create_dir_all(process::target_dir(root).join("kill"))?;
    fs::copy(&built, &program)?;
    // Both builds end in the same place: the real one is put back there.
    process::run(process::cargo(root).args(release))?;
    Ok(program)
}

fn line(options: Options, counts: Counts) -> String {
    let Options { payouts, kills, rail, .. } = options;
    let rail = rail.word();
    let Counts { paid, unpaid, duplicates, losses, stuck } = counts;
    let unpaid = if unpaid > 0 { format!(" unpaid={unpaid}") } else { String::new() };
    format!(
        "kill: rail={rail} payouts={payouts} kills={kills} paid={paid}{unpaid} \
         duplicates={duplicates} losses={losses} stuck={stuck}"
    )
}

fn conclude(options: Options, verdict: &Verdict) -> Result<()> {
    match (options.is_control, verdict.counts.duplicates) {
        (true, 0) => bail!("the planted bug was not caught: this test proves nothing"),
        (true, _) => {
            println!("the planted bug pays twice, and this test sees it");
            Ok(())
        }
        (false, _) => {
            let findings = verdict.findings.join("; ");
            ensure!(verdict.counts.is_clean() && findings.is_empty(), "not clean {findings}");
            Ok(())
        }
    }
}
