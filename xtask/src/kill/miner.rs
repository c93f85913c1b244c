//! Makes blocks by hand, so that the chain can be held still for as long as a scene takes.

use std::{
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use super::workload::lock;

/// A thread that makes blocks.
pub(crate) struct Miner {
    still: Arc<Mutex<()>>,
    is_over: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Miner {
    /// Starts it; it makes one by `mine` and waits for `pause`, again and again.
    pub(crate) fn start(pause: Duration, mine: impl Fn() + Send + 'static) -> Self {
        let (still, is_over) = (Arc::new(Mutex::new(())), Arc::new(AtomicBool::new(false)));
        let (hand, end) = (Arc::clone(&still), Arc::clone(&is_over));
        let thread = thread::spawn(move || {
            while !end.load(Ordering::SeqCst) {
                let held = lock(&hand);
                mine();
                drop(held);
                thread::sleep(pause);
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
