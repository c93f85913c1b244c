//! When a transaction is made, when it waits, and when it is refused.

use alloy_primitives::{B256, address};
use domain::ids::{AssetId, LaneId, NetworkId};
use serde_json::json;

use super::*;

const PAYER: Address = address!("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
const RECIPIENT: Address = address!("0x70997970C51812dc3A010C7d01b50e0d17dc79C8");
const TOKEN: Address = address!("0xdAC17F958D2ee523a2206206994597C13D831ec7");
const MARKET: Market = Market { block: 5, base_fee: 100, tip: 10 };

fn asset(ticker: &str, decimals: u8, contract: Option<Address>) -> Asset {
    Asset {
        id: AssetId::new(&format!("{ticker}@testnet")),
        network: NetworkId::new("testnet"),
        ticker: ticker.to_owned(),
        title: ticker.to_owned(),
        decimals,
        contract: contract.map(|it| it.to_string()),
        stablecoin: false,
    }
}

/// A situation in which a transfer of a million units works.
struct Scene {
    token: Option<Address>,
    wallet: Wallet,
    next_sequence: u64,
    replaces: Option<Sent>,
    settings: Settings,
}

impl Scene {
    fn token() -> Self {
        let wallet = Wallet {
            native: U256::from(10_000_000_000_u64),
            token: U256::from(1_000_000),
            count: 7,
            gas: Ok(50_000),
            replaced_is_known: true,
        };
        let settings = Settings { max_fee_per_gas_cap_wei: 1_000, ..Settings::default() };
        Self { token: Some(TOKEN), wallet, next_sequence: 9, replaces: None, settings }
    }

    fn native() -> Self {
        let mut scene = Self { token: None, ..Self::token() };
        scene.wallet.gas = Ok(GAS_PLAIN);
        scene
    }

    fn draft(&self, market: Market) -> Result<(TxEip1559, Amount), BuildError> {
        let transfer =
            Transfer { token: self.token, recipient: RECIPIENT, amount: U256::from(1_000_000) };
        let fee_asset = asset("ETH", 18, None);
        let token = asset("USDT", 6, Some(TOKEN));
        let wish = Wish {
            chain_id: 1,
            lane: &Lane {
                id: LaneId::new("testnet/hot"),
                network: NetworkId::new("testnet"),
                address: PAYER.to_string(),
                key_path: String::new(),
                next_sequence: self.next_sequence,
                version: 1,
            },
            payer: PAYER,
            asset: if self.token.is_some() { &token } else { &fee_asset },
            fee_asset: &fee_asset,
            transfer,
            replaces: self.replaces.as_ref(),
            settings: &self.settings,
        };
        wish.draft(market, &self.wallet)
    }

    /// The same scene after its transaction was sent.
    fn replacing(self) -> Self {
        let (tx, _) = self.draft(MARKET).unwrap();
        Self { replaces: Some(Sent { tx, hash: B256::ZERO, sender: PAYER }), ..self }
    }

    #[track_caller]
    fn held(&self, market: Market) -> (HoldReason, String) {
        match self.draft(market) {
            Err(BuildError::Hold(Hold { reason, detail })) => (reason, detail),
            other => panic!("{other:?}"),
        }
    }
}

fn refused(code: i64, message: &str) -> RpcError {
    RpcError::Refused { code, message: message.to_owned(), data: Some(json!("0x")) }
}

#[test]
fn a_token_transfer_has_room_for_gas_and_base_fee() {
    let (tx, fee_max) = Scene::token().draft(MARKET).unwrap();
    assert_eq!((tx.gas_limit, tx.max_fee_per_gas, tx.max_priority_fee_per_gas), (62_500, 210, 10));
    assert_eq!((tx.chain_id, tx.nonce, tx.to, tx.value), (1, 9, TOKEN.into(), U256::ZERO));
    assert_eq!(fee_max.units(), 62_500 * 210);
    assert!(tx.access_list.is_empty());
}

#[test]
fn a_plain_transfer_takes_exactly_its_gas() {
    let (tx, _) = Scene::native().draft(MARKET).unwrap();
    assert_eq!((tx.gas_limit, tx.to, tx.value), (21_000, RECIPIENT.into(), U256::from(1_000_000)));
    assert!(tx.input.is_empty());
}

#[test]
fn numbers_are_never_used_twice() {
    let mut scene = Scene::token();
    scene.wallet.count = 12;
    assert_eq!(scene.draft(MARKET).unwrap().0.nonce, 12);
    scene.next_sequence = 13;
    assert_eq!(scene.draft(MARKET).unwrap().0.nonce, 13);
}

#[test]
fn an_empty_lane_waits_whatever_the_estimate_says() {
    let mut scene = Scene::token();
    scene.wallet.gas = Err(refused(3, "execution reverted"));
    scene.wallet.token = U256::from(999_999);
    let (reason, detail) = scene.held(MARKET);
    assert_eq!(reason, HoldReason::AwaitingFunds);
    assert_eq!(detail, "testnet/hot holds 0.999999 USDT and needs 1 USDT");
    let mut scene = Scene::native();
    scene.wallet.native = U256::from(999_999);
    scene.wallet.gas = Err(refused(-32000, "insufficient funds for transfer"));
    assert_eq!(scene.held(MARKET).0, HoldReason::AwaitingFunds);
}

#[test]
fn a_lane_without_gas_waits() {
    let mut scene = Scene::token();
    scene.wallet.native = U256::from(62_500 * 210 - 1);
    assert_eq!(scene.held(MARKET).0, HoldReason::AwaitingGas);
    scene.wallet.native = U256::from(62_500 * 210);
    scene.draft(MARKET).unwrap();
    let mut scene = Scene::native();
    scene.wallet.native = U256::from(1_000_000 + 21_000 * 210 - 1);
    assert_eq!(scene.held(MARKET).0, HoldReason::AwaitingGas);
    scene.wallet.native += U256::ONE;
    scene.draft(MARKET).unwrap();
}

#[test]
fn what_the_contract_undoes_is_refused_and_other_errors_are_not() {
    let mut scene = Scene::token();
    scene.wallet.gas = Err(refused(3, "execution reverted: paused"));
    assert!(matches!(scene.draft(MARKET), Err(BuildError::Refused(why)) if why.contains("paused")));
    for transient in [refused(-32000, "header not found"), RpcError::Unreachable(String::new())] {
        scene.wallet.gas = Err(transient);
        assert_eq!(scene.draft(MARKET), Err(BuildError::Unreachable));
    }
}

#[test]
fn recipients_do_not_spend_without_limit() {
    let mut scene = Scene::native();
    scene.wallet.gas = Ok(1_000_001);
    assert!(matches!(scene.draft(MARKET), Err(BuildError::Refused(_))));
    scene.wallet.gas = Ok(999_999);
    assert_eq!(scene.draft(MARKET).unwrap().0.gas_limit, 1_000_000);
}

#[test]
fn above_the_cap_everything_waits() {
    let dear = Market { base_fee: 991, ..MARKET };
    assert_eq!(Scene::token().held(dear).0, HoldReason::FeeAboveCap);
    assert_eq!(Scene::token().replacing().held(dear).0, HoldReason::FeeAboveCap);
    let just = Market { base_fee: 990, ..MARKET };
    assert_eq!(Scene::token().draft(just).unwrap().0.max_fee_per_gas, 1_000);
}

#[test]
fn a_replacement_has_the_same_number_and_an_eighth_more_of_both_fees() {
    let mut scene = Scene::token().replacing();
    scene.next_sequence = 20;
    scene.wallet.gas = Ok(40_000);
    let (tx, fee_max) = scene.draft(Market { tip: 11, ..MARKET }).unwrap();
    assert_eq!((tx.nonce, tx.max_fee_per_gas, tx.max_priority_fee_per_gas), (9, 237, 12));
    assert_eq!((tx.gas_limit, fee_max.units()), (62_500, 62_500 * 237));
    let (tx, _) = scene.draft(Market { base_fee: 300, ..MARKET }).unwrap();
    assert_eq!((tx.max_fee_per_gas, tx.max_priority_fee_per_gas), (612, 12));
}

#[test]
fn a_replacement_is_not_needed_while_the_first_pays_or_is_in_a_block() {
    let mut scene = Scene::token().replacing();
    assert_eq!(scene.draft(MARKET), Err(BuildError::NotNeeded));
    let doubled = Market { base_fee: 200, ..MARKET };
    assert_eq!(scene.draft(doubled), Err(BuildError::NotNeeded));
    let more = Market { base_fee: 201, ..MARKET };
    assert!(scene.draft(more).is_ok());
    scene.wallet.count = 10;
    assert_eq!(scene.draft(more), Err(BuildError::NotNeeded));
}

#[test]
fn what_the_node_does_not_take_for_its_fee_is_replaced() {
    let mut scene = Scene::token().replacing();
    scene.wallet.replaced_is_known = false;
    let (tx, _) = scene.draft(MARKET).unwrap();
    assert_eq!((tx.max_fee_per_gas, tx.max_priority_fee_per_gas), (237, 12));
}

#[test]
fn only_the_same_payment_replaces() {
    let dear = Market { base_fee: 300, ..MARKET };
    let change = |change: fn(&mut Sent)| {
        let mut scene = Scene::token().replacing();
        scene.replaces.iter_mut().for_each(change);
        scene.draft(dear)
    };
    assert!(change(|_| {}).is_ok());
    for changed in [
        change(|sent| sent.tx.to = PAYER.into()),
        change(|sent| sent.tx.value = U256::ONE),
        change(|sent| sent.tx.input = vec![].into()),
        change(|sent| sent.tx.chain_id = 2),
        change(|sent| sent.sender = RECIPIENT),
    ] {
        assert!(matches!(changed, Err(BuildError::Refused(_))), "{changed:?}");
    }
}
