//! Addresses: `0x41` and the last 20 bytes of the keccak-256 of the public key
//! ([account address format](https://developers.tron.network/docs/account#account-address-format)).

use std::fmt;

use alloy_primitives::{Address as Tail, keccak256};

/// The first byte of every address.
const PREFIX: u8 = 0x41;

/// An address. Shown as `T…`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address([u8; 20]);

impl Address {
    /// The address with these 20 bytes behind the prefix.
    pub const fn from_tail(tail: [u8; 20]) -> Self {
        Self(tail)
    }

    /// Reads 21 bytes of which the first is the prefix; `None` for anything else.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [PREFIX, tail @ ..] => tail.try_into().ok().map(Self),
            _ => None,
        }
    }

    /// Reads `T…`, or 42 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = if text.starts_with('T') {
            bs58::decode(text).with_check(None).into_vec().ok()?
        } else {
            hex::decode(text).ok()?
        };
        Self::from_bytes(&bytes)
    }

    /// Whose key this is: 64 bytes, without the leading `0x04`.
    pub fn of_key(key: &[u8; 64]) -> Self {
        let hash = keccak256(key);
        let mut tail = [0; 20];
        tail.copy_from_slice(&hash[12..]);
        Self(tail)
    }

    /// The 21 bytes.
    pub fn bytes(&self) -> [u8; 21] {
        let mut bytes = [PREFIX; 21];
        bytes[1..].copy_from_slice(&self.0);
        bytes
    }

    /// The 20 bytes behind the prefix, which is how contracts know it.
    pub const fn tail(&self) -> &[u8; 20] {
        &self.0
    }

    /// The 42 hexadecimal digits.
    pub fn hex(&self) -> String {
        hex::encode(self.bytes())
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&bs58::encode(self.bytes()).with_check().into_string())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<Tail> for Address {
    fn from(tail: Tail) -> Self {
        Self(tail.into_array())
    }
}

impl From<Address> for Tail {
    fn from(address: Address) -> Self {
        Self::new(address.0)
    }
}
