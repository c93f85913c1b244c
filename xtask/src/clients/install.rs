//! Installs the clients below the target folder, and the interpreters where they are missing.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

use crate::{npm, process};

/// Interpreters and programs that samples are run with, and the Debian packages that bring them.
const PROGRAMS: [(&str, &[&str]); 4] = [
    ("node", &["nodejs"]),
    ("npm", &["npm"]),
    ("php", &["php-cli", "php-curl"]),
    ("curl", &["curl"]),
];

/// What runs the programs.
pub(crate) struct Tools {
    /// The Python that knows the packages.
    pub(crate) python: PathBuf,
    /// Node.js.
    pub(crate) node: PathBuf,
    /// Where Node.js finds the packages.
    pub(crate) node_path: PathBuf,
}

/// Installs what is missing of the packages that the files in `programs` pin.
///
/// # Errors
/// If something cannot be installed.
pub(crate) fn run(programs: &Path, target: &Path) -> Result<Tools> {
    need_programs()?;
    let python = python(&programs.join("requirements.txt"), &target.join("clients"))?;
    let node_path = npm::install(programs, &target.join("clients-node"))?;
    Ok(Tools { python, node: "node".into(), node_path })
}

fn need_programs() -> Result<()> {
    let mut missing = Vec::new();
    for (program, packages) in PROGRAMS {
        if !process::is_installed(program) {
            missing.extend_from_slice(packages);
        }
    }
    if process::is_installed("php") && !has_php_curl()? {
        missing.push("php-curl");
    }
    process::apt_install(&missing)
}

fn has_php_curl() -> Result<bool> {
    let modules = process::output(Command::new("php").arg("-m"))?;
    Ok(modules.lines().any(|it| it == "curl"))
}

/// Installs the Python packages that `requirements` pins by their checksums; returns the interpreter
/// that knows them.
///
/// # Errors
/// If something cannot be installed.
pub(crate) fn python(requirements: &Path, folder: &Path) -> Result<PathBuf> {
    let python = folder.join("bin/python");
    let wanted = fs::read(requirements).with_context(|| requirements.display().to_string())?;
    let done = folder.join("installed.txt");
    if fs::read(&done).is_ok_and(|it| it == wanted) && python.is_file() {
        return Ok(python);
    }
    let mut create = Command::new(env::var_os("PYTHON").unwrap_or_else(|| "python3".into()));
    process::run(create.args(["-m", "venv", "--clear"]).arg(folder))?;
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]);
    process::run(pip.arg("--requirement").arg(requirements))?;
    fs::write(done, wanted)?;
    Ok(python)
}
