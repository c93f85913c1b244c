//! What a stranger's hand does to the tables.

use domain::ports::{ChangeSet, CommitError, Store, Unreachable};
use sim::conformance::ready;

use super::server::Server;
use crate::{
    damage::{DAMAGE, readable},
    support::{everything, lane, step, write},
};

/// The same that nothing writes into a file; what is no text at all is not a text here either.
#[test]
fn a_value_that_is_never_written_is_refused_or_an_error_and_no_panic() {
    let Some(server) = Server::find() else { return };
    let (_runtime, schema) = (server.enter(), server.schema());
    let store = schema.store();
    write(&store, everything());
    let hand = schema.hand();
    // Neither triggers nor references are in the way of this hand.
    hand.done("SET session_replication_role = replica");
    let damage = DAMAGE.iter().filter(|it| !it.2.starts_with("CAST"));
    let (mut refused, mut noticed) = (0, 0);
    for (table, column, value) in damage.chain(&[("payouts", "note", "E'\\uFFFF1'")]) {
        hand.done(&format!("CREATE TEMP TABLE saved AS SELECT * FROM {table}"));
        let update = format!("UPDATE {table} SET {column} = {value}");
        match hand.try_to(&update) {
            Ok(()) => noticed += 1,
            Err(error) => {
                assert!(error.contains("domain units"), "{update}: {error}");
                refused += 1;
            }
        }
        let is_whole = hand.number(&format!(
            "SELECT count(*) FROM ((SELECT * FROM {table}) EXCEPT (SELECT * FROM saved)) AS changed"
        )) == 0;
        assert_eq!(readable(&store), is_whole, "{update}");
        hand.done(&format!("DELETE FROM {table}; INSERT INTO {table} SELECT * FROM saved"));
        hand.done("DROP TABLE saved");
        assert!(readable(&store), "everything is as it was");
    }
    assert!(refused >= 5 && noticed >= 30, "{refused} refused, {noticed} noticed");
}

#[test]
fn a_database_that_does_not_answer_is_unreachable() {
    let Some(server) = Server::find() else { return };
    let (_runtime, schema) = (server.enter(), server.schema());
    let store = schema.store();
    write(&store, step(1));
    let hand = schema.hand();
    hand.done("DROP TABLE claims");
    assert_eq!(ready(store.commit(step(2))), Err(CommitError::Unreachable));
    assert_eq!(ready(store.lanes()), Ok(vec![lane(1)]));
    let only_lane = ChangeSet { lanes: vec![lane(2)], ..ChangeSet::default() };
    write(&store, only_lane);
    hand.done("DROP TABLE lanes CASCADE");
    assert_eq!(ready(store.lanes()), Err(Unreachable));
}
