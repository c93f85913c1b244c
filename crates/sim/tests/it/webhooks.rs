//! Receivers that do not listen, or are not heard.

use domain::{delivery::DeliveryState, event::EventKind, payout::Status};
use sim::faults::Fault;

use crate::story::Story;

fn story_with(fault: Fault, times: usize) -> Story {
    let mut story = Story::begin();
    story.until(EventKind::Final);
    (0..times).for_each(|_| story.world.faults.force(fault));
    for _ in 0..40 {
        story.run_due();
        story.pass(1_000_000);
    }
    story
}

fn tries(story: &Story) -> Vec<(Status, DeliveryState, u16)> {
    story.deliveries().iter().map(|it| (it.status, it.state, it.tries)).collect()
}

#[test]
fn a_receiver_that_is_down_hears_later() {
    let mut story = story_with(Fault::ReceiverDown, 4);
    let tried: u16 = tries(&story).iter().map(|it| it.2).sum();
    assert_eq!(tried, 3 + 4);
    assert!(tries(&story).iter().all(|it| it.1 == DeliveryState::Delivered));
    assert_eq!(story.world.courier().heard().len(), 3);
    assert_eq!(story.end(), Status::Paid);
}

#[test]
fn a_receiver_that_stays_down_is_given_up_and_the_payout_is_paid() {
    let mut story = story_with(Fault::ReceiverDown, 100);
    assert!(tries(&story).iter().all(|it| it.1 == DeliveryState::GivenUp && it.2 == 6));
    assert_eq!(story.happened(EventKind::DeliveryGivenUp), 3);
    assert!(story.world.courier().heard().is_empty());
    assert_eq!(story.end(), Status::Paid);
}

#[test]
fn a_lost_acknowledgement_is_told_again_under_the_same_name() {
    let mut story = story_with(Fault::AcknowledgementLost, 1);
    assert!(tries(&story).iter().all(|it| it.1 == DeliveryState::Delivered));
    assert_eq!(tries(&story).iter().map(|it| it.2).sum::<u16>(), 4);
    assert_eq!(story.world.courier().heard().len(), 3);
    assert_eq!(story.end(), Status::Paid);
}

#[test]
fn an_acknowledgement_whose_commit_is_lost_is_told_again() {
    let mut story = Story::begin();
    story.until(EventKind::Final);
    let delivery = story.world.due().remove(0);
    story.world.faults.force(Fault::CommitLost);
    story.run(delivery);
    assert_eq!(story.world.courier().heard().len(), 1);
    assert!(tries(&story).iter().all(|it| it.1 == DeliveryState::Due));
    assert_eq!(story.end(), Status::Paid);
    assert!(tries(&story).iter().all(|it| it.1 == DeliveryState::Delivered));
}
