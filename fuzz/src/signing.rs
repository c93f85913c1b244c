//! Signatures as merchants make and check them, written apart from the gateway's own.

use base64::{Engine as _, prelude::*};
use dialects::Caller;
use hmac::{Hmac, KeyInit as _, Mac as _};
use md5::{Digest as _, Md5};
use sha2::Sha256;

/// The HMAC-SHA256 of a message.
pub(crate) fn hmac_sha256(secret: &str, message: &[u8]) -> Vec<u8> {
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes());
    mac.expect("a key of any length is taken")
        .chain_update(message)
        .finalize()
        .into_bytes()
        .to_vec()
}

/// The MD5 of a message's base64 and a secret, in hexadecimal.
pub(crate) fn md5_of_base64(secret: &str, message: &[u8]) -> String {
    let md5 = Md5::new().chain_update(BASE64_STANDARD.encode(message));
    hex::encode(md5.chain_update(secret).finalize())
}

/// Puts the proof of a caller among the headers of a request, in the place of any other.
pub(crate) fn sign(headers: &mut Vec<(String, String)>, body: &[u8], caller: &Caller) {
    let (secret, lookup) = (caller.secret.as_str(), caller.key.lookup.clone());
    let proof = match caller.key.dialect.as_str() {
        "native" => vec![("authorization", format!("Bearer {secret}"))],
        "cryptocloud" => vec![("authorization", format!("Token {secret}"))],
        "cryptomus" | "heleket" => {
            vec![("merchant", lookup), ("sign", md5_of_base64(secret, body))]
        }
        "onchainpay" | "apollo" => {
            let signature = hex::encode(hmac_sha256(secret, body));
            vec![("x-api-public-key", lookup), ("x-api-signature", signature)]
        }
        other => panic!("nobody knows how to sign for {other}"),
    };
    for (name, value) in proof {
        headers.retain(|it| it.0 != name);
        headers.push((name.to_owned(), value));
    }
}
