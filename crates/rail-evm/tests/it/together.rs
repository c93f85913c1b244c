//! Batches that get their transactions at the same time.

use domain::{
    ids::{BatchId, PayoutId},
    payout::Status,
    ports::HoldReason,
};

use crate::{
    house::{House, hot},
    scene::{LANE, coin},
};

/// Each of the payouts in a batch of its own, not signed yet.
async fn batches(house: &House, payouts: &[PayoutId]) -> Vec<BatchId> {
    house.group().await;
    payouts.iter().map(|it| house.batch_of(*it).id).collect()
}

/// The numbers of the first transactions of these payouts, whether they have ended or not.
fn sequences(house: &House, payouts: &[PayoutId]) -> Vec<Option<u64>> {
    let number = |id: &PayoutId| {
        house.store.look(|it| {
            let batch = it.batches.values().find(|it| it.payouts.contains(id)).unwrap();
            batch.attempts.first().and_then(|it| it.sequence)
        })
    };
    payouts.iter().map(number).collect()
}

#[tokio::test]
async fn they_get_one_number_after_another() {
    let Some(house) = House::start(None).await else { return };
    let ids = house.ask_many(&coin(), "friend", 5).await;
    house.sign(&batches(&house, &ids).await).await;
    assert_eq!(sequences(&house, &ids), [0, 1, 2, 3, 4].map(Some));
    assert_eq!(house.lane(&hot()).next_sequence, 5);
    house.end(&ids).await;
    house.are(&ids, Status::Paid);
}

#[tokio::test]
async fn each_knows_what_those_before_it_take() {
    let Some(house) = House::start(None).await else { return };
    let first = house.ask_many(&coin(), "first", 1).await;
    house.sign(&batches(&house, &first).await).await;
    let fee_max = house.newest_of(&first).fee_max.units();
    house.end(&first).await;
    let ids = house.ask_many(&coin(), "friend", 3).await;
    let batches = batches(&house, &ids).await;
    // Enough for two, and not for three. The fee is lower by now, if it has changed at all.
    house.fund(&hot(), &coin(), fee_max * 5 / 2).await;
    house.sign(&batches).await;
    assert_eq!(sequences(&house, &ids), [Some(1), Some(2), None]);
    house.sign(&batches[2..]).await;
    assert_eq!(house.hold_of(ids[2]), Some(HoldReason::AwaitingGas));
    house.fund(&hot(), &coin(), fee_max * 10).await;
    house.end(&ids).await;
    house.are(&ids, Status::Paid);
}

/// A number that nobody uses would hold up all that come after it.
#[tokio::test]
async fn one_that_cannot_be_made_leaves_no_gap() {
    let Some(house) = House::start(None).await else { return };
    let token = house.token.clone();
    let ids = house.ask_many(&token, "friend", 4).await;
    house.set_blacklisted(&house.friend("friend", 1).await, true).await;
    house.sign(&batches(&house, &ids).await).await;
    assert_eq!(sequences(&house, &ids), [Some(0), None, None, None]);
    assert_eq!(house.lane(&hot()).next_sequence, 1);
    house.end(&ids).await;
    assert_eq!(house.status(ids[1]), Status::Failed);
    let others = [ids[0], ids[2], ids[3]];
    house.are(&others, Status::Paid);
    assert_eq!(sequences(&house, &others), [0, 1, 2].map(Some));
    assert_eq!(house.count(LANE).await, 3);
}
