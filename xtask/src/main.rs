//! The chores of the project: `cargo xtask COMMAND`.
#![expect(clippy::disallowed_methods, reason = "a tool for developers reads clock and environment")]

mod api_fuzz;
mod args;
mod bench;
mod ci;
mod clients;
mod contracts;
mod fuzz;
mod kill;
mod mutants;
mod nodes;
mod npm;
mod oracles;
mod postgres;
mod process;
mod throughput;
mod tidy;

use std::process::ExitCode;

use anyhow::{Result, bail};

const HELP: &str = "\
cargo xtask COMMAND

  ci [--quick]         everything that must pass; --quick leaves out the long steps,
     [--from STEP]     --from goes on where it failed
  tidy                 checks of the source tree that no compiler makes
  nodes                installs the nodes that tests run against and prints their paths
  postgres -- COMMAND  runs a command with POSTGRES set to a new server, which is gone afterwards
  sim [--] ARGS        the simulator: --seeds N, or SEED to replay one
  mutants [ARGS]       plants bugs; every one must be found
  kill --rail evm [--payouts 200] [--kills 50] [--seed 1] [--batching off] [--negative-control]
                       kills the gateway again and again while it pays on a real node, and counts;
                       --batching contract or delegate: payouts of coin and token share transactions
  kill --rail evm --nodes 3 [--split] [--payouts 200] [--kills 50] [--seed 1]
                       several gateways on one database of PostgreSQL: the one that pays is killed, or
                       frozen until another has taken over, the database dies, or all of them do;
                       --split: the last one accepts and has no keys, the others pay and deliver
  kill --rail evm --every-point [--times 2] [--seed 1] [--negative-control]
                       the same, at each crash point of a build with the feature crash-points,
                       with batches by the contract, chores of wallets and top-ups;
                       --program PATH takes a gateway that was built before
  kill --rail bitcoin [--coin bitcoin|litecoin] [--payouts 200] [--kills 50] [--seed 1]
                       [--negative-control]
  kill --rail bitcoin --every-point [--coin bitcoin|litecoin] [--times 2] [--seed 1]
                       [--negative-control]
                       both on a node of Bitcoin or Litecoin in the regression test mode
  kill --rail tron [--payouts 200] [--kills 50] [--seed 1] [--negative-control]
  kill --rail tron --every-point [--times 2] [--seed 1] [--negative-control]
                       both on the test node of this workspace; at random moments its blocks forget,
                       come late and are undone, so that transactions are over and made anew
  contracts [--write]  the byte code of the contracts is what their sources compile to; --write
                       makes it so
  clients [--only NAME] [--base URL]
                       published clients of the providers against a sandbox, or what runs at URL
  api-fuzz [--examples 100] [--seed 1] [--base URL]
                       requests made of the API's description against a sandbox, or what runs at URL
  fuzz [--seconds 60] [--only NAME]
                       the targets in fuzz/: inputs that reach new code, until the time is over
  oracles              what the tests sent to the Tron test node, read by TronWeb and tronpy
  bench                figures of the release binary: size, start, memory; `vyplata bench` has the rest
  throughput [--payouts N] [--gas-limit G] [--batching off|contract|delegate] [--asset coin|token]
             [--batch 100] [--in-flight N] [--json]
                       payouts per second on a node with four blocks a second, beside what the
                       chain could take and what the node takes when it is flooded;
                       --program PATH takes a gateway that was built before";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<()> {
    let root = process::root();
    let (command, rest) = match arguments.split_first() {
        Some((command, rest)) => (command.as_str(), rest),
        None => ("help", arguments),
    };
    match command {
        "ci" => ci::run(&root, rest),
        "tidy" => tidy::run(&root),
        "nodes" => nodes::run(&root),
        "postgres" => postgres::run(&root, rest),
        "sim" => ci::simulate(&root, rest),
        "mutants" => mutants::run(&root, rest),
        "kill" => kill::run(&root, rest),
        "contracts" => contracts::run(&root, rest),
        "clients" => clients::run(&root, rest),
        "api-fuzz" => api_fuzz::run(&root, rest),
        "fuzz" => fuzz::run(&root, rest),
        "oracles" => oracles::run(&root),
        "bench" => bench::run(&root),
        "throughput" => throughput::run(&root, rest),
        "help" | "--help" | "-h" => {
            println!("{HELP}");
            Ok(())
        }
        unknown => bail!("unknown command {unknown}\n{HELP}"),
    }
}
