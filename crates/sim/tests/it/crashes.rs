//! Processes that die, commits that are torn, answers that never arrive.

use domain::{event::EventKind, payout::Status};
use sim::{faults::Fault, world::Work};

use crate::story::Story;

#[test]
fn a_crash_between_signing_and_broadcasting_sends_the_same_bytes() {
    let mut story = Story::begin();
    story.until(EventKind::Signed);
    let signed = story.batch().unwrap().attempts[0].tx.clone();
    assert_eq!(story.arrivals(), 0);
    story.world.crash();
    assert_eq!(story.end(), Status::Paid);
    assert_eq!(story.payout().state.txid(), Some(&signed.txid));
    assert_eq!((story.arrivals(), story.payments()), (1, 1));
}

/// Runs a payout to its end, with a crash after so many polls. Whether there was one.
fn with_a_crash_after(polls: u64) -> bool {
    let mut story = Story::begin();
    let limit = story.world.steps + polls;
    while !story.status().is_final() {
        let due = story.world.due();
        if due.is_empty() {
            story.pass(1_000);
        }
        for work in due {
            story.world.start(work);
            while story.world.busy() > 0 {
                if story.world.steps == limit {
                    story.world.crash();
                    assert_eq!(story.end(), Status::Paid, "after {polls} polls");
                    assert_eq!(story.payments(), 1, "after {polls} polls");
                    return true;
                }
                story.poll(0);
            }
        }
    }
    false
}

#[test]
fn a_crash_at_any_step_pays_once() {
    let crashes = (0..1_000).take_while(|it| with_a_crash_after(*it)).count();
    assert!(crashes > 50, "the story is shorter than it should be: {crashes}");
}

#[test]
fn a_fault_at_any_call_pays_once() {
    for fault in [
        Fault::CommitLost,
        Fault::CommitTorn,
        Fault::CommitConflict,
        Fault::LoadLost,
        Fault::RailRequestLost,
        Fault::RailAnswerLost,
        Fault::RailRequestLate,
        Fault::RailRequestRepeated,
        Fault::NotRelayed,
        Fault::LaggingNode,
        Fault::SignerDown,
        Fault::CourierDown,
    ] {
        for healthy_steps in 0..12 {
            let mut story = Story::begin();
            for _ in 0..healthy_steps {
                if !story.step() {
                    story.pass(1_000);
                }
            }
            story.world.faults.force(fault);
            for _ in 0..60 {
                story.run_due();
                story.pass(1_000);
            }
            let what = (fault, healthy_steps);
            assert_eq!(story.end(), Status::Paid, "{what:?}");
            assert_eq!((story.arrivals(), story.payments()), (1, 1), "{what:?}");
        }
    }
}

#[test]
fn a_merchant_who_got_no_answer_asks_again_and_pays_once() {
    for fault in [Fault::CommitTorn, Fault::CommitLost] {
        let mut story = Story::begin();
        story.world.faults.force(fault);
        let workload = &mut story.world.workload;
        let slice = story.world.store.look(|it| workload.simple("COIN@fast", 90, it));
        story.run(Work::Accept(slice));
        assert_eq!(story.world.workload.newest(), None, "there was no answer");
        for _ in 0..3 {
            let workload = &mut story.world.workload;
            let slice = story.world.store.look(|it| workload.again(it));
            story.run(Work::Accept(slice));
        }
        assert_eq!(story.end(), Status::Paid);
        assert_eq!(story.world.store.look(|it| it.payouts.len()), 2);
        assert_eq!(story.payments(), 2);
    }
}
