//! `cargo xtask throughput`: payouts per second from the request to the final block, on a real node
//! that makes four blocks a second, beside what the chain could take.
//!
//! Each run has a chain of its own with one gas limit. The same run then floods the same node with
//! transactions of the same kind that were signed before, so that the node's own limit is told
//! apart from the gateway's. The base fee is put back after each block: full blocks would raise it
//! eightfold every 18 blocks, and what is measured is the gateway, not its patience with fees.

mod chain;
mod flood;
mod load;
mod report;
mod stage;
mod token;

use std::{fmt, path::Path, str::FromStr, time::Duration};

use anyhow::{Result, ensure};

use crate::{args::Args, kill::evm::setup::Batching, nodes, process};
use report::Row;
use stage::Stage;

/// How long a block takes.
const BLOCK: Duration = Duration::from_millis(250);
/// The gas limits of blocks that are tried if none is named. The first is Ethereum's 60 million in
/// 12 seconds.
const GAS_LIMITS: [u64; 5] = [1_250_000, 5_000_000, 15_000_000, 30_000_000, 60_000_000];
/// For how many full blocks there is work if no number of payouts is named, and the most work.
const BLOCKS: u64 = 48;
const PAYOUTS_MIN: u64 = 2_000;
const PAYOUTS_MAX: u64 = 24_000;
/// How many payouts share a transaction, unless it would not fit into a block.
const BATCH_MAX: u64 = 100;

/// What is paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asset {
    /// The network's coin.
    Coin,
    /// A token.
    Token,
}

/// One run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// The gas limit of a block.
    pub(crate) gas_limit: u64,
    /// How payouts travel.
    pub(crate) batching: Batching,
    /// What is paid.
    pub(crate) asset: Asset,
    /// How many payouts there are.
    pub(crate) payouts: u64,
    /// The most payouts of one transaction.
    pub(crate) batch_max: u64,
    /// How many transactions may be on their way at once.
    pub(crate) in_flight_max: usize,
}

impl FromStr for Asset {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "coin" => Ok(Self::Coin),
            "token" => Ok(Self::Token),
            _ => Err(()),
        }
    }
}

impl fmt::Display for Asset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Coin => "coin",
            Self::Token => "token",
        })
    }
}

impl Plan {
    /// About what one payout takes: `crates/rail-evm/README.md`, payouts to holders.
    fn gas_each(batching: Batching, asset: Asset) -> u64 {
        match (batching, asset) {
            (Batching::Off, Asset::Coin) => 21_000,
            (Batching::Off, Asset::Token) => 38_553,
            (Batching::Contract | Batching::Delegate, Asset::Coin) => 10_374,
            (Batching::Contract | Batching::Delegate, Asset::Token) => 11_905,
        }
    }

    fn new(gas_limit: u64, batching: Batching, asset: Asset, args: &Args) -> Result<Self> {
        let gas_each = Self::gas_each(batching, asset);
        let per_block = gas_limit / gas_each;
        ensure!(per_block > 0, "no payout fits into a block of {gas_limit} gas");
        let payouts = (BLOCKS * per_block).clamp(PAYOUTS_MIN, PAYOUTS_MAX);
        // The limit of a transaction is a quarter more than it takes, and must fit into what is
        // left of a block: so that little is left over, several of them go into one.
        let fits = gas_limit / 10 / gas_each;
        let batch_max = BATCH_MAX.min(fits.max(10));
        let per_transaction = if batching == Batching::Off { 1 } else { batch_max };
        // From handing over until a transaction is closed, a few blocks go by.
        let in_flight = (5 * per_block / per_transaction).clamp(32, 600);
        Ok(Self {
            gas_limit,
            batching,
            asset,
            payouts: args.get("payouts", payouts)?,
            batch_max: args.get("batch", batch_max)?,
            in_flight_max: args.get("in-flight", usize::try_from(in_flight)?)?,
        })
    }
}

/// Measures what the arguments say and prints a table, or one line of JSON for each run.
///
/// # Errors
/// If a gateway or a node does not do its work.
pub(crate) fn run(root: &Path, arguments: &[String]) -> Result<()> {
    let values = ["payouts", "gas-limit", "batching", "asset", "batch", "in-flight", "program"];
    let args = Args::parse(arguments, &values, &["json"])?;
    let given: String = args.get("program", String::new())?;
    let mut program = given.into();
    if program == Path::new("") {
        let release = ["build", "--locked", "--release", "-p", "vyplata"];
        process::run(process::cargo(root).args(release))?;
        program = process::target_dir(root).join("release/vyplata");
    }
    let asset = args.get("asset", Asset::Coin)?;
    let batchings = match args.get("batching", String::new())?.as_str() {
        "" => vec![Batching::Off, Batching::Contract],
        word => vec![word.parse()?],
    };
    let limits = match args.get("gas-limit", 0)? {
        0 => GAS_LIMITS.to_vec(),
        limit => vec![limit],
    };
    let anvil = nodes::anvil(root)?;
    let mut rows = vec![];
    for batching in batchings {
        for limit in &limits {
            let plan = Plan::new(*limit, batching, asset, &args)?;
            let folder = process::target_dir(root).join("throughput");
            let row = measure(&anvil, &program, &folder, plan)?;
            eprintln!("{}", row.json());
            rows.push(row);
        }
    }
    if args.has("json") {
        for row in &rows {
            println!("{}", row.json());
        }
    } else {
        report::print(&rows);
    }
    Ok(())
}

fn measure(anvil: &Path, program: &Path, folder: &Path, plan: Plan) -> Result<Row> {
    eprintln!("{plan:?}");
    let stage = Stage::set(anvil, program, folder, plan)?;
    let paid = stage.pay()?;
    let flooded = flood::run(&stage, &paid.kind)?;
    Ok(Row { plan, paid, flooded })
}

#[cfg(test)]
mod tests {
    use super::{Args, Asset, Batching, Plan};

    #[test]
    fn a_plan_fits_into_its_blocks() {
        let plan = |limit, batching| Plan::new(limit, batching, Asset::Coin, &Args::default());
        let small = plan(1_250_000, Batching::Contract).unwrap();
        assert!(small.batch_max * 10_374 * 5 / 4 * 6 <= 1_250_000);
        assert_eq!(plan(60_000_000, Batching::Contract).unwrap().batch_max, 100);
        assert!(plan(20_000, Batching::Off).is_err());
    }

    #[test]
    fn assets_are_read_as_they_are_written() {
        for asset in [Asset::Coin, Asset::Token] {
            assert_eq!(asset.to_string().parse(), Ok(asset));
        }
        assert!("coins".parse::<Asset>().is_err());
    }
}
