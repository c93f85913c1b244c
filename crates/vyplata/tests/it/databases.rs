//! What the commands do with databases that are new, old, moved, or of others.

use rusqlite::Connection;

use crate::{gateway::Gateway, vyplata::Installation};

#[test]
fn commands_take_a_database_as_it_is_and_a_migration_is_asked_for() {
    let it = Installation::new("");
    it.configure("data = \"data\"\n");
    it.ok(&["payout", "list"]);
    let hand = Connection::open(it.data().join("vyplata.db")).unwrap();
    let last = "DROP INDEX postings_beside_payouts; DROP TABLE claims; CREATE TABLE claims (scope TEXT \
                NOT NULL, owner TEXT NOT NULL, text TEXT NOT NULL, payout TEXT); CREATE INDEX \
                postings_by_debit ON postings (debit); CREATE INDEX postings_by_credit ON postings \
                (credit); DELETE FROM schema_migrations WHERE number > 7";
    hand.execute_batch(last).unwrap();
    for command in [&["payout", "list"][..], &["merchant", "list"], &["doctor"]] {
        let said = it.refuses(command, &["of 9 migrations", "vyplata migrate"]);
        assert!(said.contains("has 7 "), "{said}");
    }
    it.ok(&["migrate"]);
    it.ok(&["payout", "list"]);
    let _serving = store::lock_file(&it.data().join("vyplata.db")).unwrap();
    it.refuses(&["migrate"], &["another gateway serves"]);
}

#[test]
fn a_database_that_was_moved_is_used_again_if_that_is_asked_for() {
    let it = Installation::new("data = \"data\"\n");
    it.ok(&["keys", "init"]);
    it.merchant(&["shop"]);
    let url = |name: &str| format!("sqlite:{}", it.data().join(name).display());
    let (old, new) = (url("vyplata.db"), url("new.db"));
    let reopen = |old: &str| ["migrate", "--reopen", old, "--to", &new].map(str::to_owned);
    let refuses = |old: &str, words: &[&str]| {
        let words_of = reopen(old);
        it.refuses(&words_of.each_ref().map(String::as_str), words);
    };
    refuses(&old, &["nothing was moved", "vyplata.db"]);
    refuses(&url("none.db"), &["there is no database"]);
    it.refuses(&["migrate", "--to", &new], &["--from"]);
    let said = it.ok(&["migrate", "--from", &old, "--to", &new]);
    assert!(said.contains("none starts with"), "{said}");
    for command in [&["migrate"][..], &["payout", "list"], &["doctor"]] {
        it.refuses(command, &["vyplata.db was moved to", "new.db", "--reopen"]);
    }
    it.refuses(&["migrate", "--from", &old, "--to", &url("third.db")], &["was moved to"]);
    refuses(&old, &["new.db before", "is not empty: start the gateways with that one"]);
    std::fs::remove_file(it.data().join("new.db")).unwrap();
    it.ok(&reopen(&old).each_ref().map(String::as_str));
    it.ok(&["payout", "list"]);
}

#[test]
fn a_gateway_ends_when_its_database_is_moved_or_migrated_by_a_newer_program() {
    for (mark, said) in [("moved", "was moved to elsewhere"), ("0999_new", "run the newer program")]
    {
        let data = tempfile::tempdir().unwrap();
        let mut gateway = Gateway::sandbox_on(data.path(), 0);
        gateway.assert_healthy();
        let hand = Connection::open(data.path().join("vyplata.db")).unwrap();
        let add = "INSERT INTO schema_migrations SELECT max(number) + 1, ?1, 'id elsewhere'
                   FROM schema_migrations";
        hand.execute(add, [mark]).unwrap();
        let (status, log) = gateway.end();
        assert!(!status.success() && log.contains(said), "{status}: {log}");
    }
}

#[test]
fn databases_of_others_are_refused() {
    let it = Installation::new("data = \"data\"\n");
    let migrated = it.ok(&["migrate"]);
    assert!(migrated.contains("is up to date"), "{migrated}");
    it.ok(&["migrate"]);
    let file = it.data().join("vyplata.db");
    let newer = "INSERT INTO schema_migrations SELECT number + 1, 'newer', sha256
                 FROM schema_migrations ORDER BY number DESC LIMIT 1";
    Connection::open(&file).unwrap().execute(newer, []).unwrap();
    for command in [&["migrate"][..], &["payout", "list"], &["merchant", "list"], &["doctor"]] {
        it.refuses(command, &["vyplata.db", "newer"]);
    }
    let data = it.data();
    let data = data.to_str().unwrap();
    it.refuses(&["sandbox", "--listen", "127.0.0.1:0", "--data", data], &["vyplata.db", "newer"]);
    std::fs::write(&file, "this is no database, whatever its name says. ".repeat(100)).unwrap();
    let _ = std::fs::remove_file(it.data().join("vyplata.db-wal"));
    it.refuses(&["migrate"], &["vyplata.db"]);
}
