//! PostgreSQL, where the variable `POSTGRES` names a server whose user may do everything on it
//! (`postgres://user@host/name`); `cargo xtask ci` starts one, and so does `cargo xtask postgres`.

mod damage;
mod failures;
mod guards;
mod migrations;
pub(crate) mod server;
mod sharing;
mod tls;

use server::Server;

#[test]
fn a_store_in_postgres_conforms() {
    let Some(server) = Server::find() else { return };
    let _runtime = server.runtime.enter();
    let schemas = std::cell::RefCell::new(vec![]);
    sim::conformance::store::run_all(&|| {
        let schema = server.schema();
        let store = schema.store();
        schemas.borrow_mut().push(schema);
        Box::new(store)
    });
}
