//! What the queries need of a database: to be asked within one transaction.

use futures_util::future::{join, join_all, join3, join4};

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

    /// Asks what has one answer at most, and turns that, if there is one, into something.
    async fn first<T>(
        &self,
        sql: &str,
        values: &[Value<'_>],
        turn: impl Fn(&dyn Record) -> Result<T, Fault>,
    ) -> Result<Option<T>, Fault> {
        Ok(self.list(sql, values, turn).await?.into_iter().next())
    }

    /// Asks the same with each of several sets of values, in their order, and turns the first row of
    /// each answer, if there is one, into something.
    async fn each<T>(
        &self,
        sql: &str,
        sets: &[Vec<Value<'_>>],
        turn: impl Fn(&dyn Record) -> Result<T, Fault>,
    ) -> Result<Vec<Option<T>>, Fault>;

    /// Writes rows, each after those before it. Whatever is refused, the transaction must not be
    /// committed then.
    async fn write(&self, writes: Vec<Write<'_>>) -> Result<(), Fault>;
}

/// The answers to questions that are asked together.
///
/// If some fail, says why the first of them did: within a transaction, whatever is asked after a
/// question that failed fails because of that.
pub(crate) async fn all<T>(
    asked: impl IntoIterator<Item = impl Future<Output = Result<T, Fault>>>,
) -> Result<Vec<T>, Fault> {
    join_all(asked).await.into_iter().collect()
}

/// [`all`] of two.
pub(crate) async fn two<A, B>(
    a: impl Future<Output = Result<A, Fault>>,
    b: impl Future<Output = Result<B, Fault>>,
) -> Result<(A, B), Fault> {
    let (a, b) = join(a, b).await;
    Ok((a?, b?))
}

/// [`all`] of three.
pub(crate) async fn three<A, B, C>(
    a: impl Future<Output = Result<A, Fault>>,
    b: impl Future<Output = Result<B, Fault>>,
    c: impl Future<Output = Result<C, Fault>>,
) -> Result<(A, B, C), Fault> {
    let (a, b, c) = join3(a, b, c).await;
    Ok((a?, b?, c?))
}

/// [`all`] of four.
pub(crate) async fn four<A, B, C, D>(
    a: impl Future<Output = Result<A, Fault>>,
    b: impl Future<Output = Result<B, Fault>>,
    c: impl Future<Output = Result<C, Fault>>,
    d: impl Future<Output = Result<D, Fault>>,
) -> Result<(A, B, C, D), Fault> {
    let (a, b, c, d) = join4(a, b, c, d).await;
    Ok((a?, b?, c?, d?))
}

#[cfg(test)]
mod tests {
    use std::task::Poll;

    use futures_util::{FutureExt as _, future::poll_fn};

    use super::*;

    #[test]
    fn of_several_failures_the_first_question_s_is_told_whichever_is_known_first() {
        let late = |fault: fn() -> Fault| {
            let mut polled = false;
            poll_fn(move |context| {
                context.waker().wake_by_ref();
                if std::mem::replace(&mut polled, true) { Poll::Ready(()) } else { Poll::Pending }
            })
            .map(move |()| Err::<(), Fault>(fault()))
        };
        let at_once = || std::future::ready(Err::<(), Fault>(Fault::Bug));
        let told = sim::conformance::ready(two(late(|| Fault::Overdrawn), at_once()));
        assert!(matches!(told, Err(Fault::Overdrawn)));
        let asked = [late(|| Fault::Conflict).boxed(), at_once().boxed()];
        let told = sim::conformance::ready(all(asked));
        assert!(matches!(told, Err(Fault::Conflict)));
    }
}
