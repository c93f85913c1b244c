//! Amounts, decimals and prices against arithmetic of whole numbers of any size.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| fuzz::amounts::check(input));
