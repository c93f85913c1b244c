//! What a lane lacks, which numbers it skipped, and how often it is told.

use alloy_primitives::address;

use super::*;

const LANE: Address = address!("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
const TOKEN: Address = address!("0xdAC17F958D2ee523a2206206994597C13D831ec7");

fn facts() -> Facts {
    Facts {
        count: 7,
        final_head: 90,
        count_final: Some(7),
        code: Bytes::new(),
        has_contract: true,
        had_contract: true,
        has_proxy: true,
        allowances: vec![(TOKEN, U256::MAX)],
    }
}

#[test]
fn a_number_was_skipped_if_nothing_waits_with_it_and_all_before_it_are_final() {
    let none = BTreeSet::new();
    assert_eq!(facts().gap(7, &none), None);
    assert_eq!(facts().gap(8, &none), Some(7));
    assert_eq!(facts().gap(9, &[8].into()), Some(7));
    assert_eq!(facts().gap(9, &[7, 8].into()), None);
    assert_eq!(facts().gap(6, &none), None, "the key was used elsewhere; nothing was skipped");
    for count_final in [None, Some(6), Some(8)] {
        assert_eq!(Facts { count_final, ..facts() }.gap(9, &none), None, "{count_final:?}");
    }
}

#[test]
fn what_is_missing_is_done_in_order() {
    let (contract, delegate) = (Method::Contract, Method::Delegate);
    let nowhere = Facts { has_contract: false, ..facts() };
    for method in [contract, delegate] {
        assert_eq!(nowhere.missing(method), ["deploy"]);
        let hopeless = Facts { has_proxy: false, ..nowhere.clone() };
        assert!(hopeless.missing(method).is_empty());
        assert!(!nowhere.can_pay(method, None) && !nowhere.can_pay(method, Some(TOKEN)));
    }
    assert!(facts().missing(contract).is_empty());
    assert!(facts().can_pay(contract, None) && facts().can_pay(contract, Some(TOKEN)));
    assert!(!facts().can_pay(contract, Some(LANE)), "it holds none of that");
    let early = Facts { had_contract: false, allowances: vec![(TOKEN, U256::ZERO)], ..facts() };
    assert!(!early.can_pay(contract, None) && !early.can_pay(contract, Some(TOKEN)));
    for method in [contract, delegate] {
        assert!(early.missing(method).is_empty(), "nothing relies on it before it is final");
    }
    let unallowed = Facts { allowances: vec![(TOKEN, ALLOWANCE_MIN - U256::ONE)], ..facts() };
    assert_eq!(unallowed.missing(contract), [format!("approve {TOKEN}")]);
    assert!(unallowed.can_pay(contract, None) && !unallowed.can_pay(contract, Some(TOKEN)));
    assert_eq!(unallowed.missing(delegate), ["delegate"]);
    assert!(!unallowed.can_pay(delegate, None));
    let delegated = Facts { code: contract::delegation(), ..unallowed };
    assert!(delegated.missing(delegate).is_empty() && delegated.can_pay(delegate, Some(TOKEN)));
    let other = Facts { code: contract::runtime().clone(), ..facts() };
    assert_eq!(other.missing(delegate), ["delegate"]);
}

#[test]
fn what_is_done_in_vain_is_tried_less_and_less_often() {
    let prepared = Prepared::default();
    let ask = |missing: &[&str]| {
        prepared.lacks(LANE, missing.iter().map(|it| (*it).to_owned()).collect())
    };
    let told: Vec<bool> = (1..=16).map(|_| ask(&["approve a"]).is_some()).collect();
    let at: Vec<usize> = (1..=16).filter(|it| told[it - 1]).collect();
    assert_eq!(at, [1, 2, 4, 8, 16]);
    // Another thing is not held up by it, and what was done meanwhile begins anew.
    assert_eq!(ask(&["approve a", "approve b"]).as_deref(), Some("approve b"));
    assert_eq!(ask(&[]), None);
    assert_eq!(ask(&["approve a"]).as_deref(), Some("approve a"));
}

#[test]
fn a_lane_pays_many_of_what_it_was_prepared_for() {
    let prepared = Prepared::default();
    prepared.set(LANE, Some(TOKEN), true);
    assert!(prepared.can_pay(LANE, Some(TOKEN)));
    assert!(!prepared.can_pay(LANE, None) && !prepared.can_pay(TOKEN, Some(TOKEN)));
    prepared.set(LANE, Some(TOKEN), false);
    assert!(!prepared.can_pay(LANE, Some(TOKEN)));
}
