//! Proofs of who asks, and outward identifiers made of random bytes.

use domain::{Timestamp, command::Refusal};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use uuid::{Builder, Uuid};

use crate::wire::{Caller, Request};

/// Longer than any credential in a header.
const CREDENTIAL_BYTES_MAX: usize = 4_096;

/// Whether two byte strings are the same, in a time that tells nothing but their lengths.
pub(crate) fn same(one: &[u8], other: &[u8]) -> bool {
    one.ct_eq(other).into()
}

/// The SHA-256 of a bearer token, in hexadecimal: what it is looked up by.
pub(crate) fn token_lookup(token: &str) -> String {
    hex::encode(Sha256::digest(token.as_bytes()))
}

/// The HMAC-SHA256 (RFC 2104) of a message.
pub(crate) fn hmac_sha256(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

/// Returns the token of an `Authorization` header of this scheme.
///
/// # Errors
/// If there is none.
pub(crate) fn bearer<'a>(request: &Request<'a>, scheme: &str) -> Result<&'a str, Refusal> {
    let header = request.header("authorization").ok_or(Refusal::Unauthenticated)?;
    let (found, token) = header.trim().split_once(' ').ok_or(Refusal::Unauthenticated)?;
    let fits = !token.is_empty() && token.len() <= CREDENTIAL_BYTES_MAX;
    let right = fits && found.eq_ignore_ascii_case(scheme);
    if right { Ok(token.trim()) } else { Err(Refusal::Unauthenticated) }
}

/// Returns a header that names a credential.
///
/// # Errors
/// If there is none.
pub(crate) fn public_part<'a>(request: &Request<'a>, name: &str) -> Result<&'a str, Refusal> {
    let header = request.header(name).map(str::trim);
    let fits = |it: &&str| !it.is_empty() && it.len() <= CREDENTIAL_BYTES_MAX;
    header.filter(fits).ok_or(Refusal::Unauthenticated)
}

/// Finds the caller whose secret passes `proves`, among those that are good for a dialect at this
/// moment. A secret that is empty proves nothing.
///
/// # Errors
/// If there is none.
fn authenticate<'a>(
    callers: &'a [Caller],
    dialect: &str,
    lookup: &str,
    now: Timestamp,
    proves: impl Fn(&Caller) -> bool,
) -> Result<&'a Caller, Refusal> {
    let good = |it: &&Caller| {
        it.key.dialect.as_str() == dialect
            && it.key.lookup == lookup
            && it.key.merchant == it.merchant.id
            && it.key.revoked_at.is_none_or(|at| now < at)
            && !it.secret.is_empty()
    };
    callers.iter().filter(good).find(|it| proves(it)).ok_or(Refusal::Unauthenticated)
}

/// Finds the caller whose bearer token a request shows.
///
/// # Errors
/// If there is none.
pub(crate) fn by_token<'a>(
    request: &Request<'_>,
    scheme: &str,
    callers: &'a [Caller],
    dialect: &str,
    now: Timestamp,
) -> Result<&'a Caller, Refusal> {
    let token = bearer(request, scheme)?;
    let proves = |it: &Caller| same(token.as_bytes(), it.secret.as_bytes());
    authenticate(callers, dialect, &token_lookup(token), now, proves)
}

/// Finds the caller that a header names and whose signature another header shows; `verifies` says
/// whether it is that of a caller.
///
/// # Errors
/// If there is none.
pub(crate) fn by_signature<'a>(
    request: &Request<'_>,
    [public, signature]: [&str; 2],
    callers: &'a [Caller],
    dialect: &str,
    now: Timestamp,
    verifies: impl Fn(&str, &Caller) -> bool,
) -> Result<&'a Caller, Refusal> {
    let public = public_part(request, public)?;
    let signature = public_part(request, signature)?;
    authenticate(callers, dialect, public, now, |it| verifies(signature, it))
}

/// A UUID for what is made at this moment. It looks like a random (version 4) one, which is what the
/// providers' are, and 74 bits of it are, so that it is nobody else's; but it begins with the moment, as
/// one of version 7 does ([RFC 9562](https://www.rfc-editor.org/rfc/rfc9562#section-5.7)): an index of
/// what is random is written in another place for each, and one of what is new in one.
pub(crate) fn uuid_at(random: &[u8; 64], now: Timestamp) -> String {
    let mut bytes = random.as_chunks::<16>().0[0];
    bytes[..6].copy_from_slice(&now.0.to_be_bytes()[2..]);
    uuid_v4(bytes)
}

/// Two random (version 4) UUIDs.
pub(crate) fn two_uuids(random: &[u8; 64]) -> [String; 2] {
    [0, 1].map(|it| uuid_v4(random.as_chunks::<16>().0[it]))
}

/// A random (version 4) UUID that nothing else is made of: it names one request.
pub(crate) fn request_id(random: &[u8; 64]) -> String {
    uuid_v4(random.as_chunks::<16>().0[3])
}

/// A UUID of version 4 of these bytes.
pub(crate) fn uuid_v4(bytes: [u8; 16]) -> String {
    Builder::from_random_bytes(bytes).into_uuid().to_string()
}

/// The outward identifier that a merchant asks for: UUIDs are the same in any spelling, all others
/// are found as they are written, whichever dialect they come from.
pub(crate) fn public_id(text: &str) -> String {
    Uuid::try_parse(text).map_or_else(|_| text.to_owned(), |it| it.to_string())
}

/// The UUID (in the form of version 4) that a text always has.
pub(crate) fn uuid_named(text: &str) -> String {
    uuid_v4(*Sha256::digest(text).first_chunk().expect("a SHA-256 has 32 bytes"))
}

/// One of our identifiers, as a UUID.
pub(crate) fn uuid_of(id: u128) -> String {
    Uuid::from_u128(id).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_random_uuid_comes_later_if_it_is_made_later() {
        let first = uuid_at(&[0xff; 64], Timestamp(0x0192_8fbc_5b00));
        assert_eq!(first, "01928fbc-5b00-4fff-bfff-ffffffffffff");
        assert!(first < uuid_at(&[0; 64], Timestamp(0x0192_8fbc_5b01)));
        assert_eq!(uuid_of(1), "00000000-0000-0000-0000-000000000001");
    }

    #[test]
    fn outward_identifiers_of_all_dialects_are_found() {
        let uuid = "658aafd4-f91e-4368-8db2-d7fc21466b90";
        assert_eq!(public_id(uuid), uuid);
        assert_eq!(public_id(&uuid.to_ascii_uppercase()), uuid);
        for text in ["INV-R3U2GD6W", "inv-r3u2gd6w", "658AAFD4", "Ж", ""] {
            assert_eq!(public_id(text), text);
        }
    }

    #[test]
    fn reads_tokens() {
        let check = |value: &str, expected: Option<&str>| {
            let headers = [("authorization".to_owned(), value.to_owned())];
            let request = Request {
                method: "POST",
                path: "/",
                query: "",
                headers: &headers,
                body: b"",
                client: None,
            };
            assert_eq!(bearer(&request, "Token").ok(), expected, "{value}");
        };
        check("Token abc", Some("abc"));
        check("token abc", Some("abc"));
        check("Bearer abc", None);
        check("Token", None);
        check("Token ", None);
        check("", None);
    }
}
