//! Proofs of our own API: bearer tokens in requests, a timestamped HMAC-SHA256 in webhooks.

use domain::Timestamp;
use zeroize::Zeroizing;

use crate::{
    identity::{hmac_sha256, token_lookup},
    wire::{NewKey, Secret},
};

/// The only kind of credential.
pub(super) const ROLE: &str = "payout";

/// Shorter tokens can be guessed.
const TOKEN_BYTES_MIN: usize = 8;

/// Writes the `Vyplata-Signature` header of a webhook.
pub(super) fn webhook_signature(secret: &Secret, now: Timestamp, body: &[u8]) -> String {
    let seconds = now.0 / 1_000;
    let signed = [format!("{seconds}.").as_bytes(), body].concat();
    format!("t={seconds},v1={}", hex::encode(hmac_sha256(secret.as_bytes(), &signed)))
}

/// Makes a credential of a token.
pub(super) fn key(token: Secret) -> NewKey {
    NewKey {
        role: ROLE,
        lookup: token_lookup(&token),
        shown: vec![("API token", token.clone())],
        secret: token,
    }
}

/// Makes a credential of random bytes.
pub(super) fn draw(random: &mut dyn FnMut(usize) -> Vec<u8>) -> NewKey {
    let bytes = Zeroizing::new(random(32));
    key(Zeroizing::new(format!("vy_{}", hex::encode(&*bytes))))
}

/// Takes a token over.
pub(super) fn adopt(role: &str, public: &str, secret: &str) -> Option<NewKey> {
    let fits = role == ROLE && public.is_empty() && secret.len() >= TOKEN_BYTES_MIN;
    let plain = secret.bytes().all(|byte| byte.is_ascii_graphic());
    (fits && plain).then(|| key(Zeroizing::new(secret.to_owned())))
}
