//! The decision table, and that no row of it concludes without proof.

use proptest::prelude::*;

use super::*;

const FEE: Amount = Amount::ZERO;
const A: B256 = B256::repeat_byte(1);
const B: B256 = B256::repeat_byte(2);
const FOREIGN: B256 = B256::repeat_byte(9);

fn missing(hash: B256) -> Fact {
    Fact { hash, included: None, known: false }
}

fn pending(hash: B256) -> Fact {
    Fact { known: true, ..missing(hash) }
}

fn included(block: u64) -> Included {
    let (canonical, paid, unpaid, unclear) = (true, true, vec![], false);
    Included { block, canonical, paid, unpaid, unclear, fee: FEE }
}

fn at(hash: B256, block: u64) -> Fact {
    Fact { hash, included: Some(included(block)), known: true }
}

fn undone(hash: B256, block: u64) -> Fact {
    let included = Included { paid: false, ..included(block) };
    Fact { included: Some(included), ..at(hash, block) }
}

fn orphaned(hash: B256, block: u64) -> Fact {
    let included = Included { canonical: false, ..included(block) };
    Fact { included: Some(included), ..at(hash, block) }
}

fn unclear(hash: B256, block: u64) -> Fact {
    let included = Included { paid: false, unclear: true, ..included(block) };
    Fact { included: Some(included), ..at(hash, block) }
}

#[track_caller]
fn check(
    final_head: Option<u64>,
    taken_by: &[B256],
    attempts: &[Fact],
    expected: Option<&[Observation]>,
) {
    let facts = Facts { final_head, taken_by: taken_by.to_vec(), attempts: attempts.to_vec() };
    assert_eq!(facts.verdicts().as_deref(), expected);
}

#[test]
fn every_row_of_the_table() {
    use Observation::{Dead, InBlock, Missing, Pending};
    let paid = Observation::Final { fee: FEE, unpaid: vec![] };
    let reverted = Observation::Reverted { fee: FEE };
    check(Some(9), &[], &[missing(A)], Some(&[Missing]));
    check(Some(9), &[], &[pending(A), missing(B)], Some(&[Pending, Missing]));
    check(Some(9), &[], &[at(A, 10), pending(B)], Some(&[InBlock, Pending]));
    check(Some(9), &[], &[undone(A, 10)], Some(&[InBlock]));
    check(None, &[], &[at(A, 0)], Some(&[InBlock]));
    check(Some(10), &[], &[at(A, 10), pending(B)], Some(&[paid, Dead]));
    check(Some(10), &[], &[missing(A), undone(B, 10)], Some(&[Dead, reverted]));
    check(Some(10), &[], &[orphaned(A, 9), missing(B)], Some(&[Pending, Missing]));
    check(Some(10), &[FOREIGN], &[missing(A), pending(B)], Some(&[Dead, Dead]));
    check(Some(10), &[FOREIGN], &[orphaned(A, 9)], Some(&[Dead]));
    // What nobody can make sense of ends nothing, however deep it lies.
    check(Some(10), &[], &[unclear(A, 9), missing(B)], Some(&[InBlock, Missing]));
    // A block that does not hold it proves nothing.
    check(Some(10), &[], &[missing(A)], Some(&[Missing]));
}

#[test]
fn contradictions_conclude_nothing() {
    check(Some(10), &[], &[at(A, 9), at(B, 10)], None);
    check(Some(10), &[FOREIGN, A], &[missing(A), missing(B)], None);
    check(Some(10), &[FOREIGN], &[at(A, 11), missing(B)], None);
    check(Some(10), &[A], &[at(A, 11)], None);
    check(Some(10), &[FOREIGN, FOREIGN], &[missing(A)], None);
}

prop_compose! {
    fn fact(hash: B256)(
        told in proptest::option::of((0..6_u64, any::<bool>(), any::<bool>(), any::<bool>())),
        known in any::<bool>(),
    ) -> Fact {
        let included = told.map(|(block, canonical, paid, unclear)| {
            Included { canonical, paid: paid && !unclear, unclear, ..included(block) }
        });
        Fact { hash, included, known }
    }
}

proptest! {
    #[test]
    fn nothing_ends_without_proof(
        final_head in proptest::option::of(0..6_u64),
        taken_by in proptest::sample::subsequence(vec![FOREIGN, A, B], 0..=3),
        attempts in (fact(A), fact(B)),
    ) {
        let attempts = vec![attempts.0, attempts.1];
        let facts = Facts { final_head, taken_by, attempts };
        let settled = |fact: &Fact| fact.included.as_ref().is_some_and(|it| {
            it.canonical && !it.unclear && facts.final_head.is_some_and(|head| it.block <= head)
        });
        for (position, verdict) in facts.verdicts().into_iter().flatten().enumerate() {
            let (fact, other) = (&facts.attempts[position], &facts.attempts[1 - position]);
            match verdict {
                Observation::Final { .. } => {
                    prop_assert!(settled(fact) && !settled(other));
                    prop_assert!(fact.included.as_ref().is_some_and(|it| it.paid));
                }
                Observation::Reverted { .. } => {
                    prop_assert!(settled(fact) && !settled(other));
                    prop_assert!(fact.included.as_ref().is_some_and(|it| !it.paid));
                }
                Observation::Dead => {
                    let elsewhere = facts.taken_by == [FOREIGN];
                    prop_assert!(!settled(fact) && (settled(other) || elsewhere));
                }
                Observation::Missing | Observation::Pending | Observation::InBlock => {}
            }
        }
    }
}
