//! Accepting: durable creates per second, beside an echo of the same requests.

use std::{collections::BTreeMap, time::Duration};

use serde::Serialize;

use super::{
    child::{Child, Part},
    figure::{Ratio, median},
    gateway::{self, Plan},
    gateways::Gateways,
    ground::{self, Ground, Memory, Resident},
    latency::{self, Latency},
    load::{self, MARK_MS, Seen, Supply, Target},
    machine,
    shops::{self, Shop, Speech, Writer},
    telling::Telling,
};

/// How long the echo, and the gateway, are warmed up at least and at most.
const WARM_UP: [Duration; 2] = [Duration::from_millis(300), Duration::from_secs(2)];

/// What to measure.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    /// At how many connections, one after another.
    pub(crate) connections: Vec<usize>,
    /// How long a round lasts, in seconds.
    pub(crate) seconds: u64,
    /// How many rounds there are.
    pub(crate) rounds: usize,
    /// The API.
    pub(crate) speech: Speech,
    /// How many merchants ask.
    pub(crate) merchants: usize,
    /// Whether lanes pay meanwhile.
    pub(crate) pays: bool,
    /// With how many requests to a commit at most everything is measured a second time.
    pub(crate) slice: Option<usize>,
    /// How many gateways share the store.
    pub(crate) nodes: usize,
}

/// One round.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Round {
    /// Answers of the echo per second.
    #[serde(rename = "echo_per_second")]
    pub(crate) echo: u64,
    /// Creates per second.
    #[serde(rename = "creates_per_second")]
    pub(crate) creates: u64,
    /// Creates per second with smaller slices, if that was asked for.
    #[serde(rename = "sliced_per_second", skip_serializing_if = "Option::is_none")]
    pub(crate) sliced: Option<u64>,
}

/// What was measured at one number of connections.
#[derive(Debug, Serialize)]
pub(crate) struct Run {
    /// How many.
    pub(crate) connections: usize,
    /// Creates per second, the median of the rounds.
    pub(crate) creates_per_second: u64,
    /// Answers of the echo per second, the median of the rounds.
    pub(crate) echo_per_second: u64,
    /// The first of them to the second.
    pub(crate) ratio_to_echo: Ratio,
    /// Creates per second with smaller slices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sliced_per_second: Option<u64>,
    /// What slices of the usual size are to those.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ratio_group_to_single: Option<Ratio>,
    /// How long a create took.
    #[serde(flatten)]
    pub(crate) latency: Latency,
    /// How long the echo took.
    pub(crate) echo: Latency,
    /// How many times the disk's wait (its median) 99 of 100 creates took at most.
    pub(crate) p99_to_fsync: Ratio,
    /// Creates that were answered.
    pub(crate) acknowledged: u64,
    /// Transactions that the store wrote meanwhile.
    pub(crate) commits: Option<u64>,
    /// Creates per transaction.
    pub(crate) payouts_per_commit: Option<Ratio>,
    /// How often the disk was waited for meanwhile.
    pub(crate) fsyncs: Option<u64>,
    /// Creates per wait for the disk.
    pub(crate) payouts_per_fsync: Option<Ratio>,
    /// What a create cost the processor of all gateways.
    pub(crate) cpu_us_per_create: Option<u64>,
    /// What an answer cost the echo's.
    pub(crate) echo_cpu_us_per_request: Option<u64>,
    /// What a create cost the load generator's.
    pub(crate) load_cpu_us_per_create: Option<u64>,
    /// Requests that were written while time was taken.
    pub(crate) written_late: u64,
    /// The memory of all gateways.
    #[serde(flatten)]
    pub(crate) resident: Resident,
    /// Each round.
    pub(crate) rounds: Vec<Round>,
    /// For plots: creates, and answers of the echo, in each [`MARK_MS`].
    #[serde(skip)]
    pub(crate) marks: [Vec<u64>; 2],
    /// For plots.
    #[serde(skip)]
    pub(crate) memory: Memory,
}

/// What was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Measured {
    /// At each number of connections.
    pub(crate) runs: Vec<Run>,
    /// The creates that were answered, warm-up included.
    pub(crate) acknowledged: u64,
    /// The payouts that the store had after the gateways were killed.
    pub(crate) durable: u64,
    /// By the number of connections.
    pub(crate) ratio_to_echo_by_connections: BTreeMap<String, Ratio>,
    /// Of the last of them, or the only one.
    pub(crate) ratio_to_echo: Ratio,
    /// Of the last of them, or the only one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ratio_group_to_single: Option<Ratio>,
}

/// Measures.
///
/// # Errors
/// If something is not accepted, or what was acknowledged is not what is stored.
pub(crate) fn measure(ground: &Ground, wish: &Wish, tell: &Telling) -> anyhow::Result<Measured> {
    let echo = Child::start(&Part::Echo)?;
    let plan = Plan { pays: wish.pays, ..ground.plan(wish.speech, wish.merchants) };
    let gateways = Gateways::start(&plan, wish.nodes)?;
    let before = gateways.newest_before().map(str::to_owned);
    let shops = shops::all(&ground.run, wish.merchants);
    let mut bench = Bench { ground, wish, tell, shops, echo, gateways, acknowledged: 0 };
    let mut runs = vec![];
    for (number, connections) in wish.connections.iter().enumerate() {
        let run = bench.run(number, *connections)?;
        tell.event("run", &run);
        runs.push(run);
    }
    let acknowledged = bench.acknowledged;
    // Killed, as a crash would: what was acknowledged is there or it was not durable.
    drop(bench);
    let durable = gateway::count_without(&ground.store, before.as_deref())?;
    anyhow::ensure!(
        durable == acknowledged,
        "{acknowledged} creates were acknowledged, and {durable} payouts are stored"
    );
    let ratios = runs.iter().map(|it| (it.connections.to_string(), it.ratio_to_echo));
    Ok(Measured {
        ratio_to_echo_by_connections: ratios.collect(),
        ratio_to_echo: runs.last().map(|it| it.ratio_to_echo).unwrap_or_default(),
        ratio_group_to_single: runs.last().and_then(|it| it.ratio_group_to_single),
        runs,
        acknowledged,
        durable,
    })
}

struct Bench<'a> {
    ground: &'a Ground,
    wish: &'a Wish,
    tell: &'a Telling,
    shops: Vec<Shop>,
    echo: Child,
    gateways: Gateways,
    acknowledged: u64,
}

/// What the rounds of a run add up to.
struct Sum {
    rounds: Vec<Round>,
    creates: Seen,
    echoes: Seen,
    marks: [Vec<u64>; 2],
    memory: Memory,
    commits: Option<u64>,
    fsyncs: Option<u64>,
    cpu_us: [Option<u64>; 3],
    late: u64,
}

impl Bench<'_> {
    fn run(&mut self, number: usize, connections: usize) -> anyhow::Result<Run> {
        let (speech, shops, name) = (self.wish.speech, &self.shops, &self.ground.run);
        let writer = |it| Writer::new(speech, shops, format!("{name}-{number}-{it}"));
        let mut supply = Supply::new(writer);
        let lasts = Duration::from_secs(self.wish.seconds);
        let warm_up = (lasts / 4).clamp(WARM_UP[0], WARM_UP[1]);
        self.echo(connections, warm_up, &mut supply)?;
        let seen = self.creates(connections, warm_up, &mut supply, None)?;
        let mut expected = seen.in_time * self.wish.seconds * 1_500 / ms(warm_up);
        let mut sum = Sum {
            rounds: vec![],
            creates: Seen::nothing(),
            echoes: Seen::nothing(),
            marks: [vec![], vec![]],
            memory: vec![],
            commits: Some(0),
            fsyncs: Some(0),
            cpu_us: [Some(0); 3],
            late: 0,
        };
        for round in 0..self.wish.rounds {
            supply.write(expected);
            supply.take_late();
            let created = self.round(connections, lasts, &mut supply, &mut sum)?;
            expected = expected.max(created * 5 / 4);
            if let Some(it) = sum.rounds.last() {
                self.tell.progress(&format!(
                    "{connections:>4} connections, round {}: {:>6} creates/s, echo {:>6}/s",
                    round + 1,
                    it.creates,
                    it.echo
                ));
            }
        }
        Ok(self.sum_up(connections, sum))
    }

    /// One round of everything; says how many requests it took.
    fn round(
        &mut self,
        connections: usize,
        lasts: Duration,
        supply: &mut Supply,
        sum: &mut Sum,
    ) -> anyhow::Result<u64> {
        let per_second = |seen: &Seen| seen.in_time * 1_000 / ms(lasts);
        let used = self.echo.cpu_us();
        let echoes = self.echo(connections, lasts, supply)?;
        add(&mut sum.cpu_us[1], since(self.echo.cpu_us(), used));
        supply.rewind();
        let (used, own) = (self.gateways.cpu_us(), machine::cpu_us(std::process::id()));
        let commits = super::place::transactions(&self.ground.store);
        let fsyncs = self.gateways.waits();
        let creates = self.creates(connections, lasts, supply, Some(&mut sum.memory))?;
        add(&mut sum.commits, self.ground.commits_since(commits));
        add(&mut sum.fsyncs, since(self.gateways.waits(), fsyncs));
        add(&mut sum.cpu_us[0], since(self.gateways.cpu_us(), used));
        add(&mut sum.cpu_us[2], since(machine::cpu_us(std::process::id()), own));
        sum.late += supply.take_late();
        let mut taken = creates.answered;
        let mut sliced = None;
        if let Some(slice) = self.wish.slice {
            self.gateways.tell(&format!("slice {slice}"))?;
            let seen = self.creates(connections, lasts, supply, None)?;
            self.gateways.tell(&format!("slice {}", usize::MAX))?;
            sliced = Some(per_second(&seen));
            taken += seen.answered;
        }
        sum.rounds.push(Round { echo: per_second(&echoes), creates: per_second(&creates), sliced });
        for (marks, seen) in sum.marks.iter_mut().zip([&creates, &echoes]) {
            let whole = usize::try_from(ms(lasts) / MARK_MS).unwrap_or(usize::MAX);
            marks.extend(seen.marks.iter().take(whole));
        }
        sum.creates.add(&creates)?;
        sum.echoes.add(&echoes)?;
        Ok(taken)
    }

    fn echo(&self, count: usize, lasts: Duration, supply: &mut Supply) -> anyhow::Result<Seen> {
        let addresses = &[self.echo.ready.address];
        let target = Target { addresses, status: 200, begins: b"{", again: true };
        let seen = load::run(target, count, lasts, supply, &self.ground.stop)?;
        self.ground.go_on()?;
        Ok(seen)
    }

    /// Creates, while the memory is looked at if that is asked for.
    fn creates(
        &mut self,
        count: usize,
        lasts: Duration,
        supply: &mut Supply,
        memory: Option<&mut Memory>,
    ) -> anyhow::Result<Seen> {
        let (status, begins) = self.wish.speech.accepted();
        let addresses = self.gateways.addresses();
        let target = Target { addresses: &addresses, status, begins, again: false };
        let mut load = || load::run(target, count, lasts, supply, &self.ground.stop);
        let seen = match memory {
            Some(memory) => ground::watch(self.gateways.children(), lasts, memory, load)?,
            None => load()?,
        };
        self.acknowledged += seen.answered;
        self.ground.go_on()?;
        Ok(seen)
    }

    fn sum_up(&self, connections: usize, sum: Sum) -> Run {
        let creates = median(sum.rounds.iter().map(|it| it.creates));
        let echoes = median(sum.rounds.iter().map(|it| it.echo));
        let sliced = sum.rounds.iter().filter_map(|it| it.sliced);
        let sliced = self.wish.slice.map(|_| median(sliced));
        let latency = Latency::of(&sum.creates.times);
        let (created, echoed) = (sum.creates.answered, sum.echoes.answered);
        let each = |used: Option<u64>, count: u64| used?.checked_div(count);
        Run {
            connections,
            creates_per_second: creates,
            echo_per_second: echoes,
            ratio_to_echo: Ratio::of(creates, echoes),
            sliced_per_second: sliced,
            ratio_group_to_single: sliced.map(|it| Ratio::of(creates, it)),
            p99_to_fsync: Ratio::of(latency.p99, self.ground.fsync.p50),
            latency,
            echo: Latency::of(&sum.echoes.times),
            acknowledged: created,
            commits: sum.commits,
            payouts_per_commit: sum.commits.map(|it| Ratio::of(created, it)),
            fsyncs: sum.fsyncs,
            payouts_per_fsync: sum.fsyncs.map(|it| Ratio::of(created, it)),
            cpu_us_per_create: each(sum.cpu_us[0], created),
            echo_cpu_us_per_request: each(sum.cpu_us[1], echoed),
            load_cpu_us_per_create: each(sum.cpu_us[2], created),
            written_late: sum.late,
            resident: Resident::of(&sum.memory),
            rounds: sum.rounds,
            marks: sum.marks,
            memory: sum.memory,
        }
    }
}

fn ms(time: Duration) -> u64 {
    (latency::us(time) / 1_000).max(1)
}

fn since(now: Option<u64>, before: Option<u64>) -> Option<u64> {
    Some(now?.saturating_sub(before?))
}

fn add(sum: &mut Option<u64>, more: Option<u64>) {
    *sum = sum.zip(more).map(|it| it.0 + it.1);
}
