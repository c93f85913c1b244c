//! What lanes do for themselves, by the real engine, signer and rail on a real node: numbers that
//! were skipped, keys that were used elsewhere, coins for fees, and delegations.
//!
//! Runs only with `RUN_NODE_TESTS=1` and `ANVIL` set to the path of the anvil binary.

use domain::{
    batch::AttemptStatus,
    chore::Chore,
    ids::LaneId,
    lane::Lane,
    money::Amount,
    payout::Status,
    ports::{ChangeSet, HoldReason, Store},
    station::{Refuel, Station},
};
use engine::Progress;
use rail_evm::pay_call::Method;
use sim::store::Contents;

use crate::{
    house::{House, STATION, hot, station},
    scene::{LANE, coin},
};

const ETHER: u128 = 1_000_000_000_000_000_000;

fn amount(units: u128) -> Amount {
    Amount::from_units(units).unwrap()
}

/// Lets the lane believe that it has used so many more numbers than it has.
async fn skip(house: &House, numbers: u64) -> u64 {
    let lane = house.lane(&hot());
    let first = lane.next_sequence;
    let lane = Lane { next_sequence: first + numbers, version: lane.version + 1, ..lane };
    house.store.commit(ChangeSet { lanes: vec![lane], ..ChangeSet::default() }).await.unwrap();
    first
}

fn fills(house: &House) -> Vec<u64> {
    house.store.look(fills_in)
}

/// The numbers that were used up, or are to be.
fn fills_in(contents: &Contents) -> Vec<u64> {
    let number = |it: &Chore| match it {
        Chore::Fill { sequence } => Some(*sequence),
        Chore::TopUp(_) | Chore::Prepare(_) => None,
    };
    contents.batches.values().filter_map(|it| it.chore.as_ref()).filter_map(number).collect()
}

#[tokio::test]
async fn skipped_numbers_are_used_up_and_what_waits_behind_them_is_included() {
    for method in [None, Some(Method::Contract), Some(Method::Delegate)] {
        let Some(house) = House::start(method).await else { return };
        house.prepare().await;
        let first = skip(&house, 2).await;
        let ids = house.ask_many(&coin(), "behind", 3).await;
        house.wait(500);
        house.turn().await;
        assert_eq!(house.newest_of(&ids[..1]).sequence, Some(first + 2));
        house.end(&ids).await;
        house.are(&ids, Status::Paid);
        assert_eq!(fills(&house), [first, first + 1], "{method:?}");
        assert_eq!(house.lane(&hot()).next_sequence, house.count(LANE).await);
    }
}

/// What waits behind a skipped number cannot take anything before that is used up.
#[tokio::test]
async fn what_waits_behind_a_skipped_number_does_not_take_the_coins_to_use_it_up() {
    let Some(house) = House::start(None).await else { return };
    let first = skip(&house, 1).await;
    let ids = [
        house.ask(&coin(), &house.friend("behind", 0).await, 3 * ETHER).await,
        house.ask(&coin(), &house.friend("behind", 1).await, 3 * ETHER).await,
    ];
    house.turn().await;
    let fees: u128 = ids.iter().map(|it| house.newest_of(&[*it]).fee_max.units()).sum();
    house.fund(&hot(), &coin(), 6 * ETHER + fees + 1_000).await;
    house.until("filled", |it| fills_in(it) == [first]).await;
    house
        .until("included", |it| {
            it.batches.values().filter(|it| it.chore.is_some()).all(|it| it.closed)
        })
        .await;
    // What it took is what the last of them lacks until there are more.
    house.fund(&hot(), &coin(), 7 * ETHER).await;
    house.end(&ids).await;
    house.are(&ids, Status::Paid);
}

#[tokio::test]
async fn a_number_is_not_used_up_while_something_has_it_or_the_count_is_not_final() {
    let Some(house) = House::ready(Method::Contract).await else { return };
    let ids = house.ask_many(&coin(), "live", 3).await;
    house.wait(500);
    house.turn().await;
    // It is in nobody's pool, but it may come back.
    let attempt = house.newest_of(&ids);
    house.drop_from_pool(&attempt).await;
    house.anvil.mine(4).await;
    skip(&house, 1).await;
    assert!(!house.tend().await, "{:?}", house.chores());
    house.anvil.send_raw(&attempt.tx.raw).await.unwrap();
    // Its block may still be undone, and with it the count.
    house.anvil.mine(1).await;
    for _ in 0..2 {
        assert!(!house.tend().await, "{:?}", house.chores());
        house.anvil.mine(1).await;
    }
    assert!(house.tend().await);
    assert_eq!(fills(&house), [attempt.sequence.unwrap() + 1]);
    house.end(&ids).await;
    assert_eq!(fills(&house).len(), 1);
}

#[tokio::test]
async fn a_number_that_somebody_else_uses_up_first_is_not_filled_for_ever() {
    let Some(house) = House::ready(Method::Contract).await else { return };
    let first = skip(&house, 1).await;
    assert!(house.tend().await);
    assert_eq!(fills(&house), [first]);
    house.use_key(LANE, first).await;
    house.anvil.mine(3).await;
    house.until("gave it up", |it| it.batches.values().all(|it| it.closed)).await;
    let attempts: usize = house.store.look(|it| {
        it.batches
            .values()
            .filter(|it| matches!(it.chore, Some(Chore::Fill { .. })))
            .map(|it| it.attempts.len())
            .sum()
    });
    assert_eq!(attempts, 0, "what is used up is not signed for");
    let ids = house.ask_many(&house.token, "after", 3).await;
    house
        .until("paid", |it| ids.iter().all(|id| it.payouts[id].state.status() == Status::Paid))
        .await;
}

#[tokio::test]
async fn numbers_that_others_use_are_replaced_by_fresh_ones_without_a_jam() {
    for method in [Method::Contract, Method::Delegate] {
        let Some(house) = House::ready(method).await else { return };
        // Batches of several assets are on their way at once where that is possible.
        let coins = house.ask_many(&coin(), "coins", 3).await;
        let tokens = house.ask_many(&house.token, "tokens", 3).await;
        house.wait(500);
        house.turn().await;
        let first = house.newest_of(&coins);
        house.use_key(LANE, first.sequence.unwrap()).await;
        let all = [coins.clone(), tokens].concat();
        house
            .until("paid", |it| all.iter().all(|id| it.payouts[id].state.status() == Status::Paid))
            .await;
        let ours = house.store.look(|it| {
            let mut batches = it.batches.values();
            batches.find(|it| it.attempts.iter().any(|it| it.tx == first.tx)).cloned()
        });
        let statuses: Vec<AttemptStatus> =
            ours.unwrap().attempts.iter().map(|it| it.status).collect();
        assert_eq!(statuses, [AttemptStatus::Dead, AttemptStatus::Final], "{method:?}");
        assert!(fills(&house).is_empty());
        assert_eq!(house.lane(&hot()).next_sequence, house.count(LANE).await);
        assert_eq!(house.txids(&all).len(), 2);
    }
}

#[tokio::test]
async fn a_delegation_that_is_never_included_leaves_a_gap_that_heals() {
    let Some(house) = House::start(Some(Method::Delegate)).await else { return };
    let delegate = Chore::Prepare("delegate".to_owned());
    while !house.tend_one(&hot()).await || !house.chores().contains(&delegate) {
        house.pass().await;
    }
    house.turn().await;
    let delegation = house.store.look(|it| {
        let ours = it.batches.values().find(|it| it.lane == hot() && !it.closed).unwrap();
        ours.attempts.last().unwrap().clone()
    });
    let number = delegation.sequence.unwrap();
    assert_eq!(house.lane(&hot()).next_sequence, number + 2, "the authorization has one, too");
    house.use_key(LANE, number).await;
    house.until("filled", |it| fills_in(it) == [number + 1]).await;
    house.prepare().await;
    assert_eq!(house.lane(&hot()).next_sequence, house.count(LANE).await);
    let ids = house.ask_many(&coin(), "after", 4).await;
    house
        .until("paid", |it| ids.iter().all(|id| it.payouts[id].state.status() == Status::Paid))
        .await;
    assert_eq!(house.txids(&ids).len(), 1);
}

/// The lane is brought coins by the other, up to so much within a day.
fn terms(daily_max: u128) -> Station {
    Station {
        from: station(),
        below: amount(ETHER),
        up_to: amount(2 * ETHER),
        daily_max: amount(daily_max),
    }
}

#[tokio::test]
async fn coins_for_fees_are_brought_once_whenever_the_gateway_is_started_again() {
    for method in [Method::Contract, Method::Delegate] {
        let Some(mut house) = House::ready(method).await else { return };
        house.fund(&hot(), &coin(), 1_000).await;
        house.anvil.mine(3).await;
        let before = house.held_by(STATION, &coin()).await;
        let ids = house.ask_many(&house.token, "without coins", 4).await;
        house.wait(500);
        house.turn().await;
        assert_eq!(house.hold_of(ids[0]), Some(HoldReason::AwaitingGas));
        let terms = terms(3 * ETHER);
        let mut brought = 0;
        for _ in 0..60 {
            // Whatever the rail knew by heart is gone.
            house.restart();
            if house.refuel(&terms).await.progress == Progress::Advanced {
                brought += 1;
            }
            house.tend().await;
            house.pass().await;
            if ids.iter().all(|it| house.status(*it) == Status::Paid) {
                break;
            }
        }
        house.are(&ids, Status::Paid);
        assert_eq!(brought, 1, "{method:?}");
        let left = before - house.held_by(STATION, &coin()).await;
        assert!((2 * ETHER - 1_000..2 * ETHER + ETHER / 100).contains(&left), "{left}");
        house.audit().await;
    }
}

#[tokio::test]
async fn no_more_coins_are_brought_within_a_day_than_allowed() {
    let Some(house) = House::ready(Method::Contract).await else { return };
    let day = terms(3 * ETHER);
    for (expected, verdict) in [
        (2 * ETHER, Refuel::Bring(amount(2 * ETHER))),
        (ETHER, Refuel::Bring(amount(ETHER))),
        (0, Refuel::LimitReached),
    ] {
        house.fund(&hot(), &coin(), 0).await;
        house.anvil.mine(3).await;
        assert_eq!(house.refuel(&day).await.verdict, verdict);
        // While coins are on their way, nothing more is brought.
        assert_ne!(house.refuel(&day).await.progress, Progress::Advanced);
        house.until("brought", |it| it.batches.values().all(|it| it.closed)).await;
        assert_eq!(house.held_by(LANE, &coin()).await, expected);
        house.audit().await;
    }
    house.wait(24 * 60 * 60 * 1_000 + 1);
    assert_eq!(house.refuel(&day).await.verdict, Refuel::Bring(amount(2 * ETHER)));
}

#[tokio::test]
async fn a_new_process_knows_from_the_chain_what_its_lane_can_do() {
    for method in [Method::Contract, Method::Delegate] {
        let Some(mut house) = House::start(Some(method)).await else { return };
        // Started again after each block, it prepares the same once.
        for _ in 0..30 {
            house.restart();
            house.tend().await;
            house.pass().await;
        }
        let ours: Vec<Chore> = house.store.look(|it| {
            let ours = it.batches.values().filter(|it| it.lane == hot());
            ours.filter_map(|it| it.chore.clone()).collect()
        });
        assert_eq!(ours.len(), 2, "{ours:?}");
        house.restart();
        house.tend().await;
        let ids = house.ask_many(&coin(), "restarted", 4).await;
        house.wait(500);
        for _ in 0..8 {
            house.turn().await;
            house.restart();
            house.pass().await;
        }
        house.are(&ids, Status::Paid);
        assert_eq!(house.txids(&ids).len(), 1);
        house.audit().await;
    }
}

/// Lanes of one network share what one of them put there, as soon as nobody can undo it.
#[tokio::test]
async fn what_another_lane_put_there_is_not_used_before_it_is_final() {
    let Some(house) = House::start(Some(Method::Contract)).await else { return };
    let lane: LaneId = station();
    let began = |it: &Contents| {
        it.batches
            .values()
            .any(|it| it.lane == lane && it.chore.is_some() && !it.attempts.is_empty())
    };
    // Coins need no approval.
    house.fund(&hot(), &house.token, 0).await;
    // The other lane goes first.
    house.tend_as(&station(), true).await;
    house.turn().await;
    assert!(house.store.look(began));
    for block in 1..=4 {
        house.anvil.mine(1).await;
        house.tend_one(&hot()).await;
        let size = domain::ports::Rail::batch_size(&house.rail, &house.lane(&hot()), &coin().id);
        assert_eq!(size.max > 1, block > 2, "after {block} blocks");
    }
}
