//! The rail on a real node, with mining under control.
//!
//! Runs only with `RUN_NODE_TESTS=1` and `ANVIL` set to the path of the anvil binary.

use domain::{
    batch::{Attempt, Observation},
    catalog::Asset,
    money::Amount,
    payout::Payout,
    ports::{BuildError, Handover, HoldReason, Rail, Unreachable},
};
use rail_evm::{Evm, Settings};
use serde_json::{Value, json};

use crate::{
    anvil::{Anvil, program},
    scene::{self, LANE, RECIPIENT, coin, payout, token},
};

const RETURNS_TRUE: u8 = 0;
const RETURNS_NOTHING: u8 = 1;
const RETURNS_FALSE: u8 = 2;
/// An address that nobody uses.
const NOBODY: &str = "0x00000000000000000000000000000000c0FFee01";

/// A node, and a rail on it that knows the coin and perhaps a token.
struct Stage {
    anvil: Anvil,
    rail: Evm,
}

impl Stage {
    fn with(anvil: Anvil, asset: &Asset) -> Self {
        let mut assets = vec![coin()];
        assets.extend(asset.contract.is_some().then(|| asset.clone()));
        let rail = scene::evm(anvil.client(), &assets);
        Self { anvil, rail }
    }

    fn with_coin() -> Option<Self> {
        Some(Self::with(Anvil::start(&program()?), &coin()))
    }

    async fn with_token(habit: u8) -> Option<(Self, Asset)> {
        let anvil = Anvil::start(&program()?);
        let asset = token(&anvil.deploy_token(habit).await);
        // What the lane did for it is final.
        anvil.mine(2).await;
        Some((Self::with(anvil, &asset), asset))
    }

    async fn sign(&self, payout: &Payout) -> Attempt {
        scene::sign(&self.rail, 0, payout, None).await.unwrap()
    }

    async fn hand_over(&self, attempt: &Attempt) {
        assert_eq!(Rail::broadcast(&self.rail, &attempt.tx).await, Ok(Handover::Accepted));
    }

    async fn observe(&self, attempts: &[Attempt]) -> Vec<Observation> {
        Rail::observe(&self.rail, &scene::lane(0), attempts, &[]).await.unwrap()
    }

    async fn check(&self, attempts: &[&Attempt], expected: &[Observation]) {
        let attempts: Vec<Attempt> = attempts.iter().map(|it| (*it).clone()).collect();
        assert_eq!(self.observe(&attempts).await, expected);
    }

    async fn only_the_second_pays(&self, first: &Attempt, second: &Attempt, units: u128) {
        assert_eq!(first.sequence, second.sequence);
        self.hand_over(second).await;
        self.anvil.mine(1).await;
        self.check(&[first, second], &[Observation::Missing, Observation::InBlock]).await;
        self.anvil.mine(2).await;
        let seen = self.observe(&[first.clone(), second.clone()]).await;
        assert_eq!(seen[0], Observation::Dead);
        is_final(&seen[1]);
        assert_eq!(self.anvil.balance(NOBODY).await, units);
    }

    /// Takes an attempt through every state, and checks that the lane pays `sent` and the fee.
    async fn follow_to_the_end(&self, attempt: &Attempt, sent: u128, before: u128) -> Observation {
        self.check(&[attempt], &[Observation::Missing]).await;
        self.hand_over(attempt).await;
        self.hand_over(attempt).await;
        self.check(&[attempt], &[Observation::Pending]).await;
        self.anvil.mine(1).await;
        self.check(&[attempt], &[Observation::InBlock]).await;
        self.anvil.mine(1).await;
        self.check(&[attempt], &[Observation::InBlock]).await;
        self.anvil.mine(1).await;
        let seen = self.observe(std::slice::from_ref(attempt)).await.pop().unwrap();
        let (Observation::Final { fee, .. } | Observation::Reverted { fee }) = seen else {
            panic!("{seen:?}")
        };
        assert_eq!(before - self.anvil.balance(LANE).await, sent + fee.units());
        assert!(!fee.is_zero() && fee <= attempt.fee_max);
        seen
    }
}

#[track_caller]
fn is_final(seen: &Observation) {
    assert!(matches!(seen, Observation::Final { .. }), "{seen:?}");
}

#[track_caller]
fn is_reverted(seen: &Observation) {
    assert!(matches!(seen, Observation::Reverted { .. }), "{seen:?}");
}

#[tokio::test]
async fn a_payment_of_the_coin() {
    let Some(stage) = Stage::with_coin() else { return };
    let before = stage.anvil.balance(LANE).await;
    let attempt = stage.sign(&payout(&coin(), NOBODY, 12_345)).await;
    is_final(&stage.follow_to_the_end(&attempt, 12_345, before).await);
    assert_eq!(stage.anvil.balance(NOBODY).await, 12_345);
    let told = Rail::broadcast(&stage.rail, &attempt.tx).await.unwrap();
    assert!(!matches!(told, Handover::Underpriced), "{told:?}");
}

#[tokio::test]
async fn a_payment_of_a_token() {
    for habit in [RETURNS_TRUE, RETURNS_NOTHING] {
        let Some((stage, asset)) = Stage::with_token(habit).await else { return };
        let before = stage.anvil.balance(LANE).await;
        let attempt = stage.sign(&payout(&asset, NOBODY, 250_000)).await;
        is_final(&stage.follow_to_the_end(&attempt, 0, before).await);
        let contract = asset.contract.as_deref().unwrap();
        assert_eq!(stage.anvil.token_balance(contract, NOBODY).await, 250_000);
    }
}

#[tokio::test]
async fn a_token_that_pays_nothing_without_complaint_is_refused() {
    let Some((stage, asset)) = Stage::with_token(RETURNS_FALSE).await else { return };
    let refused = scene::sign(&stage.rail, 0, &payout(&asset, NOBODY, 1), None).await;
    let Err(BuildError::Refused(why)) = refused else { panic!("{refused:?}") };
    assert!(why.contains("answers false"), "{why}");
}

#[tokio::test]
async fn what_the_contract_undoes_is_never_signed() {
    let Some((stage, asset)) = Stage::with_token(RETURNS_NOTHING).await else { return };
    stage.anvil.blacklist_recipient(asset.contract.as_deref().unwrap()).await;
    let refused = scene::sign(&stage.rail, 0, &payout(&asset, RECIPIENT, 1), None).await;
    let reason = "the contract refuses: blacklisted".to_owned();
    assert_eq!(refused.unwrap_err(), BuildError::Refused(reason));
    stage.sign(&payout(&asset, NOBODY, 1)).await;
}

#[tokio::test]
async fn what_the_contract_undoes_later_is_reverted_and_paid_for() {
    let Some((stage, asset)) = Stage::with_token(RETURNS_NOTHING).await else { return };
    let attempt = stage.sign(&payout(&asset, NOBODY, 1)).await;
    let contract = asset.contract.as_deref().unwrap();
    stage.anvil.pause_token(contract).await;
    let before = stage.anvil.balance(LANE).await;
    is_reverted(&stage.follow_to_the_end(&attempt, 0, before).await);
    assert_eq!(stage.anvil.token_balance(contract, LANE).await, 1_000_000);
}

#[tokio::test]
async fn an_empty_lane_waits() {
    let Some((stage, asset)) = Stage::with_token(RETURNS_TRUE).await else { return };
    let held = async |asset: &Asset, units: u128| match scene::sign(
        &stage.rail,
        0,
        &payout(asset, NOBODY, units),
        None,
    )
    .await
    {
        Err(BuildError::Hold(hold)) => hold.reason,
        Err(BuildError::AwaitingGas { .. }) => HoldReason::AwaitingGas,
        other => panic!("{other:?}"),
    };
    let balance = stage.anvil.balance(LANE).await;
    assert_eq!(held(&asset, 1_000_001).await, HoldReason::AwaitingFunds);
    assert_eq!(held(&coin(), balance + 1).await, HoldReason::AwaitingFunds);
    assert_eq!(held(&coin(), balance).await, HoldReason::AwaitingGas);
    let _: Value = stage.anvil.ask("anvil_setBalance", json!([LANE, "0x1"])).await;
    stage.anvil.mine(1).await;
    assert_eq!(held(&asset, 1).await, HoldReason::AwaitingGas);
}

#[tokio::test]
async fn after_a_fee_jump_a_replacement_is_taken_and_one_of_both_pays() {
    let Some(stage) = Stage::with_coin() else { return };
    let payout = payout(&coin(), NOBODY, 777);
    let first = stage.sign(&payout).await;
    stage.hand_over(&first).await;
    let replace = async || scene::sign(&stage.rail, 1, &payout, Some(&first)).await;
    assert_eq!(replace().await.unwrap_err(), BuildError::NotNeeded);
    // This node forgets transactions that the base fee has outgrown; others keep them.
    let jump = json!(["0x4a817c800"]);
    let _: Value = stage.anvil.ask("anvil_setNextBlockBaseFeePerGas", jump).await;
    stage.anvil.mine(1).await;
    stage.check(&[&first], &[Observation::Missing]).await;
    assert_eq!(Rail::broadcast(&stage.rail, &first.tx).await, Ok(Handover::Underpriced));
    let second = replace().await.unwrap();
    stage.only_the_second_pays(&first, &second, 777).await;
    assert_eq!(replace().await.unwrap_err(), BuildError::NotNeeded);
}

#[tokio::test]
async fn what_a_node_keeps_and_never_includes_is_replaced_and_what_is_behind_it_is_not() {
    let Some(stage) = Stage::with_coin() else { return };
    let (payout, next) = (payout(&coin(), NOBODY, 777), payout(&coin(), RECIPIENT, 5));
    let (first, behind) =
        (stage.sign(&payout).await, scene::sign(&stage.rail, 1, &next, None).await.unwrap());
    stage.hand_over(&first).await;
    stage.hand_over(&behind).await;
    let late = async |number, payout, of| {
        scene::sign_late(&stage.rail, number, payout, Some(of), true).await
    };
    assert_eq!(late(2, &next, &behind).await.unwrap_err(), BuildError::NotNeeded);
    let second = late(1, &payout, &first).await.unwrap();
    stage.only_the_second_pays(&first, &second, 777).await;
    is_final(&stage.observe(&[behind]).await[0]);
}

#[tokio::test]
async fn a_replacement_drives_the_first_out_of_the_pool() {
    let Some(stage) = Stage::with_coin() else { return };
    let payout = payout(&coin(), NOBODY, 777);
    let first = stage.sign(&payout).await;
    stage.hand_over(&first).await;
    let mut network = scene::network("finalized");
    scene::set(&mut network, "priority_fee_floor_wei", "2000000000");
    let settings = Settings::default();
    let generous =
        Evm::new(&network, &[coin()], scene::alone(stage.anvil.client()), settings).unwrap();
    let second = scene::sign(&generous, 1, &payout, Some(&first)).await.unwrap();
    stage.hand_over(&second).await;
    stage.check(&[&first, &second], &[Observation::Missing, Observation::Pending]).await;
    assert_eq!(Rail::broadcast(&stage.rail, &first.tx).await, Ok(Handover::Underpriced));
    stage.only_the_second_pays(&first, &second, 777).await;
}

#[tokio::test]
async fn a_reorganisation_takes_a_payment_back_and_the_same_bytes_pay_again() {
    let Some(stage) = Stage::with_coin() else { return };
    let attempt = stage.sign(&payout(&coin(), NOBODY, 5)).await;
    stage.anvil.mine(3).await;
    stage.hand_over(&attempt).await;
    stage.anvil.mine(1).await;
    stage.check(&[&attempt], &[Observation::InBlock]).await;
    let _: Value = stage.anvil.ask("anvil_reorg", json!([1, []])).await;
    let seen = stage.observe(std::slice::from_ref(&attempt)).await;
    assert!(matches!(seen[0], Observation::Missing | Observation::Pending), "{seen:?}");
    stage.hand_over(&attempt).await;
    stage.anvil.mine(1).await;
    stage.check(&[&attempt], &[Observation::InBlock]).await;
    stage.anvil.mine(2).await;
    is_final(&stage.observe(std::slice::from_ref(&attempt)).await[0]);
    assert_eq!(stage.anvil.balance(NOBODY).await, 5);
}

#[tokio::test]
async fn a_number_used_by_somebody_else_is_dead_once_that_is_final() {
    let Some(stage) = Stage::with_coin() else { return };
    let ours = stage.sign(&payout(&coin(), NOBODY, 5)).await;
    let foreign = stage.sign(&payout(&coin(), RECIPIENT, 5)).await;
    assert_eq!(ours.sequence, foreign.sequence);
    stage.hand_over(&foreign).await;
    stage.check(&[&ours], &[Observation::Missing]).await;
    for _ in 0..2 {
        stage.anvil.mine(1).await;
        stage.check(&[&ours], &[Observation::Missing]).await;
        let told = Rail::broadcast(&stage.rail, &ours.tx).await.unwrap();
        assert!(matches!(told, Handover::Refused(_)), "{told:?}");
    }
    stage.anvil.mine(1).await;
    stage.check(&[&ours], &[Observation::Dead]).await;
    stage.anvil.mine(40).await;
    stage.check(&[&ours], &[Observation::Dead]).await;
    let again = stage.sign(&payout(&coin(), NOBODY, 5)).await;
    assert_eq!(again.sequence, Some(1));
}

#[tokio::test]
async fn while_it_is_not_final_who_else_used_the_key_the_lane_waits() {
    let Some(stage) = Stage::with_coin() else { return };
    let foreign = stage.sign(&payout(&coin(), RECIPIENT, 5)).await;
    stage.hand_over(&foreign).await;
    let payout = payout(&coin(), NOBODY, 5);
    for _ in 0..2 {
        stage.anvil.mine(1).await;
        let held = scene::sign(&stage.rail, 0, &payout, None).await;
        let Err(BuildError::Hold(hold)) = held else { panic!("{held:?}") };
        assert_eq!(hold.reason, HoldReason::KeyUsedElsewhere);
    }
    // Of one that has counted it, nothing else is asked.
    let counted = scene::sign(&stage.rail, 1, &payout, None).await.unwrap();
    assert_eq!(counted.sequence, Some(1));
    stage.anvil.mine(1).await;
    assert_eq!(stage.sign(&payout).await.sequence, Some(1));
}

#[tokio::test]
async fn recipients_whose_code_fails_are_refused_however_it_fails() {
    let Some(stage) = Stage::with_coin() else { return };
    // An empty stack, the invalid instruction, one that does not exist, a jump to nowhere, a loop
    // without end, and an answer from data that is not there.
    for code in ["0x50", "0xfe", "0x0c", "0x600356", "0x5b600056", "0x600160003e"] {
        let _: Value = stage.anvil.ask("anvil_setCode", json!([NOBODY, code])).await;
        stage.anvil.mine(1).await;
        let refused = scene::sign(&stage.rail, 0, &payout(&coin(), NOBODY, 1), None).await;
        assert!(matches!(refused, Err(BuildError::Refused(_))), "{code}: {refused:?}");
    }
}

#[tokio::test]
async fn a_node_that_forgot_everything_proves_nothing() {
    let Some(stage) = Stage::with_coin() else { return };
    let attempt = stage.sign(&payout(&coin(), NOBODY, 5)).await;
    stage.hand_over(&attempt).await;
    stage.anvil.mine(3).await;
    is_final(&stage.observe(std::slice::from_ref(&attempt)).await[0]);
    drop(stage);
    let Some(stage) = Stage::with_coin() else { return };
    stage.check(&[&attempt], &[Observation::Missing]).await;
    stage.anvil.mine(5).await;
    stage.check(&[&attempt], &[Observation::Missing]).await;
    stage.hand_over(&attempt).await;
    stage.check(&[&attempt], &[Observation::Pending]).await;
}

#[tokio::test]
async fn a_lost_reply_changes_nothing() {
    let Some(stage) = Stage::with_coin() else { return };
    let attempt = stage.sign(&payout(&coin(), NOBODY, 5)).await;
    stage.anvil.lose_answers(true);
    assert_eq!(Rail::broadcast(&stage.rail, &attempt.tx).await, Err(Unreachable));
    stage.anvil.lose_answers(false);
    stage.check(&[&attempt], &[Observation::Pending]).await;
    stage.hand_over(&attempt).await;
    stage.anvil.mine(3).await;
    is_final(&stage.observe(std::slice::from_ref(&attempt)).await[0]);
    assert_eq!(stage.anvil.balance(NOBODY).await, 5);
}

#[tokio::test]
async fn several_payments_of_one_lane_are_on_their_way_at_once() {
    let Some(stage) = Stage::with_coin() else { return };
    let payout = payout(&coin(), NOBODY, 5);
    let mut attempts = Vec::new();
    for next_sequence in 0..16 {
        let attempt = scene::sign(&stage.rail, next_sequence, &payout, None).await.unwrap();
        stage.hand_over(&attempt).await;
        attempts.push(attempt);
    }
    stage.anvil.mine(3).await;
    for attempt in &attempts {
        is_final(&stage.observe(std::slice::from_ref(attempt)).await[0]);
    }
    assert_eq!(stage.anvil.balance(NOBODY).await, 16 * 5);
}

#[tokio::test]
async fn holdings_are_those_of_the_final_block() {
    let Some(program) = program() else { return };
    let anvil = Anvil::start(&program);
    let asset = token(&anvil.deploy_token(RETURNS_TRUE).await);
    let stage = Stage::with(anvil, &asset);
    let absent = Asset { contract: Some(NOBODY.to_owned()), ..asset.clone() };
    let assets = [coin(), asset.clone(), absent];
    let units = async || {
        let found = Rail::holdings(&stage.rail, &scene::lane(0), &assets).await.unwrap();
        found.iter().map(|it| it.amount.units()).collect::<Vec<_>>()
    };
    let full = 10_000 * 10_u128.pow(18);
    assert_eq!(units().await, [full, 0, 0]);
    stage.anvil.mine(2).await;
    let held = stage.anvil.balance(LANE).await;
    assert_eq!(units().await, [held, 1_000_000, 0]);
}

#[tokio::test]
async fn quotes_are_near_what_is_charged() {
    let Some(stage) = Stage::with_coin() else { return };
    let quote = Rail::quote_fee(&stage.rail, &coin()).await.unwrap();
    let attempt = stage.sign(&payout(&coin(), NOBODY, 5)).await;
    stage.hand_over(&attempt).await;
    stage.anvil.mine(3).await;
    let seen = stage.observe(std::slice::from_ref(&attempt)).await;
    let Observation::Final { fee, .. } = seen[0] else { panic!("{seen:?}") };
    assert!(fee <= quote && quote <= attempt.fee_max, "{fee:?} {quote:?}");
    assert!(quote < Amount::from_units(fee.units() * 2).unwrap(), "{fee:?} {quote:?}");
}

#[tokio::test]
async fn the_chain_is_checked() {
    let Some(program) = program() else { return };
    let anvil = Anvil::start(&program);
    let assets = [coin()];
    let settings = Settings::default();
    let mut network = scene::network("finalized");
    let node = || scene::alone(anvil.client());
    Evm::connect(&network, &assets, node(), settings.clone()).await.unwrap();
    network.parameters.insert("chain_id".to_owned(), "1".to_owned());
    let told = Evm::connect(&network, &assets, node(), settings).await.err().unwrap();
    assert!(told.contains("on chain 31337"), "{told}");
}
