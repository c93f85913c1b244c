//! Every network of the catalog, as its row has it, on a node that claims to be of it.
//!
//! Runs only with `RUN_NODE_TESTS=1` and `ANVIL` set to the path of the anvil binary.

use domain::{
    batch::Observation,
    catalog::{Asset, Network},
    ports::{BuildError, Handover, HoldReason, Rail},
};
use rail_evm::{Evm, Settings};
use serde_json::{Value, json};

use crate::{
    anvil::{Anvil, program},
    scene::{self, LANE, payout},
};

/// An address that nobody uses.
const NOBODY: &str = "0x00000000000000000000000000000000c0FFee01";
/// What the OP stack's fees are asked of.
const GAS_PRICE_ORACLE: &str = "0x420000000000000000000000000000000000000F";
/// What Arbitrum's nodes are asked about gas for L1.
const NODE_INTERFACE: &str = "0x00000000000000000000000000000000000000C8";
/// What the stub of either answers.
const ANSWER: u128 = 4_000;

/// A node of a network of the catalog, and what can be paid on it.
struct Stage {
    node: Anvil,
    network: Network,
    coin: Asset,
    token: Asset,
}

impl Stage {
    async fn new(id: &str, options: &[&str]) -> Option<Self> {
        let catalog = catalog::read(&[rail_evm::CATALOG]).unwrap();
        let network = catalog.network(id).unwrap().clone();
        let node = Anvil::start_as(&program()?, &network.parameters["chain_id"], options);
        let coin = catalog.asset(network.fee_asset.as_str()).unwrap().clone();
        let contract = node.deploy_token(1).await;
        // A network without it gets one.
        let named = domain::ids::AssetId::new(&format!("USDC@{id}"));
        let usdc = Asset { id: named, ticker: "USDC".to_owned(), ..coin.clone() };
        let token = Asset {
            contract: Some(contract),
            decimals: 6,
            symbols: vec!["TOKEN".to_owned()],
            ..usdc
        };
        let contract = match network.parameters["l1_fee"].as_str() {
            "op" => Some(GAS_PRICE_ORACLE),
            "arbitrum" => Some(NODE_INTERFACE),
            _ => None,
        };
        let stage = Self { node, network, coin, token };
        if let Some(contract) = contract {
            stage.put_stub(contract, ANSWER).await;
        }
        // What the lane did for the token is final.
        stage.node.mine(2).await;
        Some(stage)
    }

    /// Puts a contract there that answers everything with three words: this one, and two of one.
    async fn put_stub(&self, contract: &str, answer: u128) {
        let store = |value: u128, at: u8| format!("6f{value:032x}60{at:02x}52");
        let words = [store(answer, 0), store(1, 32), store(1, 64)].concat();
        let code = format!("0x{words}60606000f3");
        let _: Value = self.node.ask("anvil_setCode", json!([contract, code])).await;
        self.node.mine(1).await;
    }

    fn rail(&self, settings: Settings) -> Evm {
        let assets = [self.coin.clone(), self.token.clone()];
        Evm::new(&self.network, &assets, scene::alone(self.node.client()), settings).unwrap()
    }

    /// Pays, and checks what arrives, what leaves, and what is booked. Returns the tip.
    async fn pay(&self, rail: &Evm, number: u64, asset: &Asset, units: u128) -> u128 {
        let before = self.node.balance(LANE).await;
        let attempt = scene::sign(rail, number, &payout(asset, NOBODY, units), None).await;
        let attempt = attempt.unwrap();
        assert_eq!(attempt.sequence, Some(number));
        assert_eq!(Rail::broadcast(rail, &attempt.tx).await, Ok(Handover::Accepted));
        let params = json!([attempt.tx.txid.as_str()]);
        let sent: Value = self.node.ask("eth_getTransactionByHash", params).await;
        let attempts = [attempt.clone()];
        let observe = async || Rail::observe(rail, &scene::lane(0), &attempts, &[]).await.unwrap();
        assert_eq!(observe().await, [Observation::Pending]);
        self.node.mine(3).await;
        let seen = observe().await;
        let Observation::Final { fee, .. } = seen[0] else {
            panic!("{}: {seen:?}", self.network.id)
        };
        assert!(fee <= attempt.fee_max);
        let sent_units = if asset.contract.is_some() { 0 } else { units };
        assert_eq!(before - self.node.balance(LANE).await, sent_units + fee.units());
        let arrived = match &asset.contract {
            Some(contract) => self.node.token_balance(contract, NOBODY).await,
            None => self.node.balance(NOBODY).await,
        };
        assert_eq!(arrived, units, "{}", self.network.id);
        let tip = sent["maxPriorityFeePerGas"].as_str().or(sent["gasPrice"].as_str()).unwrap();
        u128::from_str_radix(&tip[2..], 16).unwrap()
    }

    /// Pays coin and token, and checks that both tip as much as the network's nodes ask for.
    async fn pay_both(&self) {
        let rail = self.rail(Settings::default());
        rail.check_nodes().await.unwrap();
        let floor: u128 = self.network.parameters["priority_fee_floor_wei"].parse().unwrap();
        for (number, asset) in [(1, &self.coin), (2, &self.token)] {
            let tip = self.pay(&rail, number, asset, 12_345).await;
            assert!(tip >= floor, "{}: {tip}", self.network.id);
        }
    }
}

#[tokio::test]
async fn coin_and_token_are_paid_on_every_network() {
    let catalog = catalog::read(&[rail_evm::CATALOG]).unwrap();
    for network in catalog.networks() {
        let Some(stage) = Stage::new(network.id.as_str(), &[]).await else { return };
        stage.pay_both().await;
    }
}

#[tokio::test]
async fn where_the_base_fee_is_zero_the_tip_is_all_there_is() {
    let Some(stage) = Stage::new("bsc", &["--base-fee", "0"]).await else { return };
    // Blocks have no tips that matter any more, so that the floor is what is offered.
    stage.node.mine(25).await;
    let rail = stage.rail(Settings::default());
    let quote = Rail::quote_fee(&rail, &stage.coin).await.unwrap().units();
    assert_eq!(quote, 21_000 * 50_000_000);
    assert_eq!(stage.pay(&rail, 1, &stage.coin, 9).await, 50_000_000);
    assert_eq!(stage.pay(&rail, 2, &stage.token, 9).await, 50_000_000);
}

#[tokio::test]
async fn where_there_is_one_price_it_is_paid_in_transactions_of_the_old_form() {
    let Some(mut stage) = Stage::new("fantom", &["--base-fee", "0"]).await else { return };
    scene::set(&mut stage.network, "fee_model", "legacy");
    scene::set(&mut stage.network, "priority_fee_floor_wei", "3000000000");
    let rail = stage.rail(Settings::default());
    let quote = Rail::quote_fee(&rail, &stage.coin).await.unwrap().units();
    assert!(quote >= 21_000 * 3_000_000_000, "{quote}");
    let signed = scene::sign(&rail, 1, &payout(&stage.coin, NOBODY, 9), None).await.unwrap();
    assert!(signed.tx.raw[0] >= 0xc0, "no type stands before the list of fields (EIP-2718)");
    assert!(stage.pay(&rail, 1, &stage.coin, 9).await >= 3_000_000_000);
    assert!(stage.pay(&rail, 2, &stage.token, 9).await >= 3_000_000_000);
}

#[tokio::test]
async fn where_nodes_insist_on_high_tips_they_are_offered_and_the_operator_may_offer_more() {
    let Some(mut stage) = Stage::new("polygon", &[]).await else { return };
    stage.node.mine(25).await;
    let rail = stage.rail(Settings::default());
    assert_eq!(stage.pay(&rail, 1, &stage.coin, 9).await, 25_000_000_000);
    scene::set(&mut stage.network, "priority_fee_floor_wei", "31000000000");
    let rail = stage.rail(Settings::default());
    assert_eq!(stage.pay(&rail, 2, &stage.token, 9).await, 31_000_000_000);
    // The cap holds, and says so.
    let settings = Settings { max_fee_per_gas_cap_wei: 30_000_000_000, ..Settings::default() };
    let held = scene::sign(&stage.rail(settings), 3, &payout(&stage.coin, NOBODY, 9), None).await;
    let Err(BuildError::Hold(hold)) = held else { panic!("{held:?}") };
    assert_eq!(hold.reason, HoldReason::FeeAboveCap);
    assert!(hold.detail.ends_with("and the cap is 30000000000 wei"), "{}", hold.detail);
}

#[tokio::test]
async fn gas_for_the_parent_chain_is_quoted_and_does_not_count_as_the_recipients() {
    let Some(stage) = Stage::new("arbitrum", &["--base-fee", "0"]).await else { return };
    stage.node.mine(25).await;
    let rail = stage.rail(Settings::default());
    // One wei per gas, which is the tip.
    let quote = async |asset| Rail::quote_fee(&rail, asset).await.unwrap().units();
    assert_eq!(quote(&stage.coin).await, 21_000 + ANSWER);
    assert_eq!(quote(&stage.token).await, 65_000 + ANSWER);
    stage.put_stub(NODE_INTERFACE, 900_000).await;
    assert_eq!(quote(&stage.coin).await, 921_000);
    stage.pay_both().await;
}

#[tokio::test]
async fn a_network_that_does_not_tell_its_fees_is_not_paid_on() {
    for (id, contract) in [("base", GAS_PRICE_ORACLE), ("arbitrum", NODE_INTERFACE)] {
        let Some(stage) = Stage::new(id, &[]).await else { return };
        let rail = stage.rail(Settings::default());
        // No contract at all, one that refuses, and one that answers with half a word.
        for code in ["0x", "0x60006000fd", "0x60106000f3"] {
            let _: Value = stage.node.ask("anvil_setCode", json!([contract, code])).await;
            stage.node.mine(1).await;
            let told = scene::sign(&rail, 1, &payout(&stage.coin, NOBODY, 9), None).await;
            assert_eq!(told.unwrap_err(), BuildError::Unreachable, "{id} {code}");
            Rail::quote_fee(&rail, &stage.coin).await.unwrap_err();
        }
    }
}

#[tokio::test]
async fn above_the_budget_a_payment_waits_and_says_what_it_needs() {
    let Some(stage) = Stage::new("ethereum", &["--base-fee", "1000000000"]).await else { return };
    let budget = |units| {
        let fee_max = domain::money::Amount::from_units(units);
        stage.rail(Settings { fee_max, ..Settings::default() })
    };
    let it = payout(&stage.coin, NOBODY, 9);
    let held = scene::sign(&budget(1_000_000_000_000), 1, &it, None).await;
    let Err(BuildError::Hold(hold)) = held else { panic!("{held:?}") };
    assert_eq!(hold.reason, HoldReason::FeeAboveCap);
    assert!(hold.detail.contains("(fee_max) is 0.000001 ETH"), "{}", hold.detail);
    let roomy = 10_u128.pow(15);
    let attempt = scene::sign(&budget(roomy), 1, &it, None).await.unwrap();
    assert!(attempt.fee_max.units() <= roomy);
}

#[tokio::test]
async fn after_a_jump_beyond_the_budget_of_replacements_it_waits_until_it_is_over() {
    let Some(stage) = Stage::new("ethereum", &["--base-fee", "1000000000"]).await else { return };
    let rail = stage.rail(Settings::default());
    let it = payout(&stage.coin, NOBODY, 9);
    let first = scene::sign(&rail, 1, &it, None).await.unwrap();
    let jump = async |wei: u128| {
        let params = json!([format!("{wei:#x}")]);
        let _: Value = stage.node.ask("anvil_setNextBlockBaseFeePerGas", params).await;
        stage.node.mine(1).await;
    };
    jump(50_000_000_000).await;
    let held = scene::sign(&rail, 1, &it, Some(&first)).await;
    let Err(BuildError::Hold(hold)) = held else { panic!("{held:?}") };
    assert_eq!(hold.reason, HoldReason::FeeAboveCap);
    assert!(hold.detail.contains("replacement_budget_percent = 400"), "{}", hold.detail);
    jump(5_000_000_000).await;
    let second = scene::sign(&rail, 1, &it, Some(&first)).await.unwrap();
    assert!(second.fee_max.units() <= 4 * first.fee_max.units());
    assert_eq!(second.sequence, first.sequence);
}
