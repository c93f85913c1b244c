//! What a call says, and what its logs prove.

use alloy_primitives::{address, hex, keccak256};
use proptest::{prelude::*, sample::Index};

use super::*;
use crate::transfer::Erc20;

const LANE: Address = address!("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
const TOKEN: Address = address!("0xdAC17F958D2ee523a2206206994597C13D831ec7");
const OTHER: Address = address!("0x70997970C51812dc3A010C7d01b50e0d17dc79C8");

fn recipient(number: u64) -> Address {
    Address::from_word(keccak256(number.to_be_bytes()))
}

fn call(method: Method, token: Option<Address>, payments: &[(u64, u128)]) -> PayCall {
    let payment =
        |(to, amount): &(u64, u128)| Payment { recipient: recipient(*to), amount: *amount };
    PayCall::new(method, token, payments.iter().map(payment).collect()).unwrap()
}

fn log(address: Address, event: &impl SolEvent) -> Log {
    let data = event.encode_log_data();
    Log { address, topics: data.topics().to_vec(), data: data.data.clone() }
}

/// What an honest run of a call announces, given which payments fail.
fn logs(call: &PayCall, fails: impl Fn(usize) -> bool) -> Vec<Log> {
    let announcer = call.target(LANE);
    let mut logs = Vec::new();
    let mut count = U256::ZERO;
    for (position, payment) in call.payments().iter().enumerate() {
        if fails(position) {
            let position = U256::from(position);
            logs.push(log(announcer, &Payouts::Unpaid { payer: LANE, position }));
            continue;
        }
        count += U256::ONE;
        let Payment { recipient, amount } = *payment;
        logs.extend(call.token().map(|token| log(token, &transfer(LANE, recipient, amount))));
    }
    logs.push(log(announcer, &Payouts::Paid { payer: LANE, count }));
    logs
}

fn transfer(sender: Address, recipient: Address, amount: u128) -> Erc20::Transfer {
    Erc20::Transfer { sender, recipient, amount: U256::from(amount) }
}

/// Both ways, with a token and with coins: four payments, of which the second and last are equal.
fn calls() -> Vec<PayCall> {
    let mut calls = Vec::new();
    for method in [Method::Contract, Method::Delegate] {
        for token in [None, Some(TOKEN)] {
            calls.push(call(method, token, &[(1, 5), (2, 6), (3, AMOUNT_MAX), (2, 6)]));
        }
    }
    calls
}

#[test]
fn a_call_is_encoded_as_the_contract_abi_says() {
    let call = call(Method::Contract, Some(TOKEN), &[(1, 0x1234), (2, AMOUNT_MAX)]);
    let (first, second) = (recipient(1), recipient(2));
    let expected = [
        "000000000000000000000000dac17f958d2ee523a2206206994597c13d831ec7".to_owned(),
        format!("{:064x}", 0x40),
        format!("{:064x}", 2),
        format!("{:024x}{}", 0x1234, hex::encode(first)),
        format!("{}{}", "f".repeat(24), hex::encode(second)),
    ];
    let selector = &keccak256("pay(address,uint256[])")[..4];
    assert_eq!(hex::encode(call.input()), hex::encode(selector) + &expected.concat());
}

#[test]
fn coins_travel_with_a_call_of_the_contract_only() {
    let sum = U256::from(17) + U256::from(AMOUNT_MAX);
    let values = calls().iter().map(PayCall::value).collect::<Vec<_>>();
    assert_eq!(values, [sum, U256::ZERO, U256::ZERO, U256::ZERO]);
    let targets = calls().iter().map(|it| it.target(LANE)).collect::<Vec<_>>();
    assert_eq!(targets, [contract::ADDRESS, contract::ADDRESS, LANE, LANE]);
}

#[test]
fn what_does_not_fit_is_refused() {
    let refused = |token, amounts: &[u128]| {
        let payment = |amount: &u128| Payment { recipient: OTHER, amount: *amount };
        let payments = amounts.iter().map(payment).collect();
        PayCall::new(Method::Contract, token, payments).unwrap_err()
    };
    assert!(refused(None, &[]).contains("payments, not 0"));
    assert!(refused(None, &[1; PAYMENTS_MAX + 1]).contains("payments, not 301"));
    assert!(refused(None, &[1, 0]).contains("must travel alone"));
    assert!(refused(None, &[AMOUNT_MAX + 1, 1]).contains("must travel alone"));
    assert!(refused(Some(TOKEN), &[u128::MAX]).contains("must travel alone"));
    assert!(refused(Some(Address::ZERO), &[1]).contains("address zero"));
    let most = call(Method::Contract, None, &[(1, AMOUNT_MAX); PAYMENTS_MAX]);
    assert_eq!(most.total(), U256::from(AMOUNT_MAX) * U256::from(PAYMENTS_MAX));
}

#[test]
fn a_call_is_read_back_and_nothing_else_is() {
    for it in calls() {
        let (target, value, input) = (it.target(LANE), it.value(), it.input());
        assert_eq!(PayCall::read(LANE, target, value, &input), Some(it.clone()));
        assert_eq!(PayCall::read(OTHER, LANE, value, &input), None);
        assert_eq!(PayCall::read(LANE, OTHER, value, &input), None);
        assert_eq!(PayCall::read(LANE, target, value + U256::ONE, &input), None);
        assert_eq!(PayCall::read(LANE, target, value, &input.slice(..input.len() - 32)), None);
        let longer = |more: &[u8]| Bytes::from([&input[..], more].concat());
        assert_eq!(PayCall::read(LANE, target, value, &longer(&[0])), None);
        assert_eq!(PayCall::read(LANE, target, value, &longer(&[0; 32])), None);
        assert_eq!(PayCall::read(LANE, target, value, &Bytes::new()), None);
    }
    // Another place for the list, which a contract would follow.
    let it = call(Method::Delegate, None, &[(1, 5)]);
    let input = it.input();
    let mut moved = input[..36].to_vec();
    moved.extend(U256::from(0x60).to_be_bytes::<32>());
    moved.extend([0; 32]);
    moved.extend(&input[68..]);
    assert!(Payouts::payCall::abi_decode(&moved).is_ok());
    assert_eq!(PayCall::read(LANE, LANE, U256::ZERO, &moved.into()), None);
}

#[test]
fn a_call_that_nobody_served_paid_nobody() {
    for it in calls() {
        // An account that does not run the code takes any call, and says nothing.
        assert!(it.outcome(LANE, &[]).unwrap_err().contains("served"));
        let mut logs = logs(&it, |_| false);
        logs.pop();
        assert!(it.outcome(LANE, &logs).is_err());
    }
}

#[test]
fn what_others_announce_is_not_ours() {
    for it in calls() {
        let mut logs = logs(&it, |position| position == 1);
        let expected = Ok(vec![true, false, true, true]);
        assert_eq!(it.outcome(LANE, &logs), expected);
        // A recipient that called the contract itself while it was paid.
        let position = U256::from(2);
        logs.insert(0, log(contract::ADDRESS, &Payouts::Unpaid { payer: OTHER, position }));
        let count = U256::from(9);
        logs.insert(1, log(contract::ADDRESS, &Payouts::Paid { payer: OTHER, count }));
        // A contract that says the same in the lane's name.
        logs.insert(2, log(OTHER, &Payouts::Unpaid { payer: LANE, position }));
        logs.insert(3, log(OTHER, &Payouts::Paid { payer: LANE, count }));
        logs.insert(4, log(OTHER, &transfer(LANE, recipient(1), 5)));
        logs.insert(5, log(TOKEN, &transfer(OTHER, recipient(1), 5)));
        assert_eq!(it.outcome(LANE, &logs), expected);
    }
}

#[test]
fn contradictions_are_errors() {
    for it in calls() {
        let honest = logs(&it, |position| position == 1);
        let announcer = it.target(LANE);
        let check = |said: &str, change: &dyn Fn(&mut Vec<Log>)| {
            let mut changed = honest.clone();
            change(&mut changed);
            let why = it.outcome(LANE, &changed).unwrap_err();
            assert!(why.contains(said), "{why}");
        };
        let unpaid = |position: u64| {
            let position = U256::from(position);
            log(announcer, &Payouts::Unpaid { payer: LANE, position })
        };
        check("announced as made", &|logs| logs.push(unpaid(2)));
        check("told twice", &|logs| logs.push(unpaid(1)));
        check("none of the call", &|logs| logs.push(unpaid(4)));
        check("more than once", &|logs| logs.push(logs[logs.len() - 1].clone()));
        check("its code cannot", &|logs| {
            logs.push(log(announcer, &transfer(LANE, OTHER, 1)));
        });
        check("its code cannot", &|logs| {
            let mut odd = unpaid(2);
            odd.data = vec![0].into();
            logs.push(odd);
        });
        if it.token().is_none() {
            continue;
        }
        let paid = |to, amount| log(TOKEN, &transfer(LANE, recipient(to), amount));
        check("no such transfer", &|logs| logs.retain(|it| it.address != TOKEN));
        check("does not count", &|logs| logs.push(paid(2, 6)));
        check("does not count", &|logs| logs.push(paid(9, 1)));
        check("count", &|logs| {
            let at = logs.iter().position(|it| it.address == TOKEN).unwrap();
            logs[at] = paid(1, 4);
        });
    }
}

#[test]
fn what_a_trial_returns_tells_which_would_fail() {
    let it = &calls()[0];
    let returned = |positions: &[u64]| {
        let positions = positions.iter().map(|it| U256::from(*it)).collect::<Vec<_>>();
        Payouts::payCall::abi_encode_returns(&positions)
    };
    assert_eq!(it.would_fail(&returned(&[])), Ok(BTreeSet::new()));
    assert_eq!(it.would_fail(&returned(&[1, 3])), Ok(BTreeSet::from([1, 3])));
    assert!(it.would_fail(&returned(&[4])).is_err());
    assert!(it.would_fail(&returned(&[1, 1])).is_err());
    // An account without code answers nothing.
    assert!(it.would_fail(&[]).is_err());
}

fn any_call() -> impl Strategy<Value = PayCall> {
    // Few recipients and amounts, so that equal payments are common.
    let payments = proptest::collection::vec((0_u64..6, 1_u128..4), 1..40);
    (any::<bool>(), any::<bool>(), payments).prop_map(|(delegates, of_token, payments)| {
        let method = if delegates { Method::Delegate } else { Method::Contract };
        call(method, of_token.then_some(TOKEN), &payments)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_honest_run_is_read_as_it_was(
        it in any_call(),
        fails: [bool; 40],
        order in any::<u64>(),
    ) {
        let mut logs = logs(&it, |position| fails[position]);
        // The order of logs does not matter.
        logs.sort_by_key(|log| keccak256([log.data.as_ref(), &order.to_be_bytes()].concat()));
        let expected: Vec<bool> = (0..it.payments().len()).map(|at| !fails[at]).collect();
        prop_assert_eq!(it.outcome(LANE, &logs), Ok(expected));
    }

    /// One log more or less is noticed, whichever it is.
    #[test]
    fn a_lost_or_repeated_log_is_noticed(it in any_call(), fails: [bool; 40], at: Index, lose: bool) {
        let mut logs = logs(&it, |position| fails[position]);
        let at = at.index(logs.len());
        if lose {
            logs.remove(at);
        } else {
            logs.push(logs[at].clone());
        }
        prop_assert!(it.outcome(LANE, &logs).is_err());
    }

    #[test]
    fn bytes_and_meaning_are_the_same_thing(
        it in any_call(),
        at: Index,
        bit in 0_u32..8,
    ) {
        let (target, value, input) = (it.target(LANE), it.value(), it.input());
        let read = PayCall::read(LANE, target, value, &input);
        prop_assert_eq!(read.as_ref(), Some(&it));
        let mut changed = input.to_vec();
        let at = at.index(changed.len());
        changed[at] ^= 1 << bit;
        if let Some(other) = PayCall::read(LANE, target, value, &changed.into()) {
            prop_assert_ne!(other, it);
        }
    }

    #[test]
    fn arbitrary_bytes_do_no_harm(input: Vec<u8>, topics: Vec<[u8; 32]>, data: Vec<u8>) {
        let _ = PayCall::read(LANE, LANE, U256::ZERO, &input.clone().into());
        for it in calls() {
            let _ = it.would_fail(&input);
            let topics = topics.iter().map(|it| (*it).into()).collect();
            let log = Log { address: it.target(LANE), topics, data: data.clone().into() };
            prop_assert!(it.outcome(LANE, &[log]).is_err());
        }
    }
}
