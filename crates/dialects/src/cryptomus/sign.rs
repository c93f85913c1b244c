//! Cryptomus's signature: `md5(base64(body) + key)` in hexadecimal, in requests and webhooks.

use base64::{Engine, prelude::BASE64_STANDARD};
use md5::{Digest, Md5};
use zeroize::Zeroizing;

use crate::{
    identity::{same, uuid_v4},
    wire::{Message, NewKey, Secret},
};

/// The key of payouts.
pub(super) const PAYOUT: &str = "payout";
/// The key of everything else; payouts are not signed with it.
pub(super) const PAYMENT: &str = "payment";

/// How many random bytes a key is made of: 128 characters, like the provider's own.
const KEY_BYTES: usize = 64;

/// Shorter keys can be guessed.
const KEY_BYTES_MIN: usize = 8;

fn digest(body: &[u8], secret: &Secret) -> [u8; 16] {
    let mut md5 = Md5::new();
    md5.update(BASE64_STANDARD.encode(body));
    md5.update(secret.as_bytes());
    md5.finalize().into()
}

/// Whether a signature is that of these bytes.
pub(super) fn verifies(signature: &str, body: &[u8], secret: &Secret) -> bool {
    let mut shown = [0; 16];
    let decoded = hex::decode_to_slice(signature, &mut shown).is_ok();
    same(&shown, &digest(body, secret)) && decoded
}

/// Puts the signature of a JSON object into it, as its last field.
///
/// Receivers take the field out and encode the rest again before they hash it, as PHP's
/// `json_encode` does with `JSON_UNESCAPED_UNICODE`: so it is encoded that way here.
fn seal(object: &str, secret: &Secret) -> Vec<u8> {
    let object = php_style(object);
    let signature = hex::encode(digest(object.as_bytes(), secret));
    let open = object.strip_suffix('}').unwrap_or(&object);
    format!("{open},\"sign\":\"{signature}\"}}").into_bytes()
}

/// Puts the signature of a message's JSON object into it.
pub(super) fn sealed(mut message: Message, secret: &Secret) -> Message {
    message.body = seal(&String::from_utf8_lossy(&message.body), secret);
    message
}

/// Escapes what PHP escapes beyond what JSON asks for. None of these characters can stand outside
/// a text, and none of them is part of an escape.
fn php_style(json: &str) -> String {
    json.replace('/', "\\/").replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029")
}

fn key(role: &'static str, label: &'static str, merchant: &str, secret: Secret) -> NewKey {
    let shown = vec![("merchant", Zeroizing::new(merchant.to_owned())), (label, secret.clone())];
    NewKey { role, lookup: merchant.to_owned(), secret, shown }
}

/// Makes a merchant number and both keys of random bytes.
pub(super) fn draw(random: &mut dyn FnMut(usize) -> Vec<u8>) -> Vec<NewKey> {
    let number: Vec<u8> = random(16);
    let merchant = uuid_v4(number.try_into().unwrap_or_default());
    let mut secret = || Zeroizing::new(hex::encode(&*Zeroizing::new(random(KEY_BYTES))));
    vec![
        key(PAYOUT, "payout API key", &merchant, secret()),
        key(PAYMENT, "payment API key", &merchant, secret()),
    ]
}

/// Takes a merchant number and one of its keys over.
pub(super) fn adopt(role: &str, public: &str, secret: &str) -> Option<NewKey> {
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
    if public.is_empty() || !plain(public) || !plain(secret) || secret.len() < KEY_BYTES_MIN {
        return None;
    }
    let secret = Zeroizing::new(secret.to_owned());
    match role {
        PAYOUT => Some(key(PAYOUT, "payout API key", public, secret)),
        PAYMENT => Some(key(PAYMENT, "payment API key", public, secret)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_as_php_does() {
        let json = serde_json::json!({"a": "x/y\\/\u{2028}ж\"\u{1}\u{7f}"}).to_string();
        assert_eq!(php_style(&json), "{\"a\":\"x\\/y\\\\\\/\\u2028ж\\\"\\u0001\u{7f}\"}");
    }

    #[test]
    fn a_signature_that_is_none_verifies_nothing() {
        let secret = Zeroizing::new("key".to_owned());
        for signature in ["", "00", &"0".repeat(32), &"g".repeat(32), &"0".repeat(33)] {
            assert!(!verifies(signature, b"{}", &secret));
        }
    }
}
