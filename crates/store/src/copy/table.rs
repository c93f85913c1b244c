//! The statements that a copy needs, made of the tables' columns.

use std::{ptr, sync::LazyLock};

use crate::queries::{
    shape::{self, Shape},
    table::Statement,
};

/// How many rows are read and written at once.
pub(super) const PAGE_ROWS: usize = 2_000;

/// A table as it is copied: what is pointed at before what points at it.
pub(super) static COPIED: LazyLock<Vec<Copied>> =
    LazyLock::new(|| shape::STATE.into_iter().map(Copied::of).collect());

/// A table that is copied.
pub(super) struct Copied {
    pub(super) shape: &'static Shape,
    pub(super) columns: Vec<&'static str>,
    pub(super) insert: Statement,
}

/// Batches that have ended, then those that have not: whoever joins a batch must be in no other that
/// has not ended.
const ENDED_FIRST: &[Option<&str>] = &[
    Some("(SELECT closed FROM batches WHERE id = batch) <> 0"),
    Some("(SELECT closed FROM batches WHERE id = batch) = 0"),
];

impl Copied {
    fn of(shape: &'static Shape) -> Self {
        Self { shape, columns: shape.columns(), insert: Statement::insert_whole(shape) }
    }

    pub(super) fn name(&self) -> &'static str {
        self.shape.name
    }

    pub(super) fn is(&self, shape: &'static Shape) -> bool {
        ptr::eq(self.shape, shape)
    }

    /// The conditions of the parts in which it is copied, one after another.
    pub(super) fn parts(&self) -> &'static [Option<&'static str>] {
        if self.is(&shape::BATCH_PAYOUTS) { ENDED_FIRST } else { &[None] }
    }

    /// The question for the next rows in the order of their keys: the first ones, or those after a
    /// key, whose columns are its values.
    pub(super) fn page(&self, part: Option<&str>, after: bool) -> String {
        let key = self.shape.key.join(", ");
        let places: Vec<String> = (1..=self.shape.key.len()).map(|it| format!("?{it}")).collect();
        let after = after.then(|| format!("({key}) > ({})", places.join(", ")));
        let conditions: Vec<&str> = after.as_deref().into_iter().chain(part).collect();
        let condition = match conditions.as_slice() {
            [] => String::new(),
            some => format!(" WHERE {}", some.join(" AND ")),
        };
        let (columns, name) = (self.columns.join(", "), self.name());
        format!("SELECT {columns} FROM {name}{condition} ORDER BY {key} LIMIT {PAGE_ROWS}")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use rusqlite::Connection;

    use super::*;

    /// A connection to a new file.
    fn connected() -> (tempfile::TempDir, Connection) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gateway.db");
        drop(crate::Sqlite::open_and_migrate(&path).unwrap());
        (folder, Connection::open(&path).unwrap())
    }

    #[test]
    fn every_column_of_every_table_is_copied() {
        let (_folder, connection) = connected();
        let sql = "SELECT tables.name, columns.name FROM pragma_table_list AS tables
            JOIN pragma_table_info(tables.name) AS columns
            WHERE tables.type = 'table' AND tables.name NOT LIKE 'sqlite%'";
        let mut statement = connection.prepare(sql).unwrap();
        let found = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        let mut there: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (table, column) in found.map(Result::unwrap) {
            there.entry(table).or_default().insert(column);
        }
        for apart in ["leases", "schema_migrations"] {
            there.remove(apart).unwrap();
        }
        let set = |it: &Copied| it.columns.iter().map(ToString::to_string).collect();
        let copied = COPIED.iter().map(|it| (it.name().to_owned(), set(it))).collect();
        assert_eq!(there, copied);
    }

    #[test]
    fn pages_are_found_by_the_key() {
        let (_folder, connection) = connected();
        for table in COPIED.iter() {
            for part in table.parts() {
                let plan = format!("EXPLAIN QUERY PLAN {}", table.page(*part, true));
                let mut statement = connection.prepare(&plan).unwrap();
                let mut rows = statement.raw_query();
                let mut steps: Vec<String> = vec![];
                while let Some(row) = rows.next().unwrap() {
                    steps.push(row.get("detail").unwrap());
                }
                assert!(steps[0].starts_with("SEARCH"), "{}: {steps:?}", table.name());
                assert!(!steps.iter().any(|it| it.contains("TEMP B-TREE")), "{steps:?}");
            }
        }
    }
}
