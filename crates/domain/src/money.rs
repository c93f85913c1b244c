//! Amounts: whole smallest units of one asset, never floating point.

use std::{cmp::Ordering, fmt};

use ethnum::U256;

/// A count of an asset's smallest unit (satoshi, wei, lamport, ...).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount(u128);

/// Why a text is not an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AmountError {
    /// Not a plain decimal number.
    Malformed,
    /// More digits after the point than the asset has.
    TooPrecise,
    /// More than [`Amount::MAX`].
    TooLarge,
}

impl fmt::Display for AmountError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "not a plain decimal number",
            Self::TooPrecise => "more digits after the point than the asset has",
            Self::TooLarge => "too large to be represented",
        })
    }
}

impl std::error::Error for AmountError {}

/// What to do with a part of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    /// Drop it.
    Down,
    /// Make it a whole unit.
    Up,
}

impl Amount {
    /// No money at all.
    pub const ZERO: Self = Self(0);
    /// The largest amount: balances are signed, so that they can be below zero.
    pub const MAX: Self = Self(i128::MAX as u128);

    /// Wraps a count of smallest units, if it is at most [`Self::MAX`].
    pub const fn from_units(units: u128) -> Option<Self> {
        if units <= Self::MAX.0 { Some(Self(units)) } else { None }
    }

    /// Returns the count of smallest units.
    pub const fn units(self) -> u128 {
        self.0
    }

    /// Returns the count of smallest units as a balance.
    pub fn signed(self) -> i128 {
        i128::try_from(self.0).expect("an amount is at most i128::MAX")
    }

    /// Whether there is none.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// Returns the sum, or `None` where it does not fit.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).and_then(Self::from_units)
    }

    /// Returns the difference, or `None` where `other` is larger.
    #[must_use]
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// Divides into so many shares that differ by a unit at most, the larger ones first. They add up
    /// to the whole.
    pub fn shares(self, count: usize) -> impl Iterator<Item = Self> {
        let whole = u128::try_from(count).unwrap_or(u128::MAX).max(1);
        let (share, left) = (self.0 / whole, self.0 % whole);
        (0..whole).take(count).map(move |it| Self(share + u128::from(it < left)))
    }

    /// Returns `self * numerator / denominator`, exact before rounding, or `None` where it does
    /// not fit or the denominator is zero.
    #[must_use]
    pub fn scale(self, numerator: u128, denominator: u128, rounding: Rounding) -> Option<Self> {
        ratio(U256::from(self.0) * U256::from(numerator), U256::from(denominator), rounding)
    }

    /// Returns the same sum of an asset with other decimals, rounded down; the largest amount where
    /// it does not fit.
    #[must_use]
    pub fn rescale(self, from_decimals: u8, to_decimals: u8) -> Self {
        let one = Rate::ONE;
        one.convert(self, from_decimals, one, to_decimals, Rounding::Down).unwrap_or(Self::MAX)
    }

    /// Parses what a person or an API wrote, such as `"0.015"`, for an asset of `decimals` places.
    ///
    /// Refuses signs, exponents, separators, and digits beyond the asset's precision: money that
    /// cannot be represented exactly is refused, not rounded. Zeros beyond it are no money and are
    /// taken.
    ///
    /// # Errors
    /// Says what is wrong with the text.
    pub fn parse(text: &str, decimals: u8) -> Result<Self, AmountError> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !digits(whole) || !digits(fraction) || text.ends_with('.') {
            return Err(AmountError::Malformed);
        }
        let fraction = fraction.trim_end_matches('0');
        let scale = usize::from(decimals);
        if scale < fraction.len() {
            return Err(AmountError::TooPrecise);
        }
        let whole = whole.trim_start_matches('0');
        if whole.len() + scale > 39 {
            return Err(AmountError::TooLarge);
        }
        let units = format!("0{whole}{fraction:0<scale$}").parse().ok();
        units.and_then(Self::from_units).ok_or(AmountError::TooLarge)
    }

    /// Prints the amount for an asset of `decimals` places, without idle zeros: `"0.015"`.
    pub fn to_text(self, decimals: u8) -> String {
        let fixed = self.to_fixed(decimals);
        if !fixed.contains('.') {
            return fixed;
        }
        fixed.trim_end_matches('0').trim_end_matches('.').to_owned()
    }

    /// Prints the amount with all places of the asset: `"0.01500000"`.
    pub fn to_fixed(self, decimals: u8) -> String {
        let scale = usize::from(decimals);
        let digits = format!("{:0>width$}", self.0, width = scale + 1);
        let (whole, fraction) = digits.split_at(digits.len() - scale);
        if fraction.is_empty() { whole.to_owned() } else { format!("{whole}.{fraction}") }
    }
}

fn ratio(numerator: U256, denominator: U256, rounding: Rounding) -> Option<Amount> {
    if denominator == U256::ZERO {
        return None;
    }
    let quotient = numerator / denominator;
    let whole = match rounding {
        Rounding::Down => quotient,
        Rounding::Up if numerator % denominator == U256::ZERO => quotient,
        Rounding::Up => quotient.checked_add(U256::ONE)?,
    };
    u128::try_from(whole).ok().and_then(Amount::from_units)
}

/// An exact decimal that is not below zero and belongs to no asset: what somebody wrote as an amount
/// of money that we do not keep, such as euros.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Decimal {
    units: Amount,
    scale: u8,
}

impl Decimal {
    /// More digits after the point than any currency or asset has.
    const SCALE_MAX: usize = 30;

    /// So many units of the given number of places.
    pub fn new(units: Amount, scale: u8) -> Self {
        Self { units, scale }
    }

    /// Parses a plain decimal, such as `"20.50"`.
    ///
    /// # Errors
    /// Says what is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, AmountError> {
        let fraction = text.split_once('.').map_or("", |it| it.1).trim_end_matches('0');
        let digits = fraction.len();
        if digits > Self::SCALE_MAX && fraction.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(AmountError::TooPrecise);
        }
        let scale = u8::try_from(digits).map_err(|_| AmountError::Malformed)?;
        Ok(Self { units: Amount::parse(text, scale)?, scale })
    }

    /// Whether it is nothing.
    pub const fn is_zero(self) -> bool {
        self.units.is_zero()
    }

    /// The number as an amount of an asset of `decimals` places.
    ///
    /// # Errors
    /// If it has more digits than that, or does not fit.
    pub fn amount(self, decimals: u8) -> Result<Amount, AmountError> {
        Amount::parse(&self.to_string(), decimals)
    }

    /// What something of `decimals` places and a price of `price` is worth as much as this much of
    /// something priced at `own`; `None` where it does not fit.
    pub fn worth(self, own: Rate, price: Rate, decimals: u8, rounding: Rounding) -> Option<Amount> {
        own.convert(self.units, self.scale, price, decimals, rounding)
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.units.to_text(self.scale))
    }
}

/// A positive exact decimal, such as a price: `units / 10^scale`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rate {
    units: u64,
    scale: u8,
}

impl Rate {
    /// One for one.
    pub const ONE: Self = Self { units: 1, scale: 0 };
    /// How many significant digits products and quotients have.
    pub const DIGITS: u32 = 12;
    const SCALE_MAX: u8 = 18;

    /// Parses a plain positive decimal of at most 18 digits in all.
    pub fn parse(text: &str) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let fraction = if digits(fraction) { fraction.trim_end_matches('0') } else { return None };
        if whole.is_empty() || !digits(whole) || text.ends_with('.') || fraction.len() > 18 {
            return None;
        }
        let units: u64 = format!("{whole}{fraction}").parse().ok()?;
        let scale = u8::try_from(fraction.len()).ok()?;
        (units > 0 && units < 1_000_000_000_000_000_000).then_some(Self { units, scale })
    }

    /// Prices `amount` (of `from_decimals` places) at this rate in something of `to_decimals`
    /// places; `None` where the result does not fit.
    pub fn price(
        self,
        amount: Amount,
        from_decimals: u8,
        to_decimals: u8,
        rounding: Rounding,
    ) -> Option<Amount> {
        let numerator = U256::from(amount.0)
            .checked_mul(U256::from(self.units))?
            .checked_mul(ten_to(to_decimals)?)?;
        let denominator = ten_to(from_decimals)?.checked_mul(ten_to(self.scale)?)?;
        ratio(numerator, denominator, rounding)
    }

    /// Converts `amount` of something priced at `self` into something priced at `other`.
    pub fn convert(
        self,
        amount: Amount,
        from_decimals: u8,
        other: Self,
        to_decimals: u8,
        rounding: Rounding,
    ) -> Option<Amount> {
        let sides = Sides::new(self, from_decimals, other, to_decimals)?;
        let numerator = U256::from(amount.0).checked_mul(sides.up)?;
        ratio(numerator, sides.down, rounding)
    }

    /// Like [`Self::convert`], with the result scaled by `numerator / denominator` before it is
    /// rounded, once.
    pub fn convert_scaled(
        self,
        amount: Amount,
        from_decimals: u8,
        (other, to_decimals): (Self, u8),
        (numerator, denominator): (u32, u32),
        rounding: Rounding,
    ) -> Option<Amount> {
        let sides = Sides::new(self, from_decimals, other, to_decimals)?;
        let up = sides.up.checked_mul(U256::from(numerator))?;
        let down = sides.down.checked_mul(U256::from(denominator))?;
        ratio(U256::from(amount.0).checked_mul(up)?, down, rounding)
    }

    /// Returns the product, rounded to [`Self::DIGITS`] significant digits, or `None` where that
    /// is zero or does not fit.
    #[must_use]
    pub fn times(self, other: Self) -> Option<Self> {
        let numerator = U256::from(self.units) * U256::from(other.units);
        Self::round(numerator, ten_to(self.scale + other.scale)?)
    }

    /// Returns the quotient, rounded to [`Self::DIGITS`] significant digits, or `None` where that
    /// is zero or does not fit.
    #[must_use]
    pub fn over(self, other: Self) -> Option<Self> {
        let numerator = U256::from(self.units) * ten_to(other.scale)?;
        Self::round(numerator, U256::from(other.units) * ten_to(self.scale)?)
    }

    /// Whether the difference to `middle` is more than `parts / whole` of `middle`.
    pub fn deviates(self, middle: Self, parts: u32, whole: u32) -> bool {
        let (own, middle) = (U256::from(self.scaled()), U256::from(middle.scaled()));
        let difference = if own > middle { own - middle } else { middle - own };
        difference * U256::from(whole) > middle * U256::from(parts)
    }

    /// A count of the smallest unit that any rate has: below 10^36.
    fn scaled(self) -> u128 {
        u128::from(self.units) * 10u128.pow(u32::from(Self::SCALE_MAX - self.scale))
    }

    /// Rounds a fraction half to even. Both parts are below 10^37.
    fn round(numerator: U256, denominator: U256) -> Option<Self> {
        let limit = U256::from(10u8).pow(Self::DIGITS);
        // The largest scale that leaves room for no more than the wanted digits.
        let digits = |scale: &u8| {
            let units = half_even(numerator.checked_mul(ten_to(*scale)?)?, denominator);
            (units < limit).then_some(units)
        };
        let scale = (0..=Self::SCALE_MAX).rev().find(|scale| digits(scale).is_some())?;
        let (mut units, mut scale) = (u64::try_from(digits(&scale)?).ok()?, scale);
        while scale > 0 && units.is_multiple_of(10) {
            (units, scale) = (units / 10, scale - 1);
        }
        (units > 0).then_some(Self { units, scale })
    }
}

/// The two sides of a conversion's fraction. Powers of ten that both have are left out, so that
/// amounts of any asset at any price fit.
struct Sides {
    up: U256,
    down: U256,
}

impl Sides {
    fn new(from: Rate, from_decimals: u8, to: Rate, to_decimals: u8) -> Option<Self> {
        let up = u16::from(to.scale) + u16::from(to_decimals);
        let down = u16::from(from.scale) + u16::from(from_decimals);
        let both = up.min(down);
        let power = |exponent: u16| U256::from(10u8).checked_pow(u32::from(exponent - both));
        Some(Self {
            up: U256::from(from.units).checked_mul(power(up)?)?,
            down: U256::from(to.units).checked_mul(power(down)?)?,
        })
    }
}

/// The whole number next to a fraction; of two that are as near, the even one.
fn half_even(numerator: U256, denominator: U256) -> U256 {
    let (whole, rest) = (numerator / denominator, numerator % denominator);
    let is_odd = whole % U256::from(2u8) == U256::ONE;
    let is_up = match (rest * U256::from(2u8)).cmp(&denominator) {
        Ordering::Less => false,
        Ordering::Equal => is_odd,
        Ordering::Greater => true,
    };
    if is_up { whole + U256::ONE } else { whole }
}

impl Ord for Rate {
    fn cmp(&self, other: &Self) -> Ordering {
        self.scaled().cmp(&other.scaled())
    }
}

impl PartialOrd for Rate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Amount(u128::from(self.units)).to_fixed(self.scale))
    }
}

fn ten_to(exponent: u8) -> Option<U256> {
    // Most powers that are asked for have room in half as many bits, which is much faster.
    let small = 10u128.checked_pow(u32::from(exponent)).map(U256::from);
    small.or_else(|| U256::from(10u8).checked_pow(u32::from(exponent)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, decimals: u8, expected: Result<u128, AmountError>) {
        assert_eq!(Amount::parse(text, decimals).map(Amount::units), expected, "{text}");
    }

    #[test]
    fn parses_exact_decimals_only() {
        use AmountError::{Malformed, TooLarge, TooPrecise};
        check("1", 8, Ok(100_000_000));
        check("0.015", 8, Ok(1_500_000));
        check("0.00000001", 8, Ok(1));
        check("0.000000010000", 8, Ok(1));
        check("007", 0, Ok(7));
        check("5.0", 0, Ok(5));
        check("0", 8, Ok(0));
        check("0.000000001", 8, Err(TooPrecise));
        for text in ["1.", ".5", "-1", "+1", "1e3", "1,5", "", " 1", "NaN", "1.2.3", "٣"] {
            check(text, 8, Err(Malformed));
        }
        check("170141183460469231731687303715884105727", 0, Ok(i128::MAX as u128));
        check("170141183460469231731687303715884105728", 0, Err(TooLarge));
        check("1000000000000000000000000000000000000000", 0, Err(TooLarge));
        check("999999999999999999999999999999", 18, Err(TooLarge));
    }

    #[test]
    fn prints_what_it_parsed() {
        for (text, decimals) in [("0.015", 8), ("12", 6), ("0", 18), ("1000000", 0), ("0.1", 1)] {
            assert_eq!(Amount::parse(text, decimals).map(|it| it.to_text(decimals)).unwrap(), text);
        }
        assert_eq!(Amount(1_500_000).to_fixed(8), "0.01500000");
        assert_eq!(Amount(100).to_text(0), "100");
    }

    #[test]
    fn scales_without_losing_the_middle() {
        let large = Amount::MAX;
        assert_eq!(large.scale(u128::MAX, u128::MAX, Rounding::Down), Some(large));
        assert_eq!(large.scale(2, 1, Rounding::Down), None);
        assert_eq!(Amount(10).scale(1, 3, Rounding::Down), Some(Amount(3)));
        assert_eq!(Amount(10).scale(1, 3, Rounding::Up), Some(Amount(4)));
        assert_eq!(Amount(9).scale(1, 3, Rounding::Up), Some(Amount(3)));
        assert_eq!(Amount(9).scale(1, 0, Rounding::Up), None);
    }

    #[test]
    fn converts_between_precisions() {
        let ether = Rate::parse("3000").unwrap();
        let tether = Rate::parse("0.9998").unwrap();
        let fee = Amount::parse("0.0021", 18).unwrap();
        let in_tether = ether.convert(fee, 18, tether, 6, Rounding::Up).unwrap();
        assert_eq!(in_tether.to_text(6), "6.301261");
        assert_eq!(ether.price(fee, 18, 2, Rounding::Down).unwrap().to_text(2), "6.3");
    }

    #[test]
    fn decimals_keep_what_was_written() {
        for (text, shown) in [("20", "20"), ("20.50", "20.5"), ("0.000", "0"), ("007.1", "7.1")] {
            assert_eq!(Decimal::parse(text).map(|it| it.to_string()), Ok(shown.to_owned()));
        }
        assert_eq!(Decimal::parse("1.5").unwrap().amount(0), Err(AmountError::TooPrecise));
        assert_eq!(Decimal::parse("1.5").unwrap().amount(2).map(Amount::units), Ok(150));
        assert_eq!(Decimal::parse(&format!("0.{}", "1".repeat(31))), Err(AmountError::TooPrecise));
        for text in ["", "-1", "1e3", "1.", ".5", &format!("1.{}x", "1".repeat(300))] {
            assert_eq!(Decimal::parse(text), Err(AmountError::Malformed), "{text}");
        }
        let euro = Rate::parse("1.08").unwrap();
        let coin = Rate::parse("60000").unwrap();
        let worth = Decimal::parse("5500").unwrap().worth(euro, coin, 8, Rounding::Down).unwrap();
        assert_eq!(worth.to_text(8), "0.099");
    }

    #[test]
    fn large_amounts_of_any_asset_convert_at_any_price() {
        let dust = Rate::parse("0.000000000000000123").unwrap();
        let gold = Rate::parse("99999999.9999999999").unwrap();
        let billion = Amount::parse("1000000000", 18).unwrap();
        assert!(dust.convert(billion, 18, gold, 18, Rounding::Up).is_some());
        let back =
            dust.convert_scaled(billion, 18, (gold, 18), (1_010_000, 1_000_000), Rounding::Up);
        assert!(back.is_some());
    }

    #[test]
    fn rates_are_compared_multiplied_and_divided() {
        let rate = |text: &str| Rate::parse(text).unwrap();
        assert!(rate("0.5") < rate("0.51") && rate("9") < rate("10") && rate("1.0") == Rate::ONE);
        assert!(rate("999999999999999999") > rate("0.000000000000000001"));
        let over = |one, other| rate(one).over(rate(other)).map(|it| it.to_string());
        assert_eq!(over("1", "3").unwrap(), "0.333333333333");
        assert_eq!(over("2", "3").unwrap(), "0.666666666667");
        assert_eq!(over("1", "96.42").unwrap(), "0.010371292263");
        assert_eq!(over("1", "8").unwrap(), "0.125");
        // Halves go to the even neighbour.
        assert_eq!(over("0.1234567890125", "1").unwrap(), "0.123456789012");
        assert_eq!(over("0.1234567890135", "1").unwrap(), "0.123456789014");
        assert_eq!(over("0.9999999999995", "1").unwrap(), "1");
        assert_eq!(over("1", "999999999999999999").unwrap(), "0.000000000000000001");
        assert_eq!(over("0.000000000000000001", "9"), None);
        assert_eq!(over("999999999999999999", "0.1"), None);
        assert_eq!(rate("60000.5").times(rate("1.0001")).unwrap().to_string(), "60006.50005");
        assert_eq!(rate("0.0000000001").times(rate("0.0000000001")), None);
        assert!(!rate("105").deviates(rate("100"), 5, 100));
        assert!(!rate("95").deviates(rate("100"), 5, 100));
        assert!(rate("94.999999999999999").deviates(rate("100"), 5, 100));
    }

    #[test]
    fn rates_are_plain_positive_decimals() {
        assert_eq!(Rate::parse("0.05").unwrap().to_string(), "0.05");
        assert_eq!(Rate::parse("60000.10").unwrap().to_string(), "60000.1");
        for text in ["0", "", "-1", "1e3", ".5", "5.", "1000000000000000000", "x", "0.0"] {
            assert_eq!(Rate::parse(text), None, "{text}");
        }
    }
}
