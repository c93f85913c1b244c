//! What a crash, a torn file or a stranger's hand does to the database.

use std::{fs, path::Path};

use domain::{
    ids::{AssetId, BatchId, DeliveryId, PayoutId},
    ledger::LedgerAccount,
    ports::{ChangeSet, CommitError, PageQuery, PayoutKey, Store, Unreachable},
};
use sim::conformance::ready;
use store::Sqlite;

use crate::support::{everything, lane, raw, step, steps, write};

/// The two files as they are now, which is what a killed process leaves.
fn copy(from: &Path, to: &Path) {
    fs::copy(from, to).expect("the database can be copied");
    fs::copy(wal(from), wal(to)).expect("the log can be copied");
}

fn wal(path: &Path) -> std::path::PathBuf {
    path.with_extension("db-wal")
}

#[test]
fn what_was_committed_is_there_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gateway.db");
    for version in 1..=3 {
        let store = Sqlite::open_and_migrate(&path).unwrap();
        assert_eq!(steps(&store), version - 1);
        write(&store, step(version));
    }
    assert_eq!(steps(&Sqlite::open(&path).unwrap()), 3);
}

#[test]
fn a_killed_process_leaves_what_it_committed_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let (path, left) = (folder.path().join("gateway.db"), folder.path().join("left.db"));
    let store = Sqlite::open_and_migrate(&path).unwrap();
    write(&store, step(1));
    write(&store, step(2));
    // A transaction so large that it is written to the log before it ends.
    let other = raw(&path);
    let before = fs::metadata(wal(&path)).unwrap().len();
    other.execute_batch("PRAGMA cache_size = 1; BEGIN IMMEDIATE").unwrap();
    let sql = "INSERT INTO lanes VALUES ('net/' || ?1, 'net', hex(zeroblob(2000)), '', '0', 1)";
    for number in 0..200 {
        other.execute(sql, [number]).unwrap();
    }
    assert!(fs::metadata(wal(&path)).unwrap().len() > before + 100_000, "the log holds part of it");
    copy(&path, &left);
    let survivor = Sqlite::open(&left).unwrap();
    survivor.check_schema().unwrap();
    assert_eq!(ready(survivor.lanes()), Ok(vec![lane(2)]));
    assert_eq!(steps(&survivor), 2);
    write(&survivor, step(3));
    assert_eq!(steps(&survivor), 3);
}

#[test]
fn wherever_the_log_is_torn_every_commit_is_there_as_a_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gateway.db");
    let store = Sqlite::open_and_migrate(&path).unwrap();
    for version in 1..=6 {
        write(&store, step(version));
    }
    let log = fs::read(wal(&path)).unwrap();
    let mut seen = vec![];
    for (number, kept) in (0..=log.len()).rev().step_by(3_001).enumerate() {
        let left = folder.path().join(format!("{number}.db"));
        fs::copy(&path, &left).unwrap();
        fs::write(wal(&left), &log[..kept]).unwrap();
        seen.push(steps(&Sqlite::open_and_migrate(&left).unwrap()));
    }
    assert!(seen.is_sorted_by(|longer, shorter| longer >= shorter), "{seen:?}");
    seen.dedup();
    assert_eq!(seen, [6, 5, 4, 3, 2, 1, 0]);
}

/// Table, column, and a value (in SQL) that this program would not write there.
pub(crate) const DAMAGE: &[(&str, &str, &str)] = &[
    ("payouts", "amount", "'1e3'"),
    ("payouts", "amount", "'-1'"),
    ("payouts", "asked", "'007'"),
    ("payouts", "service_fee", "'170141183460469231731687303715884105728'"),
    ("payouts", "network_fee", "'170141183460469231731687303715884105727'"),
    ("payouts", "usd_rate", "'1.50'"),
    ("payouts", "usd_source", "NULL"),
    ("payouts", "usd_at", "-1"),
    ("payouts", "worth_currency", "'EUR'"),
    ("payouts", "conversions", "'1 2 3'"),
    ("payouts", "conversions", "'01 0 1 COIN@net'"),
    ("payouts", "conversions", "'1 0 170141183460469231731687303715884105727 COIN@net'"),
    ("payouts", "priority", "'fastest'"),
    ("payouts", "approval_until", "-1"),
    ("payouts", "bearer", "'nobody'"),
    ("payouts", "status", "'paid'"),
    ("payouts", "status", "'queued'"),
    ("payouts", "stage", "'in_block'"),
    ("payouts", "stage", "NULL"),
    ("payouts", "batch", "NULL"),
    ("payouts", "batch", "'po_1'"),
    ("payouts", "webhook_on", "'paid;failed'"),
    ("payouts", "webhook_on", "NULL"),
    ("payouts", "merchant", "'me_1'"),
    ("payouts", "delivery_count", "65536"),
    ("payouts", "delivery_count", "-1"),
    ("payouts", "created_at", "-1"),
    ("payouts", "note", "CAST(x'ff' AS TEXT)"),
    ("batches", "hold_reason", "'mood'"),
    ("batches", "given_up_code", "'refused_by_network'"),
    ("batches", "due_at", "-5"),
    ("batches", "closed", "2"),
    ("attempts", "status", "'lost'"),
    ("attempts", "fee", "''"),
    ("deliveries", "state", "'Due'"),
    ("deliveries", "tries", "70000"),
    ("events", "kind", "'gift'"),
    ("balances", "units", "'+10'"),
    ("balances", "account", "account || ':x'"),
    ("postings", "amount", "'1.0'"),
    ("postings", "cause_kind", "'payout'"),
    ("lanes", "next_sequence", "'-1'"),
    ("merchants", "paused", "7"),
];

/// Whether everything that [`everything`] wrote can be read.
pub(crate) fn readable(store: &dyn Store) -> bool {
    let query = PageQuery { count_max: 9, ..PageQuery::default() };
    let delivery = DeliveryId { payout: PayoutId(1), number: 0 };
    let asset = AssetId::new("COIN@net");
    let answers = [
        ready(store.load_batch(BatchId(1))).map(|_| ()),
        ready(store.load_delivery(delivery)).map(|_| ()),
        ready(store.load_lane(&lane(1).id, 9)).map(|_| ()),
        ready(store.find_payout(&PayoutKey::Id(PayoutId(1)))).map(|_| ()),
        ready(store.page(&query)).map(|_| ()),
        ready(store.balances()).map(|_| ()),
        ready(store.postings(&LedgerAccount::Inventory, &asset, 9)).map(|_| ()),
        ready(store.merchants()).map(|_| ()),
    ];
    answers.iter().all(Result::is_ok)
}

#[test]
fn a_value_that_is_never_written_is_an_error_and_no_panic() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gateway.db");
    write(&Sqlite::open_and_migrate(&path).unwrap(), everything());
    assert!(readable(&Sqlite::open(&path).unwrap()));
    let off = "PRAGMA foreign_keys = OFF; DROP TRIGGER events_no_update; \
        DROP TRIGGER postings_no_update; DROP TRIGGER balances_no_relabel";
    for (number, (table, column, value)) in DAMAGE.iter().enumerate() {
        let damaged = folder.path().join(format!("{number}.db"));
        fs::copy(&path, &damaged).unwrap();
        let update = format!("UPDATE {table} SET {column} = {value}");
        raw(&damaged).execute_batch(&format!("{off}; {update}")).unwrap();
        assert!(!readable(&Sqlite::open(&damaged).unwrap()), "{update}");
    }
}

#[test]
fn a_database_that_does_not_answer_is_unreachable() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gateway.db");
    let store = Sqlite::open_and_migrate(&path).unwrap();
    write(&store, step(1));
    raw(&path).execute_batch("DROP VIEW ledger; DROP TABLE claims").unwrap();
    assert_eq!(ready(store.commit(step(2))), Err(CommitError::Unreachable));
    let only_lane = ChangeSet { lanes: vec![lane(2)], ..ChangeSet::default() };
    write(&store, only_lane);
    raw(&path).execute_batch("DROP TABLE lanes").unwrap();
    assert_eq!(ready(store.lanes()), Err(Unreachable));
}
