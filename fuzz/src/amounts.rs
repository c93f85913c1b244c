//! Amounts, decimals and prices against arithmetic of whole numbers of any size.

use domain::money::{Amount, Decimal, Rate, Rounding};
use libfuzzer_sys::arbitrary::{Result, Unstructured};
use num_bigint::BigUint;

use crate::numbers::same;

/// Places that assets have; more than any of the catalog.
const DECIMALS_MAX: u8 = 30;

/// Checks one input: two texts that may be numbers, and numbers.
pub fn check(input: &[u8]) {
    // An input that is no question is none of ours.
    check_all(Unstructured::new(input)).unwrap_or_default();
}

fn check_all(mut input: Unstructured<'_>) -> Result<()> {
    let decimals = input.int_in_range(0..=DECIMALS_MAX)?;
    let to_decimals = input.int_in_range(0..=DECIMALS_MAX)?;
    let amount = Amount::from_units(input.arbitrary::<u128>()? >> input.int_in_range(1..=127)?);
    let amount = amount.expect("half of the numbers are amounts");
    let (numerator, denominator) = (input.arbitrary()?, input.arbitrary()?);
    let rates = (rate(&mut input)?, rate(&mut input)?);
    check_amount(amount, decimals);
    check_scale(amount, numerator, denominator);
    if let (Some(one), Some(other)) = rates {
        check_rate(one);
        check_conversion(amount, decimals, to_decimals, one, other);
        check_product(one, other);
    }
    let text = String::from_utf8_lossy(input.take_rest().trim_ascii()).into_owned();
    check_text(&text, decimals);
    Ok(())
}

/// A price of a few digits somewhere around the point.
fn rate(input: &mut Unstructured<'_>) -> Result<Option<Rate>> {
    let units = (input.arbitrary::<u64>()? >> input.int_in_range(4..=63)?).to_string();
    let places = input.int_in_range(0..=18usize)?;
    let digits = format!("{units:0>width$}", width = places + 1);
    let (whole, fraction) = digits.split_at(digits.len() - places);
    Ok(Rate::parse(&if places == 0 { digits.clone() } else { format!("{whole}.{fraction}") }))
}

/// What is printed is read as the same.
fn check_amount(amount: Amount, decimals: u8) {
    let (text, fixed) = (amount.to_text(decimals), amount.to_fixed(decimals));
    assert!(same(&text, &fixed), "{text} {fixed}");
    assert!(same(&text, &format!("{}e-{decimals}", amount.units())), "{text}");
    for printed in [&text, &fixed] {
        assert_eq!(Amount::parse(printed, decimals), Ok(amount), "{printed}");
    }
    let decimal = Decimal::new(amount, decimals);
    assert!(same(&decimal.to_string(), &text));
    assert_eq!(decimal.amount(decimals), Ok(amount));
}

/// What is read is printed as the same number, or it is refused.
fn check_text(text: &str, decimals: u8) {
    if let Ok(amount) = Amount::parse(text, decimals) {
        assert!(same(&amount.to_text(decimals), text), "{text}");
    }
    if let Ok(decimal) = Decimal::parse(text) {
        let printed = decimal.to_string();
        assert!(same(&printed, text), "{text} {printed}");
        assert_eq!(Decimal::parse(&printed), Ok(decimal));
    }
    if let Some(rate) = Rate::parse(text) {
        assert!(same(&rate.to_string(), text), "{text} {rate}");
        check_rate(rate);
    }
}

fn check_rate(rate: Rate) {
    assert_eq!(Rate::parse(&rate.to_string()), Some(rate), "{rate}");
}

fn check_scale(amount: Amount, numerator: u128, denominator: u128) {
    for rounding in [Rounding::Down, Rounding::Up] {
        let found = amount.scale(numerator, denominator, rounding);
        let up = BigUint::from(amount.units()) * numerator;
        assert_eq!(found, quotient(&up, &denominator.into(), rounding));
    }
}

fn check_conversion(amount: Amount, from: u8, to: u8, one: Rate, other: Rate) {
    let (own, own_scale) = parts(one);
    let (price, price_scale) = parts(other);
    let up = BigUint::from(amount.units()) * &own * ten_to(price_scale) * ten_to(u32::from(to));
    let down = &price * ten_to(own_scale) * ten_to(u32::from(from));
    for rounding in [Rounding::Down, Rounding::Up] {
        let found = one.convert(amount, from, other, to, rounding);
        assert_eq!(found, quotient(&up, &down, rounding), "{amount:?} {from} {one} {other} {to}");
        let scaled =
            one.convert_scaled(amount, from, (other, to), (1_010_000, 1_000_000), rounding);
        let (up, down) = (&up * 101u32, &down * 100u32);
        assert_eq!(scaled, quotient(&up, &down, rounding), "{amount:?} {from} {one} {other} {to}");
        let decimal = Decimal::new(amount, from).worth(one, other, to, rounding);
        assert_eq!(decimal, found);
    }
    if let Some(price) = one.price(amount, from, to, Rounding::Down) {
        let up = BigUint::from(amount.units()) * &own * ten_to(u32::from(to));
        let down = ten_to(own_scale) * ten_to(u32::from(from));
        assert_eq!(Some(price), quotient(&up, &down, Rounding::Down));
    }
}

/// Products and quotients are off by half a unit of their last digit at most.
fn check_product(one: Rate, other: Rate) {
    let ((own, own_scale), (factor, factor_scale)) = (parts(one), parts(other));
    if let Some(product) = one.times(other) {
        is_near(product, &(&own * &factor), &ten_to(own_scale + factor_scale));
    }
    if let Some(ratio) = one.over(other) {
        is_near(ratio, &(own * ten_to(factor_scale)), &(factor * ten_to(own_scale)));
    }
}

fn is_near(found: Rate, up: &BigUint, down: &BigUint) {
    let (units, scale) = parts(found);
    let scale = scale + significant_zeros(found);
    let (exact, found) = (up * ten_to(scale), units * ten_to(scale - parts(found).1) * down);
    let difference = if exact > found { exact - found } else { found - exact };
    assert!(difference * 2u32 <= *down, "{up}/{down}");
}

/// How many idle zeros were left out behind the last digit: rates keep none, however exact they
/// are.
fn significant_zeros(rate: Rate) -> u32 {
    let (units, scale) = parts(rate);
    let digits = u32::try_from(units.to_string().len()).expect("a rate is short");
    Rate::DIGITS.saturating_sub(digits).min(18 - scale)
}

/// The digits of a rate, and how many of them stand behind the point.
fn parts(rate: Rate) -> (BigUint, u32) {
    let text = rate.to_string();
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let units = format!("{whole}{fraction}").parse().expect("a rate is printed in digits");
    (units, u32::try_from(fraction.len()).expect("a rate is short"))
}

fn ten_to(exponent: u32) -> BigUint {
    BigUint::from(10u32).pow(exponent)
}

fn quotient(up: &BigUint, down: &BigUint, rounding: Rounding) -> Option<Amount> {
    if *down == BigUint::ZERO {
        return None;
    }
    let up = match rounding {
        Rounding::Down => up.clone(),
        Rounding::Up => up + down - 1u32,
    };
    u128::try_from(up / down).ok().and_then(Amount::from_units)
}
