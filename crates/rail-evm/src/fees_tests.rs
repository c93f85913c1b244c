//! Fees against the rules of EIP-1559 and of the nodes' pools.

use alloy_primitives::{U64, U128};
use proptest::prelude::*;

use super::*;

fn history(base_fees: &[u128], rewards: &[u128]) -> FeeHistory {
    FeeHistory {
        oldest_block: U64::from(100),
        base_fee_per_gas: base_fees.iter().map(|fee| U128::from(*fee)).collect(),
        reward: Some(rewards.iter().map(|tip| vec![U128::from(*tip)]).collect()),
    }
}

#[test]
fn the_market_is_the_next_base_fee_and_the_median_tip() {
    let market = Market::of(&history(&[7, 8, 9, 10], &[3, 1, 2]), 1).unwrap();
    assert_eq!(market, Market { block: 102, base_fee: 10, tip: 2 });
}

#[test]
fn blocks_without_tips_do_not_count() {
    assert_eq!(Market::of(&history(&[1, 1, 1, 1], &[0, 5, 0]), 1).unwrap().tip, 5);
    assert_eq!(Market::of(&history(&[1, 1, 1], &[0, 0]), 1).unwrap().tip, 1);
    let without_rewards = FeeHistory { reward: None, ..history(&[1, 1], &[]) };
    assert_eq!(Market::of(&without_rewards, 7).unwrap().tip, 7);
}

#[test]
fn an_answer_without_a_block_is_no_market() {
    assert_eq!(Market::of(&history(&[], &[]), 1), None);
    assert_eq!(Market::of(&history(&[1], &[]), 1), None);
}

#[test]
fn one_price_is_offered_where_there_is_one_and_all_rules_hold_for_it() {
    let market = Market::of_gas_price(7, 100, 1);
    assert_eq!(market, Market { block: 7, base_fee: 0, tip: 100 });
    assert_eq!(Market::of_gas_price(7, 100, 300).tip, 300);
    assert_eq!(market.expected(), 100);
    let one = |price| Fees { max_fee: price, tip: price };
    assert_eq!(offer(market, None, 100), Ok(one(100)));
    assert_eq!(offer(market, None, 99), Err(100));
    assert_eq!(offer(market.for_priority(150, 1, 1_000), None, 1_000), Ok(one(150)));
    assert_eq!(offer(market, Some(one(96)), 1_000), Ok(one(109)));
    assert!(one(100).suffices(market) && !one(99).suffices(market));
}

#[test]
fn the_cap_cuts_comfort_first_and_then_refuses() {
    let market = Market { block: 1, base_fee: 100, tip: 10 };
    assert_eq!(offer(market, None, 1_000), Ok(Fees { max_fee: 210, tip: 10 }));
    assert_eq!(offer(market, None, 150), Ok(Fees { max_fee: 150, tip: 10 }));
    assert_eq!(offer(market, None, 110), Ok(Fees { max_fee: 110, tip: 10 }));
    assert_eq!(offer(market, None, 109), Err(110));
    let replaced = Fees { max_fee: 160, tip: 10 };
    assert_eq!(offer(market, Some(replaced), 1_000), Ok(Fees { max_fee: 212, tip: 12 }));
    assert_eq!(offer(market, Some(replaced), 180), Err(181));
}

#[test]
fn zero_fees_can_be_replaced() {
    let market = Market { block: 1, base_fee: 0, tip: 1 };
    let replaced = Fees { max_fee: 0, tip: 0 };
    assert_eq!(offer(market, Some(replaced), 10), Ok(Fees { max_fee: 1, tip: 1 }));
}

#[test]
fn a_transaction_suffices_while_it_pays_the_tip_on_top_of_the_base_fee() {
    let fees = Fees { max_fee: 210, tip: 10 };
    let market = |base_fee, tip| Market { block: 1, base_fee, tip };
    assert!(fees.suffices(market(100, 10)));
    assert!(fees.suffices(market(200, 10)));
    assert!(!fees.suffices(market(201, 10)));
    assert!(!fees.suffices(market(100, 11)));
    assert!(!fees.suffices(market(300, 0)));
}

proptest! {
    #[test]
    fn a_single_price_stays_single(
        price in 0..u128::MAX,
        floor in 0..u128::MAX,
        old in proptest::option::of(0..u128::MAX),
        cap in 0..u128::MAX,
    ) {
        let market = Market::of_gas_price(1, price, floor);
        let replaced = old.map(|price| Fees { max_fee: price, tip: price });
        if let Ok(fees) = offer(market, replaced, cap) {
            prop_assert_eq!(fees.max_fee, fees.tip);
            prop_assert!(fees.suffices(market) && fees.max_fee <= cap);
        }
    }

    #[test]
    fn an_offer_is_sound(
        base_fee in 0..u128::MAX,
        tip in 1..u128::MAX,
        old in proptest::option::of((0..u128::MAX, 0..u128::MAX)),
        cap in 0..u128::MAX,
    ) {
        let market = Market { block: 1, base_fee, tip };
        let replaced = old.map(|(a, b)| Fees { max_fee: a.max(b), tip: a.min(b) });
        if let Ok(fees) = offer(market, replaced, cap) {
            prop_assert!(fees.max_fee <= cap);
            prop_assert!(fees.tip <= fees.max_fee);
            prop_assert!(fees.suffices(market));
            if let Some(old) = replaced {
                // 12.5 % more, in integers that do not overflow.
                prop_assert!(fees.max_fee - old.max_fee > old.max_fee / 8);
                prop_assert!(fees.tip - old.tip > old.tip / 8);
            }
        }
    }
}
