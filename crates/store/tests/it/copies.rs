//! Copies from one database to another.

use std::{
    collections::BTreeSet,
    future::Future as _,
    path::Path,
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use domain::{
    Timestamp,
    batch::AttemptStatus,
    delivery::{Delivery, DeliveryState},
    event::{Event, EventKind},
    ids::{BatchId, DeliveryId, LaneId, MerchantId, PayoutId, TxId},
    lease::Lease,
    ledger::{LedgerAccount, fund},
    payout::{Failure, FailureCode, Payout, PayoutState, Priority, Stage, Status},
    ports::{
        ChangeSet, Claim, ClaimScope, CommitError, Hold, HoldReason, PageQuery, PayoutKey, Store,
    },
    quote::FeeBearer,
};
use sim::conformance::ready;
use store::{
    Sqlite, StoreError, Unfit,
    copy::{CopyError, End, Progress, Proof, copy, reopen},
};
use tokio::runtime::Runtime;

use crate::{
    guards::a_payout_joins_another_batch_once_the_first_has_ended,
    postgres::server::Server,
    support::{amount, asset, batch, everything, lane, payout, raw, write},
};

/// What some databases cannot hold as it is.
const HOSTILE: [&str; 5] =
    ["a\0b", "a\u{ffff}b", "\u{ffff}0\0", "'; DROP TABLE payouts; --", "\u{10ffff}😀"];

/// How many payouts there are beside the first one: more than a page.
const MANY: u128 = 4_100;

/// A number that looks like any other, and is the same each time.
fn mixed(number: u128) -> u128 {
    number.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835) >> 3
}

fn place(number: u128) -> usize {
    usize::try_from(number).expect("there are not so many")
}

fn hostile(number: u128) -> String {
    format!("{}{number}", HOSTILE[place(number) % HOSTILE.len()])
}

fn state(number: u128) -> PayoutState {
    let failure = |code| Failure { code, detail: hostile(number) };
    let txid = TxId::new(&format!("tx {number}"));
    match number % 7 {
        0 => PayoutState::Queued,
        1 => PayoutState::Paid { txid, at: Timestamp(9) },
        2 => PayoutState::Failed {
            failure: failure(FailureCode::RefusedByNetwork),
            txid: Some(txid),
        },
        3 => PayoutState::Failed { failure: failure(FailureCode::RefusedBySigner), txid: None },
        4 => PayoutState::Cancelled,
        5 => PayoutState::Sending { batch: BatchId(1), stage: Stage::InBlock, txid: Some(txid) },
        _ => PayoutState::Sending { batch: BatchId(1), stage: Stage::Broadcast, txid: None },
    }
}

fn one_of_many(number: u128) -> Payout {
    let mut it = payout();
    it.id = PayoutId(mixed(number) | 1 << 90);
    it.public_id = format!("INV {number}");
    it.merchant_ref = (!number.is_multiple_of(3)).then(|| hostile(number));
    it.destination.memo = number.is_multiple_of(2).then(|| hostile(number));
    it.quote.amount = amount(mixed(number));
    it.quote.bearer =
        if number.is_multiple_of(2) { FeeBearer::Recipient } else { FeeBearer::Merchant };
    it.priority = if number.is_multiple_of(2) { Priority::Economy } else { Priority::Highest };
    it.key = it.key.filter(|_| !number.is_multiple_of(5));
    it.webhook = it.webhook.filter(|_| !number.is_multiple_of(4));
    it.note = hostile(number);
    it.state = state(number);
    it.created_at = Timestamp(place(number) as u64);
    it
}

fn one_delivery(payout: PayoutId, number: u128) -> Delivery {
    Delivery {
        id: DeliveryId { payout, number: 0 },
        url: hostile(number),
        status: Status::Paid,
        txid: Some(TxId::new("tx")),
        occurred_at: Timestamp(1),
        state: [DeliveryState::Due, DeliveryState::Delivered, DeliveryState::GivenUp]
            [place(number) % 3],
        tries: 3,
        due_at: Timestamp(1),
        last_result: hostile(number),
        body: vec![0, 255, number.to_le_bytes()[0]],
        version: 1,
    }
}

/// A history with everything that there is, and many rows of it.
fn fill(store: &dyn Store) {
    write(store, everything());
    a_payout_joins_another_batch_once_the_first_has_ended(store);
    let mut second = ready(store.load_batch(BatchId(2))).expect("reachable").batch;
    second.version += 1;
    second.hold = Some(Hold { reason: HoldReason::NodesDisagree, detail: hostile(1) });
    let mut attempt = batch().attempts.remove(0);
    (attempt.status, attempt.fee) = (AttemptStatus::Reverted, Some(amount(3)));
    attempt.tx.txid = TxId::new("other");
    second.attempts = vec![attempt];
    write(store, ChangeSet { batches: vec![second], ..ChangeSet::default() });
    let numbers: Vec<u128> = (0..MANY).collect();
    for some in numbers.chunks(500) {
        let mut change = ChangeSet::default();
        for &number in some {
            let it = one_of_many(number);
            let at = Timestamp(1);
            let scope = [ClaimScope::MerchantRef, ClaimScope::Nonce, ClaimScope::Promise]
                [place(number) % 3];
            change.claims.push((Claim { scope, owner: 1, text: hostile(number) }, Some(it.id)));
            let kind = EventKind::ALL[place(number) % EventKind::ALL.len()];
            change.events.push(Event { payout: it.id, at, kind, detail: hostile(number) });
            change.deliveries.push(one_delivery(it.id, number));
            let owner = LedgerAccount::Available(MerchantId(number % 40));
            let units = amount(mixed(number) >> 40);
            let note = hostile(number);
            change.postings.extend(fund(&lane(1).id, &asset(), owner, units, note, at));
            change.payouts.push(it);
        }
        write(store, change);
    }
    let holder = Some("killed".to_owned());
    let lease = Lease { name: "net/hot".to_owned(), holder, token: 4, version: 1 };
    write(store, ChangeSet { leases: vec![lease], ..ChangeSet::default() });
}

/// What a store answers, in words.
fn answers(store: &dyn Store) -> Vec<String> {
    let page = |offset| PageQuery { count_max: 1_000, offset, ..PageQuery::default() };
    let payout = |number| ready(store.find_payout(&PayoutKey::Id(one_of_many(number).id)));
    let hot = LedgerAccount::HotWallet(lane(1).id);
    let mut all = vec![
        format!("{:?}", ready(store.balances())),
        format!("{:?}", ready(store.counts())),
        format!("{:?}", ready(store.merchants())),
        format!("{:?}", ready(store.keys_of(MerchantId(1)))),
        format!("{:?}", ready(store.lanes())),
        format!("{:?}", ready(store.postings(&hot, &asset(), 10_000))),
        format!("{:?}", ready(store.load_batch(BatchId(1)))),
        format!("{:?}", ready(store.load_batch(BatchId(2)))),
        format!("{:?}", ready(store.commitments(&LaneId::new("net/hot"), BatchId(9)))),
        format!("{:?}", ready(store.signed(&BTreeSet::from([TxId::new("tx")])))),
        format!("{:?}", ready(store.find_payout(&PayoutKey::Id(PayoutId(1))))),
    ];
    all.extend((0..5).map(|it| format!("{:?}", ready(store.page(&page(it * 1_000))))));
    all.extend((0..MANY).step_by(97).map(|it| format!("{:?}", payout(it))));
    assert!(!all.iter().any(|it| it.contains("Unreachable") || it == "Ok(None)"), "{all:?}");
    all
}

fn copied(from: &End, to: &End) -> Result<Vec<Proof>, CopyError> {
    copied_telling(from, to, |_| ())
}

fn copied_telling(
    from: &End,
    to: &End,
    tell: impl FnMut(Progress),
) -> Result<Vec<Proof>, CopyError> {
    runtime().block_on(copy(from, to, Duration::ZERO, tell))
}

/// A copy that ends before it has come to its end.
fn break_off(from: &End, to: &End) {
    let broken = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        copied_telling(from, to, |it| assert!(it.table != "events", "the power fails"))
    }));
    assert!(broken.is_err());
}

fn runtime() -> Runtime {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().build().expect("threads can be had")
}

fn file(folder: &tempfile::TempDir, name: &str) -> End {
    End::Sqlite(folder.path().join(name))
}

fn filled(folder: &tempfile::TempDir) -> (Sqlite, End) {
    filled_as(folder, "source.db")
}

fn filled_as(folder: &tempfile::TempDir, name: &str) -> (Sqlite, End) {
    let path = folder.path().join(name);
    let store = Sqlite::open_and_migrate(&path).expect("a new file can be opened");
    fill(&store);
    (store, End::Sqlite(path))
}

fn rows(path: &Path) -> i64 {
    let sql = "SELECT (SELECT count(*) FROM merchants) + (SELECT count(*) FROM payouts)";
    raw(path).query_row(sql, [], |it| it.get(0)).expect("the tables are there")
}

#[test]
fn a_file_is_copied_to_a_file_and_goes_on_there() {
    let folder = tempfile::tempdir().unwrap();
    let (store, source) = filled(&folder);
    let target = file(&folder, "target.db");
    let proofs = copied(&source, &target).unwrap();
    let payouts = proofs.iter().find(|it| it.table == "payouts").unwrap();
    assert_eq!(u128::from(payouts.rows), MANY + 1);
    let End::Sqlite(path) = &target else { panic!("it is a file") };
    let other = Sqlite::open(path).unwrap();
    assert_eq!(answers(&other), answers(&store));
    assert_eq!(ready(other.leases()), Ok(vec![]), "the new one begins with none");
    let error = copied(&file(&folder, "target.db"), &filled_as(&folder, "third.db").1).unwrap_err();
    assert!(matches!(&error, CopyError::NotEmpty { table: "merchants", .. }), "{error}");
    assert!(matches!(copied(&source, &source), Err(CopyError::Same { .. })));
    let missing = file(&folder, "missing.db");
    assert!(matches!(copied(&missing, &target), Err(CopyError::NoFile { .. })));
    assert!(!folder.path().join("missing.db").exists());
}

#[test]
fn a_file_comes_back_from_a_server_as_it_was() {
    let Some(server) = Server::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (store, source) = filled(&folder);
    let (schema, second) = (server.schema(), server.schema());
    let runtime = &server.runtime;
    let (one, other) = (End::Postgres(schema.open()), End::Postgres(second.open()));
    let run = |from, to| runtime.block_on(copy(from, to, Duration::ZERO, |_| ()));
    let back = file(&folder, "back.db");
    let proofs = run(&source, &one).unwrap();
    assert_eq!(run(&one, &other).unwrap(), proofs);
    assert_eq!(run(&other, &back).unwrap(), proofs);
    let expected = answers(&store);
    let _runtime = server.enter();
    assert_eq!(answers(&schema.open()), expected);
    assert_eq!(answers(&Sqlite::open(&folder.path().join("back.db")).unwrap()), expected);
    let error = run(&other, &back).unwrap_err();
    assert!(matches!(&error, CopyError::Done { .. }), "{error}");
    // The numbers of postings, events and lines go on.
    let third = server.schema();
    run(&back, &End::Postgres(third.open())).unwrap();
    let goes_on = third.open();
    let note = "more".to_owned();
    let more =
        fund(&lane(1).id, &asset(), LedgerAccount::ServiceFee, amount(1), note, Timestamp(1));
    let event = everything().events.remove(0);
    write(&goes_on, ChangeSet { postings: more, events: vec![event], ..ChangeSet::default() });
}

/// A change that any gateway makes.
fn sign_of_life() -> ChangeSet {
    let (name, holder) = ("net/new".to_owned(), Some("other".to_owned()));
    let lease = Lease { name, holder, token: 1, version: 1 };
    ChangeSet { leases: vec![lease], ..ChangeSet::default() }
}

/// Checks that a database that everything was moved from is closed to a gateway that runs on it, and
/// can be opened again.
fn check_closed(
    runtime: &Runtime,
    store: &dyn Store,
    source: &End,
    moved_to: &End,
    elsewhere: &End,
) {
    let run = |to| runtime.block_on(reopen(source, to));
    let (expected, closed) = (answers(store), Err(CommitError::Unreachable));
    assert_eq!(ready(store.commit(sign_of_life())), closed);
    assert_eq!(ready(store.commit(another_payout())), closed);
    let error = runtime
        .block_on(copy(source, elsewhere, Duration::ZERO, |_| ()))
        .expect_err("it was moved somewhere else");
    let CopyError::Store(error @ StoreError::Unfit { why: Unfit::Moved(moved), .. }) = &error
    else {
        panic!("{error}")
    };
    assert_eq!(moved.place, moved_to.name());
    assert!(error.to_string().contains("vyplata migrate --reopen"), "{error}");
    assert_eq!(answers(store), expected, "it can be read");
    let why = ready(store.retired()).expect("reachable").expect("it was moved");
    assert!(why.contains(&moved.place), "{why}");
    assert!(matches!(run(moved_to), Err(CopyError::Done { .. })), "that one may be at work");
    let elsewhere = run(elsewhere).expect_err("it was moved to another one");
    assert!(elsewhere.to_string().contains(&moved.place), "{elsewhere}");
    assert_eq!(ready(store.commit(sign_of_life())), closed);
}

/// Checks that a database is as if nothing had been moved.
fn check_open(store: &dyn Store) {
    write(store, sign_of_life());
    write(store, another_payout());
    assert_eq!(ready(store.retired()), Ok(None));
}

fn another_payout() -> ChangeSet {
    ChangeSet { payouts: vec![one_of_many(MANY + 1)], ..ChangeSet::default() }
}

#[test]
fn nobody_uses_a_file_any_more_that_was_moved() {
    let folder = tempfile::tempdir().unwrap();
    let (store, source) = filled(&folder);
    let target = file(&folder, "target.db");
    copied(&source, &target).unwrap();
    let path = folder.path().join("source.db");
    for start in [Sqlite::open_and_migrate, Sqlite::open_or_make] {
        let error = start(&path).map(drop).unwrap_err();
        assert!(matches!(error, StoreError::Unfit { why: Unfit::Moved { .. }, .. }), "{error}");
    }
    let again = copied(&source, &target).unwrap_err();
    assert!(matches!(again, CopyError::Done { .. }), "{again}");
    check_closed(&runtime(), &store, &source, &target, &file(&folder, "elsewhere.db"));
    // Another one of the same name is not what it was moved to.
    std::fs::remove_file(folder.path().join("target.db")).unwrap();
    let error = copied(&source, &target).unwrap_err();
    let CopyError::Store(StoreError::Unfit { why: Unfit::Moved { .. }, .. }) = error else {
        panic!("{error}")
    };
}

#[test]
fn a_database_is_used_again_while_the_one_that_it_was_moved_to_is_empty() {
    let folder = tempfile::tempdir().unwrap();
    let (store, source) = filled(&folder);
    let target = file(&folder, "target.db");
    let again = |to: &End| runtime().block_on(reopen(&source, to));
    assert!(matches!(again(&target), Err(CopyError::NotMoved { .. })));
    copied(&source, &target).unwrap();
    std::fs::remove_file(folder.path().join("target.db")).unwrap();
    again(&target).unwrap();
    check_open(&store);
    let error = Sqlite::open_and_migrate(&folder.path().join("target.db")).map(drop).unwrap_err();
    assert!(error.to_string().contains("waits for"), "{error}");
    copied(&source, &target).unwrap();
    assert_eq!(answers(&Sqlite::open(&folder.path().join("target.db")).unwrap()), answers(&store));
}

#[test]
fn a_database_of_a_server_is_used_again_and_never_moved_to_itself() {
    let Some(server) = Server::find() else { return };
    let (_runtime, schema) = (server.enter(), server.schema());
    let folder = tempfile::tempdir().unwrap();
    let (store, source) = (schema.store(), End::Postgres(schema.open()));
    let run = |to| server.runtime.block_on(copy(&source, to, Duration::ZERO, |_| ()));
    let itself = End::Postgres(schema.open());
    let error = run(&itself).unwrap_err();
    assert!(matches!(error, CopyError::Same { .. }), "{error}");
    fill(&store);
    let target = file(&folder, "target.db");
    run(&target).unwrap();
    std::fs::remove_file(folder.path().join("target.db")).unwrap();
    server.runtime.block_on(reopen(&source, &target)).unwrap();
    check_open(&store);
    run(&target).unwrap();
}

#[test]
fn a_move_that_ended_between_its_two_commits_is_ended_by_another() {
    let folder = tempfile::tempdir().unwrap();
    let (store, source) = filled(&folder);
    let target = file(&folder, "target.db");
    break_off(&source, &target);
    let path = |name| folder.path().join(name);
    let id = "SELECT substr(sha256, 1, 32) FROM schema_migrations WHERE name = 'awaited'";
    let id: String = raw(&path("target.db")).query_row(id, [], |it| it.get(0)).unwrap();
    let place = std::fs::canonicalize(path("target.db")).unwrap();
    let close =
        "INSERT INTO schema_migrations SELECT max(number) + 1, 'moved', ?1 FROM schema_migrations";
    let mark = format!("{id} {}", place.display());
    raw(&path("source.db")).execute(close, [mark]).unwrap();
    for name in ["source.db", "target.db"] {
        let error = Sqlite::open_and_migrate(&path(name)).map(drop).unwrap_err();
        assert!(error.to_string().contains("once more, as before"), "{error}");
    }
    let error = copied(&source, &file(&folder, "elsewhere.db")).unwrap_err();
    assert!(error.to_string().contains("target.db"), "{error}");
    copied(&source, &target).unwrap();
    assert_eq!(answers(&Sqlite::open(&path("target.db")).unwrap()), answers(&store));
}

#[test]
fn of_two_moves_of_one_database_at_the_same_time_one_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let (_store, source) = filled(&folder);
    let (one, other) = (file(&folder, "one.db"), file(&folder, "other.db"));
    let late = runtime().block_on(async {
        let mut late = pin!(copy(&source, &other, Duration::from_millis(1), |_| ()));
        let first = std::future::poll_fn(|it| Poll::Ready(late.as_mut().poll(it))).await;
        assert!(first.is_pending(), "it watches");
        copy(&source, &one, Duration::ZERO, |_| ()).await.expect("nobody else is so far");
        late.await
    });
    let error = late.unwrap_err();
    assert!(error.to_string().contains("somebody else moves it"), "{error}");
    assert_eq!(rows(&folder.path().join("other.db")), 0);
    Sqlite::open_and_migrate(&folder.path().join("one.db")).unwrap();
    Sqlite::open_and_migrate(&folder.path().join("other.db")).map(drop).unwrap_err();
}

#[test]
fn nobody_uses_a_database_of_a_server_any_more_that_was_moved() {
    let Some(server) = Server::find() else { return };
    let (_runtime, schema) = (server.enter(), server.schema());
    let folder = tempfile::tempdir().unwrap();
    let (store, source) = (schema.store(), End::Postgres(schema.open()));
    fill(&store);
    let target = file(&folder, "target.db");
    server.runtime.block_on(copy(&source, &target, Duration::ZERO, |_| ())).unwrap();
    let error = ready(schema.open().migrate()).unwrap_err();
    assert!(matches!(error, StoreError::Unfit { why: Unfit::Moved { .. }, .. }), "{error}");
    check_closed(&server.runtime, &store, &source, &target, &file(&folder, "elsewhere.db"));
}

#[test]
fn a_ledger_that_does_not_add_up_is_not_copied() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("source.db");
    let store = Sqlite::open_and_migrate(&path).unwrap();
    write(&store, everything());
    raw(&path).execute_batch("UPDATE balances SET units = '11' WHERE units = '10'").unwrap();
    let error = copied(&End::Sqlite(path), &file(&folder, "target.db")).unwrap_err();
    assert!(matches!(error, CopyError::Ledger { .. }), "{error}");
    assert!(error.to_string().contains("inventory in COIN@net"), "{error}");
    assert_eq!(rows(&folder.path().join("target.db")), 0);
}

#[test]
fn a_copy_that_is_interrupted_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (store, source) = filled(&folder);
    let target = file(&folder, "target.db");
    break_off(&source, &target);
    assert_eq!(rows(&folder.path().join("target.db")), 0);
    let error = Sqlite::open_and_migrate(&folder.path().join("target.db")).map(drop).unwrap_err();
    assert!(error.to_string().contains("waits for what was to be copied"), "{error}");
    let error = copied(&filled_as(&folder, "other.db").1, &target).unwrap_err();
    let CopyError::Store(StoreError::Unfit { why: Unfit::Awaited { .. }, .. }) = error else {
        panic!("{error}")
    };
    write(&store, sign_of_life());
    copied(&source, &target).unwrap();
    Sqlite::open_and_migrate(&folder.path().join("target.db")).unwrap();
}

#[test]
fn a_copy_to_a_server_that_is_interrupted_leaves_nothing() {
    let Some(server) = Server::find() else { return };
    let (_runtime, schema) = (server.enter(), server.schema());
    let folder = tempfile::tempdir().unwrap();
    let (_store, source) = filled(&folder);
    let target = End::Postgres(schema.open());
    let has_begun = std::cell::Cell::new(false);
    {
        let mut copying = pin!(copy(&source, &target, Duration::ZERO, |_| has_begun.set(true)));
        while !has_begun.get() {
            assert!(copying.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        }
    }
    server.runtime.block_on(copy(&source, &target, Duration::ZERO, |_| ())).unwrap();
}

#[test]
fn nobody_writes_to_a_database_that_is_copied_and_one_at_work_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("source.db");
    let store = Sqlite::open_and_migrate(&path).unwrap();
    write(&store, everything());
    let sign = |version| {
        let (name, holder) = ("net/hot".to_owned(), Some("node".to_owned()));
        let lease = Lease { name, holder, token: 1, version };
        write(&store, ChangeSet { leases: vec![lease], ..ChangeSet::default() });
    };
    sign(1);
    let (source, target) = (End::Sqlite(path.clone()), file(&folder, "target.db"));
    let refused = runtime().block_on(async {
        let mut copying = pin!(copy(&source, &target, Duration::from_millis(1), |_| ()));
        assert!(
            std::future::poll_fn(|it| Poll::Ready(copying.as_mut().poll(it))).await.is_pending(),
            "it watches"
        );
        sign(2);
        copying.await
    });
    let error = refused.unwrap_err();
    assert!(matches!(&error, CopyError::InUse { lease, .. } if lease == "net/hot"), "{error}");
    let mut seen = 0;
    let tell = |_| {
        let hand = raw(&path);
        hand.busy_timeout(Duration::ZERO).unwrap();
        assert!(hand.execute_batch("UPDATE lanes SET address = 'x'").is_err());
        seen += 1;
    };
    copied_telling(&source, &target, tell).unwrap();
    assert!(seen > 0);
}
