//! The tables that hold records, and the three statements that each of them needs.
//!
//! One list of columns makes all three, so that they cannot disagree. The last column is always
//! the version.

use std::sync::LazyLock;

use rusqlite::{Connection, ToSql};

use crate::error::Fault;

/// The statements of one table.
pub(crate) struct Table {
    /// `SELECT` with all columns, without a condition.
    pub(crate) select: String,
    insert: String,
    update: String,
}

impl Table {
    fn new(name: &str, key: &[&str], others: &[&str]) -> Self {
        let columns = [key, others].concat();
        let list = columns.join(", ");
        let count = columns.len();
        let marks: Vec<String> = (1..=count).map(|it| format!("?{it}")).collect();
        let assign = |(index, name): (usize, &&str)| format!("{name} = ?{}", index + 1);
        let set: Vec<String> = columns.iter().enumerate().skip(key.len()).map(assign).collect();
        let whose: Vec<String> = key.iter().enumerate().map(assign).collect();
        Self {
            select: format!("SELECT {list} FROM {name}"),
            insert: format!("INSERT INTO {name} ({list}) VALUES ({})", marks.join(", ")),
            update: format!(
                "UPDATE {name} SET {} WHERE {} AND version = ?{count} - 1",
                set.join(", "),
                whose.join(" AND ")
            ),
        }
    }

    /// Writes a record whose columns are `values`: inserts the first version, replaces the one
    /// before for all others, and conflicts if that is not what is stored.
    pub(crate) fn put(
        &self,
        connection: &Connection,
        version: u64,
        values: &[&dyn ToSql],
    ) -> Result<(), Fault> {
        let sql = if version == 1 { &self.insert } else { &self.update };
        let written = connection.prepare_cached(sql)?.execute(values)?;
        if written == 1 { Ok(()) } else { Err(Fault::Conflict) }
    }
}

/// A version as `SQLite`'s integer. No stored version comes near the end of them.
pub(crate) fn version(version: u64) -> Result<i64, Fault> {
    i64::try_from(version).map_err(|_| Fault::Conflict)
}

pub(crate) static MERCHANTS: LazyLock<Table> = LazyLock::new(|| {
    let others = ["name", "webhook_url", "paused", "created_at", "version"];
    Table::new("merchants", &["id"], &others)
});

pub(crate) static API_KEYS: LazyLock<Table> = LazyLock::new(|| {
    let others = [
        "merchant",
        "dialect",
        "role",
        "lookup",
        "secret",
        "lenient_nonce",
        "created_at",
        "revoked_at",
        "version",
    ];
    Table::new("api_keys", &["id"], &others)
});

pub(crate) static LANES: LazyLock<Table> = LazyLock::new(|| {
    let others = ["network", "address", "key_path", "next_sequence", "version"];
    Table::new("lanes", &["id"], &others)
});

pub(crate) static BATCHES: LazyLock<Table> = LazyLock::new(|| {
    let others = [
        "network",
        "lane",
        "chore",
        "given_up_code",
        "given_up_detail",
        "hold_reason",
        "hold_detail",
        "closed",
        "due_at",
        "replace_at",
        "created_at",
        "version",
    ];
    Table::new("batches", &["id"], &others)
});

pub(crate) static PAYOUTS: LazyLock<Table> = LazyLock::new(|| {
    let others = [
        "public_id",
        "merchant",
        "dialect",
        "api_key",
        "merchant_ref",
        "network",
        "asset",
        "address",
        "memo",
        "asked",
        "bearer",
        "amount",
        "service_fee",
        "network_fee",
        "usd_rate",
        "usd_source",
        "usd_at",
        "worth_currency",
        "worth_amount",
        "worth_usd",
        "worth_source",
        "worth_at",
        "conversions",
        "priority",
        "content",
        "travels_alone",
        "approval_url",
        "approval_until",
        "verdict",
        "verdict_api_key",
        "verdict_key_public",
        "verdict_ip",
        "verdict_user_agent",
        "verdict_at",
        "webhook_url",
        "webhook_on",
        "note",
        "status",
        "batch",
        "stage",
        "txid",
        "failure_code",
        "failure_detail",
        "paid_at",
        "delivery_count",
        "created_at",
        "updated_at",
        "version",
    ];
    Table::new("payouts", &["id"], &others)
});

pub(crate) static DELIVERIES: LazyLock<Table> = LazyLock::new(|| {
    let others = [
        "url",
        "status",
        "txid",
        "occurred_at",
        "state",
        "tries",
        "due_at",
        "last_result",
        "body",
        "version",
    ];
    Table::new("deliveries", &["payout", "number"], &others)
});
