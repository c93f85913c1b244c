//! The process is killed again and again while clients insist on their payouts.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use crate::{
    api::{Api, Order, address_on},
    gateway::{Gateway, quiet_port, wait_for},
    http::{Connection, Request},
    ledger::Ledger,
};

const KILLS: usize = 6;
const CLIENTS: usize = 4;
/// Where the moments of the kills come from.
const SEED: u64 = 0x5eed_0002;
/// How many requests a client waits to be acknowledged at most.
const REFERENCES_MAX: usize = 400;

/// Numbers that look random and are the same in every run (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// The API of a client, its reference, and the request.
fn request(address: SocketAddr, client: usize, number: usize) -> (Api, String, Request) {
    let api = Api::ALL[client % Api::ALL.len()];
    let reference = format!("crash-{client}-{number}");
    let url = format!("http://{address}/sandbox/webhooks");
    let order = Order {
        code: api.usdt_on_tron(),
        amount: "25",
        address: address_on("tron"),
        webhook_url: Some(&url),
        reference: &reference,
    };
    let request = api.create(&order);
    (api, reference, request)
}

/// Sends until it is acknowledged, whatever happens to the connection.
fn insist(connection: &mut Option<Connection>, address: SocketAddr, request: &Request) -> String {
    let (reply, api) = wait_for("an acknowledgement", || {
        let mut open = connection.take().or_else(|| Connection::open(address).ok())?;
        let reply = open.send(request).ok()?;
        *connection = Some(open);
        let api = Api::ALL.into_iter().find(|it| request.path == it.path())?;
        (reply.status != 503).then_some((reply, api))
    });
    api.id(&reply)
}

#[test]
fn every_payout_is_made_once_although_the_process_is_killed() {
    let directory = tempfile::tempdir().unwrap();
    let mut gateway = Gateway::sandbox_on(directory.path(), quiet_port(0));
    let address = gateway.address;
    let before = Ledger::open(&gateway.data).owned();
    let acknowledged = Mutex::new(BTreeMap::new());
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (over, acknowledged) = (&over, &acknowledged);
            scope.spawn(move || {
                let mut connection = None;
                for number in 0..REFERENCES_MAX {
                    let (_, reference, request) = request(address, client, number);
                    let id = insist(&mut connection, address, &request);
                    acknowledged.lock().unwrap().insert(reference, (client, number, id));
                    if over.load(Ordering::Relaxed) {
                        return;
                    }
                }
            });
        }
        let mut random = Random(SEED);
        for _ in 0..KILLS {
            thread::sleep(Duration::from_millis(20 + random.below(700)));
            gateway.kill();
            gateway = Gateway::sandbox_on(directory.path(), address.port());
        }
        over.store(true, Ordering::Relaxed);
    });
    let acknowledged = acknowledged.into_inner().unwrap();
    assert!(acknowledged.len() >= CLIENTS * KILLS, "only {} requests", acknowledged.len());
    let ledger = Ledger::open(&gateway.data);
    wait_for("all are paid", || {
        let open = ledger.count("SELECT count(*) FROM payouts WHERE status <> 'paid'");
        (open == 0).then_some(())
    });
    wait_for("all webhooks are delivered", || {
        let open = ledger.count("SELECT count(*) FROM deliveries WHERE state <> 'delivered'");
        (open == 0).then_some(())
    });
    // The answer to the same request is still the same, and makes nothing new.
    let mut connection = None;
    for (reference, (client, number, id)) in &acknowledged {
        let (_, _, request) = request(address, *client, *number);
        assert_eq!(insist(&mut connection, address, &request), *id, "{reference}");
        assert_eq!(ledger.claimed(reference).len(), 1, "{reference}");
    }
    assert_eq!(ledger.payouts().len(), acknowledged.len());
    ledger.assert_settled(&before);
    gateway.assert_healthy();
}
