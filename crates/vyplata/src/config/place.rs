//! Where in the text of a configuration something stands.

use toml::de::{DeTable, DeValue};

/// The line of the last of `keys` that is there.
pub(super) fn line_of(text: &str, table: toml::Spanned<DeTable<'_>>, keys: &[&str]) -> usize {
    let root = DeValue::Table(table.into_inner());
    let (mut value, mut start) = (&root, 0);
    for key in keys {
        let found = match value {
            DeValue::Array(list) => list.iter().zip(1..).find(|it| is_named(*it, key)),
            DeValue::Table(_)
            | DeValue::String(_)
            | DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_) => value.get(*key).map(|it| (it, 0)),
        };
        let Some((found, _)) = found else { break };
        (value, start) = (found.get_ref(), found.span().start);
    }
    1 + text.bytes().take(start).filter(|byte| *byte == b'\n').count()
}

/// The line of a place in a text, and the key that it begins with, if that is a plain one: an element of
/// a list may have an equals sign in it, too.
pub(super) fn line_at(text: &str, offset: usize) -> (usize, Option<&str>) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count();
    let key = text.lines().nth(line).and_then(|it| it.split_once('=')).map(|it| it.0.trim());
    let is_plain = |it: char| it.is_ascii_alphanumeric() || ['_', '-', '.'].contains(&it);
    (1 + line, key.filter(|it| it.chars().all(is_plain)))
}

/// Whether an element of a list, with its number, goes by this name.
fn is_named((element, number): (&toml::Spanned<DeValue<'_>>, usize), name: &str) -> bool {
    let element = element.get_ref();
    let text = |key: &str| element.get(key).and_then(|it| it.get_ref().as_str());
    let joined = text("network").zip(text("name")).map(|it| format!("{}/{}", it.0, it.1));
    text("id") == Some(name) || joined.as_deref() == Some(name) || number.to_string() == name
}
