//! Webhooks of all APIs about payouts with any content.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| fuzz::webhooks::check(input));
