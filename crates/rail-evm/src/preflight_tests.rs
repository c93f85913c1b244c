//! Tests of what is decided about payments.

use alloy_primitives::{address, hex};
use domain::{
    ids::{AssetId, NetworkId},
    money::Amount,
};

use super::*;
use crate::{fees::Fees, settings::FeeModel};

const TOKEN: Address = address!("0xdAC17F958D2ee523a2206206994597C13D831ec7");
const LANE: Address = address!("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
const RECIPIENT: Address = address!("0x70997970C51812dc3A010C7d01b50e0d17dc79C8");

fn asset(contract: Option<Address>) -> Asset {
    Asset {
        id: AssetId::new("USD@testnet"),
        network: NetworkId::new("testnet"),
        ticker: "USD".to_owned(),
        title: "Dollar".to_owned(),
        decimals: 6,
        contract: contract.map(|it| it.to_string()),
        stablecoin: false,
        symbols: vec![],
    }
}

fn facts() -> Facts {
    let amount = U256::from(1_000_000);
    Facts {
        recipient: Resident::Account,
        lane_is_blacklisted: false,
        recipient_is_blacklisted: false,
        is_paused: false,
        call: Some(truth(1)),
        trial: Trial::Moved { returned: Bytes::new(), arrived: amount, left: amount },
    }
}

fn truth(word: u64) -> Answer {
    Answer::Returned(U256::from(word).to_be_bytes_vec().into())
}

fn decide(
    token: Option<Address>,
    facts: &Facts,
    drafted: Result<Terms, BuildError>,
) -> Result<Terms, BuildError> {
    let asset = asset(token);
    let transfer = Transfer { token, recipient: RECIPIENT, amount: U256::from(1_000_000) };
    facts.verdict(&Payment { payer: LANE, asset: &asset, transfer, block: 1 }, drafted)
}

fn drafted() -> Terms {
    Terms {
        chain_id: 1,
        nonce: 2,
        gas_limit: 65_000,
        fees: Fees { max_fee: 3, tip: 1 },
        fee_model: FeeModel::Eip1559,
        lane: LANE,
        errand: Errand::Nothing,
        fee_max: Amount::ZERO,
    }
}

#[track_caller]
fn refused(token: Option<Address>, facts: &Facts) -> String {
    match decide(token, facts, Ok(drafted())) {
        Err(BuildError::Refused(why)) => why,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn held(found: Result<Terms, BuildError>) -> (HoldReason, String) {
    match found {
        Err(BuildError::Hold(hold)) => (hold.reason, hold.detail),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_transfer_that_returns_true_or_nothing_and_moves_the_amount_is_signed() {
    for call in [truth(1), Answer::Returned(Bytes::new())] {
        assert!(decide(Some(TOKEN), &Facts { call: Some(call), ..facts() }, Ok(drafted())).is_ok());
    }
    for trial in [Trial::None, Trial::Failed("programs are not served".to_owned())] {
        assert!(decide(Some(TOKEN), &Facts { trial, ..facts() }, Ok(drafted())).is_ok());
    }
}

#[test]
fn a_transfer_that_answers_anything_else_is_refused() {
    let odd = |length: usize| Answer::Returned(vec![1; length].into());
    for call in [truth(0), truth(2), odd(1), odd(31), odd(33), odd(64)] {
        let why = refused(Some(TOKEN), &Facts { call: Some(call.clone()), ..facts() });
        assert!(why.contains("does not pay"), "{why}");
    }
    let Trial::Moved { arrived, left, .. } = facts().trial else { panic!() };
    let returned = Bytes::from(U256::ZERO.to_be_bytes_vec());
    let trial = Trial::Moved { returned, arrived, left };
    assert!(refused(Some(TOKEN), &Facts { trial, ..facts() }).contains("answers false"));
    // Accounts return nothing, and contracts whatever they like: it means nothing for the coin.
    let coin = Facts { trial: Trial::None, call: Some(odd(64)), ..facts() };
    assert!(decide(None, &coin, Ok(drafted())).is_ok());
}

#[test]
fn without_a_call_that_goes_through_nothing_is_signed() {
    let undone = Facts { call: Some(Answer::Undone("no".to_owned())), ..facts() };
    assert_eq!(refused(Some(TOKEN), &undone), "no");
    let none = Facts { call: None, ..facts() };
    assert_eq!(decide(Some(TOKEN), &none, Ok(drafted())), Err(BuildError::Unreachable));
    let trial = Trial::NotTried("busy".to_owned());
    let (reason, detail) = held(decide(Some(TOKEN), &Facts { trial, ..facts() }, Ok(drafted())));
    assert_eq!(reason, HoldReason::NotEstimated);
    assert!(detail.contains("busy"), "{detail}");
}

#[test]
fn a_token_that_takes_a_fee_is_refused_whoever_pays_it() {
    for (arrived, left) in [(999_000, 1_000_000), (1_000_000, 1_000_001), (0, 0), (1_000_001, 0)] {
        let (arrived, left) = (U256::from(arrived), U256::from(left));
        let trial = Trial::Moved { returned: Bytes::new(), arrived, left };
        let why = refused(Some(TOKEN), &Facts { trial, ..facts() });
        assert!(why.contains("the token takes a fee on transfers: of 1 USD"), "{why}");
    }
}

#[test]
fn what_the_issuer_stopped_is_told_before_what_became_of_it() {
    let undone = || Err(BuildError::Refused("the contract refuses: paused".to_owned()));
    let paused = Facts { is_paused: true, recipient_is_blacklisted: true, ..facts() };
    let (reason, detail) = held(decide(Some(TOKEN), &paused, undone()));
    assert_eq!(reason, HoldReason::AssetStopped);
    assert!(detail.contains("paused"), "{detail}");
    let frozen = Facts { lane_is_blacklisted: true, ..facts() };
    let (reason, detail) = held(decide(Some(TOKEN), &frozen, undone()));
    assert_eq!(reason, HoldReason::AssetStopped);
    assert!(detail.contains(&LANE.to_string()), "{detail}");
    let frozen = Facts { recipient_is_blacklisted: true, ..facts() };
    assert!(refused(Some(TOKEN), &frozen).contains("would be frozen"));
    assert_eq!(decide(Some(TOKEN), &facts(), undone()), undone());
}

#[test]
fn that_the_recipient_is_a_contract_is_told_where_it_may_be_why() {
    let undone = || Err(BuildError::Refused("no".to_owned()));
    let contract = Facts { recipient: Resident::Contract, ..facts() };
    let told = BuildError::Refused("no (the recipient is a contract)".to_owned());
    assert_eq!(decide(None, &contract, undone()), Err(told));
    assert_eq!(decide(Some(TOKEN), &contract, undone()), undone());
    assert_eq!(decide(None, &facts(), undone()), undone());
}

#[test]
fn delegated_accounts_are_accounts() {
    let of = |code: &str| resident(&hex::decode(code).unwrap().into());
    let delegated = format!("ef0100{}", "11".repeat(20));
    assert_eq!((of(""), of(&delegated)), (Resident::Account, Resident::Account));
    for code in ["60", "ef", "ef0100", &delegated[..44], &format!("{delegated}00")] {
        assert_eq!(of(code), Resident::Contract, "{code}");
    }
    assert_eq!(of(&format!("ef0101{}", "11".repeat(20))), Resident::Contract);
}

#[test]
fn errors_about_parameters_mean_that_there_are_no_overrides() {
    for (code, message) in [
        (-32_602, "too many arguments, want at most 2"),
        (-32_602, "Invalid params"),
        (-32_000, "state override is not supported"),
    ] {
        assert!(knows_no_overrides(code, message), "{message}");
    }
    for (code, message) in [(-32_005, "rate limit exceeded"), (-32_000, "header not found")] {
        assert!(!knows_no_overrides(code, message), "{message}");
    }
}
