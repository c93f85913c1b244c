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

use crate::migrations::{Move, Unfit};
use end::{Begun, Connected};
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
/// must hold nothing. Nobody can write to either meanwhile.
///
/// Until the other one has everything, no gateway starts with it; and the one that is copied from is
/// closed just before that: nobody can write to it, or start with it (see [`reopen`]). If it ends in
/// between, both are closed, and copying again between the same two ends it.
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
    let (here, there) = (from.place().await?, to.place().await?);
    let (mut source, moved) = from.connect_source().await?;
    if let Some(moved) = &moved
        && moved.place != there
    {
        return Err(Unfit::Moved(moved.clone()).of(from.name()).into());
    }
    let leases = match &moved {
        None => Some(source.must_be_idle(watched).await?),
        Some(_) => None,
    };
    let (mut target, awaited) = to.connect_target(&here, moved.as_ref(), &from.name()).await?;
    must_be_another(&mut source, &awaited).await?;
    let target = target.begin_target().await?;
    let waits = target.must_wait_for(&awaited).await;
    waits.map_err(|it| if moved.is_some() { it.or_done(&from.name()) } else { it })?;
    let source = source.begin_source().await?;
    if let Some(leases) = &leases {
        source.must_be_idle_since(leases).await?;
    }
    // It counts once it is committed. Whether it can be done is known before hours were spent on it.
    let closing = Move { id: awaited.id.clone(), place: there };
    source.close(&closing, moved.is_some()).await?;
    for table in COPIED.iter() {
        copy_table(&source, &target, table, &mut tell).await?;
    }
    let proofs = compare::compare(&source, &target, &mut tell).await?;
    target.go_on_counting().await?;
    target.end_waiting(&awaited).await?;
    source.end("closing it").await?;
    target.commit().await?;
    Ok(proofs)
}

/// Refuses a source that was called otherwise, and is the target.
async fn must_be_another(source: &mut Connected, awaited: &Move) -> Result<(), CopyError> {
    let begun = source.begin_source().await?;
    if begun.mark().await? != Some(Unfit::Awaited(awaited.clone())) {
        return Ok(());
    }
    let database = begun.name.clone();
    begun.end_waiting(awaited).await?;
    begun.end("leaving it as it was").await?;
    Err(CopyError::Same { database })
}

/// Lets a database be used again that everything was moved from, while the one that it was moved to holds
/// nothing. Whoever would still end that move finds that it is over.
///
/// # Errors
/// If it was not moved there, that one holds something, or one of them cannot be changed.
pub async fn reopen(database: &End, moved_to: &End) -> Result<(), CopyError> {
    let (here, there) = (database.place().await?, moved_to.place().await?);
    let (mut connected, moved) = database.connect_source().await?;
    let Some(moved) = moved else {
        return Err(CopyError::NotMoved { database: database.name() });
    };
    if moved.place != there {
        return Err(Unfit::Moved(moved).of(database.name()).into());
    }
    let mut other = moved_to.connect_whatever_it_waits_for().await?;
    let other = other.begin_target().await?;
    other.must_be_empty().await.map_err(|it| it.or_done(&database.name()))?;
    other.wait_for_another(&here).await?;
    other.end("giving the move up").await?;
    let begun = connected.begin_target().await?;
    begun.close(&moved, true).await?;
    begun.reopen().await?;
    begun.end("opening what was moved").await
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
