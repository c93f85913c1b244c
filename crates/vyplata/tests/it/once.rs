//! A thousand identical requests at once make one payout.

use std::{
    collections::BTreeSet,
    sync::{
        Barrier, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use crate::{
    api::{Api, Order, address_on},
    gateway::Gateway,
    http::{Connection, Reply, Request},
    ledger::Ledger,
};

const REQUESTS: usize = 1_000;
const CONNECTIONS: usize = 64;

/// Sends requests over many connections that all begin at the same moment.
fn send_all(gateway: &Gateway, make: &(dyn Fn(usize) -> Request + Sync)) -> Vec<Reply> {
    let next = AtomicUsize::new(0);
    let replies = Mutex::new(vec![]);
    let barrier = Barrier::new(CONNECTIONS);
    thread::scope(|scope| {
        for _ in 0..CONNECTIONS {
            scope.spawn(|| {
                let mut connection = Connection::open(gateway.address).unwrap();
                barrier.wait();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= REQUESTS {
                        return;
                    }
                    let reply = connection.send(&make(number)).unwrap();
                    replies.lock().unwrap().push(reply);
                }
            });
        }
    });
    replies.into_inner().unwrap()
}

fn check(api: Api, make: &(dyn Fn(usize) -> Request + Sync)) {
    let gateway = Gateway::sandbox();
    let ledger = Ledger::open(&gateway.data);
    let before = ledger.owned();
    let replies = send_all(&gateway, make);
    assert_eq!(replies.len(), REQUESTS);
    let ids: BTreeSet<String> = replies.iter().map(|it| api.id(it)).collect();
    assert_eq!(ids.len(), 1, "{ids:?}");
    if api == Api::Native {
        let created = replies.iter().filter(|it| it.status == 201).count();
        assert_eq!(created, 1, "exactly one answer says that it made the payout");
    }
    let id = ids.first().unwrap();
    gateway.wait_for_status(id, "paid");
    let payouts = ledger.payouts();
    assert_eq!(payouts.len(), 1, "{payouts:?}");
    assert!([&payouts[0].id, &payouts[0].public_id].contains(&id));
    ledger.assert_settled(&before);
    gateway.assert_healthy();
}

fn order(api: Api) -> Order<'static> {
    Order {
        code: api.usdt_on_tron(),
        amount: "35",
        address: address_on("tron"),
        webhook_url: None,
        reference: "the-one",
    }
}

#[test]
fn a_merchant_ref_is_paid_once() {
    check(Api::Native, &|_| Api::Native.create(&order(Api::Native)));
}

#[test]
fn an_idempotency_key_is_paid_once() {
    let body = Api::Native.body(&order(Api::Native)).without("merchant_ref").json();
    check(Api::Native, &|_| {
        Api::Native.sign(Api::Native.path(), &body).header("idempotency-key", "the-one")
    });
}

#[test]
fn a_cryptocloud_order_id_is_paid_once() {
    check(Api::CryptoCloud, &|_| Api::CryptoCloud.create(&order(Api::CryptoCloud)));
}

#[test]
fn a_cryptomus_order_id_is_paid_once() {
    check(Api::Cryptomus, &|_| Api::Cryptomus.create(&order(Api::Cryptomus)));
}

/// Half of the requests repeat everything, the others have nonces of their own, as clients send
/// that make a fresh request of every try.
#[test]
fn an_onchainpay_idempotency_key_is_paid_once() {
    check(Api::OnchainPay, &|number| {
        let body = Api::OnchainPay.body(&order(Api::OnchainPay));
        let body = if number % 2 == 0 { body } else { body.raw("nonce", &number.to_string()) };
        Api::OnchainPay
            .sign(Api::OnchainPay.path(), &body.json())
            .header("idempotency-key", "the-one")
    });
}
