//! A server, schemas of their own on it, and what is done there by hand.

use std::{
    env, process,
    sync::atomic::{AtomicU32, Ordering},
};

use rustls::{ClientConfig, RootCertStore, crypto::ring};
use store::Postgres;
use tokio::runtime::{EnterGuard, Runtime};
use tokio_postgres::{Client, NoTls};

/// A server, and what runs the connections to it.
pub(crate) struct Server {
    pub(crate) url: String,
    pub(crate) runtime: Runtime,
}

/// A schema of its own on a server. Connections of its stores are called as it is.
pub(crate) struct Schema<'a> {
    pub(crate) server: &'a Server,
    name: String,
}

/// Somebody who does something by hand, outside any store.
pub(crate) struct Hand<'a> {
    runtime: &'a Runtime,
    client: Client,
}

impl Server {
    /// The server that the environment names.
    #[expect(clippy::disallowed_methods, reason = "the environment names the server")]
    pub(crate) fn find() -> Option<Self> {
        let Ok(url) = env::var("POSTGRES") else {
            println!("skipped: the variable POSTGRES names no server");
            return None;
        };
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime.worker_threads(2).enable_all().build().expect("threads can be had");
        Some(Self { url, runtime })
    }

    /// An empty schema.
    pub(crate) fn schema(&self) -> Schema<'_> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("vyplata_test_{}_{number}", process::id());
        self.hand(&self.url).done(&format!("CREATE SCHEMA {name}"));
        Schema { server: self, name }
    }

    fn hand(&self, url: &str) -> Hand<'_> {
        let client = self.runtime.block_on(async {
            let (client, connection) =
                tokio_postgres::connect(url, NoTls).await.expect("the server is there");
            tokio::spawn(connection);
            client
        });
        Hand { runtime: &self.runtime, client }
    }

    /// What must be held while futures of a store are polled.
    pub(crate) fn enter(&self) -> EnterGuard<'_> {
        self.runtime.enter()
    }
}

impl Drop for Schema<'_> {
    fn drop(&mut self) {
        self.end_connections();
        self.hand().done(&format!("DROP SCHEMA {} CASCADE", self.name));
    }
}

impl Schema<'_> {
    /// The URL of the schema, with settings of the server beside.
    pub(crate) fn url(&self, name: &str, settings: &[&str]) -> String {
        let url = &self.server.url;
        let mark = if url.contains('?') { '&' } else { '?' };
        let path = format!("search_path={}", self.name);
        let settings: Vec<String> = [path.as_str()]
            .iter()
            .chain(settings)
            .map(|it| format!("-c{}", it.replace('=', "%3D")))
            .collect();
        format!("{url}{mark}application_name={name}&options={}", settings.join("%20"))
    }

    /// Another process on the same database.
    pub(crate) fn open(&self) -> Postgres {
        self.open_with(&[])
    }

    /// The same, with settings of the server for its connections.
    pub(crate) fn open_with(&self, settings: &[&str]) -> Postgres {
        let _runtime = self.server.runtime.enter();
        Postgres::open(&self.url(&self.name, settings), tls(RootCertStore::empty())).expect("a URL")
    }

    /// The first process on the database.
    pub(crate) fn store(&self) -> Postgres {
        let store = self.open();
        self.server.runtime.block_on(store.migrate()).expect("it is new");
        store
    }

    pub(crate) fn hand(&self) -> Hand<'_> {
        self.server.hand(&self.url("by-hand", &[]))
    }

    /// Ends all connections of the schema's stores, and waits until they are gone.
    pub(crate) fn end_connections(&self) {
        self.hand().number(&format!(
            "SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity
            WHERE application_name = '{}'",
            self.name
        ));
    }

    /// Waits until so many connections of the schema's stores wait for what others hold.
    pub(crate) fn wait_until_blocked(&self, count: i64) {
        let hand = self.hand();
        let sql = format!(
            "SELECT count(*) FROM pg_stat_activity
            WHERE application_name = '{}' AND wait_event_type = 'Lock'",
            self.name
        );
        let asked = (0..100_000).any(|_| hand.number(&sql) == count);
        assert!(asked, "nobody waits");
    }
}

impl Hand<'_> {
    /// Does something that may fail; says why, as the server does.
    pub(crate) fn try_to(&self, sql: &str) -> Result<(), String> {
        let done = self.runtime.block_on(self.client.batch_execute(sql));
        done.map_err(|it| match it.as_db_error() {
            Some(said) => said.to_string(),
            None => it.to_string(),
        })
    }

    #[track_caller]
    pub(crate) fn done(&self, sql: &str) {
        assert_eq!(self.try_to(sql), Ok(()), "{sql}");
    }

    /// The number that is the answer to a question.
    #[track_caller]
    pub(crate) fn number(&self, sql: &str) -> i64 {
        self.runtime.block_on(self.client.query_one(sql, &[])).expect(sql).get(0)
    }

    /// The texts of the row that is the answer to a question.
    #[track_caller]
    pub(crate) fn texts(&self, sql: &str) -> Vec<String> {
        let row = self.runtime.block_on(self.client.query_one(sql, &[])).expect(sql);
        (0..row.len()).map(|it| row.get(it)).collect()
    }
}

/// TLS that trusts these authorities.
pub(crate) fn tls(authorities: RootCertStore) -> ClientConfig {
    ClientConfig::builder_with_provider(ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .expect("the provider knows them")
        .with_root_certificates(authorities)
        .with_no_client_auth()
}
