//! The seam between rails and the network: one question, one answer.

use std::fmt;
use std::pin::Pin;

use serde_json::Value;

/// A future that a trait object can return.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What is asked of a node. It names no host and holds no credentials.
#[derive(Clone, Debug, PartialEq)]
pub enum Question {
    /// A JSON-RPC 2.0 request or a batch of them, posted to the endpoint itself.
    JsonRpc(Value),
    /// JSON posted to a path below the endpoint.
    Post {
        /// Starts with `/`, without a query.
        path: String,
        /// The document sent.
        body: Value,
    },
    /// A path below the endpoint, fetched.
    Get {
        /// Starts with `/`, without a query.
        path: String,
        /// Names and values, not yet encoded.
        query: Vec<(String, String)>,
    },
    /// A path below the endpoint, fetched; the answer is a text, whatever it is.
    GetText {
        /// Starts with `/`, without a query.
        path: String,
    },
    /// A text posted to a path below the endpoint; the answer is one too.
    PostText {
        /// Starts with `/`, without a query.
        path: String,
        /// The text sent.
        text: String,
    },
}

/// What a node said.
///
/// Numbers that are neither `i64` nor `u64` are kept as the nearest `f64`, which prints decimals of
/// up to 15 significant digits (and every amount of satoshi) as they were written.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The HTTP status; 200 where there was no HTTP.
    pub status: u16,
    /// The document received; one JSON string if it was asked for as text.
    pub body: Value,
}

/// There is no usable answer, and nobody knows whether the node acted. The text is for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreachable(pub String);

impl fmt::Display for Unreachable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "unreachable: {}", self.0)
    }
}

impl std::error::Error for Unreachable {}

/// Something that takes a question to a node: an endpoint, several of them, a transcript, a fake.
pub trait Transport: Send + Sync {
    /// Asks once. An error of the node itself is an [`Answer`].
    fn send<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Result<Answer, Unreachable>>;
}
