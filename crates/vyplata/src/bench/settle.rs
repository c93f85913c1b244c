//! Settling: payouts that wait are paid on a simulated chain, until all are.

use std::{slice, thread, time::Duration};

use domain::{
    Timestamp,
    payout::{PayoutState, Status},
    ports::PageQuery,
};
use governor::clock::Clock as _;
use hdrhistogram::Histogram;
use serde::Serialize;

use super::{
    child::{Child, Part},
    figure::Ratio,
    gateway::{self, Plan, Prepared},
    ground::{self, Ground, Memory, Resident},
    latency::{self, Latency},
    load::MARK_MS,
    shops::Speech,
    telling::Telling,
};
use crate::clock::Uptime;

/// How often is asked whether all is done.
const LOOK: Duration = Duration::from_millis(100);
/// How long nothing may happen.
const SILENCE: Duration = Duration::from_mins(1);
/// How many payouts are read at once.
const PAGE: u32 = 2_000;

/// What to measure, here and when a gateway recovers.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    /// How many payouts wait until lanes pay.
    pub(crate) payouts: usize,
    /// From how many wallets they are paid.
    pub(crate) wallets: u32,
    /// How many share a transaction at most.
    pub(crate) batch: u32,
    /// How long a block takes, in milliseconds.
    pub(crate) block_ms: u64,
    /// How many merchants they are of.
    pub(crate) merchants: usize,
}

/// What was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Measured {
    /// How many were paid.
    pub(crate) payouts: usize,
    /// From how many wallets.
    pub(crate) wallets: u32,
    /// How many shared a transaction at most.
    pub(crate) batch: u32,
    /// How long a block took, in milliseconds.
    pub(crate) block_ms: u64,
    /// Payouts per second, from the start of the lanes until all were paid.
    pub(crate) payouts_per_second: u64,
    /// How long after the start payouts were paid.
    #[serde(flatten)]
    pub(crate) latency: Latency,
    /// What the work took.
    #[serde(flatten)]
    pub(crate) cost: Cost,
    /// For plots: how many were paid in each [`MARK_MS`].
    #[serde(skip)]
    pub(crate) marks: Vec<u64>,
    /// For plots.
    #[serde(skip)]
    pub(crate) memory: Memory,
}

/// What settling and delivering took.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Cost {
    /// Transactions that the store wrote meanwhile.
    pub(crate) commits: Option<u64>,
    /// How many were done per transaction.
    pub(crate) per_commit: Option<Ratio>,
    /// How often the disk was waited for meanwhile.
    pub(crate) fsyncs: Option<u64>,
    /// What each cost the gateway's processor.
    pub(crate) cpu_us_each: Option<u64>,
    /// The gateway's memory.
    #[serde(flatten)]
    pub(crate) resident: Resident,
}

impl Cost {
    /// What it took a gateway since its loops began.
    pub(crate) fn of(gateway: &Child, ground: &Ground, count: usize, memory: &Memory) -> Self {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        let commits = ground.commits_since(gateway.before.transactions);
        let used = gateway.cpu_us().zip(gateway.before.cpu_us);
        let used = used.map(|it| it.0.saturating_sub(it.1));
        Self {
            commits,
            per_commit: commits.map(|it| Ratio::of(count, it)),
            fsyncs: gateway
                .waits()
                .zip(gateway.ready.waits_before)
                .map(|it| it.0.saturating_sub(it.1)),
            cpu_us_each: used.and_then(|it| it.checked_div(count)),
            resident: Resident::of(memory),
        }
    }
}

/// Measures.
///
/// # Errors
/// If not all are paid.
pub(crate) fn measure(ground: &Ground, wish: &Wish, tell: &Telling) -> anyhow::Result<Measured> {
    tell.progress(&format!("accepting {} payouts", wish.payouts));
    let plan = ground.plan(Speech::Native, wish.merchants);
    let gateway = Child::start(&Part::Gateway(Plan {
        prepared: Prepared::Payouts(wish.payouts),
        pays: true,
        block_ms: wish.block_ms,
        wallets: wish.wallets,
        batch_max: wish.batch,
        in_flight_max: plan.in_flight_max.min(part(wish)),
        ..plan
    }))?;
    let mut memory = vec![];
    let settled = || wait_for(ground, &gateway, PAID, wish.payouts, tell);
    ground::watch(slice::from_ref(&gateway), LOOK * 100, &mut memory, settled)?;
    let cost = Cost::of(&gateway, ground, wish.payouts, &memory);
    let begun = Timestamp(gateway.ready.begun_at_ms);
    drop(gateway);
    let after_ms = paid_after_ms(&ground.store, &ground.run, begun)?;
    anyhow::ensure!(
        after_ms.len() == wish.payouts,
        "{} payouts were accepted, and {} are stored as paid",
        wish.payouts,
        after_ms.len()
    );
    let Timeline { per_second, latency, marks } = Timeline::of(&after_ms);
    Ok(Measured {
        payouts: wish.payouts,
        wallets: wish.wallets,
        batch: wish.batch,
        block_ms: wish.block_ms,
        payouts_per_second: per_second,
        latency,
        cost,
        marks,
        memory,
    })
}

/// How many transactions are a wallet's part of all. No more may be on their way from it at once: lanes
/// take from one queue as much as they have room for, and the first one could take everything.
fn part(wish: &Wish) -> u32 {
    let all = u32::try_from(wish.payouts).unwrap_or(u32::MAX).div_ceil(wish.batch.max(1));
    all.div_ceil(wish.wallets.max(1)).max(1)
}

/// The figures of what is done: payouts, and webhooks.
pub(super) const PAID: &str = "vyplata_events_total{kind=\"final\"}";
/// See [`PAID`].
pub(super) const DELIVERED: &str = "vyplata_events_total{kind=\"delivered\"}";

/// Waits until a figure of a gateway is what it should be.
///
/// # Errors
/// If nothing happens for a minute.
pub(super) fn wait_for(
    ground: &Ground,
    gateway: &Child,
    figure: &str,
    count: usize,
    tell: &Telling,
) -> anyhow::Result<()> {
    let count = u64::try_from(count)?;
    let (mut last, mut changed, mut told) = (0, Uptime.now(), Uptime.now());
    loop {
        let done = gateway.figure(figure)?;
        if done >= count {
            return Ok(());
        }
        if done != last {
            (last, changed) = (done, Uptime.now());
        }
        let silent = Uptime.now().saturating_sub(changed);
        anyhow::ensure!(silent < SILENCE, "{done} of {count} are done, and nothing happens");
        if Uptime.now().saturating_sub(told) >= Duration::from_secs(1) {
            told = Uptime.now();
            tell.progress(&format!("{done} of {count}"));
        }
        ground.go_on()?;
        thread::sleep(LOOK);
    }
}

/// What happened when, after a start.
pub(super) struct Timeline {
    /// How many per second, until the last.
    pub(super) per_second: u64,
    /// How long after the start.
    pub(super) latency: Latency,
    /// How many in each [`MARK_MS`].
    pub(super) marks: Vec<u64>,
}

impl Timeline {
    /// Sums moments up, in milliseconds after the start.
    pub(super) fn of(after_ms: &[u64]) -> Self {
        let mut times: Histogram<u64> = latency::empty();
        let mut marks = vec![];
        for ms in after_ms {
            times.saturating_record(ms.saturating_mul(1_000));
            let mark = usize::try_from(ms / MARK_MS).unwrap_or(usize::MAX);
            if marks.len() <= mark {
                marks.resize(mark + 1, 0);
            }
            marks[mark] += 1;
        }
        let last = after_ms.iter().max().copied().unwrap_or(0).max(1);
        let count = u64::try_from(after_ms.len()).unwrap_or(u64::MAX);
        Self { per_second: count * 1_000 / last, latency: Latency::of(&times), marks }
    }
}

/// When the payouts of a run were paid, in milliseconds after the start, as the store has it.
fn paid_after_ms(store: &str, run: &str, begun: Timestamp) -> anyhow::Result<Vec<u64>> {
    gateway::read_without(store, async |store| {
        let mut all = vec![];
        let mut query =
            PageQuery { status: Some(Status::Paid), count_max: PAGE, ..PageQuery::default() };
        loop {
            let page = gateway::page(store, &query).await?;
            let Some(last) = page.last() else { return Ok(all) };
            query.before = Some(last.id);
            let is_ours = |it: &Option<String>| {
                it.as_deref().is_some_and(|it| it.starts_with(&format!("{run}-")))
            };
            for payout in page.iter().filter(|it| is_ours(&it.merchant_ref)) {
                if let PayoutState::Paid { at, .. } = &payout.state {
                    all.push(at.since_ms(begun));
                }
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_wallet_takes_what_is_left_to_others() {
        for (payouts, wallets, batch, expected) in
            [(10_000, 1, 1, 10_000), (10_000, 4, 50, 50), (10, 3, 2, 2), (1, 64, 1_000, 1)]
        {
            let wish = Wish { payouts, wallets, batch, block_ms: 50, merchants: 1 };
            assert_eq!(part(&wish), expected);
        }
    }
}
