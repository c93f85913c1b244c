//! Figures: computed with whole numbers, printed for people and for scripts.

use std::fmt;

use serde::{Serialize, Serializer};

/// A ratio, in thousandths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ratio(u64);

impl Ratio {
    /// How much one number is of another; nothing of nothing.
    pub(crate) fn of(part: u64, whole: u64) -> Self {
        Self(part.saturating_mul(1_000).checked_div(whole).unwrap_or(0))
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{:03}", self.0 / 1_000, self.0 % 1_000)
    }
}

impl Serialize for Ratio {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        // Thousandths are read from their digits, as any reader does.
        out.serialize_f64(self.to_string().parse().unwrap_or_default())
    }
}

/// The middle one of some numbers; of an even number of them, the lower one of the middle two.
pub(crate) fn median(numbers: impl Iterator<Item = u64>) -> u64 {
    let mut sorted: Vec<u64> = numbers.collect();
    sorted.sort_unstable();
    sorted.get(sorted.len().saturating_sub(1) / 2).copied().unwrap_or(0)
}

/// A whole number with commas between thousands.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A time in microseconds, as people read it.
pub(crate) fn time(us: u64) -> String {
    match us {
        0..1_000 => format!("{us} us"),
        1_000..1_000_000 => format!("{} ms", Ratio::of(us, 1_000).short()),
        _ => format!("{} s", Ratio::of(us, 1_000_000).short()),
    }
}

impl Ratio {
    /// With one digit after the point.
    fn short(self) -> String {
        format!("{}.{}", self.0 / 1_000, self.0 % 1_000 / 100)
    }
}

/// What a system may not tell.
pub(crate) fn or_unknown<T>(figure: Option<T>, text: impl Fn(T) -> String) -> String {
    figure.map_or_else(|| "unknown".to_owned(), text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_exact() {
        assert_eq!(Ratio::of(1, 3).to_string(), "0.333");
        assert_eq!(Ratio::of(7, 0).to_string(), "0.000");
        assert_eq!(serde_json::to_string(&[Ratio::of(2_134, 1_000)]).unwrap(), "[2.134]");
        assert_eq!(median([3, 1, 2].into_iter()), 2);
        assert_eq!(median([4, 1, 2, 3].into_iter()), 2);
        assert_eq!(median([].into_iter()), 0);
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([999, 1_250, 2_345_678].map(time), ["999 us", "1.2 ms", "2.3 s"]);
    }
}
