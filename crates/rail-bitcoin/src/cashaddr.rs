//! The address encoding of Bitcoin Cash.
//!
//! Same alphabet as bech32, another checksum, and a prefix that may be left out. Specification:
//! <https://github.com/bitcoincashorg/bitcoincash.org/blob/master/spec/cashaddr.md>.

use std::iter::once;

use bitcoin::bech32::{
    Checksum, Fe32,
    primitives::iter::{ByteIterExt, Checksummed, Fe32IterExt},
};

/// The 40-bit checksum of the specification.
enum CashAddr {}

impl Checksum for CashAddr {
    type MidstateRepr = u64;
    const CODE_LENGTH: usize = 1023;
    const CHECKSUM_LENGTH: usize = 8;
    const GENERATOR_SH: [u64; 5] =
        [0x98_f2bc_8e61, 0x79_b76d_99e2, 0xf3_3e5f_b3c4, 0xae_2eab_e2a8, 0x1e_4f43_e470];
    const TARGET_RESIDUE: u64 = 1;
}

/// Version byte of a public key's 20-byte hash: bits 3 to 6 are the type, bits 0 to 2 the size.
pub(crate) const KEY_HASH: u8 = 0;
/// Version byte of a script's 20-byte hash.
pub(crate) const SCRIPT_HASH: u8 = 8;
/// Version byte of a script's 32-byte hash.
pub(crate) const SCRIPT_HASH_32: u8 = 11;
/// The bit that says that the receiver understands tokens
/// (<https://github.com/cashtokens/cashtokens#token-aware-cashaddresses>).
pub(crate) const TOKEN_AWARE: u8 = 16;

/// Writes a version byte and a hash as an address with its prefix.
pub(crate) fn encode(prefix: &str, version: u8, hash: &[u8]) -> String {
    let five_bits = |byte: u8| Fe32::try_from(byte & 31).expect("31 is the largest symbol");
    let head = prefix.bytes().map(five_bits).chain(once(Fe32::Q));
    let data = once(version).chain(hash.iter().copied()).bytes_to_fes();
    let symbols = Checksummed::<_, CashAddr>::new(head.chain(data)).skip(prefix.len() + 1);
    format!("{prefix}:{}", symbols.map(Fe32::to_char).collect::<String>())
}

/// Reads the version byte and the hash of an address, or `None` where it is not one of this prefix.
///
/// What does not encode to the same text again has a wrong checksum or padding.
pub(crate) fn decode(prefix: &str, text: &str) -> Option<(u8, Vec<u8>)> {
    let lower = text.to_ascii_lowercase();
    if text != lower && text != text.to_ascii_uppercase() {
        return None;
    }
    let alone = lower.strip_prefix(prefix).and_then(|rest| rest.strip_prefix(':'));
    let payload = alone.unwrap_or(&lower);
    let symbols: Vec<Fe32> = payload.chars().map(Fe32::from_char).collect::<Result<_, _>>().ok()?;
    let data_len = symbols.len().checked_sub(CashAddr::CHECKSUM_LENGTH)?;
    let bytes: Vec<u8> = symbols.into_iter().take(data_len).fes_to_bytes().collect();
    let (version, hash) = bytes.split_first()?;
    let same = encode(prefix, *version, hash) == format!("{prefix}:{payload}");
    same.then(|| (*version, hash.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_is_one_polynomial() {
        CashAddr::sanity_check();
    }

    #[test]
    fn padding_is_zero() {
        let address = encode("bitcoincash", 0, &[7; 20]);
        assert_eq!(decode("bitcoincash", &address), Some((0, vec![7; 20])));
        let payload: Vec<Fe32> =
            address[12..46].chars().map(|symbol| Fe32::from_char(symbol).unwrap()).collect();
        let last = Fe32::try_from(payload[33].to_u8() | 1).unwrap();
        let head = "bitcoincash".bytes().map(|byte| Fe32::try_from(byte & 31).unwrap());
        let symbols = head.chain(once(Fe32::Q)).chain(payload[..33].iter().copied());
        let padded: String = Checksummed::<_, CashAddr>::new(symbols.chain(once(last)))
            .skip(12)
            .map(Fe32::to_char)
            .collect();
        assert_eq!(decode("bitcoincash", &padded), None);
    }
}
