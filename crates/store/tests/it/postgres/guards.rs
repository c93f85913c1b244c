//! What the database itself refuses, whoever writes to it.

use domain::{
    Timestamp,
    ids::{BatchId, LaneId},
    ledger::{LedgerAccount, fund},
    money::Amount,
    ports::{ChangeSet, CommitError, Store},
};
use sim::conformance::ready;
use store::Postgres;

use super::server::{Hand, Schema, Server};
use crate::{
    guards::{self, another_batch},
    support::{asset, everything, write},
};

fn filled<'a>(schema: &'a Schema<'a>) -> (Postgres, Hand<'a>) {
    let store = schema.store();
    write(&store, everything());
    (store, schema.hand())
}

#[test]
fn history_cannot_be_rewritten_deleted_or_emptied() {
    let Some(server) = Server::find() else { return };
    let (_runtime, schema) = (server.enter(), server.schema());
    let (_store, hand) = filled(&schema);
    for sql in guards::REWRITES {
        guards::is_refused(sql, hand.try_to(sql).err());
    }
    let kept = ["postings", "events", "claims", "batch_payouts", "attempts", "payouts", "balances"];
    for table in kept {
        let sql = format!("TRUNCATE {table} CASCADE");
        guards::is_refused(&sql, hand.try_to(&sql).err());
    }
    for table in ["merchants", "api_keys", "lanes", "batches"] {
        let sql = format!("TRUNCATE {table} CASCADE");
        assert!(hand.try_to(&sql).is_err(), "{sql}");
    }
}

#[test]
fn a_payout_joins_another_batch_only_when_the_first_has_ended() {
    let Some(server) = Server::find() else { return };
    let (_runtime, schema) = (server.enter(), server.schema());
    guards::a_payout_joins_another_batch_once_the_first_has_ended(&filled(&schema).0);
}

/// Neither of the two sees what the other has not committed yet.
#[test]
fn of_two_that_put_a_payout_into_a_batch_at_the_same_time_one_does() {
    let Some(server) = Server::find() else { return };
    let (_runtime, schema) = (server.enter(), server.schema());
    let (store, hand) = filled(&schema);
    let mut first = ready(store.load_batch(BatchId(1))).unwrap().batch;
    first.version += 1;
    first.closed = true;
    write(&store, ChangeSet { batches: vec![first], ..ChangeSet::default() });
    hand.done(
        "BEGIN;
        INSERT INTO batches (id, network, lane, closed, due_at, replace_at, created_at, version)
            SELECT 'ba_00000000000000000000000000000003', network, lane, 0, 1, 1, 1, 1 FROM batches;
        INSERT INTO batch_payouts
            SELECT 'ba_00000000000000000000000000000003', 0, payout FROM batch_payouts",
    );
    std::thread::scope(|scope| {
        let second = scope.spawn(|| {
            let _runtime = server.enter();
            let change = ChangeSet { batches: vec![another_batch()], ..ChangeSet::default() };
            ready(store.commit(change))
        });
        schema.wait_until_blocked(1);
        hand.done("COMMIT");
        assert_eq!(second.join().unwrap(), Err(CommitError::Unreachable));
    });
    let open = "SELECT count(*) FROM batch_payouts JOIN batches ON id = batch WHERE closed = 0";
    assert_eq!(hand.number(open), 1);
}

#[test]
fn what_was_written_once_is_written_once() {
    let Some(server) = Server::find() else { return };
    let (_runtime, schema) = (server.enter(), server.schema());
    guards::nothing_is_pointed_at_in_vain(&schema.store());
    let store = schema.open();
    guards::a_reference_is_one_payout(&store);
    guards::what_was_signed_stays(&store);
}

#[test]
fn amounts_are_canonical_numbers() {
    let Some(server) = Server::find() else { return };
    let (_runtime, schema) = (server.enter(), server.schema());
    let (_store, hand) = filled(&schema);
    let never = ["", "+1", "01", "-0", "1.0", "1e3", " 1", "1 ", "1\n", "NaN", "٣", "１", "--1"];
    for text in never {
        for sql in [
            format!("UPDATE balances SET units = '{text}'"),
            format!("UPDATE payouts SET amount = '{text}'"),
            format!("UPDATE attempts SET fee = '{text}'"),
            format!(
                "INSERT INTO postings (at, cause_kind, cause, debit, credit, amount)
                SELECT at, cause_kind, cause, debit, credit, '{text}' FROM postings"
            ),
        ] {
            let error = hand.try_to(&sql).unwrap_err();
            assert!(error.contains("units"), "{sql}: {error}");
        }
    }
    hand.done("UPDATE balances SET units = '-170141183460469231731687303715884105727'");
}

#[test]
fn a_person_can_read_the_ledger_and_add_it_up() {
    let Some(server) = Server::find() else { return };
    let (_runtime, schema) = (server.enter(), server.schema());
    let (store, hand) = filled(&schema);
    let sql = "SELECT at_utc, cause, asset, debit, credit, amount::text FROM ledger";
    let expected =
        ["1970-01-01 00:00:00", "step 1", "COIN@net", "hot_wallet:net/hot", "inventory", "10"];
    assert_eq!(hand.texts(sql), expected);
    let largest = |lane: &str, owner| {
        let note = "all there is".to_owned();
        fund(&LaneId::new(lane), &asset(), owner, Amount::MAX, note, Timestamp(2))
    };
    let postings = [
        largest("net/one", LedgerAccount::ServiceFee),
        largest("net/other", LedgerAccount::NetworkFeeCharged),
    ];
    write(&store, ChangeSet { postings: postings.concat(), ..ChangeSet::default() });
    let sums = "SELECT sum(amount)::text, (SELECT sum(units::numeric)::text FROM balances),
        (SELECT sum(amount::numeric)::text FROM postings) FROM ledger";
    // Twice the largest amount, and the ten of the first step.
    let sum = "340282366920938463463374607431768211464";
    assert_eq!(hand.texts(sums), [sum, "0", sum]);
}
