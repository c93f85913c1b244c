//! The state machine of a batch: every state, every input, every answer of the network.

use super::*;
use crate::ports::HoldReason;

const NOW: Timestamp = Timestamp(1_000_000);
const POLL_MS: u64 = 2_000;
const RETRY_MS: u64 = 500;
const REPLACE_MS: u64 = 9_000;
const FEE: Amount = Amount::MAX;

fn profile() -> RailProfile {
    RailProfile {
        network: NetworkId::new("net"),
        batch_max: 3,
        batch_wait_ms: 0,
        economy_apart: false,
        in_flight_max: 1,
        attempts_max: 3,
        poll_ms: POLL_MS,
        retry_ms: RETRY_MS,
        replace_after_ms: Some(REPLACE_MS),
    }
}

/// A network on which a second transaction is only safe once the first is proven dead.
fn patient() -> RailProfile {
    RailProfile { replace_after_ms: None, ..profile() }
}

fn batch() -> Batch {
    let (network, lane) = (NetworkId::new("net"), LaneId::new("net/hot"));
    Batch::new(BatchId(1), network, lane, vec![PayoutId(1), PayoutId(2)], NOW)
}

fn id(name: &str) -> TxId {
    TxId::new(name)
}

fn attempt(name: &str, sequence: u64) -> Attempt {
    Attempt {
        tx: SignedTx { txid: id(name), raw: name.as_bytes().to_vec() },
        sequence: Some(sequence),
        fee_max: Amount::ZERO,
        status: AttemptStatus::Signed,
        signed_at: NOW,
        fee: None,
        unpaid: vec![],
        spends: vec![],
    }
}

/// A batch whose attempts, all with one number, are in these states.
fn with(statuses: &[AttemptStatus]) -> Batch {
    let mut batch = batch();
    for (status, name) in statuses.iter().zip(["a", "b", "c"]) {
        batch.attempts.push(Attempt { status: *status, ..attempt(name, 7) });
    }
    batch
}

fn signed(name: &str, sequence: u64) -> Input {
    Input::Signed(Box::new(attempt(name, sequence)))
}

fn hold() -> Hold {
    Hold { reason: HoldReason::AwaitingGas, detail: "no gas".to_owned() }
}

fn failure() -> Failure {
    Failure { code: FailureCode::RefusedBySigner, detail: "policy".to_owned() }
}

fn statuses(batch: &Batch) -> Vec<AttemptStatus> {
    batch.attempts.iter().map(|it| it.status).collect()
}

fn kinds(told: &[Happening]) -> Vec<EventKind> {
    told.iter().map(|it| it.0).collect()
}

/// A step as a word, for tables.
fn word(step: &Step<'_>) -> String {
    match step {
        Step::Wait(until) => format!("wait {}", until.0),
        Step::Sign => "sign".to_owned(),
        Step::Replace(attempt) => format!("replace {}", attempt.tx.txid),
        Step::Broadcast(tx) => format!("broadcast {}", tx.txid),
        Step::Observe => "observe".to_owned(),
        Step::Settle(attempt) => format!("settle {}", attempt.tx.txid),
        Step::Fail(_) => "fail".to_owned(),
    }
}

#[track_caller]
fn next(statuses: &[AttemptStatus], expected: &str) {
    assert_eq!(word(&with(statuses).next_step(&profile(), NOW)), expected, "{statuses:?}");
}

use AttemptStatus::{Broadcast, Dead, Final, InBlock, Reverted, Signed};

#[test]
fn what_comes_next_follows_from_the_attempts_alone() {
    next(&[], "sign");
    next(&[Signed], "broadcast a");
    next(&[Broadcast], "observe");
    next(&[InBlock], "observe");
    next(&[Final], "settle a");
    next(&[Reverted], "fail");
    next(&[Dead], "sign");
    // Of several, the newest is handed over; one that is in a block is waited for.
    next(&[Broadcast, Signed], "broadcast b");
    next(&[Signed, Broadcast], "observe");
    next(&[InBlock, Signed], "observe");
    next(&[Signed, InBlock], "observe");
    next(&[Final, Signed], "settle a");
    next(&[Dead, Final], "settle b");
    next(&[Dead, Signed], "broadcast b");
    next(&[Signed, Dead], "broadcast a");
    // As long as anything may still pay, nothing is given up.
    next(&[Reverted, Broadcast], "observe");
    next(&[Dead, Dead, Broadcast], "observe");
    next(&[Dead, Dead], "sign");
    next(&[Dead, Dead, Dead], "fail");
    next(&[Dead, Reverted], "fail");
}

#[test]
fn nothing_happens_before_it_is_due_or_after_the_end() {
    let mut batch = with(&[Signed]);
    batch.due_at = NOW.plus_ms(1);
    assert_eq!(word(&batch.next_step(&profile(), NOW)), "wait 1000001");
    assert_eq!(word(&batch.next_step(&profile(), NOW.plus_ms(1))), "broadcast a");
    batch.closed = true;
    batch.due_at = Timestamp::NEVER;
    let later = Timestamp(u64::MAX);
    assert_eq!(batch.next_step(&profile(), later), Step::Wait(Timestamp::NEVER));
}

#[test]
fn an_old_transaction_is_replaced_where_that_is_safe_and_not_too_often() {
    let step = |profile: &RailProfile, statuses: &[AttemptStatus], replace_at| {
        let mut batch = with(statuses);
        batch.replace_at = replace_at;
        word(&batch.next_step(profile, NOW))
    };
    assert_eq!(step(&profile(), &[Broadcast], NOW), "replace a");
    assert_eq!(step(&profile(), &[Broadcast, Broadcast], NOW), "replace b");
    assert_eq!(step(&profile(), &[Broadcast], NOW.plus_ms(1)), "observe");
    assert_eq!(step(&profile(), &[Broadcast, Broadcast, Broadcast], NOW), "observe");
    assert_eq!(step(&profile(), &[InBlock], NOW), "observe");
    assert_eq!(step(&profile(), &[Signed], NOW), "broadcast a");
    assert_eq!(step(&patient(), &[Broadcast], NOW), "observe");
}

#[test]
fn a_signed_transaction_is_the_next_to_be_handed_over() {
    let mut batch = batch();
    batch.hold = Some(hold());
    let told = batch.apply(signed("a", 7), &profile(), NOW);
    assert_eq!(told, [(EventKind::Signed, "a".to_owned())]);
    assert_eq!((batch.hold.clone(), batch.version, batch.due_at), (None, 2, NOW));
    assert_eq!(batch.replace_at, NOW.plus_ms(REPLACE_MS));
    assert_eq!(word(&batch.next_step(&profile(), NOW)), "broadcast a");
    let mut slow = self::batch();
    slow.apply(signed("a", 7), &patient(), NOW);
    assert_eq!(slow.replace_at, Timestamp::NEVER);
}

#[test]
fn a_second_transaction_replaces_a_live_one_and_follows_a_dead_one() {
    let mut batch = with(&[Broadcast]);
    assert_eq!(kinds(&batch.apply(signed("b", 7), &profile(), NOW)), [EventKind::Replaced]);
    assert_eq!(statuses(&batch), [Broadcast, Signed]);
    let mut batch = with(&[Dead]);
    assert_eq!(kinds(&batch.apply(signed("b", 8), &profile(), NOW)), [EventKind::Signed]);
}

#[test]
fn the_first_that_is_excluded_is_not_the_first_of_all() {
    let mut batch = batch();
    for (name, number) in [("a", 7), ("b", 8), ("c", 8), ("d", 8)] {
        batch.attempts.push(attempt(name, number));
    }
    for (name, coins) in [("e", ["1", "2"]), ("f", ["2", "3"]), ("g", ["3", "4"])] {
        batch.attempts.push(spending(name, &coins));
    }
    let firsts = [("a", "a"), ("b", "b"), ("d", "b"), ("e", "e"), ("f", "e"), ("g", "f")];
    for (name, first) in firsts {
        let attempt = batch.attempts.iter().find(|it| it.tx.txid == id(name)).unwrap();
        assert_eq!(batch.first_excluded_by(attempt).unwrap().tx.txid, id(first), "{name}");
    }
    assert_eq!(batch.first_excluded_by(&attempt("h", 9)), None);
    assert_eq!(batch.first_excluded_by(&spending("i", &[])), None);
}

/// A transaction without a number that spends coins.
fn spending(name: &str, coins: &[&str]) -> Attempt {
    let spends = coins.iter().map(|it| CoinId::new(it)).collect();
    Attempt { sequence: None, spends, ..attempt(name, 0) }
}

#[test]
fn a_second_transaction_shares_a_coin_with_each_that_is_live() {
    let sign = |batch: &mut Batch, attempt| {
        kinds(&batch.apply(Input::Signed(Box::new(attempt)), &profile(), NOW))
    };
    let mut batch = batch();
    assert_eq!(sign(&mut batch, spending("a", &["1", "2"])), [EventKind::Signed]);
    assert_eq!(sign(&mut batch, spending("b", &["2", "3"])), [EventKind::Replaced]);
    assert_eq!(sign(&mut batch, spending("c", &["1", "3"])), [EventKind::Replaced]);
    let dead = vec![Observation::Dead; 3];
    batch.apply(Input::Observed(dead), &profile(), NOW);
    assert_eq!(sign(&mut batch, spending("d", &["4"])), [EventKind::Signed]);
}

#[test]
#[should_panic(expected = "must exclude the first")]
fn a_third_transaction_that_shares_no_coin_with_the_first_is_a_bug() {
    let mut batch = batch();
    for (name, coins) in [("a", ["1", "2"]), ("b", ["2", "3"]), ("c", ["3", "4"])] {
        batch.apply(Input::Signed(Box::new(spending(name, &coins))), &profile(), NOW);
    }
}

#[test]
#[should_panic(expected = "must exclude the first")]
fn a_second_transaction_with_neither_number_nor_coin_is_a_bug() {
    let mut batch = batch();
    for name in ["a", "b"] {
        batch.apply(Input::Signed(Box::new(spending(name, &[]))), &profile(), NOW);
    }
}

#[test]
#[should_panic(expected = "must exclude the first")]
fn a_second_transaction_with_another_number_is_a_bug() {
    with(&[Broadcast]).apply(signed("b", 8), &profile(), NOW);
}

#[test]
#[should_panic(expected = "must exclude the first")]
fn a_second_transaction_without_a_number_is_a_bug() {
    let mut batch = batch();
    batch.attempts.push(Attempt { sequence: None, ..attempt("a", 0) });
    let second = Attempt { sequence: None, ..attempt("b", 0) };
    batch.apply(Input::Signed(Box::new(second)), &profile(), NOW);
}

#[test]
#[should_panic(expected = "a live attempt may still pay")]
fn giving_up_while_a_transaction_may_pay_is_a_bug() {
    with(&[Broadcast]).apply(Input::Refused(failure()), &profile(), NOW);
}

#[test]
#[should_panic(expected = "one answer for each live attempt")]
fn an_answer_too_few_is_a_bug() {
    let mut batch = with(&[Broadcast, Broadcast]);
    batch.apply(Input::Observed(vec![Observation::Missing]), &profile(), NOW);
}

#[test]
fn a_handover_is_looked_after_later() {
    let mut batch = with(&[Signed]);
    batch.hold = Some(hold());
    let told = batch.apply(Input::Accepted(id("a")), &profile(), NOW);
    assert_eq!(kinds(&told), [EventKind::Broadcast]);
    assert_eq!((statuses(&batch), batch.due_at), (vec![Broadcast], NOW.plus_ms(POLL_MS)));
    assert_eq!(batch.hold, None);
    // Handing over once more is told once.
    assert!(batch.apply(Input::Accepted(id("a")), &profile(), NOW).is_empty());
}

#[test]
fn an_underpriced_transaction_is_replaced_at_once_and_not_forgotten() {
    let mut batch = with(&[Signed]);
    batch.replace_at = NOW.plus_ms(REPLACE_MS);
    batch.apply(Input::Underpriced(id("a")), &profile(), NOW);
    assert_eq!(word(&batch.next_step(&profile(), NOW)), "replace a");
    assert!(batch.attempts[0].status.is_live(), "it may still confirm");
    assert_eq!(word(&batch.next_step(&patient(), NOW)), "observe");
    // The replacement is not needed after all: it is looked at, and not considered at once.
    batch.apply(Input::ReplacementNotNeeded, &profile(), NOW);
    assert_eq!(word(&batch.next_step(&profile(), NOW)), "observe");
    assert_eq!(batch.replace_at, NOW.plus_ms(REPLACE_MS));
}

#[test]
fn a_transaction_that_waits_too_long_is_overdue() {
    let mut batch = with(&[Broadcast]);
    batch.attempts[0].signed_at = NOW;
    let is_overdue = |batch: &Batch, profile: &RailProfile, at| {
        batch.is_overdue(batch.live().next_back().unwrap(), profile, at)
    };
    assert!(!is_overdue(&batch, &profile(), NOW.plus_ms(4 * REPLACE_MS - 1)));
    assert!(is_overdue(&batch, &profile(), NOW.plus_ms(4 * REPLACE_MS)));
    assert!(!is_overdue(&batch, &patient(), Timestamp::NEVER), "a second one would not be safe");
    let two = with(&[Broadcast, Broadcast]);
    assert!(!is_overdue(&two, &profile(), Timestamp::NEVER), "the last is for a higher fee");
}

#[test]
fn a_transaction_that_is_not_relayed_is_looked_for_and_told_of_once() {
    let mut batch = with(&[Signed]);
    let why = || Input::NotRelayed(id("a"), "nonce too low".to_owned());
    assert_eq!(kinds(&batch.apply(why(), &profile(), NOW)), [EventKind::Held]);
    assert_eq!((statuses(&batch), batch.due_at), (vec![Broadcast], NOW.plus_ms(RETRY_MS)));
    assert_eq!(batch.hold.as_ref().map(|it| it.reason), Some(HoldReason::NotRelayed));
    let due = batch.due_at;
    assert_eq!(word(&batch.next_step(&profile(), due)), "observe");
    batch.apply(Input::Observed(vec![Observation::Missing]), &profile(), due);
    let due = batch.due_at;
    assert_eq!(word(&batch.next_step(&profile(), due)), "broadcast a");
    assert!(batch.apply(why(), &profile(), due).is_empty(), "the same reason is told once");
}

#[test]
fn one_that_the_network_keeps_the_first_instead_of_holds_nothing_up() {
    let mut batch = with(&[Broadcast, Signed]);
    batch.hold = Some(Hold { reason: HoldReason::NotRelayed, detail: String::new() });
    assert_eq!(batch.apply(Input::Excluded(id("b")), &profile(), NOW), []);
    assert_eq!(batch.hold, None);
    assert_eq!(statuses(&batch), [Broadcast, Broadcast]);
    assert_eq!(batch.due_at, NOW.plus_ms(POLL_MS));
    // What excludes the only one is no transaction of the batch.
    let mut batch = with(&[Signed]);
    assert_eq!(kinds(&batch.apply(Input::Excluded(id("a")), &profile(), NOW)), [EventKind::Held]);
    assert_eq!(batch.hold.map(|it| it.reason), Some(HoldReason::NotRelayed));
    assert_eq!(batch.due_at, NOW.plus_ms(RETRY_MS));
}

#[test]
fn what_kept_a_replacement_from_being_made_is_over_once_none_is_needed() {
    use HoldReason::{AwaitingFunds, AwaitingGas, FeeAboveCap, NotEstimated, NotRelayed};
    for reason in [AwaitingFunds, AwaitingGas, FeeAboveCap, NotEstimated, NotRelayed] {
        let mut batch = with(&[Broadcast]);
        batch.hold = Some(Hold { reason, detail: String::new() });
        assert_eq!(batch.apply(Input::ReplacementNotNeeded, &profile(), NOW), []);
        assert_eq!(batch.hold.is_some(), reason == NotRelayed, "{reason:?}");
    }
}

#[test]
fn a_hold_is_told_once_and_tried_again() {
    let mut batch = batch();
    let told = batch.apply(Input::Held(hold()), &profile(), NOW);
    assert_eq!(told, [(EventKind::Held, "no gas".to_owned())]);
    assert_eq!((batch.hold.clone(), batch.due_at), (Some(hold()), NOW.plus_ms(RETRY_MS)));
    let due = batch.due_at;
    assert_eq!(word(&batch.next_step(&profile(), due)), "sign");
    let dearer = Hold { detail: "no gas: 7 are needed".to_owned(), ..hold() };
    assert!(batch.apply(Input::Held(dearer.clone()), &profile(), due).is_empty());
    assert_eq!(batch.hold, Some(dearer), "what is shown is what was found last");
    let other = Hold { reason: HoldReason::FeeAboveCap, ..hold() };
    assert_eq!(batch.apply(Input::Held(other), &profile(), due).len(), 1);
}

#[test]
fn a_chore_that_cannot_be_begun_makes_room_after_a_while() {
    let chore = Chore::Prepare("something".to_owned());
    let of_chore = || Batch { chore: Some(chore.clone()), ..batch() };
    let mut young = of_chore();
    young.created_at = NOW;
    let mut old = of_chore();
    old.created_at = Timestamp(NOW.0 - CHORE_WAIT_MS);
    let mut payout = Batch { created_at: Timestamp(0), ..batch() };
    let mut signed = Batch { chore: Some(chore.clone()), ..with(&[Broadcast]) };
    signed.created_at = Timestamp(0);
    for it in [&mut young, &mut old, &mut payout, &mut signed] {
        it.apply(Input::Held(hold()), &profile(), NOW);
    }
    assert!(young.given_up.is_none() && payout.given_up.is_none() && signed.given_up.is_none());
    assert!(
        matches!(old.next_step(&profile(), NOW), Step::Fail(it) if it.detail.contains("no gas"))
    );
}

#[test]
fn a_clock_that_was_ahead_does_not_put_replacements_off_for_ever() {
    let mut batch = with(&[Broadcast]);
    batch.replace_at = Timestamp(NOW.0 + 2 * Timestamp::HORIZON_MS);
    assert_eq!(word(&batch.next_step(&profile(), NOW)), "replace a");
}

#[test]
fn a_held_replacement_leaves_the_first_transaction_alone() {
    let mut batch = with(&[Broadcast]);
    batch.replace_at = NOW;
    batch.apply(Input::Held(hold()), &profile(), NOW);
    assert_eq!(statuses(&batch), [Broadcast]);
    let due = batch.due_at;
    assert_eq!(word(&batch.next_step(&profile(), due)), "observe");
    batch.apply(Input::Observed(vec![Observation::InBlock]), &profile(), due);
    assert_eq!(batch.hold, None, "nothing waits any more");
}

#[test]
fn what_must_never_be_signed_fails_with_its_reason() {
    let mut batch = with(&[Dead]);
    assert!(batch.apply(Input::Refused(failure()), &profile(), NOW).is_empty());
    assert_eq!(batch.next_step(&profile(), NOW), Step::Fail(failure()));
}

#[test]
fn an_unreachable_world_changes_nothing_but_the_time() {
    for statuses in [&[][..], &[Signed], &[Broadcast], &[InBlock, Signed], &[Dead]] {
        let before = with(statuses);
        let mut batch = before.clone();
        assert!(batch.apply(Input::Unreachable, &profile(), NOW).is_empty());
        assert_eq!(batch.due_at, NOW.plus_ms(RETRY_MS));
        let (version, due_at) = (before.version + 1, batch.due_at);
        assert_eq!(batch, Batch { due_at, version, ..before });
    }
}

/// Every live state, met by every answer: what it becomes, and what is told.
#[test]
fn every_answer_of_the_network_is_understood_in_every_state() {
    use Observation as See;
    let answers = [
        (See::Missing, Signed, POLL_MS),
        (See::Pending, Broadcast, POLL_MS),
        (See::InBlock, InBlock, POLL_MS),
        (See::Final { fee: FEE, unpaid: vec![] }, Final, 0),
        (See::Reverted { fee: FEE }, Reverted, 0),
        (See::Dead, Dead, 0),
    ];
    for before in [Signed, Broadcast, InBlock] {
        for (answer, after, wait_ms) in answers.clone() {
            let mut batch = with(&[before]);
            let told = batch.apply(Input::Observed(vec![answer.clone()]), &profile(), NOW);
            let what = format!("{before:?} {answer:?}");
            assert_eq!(statuses(&batch), [after], "{what}");
            assert_eq!(batch.due_at, NOW.plus_ms(wait_ms), "{what}");
            let fee = after.is_included() && after != InBlock;
            assert_eq!(batch.attempts[0].fee, fee.then_some(FEE), "{what}");
            let kind = match (before, after) {
                (InBlock, Signed | Broadcast) => Some(EventKind::Undone),
                (Signed, Broadcast) => Some(EventKind::Broadcast),
                (Signed | Broadcast, InBlock | Final | Reverted) => Some(EventKind::InBlock),
                (_, Dead) => Some(EventKind::Dead),
                _ => None,
            };
            assert_eq!(kinds(&told), kind.into_iter().collect::<Vec<_>>(), "{what}");
        }
    }
}

#[test]
fn silence_is_answered_with_the_same_bytes_for_ever() {
    let mut batch = with(&[Broadcast]);
    let mut now = NOW;
    for _ in 0..1_000 {
        batch.apply(Input::Observed(vec![Observation::Missing]), &patient(), now);
        now = batch.due_at;
        assert_eq!(word(&batch.next_step(&patient(), now)), "broadcast a");
        batch.apply(Input::Accepted(id("a")), &patient(), now);
        now = batch.due_at;
        assert_eq!(word(&batch.next_step(&patient(), now)), "observe");
    }
    assert_eq!(batch.attempts.len(), 1);
}

#[test]
fn a_reorganisation_leads_back_to_the_same_transaction() {
    let mut batch = with(&[Broadcast]);
    batch.apply(Input::Observed(vec![Observation::InBlock]), &profile(), NOW);
    assert_eq!(batch.stage(), (Stage::InBlock, Some(id("a"))));
    let told = batch.apply(Input::Observed(vec![Observation::Missing]), &profile(), NOW);
    assert_eq!(kinds(&told), [EventKind::Undone]);
    assert_eq!(batch.stage(), (Stage::Signed, Some(id("a"))));
    let due = batch.due_at;
    assert_eq!(word(&batch.next_step(&profile(), due)), "broadcast a");
}

#[test]
fn of_two_transactions_that_exclude_each_other_either_may_win() {
    for (first, second, wins) in [
        (Observation::Final { fee: FEE, unpaid: vec![] }, Observation::Dead, "settle a"),
        (Observation::Dead, Observation::Final { fee: FEE, unpaid: vec![] }, "settle b"),
    ] {
        let mut batch = with(&[Broadcast, Broadcast]);
        batch.apply(Input::Observed(vec![first, second]), &profile(), NOW);
        assert_eq!(word(&batch.next_step(&profile(), NOW)), wins);
    }
}

#[test]
fn deaths_are_followed_by_another_signature_until_the_bound() {
    let mut batch = batch();
    for (sequence, name) in ["a", "b", "c"].into_iter().enumerate() {
        assert_eq!(word(&batch.next_step(&profile(), NOW)), "sign");
        batch.apply(signed(name, sequence as u64), &profile(), NOW);
        batch.apply(Input::Accepted(id(name)), &profile(), NOW);
        batch.apply(Input::Observed(vec![Observation::Dead]), &profile(), NOW);
    }
    let Step::Fail(failure) = batch.next_step(&profile(), NOW) else { panic!("it is used up") };
    assert_eq!(failure.code, FailureCode::RefusedByNetwork);
}

#[test]
fn the_stage_is_that_of_the_transaction_that_counts() {
    let stage = |statuses: &[AttemptStatus]| with(statuses).stage();
    assert_eq!(stage(&[]), (Stage::Preparing, None));
    assert_eq!(stage(&[Dead]), (Stage::Preparing, None));
    assert_eq!(stage(&[Signed]), (Stage::Signed, Some(id("a"))));
    assert_eq!(stage(&[Broadcast, Signed]), (Stage::Signed, Some(id("b"))));
    assert_eq!(stage(&[InBlock, Broadcast]), (Stage::InBlock, Some(id("a"))));
    // Final, and not yet settled: nothing falls back meanwhile.
    assert_eq!(stage(&[Final]), (Stage::InBlock, Some(id("a"))));
    assert_eq!(stage(&[Dead, Final]), (Stage::InBlock, Some(id("b"))));
    assert_eq!(stage(&[Reverted]), (Stage::InBlock, Some(id("a"))));
}

/// Whatever a network answers, in whatever order: no attempt that has ended changes, live attempts
/// share a number, and something can always be done next.
#[test]
fn random_courses_keep_the_rules() {
    use proptest::prelude::*;
    let course = proptest::collection::vec(0u8..10, 1..60);
    proptest!(|(course in course, patient_network: bool)| {
        let profile = if patient_network { patient() } else { profile() };
        let (mut batch, mut now, mut sequence) = (batch(), NOW, 0);
        for choice in course {
            now = now.max(batch.due_at.min(now.plus_ms(REPLACE_MS)));
            let ended: Vec<_> =
                batch.attempts.iter().filter(|it| !it.status.is_live()).cloned().collect();
            let input = match batch.next_step(&profile, now) {
                Step::Settle(_) | Step::Fail(_) => break,
                Step::Wait(_) => continue,
                Step::Sign => {
                    sequence += 1;
                    signed(&format!("{sequence}"), sequence)
                }
                Step::Replace(previous) => {
                    let number = previous.sequence.unwrap();
                    signed(&format!("{number} {}", batch.attempts.len()), number)
                }
                Step::Broadcast(tx) => match choice {
                    0 => Input::Underpriced(tx.txid.clone()),
                    1 => Input::NotRelayed(tx.txid.clone(), "no".to_owned()),
                    2 => Input::Unreachable,
                    _ => Input::Accepted(tx.txid.clone()),
                },
                Step::Observe => {
                    let all = |seen: Observation| batch.live().map(|_| seen.clone()).collect();
                    Input::Observed(match choice {
                        0 => all(Observation::Dead),
                        1 | 2 => all(Observation::Missing),
                        3 => batch.live().enumerate().map(|(place, _)| match place {
                            0 => Observation::InBlock,
                            _ => Observation::Missing,
                        }).collect(),
                        _ => all(Observation::Pending),
                    })
                }
            };
            let version = batch.version;
            batch.apply(input, &profile, now);
            prop_assert_eq!(batch.version, version + 1);
            let still: Vec<_> =
                batch.attempts.iter().filter(|it| ended.contains(it)).cloned().collect();
            prop_assert_eq!(still, ended);
            let mut numbers: Vec<_> = batch.live().map(|it| it.sequence).collect();
            numbers.dedup();
            prop_assert!(numbers.len() <= 1);
            prop_assert!(batch.attempts.len() <= profile.attempts_max as usize);
        }
    });
}
