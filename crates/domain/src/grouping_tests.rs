//! Which payouts travel together, which alone, and which wait.

use std::mem;

use super::*;
use crate::{
    batch::Batch,
    catalog::Destination,
    command::{Asked, CreatePayout},
    follow,
    ids::{BatchId, DialectId, LaneId, MerchantId, NetworkId, PayoutId},
    money::Amount,
    ports::ChangeSet,
    quote::{FeeBearer, Quote},
};

const NOW: Timestamp = Timestamp(10_000);

/// Tokens travel together from two on, coins from three on; seals never do.
fn size(asset: &AssetId) -> BatchSize {
    match asset.as_str() {
        "TOKEN" => BatchSize { min: 2, max: 4 },
        "COIN" => BatchSize { min: 3, max: 4 },
        _ => BatchSize::ONE,
    }
}

fn payout(id: u128, asset: &str, queued_at: u64) -> Payout {
    let amount = Amount::from_units(1).unwrap();
    let quote = Quote {
        asked: amount,
        bearer: FeeBearer::Merchant,
        amount,
        service_fee: Amount::ZERO,
        network_fee: Amount::ZERO,
        usd: None,
        worth: None,
        conversions: vec![],
    };
    let (dialect, address) = (DialectId::new("plain"), "somewhere".to_owned());
    let destination = Destination { address: address.clone(), memo: None };
    let (asset, asked) = (AssetId::new(asset), Asked::Exact(amount));
    let create = CreatePayout::new(PayoutId(id), MerchantId(1), dialect, asset, asked, address);
    let network = NetworkId::new("net");
    Payout::new(&create, network, destination, quote, Timestamp(queued_at))
}

#[track_caller]
fn check(queued: Vec<Payout>, wait_ms: u64, room: u32, now: &[&[u128]], next_at: Option<u64>) {
    let groups = group(queued, &size, wait_ms, false, room, NOW);
    let found: Vec<Vec<u128>> =
        groups.now.iter().map(|group| group.iter().map(|it| it.id.0).collect()).collect();
    assert_eq!(found, now);
    assert_eq!(groups.next_at, next_at.map(Timestamp));
}

#[test]
fn payouts_of_one_asset_travel_together() {
    let mixed = || {
        let assets = ["TOKEN", "SEAL", "TOKEN", "COIN", "SEAL", "TOKEN", "TOKEN", "TOKEN"];
        (1..).zip(assets).map(|(id, asset)| payout(id, asset, 0)).collect::<Vec<_>>()
    };
    check(mixed(), 0, 9, &[&[1, 3, 6, 7], &[2], &[4], &[5], &[8]], None);
    check(mixed(), 0, 2, &[&[1, 3, 6, 7], &[2]], None);
    check(mixed(), 0, 0, &[], None);
    check(vec![], 0, 9, &[], None);
}

#[test]
fn what_is_in_a_block_makes_room_up_to_a_bound() {
    let room = |in_flight_max, in_flight, open| super::room(in_flight_max, in_flight, 0, open);
    assert_eq!((room(16, 0, 0), room(16, 16, 16), room(16, 20, 20)), (16, 0, 0));
    assert_eq!((room(16, 3, 40), room(16, 3, 120), room(16, 0, 128)), (13, 8, 0));
    assert_eq!((room(1, 0, 7), room(1, 0, 8), room(0, 0, 0)), (1, 0, 0));
}

#[test]
fn what_is_stuck_leaves_room_up_to_a_bound() {
    let room = |in_flight, stuck| room(16, in_flight, stuck, in_flight);
    assert_eq!((room(16, 0), room(16, 3), room(16, 8), room(16, 16)), (0, 3, 8, 8));
    assert_eq!((room(20, 20), room(24, 24), room(30, 30)), (4, 0, 0));
    assert_eq!((super::room(1, 1, 1, 1), super::room(1, 2, 2, 2)), (1, 0));
    assert_eq!(super::room(16, 16, 16, 128), 0);
}

#[test]
fn too_few_for_a_batch_travel_alone() {
    check(vec![payout(1, "COIN", 0), payout(2, "COIN", 0)], 0, 9, &[&[1], &[2]], None);
    let three = (1..4).map(|id| payout(id, "COIN", 0)).collect();
    check(three, 0, 9, &[&[1, 2, 3]], None);
}

#[test]
fn whoever_must_travel_alone_does() {
    let mut queue: Vec<Payout> = (1..4).map(|id| payout(id, "TOKEN", 0)).collect();
    queue[1].travels_alone = true;
    check(queue.clone(), 0, 9, &[&[1, 3], &[2]], None);
    queue[0].travels_alone = true;
    check(queue, 5_000, 9, &[&[1], &[2], &[3]], None);
}

#[test]
fn company_is_waited_for_until_the_latest_time_of_the_first() {
    let queue = || vec![payout(1, "TOKEN", 7_000), payout(2, "TOKEN", 9_000)];
    check(queue(), 3_001, 9, &[], Some(10_001));
    check(queue(), 3_000, 9, &[&[1, 2]], None);
    let full = (1..6).map(|id| payout(id, "TOKEN", 9_000)).collect();
    check(full, 5_000, 9, &[&[1, 2, 3, 4]], Some(14_000));
    let mut urgent = queue();
    urgent[1].priority = Priority::High;
    check(urgent, 60_000, 9, &[&[1, 2]], None);
    check(vec![payout(1, "SEAL", 10_000)], 60_000, 9, &[&[1]], None);
}

#[test]
fn whoever_has_time_does_not_pay_for_the_hurry_of_others() {
    use Priority::{Economy, High, Highest, Recommended};
    let queue = || -> Vec<Payout> {
        let all = [Economy, Recommended, Highest, Economy, High, Recommended];
        let of = |(id, priority)| Payout { priority, ..payout(id, "TOKEN", 9_000) };
        (1..).zip(all).map(of).collect()
    };
    let found = |economy_apart| {
        let groups = group(queue(), &size, 5_000, economy_apart, 9, NOW);
        let now: Vec<Vec<u128>> =
            groups.now.iter().map(|group| group.iter().map(|it| it.id.0).collect()).collect();
        (now, groups.next_at)
    };
    // Those that are recommended go along, those with time wait for their own company.
    assert_eq!(found(true), (vec![vec![2, 3, 5, 6]], Some(Timestamp(14_000))));
    assert_eq!(found(false).0, [[1, 2, 3, 4].to_vec(), [5, 6].to_vec()]);
}

/// Nothing of it was signed, so who stays together goes at once, before those that it was dissolved
/// for.
#[test]
fn whose_batch_was_dissolved_does_not_wait_for_company_again() {
    let (network, lane, coin) = (NetworkId::new("net"), LaneId::new("net/hot"), AssetId::new("C"));
    let payouts: Vec<Payout> = (1..=3).map(|id| payout(id, "TOKEN", 9_000)).collect();
    let ids = payouts.iter().map(|it| it.id).collect();
    let batch = Batch::new(BatchId(1), network.clone(), lane.clone(), ids, NOW);
    let mut change = ChangeSet::default();
    follow::start(batch.clone(), payouts, NOW, &mut change);
    let payouts = mem::take(&mut change.payouts);
    follow::split(batch, payouts, &[2], "too little", &coin, NOW, &mut change);
    let queued = change.payouts;
    assert!(queued.iter().all(|it| it.updated_at == Timestamp(9_000)));
    check(queued.clone(), 1_000, 9, &[&[1, 2], &[3]], None);
    check(queued, 1_001, 9, &[&[3]], Some(10_001));
}
