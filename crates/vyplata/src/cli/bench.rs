//! `vyplata bench`: measures this machine.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use anyhow::Context as _;
use clap::{Args as ClapArgs, Subcommand, value_parser};

use crate::{
    bench::{self, Accept, Deliver, Ground, History, Settle, Speech, Telling, Wish},
    server::asked_to_stop,
};

/// What to measure.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Payouts asked for over HTTP: how many are durable per second, beside a bare echo endpoint that
    /// is asked with the same bytes. Exits 0 only if exactly what was acknowledged is stored.
    Accept(AcceptArgs),
    /// Payouts that wait: how many per second are settled on a simulated chain.
    Settle(SettleArgs),
    /// Webhooks that are due: how many per second reach receivers on this machine.
    Deliver(DeliverArgs),
    /// Millions of payouts that have ended: how fast the gateway answers then, beside one with hardly
    /// any, and how large the database is. Exits 0 only if what is answered is what was written.
    History(HistoryArgs),
    /// Payouts that are on their way when the gateway is killed: how soon it is ready again, and all
    /// are paid. Exits 0 only if nothing that was acknowledged is missing.
    Recover(RecoverArgs),
}

/// What all of them know.
#[derive(ClapArgs)]
struct Common {
    /// Where payouts are kept, as sqlite:PATH or postgres://…; a new file in --data by default. A store
    /// that real merchants use is refused.
    #[arg(long, value_name = "URL")]
    store: Option<String>,
    /// Where a temporary folder is made; its disk is what is measured. The current directory by
    /// default.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Print lines of JSON; the last one has all figures.
    #[arg(long)]
    json: bool,
    /// Write a report with plots there, as one HTML file.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// How many merchants there are.
    #[arg(long, default_value_t = 16, value_parser = value_parser!(u16).range(1..=1_024))]
    merchants: u16,
}

#[derive(ClapArgs)]
pub(crate) struct AcceptArgs {
    /// How many connections ask at the same time; several numbers are measured one after another.
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "1,64,512",
        value_parser = value_parser!(u16).range(1..=4_096)
    )]
    connections: Vec<u16>,
    /// How long a round lasts. A long one shows whether the memory stays as it is.
    #[arg(long, default_value_t = 3, value_parser = value_parser!(u64).range(1..=86_400))]
    seconds: u64,
    /// How many rounds there are, each of the echo and of the gateway; medians are told.
    #[arg(long, default_value_t = 3, value_parser = value_parser!(u8).range(1..=100))]
    rounds: u8,
    /// The API that payouts are asked for in.
    #[arg(long, value_enum, default_value_t = Speech::Onchainpay)]
    api: Speech,
    /// Measure in each round also with at most so many requests to a commit: 1 is a transaction for
    /// each request.
    #[arg(long, value_name = "REQUESTS", value_parser = value_parser!(u16).range(1..=512))]
    slice: Option<u16>,
    /// Pay meanwhile, on a simulated chain; otherwise payouts wait.
    #[arg(long)]
    pay: bool,
    /// How many gateways share the database; connections are spread evenly over them. More than one
    /// need --store postgres://….
    #[arg(long, default_value_t = 1, value_parser = value_parser!(u8).range(1..=8))]
    nodes: u8,
    #[command(flatten)]
    common: Common,
}

#[derive(ClapArgs)]
pub(crate) struct SettleArgs {
    /// How many payouts are accepted before, and then paid.
    #[arg(long, default_value_t = 10_000, value_parser = value_parser!(u32).range(1..=10_000_000))]
    payouts: u32,
    /// From how many wallets of the network they are paid, each a lane of its own.
    #[arg(long, default_value_t = 1, value_parser = value_parser!(u8).range(1..=64))]
    wallets: u8,
    /// How many payouts share a transaction at most.
    #[arg(long, default_value_t = 1, value_parser = value_parser!(u32).range(1..=1_000))]
    batch: u32,
    /// How long a block of the simulated chain takes.
    #[arg(long, default_value_t = 50, value_parser = value_parser!(u64).range(1..=60_000))]
    block_ms: u64,
    #[command(flatten)]
    common: Common,
}

#[derive(ClapArgs)]
pub(crate) struct DeliverArgs {
    /// How many webhooks are due.
    #[arg(long, default_value_t = 10_000, value_parser = value_parser!(u32).range(1..=10_000_000))]
    webhooks: u32,
    #[command(flatten)]
    common: Common,
}

#[derive(ClapArgs)]
pub(crate) struct HistoryArgs {
    /// How many payouts have ended; each takes some 4 kB of the disk while it is measured.
    #[arg(long, default_value_t = 100_000, value_parser = value_parser!(u32).range(1_000..=100_000_000))]
    payouts: u32,
    /// How many connections ask at the same time.
    #[arg(long, default_value_t = 4, value_parser = value_parser!(u16).range(1..=512))]
    connections: u16,
    /// How long each kind of question is asked in a round.
    #[arg(long, default_value_t = 1, value_parser = value_parser!(u64).range(1..=3_600))]
    seconds: u64,
    /// How many rounds there are; both gateways are asked in each.
    #[arg(long, default_value_t = 3, value_parser = value_parser!(u8).range(1..=100))]
    rounds: u8,
    /// Where the few payouts of the gateway beside are kept, if --store says where the many are: an
    /// empty store of the same kind. A new file in --data by default.
    #[arg(long, value_name = "URL", requires = "store")]
    beside: Option<String>,
    #[command(flatten)]
    common: Common,
}

#[derive(ClapArgs)]
pub(crate) struct RecoverArgs {
    /// How many payouts are accepted before; all but a fiftieth of them are on their way when the
    /// gateway is killed.
    #[arg(long, default_value_t = 100_000, value_parser = value_parser!(u32).range(100..=10_000_000))]
    payouts: u32,
    /// How many payouts share a transaction at most.
    #[arg(long, default_value_t = 10, value_parser = value_parser!(u32).range(1..=1_000))]
    batch: u32,
    /// How long a block of the simulated chain takes.
    #[arg(long, default_value_t = 250, value_parser = value_parser!(u64).range(1..=60_000))]
    block_ms: u64,
    #[command(flatten)]
    common: Common,
}

/// Measures on a thread of its own, so that whoever asks for the end is heard.
pub(super) async fn run(command: Command) -> anyhow::Result<()> {
    let (wish, common) = wish(command);
    wish.check(common.store.as_deref())?;
    let stop = Arc::new(AtomicBool::new(false));
    let asked = stop.clone();
    let mut measuring = tokio::task::spawn_blocking(move || {
        let ground = Ground::prepare(common.data, common.store, asked)?;
        let tell = Telling { json: common.json };
        bench::run(&ground, &wish, &tell, common.report.as_deref())
    });
    let ended = tokio::select! {
        ended = &mut measuring => ended,
        asked = asked_to_stop() => {
            stop.store(true, Ordering::Relaxed);
            asked?;
            measuring.await
        }
    };
    ended.context("this is a bug in the bench")?
}

fn wish(command: Command) -> (Wish, Common) {
    match command {
        Command::Accept(it) => {
            let wish = Accept {
                connections: it.connections.into_iter().map(usize::from).collect(),
                seconds: it.seconds,
                rounds: it.rounds.into(),
                speech: it.api,
                merchants: it.common.merchants.into(),
                pays: it.pay,
                slice: it.slice.map(usize::from),
                nodes: it.nodes.into(),
            };
            (Wish::Accept(wish), it.common)
        }
        Command::Settle(it) => {
            let wish = Settle {
                payouts: usize::try_from(it.payouts).unwrap_or(usize::MAX),
                wallets: it.wallets.into(),
                batch: it.batch,
                block_ms: it.block_ms,
                merchants: it.common.merchants.into(),
            };
            (Wish::Settle(wish), it.common)
        }
        Command::Deliver(it) => {
            let wish = Deliver {
                webhooks: usize::try_from(it.webhooks).unwrap_or(usize::MAX),
                merchants: it.common.merchants.into(),
            };
            (Wish::Deliver(wish), it.common)
        }
        Command::History(it) => {
            let wish = History {
                payouts: usize::try_from(it.payouts).unwrap_or(usize::MAX),
                merchants: it.common.merchants.into(),
                connections: it.connections.into(),
                seconds: it.seconds,
                rounds: it.rounds.into(),
                beside: it.beside,
            };
            (Wish::History(wish), it.common)
        }
        Command::Recover(it) => {
            let wish = Settle {
                payouts: usize::try_from(it.payouts).unwrap_or(usize::MAX),
                wallets: 1,
                batch: it.batch,
                block_ms: it.block_ms,
                merchants: it.common.merchants.into(),
            };
            (Wish::Recover(wish), it.common)
        }
    }
}
