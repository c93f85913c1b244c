//! Encrypts what merchants share with us, such as API secrets, for the store.

use std::{fmt, path::Path};

use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305,
    aead::{Aead, Payload},
};
use domain::merchant::Sealed;
use zeroize::Zeroizing;

use crate::keystore::{KeystoreError, file};

/// The first byte of a sealed secret: how the rest is to be read.
const VERSION: u8 = 1;
const NONCE_BYTES: usize = 24;
/// What stands before the key in a file of its own.
const FILE_HEAD: &str = "vyplata-vault-1 ";

/// Why a sealed secret cannot be read: it was sealed by another vault or for another holder, or it
/// was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VaultError;

impl fmt::Display for VaultError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a sealed secret is not this vault's and holder's, or it was changed")
    }
}

impl std::error::Error for VaultError {}

/// Seals secrets with XChaCha20-Poly1305.
///
/// A sealed secret is one version byte, 24 bytes nonce, ciphertext, 16 bytes tag.
pub struct Vault {
    cipher: XChaCha20Poly1305,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vault(..)")
    }
}

impl Vault {
    /// Makes a vault; [`crate::Keystore::vault`] has the key.
    pub fn new(key: &[u8; 32]) -> Self {
        let cipher = XChaCha20Poly1305::new_from_slice(key);
        Self { cipher: cipher.expect("the key has the cipher's length") }
    }

    /// Reads the vault from a file that [`crate::Keystore::write_vault`] made; also says, for the
    /// operator, if others on the machine may read it.
    ///
    /// # Errors
    /// If it cannot be read, or is another file.
    pub fn read(path: &Path) -> Result<(Self, Option<String>), KeystoreError> {
        let (bytes, warning) = file::read(path)?;
        let bytes = Zeroizing::new(bytes);
        let mut key = Zeroizing::new([0; 32]);
        let text = str::from_utf8(&bytes).ok().and_then(|it| it.trim_end().strip_prefix(FILE_HEAD));
        let read = text.and_then(|it| hex::decode_to_slice(it, &mut *key).ok());
        read.ok_or(KeystoreError::Malformed("it holds no vault's key"))?;
        Ok((Self::new(&key), warning))
    }

    /// Encrypts a secret. `associated_data` says whose it is (the credential's identifier as
    /// text), so that one holder's secret cannot be put in another's place; `nonce` is random and
    /// never used again.
    pub fn seal(&self, plaintext: &str, associated_data: &str, nonce: [u8; NONCE_BYTES]) -> Sealed {
        let bound = bound(associated_data);
        let payload = Payload { msg: plaintext.as_bytes(), aad: &bound };
        let sealed = self.cipher.encrypt(&nonce.into(), payload);
        let sealed = sealed.expect("no secret is too long for the cipher");
        Sealed([&[VERSION], nonce.as_slice(), &sealed].concat())
    }

    /// Decrypts what [`Self::seal`] made with the same `associated_data`.
    ///
    /// # Errors
    /// If it did not.
    pub fn open(
        &self,
        sealed: &Sealed,
        associated_data: &str,
    ) -> Result<Zeroizing<String>, VaultError> {
        let rest = sealed.0.strip_prefix(&[VERSION]).ok_or(VaultError)?;
        let (nonce, ciphertext) = rest.split_first_chunk::<NONCE_BYTES>().ok_or(VaultError)?;
        let payload = Payload { msg: ciphertext, aad: &bound(associated_data) };
        let plaintext = self.cipher.decrypt(&(*nonce).into(), payload).map_err(|_| VaultError)?;
        // Only texts are sealed, so nothing is left behind by the error.
        String::from_utf8(plaintext).map(Zeroizing::new).map_err(|_| VaultError)
    }
}

/// Writes a vault's key to a new file, which nobody but its owner may read.
pub(crate) fn write(path: &Path, key: &[u8; 32]) -> Result<(), KeystoreError> {
    let key = Zeroizing::new(hex::encode(key));
    let text = Zeroizing::new([FILE_HEAD, key.as_str(), "\n"].concat());
    file::create(path, text.as_bytes())
}

/// Keeps secrets apart from anything else that the key may ever encrypt.
fn bound(associated_data: &str) -> Vec<u8> {
    [b"vyplata sealed secret 1\0", associated_data.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vault(byte: u8) -> Vault {
        Vault::new(&[byte; 32])
    }

    #[test]
    fn opens_what_it_sealed() {
        for secret in ["", "s3cret", "ключ", &"long".repeat(1000)] {
            let sealed = vault(1).seal(secret, "ke_1", [9; 24]);
            assert_eq!(sealed.0.len(), 1 + 24 + secret.len() + 16);
            assert_eq!(vault(1).open(&sealed, "ke_1").unwrap().as_str(), secret);
        }
    }

    #[test]
    fn a_secret_in_anothers_place_is_refused() {
        let first = vault(1).seal("first", "ke_1", [1; 24]);
        assert_eq!(vault(1).open(&first, "ke_2"), Err(VaultError));
        assert_eq!(vault(2).open(&first, "ke_1"), Err(VaultError));
        let second = vault(1).seal("other", "ke_1", [2; 24]);
        let mixed = [&first.0[..25], &second.0[25..]].concat();
        assert_eq!(vault(1).open(&Sealed(mixed), "ke_1"), Err(VaultError));
    }

    #[test]
    fn a_changed_secret_is_refused() {
        let sealed = vault(1).seal("s3cret", "ke_1", [1; 24]);
        for at in 0..sealed.0.len() {
            let mut changed = sealed.clone();
            changed.0[at] ^= 1;
            assert_eq!(vault(1).open(&changed, "ke_1"), Err(VaultError), "byte {at}");
            let cut = Sealed(sealed.0[..at].to_vec());
            assert_eq!(vault(1).open(&cut, "ke_1"), Err(VaultError), "cut at {at}");
        }
    }

    #[test]
    fn a_file_of_its_own_opens_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vault.key");
        write(&path, &[7; 32]).unwrap();
        let (read, warning) = Vault::read(&path).unwrap();
        assert_eq!(warning, None, "others may read it");
        let sealed = vault(7).seal("s3cret", "ke_1", [1; 24]);
        assert_eq!(read.open(&sealed, "ke_1").unwrap().as_str(), "s3cret");
        assert_eq!(write(&path, &[8; 32]), Err(KeystoreError::Exists));
        let whole = std::fs::read_to_string(&path).unwrap();
        for other in ["", "vyplata-keystore", &whole[..whole.len() - 2], &whole.replace('7', "x")] {
            std::fs::write(&path, other).unwrap();
            assert!(matches!(Vault::read(&path), Err(KeystoreError::Malformed(_))), "{other:?}");
        }
        assert!(matches!(Vault::read(folder.path()), Err(KeystoreError::Io(_))));
    }

    #[test]
    fn prints_no_secret() {
        let vault = vault(1);
        let sealed = vault.seal("s3cret", "ke_1", [1; 24]);
        assert_eq!(format!("{vault:?} {sealed:?}"), "Vault(..) Sealed(..)");
    }
}
