//! Several connections, threads and processes on one file.

use std::{panic::AssertUnwindSafe, thread};

use domain::{
    ids::LaneId,
    lane::Lane,
    ports::{AcceptNeeds, ChangeSet, CommitError, Store},
};
use futures_util::future::join_all;
use sim::conformance::ready;
use store::Sqlite;
use tokio::runtime::EnterGuard;

use crate::support::{lane, raw, step, steps, write};

#[test]
fn two_handles_see_each_other_s_commits_and_conflicts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gateway.db");
    let one = Sqlite::open_and_migrate(&path).unwrap();
    let other = Sqlite::open_and_migrate(&path).unwrap();
    each_sees_what_the_other_does(&one, &other);
}

/// Needs two handles on one empty database.
pub(crate) fn each_sees_what_the_other_does(one: &dyn Store, other: &dyn Store) {
    write(one, step(1));
    assert_eq!(ready(other.lanes()), Ok(vec![lane(1)]));
    write(other, step(2));
    assert_eq!(ready(one.commit(step(2))), Err(CommitError::Conflict));
    assert_eq!((steps(one), steps(other)), (2, 2));
}

#[test]
fn no_update_is_lost_between_processes_and_threads() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gateway.db");
    let (one, other) = (Sqlite::open_and_migrate(&path).unwrap(), Sqlite::open(&path).unwrap());
    no_update_is_lost(&one, &other, &|| None);
}

/// Enters what runs a store's connections, if it has any.
pub(crate) type Enter<'a> = &'a (dyn Fn() -> Option<EnterGuard<'a>> + Sync);

/// Needs two handles on one empty database.
pub(crate) fn no_update_is_lost(one: &dyn Store, other: &dyn Store, enter: Enter<'_>) {
    const EACH: u64 = 20;
    write(one, step(1));
    thread::scope(|scope| {
        for handle in [one, other, one, other] {
            scope.spawn(move || {
                let _entered = enter();
                let mut done = 0;
                while done < EACH {
                    let lanes = ready(handle.lanes()).expect("reachable");
                    let next = lanes[0].version + 1;
                    match ready(handle.commit(step(next))) {
                        Ok(()) => done += 1,
                        Err(CommitError::Conflict) => {}
                        Err(other) => panic!("{other:?}"),
                    }
                }
            });
        }
    });
    assert_eq!(steps(one), 1 + 4 * EACH);
}

#[test]
fn readers_do_not_wait_for_a_writer_and_see_no_half_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gateway.db");
    let store = Sqlite::open_and_migrate(&path).unwrap();
    write(&store, step(1));
    let other = raw(&path);
    other.execute_batch("BEGIN IMMEDIATE; UPDATE lanes SET version = 99").unwrap();
    assert_eq!(ready(store.lanes()), Ok(vec![lane(1)]));
    other.execute_batch("ROLLBACK").unwrap();
    write(&store, step(2));
}

#[test]
fn a_decision_that_panics_writes_nothing_and_blocks_nobody() {
    a_decision_may_panic(&Sqlite::open_in_memory().unwrap());
}

/// Needs an empty store.
pub(crate) fn a_decision_may_panic(store: &dyn Store) {
    write(store, step(1));
    let needs = AcceptNeeds::default();
    let panicked = std::panic::catch_unwind(AssertUnwindSafe(|| {
        let mut decide = |_| -> ChangeSet { panic!("a defect") };
        ready(store.accept(&needs, &mut decide))
    }));
    assert!(panicked.is_err());
    write(store, step(2));
    assert_eq!(steps(store), 2);
}

#[test]
fn of_many_that_want_the_next_version_one_gets_it_and_others_are_not_harmed() {
    one_of_many_gets_the_next_version(&Sqlite::open_in_memory().unwrap());
}

/// Needs an empty store.
pub(crate) fn one_of_many_gets_the_next_version(store: &dyn Store) {
    write(store, step(1));
    let rivals = (0..20).map(|_| store.commit(step(2)));
    let mut others = (1..=20).map(|number| {
        let lane = Lane { id: LaneId::new(&format!("net/other{number}")), ..lane(1) };
        store.commit(ChangeSet { lanes: vec![lane], ..ChangeSet::default() })
    });
    let all = rivals.flat_map(|rival| [Some(rival), others.next()]).flatten();
    let written = ready(join_all(all));
    let (rivals, others): (Vec<_>, Vec<_>) = written.chunks(2).map(|it| (it[0], it[1])).unzip();
    assert_eq!(rivals.iter().filter(|it| it.is_ok()).count(), 1);
    assert!(rivals.iter().all(|it| matches!(it, Ok(()) | Err(CommitError::Conflict))));
    assert_eq!(others, [Ok(()); 20]);
    assert_eq!(ready(store.lanes()).map(|it| it.len()), Ok(21));
    assert_eq!(steps(store), 2);
}

/// As a full disk does, which ends the whole transaction in which it is noticed.
#[test]
fn one_that_ends_the_transaction_takes_nobody_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gateway.db");
    let store = Sqlite::open_and_migrate(&path).unwrap();
    raw(&path)
        .execute_batch(
            "CREATE TRIGGER full BEFORE INSERT ON lanes WHEN NEW.id = 'net/full'
            BEGIN SELECT RAISE(ROLLBACK, 'the disk is full'); END",
        )
        .unwrap();
    let commits = (0..41).map(|number| {
        let name = if number == 20 { "net/full".to_owned() } else { format!("net/{number}") };
        let lane = Lane { id: LaneId::new(&name), ..lane(1) };
        store.commit(ChangeSet { lanes: vec![lane], ..ChangeSet::default() })
    });
    let written = ready(join_all(commits));
    let failed: Vec<_> = (0..).zip(&written).filter(|it| it.1.is_err()).collect();
    assert_eq!(failed, [(20, &Err(CommitError::Unreachable))]);
    assert_eq!(ready(store.lanes()).unwrap().len(), 40);
}
