//! The files of the project, read once.

use std::{fs, path::Path};

use anyhow::{Context as _, Result};

/// What is never looked at: made by tools, or not ours.
const SKIPPED: [&str; 3] = ["target", ".git", "node_modules"];

/// Endings of files that are read; everything else is data.
const TEXTS: [&str; 11] =
    [".rs", ".md", ".toml", ".sql", ".sh", ".yml", ".yaml", ".html", ".css", ".js", "/run"];

/// One file.
pub(crate) struct File {
    /// Its path below the root, with slashes.
    pub(crate) path: String,
    /// Its content; empty if it is not a text.
    pub(crate) text: String,
}

/// All files, ordered by path.
pub(crate) struct Tree {
    /// The files.
    pub(crate) files: Vec<File>,
}

impl Tree {
    /// Reads everything below `root`.
    ///
    /// # Errors
    /// If a folder or a text cannot be read.
    pub(crate) fn read(root: &Path) -> Result<Self> {
        let mut files = Vec::new();
        collect(root, "", &mut files)?;
        files.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(Self { files })
    }

    /// The Rust sources.
    pub(crate) fn sources(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.has_ending(".rs"))
    }

    /// Whether there is a file or a folder at `path`.
    pub(crate) fn has(&self, path: &str) -> bool {
        let folder = format!("{path}/");
        path.is_empty()
            || self.files.iter().any(|file| file.path == path || file.path.starts_with(&folder))
    }

    /// The names directly below `folder` that are folders themselves, ordered.
    pub(crate) fn folders(&self, folder: &str) -> Vec<String> {
        let prefix = format!("{folder}/");
        let below = self.files.iter().filter_map(|file| file.path.strip_prefix(&prefix));
        let mut names: Vec<_> =
            below.filter_map(|rest| rest.split_once('/')).map(|(name, _)| name.into()).collect();
        names.dedup();
        names
    }
}

impl File {
    /// Whether the path ends so.
    pub(crate) fn has_ending(&self, ending: &str) -> bool {
        self.path.ends_with(ending)
    }
}

fn collect(root: &Path, folder: &str, files: &mut Vec<File>) -> Result<()> {
    let place = root.join(folder);
    for entry in fs::read_dir(&place).with_context(|| format!("reading {}", place.display()))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
        let kind = entry.file_type()?;
        if kind.is_dir() && !SKIPPED.contains(&name.as_str()) {
            collect(root, &path, files)?;
        } else if kind.is_file() {
            let is_text = TEXTS.iter().any(|ending| path.ends_with(ending));
            let bytes = if is_text { fs::read(entry.path())? } else { Vec::new() };
            files.push(File { path, text: String::from_utf8_lossy(&bytes).into_owned() });
        }
    }
    Ok(())
}
