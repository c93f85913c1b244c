//! The queries' session over a transaction of PostgreSQL. Whatever is asked together is sent together
//! and answered together, over one connection.

use std::{borrow::Cow, error::Error, pin::pin, ptr, task::Poll};

use bytes::BytesMut;
use deadpool_postgres::Transaction;
use futures_util::{TryStreamExt as _, poll};
use tokio_postgres::{
    Row, Statement,
    types::{FromSql, IsNull, Kind, ToSql, Type, to_sql_checked},
};

use crate::{
    error::Fault,
    queries::{
        session::{Session, all},
        table::Write,
        value::{Cell, Record, Value},
    },
};

/// A transaction.
pub(crate) struct Asked<'a>(pub(crate) &'a Transaction<'a>);

impl Asked<'_> {
    /// The statement of a text with numbered places, which is known to the server after the first
    /// time.
    async fn statement(&self, sql: &str) -> Result<Statement, Fault> {
        Ok(self.0.prepare_cached(&sql.replace('?', "$")).await?)
    }

    /// The statement that asks the same for each row of arrays: the question itself, of the values of
    /// that row.
    async fn statement_for_each(&self, sql: &str) -> Result<Statement, Fault> {
        let one = self.statement(sql).await?;
        let (arrays, names) = (arrays(&one), 1..=one.params().len());
        // The longest numbers first: `?12` is not `?1` and a 2.
        let question = names.clone().rev().fold(sql.to_owned(), |question, number| {
            question.replace(&format!("?{number}"), &format!("asked.v{number}"))
        });
        let names: Vec<String> = names.map(|it| format!("v{it}")).collect();
        let sql = format!(
            "SELECT answer.*, asked.place FROM unnest({arrays}) WITH ORDINALITY \
             AS asked ({}, place) CROSS JOIN LATERAL ({question}) AS answer",
            names.join(", ")
        );
        self.statement(&sql).await
    }

    /// The statement that writes some rows of one kind.
    async fn statement_of(&self, writes: &[Write<'_>]) -> Result<Statement, Fault> {
        let one = self.statement(&writes[0].statement.sql).await?;
        let (Some(insert), 2..) = (&writes[0].statement.insert, writes.len()) else {
            return Ok(one);
        };
        self.statement(&format!("{insert} SELECT * FROM unnest({})", arrays(&one))).await
    }

    /// Writes some rows of one kind: one, or several by one array for each column.
    async fn execute(&self, statement: &Statement, writes: &[Write<'_>]) -> Result<(), Fault> {
        if let [one] = writes {
            let written = self.0.execute_raw(statement, &one.values).await?;
            return one.check(written);
        }
        let rows: Vec<&[Value<'_>]> = writes.iter().map(|it| it.values.as_slice()).collect();
        let columns = columns(&rows);
        let written = self.0.execute_raw(statement, &columns).await?;
        if usize::try_from(written) == Ok(writes.len()) { Ok(()) } else { Err(Fault::Conflict) }
    }
}

/// Arrays in the places of a statement's values, one for each.
fn arrays(one: &Statement) -> String {
    let arrays = (1..).zip(one.params()).map(|(number, kind)| {
        let kind = if let Kind::Domain(of) = kind.kind() { of } else { kind };
        format!("?{number}::{}[]", kind.name())
    });
    arrays.collect::<Vec<_>>().join(", ")
}

/// The columns of rows, all of which are as long as the first.
fn columns<'a, 'v>(rows: &[&'a [Value<'v>]]) -> Vec<Vec<&'a Value<'v>>> {
    let width = rows.first().map_or(0, |it| it.len());
    (0..width).map(|column| rows.iter().map(|row| &row[column]).collect()).collect()
}

impl Session for Asked<'_> {
    const LOCKING: &'static str = " FOR UPDATE";

    async fn list<T>(
        &self,
        sql: &str,
        values: &[Value<'_>],
        turn: impl Fn(&dyn Record) -> Result<T, Fault>,
    ) -> Result<Vec<T>, Fault> {
        let statement = self.statement(sql).await?;
        let mut rows = pin!(self.0.query_raw(&statement, values).await?);
        let mut found = vec![];
        while let Some(row) = rows.try_next().await? {
            found.push(turn(&row)?);
        }
        Ok(found)
    }

    async fn each<T>(
        &self,
        sql: &str,
        sets: &[Vec<Value<'_>>],
        turn: impl Fn(&dyn Record) -> Result<T, Fault>,
    ) -> Result<Vec<Option<T>>, Fault> {
        let mut found: Vec<Option<T>> = sets.iter().map(|_| None).collect();
        if let [] | [_] = sets {
            for (place, values) in found.iter_mut().zip(sets) {
                *place = self.first(sql, values, &turn).await?;
            }
            return Ok(found);
        }
        let statement = self.statement_for_each(sql).await?;
        let rows: Vec<&[Value<'_>]> = sets.iter().map(Vec::as_slice).collect();
        let columns = columns(&rows);
        let mut rows = pin!(self.0.query_raw(&statement, &columns).await?);
        while let Some(row) = rows.try_next().await? {
            let place: i64 = row.try_get("place")?;
            let place = usize::try_from(place - 1).ok().and_then(|it| found.get_mut(it));
            let place = place.ok_or(Fault::Bug)?;
            if place.is_none() {
                *place = Some(turn(&row)?);
            }
        }
        Ok(found)
    }

    async fn write(&self, writes: Vec<Write<'_>>) -> Result<(), Fault> {
        let is_one_kind = |one: &Write<'_>, next: &Write<'_>| {
            one.statement.insert.is_some() && ptr::eq(one.statement, next.statement)
        };
        let groups: Vec<&[Write<'_>]> = writes.chunk_by(is_one_kind).collect();
        let statements = all(groups.iter().map(|it| self.statement_of(it))).await?;
        // All are sent before the first answer is waited for, in this order.
        let mut sent = Vec::with_capacity(groups.len());
        let mut last = Ok(());
        for (statement, group) in statements.iter().zip(&groups) {
            let mut execution = Box::pin(self.execute(statement, group));
            match poll!(execution.as_mut()) {
                Poll::Pending => sent.push(execution),
                Poll::Ready(Ok(())) => {}
                // Perhaps only because of one before it, whose answer says why.
                Poll::Ready(failed) => {
                    last = failed;
                    break;
                }
            }
        }
        for execution in sent {
            execution.await?;
        }
        last
    }
}

/// Begins what stands for a character that PostgreSQL cannot hold. It is no character, so that it
/// is hardly ever found in a text; where it is, it is doubled.
const ESCAPE: char = '\u{ffff}';

/// A text without the character 0.
fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(['\0', ESCAPE]) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match character {
            '\0' => escaped.extend([ESCAPE, '0']),
            ESCAPE => escaped.extend([ESCAPE, ESCAPE]),
            other => escaped.push(other),
        }
    }
    Cow::Owned(escaped)
}

/// The text of which [`escaped`] made this; `None` if it made it of none.
fn unescaped(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains(ESCAPE) {
        return Some(Cow::Borrowed(text));
    }
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character != ESCAPE {
            plain.push(character);
            continue;
        }
        match characters.next()? {
            '0' => plain.push('\0'),
            ESCAPE => plain.push(ESCAPE),
            _ => return None,
        }
    }
    Some(Cow::Owned(plain))
}

impl ToSql for Value<'_> {
    fn to_sql(
        &self,
        kind: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Integer(number) if *kind == Type::INT4 => {
                i32::try_from(*number)?.to_sql(kind, out)
            }
            Self::Integer(number) => number.to_sql(kind, out),
            Self::Text(text) => escaped(text).to_sql(kind, out),
            Self::Bytes(bytes) => bytes.to_sql(kind, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

impl<'a> FromSql<'a> for Cell<'a> {
    fn from_sql(kind: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        match *kind {
            Type::INT8 => i64::from_sql(kind, raw).map(Self::Integer),
            Type::INT4 => i32::from_sql(kind, raw).map(|it| Self::Integer(it.into())),
            Type::BYTEA => <&[u8]>::from_sql(kind, raw).map(Self::Bytes),
            _ => {
                let text = unescaped(<&str>::from_sql(kind, raw)?);
                text.map(Self::Text).ok_or_else(|| "a text that is never written".into())
            }
        }
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self::Null)
    }

    fn accepts(kind: &Type) -> bool {
        [Type::INT8, Type::INT4, Type::BYTEA, Type::TEXT, Type::VARCHAR].contains(kind)
    }
}

impl Record for Row {
    fn first(&self) -> Option<Cell<'_>> {
        self.try_get(0).ok()
    }

    fn cell(&self, column: &str) -> Option<Cell<'_>> {
        self.try_get(column).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_comes_back_and_holds_no_zero_meanwhile() {
        for text in ["", "plain", "\0", "a\0b\u{ffff}c", "\u{ffff}0", "\u{ffff}\u{ffff}\0"] {
            let escaped = escaped(text);
            assert!(!escaped.contains('\0'));
            assert_eq!(unescaped(&escaped).as_deref(), Some(text));
        }
        for never in ["\u{ffff}", "\u{ffff}1", "a\u{ffff}"] {
            assert_eq!(unescaped(never), None);
        }
    }
}
