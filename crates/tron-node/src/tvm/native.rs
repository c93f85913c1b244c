//! Contracts that the machine itself is
//! ([PrecompiledContracts](https://github.com/tronprotocol/java-tron/blob/develop/actuator/src/main/java/org/tron/core/vm/PrecompiledContracts.java)).
//!
//! There are recovery of signers, SHA-256, the odd RIPEMD-160 and identity. The others
//! (arithmetic, curves, and Tron's own) always fail here.

use alloy_primitives::Bytes;
use sha2::{Digest as _, Sha256};

use crate::{Address, signature};

/// The number of a native contract, if the address is one.
pub(super) fn number(address: &Address) -> Option<u8> {
    match address.tail() {
        [zeros @ .., number @ 1..=9] if zeros.iter().all(|byte| *byte == 0) => Some(*number),
        _ => None,
    }
}

/// What it costs and what it says; `None` if it fails.
pub(super) fn run(number: u8, input: &[u8]) -> Option<(u64, Bytes)> {
    let words = u64::try_from(input.len().div_ceil(32)).ok()?;
    match number {
        1 => Some((3_000, recover(input))),
        2 => Some((60 + 12 * words, Sha256::digest(input).to_vec().into())),
        // Not RIPEMD-160: the hash of 20 bytes of a hash.
        3 => {
            let first = Sha256::digest(input);
            Some((600 + 120 * words, Sha256::digest(&first[..20]).to_vec().into()))
        }
        4 => Some((15 + 3 * words, Bytes::copy_from_slice(input))),
        _ => None,
    }
}

/// `ecrecover`: 32 bytes each of hash, `v`, `r` and `s`; says nothing if it cannot.
fn recover(input: &[u8]) -> Bytes {
    let mut padded = [0; 128];
    let length = input.len().min(128);
    padded[..length].copy_from_slice(&input[..length]);
    let (hash, rest) = padded.split_at(32);
    let v = match &rest[..32] {
        [zeros @ .., v @ 27..=28] if zeros.iter().all(|byte| *byte == 0) => *v,
        _ => return Bytes::new(),
    };
    let mut hash_of = [0; 32];
    hash_of.copy_from_slice(hash);
    let Some(signer) = signature::recover(&hash_of, &rest[32..96], v - 27) else {
        return Bytes::new();
    };
    let mut word = [0; 32];
    word[12..].copy_from_slice(signer.tail());
    Bytes::copy_from_slice(&word)
}
