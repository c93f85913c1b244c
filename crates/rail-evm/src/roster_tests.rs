//! Whom to ask.

use super::*;

fn roster(heads: &[u64]) -> Roster {
    let mut roster = Roster::new(heads.len(), 5);
    for (at, head) in heads.iter().enumerate() {
        roster.told_head(at, *head);
    }
    roster
}

#[test]
fn the_configured_order_holds_among_those_that_answer_and_keep_up() {
    assert_eq!(Roster::new(3, 5).in_order(), [0, 1, 2]);
    assert_eq!(roster(&[100, 105, 100]).in_order(), [0, 1, 2]);
    assert_eq!(roster(&[100, 106]).in_order(), [1, 0]);
    assert_eq!(roster(&[100, 105]).in_order(), [0, 1]);
    assert_eq!(roster(&[100, 106, 106]).in_order(), [1, 2, 0]);
    let mut failing = roster(&[100, 106, 106]);
    failing.failed(1);
    assert_eq!(failing.in_order(), [2, 0, 1]);
}

#[test]
fn one_that_claims_to_be_far_ahead_of_two_others_is_not_believed() {
    assert_eq!(roster(&[100, 101, u64::MAX]).in_order(), [0, 1, 2]);
}

#[test]
fn of_two_the_second_is_not_asked_first_for_an_absurd_claim() {
    for head in [1 << 40, u64::MAX] {
        assert_eq!(roster(&[100, head]).in_order(), [0, 1]);
    }
    let (day, mut two) = (5 * LEAP_OF_LAGS, roster(&[100, 100]));
    // One that goes on while the other stands still is believed, however long that takes.
    for days in 1..50 {
        two.told_head(1, 100 + days * day);
        assert_eq!(two.in_order(), [1, 0]);
    }
    two.told_head(1, 100 + 51 * day);
    assert_eq!(two.in_order(), [0, 1], "nobody goes so far within a look");
    two.told_head(0, 100 + 51 * day);
    assert_eq!(two.in_order(), [0, 1], "the other has come as far");
    assert!(!two.lags(0) && !two.lags(1));
}

#[test]
fn whoever_is_not_where_the_others_are_is_known_after_a_comparison() {
    let apart = |heads: &[u64]| {
        let mut roster = roster(heads);
        assert_eq!(roster.apart().count(), 0, "nothing was compared");
        roster.compare_heads();
        roster.apart().collect::<Vec<_>>()
    };
    assert!(apart(&[100, 105]).is_empty());
    assert_eq!(apart(&[100, 106]), [0]);
    assert_eq!(apart(&[106, 100]), [1]);
    assert_eq!(apart(&[100, 1 << 40]), [1]);
    assert_eq!(apart(&[100, 101, 1 << 40]), [2]);
    assert_eq!(apart(&[100, 200, 200]), [0]);
    let mut silent = roster(&[100, 106]);
    silent.compare_heads();
    silent.failed(0);
    assert_eq!((silent.apart().count(), silent.silent().count()), (0, 1));
}

#[test]
fn one_that_is_alone_does_not_set_the_measure_by_an_absurd_claim() {
    let mut two = Roster::new(2, 5);
    two.told_head(1, 1 << 40);
    two.told_head(0, 100);
    assert_eq!(two.in_order(), [0, 1]);
}

#[test]
fn what_a_silent_endpoint_told_is_forgotten() {
    let mut roster = roster(&[200, 100]);
    roster.chain_is_right(0);
    assert!(roster.lags(1) && roster.is_checked(0));
    roster.failed(0);
    assert!(!roster.lags(1) && !roster.is_checked(0));
}

#[test]
fn an_endpoint_that_fails_is_left_out_longer_each_time_and_never_for_good() {
    let mut roster = Roster::new(2, 5);
    let mut rests = vec![];
    for _ in 0..10 {
        roster.failed(0);
        let mut turns = 0;
        while roster.in_order() != [0, 1] {
            turns += 1;
        }
        rests.push(turns);
    }
    assert_eq!(rests, [2, 4, 8, 16, 32, 64, 128, 256, 256, 256]);
    assert_eq!(roster.silent().collect::<Vec<_>>(), [0]);
    roster.failed(0);
    roster.answered(0);
    assert_eq!(roster.in_order(), [0, 1]);
    assert_eq!(roster.silent().count(), 0);
}

#[test]
fn those_that_failed_lately_are_not_asked_at_once_unless_all_did() {
    let mut roster = Roster::new(3, 5);
    roster.failed(1);
    assert_eq!(roster.at_once(), [0, 2]);
    roster.failed(0);
    roster.failed(2);
    assert_eq!(roster.at_once(), [0, 1, 2]);
    assert_eq!(roster.at_once(), [1], "its rest is over first");
    let mut roster = Roster::new(2, 5);
    roster.failed(0);
    roster.failed(1);
    assert_eq!(roster.at_once(), [0, 1]);
}

#[test]
fn every_rhythm_meets_rounds() {
    for stride in 1..=48 {
        for start in 0..stride {
            let mut roster = Roster::new(2, 5);
            let turns: Vec<bool> = (0..64 * 64).map(|_| roster.round_is_due()).collect();
            assert!(turns[0]);
            let of_batch = turns.iter().skip(start).step_by(stride);
            assert!(of_batch.copied().any(|due| due), "{start} of {stride}");
        }
    }
    let mut roster = Roster::new(2, 5);
    let rounds = (0..16_000).filter(|_| roster.round_is_due()).count();
    assert!((900..1_100).contains(&rounds), "{rounds}");
}
