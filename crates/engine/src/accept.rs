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
///
/// # Errors
/// If nothing is known to be decided, about any of them.
pub async fn accept(
    store: &dyn Store,
    desk: &Desk<'_>,
    commands: &[Command],
    now: Timestamp,
) -> Result<Vec<Result<Accepted, Refusal>>, CommitError> {
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
            Ok(()) => return Ok(outcomes),
            Err(CommitError::Conflict) => {}
            Err(error) => return Err(error),
        }
    }
    Err(CommitError::Conflict)
}
