//! The kill test: the gateway dies again and again while it pays on a real node, and in the end
//! every payout must be on the chain exactly once.
//!
//! Half of the deaths come at moments drawn from the seed. The other half come at the worst moment
//! there is: the node has accepted a transaction, the gateway dies before it hears of it, and the
//! base fee rises by 40 % before it is back, so that signing again would give another transaction.
//!
//! With `--batching` payouts of the coin and of a token share transactions.
//!
//! With `--every-point` the deaths come at every crash point of a gateway that is built with them:
//! see [`points`].

pub(crate) mod api;
mod audit;
mod control;
pub(crate) mod funds;
pub(crate) mod gateway;
pub(crate) mod http;
mod native;
pub(crate) mod node;
mod points;
mod proxy;
mod random;
mod receiver;
mod settle;
pub(crate) mod setup;
mod token;
mod top_ups;
mod trial;
pub(crate) mod workload;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Result, bail, ensure};

use crate::{args::Args, process};
use audit::Counts;
use settle::Verdict;
use setup::Batching;

/// What to do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    /// How many payouts are asked for.
    pub(crate) payouts: usize,
    /// How many times the gateway is killed.
    pub(crate) kills: usize,
    /// What recipients, amounts and moments are drawn from.
    pub(crate) seed: u64,
    /// How payouts share transactions.
    pub(crate) batching: Batching,
    /// Whether a gateway with a planted bug is to be caught.
    pub(crate) is_control: bool,
}

/// Runs the test as the arguments say.
///
/// # Errors
/// If anything but the expected verdict comes out.
pub(crate) fn run(root: &Path, arguments: &[String]) -> Result<()> {
    let values = ["rail", "payouts", "kills", "seed", "times", "program", "batching"];
    let args = Args::parse(arguments, &values, &["negative-control", "every-point"])?;
    let rail: String = args.get("rail", "evm".into())?;
    ensure!(rail == "evm", "there is no kill test for the rail {rail}; there is one for evm");
    // At every point there must be what every point needs.
    let default = if args.has("every-point") { Batching::Contract } else { Batching::Off };
    let options = Options {
        payouts: args.get("payouts", 200)?,
        kills: args.get("kills", 50)?,
        seed: args.get("seed", 1)?,
        batching: args.get("batching", default)?,
        is_control: args.has("negative-control"),
    };
    let target = process::target_dir(root);
    let name = if options.is_control { "control" } else { "evm" };
    let features: &[&str] =
        if args.has("every-point") { &["--features", "crash-points"] } else { &[] };
    // A gateway that was built before, or the one of these sources.
    let given: PathBuf = args.get("program", PathBuf::new())?;
    let built = || build(root, options, features);
    if args.has("every-point") {
        let is_able = options.batching == Batching::Contract;
        ensure!(is_able, "every point needs --batching contract, which is the default there");
        let times = args.get("times", 2)?;
        ensure!(times > 0, "no deaths: nothing to survive");
        let program = if given.as_os_str().is_empty() { built()? } else { given };
        let folder = target.join(format!("kill/points-{name}"));
        return conclude(options, &points::run(root, &program, &folder, options, times)?);
    }
    ensure!(options.payouts >= options.kills, "more kills than payouts: nothing to interrupt");
    let program = if given.as_os_str().is_empty() { built()? } else { given };
    let verdict = trial::run(root, &program, &target.join(format!("kill/{name}")), options)?;
    println!("{}", line(options, verdict.counts));
    conclude(options, &verdict)
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
    let Options { payouts, kills, .. } = options;
    let Counts { paid, duplicates, losses, stuck, .. } = counts;
    format!(
        "kill: rail=evm payouts={payouts} kills={kills} paid={paid} duplicates={duplicates} \
         losses={losses} stuck={stuck}"
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
