//! What only the connections of the store themselves can tell, where `POSTGRES` names a server.

use std::{env, process};

use domain::ports::AcceptView;
use rustls::{RootCertStore, crypto::ring};
use tokio::runtime::Runtime;
use tokio_postgres::SimpleQueryMessage;

use super::*;
use crate::queries::plans;

/// Does something with a store in a schema of its own.
#[expect(clippy::disallowed_methods, reason = "the environment names the server")]
fn with_store(name: &str, work: impl AsyncFnOnce(&Postgres, &Client)) {
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
        let client = store.asking.get().await.unwrap();
        client.batch_execute(&format!("CREATE SCHEMA {schema}")).await.unwrap();
        store.migrate().await.unwrap();
        work(&store, &client).await;
        client.batch_execute(&format!("DROP SCHEMA {schema} CASCADE")).await.unwrap();
    });
}

#[test]
fn over_a_network_all_is_encrypted_and_servers_can_be_written_to() {
    for (url, mode) in [
        ("postgres://db.example/x", SslMode::Require),
        ("postgres://10.0.0.7/x", SslMode::Require),
        ("postgres://localhost,db.example/x", SslMode::Require),
        ("postgres://localhost/x?hostaddr=10.0.0.7", SslMode::Require),
        ("postgres://localhost/x?sslmode=require", SslMode::Require),
        ("postgres://localhost/x", SslMode::Prefer),
        ("postgres://127.0.0.2/x", SslMode::Prefer),
        ("postgres://%2Frun%2Fpostgresql/x", SslMode::Prefer),
        ("postgres://db.example/x?sslmode=disable", SslMode::Disable),
    ] {
        let config = config(url).unwrap();
        assert_eq!(config.get_ssl_mode(), mode, "{url}");
        assert_eq!(config.get_target_session_attrs(), TargetSessionAttrs::ReadWrite, "{url}");
    }
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
    with_store("settings", async |_, client| {
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

/// What a plan is made of if it can be.
const ONLY_INDEXES: &str = "
    SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off;
    SET enable_hashjoin = off; SET enable_mergejoin = off;
    SET plan_cache_mode = force_generic_plan";

/// How a question is answered, whatever it is asked with.
async fn plan(client: &Client, sql: &str) -> Vec<String> {
    let places = (1..=99).rev().find(|it| sql.contains(&format!("?{it}"))).unwrap_or(0);
    let prepare = format!("PREPARE question AS {}", sql.replace('?', "$"));
    client.batch_execute(&prepare).await.unwrap();
    let values =
        if places == 0 { String::new() } else { format!("({})", vec!["NULL"; places].join(", ")) };
    let explain = format!("EXPLAIN (COSTS OFF) EXECUTE question{values}");
    let plan = lines(client, &explain).await;
    client.batch_execute("DEALLOCATE question").await.unwrap();
    plan
}

#[test]
fn nothing_that_is_asked_reads_a_table_that_grows() {
    let all = plans::all();
    with_store("all_plans", async |_, client| {
        // A few rows that were found may be sorted and joined in any way.
        let no_tables = "SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan";
        client.batch_execute(no_tables).await.unwrap();
        for sql in &all {
            let plan = plan(client, sql).await;
            for (step, condition) in plan.iter().zip(plan.iter().skip(1).chain([&String::new()])) {
                let Some((scan, table)) = step.split_once(" on ") else { continue };
                let table = table.split_whitespace().next().unwrap();
                let index = scan.rsplit(' ').next().unwrap();
                let is_found = condition.contains("Index Cond") || plans::OF_OPEN.contains(&index);
                let is_found = is_found || (scan.contains("Index") && plans::is_page(sql));
                let is_of_table = scan.contains("Seq Scan") || scan.contains("Index");
                let is_fine = !is_of_table || is_found || plans::is_small(table);
                assert!(is_fine, "{sql}\n{plan:#?}");
            }
        }
    });
}

/// Without statistics, whether an index *can* answer is all that there is to see: whatever else the
/// server could do is forbidden, and must not be needed.
#[test]
fn what_is_asked_all_the_time_is_found_by_an_index_and_in_order() {
    with_store("plans", async |_, client| {
        client.batch_execute(ONLY_INDEXES).await.unwrap();
        for sql in read::asked_often() {
            let plan = plan(client, &sql).await;
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
fn what_was_decided_while_balances_were_waited_for_counts() {
    with_store("paused", async |store, client| {
        let id = MerchantId(1);
        let merchant = Merchant {
            id,
            name: "shop".to_owned(),
            webhook_url: None,
            paused: false,
            created_at: Timestamp(1),
            version: 1,
        };
        let change = ChangeSet { merchants: vec![merchant], ..ChangeSet::default() };
        assert_eq!(store.commit(change).await, Ok(()));
        let line = (LedgerAccount::Available(id), AssetId::new("COIN@net"));
        let open = "INSERT INTO balances (account, asset, units) VALUES ($1, 'COIN@net', '0')";
        client.execute(open, &[&line.0.to_string()]).await.unwrap();
        let needs = AcceptNeeds {
            merchants: BTreeSet::from([id]),
            balances: BTreeSet::from([line]),
            ..AcceptNeeds::default()
        };
        let is_paused = async || {
            let mut paused = None;
            let mut decide = |view: AcceptView| {
                paused = Some(view.merchants[&id].paused);
                ChangeSet::default()
            };
            assert_eq!(store.accept(&needs, &mut decide).await, Ok(()));
            paused
        };
        assert_eq!(is_paused().await, Some(false));
        let hold = "BEGIN; SELECT units FROM balances FOR UPDATE";
        client.batch_execute(hold).await.unwrap();
        let waits = "SELECT 'one' FROM pg_stat_activity \
                     WHERE pg_backend_pid() = ANY (pg_blocking_pids(pid))";
        let pause = async {
            while lines(client, waits).await.is_empty() {}
            let paused = "UPDATE merchants SET paused = 1; COMMIT";
            client.batch_execute(paused).await.unwrap();
        };
        let (seen, ()) = futures_util::future::join(is_paused(), pause).await;
        assert_eq!(seen, Some(true));
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
    assert_eq!(name(&config), "one,other:1/payouts");
}
