//! JSON and texts over plain HTTP paths, for nodes that do not speak JSON-RPC (Tron, TON, Esplora).

use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::json_rpc::RpcError;
use crate::transport::{Question, Transport, Unreachable};

/// Asks paths of a node over any [`Transport`].
#[derive(Clone)]
pub struct Rest {
    transport: Arc<dyn Transport>,
}

impl Rest {
    /// A client over `transport`.
    pub fn new(transport: Arc<dyn Transport>) -> Self {
        Self { transport }
    }

    /// Posts `body` to `path` (starts with `/`).
    pub async fn post<T: DeserializeOwned>(&self, path: &str, body: Value) -> Result<T, RpcError> {
        self.ask(Question::Post { path: path.to_owned(), body }).await
    }

    /// Gets `path` (starts with `/`) with a query, whose values are encoded here.
    pub async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<T, RpcError> {
        let query = query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        self.ask(Question::Get { path: path.to_owned(), query: query.collect() }).await
    }

    /// Gets what `path` (starts with `/`) has, as a text.
    pub async fn get_text(&self, path: &str) -> Result<String, RpcError> {
        self.ask_text(Question::GetText { path: path.to_owned() }).await
    }

    /// Posts a text to `path` (starts with `/`); the answer is one too.
    pub async fn post_text(&self, path: &str, text: String) -> Result<String, RpcError> {
        self.ask_text(Question::PostText { path: path.to_owned(), text }).await
    }

    /// A status that is no success becomes [`RpcError::Refused`]: the code is the status, the
    /// message is the text.
    async fn ask_text(&self, question: Question) -> Result<String, RpcError> {
        let answer = self.transport.send(&question).await;
        let answer = answer.map_err(|Unreachable(why)| RpcError::Unreachable(why))?;
        let Value::String(text) = answer.body else {
            return Err(RpcError::Unreachable("not a text".to_owned()));
        };
        if (200..300).contains(&answer.status) {
            return Ok(text);
        }
        Err(RpcError::Refused { code: answer.status.into(), message: text, data: None })
    }

    /// A status that is no success, with a JSON body, becomes [`RpcError::Refused`]: the code is
    /// the status, the message is what the body calls error, the data is the body.
    async fn ask<T: DeserializeOwned>(&self, question: Question) -> Result<T, RpcError> {
        let answer = self.transport.send(&question).await;
        let answer = answer.map_err(|Unreachable(why)| RpcError::Unreachable(why))?;
        if !(200..300).contains(&answer.status) {
            let named = ["error", "message", "Error", "detail"];
            let message = named.iter().find_map(|name| answer.body.get(name)?.as_str());
            return Err(RpcError::Refused {
                code: answer.status.into(),
                message: message.unwrap_or_default().to_owned(),
                data: Some(answer.body),
            });
        }
        T::deserialize(&answer.body)
            .map_err(|error| RpcError::Unreachable(format!("unexpected answer: {error}")))
    }
}
