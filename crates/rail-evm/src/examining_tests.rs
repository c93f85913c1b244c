//! What is decided about calls that make many payments.

use alloy_primitives::{Bytes, address};
use alloy_sol_types::{SolCall, sol};
use domain::{
    ids::{AssetId, NetworkId},
    money::Amount,
};

use super::*;
use crate::{fees::Fees, pay_call::Payment, settings::FeeModel};

const TOKEN: Address = address!("0xdAC17F958D2ee523a2206206994597C13D831ec7");
const LANE: Address = address!("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266");

sol! {
    function pay(address token, uint256[] payments) external returns (uint256[] unpaid);
}

fn asset() -> Asset {
    Asset {
        id: AssetId::new("USD@testnet"),
        network: NetworkId::new("testnet"),
        ticker: "USD".to_owned(),
        title: "Dollar".to_owned(),
        decimals: 6,
        contract: Some(TOKEN.to_string()),
        stablecoin: false,
        symbols: vec![],
    }
}

fn call() -> PayCall {
    let payment = |byte| Payment { recipient: Address::repeat_byte(byte), amount: 10 };
    PayCall::new(Method::Contract, Some(TOKEN), [1, 2, 3, 4].map(payment).to_vec()).unwrap()
}

fn answer(failing: &[u64]) -> Answer {
    let unpaid: Vec<U256> = failing.iter().map(|it| U256::from(*it)).collect();
    Answer::Returned(payCall::abi_encode_returns(&unpaid).into())
}

fn facts() -> Facts {
    let amount = U256::from(10);
    Facts {
        has_code: true,
        is_paused: false,
        lane_is_blacklisted: false,
        blacklisted: BTreeSet::new(),
        unborn: BTreeSet::new(),
        call: Some(answer(&[])),
        trial: Trial::Moved { returned: Bytes::new(), arrived: amount, left: amount },
    }
}

fn terms() -> Terms {
    Terms {
        chain_id: 1,
        nonce: 2,
        gas_limit: 200_000,
        fees: Fees { max_fee: 3, tip: 1 },
        fee_model: FeeModel::Eip1559,
        lane: LANE,
        errand: Errand::PayMany(call()),
        fee_max: Amount::ZERO,
    }
}

fn decide(
    facts: &Facts,
    never: &[u32],
    drafted: Result<Terms, BuildError>,
) -> Result<Terms, BuildError> {
    let (asset, call) = (asset(), call());
    let many = Many { payer: LANE, asset: &asset, call: &call, block: 1, final_head: None };
    facts.verdict(&many, never.iter().copied().collect(), drafted)
}

#[track_caller]
fn alone(found: Result<Terms, BuildError>) -> (Vec<u32>, String) {
    match found {
        Err(BuildError::Split { alone, detail }) => (alone, detail),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn held(found: Result<Terms, BuildError>) -> HoldReason {
    match found {
        Err(BuildError::Hold(hold)) => hold.reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_in_order_is_made() {
    assert_eq!(decide(&facts(), &[], Ok(terms())), Ok(terms()));
    for trial in [Trial::None, Trial::Failed("it serves no programs".to_owned())] {
        assert_eq!(decide(&Facts { trial, ..facts() }, &[], Ok(terms())), Ok(terms()));
    }
}

#[test]
fn whoever_cannot_be_paid_with_others_is_taken_out() {
    let facts = Facts { blacklisted: [3].into(), call: Some(answer(&[0])), ..facts() };
    assert_eq!(alone(decide(&facts, &[1], Ok(terms()))).0, [0, 1, 3]);
    let refused = || Err(BuildError::Refused("undone".to_owned()));
    // The estimate may have failed because of them.
    assert_eq!(alone(decide(&facts, &[], refused())).0, [3]);
    let unborn = Facts { unborn: [2].into(), call: Some(answer(&[])), ..self::facts() };
    assert_eq!(alone(decide(&unborn, &[], Ok(terms()))).0, [2]);
}

#[test]
fn what_fails_as_a_whole_is_paid_one_by_one() {
    let check = |facts: &Facts, drafted, words: &str| {
        let (places, detail) = alone(decide(facts, &[], drafted));
        assert_eq!(places, [0, 1, 2, 3]);
        assert!(detail.contains(words), "{detail}");
    };
    let refused = Err(BuildError::Refused("undone".to_owned()));
    check(&facts(), refused, "undone");
    check(&Facts { has_code: false, ..facts() }, Ok(terms()), "not there");
    let undone = Facts { call: Some(Answer::Undone("no".to_owned())), ..facts() };
    check(&undone, Ok(terms()), "no");
    let nonsense = Facts { call: Some(Answer::Returned(Bytes::new())), ..facts() };
    check(&nonsense, Ok(terms()), "did not answer");
    check(&Facts { call: Some(answer(&[4])), ..facts() }, Ok(terms()), "none of the call");
    let (arrived, left) = (U256::from(9), U256::from(10));
    let fee = Trial::Moved { returned: Bytes::new(), arrived, left };
    check(&Facts { trial: fee, ..facts() }, Ok(terms()), "takes a fee");
}

#[test]
fn what_concerns_the_whole_asset_is_waited_for() {
    let paused = Facts { is_paused: true, ..facts() };
    assert_eq!(held(decide(&paused, &[0], Ok(terms()))), HoldReason::AssetStopped);
    let frozen = Facts { lane_is_blacklisted: true, ..facts() };
    assert_eq!(held(decide(&frozen, &[0], Ok(terms()))), HoldReason::AssetStopped);
    let unsaid = Facts { trial: Trial::NotTried("busy".to_owned()), ..facts() };
    assert_eq!(held(decide(&unsaid, &[], Ok(terms()))), HoldReason::NotEstimated);
    let silent = Facts { call: None, ..facts() };
    assert_eq!(decide(&silent, &[], Ok(terms())), Err(BuildError::Unreachable));
}
