//! What merchants prove themselves with: drawn, taken over, exchanged. No two merchants ever have
//! the same.

use std::collections::BTreeSet;

use anyhow::anyhow;
use dialects::{DIALECTS, Dialect, NewKey};
use domain::{
    ids::{DialectId, KeyId, MerchantId},
    merchant::{ApiKey, Merchant},
    ports::{ChangeSet, Store},
};
use signer::Vault;

use super::{counted, not_committed, silent};
use crate::clock;

/// Fresh keys of every dialect.
pub(super) fn draw_all() -> Vec<(&'static dyn Dialect, NewKey)> {
    let each = DIALECTS.iter().copied();
    each.flat_map(|it| draw(it).into_iter().map(move |new| (it, new))).collect()
}

fn draw(dialect: &dyn Dialect) -> Vec<NewKey> {
    dialect.draw_keys(&mut |count| {
        let mut bytes = vec![0; count];
        clock::fill(&mut bytes);
        bytes
    })
}

/// A credential that is not stored yet.
pub(crate) fn api_key(
    vault: &Vault,
    merchant: MerchantId,
    dialect: &dyn Dialect,
    new: &NewKey,
    lenient_nonce: bool,
) -> ApiKey {
    let now = clock::now();
    let id = KeyId(clock::uuid_v7(now));
    ApiKey {
        id,
        merchant,
        dialect: DialectId::new(dialect.name()),
        role: new.role.to_owned(),
        lookup: new.lookup.clone(),
        secret: vault.seal(&new.secret, &id.to_string(), clock::random()),
        lenient_nonce,
        created_at: now,
        revoked_at: None,
        version: 1,
    }
}

/// Prints what a merchant is told of its keys; what several keys share is printed once.
pub(super) fn show<'a>(keys: impl Iterator<Item = (&'a dyn Dialect, &'a NewKey)>) {
    let mut printed = BTreeSet::new();
    for (dialect, new) in keys {
        for (label, value) in &new.shown {
            if printed.insert((dialect.name(), *label, value.as_str())) {
                println!("  {:<12} {label:<24} {}", dialect.name(), value.as_str());
            }
        }
    }
    println!("These secrets are not shown again.");
}

pub(super) fn find_dialect(name: &str) -> anyhow::Result<&'static dyn Dialect> {
    let names = || DIALECTS.iter().map(|it| it.name()).collect::<Vec<_>>().join(", ");
    dialects::dialect(name).ok_or_else(|| anyhow!("no API {name:?}; there are {}", names()))
}

/// Stores new credentials, unless a request could not tell one of them from another that is good.
/// The caller holds the lock of [`crate::wiring::lock_credentials`], so nobody adds one meanwhile.
pub(super) async fn store_keys(store: &dyn Store, change: ChangeSet) -> anyhow::Result<()> {
    let revoked: BTreeSet<KeyId> =
        change.keys.iter().filter(|it| !is_good(it)).map(|it| it.id).collect();
    for new in change.keys.iter().filter(|it| is_good(it)) {
        let found =
            store.keys_by_lookup(new.dialect.as_str(), &new.lookup).await.map_err(silent)?;
        for other in found.iter().filter(|it| it.id != new.id && !revoked.contains(&it.id)) {
            if other.merchant == new.merchant && other.role != new.role {
                continue;
            }
            let merchant = store.merchant(other.merchant).await.map_err(silent)?;
            anyhow::bail!(
                "this {} credential is good already, for merchant {}: nobody could tell whose \
                 request it is; `vyplata merchant rotate` revokes it",
                new.dialect,
                merchant.map_or_else(|| other.merchant.to_string(), |it| it.name)
            );
        }
    }
    store.commit(change).await.map_err(not_committed)
}

fn is_good(key: &ApiKey) -> bool {
    key.revoked_at.is_none()
}

/// Gives a merchant new secrets in an API and revokes all old ones. Public parts stay as they are,
/// in APIs that have them; so does what is asked of nonces, unless `lenient_nonce` says otherwise.
pub(super) async fn rotate(
    store: &dyn Store,
    vault: &Vault,
    merchant: &Merchant,
    dialect: &dyn Dialect,
    lenient_nonce: Option<bool>,
) -> anyhow::Result<()> {
    let all = store.keys_of(merchant.id).await.map_err(silent)?;
    let of_dialect = |it: &ApiKey| is_good(it) && it.dialect.as_str() == dialect.name();
    let mut old: Vec<ApiKey> = all.into_iter().filter(of_dialect).collect();
    let fresh = successors(dialect, &old);
    let mut change = ChangeSet::default();
    for new in &fresh {
        let of_role = || old.iter().filter(|it| it.role == new.role);
        let same = of_role().find(|it| it.lookup == new.lookup);
        let kept = same.map_or_else(|| of_role().any(|it| it.lenient_nonce), |it| it.lenient_nonce);
        let lenient = lenient_nonce.unwrap_or(kept);
        change.keys.push(api_key(vault, merchant.id, dialect, new, lenient));
    }
    let now = clock::now();
    for key in &mut old {
        key.revoked_at = Some(now);
        key.version += 1;
    }
    change.keys.extend(old.iter().cloned());
    store_keys(store, change).await?;
    let count = counted(old.len(), "old credential", "old credentials");
    println!("{count} of {} revoked; the new ones:", merchant.name);
    show(fresh.iter().map(|it| (dialect, it)));
    if fresh.iter().any(|it| old.iter().any(|old| old.lookup == it.lookup)) {
        println!("Public parts are as they were; only secrets changed.");
    }
    Ok(())
}

/// The keys that follow on `old` ones: each public part gets a fresh secret for each of its roles,
/// and a role without public parts gets one fresh key.
fn successors(dialect: &dyn Dialect, old: &[ApiKey]) -> Vec<NewKey> {
    let mut fresh = vec![];
    for drawn in draw(dialect) {
        let of_role = old.iter().filter(|it| it.role == drawn.role);
        let lookups: BTreeSet<&str> = of_role.map(|it| it.lookup.as_str()).collect();
        let adopted = lookups.into_iter().filter_map(|lookup| {
            let secret = draw(dialect).into_iter().find(|it| it.role == drawn.role)?.secret;
            dialect.adopt_key(drawn.role, lookup, &secret)
        });
        let before = fresh.len();
        fresh.extend(adopted);
        if fresh.len() == before {
            fresh.push(drawn);
        }
    }
    // Keys of one public part stand together, under it.
    let public = |it: &NewKey| {
        let adopted = dialect.adopt_key(it.role, &it.lookup, &it.secret);
        adopted.map(|it| it.lookup)
    };
    fresh.sort_by_cached_key(public);
    fresh
}

#[cfg(test)]
mod tests {
    use signer::Keystore;

    use super::*;

    const WORDS: &str = "test test test test test test test test test test test junk";

    fn old(dialect: &dyn Dialect, news: &[NewKey]) -> Vec<ApiKey> {
        let vault = Keystore::in_memory(WORDS, [1; 32]).unwrap().vault();
        news.iter().map(|it| api_key(&vault, MerchantId(1), dialect, it, false)).collect()
    }

    #[test]
    fn public_parts_outlive_their_secrets() {
        for dialect in DIALECTS.iter().copied() {
            let first = draw(dialect);
            let next = successors(dialect, &old(dialect, &first));
            assert_eq!(first.len(), next.len(), "{}", dialect.name());
            for (one, other) in first.iter().zip(&next) {
                assert_eq!(one.role, other.role);
                assert_ne!(one.secret, other.secret, "{}", dialect.name());
                let has_public = dialect.adopt_key(one.role, &one.lookup, &one.secret).is_some();
                assert_eq!(one.lookup == other.lookup, has_public, "{}", dialect.name());
            }
        }
    }

    #[test]
    fn every_public_part_gets_secrets_of_its_own() {
        let cryptomus = find_dialect("cryptomus").unwrap();
        let mut news = draw(cryptomus);
        news.push(cryptomus.adopt_key("payout", "an-older-number", "an-older-key").unwrap());
        let next = successors(cryptomus, &old(cryptomus, &news));
        let secrets: BTreeSet<&str> = next.iter().map(|it| it.secret.as_str()).collect();
        assert_eq!((next.len(), secrets.len()), (3, 3));
        let of_older = next.iter().filter(|it| it.lookup == "an-older-number");
        assert_eq!(of_older.map(|it| it.role).collect::<Vec<_>>(), ["payout"]);
    }
}
