//! A gateway with the bug that this test exists for: it broadcasts before it stores.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

/// Plants the bug in a copy of the workspace and builds it.
///
/// # Errors
/// If it cannot be planted or built.
pub(crate) fn build(_root: &Path) -> Result<PathBuf> {
    bail!("there is no mutant yet")
}
