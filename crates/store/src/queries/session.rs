//! What the queries need of a database: to be asked within one transaction.

use super::{
    table::Write,
    value::{Record, Value},
};
use crate::error::Fault;

/// A transaction of a database.
///
/// Statements are written with numbered places (`?1`). Where the answers come over a network, those
/// to questions that are polled together come together: asking many is one wait, not many.
pub(crate) trait Session {
    /// What the end of a question says so that the rows it finds are not changed by others until the
    /// transaction ends; nothing where others cannot write meanwhile.
    const LOCKING: &'static str;

    /// Asks, and turns each row into something.
    async fn list<T>(
        &self,
        sql: &str,
        values: &[Value<'_>],
        turn: impl Fn(&dyn Record) -> Result<T, Fault>,
    ) -> Result<Vec<T>, Fault>;

    /// Asks, and turns the first row, if there is one, into something.
    async fn first<T>(
        &self,
        sql: &str,
        values: &[Value<'_>],
        turn: impl Fn(&dyn Record) -> Result<T, Fault>,
    ) -> Result<Option<T>, Fault>;

    /// Writes rows, each after those before it. Whatever is refused, the transaction must not be
    /// committed then.
    async fn write(&self, writes: Vec<Write<'_>>) -> Result<(), Fault>;
}
