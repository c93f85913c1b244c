//! What only the connections of the store themselves can tell, where `POSTGRES` names a server.

use std::{env, process};

use rustls::{RootCertStore, crypto::ring};
use tokio::runtime::Runtime;
use tokio_postgres::SimpleQueryMessage;

use super::*;

/// Does something with a store in a schema of its own.
#[expect(clippy::disallowed_methods, reason = "the environment names the server")]
fn with_store(name: &str, work: impl AsyncFnOnce(&Client)) {
    let Ok(url) = env::var("POSTGRES") else {
        println!("skipped: the variable POSTGRES names no server");
        return;
    };
    let tls = ClientConfig::builder_with_provider(ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    let schema = format!("vyplata_unit_{name}_{}", process::id());
    let mark = if url.contains('?') { '&' } else { '?' };
    let url = format!("{url}{mark}options=-csearch_path%3D{schema}");
    Runtime::new().unwrap().block_on(async {
        let store = Postgres::open(&url, tls).unwrap();
        let client = store.pool.get().await.unwrap();
        client.batch_execute(&format!("CREATE SCHEMA {schema}")).await.unwrap();
        store.migrate().await.unwrap();
        work(&client).await;
        client.batch_execute(&format!("DROP SCHEMA {schema} CASCADE")).await.unwrap();
    });
}

/// The first column of each row.
async fn lines(client: &Client, sql: &str) -> Vec<String> {
    let messages = client.simple_query(sql).await.unwrap();
    let line = |it: &SimpleQueryMessage| {
        if let SimpleQueryMessage::Row(row) = it { row.get(0).map(str::to_owned) } else { None }
    };
    messages.iter().filter_map(line).collect()
}

#[test]
fn every_connection_is_durable_and_impatient() {
    with_store("settings", async |client| {
        for (setting, value) in [
            ("synchronous_commit", "on"),
            ("statement_timeout", "30s"),
            ("lock_timeout", "20s"),
            ("idle_in_transaction_session_timeout", "5s"),
            ("transaction_isolation", "read committed"),
            ("client_encoding", "UTF8"),
            ("application_name", "vyplata"),
        ] {
            assert_eq!(lines(client, &format!("SHOW {setting}")).await, [value], "{setting}");
        }
    });
}

/// Without statistics, whether an index *can* answer is all that there is to see: whatever else the
/// server could do is forbidden, and must not be needed.
#[test]
fn what_is_asked_all_the_time_is_found_by_an_index_and_in_order() {
    with_store("plans", async |client| {
        let only_indexes = "
            SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off;
            SET enable_hashjoin = off; SET enable_mergejoin = off;
            SET plan_cache_mode = force_generic_plan";
        client.batch_execute(only_indexes).await.unwrap();
        for sql in read::asked_often() {
            let places = (1..=9).rev().find(|it| sql.contains(&format!("?{it}"))).unwrap_or(0);
            let prepare = format!("PREPARE question AS {}", sql.replace('?', "$"));
            client.batch_execute(&prepare).await.unwrap();
            let values = vec!["NULL"; places].join(", ");
            let explain = format!("EXPLAIN (COSTS OFF) EXECUTE question({values})");
            let plan = lines(client, &explain).await;
            client.batch_execute("DEALLOCATE question").await.unwrap();
            assert!(!plan.iter().any(|it| it.contains("Seq Scan")), "{plan:#?}");
            for (scan, condition) in plan.iter().zip(plan.iter().skip(1)) {
                let is_found = condition.contains("Index Cond");
                assert!(!scan.contains("Index") || scan.contains("Cond") || is_found, "{plan:#?}");
            }
            let is_sorted = plan.iter().any(|it| it.contains("Sort"));
            assert!(!is_sorted || !sql.contains("ORDER BY"), "{plan:#?}");
        }
    });
}

#[test]
fn what_is_wrong_with_a_url_is_told_without_the_password() {
    for url in [
        "",
        "postgre://me:hunter2@host/name?sslmode=require",
        "host=localhost user=me password=hunter2",
        "postgres://me:hun@ter2@host/name",
        "postgres://me:hun@ter2/more@host/name",
        "postgres://me:hunter2@host:port/name",
        "postgres://me:hunter2@host/name?sslmode=never",
        "postgres://me:hunter2@host/name?color=red",
        "postgres://me:hunter2",
        "postgres://me:hunter2@[::1/name",
    ] {
        let error = config(url).unwrap_err();
        assert!(!error.contains("hunter2") && !error.contains("ter2"), "{url}: {error}");
    }
    let config = config("postgresql://me:hun%40ter2@one,other:1/payouts?sslmode=require").unwrap();
    assert_eq!(config.get_password(), Some("hun@ter2".as_bytes()));
    assert_eq!(name(&config), "one,other/payouts");
}
