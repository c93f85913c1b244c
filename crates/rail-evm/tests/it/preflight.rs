//! What is found out about a payment on a real node before it is signed.

use domain::{
    batch::{Attempt, Observation},
    catalog::Asset,
    ports::{BuildError, Handover, Hold, HoldReason, Rail},
};
use rail_evm::Evm;
use serde_json::{Value, json};

use crate::{
    anvil::{Anvil, program},
    scene::{self, LANE, RECIPIENT, coin, payout, token},
};

/// An address that nobody uses.
pub(crate) const NOBODY: &str = "0x00000000000000000000000000000000c0FFee01";
const USDT_LIKE: &str = include_str!("../data/UsdtLike.hex");
const USDC_LIKE: &str = include_str!("../data/UsdcLike.hex");

/// A node with a contract, and a rail that takes it for a token.
pub(crate) struct Stage {
    pub(crate) anvil: Anvil,
    pub(crate) rail: Evm,
    pub(crate) asset: Asset,
}

impl Stage {
    pub(crate) async fn with(code: &str) -> Option<Self> {
        let anvil = Anvil::start(&program()?);
        let asset = token(&anvil.deploy(code).await);
        // What the lane did for it is final.
        anvil.mine(2).await;
        let rail = scene::evm(anvil.client(), &[coin(), asset.clone()]);
        Some(Self { anvil, rail, asset })
    }

    /// A rail that knows nothing yet, as after a restart.
    pub(crate) fn restart(&mut self) {
        self.rail = scene::evm(self.anvil.client(), &[coin(), self.asset.clone()]);
    }

    pub(crate) fn contract(&self) -> &str {
        self.asset.contract.as_deref().unwrap()
    }

    /// Lets everybody's functions of the contract be called, with words.
    pub(crate) async fn set(&self, selector: &str, words: &[&str]) {
        let word = |it: &&str| format!("{:0>64}", it.trim_start_matches("0x"));
        let words: String = words.iter().map(word).collect();
        self.anvil.admin(self.contract(), &format!("{selector}{words}")).await;
    }

    async fn set_paused(&self, paused: &str) {
        self.set("0x16c38b3c", &[paused]).await;
    }

    async fn set_blacklisted(&self, who: &str, value: &str) {
        self.set("0xd01dd6d2", &[who, value]).await;
    }

    pub(crate) async fn sign(&self, asset: &Asset, to: &str) -> Result<Attempt, BuildError> {
        scene::sign(&self.rail, 0, &payout(asset, to, 10_000), None).await
    }

    pub(crate) async fn refused(&self, asset: &Asset, to: &str) -> String {
        match self.sign(asset, to).await {
            Err(BuildError::Refused(why)) => why,
            other => panic!("{other:?}"),
        }
    }

    /// Why the token is stopped.
    pub(crate) async fn stopped(&self) -> String {
        match self.sign(&self.asset, NOBODY).await {
            Err(BuildError::Hold(Hold { reason: HoldReason::AssetStopped, detail })) => detail,
            other => panic!("{other:?}"),
        }
    }

    /// Takes an attempt to where it is final.
    pub(crate) async fn end(&self, attempt: &Attempt) -> Observation {
        assert_eq!(Rail::broadcast(&self.rail, &attempt.tx).await, Ok(Handover::Accepted));
        self.anvil.mine(3).await;
        let attempts = std::slice::from_ref(attempt);
        let seen = Rail::observe(&self.rail, &scene::lane(0), attempts, &[]).await.unwrap();
        seen.into_iter().next().unwrap()
    }

    /// Signs a payment and sees it paid.
    pub(crate) async fn pays(&self, asset: &Asset, to: &str) {
        let attempt = self.sign(asset, to).await.unwrap();
        let seen = self.end(&attempt).await;
        assert!(matches!(seen, Observation::Final { .. }), "{seen:?}");
    }
}

#[tokio::test]
async fn nothing_is_sent_to_the_blacklisted() {
    for code in [USDT_LIKE, USDC_LIKE] {
        let Some(stage) = Stage::with(code).await else { return };
        stage.set_blacklisted(RECIPIENT, "1").await;
        let why = stage.refused(&stage.asset, RECIPIENT).await;
        assert!(why.contains(RECIPIENT) && why.contains("would be frozen"), "{why}");
        stage.pays(&stage.asset, NOBODY).await;
        stage.set_blacklisted(RECIPIENT, "0").await;
        stage.pays(&stage.asset, RECIPIENT).await;
    }
}

#[tokio::test]
async fn a_frozen_lane_waits_until_it_is_not() {
    for code in [USDT_LIKE, USDC_LIKE] {
        let Some(stage) = Stage::with(code).await else { return };
        stage.set_blacklisted(LANE, "1").await;
        let why = stage.stopped().await;
        assert!(why.contains("blacklisted the lane") && why.contains(LANE), "{why}");
        // The coin is not the token's issuer's business.
        stage.pays(&coin(), NOBODY).await;
        stage.set_blacklisted(LANE, "0").await;
        stage.pays(&stage.asset, NOBODY).await;
    }
}

#[tokio::test]
async fn a_paused_token_waits_until_it_is_not() {
    for code in [USDT_LIKE, USDC_LIKE] {
        let Some(stage) = Stage::with(code).await else { return };
        stage.set_paused("1").await;
        let why = stage.stopped().await;
        assert!(why.contains("paused"), "{why}");
        stage.set_paused("0").await;
        stage.pays(&stage.asset, NOBODY).await;
        assert_eq!(stage.anvil.token_balance(stage.contract(), NOBODY).await, 10_000);
    }
}

#[tokio::test]
async fn too_little_is_told_as_what_it_is() {
    let Some(stage) = Stage::with(USDT_LIKE).await else { return };
    let all = payout(&stage.asset, NOBODY, 1_000_001);
    let held = scene::sign(&stage.rail, 0, &all, None).await;
    let Err(BuildError::Hold(hold)) = held else { panic!("{held:?}") };
    assert_eq!(hold.reason, HoldReason::AwaitingFunds);
}

#[tokio::test]
async fn a_token_that_says_false_is_refused_although_it_moves() {
    let Some(stage) = Stage::with(include_str!("../data/SaysFalse.hex")).await else { return };
    let why = stage.refused(&stage.asset, NOBODY).await;
    assert!(why.contains("answers false"), "{why}");
}

#[tokio::test]
async fn a_fee_on_transfers_is_noticed_before_anything_is_signed() {
    let Some(stage) = Stage::with(USDT_LIKE).await else { return };
    stage.pays(&stage.asset, NOBODY).await;
    // One in a hundred.
    stage.set("0x69fe0e2d", &["64"]).await;
    let why = stage.refused(&stage.asset, NOBODY).await;
    let expected = "of 0.01 TOKEN, 0.0099 TOKEN would arrive, and 0.01 TOKEN would leave the lane";
    assert!(why.contains(expected), "{why}");
    let Some(stage) = Stage::with(include_str!("../data/FeeOnTop.hex")).await else { return };
    let why = stage.refused(&stage.asset, NOBODY).await;
    let expected = "0.01 TOKEN would arrive, and 0.010001 TOKEN would leave the lane";
    assert!(why.contains(expected), "{why}");
}

#[tokio::test]
async fn a_token_that_serves_no_programs_cannot_be_tried_and_is_paid() {
    let Some(stage) = Stage::with(include_str!("../data/OnlyAccounts.hex")).await else { return };
    stage.pays(&stage.asset, NOBODY).await;
    assert_eq!(stage.anvil.token_balance(stage.contract(), NOBODY).await, 10_000);
}

#[tokio::test]
async fn contracts_get_the_gas_that_they_need_and_no_more_is_guessed() {
    let Some(stage) = Stage::with(USDC_LIKE).await else { return };
    // Thirteen calls deep, each of which keeps a part of the gas to itself, and the last insists
    // on more than it uses.
    let deep = stage.anvil.deploy(include_str!("../data/Deep.hex")).await;
    stage.anvil.mine(2).await;
    let attempt = stage.sign(&coin(), &deep).await.unwrap();
    let seen = stage.end(&attempt).await;
    assert!(matches!(seen, Observation::Final { .. }), "{seen:?}");
    assert_eq!(stage.anvil.balance(&deep).await, 10_000);
    let txid = attempt.tx.txid.as_str();
    let receipt: Value = stage.anvil.ask("eth_getTransactionReceipt", json!([txid])).await;
    let used = u128::from_str_radix(&receipt["gasUsed"].as_str().unwrap()[2..], 16).unwrap();
    let allowed: Value = stage.anvil.ask("eth_getTransactionByHash", json!([txid])).await;
    let allowed = u128::from_str_radix(&allowed["gas"].as_str().unwrap()[2..], 16).unwrap();
    // What was used would not have been enough, not even with a quarter more.
    assert!(allowed > used + used / 4, "{used} {allowed}");
}

#[tokio::test]
async fn contracts_that_refuse_the_coin_are_refused_and_told() {
    let Some(stage) = Stage::with(USDC_LIKE).await else { return };
    // Undoes whatever comes; and burns all gas there is.
    for code in ["0x60006000fd", "0x5b600056"] {
        let _: Value = stage.anvil.ask("anvil_setCode", json!([NOBODY, code])).await;
        stage.anvil.mine(1).await;
        let why = stage.refused(&coin(), NOBODY).await;
        assert!(why.ends_with("(the recipient is a contract)"), "{why}");
        // Tokens come without a call.
        stage.pays(&stage.asset, NOBODY).await;
    }
}

#[tokio::test]
async fn delegated_accounts_are_paid() {
    let Some(stage) = Stage::with(USDC_LIKE).await else { return };
    let deep = stage.anvil.deploy(include_str!("../data/Deep.hex")).await;
    stage.anvil.mine(2).await;
    // To a program that takes coins, and to nobody's.
    for delegate in [&deep[2..], &"11".repeat(20)] {
        let code = format!("0xef0100{delegate}");
        let _: Value = stage.anvil.ask("anvil_setCode", json!([NOBODY, code])).await;
        stage.anvil.mine(1).await;
        let before = stage.anvil.balance(NOBODY).await;
        stage.pays(&coin(), NOBODY).await;
        assert_eq!(stage.anvil.balance(NOBODY).await, before + 10_000);
        stage.pays(&stage.asset, NOBODY).await;
    }
    // To one that undoes everything; the account is no contract.
    let refusing = "0x00000000000000000000000000000000C0FFEe02";
    let _: Value = stage.anvil.ask("anvil_setCode", json!([refusing, "0x60006000fd"])).await;
    let code = format!("0xef0100{}", &refusing[2..]);
    let _: Value = stage.anvil.ask("anvil_setCode", json!([NOBODY, code])).await;
    stage.anvil.mine(1).await;
    let why = stage.refused(&coin(), NOBODY).await;
    assert!(!why.contains("is a contract"), "{why}");
}

#[tokio::test]
async fn our_own_addresses_and_tokens_are_never_paid() {
    let Some(mut stage) = Stage::with(USDC_LIKE).await else { return };
    stage.pays(&coin(), NOBODY).await;
    let assets = [coin(), stage.asset.clone()];
    let rail = scene::evm(stage.anvil.client(), &assets);
    stage.rail = rail.never_paying([NOBODY]).unwrap();
    for (to, what) in [
        (stage.contract(), "the contract of a token"),
        (LANE, "the lane that pays"),
        (NOBODY, "one of the gateway's own wallets"),
    ] {
        for asset in &assets {
            let why = stage.refused(asset, to).await;
            assert!(why.ends_with(what), "{why}");
        }
    }
    let rail = scene::evm(stage.anvil.client(), &assets);
    assert!(rail.never_paying(["0x1"]).is_err());
}
