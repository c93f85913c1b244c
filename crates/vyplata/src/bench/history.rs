//! History: how fast a gateway is that has paid millions, beside one that has hardly paid anybody.
//!
//! Both run at the same time and are asked in turn, each question by the same load, so that whatever
//! else the machine does hits both. The one beside has just enough payouts that every question has a
//! whole answer: a list of nothing would be fast however it is found.

use std::{collections::BTreeMap, thread, time::Duration};

use anyhow::Context as _;
use domain::{
    Timestamp,
    ids::{BatchId, PayoutId},
};
use governor::clock::Clock as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{
    asking::{self, Asked, Question},
    child::{Child, Part},
    figure::Ratio,
    gateway::{self, Plan, Prepared},
    ground::Ground,
    latency::{self, Latency},
    load::{self, Seen, Supply, Target},
    place,
    shops::{self, Shop, Speech, Writer},
    telling::Telling,
};
use crate::clock::{self, Uptime};

/// Over what time payouts are spread, in milliseconds: a year.
const SPREAD_MS: u64 = 365 * 24 * 60 * 60 * 1_000;
/// One payout of so many was withdrawn; all others were paid.
pub(crate) const WITHDRAWN_EACH: usize = 20;
/// How many payouts of each merchant the gateway beside has: a page of those that were withdrawn, twice.
const FEW_EACH: usize = 400;
/// How many requests of a kind are written before they are sent, each of them another.
const REQUESTS: u64 = 20_000;
/// How long is waited until a gateway is ready.
const READY_MAX: Duration = Duration::from_mins(5);
/// How often is asked whether it is.
const LOOK: Duration = Duration::from_millis(5);

/// Payouts that have ended long ago.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct History {
    /// How many.
    pub(crate) count: usize,
    /// When the last one was accepted, in milliseconds since 1970.
    pub(crate) until_ms: u64,
}

impl History {
    /// When a payout was accepted.
    pub(crate) fn at(&self, number: usize) -> Timestamp {
        let count = u64::try_from(self.count).unwrap_or(u64::MAX).max(1);
        let left = u64::try_from(self.count.saturating_sub(number)).unwrap_or(u64::MAX);
        let back_ms = u128::from(SPREAD_MS) * u128::from(left) / u128::from(count);
        Timestamp(self.until_ms.saturating_sub(u64::try_from(back_ms).unwrap_or(u64::MAX)))
    }

    /// What a payout is called.
    pub(crate) fn payout(&self, number: usize) -> PayoutId {
        PayoutId(self.name("payout", number))
    }

    /// What its batch is called.
    pub(crate) fn batch(&self, number: usize) -> BatchId {
        BatchId(self.name("batch", number))
    }

    /// A name like a `UUIDv7` of that moment.
    fn name(&self, kind: &str, number: usize) -> u128 {
        let hash = Sha256::digest(format!("{kind}-{number}"));
        let random = hash.iter().take(16).fold(0, |all: u128, it| (all << 8) | u128::from(*it));
        let random = random & ((0xfff << 64) | ((1 << 62) - 1));
        (u128::from(self.at(number).0) << 80) | (7 << 76) | (0b10 << 62) | random
    }

    /// Whether a payout was withdrawn.
    pub(crate) fn is_withdrawn(number: usize, merchants: usize) -> bool {
        (number / merchants).is_multiple_of(WITHDRAWN_EACH)
    }
}

/// What to measure.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    /// How many payouts there are.
    pub(crate) payouts: usize,
    /// How many merchants they are of.
    pub(crate) merchants: usize,
    /// How many ask at the same time.
    pub(crate) connections: usize,
    /// How long each kind of question is asked in a round, in seconds.
    pub(crate) seconds: u64,
    /// How many rounds there are.
    pub(crate) rounds: usize,
    /// The store of the gateway beside.
    pub(crate) beside: Option<String>,
}

/// One kind of question.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Compared {
    /// How long an answer took beside.
    pub(crate) few: Latency,
    /// How long it took with all the history.
    pub(crate) many: Latency,
    /// What half of the answers took, in what they took beside.
    pub(crate) ratio_p50: Ratio,
    /// What 99 of 100 took, in what they took beside.
    pub(crate) ratio_p99: Ratio,
}

/// What was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Measured {
    /// How many payouts there were.
    pub(crate) payouts: usize,
    /// How many there were beside.
    pub(crate) payouts_beside: usize,
    /// How many were written per second.
    pub(crate) filled_per_second: u64,
    /// How large the database is, in bytes.
    pub(crate) bytes: Option<u64>,
    /// How much of that a payout takes, with all that belongs to it.
    pub(crate) bytes_per_payout: Option<u64>,
    /// How long the gateway took from its start until it was ready, in milliseconds.
    pub(crate) ready_ms: u64,
    /// The same of the gateway beside.
    pub(crate) ready_beside_ms: u64,
    /// How many answers were compared with what was written, one by one.
    pub(crate) checked: u64,
    /// Each kind of question.
    pub(crate) questions: BTreeMap<&'static str, Compared>,
}

/// Measures.
///
/// # Errors
/// If something is not answered, or what is answered is not what was written.
pub(crate) fn measure(ground: &Ground, wish: &Wish, tell: &Telling) -> anyhow::Result<Measured> {
    let until_ms = clock::now().0;
    let few =
        Bench::new(ground, wish, true, History { count: FEW_EACH * wish.merchants, until_ms })?;
    let many = Bench::new(ground, wish, false, History { count: wish.payouts, until_ms })?;
    few.fill()?;
    let begun = Uptime.now();
    tell.progress(&format!("writing {} payouts that have ended", wish.payouts));
    many.fill()?;
    let filled_ms = latency::us(Uptime.now().saturating_sub(begun)) / 1_000;
    ground.go_on()?;
    let bytes = place::bytes(&many.plan.store);
    let (few, ready_beside_ms) = few.start()?;
    let (many, ready_ms) = many.start()?;
    let checked = few.check()? + many.check()?;
    tell.progress(&format!("{checked} answers are what was written"));
    let mut questions = BTreeMap::new();
    for kind in Question::ALL {
        let compared = compare(ground, wish, [&few, &many], kind)?;
        tell.event(kind.name(), &compared);
        tell.progress(&format!("{:<16} {}", kind.name(), compared.ratio_p50));
        questions.insert(kind.name(), compared);
    }
    let (compared, created) = creates(ground, wish, [&few, &many])?;
    tell.event("create", &compared);
    questions.insert("create", compared);
    for (it, created) in [few, many].into_iter().zip(created) {
        it.end(created)?;
    }
    let count = u64::try_from(wish.payouts)?;
    Ok(Measured {
        payouts: wish.payouts,
        payouts_beside: FEW_EACH * wish.merchants,
        filled_per_second: count * 1_000 / filled_ms.max(1),
        bytes,
        bytes_per_payout: bytes.map(|it| it / count),
        ready_ms,
        ready_beside_ms,
        checked,
        questions,
    })
}

/// Asks both the same kind of question, in turn.
fn compare(
    ground: &Ground,
    wish: &Wish,
    gateways: [&Running; 2],
    kind: Question,
) -> anyhow::Result<Compared> {
    let mut seen = [Seen::nothing(), Seen::nothing()];
    for round in 0..wish.rounds {
        for (gateway, seen) in gateways.iter().zip(&mut seen) {
            let bench = &gateway.bench;
            let mut supply = Supply::new(|thread| {
                let begin = (round * 64 + thread) * 1_000_003;
                asking::Questions::new(kind, bench.history, &bench.shops, &bench.plan.run, begin)
            });
            supply.write(REQUESTS);
            let addresses = &[gateway.child.ready.address];
            let target = Target { addresses, status: 200, begins: kind.begins(), again: true };
            seen.add(&load(ground, wish, target, &mut supply)?)?;
        }
    }
    Ok(Compared::of(&seen))
}

/// Creates payouts on both, in turn; says how many on each.
fn creates(
    ground: &Ground,
    wish: &Wish,
    gateways: [&Running; 2],
) -> anyhow::Result<(Compared, [u64; 2])> {
    let mut seen = [Seen::nothing(), Seen::nothing()];
    let mut supplies = gateways.map(|it| {
        let run = &it.bench.plan.run;
        let series = |thread| format!("{run}-new-{thread}");
        Supply::new(|thread| Writer::new(Speech::Native, &it.bench.shops, series(thread)))
    });
    let (status, begins) = Speech::Native.accepted();
    for _ in 0..wish.rounds {
        for ((gateway, seen), supply) in gateways.iter().zip(&mut seen).zip(&mut supplies) {
            supply.write(REQUESTS);
            let addresses = &[gateway.child.ready.address];
            let target = Target { addresses, status, begins, again: false };
            seen.add(&load(ground, wish, target, supply)?)?;
        }
    }
    let created = seen.each_ref().map(|it| it.answered);
    Ok((Compared::of(&seen), created))
}

fn load(
    ground: &Ground,
    wish: &Wish,
    target: Target<'_>,
    supply: &mut Supply,
) -> anyhow::Result<Seen> {
    let lasts = Duration::from_secs(wish.seconds);
    let seen = load::run(target, wish.connections, lasts, supply, &ground.stop)?;
    ground.go_on()?;
    Ok(seen)
}

impl Compared {
    fn of(seen: &[Seen; 2]) -> Self {
        let [few, many] = seen.each_ref().map(|it| Latency::of(&it.times));
        Self {
            ratio_p50: Ratio::of(many.p50, few.p50),
            ratio_p99: Ratio::of(many.p99, few.p99),
            few,
            many,
        }
    }
}

/// One of the two gateways, and what is in its store.
struct Bench {
    plan: Plan,
    history: History,
    shops: Vec<Shop>,
}

impl Bench {
    fn new(ground: &Ground, wish: &Wish, beside: bool, history: History) -> anyhow::Result<Self> {
        let mut plan = ground.plan(Speech::Native, wish.merchants);
        if beside {
            plan.data = ground.data.join("beside");
            std::fs::create_dir(&plan.data).context("a folder for the gateway beside")?;
            let own = || place::of_file(&plan.data.join("vyplata.db"));
            plan.store = wish.beside.clone().unwrap_or_else(own);
        }
        let shops = shops::all(&plan.run, wish.merchants);
        Ok(Self { plan, history, shops })
    }

    /// Writes the history. The process that does is killed then, as by a crash.
    fn fill(&self) -> anyhow::Result<()> {
        let prepared = Prepared::History(self.history);
        Child::start(&Part::Gateway(Plan { prepared, ..self.plan.clone() })).map(drop)
    }

    /// Starts the gateway; says how long that took until it was ready, in milliseconds.
    fn start(self) -> anyhow::Result<(Running, u64)> {
        let begun = Uptime.now();
        let child = Child::start(&Part::Gateway(self.plan.clone()))?;
        await_ready(&child)?;
        let ready_ms = latency::us(Uptime.now().saturating_sub(begun)) / 1_000;
        Ok((Running { bench: self, child }, ready_ms))
    }
}

/// Waits until a gateway says that it is ready.
///
/// # Errors
/// If it does not.
pub(super) fn await_ready(child: &Child) -> anyhow::Result<()> {
    let begun = Uptime.now();
    while asking::ask(child.ready.address, "/readyz", None)?.status != 200 {
        let waited = Uptime.now().saturating_sub(begun);
        anyhow::ensure!(waited < READY_MAX, "the gateway does not get ready");
        thread::sleep(LOOK);
    }
    Ok(())
}

struct Running {
    bench: Bench,
    child: Child,
}

impl Running {
    /// Compares what is answered with what was written; says how many answers.
    fn check(&self) -> anyhow::Result<u64> {
        let Bench { plan, history, shops } = &self.bench;
        let asked = Asked { address: self.child.ready.address, shops };
        let step = (history.count / 400).max(1);
        let mut checked = 0;
        for number in (0..history.count).step_by(step) {
            asked.check_payout(history, &plan.run, number)?;
            checked += 1;
        }
        for at in [1, 2, 3, 4].map(|it| history.count * it / 4) {
            for (place, _) in shops.iter().enumerate().take(4) {
                asked.check_page(history, place, at)?;
                checked += 1;
            }
        }
        for (place, _) in shops.iter().enumerate() {
            asked.check_balance(history, place)?;
            checked += 1;
        }
        Ok(checked)
    }

    /// Kills it as by a crash, and counts what was created.
    fn end(self, created: u64) -> anyhow::Result<()> {
        let newest = self.child.ready.newest_before.clone();
        let store = self.bench.plan.store;
        drop(self.child);
        let kept = gateway::count_without(&store, newest.as_deref())?;
        anyhow::ensure!(
            kept == created,
            "{created} creates were acknowledged, and {kept} payouts are stored"
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_the_order_of_time() {
        let history = History { count: 1_000, until_ms: 1_700_000_000_000 };
        let names: Vec<PayoutId> = (0..1_000).map(|it| history.payout(it)).collect();
        assert!(names.is_sorted() && names.windows(2).all(|it| it[0] != it[1]));
        assert_eq!(history.at(0).0, history.until_ms - SPREAD_MS);
        assert_eq!(history.at(1_000).0, history.until_ms);
        let name = format!("{:032x}", history.payout(999).0);
        assert_eq!((&name[12..13], &name[16..17] >= "8"), ("7", true));
    }
}
