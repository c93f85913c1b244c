//! What closes a database that everything was moved from, and opens it again: a row among its migrations,
//! which keeps programs from starting on it, and triggers, which refuse what those that run would write.

use crate::queries::shape::{LEASES, STATE, Shape};

/// What whoever writes is told.
const WHY: &str = "everything was moved to another database";

/// All tables that are written to.
fn tables() -> impl Iterator<Item = &'static str> {
    STATE.into_iter().chain([&LEASES]).map(|it: &Shape| it.name)
}

/// The statements that keep a file from being written to.
pub(super) fn close_sqlite() -> String {
    each_sqlite(|trigger, when, table| {
        format!(
            "CREATE TRIGGER {trigger} BEFORE {when} ON {table} \
             BEGIN SELECT RAISE(ABORT, '{WHY}'); END;"
        )
    })
}

/// The statements that take that back.
pub(super) fn open_sqlite() -> String {
    each_sqlite(|trigger, _, _| format!("DROP TRIGGER {trigger};"))
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
pub(super) fn close_postgres() -> String {
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
pub(super) fn open_postgres() -> String {
    let drops = tables().map(|table| format!("DROP TRIGGER moved ON {table};"));
    drops.chain(["DROP FUNCTION moved();".to_owned()]).collect()
}
