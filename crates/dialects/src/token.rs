//! Promised figures as a text that a merchant keeps and shows again: nobody else can make one, or
//! change one.
//!
//! A token is `base64url(JSON).base64url(HMAC-SHA256)`. The secret is that of the credential that
//! asked, and what is authenticated begins with words of its own: no signature of a request or of a
//! webhook is one of a token.

use std::collections::BTreeMap;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use domain::{
    Timestamp,
    ids::AssetId,
    money::{Amount, Rate},
    payout::Priority,
    pricing::{Locked, Promise},
    rates::Priced,
};
use serde::{Deserialize, Serialize};

use crate::{
    identity::{hmac_sha256, same},
    wire::Secret,
};

/// How long a token may be. One with as many prices as a payout can have is a third of that.
pub(crate) const TOKEN_CHARACTERS_MAX: usize = 4_096;

/// Sets tokens apart from everything else that is authenticated with the same secret.
const PREFIX: &[u8] = b"vyplata.quote.1\n";

/// What a token says.
#[derive(Serialize, Deserialize)]
struct Said {
    asset: String,
    network_fee: String,
    priority: String,
    until: u64,
    promise: Option<SaidPromise>,
}

/// Prices, and what they are for.
#[derive(Serialize, Deserialize)]
struct SaidPromise {
    id: String,
    wish: String,
    prices: BTreeMap<String, Price>,
}

#[derive(Serialize, Deserialize)]
struct Price {
    usd: String,
    source: String,
    at: u64,
}

/// A key that only tokens of a credential are made with. Unlike the secret that it is made of, it
/// may stand in [`crate::Call::note`], so that whoever writes an answer can make a token.
pub(crate) fn sealing_key(secret: &Secret) -> Secret {
    Secret::new(hex::encode(hmac_sha256(secret.as_bytes(), PREFIX)))
}

/// Writes promised figures as a token.
pub(crate) fn seal(locked: &Locked, secret: &Secret) -> String {
    let price = |(name, it): (&String, &Priced)| {
        let (usd, source, at) = (it.usd.to_string(), it.source.clone(), it.at.0);
        (name.clone(), Price { usd, source, at })
    };
    let said = Said {
        asset: locked.asset.as_str().to_owned(),
        network_fee: locked.network_fee.to_text(0),
        priority: locked.priority.word().to_owned(),
        until: locked.until.0,
        promise: locked.promise.as_ref().map(|it| SaidPromise {
            id: it.id.to_string(),
            wish: it.wish.clone(),
            prices: it.prices.iter().map(price).collect(),
        }),
    };
    let json = serde_json::to_vec(&said).expect("it has text keys and no failing parts");
    let said = BASE64_URL_SAFE_NO_PAD.encode(json);
    let proof = proof(&said, secret);
    format!("{said}.{proof}")
}

/// Reads a token; `None` if it was not made with this secret, or is not one.
pub(crate) fn open(text: &str, secret: &Secret) -> Option<Locked> {
    if text.len() > TOKEN_CHARACTERS_MAX || secret.is_empty() {
        return None;
    }
    let (said, shown) = text.split_once('.')?;
    if !same(shown.as_bytes(), proof(said, secret).as_bytes()) {
        return None;
    }
    let json = BASE64_URL_SAFE_NO_PAD.decode(said).ok()?;
    let said: Said = serde_json::from_slice(&json).ok()?;
    let price = |(name, it): (String, Price)| {
        let usd = Rate::parse(&it.usd)?;
        Some((name, Priced { usd, source: it.source, at: Timestamp(it.at) }))
    };
    let promise = match said.promise {
        Some(it) => Some(Promise {
            id: it.id.parse().ok()?,
            wish: it.wish,
            prices: it.prices.into_iter().map(price).collect::<Option<_>>()?,
        }),
        None => None,
    };
    Some(Locked {
        asset: AssetId::new(&said.asset),
        network_fee: Amount::parse(&said.network_fee, 0).ok()?,
        priority: Priority::from_word(&said.priority)?,
        promise,
        until: Timestamp(said.until),
    })
}

/// What proves a token. It is compared as text, so that no other spelling of it is one.
fn proof(said: &str, secret: &Secret) -> String {
    let message = [PREFIX, said.as_bytes()].concat();
    BASE64_URL_SAFE_NO_PAD.encode(hmac_sha256(secret.as_bytes(), &message))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use domain::ids::PayoutId;

    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::new(text.to_owned())
    }

    fn locked(units: u128, until: u64, prices: &[(String, u64)]) -> Locked {
        let price = |(name, units): &(String, u64)| {
            let usd = Rate::parse(&format!("{units}.25")).unwrap();
            (name.clone(), Priced { usd, source: "binance".to_owned(), at: Timestamp(until / 2) })
        };
        Locked {
            asset: AssetId::new("USDT@tron"),
            network_fee: Amount::from_units(units).unwrap(),
            priority: Priority::High,
            promise: units.is_multiple_of(2).then(|| Promise {
                id: PayoutId(units),
                wish: "exact 1 USDT@tron fees merchant from own".to_owned(),
                prices: prices.iter().map(price).collect(),
            }),
            until: Timestamp(until),
        }
    }

    proptest! {
        #[test]
        fn says_what_was_promised(
            units in 0..=Amount::MAX.units(),
            until: u64,
            prices in prop::collection::vec(("[A-Z]{2,10}", 0..1_000_000_000u64), 0..10),
        ) {
            let locked = locked(units, until, &prices);
            let token = seal(&locked, &secret("key"));
            prop_assert!(token.len() <= TOKEN_CHARACTERS_MAX);
            prop_assert_eq!(open(&token, &secret("key")), Some(locked));
            prop_assert_eq!(open(&token, &secret("kez")), None);
        }

        #[test]
        fn no_changed_byte_is_taken(place: prop::sample::Index, byte: u8, cut: prop::sample::Index) {
            let token = seal(&locked(100, 5, &[("BTC".to_owned(), 60_000)]), &secret("key"));
            let mut changed = token.clone().into_bytes();
            let place = place.index(changed.len());
            if changed[place] != byte {
                changed[place] = byte;
                let changed = String::from_utf8_lossy(&changed);
                prop_assert_eq!(open(&changed, &secret("key")), None);
            }
            prop_assert_eq!(open(&token[..cut.index(token.len())], &secret("key")), None);
            prop_assert_eq!(open(&format!("{token}="), &secret("key")), None);
        }
    }

    #[test]
    fn no_other_signature_is_one() {
        let said = BASE64_URL_SAFE_NO_PAD.encode("{}");
        let signed = hmac_sha256(b"key", said.as_bytes());
        let token = format!("{said}.{}", BASE64_URL_SAFE_NO_PAD.encode(signed));
        assert_eq!(open(&token, &secret("key")), None);
        let token = seal(&locked(1, 2, &[]), &secret(""));
        assert_eq!(open(&token, &secret("")), None, "an empty secret proves nothing");
        assert_eq!(open(&"x".repeat(TOKEN_CHARACTERS_MAX + 1), &secret("key")), None);
    }
}
