//! Suites that every implementation of a port must pass.

pub mod rail;
pub mod rates;
pub mod store;

/// Waits for the result of a future that needs nothing but threads of its own.
pub fn ready<T>(future: impl Future<Output = T>) -> T {
    futures_executor::block_on(future)
}
