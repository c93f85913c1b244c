//! Rows as they are in no database in particular.

use std::fmt;

use sha2::{Digest as _, Sha256};

use super::table::Copied;
use crate::{
    error::Fault,
    queries::value::{Cell, Record, Value},
};

/// What a column holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Held {
    Nothing,
    Integer(i64),
    Text(String),
    Bytes(Vec<u8>),
}

/// A row with all its columns in the order of its table's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row(pub(super) Vec<Held>);

impl Row {
    /// Reads a row of a table.
    pub(super) fn read(table: &Copied, record: &dyn Record) -> Result<Self, Fault> {
        let read = |column: &&'static str| match record.cell(column) {
            Some(Cell::Null) => Ok(Held::Nothing),
            Some(Cell::Integer(number)) => Ok(Held::Integer(number)),
            Some(Cell::Text(text)) => Ok(Held::Text(text.into_owned())),
            Some(Cell::Bytes(bytes)) => Ok(Held::Bytes(bytes.to_vec())),
            None => {
                let first = record.first();
                let row = first.map_or_else(String::new, |it| format!("{it:?}"));
                Err(Fault::Damaged { table: table.name(), row, column })
            }
        };
        table.columns.iter().map(read).collect::<Result<_, _>>().map(Self)
    }

    /// What it is known by.
    pub(super) fn key(&self, table: &Copied) -> &[Held] {
        &self.0[..table.shape.key.len()]
    }

    /// As a statement takes it.
    pub(super) fn values(&self) -> Vec<Value<'_>> {
        self.0.iter().map(Held::value).collect()
    }

    /// What a column holds.
    pub(super) fn get(&self, table: &Copied, column: &str) -> &Held {
        let place = table.columns.iter().position(|it| *it == column);
        place.map_or(&Held::Nothing, |it| &self.0[it])
    }

    /// Adds it to a hash: no two rows, and no two lists of rows, are the same bytes.
    pub(super) fn hash(&self, hash: &mut Sha256) {
        self.0.iter().for_each(|it| it.hash(hash));
    }
}

impl Held {
    /// As a statement takes it.
    pub(super) fn value(&self) -> Value<'_> {
        match self {
            Self::Nothing => Value::Null,
            Self::Integer(number) => Value::Integer(*number),
            Self::Text(text) => Value::from(text),
            Self::Bytes(bytes) => Value::Bytes(bytes),
        }
    }

    /// Whether all databases hold it as it is, and so keep it in the same order among its like. The
    /// character 0 is not the first one where it stands for something else.
    pub(super) fn is_plain(&self) -> bool {
        match self {
            Self::Nothing | Self::Integer(_) | Self::Bytes(_) => true,
            Self::Text(text) => !text.contains(['\0', '\u{ffff}']),
        }
    }

    /// A letter for what it is, eight bytes (a number, or how long the rest is), and the rest.
    fn hash(&self, hash: &mut Sha256) {
        let long = |hash: &mut Sha256, kind: &[u8], rest: &[u8]| {
            hash.update(kind);
            hash.update((rest.len() as u64).to_be_bytes());
            hash.update(rest);
        };
        match self {
            Self::Nothing => hash.update(b"n"),
            Self::Integer(number) => {
                hash.update(b"i");
                hash.update(number.to_be_bytes());
            }
            Self::Text(text) => long(hash, b"t", text.as_bytes()),
            Self::Bytes(bytes) => long(hash, b"b", bytes),
        }
    }
}

/// The hash of a table before its first row: what it and its columns are called.
pub(super) fn begun(table: &Copied) -> Sha256 {
    let mut hash = Sha256::new();
    let names = [table.name()].into_iter().chain(table.columns.iter().copied());
    names.for_each(|it| Held::Text(it.to_owned()).hash(&mut hash));
    hash
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("NULL"),
            Self::Integer(number) => write!(f, "{number}"),
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Bytes(bytes) => f.write_str(&hex::encode(bytes)),
        }
    }
}

/// A key in words.
pub(super) fn named(key: &[Held]) -> String {
    key.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
