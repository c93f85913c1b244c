//! Numbers as they were written, never by way of floating point.

use domain::money::Rate;
use serde_json::value::RawValue;

/// Reads a price from JSON, given as text or as a number. `None` where it is not plainly positive.
pub(crate) fn price(json: &RawValue) -> Option<Rate> {
    let written = json.get();
    if written.starts_with('"') {
        return Rate::parse(&serde_json::from_str::<String>(written).ok()?);
    }
    Rate::parse(written)
}

/// The price of the last trade, moved into what is bid and asked now. A market without trades for
/// hours is still quoted.
pub(crate) fn within(last: Rate, one: Option<Rate>, other: Option<Rate>) -> Rate {
    match (one, other) {
        (Some(one), Some(other)) => last.clamp(one.min(other), one.max(other)),
        (None | Some(_), None) | (None, Some(_)) => last,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Option<String> {
        price(&serde_json::from_str::<Box<RawValue>>(json).unwrap()).map(|it| it.to_string())
    }

    #[test]
    fn numbers_are_read_from_their_source_text() {
        for json in ["0.1", "\"0.1\"", "\"0.10000\""] {
            assert_eq!(read(json).as_deref(), Some("0.1"), "{json}");
        }
        assert_eq!(read("123456789.123456789").as_deref(), Some("123456789.123456789"));
        assert_eq!(read("\"\\u0031\"").as_deref(), Some("1"));
        for json in ["null", "true", "{}", "[1]", "0", "\"0\"", "-1", "\"-1\"", "1e3", "\"1e3\""] {
            assert_eq!(read(json), None, "{json}");
        }
        for json in ["\"NaN\"", "\"\"", "\" 1\"", "99999999999999999999", "\"1,5\""] {
            assert_eq!(read(json), None, "{json}");
        }
    }

    #[test]
    fn the_last_trade_is_moved_into_the_spread() {
        let rate = |text: &str| Rate::parse(text).unwrap();
        let two = (Some(rate("10")), Some(rate("11")));
        assert_eq!(within(rate("10.5"), two.0, two.1), rate("10.5"));
        assert_eq!(within(rate("9"), two.0, two.1), rate("10"));
        assert_eq!(within(rate("12"), two.1, two.0), rate("11"));
        assert_eq!(within(rate("12"), two.1, None), rate("12"));
    }
}
