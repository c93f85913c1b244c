//! `CryptoCloud`'s proofs: a secret token in requests, a signed JWT in postbacks.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use domain::Timestamp;
use zeroize::Zeroizing;

use crate::{
    identity::{hmac_sha256, token_lookup},
    wire::{NewKey, Secret},
};

/// The key of the withdrawal method. It opens all other calls, too.
pub(super) const WITHDRAWAL: &str = "payout";

/// The key of the other calls: it asks, and pays nobody.
const PROJECT: &str = "project";

/// How long the token of a postback is good for.
const TOKEN_VALID_S: u64 = 5 * 60;

/// Shorter keys can be guessed.
const KEY_BYTES_MIN: usize = 8;

/// Makes the JWT (RFC 7519, HS256) of a postback.
pub(super) fn postback_token(secret: &Secret, invoice_id: &str, now: Timestamp) -> String {
    let header = r#"{"alg":"HS256","typ":"JWT"}"#;
    let expires_at = now.0 / 1_000 + TOKEN_VALID_S;
    let claims = serde_json::json!({ "id": invoice_id, "exp": expires_at }).to_string();
    let encode = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
    let signed = format!("{}.{}", encode(header.as_bytes()), encode(claims.as_bytes()));
    let signature = hmac_sha256(secret.as_bytes(), signed.as_bytes());
    format!("{signed}.{}", encode(&signature))
}

/// Makes a credential of a token.
fn key(role: &'static str, token: Secret) -> NewKey {
    let label = if role == WITHDRAWAL { "withdrawal API key" } else { "project API key" };
    NewKey {
        role,
        lookup: token_lookup(&token),
        shown: vec![(label, token.clone())],
        secret: token,
    }
}

/// Makes a credential of each role of random bytes.
pub(super) fn draw(random: &mut dyn FnMut(usize) -> Vec<u8>) -> Vec<NewKey> {
    let mut drawn = |role| {
        let bytes = Zeroizing::new(random(48));
        key(role, Zeroizing::new(BASE64_URL_SAFE_NO_PAD.encode(&*bytes)))
    };
    vec![drawn(WITHDRAWAL), drawn(PROJECT)]
}

/// Takes a token over.
pub(super) fn adopt(role: &str, public: &str, secret: &str) -> Option<NewKey> {
    let role = [WITHDRAWAL, PROJECT].into_iter().find(|it| *it == role)?;
    let fits = public.is_empty() && secret.len() >= KEY_BYTES_MIN;
    let plain = secret.bytes().all(|byte| byte.is_ascii_graphic());
    (fits && plain).then(|| key(role, Zeroizing::new(secret.to_owned())))
}
