//! The only crate that sees private keys.
//!
//! Keys lie in an encrypted file ([`Keystore`]); [`LocalSigner`] uses them to sign a transaction
//! after it has read the transaction itself and found that it does what the intent says and
//! nothing else ([`intent`]). [`Vault`] encrypts the secrets of merchants for the store.
//!
//! Nothing here draws random numbers: callers pass a [`Random`]. The crate's README describes the
//! file and what it protects against.

pub mod derive;
pub mod intent;
pub mod keystore;
pub mod local;
pub mod vault;

pub use derive::{AddressFormat, KeyError, default_path};
pub use keystore::{KeyAddress, Keystore, KeystoreError};
pub use local::{LocalSigner, Policy};
pub use vault::{Vault, VaultError};

/// Fills a buffer with bytes from the operating system's cryptographic generator.
pub type Random<'a> = dyn FnMut(&mut [u8]) + 'a;
