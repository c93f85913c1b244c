//! The thread that writes commits. Those that wait at the same time are written one after another in
//! one transaction, and each stands or falls by itself.
//!
//! What makes a commit slow is waiting until it is on the disk, which takes as long for one as for
//! many. Nobody is answered before it is there.

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    slice,
    sync::Arc,
    thread::{self, JoinHandle},
};

use domain::ports::{ChangeSet, CommitError};
use rusqlite::TransactionBehavior;
use tokio::sync::{mpsc, oneshot};

use super::{open::Connections, write};
use crate::error::Fault;

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
        for (answer, written) in answers.into_iter().zip(commit_all(connections, &changes)) {
            // Whoever asked may be gone; what was written stands.
            let _ = answer.send(written);
        }
    }
}

/// Writes several change sets with one write to the disk. Each sees those before it. If they cannot
/// be written together, each is tried alone: one that ends the transaction, or on which the code
/// fails an assertion, must not take the others with it. Had any of them been written in spite of
/// that, its versions would make writing it again a conflict.
fn commit_all(connections: &Connections, changes: &[ChangeSet]) -> Vec<Written> {
    let together = catch_unwind(AssertUnwindSafe(|| transaction(connections, changes)));
    let refused = |why| vec![Err(why); changes.len()];
    match together {
        Ok(Ok(written)) => written,
        // Another process does not let anybody write.
        Ok(Err(fault)) if fault.is_busy() => refused(fault.refusal()),
        Ok(Err(_)) | Err(_) if changes.len() > 1 => {
            changes.iter().flat_map(|it| commit_all(connections, slice::from_ref(it))).collect()
        }
        Ok(Err(fault)) => refused(fault.refusal()),
        Err(_) => {
            tracing::error!("this is a bug: something cannot be written; report it");
            refused(CommitError::Unreachable)
        }
    }
}

fn transaction(connections: &Connections, changes: &[ChangeSet]) -> Result<Vec<Written>, Fault> {
    let mut connection = connections.writer();
    let mut transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut all = vec![];
    for change in changes {
        let savepoint = transaction.savepoint()?;
        let written = write::change_set(&savepoint, change);
        // Some faults, such as a full disk, end the transaction with all that is in it.
        if savepoint.is_autocommit() {
            return Err(written.err().unwrap_or(Fault::Conflict));
        }
        match written {
            Ok(()) => savepoint.commit()?,
            Err(_) => savepoint.finish()?,
        }
        all.push(written.map_err(|fault| fault.refusal()));
    }
    transaction.commit()?;
    Ok(all)
}
