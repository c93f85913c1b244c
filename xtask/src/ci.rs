//! Everything that must pass, the same on a laptop and on the machine that decides.

use std::{
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};

use crate::{
    api_fuzz, args::Args, clients, contracts, fuzz, kill, mutants, nodes, oracles, postgres,
    process, tidy,
};

/// Seeds of the simulator in one run.
const SEEDS: &str = "200";

/// The kill test as it fits into one run.
const SHORT_KILL: &str = "--rail evm --payouts 40 --kills 12";

/// The same for payouts that share transactions.
const SHORT_KILL_OF_BATCHES: &str = "--rail evm --payouts 40 --kills 12 --batching contract";

/// The same for several gateways on one database: each blow once.
const SHORT_KILL_OF_NODES: &str = "--rail evm --nodes 3 --payouts 40 --kills 4";

/// One death at every crash point.
const POINTS_KILL: &str = "--rail evm --every-point --times 1";

/// The kill test of the Bitcoin family as it fits into one run.
const SHORT_KILL_OF_BITCOIN: &str = "--rail bitcoin --payouts 40 --kills 12";

/// The same where nodes replace nothing.
const SHORT_KILL_OF_LITECOIN: &str = "--rail bitcoin --coin litecoin --payouts 40 --kills 12";

/// The same of that rail.
const POINTS_KILL_OF_BITCOIN: &str = "--rail bitcoin --every-point --times 1";

/// The kill test of TRON as it fits into one run.
const SHORT_KILL_OF_TRON: &str = "--rail tron --payouts 40 --kills 12";

/// The same of that rail.
const POINTS_KILL_OF_TRON: &str = "--rail tron --every-point --times 1";

/// How long each target of the fuzzer runs, in seconds.
const SHORT_FUZZ: &str = "--seconds 10";

/// One step: its name, whether it is long, and what it does.
struct Step {
    name: &'static str,
    is_long: bool,
    run: fn(&Path) -> Result<()>,
}

const STEPS: [Step; 27] = [
    Step { name: "tidy", is_long: false, run: tidy::run },
    Step { name: "fmt", is_long: false, run: fmt },
    Step { name: "clippy", is_long: false, run: clippy },
    Step { name: "nodes", is_long: false, run: nodes::run },
    Step { name: "contracts", is_long: false, run: contracts },
    Step { name: "test", is_long: false, run: test },
    Step { name: "oracles", is_long: false, run: oracles::run },
    Step { name: "clients", is_long: false, run: clients },
    Step { name: "doc", is_long: false, run: doc },
    Step { name: "deny", is_long: false, run: deny },
    Step { name: "build --release", is_long: true, run: build },
    Step { name: "sandbox", is_long: true, run: sandbox },
    Step { name: "sim", is_long: true, run: sim },
    Step { name: "api-fuzz", is_long: true, run: api_fuzz },
    Step { name: "fuzz", is_long: true, run: fuzz },
    Step { name: "mutants", is_long: true, run: mutants },
    Step { name: "kill", is_long: true, run: kill },
    Step { name: "kill, batches", is_long: true, run: kill_batches },
    Step { name: "kill, several gateways", is_long: true, run: kill_nodes },
    Step { name: "kill, split by roles", is_long: true, run: kill_split },
    Step { name: "kill, negative control", is_long: true, run: kill_control },
    Step { name: "kill, every point", is_long: true, run: kill_points },
    Step { name: "kill, bitcoin", is_long: true, run: kill_bitcoin },
    Step { name: "kill, litecoin", is_long: true, run: kill_litecoin },
    Step { name: "kill, bitcoin, points", is_long: true, run: kill_bitcoin_points },
    Step { name: "kill, tron", is_long: true, run: kill_tron },
    Step { name: "kill, tron, points", is_long: true, run: kill_tron_points },
];

/// Runs the steps in order, all or those from one on, until one fails, and prints how long each took.
///
/// # Errors
/// If a step fails, or there is none of the name.
pub(crate) fn run(root: &Path, arguments: &[String]) -> Result<()> {
    let args = Args::parse(arguments, &["from"], &["quick"])?;
    let from: String = args.get("from", STEPS[0].name.to_owned())?;
    let first = STEPS.iter().position(|step| step.name == from);
    let first = first.with_context(|| format!("no step is called {from:?}"))?;
    let mut table = Vec::new();
    let mut result = Ok(());
    let steps = STEPS.iter().skip(first);
    for step in steps.filter(|step| !(step.is_long && args.has("quick"))) {
        println!("\n=== {}", step.name);
        let start = Instant::now();
        result = (step.run)(root).with_context(|| format!("step {} failed", step.name));
        let verdict = if result.is_ok() { "ok" } else { "FAILED" };
        println!("=== {}: {verdict} after {}", step.name, seconds(start.elapsed()));
        table.push((step.name, verdict, start.elapsed()));
        if result.is_err() {
            break;
        }
    }
    anyhow::ensure!(!table.is_empty(), "no step is left to run: --quick leaves out the long ones");
    println!();
    for (name, verdict, elapsed) in &table {
        println!("{name:<24} {verdict:<6} {:>9}", seconds(*elapsed));
    }
    let total = table.iter().map(|(_, _, elapsed)| *elapsed).sum();
    println!("{:<24} {:<6} {:>9}", "total", "", seconds(total));
    result
}

fn seconds(elapsed: Duration) -> String {
    format!("{}.{} s", elapsed.as_secs(), elapsed.subsec_millis() / 100)
}

fn cargo(root: &Path, line: &str) -> Command {
    let mut command = process::cargo(root);
    command.args(line.split(' '));
    command
}

fn fmt(root: &Path) -> Result<()> {
    process::run(&mut cargo(root, "fmt --all --check"))?;
    process::run(&mut cargo(root, "fmt --manifest-path fuzz/Cargo.toml --check"))
}

fn clippy(root: &Path) -> Result<()> {
    process::run(&mut cargo(root, "clippy --locked --workspace --all-targets -- -D warnings"))
}

fn test(root: &Path) -> Result<()> {
    // `oracles` reads what is there, and what earlier runs sent says nothing of this one.
    let sent = process::target_dir(root).join("tmp/tron");
    if sent.exists() {
        fs::remove_dir_all(&sent)?;
    }
    let mut command = cargo(root, "test --locked --workspace");
    command.env("RUN_NODE_TESTS", "1");
    command.env("ANVIL", nodes::anvil(root)?).env("HARDHAT", nodes::hardhat(root)?);
    command.env("BITCOIND", nodes::bitcoind(root)?).env("LITECOIND", nodes::litecoind(root)?);
    command.env("TRONWEB", nodes::tronweb(root)?);
    let postgres = postgres::Server::start(root)?;
    process::run(postgres.told_to(&mut command))
}

fn contracts(root: &Path) -> Result<()> {
    contracts::run(root, &[])
}

fn clients(root: &Path) -> Result<()> {
    clients::run(root, &[])
}

fn doc(root: &Path) -> Result<()> {
    let mut command = cargo(root, "doc --locked --workspace --no-deps");
    process::run(command.env("RUSTDOCFLAGS", "-D warnings"))
}

fn deny(root: &Path) -> Result<()> {
    if process::is_installed("cargo-deny") {
        return process::run(&mut cargo(root, "deny check licenses bans sources"));
    }
    println!("skipped: cargo-deny is not installed (cargo install cargo-deny)");
    Ok(())
}

fn build(root: &Path) -> Result<()> {
    process::run(&mut cargo(root, "build --locked --release -p vyplata -p sim"))
}

fn sim(root: &Path) -> Result<()> {
    simulate(root, &["--seeds".into(), SEEDS.into()])
}

fn sandbox(root: &Path) -> Result<()> {
    let data = process::target_dir(root).join("ci-sandbox");
    if data.exists() {
        fs::remove_dir_all(&data)?;
    }
    let mut command = cargo(root, "run --locked --release -p vyplata -- sandbox --once");
    process::run(command.args(["--listen", "127.0.0.1:0", "--data"]).arg(data))
}

fn mutants(root: &Path) -> Result<()> {
    mutants::run(root, &[])
}

fn api_fuzz(root: &Path) -> Result<()> {
    api_fuzz::run(root, &[])
}

fn fuzz(root: &Path) -> Result<()> {
    fuzz::run(root, &words(SHORT_FUZZ))
}

fn kill(root: &Path) -> Result<()> {
    kill::run(root, &words(SHORT_KILL))
}

fn kill_nodes(root: &Path) -> Result<()> {
    kill::run(root, &words(SHORT_KILL_OF_NODES))
}

fn kill_split(root: &Path) -> Result<()> {
    let mut arguments = words(SHORT_KILL_OF_NODES);
    arguments.push("--split".into());
    kill::run(root, &arguments)
}

fn kill_batches(root: &Path) -> Result<()> {
    kill::run(root, &words(SHORT_KILL_OF_BATCHES))
}

fn kill_control(root: &Path) -> Result<()> {
    let mut arguments = words(SHORT_KILL);
    arguments.push("--negative-control".into());
    kill::run(root, &arguments)
}

fn kill_points(root: &Path) -> Result<()> {
    let lints = "clippy --locked -p vyplata --features crash-points --all-targets -- -D warnings";
    process::run(&mut cargo(root, lints))?;
    kill::run(root, &words(POINTS_KILL))
}

fn kill_bitcoin(root: &Path) -> Result<()> {
    kill::run(root, &words(SHORT_KILL_OF_BITCOIN))
}

fn kill_litecoin(root: &Path) -> Result<()> {
    kill::run(root, &words(SHORT_KILL_OF_LITECOIN))
}

fn kill_bitcoin_points(root: &Path) -> Result<()> {
    kill::run(root, &words(POINTS_KILL_OF_BITCOIN))
}

fn kill_tron(root: &Path) -> Result<()> {
    kill::run(root, &words(SHORT_KILL_OF_TRON))
}

fn kill_tron_points(root: &Path) -> Result<()> {
    kill::run(root, &words(POINTS_KILL_OF_TRON))
}

fn words(line: &str) -> Vec<String> {
    line.split(' ').map(String::from).collect()
}

/// Runs the simulator.
///
/// # Errors
/// If it finds a violation.
pub(crate) fn simulate(root: &Path, arguments: &[String]) -> Result<()> {
    let arguments = arguments.iter().filter(|argument| *argument != "--");
    process::run(cargo(root, "run --locked --release -p sim --").args(arguments))
}
