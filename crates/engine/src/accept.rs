//! The request path: commands in, outcomes out, one commit for all of them.

use domain::{
    Timestamp,
    accept::{Desk, Sitting, needs},
    command::{Accepted, Command, Refusal},
    ports::{CommitError, Store},
};

/// How often a slice is decided again when somebody else was first.
const CONFLICTS_MAX: u32 = 8;

/// Decides about a slice of commands in order, inside one transaction of the store.
///
/// The caller drains its queue into the slice, so that concurrency becomes batch size. When this
/// returns, every accepted payout is durable.
pub async fn accept(
    store: &dyn Store,
    desk: &Desk<'_>,
    commands: &[Command],
    now: Timestamp,
) -> Vec<Result<Accepted, Refusal>> {
    let needs = needs(desk, commands);
    for _ in 0..CONFLICTS_MAX {
        let mut outcomes = Vec::with_capacity(commands.len());
        let committed = store
            .accept(&needs, &mut |view| {
                let mut sitting = Sitting::new(view);
                outcomes = commands.iter().map(|it| sitting.decide(desk, it, now)).collect();
                sitting.end()
            })
            .await;
        match committed {
            Ok(()) => return outcomes,
            Err(CommitError::Conflict) => {}
            Err(CommitError::Overdrawn | CommitError::Unreachable) => break,
        }
    }
    let unknown = Refusal::Unavailable("the ledger did not answer; ask again");
    commands.iter().map(|_| Err(unknown.clone())).collect()
}
