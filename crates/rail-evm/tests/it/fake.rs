//! A node made of a function, for what real nodes cannot be asked to do.

use std::sync::atomic::{AtomicUsize, Ordering};

use net::{Answer, BoxFuture, Question, Transport, Unreachable};
use serde_json::{Value, json};

/// Answers each call by a function of method and parameters, and loses exchanges on demand.
pub(crate) struct Fake<F> {
    answer: F,
    asked: AtomicUsize,
    lose_from: usize,
}

impl<F: Fn(&str, &Value) -> Result<Value, Value> + Send + Sync> Fake<F> {
    /// A node that answers everything. An error is the whole error object.
    pub(crate) fn new(answer: F) -> Self {
        Self::losing(answer, usize::MAX)
    }

    /// A node that answers `lose_from` exchanges and no more.
    pub(crate) fn losing(answer: F, lose_from: usize) -> Self {
        Self { answer, asked: AtomicUsize::new(0), lose_from }
    }

    /// How many exchanges there were.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    fn one(&self, call: &Value) -> Value {
        match (self.answer)(call["method"].as_str().unwrap(), &call["params"]) {
            Ok(result) => json!({"jsonrpc": "2.0", "id": call["id"], "result": result}),
            Err(error) => json!({"jsonrpc": "2.0", "id": call["id"], "error": error}),
        }
    }
}

impl<F: Fn(&str, &Value) -> Result<Value, Value> + Send + Sync> Transport for Fake<F> {
    fn send<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Result<Answer, Unreachable>> {
        let Question::JsonRpc(request) = question else { panic!("{question:?}") };
        let position = self.asked.fetch_add(1, Ordering::Relaxed);
        let answer = if position >= self.lose_from {
            Err(Unreachable("lost".to_owned()))
        } else {
            let body = match request.as_array() {
                Some(calls) => calls.iter().map(|call| self.one(call)).collect(),
                None => self.one(request),
            };
            Ok(Answer { status: 200, body })
        };
        Box::pin(std::future::ready(answer))
    }
}
