//! Connections that end, clients that freeze, and callers that do not wait.

use std::{future::poll_fn, pin::pin, task::Poll, thread, time::Duration};

use domain::ports::{AcceptNeeds, ChangeSet, CommitError, Store, Unreachable};
use sim::conformance::ready;
use store::Postgres;
use tokio::time::timeout;

use super::server::{Hand, Schema, Server};
use crate::support::{lane, step, steps, write};

/// How many connections a store asks with at most.
const ASKING_MAX: usize = 12;
/// How many it writes with at most.
const WRITING_MAX: usize = 3;

/// Holds the line of the balances that every step moves money on.
fn holding<'a>(schema: &'a Schema<'a>) -> Hand<'a> {
    let hand = schema.hand();
    hand.done("BEGIN; SELECT FROM balances WHERE account = 'inventory' FOR UPDATE");
    hand
}

/// Uses a store until it answers again: once for each connection that it had, it may not.
fn recover(store: &Postgres) {
    let asks = (0..=ASKING_MAX).any(|_| ready(store.lanes()) != Err(Unreachable));
    assert!(asks, "the store is not asked again");
    let nothing = || ready(store.commit(ChangeSet::default()));
    assert!((0..=WRITING_MAX).any(|_| nothing().is_ok()), "the store is not written to again");
}

#[test]
fn connections_that_were_ended_are_made_again() {
    let Some(server) = Server::find() else { return };
    let (_runtime, schema) = (server.enter(), server.schema());
    let store = schema.store();
    for version in 1..=3 {
        write(&store, step(version));
        schema.end_connections();
        recover(&store);
        assert_eq!(steps(&store), version);
    }
}

#[test]
fn a_commit_whose_connection_is_ended_while_it_waits_writes_nothing() {
    let Some(server) = Server::find() else { return };
    let (_runtime, schema) = (server.enter(), server.schema());
    let store = schema.store();
    write(&store, step(1));
    let holder = holding(&schema);
    thread::scope(|scope| {
        let commit = scope.spawn(|| {
            let _runtime = server.enter();
            ready(store.commit(step(2)))
        });
        let accept = scope.spawn(|| {
            let _runtime = server.enter();
            ready(store.accept(&AcceptNeeds::default(), &mut |_| step(2)))
        });
        schema.wait_until_blocked(2);
        schema.end_connections();
        let answers = (commit.join().unwrap(), accept.join().unwrap());
        assert_eq!(answers, (Err(CommitError::Unreachable), Err(CommitError::Unreachable)));
    });
    holder.done("ROLLBACK");
    recover(&store);
    assert_eq!(steps(&store), 1);
    write(&store, step(2));
    assert_eq!(steps(&store), 2);
}

/// As a gateway does that is stopped between two statements; its connections have the same setting.
#[test]
fn a_holder_that_freezes_holds_nobody_up_for_long() {
    let Some(server) = Server::find() else { return };
    let (_runtime, schema) = (server.enter(), server.schema());
    let store = schema.store();
    write(&store, step(1));
    let frozen = schema.hand();
    frozen.done("SET idle_in_transaction_session_timeout = '100ms'");
    frozen.done("BEGIN; UPDATE balances SET units = '7' WHERE account = 'inventory'");
    write(&store, step(2));
    assert_eq!(steps(&store), 2);
    assert!(frozen.try_to("COMMIT").is_err(), "it was ended");
}

/// Polls a future as often as it can be, but not more often than so.
fn at_most<T>(polls: usize, future: impl Future<Output = T>) -> Option<T> {
    let (mut future, mut left) = (pin!(future), polls);
    ready(poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        future.as_mut().poll(context).map(Some)
    }))
}

#[test]
fn whoever_stops_waiting_at_any_moment_leaves_nothing_half_done() {
    let Some(server) = Server::find() else { return };
    let (_runtime, schema) = (server.enter(), server.schema());
    let store = schema.store();
    write(&store, step(1));
    let (mut done, mut abandoned) = (0, 0);
    for polls in (0..30).chain([1_000]) {
        let next = steps(&store) + 1;
        let mut decide = |_| step(next);
        let needs = AcceptNeeds::default();
        match at_most(polls, store.accept(&needs, &mut decide)) {
            Some(Ok(()) | Err(CommitError::Conflict)) => done += 1,
            Some(Err(other)) => panic!("{other:?}"),
            None => abandoned += 1,
        }
        let _ = at_most(polls / 10, store.commit(step(next + 1)));
        // Commits are written in their order: what was left behind is written by now, or never.
        write(&store, ChangeSet::default());
        assert!(ready(store.lanes()).is_ok(), "there are connections that can be used");
        // What the server was told before it lost sight of us is done by now, or never.
        schema.end_connections();
        recover(&store);
        let written = steps(&store);
        assert!((next - 1..=next + 1).contains(&written), "{written} after {next}");
    }
    assert!(done > 0 && abandoned > 1, "{done} done, {abandoned} abandoned");
}

#[test]
fn those_who_stop_waiting_for_a_lock_leave_no_connection_that_waits() {
    let Some(server) = Server::find() else { return };
    let (_runtime, schema) = (server.enter(), server.schema());
    let store = schema.store();
    write(&store, step(1));
    let holder = holding(&schema);
    let (needs, stop) = (AcceptNeeds::default(), tokio::sync::Notify::new());
    thread::scope(|scope| {
        for _ in 0..WRITING_MAX {
            let (store, needs, server, stop) = (&store, &needs, &server, &stop);
            scope.spawn(move || {
                server.runtime.block_on(async {
                    let mut decide = |_| step(2);
                    tokio::select! {
                        written = store.accept(needs, &mut decide) => panic!("{written:?}"),
                        () = stop.notified() => {}
                    }
                });
            });
        }
        schema.wait_until_blocked(i64::try_from(WRITING_MAX).unwrap());
        stop.notify_waiters();
    });
    for _ in 0..WRITING_MAX {
        let mut decide = |_| ChangeSet::default();
        let soon = timeout(Duration::from_secs(10), store.accept(&needs, &mut decide));
        assert_eq!(ready(soon), Ok(Ok(())), "no connection waits for the lock");
    }
    assert_eq!(ready(store.lanes()), Ok(vec![lane(1)]));
    holder.done("ROLLBACK");
    write(&store, step(2));
    assert_eq!(steps(&store), 2);
}

#[test]
fn whoever_asks_much_keeps_nobody_from_writing() {
    let Some(server) = Server::find() else { return };
    let (_runtime, schema) = (server.enter(), server.schema());
    let store = schema.store();
    write(&store, step(1));
    let holder = schema.hand();
    holder.done("BEGIN; LOCK TABLE merchants IN ACCESS EXCLUSIVE MODE");
    thread::scope(|scope| {
        for _ in 0..2 * ASKING_MAX {
            let (store, server) = (&store, &server);
            scope.spawn(move || {
                let _runtime = server.enter();
                drop(ready(store.merchants()));
            });
        }
        schema.wait_until_blocked(i64::try_from(ASKING_MAX).unwrap());
        write(&store, step(2));
        holder.done("ROLLBACK");
    });
    assert_eq!(steps(&store), 2);
}
