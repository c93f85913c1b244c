//! Files that have to be there, and files that must not be forgotten.

use super::tree::Tree;

/// Folders whose names belong to a machine and not to the project.
const MACHINE_FOLDERS: [&str; 3] =
    [concat!("/", "work", "/"), concat!("/", "root", "/"), concat!("/", "home", "/")];

/// Every rail and every dialect is described.
pub(crate) fn check_readmes(tree: &Tree) -> Vec<String> {
    let rails = tree.folders("crates").into_iter().filter(|name| name.starts_with("rail-"));
    let rails = rails.map(|name| format!("crates/{name}"));
    let dialects = tree.folders("crates/dialects/src").into_iter();
    let dialects = dialects.map(|name| format!("crates/dialects/src/{name}"));
    let readmes = rails.chain(dialects).map(|folder| format!("{folder}/README.md"));
    readmes.filter(|path| !tree.has(path)).map(|path| format!("{path}: is missing")).collect()
}

/// Each crate has one integration test binary, and every file of it is a module of it.
pub(crate) fn check_tests(tree: &Tree) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in tree.sources() {
        let Some((package, rest)) = file.path.split_once("/tests/") else { continue };
        if package.contains("/src") {
            continue;
        }
        let Some(name) = rest.strip_prefix("it/") else {
            complaints.push(format!("{}: integration tests are modules of tests/it", file.path));
            continue;
        };
        let module = name.trim_end_matches("/mod.rs").trim_end_matches(".rs");
        if module == "main" || module.contains('/') {
            continue;
        }
        let main = format!("{package}/tests/it/main.rs");
        let main = tree.files.iter().find(|file| file.path == main);
        let listed = format!("mod {module};");
        if !main.is_some_and(|it| it.text.lines().any(|line| line.trim_end().ends_with(&listed))) {
            complaints.push(format!("{}: is not a module of tests/it/main.rs", file.path));
        }
    }
    complaints
}

/// No text names a folder of somebody's machine.
pub(crate) fn check_machine_paths(tree: &Tree) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in &tree.files {
        for (number, line) in (1..).zip(file.text.lines()) {
            if MACHINE_FOLDERS.iter().any(|folder| names_path(line, folder)) {
                complaints.push(format!("{}:{number}: a path of one machine", file.path));
            }
        }
    }
    complaints
}

fn names_path(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + folder.len()..].chars().next();
        let is_inner =
            |it: char| it.is_ascii_alphanumeric() || matches!(it, '_' | '.' | '-' | '/' | '}');
        !before.is_some_and(is_inner)
            && after.is_some_and(|it| it.is_ascii_lowercase() || it == '.')
    })
}

#[cfg(test)]
mod tests {
    use super::{MACHINE_FOLDERS, Tree, check_machine_paths, check_readmes, check_tests};
    use crate::tidy::tree::File;

    fn tree(files: &[(&str, &str)]) -> Tree {
        let file =
            |(path, text): &(&str, &str)| File { path: (*path).into(), text: (*text).into() };
        Tree { files: files.iter().map(file).collect() }
    }

    #[test]
    fn missing_readmes_are_reported() {
        let tree =
            tree(&[("crates/dialects/src/acme/mod.rs", ""), ("crates/rail-x/README.md", "")]);
        assert_eq!(check_readmes(&tree), ["crates/dialects/src/acme/README.md: is missing"]);
    }

    #[test]
    fn forgotten_tests_are_reported() {
        let tree = tree(&[
            ("crates/a/tests/it/main.rs", "mod found;\npub(crate) mod folder;\n"),
            ("crates/a/tests/it/found.rs", ""),
            ("crates/a/tests/it/folder/mod.rs", ""),
            ("crates/a/tests/it/folder/inner.rs", ""),
            ("crates/a/tests/it/forgotten.rs", ""),
            ("crates/a/tests/other.rs", ""),
            ("crates/a/src/guard/tests.rs", ""),
        ]);
        assert_eq!(check_tests(&tree).len(), 2);
    }

    #[test]
    fn machine_paths_are_reported() {
        let folder = MACHINE_FOLDERS[1];
        assert_eq!(check_machine_paths(&tree(&[("a.md", &format!("see {folder}notes"))])).len(), 1);
        assert!(
            check_machine_paths(&tree(&[("a.md", &format!("https://a.b{folder}x"))])).is_empty()
        );
    }
}
