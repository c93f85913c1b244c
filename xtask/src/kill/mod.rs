//! The kill test: the gateway dies again and again while it pays on a real node, and in the end
//! every payout must be on the chain exactly once.
//!
//! Half of the deaths come at moments drawn from the seed. The other half come at the worst moment
//! there is: the node has accepted a transaction, the gateway dies before it hears of it, and the
//! base fee rises by 40 % before it is back, so that signing again would give another transaction.

mod api;
mod audit;
mod control;
mod gateway;
mod http;
mod node;
mod proxy;
mod random;
mod receiver;
mod trial;
mod workload;

use std::path::Path;

use anyhow::{Result, bail, ensure};

use crate::{args::Args, process};
use audit::Counts;

/// What to do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
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
    let values = ["rail", "payouts", "kills", "seed"];
    let args = Args::parse(arguments, &values, &["negative-control"])?;
    let rail: String = args.get("rail", "evm".into())?;
    ensure!(rail == "evm", "there is no kill test for the rail {rail}; there is one for evm");
    let options = Options {
        payouts: args.get("payouts", 200)?,
        kills: args.get("kills", 50)?,
        seed: args.get("seed", 1)?,
        is_control: args.has("negative-control"),
    };
    ensure!(options.payouts >= options.kills, "more kills than payouts: nothing to interrupt");
    let target = process::target_dir(root);
    let program = if options.is_control {
        control::build(root)?
    } else {
        let mut cargo = process::cargo(root);
        process::run(cargo.args(["build", "--locked", "--release", "-p", "vyplata"]))?;
        target.join("release/vyplata")
    };
    let folder = target.join(if options.is_control { "kill/control" } else { "kill/evm" });
    let verdict = trial::run(root, &program, &folder, options)?;
    println!("{}", line(options, verdict.counts));
    conclude(options, &verdict)
}

fn line(options: Options, counts: Counts) -> String {
    let Options { payouts, kills, .. } = options;
    let Counts { paid, duplicates, losses, stuck } = counts;
    format!(
        "kill: rail=evm payouts={payouts} kills={kills} paid={paid} duplicates={duplicates} \
         losses={losses} stuck={stuck}"
    )
}

fn conclude(options: Options, verdict: &trial::Verdict) -> Result<()> {
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
