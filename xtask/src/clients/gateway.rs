//! The gateway that the programs meet: a sandbox of our own.

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{ChildStdout, Stdio},
};

use anyhow::{Context as _, Result};

use crate::process::{self, Guarded};

/// A sandbox at work; it is killed when this is dropped.
pub(crate) struct Gateway {
    /// Where it is served.
    pub(crate) base: String,
    /// Where its database is.
    pub(crate) data: PathBuf,
    _process: Guarded,
    // Held, so that the process can always write.
    _stdout: BufReader<ChildStdout>,
}

impl Gateway {
    /// Builds it and starts it on a free port and a new database in the folder `data`.
    ///
    /// # Errors
    /// If it cannot be built, or says no address.
    pub(crate) fn start(root: &Path, data: &Path) -> Result<Self> {
        let mut cargo = process::cargo(root);
        process::run(cargo.args(["build", "--locked", "-p", "vyplata"]))?;
        if data.exists() {
            fs::remove_dir_all(data)?;
        }
        fs::create_dir_all(data)?;
        let log = data.join("log.txt");
        let program = process::target_dir(root).join("debug/vyplata");
        let mut command = std::process::Command::new(program);
        command.args(["sandbox", "--no-examples", "--listen", "127.0.0.1:0", "--data"]).arg(data);
        command.stdout(Stdio::piped()).stderr(File::create(&log)?).env("RUST_LOG", "warn");
        let mut child = Guarded::start(&mut command)?;
        let mut stdout = BufReader::new(child.stdout().context("its output is not ours")?);
        let mut line = String::new();
        stdout.read_line(&mut line)?;
        let address = line.split("http://").nth(1).and_then(|it| it.split([',', ' ', '\n']).next());
        let address =
            address.with_context(|| format!("{line:?} says no address: see {}", log.display()))?;
        Ok(Self {
            base: format!("http://{address}"),
            data: data.into(),
            _process: child,
            _stdout: stdout,
        })
    }
}
