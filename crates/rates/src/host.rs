//! One exchange's web server: bounded questions, and answers that are whole or none.

use std::fmt;

use domain::ports::Unreachable;
use net::{Client, Limits, Response, SendError};
use serde_json::Value;
use url::Url;

/// How to get at an exchange.
#[derive(Clone, Debug)]
pub struct Access {
    /// What connects.
    pub client: Client,
    /// Where the exchange is, if not where it usually is. Paths are put behind it.
    pub base_url: Option<String>,
    /// How long one question may take, in milliseconds.
    pub timeout_ms: u64,
}

impl Access {
    /// How long one question may take unless told otherwise, in milliseconds.
    pub const TIMEOUT_MS: u64 = 10_000;
}

/// Why a base URL cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadUrl(pub String);

impl fmt::Display for BadUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadUrl {}

/// An exchange.
pub(crate) struct Host {
    source: &'static str,
    client: Client,
    base: Url,
    limits: Limits,
}

impl Host {
    pub(crate) fn new(
        source: &'static str,
        access: Access,
        usual_url: &str,
        body_bytes_max: usize,
    ) -> Result<Self, BadUrl> {
        let url = access.base_url.as_deref().unwrap_or(usual_url);
        let base = Url::parse(url).map_err(|error| BadUrl(error.to_string()))?;
        if !matches!(base.scheme(), "http" | "https") || base.query().is_some() {
            return Err(BadUrl("it must be http or https, without a query".to_owned()));
        }
        let limits = Limits { timeout_ms: access.timeout_ms, body_bytes_max };
        Ok(Self { source, client: access.client, base, limits })
    }

    /// Gets a path (with its query) below the base.
    pub(crate) async fn get(&self, path: &str) -> Result<Vec<u8>, Unreachable> {
        let headers = [header("accept")];
        let answer = self.client.get(&self.below(path), &headers, self.limits).await;
        self.whole(answer)
    }

    /// Posts JSON to a path below the base.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Vec<u8>, Unreachable> {
        let headers = [header("accept"), header("content-type")];
        let body = body.to_string().into_bytes();
        let answer = self.client.post(&self.below(path), &headers, body, self.limits).await;
        self.whole(answer)
    }

    /// Turns what was read into prices, or says that it made no sense.
    pub(crate) fn read<T>(&self, parsed: Option<T>) -> Result<T, Unreachable> {
        parsed.ok_or_else(|| self.failed("the answer makes no sense"))
    }

    fn below(&self, path: &str) -> String {
        format!("{}{path}", self.base.as_str().trim_end_matches('/'))
    }

    fn whole(&self, answer: Result<Response, SendError>) -> Result<Vec<u8>, Unreachable> {
        match answer {
            Ok(answer) if answer.status != 200 => {
                Err(self.failed(&format!("HTTP {}", answer.status)))
            }
            Ok(answer) if answer.body_cut => {
                Err(self.failed(&format!("more than {} bytes", answer.body.len())))
            }
            Ok(answer) => Ok(answer.body),
            Err(SendError::Refused(why) | SendError::Unreachable(why)) => Err(self.failed(&why)),
        }
    }

    fn failed(&self, why: &str) -> Unreachable {
        tracing::warn!(source = self.source, why, "a rate source does not answer");
        Unreachable
    }
}

fn header(name: &str) -> (String, String) {
    (name.to_owned(), "application/json".to_owned())
}
