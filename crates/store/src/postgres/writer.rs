//! The task that writes commits. Those that wait at the same time are written in one transaction, and
//! each stands or falls by itself.

use std::panic::AssertUnwindSafe;

use deadpool_postgres::{Client, Pool};
use domain::ports::{ChangeSet, CommitError};
use futures_util::FutureExt as _;
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

use super::{OPERATION_MAX, loan::Loan, session::Asked};
use crate::{error::Fault, queries::write};

/// How many commits share a transaction at most.
const TOGETHER_MAX: usize = 64;
/// How many commits may wait; whoever comes then waits for a place.
const QUEUE_MAX: usize = 1_024;
/// How often a transaction is tried again that the database ended because of others.
const TRIES_MAX: u32 = 5;

/// What became of a commit.
type Written = Result<(), CommitError>;

/// A commit that waits, and whom to tell.
struct Waiting {
    change: ChangeSet,
    answer: oneshot::Sender<Written>,
}

/// The way to the task, which ends when that is dropped.
pub(crate) struct Writer {
    queue: mpsc::Sender<Waiting>,
}

impl Writer {
    /// Starts the task.
    pub(crate) fn start(pool: Pool) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE_MAX);
        tokio::spawn(serve(pool, waiting));
        Self { queue }
    }

    /// Writes one change set as a whole, or nothing of it.
    pub(crate) async fn commit(&self, change: ChangeSet) -> Written {
        let (answer, written) = oneshot::channel();
        let sent = self.queue.send(Waiting { change, answer }).await;
        sent.map_err(|_| CommitError::Unreachable)?;
        // No answer is a bug in the task: whoever asked looks again at what is stored.
        written.await.unwrap_or(Err(CommitError::Unreachable))
    }
}

/// Writes what waits until nobody can ask any more.
async fn serve(pool: Pool, mut waiting: mpsc::Receiver<Waiting>) {
    let mut some = Vec::with_capacity(TOGETHER_MAX);
    while waiting.recv_many(&mut some, TOGETHER_MAX).await > 0 {
        let (changes, answers): (Vec<_>, Vec<_>) =
            some.drain(..).map(|it| (it.change, it.answer)).unzip();
        let written = commit_all(&pool, &changes).await;
        for (answer, written) in answers.into_iter().zip(written) {
            // Whoever asked may be gone; what was written stands.
            let _ = answer.send(written);
        }
    }
}

/// Why some commits were not written together.
enum Failure {
    /// One of them cannot be.
    Of(usize, Fault),
    /// Nothing was written.
    Nothing(Fault),
    /// All of it was written or nothing.
    Unknown(Fault),
}

/// Writes several change sets in one transaction, each on top of those before it. One that cannot be
/// written is left out; if it is not known which one, each is written by itself.
async fn commit_all(pool: &Pool, changes: &[ChangeSet]) -> Vec<Written> {
    let mut written = vec![Ok(()); changes.len()];
    loop {
        let left: Vec<usize> = (0..changes.len()).filter(|it| written[*it].is_ok()).collect();
        let some: Vec<&ChangeSet> = left.iter().map(|it| &changes[*it]).collect();
        match commit_together(pool, &some).await {
            Ok(()) => return written,
            Err(Failure::Of(place, fault)) => written[left[place]] = Err(fault.refusal()),
            Err(Failure::Unknown(fault)) => {
                for it in left {
                    written[it] = Err(fault.refusal());
                }
                return written;
            }
            Err(Failure::Nothing(fault)) if left.len() <= 1 || fault.is_lost() => {
                for it in left {
                    written[it] = Err(fault.refusal());
                }
                return written;
            }
            Err(Failure::Nothing(_)) => {
                for place in left {
                    written[place] = Box::pin(commit_all(pool, &changes[place..=place])).await[0];
                }
                return written;
            }
        }
    }
}

/// Writes change sets in one transaction. One that the database ended because of others is tried
/// again.
async fn commit_together(pool: &Pool, changes: &[&ChangeSet]) -> Result<(), Failure> {
    if changes.is_empty() {
        return Ok(());
    }
    let mut tries = 1;
    loop {
        // A bug in writing one of them must not end the task: nothing is committed after it.
        let attempt = caught(transaction(pool, changes), || Err(Failure::Nothing(Fault::Bug)));
        match timeout(OPERATION_MAX, attempt).await {
            Err(_) => return Err(Failure::Unknown(Fault::Silent)),
            Ok(Err(Failure::Nothing(fault))) if fault.is_crossed() && tries < TRIES_MAX => {
                tries += 1;
            }
            Ok(done) => return done,
        }
    }
}

/// What a future gives, or something else if it panics.
async fn caught<T>(future: impl Future<Output = T>, otherwise: impl FnOnce() -> T) -> T {
    AssertUnwindSafe(future).catch_unwind().await.unwrap_or_else(|_| otherwise())
}

async fn transaction(pool: &Pool, changes: &[&ChangeSet]) -> Result<(), Failure> {
    let mut loan = Loan::of(pool).await.map_err(Failure::Nothing)?;
    let done = write_and_commit(loan.client(), changes).await;
    loan.end();
    done
}

async fn write_and_commit(client: &mut Client, changes: &[&ChangeSet]) -> Result<(), Failure> {
    let transaction = client.transaction().await.map_err(|it| Failure::Nothing(it.into()))?;
    let session = Asked(&transaction);
    let written = Box::pin(write::change_sets(&session, changes)).await;
    written.map_err(|(place, fault)| match place {
        Some(place) => Failure::Of(place, fault),
        None => Failure::Nothing(fault),
    })?;
    transaction.commit().await.map_err(|error| match Fault::from(error) {
        // Databases that find out at the end what crossed each other have written nothing then.
        fault if fault.is_crossed() => Failure::Nothing(fault),
        // A server that is told to stop may say so after it has committed.
        fault => Failure::Unknown(fault),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_answer() {
        let panics = async { panic!("a defect") };
        assert_eq!(sim::conformance::ready(caught(panics, || 7)), 7);
        assert_eq!(sim::conformance::ready(caught(async { 1 }, || 7)), 1);
    }
}
