//! Numbers at the edges: read from their source text, written as exact decimal text, and never
//! through floating point in between.

use std::borrow::Cow;

use domain::money::AmountError;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde_json::value::RawValue;

/// Further than any amount reaches in either direction.
const EXPONENT_MAX: usize = 100;

/// Writes a number without its exponent: `1e-05`, as Python prints it, becomes `0.00001`.
/// Text that has no exponent is returned as it is, whatever it says.
///
/// # Errors
/// If what has an exponent is not a positive number, or reaches further than any amount.
pub(crate) fn expand(text: &str) -> Result<Cow<'_, str>, AmountError> {
    let Some((mantissa, exponent)) = text.split_once(['e', 'E']) else {
        return Ok(Cow::Borrowed(text));
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let (downwards, exponent) = match exponent.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, exponent.strip_prefix('+').unwrap_or(exponent)),
    };
    let are_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let malformed = whole.is_empty() || exponent.is_empty() || mantissa.ends_with('.');
    if malformed || ![whole, fraction, exponent].into_iter().all(are_digits) {
        return Err(AmountError::Malformed);
    }
    let digits = format!("{whole}{fraction}");
    if digits.bytes().all(|byte| byte == b'0') {
        return Ok(Cow::Borrowed("0"));
    }
    let exponent = exponent.trim_start_matches('0');
    let shift = if exponent.is_empty() { Some(0) } else { exponent.parse().ok() };
    let shift = shift.filter(|it: &usize| *it <= EXPONENT_MAX);
    Ok(Cow::Owned(if downwards {
        let shift = shift.ok_or(AmountError::TooPrecise)?;
        let padded = format!("{}{digits}", "0".repeat(shift));
        let (whole, fraction) = padded.split_at(whole.len());
        format!("{whole}.{fraction}0")
    } else {
        let shift = shift.ok_or(AmountError::TooLarge)?;
        let padded = format!("{digits}{}", "0".repeat(shift));
        let (whole, fraction) = padded.split_at(whole.len() + shift);
        format!("{whole}.{fraction}0")
    }))
}

/// Fills up the places after the point to at least `count`.
pub(crate) fn with_places(text: &str, count: usize) -> String {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    format!("{whole}.{fraction:0<count$}")
}

/// A JSON number, written from exact decimal text.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub(crate) struct Number(Box<RawValue>);

impl Number {
    /// Wraps what [`domain::money::Amount`] prints.
    pub(crate) fn new(text: String) -> Self {
        let raw = RawValue::from_string(text);
        Self(raw.expect("the text of an amount is a JSON number"))
    }
}

impl JsonSchema for Number {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Number".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number" })
    }
}

#[cfg(test)]
mod tests {
    use domain::money::Amount;

    use super::*;

    #[track_caller]
    fn check(text: &str, decimals: u8, expected: Result<u128, AmountError>) {
        let parsed = expand(text).and_then(|it| Amount::parse(&it, decimals));
        assert_eq!(parsed.map(Amount::units), expected, "{text}");
    }

    #[test]
    fn expands_exponents_exactly() {
        use AmountError::{Malformed, TooLarge, TooPrecise};
        check("1e-05", 8, Ok(1_000));
        check("1.5E+3", 2, Ok(150_000));
        check("12.345e1", 2, Ok(12_345));
        check("0.00012e2", 4, Ok(120));
        check("2.3e-4", 8, Ok(23_000));
        check("10e-1", 0, Ok(1));
        check("0e99999999999999999999", 8, Ok(0));
        check("1e000", 0, Ok(1));
        check("1e-9", 8, Err(TooPrecise));
        check("1e-99999999999999999999", 8, Err(TooPrecise));
        check("1e30", 18, Err(TooLarge));
        check("1e101", 0, Err(TooLarge));
        check("1e99999999999999999999", 0, Err(TooLarge));
        for text in ["-1e5", "1e", "e5", "1.e5", "1e+-5", "1e5.0", "1e5e5", ".5e1", "1e٣", "-1"] {
            check(text, 8, Err(Malformed));
        }
    }

    #[test]
    fn fills_up_places() {
        assert_eq!(with_places("10", 1), "10.0");
        assert_eq!(with_places("207.3", 8), "207.30000000");
        assert_eq!(with_places("0.000000000000000001", 8), "0.000000000000000001");
    }
}
