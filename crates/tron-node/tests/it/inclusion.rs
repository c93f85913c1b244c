//! What gets into blocks, what is dropped, and what reorganisations do.

use tron_node::{Chain, Code, Deploy, Options, Parameters, Solidified};

use crate::scene::{Draft, Scene, TRX, Wallet};

fn in_block(scene: &Scene, draft: &Draft) -> Option<i64> {
    scene.chain(|chain| chain.receipt(&draft.id()).map(|(number, _)| number))
}

#[test]
fn what_has_become_invalid_is_dropped_without_a_word() {
    let scene = Scene::new();
    let [one, two] = [1, 2].map(|_| scene.transfer(&scene.alice, scene.bob.address, 600 * TRX));
    assert_eq!(scene.send(&one, &scene.alice), Code::Success);
    // What waits counts: there is not enough for both.
    assert_eq!(scene.send(&two, &scene.alice), Code::ContractValidateError);
    scene.chain(|chain| assert!(chain.forget_pending(&one.id())));
    assert_eq!(scene.send(&two, &scene.alice), Code::Success);
    // Other nodes have not forgotten.
    scene.chain(|chain| chain.mine_only(&[one.id(), two.id()]));
    assert_eq!((in_block(&scene, &one), in_block(&scene, &two)), (Some(2), None));
    scene.chain(|chain| assert!(chain.pending().is_empty()));
    assert_eq!(scene.balance(&scene.bob), 1_600 * TRX);
}

#[test]
fn nothing_is_in_a_block_whose_parent_is_as_late_as_it_expires() {
    for (after, strict, included) in [
        (3_001, false, true),
        (3_000, false, false),
        (3_001, true, false),
        (5_999, true, false),
        (6_000, true, true),
    ] {
        let parameters = Parameters { strict_expiration: strict, ..Parameters::default() };
        let scene = Scene::with(Options { parameters, ..Options::default() });
        let draft = scene.transfer(&scene.alice, scene.bob.address, TRX);
        let expiration = scene.chain(|chain| chain.head_time_ms()) + after;
        let draft = Draft { expiration, ..draft };
        assert_eq!(scene.send(&draft, &scene.alice), Code::Success);
        scene.chain(|chain| {
            chain.mine_empty();
            chain.mine_only(&[draft.id()]);
        });
        assert_eq!(in_block(&scene, &draft).is_some(), included, "{after} {strict}");
    }
}

#[test]
fn missed_slots_bring_expiration_nearer() {
    let scene = Scene::new();
    let draft = scene.transfer(&scene.alice, scene.bob.address, TRX);
    assert_eq!(scene.send(&draft, &scene.alice), Code::Success);
    let before = scene.chain(|chain| chain.head_time_ms());
    scene.chain(|chain| {
        chain.skip_slots(19);
        chain.mine_empty();
        assert_eq!(chain.head_time_ms(), before + 60_000);
        assert!(chain.pending().is_empty());
        chain.mine_only(&[draft.id()]);
        assert_eq!(chain.head_time_ms(), before + 63_000);
    });
    assert_eq!(in_block(&scene, &draft), None);
}

#[test]
fn what_waits_for_a_minute_is_forgotten_and_can_be_sent_again() {
    let scene = Scene::new();
    let draft = scene.transfer(&scene.alice, scene.bob.address, TRX);
    let draft = Draft { expiration: draft.expiration + 1_000_000, ..draft };
    assert_eq!(scene.send(&draft, &scene.alice), Code::Success);
    scene.chain(|chain| {
        (0..20).for_each(|_| chain.mine_empty());
        assert_eq!(chain.pending(), [draft.id()]);
        chain.mine_empty();
        assert!(chain.pending().is_empty());
    });
    assert_eq!(scene.send(&draft, &scene.alice), Code::Success);
}

#[test]
fn undone_transactions_wait_again() {
    let scene = Scene::new();
    let draft = scene.transfer(&scene.alice, scene.bob.address, TRX);
    assert_eq!(scene.send(&draft, &scene.alice), Code::Success);
    let old = scene.chain(|chain| {
        chain.mine();
        chain.mine();
        [2, 3].map(|number| chain.block_id(number).unwrap())
    });
    assert_eq!(in_block(&scene, &draft), Some(2));
    scene.chain(|chain| chain.undo(2)).unwrap();
    assert_eq!(in_block(&scene, &draft), None);
    assert_eq!(scene.balance(&scene.bob), 1_000 * TRX);
    scene.chain(|chain| {
        assert_eq!(chain.head_number(), 1);
        assert_eq!(chain.pending(), [draft.id()]);
        chain.mine_empty();
        chain.mine();
        let new = [2, 3].map(|number| chain.block_id(number).unwrap());
        assert!(new[0] != old[0] && new[1] != old[1]);
    });
    assert_eq!(in_block(&scene, &draft), Some(3));
    assert_eq!(scene.balance(&scene.bob), 1_001 * TRX);
}

#[test]
fn what_expired_meanwhile_does_not_wait_again() {
    let scene = Scene::new();
    let draft = scene.transfer(&scene.alice, scene.bob.address, TRX);
    let soon = Draft { expiration: draft.expiration - 54_000, ..draft };
    assert_eq!(scene.send(&soon, &scene.alice), Code::Success);
    scene.chain(|chain| {
        chain.mine_empty();
        chain.mine();
    });
    assert_eq!(in_block(&scene, &soon), Some(3));
    scene.chain(|chain| {
        chain.undo(1).unwrap();
        assert_eq!(chain.pending(), [soon.id()]);
        chain.mine_empty();
        assert!(chain.pending().is_empty());
    });
}

#[test]
fn what_referred_to_an_undone_block_is_gone() {
    let scene = Scene::new();
    scene.chain(Chain::mine_empty);
    let draft = scene.transfer(&scene.alice, scene.bob.address, TRX);
    assert_eq!(scene.send(&draft, &scene.alice), Code::Success);
    scene.chain(|chain| {
        chain.mine();
        chain.undo(2).unwrap();
        assert!(chain.pending().is_empty());
        chain.mine_empty();
        chain.mine_only(&[draft.id()]);
    });
    assert_eq!(in_block(&scene, &draft), None);
}

#[test]
fn solid_blocks_are_never_undone() {
    let scene = Scene::new();
    scene.chain(|chain| {
        chain.mine_many(30);
        assert_eq!((chain.head_number(), chain.solid_number()), (31, 12));
        assert_eq!(chain.undo(20), Err(Solidified));
        assert_eq!(chain.undo(1_000), Err(Solidified));
        assert_eq!(chain.head_number(), 31);
        assert_eq!(chain.undo(19), Ok(()));
        assert_eq!((chain.head_number(), chain.solid_number()), (12, 12));
        assert_eq!(chain.undo(1), Err(Solidified));
        chain.mine_many(10);
        assert_eq!(chain.solid_number(), 12);
        chain.solid_lag(2);
        assert_eq!(chain.solid_number(), 20);
        chain.solid_lag(19);
        assert_eq!(chain.solid_number(), 20);
        chain.freeze_solid(true);
        chain.mine_many(50);
        assert_eq!(chain.solid_number(), 20);
        chain.freeze_solid(false);
        assert_eq!(chain.solid_number(), 53);
    });
}

#[test]
fn the_signature_counts_also_when_others_mine() {
    let scene = Scene::new();
    let draft = scene.transfer(&scene.alice, scene.bob.address, TRX);
    assert_eq!(scene.send(&draft, &scene.bob), Code::SigError);
    scene.chain(|chain| chain.mine_only(&[draft.id(), [7; 32]]));
    assert_eq!(in_block(&scene, &draft), None);
}

#[test]
fn what_a_test_sets_up_survives_reorganisations() {
    let scene = Scene::new();
    scene.chain(|chain| chain.mine_many(3));
    let dave = Wallet::new(9);
    let token = scene.token();
    scene.chain(|chain| {
        chain.fund(dave.address, 5);
        chain.stake_energy(dave.address, 7);
        chain.undo(3).unwrap();
        assert_eq!(chain.balance(&dave.address), Some(5));
    });
    assert_eq!(scene.tokens(token, &scene.alice), 1_000_000_000);
    let other = scene.deploy(tron_node::TETHER, &Deploy::default());
    assert_ne!(token, other);
}

#[test]
fn order_and_choice_are_the_tests() {
    let scene = Scene::new();
    let [one, two, three] =
        [1, 2, 3].map(|sun| scene.transfer(&scene.alice, scene.bob.address, sun));
    for draft in [&one, &two, &three] {
        assert_eq!(scene.send(draft, &scene.alice), Code::Success);
    }
    scene.chain(|chain| {
        chain.mine_only(&[three.id(), one.id(), one.id()]);
        assert_eq!(chain.block_transactions(2), [three.id(), one.id()]);
        assert_eq!(chain.pending(), [two.id()]);
        chain.mine_only(&[three.id()]);
        assert!(chain.block_transactions(3).is_empty());
        chain.mine();
        assert_eq!(chain.block_transactions(4), [two.id()]);
    });
}
