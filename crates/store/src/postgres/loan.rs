//! A connection for the time of one operation.

use deadpool_postgres::{Client, Object, Pool};

use crate::error::Fault;

/// A connection that goes back to the others when its operation has ended. One whose operation was
/// abandoned in the middle is closed instead: whoever had it next would wait for what it still waits
/// for.
pub(crate) struct Loan(Option<Client>);

impl Loan {
    /// Takes one that is free, or makes one.
    pub(crate) async fn of(pool: &Pool) -> Result<Self, Fault> {
        Ok(Self(Some(pool.get().await?)))
    }

    /// The connection.
    pub(crate) fn client(&mut self) -> &mut Client {
        self.0.as_mut().expect("it is there until the end")
    }

    /// The operation has ended, well or not.
    pub(crate) fn end(mut self) {
        self.0 = None;
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        if let Some(client) = self.0.take() {
            drop(Object::take(client));
        }
    }
}
