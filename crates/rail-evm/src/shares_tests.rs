//! How many go, and how, if there is too little for all.

use alloy_primitives::Address;
use proptest::prelude::*;

use super::*;
use crate::pay_call::{Method, Payment};

fn call(token: Option<Address>, amounts: &[u128]) -> PayCall {
    let recipient = Address::repeat_byte(9);
    let payments = amounts.iter().map(|amount| Payment { recipient, amount: *amount }).collect();
    PayCall::new(Method::Contract, token, payments).unwrap()
}

/// What becomes of a call that may take so much gas at one wei each, with so many wei for it.
fn answer(call: &PayCall, gas_limit: u64, gas_of_hostility: u64, left: u64) -> BuildError {
    let short = Short {
        call,
        gas_limit,
        gas_of_hostility,
        fee: U256::from(gas_limit),
        left: U256::from(left),
        pays_coins: call.token().is_none(),
        goes_alone: true,
    };
    short.answer(BuildError::Unreachable, String::new())
}

fn too_many(most: u32) -> BuildError {
    BuildError::TooMany { most, detail: String::new() }
}

fn split(alone: &[u32]) -> BuildError {
    BuildError::Split { alone: alone.to_vec(), detail: String::new() }
}

#[test]
fn as_many_tokens_as_possible_go_together() {
    // 30,000 for the call, 200,000 for the hostile, 40,000 for each.
    let call = call(Some(Address::repeat_byte(7)), &[1; 20]);
    let answer = |left| answer(&call, 1_030_000, 200_000, left);
    assert_eq!(answer(630_000), too_many(10));
    assert_eq!(answer(629_999), too_many(9));
    assert_eq!(answer(310_000), too_many(2));
    // Too little for two together, and enough for three alone.
    assert_eq!(answer(309_999), split(&[0, 1, 2]));
    assert_eq!(answer(80_000), split(&[0]));
    assert_eq!(answer(79_999), BuildError::Unreachable);
    // All of them are too many, whatever one reckons.
    assert_eq!(answer(2_000_000), too_many(19));
}

#[test]
fn what_coins_are_paid_counts_and_the_dear_do_not_hold_up_the_others() {
    let of = |amounts: &[u128], left| answer(&call(None, amounts), 30_000 + 6 * 10_000, 0, left);
    assert_eq!(of(&[5; 6], 30_000 + 3 * 10_005), too_many(3));
    // Too little for three together: as many as can go alone.
    assert_eq!(of(&[5; 6], 30_000 + 3 * 10_005 - 1), split(&[0, 1]));
    let dear = [1_000_000, 5, 5, 1_000_000, 5, 1_000_000];
    assert_eq!(of(&dear, 30_000 + 3 * 10_005), split(&[0, 3]));
    assert_eq!(of(&[1_000_000; 6], 100_000), BuildError::Unreachable);
}

#[test]
fn a_share_is_remembered_until_some_were_paid_together() {
    let (shares, lane) = (Shares::default(), LaneId::new("net/hot"));
    let (asset, other) = (AssetId::new("A@net"), AssetId::new("B@net"));
    let usual = BatchSize { min: 2, max: 100 };
    let max = |asset| shares.cap(&lane, asset, usual).max;
    let take_in = |payouts, built: Result<(), BuildError>| {
        shares.take_in(&lane, &asset, payouts, &built);
    };
    take_in(100, Err(too_many(7)));
    assert_eq!((max(&asset), max(&other)), (7, 100));
    assert_eq!(shares.cap(&lane, &asset, BatchSize::ONE), BatchSize::ONE);
    take_in(1, Ok(()));
    take_in(7, Err(BuildError::Unreachable));
    assert_eq!(max(&asset), 7);
    assert!(shares.has_little(&lane, &asset) && !shares.has_little(&lane, &other));
    take_in(7, Ok(()));
    assert_eq!(max(&asset), 100);
    assert!(!shares.has_little(&lane, &asset));
}

proptest! {
    /// Each answer leaves fewer together than before, or nobody, so that there is an end to it.
    #[test]
    fn whoever_goes_is_fewer(
        amounts in proptest::collection::vec(1..1_000_000_u128, 2..300),
        gas_limit in 0..u64::MAX,
        gas_of_hostility in 0..300_000_u64,
        left in 0..u64::MAX,
        is_token: bool,
    ) {
        let call = call(is_token.then(|| Address::repeat_byte(7)), &amounts);
        let count = u32::try_from(amounts.len()).unwrap();
        match answer(&call, gas_limit, gas_of_hostility, left) {
            BuildError::TooMany { most, .. } => prop_assert!((2..count).contains(&most)),
            BuildError::Split { alone, .. } => {
                prop_assert!(!alone.is_empty() && alone.iter().all(|it| *it < count));
            }
            BuildError::Unreachable => {}
            other @ (BuildError::Hold(_)
            | BuildError::AwaitingGas { .. }
            | BuildError::Refused(_)
            | BuildError::NotNeeded) => prop_assert!(false, "{other:?}"),
        }
    }
}
