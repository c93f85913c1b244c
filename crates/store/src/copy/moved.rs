//! The marks of a move: what nobody may use is closed by a last row among its migrations, which keeps
//! programs from starting on it. What was moved from is kept from those that run as well, by triggers.

use super::{
    end::{Begun, Open},
    error::CopyError,
};
use crate::{
    migrations::{AWAITED, MOVED, Move, Unfit, mark},
    queries::{
        shape::{LEASES, STATE, Shape},
        value::{Cell, Record},
    },
};

/// What whoever writes is told.
const WHY: &str = "everything was moved to another database";

/// Puts a mark behind the migrations.
const MARK: &str = "INSERT INTO schema_migrations (number, name, sha256)
    SELECT max(number) + 1, ?1, ?2 FROM schema_migrations RETURNING number";

impl Begun<'_> {
    /// The mark that it has.
    pub(super) async fn mark(&self) -> Result<Option<Unfit>, CopyError> {
        let sql = "SELECT name, sha256 FROM schema_migrations WHERE name = ?1 OR name = ?2";
        let turn = |row: &dyn Record| Ok((text(row, "name"), text(row, "sha256")));
        let marks = self.list("reading marks", sql, &[MOVED.into(), AWAITED.into()], turn).await?;
        Ok(marks.last().and_then(|(name, text)| mark(name, text)))
    }

    /// Refuses unless it waits for this move and has nothing.
    pub(super) async fn must_wait_for(&self, awaited: &Move) -> Result<(), CopyError> {
        self.must_be_empty().await?;
        let waits = self.mark().await? == Some(Unfit::Awaited(awaited.clone()));
        self.must_be_one("preparing it", usize::from(waits))
    }

    /// Lets nobody use it before it has what is copied from `place`.
    pub(super) async fn wait_for(&self, place: &str) -> Result<Move, CopyError> {
        let random = match &self.open {
            Open::Sqlite(_) => "SELECT lower(hex(randomblob(16))) AS id",
            Open::Postgres(_) => "SELECT replace(gen_random_uuid()::text, '-', '') AS id",
        };
        let doing = "preparing it";
        let id = self.list(doing, random, &[], |it| Ok(text(it, "id"))).await?.concat();
        let awaited = Move { id, place: place.to_owned() };
        let values = [AWAITED.into(), awaited.text().into()];
        self.list(doing, MARK, &values, |_| Ok(())).await?;
        Ok(awaited)
    }

    /// Takes that back, since it has everything.
    pub(super) async fn end_waiting(&self, awaited: &Move) -> Result<(), CopyError> {
        let doing = "ending the preparation";
        let unmark =
            "DELETE FROM schema_migrations WHERE name = ?1 AND sha256 = ?2 RETURNING number";
        let values = [AWAITED.into(), awaited.text().into()];
        let marks = self.list(doing, unmark, &values, |_| Ok(())).await?;
        self.must_be_one(doing, marks.len())
    }

    /// Closes it, since everything is moved: nobody writes to it or starts with it. If it was closed
    /// before, it must still be, and for the same move.
    pub(super) async fn close(&self, moved: &Move, was_closed: bool) -> Result<(), CopyError> {
        let doing = "closing it";
        let mark = self.mark().await?;
        if was_closed || mark.is_some() {
            let is_same = mark == Some(Unfit::Moved(moved.clone()));
            return self.must_be_one(doing, usize::from(is_same));
        }
        let close = match &self.open {
            Open::Sqlite(_) => close_sqlite(),
            Open::Postgres(_) => close_postgres(),
        };
        self.execute(doing, &close).await?;
        let values = [MOVED.into(), moved.text().into()];
        self.list(doing, MARK, &values, |_| Ok(())).await.map(drop)
    }

    /// Waits for another move than it did, so that nothing comes of that one.
    pub(super) async fn wait_for_another(&self, from: &str) -> Result<Move, CopyError> {
        let unmark = format!("DELETE FROM schema_migrations WHERE name = '{AWAITED}'");
        self.execute("preparing it", &unmark).await?;
        self.wait_for(from).await
    }

    /// Takes that back.
    pub(super) async fn reopen(&self) -> Result<(), CopyError> {
        let open = match &self.open {
            Open::Sqlite(_) => open_sqlite(),
            Open::Postgres(_) => open_postgres(),
        };
        let unmark = format!("DELETE FROM schema_migrations WHERE name = '{MOVED}';");
        self.execute("opening what was moved", &(open + &unmark)).await
    }

    /// Somebody else may have moved it meanwhile.
    fn must_be_one(&self, doing: &str, count: usize) -> Result<(), CopyError> {
        if count == 1 {
            return Ok(());
        }
        let error = "somebody else moves it".to_owned();
        Err(CopyError::Failed { database: self.name.clone(), doing: doing.to_owned(), error })
    }
}

/// What a column holds that has a text.
pub(super) fn text(row: &dyn Record, column: &str) -> String {
    match row.cell(column) {
        Some(Cell::Text(text)) => text.into_owned(),
        other => format!("{other:?}"),
    }
}

/// All tables that are written to.
fn tables() -> impl Iterator<Item = &'static str> {
    STATE.into_iter().chain([&LEASES]).map(|it: &Shape| it.name)
}

/// The statements that keep a file from being written to.
fn close_sqlite() -> String {
    each_sqlite(|trigger, when, table| {
        format!(
            "CREATE TRIGGER {trigger} BEFORE {when} ON {table} \
             BEGIN SELECT RAISE(ABORT, '{WHY}'); END;"
        )
    })
}

/// The statements that take that back.
fn open_sqlite() -> String {
    each_sqlite(|trigger, _, _| format!("DROP TRIGGER IF EXISTS {trigger};"))
}

fn each_sqlite(statement: impl Fn(&str, &str, &str) -> String) -> String {
    let each = |table| {
        ["INSERT", "UPDATE", "DELETE"]
            .map(|when| statement(&format!("moved_{table}_{when}").to_lowercase(), when, table))
            .concat()
    };
    tables().map(each).collect()
}

/// The statements that keep a database of PostgreSQL from being written to.
fn close_postgres() -> String {
    let function = format!(
        "CREATE FUNCTION moved() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN RAISE EXCEPTION '{WHY}'; END $$;"
    );
    let trigger = |table| {
        format!(
            "CREATE TRIGGER moved BEFORE INSERT OR UPDATE OR DELETE ON {table} \
             EXECUTE FUNCTION moved();"
        )
    };
    [function].into_iter().chain(tables().map(trigger)).collect()
}

/// The statements that take that back.
fn open_postgres() -> String {
    let drops = tables().map(|table| format!("DROP TRIGGER IF EXISTS moved ON {table};"));
    drops.chain(["DROP FUNCTION IF EXISTS moved();".to_owned()]).collect()
}
