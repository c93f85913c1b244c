//! Packages of the npm registry, as lock files pin them.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

use crate::process;

/// Installs the packages whose checksums are in the lock file of `programs` into `folder`, unless
/// they are there already; returns where they are. No script of a package is run.
///
/// # Errors
/// If something cannot be installed.
pub(crate) fn install(programs: &Path, folder: &Path) -> Result<PathBuf> {
    let lock = programs.join("package-lock.json");
    let wanted = fs::read(&lock).with_context(|| lock.display().to_string())?;
    let (done, modules) = (folder.join("installed.json"), folder.join("node_modules"));
    if fs::read(&done).is_ok_and(|it| it == wanted) && modules.is_dir() {
        return Ok(modules);
    }
    fs::create_dir_all(folder)?;
    for file in ["package.json", "package-lock.json"] {
        fs::copy(programs.join(file), folder.join(file))?;
    }
    let mut npm = Command::new("npm");
    npm.current_dir(folder).args(["ci", "--silent", "--ignore-scripts", "--no-audit", "--no-fund"]);
    process::run(&mut npm)?;
    fs::write(done, wanted)?;
    Ok(modules)
}

/// Installs npm itself where it is missing.
///
/// # Errors
/// If it cannot be installed; says what to do instead.
pub(crate) fn need(variable: &str) -> Result<()> {
    if process::is_installed("npm") {
        return Ok(());
    }
    let npm = process::apt_install(&["npm"]);
    npm.with_context(|| {
        format!("npm is missing: install Node.js with npm, or set {variable} to what it names")
    })
}
