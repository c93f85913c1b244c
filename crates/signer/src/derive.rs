//! Which key a lane means, and the address of a key.
//!
//! A lane's `key_path` is a BIP-32 path from the keystore's seed, such as `m/44'/60'/0'/0/0`, or
//! `imported:NAME`. There is one spelling for each path: hardened numbers have an apostrophe.

use std::{fmt, sync::OnceLock};

use alloy_primitives::Address;
use bitcoin::{
    CompressedPublicKey, NetworkKind, base58,
    bech32::{Hrp, segwit},
    bip32::{DerivationPath, Xpriv},
    key::{Keypair, TapTweak},
    secp256k1::{
        All, Message, PublicKey, Secp256k1, SecretKey, ecdsa, ecdsa::RecoverableSignature, schnorr,
    },
};
use domain::catalog::Network;

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

/// Human-readable parts of the main networks that have one (SLIP-173).
const BITCOIN: Hrp = Hrp::parse_unchecked("bc");
const LITECOIN: Hrp = Hrp::parse_unchecked("ltc");

/// How a key's address is spelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressFormat {
    /// The last 20 bytes of a Keccak-256 hash, with the checksum of EIP-55.
    Evm,
    /// Pay to witness public key hash (BIP-84, BIP-173), with the network's human-readable part.
    P2wpkh(Hrp),
    /// Pay to taproot, to be spent by the key alone (BIP-86, BIP-350), with the network's
    /// human-readable part.
    P2tr(Hrp),
    /// The 20 bytes of [`Self::Evm`] after `0x41`, in base58 with a checksum
    /// (<https://developers.tron.network/docs/account#account-address-format>).
    Tron,
}

/// The first byte of each address on Tron; in base58check they begin with `T`.
pub(crate) const TRON_PREFIX: u8 = 0x41;

impl AddressFormat {
    /// Those of the main networks.
    pub const MAIN: [Self; 6] = [
        Self::Evm,
        Self::P2wpkh(BITCOIN),
        Self::P2tr(BITCOIN),
        Self::P2wpkh(LITECOIN),
        Self::P2tr(LITECOIN),
        Self::Tron,
    ];

    /// The address that a key has on a network, by the purpose in its path (BIP-43): 84' is a
    /// witness public key hash, 86' is taproot. An imported key, which has no path, is the former.
    ///
    /// # Errors
    /// If keys of the network or of the path have no address that is known here.
    pub fn of(network: &Network, key_path: &str) -> Result<Self, KeyError> {
        if network.family == Self::Evm.family() {
            return Ok(Self::Evm);
        }
        if network.family == Self::Tron.family() {
            return Ok(Self::Tron);
        }
        let title = &network.title;
        let hrp = network.parameters.get("hrp").filter(|_| network.family == "bitcoin");
        let hrp = hrp.and_then(|text| Hrp::parse(text).ok());
        let hrp =
            hrp.ok_or_else(|| KeyError(format!("{title} has no keys that are known here")))?;
        match KeyPath::parse(key_path)? {
            KeyPath::Imported(_) => Ok(Self::P2wpkh(hrp)),
            KeyPath::Derived(_) if key_path.starts_with("m/84'/") => Ok(Self::P2wpkh(hrp)),
            KeyPath::Derived(_) if key_path.starts_with("m/86'/") => Ok(Self::P2tr(hrp)),
            KeyPath::Derived(_) => Err(KeyError(format!(
                "{key_path} says nothing of the address: on {title} a path begins with m/84' \
                 (BIP-84) or m/86' (BIP-86)"
            ))),
        }
    }

    /// The catalog's name of the family of networks that use it.
    pub const fn family(self) -> &'static str {
        match self {
            Self::Evm => "evm",
            Self::P2wpkh(_) | Self::P2tr(_) => "bitcoin",
            Self::Tron => "tron",
        }
    }
}

/// The path that a wallet's `account`, counted from zero, has by convention (BIP-44 with the coin
/// types of SLIP-44, BIP-84 or BIP-86). The README lists the families.
pub fn default_path(format: AddressFormat, account: u32) -> String {
    match format {
        AddressFormat::Evm => format!("m/44'/60'/{account}'/0/0"),
        AddressFormat::P2wpkh(hrp) => format!("m/84'/{}'/{account}'/0/0", coin_type(hrp)),
        AddressFormat::P2tr(hrp) => format!("m/86'/{}'/{account}'/0/0", coin_type(hrp)),
        AddressFormat::Tron => format!("m/44'/195'/{account}'/0/0"),
    }
}

/// The number of a coin in paths (SLIP-44); all networks for tests share one.
fn coin_type(hrp: Hrp) -> u32 {
    if hrp == BITCOIN {
        0
    } else if hrp == LITECOIN {
        2
    } else {
        1
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
    Ok(SigningKey::new(child?.private_key))
}

/// A private key, and what follows from it, made when it is first needed; erased when dropped.
pub(crate) struct SigningKey {
    secret: SecretKey,
    public: OnceLock<PublicKey>,
    taproot: OnceLock<Keypair>,
}

impl Drop for SigningKey {
    fn drop(&mut self) {
        self.secret.non_secure_erase();
        if let Some(pair) = self.taproot.get_mut() {
            pair.non_secure_erase();
        }
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
        SecretKey::from_slice(bytes).ok().map(Self::new)
    }

    fn new(secret: SecretKey) -> Self {
        Self { secret, public: OnceLock::new(), taproot: OnceLock::new() }
    }

    pub(crate) fn address(&self, curve: &Secp256k1<All>, format: AddressFormat) -> String {
        const FITS: &str = "a program of version 0 or 1 has an address";
        match format {
            AddressFormat::Evm => self.account(curve).to_checksum(None),
            AddressFormat::P2wpkh(hrp) => {
                let hash = CompressedPublicKey(self.public(curve)).wpubkey_hash();
                segwit::encode_v0(hrp, hash.as_ref()).expect(FITS)
            }
            AddressFormat::P2tr(hrp) => {
                let (key, _) = self.taproot_pair(curve).x_only_public_key();
                segwit::encode_v1(hrp, &key.serialize()).expect(FITS)
            }
            AddressFormat::Tron => {
                let account = self.account(curve);
                base58::encode_check(&[&[TRON_PREFIX], account.as_slice()].concat())
            }
        }
    }

    /// The last 20 bytes of the Keccak-256 hash of the public key, without the byte that says it is
    /// not compressed.
    fn account(&self, curve: &Secp256k1<All>) -> Address {
        Address::from_raw_public_key(&self.public(curve).serialize_uncompressed()[1..])
    }

    pub(crate) fn public(&self, curve: &Secp256k1<All>) -> PublicKey {
        *self.public.get_or_init(|| PublicKey::from_secret_key(curve, &self.secret))
    }

    /// The key that spends a taproot output of this key without scripts (BIP-341, "Constructing and
    /// spending Taproot outputs"; BIP-86).
    fn taproot_pair(&self, curve: &Secp256k1<All>) -> &Keypair {
        self.taproot.get_or_init(|| {
            let mut inner = Keypair::from_secret_key(curve, &self.secret);
            let tweaked = inner.tap_tweak(curve, None).to_keypair();
            inner.non_secure_erase();
            tweaked
        })
    }

    /// Signs digests by ECDSA with the nonce of RFC 6979, tried again with a counter until `r` is
    /// below half of its range, as Bitcoin Core does, and a low `s`: encoded in DER it has at most
    /// 70 bytes.
    pub(crate) fn sign_low_r(&self, curve: &Secp256k1<All>, digest: [u8; 32]) -> ecdsa::Signature {
        curve.sign_ecdsa_low_r(&Message::from_digest(digest), &self.secret)
    }

    /// Signs digests as BIP-340 says, with auxiliary randomness of zeros, by the key of the taproot
    /// output of this one.
    pub(crate) fn sign_taproot(
        &self,
        curve: &Secp256k1<All>,
        digests: &[[u8; 32]],
    ) -> Vec<schnorr::Signature> {
        let pair = self.taproot_pair(curve);
        let sign = |digest: &[u8; 32]| {
            curve.sign_schnorr_no_aux_rand(&Message::from_digest(*digest), pair)
        };
        digests.iter().map(sign).collect()
    }

    /// Signs a digest by ECDSA with the nonce of RFC 6979 and a low `s`.
    pub(crate) fn sign(&self, curve: &Secp256k1<All>, digest: [u8; 32]) -> RecoverableSignature {
        curve.sign_ecdsa_recoverable(&Message::from_digest(digest), &self.secret)
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
        assert!(key.secret == Xpriv::from_str(xprv).unwrap().private_key, "{path}");
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

    fn secret(text: &str) -> SigningKey {
        let bytes: [u8; 32] = hex::decode(text).unwrap().try_into().unwrap();
        SigningKey::from_bytes(&bytes).unwrap()
    }

    /// `keyPathSpending` of BIP-341's `wallet-test-vectors.json`: the one input without scripts.
    #[test]
    fn tweaks_as_bip_341_does() {
        let curve = Secp256k1::new();
        let key = secret("6b973d88838f27366ed61c9ad6367663045cb456e28335c109e30717ae0c6baa");
        let tweaked = "2405b971772ad26915c8dcdf10f238753a9b837e5f8e6a86fd7c0cce5b7296d9";
        assert_eq!(hex::encode(key.taproot_pair(&curve).secret_bytes()), tweaked);
        // `scriptPubKey` of the same key, in the file's first row, is this witness program.
        let sys = AddressFormat::P2tr(Hrp::parse("sys").unwrap());
        let address = "sys1p2wsldez5mud2yam29q22wgfh9439spgduvct83k3pm50fcxa5dpswdj8em";
        assert_eq!(key.address(&curve, sys), address);
        let digest = "2514a6272f85cfa0f45eb907fcb0d121b808ed37c6ea160a5a9046ed5526d555";
        let digest: [u8; 32] = hex::decode(digest).unwrap().try_into().unwrap();
        let signature = "ed7c1647cb97379e76892be0cacff57ec4a7102aa24296ca39af7541246d8ff1\
                         4d38958d4cc1e2e478e4d4a764bbfd835b16d4e314b72937b29833060b87276c";
        let found = key.sign_taproot(&curve, &[digest, digest]);
        assert_eq!(found.iter().map(ToString::to_string).collect::<Vec<_>>(), [signature; 2]);
    }

    #[test]
    fn signatures_are_short() {
        let (curve, mut ground) = (Secp256k1::new(), 0);
        let key = secret("6b973d88838f27366ed61c9ad6367663045cb456e28335c109e30717ae0c6baa");
        for number in 0..200_u8 {
            let digest = [number; 32];
            let signature = key.sign_low_r(&curve, digest);
            assert!(signature.serialize_der().len() <= 70);
            let plain = key.sign(&curve, digest).to_standard();
            ground += usize::from(plain != signature);
            curve
                .verify_ecdsa(&Message::from_digest(digest), &signature, &key.public(&curve))
                .unwrap();
        }
        assert!((50..150).contains(&ground), "about every second one is tried again: {ground}");
    }

    #[test]
    fn the_path_says_which_address_it_is() {
        let network = |family: &str, hrp: Option<&str>| Network {
            id: domain::ids::NetworkId::new("net"),
            title: "Net".to_owned(),
            family: family.to_owned(),
            fee_asset: domain::ids::AssetId::new("COIN@net"),
            explorer_url: String::new(),
            has_priorities: true,
            parameters: hrp.map(|it| ("hrp".to_owned(), it.to_owned())).into_iter().collect(),
        };
        let litecoin = network("bitcoin", Some("ltc"));
        let of = |path| AddressFormat::of(&litecoin, path).map_err(|error| error.0);
        assert_eq!(of("m/84'/2'/0'/0/0"), Ok(AddressFormat::P2wpkh(LITECOIN)));
        assert_eq!(of("imported:hot"), Ok(AddressFormat::P2wpkh(LITECOIN)));
        assert_eq!(of("m/86'/2'/0'/0/7"), Ok(AddressFormat::P2tr(LITECOIN)));
        for path in ["m/44'/2'/0'/0/0", "m/84/2'/0'/0/0", "m/844'/0", "m/86'"] {
            assert!(of(path).unwrap_err().contains("BIP-86"), "{path}");
        }
        assert!(of("84'/0'").unwrap_err().contains("is no key"));
        for other in [network("bitcoin", None), network("ton", Some("bc"))] {
            let why = AddressFormat::of(&other, "m/84'/0'/0'/0/0").unwrap_err().0;
            assert!(why.contains("no keys that are known here"), "{why}");
        }
        let evm = AddressFormat::of(&network("evm", None), "m/44'/60'/0'/0/0");
        assert_eq!(evm, Ok(AddressFormat::Evm));
        for path in ["m/44'/195'/0'/0/0", "m/44'/60'/0'/0/0", "imported:hot"] {
            let tron = AddressFormat::of(&network("tron", None), path);
            assert_eq!(tron, Ok(AddressFormat::Tron), "{path}");
        }
        assert_eq!(default_path(AddressFormat::Tron, 3), "m/44'/195'/3'/0/0");
        for (hrp, path) in [("bc", "0'"), ("ltc", "2'"), ("bcrt", "1'"), ("tb", "1'")] {
            let format = AddressFormat::P2tr(Hrp::parse(hrp).unwrap());
            assert_eq!(default_path(format, 3), format!("m/86'/{path}/3'/0/0"));
        }
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
