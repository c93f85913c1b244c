//! Requests to the API `onchainpay`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| fuzz::requests::check("onchainpay", input));
