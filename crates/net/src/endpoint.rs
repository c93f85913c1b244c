//! A node at one URL.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use percent_encoding::percent_decode_str;
use serde_json::Value;
use url::Url;

use crate::client::{Client, Limits, Response, SendError};
use crate::json_rpc;
use crate::transport::{Answer, BoxFuture, Question, Transport, Unreachable};

/// A [`Transport`] to one URL. Its `Debug` and its errors show the host and nothing else of the
/// URL, because paths, queries and user names hold access keys.
pub struct Endpoint {
    client: Client,
    url: Url,
    headers: Vec<(String, String)>,
    limits: Limits,
    label: String,
}

impl Endpoint {
    /// Bounds that suit nodes: 20 seconds, 32 MiB.
    pub const LIMITS: Limits = Limits { timeout_ms: 20_000, body_bytes_max: 32 << 20 };

    /// A node at `url`. User name and password of the URL become HTTP basic authentication
    /// (RFC 7617); `headers` go with every question.
    pub fn new(
        client: Client,
        url: &str,
        headers: &[(String, String)],
        limits: Limits,
    ) -> Result<Self, SendError> {
        let refused = |why: &str| SendError::Refused(format!("endpoint URL: {why}"));
        let mut url = Url::parse(url).map_err(|error| refused(&error.to_string()))?;
        let Some(host) = url.host_str().filter(|_| matches!(url.scheme(), "http" | "https")) else {
            return Err(refused("it must be http or https, with a host"));
        };
        let label = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        let mut headers = headers.to_vec();
        headers.push(("content-type".to_owned(), "application/json".to_owned()));
        headers.push(("accept".to_owned(), "application/json".to_owned()));
        if !url.username().is_empty() || url.password().is_some() {
            headers.push(("authorization".to_owned(), basic_authentication(&url)));
        }
        url.set_username("").map_err(|()| refused("the user name cannot be used"))?;
        url.set_password(None).map_err(|()| refused("the password cannot be used"))?;
        url.set_fragment(None);
        Ok(Self { client, url, headers, limits, label })
    }

    /// The host, and the port if the URL names one.
    pub fn label(&self) -> &str {
        &self.label
    }

    fn url_below(&self, path: &str, query: &[(String, String)]) -> Url {
        let mut url = self.url.clone();
        url.set_path(&format!("{}{path}", self.url.path().trim_end_matches('/')));
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    async fn ask(&self, question: &Question) -> Result<Answer, String> {
        let response = match question {
            Question::JsonRpc(body) => self.post(self.url.as_str(), body).await,
            Question::Post { path, body } => {
                self.post(self.url_below(path, &[]).as_str(), body).await
            }
            Question::Get { path, query } => {
                let url = self.url_below(path, query);
                self.client.get(url.as_str(), &self.headers, self.limits).await
            }
            Question::GetText { path } => {
                let url = self.url_below(path, &[]);
                self.client.get(url.as_str(), &self.text_headers(), self.limits).await
            }
            Question::PostText { path, text } => {
                let (url, bytes) = (self.url_below(path, &[]), text.clone().into_bytes());
                self.client.post(url.as_str(), &self.text_headers(), bytes, self.limits).await
            }
        };
        let response = response.map_err(|error| match error {
            SendError::Refused(why) | SendError::Unreachable(why) => why,
        })?;
        let answer = match question {
            Question::GetText { .. } | Question::PostText { .. } => read_text(&response)?,
            Question::JsonRpc(_) | Question::Post { .. } | Question::Get { .. } => {
                read_answer(&response)?
            }
        };
        if let Question::JsonRpc(request) = question {
            let answers = json_rpc::read_answers(request, &answer.body)?;
            if !is_success(answer.status) && answers.iter().all(Result::is_ok) {
                return Err(format!("HTTP {} with a result", answer.status));
            }
        }
        Ok(answer)
    }

    /// The headers with the kinds of content exchanged for those of texts.
    fn text_headers(&self) -> Vec<(String, String)> {
        let of_content = |name: &str| ["content-type", "accept"].contains(&name);
        let kept = self.headers.iter().filter(|(name, _)| !of_content(name));
        let mut headers: Vec<(String, String)> = kept.cloned().collect();
        headers.push(("content-type".to_owned(), "text/plain".to_owned()));
        headers
    }

    async fn post(&self, url: &str, body: &Value) -> Result<Response, SendError> {
        self.client.post(url, &self.headers, body.to_string().into_bytes(), self.limits).await
    }
}

impl Transport for Endpoint {
    fn send<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Result<Answer, Unreachable>> {
        Box::pin(async move {
            let answer = self.ask(question).await;
            answer.map_err(|why| Unreachable(format!("{}: {why}", self.label)))
        })
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Endpoint").field("label", &self.label).finish_non_exhaustive()
    }
}

fn basic_authentication(url: &Url) -> String {
    let mut pair: Vec<u8> = percent_decode_str(url.username()).collect();
    pair.push(b':');
    pair.extend(percent_decode_str(url.password().unwrap_or_default()));
    format!("Basic {}", BASE64.encode(pair))
}

/// Statuses that say "not by me, not now" rather than what the node thinks of the question: payment,
/// proxies, rate limits and gateways.
const NOT_AN_ANSWER: &[u16] = &[402, 407, 408, 425, 429, 502, 503, 504];

/// How it is said that a node answered and did not let us in.
pub const ACCESS_REFUSED: &str =
    "it refuses the user, the password or the access key, or allows this call to others only";

fn is_success(status: u16) -> bool {
    (200..300).contains(&status)
}

fn read_answer(response: &Response) -> Result<Answer, String> {
    let (status, bytes) = whole_answer(response)?;
    match serde_json::from_slice(bytes) {
        Ok(body) => Ok(Answer { status, body }),
        Err(_) => Err(format!("HTTP {status}, not JSON")),
    }
}

fn read_text(response: &Response) -> Result<Answer, String> {
    let (status, bytes) = whole_answer(response)?;
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(Answer { status, body: Value::String(text.to_owned()) }),
        Err(_) => Err(format!("HTTP {status}, not a text")),
    }
}

/// The status and the body, if it is all there and its status is one of an answer.
fn whole_answer(response: &Response) -> Result<(u16, &[u8]), String> {
    let status = response.status;
    if response.body_cut {
        return Err(format!("HTTP {status}, more than {} bytes", response.body.len()));
    }
    if status == 401 || status == 403 {
        return Err(format!("HTTP {status}: {ACCESS_REFUSED}"));
    }
    if NOT_AN_ANSWER.contains(&status) || (!is_success(status) && status < 400) {
        return Err(format!("HTTP {status}"));
    }
    Ok((status, &response.body))
}
