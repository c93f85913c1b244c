//! `cargo xtask bench`: how large the release binary is, how soon it is ready, and what it takes while it
//! has nothing to do. What it does per second is measured by `vyplata bench`.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};

use crate::{
    kill::http::{self, Message},
    process::{self, Guarded},
};

/// How long the start may take.
const READY_TIME_MAX: Duration = Duration::from_mins(1);
/// How long it has nothing to do before its memory is looked at.
const IDLE: Duration = Duration::from_secs(3);

pub(crate) fn run(root: &Path) -> Result<()> {
    process::run(process::cargo(root).args(["build", "--release"]))?;
    let target = process::target_dir(root);
    let (binary, data) = (target.join("release/vyplata"), target.join("bench-data"));
    println!("release binary            {:>8} kB", fs::metadata(&binary)?.len() / 1_000);
    drop(fs::remove_dir_all(&data));
    let (sandbox, new_ms) = start(&binary, &data)?;
    drop(sandbox);
    let (sandbox, old_ms) = start(&binary, &data)?;
    println!("start to ready, new data  {new_ms:>8} ms");
    println!("start to ready, old data  {old_ms:>8} ms");
    thread::sleep(IDLE);
    println!("resident memory, idle     {:>8} kB", resident_kb(sandbox.id())?);
    Ok(())
}

/// Starts a sandbox, and says how many milliseconds it took until it was ready.
fn start(binary: &Path, data: &Path) -> Result<(Guarded, u128)> {
    let address = http::free_address()?;
    let mut command = Command::new(binary);
    command.args(["sandbox", "--no-examples", "--listen", &address.to_string(), "--data"]);
    command.arg(data).env("RUST_LOG", "error").env_remove("DATABASE_URL").stdout(Stdio::null());
    let begun = Instant::now();
    let sandbox = Guarded::start(&mut command)?;
    let is_ready = || {
        http::exchange(address, &Message::get("/readyz")).is_ok_and(|it| it.status() == Some(200))
    };
    while !is_ready() {
        ensure!(begun.elapsed() < READY_TIME_MAX, "the sandbox was not ready within a minute");
        thread::sleep(Duration::from_millis(2));
    }
    Ok((sandbox, begun.elapsed().as_millis()))
}

fn resident_kb(process: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find(|it| it.starts_with("VmRSS:")).context("no VmRSS")?;
    Ok(line.chars().filter(char::is_ascii_digit).collect::<String>().parse()?)
}
