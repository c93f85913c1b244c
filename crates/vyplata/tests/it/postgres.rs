//! Gateways on a database of PostgreSQL, where the variable `POSTGRES` names a server.

use std::{env, process};

use tokio_postgres::NoTls;

use crate::{
    api::{Api, Order, address_on},
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
