//! Relative links of the documents lead somewhere.

use super::tree::{File, Tree};

/// Checks the links of one Markdown file.
pub(crate) fn check(tree: &Tree, file: &File) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut in_fence = false;
    for (number, line) in (1..).zip(file.text.lines()) {
        if line.trim_start().starts_with("```") {
            in_fence = !in_fence;
        }
        if in_fence {
            continue;
        }
        for target in targets(line).filter(|target| !leads_out(target)) {
            if !resolve(&file.path, target).is_some_and(|path| tree.has(&path)) {
                complaints.push(format!("{}:{number}: {target} leads nowhere", file.path));
            }
        }
    }
    complaints
}

/// The targets of the links of a line, outside of code spans.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    let prose = line.split('`').step_by(2);
    let links = prose.flat_map(|text| text.split("](").skip(1));
    links.filter_map(|rest| rest.split([')', ' ', '#']).next())
}

fn leads_out(target: &str) -> bool {
    target.is_empty() || target.contains("://") || target.starts_with("mailto:")
}

/// The path below the root that `target` means in the file at `from`.
fn resolve(from: &str, target: &str) -> Option<String> {
    let mut path: Vec<&str> = from.split('/').collect();
    path.pop();
    if target.starts_with('/') {
        path.clear();
    }
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(path.pop()?),
            name => path.push(name),
        }
    }
    Some(path.join("/"))
}

#[cfg(test)]
mod tests {
    use super::{File, Tree, check};

    #[test]
    fn dead_links_are_reported() {
        let text = "[a](b.md#x) [c](../README.md) ![d](gone.png) [e](https://a.b/c) [f](#g)\n\
                    `[h](gone)` [i](../../outside)\n```\n[j](gone)\n```\n[`k`](gone.rs)\n";
        let file = |path: &str, text: &str| File { path: path.into(), text: text.into() };
        let tree = Tree {
            files: vec![file("README.md", ""), file("docs/a.md", text), file("docs/b.md", "")],
        };
        let complaints = check(&tree, &tree.files[1]);
        assert_eq!(
            complaints,
            [
                "docs/a.md:1: gone.png leads nowhere",
                "docs/a.md:2: ../../outside leads nowhere",
                "docs/a.md:6: gone.rs leads nowhere",
            ]
        );
    }
}
