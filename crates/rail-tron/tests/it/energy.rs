//! Where energy comes from.

use std::sync::{Arc, Mutex};

use tron_node::Fault;

use crate::house::{House, Plan, somebody};
use domain::{
    BoxFuture,
    payout::Status,
    ports::{Rail as _, Unreachable},
};
use rail_tron::energy::{Market, Offer, Order, Taken};

/// What a unit of energy is rented for, in sun.
const RENT: u64 = 30;

/// A market that takes orders; what was ordered is lent when the test says so.
#[derive(Clone, Default)]
struct Lender {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    orders: Vec<(String, u64)>,
    answers: bool,
}

impl Lender {
    fn new(answers: bool) -> Self {
        let lender = Self::default();
        lender.state.lock().unwrap().answers = answers;
        lender
    }

    fn orders(&self) -> Vec<(String, u64)> {
        self.state.lock().unwrap().orders.clone()
    }
}

impl Market for Lender {
    fn offer<'a>(
        &'a self,
        _receiver: &'a str,
        energy: u64,
    ) -> BoxFuture<'a, Result<Option<Offer>, Unreachable>> {
        let offer = Offer { sun: energy * RENT, unit_sun: RENT };
        Box::pin(std::future::ready(Ok(Some(offer))))
    }

    fn rent<'a>(&'a self, order: Order<'a>) -> BoxFuture<'a, Result<Taken, Unreachable>> {
        let mut state = self.state.lock().unwrap();
        state.orders.push((order.receiver.to_owned(), order.energy));
        let answer = if state.answers { Ok(Taken::Yes) } else { Err(Unreachable) };
        Box::pin(std::future::ready(answer))
    }
}

/// A house that rents, and whom it rents from.
async fn renting(answers: bool) -> (House, Lender) {
    let lender = Lender::new(answers);
    let market: Option<Box<dyn Market>> = Some(Box::new(lender.clone()));
    (House::start(Plan { market, ..Plan::default() }).await, lender)
}

impl House {
    /// Lends what was ordered.
    fn lend(&self, lender: &Lender) {
        let ordered: u64 = lender.orders().iter().map(|it| it.1).sum();
        let points = i64::try_from(ordered).unwrap();
        self.all(|chain| chain.stake_energy(self.wallet, points));
    }
}

#[tokio::test]
async fn what_the_wallet_has_is_used_and_nothing_is_burnt() {
    let house = House::new().await;
    house.all(|chain| {
        chain.stake_energy(house.wallet, 1_000_000);
        chain.stake_net(house.wallet, 10_000);
    });
    let id = house.ask(&house.token, &somebody(1), 1_000).await;
    house.end(&[id]).await;
    assert_eq!((house.status(id), house.charged(id)), (Status::Paid, 0));
}

#[tokio::test]
async fn energy_that_was_rented_is_waited_for_and_used() {
    let (house, lender) = renting(true).await;
    let id = house.ask(&house.token, &somebody(1), 1_000).await;
    house.turn().await;
    let orders = lender.orders();
    assert_eq!(orders.len(), 1, "{orders:?}");
    assert_eq!(house.node().chain(|chain| chain.received().len()), 0, "it waits for the energy");
    house.lend(&lender);
    house.end(&[id]).await;
    assert_eq!(lender.orders().len(), 1, "once");
    assert_eq!(house.status(id), Status::Paid);
    // Bandwidth is free.
    assert_eq!(house.charged(id), 0);
}

#[tokio::test]
async fn energy_that_does_not_come_is_burnt() {
    for answers in [true, false] {
        let (house, lender) = renting(answers).await;
        let id = house.ask(&house.token, &somebody(1), 1_000).await;
        house.end(&[id]).await;
        assert_eq!(lender.orders().len(), 1, "nobody knows what became of the first");
        assert_eq!(house.status(id), Status::Paid);
        assert!(house.charged(id) > 0);
    }
}

#[tokio::test]
async fn nothing_is_rented_again_for_what_was_handed_over_before() {
    for is_undone in [false, true] {
        let (house, lender) = renting(true).await;
        let id = house.ask(&house.token, &somebody(1), 1_000).await;
        house.turn().await;
        house.lend(&lender);
        house.wait(3_000);
        house.turn().await;
        if is_undone {
            house.all(tron_node::Chain::mine);
            house.wait(3_000);
            house.turn().await;
            house.all(|chain| chain.undo(1).unwrap());
        }
        // What was lent is taken back before it is handed over again.
        house.all(|chain| {
            chain.forget_all_pending();
            chain.stake_energy(house.wallet, 0);
        });
        house.end(&[id]).await;
        assert_eq!(house.node().chain(|chain| chain.received().len()), 2);
        assert_eq!(house.batch_of(id).attempts.len(), 1);
        assert_eq!(lender.orders().len(), 1, "{is_undone}");
        assert!(house.charged(id) > 0);
    }
}

#[tokio::test]
async fn energy_is_not_promised_twice() {
    let (house, lender) = renting(true).await;
    // Enough for one of them.
    let quoted = {
        let id = house.ask(&house.token, &somebody(9), 1_000).await;
        house.turn().await;
        house.lend(&lender);
        house.end(&[id]).await;
        lender.orders()[0].1
    };
    house.all(|chain| chain.mine_many(30_000));
    let ids = [
        house.ask(&house.token, &somebody(1), 1_000).await,
        house.ask(&house.token, &somebody(2), 1_000).await,
    ];
    house.turn().await;
    let orders = lender.orders();
    assert_eq!(orders.len(), 2, "the first has its energy, the second needs more: {orders:?}");
    assert!(orders[1].1 >= quoted / 2, "{orders:?}");
    house.lend(&lender);
    house.end(&ids).await;
    assert_eq!(ids.map(|id| house.status(id)), [Status::Paid; 2]);
}

#[tokio::test]
async fn energy_that_never_comes_is_rented_no_more() {
    let (house, lender) = renting(true).await;
    let quoted = async || house.rail.quote_fee(&house.token).await.unwrap();
    let rented = quoted().await;
    for number in 0..5 {
        let id = house.ask(&house.token, &somebody(number), 1_000).await;
        house.end(&[id]).await;
        assert_eq!(house.status(id), Status::Paid);
    }
    assert_eq!(lender.orders().len(), 3);
    let alert = house.rail.alert().unwrap();
    assert!(alert.contains("did not come"), "{alert}");
    let burnt = quoted().await;
    assert!(burnt.units() > 2 * rented.units(), "{burnt:?} is quoted, and {rented:?} before");
}

#[tokio::test]
async fn a_node_that_tells_no_resources_keeps_nothing() {
    let (house, lender) = renting(true).await;
    house.node().fault("wallet/getaccountresource", 1_000_000, Fault::Status(403));
    let id = house.ask(&house.token, &somebody(1), 1_000).await;
    house.end(&[id]).await;
    assert_eq!(house.status(id), Status::Paid);
    assert!(lender.orders().is_empty());
}

#[tokio::test]
async fn energy_in_use_is_counted_once() {
    let (house, lender) = renting(true).await;
    // Two and a half times what one takes.
    house.all(|chain| chain.stake_energy(house.wallet, 71_045));
    let ids = [
        house.ask(&house.token, &somebody(1), 1_000).await,
        house.ask(&house.token, &somebody(2), 1_000).await,
    ];
    house.end(&ids).await;
    assert!(lender.orders().is_empty(), "{:?}", lender.orders());
    assert_eq!(ids.map(|id| house.status(id)), [Status::Paid; 2]);
}
