//! Copying the state of a gateway from one database to another of whatever kind, and proving that it
//! is the same.
//!
//! All of it is written in one transaction of the target, so that nothing half copied can be left.
//! Before that is committed, both sides are read again, row by row, and what the ledger says is added
//! up.

mod compare;
mod end;
mod error;
mod ledger;
mod moved;
mod row;
mod table;

use std::time::Duration;

pub use end::End;
pub use error::CopyError;

use crate::{error::StoreError, migrations::Unfit};
use end::Begun;
use table::{COPIED, Copied};

/// How far a copy has come.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// What is being done.
    pub step: Step,
    /// The table.
    pub table: &'static str,
    /// How many rows of it that is done to.
    pub rows: u64,
}

/// What is done to a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It is written.
    Copying,
    /// It is read on both sides, and compared.
    Comparing,
}

/// A table that is the same on both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The table.
    pub table: &'static str,
    /// How many rows it has.
    pub rows: u64,
    /// What all of them hash to: see `crates/store/README.md`.
    pub sha256: String,
}

/// Copies everything but leases from one database to another, which is made if it is not there, and
/// must hold nothing. Nobody can write to either meanwhile. The one that is copied from is closed in the
/// end, just before the other holds anything that counts: nobody can write to it, or start with it. See
/// [`reopen`]. If that was all that happened, copying again to the same one ends it.
///
/// Leases are watched for so long before anything is done: one that moves is one of a gateway at work.
///
/// # Errors
/// Says which side it is about, and what to do; unless it is [`CopyError::Uncertain`], the target holds
/// nothing then.
pub async fn copy(
    from: &End,
    to: &End,
    watched: Duration,
    mut tell: impl FnMut(Progress),
) -> Result<Vec<Proof>, CopyError> {
    if from.is(to) {
        return Err(CopyError::Same { database: from.name() });
    }
    let there = to.place().await?;
    let mut source = from.connect_to_copy(&there).await?;
    source.must_be_idle(watched).await?;
    to.make().await?;
    let mut target = to.connect().await?;
    let target = target.begin_target().await?;
    target.must_be_empty().await?;
    let source = source.begin_source().await?;
    for table in COPIED.iter() {
        copy_table(&source, &target, table, &mut tell).await?;
    }
    let proofs = compare::compare(&source, &target, &mut tell).await?;
    target.go_on_counting().await?;
    source.close(&there).await?;
    target.commit().await?;
    Ok(proofs)
}

/// Lets a database be used again that everything was moved from.
///
/// # Errors
/// If it was not, or cannot be changed.
pub async fn reopen(database: &End) -> Result<(), CopyError> {
    let mut connected = match database.connect().await {
        Err(CopyError::Store(StoreError::Unfit { why: Unfit::Moved { .. }, .. })) => {
            database.reach().await?
        }
        Ok(_) => return Err(CopyError::NotMoved { database: database.name() }),
        Err(error) => return Err(error),
    };
    connected.begin_target().await?.reopen().await
}

async fn copy_table(
    source: &Begun<'_>,
    target: &Begun<'_>,
    table: &'static Copied,
    tell: &mut impl FnMut(Progress),
) -> Result<(), CopyError> {
    let mut copied = 0;
    for part in table.parts() {
        let mut after = None;
        loop {
            let page = source.page(table, *part, after.as_ref()).await?;
            let Some(last) = page.last() else { break };
            target.insert(table, &page).await?;
            copied += page.len() as u64;
            tell(Progress { step: Step::Copying, table: table.name(), rows: copied });
            after = Some(last.clone());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
