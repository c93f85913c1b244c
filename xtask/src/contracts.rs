//! Compiles the contracts of the EVM rail again, with the pinned compiler, and compares what comes
//! out with the byte code that is committed: what runs on chains is what the sources say.

use std::{fs, path::Path, process::Command};

use anyhow::{Context as _, Result, ensure};

use crate::{args::Args, npm, process};

/// Where the contracts and those of the tests are, each with the script that compiles them.
const FOLDERS: [&str; 2] = ["contracts", "tests/data"];

/// Compiles and compares; with `--write`, the byte code is replaced by what comes out.
///
/// # Errors
/// If something cannot be compiled, or is not what is committed.
pub(crate) fn run(root: &Path, arguments: &[String]) -> Result<()> {
    let args = Args::parse(arguments, &[], &["write"])?;
    npm::need("PATH")?;
    let home = process::target_dir(root).join("contracts");
    let modules = npm::install(&root.join("xtask/contracts"), &home.join("compiler"))?;
    let (rail, draft) = (root.join("crates/rail-evm"), home.join("rail-evm"));
    if draft.exists() {
        fs::remove_dir_all(&draft)?;
    }
    for folder in FOLDERS {
        copy_without_code(&rail.join(folder), &draft.join(folder))?;
    }
    for folder in FOLDERS {
        let mut node = Command::new("node");
        node.arg("compile.cjs").current_dir(draft.join(folder)).env("NODE_PATH", &modules);
        process::output(&mut node).with_context(|| format!("compiling {folder}"))?;
    }
    let mut count = 0;
    for folder in FOLDERS {
        for name in codes(&rail.join(folder))?.into_iter().chain(codes(&draft.join(folder))?) {
            let place = Path::new(folder).join(&name);
            let made = fs::read(draft.join(&place)).ok();
            if args.has("write") {
                let made =
                    made.with_context(|| format!("{} is made of nothing", place.display()))?;
                fs::write(rail.join(&place), made)?;
                continue;
            }
            let committed = fs::read(rail.join(&place)).ok();
            ensure!(
                made.is_some() && made == committed,
                "{} is not what its source compiles to: cargo xtask contracts --write",
                place.display()
            );
            count += 1;
        }
    }
    println!("contracts: {} files of byte code are what their sources compile to", count / 2);
    Ok(())
}

/// Copies a folder without its byte code.
fn copy_without_code(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        let is_code = path.extension().is_some_and(|it| it == "hex");
        if let Some(name) = path.file_name().filter(|_| path.is_file() && !is_code) {
            fs::copy(&path, to.join(name))?;
        }
    }
    Ok(())
}

/// The names of the files of byte code in a folder.
fn codes(folder: &Path) -> Result<Vec<std::ffi::OsString>> {
    let mut names = vec![];
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|it| it == "hex") {
            names.extend(path.file_name().map(std::ffi::OsStr::to_owned));
        }
    }
    Ok(names)
}
