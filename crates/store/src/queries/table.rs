//! The statements that write rows.
//!
//! The list of a table's columns makes all its statements, so that they cannot disagree.

use std::sync::LazyLock;

use super::{
    shape::{self, Shape},
    value::Value,
};
use crate::error::Fault;

/// A statement that writes one row.
pub(crate) struct Statement {
    /// With numbered places.
    pub(crate) sql: String,
    /// The beginning of it, up to the values, if it does nothing but insert them: many such rows may
    /// be inserted by one statement.
    pub(crate) insert: Option<String>,
    /// What it means if it finds no row to write.
    otherwise: Otherwise,
}

/// What it means that a statement finds no row to write.
enum Otherwise {
    /// Somebody else was first.
    Conflict,
    /// What must stay as it is would not.
    Forbidden(&'static str),
    /// Nothing: it need not.
    Fine,
}

/// A row to write.
pub(crate) struct Write<'a> {
    pub(crate) statement: &'static Statement,
    pub(crate) values: Vec<Value<'a>>,
}

impl Statement {
    /// Inserts a row, as it is inserted at first.
    fn insert(shape: &Shape) -> Self {
        Self::inserting(shape, &shape.inserted())
    }

    /// Inserts a row with all its columns.
    pub(crate) fn insert_whole(shape: &Shape) -> Self {
        Self::inserting(shape, &shape.columns())
    }

    fn inserting(shape: &Shape, columns: &[&str]) -> Self {
        let insert = format!("INSERT INTO {} ({})", shape.name, columns.join(", "));
        let marks: Vec<String> = (1..=columns.len()).map(|it| format!("?{it}")).collect();
        let sql = format!("{insert} VALUES ({})", marks.join(", "));
        Self { sql, insert: Some(insert), otherwise: Otherwise::Conflict }
    }

    fn change(sql: &str, otherwise: Otherwise) -> Self {
        Self { sql: sql.to_owned(), insert: None, otherwise }
    }

    /// The same with its values.
    pub(crate) fn with<'a>(&'static self, values: impl Into<Vec<Value<'a>>>) -> Write<'a> {
        Write { statement: self, values: values.into() }
    }
}

impl Write<'_> {
    /// Checks how many rows were written.
    pub(crate) fn check(&self, written: u64) -> Result<(), Fault> {
        match self.statement.otherwise {
            Otherwise::Fine => Ok(()),
            _ if written == 1 => Ok(()),
            Otherwise::Conflict => Err(Fault::Conflict),
            Otherwise::Forbidden(table) => {
                let row = format!("{:?}", self.values.get(..2).unwrap_or_default());
                Err(Fault::Forbidden { table, row })
            }
        }
    }
}

/// The statements of one table of records.
pub(crate) struct Table {
    /// `SELECT` with all columns, without a condition.
    pub(crate) select: String,
    insert: Statement,
    update: Statement,
}

impl Table {
    fn new(shape: &Shape) -> Self {
        let (name, key, columns) = (shape.name, shape.key, shape.inserted());
        let assign = |(index, name): (usize, &&str)| format!("{name} = ?{}", index + 1);
        let set: Vec<String> = columns.iter().enumerate().skip(key.len()).map(assign).collect();
        let whose: Vec<String> = key.iter().enumerate().map(assign).collect();
        let update = format!(
            "UPDATE {name} SET {} WHERE {} AND version + 1 = ?{}",
            set.join(", "),
            whose.join(" AND "),
            columns.len()
        );
        Self {
            select: format!("SELECT {} FROM {name}", columns.join(", ")),
            insert: Statement::insert(shape),
            update: Statement::change(&update, Otherwise::Conflict),
        }
    }

    /// Writes a record whose columns are `values`: inserts the first version, replaces the one
    /// before for all others, and conflicts if that is not what is stored.
    pub(crate) fn put<'a>(
        &'static self,
        version: u64,
        values: impl Into<Vec<Value<'a>>>,
    ) -> Write<'a> {
        if version == 1 { self.insert.with(values) } else { self.update.with(values) }
    }
}

/// A version as the database's integer. No stored version comes near the end of them.
pub(crate) fn version(version: u64) -> Result<i64, Fault> {
    i64::try_from(version).map_err(|_| Fault::Conflict)
}

pub(crate) static MERCHANTS: LazyLock<Table> = LazyLock::new(|| Table::new(&shape::MERCHANTS));

pub(crate) static API_KEYS: LazyLock<Table> = LazyLock::new(|| Table::new(&shape::API_KEYS));

pub(crate) static LANES: LazyLock<Table> = LazyLock::new(|| Table::new(&shape::LANES));

pub(crate) static LEASES: LazyLock<Table> = LazyLock::new(|| Table::new(&shape::LEASES));

pub(crate) static BATCHES: LazyLock<Table> = LazyLock::new(|| Table::new(&shape::BATCHES));

pub(crate) static PAYOUTS: LazyLock<Table> = LazyLock::new(|| Table::new(&shape::PAYOUTS));

pub(crate) static DELIVERIES: LazyLock<Table> = LazyLock::new(|| Table::new(&shape::DELIVERIES));

pub(crate) static BATCH_PAYOUTS: LazyLock<Statement> =
    LazyLock::new(|| Statement::insert(&shape::BATCH_PAYOUTS));

/// What a batch takes from its lane, written once.
pub(crate) static TAKES: LazyLock<Statement> = LazyLock::new(|| {
    let sql = "UPDATE batches SET takes = ?2 WHERE id = ?1";
    Statement::change(sql, Otherwise::Forbidden("batches"))
});

/// Adds an attempt, or writes what became of it. What was signed is never replaced.
pub(crate) static ATTEMPTS: LazyLock<Statement> = LazyLock::new(|| {
    let insert = Statement::insert(&shape::ATTEMPTS).sql;
    let sql = format!(
        "{insert}
        ON CONFLICT (batch, number) DO UPDATE SET
            status = excluded.status, fee = excluded.fee, unpaid = excluded.unpaid
        WHERE attempts.txid = excluded.txid AND attempts.raw = excluded.raw
            AND attempts.sequence IS NOT DISTINCT FROM excluded.sequence
            AND attempts.fee_max = excluded.fee_max AND attempts.signed_at = excluded.signed_at
            AND attempts.spends = excluded.spends"
    );
    Statement::change(&sql, Otherwise::Forbidden("attempts"))
});

pub(crate) static CLAIMS: LazyLock<Statement> = LazyLock::new(|| Statement::insert(&shape::CLAIMS));

pub(crate) static EVENTS: LazyLock<Statement> = LazyLock::new(|| Statement::insert(&shape::EVENTS));

pub(crate) static POSTINGS: LazyLock<Statement> =
    LazyLock::new(|| Statement::insert(&shape::POSTINGS));

/// Opens a line of the balances, unless somebody else did.
pub(crate) static OPEN_LINE: LazyLock<Statement> = LazyLock::new(|| {
    let sql = "INSERT INTO balances (account, asset, units) VALUES (?1, ?2, '0') \
               ON CONFLICT (account, asset) DO NOTHING";
    Statement::change(sql, Otherwise::Fine)
});

/// Writes what a line holds now.
pub(crate) static MOVE_LINE: LazyLock<Statement> = LazyLock::new(|| {
    let sql = "UPDATE balances SET units = ?2 WHERE id = ?1";
    Statement::change(sql, Otherwise::Forbidden("balances"))
});
