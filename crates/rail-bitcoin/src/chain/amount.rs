//! Amounts as nodes write them: decimals of the network's coin, or of satoshi, in JSON numbers.
//!
//! They are read from their digits. [`net::Answer`] keeps a decimal as the nearest `f64`, whose
//! shortest text is what was written as long as neighbours are less than a satoshi apart. From
//! 2^26 coins on they are not, so larger amounts are refused.

use serde_json::Number;

/// A coin in satoshi, as a power of ten.
const COIN: i32 = 8;

/// What is refused: 2^26 coins, in satoshi.
const TOO_MUCH_SAT: u64 = (1 << 26) * 100_000_000;

/// An amount in coins, exactly, in satoshi; nothing if it is negative, too large, or has a fraction
/// of a satoshi.
pub(super) fn exact_sat(coins: &Number) -> Option<u64> {
    let (sat, is_exact) = scaled(coins, COIN)?;
    (is_exact && sat < TOO_MUCH_SAT).then_some(sat)
}

/// An amount in satoshi; nothing if it is too large.
pub(super) fn whole_sat(sat: u64) -> Option<u64> {
    (sat < TOO_MUCH_SAT).then_some(sat)
}

/// A fee rate in coins for 1,000 virtual bytes, rounded up, in satoshi for as many.
pub(super) fn rate_of_coins(rate: &Number) -> Option<u64> {
    rounded_up(rate, COIN)
}

/// A fee rate in satoshi for one virtual byte, rounded up, in satoshi for 1,000.
pub(super) fn rate_of_sat(rate: &Number) -> Option<u64> {
    rounded_up(rate, 3)
}

fn rounded_up(number: &Number, power: i32) -> Option<u64> {
    let (units, is_exact) = scaled(number, power)?;
    let units = units.checked_add(u64::from(!is_exact))?;
    (units < TOO_MUCH_SAT).then_some(units)
}

/// The whole part of a number times a power of ten, and whether that is all of it.
fn scaled(number: &Number, power: i32) -> Option<(u64, bool)> {
    let text = number.to_string();
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((&text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = [whole, fraction].concat();
    if digits.is_empty() || !digits.bytes().all(|it| it.is_ascii_digit()) {
        return None;
    }
    let units: u128 = digits.parse().ok()?;
    let exponent: i32 = exponent.parse().ok()?;
    let places = i32::try_from(fraction.len()).ok()?;
    let shift = exponent.checked_add(power)?.checked_sub(places)?;
    let factor = 10_u128.checked_pow(shift.unsigned_abs());
    let (units, is_exact) = match (shift >= 0, factor) {
        (true, Some(factor)) => (units.checked_mul(factor)?, true),
        (true, None) if units == 0 => (0, true),
        (true, None) => return None,
        (false, Some(factor)) => (units / factor, units.is_multiple_of(factor)),
        (false, None) => (0, units == 0),
    };
    Some((u64::try_from(units).ok()?, is_exact))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Number {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn amounts_are_read_digit_by_digit() {
        for (text, sat) in [
            ("0", 0),
            ("0.00000000", 0),
            ("0.00000001", 1),
            ("1e-8", 1),
            ("0.1", 10_000_000),
            ("0.29", 29_000_000),
            ("50.00000000", 5_000_000_000),
            ("20999999.97690000", 2_099_999_997_690_000),
            ("67108863.99999999", 6_710_886_399_999_999),
            ("1.5E+2", 15_000_000_000),
        ] {
            assert_eq!(exact_sat(&number(text)), Some(sat), "{text}");
        }
        // Every satoshi near the top of what is taken, and a spread of others.
        for sat in
            (0..5_000).map(|it| TOO_MUCH_SAT - 1 - it).chain((0..5_000).map(|it| it * 420_001))
        {
            let text = format!("{}.{:08}", sat / 100_000_000, sat % 100_000_000);
            assert_eq!(exact_sat(&number(&text)), Some(sat), "{text}");
        }
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for text in [
            "-1",
            "-0.00000001",
            "0.000000001",
            "67108864",
            "1e300",
            "1e-300",
            "18446744073709551615",
            "123456789012345678901234567890",
        ] {
            assert_eq!(exact_sat(&number(text)), None, "{text}");
        }
    }

    #[test]
    fn rates_are_rounded_up() {
        assert_eq!(rate_of_coins(&number("0.00001000")), Some(1_000));
        assert_eq!(rate_of_coins(&number("0.000010001")), Some(1_001));
        assert_eq!(rate_of_coins(&number("1e-300")), Some(1));
        assert_eq!(rate_of_coins(&number("-0.00001")), None);
        assert_eq!(rate_of_sat(&number("87.882")), Some(87_882));
        assert_eq!(rate_of_sat(&number("1.0270001")), Some(1_028));
        assert_eq!(rate_of_sat(&number("1e30")), None);
        assert_eq!(rate_of_coins(&number("67108864")), None);
        assert_eq!(whole_sat(u64::MAX), None);
    }
}
