//! Transactions that pay for what waits before them, by the real engine, signer and rail on real nodes:
//! children of large parents, and lifts.

use domain::{
    batch::Attempt,
    chore::Chore,
    ids::PayoutId,
    payout::Status,
    ports::{Hold, HoldReason},
};

use crate::desk::{Desk, NEVER_REPLACING, REPLACING, Server, read, spends};

const COIN: u64 = 100_000_000;

/// What nodes take for 1,000 virtual bytes of whoever does not ask for more.
const UNASKED_SAT_PER_KVB: u128 = 10_000_000;

/// A desk with one transaction of so many payments that waits, at so much for a virtual byte.
async fn large(desk: &mut Desk, name: &str, count: u64, sat_per_vbyte: u64) -> Vec<PayoutId> {
    desk.set(|it| it.rate_default_sat_per_kvb = Some(sat_per_vbyte * 1_000));
    let many = desk.ask_many(name, count).await;
    desk.wait(500);
    desk.turn().await;
    desk.are(&many, Status::Sending);
    many
}

async fn one(desk: &Desk, name: &str) -> PayoutId {
    let one = desk.ask(&desk.friend(name, 0), 30_000).await;
    desk.wait(500);
    desk.turn().await;
    one
}

#[track_caller]
fn is_above_budget(hold: Option<&Hold>) {
    let hold = hold.unwrap();
    assert_eq!(hold.reason, HoldReason::FeeAboveCap);
    assert!(hold.detail.contains("replacement_budget_percent"), "{}", hold.detail);
}

/// It is small, and pays more for its size than nodes take by themselves.
#[tokio::test]
async fn a_child_that_pays_for_many_is_taken() {
    for stage in [REPLACING[0], REPLACING[2]] {
        let Some(mut desk) = Desk::start(stage, "many", &[10 * COIN]).await else { return };
        let many = large(&mut desk, "many", 500, 50).await;
        desk.set(|it| it.rate_default_sat_per_kvb = Some(150_000));
        let one = one(&desk, "many one").await;
        let child = desk.newest_of(&[one]);
        let vsize = read(&child).vsize() as u128;
        assert!(child.fee_max.units() * 1_000 > UNASKED_SAT_PER_KVB * vsize, "{child:?}");
        assert_eq!(desk.node.waiting().len(), 2, "{}", desk.report());
        desk.end(&[many, vec![one]].concat()).await;
        desk.are(&[one], Status::Paid);
    }
}

/// A server of Esplora's API cannot be told that any fee is meant.
#[tokio::test]
async fn what_no_server_hands_over_is_not_signed() {
    let stage = REPLACING[0];
    let Some(mut desk) = Desk::start(stage, "unasked", &[10 * COIN]).await else { return };
    let server = Server::start(&desk.node.url()).await;
    let connect = |desk: &mut Desk, rate| {
        desk.settings.rate_default_sat_per_kvb = Some(rate);
        desk.connect(vec![server.endpoint()]);
    };
    let many = large(&mut desk, "unasked", 500, 50).await;
    connect(&mut desk, 150_000);
    let one = one(&desk, "unasked one").await;
    let batch = desk.batch_of(one);
    assert!(batch.attempts.is_empty());
    let hold = batch.hold.unwrap();
    assert_eq!(hold.reason, HoldReason::FeeAboveCap);
    assert!(hold.detail.contains("hands over none"), "{}", hold.detail);
    connect(&mut desk, 50_000);
    desk.end(&[many, vec![one]].concat()).await;
    desk.are(&[one], Status::Paid);
}

/// Its budget is what a replacement of those before it could pay.
#[tokio::test]
async fn a_child_that_would_pay_too_much_for_others_waits_and_ends_nothing() {
    for stage in [REPLACING[0], REPLACING[3]] {
        let Some(mut desk) = Desk::start(stage, "ended", &[10 * COIN]).await else { return };
        let mut all = large(&mut desk, "ended", 100, 5).await;
        // Eight times as much is more than four times.
        desk.set(|it| it.rate_default_sat_per_kvb = Some(40_000));
        let one = one(&desk, "ended one").await;
        let batch = desk.batch_of(one);
        assert!(batch.attempts.is_empty(), "nothing is signed");
        is_above_budget(batch.hold.as_ref());
        desk.set(|it| it.rate_default_sat_per_kvb = Some(5_000));
        all.push(one);
        desk.end(&all).await;
        all.push(self::one(&desk, "ended next").await);
        desk.end(&all).await;
        desk.are(&all, Status::Paid);
    }
}

/// Of change that waits, no more is paid for than is spent.
#[tokio::test]
async fn a_child_pays_for_those_only_whose_change_it_needs() {
    for stage in [REPLACING[0], REPLACING[3]] {
        let Some(mut desk) = Desk::start(stage, "needed", &[COIN, 2 * COIN]).await else { return };
        let mut all = large(&mut desk, "needed", 100, 5).await;
        let large = desk.newest_of(&all);
        let small = desk.ask(&desk.friend("needed small", 0), COIN * 3 / 2).await;
        desk.wait(500);
        desk.turn().await;
        let small_parent = desk.newest_of(&[small]);
        desk.set(|it| it.rate_default_sat_per_kvb = Some(15_000));
        let one = one(&desk, "needed one").await;
        let child = desk.newest_of(&[one]);
        let of = |it: &Attempt| (it.fee_max.units(), read(it).vsize() as u128);
        let ((paid, parent), (fee, own)) = (of(&small_parent), of(&child));
        let names = |it: &Attempt| it.tx.txid.to_string();
        let spent = spends(&read(&child));
        let spent: Vec<String> = spent.iter().map(|it| it.txid.to_string()).collect();
        assert_eq!(spent, [names(&small_parent)], "not of {}", names(&large));
        let needed = 15 * (parent + own) - paid;
        assert!((needed..needed + 50).contains(&fee), "{fee} and not {needed}");
        all.extend([small, one]);
        desk.end(&all).await;
    }
}

#[tokio::test]
async fn a_lift_of_many_is_taken() {
    for stage in [NEVER_REPLACING[0]] {
        let Some(mut desk) = Desk::start(stage, "heavylift", &[10 * COIN]).await else { return };
        let many = large(&mut desk, "heavylift", 500, 50).await;
        desk.set(|it| it.rate_default_sat_per_kvb = Some(150_000));
        for _ in 0..4 {
            desk.tend().await;
            desk.node.block_of(&[]);
            desk.wait(1_000);
            desk.turn().await;
        }
        assert_eq!(desk.chores().len(), 1);
        assert_eq!(desk.node.waiting().len(), 2, "{}", desk.report());
        let fees: u64 = desk.node.waiting().iter().map(|it| desk.node.fee_of(it)).sum();
        let vsize = read(&desk.newest_of(&many)).vsize() as u64;
        assert!(fees > vsize * 150);
        desk.end(&many).await;
    }
}

#[tokio::test]
async fn a_lift_that_would_pay_too_much_is_not_begun_and_told() {
    for stage in NEVER_REPLACING {
        let Some(mut desk) = Desk::start(stage, "overlift", &[10 * COIN]).await else { return };
        let mut all = large(&mut desk, "overlift", 100, 5).await;
        desk.set(|it| it.rate_default_sat_per_kvb = Some(120_000));
        for _ in 0..4 {
            assert_eq!(desk.tend().await, None);
            desk.node.block_of(&[]);
            desk.wait(60_000);
            desk.turn().await;
        }
        let nothing: [Chore; 0] = [];
        assert_eq!(desk.chores(), nothing);
        is_above_budget(desk.batch_of(all[0]).hold.as_ref());
        desk.set(|it| it.rate_default_sat_per_kvb = Some(5_000));
        desk.end(&all).await;
        all.push(one(&desk, "overlift next").await);
        desk.end(&all).await;
        desk.are(&all, Status::Paid);
    }
}
