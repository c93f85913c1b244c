//! The encrypted file that holds the wallet's seed, imported keys and the vault's key.

mod envelope;
pub(crate) mod file;
mod secrets;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, fmt, path::Path};

use bip39::{Language, Mnemonic};
use bitcoin::secp256k1::{All, Secp256k1};
use zeroize::Zeroizing;

use self::{envelope::Cost, secrets::Secrets};
use crate::{
    Random, Vault,
    derive::{self, AddressFormat, KeyError, KeyPath, SigningKey},
    vault,
};

/// The shortest passphrase that a new keystore takes.
pub const PASSPHRASE_BYTES_MIN: usize = 12;

/// Why there is no keystore.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeystoreError {
    /// There is a file of that name; it was not touched.
    Exists,
    /// The passphrase is not the file's, or the file is not as it was written. Nobody can tell
    /// which: that is what authenticated encryption means.
    WrongPassphraseOrDamaged,
    /// The file cannot be a keystore, whatever the passphrase. Says what is wrong with it.
    Malformed(&'static str),
    /// The mnemonic, key, name or passphrase given will not do. Says why, and never repeats a
    /// secret.
    Refused(String),
    /// The file system failed. Says at what.
    Io(String),
}

impl fmt::Display for KeystoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exists => f.write_str("there is a file of that name; it was not touched"),
            Self::WrongPassphraseOrDamaged => {
                f.write_str("the passphrase is wrong, or the keystore is damaged")
            }
            Self::Malformed(what) => write!(f, "the file is no usable keystore: {what}"),
            Self::Refused(why) | Self::Io(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for KeystoreError {}

/// One key of a keystore, as far as it is public.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyAddress {
    /// Which key, as a lane names it.
    pub path: String,
    /// The kind of network.
    pub format: AddressFormat,
    /// The key's address there.
    pub address: String,
}

/// An opened keystore.
pub struct Keystore {
    secrets: Secrets,
    seed: Zeroizing<[u8; 64]>,
    curve: Secp256k1<All>,
    warning: Option<String>,
}

impl fmt::Debug for Keystore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keystore(..)")
    }
}

impl Keystore {
    /// Makes a new wallet of 24 words and writes it to a new file.
    ///
    /// # Errors
    /// If there is such a file, the passphrase is too short or the file cannot be written.
    pub fn create(
        path: &Path,
        passphrase: &str,
        random: &mut Random<'_>,
    ) -> Result<Self, KeystoreError> {
        let mut entropy = Zeroizing::new(vec![0; 32]);
        fill(random, &mut entropy)?;
        Self::write(path, passphrase, entropy, Cost::STANDARD, random)
    }

    /// Writes the wallet of an English BIP-39 mnemonic, without a BIP-39 passphrase, to a new file.
    ///
    /// # Errors
    /// If the words are no mnemonic, and as [`Self::create`].
    pub fn import(
        path: &Path,
        mnemonic: &str,
        passphrase: &str,
        random: &mut Random<'_>,
    ) -> Result<Self, KeystoreError> {
        Self::write(path, passphrase, entropy_of(mnemonic)?, Cost::STANDARD, random)
    }

    /// Opens a file. Takes about 64 MiB of memory and a fraction of a second.
    ///
    /// # Errors
    /// If the file cannot be read or decrypted.
    pub fn open(path: &Path, passphrase: &str) -> Result<Self, KeystoreError> {
        Self::read(path, passphrase).map(|(keystore, _)| keystore)
    }

    /// Adds a secp256k1 private key, in hexadecimal, to a file. A lane uses it as `imported:NAME`.
    ///
    /// # Errors
    /// If the file cannot be opened, the name is taken or the key is none; the file is then as it
    /// was.
    pub fn add_key(
        path: &Path,
        passphrase: &str,
        name: &str,
        key_hex: &str,
        random: &mut Random<'_>,
    ) -> Result<Self, KeystoreError> {
        let (mut keystore, cost) = Self::read(path, passphrase)?;
        keystore.secrets.add(name, key_hex)?;
        let bytes = envelope::seal(keystore.secrets.encode(), passphrase, cost, random)?;
        file::replace(path, &bytes)?;
        keystore.warning = None;
        Ok(keystore)
    }

    /// Makes a keystore that is in no file, for demonstrations and tests.
    ///
    /// # Errors
    /// If the words are no mnemonic.
    pub fn in_memory(mnemonic: &str, vault_key: [u8; 32]) -> Result<Self, KeystoreError> {
        let (entropy, vault_key) = (entropy_of(mnemonic)?, Zeroizing::new(vault_key));
        Self::new(Secrets { entropy, vault_key, imported: BTreeMap::new() }, None)
    }

    /// What the operator should know about the file: that others may read it.
    pub fn warning(&self) -> Option<&str> {
        self.warning.as_deref()
    }

    /// The words to write down. Whoever reads them owns the wallet; show them once.
    pub fn mnemonic(&self) -> Zeroizing<String> {
        // The longest word has 8 letters.
        let mut text = Zeroizing::new(String::with_capacity(24 * 9));
        for word in words(&self.secrets.entropy).expect("the entropy was checked").words() {
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(word);
        }
        text
    }

    /// The vault that goes with this keystore.
    pub fn vault(&self) -> Vault {
        Vault::new(&self.secrets.vault_key)
    }

    /// Writes the vault's key alone to a new file, for processes that open merchants' secrets and sign
    /// nothing. [`Vault::read`] reads it.
    ///
    /// # Errors
    /// If there is such a file, or it cannot be written.
    pub fn write_vault(&self, path: &Path) -> Result<(), KeystoreError> {
        vault::write(path, &self.secrets.vault_key)
    }

    /// The address of a key, in the spelling that lanes have.
    ///
    /// # Errors
    /// If `path` is neither a derivation path nor the name of an imported key.
    pub fn address(&self, path: &str, format: AddressFormat) -> Result<String, KeyError> {
        Ok(self.key(path)?.address(&self.curve, format))
    }

    /// The first `account_count` default addresses of each kind, and the imported keys'.
    ///
    /// # Errors
    /// If there cannot be so many accounts.
    pub fn addresses(&self, account_count: u32) -> Result<Vec<KeyAddress>, KeyError> {
        let mut found = Vec::new();
        for format in AddressFormat::MAIN {
            let accounts = (0..account_count).map(|account| derive::default_path(format, account));
            let names = self.secrets.imported.keys();
            for path in accounts.chain(names.map(|name| KeyPath::imported(name))) {
                let address = self.address(&path, format)?;
                found.push(KeyAddress { path, format, address });
            }
        }
        Ok(found)
    }

    pub(crate) fn key(&self, path: &str) -> Result<SigningKey, KeyError> {
        match KeyPath::parse(path)? {
            KeyPath::Derived(derivation) => derive::derive(&self.curve, &*self.seed, &derivation),
            KeyPath::Imported(name) => {
                let key = self.secrets.imported.get(name);
                let key =
                    key.ok_or_else(|| KeyError(format!("there is no imported key {name}")))?;
                Ok(SigningKey::from_bytes(key).expect("imported keys were checked"))
            }
        }
    }

    pub(crate) fn curve(&self) -> &Secp256k1<All> {
        &self.curve
    }

    fn write(
        path: &Path,
        passphrase: &str,
        entropy: Zeroizing<Vec<u8>>,
        cost: Cost,
        random: &mut Random<'_>,
    ) -> Result<Self, KeystoreError> {
        if path.symlink_metadata().is_ok() {
            return Err(KeystoreError::Exists);
        }
        if passphrase.len() < PASSPHRASE_BYTES_MIN {
            return Err(KeystoreError::Refused(format!(
                "a passphrase has at least {PASSPHRASE_BYTES_MIN} characters"
            )));
        }
        let mut vault_key = Zeroizing::new([0; 32]);
        fill(random, &mut *vault_key)?;
        let secrets = Secrets { entropy, vault_key, imported: BTreeMap::new() };
        let bytes = envelope::seal(secrets.encode(), passphrase, cost, random)?;
        file::create(path, &bytes)?;
        Self::new(secrets, None)
    }

    fn read(path: &Path, passphrase: &str) -> Result<(Self, Cost), KeystoreError> {
        let (bytes, warning) = file::read(path)?;
        let (plaintext, cost) = envelope::open(&bytes, passphrase)?;
        let secrets = Secrets::decode(&plaintext)
            .ok_or(KeystoreError::Malformed("its content makes no sense"))?;
        Ok((Self::new(secrets, warning)?, cost))
    }

    fn new(secrets: Secrets, warning: Option<String>) -> Result<Self, KeystoreError> {
        let words = words(&secrets.entropy)
            .ok_or(KeystoreError::Malformed("its entropy is no mnemonic's"))?;
        let seed = Zeroizing::new(words.to_seed_normalized(""));
        Ok(Self { secrets, seed, curve: Secp256k1::new(), warning })
    }
}

fn words(entropy: &[u8]) -> Option<Mnemonic> {
    Mnemonic::from_entropy_in(Language::English, entropy).ok()
}

fn entropy_of(mnemonic: &str) -> Result<Zeroizing<Vec<u8>>, KeystoreError> {
    let parsed = Mnemonic::parse_in(Language::English, mnemonic).map_err(|_| {
        KeystoreError::Refused(
            "these are no 12, 15, 18, 21 or 24 English words of BIP-39 with their checksum"
                .to_owned(),
        )
    })?;
    Ok(Zeroizing::new(parsed.to_entropy()))
}

/// Fills a buffer, and refuses a generator that plainly does not work: it would make a wallet that
/// anybody can empty.
fn fill(random: &mut Random<'_>, buffer: &mut [u8]) -> Result<(), KeystoreError> {
    random(buffer);
    if buffer.iter().all(|byte| *byte == buffer[0]) {
        return Err(KeystoreError::Refused("the random number generator does not work".to_owned()));
    }
    Ok(())
}
