//! A gateway with the bug that this test exists for: it broadcasts before it stores.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

use crate::{mutants, process};

/// The bug, by its name in the table of mutants.
const BUG: &str = "broadcast-before-store";

/// Plants the bug in a copy of the workspace and builds it beside the real gateway, so that
/// everything but the workspace's own crates is built once.
///
/// # Errors
/// If it cannot be planted or built.
pub(crate) fn build(root: &Path) -> Result<PathBuf> {
    let target = process::target_dir(root);
    let copy = target.join("kill/workspace");
    mutants::copy_workspace(root, &copy)?;
    mutants::plant(BUG, &copy)?;
    let release = ["build", "--locked", "--release", "-p", "vyplata", "--target-dir"];
    let mut cargo = process::cargo(&copy);
    process::run(cargo.args(release).arg(&target)).context("the bug")?;
    let program = target.join("kill/vyplata-with-a-bug");
    fs::copy(target.join("release/vyplata"), &program)?;
    // Both builds end in the same place: the real one is put back there.
    process::run(process::cargo(root).args(release).arg(&target))?;
    Ok(program)
}
