//! The encryption of a keystore file: Argon2id (RFC 9106) makes a key of the passphrase, and
//! XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha) encrypts and authenticates, the header included.

use argon2::{Algorithm, Argon2, Block, Params, Version};
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305,
    aead::{AeadInOut, Nonce},
};
use zeroize::{Zeroize, Zeroizing};

use super::KeystoreError;
use crate::Random;

const MAGIC: &[u8; 16] = b"vyplata-keystore";
const VERSION: u8 = 1;
const SALT_BYTES: usize = 16;
const NONCE_BYTES: usize = 24;
const TAG_BYTES: usize = 16;
const SALT_AT: usize = 29;
const NONCE_AT: usize = SALT_AT + SALT_BYTES;
/// How long a header is; what follows is ciphertext.
pub(super) const HEADER_BYTES: usize = NONCE_AT + NONCE_BYTES;

const MEMORY_KIB_MAX: u32 = 256 * 1024;
const PASSES_MAX: u32 = 16;
const PARALLELISM_MAX: u32 = 4;

/// How much work a passphrase costs to try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cost {
    pub(super) memory_kib: u32,
    pub(super) passes: u32,
    pub(super) parallelism: u32,
}

impl Cost {
    /// The second recommendation of RFC 9106, with one thread.
    pub(super) const STANDARD: Self = Self { memory_kib: 64 * 1024, passes: 3, parallelism: 1 };

    /// Refuses what would keep the machine busy or fill its memory: the header is believed before
    /// it is authenticated.
    fn params(self) -> Result<Params, KeystoreError> {
        if self.memory_kib > MEMORY_KIB_MAX
            || self.passes > PASSES_MAX
            || self.parallelism > PARALLELISM_MAX
        {
            return Err(KeystoreError::Malformed("its Argon2 parameters are beyond all reason"));
        }
        Params::new(self.memory_kib, self.passes, self.parallelism, Some(32))
            .map_err(|_| KeystoreError::Malformed("its Argon2 parameters are not valid"))
    }

    fn derive(self, passphrase: &str, salt: &[u8]) -> Result<Zeroizing<[u8; 32]>, KeystoreError> {
        let params = self.params()?;
        let mut memory = vec![Block::default(); params.block_count()];
        let mut key = Zeroizing::new([0; 32]);
        let done = Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into_with_memory(passphrase.as_bytes(), salt, &mut *key, &mut memory);
        memory.iter_mut().for_each(Zeroize::zeroize);
        done.map_err(|_| KeystoreError::Malformed("its Argon2 parameters are not valid"))?;
        Ok(key)
    }
}

/// Encrypts `plaintext` into the bytes of a file.
pub(super) fn seal(
    mut plaintext: Zeroizing<Vec<u8>>,
    passphrase: &str,
    cost: Cost,
    random: &mut Random<'_>,
) -> Result<Vec<u8>, KeystoreError> {
    let mut file = Vec::with_capacity(HEADER_BYTES + plaintext.len() + TAG_BYTES);
    file.extend_from_slice(MAGIC);
    file.push(VERSION);
    for number in [cost.memory_kib, cost.passes, cost.parallelism] {
        file.extend_from_slice(&number.to_be_bytes());
    }
    let mut salt_and_nonce = [0; SALT_BYTES + NONCE_BYTES];
    super::fill(random, &mut salt_and_nonce)?;
    file.extend_from_slice(&salt_and_nonce);
    let key = cost.derive(passphrase, &file[SALT_AT..NONCE_AT])?;
    cipher(&key)
        .encrypt_in_place(nonce(&file), &file, &mut *plaintext)
        .expect("a few kilobytes are not too long for the cipher");
    file.extend_from_slice(&plaintext);
    Ok(file)
}

/// Decrypts the bytes of a file. Also returns the cost that the file asks for.
pub(super) fn open(
    file: &[u8],
    passphrase: &str,
) -> Result<(Zeroizing<Vec<u8>>, Cost), KeystoreError> {
    if !file.starts_with(MAGIC) {
        return Err(KeystoreError::Malformed("it does not begin like a keystore"));
    }
    if file.get(MAGIC.len()).is_some_and(|version| *version != VERSION) {
        return Err(KeystoreError::Malformed("it was written by another version of this program"));
    }
    if file.len() < HEADER_BYTES + TAG_BYTES {
        return Err(KeystoreError::Malformed("it is cut off"));
    }
    let (header, ciphertext) = file.split_at(HEADER_BYTES);
    let number = |at: usize| {
        let bytes = header[at..at + 4].try_into().expect("four bytes are four bytes");
        u32::from_be_bytes(bytes)
    };
    let cost = Cost { memory_kib: number(17), passes: number(21), parallelism: number(25) };
    let key = cost.derive(passphrase, &header[SALT_AT..NONCE_AT])?;
    let mut buffer = Zeroizing::new(ciphertext.to_vec());
    cipher(&key)
        .decrypt_in_place(nonce(header), header, &mut *buffer)
        .map_err(|_| KeystoreError::WrongPassphraseOrDamaged)?;
    Ok((buffer, cost))
}

fn cipher(key: &Zeroizing<[u8; 32]>) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new_from_slice(&**key).expect("the key has the cipher's length")
}

fn nonce(header: &[u8]) -> &Nonce<XChaCha20Poly1305> {
    header[NONCE_AT..HEADER_BYTES].try_into().expect("the nonce has the cipher's length")
}
