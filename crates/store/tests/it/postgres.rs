//! PostgreSQL, where the variable `POSTGRES` names a server (`postgres://user@host/name`) whose user
//! may make schemas; `cargo xtask ci` starts one. Each store has a schema of its own.

use std::{
    env, process,
    sync::atomic::{AtomicU32, Ordering},
    thread,
};

use domain::ports::{ChangeSet, CommitError, Store};
use futures_util::future::join_all;
use rustls::{ClientConfig, RootCertStore, crypto::ring};
use sim::conformance::{ready, store::run_all};
use store::{Postgres, StoreError};
use tokio::runtime::Runtime;
use tokio_postgres::{Client, NoTls};

/// A server, and what runs the connections to it.
struct Server {
    url: String,
    runtime: Runtime,
}

/// A schema of its own on a server.
struct Schema<'a> {
    server: &'a Server,
    name: String,
    url: String,
}

impl Server {
    fn find() -> Option<Self> {
        let Ok(url) = env::var("POSTGRES") else {
            println!("skipped: the variable POSTGRES names no server");
            return None;
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        Some(Self { url, runtime })
    }

    fn client(&self, url: &str) -> Client {
        self.runtime.block_on(async {
            let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
            tokio::spawn(connection);
            client
        })
    }

    fn schema(&self) -> Schema<'_> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("vyplata_test_{}_{number}", process::id());
        let sql = format!("CREATE SCHEMA {name}");
        self.runtime.block_on(self.client(&self.url).batch_execute(&sql)).unwrap();
        let mark = if self.url.contains('?') { '&' } else { '?' };
        let url = format!("{}{mark}options=-csearch_path%3D{name}", self.url);
        Schema { server: self, name, url }
    }
}

impl Drop for Schema<'_> {
    fn drop(&mut self) {
        self.execute(&format!("DROP SCHEMA {} CASCADE", self.name)).unwrap();
    }
}

impl Schema<'_> {
    /// Another process on the same database.
    fn open(&self) -> Postgres {
        let _runtime = self.server.runtime.enter();
        Postgres::open(&self.url, tls()).unwrap()
    }

    fn store(&self) -> Postgres {
        let store = self.open();
        self.server.runtime.block_on(store.migrate()).unwrap();
        store
    }

    fn execute(&self, sql: &str) -> Result<(), tokio_postgres::Error> {
        let client = self.server.client(&self.url);
        self.server.runtime.block_on(client.batch_execute(sql))
    }

    /// Who does something by hand, outside any store.
    fn client(&self) -> Client {
        self.server.client(&self.url)
    }
}

fn tls() -> ClientConfig {
    ClientConfig::builder_with_provider(ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth()
}

#[test]
fn a_store_in_postgres_conforms() {
    let Some(server) = Server::find() else { return };
    let _runtime = server.runtime.enter();
    let schemas = std::cell::RefCell::new(vec![]);
    run_all(&|| {
        let schema = server.schema();
        let store = schema.store();
        schemas.borrow_mut().push(schema);
        Box::new(store)
    });
}
