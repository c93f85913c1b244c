//! What follows from several findings.

use domain::money::Amount;

use super::*;

const HASH: B256 = B256::repeat_byte(1);

fn finding(verdicts: &[Observation], proof: Option<Proof>) -> Finding {
    let verdicts = verdicts.to_vec();
    let (final_head, head) = (Some(90), Some(95));
    Finding { verdicts, final_head, head, proof, paid_otherwise: None, unclear: None }
}

fn settled(hash: B256) -> Proof {
    Proof::Settled { block: 80, hash }
}

fn paid(fee: u128) -> Finding {
    let fee = Amount::from_units(fee).unwrap();
    finding(&[Observation::Dead, Observation::Final { fee, unpaid: vec![] }], Some(settled(HASH)))
}

fn undone(fee: u128) -> Finding {
    let fee = Amount::from_units(fee).unwrap();
    finding(&[Observation::Dead, Observation::Reverted { fee }], Some(settled(HASH)))
}

fn dead(taker: u8) -> Finding {
    let taker = B256::repeat_byte(taker);
    finding(&[Observation::Dead, Observation::Dead], Some(Proof::TakenBy(vec![taker])))
}

fn open(first: Observation, second: Observation) -> Finding {
    finding(&[first, second], None)
}

fn named(findings: &[Finding]) -> Vec<(&str, &Finding)> {
    ["#1", "#2", "#3"].into_iter().zip(findings).collect()
}

fn all_open() -> Vec<Finding> {
    let all = [Observation::Missing, Observation::Pending, Observation::InBlock];
    all.iter().flat_map(|one| all.clone().map(|other| open(one.clone(), other))).collect()
}

#[test]
fn an_end_needs_as_many_as_the_quorum_that_say_the_same() {
    for end in [paid(7), undone(7), dead(3)] {
        let ended = Conclusion::Ended(end.verdicts.clone());
        let told = [end.clone(), end.clone(), end.clone()];
        for (count, needed) in [(1, 1), (2, 1), (2, 2), (3, 2), (3, 3)] {
            assert_eq!(conclude(&named(&told[..count]), needed), ended, "{count} {needed}");
        }
        for (count, needed) in [(1, 2), (2, 3)] {
            assert_eq!(conclude(&named(&told[..count]), needed), Conclusion::Open);
        }
        for weak in all_open() {
            let told = [weak.clone(), end.clone(), end.clone()];
            assert_eq!(conclude(&named(&told), 2), ended, "{weak:?} contradicts nothing");
            assert_eq!(conclude(&named(&told), 3), Conclusion::Open, "{weak:?} confirms nothing");
            assert_eq!(conclude(&named(&told[..2]), 2), Conclusion::Open);
            assert_eq!(while_open(&named(&told)), weak.verdicts);
        }
    }
    assert_eq!(conclude(&[], 0), Conclusion::Open);
}

#[test]
fn two_ends_that_differ_are_a_disagreement_whatever_a_majority_says() {
    let elsewhere = Finding { proof: Some(settled(B256::repeat_byte(2))), ..paid(7) };
    let swapped = Finding { verdicts: paid(7).verdicts.into_iter().rev().collect(), ..paid(7) };
    for other in [paid(8), undone(7), dead(3), elsewhere, swapped] {
        let told = [paid(7), paid(7), other.clone()];
        for needed in 1..=3 {
            let concluded = conclude(&named(&told), needed);
            let Conclusion::Disagreement(words) = concluded else { panic!("{concluded:?}") };
            assert!(words.starts_with("#1 says ") && words.contains("; #3 says "), "{words}");
        }
    }
    assert!(matches!(conclude(&named(&[dead(3), dead(4)]), 1), Conclusion::Disagreement(_)));
}

#[test]
fn what_is_not_borne_out_is_told_as_it_was_before() {
    let told = [paid(7), dead(3)];
    let before = [Observation::Pending, Observation::InBlock];
    assert_eq!(while_open(&named(&told)), before);
    assert_eq!(while_open(&named(&told[..1])), before);
    assert_eq!(while_open(&named(&told[1..])), [Observation::Pending, Observation::Pending]);
    assert_eq!(while_open(&named(&[undone(7)])), before);
    let told = [
        open(Observation::Missing, Observation::Pending),
        open(Observation::InBlock, Observation::Missing),
    ];
    assert_eq!(while_open(&named(&told)), [Observation::InBlock, Observation::Pending]);
}

#[test]
fn one_that_stands_still_before_the_block_of_an_end_says_nothing() {
    let missing = || open(Observation::Missing, Observation::Missing);
    let before = [Observation::Pending, Observation::InBlock];
    for (head, expected) in [
        (Some(79), before.clone()),
        (Some(80), [Observation::Missing, Observation::Missing]),
        (None, [Observation::Missing, Observation::Missing]),
    ] {
        let told = [paid(7), Finding { head, ..missing() }];
        assert_eq!(conclude(&named(&told), 2), Conclusion::Open);
        assert_eq!(while_open(&named(&told)), expected, "{head:?}");
    }
    let told = [Finding { head: Some(79), ..missing() }];
    assert_eq!(while_open(&named(&told)), missing().verdicts, "nobody says that it ended");
}

#[test]
fn final_blocks_are_compared_at_the_same_height() {
    let blocks = |told: &[(u64, u8)]| -> FinalBlocks {
        told.iter().map(|(height, byte)| (*height, B256::repeat_byte(*byte))).collect()
    };
    let same = [("#1", blocks(&[(5, 1), (9, 2)])), ("#2", blocks(&[(5, 1)])), ("#3", blocks(&[]))];
    assert_eq!(compare(&same), Branches::Same(2));
    assert_eq!(compare(&same[..1]), Branches::Same(1));
    assert_eq!(compare(&same[2..]), Branches::Same(0));
    let forked = [same[0].clone(), same[1].clone(), ("#3", blocks(&[(5, 1), (9, 3)]))];
    let Branches::Forked(words) = compare(&forked) else { panic!("they are forked") };
    assert!(words.contains("block 9, #1 says 0x0202") && words.contains("#3 says 0x0303"));
    // At other heights, other blocks are no contradiction.
    let apart = [("#1", blocks(&[(5, 1)])), ("#2", blocks(&[(6, 2)]))];
    assert_eq!(compare(&apart), Branches::Same(1));
}

#[test]
fn a_number_beyond_the_lanes_own_needs_the_quorum() {
    let told = [("#1", Some(12)), ("#2", Some(9)), ("#3", None), ("#4", Some(12))];
    assert_eq!(doubt_of_count(12, &told, 2), None);
    assert_eq!(doubt_of_count(12, &told[..3], 2).unwrap(), "#1 says 12, #2 says 9, #3 cannot tell");
    assert!(doubt_of_count(12, &told, 3).is_some());
}

#[test]
fn the_contract_is_there_if_the_quorum_has_it() {
    let told = [("#1", Some(true)), ("#2", Some(false)), ("#3", None), ("#4", Some(true))];
    assert_eq!(doubt_of_code(&told, 2), None);
    let doubt = doubt_of_code(&told[..3], 2).unwrap();
    assert!(doubt.ends_with("#1 has it, #2 does not have it, #3 cannot tell"), "{doubt}");
    assert!(doubt_of_code(&told, 3).is_some());
    assert!(doubt_of_code(&told[2..3], 1).is_some(), "what nobody knows is not believed");
}

#[test]
fn one_endpoint_that_takes_a_transaction_is_enough() {
    let refused = |why: &str| Ok(Handover::Refused(why.to_owned()));
    let (taken, cheap, lost) =
        (Ok(Handover::Accepted), Ok(Handover::Underpriced), Err(Unreachable));
    let tell = |answers: &[&Result<Handover, Unreachable>]| {
        let named = ["#1", "#2", "#3"].into_iter().zip(answers.iter().map(|it| (*it).clone()));
        handover(named.collect())
    };
    let no = refused("no");
    for other in [&taken, &cheap, &no, &lost] {
        assert_eq!(tell(&[other, &taken]), taken);
        assert_eq!(tell(&[&taken, other]), taken);
        assert_eq!(
            tell(&[other, &cheap, other]),
            if *other == taken { taken.clone() } else { cheap.clone() }
        );
    }
    assert_eq!(tell(&[&no, &lost, &refused("nay")]), refused("#1: no; #3: nay"));
    assert_eq!(tell(&[&no]), no);
    assert_eq!(tell(&[&lost, &lost]), lost);
    assert_eq!(tell(&[]), lost);
}
