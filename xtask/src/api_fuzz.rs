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

/// How long it may take: many times what it does.
const TIME_MAX: Duration = Duration::from_mins(8);

/// What is checked of every answer.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_headers_conformance,response_schema_conformance";

/// Of so many requests, one at least must be accepted.
const ACCEPTED_PART: u64 = 10;

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
    let (log, report) = (place.join("log.txt"), place.join("report.json"));
    fs::write(&report, "null")?;
    let mut command = Command::new(python);
    command.args(["-m", "schemathesis.cli", "run", &format!("{base}/openapi.json")]);
    command.args(["--checks", CHECKS, "--phases", "examples,coverage,fuzzing"]);
    command.args(["--generation-database", "none", "--no-shrink", "--continue-on-failure"]);
    command.args(["--report", "json", "--report-json-path"]).arg(&report);
    // Proofs are the hooks' business.
    command.args(["--generation-with-security-parameters", "false"]);
    command.args(["--workers", "1", "--warnings", "off", "--no-color"]);
    command.args(["--seed", &args.get("seed", 1u64)?.to_string()]);
    command.args(["--max-examples", &args.get("examples", EXAMPLES)?.to_string()]);
    command.current_dir(&place).env("SCHEMATHESIS_HOOKS", "hooks").env("PYTHONPATH", hooks);
    command.env("PYTHONDONTWRITEBYTECODE", "1").env("PYTHONUTF8", "1");
    // The gateway is on this machine, whatever the environment says of proxies.
    command.env("NO_PROXY", "*").env("no_proxy", "*");
    command.stdout(File::create(&log)?).stderr(File::create(place.join("errors.txt"))?);
    let end = wait(&mut command)?;
    conclude(&end, &log, &report)
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

fn conclude(end: &str, log: &Path, report: &Path) -> Result<()> {
    let text = fs::read_to_string(report).with_context(|| report.display().to_string())?;
    let figures = Figures::read(&serde_json::from_str(&text).context("the report is no JSON")?);
    let is_good = end == "exit status: 0";
    if !is_good {
        let text = fs::read(log).with_context(|| log.display().to_string())?;
        for line in String::from_utf8_lossy(&text).lines().take(LINES_MAX) {
            println!("{line}");
        }
    }
    println!("{}", figures.line());
    ensure!(is_good, "{end}; everything it said is in {}", log.display());
    figures.check()
}

/// What the report says.
#[derive(Debug)]
struct Figures {
    requests: u64,
    operations: u64,
    failed: u64,
    accepted: u64,
    is_complete: bool,
}

impl Figures {
    fn read(report: &Value) -> Self {
        let figure = |place: &str| report.pointer(place).and_then(Value::as_u64).unwrap_or(0);
        let rates = report["valid_rates"].as_object().into_iter().flatten();
        let phases = rates.flat_map(|it| it.1.as_object().into_iter().flatten());
        Self {
            requests: figure("/test_cases/generated"),
            operations: figure("/operations/tested"),
            failed: figure("/test_cases/unique_failures") + figure("/test_cases/errored"),
            accepted: phases.filter_map(|it| it.1["accepted"].as_u64()).sum(),
            is_complete: report["complete"] == true,
        }
    }

    fn line(&self) -> String {
        let Self { requests, operations, failed, .. } = self;
        format!("api-fuzz: requests={requests} operations={operations} failed={failed}")
    }

    /// Nothing failed, and enough was asked that was worth an answer: a gateway that turns
    /// everybody away would look well.
    fn check(&self) -> Result<()> {
        ensure!(self.is_complete && self.requests > 0, "it did not come to its end");
        ensure!(self.failed == 0, "not every answer is as described");
        let enough = self.requests / ACCEPTED_PART;
        ensure!(self.accepted >= enough, "only {} requests were accepted", self.accepted);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Figures;

    #[test]
    fn a_gateway_that_accepts_nothing_fails() {
        let figures = |accepted: u64, failures: u64, complete: bool| {
            Figures::read(&json!({
                "complete": complete,
                "operations": { "tested": 2 },
                "test_cases": { "generated": 90, "unique_failures": failures, "errored": 0 },
                "valid_rates": {
                    "GET /a": { "examples": { "accepted": accepted }, "fuzzing": { "accepted": 1 } },
                    "POST /a": { "examples": { "accepted": 1 } },
                },
            }))
        };
        assert_eq!(figures(7, 0, true).line(), "api-fuzz: requests=90 operations=2 failed=0");
        assert!(figures(7, 0, true).check().is_ok());
        assert!(figures(7, 1, true).check().is_err());
        assert!(figures(7, 0, false).check().is_err());
        assert!(figures(6, 0, true).check().is_err());
        assert!(Figures::read(&json!(null)).check().is_err());
    }
}
