//! The imperative shell: load, decide, act, commit.
//!
//! The engine runs at its own pace: whoever owns the loop calls [`accept`], [`group`],
//! [`advance`], [`tend`], [`refuel`], [`deliver`], [`reconcile`] and
//! [`key_used_elsewhere`] with the current time. It spawns nothing, sleeps
//! nowhere and reads no clock, which is what lets the simulator drive it.
//!
//! Two invariants hold everywhere:
//!
//! * One load, one decision, one commit; a conflict means load again and decide again.
//! * Nothing is handed to the outside world that was not committed first.

mod accept;
mod advance;
mod deliver;
mod group;
mod kin;
mod reconcile;
mod refuel;
mod sign_together;
mod tend;

pub use accept::accept;
pub use advance::{Look, advance, look};
pub use deliver::deliver;
pub use group::group;
pub use kin::key_used_elsewhere;
pub use reconcile::reconcile;
pub use refuel::{Refueled, refuel};
pub use sign_together::sign_together;
pub use tend::tend;

use domain::{
    Timestamp,
    catalog::Catalog,
    lease::Fence,
    ports::{ChangeSet, CommitError, Rail, Signer, Store},
};

/// The outside world of one network's work.
#[derive(Clone, Copy)]
pub struct World<'a> {
    /// Networks and assets.
    pub catalog: &'a Catalog,
    /// Durable state.
    pub store: &'a dyn Store,
    /// The network.
    pub rail: &'a dyn Rail,
    /// The keys.
    pub signer: &'a dyn Signer,
    /// The lease that the work rests on, if others could do it too.
    pub fence: Option<&'a Fence>,
}

impl World<'_> {
    /// Stores what was decided, unless the work is somebody else's by now.
    ///
    /// # Errors
    /// As [`Store::commit`].
    pub async fn commit(&self, change: ChangeSet) -> Result<(), CommitError> {
        self.store.commit(fenced(change, self.fence)).await
    }
}

/// A change that rests on a lease, if there is one.
fn fenced(mut change: ChangeSet, fence: Option<&Fence>) -> ChangeSet {
    change.fences.extend(fence.cloned());
    change
}

/// What one call achieved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Something was decided and stored; call again at once.
    Advanced,
    /// Nothing to do before this moment.
    Idle(Timestamp),
}
