//! The queries' session over a connection of `SQLite`. Every answer is there at once.

use std::{borrow::Cow, ptr};

use futures_util::FutureExt as _;
use rusqlite::{
    Connection, Row, ToSql, params_from_iter,
    types::{ToSqlOutput, ValueRef},
};

use crate::{
    error::Fault,
    queries::{
        session::Session,
        table::Write,
        value::{Cell, Record, Value},
    },
};

/// A connection inside a transaction.
pub(crate) struct Transaction<'a>(pub(crate) &'a Connection);

#[cfg(test)]
impl Transaction<'_> {
    /// Notes what is asked of a store in memory, which is what tests of questions use.
    fn note(&self, sql: &str) {
        if self.0.path().is_none_or(str::is_empty) {
            crate::queries::plans::note(sql);
        }
    }
}

/// What a future gives that never waits.
pub(crate) fn at_once<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("queries wait for the session only, and this one answers at once")
}

impl Session for Transaction<'_> {
    const LOCKING: &'static str = "";

    async fn list<T>(
        &self,
        sql: &str,
        values: &[Value<'_>],
        turn: impl Fn(&dyn Record) -> Result<T, Fault>,
    ) -> Result<Vec<T>, Fault> {
        #[cfg(test)]
        self.note(sql);
        let mut statement = self.0.prepare_cached(sql)?;
        let mut rows = statement.query(params_from_iter(values))?;
        let mut found = vec![];
        while let Some(row) = rows.next()? {
            found.push(turn(row)?);
        }
        Ok(found)
    }

    async fn each<T>(
        &self,
        sql: &str,
        sets: &[Vec<Value<'_>>],
        turn: impl Fn(&dyn Record) -> Result<T, Fault>,
    ) -> Result<Vec<Option<T>>, Fault> {
        #[cfg(test)]
        self.note(sql);
        let mut statement = self.0.prepare_cached(sql)?;
        let mut found = Vec::with_capacity(sets.len());
        for values in sets {
            let mut rows = statement.query(params_from_iter(values))?;
            found.push(rows.next()?.map(|row| turn(row)).transpose()?);
        }
        Ok(found)
    }

    async fn write(&self, writes: Vec<Write<'_>>) -> Result<(), Fault> {
        for some in writes.chunk_by(|one, next| ptr::eq(one.statement, next.statement)) {
            #[cfg(test)]
            self.note(&some[0].statement.sql);
            let mut statement = self.0.prepare_cached(&some[0].statement.sql)?;
            for write in some {
                let written = statement.execute(params_from_iter(&write.values))?;
                write.check(u64::try_from(written).unwrap_or(u64::MAX))?;
            }
        }
        Ok(())
    }
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Integer(number) => ValueRef::Integer(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

impl Record for Row<'_> {
    fn first(&self) -> Option<Cell<'_>> {
        self.get_ref(0).ok().and_then(cell)
    }

    fn cell(&self, column: &str) -> Option<Cell<'_>> {
        self.get_ref(column).ok().and_then(cell)
    }
}

fn cell(value: ValueRef<'_>) -> Option<Cell<'_>> {
    match value {
        ValueRef::Null => Some(Cell::Null),
        ValueRef::Integer(number) => Some(Cell::Integer(number)),
        ValueRef::Text(text) => {
            std::str::from_utf8(text).ok().map(|it| Cell::Text(Cow::Borrowed(it)))
        }
        ValueRef::Blob(bytes) => Some(Cell::Bytes(bytes)),
        ValueRef::Real(_) => None,
    }
}
