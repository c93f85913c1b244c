//! Lanes that have too little for fees, by the real engine, signer and rail on a real node: as many as
//! possible are paid together, and the rest is paid once there is enough.
//!
//! Runs only with `RUN_NODE_TESTS=1` and `ANVIL` set to the path of the anvil binary.

use domain::{
    ids::PayoutId,
    money::Amount,
    payout::Status,
    ports::{HoldReason, Rail},
    station::{Refuel, Station},
};
use rail_evm::pay_call::Method;

use crate::{
    house::{House, hot, station},
    scene::coin,
};

const GWEI: u64 = 1_000_000_000;
const ETHER: u128 = 1_000_000_000_000_000_000;

fn amount(units: u128) -> Amount {
    Amount::from_units(units).unwrap()
}

/// Goes on for a while, at one base fee.
async fn go_on(house: &House) {
    for _ in 0..12 {
        house.set_base_fee(GWEI).await;
        house.turn().await;
        house.set_base_fee(GWEI).await;
        house.anvil.mine(1).await;
        house.wait(5_000);
    }
}

/// Those who are paid, and those who are not.
fn sorted(house: &House, ids: &[PayoutId]) -> (Vec<PayoutId>, Vec<PayoutId>) {
    ids.iter().partition(|it| house.status(**it) == Status::Paid)
}

/// What the lane holds is enough for some of twenty payouts, and for more than the station keeps.
#[tokio::test]
async fn whom_the_gas_is_enough_for_go_together_and_the_station_brings_what_the_rest_lacks() {
    for method in [Method::Contract, Method::Delegate] {
        for asset in [None, Some(coin())] {
            let Some(house) = House::ready(method).await else { return };
            let asset = asset.unwrap_or_else(|| house.token.clone());
            house.fund(&hot(), &coin(), 2_000_000 * u128::from(GWEI)).await;
            house.anvil.mine(5).await;
            let ids = house.ask_many(&asset, "gas", 20).await;
            house.wait(500);
            house.set_base_fee(GWEI).await;
            house.anvil.mine(1).await;
            house.turn().await;
            let sending = |it: &PayoutId| house.status(*it) == Status::Sending;
            let (some, rest): (Vec<_>, Vec<_>) = ids.iter().copied().partition(sending);
            assert!((3..20).contains(&some.len()), "{method:?} {}: {}", asset.id, some.len());
            assert_eq!(house.newest_of(&some).tx.txid, house.newest_of(&some[..1]).tx.txid);
            let holds: Vec<_> = rest.iter().filter_map(|it| house.hold_of(*it)).collect();
            assert!(holds.iter().all(|it| *it == HoldReason::AwaitingGas) && !holds.is_empty());
            // There is as much as the station keeps, and still it brings what is needed.
            let terms = Station {
                from: station(),
                below: amount(1),
                up_to: amount(2),
                daily_max: amount(10 * ETHER),
            };
            for _ in 0..8 {
                assert_ne!(house.refuel(&terms).await.verdict, Refuel::LimitReached);
                go_on(&house).await;
            }
            house.are(&ids, Status::Paid);
            assert!(ids.iter().all(|it| !house.payout(*it).travels_alone));
            assert!(house.txids(&ids).len() <= 5, "{:?}", house.txids(&ids));
            house.audit().await;
        }
    }
}

/// What the lane holds is not enough for any two together.
#[tokio::test]
async fn what_is_enough_for_one_alone_pays_one() {
    let Some(house) = House::ready(Method::Contract).await else { return };
    let token = house.token.clone();
    house.fund(&hot(), &coin(), 350_000 * u128::from(GWEI)).await;
    house.anvil.mine(5).await;
    let ids = house.ask_many(&token, "little", 20).await;
    house.wait(500);
    go_on(&house).await;
    let (paid, rest) = sorted(&house, &ids);
    assert!((1..=4).contains(&paid.len()), "{}", paid.len());
    assert!(paid.iter().all(|it| house.payout(*it).travels_alone));
    assert!(rest.iter().all(|it| !house.payout(*it).travels_alone));
    let holds: Vec<_> = rest.iter().filter_map(|it| house.hold_of(*it)).collect();
    assert!(holds.iter().all(|it| *it == HoldReason::AwaitingGas) && !holds.is_empty());
}

/// A transaction may cost no more than a batch of some takes.
#[tokio::test]
async fn as_many_go_together_as_one_transaction_may_cost() {
    let Some(mut house) = House::ready(Method::Contract).await else { return };
    house.settings.fee_max = Some(amount(1_200_000 * u128::from(GWEI)));
    house.restart();
    house.prepare().await;
    house.tend().await;
    let token = house.token.clone();
    assert!(Rail::batch_size(&house.rail, &house.lane(&hot()), &token.id).max > 1);
    let ids = house.ask_many(&token, "budget", 20).await;
    house.wait(500);
    for _ in 0..3 {
        go_on(&house).await;
    }
    house.are(&ids, Status::Paid);
    let ways = house.txids(&ids).len();
    assert!((2..=7).contains(&ways), "{ways} transactions");
    assert!(ids.iter().all(|it| !house.payout(*it).travels_alone));
}
