//! What a lane does for itself is signed if it is exactly that.

use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_primitives::{Address, TxKind, U256, hex};
use domain::{
    catalog::Destination,
    chore::{Chore, TopUp},
    ids::{AssetId, LaneId, NetworkId},
    ports::{Intent, UnsignedTx},
};
use signer::{
    Policy,
    intent::{eip1559, evm},
};

use crate::world::{self, ALICE, BOB, Case, amount, payment};

const CHAIN_ID: u64 = 5;
const TOKEN: &str = "0xdAC17F958D2ee523a2206206994597C13D831ec7";

fn tx(to: Address, value: u64, input: &[u8]) -> TxEip1559 {
    TxEip1559 {
        chain_id: CHAIN_ID,
        nonce: 3,
        gas_limit: 60_000,
        max_fee_per_gas: 100,
        max_priority_fee_per_gas: 1,
        to: TxKind::Call(to),
        value: U256::from(value),
        input: input.to_vec().into(),
        ..TxEip1559::default()
    }
}

fn case(chore: Chore, tx: &TxEip1559) -> Case {
    let fee_max = amount(6_000_000);
    Case {
        lane: world::lane(),
        unsigned: UnsignedTx {
            format: eip1559::FORMAT,
            payload: tx.encoded_for_signing(),
            sequence: Some(3),
            sequences_used: 1,
            spends: vec![],
            fee_max,
        },
        intent: Intent {
            network: world::network(CHAIN_ID),
            payments: vec![],
            chore: Some(chore),
            fee_max,
            sequence: Some(3),
            spends: vec![],
        },
        policy: Policy::default(),
    }
}

fn alice() -> Address {
    ALICE.parse().unwrap()
}

fn bob() -> Address {
    BOB.parse().unwrap()
}

#[test]
fn a_skipped_number_is_used_up_by_nothing_but_nothing() {
    let fill = || Chore::Fill { sequence: 3 };
    assert!(case(fill(), &tx(alice(), 0, &[])).sign().is_ok());
    let refused = |tx: &TxEip1559, words: &str| case(fill(), tx).check_refused(words, |_| {});
    refused(&tx(bob(), 0, &[]), "to is");
    refused(&tx(alice(), 1, &[]), "value is");
    refused(&tx(alice(), 0, &[1]), "data is");
    let good = case(fill(), &tx(alice(), 0, &[]));
    good.check_refused("payments", |it| it.intent.payments = vec![payment(None, BOB, 1)]);
    good.check_refused("none", |it| it.intent.chore = None);
}

#[test]
fn the_contract_may_take_a_token_and_nobody_else_may() {
    let approve = || Chore::Prepare(format!("approve {TOKEN}"));
    let token: Address = TOKEN.parse().unwrap();
    let data = |spender: Address| {
        [&hex!("095ea7b3")[..], spender.into_word().as_slice(), &[0xff; 32]].concat()
    };
    assert!(case(approve(), &tx(token, 0, &data(evm::PAYOUTS))).sign().is_ok());
    let refused = |tx: &TxEip1559, words: &str| case(approve(), tx).check_refused(words, |_| {});
    refused(&tx(token, 0, &data(bob())), "data is");
    refused(&tx(bob(), 0, &data(evm::PAYOUTS)), "to is");
    refused(&tx(token, 7, &data(evm::PAYOUTS)), "value is");
    let unknown = case(Chore::Prepare("approve everything".into()), &tx(token, 0, &[]));
    unknown.check_refused("no address", |_| {});
    let unknown = case(Chore::Prepare("clean up".into()), &tx(token, 0, &[]));
    unknown.check_refused("nothing that this signer knows", |_| {});
}

#[test]
fn only_the_known_contract_is_deployed() {
    let deploy = || Chore::Prepare("deploy".into());
    case(deploy(), &tx(evm::PROXY, 0, &[1, 2])).check_refused("hash of data", |_| {});
    case(deploy(), &tx(bob(), 0, &[])).check_refused("hash of data", |_| {});
}

#[test]
fn coins_are_brought_to_our_own_wallets_only() {
    let top_up = |address: &str| {
        Chore::TopUp(TopUp {
            to: LaneId::new("net/other"),
            destination: Destination { address: address.into(), memo: None },
            asset: AssetId::new("COIN@net"),
            amount: amount(9),
        })
    };
    let mut good = case(top_up(BOB), &tx(bob(), 9, &[]));
    good.intent.payments = vec![payment(None, BOB, 9)];
    good.check_refused("no other lane's", |_| {});
    let own = |addresses: &[&str]| Policy {
        lane_addresses: [(
            NetworkId::new("net"),
            addresses.iter().map(|it| (*it).to_owned()).collect(),
        )]
        .into(),
        ..Policy::default()
    };
    good.policy = own(&[ALICE, BOB]);
    assert!(good.sign().is_ok());
    good.check_refused("value is", |it| it.intent.payments = vec![payment(None, BOB, 8)]);
    good.check_refused("payments", |it| it.intent.payments.push(payment(None, BOB, 9)));
    good.check_refused("no other lane's", |it| it.policy = own(&[ALICE]));
    let mut itself = case(top_up(ALICE), &tx(alice(), 9, &[]));
    itself.intent.payments = vec![payment(None, ALICE, 9)];
    itself.policy = own(&[ALICE, BOB]);
    itself.check_refused("no other lane's", |_| {});
}
