//! How every question is answered: by an index, however much there is.
//!
//! Whatever the conformance suite makes a store ask is noted by its session and explained here, so that a
//! question that is new is explained too. Databases explain without statistics, on empty tables.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use sim::conformance::store::run_all;

use super::report;
use crate::Sqlite;

/// The tables that do not grow with payouts.
const SMALL: [&str; 5] = ["merchants", "api_keys", "lanes", "leases", "balances"];

/// What was asked and written.
static ASKED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Notes what is asked or written.
pub(crate) fn note(sql: &str) {
    let mut asked = ASKED.lock().unwrap_or_else(PoisonError::into_inner);
    if !asked.contains(sql) {
        asked.insert(sql.to_owned());
    }
}

/// Everything that a store asks and writes, but for what goes through the whole ledger, which nothing
/// but an audit asks for.
pub(crate) fn all() -> BTreeSet<String> {
    run_all(&|| Box::new(Sqlite::open_in_memory().unwrap()));
    let mut all = ASKED.lock().unwrap_or_else(PoisonError::into_inner).clone();
    assert!(all.remove(report::POSTINGS));
    all
}

/// Whether a whole table, or one that a question made, may be read.
pub(crate) fn is_small(table: &str) -> bool {
    SMALL.contains(&table) || table.starts_with('(')
}

/// Whether a question reads in the order of an index and ends with its page. It may look through what
/// does not belong to the page: the gateway bounds how many do that at once, and says so.
pub(crate) fn is_page(sql: &str) -> bool {
    sql.contains(" ORDER BY id ") && sql.contains(" LIMIT ")
}

/// The indexes that hold only what has not ended.
pub(crate) const OF_OPEN: [&str; 5] = [
    "batches_open",
    "payouts_unpaid",
    "payouts_waiting",
    "payouts_awaiting_approval",
    "deliveries_due",
];
