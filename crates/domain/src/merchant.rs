//! Merchants and their credentials.

use std::fmt;

use crate::{
    Timestamp,
    ids::{DialectId, KeyId, MerchantId},
};

/// Whoever asks for payouts and is charged for them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merchant {
    /// Our identifier.
    pub id: MerchantId,
    /// What the operator calls it; unique.
    pub name: String,
    /// Where webhooks go in dialects whose requests name no address.
    pub webhook_url: Option<String>,
    /// While set, no new payouts are accepted.
    pub paused: bool,
    /// When it was created.
    pub created_at: Timestamp,
    /// Counts commits, for optimistic concurrency.
    pub version: u64,
}

/// A secret as the store keeps it: encrypted, readable only with the operator's key.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed(pub Vec<u8>);

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealed(..)")
    }
}

/// What a merchant proves itself with in one dialect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Our identifier.
    pub id: KeyId,
    /// Whose it is.
    pub merchant: MerchantId,
    /// In which API it is good.
    pub dialect: DialectId,
    /// What the dialect uses it for, where it has several kinds (`payout`, `payment`).
    pub role: String,
    /// What a request shows to be found by: a public key, a merchant number, or the hash of a
    /// bearer token. Not secret.
    pub lookup: String,
    /// What signatures are made and checked with.
    pub secret: Sealed,
    /// Whether requests without a nonce are taken, in dialects that have one.
    pub lenient_nonce: bool,
    /// When it was created.
    pub created_at: Timestamp,
    /// From when on it is good for nothing.
    pub revoked_at: Option<Timestamp>,
    /// Counts commits, for optimistic concurrency.
    pub version: u64,
}

impl ApiKey {
    /// Whether it is good for nothing any more.
    pub fn is_revoked(&self, now: Timestamp) -> bool {
        self.revoked_at.is_some_and(|at| now >= at)
    }
}
