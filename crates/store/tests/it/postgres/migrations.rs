//! Databases that are new, old, too new, tampered with, or out of reach.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use rustls::RootCertStore;
use sim::conformance::ready;
use store::{Postgres, StoreError, Unfit};

use super::server::{Schema, Server, tls};

/// A password that nothing may show.
const PASSWORD: &str = "hunter2";

/// The same database, by a URL with a password. (A server that trusts whoever comes does not ask.)
fn open_with_password(schema: &Schema<'_>) -> Postgres {
    let _runtime = schema.server.enter();
    let url = schema.url("with-password", &[]);
    let url = url.replacen('@', &format!(":{PASSWORD}@"), 1);
    Postgres::open(&url, none()).expect("a URL")
}

/// Checks that a message names the database, holds `words`, and keeps the password.
#[track_caller]
fn says(store: &Postgres, error: &StoreError, words: &str) {
    for text in [error.to_string(), format!("{error:?}")] {
        assert!(text.contains(store.name()) && !text.contains(PASSWORD), "{text}");
    }
    assert!(error.to_string().contains(words), "{error}");
}

#[test]
fn three_processes_that_start_together_migrate_once() {
    let Some(server) = Server::find() else { return };
    let schema = server.schema();
    let start = || server.runtime.block_on(schema.open().migrate()).unwrap();
    let applied = thread::scope(|scope| {
        let threads = [scope.spawn(start), scope.spawn(start), scope.spawn(start)];
        threads.map(|it| it.join().unwrap())
    });
    let known = schema.hand().number("SELECT count(*) FROM schema_migrations");
    assert_eq!(applied.map(i64::from).iter().sum::<i64>(), known, "each migration once");
    server.runtime.block_on(schema.open().check_schema()).unwrap();
}

#[test]
fn a_database_that_this_program_does_not_know_is_refused() {
    let Some(server) = Server::find() else { return };
    let (_runtime, schema) = (server.enter(), server.schema());
    let store = open_with_password(&schema);
    let both = || [ready(store.check_schema()).unwrap_err(), ready(store.migrate()).unwrap_err()];
    let error = ready(store.check_schema()).unwrap_err();
    assert!(matches!(error, StoreError::Unfit { why: Unfit::Outdated { applied: 0, .. }, .. }));
    says(&store, &error, "migrate it");
    ready(store.migrate()).unwrap();
    ready(store.check_schema()).unwrap();

    let hand = schema.hand();
    hand.done("INSERT INTO schema_migrations VALUES (1000, '1000_more', '')");
    for error in both() {
        assert!(matches!(error, StoreError::Unfit { why: Unfit::Newer { .. }, .. }));
        says(&store, &error, "newer program");
    }
    hand.done("DELETE FROM schema_migrations WHERE number = 1000");
    hand.done("UPDATE schema_migrations SET sha256 = 'other' WHERE number = 1");
    for error in both() {
        assert!(matches!(error, StoreError::Unfit { why: Unfit::Changed { .. }, .. }));
        says(&store, &error, "0001_init");
    }
}

#[test]
fn a_database_on_which_a_gateway_works_is_not_migrated() {
    let Some(server) = Server::find() else { return };
    let (_runtime, schema) = (server.enter(), server.schema());
    let (store, hand) = (schema.store(), schema.hand());
    hand.done("DELETE FROM schema_migrations WHERE number > 1");
    hand.done("INSERT INTO leases VALUES ('net/hot', NULL, 1, 1)");
    let is_over = AtomicBool::new(false);
    let error = thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                hand.done("UPDATE leases SET version = version + 1");
            }
        });
        let refused = server.runtime.block_on(store.migrate());
        is_over.store(true, Ordering::Relaxed);
        refused.unwrap_err()
    });
    assert!(
        matches!(&error, StoreError::Unfit { why: Unfit::InUse { lease }, .. } if lease == "net/hot"),
        "{error}"
    );
}

fn none() -> rustls::ClientConfig {
    tls(RootCertStore::empty())
}

#[test]
fn tables_of_another_program_are_left_alone() {
    let Some(server) = Server::find() else { return };
    let (_runtime, schema) = (server.enter(), server.schema());
    let hand = schema.hand();
    hand.done("CREATE TABLE schema_migrations (version text)");
    let store = open_with_password(&schema);
    let error = ready(store.migrate()).unwrap_err();
    says(&store, &error, "another program");
    hand.done("DROP TABLE schema_migrations; CREATE TABLE events (name text)");
    let error = ready(store.migrate()).unwrap_err();
    says(&store, &error, "events");
    let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()";
    assert_eq!(hand.number(tables), 1, "nothing is half done");
}

#[test]
fn a_server_that_is_not_there_is_named_without_the_password() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let url = format!("postgres://me:{PASSWORD}@127.0.0.1:1/payouts");
        let store = Postgres::open(&url, none()).unwrap();
        assert_eq!(store.name(), "127.0.0.1:1/payouts");
        let error = store.migrate().await.unwrap_err();
        says(&store, &error, "check that the server runs");
    });
}
