//! Makes blocks by hand, so that the chain can be held still for as long as a scene takes.

use std::{
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use super::chain;
use crate::kill::{node::Node, workload::lock};

/// How long it is from one block to the next.
const PAUSE: Duration = Duration::from_millis(200);

/// A thread that makes blocks.
pub(crate) struct Miner {
    still: Arc<Mutex<()>>,
    is_over: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Miner {
    /// Starts it.
    pub(crate) fn start(node: &Arc<Node>) -> Self {
        let (still, is_over) = (Arc::new(Mutex::new(())), Arc::new(AtomicBool::new(false)));
        let (node, hand, end) = (Arc::clone(node), Arc::clone(&still), Arc::clone(&is_over));
        let thread = thread::spawn(move || {
            while !end.load(Ordering::SeqCst) {
                let held = lock(&hand);
                // A node that does not answer is found out by whoever asks it for something.
                drop(chain::mine(&node));
                drop(held);
                thread::sleep(PAUSE);
            }
        });
        Self { still, is_over, thread: Some(thread) }
    }

    /// Makes no block until what is returned is dropped.
    pub(crate) fn hold(&self) -> MutexGuard<'_, ()> {
        lock(&self.still)
    }
}

impl Drop for Miner {
    /// Its thread holds the node too, and would let it live on.
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            // A thread that panicked holds nothing any more.
            drop(thread.join());
        }
    }
}
