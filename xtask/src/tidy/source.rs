//! What every Rust file looks like: introduced, small, finished.

use super::{
    lexer::{self, Parts, is_word},
    tree::File,
};

/// The longest function, in lines from `fn` to its closing brace.
const FUNCTION_LINES_MAX: usize = 70;

/// The largest file, in bytes.
const FILE_BYTES_MAX: usize = 25_000;

/// Functions that may be longer, as `path: name`. It may only get shorter.
const LONG_FUNCTIONS: [&str; 0] = [];

/// Code that must not be there, and what to do instead.
const UNWANTED_CODE: [(&str, &str); 6] = [
    ("dbg!", "remove it"),
    ("todo!", "finish it"),
    ("unimplemented!", "finish it"),
    ("#[ignore", "a test that does not run is not a test"),
    ("#[allow(", "use #[expect(lint, reason = \"...\")]"),
    ("#![allow(", "use #![expect(lint, reason = \"...\")]"),
];

/// Words that promise work instead of doing it.
const UNWANTED_WORDS: [&str; 2] = [concat!("TO", "DO"), concat!("FIX", "ME")];

/// Checks one Rust file.
pub(crate) fn check(file: &File) -> Vec<String> {
    let parts = lexer::split(&file.text);
    let path = &file.path;
    let mut complaints = Vec::new();
    if !file.text.trim_start().starts_with("//!") {
        complaints.push(format!("{path}: does not start with //! saying what it is for"));
    }
    if file.text.len() > FILE_BYTES_MAX {
        complaints.push(format!("{path}: {} bytes, at most {FILE_BYTES_MAX}", file.text.len()));
    }
    for function in functions(&parts.code) {
        let entry = format!("{path}: {}", function.name);
        if function.lines > FUNCTION_LINES_MAX && !LONG_FUNCTIONS.contains(&entry.as_str()) {
            let Function { name, line, lines } = function;
            complaints.push(format!(
                "{path}:{line}: fn {name} has {lines} lines, at most {FUNCTION_LINES_MAX}"
            ));
        }
    }
    complaints.extend(unwanted(path, &parts));
    complaints
}

fn unwanted(path: &str, parts: &Parts) -> Vec<String> {
    let mut complaints = Vec::new();
    for (number, line) in (1..).zip(parts.code.lines()) {
        for (code, instead) in UNWANTED_CODE.iter().filter(|(code, _)| line.contains(code)) {
            complaints.push(format!("{path}:{number}: {code}: {instead}"));
        }
    }
    for (number, line) in (1..).zip(parts.comments.lines()) {
        let mut words = line.split(|letter| !is_word(letter));
        if let Some(word) = words.find(|word| UNWANTED_WORDS.contains(word)) {
            complaints.push(format!("{path}:{number}: {word}: finish it or open an issue"));
        }
    }
    complaints
}

#[derive(Debug, PartialEq, Eq)]
struct Function {
    name: String,
    line: usize,
    lines: usize,
}

/// Finds the functions of blanked code by counting braces.
fn functions(code: &str) -> Vec<Function> {
    let text: Vec<char> = code.chars().collect();
    let starts = (0..text.len()).filter(|at| is_keyword_fn(&text, *at));
    starts.filter_map(|start| function(&text, start)).collect()
}

fn is_keyword_fn(text: &[char], at: usize) -> bool {
    text[at..].starts_with(&['f', 'n', ' ']) && (at == 0 || !is_word(text[at - 1]))
}

fn function(text: &[char], start: usize) -> Option<Function> {
    let name: String = text[start + 3..].iter().take_while(|it| is_word(**it)).collect();
    let open = body_start(text, start)?;
    let mut depth = 0_usize;
    let end = (open..text.len()).find(|at| {
        match text[*at] {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0
    })?;
    let count = |part: &[char]| part.iter().filter(|letter| **letter == '\n').count() + 1;
    Some(Function { name, line: count(&text[..start]), lines: count(&text[start..end]) })
}

/// The opening brace of the body; `None` for a declaration without one.
fn body_start(text: &[char], start: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (offset, letter) in text[start..].iter().enumerate() {
        match letter {
            '(' | '[' => depth += 1,
            ')' | ']' => depth = depth.saturating_sub(1),
            ';' if depth == 0 => return None,
            '{' if depth == 0 => return Some(start + offset),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{FILE_BYTES_MAX, File, Function, check, functions, lexer};

    fn complaints(text: &str) -> Vec<String> {
        check(&File { path: "a.rs".into(), text: text.into() })
    }

    #[test]
    fn functions_are_measured_without_fooling_by_literals() {
        let text = "trait T { fn a(&self) -> [u8; 2]; }\nfn b(f: fn(u8)) {\n \"}\";\n '}'\n}\n";
        let found = functions(&lexer::split(text).code);
        assert_eq!(found, [Function { name: "b".into(), line: 2, lines: 4 }]);
    }

    #[test]
    fn long_functions_and_files_are_reported() {
        let long = |lines: usize| format!("//! A.\nfn a() {{\n{}}}\n", "b();\n".repeat(lines));
        assert!(complaints(&long(68)).is_empty());
        assert_eq!(complaints(&long(69)), ["a.rs:2: fn a has 71 lines, at most 70"]);
        assert_eq!(complaints(&format!("//! {}", "a".repeat(FILE_BYTES_MAX))).len(), 1);
    }

    #[test]
    fn unfinished_code_is_reported_and_talk_about_it_is_not() {
        assert_eq!(complaints("fn a() {}").len(), 1);
        for code in ["dbg!(1)", "todo!()", "#[ignore = \"slow\"]", "#[allow(dead_code)]"] {
            assert_eq!(complaints(&format!("//! A.\n{code}\n")).len(), 1, "{code}");
            assert!(complaints(&format!("//! A.\nlet a = \"{code}\";\n")).is_empty(), "{code}");
        }
        assert_eq!(complaints(concat!("//! A.\n// FIX", "ME: b\n")).len(), 1);
        assert!(complaints("//! A.\n#[expect(dead_code)]\nfn a() {}\n").is_empty());
    }
}
