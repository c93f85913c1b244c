//! The APIs we speak: one folder each, one line each in [`DIALECTS`].
//!
//! Everything here is pure: bytes and keys in, bytes out. No I/O, no clock, no randomness.
//!
//! A request takes this way: the dialects that own its path ([`owners`]) are asked for the
//! [`Dialect::lookup`] of its credential; whoever has the store finds the keys and unseals their
//! secrets; [`Dialect::decode`] of the first that [`knows`] one checks the signature over the raw
//! bytes and translates; the [`Outcome`] or refusal goes back through [`Dialect::encode`] or
//! [`Dialect::refuse`].
//!
//! A new call is an entry in its dialect's table of endpoints, a variant of its `Route`, and what
//! decodes and encodes it; [`openapi()`] describes it then, too.

mod about;
mod cryptocloud;
mod cryptomus;
mod decimal;
mod endpoint;
mod example;
mod field;
mod fields;
mod http;
mod identity;
mod native;
mod onchainpay;
mod openapi;
mod request_form;
mod shown;
mod token;
mod wire;

pub use about::About;
pub use openapi::openapi;
pub use wire::{
    Action, Call, Caller, Context, Message, NewKey, Outcome, Request, Secret, Settings, Webhook,
};

use domain::{Timestamp, command::Refusal};

/// One API, in and out.
pub trait Dialect: Sync {
    /// The name in configuration, in the store and on the command line.
    fn name(&self) -> &'static str;
    /// Whether a path belongs to this API.
    fn owns(&self, path: &str) -> bool;
    /// Returns what the request's credential is looked up by. Not yet a proof of anything.
    ///
    /// # Errors
    /// If it shows none, or path, method, content type are not ones this API has.
    fn lookup(&self, request: &Request<'_>) -> Result<String, Refusal>;
    /// Answers a request that needs no credential, whether or not it shows one that was found;
    /// `None` if it is not such a request. Asked before anything else.
    fn answer_openly(
        &self,
        request: &Request<'_>,
        callers: &[Caller],
        context: &Context<'_>,
    ) -> Option<Message> {
        let _ = (request, callers, context);
        None
    }
    /// Authenticates a request against the credentials that were found and translates it.
    ///
    /// # Errors
    /// Says why not.
    fn decode(
        &self,
        request: &Request<'_>,
        callers: &[Caller],
        context: &Context<'_>,
    ) -> Result<Call, Refusal>;
    /// Writes the answer to a call. Cannot fail: there is always something to say.
    fn encode(&self, call: &Call, outcome: &Outcome, context: &Context<'_>) -> Message;
    /// Writes why a request is refused. Cannot fail.
    fn refuse(&self, request: &Request<'_>, refusal: &Refusal, context: &Context<'_>) -> Message;
    /// Writes a webhook.
    fn webhook(&self, webhook: &Webhook<'_>, context: &Context<'_>) -> Message;
    /// How long to wait before the next try after `tries` tries; `None` when there is none.
    fn retry_delay_ms(&self, tries: u16) -> Option<u64>;
    /// Whether an HTTP status is the receiver's acknowledgement of a webhook.
    fn acknowledges(&self, status: u16) -> bool {
        (200..300).contains(&status)
    }
    /// The least time between two requests for a payout of one credential that the provider's
    /// documents ask for, in milliseconds.
    fn spacing_ms(&self) -> Option<u64> {
        None
    }
    /// Describes the API.
    fn about(&self) -> About;
    /// Makes a merchant's credentials from random bytes (`random(n)` returns `n` of them).
    fn draw_keys(&self, random: &mut dyn FnMut(usize) -> Vec<u8>) -> Vec<NewKey>;
    /// Takes over a credential that a merchant has already: its public part (empty in dialects
    /// that have none) and its secret part. `None` if there is no such role.
    fn adopt_key(&self, role: &str, public: &str, secret: &str) -> Option<NewKey>;
}

/// Every dialect there is. Some are twins: one API under two brands.
pub const DIALECTS: &[&dyn Dialect] = &[
    &native::Native,
    &cryptocloud::CryptoCloud,
    &cryptomus::CRYPTOMUS,
    &cryptomus::HELEKET,
    &onchainpay::ONCHAINPAY,
    &onchainpay::APOLLO,
];

/// Returns the dialects that own a path, in the order of [`DIALECTS`].
///
/// Twins own the same paths. The one serves a request that [`knows`] its credential; if none does,
/// the first.
pub fn owners(path: &str) -> impl Iterator<Item = &'static dyn Dialect> {
    DIALECTS.iter().copied().filter(move |it| it.owns(path))
}

/// Whether one of the credentials that were found for a request is still good.
pub fn knows(callers: &[Caller], now: Timestamp) -> bool {
    callers.iter().any(|it| !it.key.is_revoked(now))
}

/// Finds a dialect by its name.
pub fn dialect(name: &str) -> Option<&'static dyn Dialect> {
    DIALECTS.iter().copied().find(|it| it.name() == name)
}
