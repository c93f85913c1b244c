//! Batches of many, by the real engine, signer and rail on a real node: who is paid together, who
//! alone, and who not at all, whatever happens in between.
//!
//! Runs only with `RUN_NODE_TESTS=1` and `ANVIL` set to the path of the anvil binary.

use alloy_primitives::U256;
use domain::{
    batch::Attempt,
    catalog::Asset,
    chore::Chore,
    event::EventKind,
    ids::PayoutId,
    payout::Status,
    ports::{HoldReason, Rail},
};
use rail_evm::{
    contract,
    pay_call::{self, Method},
    tx,
};
use serde_json::{Value, json};

use crate::{
    bulk::somebody,
    house::{House, hot},
    scene::{LANE, coin},
};

const METHODS: [Method; 2] = [Method::Contract, Method::Delegate];

#[tokio::test]
async fn a_fresh_lane_prepares_itself_and_pays_many_in_one_transaction() {
    for method in METHODS {
        let Some(house) = House::start(Some(method)).await else { return };
        let early = house.ask_many(&house.token, "early", 2).await;
        house.end(&early).await;
        assert_eq!(house.txids(&early).len(), 2, "nothing is prepared yet");
        house.prepare().await;
        let words = |it: &str| Chore::Prepare(it.to_owned());
        let approve = words(&format!("approve {}", house.contract()));
        let expected = match method {
            Method::Contract => [words("deploy"), approve],
            Method::Delegate => [words("deploy"), words("delegate")],
        };
        for chore in expected {
            assert!(house.chores().contains(&chore), "{chore:?} of {:?}", house.chores());
        }
        assert_eq!(house.lane(&hot()).next_sequence, house.count(LANE).await);
        for asset in [coin(), house.token.clone()] {
            for count in [10, 100, 101] {
                let ids = house.ask_many(&asset, &format!("{asset:?} {count}"), count).await;
                house.end(&ids).await;
                house.are(&ids, Status::Paid);
                // One more than fit into a transaction goes by itself.
                let expected = if count > 100 { 2 } else { 1 };
                assert_eq!(house.txids(&ids).len(), expected, "{method:?} {count}");
            }
        }
    }
}

/// Code that undoes every call, and code that never ends.
const REVERTS: &str = "0x60006000fd";
const GUZZLES: &str = "0x5b600056";

/// What is wrong with a recipient.
#[derive(Clone, Copy, Debug)]
enum Odd {
    Reverts,
    Guzzles,
    IsTheToken,
    IsTheLane,
    HasNoAccount,
    Blacklisted,
    Barred,
}

impl Odd {
    /// Makes somebody odd.
    async fn somebody(self, house: &House, name: &str) -> String {
        if let Self::IsTheToken = self {
            return house.contract().to_owned();
        }
        if let Self::IsTheLane = self {
            return LANE.to_owned();
        }
        if let Self::HasNoAccount = self {
            return somebody(name, 1_000).to_string();
        }
        let who = house.friend(name, 1_000).await;
        self.set(house, &who, true).await;
        who
    }

    async fn set(self, house: &House, who: &str, is_so: bool) {
        match self {
            Self::Reverts => house.set_code(who, if is_so { REVERTS } else { "0x" }).await,
            Self::Guzzles => house.set_code(who, if is_so { GUZZLES } else { "0x" }).await,
            Self::Blacklisted => house.set_blacklisted(who, is_so).await,
            Self::Barred => house.set_barred(who, is_so).await,
            Self::IsTheToken | Self::IsTheLane | Self::HasNoAccount => {
                unreachable!("that does not change")
            }
        }
    }
}

#[tokio::test]
async fn one_who_cannot_be_paid_with_others_holds_nobody_up() {
    for method in METHODS {
        let Some(house) = House::ready(method).await else { return };
        let token = house.token.clone();
        for (asset, odd, expected) in [
            (coin(), Odd::Reverts, Status::Failed),
            (coin(), Odd::Guzzles, Status::Failed),
            (coin(), Odd::IsTheToken, Status::Failed),
            (coin(), Odd::IsTheLane, Status::Failed),
            (coin(), Odd::HasNoAccount, Status::Paid),
            (token.clone(), Odd::IsTheToken, Status::Failed),
            (token.clone(), Odd::Blacklisted, Status::Failed),
            (token.clone(), Odd::Barred, Status::Failed),
        ] {
            let name = format!("{odd:?} {}", asset.ticker);
            let who = odd.somebody(&house, &name).await;
            let mut friends = house.ask_many(&asset, &name, 2).await;
            let one = house.ask(&asset, &who, 5_000).await;
            friends.extend(house.ask_many(&asset, &format!("{name}, after"), 2).await);
            house.end(&[friends.clone(), vec![one]].concat()).await;
            house.are(&friends, Status::Paid);
            assert_eq!(house.txids(&friends).len(), 1, "{method:?} {name}");
            house.are(&[one], expected);
            assert!(house.payout(one).travels_alone, "{name}");
            assert!(friends.iter().all(|it| !house.payout(*it).travels_alone), "{name}");
            if expected == Status::Paid {
                assert_ne!(house.txids(&[one]), house.txids(&friends));
            }
        }
    }
}

/// Signs and hands over a batch of four friends and somebody, who then becomes odd.
async fn turned(house: &House, asset: &Asset, odd: Odd) -> (Vec<PayoutId>, PayoutId, String) {
    let name = format!("turned {odd:?} {}", house.store.look(|it| it.batches.len()));
    let who = house.friend(&name, 1_000).await;
    let one = house.ask(asset, &who, 5_000).await;
    let friends = house.ask_many(asset, &name, 4).await;
    house.wait(500);
    house.turn().await;
    house.newest_of(&[friends.clone(), vec![one]].concat());
    house.are(&friends, Status::Sending);
    odd.set(house, &who, true).await;
    (friends, one, who)
}

#[tokio::test]
async fn one_who_turns_hostile_is_left_out_and_the_others_are_paid() {
    for method in METHODS {
        let Some(house) = House::ready(method).await else { return };
        let token = house.token.clone();
        for (asset, odd) in
            [(coin(), Odd::Reverts), (coin(), Odd::Guzzles), (token.clone(), Odd::Barred)]
        {
            for becomes_friendly in [false, true] {
                let (friends, one, who) = turned(&house, &asset, odd).await;
                let attempt = house.newest_of(&friends);
                house.pass().await;
                house.are(&friends, Status::InBlock);
                if becomes_friendly {
                    odd.set(&house, &who, false).await;
                }
                house.end(&[friends.clone(), vec![one]].concat()).await;
                house.are(&friends, Status::Paid);
                assert_eq!(house.txids(&friends), [attempt.tx.txid.as_str()], "{method:?} {odd:?}");
                let unpaid = house.store.look(|it| {
                    let attempts = it.batches.values().flat_map(|it| &it.attempts);
                    attempts.filter(|it| it.tx == attempt.tx).map(|it| it.unpaid.clone()).next()
                });
                assert_eq!(unpaid, Some(vec![0]), "{method:?} {odd:?}");
                assert!(house.payout(one).travels_alone);
                let expected = if becomes_friendly { Status::Paid } else { Status::Failed };
                house.are(&[one], expected);
            }
        }
    }
}

#[tokio::test]
async fn all_who_turn_hostile_wait_again_and_nobody_is_paid_twice() {
    for method in METHODS {
        let Some(house) = House::ready(method).await else { return };
        let token = house.token.clone();
        let ids = house.ask_many(&token, "paused", 3).await;
        house.wait(500);
        house.turn().await;
        let attempt = house.newest_of(&ids);
        house.tell_token("setPaused(bool)", &[U256::ONE]).await;
        house
            .until("stopped", |it| it.batches.values().any(|it| !it.closed && it.hold.is_some()))
            .await;
        assert!(house.receipt(&attempt).await.is_some(), "it was included, and paid nobody");
        house.are(&ids, Status::Queued);
        let holds: Vec<_> = ids.iter().filter_map(|it| house.hold_of(*it)).collect();
        assert!(holds.iter().all(|it| *it == HoldReason::AssetStopped) && !holds.is_empty());
        house.audit().await;
        house.tell_token("setPaused(bool)", &[U256::ZERO]).await;
        house.end(&ids).await;
        house.are(&ids, Status::Paid);
        assert_eq!(house.txids(&ids).len(), 3, "each travels alone now");
    }
}

#[tokio::test]
async fn amounts_that_do_not_fit_beside_a_recipient_travel_alone() {
    for method in METHODS {
        let Some(house) = House::ready(method).await else { return };
        let most = pay_call::AMOUNT_MAX;
        for asset in [coin(), house.token.clone()] {
            house.fund(&hot(), &asset, 1 << 100).await;
            let mut ids = house.ask_many(&asset, &format!("most {}", asset.ticker), 2).await;
            let who = house.friend("most", 1_000).await;
            ids.push(house.ask(&asset, &who, most).await);
            let big =
                [house.ask(&asset, &who, most + 1).await, house.ask(&asset, &who, most + 2).await];
            house.end(&[ids.as_slice(), &big].concat()).await;
            house.are(&ids, Status::Paid);
            house.are(&big, Status::Paid);
            assert_eq!((house.txids(&ids).len(), house.txids(&big).len()), (1, 2), "{method:?}");
        }
    }
}

#[tokio::test]
async fn what_the_lane_has_enough_for_is_paid_and_the_rest_waits() {
    for method in METHODS {
        let Some(house) = House::ready(method).await else { return };
        let token = house.token.clone();
        // Whoever waits for coins keeps back those after it where batches go one by one.
        for dear_comes_first in [false, method == Method::Contract] {
            let held = house.held_by(LANE, &token).await;
            let who = house.friend("dear", 1_000).await;
            let mut dear = vec![];
            if dear_comes_first {
                dear.push(house.ask(&token, &who, 9_000).await);
            }
            let name = format!("short {dear_comes_first}");
            let ids = house.ask_many(&token, &name, 3).await;
            dear.push(house.ask(&token, &who, 8_000).await);
            // As much as those in between are, and not enough for one of the others.
            house.set_tokens(LANE, 1_000 + 1_001 + 1_002 + 4_999).await;
            house
                .until("paid some", |it| {
                    ids.iter().all(|id| it.payouts[id].state.status() == Status::Paid)
                })
                .await;
            assert_eq!(house.txids(&ids).len(), 1, "{method:?} {dear_comes_first}");
            house.pass().await;
            let holds: Vec<_> = dear.iter().filter_map(|it| house.hold_of(*it)).collect();
            assert!(!holds.is_empty() && holds.iter().all(|it| *it == HoldReason::AwaitingFunds));
            house.are(&dear, Status::Queued);
            house.set_tokens(LANE, held - 1_000 - 1_001 - 1_002).await;
            house.end(&dear).await;
            house.are(&dear, Status::Paid);
        }
    }
}

#[tokio::test]
async fn what_is_on_its_way_is_not_there_for_the_next_batch() {
    let Some(house) = House::ready(Method::Contract).await else { return };
    let token = house.token.clone();
    let held = house.held_by(LANE, &token).await;
    let first = house.ask_many(&token, "first", 3).await;
    house.wait(500);
    house.turn().await;
    house.are(&first, Status::Sending);
    let second = house.ask_many(&token, "second", 3).await;
    // As much as the first three are, and two of the others.
    house.set_tokens(LANE, 3_003 + 2_001 + 1_001).await;
    house.wait(500);
    house.turn().await;
    house.are(&second[..2], Status::Sending);
    assert_eq!(house.hold_of(second[2]), Some(HoldReason::AwaitingFunds));
    house.set_tokens(LANE, held).await;
    house.end(&[first, second].concat()).await;
}

/// Signs and hands over a batch, lets fees jump, and has it replaced.
async fn replaced(house: &House, asset: &Asset) -> (Vec<PayoutId>, [Attempt; 2]) {
    let ids = house.ask_many(asset, &format!("jump {}", asset.ticker), 4).await;
    house.wait(500);
    house.turn().await;
    let first = house.newest_of(&ids);
    house.set_base_fee(20_000_000_000).await;
    // This node forgets transactions that the base fee has outgrown; others keep them.
    house.anvil.mine(1).await;
    house.wait(31_000);
    house.turn().await;
    let second = house.newest_of(&ids);
    assert_ne!(first.tx.txid, second.tx.txid, "it is replaced");
    let [one, other] = [&first, &second].map(|it| tx::read(&it.tx.raw).unwrap());
    let what = |it: &tx::Sent| (it.tx.nonce, it.tx.to, it.tx.value, it.tx.input.clone());
    assert_eq!(what(&one), what(&other));
    (ids, [first, second])
}

#[tokio::test]
async fn after_a_fee_jump_the_same_call_pays_each_once_whichever_is_included() {
    for method in METHODS {
        let Some(house) = House::ready(method).await else { return };
        for asset in [coin(), house.token.clone()] {
            let (ids, [_, second]) = replaced(&house, &asset).await;
            house.end(&ids).await;
            assert_eq!(house.txids(&ids), [second.tx.txid.as_str()]);
            house.set_base_fee(1_000_000_000).await;
            house.anvil.mine(1).await;
            // The second is lost, and the first, which was forgotten, comes back.
            let (ids, [first, second]) = replaced(&house, &asset).await;
            house.drop_from_pool(&second).await;
            house.set_base_fee(1_000_000_000).await;
            house.anvil.send_raw(&first.tx.raw).await.unwrap();
            house.anvil.mine(1).await;
            house.end(&ids).await;
            assert_eq!(house.txids(&ids), [first.tx.txid.as_str()]);
            house.anvil.mine(1).await;
        }
    }
}

#[tokio::test]
async fn a_batch_whose_block_is_undone_or_that_is_dropped_pays_each_once() {
    for method in METHODS {
        let Some(house) = House::ready(method).await else { return };
        for asset in [coin(), house.token.clone()] {
            let ids = house.ask_many(&asset, &format!("undone {}", asset.ticker), 4).await;
            house.anvil.mine(3).await;
            house.wait(500);
            house.turn().await;
            let attempt = house.newest_of(&ids);
            house.pass().await;
            house.are(&ids, Status::InBlock);
            let _: Value = house.anvil.ask("anvil_reorg", json!([1, []])).await;
            let _: Value = house.anvil.ask("anvil_dropAllTransactions", json!([])).await;
            house.wait(1_000);
            house.turn().await;
            house.are(&ids, Status::Sending);
            // Handed over again, it is dropped again, and comes back from elsewhere.
            house.drop_from_pool(&attempt).await;
            house.anvil.mine(1).await;
            house.anvil.send_raw(&attempt.tx.raw).await.unwrap();
            house.end(&ids).await;
            house.are(&ids, Status::Paid);
            assert_eq!(house.txids(&ids), [attempt.tx.txid.as_str()]);
        }
    }
}

#[tokio::test]
async fn a_token_that_takes_a_fee_is_refused_one_by_one() {
    for method in METHODS {
        let Some(house) = House::ready(method).await else { return };
        house.tell_token("setFee(uint256)", &[U256::from(100)]).await;
        let ids = house.ask_many(&house.token, "fee", 4).await;
        house.end(&ids).await;
        house.are(&ids, Status::Failed);
        assert!(ids.iter().all(|it| house.failure(*it).contains("takes a fee on transfers")));
    }
}

#[tokio::test]
async fn a_fee_that_cannot_be_noticed_before_stops_the_asset_after_one_batch() {
    for method in METHODS {
        let Some(house) = House::ready(method).await else { return };
        house.anvil.refuse_overrides(true);
        house.tell_token("setFee(uint256)", &[U256::from(100)]).await;
        let token = house.token.clone();
        let before = house.held_by(LANE, &token).await;
        let ids = house.ask_many(&token, "fee", 3).await;
        house
            .until("ended", |it| ids.iter().all(|id| it.payouts[id].state.status().is_final()))
            .await;
        // Who got too little is not paid again.
        house.are(&ids, Status::Paid);
        let more = house.ask_many(&token, "fee, later", 3).await;
        for _ in 0..5 {
            house.tend().await;
            house.pass().await;
        }
        house.are(&more, Status::Queued);
        assert_eq!(house.hold_of(more[0]), Some(HoldReason::AssetStopped));
        for (number, units) in (0..).zip([1_000, 1_001, 1_002]) {
            let who = house.friend("fee", number).await;
            assert_eq!(house.held_by(&who, &token).await, units - units / 100);
        }
        assert_eq!(before - house.held_by(LANE, &token).await, 1_000 + 1_001 + 1_002);
        // The coin is not the token's issuer's business.
        let coins = house.ask_many(&coin(), "coins", 3).await;
        house
            .until("paid", |it| {
                coins.iter().all(|id| it.payouts[id].state.status() == Status::Paid)
            })
            .await;
    }
}

#[tokio::test]
async fn nothing_is_sent_to_where_no_code_is() {
    for method in METHODS {
        let Some(house) = House::ready(method).await else { return };
        let there = contract::ADDRESS.to_string();
        for asset in [coin(), house.token.clone()] {
            let place = if method == Method::Contract { &there } else { LANE };
            house.set_code(place, "0x").await;
            if method == Method::Contract {
                // As on a network that begins anew: otherwise nothing could be put there again.
                house.set_nonce(place, 0).await;
            }
            let size = Rail::batch_size(&house.rail, &house.lane(&hot()), &asset.id);
            assert!(size.max > 1, "the rail believes that it can pay many");
            let ids = house.ask_many(&asset, &format!("nowhere {}", asset.ticker), 4).await;
            house.wait(500);
            house.turn().await;
            assert!(ids.iter().all(|it| house.payout(*it).travels_alone));
            let why = house.told(ids[0], EventKind::Requeued);
            assert!(why.contains("the contract that pays many is not there"), "{why}");
            house.end(&ids).await;
            house.are(&ids, Status::Paid);
            assert_eq!(house.txids(&ids).len(), 4, "{method:?}");
            assert_eq!(house.held_by(&there, &asset).await, 0);
            // The lane mends it, and pays many again.
            house.prepare().await;
            let ids = house.ask_many(&asset, &format!("mended {}", asset.ticker), 4).await;
            house.end(&ids).await;
            assert_eq!(house.txids(&ids).len(), 1, "{method:?}");
        }
    }
}

/// Coins that are sent to where the contract is not any more are lost, so it must be there for good.
#[tokio::test]
async fn nothing_is_sent_to_code_that_may_be_undone() {
    let Some(house) = House::ready(Method::Contract).await else { return };
    let there = contract::ADDRESS.to_string();
    let ids = house.ask_many(&coin(), "undone", 4).await;
    house.wait(500);
    house.group().await;
    house.set_code(&there, "0x").await;
    house.anvil.mine(3).await;
    house.set_code(&there, &contract::runtime().to_string()).await;
    house.anvil.mine(1).await;
    house.turn().await;
    assert!(ids.iter().all(|it| house.payout(*it).travels_alone));
    house.end(&ids).await;
    let ids = house.ask_many(&coin(), "for good", 4).await;
    house.end(&ids).await;
    assert_eq!(house.txids(&ids).len(), 1);
}
