//! Payouts that somebody must approve first.

use domain::{command::ApprovalRequest, event::EventKind, payout::Status};
use sim::world::Work;

use crate::story::Story;

/// Longer than an approval may take.
const LONG_MS: u64 = 100_000;

fn waiting() -> Story {
    let url = Some("https://judge.example/1".to_owned());
    let story = Story::begin_with("TOKEN@fast", |create| {
        create.approval = Some(ApprovalRequest { url });
    });
    assert_eq!(story.status(), Status::AwaitingApproval);
    story
}

fn answer(story: &mut Story, approve: bool) -> Work {
    let (workload, now) = (&mut story.world.workload, story.world.now);
    let slice = story.world.store.look(|it| workload.answer(approve, it, now));
    Work::Accept(slice.expect("the merchant was told"))
}

#[test]
fn what_nobody_approves_is_never_sent() {
    let mut story = waiting();
    for _ in 0..5 {
        assert!(!story.step(), "nothing is to be done");
        story.pass(1_000);
    }
    assert_eq!(story.end(), Status::Cancelled);
    assert_eq!(story.happened(EventKind::ApprovalExpired), 1);
    assert_eq!(story.arrivals(), 0);
}

#[test]
fn what_is_approved_is_paid_and_what_is_declined_is_not() {
    for (approve, end) in [(true, Status::Paid), (false, Status::Cancelled)] {
        let mut story = waiting();
        let verdict = answer(&mut story, approve);
        story.run(verdict);
        // Whoever changes their mind is not heard.
        let other = answer(&mut story, !approve);
        story.run(other);
        story.world.now = story.world.now.plus_ms(LONG_MS);
        assert_eq!(story.end(), end);
        assert_eq!(story.payments(), usize::from(approve));
    }
}

#[test]
fn a_verdict_and_the_end_of_time_that_meet_leave_one_outcome() {
    for verdict_polls in 0..4 {
        let mut story = waiting();
        let verdict = answer(&mut story, true);
        story.world.start(verdict);
        story.world.now = story.world.now.plus_ms(LONG_MS);
        let expiry = Work::Expire(story.id());
        assert_eq!(story.world.due().len(), 2, "the question, and its end");
        story.world.start(expiry);
        for _ in 0..verdict_polls {
            story.poll(0);
        }
        while story.world.busy() > 0 {
            story.poll(story.world.busy() - 1);
        }
        let approved = story.happened(EventKind::Approved);
        let expired = story.happened(EventKind::ApprovalExpired);
        assert_eq!(approved + expired, 1, "after {verdict_polls} polls");
        story.end();
        assert_eq!(story.payments(), approved);
    }
}

#[test]
fn a_crash_while_time_runs_out_releases_once() {
    for polls in 0..4 {
        let mut story = waiting();
        story.world.now = story.world.now.plus_ms(LONG_MS);
        story.world.start(Work::Expire(story.id()));
        for _ in 0..polls {
            story.poll(0);
        }
        story.world.crash();
        assert_eq!(story.end(), Status::Cancelled, "after {polls} polls");
        assert_eq!(story.happened(EventKind::ApprovalExpired), 1, "after {polls} polls");
    }
}
