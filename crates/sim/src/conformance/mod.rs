//! Suites that every implementation of a port must pass.

pub mod rail;
pub mod rates;
pub mod store;

use std::{
    pin::pin,
    task::{Context, Poll, Waker},
};

/// Takes the result of a future that is ready at once.
///
/// # Panics
/// If it is not: the ports that are tested here do their work when they are polled.
pub fn ready<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("the future is not ready at once"),
    }
}
