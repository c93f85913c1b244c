//! Outbound HTTP for Vyplata: webhooks to merchants and questions to nodes.
//!
//! Two kinds of destination, two kinds of trust:
//!
//! - A **webhook** goes where a merchant says. [`Client`] with a [`Guard`] of [`Reach::Public`]
//!   connects to public addresses only; what the operator permits beyond that is listed in the
//!   guard. The addresses are judged in the resolver that connects, so an answer cannot change
//!   between the check and the use. Redirects are answers, never followed; proxies are not used.
//! - A **node** is configured by the operator. [`Endpoint`] turns a [`Client`] (usually of
//!   [`Reach::Anywhere`]) and a URL into a [`Transport`]; [`Failover`] makes one transport of
//!   several; [`JsonRpc`] and [`Rest`] speak over any of them. In tests [`Transcript`] takes the
//!   place of the network, and [`Recorder`] writes the file that it replays.
//!
//! Everything is bounded: the time of an exchange, the bytes of an answer, the tries of a question.
//! Nothing here reads a clock or logs a URL: paths and queries of node URLs often hold access keys.
//!
//! The only errors are "this will never work" ([`SendError::Refused`]), "no usable answer"
//! ([`Unreachable`]) and "the node says no" ([`RpcError::Refused`]). After *unreachable* nobody
//! knows whether the other side acted, so only questions that are safe to repeat may be asked.

mod address;
mod client;
mod endpoint;
mod failover;
mod guard;
mod json_rpc;
mod node_error;
mod rest;
mod transcript;
mod transport;

pub use client::{BuildError, Client, Limits, Response, SendError, tls_config};
pub use endpoint::{ACCESS_REFUSED, Endpoint};
pub use failover::Failover;
pub use guard::{Guard, Reach, Refusal};
pub use json_rpc::{JsonRpc, RpcError};
pub use node_error::NodeError;
pub use rest::Rest;
pub use transcript::{Recorder, Transcript};
pub use transport::{Answer, BoxFuture, Question, Transport, Unreachable};
