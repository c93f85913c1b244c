//! What is noticed by reading both sides again.

use rusqlite::Connection;
use sim::conformance::ready;
use tempfile::TempDir;

use super::*;
use crate::Sqlite;

/// A file with a small ledger in it.
fn side(folder: &TempDir, name: &str) -> End {
    let path = folder.path().join(name);
    drop(Sqlite::open_and_migrate(&path).unwrap());
    let rows = "
        INSERT INTO merchants VALUES ('me_1', 'one', NULL, 0, 1, 1), ('me_2', 'two', 'x', 0, 1, 1);
        INSERT INTO claims VALUES ('s', 'o', 'a' || char(0), NULL), ('s', 'o', 'b', NULL);
        INSERT INTO balances VALUES (3, 'inventory', 'A@n', '10'), (5, 'suspense', 'A@n', '-10');
        INSERT INTO postings VALUES (7, 1, 'manual', 'x', 5, 3, '10');
    ";
    Connection::open(&path).unwrap().execute_batch(rows).unwrap();
    End::Sqlite(path)
}

/// Compares two such files after something was done to the second one.
fn compared(change: &str) -> Result<Vec<Proof>, CopyError> {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (side(&folder, "one.db"), side(&folder, "other.db"));
    let End::Sqlite(path) = &other else { panic!("it is a file") };
    let hand = Connection::open(path).unwrap();
    // No trigger is in the way of this hand.
    let triggers = "SELECT name FROM sqlite_schema WHERE type = 'trigger'";
    let mut statement = hand.prepare(triggers).unwrap();
    let names: Vec<String> =
        statement.query_map([], |it| it.get(0)).unwrap().map(Result::unwrap).collect();
    for it in names {
        hand.execute_batch(&format!("DROP TRIGGER {it}")).unwrap();
    }
    hand.execute_batch(change).unwrap();
    ready(async {
        let (mut one, mut other) = (one.reach().await?, other.reach().await?);
        let (one, other) = (one.begin_source().await?, other.begin_target().await?);
        compare::compare(&one, &other, &mut |_| ()).await
    })
}

#[test]
fn what_is_the_same_is_proven_to_be() {
    let proofs = compared("").unwrap();
    assert_eq!(proofs.len(), COPIED.len());
    let rows = |table| proofs.iter().find(|it| it.table == table).unwrap().rows;
    assert_eq!((rows("merchants"), rows("claims"), rows("events")), (2, 2, 0));
    let mut hashes: Vec<&str> = proofs.iter().map(|it| it.sha256.as_str()).collect();
    hashes.sort_unstable();
    hashes.dedup();
    assert_eq!(hashes.len(), COPIED.len(), "each table has a hash of its own");
}

#[test]
fn the_first_row_that_differs_is_named() {
    for (change, table, key) in [
        ("UPDATE merchants SET name = 'three' WHERE id = 'me_2'", "merchants", "\"me_2\""),
        ("UPDATE merchants SET webhook_url = NULL", "merchants", "\"me_2\""),
        ("UPDATE merchants SET webhook_url = '' WHERE id = 'me_1'", "merchants", "\"me_1\""),
        ("DELETE FROM merchants WHERE id = 'me_1'", "merchants", "\"me_1\""),
        ("DELETE FROM merchants WHERE id = 'me_2'", "merchants", "\"me_2\""),
        ("INSERT INTO merchants VALUES ('me_0', 'no', NULL, 0, 1, 1)", "merchants", "\"me_0\""),
        ("UPDATE claims SET text = 'c' WHERE text = 'b'", "claims", "\"s\", \"b\", \"o\""),
        ("DELETE FROM claims WHERE text <> 'b'", "claims", "\"s\", \"a\\0\", \"o\""),
        ("UPDATE balances SET units = '11' WHERE id = 3", "balances", "3"),
        ("UPDATE postings SET seq = 8", "postings", "7"),
    ] {
        let error = compared(change).unwrap_err();
        let CopyError::Differ { table: named, key: first } = &error else {
            panic!("{change}: {error}")
        };
        assert_eq!((*named, first.as_str()), (table, key), "{change}");
    }
}

#[test]
fn a_value_that_is_never_written_is_named() {
    let error = compared("UPDATE merchants SET name = CAST(X'FF' AS TEXT) WHERE id = 'me_2'");
    let error = error.unwrap_err().to_string();
    assert!(error.contains("merchants.name") && error.contains("other.db"), "{error}");
}
