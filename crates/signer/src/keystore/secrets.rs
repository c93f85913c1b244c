//! What a keystore holds, and how it is written down before it is encrypted.
//!
//! One byte for the length of the entropy, the entropy; 32 bytes vault key; two bytes (big endian)
//! for the number of imported keys, and for each: one byte for the length of its name, the name,
//! 32 bytes key. Names are in order and different; nothing follows.

use std::{collections::BTreeMap, fmt};

use bitcoin::secp256k1::SecretKey;
use zeroize::Zeroizing;

use super::KeystoreError;

/// More imported keys than anybody has lanes.
const IMPORTED_MAX: usize = 256;
const NAME_BYTES_MAX: usize = 64;

pub(super) struct Secrets {
    /// The entropy of a BIP-39 mnemonic: 16, 20, 24, 28 or 32 bytes.
    pub(super) entropy: Zeroizing<Vec<u8>>,
    /// Encrypts the secrets of merchants.
    pub(super) vault_key: Zeroizing<[u8; 32]>,
    /// Private keys by name, each valid on secp256k1.
    pub(super) imported: BTreeMap<String, Zeroizing<[u8; 32]>>,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets(..)")
    }
}

impl Secrets {
    /// Adds a private key given as 64 hexadecimal digits, with or without `0x`.
    pub(super) fn add(&mut self, name: &str, key_hex: &str) -> Result<(), KeystoreError> {
        if !is_name(name) {
            return Err(KeystoreError::Refused(
                "a key's name is 1 to 64 letters, digits, '-', '_' or '.'".to_owned(),
            ));
        }
        if self.imported.contains_key(name) {
            return Err(KeystoreError::Refused(format!("there is a key {name} in it already")));
        }
        if self.imported.len() == IMPORTED_MAX {
            return Err(KeystoreError::Refused("it holds as many keys as it can".to_owned()));
        }
        let digits = key_hex.strip_prefix("0x").unwrap_or(key_hex);
        let mut key = Zeroizing::new([0; 32]);
        let decoded = hex::decode_to_slice(digits, &mut *key).is_ok();
        if !decoded || !is_key(&key) {
            return Err(KeystoreError::Refused(
                "a private key is 64 hexadecimal digits, not zero and below the curve's order"
                    .to_owned(),
            ));
        }
        self.imported.insert(name.to_owned(), key);
        Ok(())
    }

    pub(super) fn encode(&self) -> Zeroizing<Vec<u8>> {
        // Room for all of it and for the cipher's tag, so that no copy stays behind.
        let room = 128 + self.imported.len() * (1 + NAME_BYTES_MAX + 32);
        let mut out = Zeroizing::new(Vec::with_capacity(room));
        out.push(byte(self.entropy.len()));
        out.extend_from_slice(&self.entropy);
        out.extend_from_slice(&*self.vault_key);
        let count = u16::try_from(self.imported.len()).expect("there are at most 256 keys");
        out.extend_from_slice(&count.to_be_bytes());
        for (name, key) in &self.imported {
            out.push(byte(name.len()));
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(&**key);
        }
        out
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        let entropy_length = usize::from(take(&mut rest, 1)?[0]);
        let entropy = Zeroizing::new(take(&mut rest, entropy_length)?.to_vec());
        let vault_key = key(&mut rest)?;
        let count = u16::from_be_bytes(take(&mut rest, 2)?.try_into().ok()?);
        let mut imported: BTreeMap<String, _> = BTreeMap::new();
        for _ in 0..count {
            let name_length = usize::from(take(&mut rest, 1)?[0]);
            let name = str::from_utf8(take(&mut rest, name_length)?).ok()?;
            let key = key(&mut rest)?;
            let in_order = imported.last_key_value().is_none_or(|(last, _)| **last < *name);
            if !in_order || !is_name(name) || !is_key(&key) {
                return None;
            }
            imported.insert(name.to_owned(), key);
        }
        let whole = rest.is_empty() && imported.len() <= IMPORTED_MAX;
        whole.then_some(Self { entropy, vault_key, imported })
    }
}

fn byte(length: usize) -> u8 {
    u8::try_from(length).expect("lengths are checked where values come in")
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (head, tail) = rest.split_at_checked(count)?;
    *rest = tail;
    Some(head)
}

fn key(rest: &mut &[u8]) -> Option<Zeroizing<[u8; 32]>> {
    let mut key = Zeroizing::new([0; 32]);
    key.copy_from_slice(take(rest, 32)?);
    Some(key)
}

fn is_name(name: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(letter)
}

fn is_key(key: &Zeroizing<[u8; 32]>) -> bool {
    let parsed = SecretKey::from_slice(&**key);
    parsed.map(|mut it| it.non_secure_erase()).is_ok()
}
