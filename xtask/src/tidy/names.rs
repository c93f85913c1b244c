//! No chain, asset or provider is named in the crates that decide about money.
//!
//! The names are not listed here: they are read from the catalogs and from the folders of the
//! dialects, so that whatever is added is covered.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};

use super::tree::{File, Tree};

/// Where names are not wanted, comments and tests included.
const NAMELESS: [&str; 2] = ["crates/domain/", "crates/engine/"];

/// Names that are also plain English words.
const EXCEPTIONS: [&str; 2] = ["base", "native"];

/// The names to look for.
#[derive(Default)]
struct Names {
    /// Networks, families and dialects, in small letters; found in any spelling.
    words: BTreeSet<String>,
    /// Tickers; found in capitals only, since several are words.
    tickers: BTreeSet<String>,
}

/// Looks for the names.
///
/// # Errors
/// If a catalog is not TOML.
pub(crate) fn check(tree: &Tree) -> Result<Vec<String>> {
    let names = collect(tree)?;
    let nameless =
        tree.sources().filter(|it| NAMELESS.iter().any(|folder| it.path.starts_with(folder)));
    Ok(nameless.flat_map(|file| names.check(file)).collect())
}

fn collect(tree: &Tree) -> Result<Names> {
    let mut names = Names::default();
    names.words.extend(tree.folders("crates/dialects/src"));
    for file in tree.files.iter().filter(|file| file.has_ending("/catalog.toml")) {
        let catalog: toml::Table = file.text.parse().with_context(|| file.path.clone())?;
        names.words.extend(column(&catalog, "network", "id"));
        names.words.extend(column(&catalog, "network", "family"));
        names.tickers.extend(column(&catalog, "asset", "ticker"));
    }
    names.words.retain(|word| !EXCEPTIONS.contains(&word.as_str()));
    Ok(names)
}

fn column(catalog: &toml::Table, table: &str, key: &str) -> Vec<String> {
    let rows = catalog.get(table).and_then(toml::Value::as_array);
    let values = rows.into_iter().flatten().filter_map(|row| row.get(key)?.as_str());
    values.map(String::from).collect()
}

impl Names {
    fn check(&self, file: &File) -> Vec<String> {
        let lines = file.text.lines().enumerate();
        let words = lines.flat_map(|(index, line)| words(line).map(move |word| (index, word)));
        let named = words.filter(|(_, word)| {
            self.tickers.contains(*word) || self.words.contains(&word.to_lowercase())
        });
        let complaint = |(index, word)| {
            format!("{}:{}: names {word}; say it in a catalog", file.path, index + 1)
        };
        named.map(complaint).collect()
    }
}

/// Splits a line into words: `SomeName`, `some_name` and `some name` are two each.
fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|letter: char| !letter.is_ascii_alphanumeric()).flat_map(camel_words)
}

fn camel_words(text: &str) -> Vec<&str> {
    let bytes = text.as_bytes();
    let starts = (1..bytes.len())
        .filter(|at| bytes[*at].is_ascii_uppercase() && bytes[*at - 1].is_ascii_lowercase());
    let mut parts = Vec::new();
    let mut from = 0;
    for start in starts {
        parts.push(&text[from..start]);
        from = start;
    }
    parts.push(&text[from..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::{File, Tree, check};

    fn complaints(text: &str) -> usize {
        let file = |path: &str, text: &str| File { path: path.into(), text: text.into() };
        let catalog = "[[network]]\nid = \"tron\"\nfamily = \"tvm\"\n[[asset]]\nticker = \"OP\"\n";
        let tree = Tree {
            files: vec![
                file("crates/rail-x/catalog.toml", catalog),
                file("crates/dialects/src/acme/mod.rs", "tron"),
                file("crates/domain/src/a.rs", text),
            ],
        };
        check(&tree).unwrap().len()
    }

    #[test]
    fn names_are_found_as_words_only() {
        assert_eq!(complaints("// a strong electron, an op, open"), 0);
        assert_eq!(complaints("struct TronTx;\nfn acme_sign() {}\nconst OP: u8 = 1; // tvm"), 4);
    }
}
