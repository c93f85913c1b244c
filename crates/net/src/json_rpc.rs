//! JSON-RPC 2.0 (<https://www.jsonrpc.org/specification>) over any [`Transport`].
//!
//! Bitcoin Core's older shape, where `result` and `error` are both there and one is null, is
//! understood as well.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::transport::{Question, Transport, Unreachable};

/// Why a call has no result.
#[derive(Clone, Debug, PartialEq)]
pub enum RpcError {
    /// No answer to this call: nobody knows whether the node acted.
    Unreachable(String),
    /// The node answered this very call with an error.
    Refused {
        /// The node's error code (the HTTP status for [`crate::Rest`]).
        code: i64,
        /// The node's words.
        message: String,
        /// What else the node said, as it was.
        data: Option<Value>,
    },
}

impl fmt::Display for RpcError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(why) => write!(formatter, "unreachable: {why}"),
            Self::Refused { code, message, data: _ } => {
                write!(formatter, "refused by the node: {message} ({code})")
            }
        }
    }
}

impl std::error::Error for RpcError {}

/// A JSON-RPC client. Ids count up from 1, so an answer that belongs to another call is noticed.
pub struct JsonRpc {
    transport: Arc<dyn Transport>,
    id_next: AtomicU64,
}

impl JsonRpc {
    /// A client over `transport`.
    pub fn new(transport: Arc<dyn Transport>) -> Self {
        Self { transport, id_next: AtomicU64::new(1) }
    }

    /// Calls `method` and reads its result as a `T`. A result of another shape is
    /// [`RpcError::Unreachable`]: the node is not one that we understand.
    pub async fn call<T: DeserializeOwned>(
        &self,
        method: &str,
        params: Value,
    ) -> Result<T, RpcError> {
        let question = Question::JsonRpc(self.request(method, params));
        let mut results = self.ask(&question).await?;
        results.pop().unwrap_or_else(|| Err(RpcError::Unreachable("no answer".to_owned())))
    }

    /// Makes several calls in one exchange. The results come in the order of `calls`; the outer
    /// error means that the exchange failed and no call has an answer.
    pub async fn batch<T: DeserializeOwned>(
        &self,
        calls: Vec<(&str, Value)>,
    ) -> Result<Vec<Result<T, RpcError>>, RpcError> {
        if calls.is_empty() {
            return Ok(Vec::new());
        }
        let requests = calls.into_iter().map(|(method, params)| self.request(method, params));
        self.ask(&Question::JsonRpc(Value::Array(requests.collect()))).await
    }

    fn request(&self, method: &str, params: Value) -> Value {
        let id = self.id_next.fetch_add(1, Ordering::Relaxed);
        let mut request = json!({"jsonrpc": "2.0", "id": id, "method": method});
        request["params"] = params;
        request
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        question: &Question,
    ) -> Result<Vec<Result<T, RpcError>>, RpcError> {
        let Question::JsonRpc(request) = question else {
            return Err(RpcError::Unreachable("not a JSON-RPC question".to_owned()));
        };
        let answer = self.transport.send(question).await;
        let answer = answer.map_err(|Unreachable(why)| RpcError::Unreachable(why))?;
        let answers = read_answers(request, &answer.body).map_err(RpcError::Unreachable)?;
        let decode = |result| {
            T::deserialize(result)
                .map_err(|error| RpcError::Unreachable(format!("unexpected result: {error}")))
        };
        Ok(answers.into_iter().map(|answer| answer.and_then(decode)).collect())
    }
}

/// What a response says to each call of a request, in the order of the calls.
///
/// The error describes a response that is no answer to this request: another shape, other ids,
/// calls left out or answered twice. An error without an id counts as such, because gateways
/// (rate limits, bad requests) send it and it says nothing about a call.
pub(crate) fn read_answers<'a>(
    request: &Value,
    response: &'a Value,
) -> Result<Vec<Result<&'a Value, RpcError>>, String> {
    let (Value::Array(calls), Value::Array(answers)) = (request, response) else {
        return Ok(vec![read_answer(request, response)?]);
    };
    if calls.len() != answers.len() {
        return Err(format!("{} answers to {} calls", answers.len(), calls.len()));
    }
    let answer_to = |call: &Value| {
        let id = call.get("id");
        let found = answers.iter().find(|answer| answer.get("id") == id);
        read_answer(call, found.ok_or("a call of the batch has no answer")?)
    };
    calls.iter().map(answer_to).collect()
}

fn read_answer<'a>(call: &Value, answer: &'a Value) -> Result<Result<&'a Value, RpcError>, String> {
    let Value::Object(fields) = answer else {
        return Err("not a JSON-RPC answer".to_owned());
    };
    let error = fields.get("error").filter(|error| !error.is_null());
    let belongs = fields.get("id").is_some_and(|id| Some(id) == call.get("id"));
    if !belongs {
        let shown = error.map(|error| format!(": {}", shorten(&error.to_string())));
        return Err(format!("the answer has another id{}", shown.unwrap_or_default()));
    }
    match (fields.get("result"), error) {
        (Some(result), None) => Ok(Ok(result)),
        (None | Some(Value::Null), Some(error)) => {
            let Some(code) = error.get("code").and_then(Value::as_i64) else {
                return Err(format!("an error without a code: {}", shorten(&error.to_string())));
            };
            let message = error.get("message").and_then(Value::as_str).unwrap_or_default();
            let data = error.get("data").cloned();
            Ok(Err(RpcError::Refused { code, message: message.to_owned(), data }))
        }
        (None, None) => Err("neither result nor error".to_owned()),
        (Some(_), Some(_)) => Err("both result and error".to_owned()),
    }
}

/// The beginning of a foreign text, for people.
fn shorten(text: &str) -> String {
    text.chars().take(200).collect()
}
