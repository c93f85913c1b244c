//! Published client programs of the providers, with nothing but the host changed, against a
//! gateway at work.
//!
//! The programs are in `xtask/clients`; each drives a published package, or runs the samples of a
//! provider's documentation word for word, and prints a line for each of its steps.

pub(crate) mod gateway;
pub(crate) mod install;
mod report;

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};

use crate::{
    args::Args,
    process::{self, Guarded},
};
use gateway::Gateway;
use install::Tools;
use report::Report;

/// How long one program may take.
const PROGRAM_MAX: Duration = Duration::from_mins(5);

/// What runs a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Language {
    Python,
    JavaScript,
}

/// One program.
struct Program {
    /// The provider, and what is driven.
    name: &'static str,
    language: Language,
    /// The file in `xtask/clients`.
    file: &'static str,
    argument: Option<&'static str>,
}

const fn python(name: &'static str, file: &'static str) -> Program {
    Program { name, language: Language::Python, file, argument: None }
}

const PROGRAMS: [Program; 15] = [
    python("cryptocloud-docs", "cryptocloud_docs.py"),
    python("cryptocloud-cryptocloud-sdk", "cryptocloud_cryptocloud_sdk.py"),
    python("cryptocloud-crypto-cloud-py", "cryptocloud_crypto_cloud_py.py"),
    python("cryptomus-docs", "cryptomus_docs.py"),
    Program { argument: Some("cryptomus"), ..python("cryptomus-cryptomus", "cryptomus_steps.py") },
    python("cryptomus-milkpay", "cryptomus_milkpay.py"),
    Program {
        argument: Some("cryptomus"),
        ..python("cryptomus-pycryptomusapi", "pycryptomusapi_steps.py")
    },
    Program {
        language: Language::JavaScript,
        ..python("cryptomus-cryptomus-sdk", "cryptomus_cryptomus_sdk.cjs")
    },
    python("heleket-aioheleket", "heleket_aioheleket.py"),
    Program { argument: Some("heleket"), ..python("heleket-heleket", "cryptomus_steps.py") },
    python("heleket-heleket-sdk", "heleket_heleket_sdk.py"),
    Program {
        argument: Some("heleket"),
        ..python("heleket-pycryptomusapi", "pycryptomusapi_steps.py")
    },
    python("onchainpay-docs", "onchainpay_docs.py"),
    Program {
        argument: Some("onchainpay"),
        ..python("onchainpay-onchainpay-api", "onchainpay_api_steps.py")
    },
    Program {
        argument: Some("apollo"),
        ..python("apollo-apollopayment-api", "onchainpay_api_steps.py")
    },
];

/// The program that looks into the database after all others.
const LEDGER: Program = python("ledger", "ledger.py");

/// Where one run happens.
struct Place {
    programs: PathBuf,
    logs: PathBuf,
    tools: Tools,
    /// Where the gateway is.
    base: String,
    /// Where its data are, if it is ours.
    data: Option<PathBuf>,
}

/// Runs the programs whose names begin as `--only` says, against the gateway at `--base` or one of
/// our own.
///
/// # Errors
/// If a step of a program fails, or anything that is needed is missing.
pub(crate) fn run(root: &Path, arguments: &[String]) -> Result<()> {
    let args = Args::parse(arguments, &["only", "base"], &[])?;
    let only: String = args.get("only", String::new())?;
    let base: String = args.get("base", String::new())?;
    let chosen: Vec<_> = PROGRAMS.iter().filter(|it| it.name.starts_with(&only)).collect();
    if chosen.is_empty() {
        bail!("no program is called {only}; there are {}", PROGRAMS.map(|it| it.name).join(", "));
    }
    let target = process::target_dir(root);
    let programs = root.join("xtask/clients");
    let tools = install::run(&programs, &target)?;
    let own = if base.is_empty() {
        Some(Gateway::start(root, &target.join("clients-data"))?)
    } else {
        None
    };
    let logs = target.join("clients-log");
    fs::create_dir_all(&logs)?;
    let place = Place {
        programs,
        logs,
        tools,
        base: own.as_ref().map_or(base, |it| it.base.clone()),
        data: own.as_ref().map(|it| it.data.clone()),
    };
    let (mut reports, programs) = (Vec::new(), chosen.len());
    let last = place.data.is_some().then_some(&LEDGER);
    for program in chosen.into_iter().chain(last) {
        let report = place.run(program)?;
        report.print_details();
        reports.push(report);
    }
    conclude(programs, &reports)
}

fn conclude(programs: usize, reports: &[Report]) -> Result<()> {
    println!();
    for report in reports {
        println!("{}", report.line());
    }
    let steps: usize = reports.iter().map(Report::steps).sum();
    let failed: usize = reports.iter().map(Report::failed).sum();
    println!("clients: programs={programs} steps={steps} failed={failed}");
    ensure!(failed == 0, "{failed} steps failed");
    Ok(())
}

impl Place {
    fn run(&self, program: &Program) -> Result<Report> {
        let log = self.logs.join(format!("{}.txt", program.name));
        let errors = self.logs.join(format!("{}.stderr.txt", program.name));
        let mut command = self.command(program);
        command.stdout(File::create(&log)?).stderr(File::create(&errors)?);
        let start = Instant::now();
        let mut child = Guarded::start(&mut command)?;
        let end = loop {
            if let Some(end) = child.ended() {
                break end;
            }
            if start.elapsed() > PROGRAM_MAX {
                child.kill();
                break format!("stopped after {} s", PROGRAM_MAX.as_secs());
            }
            thread::sleep(Duration::from_millis(20));
        };
        let read = |file: &Path| -> Result<String> {
            let bytes = fs::read(file).with_context(|| file.display().to_string())?;
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        };
        Ok(Report::read(program.name, &read(&log)?, &end, &read(&errors)?, start.elapsed()))
    }

    fn command(&self, program: &Program) -> Command {
        let mut command = Command::new(match program.language {
            Language::Python => &self.tools.python,
            Language::JavaScript => &self.tools.node,
        });
        command.arg(self.programs.join(program.file)).args(program.argument);
        command.env("BASE", &self.base).env("NODE_PATH", &self.tools.node_path);
        command.env("PYTHONDONTWRITEBYTECODE", "1").env("PYTHONUTF8", "1");
        // The gateway is on this machine, whatever the environment says of proxies.
        command.env("NO_PROXY", "*").env("no_proxy", "*");
        if let Some(data) = &self.data {
            command.env("DATA", data);
        }
        command
    }
}

#[cfg(test)]
mod tests {
    use super::{LEDGER, PROGRAMS};
    use crate::process;

    #[test]
    fn every_program_is_there_and_each_name_once() {
        let folder = process::root().join("xtask/clients");
        let mut names: Vec<_> = PROGRAMS.iter().chain([&LEDGER]).map(|it| it.name).collect();
        for program in PROGRAMS.iter().chain([&LEDGER]) {
            assert!(folder.join(program.file).is_file(), "{}", program.file);
        }
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
