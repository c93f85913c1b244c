//! Files that are new, old, too new, tampered with, or somebody else's.

use std::{fs, path::Path, thread};

use domain::{
    Timestamp,
    batch::Batch,
    chore::Chore,
    ids::{BatchId, PayoutId},
    ports::{ChangeSet, PayoutKey, Store},
};
use sha2::Digest as _;
use sim::conformance::ready;
use store::{Sqlite, StoreError, Unfit};

use crate::support::{raw, step, write};

/// How many migrations there are.
const MIGRATIONS: u32 = 9;

/// Checks that a message names the file and holds `words`.
#[track_caller]
fn says(error: &StoreError, path: &Path, words: &str) {
    let text = error.to_string();
    assert!(text.contains(&path.display().to_string()) && text.contains(words), "{text}");
}

#[test]
fn a_new_file_is_migrated_once_and_marked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gateway.db");
    let store = Sqlite::open(&path).unwrap();
    let error = store.check_schema().unwrap_err();
    assert!(matches!(
        error,
        StoreError::Unfit { why: Unfit::Outdated { applied: 0, known: MIGRATIONS }, .. }
    ));
    says(&error, &path, "migrate it");
    assert!(ready(store.merchants()).is_err());
    assert_eq!(store.migrate().unwrap(), MIGRATIONS);
    store.check_schema().unwrap();
    assert_eq!(store.migrate().unwrap(), 0);
    let number = |name: &str| -> i64 {
        raw(&path).query_row(&format!("PRAGMA {name}"), [], |row| row.get(0)).unwrap()
    };
    assert_eq!(
        (number("application_id"), number("user_version")),
        (0x5659_504c, i64::from(MIGRATIONS))
    );
    assert_eq!(
        raw(&path).query_row("PRAGMA integrity_check", [], |row| row.get(0)),
        Ok("ok".to_owned())
    );
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_the_files() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gateway.db");
    let store = Sqlite::open_and_migrate(&path).unwrap();
    write(&store, step(1));
    for entry in fs::read_dir(folder.path()).unwrap() {
        let mode = entry.unwrap().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0);
    }
}

#[test]
fn a_file_of_a_newer_program_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gateway.db");
    drop(Sqlite::open_and_migrate(&path).unwrap());
    raw(&path).execute_batch("INSERT INTO schema_migrations VALUES (10, '0010_more', '')").unwrap();
    let store = Sqlite::open(&path).unwrap();
    for error in [store.check_schema().unwrap_err(), store.migrate().unwrap_err()] {
        assert!(matches!(
            error,
            StoreError::Unfit { why: Unfit::Newer { applied: 10, known: MIGRATIONS }, .. }
        ));
        says(&error, &path, "newer program");
    }
    assert!(Sqlite::open_and_migrate(&path).is_err());
}

#[test]
fn a_migration_that_was_changed_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gateway.db");
    drop(Sqlite::open_and_migrate(&path).unwrap());
    raw(&path).execute_batch("UPDATE schema_migrations SET sha256 = 'other'").unwrap();
    let store = Sqlite::open(&path).unwrap();
    for error in [store.check_schema().unwrap_err(), store.migrate().unwrap_err()] {
        assert!(matches!(error, StoreError::Unfit { why: Unfit::Changed { .. }, .. }));
        says(&error, &path, "0001_init");
    }
}

#[test]
fn what_is_not_ours_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("photos.db");
    raw(&path).execute_batch("CREATE TABLE photos (name TEXT)").unwrap();
    let before = fs::read(&path).unwrap();
    let error = Sqlite::open(&path).err().unwrap();
    assert!(matches!(error, StoreError::Foreign { .. }));
    says(&error, &path, "another program");
    assert_eq!(fs::read(&path).unwrap(), before);

    let path = folder.path().join("letter.txt");
    fs::write(&path, "Dear Ann, this is no database. ".repeat(100)).unwrap();
    says(&Sqlite::open(&path).err().unwrap(), &path, "not a database");

    let path = folder.path().join("no such folder").join("gateway.db");
    says(&Sqlite::open(&path).err().unwrap(), &path, "create its folder");
}

#[test]
fn a_path_is_never_taken_for_a_uri() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file:x?mode=memory");
    write(&Sqlite::open_and_migrate(&path).unwrap(), step(1));
    assert!(fs::metadata(&path).unwrap().len() > 0);
}

#[test]
fn two_processes_that_start_together_migrate_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gateway.db");
    drop(Sqlite::open(&path).unwrap());
    let start = || Sqlite::open(&path).unwrap().migrate().unwrap();
    let applied: u32 = thread::scope(|scope| {
        let threads = [scope.spawn(start), scope.spawn(start), scope.spawn(start)];
        threads.map(|it| it.join().unwrap()).iter().sum()
    });
    assert_eq!(applied, MIGRATIONS, "each migration once");
}

/// A database as the first release left it, with one payout, is brought up to date.
#[test]
fn payouts_of_the_first_release_are_kept_and_know_what_they_were_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gateway.db");
    let first = include_str!("../../migrations/sqlite/0001_init.sql");
    let hash = hex::encode(sha2::Sha256::digest(first.as_bytes()));
    let database = raw(&path);
    database.execute_batch("PRAGMA journal_mode = WAL").unwrap();
    database.execute_batch(first).unwrap();
    database
        .execute_batch(&format!(
            "CREATE TABLE schema_migrations (
                number INTEGER PRIMARY KEY, name TEXT NOT NULL, sha256 TEXT NOT NULL
            ) STRICT;
            INSERT INTO schema_migrations VALUES (1, '0001_init', '{hash}');
            PRAGMA application_id = 0x5659504c;
            PRAGMA user_version = 1;
            INSERT INTO merchants VALUES
                ('me_00000000000000000000000000000001', 'shop', NULL, 0, 1, 1);
            INSERT INTO payouts (
                id, public_id, merchant, dialect, network, asset, address, memo, asked, bearer,
                amount, service_fee, network_fee, usd_rate, note, status, delivery_count,
                created_at, updated_at, version
            ) VALUES (
                'po_00000000000000000000000000000007', 'INV-1',
                'me_00000000000000000000000000000001', 'native', 'net', 'COIN@net', 'to bob',
                'x y', '100', 'recipient', '90', '4', '6', '1.5', '', 'queued', 0, 5, 5, 1
            );
            INSERT INTO lanes VALUES ('net/hot', 'net', 'our wallet', 'm/0', '3', 1);
            INSERT INTO batches VALUES (
                'ba_00000000000000000000000000000009', 'net', 'net/hot', NULL, NULL, NULL, NULL, 0,
                5, 6, 5, 2
            );
            INSERT INTO batch_payouts VALUES
                ('ba_00000000000000000000000000000009', 0, 'po_00000000000000000000000000000007');
            INSERT INTO attempts VALUES (
                'ba_00000000000000000000000000000009', 0, 'tx', x'00', '2', '9', 'broadcast', 5, NULL
            );
            UPDATE payouts SET status = 'sending', stage = 'broadcast', txid = 'tx',
                batch = 'ba_00000000000000000000000000000009';"
        ))
        .unwrap();
    drop(database);
    let store = Sqlite::open_and_migrate(&path).unwrap();
    let found = ready(store.find_payout(&PayoutKey::Id(PayoutId(7)))).unwrap();
    let payout = found.expect("it is still there").payout;
    assert_eq!(payout.content, "exact 100 COIN@net fees recipient from unsaid to to bob memo x y");
    let usd = payout.quote.usd.expect("the price is still there");
    assert_eq!((usd.usd.to_string().as_str(), usd.source.as_str(), usd.at.0), ("1.5", "fixed", 5));
    assert!(payout.quote.conversions.is_empty() && payout.approval.is_none());
    assert!(!payout.travels_alone);
    let view = ready(store.load_batch(BatchId(9))).unwrap();
    assert_eq!((view.batch.payouts.clone(), view.batch.chore), (vec![PayoutId(7)], None));
    assert!(view.batch.attempts[0].unpaid.is_empty());
    // What it may take is weighed against batches that are made later.
    let (network, chore) = (view.batch.network, Chore::Fill { sequence: 0 });
    let later = Batch::of_chore(BatchId(10), network, view.batch.lane, chore, Timestamp(7));
    write(&store, ChangeSet { batches: vec![later], ..ChangeSet::default() });
    let committed = ready(store.commitments(&view.lane.id, BatchId(10))).unwrap();
    let (asset, amount) = &committed[0].payments[0];
    assert_eq!((committed.len(), asset.as_str(), amount.units()), (1, "COIN@net", 90));
    let removed = raw(&path).execute_batch("DELETE FROM batch_payouts");
    assert!(removed.is_err(), "a batch keeps its payouts after the upgrade too");
}
