//! What the file itself refuses, whoever writes to it.

use domain::{
    batch::Batch,
    ids::{BatchId, PayoutId},
    ports::{ChangeSet, CommitError, Store},
};
use rusqlite::Connection;
use sim::conformance::ready;
use store::Sqlite;

use crate::support::{batch, everything, payout, raw, step, write};

fn filled(folder: &tempfile::TempDir) -> (Sqlite, Connection) {
    let path = folder.path().join("gateway.db");
    let store = Sqlite::open_and_migrate(&path).expect("a new file can be opened");
    write(&store, everything());
    (store, raw(&path))
}

/// What no database lets anybody do, whoever it is.
pub(crate) const REWRITES: [&str; 15] = [
    "UPDATE postings SET amount = '9'",
    "UPDATE postings SET at = at",
    "DELETE FROM postings",
    "UPDATE events SET detail = 'x'",
    "DELETE FROM events",
    "UPDATE claims SET text = 'x'",
    "DELETE FROM claims",
    "UPDATE batch_payouts SET position = 5",
    "DELETE FROM batch_payouts",
    "UPDATE attempts SET raw = NULL",
    "UPDATE attempts SET txid = 'x'",
    "DELETE FROM attempts",
    "DELETE FROM payouts",
    "UPDATE balances SET account = 'inventory'",
    "DELETE FROM balances",
];

/// Checks that a statement was refused because of what it does.
#[track_caller]
pub(crate) fn is_refused(sql: &str, error: Option<String>) {
    let error = error.unwrap_or_else(|| panic!("done: {sql}"));
    let words = ["append-only", "keep", "kept"];
    assert!(words.iter().any(|it| error.contains(it)), "{sql}: {error}");
}

#[test]
fn history_cannot_be_rewritten_or_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let (_store, other) = filled(&folder);
    for sql in REWRITES {
        is_refused(sql, other.execute_batch(sql).err().map(|it| it.to_string()));
    }
}

/// A batch that only it and the payout of [`everything`] are in.
pub(crate) fn another_batch() -> Batch {
    let mut second = batch();
    second.id = BatchId(2);
    second.attempts.clear();
    second
}

/// Needs [`everything`].
pub(crate) fn a_payout_joins_another_batch_once_the_first_has_ended(store: &dyn Store) {
    let joins = || ChangeSet { batches: vec![another_batch()], ..ChangeSet::default() };
    assert!(ready(store.commit(joins())).is_err());
    let mut first = ready(store.load_batch(BatchId(1))).expect("it is there").batch;
    first.version += 1;
    first.closed = true;
    write(store, ChangeSet { batches: vec![first], ..ChangeSet::default() });
    write(store, joins());
}

#[test]
fn a_payout_joins_another_batch_only_when_the_first_has_ended() {
    let folder = tempfile::tempdir().unwrap();
    a_payout_joins_another_batch_once_the_first_has_ended(&filled(&folder).0);
}

/// Needs [`everything`].
pub(crate) fn a_reference_is_one_payout(store: &dyn Store) {
    let mut second = payout();
    second.id = PayoutId(2);
    "INV-2".clone_into(&mut second.public_id);
    let change = ChangeSet { payouts: vec![second], ..ChangeSet::default() };
    assert_eq!(ready(store.commit(change)), Err(CommitError::Conflict));
}

#[test]
fn a_merchant_s_reference_is_one_payout_even_without_a_claim() {
    let folder = tempfile::tempdir().unwrap();
    a_reference_is_one_payout(&filled(&folder).0);
}

/// Needs [`everything`].
pub(crate) fn what_was_signed_stays(store: &dyn Store) {
    let before = ready(store.load_batch(BatchId(1))).expect("it is there");
    let mut replaced = batch();
    replaced.attempts[0].tx.raw.push(0);
    let mut renumbered = batch();
    renumbered.attempts[0].sequence = None;
    let mut forgotten = batch();
    forgotten.attempts.clear();
    let mut emptied = batch();
    emptied.payouts.clear();
    for mut changed in [replaced, renumbered, forgotten, emptied] {
        changed.version = 2;
        let change = ChangeSet { batches: vec![changed], ..ChangeSet::default() };
        assert_eq!(ready(store.commit(change)), Err(CommitError::Unreachable));
        assert_eq!(ready(store.load_batch(BatchId(1))).expect("it is there"), before);
    }
}

#[test]
fn what_was_signed_stays_and_a_batch_keeps_its_payouts() {
    let folder = tempfile::tempdir().unwrap();
    what_was_signed_stays(&filled(&folder).0);
}

#[test]
fn nothing_points_at_what_is_not_there() {
    nothing_is_pointed_at_in_vain(&Sqlite::open_in_memory().unwrap());
}

/// Needs an empty store.
pub(crate) fn nothing_is_pointed_at_in_vain(store: &dyn Store) {
    let all = everything();
    for change in [
        ChangeSet { keys: all.keys.clone(), ..ChangeSet::default() },
        ChangeSet { payouts: all.payouts.clone(), ..ChangeSet::default() },
        ChangeSet { batches: all.batches.clone(), ..ChangeSet::default() },
        ChangeSet { deliveries: all.deliveries.clone(), ..ChangeSet::default() },
        ChangeSet { events: all.events.clone(), ..ChangeSet::default() },
    ] {
        assert_eq!(ready(store.commit(change)), Err(CommitError::Unreachable));
    }
    write(store, all);
}

#[test]
fn a_person_can_read_the_ledger() {
    let folder = tempfile::tempdir().unwrap();
    let (_store, other) = filled(&folder);
    let sql = "SELECT at_utc, cause, asset, debit, credit, amount FROM ledger";
    let line: [String; 6] = other
        .query_row(sql, [], |row| {
            Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?])
        })
        .unwrap();
    let expected =
        ["1970-01-01 00:00:00", "step 1", "COIN@net", "hot_wallet:net/hot", "inventory", "10"];
    assert_eq!(line, expected);
}

#[test]
fn a_backup_is_a_database_of_its_own_and_overwrites_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = filled(&folder);
    let copy = folder.path().join("it's a copy.db");
    store.backup_to(&copy).unwrap();
    write(&store, step(2));
    let copied = Sqlite::open(&copy).unwrap();
    copied.check_schema().unwrap();
    assert_eq!(ready(copied.lanes()), Ok(everything().lanes));
    assert!(store.backup_to(&copy).is_err());
    let memory = Sqlite::open_in_memory().unwrap();
    write(&memory, everything());
    let saved = folder.path().join("saved.db");
    memory.backup_to(&saved).unwrap();
    assert_eq!(ready(Sqlite::open(&saved).unwrap().lanes()), Ok(everything().lanes));
}
