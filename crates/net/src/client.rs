//! One HTTP exchange: bounded in time and bytes, behind the guard.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::Resolve;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Method, redirect};
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;
use url::Url;

use crate::guard::{Guard, GuardedResolver, Refusal, SystemResolver};

/// The bounds of one exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// From the call to the last byte of the body: resolving, connecting, sending and reading.
    pub timeout_ms: u64,
    /// How much of the body is kept; what comes after is not read.
    pub body_bytes_max: usize,
}

/// What the other side answered. Every status is an answer, redirects included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// `Retry-After`, if it was given in seconds. The form with a date is ignored.
    pub retry_after_seconds: Option<u64>,
    /// The body, or its first [`Limits::body_bytes_max`] bytes.
    pub body: Vec<u8>,
    /// Whether the body was longer than what is kept.
    pub body_cut: bool,
}

/// Why there is no answer. The texts never hold the URL's path or query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SendError {
    /// The URL or a header is no good, or the guard said no. Repeating will not help by itself.
    Refused(String),
    /// No answer, or not all of it, in time. The other side may have acted all the same.
    Unreachable(String),
}

impl fmt::Display for SendError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(why) => write!(formatter, "refused: {why}"),
            Self::Unreachable(why) => write!(formatter, "unreachable: {why}"),
        }
    }
}

impl Error for SendError {}

/// The client could not be set up: TLS or the HTTP library refused its configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildError(pub String);

impl fmt::Display for BuildError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "cannot set up the HTTP client: {}", self.0)
    }
}

impl Error for BuildError {}

/// An HTTP client with one [`Guard`]. Cheap to clone; clones share their connections.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    guard: Arc<Guard>,
}

/// How long a connection is kept that nobody uses: less than servers keep it, of which Bitcoin Core
/// is the first to close it (`-rpcservertimeout`, 30 seconds). What is sent at that instant is lost.
const IDLE: Duration = Duration::from_secs(20);

impl Client {
    /// A client that asks the operating system for addresses and trusts its certificates.
    pub fn new(guard: Guard) -> Result<Self, BuildError> {
        Self::with_resolver(guard, Arc::new(SystemResolver))
    }

    /// A client that asks `resolver` for addresses. The guard judges its answers too.
    pub fn with_resolver(guard: Guard, resolver: Arc<dyn Resolve>) -> Result<Self, BuildError> {
        let guard = Arc::new(guard);
        let resolver = GuardedResolver { guard: Arc::clone(&guard), inner: resolver };
        let http = reqwest::Client::builder()
            .user_agent(concat!("vyplata/", env!("CARGO_PKG_VERSION")))
            .tls_backend_preconfigured(tls_config()?)
            .dns_resolver(resolver)
            .redirect(redirect::Policy::none())
            .referer(false)
            .no_proxy()
            .pool_idle_timeout(IDLE)
            .build()
            .map_err(|error| BuildError(describe(&error)))?;
        Ok(Self { http, guard })
    }

    /// Posts `body` to `url`. The caller names the content type among the headers.
    pub async fn post(
        &self,
        url: &str,
        headers: &[(String, String)],
        body: Vec<u8>,
        limits: Limits,
    ) -> Result<Response, SendError> {
        self.exchange(Method::POST, url, headers, Some(body), limits).await
    }

    /// Gets `url`.
    pub async fn get(
        &self,
        url: &str,
        headers: &[(String, String)],
        limits: Limits,
    ) -> Result<Response, SendError> {
        self.exchange(Method::GET, url, headers, None, limits).await
    }

    async fn exchange(
        &self,
        method: Method,
        url: &str,
        headers: &[(String, String)],
        body: Option<Vec<u8>>,
        limits: Limits,
    ) -> Result<Response, SendError> {
        let url = Url::parse(url).map_err(|error| SendError::Refused(error.to_string()))?;
        self.guard.check_url(&url).map_err(|Refusal(why)| SendError::Refused(why))?;
        let mut request = self
            .http
            .request(method, url)
            .headers(header_map(headers)?)
            .timeout(Duration::from_millis(limits.timeout_ms));
        if let Some(body) = body {
            request = request.body(body);
        }
        let response = request.send().await.map_err(send_error)?;
        read(response, limits.body_bytes_max).await
    }
}

async fn read(
    mut response: reqwest::Response,
    body_bytes_max: usize,
) -> Result<Response, SendError> {
    let status = response.status().as_u16();
    let retry_after = response.headers().get(RETRY_AFTER);
    let retry_after_seconds =
        retry_after.and_then(|value| value.to_str().ok()?.trim().parse::<u64>().ok());
    let mut body = Vec::new();
    let mut body_cut = false;
    while let Some(chunk) = response.chunk().await.map_err(send_error)? {
        let room = body_bytes_max.saturating_sub(body.len());
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if chunk.len() > room {
            body_cut = true;
            break;
        }
    }
    Ok(Response { status, retry_after_seconds, body, body_cut })
}

fn header_map(headers: &[(String, String)]) -> Result<HeaderMap, SendError> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let bad = || SendError::Refused(format!("header {name:?} cannot be sent"));
        let name = HeaderName::try_from(name).map_err(|_| bad())?;
        let value = HeaderValue::try_from(value).map_err(|_| bad())?;
        map.append(name, value);
    }
    Ok(map)
}

/// TLS 1.2 and 1.3 by ring, trusting the certificate authorities of the operating system.
///
/// A machine without any (a bare container) can still talk http to its own nodes; https then fails
/// with a certificate error.
///
/// # Errors
/// If ring cannot speak these versions, which it can.
pub fn tls_config() -> Result<ClientConfig, BuildError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| BuildError(error.to_string()))?;
    match builder.clone().with_platform_verifier() {
        Ok(verified) => Ok(verified.with_no_client_auth()),
        Err(error) => {
            tracing::warn!(%error, "no certificate authorities found: https will not connect");
            let nobody = RootCertStore::empty();
            Ok(builder.with_root_certificates(nobody).with_no_client_auth())
        }
    }
}

/// Finds out whether it was the guard that stopped a connection.
fn send_error(error: reqwest::Error) -> SendError {
    let error = error.without_url();
    let mut cause: Option<&(dyn Error + 'static)> = Some(&error);
    while let Some(inner) = cause {
        if let Some(Refusal(why)) = inner.downcast_ref() {
            return SendError::Refused(why.clone());
        }
        cause = inner.source();
    }
    let text = describe(&error);
    if error.is_builder() { SendError::Refused(text) } else { SendError::Unreachable(text) }
}

fn describe(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}
