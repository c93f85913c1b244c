//! Runs the targets in `fuzz/`: `libFuzzer` makes inputs, keeps those that reach new code, and goes
//! on from them. It starts from the conversations of the goldens.
//!
//! The targets are ordinary programs that are linked with it and built with counters of what is
//! reached; what makes those is part of every stable compiler.

mod seeds;

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail, ensure};

use crate::{args::Args, process};

/// Counters for every edge, a table of where they are, and the operands of comparisons.
const FLAGS: &str = "--cfg fuzzing -Cpasses=sancov-module \
                     -Cllvm-args=-sanitizer-coverage-level=3 \
                     -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
                     -Cllvm-args=-sanitizer-coverage-pc-table \
                     -Cllvm-args=-sanitizer-coverage-trace-compares";

/// The dialects whose requests are fuzzed; twins are reached by the same paths.
const DIALECTS: [&str; 4] = ["native", "cryptocloud", "cryptomus", "onchainpay"];

/// The other targets.
const OTHERS: [&str; 2] = ["webhook", "amount"];

/// How many lines are shown of what a target said before it ended.
const LINES_MAX: usize = 12;

/// Runs the targets whose names begin as `--only` says, each for `--seconds`.
///
/// # Errors
/// If one finds an input that it cannot bear, or cannot be built.
pub(crate) fn run(root: &Path, arguments: &[String]) -> Result<()> {
    let args = Args::parse(arguments, &["seconds", "only"], &[])?;
    let seconds: u32 = args.get("seconds", 60)?;
    let only: String = args.get("only", String::new())?;
    let decoders = DIALECTS.map(|it| format!("{it}_decode"));
    let names = decoders.into_iter().chain(OTHERS.map(String::from));
    let chosen: Vec<_> = names.filter(|it| it.starts_with(&only)).collect();
    if chosen.is_empty() {
        bail!("no target is called {only}");
    }
    let place = process::target_dir(root).join("fuzz");
    let programs = build(root, &place)?;
    for dialect in DIALECTS {
        seeds::write(root, dialect, &place.join(format!("seeds/{dialect}_decode")))?;
    }
    for target in OTHERS {
        seeds::write_formless(&place.join(format!("seeds/{target}")))?;
    }
    let (mut lines, mut crashes) = (Vec::new(), 0);
    for target in &chosen {
        let report = fuzz(target, root, &programs, seconds)?;
        crashes += report.crashes;
        lines.push(report.line(target));
    }
    println!();
    for line in &lines {
        println!("{line}");
    }
    ensure!(crashes == 0, "{crashes} targets found an input that they cannot bear");
    Ok(())
}

/// Builds all targets; returns the folder of the programs.
fn build(root: &Path, place: &Path) -> Result<PathBuf> {
    let mut version = Command::new("rustc");
    let version = process::output(version.current_dir(root).arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    // With a target named, the flags are not those of build scripts and macros.
    let host = host.context("the compiler does not say for which machine it is")?;
    let mut cargo = process::cargo(root);
    cargo.args(["build", "--locked", "--release", "--manifest-path", "fuzz/Cargo.toml"]);
    cargo.args(["--target", host, "--target-dir"]).arg(place).env("RUSTFLAGS", FLAGS);
    process::run(cargo.env_remove("CARGO_ENCODED_RUSTFLAGS"))?;
    Ok(place.join(host).join("release"))
}

/// What came of one target.
struct Report {
    executions: u64,
    crashes: u32,
}

impl Report {
    fn line(&self, target: &str) -> String {
        let Self { executions, crashes } = self;
        format!("fuzz: target={target} executions={executions} crashes={crashes}")
    }
}

fn fuzz(target: &str, root: &Path, programs: &Path, seconds: u32) -> Result<Report> {
    let place = process::target_dir(root).join("fuzz");
    let folder = |kind: &str| -> Result<PathBuf> {
        let folder = place.join(kind).join(target);
        fs::create_dir_all(&folder)?;
        Ok(folder)
    };
    let (corpus, seeds, found) = (folder("corpus")?, folder("seeds")?, folder("found")?);
    let log = place.join(format!("{target}.txt"));
    let mut command = Command::new(programs.join(target));
    command.arg(format!("-dict={}", root.join("fuzz/dictionary.txt").display()));
    command.args([&corpus, &seeds]).arg(format!("-artifact_prefix={}/", found.display()));
    command.args([
        "-max_len=8192",
        "-len_control=0",
        "-timeout=10",
        "-rss_limit_mb=2048",
        "-print_final_stats=1",
    ]);
    command.args(["-seed=1".to_owned(), format!("-max_total_time={seconds}")]);
    command.stderr(File::create(&log)?).env("RUST_BACKTRACE", "1");
    println!("{target}: {seconds} s");
    let status = command.status().with_context(|| process::shown(&command))?;
    let text = fs::read(&log).with_context(|| log.display().to_string())?;
    let text = String::from_utf8_lossy(&text).into_owned();
    if !status.success() {
        let from = text.lines().position(|line| line.contains("panicked at")).unwrap_or(0);
        for line in text.lines().skip(from).take(LINES_MAX) {
            println!("  {line}");
        }
        println!("  all of it is in {}, the input in {}", log.display(), found.display());
    }
    let executions = executions(&text);
    let report = Report { executions, crashes: u32::from(!status.success()) };
    println!("{}", report.line(target));
    ensure!(executions > 0 || report.crashes > 0, "{target} did nothing: see {}", log.display());
    Ok(report)
}

/// How many inputs were tried, as the statistics at the end say, or the last line before a crash.
fn executions(log: &str) -> u64 {
    let last = |line: &str| line.split_whitespace().last().and_then(|it| it.parse().ok());
    let stated = log.lines().find(|it| it.starts_with("stat::number_of_executed_units:"));
    let counted = log.lines().rev().find_map(|it| it.strip_prefix('#')?.split_once('\t'));
    stated.and_then(last).or_else(|| counted.and_then(|it| it.0.parse().ok())).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::executions;

    #[test]
    fn executions_are_counted() {
        let begun = "INFO: seed\n#2\tINITED cov: 3\n#17\tNEW    cov: 4\n";
        assert_eq!(executions(begun), 17);
        let ended = format!("{begun}stat::number_of_executed_units: 1234\nstat::peak_rss_mb: 30\n");
        assert_eq!(executions(&ended), 1_234);
        assert_eq!(executions("error"), 0);
    }
}
