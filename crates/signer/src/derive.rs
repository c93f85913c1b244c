//! Which key a lane means, and the address of a key.
//!
//! A lane's `key_path` is a BIP-32 path from the keystore's seed, such as `m/44'/60'/0'/0/0`, or
//! `imported:NAME`. There is one spelling for each path: hardened numbers have an apostrophe.

use std::fmt;

use alloy_primitives::Address;
use bitcoin::{
    CompressedPublicKey, KnownHrp, NetworkKind,
    bip32::{DerivationPath, Xpriv},
    secp256k1::{All, Message, PublicKey, Secp256k1, SecretKey, ecdsa::RecoverableSignature},
};

/// Deeper paths than any wallet uses are a mistake.
const DEPTH_MAX: usize = 10;
const IMPORTED: &str = "imported:";

/// Why there is no such key. Says so for the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyError(pub String);

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for KeyError {}

/// How a key's address is spelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressFormat {
    /// The last 20 bytes of a Keccak-256 hash, with the checksum of EIP-55.
    Evm,
    /// Pay to witness public key hash on Bitcoin's main network (BIP-84, BIP-173).
    BitcoinP2wpkh,
}

impl AddressFormat {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Evm, Self::BitcoinP2wpkh];

    /// The catalog's name of the family of networks that use it.
    pub const fn family(self) -> &'static str {
        match self {
            Self::Evm => "evm",
            Self::BitcoinP2wpkh => "bitcoin",
        }
    }
}

/// The path that a wallet's `account`, counted from zero, has by convention (BIP-44 with the coin
/// types of SLIP-44, or BIP-84). The README lists the families.
pub fn default_path(format: AddressFormat, account: u32) -> String {
    match format {
        AddressFormat::Evm => format!("m/44'/60'/{account}'/0/0"),
        AddressFormat::BitcoinP2wpkh => format!("m/84'/0'/{account}'/0/0"),
    }
}

/// Where a key comes from.
#[derive(Debug)]
pub(crate) enum KeyPath<'a> {
    Derived(DerivationPath),
    Imported(&'a str),
}

impl<'a> KeyPath<'a> {
    pub(crate) fn parse(text: &'a str) -> Result<Self, KeyError> {
        if let Some(name) = text.strip_prefix(IMPORTED) {
            return Ok(Self::Imported(name));
        }
        let steps = text.strip_prefix("m/");
        let path = steps.and_then(|it| it.parse::<DerivationPath>().ok());
        let path = path.filter(|it| Some(it.to_string().as_str()) == steps);
        let path = path.filter(|it| (1..=DEPTH_MAX).contains(&it.len()));
        path.map(Self::Derived).ok_or_else(|| {
            KeyError(format!("{text:?} is no key: m/44'/60'/0'/0/0 or imported:NAME is meant"))
        })
    }

    pub(crate) fn imported(name: &str) -> String {
        format!("{IMPORTED}{name}")
    }
}

/// Derives a key as in BIP-32.
pub(crate) fn derive(
    curve: &Secp256k1<All>,
    seed: &[u8],
    path: &DerivationPath,
) -> Result<SigningKey, KeyError> {
    // The kind of network only matters to the text form of extended keys, which is not used.
    let no_key = |_| KeyError(format!("m/{path} leads to no key of the curve: use another"));
    let mut master = Xpriv::new_master(NetworkKind::Main, seed).map_err(no_key)?;
    let child = master.derive_priv(curve, path).map_err(no_key);
    master.private_key.non_secure_erase();
    Ok(SigningKey(child?.private_key))
}

/// A private key; erased when dropped.
pub(crate) struct SigningKey(SecretKey);

impl Drop for SigningKey {
    fn drop(&mut self) {
        self.0.non_secure_erase();
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(..)")
    }
}

impl SigningKey {
    /// `None` if the number is zero or not below the curve's order.
    pub(crate) fn from_bytes(bytes: &[u8; 32]) -> Option<Self> {
        SecretKey::from_slice(bytes).ok().map(Self)
    }

    pub(crate) fn address(&self, curve: &Secp256k1<All>, format: AddressFormat) -> String {
        let public = PublicKey::from_secret_key(curve, &self.0);
        match format {
            AddressFormat::Evm => {
                let point = public.serialize_uncompressed();
                Address::from_raw_public_key(&point[1..]).to_checksum(None)
            }
            AddressFormat::BitcoinP2wpkh => {
                let public = CompressedPublicKey(public);
                bitcoin::Address::p2wpkh(&public, KnownHrp::Mainnet).to_string()
            }
        }
    }

    /// Signs a digest by ECDSA with the nonce of RFC 6979 and a low `s`.
    pub(crate) fn sign(&self, curve: &Secp256k1<All>, digest: [u8; 32]) -> RecoverableSignature {
        curve.sign_ecdsa_recoverable(&Message::from_digest(digest), &self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use super::*;

    /// The test vectors of BIP-32: the private key of an extended key, from its seed.
    #[track_caller]
    fn check(seed: &str, path: &str, xprv: &str) {
        let KeyPath::Derived(path) = KeyPath::parse(path).unwrap() else { panic!("{path}") };
        let key = derive(&Secp256k1::new(), &hex::decode(seed).unwrap(), &path).unwrap();
        assert!(key.0 == Xpriv::from_str(xprv).unwrap().private_key, "{path}");
    }

    #[test]
    fn derives_the_keys_of_bip_32() {
        let first = "000102030405060708090a0b0c0d0e0f";
        check(
            first,
            "m/0'",
            "xprv9uHRZZhk6KAJC1avXpDAp4MDc3sQKNxDiPvvkX8Br5ngLNv1TxvUxt4cV1rGL5hj6KCesnDYUhd7oWgT11eZG7XnxHrnYeSvkzY7d2bhkJ7",
        );
        check(
            first,
            "m/0'/1/2'/2/1000000000",
            "xprvA41z7zogVVwxVSgdKUHDy1SKmdb533PjDz7J6N6mV6uS3ze1ai8FHa8kmHScGpWmj4WggLyQjgPie1rFSruoUihUZREPSL39UNdE3BBDu76",
        );
        check(
            "fffcf9f6f3f0edeae7e4e1dedbd8d5d2cfccc9c6c3c0bdbab7b4b1aeaba8a5a29f9c999693908d8a8784817e7b7875726f6c696663605d5a5754514e4b484542",
            "m/0/2147483647'/1/2147483646'/2",
            "xprvA2nrNbFZABcdryreWet9Ea4LvTJcGsqrMzxHx98MMrotbir7yrKCEXw7nadnHM8Dq38EGfSh6dqA9QWTyefMLEcBYJUuekgW4BYPJcr9E7j",
        );
        // Keys that begin with zeros.
        check(
            "4b381541583be4423346c643850da4b320e46a87ae3d2a4e6da11eba819cd4acba45d239319ac14f863b8d5ab5a0d0c64d2e8a1e7d1457df2e5a3c51c73235be",
            "m/0'",
            "xprv9uPDJpEQgRQfDcW7BkF7eTya6RPxXeJCqCJGHuCJ4GiRVLzkTXBAJMu2qaMWPrS7AANYqdq6vcBcBUdJCVVFceUvJFjaPdGZ2y9WACViL4L",
        );
        check(
            "3ddd5602285899a946114506157c7997e5444528f3003f6134712147db19b678",
            "m/0'/1'",
            "xprv9xJocDuwtYCMNAo3Zw76WENQeAS6WGXQ55RCy7tDJ8oALr4FWkuVoHJeHVAcAqiZLE7Je3vZJHxspZdFHfnBEjHqU5hG1Jaj32dVoS6XLT1",
        );
    }

    #[test]
    fn a_path_has_one_spelling() {
        for text in [
            "",
            "m",
            "m/",
            "44'/60'/0'/0/0",
            "m/44h/60'/0'/0/0",
            "m/044'",
            "m/+1",
            "m/-1",
            "m/2147483648",
            "m/0//1",
            "m/0/",
            " m/0",
            "M/0",
            "m/m/0",
            "m/1/2/3/4/5/6/7/8/9/10/11",
        ] {
            assert!(KeyPath::parse(text).is_err(), "{text}");
        }
        assert!(matches!(KeyPath::parse("imported:hot"), Ok(KeyPath::Imported("hot"))));
    }

    #[test]
    fn prints_no_secret() {
        let key = SigningKey::from_bytes(&[7; 32]).unwrap();
        assert_eq!(format!("{key:?}"), "SigningKey(..)");
    }
}
