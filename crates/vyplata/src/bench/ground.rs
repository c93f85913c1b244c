//! The ground that is measured on: a folder, a store, what the disk does, and a way to stop.

use std::{
    path::PathBuf,
    sync::{Arc, atomic::AtomicBool},
    thread,
    time::Duration,
};

use anyhow::Context as _;
use governor::clock::Clock as _;
use tempfile::TempDir;

use super::{
    child::Child,
    gateway::{Plan, Prepared},
    latency::{self, Latency},
    machine::{self, Machine},
    place,
    shops::Speech,
};
use crate::clock::{self, Uptime};

/// How long a block of the chain takes, in milliseconds.
const BLOCK_MS: u64 = 50;
/// How many transactions may be on their way at once: more than the engine takes up.
const IN_FLIGHT_MAX: u32 = 4_096;
/// How many samples of the memory are taken of a measurement, and how far apart they are at least.
const SAMPLES: u32 = 240;
const SAMPLE_MIN: Duration = Duration::from_millis(100);
/// In what steps is slept, so that who stops does not wait.
const STEP: Duration = Duration::from_millis(20);

/// What all measurements need.
pub(crate) struct Ground {
    /// Where data is kept.
    pub(crate) data: PathBuf,
    /// The store's URL.
    pub(crate) store: String,
    /// What this run is told apart by.
    pub(crate) run: String,
    /// What is measured on.
    pub(crate) machine: Machine,
    /// How long the disk takes to keep a page.
    pub(crate) fsync: Latency,
    /// Set by whoever wants all to end.
    pub(crate) stop: Arc<AtomicBool>,
    // Gone with its content when the ground is dropped.
    _folder: TempDir,
}

impl Ground {
    /// Makes a folder in `data`, or in the current directory, and probes its disk.
    ///
    /// # Errors
    /// If nothing can be written there, or nobody knows the store.
    pub(crate) fn prepare(
        data: Option<PathBuf>,
        store: Option<String>,
        stop: Arc<AtomicBool>,
    ) -> anyhow::Result<Self> {
        store.as_deref().map_or(Ok(()), place::check)?;
        let parent = data.unwrap_or_else(|| PathBuf::from("."));
        std::fs::create_dir_all(&parent)
            .with_context(|| format!("cannot make the directory {}", parent.display()))?;
        let folder = tempfile::Builder::new().prefix("vyplata-bench-").tempdir_in(&parent);
        let folder =
            folder.with_context(|| format!("cannot make a folder in {}", parent.display()))?;
        let data = folder.path().to_owned();
        let machine = Machine::look(&data);
        if machine.is_in_memory() {
            eprintln!("warning: {} is in memory: nothing waits for a disk", data.display());
        }
        if machine.build == "debug" {
            eprintln!("warning: this is a debug build: its figures say little");
        }
        let store = store.unwrap_or_else(|| place::of_file(&data.join("vyplata.db")));
        let fsync = machine::probe_disk(&data)?;
        let run = hex::encode(clock::random::<4>());
        Ok(Self { data, store, run, machine, fsync, stop, _folder: folder })
    }

    /// How a gateway is run unless something else is said.
    pub(crate) fn plan(&self, speech: Speech, merchants: usize) -> Plan {
        Plan {
            store: self.store.clone(),
            data: self.data.clone(),
            run: self.run.clone(),
            speech,
            merchants,
            prepared: Prepared::Nothing,
            has_chain: true,
            pays: false,
            block_ms: BLOCK_MS,
            wallets: 1,
            batch_max: 1,
            in_flight_max: IN_FLIGHT_MAX,
            receivers: vec![],
        }
    }

    /// The transactions that the store has written since it had written so many.
    pub(crate) fn commits_since(&self, before: Option<u32>) -> Option<u64> {
        let now = place::transactions(&self.store)?;
        Some(u64::from(now.wrapping_sub(before?)))
    }

    /// Fails if somebody wants all to end.
    ///
    /// # Errors
    /// If so.
    pub(crate) fn go_on(&self) -> anyhow::Result<()> {
        let is_over = self.stop.load(std::sync::atomic::Ordering::Relaxed);
        anyhow::ensure!(!is_over, "stopped before it was measured");
        Ok(())
    }
}

/// The memory of processes over time: when, in milliseconds, and how much, in kB.
pub(crate) type Memory = Vec<(u64, u64)>;

/// Looks at the memory of children, all together, while something is done that takes about `lasts`.
pub(crate) fn watch<T>(
    children: &[Child],
    lasts: Duration,
    memory: &mut Memory,
    work: impl FnOnce() -> T,
) -> T {
    let ids: Vec<u32> = children.iter().map(Child::id).collect();
    let offset = memory.last().map_or(0, |it| it.0 + 1);
    let is_over = &AtomicBool::new(false);
    let pause = (lasts / SAMPLES).max(SAMPLE_MIN);
    let (done, seen) = thread::scope(|scope| {
        let watching = scope.spawn(move || {
            let (begun, mut seen) = (Uptime.now(), vec![]);
            let mut due = Duration::ZERO;
            while !is_over.load(std::sync::atomic::Ordering::Relaxed) {
                let since = Uptime.now().saturating_sub(begun);
                if since >= due {
                    let at = offset + latency::us(since) / 1_000;
                    let kb: Option<u64> = ids.iter().map(|it| machine::resident_kb(*it)).sum();
                    seen.extend(kb.map(|kb| (at, kb)));
                    due = since + pause;
                }
                thread::sleep(STEP);
            }
            seen
        });
        let done = work();
        is_over.store(true, std::sync::atomic::Ordering::Relaxed);
        (done, watching.join().unwrap_or_default())
    });
    memory.extend(seen);
    done
}

/// What is told of the memory, in kB.
#[derive(Clone, Copy, Debug, Default, serde::Serialize)]
pub(crate) struct Resident {
    /// The first sample.
    #[serde(rename = "rss_start_kb")]
    pub(crate) start: Option<u64>,
    /// The last one.
    #[serde(rename = "rss_end_kb")]
    pub(crate) end: Option<u64>,
    /// The largest one.
    #[serde(rename = "rss_max_kb")]
    pub(crate) max: Option<u64>,
    /// The average of the first quarter of the samples.
    #[serde(rename = "rss_first_quarter_kb")]
    pub(crate) first_quarter: Option<u64>,
    /// The average of the last quarter.
    #[serde(rename = "rss_last_quarter_kb")]
    pub(crate) last_quarter: Option<u64>,
}

impl Resident {
    /// Sums samples up.
    pub(crate) fn of(memory: &Memory) -> Self {
        let kb: Vec<u64> = memory.iter().map(|it| it.1).collect();
        let quarter = kb.len().div_ceil(4);
        let average = |some: &[u64]| {
            some.iter().sum::<u64>().checked_div(u64::try_from(some.len()).unwrap_or(0))
        };
        Self {
            start: kb.first().copied(),
            end: kb.last().copied(),
            max: kb.iter().max().copied(),
            first_quarter: average(&kb[..quarter]),
            last_quarter: average(&kb[kb.len() - quarter..]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quarters_of_the_memory_are_averaged() {
        let memory: Memory = [10, 20, 5, 90, 5, 5, 30, 40].map(|kb| (0, kb)).to_vec();
        let it = Resident::of(&memory);
        assert_eq!((it.start, it.end, it.max), (Some(10), Some(40), Some(90)));
        assert_eq!((it.first_quarter, it.last_quarter), (Some(15), Some(35)));
        assert_eq!(Resident::of(&vec![]).first_quarter, None);
    }
}
