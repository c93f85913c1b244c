//! `OnchainPay`'s signature: the HMAC-SHA256 of the body in hexadecimal, in requests and webhooks.
//! The private key is used as the text it is, although it looks like base64.

use base64::{Engine, prelude::BASE64_STANDARD};
use domain::{Timestamp, command::Refusal};
use schemars::JsonSchema;
use serde::Serialize;
use zeroize::Zeroizing;

use super::{PUBLIC_KEY, SIGNATURE};

use crate::{
    Caller, Request,
    identity::{self, hmac_sha256, same},
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

/// Finds the caller that a request names and signs for.
///
/// # Errors
/// If there is none.
pub(super) fn caller<'a>(
    request: &Request<'_>,
    callers: &'a [Caller],
    dialect: &str,
    now: Timestamp,
) -> Result<&'a Caller, Refusal> {
    let verifies = |signature: &str, it: &Caller| verifies(signature, request.body, &it.secret);
    identity::by_signature(request, [PUBLIC_KEY, SIGNATURE], callers, dialect, now, verifies)
}

/// What is said of a signature. The signature is the one that was shown: telling the right one would
/// sign for anybody.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct SignatureCheck {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<&'static str>,
    check_signature_result: bool,
    signature: Option<String>,
    received_body: String,
}

impl SignatureCheck {
    /// Checks the signature of a request, and says what is wrong with it.
    pub(super) fn new(
        request: &Request<'_>,
        callers: &[Caller],
        dialect: &str,
        now: Timestamp,
    ) -> Self {
        let shown = |header: &str| request.header(header).filter(|it| !it.trim().is_empty());
        let (public, signature) = (shown(PUBLIC_KEY), shown(SIGNATURE));
        let result = caller(request, callers, dialect, now).is_ok();
        let mut errors = vec![];
        if public.is_none() {
            errors.push("No public key passed.");
        }
        if signature.is_none() {
            errors.push("No signature passed.");
        }
        if !result && errors.is_empty() {
            errors.push("The public key is unknown, or the signature is not that of this body.");
        }
        Self {
            errors,
            check_signature_result: result,
            signature: signature.map(str::to_owned),
            received_body: String::from_utf8_lossy(request.body).into_owned(),
        }
    }
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
