//! Gateways on a database of PostgreSQL, where the variable `POSTGRES` names a server.

use std::{env, process};

use tokio_postgres::NoTls;

use crate::{
    api::{Api, Order, address_on},
    bench::measured,
    gateway::{Gateway, wait_for},
    http::Request,
};

/// A schema of its own on the server.
struct Schema {
    server: String,
    name: String,
}

impl Schema {
    #[expect(clippy::disallowed_methods, reason = "whoever runs the tests names the server")]
    fn make(test: &str) -> Option<Self> {
        let Ok(server) = env::var("POSTGRES") else {
            println!("skipped: the variable POSTGRES names no server");
            return None;
        };
        let schema = Self { server, name: format!("vyplata_it_{}_{test}", process::id()) };
        schema.execute(&format!("CREATE SCHEMA {}", schema.name));
        Some(schema)
    }

    fn url(&self) -> String {
        let mark = if self.server.contains('?') { '&' } else { '?' };
        format!("{}{mark}options=-csearch_path%3D{}", self.server, self.name)
    }

    fn execute(&self, sql: &str) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (client, connection) = tokio_postgres::connect(&self.server, NoTls).await.unwrap();
            let connection = tokio::spawn(connection);
            client.batch_execute(sql).await.unwrap();
            drop(client);
            connection.await.unwrap().unwrap();
        });
    }
}

impl Drop for Schema {
    fn drop(&mut self) {
        self.execute(&format!("DROP SCHEMA {} CASCADE", self.name));
    }
}

/// Asks for a payout through the gateway's own API.
fn ask(gateway: &Gateway, reference: &str) -> String {
    let order = Order {
        code: "ETH/ethereum",
        amount: "0.5",
        address: address_on("ethereum"),
        webhook_url: None,
        reference,
    };
    let reply = gateway.send(&Api::Native.create(&order));
    assert!(matches!(reply.status, 200 | 201), "{}", reply.text());
    Api::Native.id(&reply)
}

/// How much a gateway works on.
fn leases_held(gateway: &Gateway) -> u32 {
    let text = gateway.send(&Request::get("/metrics")).text();
    let line = text.lines().find_map(|it| it.strip_prefix("vyplata_leases_held ")).unwrap();
    line.parse().unwrap()
}

#[test]
fn a_gateway_that_was_killed_goes_on_at_once() {
    let Some(schema) = Schema::make("killed") else { return };
    let data = tempfile::tempdir().unwrap();
    let mut gateway = Gateway::sandbox_on_database(data.path(), &schema.url());
    let paid = ask(&gateway, "first");
    gateway.wait_for_status(&paid, "paid");
    let waits = ask(&gateway, "second");
    gateway.kill();
    let gateway = Gateway::sandbox_on_database(data.path(), &schema.url());
    assert!(leases_held(&gateway) > 1, "it waits for what it had itself");
    assert_eq!(gateway.payout(&paid)["status"], "paid");
    gateway.wait_for_status(&waits, "paid");
    assert_eq!(ask(&gateway, "second"), waits);
    gateway.assert_healthy();
    assert!(!data.path().join("vyplata.db").exists(), "there is a file beside the database");
}

#[test]
fn what_one_accepts_another_pays() {
    let Some(schema) = Schema::make("two") else { return };
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let payer = Gateway::sandbox_on_database(one.path(), &schema.url());
    let clerk = Gateway::sandbox_on_database(other.path(), &schema.url());
    assert!(leases_held(&payer) > 1);
    assert_eq!(leases_held(&clerk), 0);
    let id = ask(&clerk, "order");
    assert_eq!(ask(&payer, "order"), id, "the reference is known to both");
    clerk.wait_for_status(&id, "paid");
    assert_eq!(payer.payout(&id)["txid"], clerk.payout(&id)["txid"]);
    // It is killed, and gives no sign of life any more.
    drop(payer);
    wait_for("the other takes over", || (leases_held(&clerk) > 1).then_some(()));
}

/// Moves everything from one database to another.
fn migrate(from: &str, to: &str) -> std::process::Output {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_vyplata"));
    command.args(["--config", "there-is-none.toml", "migrate", "--from", from, "--to", to]);
    command.env("RUST_LOG", "warn").output().unwrap()
}

#[test]
fn a_gateway_moves_from_its_file_to_a_server_and_goes_on() {
    let Some(schema) = Schema::make("moved") else { return };
    let data = tempfile::tempdir().unwrap();
    let mut gateway = Gateway::sandbox_on(data.path(), 0);
    let paid = ask(&gateway, "first");
    let before = gateway.wait_for_status(&paid, "paid");
    let waits = ask(&gateway, "second");
    let file = format!("sqlite:{}", data.path().join("vyplata.db").display());
    let at_work = migrate(&file, &schema.url());
    let said = String::from_utf8(at_work.stderr).unwrap();
    assert!(!at_work.status.success() && said.contains("another gateway is running"), "{said}");
    gateway.kill();
    let moved = migrate(&file, &schema.url());
    let said = String::from_utf8(moved.stderr).unwrap();
    assert!(moved.status.success(), "{said}");
    let said = String::from_utf8(moved.stdout).unwrap();
    assert!(said.contains("payouts") && said.contains("the ledger adds up"), "{said}");
    let mut old = Gateway::sandbox_command(data.path(), 0);
    let refused = old.env("DATABASE_URL", &file).output().unwrap();
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("was moved to 127.0.0.1:"), "{said}");
    let gateway = Gateway::sandbox_on_database(data.path(), &schema.url());
    assert_eq!(gateway.payout(&paid)["txid"], before["txid"]);
    assert_eq!(ask(&gateway, "first"), paid, "the reference is known");
    assert_eq!(ask(&gateway, "second"), waits);
    gateway.wait_for_status(&waits, "paid");
    let new = ask(&gateway, "third");
    gateway.wait_for_status(&new, "paid");
    gateway.assert_healthy();
    drop(gateway);
    let again = migrate(&file, &schema.url());
    let said = String::from_utf8(again.stderr).unwrap();
    assert!(!again.status.success() && said.contains("is not empty"), "{said}");
}

#[test]
fn what_is_wrong_with_a_side_is_told_without_its_password() {
    for (from, to) in [
        ("sqlite:nowhere.db", "postgre://me:hunter2@host/name"),
        ("postgres://me:hunter2@127.0.0.1:1/name", "sqlite:nowhere.db"),
        ("sqlite:nowhere.db", "postgres://me:hun@hunter2@host/name"),
    ] {
        let refused = migrate(from, to);
        let said = String::from_utf8(refused.stderr).unwrap();
        assert!(!refused.status.success() && said.contains("error: "), "{said}");
        assert!(!said.contains("hunter2") && !said.contains("panicked"), "{said}");
    }
}

#[test]
fn what_gateways_on_one_database_accept_is_counted_together() {
    let Some(schema) = Schema::make("bench") else { return };
    let folder = tempfile::tempdir().unwrap();
    let rounds = ["accept", "--connections", "1,4", "--seconds", "1", "--rounds", "1"];
    let more = ["--nodes", "2", "--pay", "--store", &schema.url()];
    let last = measured(&folder, &[&rounds[..], &more].concat());
    assert_eq!((&last["nodes"], &last["durable"]), (&2.into(), &last["acknowledged"]));
    for run in last["runs"].as_array().unwrap() {
        for figure in ["acknowledged", "cpu_us_per_create", "rss_max_kb"] {
            assert!(run[figure].as_u64().unwrap() > 0, "{figure} of {run}");
        }
    }
}
