//! Plants bugs, one at a time, in a copy of the workspace; the simulator must find every one.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail, ensure};

use crate::process;

mod table;
mod terms;

/// Every bug that must be found.
pub(crate) fn all() -> impl Iterator<Item = &'static Mutant> {
    table::MUTANTS.iter().chain(terms::MUTANTS)
}

/// A bug: a text that is in the code exactly once, and what it is replaced by.
pub(crate) struct Mutant {
    /// What the bug is called.
    pub(crate) name: &'static str,
    /// The file it is in, from the root of the workspace.
    pub(crate) file: &'static str,
    /// The text without the bug.
    pub(crate) old: &'static str,
    /// The text with the bug.
    pub(crate) new: &'static str,
}

/// How many more seeds are tried each time that none has found the bug.
const ROUNDS: [u64; 3] = [20, 80, 900];

/// What is no part of the workspace's sources.
const LEFT_OUT: [&str; 3] = ["target", ".git", "node_modules"];

/// Plants every bug, or those whose names are given, and lets the simulator look for it.
///
/// # Errors
/// If one is not found, or the code is no longer what a bug replaces.
pub(crate) fn run(root: &Path, names: &[String]) -> Result<()> {
    let known: BTreeSet<&str> = all().map(|it| it.name).collect();
    for name in names {
        ensure!(known.contains(name.as_str()), "there is no mutant {name}; there are {known:?}");
    }
    let folder = process::target_dir(root).join("mutants");
    let copy = folder.join("workspace");
    copy_workspace(root, &copy)?;
    all().try_for_each(|it| mutate(&copy, it).map(drop))?;
    let healthy = search(&copy, &folder, 0, ROUNDS[0]).context("the code without a bug")?;
    ensure!(healthy.is_empty(), "the simulator complains about the code as it is: {healthy:?}");
    let (mut planted, mut found) = (0, 0);
    for mutant in all().filter(|it| names.is_empty() || names.iter().any(|n| n == it.name)) {
        planted += 1;
        let file = plant(mutant.name, &copy)?;
        let hunted = hunt(&copy, &folder).with_context(|| format!("mutant {}", mutant.name));
        fs::copy(root.join(mutant.file), &file)?;
        let (seeds, complaints) = hunted?;
        match complaints.first() {
            Some((first, why)) => {
                found += 1;
                let count = complaints.len();
                let why: String = why.chars().take(110).collect();
                println!(
                    "{:<32} found in {count} of {seeds} seeds (first seed {first}): {why}",
                    mutant.name
                );
            }
            None => println!("{:<32} NOT FOUND in {seeds} seeds", mutant.name),
        }
    }
    println!("mutants: planted={planted} found={found}");
    ensure!(planted == found, "{} mutants were not found", planted - found);
    Ok(())
}

/// Plants the bug of that name in a copy of the workspace; returns the file it is in.
///
/// # Errors
/// If there is no such bug, or the code is no longer what it replaces.
pub(crate) fn plant(name: &str, copy: &Path) -> Result<PathBuf> {
    let mutant = all().find(|it| it.name == name);
    let mutant = mutant.with_context(|| format!("there is no mutant {name}"))?;
    let text = mutate(copy, mutant)?;
    let file = copy.join(mutant.file);
    fs::write(&file, text)?;
    Ok(file)
}

/// The file's text with the bug in it.
fn mutate(copy: &Path, mutant: &Mutant) -> Result<String> {
    let file = copy.join(mutant.file);
    let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
    let places = text.matches(mutant.old).count();
    if places != 1 {
        bail!(
            "mutant {} no longer applies: its text is {places} times in {}",
            mutant.name,
            mutant.file
        );
    }
    Ok(text.replacen(mutant.old, mutant.new, 1))
}

/// Brings a copy of the workspace's sources up to date. Files that have not changed are not
/// touched, so that cargo does not build them again.
///
/// # Errors
/// If a file cannot be read or written.
pub(crate) fn copy_workspace(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    let mut wanted = BTreeSet::new();
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        if LEFT_OUT.iter().any(|it| name == *it) {
            continue;
        }
        let target = to.join(&name);
        if entry.file_type()?.is_dir() {
            copy_workspace(&entry.path(), &target)?;
        } else if entry.file_type()?.is_file() {
            let bytes = fs::read(entry.path())?;
            if fs::read(&target).ok().as_ref() != Some(&bytes) {
                fs::write(&target, bytes)?;
            }
        }
        wanted.insert(name);
    }
    for entry in fs::read_dir(to)? {
        let entry = entry?;
        if !wanted.contains(&entry.file_name()) && !entry.file_type()?.is_dir() {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// The seeds that complained, each with what it complained of.
type Complaints = Vec<(u64, String)>;

/// Tries more and more seeds until one complains. Returns how many were tried.
fn hunt(copy: &Path, folder: &Path) -> Result<(u64, Complaints)> {
    let mut tried = 0;
    for count in ROUNDS {
        let complaints = search(copy, folder, tried, count)?;
        tried += count;
        if !complaints.is_empty() {
            return Ok((tried, complaints));
        }
    }
    Ok((tried, vec![]))
}

/// Builds the simulator and runs some seeds.
fn search(copy: &Path, folder: &Path, from: u64, count: u64) -> Result<Complaints> {
    let build = folder.join("build");
    let mut cargo = process::cargo(copy);
    cargo.args(["build", "--quiet", "--package", "sim", "--bin", "sim", "--target-dir"]);
    cargo.arg(&build).env("RUSTFLAGS", "-Awarnings -Cdebuginfo=0");
    process::run(&mut cargo).context("it does not build")?;
    let mut sim = std::process::Command::new(build.join("debug/sim"));
    sim.args(["--seeds", &count.to_string(), "--from", &from.to_string()]);
    let output = sim.output().context("cannot start the simulator")?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(
        text.lines().last().is_some_and(|it| it.starts_with("sim: ")),
        "the simulator did not come to its end"
    );
    let complaints = text.lines().filter_map(|line| {
        let (seed, why) = line.strip_prefix("violation: seed=")?.split_once(' ')?;
        Some((seed.parse().ok()?, why.to_owned()))
    });
    Ok(complaints.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mutant_applies_to_the_code_as_it_is() {
        let root = process::root();
        let names: BTreeSet<&str> = all().map(|it| it.name).collect();
        assert_eq!(names.len(), all().count(), "names are unique");
        for mutant in all() {
            mutate(&root, mutant).unwrap();
        }
    }
}
