//! What the tests sent to the Tron test node, read again by two independent implementations:
//! `TronWeb` of the npm registry and tronpy of the Python one. The tests leave it in files below the
//! target folder, `tmp/tron/*.jsonl`.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::{clients, nodes, process};

/// The programs that read, by the package that they stand for.
const PROGRAMS: &str = "crates/rail-tron/tests/data";

/// Reads the vectors of the rail's tests and all that its tests have sent.
///
/// # Errors
/// If anything is read otherwise than it was meant, or nothing was sent.
pub(crate) fn run(root: &Path) -> Result<()> {
    let target = process::target_dir(root);
    let (programs, packages) = (root.join(PROGRAMS), root.join("xtask/nodes/tron"));
    let tronweb = nodes::tronweb(root)?;
    let requirements = packages.join("requirements.txt");
    let python = clients::install::python(&requirements, &target.join("nodes/tronpy"))?;
    // Node.js looks for packages beside a program, so that is where the program goes.
    let check = tronweb.join("check.mjs");
    fs::copy(programs.join("check.mjs"), &check)?;
    process::run(Command::new(&python).arg(programs.join("transactions.py")))?;
    let sent = target.join("tmp/tron/all.jsonl");
    let count = gather(&target.join("tmp/tron"), &sent)?;
    println!("{count} transactions were sent");
    process::run(Command::new("node").arg(&check).arg(&sent))?;
    process::run(Command::new(&python).arg(programs.join("check.py")).arg(&sent))
}

/// Puts what the tests left into one file, each transaction once; returns how many there are.
fn gather(folder: &Path, all: &Path) -> Result<usize> {
    let mut lines = BTreeSet::new();
    let files = fs::read_dir(folder);
    let files = files.with_context(|| format!("run the tests first: {}", folder.display()))?;
    for file in files {
        let path: PathBuf = file?.path();
        if path == *all {
            continue;
        }
        for line in fs::read_to_string(&path)?.lines() {
            let mut sent: Value = serde_json::from_str(line)?;
            // Ours have one signature; the node says with which code it took it.
            let signature = sent["signature"][0].take();
            ensure!(signature.is_string(), "{} was not signed", sent["txid"]);
            sent["signature"] = signature;
            sent["code"].take();
            lines.insert(sent.to_string());
        }
    }
    ensure!(!lines.is_empty(), "the tests sent nothing");
    let text: String = lines.iter().flat_map(|it| [it.as_str(), "\n"]).collect();
    fs::write(all, text)?;
    Ok(lines.len())
}
