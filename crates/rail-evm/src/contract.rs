//! The contract that pays many recipients in one transaction (`contracts/Payouts.sol`), and how it
//! gets onto a network.
//!
//! Its address follows from its code alone (CREATE2, EIP-1014), so it is the same on every network,
//! and whoever puts it there can put nothing else there.

use std::sync::LazyLock;

use alloy_primitives::{Address, B256, Bytes, address, b256, hex};

/// The proxy that puts code where CREATE2 says; made for all networks to have it at one address:
/// <https://github.com/Arachnid/deterministic-deployment-proxy>.
pub const PROXY: Address = address!("0x4e59b44847b379578588920cA78FbF26c0B4956C");

/// What the proxy gets with the code, so that code can be put there more than once.
pub const SALT: B256 = B256::ZERO;

/// Where the contract is, on every network that has it.
pub const ADDRESS: Address = address!("0xD9732D1d51800E1641672fB9c76Add1373154fC8");

/// The Keccak-256 hash of [`creation`].
pub const CREATION_HASH: B256 =
    b256!("0x03f110f0ab21133d3584bd41b45454b2af17d2e8279bb03e312bc5c3a682e03e");

/// The Keccak-256 hash of [`runtime`], as `extcodehash` tells it (EIP-1052).
pub const RUNTIME_HASH: B256 =
    b256!("0xeb884cf1325f502a5122443ae9c963cc36a61adeb0aa065303c1fc5644493408");

static CREATION: LazyLock<Bytes> =
    LazyLock::new(|| bytes(include_str!("../contracts/Payouts.hex")));
static RUNTIME: LazyLock<Bytes> =
    LazyLock::new(|| bytes(include_str!("../contracts/Payouts.runtime.hex")));

fn bytes(text: &str) -> Bytes {
    hex::decode(text.trim()).expect("the file is part of the program, and tests read it").into()
}

/// The code that creates the contract, made by `contracts/compile.cjs`.
pub fn creation() -> &'static Bytes {
    &CREATION
}

/// The code that the contract must have at [`ADDRESS`], as `eth_getCode` answers it.
pub fn runtime() -> &'static Bytes {
    &RUNTIME
}

/// The data of a transaction to [`PROXY`] that puts the contract onto a network. Sent a second
/// time, it is undone.
pub fn deployment() -> Bytes {
    [SALT.as_slice(), creation()].concat().into()
}

/// The code of an account that runs the contract's code as its own, as `eth_getCode` answers it
/// (EIP-7702): `0xef0100` and the address. This is what tells: a transaction succeeds although its
/// authorization was passed over.
pub fn delegation() -> Bytes {
    [hex!("ef0100").as_slice(), ADDRESS.as_slice()].concat().into()
}

#[cfg(test)]
mod tests {
    use alloy_primitives::keccak256;

    use super::*;

    #[test]
    fn the_address_follows_from_the_code() {
        assert_eq!(keccak256(creation()), CREATION_HASH);
        assert_eq!(PROXY.create2(SALT, CREATION_HASH), ADDRESS);
        assert_eq!(keccak256(runtime()), RUNTIME_HASH);
        assert!(include_str!("../README.md").contains(&ADDRESS.to_checksum(None)));
    }

    /// What creates the contract ends with what it will be, but for its address, which stands
    /// there as zeros until then.
    #[test]
    fn what_is_created_is_what_the_code_says() {
        let mut expected = runtime().to_vec();
        let word: [u8; 32] = ADDRESS.into_word().0;
        let mut places = 0;
        for at in 0..expected.len() - word.len() {
            if expected[at..at + word.len()] == word {
                expected[at..at + word.len()].fill(0);
                places += 1;
            }
        }
        assert!(places > 0);
        assert!(creation().ends_with(&expected));
        assert!(creation().len() < 4096);
    }

    #[test]
    fn an_account_that_delegates_has_23_bytes_of_code() {
        assert_eq!(delegation().len(), 23);
    }
}
