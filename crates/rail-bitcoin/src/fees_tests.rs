//! Rates, replacements and children.

use proptest::prelude::*;

use super::*;

#[test]
fn the_middle_one_counts() {
    let of = |answers: &[u64]| {
        agreed(&answers.iter().map(|it| Some(*it).filter(|it| *it != 7)).collect::<Vec<_>>())
    };
    assert_eq!(of(&[]), None);
    assert_eq!(of(&[7, 7]), None);
    assert_eq!(of(&[0]), None, "a rate of nothing is no answer");
    assert_eq!(of(&[5_000]), Some(5_000));
    assert_eq!(of(&[9_000, 7, 5_000]), Some(5_000), "the lower of two");
    assert_eq!(of(&[9_000_000, 5_000, 4_000]), Some(5_000), "one that lies upwards");
    assert_eq!(of(&[1, 5_000, 6_000]), Some(5_000), "one that lies downwards");
    assert_eq!(of(&[4, 1, 3, 2]), Some(2));
}

#[test]
fn the_ceiling_cuts_speed_first_and_holds_then() {
    assert_eq!(offer(20_000, 5_000, 1_000, 50_000), Ok(20_000));
    assert_eq!(offer(20_000, 5_000, 1_000, 8_000), Ok(8_000), "highest, as far as there is room");
    assert_eq!(offer(20_000, 5_000, 1_000, 4_999), Err(5_000), "not even what is recommended");
    assert_eq!(offer(2_000, 5_000, 1_000, 4_999), Ok(2_000), "economy still goes");
    assert_eq!(offer(500, 5_000, 1_000, 4_999), Ok(1_000), "nodes relay no less");
    assert_eq!(offer(500, 700, 9_000, 4_999), Err(9_000), "full mempools everywhere");
    assert_eq!(offer(1_000, 1_000, 1_000, 1_000), Ok(1_000));
}

#[test]
fn priorities_are_ever_faster() {
    let targets = Priority::ALL.map(target_blocks);
    assert_eq!(targets, [144, 6, 3, 1]);
}

#[test]
fn a_child_makes_up_for_what_its_parents_lack() {
    let child = |parents: Paid| Price::of_child(10_000, parents.missing_sat(10_000)).fee_sat(110);
    let parents = Paid { fee_sat: 141, vsize: 141 };
    // 10 sat/vB for 141 + 110 virtual bytes are 2,510, of which 141 are paid.
    assert_eq!(child(parents), 2_369);
    let rich = Paid { fee_sat: 10_000, vsize: 141 };
    assert_eq!(child(rich), 1_100, "nobody is paid back");
}

#[test]
fn what_pays_enough_is_left_alone() {
    let sent = Paid { fee_sat: 1_410, vsize: 141 };
    assert!(sent.suffices(10_000));
    assert!(!sent.suffices(10_001));
    assert_eq!(sent.rate_sat_per_kvb(), 10_000);
    assert_eq!(Paid { fee_sat: u64::MAX, vsize: 0 }.rate_sat_per_kvb(), u64::MAX);
}

proptest! {
    /// As nodes check it: rules 3 and 4 of BIP-125 (2 and 3 of Bitcoin Core's
    /// `doc/policy/mempool-replacements.md`), and the higher rate of rule 5 there.
    #[test]
    fn nodes_take_a_replacement(
        fee_sat in 1..100_000_000_u64,
        vsize in 100..100_000_u64,
        new_vsize in 100..100_000_u64,
        evicted in 0..1_000_000_u64,
        market in 0..1_000_000_u64,
        increment in 1..10_000_u64,
    ) {
        let price = replacement(Paid { fee_sat, vsize }, evicted, market, increment);
        let fee = price.fee_sat(new_vsize);
        prop_assert!(fee >= fee_sat + evicted + (increment * new_vsize).div_ceil(1_000));
        // fee / new_vsize > fee_sat / vsize, without division.
        prop_assert!(u128::from(fee) * u128::from(vsize) > u128::from(fee_sat) * u128::from(new_vsize));
        prop_assert!(fee >= (market * new_vsize).div_ceil(1_000));
        // An eighth more, but for what is lost to rounding.
        let rate = Paid { fee_sat: fee, vsize: new_vsize }.rate_sat_per_kvb();
        prop_assert!(rate >= fee_sat * 1_000 / vsize * 9 / 8);
    }

    #[test]
    fn a_package_pays_its_rate(
        fee_sat in 0..10_000_000_u64,
        vsize in 100..100_000_u64,
        child_vsize in 100..1_000_u64,
        rate in 1..1_000_000_u64,
    ) {
        let missing_sat = Paid { fee_sat, vsize }.missing_sat(rate);
        let child = Price::of_child(rate, missing_sat).fee_sat(child_vsize);
        let package = Paid { fee_sat: fee_sat + child, vsize: vsize + child_vsize };
        prop_assert!(package.suffices(rate));
        // Both are rounded up.
        let less = Paid { fee_sat: package.fee_sat - 2, ..package };
        prop_assert!(!less.suffices(rate) || child == of_size(rate, child_vsize));
    }

    #[test]
    fn nothing_is_too_large_to_be_counted(rate: u64, fee: u64, increment: u64, vsize: u64) {
        let price =
            Price { rate_sat_per_kvb: rate, replaced_fee_sat: fee, increment_sat_per_kvb: increment };
        prop_assert!(price.fee_sat(vsize) >= fee);
        let next = replacement(Paid { fee_sat: fee, vsize }, fee, rate, increment);
        prop_assert!(next.rate_sat_per_kvb >= rate);
        let child = Price::of_child(rate, Paid { fee_sat: 0, vsize }.missing_sat(rate));
        prop_assert!(child.fee_sat(vsize) >= of_size(rate, vsize));
    }
}
