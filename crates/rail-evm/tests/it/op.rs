//! Fees of the OP stack on a node that charges them ([`crate::edr`]).

use domain::{
    batch::{Attempt, Observation},
    catalog::{Asset, Network},
    ports::{BuildError, Handover, Rail},
};
use rail_evm::{Evm, Settings};
use serde_json::{Value, json};

use crate::{
    anvil::Anvil,
    edr,
    scene::{self, LANE, payout},
};

/// The contract that holds what the network knows of its parent chain
/// (<https://specs.optimism.io/protocol/predeploys.html#l1block>).
const L1_BLOCK: &str = "0x4200000000000000000000000000000000000015";
/// An address that nobody uses.
const NOBODY: &str = "0x00000000000000000000000000000000c0FFee01";
const GWEI: u128 = 1_000_000_000;
/// What is charged for any small payment at 30 gwei for L1's gas and 10 gwei for its blobs: 100 bytes
/// at (16 * 5,227 * 30 gwei + 1,014,213 * 10 gwei) / 10^6, as Fjord has it.
const CHARGED: u128 = 1_265_109_000_000;

/// A node of a network of the OP stack, and a rail on it with the row of the catalog, but for
/// finality: here the third block makes the first final.
struct Stage {
    node: Anvil,
    network: Network,
    coin: Asset,
    token: Asset,
    rail: Evm,
}

impl Stage {
    async fn new(id: &str) -> Option<Self> {
        let catalog = catalog::read(&[rail_evm::CATALOG]).unwrap();
        let mut network = catalog.network(id).unwrap().clone();
        let node = edr::start("op", &network.parameters["chain_id"])?;
        scene::set(&mut network, "finality", "3");
        let coin = catalog.asset(network.fee_asset.as_str()).unwrap().clone();
        let contract = node.deploy_token(0).await;
        let usdc = catalog.asset(&format!("USDC@{id}")).unwrap().clone();
        let token = Asset {
            contract: Some(contract),
            decimals: 6,
            symbols: vec!["TOKEN".to_owned()],
            ..usdc
        };
        node.mine(2).await;
        let assets = [coin.clone(), token.clone()];
        let rail =
            Evm::new(&network, &assets, scene::alone(node.client()), Settings::default()).unwrap();
        let stage = Self { node, network, coin, token, rail };
        stage.l1_prices(30 * GWEI, 10 * GWEI).await;
        stage.operator_fee(0, 0).await;
        Some(stage)
    }

    async fn store(&self, slot: u8, word: String) {
        let params = json!([L1_BLOCK, format!("{slot:#x}"), word]);
        let _: Value = self.node.ask("hardhat_setStorageAt", params).await;
        // Gas costs the same in all blocks.
        let base_fee = json!([format!("{GWEI:#x}")]);
        let _: Value = self.node.ask("hardhat_setNextBlockBaseFeePerGas", base_fee).await;
        self.node.mine(1).await;
    }

    /// Sets L1's base fee and its price of blobs, in wei, and scalars as OP Mainnet has them.
    async fn l1_prices(&self, base_fee: u128, blob_base_fee: u128) {
        self.store(1, format!("{base_fee:#066x}")).await;
        self.store(7, format!("{blob_base_fee:#066x}")).await;
        let (base_fee_scalar, blob_base_fee_scalar) = (5_227, 1_014_213);
        let packed = format!("{blob_base_fee_scalar:08x}{base_fee_scalar:08x}{:016x}", 1);
        // Packed from the right: a number that does not matter, then the scalars.
        let (blob, base) = (&packed[..8], &packed[8..16]);
        self.store(3, format!("0x{:032}{base}{blob}{:016x}", 0, 1)).await;
    }

    /// Sets the operator's fee: per million units of gas (since Jovian otherwise), and per
    /// transaction.
    async fn operator_fee(&self, scalar: u32, constant: u64) {
        self.store(8, format!("0x{:040}{scalar:08x}{constant:016x}", 0)).await;
    }

    /// Pays, and checks that what left the lane is what was booked, and no more than what was
    /// signed for. Returns how much gas it took, and what was charged beside the gas.
    async fn pay(&self, asset: &Asset, number: u64) -> (Attempt, u128, u128) {
        let attempt = scene::sign(&self.rail, number, &payout(asset, NOBODY, 25), None).await;
        let attempt = attempt.unwrap();
        let (gas, beside) = self.send(asset, &attempt).await;
        (attempt, gas, beside)
    }

    async fn send(&self, asset: &Asset, attempt: &Attempt) -> (u128, u128) {
        let before = self.node.balance(LANE).await;
        assert_eq!(Rail::broadcast(&self.rail, &attempt.tx).await, Ok(Handover::Accepted));
        self.node.mine(3).await;
        let attempts = [attempt.clone()];
        let seen = Rail::observe(&self.rail, &scene::lane(0), &attempts, &[]).await.unwrap();
        let Observation::Final { fee, .. } = seen[0] else { panic!("{seen:?}") };
        let sent = if asset.contract.is_some() { 0 } else { 25 };
        assert_eq!(before - self.node.balance(LANE).await, sent + fee.units());
        assert!(fee <= attempt.fee_max, "{fee:?} {:?}", attempt.fee_max);
        let fields = ["gasUsed", "effectiveGasPrice"];
        let [gas, price] = self.figures("eth_getTransactionReceipt", attempt, fields).await;
        (gas, fee.units() - gas * price)
    }

    /// How much gas a transaction may take, and what it offers for a unit.
    async fn gas_of(&self, attempt: &Attempt) -> (u128, u128) {
        let fields = ["gas", "maxFeePerGas"];
        self.figures("eth_getTransactionByHash", attempt, fields).await.into()
    }

    async fn figures(&self, method: &str, attempt: &Attempt, names: [&str; 2]) -> [u128; 2] {
        let answer: Value = self.node.ask(method, json!([attempt.tx.txid.as_str()])).await;
        names.map(|name| u128::from_str_radix(&answer[name].as_str().unwrap()[2..], 16).unwrap())
    }

    async fn quote(&self, asset: &Asset) -> u128 {
        Rail::quote_fee(&self.rail, asset).await.unwrap().units()
    }
}

#[tokio::test]
async fn what_leaves_the_lane_is_booked_and_was_signed_for() {
    for id in ["optimism", "base"] {
        let Some(stage) = Stage::new(id).await else { return };
        let mut number = 1;
        for (scalar, constant) in [(0, 0), (0, 1_000_000_007), (12_345_678, 1_000_000_007)] {
            stage.operator_fee(scalar, constant).await;
            for asset in [&stage.coin, &stage.token] {
                let quote = stage.quote(asset).await;
                let (attempt, gas, beside) = stage.pay(asset, number).await;
                let operator = gas * u128::from(scalar) / 1_000_000 + u128::from(constant);
                assert_eq!(beside, CHARGED + operator, "{id}");
                assert!(quote < attempt.fee_max.units());
                let (gas_limit, max_fee) = stage.gas_of(&attempt).await;
                let operator = gas_limit * u128::from(scalar) / 1_000_000 + u128::from(constant);
                let most = gas_limit * max_fee + 2 * CHARGED + operator;
                assert_eq!(attempt.fee_max.units(), most);
                number += 1;
            }
        }
    }
}

#[tokio::test]
async fn prices_of_the_parent_chain_may_double_until_it_is_included() {
    let Some(stage) = Stage::new("optimism").await else { return };
    for (number, asset) in [(1, &stage.coin), (2, &stage.token)] {
        stage.l1_prices(30 * GWEI, 10 * GWEI).await;
        let signed = scene::sign(&stage.rail, number, &payout(asset, NOBODY, 25), None).await;
        let attempt = signed.unwrap();
        stage.l1_prices(60 * GWEI, 20 * GWEI).await;
        assert_eq!(stage.send(asset, &attempt).await.1, 2 * CHARGED);
    }
}

#[tokio::test]
async fn quotes_know_what_the_parent_chain_asks_for() {
    let Some(stage) = Stage::new("base").await else { return };
    let quotes = async |base_fee, blob_base_fee| {
        stage.l1_prices(base_fee, blob_base_fee).await;
        [stage.quote(&stage.coin).await, stage.quote(&stage.token).await]
    };
    let without = quotes(0, 0).await;
    let with = quotes(30 * GWEI, 10 * GWEI).await;
    let double = quotes(60 * GWEI, 20 * GWEI).await;
    for asset in 0..2 {
        let part = with[asset] - without[asset];
        assert_eq!(double[asset] - with[asset], part);
        // A quarter more than what is charged for either payment.
        assert_eq!(part, CHARGED + CHARGED / 4);
    }
    stage.l1_prices(30 * GWEI, 10 * GWEI).await;
    assert_eq!(stage.pay(&stage.coin, 1).await.2, CHARGED);
    assert_eq!(stage.pay(&stage.token, 2).await.2, CHARGED);
}

#[tokio::test]
async fn a_lane_that_has_only_the_gas_waits() {
    let Some(stage) = Stage::new("optimism").await else { return };
    let signed = scene::sign(&stage.rail, 1, &payout(&stage.token, NOBODY, 25), None).await;
    let needed = signed.unwrap().fee_max.units();
    stage.l1_prices(0, 0).await;
    let signed = scene::sign(&stage.rail, 1, &payout(&stage.token, NOBODY, 25), None).await;
    let gas_alone = signed.unwrap().fee_max.units();
    assert!(gas_alone < needed);
    stage.l1_prices(30 * GWEI, 10 * GWEI).await;
    let _: Value =
        stage.node.ask("hardhat_setBalance", json!([LANE, format!("{gas_alone:#x}")])).await;
    stage.node.mine(1).await;
    let held = scene::sign(&stage.rail, 1, &payout(&stage.token, NOBODY, 25), None).await;
    let Err(BuildError::AwaitingGas { lacks, .. }) = held else { panic!("{held:?}") };
    assert!(lacks.units() > 0 && lacks.units() <= needed - gas_alone, "{lacks:?}");
    assert_eq!(stage.network.id.as_str(), "optimism");
}
