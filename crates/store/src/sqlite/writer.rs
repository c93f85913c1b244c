//! The thread that writes commits. Those that wait at the same time are written one after another in
//! one transaction, and each stands or falls by itself.
//!
//! What makes a commit slow is waiting until it is on the disk, which takes as long for one as for
//! many. Nobody is answered before it is there.

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread::{self, JoinHandle},
};

use domain::ports::{ChangeSet, CommitError};
use rusqlite::TransactionBehavior;
use tokio::sync::{mpsc, oneshot};

use super::{
    disk::Mark,
    open::Connections,
    session::{Transaction, at_once},
};
use crate::{error::Fault, queries::write};

/// How many commits share a transaction at most.
const TOGETHER_MAX: usize = 64;
/// How many commits may wait; whoever comes then waits for a place.
const QUEUE_MAX: usize = 1_024;

/// What became of a commit.
type Written = Result<(), CommitError>;

/// A commit that waits, and whom to tell.
struct Waiting {
    change: ChangeSet,
    answer: oneshot::Sender<Written>,
}

/// The way to the thread. Whoever drops it waits until all is written, so that the file is closed
/// when the store is gone.
pub(crate) struct Writer {
    queue: Option<mpsc::Sender<Waiting>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread.
    pub(crate) fn start(connections: Arc<Connections>) -> io::Result<Self> {
        let (queue, waiting) = mpsc::channel(QUEUE_MAX);
        let thread = thread::Builder::new().name("writer".to_owned());
        let thread = thread.spawn(move || serve(&connections, waiting))?;
        Ok(Self { queue: Some(queue), thread: Some(thread) })
    }

    /// Writes one change set as a whole, or nothing of it.
    pub(crate) async fn commit(&self, change: ChangeSet) -> Written {
        let (answer, written) = oneshot::channel();
        let queue = self.queue.as_ref().ok_or(CommitError::Unreachable)?;
        let sent = queue.send(Waiting { change, answer }).await;
        sent.map_err(|_| CommitError::Unreachable)?;
        // No answer is a bug in the thread: whoever asked looks again at what is stored.
        written.await.unwrap_or(Err(CommitError::Unreachable))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            // It catches what the code below it fails on, so there is nothing to pass on.
            let _ = thread.join();
        }
    }
}

/// Writes what waits until nobody can ask any more.
fn serve(connections: &Connections, mut waiting: mpsc::Receiver<Waiting>) {
    let mut some = Vec::with_capacity(TOGETHER_MAX);
    while waiting.blocking_recv_many(&mut some, TOGETHER_MAX) > 0 {
        let (changes, answers): (Vec<_>, Vec<_>) =
            some.drain(..).map(|it| (it.change, it.answer)).unzip();
        let all = commit_all(connections, &changes);
        for (answer, written) in answers.into_iter().zip(all) {
            // Whoever asked may be gone; what was written stands.
            let _ = answer.send(written);
        }
    }
}

/// Writes several change sets with one write to the disk. Each sees those before it. One that cannot
/// be written is left out, and the others are written again without it: that is rare, and savepoints
/// would cost each of them more than that.
fn commit_all(connections: &Connections, changes: &[ChangeSet]) -> Vec<Written> {
    let mut all = vec![Ok(()); changes.len()];
    loop {
        let written = transaction(connections, changes, &all);
        let kept = written.and_then(|it| connections.keep(it).map_err(|it| (None, it.refusal())));
        match kept {
            Ok(()) => return all,
            Err((Some(place), why)) => all[place] = Err(why),
            Err((None, why)) => {
                all.iter_mut().filter(|it| it.is_ok()).for_each(|it| *it = Err(why));
            }
        }
    }
}

/// Writes those that were not refused before, and says what the disk must have before anybody is told.
/// If it fails, nothing is written; says which one it failed for, unless it was for all of them.
fn transaction(
    connections: &Connections,
    changes: &[ChangeSet],
    refused: &[Written],
) -> Result<Option<Mark>, (Option<usize>, CommitError)> {
    let for_all = |error: rusqlite::Error| (None, Fault::from(error).refusal());
    if refused.iter().all(Result::is_err) {
        return Ok(None);
    }
    let mut connection = connections.writer();
    let begun = connection.transaction_with_behavior(TransactionBehavior::Immediate);
    let transaction = begun.map_err(for_all)?;
    let session = Transaction(&transaction);
    for (place, change) in changes.iter().enumerate().filter(|it| refused[it.0].is_ok()) {
        let written =
            catch_unwind(AssertUnwindSafe(|| at_once(write::change_set(&session, change))));
        let written = written.unwrap_or_else(|_| Err(Fault::Bug));
        written.map_err(|fault| (Some(place), fault.refusal()))?;
    }
    connections.commit(transaction).map_err(|fault| (None, fault.refusal()))
}
