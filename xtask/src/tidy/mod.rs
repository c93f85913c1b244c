//! Checks of the source tree that no compiler makes. They run as a test, too.

mod graph;
mod layout;
mod lexer;
mod links;
mod names;
mod source;
mod tree;

use std::path::Path;

use anyhow::{Context as _, Result, ensure};

use crate::process;
use tree::Tree;

/// Checks everything and prints what is wrong.
///
/// # Errors
/// If anything is wrong.
pub(crate) fn run(root: &Path) -> Result<()> {
    let complaints = complaints(root)?;
    for complaint in &complaints {
        println!("{complaint}");
    }
    ensure!(complaints.is_empty(), "tidy: {} complaints", complaints.len());
    println!("tidy: nothing to complain about");
    Ok(())
}

fn complaints(root: &Path) -> Result<Vec<String>> {
    let tree = Tree::read(root)?;
    let mut cargo = process::cargo(root);
    cargo.args(["metadata", "--no-deps", "--offline", "--format-version", "1"]);
    let metadata = serde_json::from_str(&process::output(&mut cargo)?)
        .context("cargo metadata does not answer in JSON")?;
    let mut complaints = graph::check(&metadata)?;
    complaints.extend(names::check(&tree)?);
    complaints.extend(tree.sources().flat_map(source::check));
    complaints.extend(layout::check_readmes(&tree));
    complaints.extend(layout::check_tests(&tree));
    complaints.extend(layout::check_machine_paths(&tree));
    let documents = tree.files.iter().filter(|file| file.has_ending(".md"));
    complaints.extend(documents.flat_map(|file| links::check(&tree, file)));
    Ok(complaints)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_tree_is_tidy() {
        let complaints = super::complaints(&crate::process::root()).unwrap();
        assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
    }
}
