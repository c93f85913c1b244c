//! Tokens that are not what the catalog says, and tokens that pay something else, on a real node.

use domain::{
    batch::Observation,
    catalog::Asset,
    ports::{Rail, Unreachable},
};
use serde_json::{Value, json};

use crate::{
    preflight::{NOBODY, Stage},
    scene::{self, coin},
};

const USDT_LIKE: &str = include_str!("../data/UsdtLike.hex");

impl Stage {
    /// Lets the contract call itself otherwise.
    async fn rename(&self, symbol: &str) {
        let length = format!("{:x}", symbol.len());
        let text = format!("{:0<64}", hex::encode(symbol));
        self.set("0xb84c8246", &["20", &length, &text]).await;
    }

    /// The asset is stopped, and nothing of it is accepted; the coin is paid on.
    async fn check_stopped(&self) -> String {
        let why = self.stopped().await;
        assert_eq!(Rail::quote_fee(&self.rail, &self.asset).await, Err(Unreachable));
        assert!(Rail::quote_fee(&self.rail, &coin()).await.is_ok());
        self.pays(&coin(), NOBODY).await;
        why
    }
}

#[tokio::test]
async fn a_token_of_another_name_is_stopped_until_it_has_it() {
    let Some(mut stage) = Stage::with(USDT_LIKE).await else { return };
    assert_eq!(stage.rail.check_tokens().await, Vec::<String>::new());
    stage.restart();
    stage.rename("T\u{20ae}KEN0").await;
    let why = stage.check_stopped().await;
    assert!(why.contains("tells \"T₮KEN0\", and the catalog says \"TOKEN\""), "{why}");
    assert_eq!(stage.rail.check_tokens().await, [why]);
    stage.rename("TOKEN").await;
    assert!(Rail::quote_fee(&stage.rail, &stage.asset).await.is_ok());
    stage.pays(&stage.asset, NOBODY).await;
    assert_eq!(stage.rail.check_tokens().await, Vec::<String>::new());
    // Or until the operator says that it is right.
    stage.rename("T\u{20ae}KEN0").await;
    stage.asset = Asset { symbols: vec!["T\u{20ae}KEN0".to_owned()], ..stage.asset.clone() };
    stage.restart();
    stage.pays(&stage.asset, NOBODY).await;
}

#[tokio::test]
async fn a_token_with_other_decimals_is_stopped() {
    let Some(mut stage) = Stage::with(USDT_LIKE).await else { return };
    stage.asset = Asset { decimals: 18, ..stage.asset.clone() };
    stage.restart();
    let why = stage.check_stopped().await;
    assert!(why.contains("tells 6, and the catalog says 18"), "{why}");
    assert_eq!(stage.rail.check_tokens().await, [why]);
}

#[tokio::test]
async fn where_there_is_no_contract_there_is_no_token() {
    let Some(mut stage) = Stage::with(USDT_LIKE).await else { return };
    stage.asset = Asset { contract: Some(NOBODY.to_owned()), ..stage.asset.clone() };
    stage.restart();
    let refused = "0x60006000fd";
    for (code, expected) in [("0x", "there is no contract at"), (refused, "tells no number")] {
        let _: Value = stage.anvil.ask("anvil_setCode", json!([NOBODY, code])).await;
        stage.anvil.mine(1).await;
        let why = stage.stopped().await;
        assert!(why.contains(expected), "{why}");
        assert_eq!(Rail::quote_fee(&stage.rail, &stage.asset).await, Err(Unreachable));
        assert_eq!(stage.rail.check_tokens().await, [why]);
    }
}

#[tokio::test]
async fn a_symbol_of_32_bytes_is_read() {
    let Some(stage) = Stage::with(include_str!("../data/MkrLike.hex")).await else { return };
    stage.pays(&stage.asset, NOBODY).await;
    assert_eq!(stage.anvil.token_balance(stage.contract(), NOBODY).await, 10_000);
}

#[tokio::test]
async fn what_cannot_be_tried_is_noticed_by_its_receipt_and_paid_once() {
    for on_top in [false, true] {
        let code = if on_top { include_str!("../data/FeeOnTop.hex") } else { USDT_LIKE };
        let Some(mut stage) = Stage::with(code).await else { return };
        if !on_top {
            stage.set("0x69fe0e2d", &["64"]).await;
        }
        stage.anvil.refuse_overrides(true);
        let attempt = stage.sign(&stage.asset, NOBODY).await.unwrap();
        // The coins are gone, so it is paid, and never again.
        let seen = stage.end(&attempt).await;
        assert!(matches!(seen, Observation::Final { .. }), "{seen:?}");
        let why = stage.check_stopped().await;
        assert!(why.contains(attempt.tx.txid.as_str()), "{why}");
        assert_eq!(stage.rail.check_tokens().await, [why]);
        // In the next process, the next such payment is noticed the same way, or before it is made.
        stage.restart();
        stage.anvil.refuse_overrides(false);
        let why = stage.refused(&stage.asset, NOBODY).await;
        assert!(why.contains("takes a fee"), "{why}");
        let attempts = [attempt];
        let seen = Rail::observe(&stage.rail, &scene::lane(0), &attempts, &[]).await.unwrap();
        assert!(matches!(seen[0], Observation::Final { .. }), "{seen:?}");
        stage.check_stopped().await;
    }
}

#[tokio::test]
async fn without_overrides_what_is_right_is_paid_all_the_same() {
    let Some(stage) = Stage::with(USDT_LIKE).await else { return };
    stage.anvil.refuse_overrides(true);
    stage.pays(&stage.asset, NOBODY).await;
    stage.pays(&stage.asset, NOBODY).await;
    assert_eq!(stage.anvil.token_balance(stage.contract(), NOBODY).await, 20_000);
}

#[tokio::test]
async fn what_moves_nothing_in_the_end_is_not_paid_and_stops_nothing() {
    let Some(stage) = Stage::with(USDT_LIKE).await else { return };
    let attempt = stage.sign(&stage.asset, NOBODY).await.unwrap();
    let idle = async |value: &str| stage.set("0xe887a55a", &[value]).await;
    idle("1").await;
    let seen = stage.end(&attempt).await;
    assert!(matches!(seen, Observation::Reverted { .. }), "{seen:?}");
    // As it is now, the trial moves nothing.
    let why = stage.refused(&stage.asset, NOBODY).await;
    assert!(why.contains("0 TOKEN would arrive"), "{why}");
    idle("0").await;
    stage.pays(&stage.asset, NOBODY).await;
}
