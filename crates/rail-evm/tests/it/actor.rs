//! An endpoint that plays a part which can be changed, and remembers what it was asked.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use net::{Answer, BoxFuture, JsonRpc, Question, Transport, Unreachable};
use serde_json::{Value, json};

/// How a part answers a method and its parameters; an error is the whole error object.
type Part = Box<dyn Fn(&str, &Value) -> Result<Value, Value> + Send>;

/// An endpoint.
pub(crate) struct Actor {
    part: Mutex<Part>,
    asked: Mutex<Vec<String>>,
    exchanges: AtomicUsize,
    loses: AtomicUsize,
    is_silent: AtomicBool,
}

impl Actor {
    pub(crate) fn new(
        part: impl Fn(&str, &Value) -> Result<Value, Value> + Send + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            part: Mutex::new(Box::new(part)),
            asked: Mutex::default(),
            exchanges: AtomicUsize::new(0),
            loses: AtomicUsize::new(usize::MAX),
            is_silent: AtomicBool::new(false),
        })
    }

    /// Gives it another part.
    pub(crate) fn plays(
        &self,
        part: impl Fn(&str, &Value) -> Result<Value, Value> + Send + 'static,
    ) {
        *self.part.lock().unwrap() = Box::new(part);
    }

    /// Whether it answers nothing from here on.
    pub(crate) fn silent(&self, silent: bool) {
        self.is_silent.store(silent, Ordering::Relaxed);
    }

    /// Acts on one exchange, counted from zero, and loses the answer.
    pub(crate) fn loses(&self, exchange: usize) {
        self.loses.store(exchange, Ordering::Relaxed);
    }

    /// How many exchanges there were.
    pub(crate) fn exchanges(&self) -> usize {
        self.exchanges.load(Ordering::Relaxed)
    }

    /// What it was asked since the last look.
    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }

    /// Whether it was asked a method since the last look.
    pub(crate) fn was_asked(&self, method: &str) -> bool {
        self.asked().iter().any(|it| it == method)
    }

    pub(crate) fn client(self: &Arc<Self>) -> JsonRpc {
        JsonRpc::new(self.clone())
    }

    fn one(&self, call: &Value) -> Value {
        let method = call["method"].as_str().unwrap();
        self.asked.lock().unwrap().push(method.to_owned());
        match (self.part.lock().unwrap())(method, &call["params"]) {
            Ok(result) => json!({"jsonrpc": "2.0", "id": call["id"], "result": result}),
            Err(error) => json!({"jsonrpc": "2.0", "id": call["id"], "error": error}),
        }
    }
}

impl Transport for Actor {
    fn send<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Result<Answer, Unreachable>> {
        let Question::JsonRpc(request) = question else { panic!("{question:?}") };
        let exchange = self.exchanges.fetch_add(1, Ordering::Relaxed);
        let answer = if self.is_silent.load(Ordering::Relaxed) {
            Err(Unreachable("silent".to_owned()))
        } else {
            let body = match request.as_array() {
                Some(calls) => calls.iter().map(|call| self.one(call)).collect(),
                None => self.one(request),
            };
            let is_lost = exchange == self.loses.load(Ordering::Relaxed);
            if is_lost {
                Err(Unreachable("lost".to_owned()))
            } else {
                Ok(Answer { status: 200, body })
            }
        };
        Box::pin(std::future::ready(answer))
    }
}
