//! What the dialects share about HTTP: content types, paths, headers, and answers.

use domain::command::Refusal;
use serde::Serialize;
use url::Url;

use crate::wire::{Message, Request};

/// The headers that any dialect reads, as they are written to people. None of them may come twice:
/// whoever reads the first and whoever reads the last would understand different requests.
const HEADERS: [&str; 8] = [
    "Authorization",
    "Content-Encoding",
    "Content-Type",
    "Idempotency-Key",
    "merchant",
    "sign",
    "x-api-public-key",
    "x-api-signature",
];

/// How long an idempotency key may be, in characters.
const IDEMPOTENCY_KEY_CHARACTERS_MAX: usize = 255;

/// How long the address of a webhook may be, in characters.
pub(crate) const URL_CHARACTERS_MAX: usize = 2_048;

/// How long to ask a client to wait when we cannot decide, in milliseconds.
const UNAVAILABLE_RETRY_MS: u64 = 5_000;

/// What most answers have room in: one that grows is copied several times.
const ANSWER_BYTES: usize = 1_536;

/// Writes a JSON answer.
pub(crate) fn json(status: u16, body: &impl Serialize) -> Message {
    let mut bytes = Vec::with_capacity(ANSWER_BYTES);
    serde_json::to_writer(&mut bytes, body).expect("answers have text keys and no failing parts");
    let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    Message { status, headers, body: bytes }
}

impl Message {
    /// Adds a header.
    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Asks the client to come back later, where a refusal is worth another try.
    pub(crate) fn wait_for(self, refusal: &Refusal) -> Self {
        let delay_ms = match refusal {
            Refusal::RateLimited { retry_after_ms } => *retry_after_ms,
            Refusal::Unavailable(_)
            | Refusal::TermsUnknown(_)
            | Refusal::RateUnknown { .. }
            | Refusal::NotConvertible(_) => UNAVAILABLE_RETRY_MS,
            Refusal::Unauthenticated
            | Refusal::UnknownPath
            | Refusal::MethodNotAllowed
            | Refusal::UnsupportedMediaType
            | Refusal::BodyTooLarge
            | Refusal::Malformed { .. }
            | Refusal::MissingField { .. }
            | Refusal::InvalidField { .. }
            | Refusal::NonceMissing
            | Refusal::NonceReused
            | Refusal::RefReused
            | Refusal::UnknownAsset
            | Refusal::UnknownNetwork
            | Refusal::AssetUnavailable
            | Refusal::Destination(_)
            | Refusal::Amount(_)
            | Refusal::AmountTooSmall { .. }
            | Refusal::AmountTooLarge { .. }
            | Refusal::InsufficientFunds
            | Refusal::InsufficientForConversion { .. }
            | Refusal::NoWallet
            | Refusal::QuoteExpired
            | Refusal::MerchantPaused
            | Refusal::NotFound
            | Refusal::NotCancellable
            | Refusal::NotAwaitingApproval
            | Refusal::NotSupported(_) => return self,
        };
        self.with("retry-after", delay_ms.div_ceil(1_000).max(1).to_string())
    }
}

/// Whether what a refusal blames is one of the headers that dialects read, not a field of a body.
pub(crate) fn is_header(name: &str) -> bool {
    HEADERS.contains(&name)
}

/// Checks what is the same for the headers of all dialects: none that is read comes twice, and the
/// body is not compressed.
///
/// # Errors
/// Names what comes twice, or refuses the encoding.
pub(crate) fn check_headers(request: &Request<'_>) -> Result<(), Refusal> {
    let count =
        |name: &str| request.headers.iter().filter(|it| it.0.eq_ignore_ascii_case(name)).count();
    if let Some(field) = HEADERS.into_iter().find(|name| count(name) > 1) {
        let detail = "this header must not come more than once".to_owned();
        return Err(Refusal::InvalidField { field, detail });
    }
    let encoding = request.header("content-encoding").unwrap_or_default().trim();
    if encoding.is_empty() || encoding.eq_ignore_ascii_case("identity") {
        return Ok(());
    }
    Err(Refusal::UnsupportedMediaType)
}

/// Returns the media type of the body in lower case, without its parameters.
pub(crate) fn media_type(request: &Request<'_>) -> Option<String> {
    let header = request.header("content-type")?;
    let media_type = header.split(';').next().unwrap_or_default();
    Some(media_type.trim().to_ascii_lowercase())
}

/// Whether the content type says that the body is a form.
pub(crate) fn is_form(request: &Request<'_>) -> bool {
    media_type(request).as_deref() == Some("application/x-www-form-urlencoded")
}

/// Returns the request's name for itself, if it has one: 1 to 255 visible ASCII characters.
///
/// # Errors
/// If it is something else.
pub(crate) fn idempotency_key(request: &Request<'_>) -> Result<Option<String>, Refusal> {
    let Some(key) = request.header("idempotency-key") else { return Ok(None) };
    let fits = (1..=IDEMPOTENCY_KEY_CHARACTERS_MAX).contains(&key.len());
    if fits && key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(Some(key.to_owned()));
    }
    let detail = "must be 1 to 255 visible ASCII characters".to_owned();
    Err(Refusal::InvalidField { field: "Idempotency-Key", detail })
}

/// Whether a text is an address that webhooks can be posted to. Where it leads is checked by
/// whoever opens the connection.
pub(crate) fn is_webhook_url(text: &str) -> bool {
    let plain = !text.chars().any(|it| it.is_whitespace() || it.is_control());
    let parsed = Url::parse(text).ok().filter(|it| plain && it.has_host());
    parsed.is_some_and(|it| matches!(it.scheme(), "http" | "https"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn webhooks_go_to_http_addresses() {
        for text in ["https://a.example/hook", "http://10.0.0.1:8080/", "https://m.d/webhooks/..."]
        {
            assert!(is_webhook_url(text), "{text}");
        }
        for text in ["", "a.example", "ftp://a.example", "https://", "https://a b/", "javascript:1"]
        {
            assert!(!is_webhook_url(text), "{text}");
        }
    }

    #[test]
    fn waits_are_whole_seconds() {
        let header = |ms| {
            let refusal = Refusal::RateLimited { retry_after_ms: ms };
            json(429, &()).wait_for(&refusal).headers.pop().unwrap().1
        };
        assert_eq!(
            (header(0), header(1_001), header(12_000)),
            ("1".into(), "2".into(), "12".into())
        );
    }
}
