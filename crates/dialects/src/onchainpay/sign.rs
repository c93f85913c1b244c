//! `OnchainPay`'s signature: the HMAC-SHA256 of the body in hexadecimal, in requests and webhooks.
//! The private key is used as the text it is, although it looks like base64.

use base64::{Engine, prelude::BASE64_STANDARD};
use zeroize::Zeroizing;

use crate::{
    identity::{hmac_sha256, same},
    wire::{NewKey, Secret},
};

/// The only kind of credential.
pub(super) const ROLE: &str = "payout";

/// How many random bytes each half of a credential is made of, like the provider's own.
const KEY_BYTES: usize = 64;

/// Signs a body.
pub(super) fn signature(body: &[u8], secret: &Secret) -> String {
    hex::encode(hmac_sha256(secret.as_bytes(), body))
}

/// Whether a signature is that of these bytes.
pub(super) fn verifies(signature: &str, body: &[u8], secret: &Secret) -> bool {
    let mut shown = [0; 32];
    let decoded = hex::decode_to_slice(signature, &mut shown).is_ok();
    same(&shown, &hmac_sha256(secret.as_bytes(), body)) && decoded
}

fn key(public: String, private: Secret) -> NewKey {
    let shown =
        vec![("public key", Zeroizing::new(public.clone())), ("private key", private.clone())];
    NewKey { role: ROLE, lookup: public, secret: private, shown }
}

/// Makes a credential of random bytes.
pub(super) fn draw(random: &mut dyn FnMut(usize) -> Vec<u8>) -> NewKey {
    let public = BASE64_STANDARD.encode(random(KEY_BYTES));
    let private = BASE64_STANDARD.encode(&*Zeroizing::new(random(KEY_BYTES)));
    key(public, Zeroizing::new(private))
}

/// Takes a pair of keys over.
pub(super) fn adopt(role: &str, public: &str, secret: &str) -> Option<NewKey> {
    let plain = |text: &str| !text.is_empty() && text.bytes().all(|it| it.is_ascii_graphic());
    let fits = role == ROLE && plain(public) && plain(secret);
    fits.then(|| key(public.to_owned(), Zeroizing::new(secret.to_owned())))
}
