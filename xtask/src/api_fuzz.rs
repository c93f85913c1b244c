//! Requests that are made of the API's description, against a gateway at work: whatever is asked,
//! no answer is a server's error, and every answer is one that the description promises.
//!
//! Schemathesis makes the requests; `xtask/api-fuzz/hooks.py` signs them.

use std::{
    fs::{self, File},
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::{
    args::Args,
    clients::{gateway::Gateway, install},
    process::{self, Guarded},
};

/// How many requests are made of each operation, beside those that a rule of the description asks
/// for.
const EXAMPLES: u32 = 100;

/// How long it may take.
const TIME_MAX: Duration = Duration::from_mins(4);

/// What is checked of every answer.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_headers_conformance,response_schema_conformance";

/// How many lines are shown of what went wrong.
const LINES_MAX: usize = 200;

/// Makes the requests, against the gateway at `--base` or one of our own.
///
/// # Errors
/// If an answer is not as it should be, or anything that is needed is missing.
pub(crate) fn run(root: &Path, arguments: &[String]) -> Result<()> {
    let args = Args::parse(arguments, &["examples", "seed", "base"], &[])?;
    let target = process::target_dir(root);
    let hooks = root.join("xtask/api-fuzz");
    let python = install::python(&hooks.join("requirements.txt"), &target.join("api-fuzz"))?;
    let data = target.join("api-fuzz-data");
    let base: String = args.get("base", String::new())?;
    let own = if base.is_empty() { Some(Gateway::start(root, &data)?) } else { None };
    let base = own.as_ref().map_or(base, |it| it.base.clone());
    let place = target.join("api-fuzz-log");
    fs::create_dir_all(&place)?;
    let (log, counts) = (place.join("log.txt"), place.join("counts.json"));
    fs::write(&counts, "null")?;
    let mut command = Command::new(python);
    command.args(["-m", "schemathesis.cli", "run", &format!("{base}/openapi.json")]);
    command.args(["--checks", CHECKS, "--phases", "examples,coverage,fuzzing"]);
    command.args(["--generation-database", "none", "--no-shrink", "--continue-on-failure"]);
    // Proofs are the hooks' business.
    command.args(["--generation-with-security-parameters", "false"]);
    command.args(["--workers", "1", "--warnings", "off", "--no-color"]);
    command.args(["--seed", &args.get("seed", 1u64)?.to_string()]);
    command.args(["--max-examples", &args.get("examples", EXAMPLES)?.to_string()]);
    command.current_dir(&place).env("SCHEMATHESIS_HOOKS", "hooks").env("PYTHONPATH", hooks);
    command.env("PYTHONDONTWRITEBYTECODE", "1").env("PYTHONUTF8", "1").env("COUNTS", &counts);
    // The gateway is on this machine, whatever the environment says of proxies.
    command.env("NO_PROXY", "*").env("no_proxy", "*");
    command.stdout(File::create(&log)?).stderr(File::create(place.join("errors.txt"))?);
    let end = wait(&mut command)?;
    conclude(&end, &log, &counts)
}

fn wait(command: &mut Command) -> Result<String> {
    let start = Instant::now();
    let mut child = Guarded::start(command)?;
    loop {
        if let Some(end) = child.ended() {
            return Ok(end);
        }
        if start.elapsed() > TIME_MAX {
            child.kill();
            return Ok(format!("stopped after {} s", TIME_MAX.as_secs()));
        }
        thread::sleep(Duration::from_millis(20));
    }
}

fn conclude(end: &str, log: &Path, counts: &Path) -> Result<()> {
    let text = fs::read_to_string(counts).with_context(|| counts.display().to_string())?;
    let counts: Value = serde_json::from_str(&text).context("the figures are no JSON")?;
    let figure = |name: &str| counts[name].as_u64().unwrap_or(0);
    let [requests, operations, failed] = ["requests", "operations", "failed"].map(figure);
    if end != "exit status: 0" {
        let text = fs::read(log).with_context(|| log.display().to_string())?;
        let text = String::from_utf8_lossy(&text).into_owned();
        text.lines().take(LINES_MAX).for_each(|line| println!("{line}"));
    }
    println!("api-fuzz: requests={requests} operations={operations} failed={failed}");
    ensure!(end == "exit status: 0", "{end}; everything it said is in {}", log.display());
    ensure!(failed == 0 && requests > 0 && operations > 0, "not every answer is as described");
    Ok(())
}
