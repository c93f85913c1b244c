//! What the machine says of itself and of a process, on systems that have `/proc`.

use std::{
    fs::{self, File},
    io::Write as _,
    path::Path,
    time::Duration,
};

use anyhow::Context as _;
use governor::clock::Clock as _;
use hdrhistogram::Histogram;
use serde::Serialize;

use super::latency::{self, Latency};
use crate::clock::{self, Uptime};

/// How many microseconds a tick of the processor's time is: Linux tells user space hundredths of a
/// second on every architecture but two that are gone.
const TICK_US: u64 = 10_000;
/// How long the disk is probed.
const PROBE: Duration = Duration::from_secs(1);
/// How much is appended before each wait for the disk, in bytes: a page.
const PROBE_BYTES: usize = 4_096;

/// What was measured on.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Machine {
    /// How many threads run at the same time.
    pub(crate) cores: usize,
    /// The processor.
    pub(crate) processor: String,
    /// The kernel.
    pub(crate) kernel: String,
    /// The kind of file system that the data is on.
    pub(crate) filesystem: String,
    /// How this program was built.
    pub(crate) build: &'static str,
    /// When it was measured, in milliseconds since 1970.
    pub(crate) measured_at_ms: u64,
}

impl Machine {
    /// Looks around; `data` is where the data is.
    pub(crate) fn look(data: &Path) -> Self {
        let read = |path: &str| fs::read_to_string(path).ok();
        let unknown = || "unknown".to_owned();
        let kernel = read("/proc/sys/kernel/osrelease").map(|it| format!("Linux {}", it.trim()));
        let processor = read("/proc/cpuinfo").and_then(|text| {
            let line = text.lines().find(|it| it.starts_with("model name"))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        });
        Self {
            cores: cores(),
            processor: processor.unwrap_or_else(unknown),
            kernel: kernel.unwrap_or_else(unknown),
            filesystem: filesystem(data).unwrap_or_else(unknown),
            build: if cfg!(debug_assertions) { "debug" } else { "release" },
            measured_at_ms: clock::now().0,
        }
    }

    /// Whether what is written never reaches a disk.
    pub(crate) fn is_in_memory(&self) -> bool {
        matches!(self.filesystem.as_str(), "tmpfs" | "ramfs")
    }
}

/// How many threads run at the same time.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// The kind of the file system that a directory is on: of the mount whose place is the longest
/// beginning of its path, the last such one.
fn filesystem(data: &Path) -> Option<String> {
    let data = data.canonicalize().ok()?;
    let mounts = fs::read_to_string("/proc/self/mounts").ok()?;
    let fields = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    let over = fields.filter(|it| it.len() > 2 && data.starts_with(it[1]));
    over.max_by_key(|it| it[1].len()).map(|it| it[2].to_owned())
}

/// The processor's time that a process has used, its kernel's part included, in microseconds.
pub(crate) fn cpu_us(process: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The program's name stands in brackets and may hold anything. Of what comes after it, the 12th
    // and 13th are the user's and the kernel's part.
    let after_name = text.rsplit_once(')')?.1;
    let ticks = |place| after_name.split_whitespace().nth(place)?.parse::<u64>().ok();
    Some((ticks(11)? + ticks(12)?) * TICK_US)
}

/// How much memory of a process is resident, in kB.
pub(crate) fn resident_kb(process: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = text.lines().find_map(|it| it.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Appends pages to a file in `data`, for about a second, and waits after each until it is on the
/// disk.
///
/// # Errors
/// If the file cannot be written.
pub(crate) fn probe_disk(data: &Path) -> anyhow::Result<Latency> {
    let path = data.join("fsync-probe");
    let mut file =
        File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    let page = [0x5a; PROBE_BYTES];
    let mut times: Histogram<u64> = latency::empty();
    let begun = Uptime.now();
    loop {
        let before = Uptime.now();
        if before.saturating_sub(begun) > PROBE {
            break;
        }
        file.write_all(&page).and_then(|()| file.sync_data()).context("probing the disk")?;
        times.saturating_record(latency::us(Uptime.now().saturating_sub(before)));
    }
    let _ = fs::remove_file(&path);
    Ok(Latency::of(&times))
}
