//! When a transaction is made, when it waits, and when it is refused.

use alloy_primitives::{B256, address};
use domain::ids::{AssetId, LaneId, NetworkId};
use serde_json::json;

use super::*;
use crate::settings::{Finality, L1Charge};
use crate::tx::Tx;

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
        symbols: vec![],
    }
}

/// A situation in which a transfer of a million units works.
struct Scene {
    token: Option<Address>,
    /// What is done instead of the transfer.
    errand: Option<Errand>,
    wallet: Wallet,
    next_sequence: u64,
    replaces: Option<Sent>,
    overdue: bool,
    committed: BTreeMap<AssetId, Amount>,
    priority: Priority,
    settings: Settings,
    fee_model: FeeModel,
    first_fee_max: Option<Amount>,
    l1_gas: u64,
    l1_fee_wei: u128,
}

impl Scene {
    fn token() -> Self {
        let wallet = Wallet {
            native: U256::from(10_000_000_000_u64),
            token: U256::from(1_000_000),
            count: 7,
            count_final: Some(6),
            gas: Ok(50_000),
            block_gas: None,
        };
        let settings = Settings { max_fee_per_gas_cap_wei: 1_000, ..Settings::default() };
        Self {
            token: Some(TOKEN),
            errand: None,
            wallet,
            next_sequence: 9,
            replaces: None,
            committed: BTreeMap::new(),
            priority: Priority::Recommended,
            settings,
            fee_model: FeeModel::Eip1559,
            first_fee_max: None,
            overdue: false,
            l1_gas: 0,
            l1_fee_wei: 0,
        }
    }

    fn native() -> Self {
        let mut scene = Self { token: None, ..Self::token() };
        scene.wallet.gas = Ok(GAS_PLAIN);
        scene
    }

    fn draft(&self, market: Market) -> Result<(Tx, Amount), BuildError> {
        self.terms(market).map(|terms| (terms.tx(), terms.fee_max))
    }

    fn terms(&self, market: Market) -> Result<Terms, BuildError> {
        let parameters = Parameters {
            chain_id: 1,
            finality: Finality::Tag("finalized"),
            fee_model: self.fee_model,
            priority_fee_floor_wei: 1,
            l1_charge: L1Charge::None,
            lag_blocks_max: 5,
        };
        let transfer =
            Transfer { token: self.token, recipient: RECIPIENT, amount: U256::from(1_000_000) };
        let errand = self.errand.clone().unwrap_or(Errand::Pay(transfer));
        let fee_asset = asset("ETH", 18, None);
        let token = asset("USDT", 6, Some(TOKEN));
        let wish = Wish {
            parameters: &parameters,
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
            errand: &errand,
            skipped: None,
            priority: self.priority,
            replaces: self.replaces.as_ref(),
            overdue: self.overdue,
            first_fee_max: self.first_fee_max,
            l1_gas: self.l1_gas,
            l1_fee_wei: self.l1_fee_wei,
            committed: &self.committed,
            settings: &self.settings,
        };
        wish.draft(market, &self.wallet)
    }

    /// The same scene after its transaction was sent.
    fn replacing(self) -> Self {
        let (tx, fee_max) = self.draft(MARKET).unwrap();
        let replaces = Some(Sent { tx, hash: B256::ZERO, sender: PAYER });
        Self { replaces, first_fee_max: Some(fee_max), ..self }
    }

    /// The same scene with so much of an asset on its way.
    fn committing(mut self, ticker: &str, units: u128) -> Self {
        let id = asset(ticker, 0, None).id;
        self.committed.insert(id, Amount::from_units(units).unwrap());
        self
    }

    #[track_caller]
    fn held(&self, market: Market) -> (HoldReason, String) {
        match self.draft(market) {
            Err(BuildError::Hold(Hold { reason, detail })) => (reason, detail),
            Err(BuildError::AwaitingGas { detail, .. }) => (HoldReason::AwaitingGas, detail),
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
    assert_eq!((tx.chain_id, tx.nonce, tx.to, tx.value), (1, 9, TOKEN, U256::ZERO));
    assert_eq!(fee_max.units(), 62_500 * 210);
    assert_eq!(tx.kind, crate::tx::Kind::Eip1559);
}

#[test]
fn a_plain_transfer_takes_exactly_its_gas() {
    let (tx, _) = Scene::native().draft(MARKET).unwrap();
    assert_eq!((tx.gas_limit, tx.to, tx.value), (21_000, RECIPIENT, U256::from(1_000_000)));
    assert!(tx.input.is_empty());
}

#[test]
fn numbers_are_never_used_twice_and_only_what_is_final_skips_any() {
    let number = |next_sequence, count_final, count| {
        let mut scene = Scene::token();
        scene.next_sequence = next_sequence;
        scene.wallet = Wallet { count, count_final, ..scene.wallet };
        scene.draft(MARKET).map(|(tx, _)| tx.nonce).map_err(|error| match error {
            BuildError::Hold(hold) => Some((hold.reason, hold.detail)),
            BuildError::Unreachable => None,
            other @ (BuildError::Refused(_)
            | BuildError::NotNeeded
            | BuildError::AwaitingGas { .. }
            | BuildError::TooMany { .. }
            | BuildError::Split { .. }) => {
                panic!("{other:?}")
            }
        })
    };
    assert_eq!(number(13, Some(12), 12), Ok(13));
    assert_eq!(number(9, Some(9), 9), Ok(9));
    assert_eq!(number(9, Some(12), 12), Ok(12));
    assert_eq!(number(9, None, 9), Ok(9));
    for (count_final, at) in [(None, 9), (Some(0), 9), (Some(9), 9), (Some(11), 11)] {
        let (reason, detail) = number(9, count_final, 12).unwrap_err().unwrap();
        assert_eq!(reason, HoldReason::KeyUsedElsewhere);
        let told = format!("testnet/hot is at number {at}, and its account at 12");
        assert!(detail.contains(&told), "{detail}");
    }
    // An account cannot have made more transactions for good than it has made.
    assert_eq!(number(9, Some(12), 9), Err(None));
    for odd in [(9, None, u64::MAX), (9, Some(u64::MAX), u64::MAX), (u64::MAX, Some(9), 9)] {
        assert_eq!(number(odd.0, odd.1, odd.2), Err(None), "{odd:?}");
    }
    assert_eq!(number(u64::MAX - 1, Some(9), 9), Ok(u64::MAX - 1));
}

#[test]
fn what_is_on_its_way_is_not_paid_twice() {
    let (reason, detail) = Scene::token().committing("USDT", 1).held(MARKET);
    assert_eq!(reason, HoldReason::AwaitingFunds);
    let told =
        "testnet/hot holds 1 USDT, of which 0.000001 USDT are on their way, and needs 1 USDT";
    assert_eq!(detail, told);
    let more_than_all = Scene::token().committing("USDT", 1_000_001);
    assert_eq!(more_than_all.held(MARKET).0, HoldReason::AwaitingFunds);
    let mut scene = Scene::token().committing("USDT", 1);
    scene.wallet.token += U256::ONE;
    scene.draft(MARKET).unwrap();

    let spare = 10_000_000_000 - 62_500 * 210;
    Scene::token().committing("ETH", spare).draft(MARKET).unwrap();
    let scene = Scene::token().committing("ETH", spare + 1);
    assert_eq!(scene.held(MARKET).0, HoldReason::AwaitingGas);

    let spare = 10_000_000_000 - 1_000_000;
    assert_eq!(Scene::native().committing("ETH", spare).held(MARKET).0, HoldReason::AwaitingGas);
    let scene = Scene::native().committing("ETH", spare + 1);
    assert_eq!(scene.held(MARKET).0, HoldReason::AwaitingFunds);
    Scene::native().committing("ETH", spare - 21_000 * 210).draft(MARKET).unwrap();
    Scene::native().committing("USDT", spare).draft(MARKET).unwrap();
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
    scene.wallet.gas = Err(refused(-32000, "header not found"));
    let (reason, detail) = scene.held(MARKET);
    assert_eq!(reason, HoldReason::NotEstimated);
    assert_eq!(detail, "the node does not estimate it: header not found (-32000)");
    scene.wallet.gas = Err(RpcError::Unreachable(String::new()));
    assert_eq!(scene.draft(MARKET), Err(BuildError::Unreachable));
}

#[test]
fn recipients_do_not_spend_without_limit() {
    for (mut scene, most) in [(Scene::token(), 1_000_000), (Scene::native(), 126_000)] {
        scene.wallet.gas = Ok(most + 1);
        assert!(matches!(scene.draft(MARKET), Err(BuildError::Refused(_))));
        scene.wallet.gas = Ok(most - 1);
        assert_eq!(scene.draft(MARKET).unwrap().0.gas_limit, most);
        scene.settings.gas_limit_max = 50_000;
        assert!(matches!(scene.draft(MARKET), Err(BuildError::Refused(_))));
    }
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
fn what_is_next_and_waits_too_long_is_replaced_although_it_offers_enough() {
    let mut scene = Scene { overdue: true, ..Scene::token().replacing() };
    scene.wallet.count = 9;
    let (tx, _) = scene.draft(MARKET).unwrap();
    assert_eq!((tx.nonce, tx.max_fee_per_gas, tx.max_priority_fee_per_gas), (9, 237, 12));
    // Those behind it wait for it, and not for a better fee.
    scene.wallet.count = 8;
    assert_eq!(scene.draft(MARKET), Err(BuildError::NotNeeded));
    scene.wallet.count = 10;
    assert_eq!(scene.draft(MARKET), Err(BuildError::NotNeeded));
}

#[test]
fn priorities_tip_more_or_less_and_the_rest_stays() {
    let fees = |priority, market| {
        let (tx, fee_max) = Scene { priority, ..Scene::token() }.draft(market).unwrap();
        assert_eq!(fee_max.units(), 62_500 * tx.max_fee_per_gas);
        (tx.max_fee_per_gas, tx.max_priority_fee_per_gas)
    };
    assert_eq!(fees(Priority::Economy, MARKET), (209, 9));
    assert_eq!(fees(Priority::Recommended, MARKET), (210, 10));
    assert_eq!(fees(Priority::High, MARKET), (215, 15));
    assert_eq!(fees(Priority::Highest, MARKET), (220, 20));
    // Below the floor of 1 wei there is no tip.
    assert_eq!(fees(Priority::Economy, Market { tip: 1, ..MARKET }), (201, 1));
    // Nothing waits because of what is offered for speed.
    let near_the_cap = Market { base_fee: 985, ..MARKET };
    assert_eq!(fees(Priority::High, near_the_cap), (1_000, 15));
    assert_eq!(fees(Priority::Highest, near_the_cap), (1_000, 15));
    assert_eq!(fees(Priority::Highest, Market { base_fee: 990, ..MARKET }), (1_000, 10));
    let dear = Market { base_fee: 991, ..MARKET };
    let scene = Scene { priority: Priority::Highest, ..Scene::token() };
    assert_eq!(scene.held(dear).0, HoldReason::FeeAboveCap);
}

#[test]
fn an_urgent_payment_is_replaced_only_where_the_market_has_moved() {
    let sent = |priority| Scene { priority, ..Scene::token() }.replacing();
    for priority in Priority::ALL {
        assert_eq!(sent(priority).draft(MARKET), Err(BuildError::NotNeeded), "{priority:?}");
    }
    // It tips 15 and the market has come to ask for no more than that.
    let rose = |tip| Market { tip, ..MARKET };
    assert_eq!(sent(Priority::High).draft(rose(15)), Err(BuildError::NotNeeded));
    let (tx, _) = sent(Priority::High).draft(rose(16)).unwrap();
    assert_eq!((tx.max_fee_per_gas, tx.max_priority_fee_per_gas), (242, 24));
    // An eighth more is offered even where less would do.
    let (tx, _) = sent(Priority::Economy).draft(rose(11)).unwrap();
    assert_eq!((tx.max_fee_per_gas, tx.max_priority_fee_per_gas), (236, 11));
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
        change(|sent| sent.tx.to = PAYER),
        change(|sent| sent.tx.value = U256::ONE),
        change(|sent| sent.tx.input = vec![].into()),
        change(|sent| sent.tx.chain_id = 2),
        change(|sent| sent.sender = RECIPIENT),
    ] {
        assert!(matches!(changed, Err(BuildError::Refused(_))), "{changed:?}");
    }
}

#[test]
fn above_the_budget_of_a_transaction_it_waits_and_below_comfort_goes_first() {
    let with = |fee_max| {
        let settings = Settings { fee_max: Amount::from_units(fee_max), ..Scene::token().settings };
        Scene { settings, ..Scene::token() }
    };
    let (gas, wanted, needed) = (62_500, 210, 110);
    let (tx, fee_max) = with(gas * wanted).draft(MARKET).unwrap();
    assert_eq!((tx.max_fee_per_gas, fee_max.units()), (wanted, gas * wanted));
    let (tx, fee_max) = with(gas * needed + 7).draft(MARKET).unwrap();
    assert_eq!((tx.max_fee_per_gas, fee_max.units()), (needed, gas * needed));
    let (reason, detail) = with(gas * needed - 1).held(MARKET);
    assert_eq!(reason, HoldReason::FeeAboveCap);
    let told = "the transaction needs up to 0.000000000006875 ETH for its fee, and the budget of \
                one transaction (fee_max) is 0.000000000006874999 ETH";
    assert_eq!(detail, told);
    // Nothing waits because of what is offered for speed.
    let urgent = Scene { priority: Priority::Highest, ..with(gas * needed) };
    assert_eq!(urgent.draft(MARKET).unwrap().0.max_priority_fee_per_gas, 10);
    // A replacement is a transaction.
    let (reason, detail) = with(gas * wanted).replacing().held(Market { base_fee: 300, ..MARKET });
    assert_eq!(reason, HoldReason::FeeAboveCap);
    assert!(detail.contains("(fee_max)"), "{detail}");
}

#[test]
fn replacements_offer_no_more_than_their_part_of_what_the_first_offered() {
    // The first offered 210 per gas, so that 840 are the most.
    let replaced = |base_fee| Scene::token().replacing().draft(Market { base_fee, ..MARKET });
    let (tx, fee_max) = replaced(800).unwrap();
    assert_eq!((tx.max_fee_per_gas, fee_max.units()), (840, 62_500 * 840));
    assert!(replaced(828).is_ok());
    let (reason, detail) = Scene::token().replacing().held(Market { base_fee: 829, ..MARKET });
    assert_eq!(reason, HoldReason::FeeAboveCap);
    let told = "the replacement needs up to 0.0000000000525625 ETH for its fee, and the budget of \
                replacements (replacement_budget_percent = 400) is 0.0000000000525 ETH, the first \
                transaction having offered 0.000000000013125 ETH";
    assert_eq!(detail, told);
    // However many there were: the budget is of the first, not of the last.
    let mut again = Scene::token().replacing();
    let (tx, _) = again.draft(Market { base_fee: 800, ..MARKET }).unwrap();
    again.replaces = Some(Sent { tx, hash: B256::ZERO, sender: PAYER });
    assert_eq!(again.held(Market { base_fee: 850, ..MARKET }).0, HoldReason::FeeAboveCap);
    // A transaction that replaces none has no such budget.
    let fresh = Scene { first_fee_max: Some(Amount::ZERO), ..Scene::token() };
    fresh.draft(MARKET).unwrap();
}

#[test]
fn what_is_charged_beside_the_gas_is_signed_for_and_must_be_held() {
    let mut scene = Scene { l1_fee_wei: 1_000, ..Scene::native() };
    let (tx, fee_max) = scene.draft(MARKET).unwrap();
    assert_eq!((tx.max_fee_per_gas, fee_max.units()), (210, 21_000 * 210 + 1_000));
    scene.wallet.native = U256::from(1_000_000 + 21_000 * 210 + 1_000);
    scene.draft(MARKET).unwrap();
    scene.wallet.native -= U256::ONE;
    assert_eq!(scene.held(MARKET).0, HoldReason::AwaitingGas);
    scene.wallet.native += U256::ONE;
    scene.settings.fee_max = Amount::from_units(21_000 * 110 + 999);
    assert_eq!(scene.held(MARKET).0, HoldReason::FeeAboveCap);
    scene.settings.fee_max = Amount::from_units(21_000 * 110 + 1_000);
    assert_eq!(scene.draft(MARKET).unwrap().0.max_fee_per_gas, 110);
    scene.l1_fee_wei = u128::MAX;
    assert_eq!(scene.held(MARKET).0, HoldReason::FeeAboveCap);
}

#[test]
fn gas_for_the_parent_chain_is_nothing_that_a_recipient_spends() {
    let mut scene = Scene { l1_gas: 400_000, ..Scene::token() };
    scene.wallet.gas = Ok(1_400_000);
    assert_eq!(scene.draft(MARKET).unwrap().0.gas_limit, 1_500_000);
    scene.wallet.gas = Ok(421_000);
    assert_eq!(scene.draft(MARKET).unwrap().0.gas_limit, 526_250);
    scene.wallet.gas = Ok(1_400_001);
    let refused = scene.draft(MARKET).unwrap_err();
    let told = "the payment takes 1000001 gas, and the limit is 1000000";
    assert_eq!(refused, BuildError::Refused(told.to_owned()));
}

#[test]
fn where_there_is_one_price_it_is_offered_and_never_less_than_the_node_names() {
    let market = Market::of_gas_price(5, 100, 1);
    let price = |priority| {
        let scene = Scene { fee_model: FeeModel::Legacy, priority, ..Scene::native() };
        let terms = scene.terms(market).unwrap();
        assert_eq!((terms.fee_model, terms.fees.max_fee), (FeeModel::Legacy, terms.fees.tip));
        assert_eq!(terms.fee_max.units(), 21_000 * terms.fees.max_fee);
        assert_eq!(terms.unsigned().format, "eip155");
        terms.fees.max_fee
    };
    assert_eq!(Priority::ALL.map(price), [100, 100, 150, 200]);
}

#[test]
fn gas_is_allowed_for_what_nodes_do_not_estimate() {
    let allowed = |errand, estimate| {
        let mut scene = Scene { errand: Some(errand), ..Scene::native() };
        scene.wallet.gas = Ok(estimate);
        scene.draft(MARKET).unwrap().0.gas_limit
    };
    // An authorization, which is not part of the call that is estimated (EIP-7702).
    assert_eq!(allowed(Errand::Delegate, 21_000), 46_000 * 5 / 4);
    assert_eq!(allowed(Errand::Nothing, 21_000), 21_000);
    // All of many recipients of coins burn all that they get, if a quarter more is not enough.
    let many = |token, count| {
        let payment = crate::pay_call::Payment { recipient: RECIPIENT, amount: 1 };
        let payments = vec![payment; count];
        let method = crate::pay_call::Method::Contract;
        Errand::PayMany(crate::pay_call::PayCall::new(method, token, payments).unwrap())
    };
    assert_eq!(allowed(many(None, 2), 100_000), 230_000);
    assert_eq!(allowed(many(None, 2), 800_000), 1_000_000);
    assert_eq!(allowed(many(None, 40), 400_000), 3_000_000);
    // As far as one transaction may take it.
    assert_eq!(allowed(many(None, 300), 3_000_000), 1 << 24);
    // No more than an eighth of a block, unless it takes that anyway.
    let in_block = |block_gas| {
        let mut scene = Scene { errand: Some(many(None, 40)), ..Scene::native() };
        scene.wallet = Wallet { block_gas: Some(block_gas), gas: Ok(400_000), ..scene.wallet };
        scene.draft(MARKET).unwrap().0.gas_limit
    };
    assert_eq!([30_000_000, 8_000_000, 500_000].map(in_block), [3_000_000, 1_000_000, 500_000]);
    let mut scene = Scene { errand: Some(many(Some(TOKEN), 2)), ..Scene::token() };
    scene.wallet.gas = Ok(250_000);
    assert_eq!(scene.draft(MARKET).unwrap().0.gas_limit, 453_000);
}

/// A recipient that turns hostile after the first transaction was signed must not keep it from being
/// replaced: whatever has a higher number waits behind it.
#[test]
fn whatever_is_found_by_now_the_first_is_replaced_as_it_is() {
    let mut scene = Scene::token().replacing();
    let gas_limit = scene.replaces.as_ref().unwrap().tx.gas_limit;
    let dearer = Market { base_fee: MARKET.base_fee * 3, ..MARKET };
    for found in [
        Err(refused(3, "execution reverted")),
        Err(refused(-32_000, "execution aborted (timeout = 5s)")),
        Ok(2_000_000),
        Ok(400_000),
        Ok(40_000),
    ] {
        scene.wallet.gas = found;
        assert_eq!(scene.draft(dearer).unwrap().0.gas_limit, gas_limit);
    }
    scene.wallet.gas = Err(RpcError::Unreachable(String::new()));
    assert_eq!(scene.draft(dearer), Err(BuildError::Unreachable));
    scene.wallet.gas = Ok(2_000_000);
    let fresh = Scene { replaces: None, ..scene };
    assert!(matches!(fresh.draft(dearer), Err(BuildError::Refused(_))));
}
