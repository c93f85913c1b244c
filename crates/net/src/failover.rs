//! One transport made of several.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::transport::{Answer, BoxFuture, Question, Transport, Unreachable};

/// Asks the endpoint that answered last; while one is unreachable, the next, each at most once per
/// question.
///
/// A question may therefore reach several nodes, so it must be safe to repeat. An error of a node
/// is an answer and ends the search: another node asked until one likes the question would hide
/// what the first one knew.
pub struct Failover {
    endpoints: Vec<Arc<dyn Transport>>,
    current: AtomicUsize,
}

impl Failover {
    /// `endpoints` in the order of preference. Without any, every question is unreachable.
    pub fn new(endpoints: Vec<Arc<dyn Transport>>) -> Self {
        Self { endpoints, current: AtomicUsize::new(0) }
    }

    async fn ask(&self, question: &Question) -> Result<Answer, Unreachable> {
        let start = self.current.load(Ordering::Relaxed);
        let mut failures = Vec::new();
        for (position, endpoint) in in_turn(&self.endpoints, start) {
            match endpoint.send(question).await {
                Ok(answer) => {
                    self.current.store(position, Ordering::Relaxed);
                    return Ok(answer);
                }
                Err(Unreachable(why)) => {
                    tracing::warn!(endpoint = position, %why, "endpoint unreachable");
                    failures.push(why);
                }
            }
        }
        if failures.is_empty() {
            failures.push("no endpoint is configured".to_owned());
        }
        Err(Unreachable(failures.join("; ")))
    }
}

/// All items with their positions, beginning at `start` and wrapping around.
fn in_turn<T>(items: &[T], start: usize) -> impl Iterator<Item = (usize, &T)> {
    items.iter().enumerate().cycle().skip(start).take(items.len())
}

impl Transport for Failover {
    fn send<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Result<Answer, Unreachable>> {
        Box::pin(self.ask(question))
    }
}
