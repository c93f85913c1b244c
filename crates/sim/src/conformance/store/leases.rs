//! Leases, and changes that rest on them.

use domain::{
    lane::Lane,
    lease::{Fence, Lease},
    ports::{ChangeSet, CommitError, Store},
};

use super::fixtures;
use crate::conformance::ready;

fn lease(name: &str, token: u64, version: u64) -> Lease {
    Lease { name: name.to_owned(), holder: Some("one".to_owned()), token, version }
}

fn takes(lease: &Lease) -> ChangeSet {
    ChangeSet { leases: vec![lease.clone()], ..ChangeSet::default() }
}

/// A change that can be told to have been written, and rests on leases.
fn resting(version: u64, fences: &[(&str, u64)]) -> ChangeSet {
    let fence = |it: &(&str, u64)| Fence { name: it.0.to_owned(), token: it.1 };
    let fences = fences.iter().map(fence).collect();
    ChangeSet {
        lanes: vec![Lane { version, ..fixtures::lane("net/hot") }],
        fences,
        ..ChangeSet::default()
    }
}

pub(super) fn leases(store: &dyn Store) {
    assert_eq!(ready(store.leases()), Ok(vec![]));
    let (first, mut second) = (lease("a", 1, 1), lease("b", 1, 1));
    assert_eq!(ready(store.commit(takes(&second))), Ok(()));
    assert_eq!(ready(store.commit(takes(&first))), Ok(()));
    second = Lease { holder: None, token: u64::from(u32::MAX) + 7, version: 2, ..second };
    assert_eq!(ready(store.commit(takes(&second))), Ok(()));
    assert_eq!(ready(store.leases()), Ok(vec![first, second.clone()]));
    for version in [0, 1, 2, 4] {
        let change = takes(&Lease { version, ..second.clone() });
        assert_eq!(ready(store.commit(change)), Err(CommitError::Conflict), "version {version}");
    }
}

pub(super) fn a_change_rests_on_its_leases(store: &dyn Store) {
    let refused = |change| assert_eq!(ready(store.commit(change)), Err(CommitError::Conflict));
    refused(resting(1, &[("a", 1)]));
    assert_eq!(ready(store.commit(takes(&lease("a", 1, 1)))), Ok(()));
    assert_eq!(ready(store.commit(takes(&lease("b", 1, 1)))), Ok(()));
    assert_eq!(ready(store.commit(resting(1, &[("a", 1)]))), Ok(()));
    // A sign of life changes nothing for whoever has it.
    assert_eq!(ready(store.commit(takes(&lease("a", 1, 2)))), Ok(()));
    assert_eq!(ready(store.commit(resting(2, &[("a", 1), ("b", 1)]))), Ok(()));
    assert_eq!(ready(store.commit(takes(&lease("a", 2, 3)))), Ok(()));
    for fences in [&[("a", 1)][..], &[("b", 1), ("a", 1)], &[("a", 3)], &[("a", 2), ("c", 1)]] {
        refused(resting(3, fences));
    }
    assert_eq!(ready(store.lanes()).map(|it| it[0].version), Ok(2));
    assert_eq!(ready(store.commit(resting(3, &[("a", 2)]))), Ok(()));
    // Whoever takes it may rest on what it had before.
    let change = ChangeSet { leases: vec![lease("a", 3, 4)], ..resting(4, &[("a", 2)]) };
    assert_eq!(ready(store.commit(change)), Ok(()));
    refused(resting(5, &[("a", 2)]));
}
