//! Numbers as they stand in texts, digit for digit.

use std::collections::BTreeSet;

use serde_json::Value;
use url::form_urlencoded;

/// A number's digits without idle zeros, and the power of ten they are multiplied with; `None` if
/// the text is no number.
fn exact(text: &str) -> Option<(String, i64)> {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let significant = digits.trim_start_matches('0').trim_end_matches('0');
    if significant.is_empty() {
        return Some((String::new(), 0));
    }
    let idle = digits.len() - digits.trim_end_matches('0').len();
    let shift = i64::try_from(idle).ok()?.checked_sub(i64::try_from(fraction.len()).ok()?)?;
    Some((significant.to_owned(), exponent.parse::<i64>().ok()?.checked_add(shift)?))
}

/// All numbers in a body: those of JSON, and those in its texts or the fields of a form.
pub(crate) struct Numbers(BTreeSet<(String, i64)>);

impl Numbers {
    /// Finds them.
    pub(crate) fn of(body: &[u8]) -> Self {
        let mut found = BTreeSet::new();
        let text = String::from_utf8_lossy(body);
        let is_part = |it: char| it.is_ascii_digit() || matches!(it, '.' | 'e' | 'E' | '+' | '-');
        found.extend(text.split(|it| !is_part(it)).filter_map(exact));
        found.extend(form_urlencoded::parse(body).filter_map(|it| exact(it.1.trim())));
        if let Ok(value) = serde_json::from_slice(body) {
            texts(&value, &mut |it| found.extend(exact(it.trim())));
        }
        Self(found)
    }

    /// Whether a number is among them.
    pub(crate) fn has(&self, text: &str) -> bool {
        exact(text).is_some_and(|it| self.0.contains(&it))
    }
}

/// Whether two texts are the same number.
pub(crate) fn same(one: &str, other: &str) -> bool {
    exact(one).is_some() && exact(one) == exact(other)
}

fn texts(value: &Value, visit: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) => visit(text),
        Value::Array(list) => list.iter().for_each(|it| texts(it, visit)),
        Value::Object(map) => map.values().for_each(|it| texts(it, visit)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
