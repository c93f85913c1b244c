//! Running futures by hand, one poll at a time.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, Waker},
};

use crate::faults::{Fault, Faults};

/// Lets others run before going on. Wherever this waits, the process may die.
pub(crate) async fn pause() {
    Pause(1).await;
}

/// Lets others run, perhaps for so long that what was known has become old.
pub(crate) async fn pause_or_stall(faults: &Faults) {
    let turns = if faults.strikes(Fault::SlowWorker) { 3 + faults.below(30) } else { 1 };
    Pause(turns).await;
}

/// Waits for so many turns.
pub(crate) async fn pause_for(turns: u64) {
    Pause(turns).await;
}

struct Pause(u64);

impl Future for Pause {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        match self.0.checked_sub(1) {
            Some(left) => {
                self.0 = left;
                // Whoever runs several futures polls those that ask for it.
                context.waker().wake_by_ref();
                Poll::Pending
            }
            None => Poll::Ready(()),
        }
    }
}

/// Polls once.
pub(crate) fn poll<T>(future: &mut Pin<Box<dyn Future<Output = T> + Send>>) -> Poll<T> {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

/// Polls to the end.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    loop {
        let polled = future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        if let Poll::Ready(value) = polled {
            return value;
        }
    }
}
