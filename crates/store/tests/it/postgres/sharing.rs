//! Several processes and threads on one database.

use std::thread;

use domain::{
    Timestamp,
    ids::MerchantId,
    ledger::{Cause, LedgerAccount, Posting, fund},
    ports::{AcceptNeeds, ChangeSet, CommitError, Store},
};
use sim::conformance::ready;

use super::server::{Schema, Server};
use crate::{
    sharing,
    support::{amount, asset, lane, write},
};

#[test]
fn two_handles_see_each_other_s_commits_and_conflicts() {
    let Some(server) = Server::find() else { return };
    let (_runtime, schema) = (server.enter(), server.schema());
    sharing::each_sees_what_the_other_does(&schema.store(), &schema.open());
}

#[test]
fn no_update_is_lost_between_processes_and_threads() {
    let Some(server) = Server::find() else { return };
    let (_runtime, schema) = (server.enter(), server.schema());
    sharing::no_update_is_lost(&schema.store(), &schema.open(), &|| Some(server.enter()));
}

#[test]
fn of_many_that_want_the_next_version_one_gets_it_and_others_are_not_harmed() {
    let Some(server) = Server::find() else { return };
    let (_runtime, schema) = (server.enter(), server.schema());
    sharing::one_of_many_gets_the_next_version(&schema.store());
}

#[test]
fn a_decision_that_panics_writes_nothing_and_blocks_nobody() {
    let Some(server) = Server::find() else { return };
    let (_runtime, schema) = (server.enter(), server.schema());
    sharing::a_decision_may_panic(&schema.store());
}

fn moved(debit: &LedgerAccount, credit: &LedgerAccount, number: u64) -> ChangeSet {
    let posting = Posting {
        at: Timestamp(number),
        cause: Cause::Manual("there and back".to_owned()),
        asset: asset(),
        debit: debit.clone(),
        credit: credit.clone(),
        amount: amount(1),
    };
    ChangeSet { postings: vec![posting], ..ChangeSet::default() }
}

/// Moves one unit so often, by `attempt`, again whenever others were in the way.
fn go_on(count: u64, attempt: impl Fn(u64) -> Result<(), CommitError>) {
    for number in 0..count {
        loop {
            match attempt(number) {
                Ok(()) => break,
                Err(CommitError::Conflict) => {}
                Err(other) => panic!("{other:?}"),
            }
        }
    }
}

/// Lines of the balances that do not belong together, so that who decides locks the second line
/// before the first.
#[test]
fn whoever_waits_for_each_other_ends_and_no_money_is_lost() {
    const EACH: u64 = 25;
    let Some(server) = Server::find() else { return };
    let (_runtime, schema) = (server.enter(), server.schema());
    let first = LedgerAccount::Available(MerchantId(1));
    let second = LedgerAccount::Inventory;
    drop(schema.store());
    let stores = [(); 2].map(|()| schema.open_with(&["deadlock_timeout=20ms"]));
    for owner in [&first, &second] {
        let note = "a beginning".to_owned();
        let postings =
            fund(&lane(1).id, &asset(), owner.clone(), amount(1_000), note, Timestamp(1));
        write(&stores[0], ChangeSet { postings, ..ChangeSet::default() });
    }
    let needs =
        AcceptNeeds { balances: [(second.clone(), asset())].into(), ..AcceptNeeds::default() };
    thread::scope(|scope| {
        for store in &stores {
            scope.spawn(|| {
                let _runtime = server.enter();
                go_on(EACH, |number| {
                    let mut decide = |_| moved(&first, &second, number);
                    ready(store.accept(&needs, &mut decide))
                });
            });
            scope.spawn(|| {
                let _runtime = server.enter();
                go_on(EACH, |number| ready(store.commit(moved(&second, &first, number))));
            });
        }
    });
    assert_eq!(add_up(&schema), ["0", "0", "1000"]);
    let there_and_back = "SELECT count(*) FROM postings WHERE cause = 'there and back'";
    assert_eq!(schema.hand().number(there_and_back), 4 * i64::try_from(EACH).unwrap());
}

/// The sum of all balances, how many balances are not the sum of their postings, and what the
/// inventory holds.
fn add_up(schema: &Schema<'_>) -> Vec<String> {
    schema.hand().texts(
        "SELECT sum(units::numeric)::text, count(*) FILTER (WHERE units::numeric <> (
            SELECT coalesce(sum(CASE credit WHEN id THEN amount::numeric ELSE 0 END
                - CASE debit WHEN id THEN amount::numeric ELSE 0 END), 0) FROM postings
        ))::text, max(units) FILTER (WHERE account = 'inventory') FROM balances",
    )
}
