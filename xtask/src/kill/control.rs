//! A gateway with the bug that this test exists for: it broadcasts before it stores.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, ensure};

use crate::{mutants, process};

/// The bug, by its name in the table of mutants.
const BUG: &str = "broadcast-before-store";
const VERSION: &str = "version = \"0.1.0\"";
const CONTROL_VERSION: &str = "version = \"0.1.0-control\"";

/// Plants the bug in a copy of the workspace and builds it beside the real gateway, so that
/// everything but the workspace's own crates is built once, and those are not optimised: they are used
/// once. The copy has a version of its own: cargo tells crates of two workspaces apart by that, and would
/// otherwise take one for the other.
///
/// # Errors
/// If it cannot be planted or built.
pub(crate) fn build(root: &Path, features: &[&str]) -> Result<PathBuf> {
    let target = process::target_dir(root);
    let copy = target.join("control/workspace");
    mutants::copy_workspace(root, &copy)?;
    mutants::plant(BUG, &copy)?;
    let manifest = copy.join("Cargo.toml");
    let text = fs::read_to_string(&manifest)?;
    ensure!(text.contains(VERSION), "the manifest has no {VERSION}");
    fs::write(&manifest, text.replacen(VERSION, CONTROL_VERSION, 1))?;
    let release = ["build", "--release", "-p", "vyplata", "--target-dir"];
    let mut cargo = process::cargo(&copy);
    for entry in fs::read_dir(copy.join("crates"))? {
        let name = entry?.file_name();
        let setting = format!("profile.release.package.{}.opt-level=0", name.display());
        cargo.args(["--config", &setting]);
    }
    process::run(cargo.args(release).arg(&target).args(features)).context("the bug")?;
    let real = target.join("release/vyplata");
    let program = target.join("control/vyplata-with-a-bug");
    fs::copy(&real, &program)?;
    // Both builds end in the same place: the real one is put back there.
    process::run(process::cargo(root).args(release).arg(&target))?;
    ensure!(fs::read(&real)? != fs::read(&program)?, "the bug is still in {}", real.display());
    Ok(program)
}
