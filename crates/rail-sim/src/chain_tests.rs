//! The chain, used and abused.

use domain::ids::NetworkId;

use super::*;
use crate::payload::PayloadPayment;

const ADDRESS: &str = "wallet";

fn amount(units: u128) -> Amount {
    Amount::from_units(units).unwrap()
}

fn coin() -> AssetId {
    AssetId::new("COIN@net")
}

fn lane() -> Lane {
    Lane {
        id: LaneId::new("net/hot"),
        network: NetworkId::new("net"),
        address: ADDRESS.to_owned(),
        key_path: String::new(),
        next_sequence: 0,
        version: 1,
    }
}

fn chain() -> SimChain {
    let options = ChainOptions {
        fee_asset: coin(),
        finality_depth: 2,
        fee_level: amount(10),
        of_coins: false,
    };
    let chain = SimChain::resume(options, [(ADDRESS.to_owned(), coin(), amount(1_000))]);
    chain.open_wallet(&lane());
    chain
}

fn payload(sequence: u64, fee_max: u128, to: &str) -> Payload {
    let payment =
        PayloadPayment { asset: coin(), amount: amount(100), address: to.to_owned(), memo: None };
    Payload {
        network: NetworkId::new("net"),
        lane: lane().id,
        uses: Uses::Sequence(sequence),
        fee_max: amount(fee_max),
        payments: vec![payment],
    }
}

/// A signed transaction and its name.
fn transaction(sequence: u64, fee_max: u128, to: &str) -> (Vec<u8>, TxId) {
    let text = payload(sequence, fee_max, to).to_text().unwrap();
    let raw = payload::signed(text.as_bytes(), &Signature(vec![1]));
    let txid = payload::txid(&raw);
    (raw, txid)
}

fn mine(chain: &SimChain, blocks: usize) {
    (0..blocks).for_each(|_| chain.mine());
}

fn standing(chain: &SimChain, sequence: u64, txid: &TxId) -> Standing {
    chain.standing(&lane().id, Some(&Uses::Sequence(sequence)), txid)
}

#[test]
fn a_payment_becomes_final_and_only_then_counts() {
    let chain = chain();
    let (raw, txid) = transaction(5, 20, "bob");
    assert_eq!(standing(&chain, 5, &txid), Standing::Unknown);
    assert_eq!(chain.submit(&raw), Handover::Accepted);
    assert_eq!(chain.submit(&raw), Handover::Accepted);
    assert_eq!(standing(&chain, 5, &txid), Standing::Waiting);
    mine(&chain, 1);
    assert_eq!(standing(&chain, 5, &txid), Standing::InBlock);
    assert_eq!(chain.submit(&raw), Handover::Accepted);
    mine(&chain, 1);
    assert_eq!(chain.holding(ADDRESS, &coin()), amount(1_000));
    mine(&chain, 1);
    assert_eq!(
        standing(&chain, 5, &txid),
        Standing::Final { fee: amount(10), reverted: false, unpaid: vec![] }
    );
    assert_eq!(chain.holding(ADDRESS, &coin()), amount(890));
    assert_eq!(chain.holding("bob", &coin()), amount(100));
    assert_eq!(chain.payments().len(), 1);
    assert_eq!(chain.reorg(9), 2, "a final block stays");
    assert_eq!(
        standing(&chain, 5, &txid),
        Standing::Final { fee: amount(10), reverted: false, unpaid: vec![] }
    );
}

#[test]
fn transactions_with_one_number_exclude_each_other() {
    let chain = chain();
    let (first, first_id) = transaction(0, 20, "bob");
    let (second, second_id) = transaction(0, 30, "bob");
    assert_eq!(chain.submit(&second), Handover::Accepted);
    assert_eq!(chain.submit(&first), Handover::Underpriced, "the other one offers more");
    mine(&chain, 1);
    assert!(matches!(chain.submit(&first), Handover::Refused(_)));
    assert_eq!(standing(&chain, 0, &first_id), Standing::Unknown, "a block is no proof of death");
    mine(&chain, 2);
    assert_eq!(standing(&chain, 0, &first_id), Standing::Excluded(second_id));
    assert_eq!(chain.payments().len(), 1);
    assert_eq!(chain.free_sequence(&lane().id, 0), 1);
}

#[test]
fn what_is_displaced_may_come_back_and_win() {
    let chain = chain();
    let (first, first_id) = transaction(0, 20, "bob");
    let (second, second_id) = transaction(0, 30, "bob");
    chain.submit(&first);
    assert_eq!(chain.submit(&second), Handover::Accepted);
    assert_eq!(chain.limbo(), std::slice::from_ref(&first_id));
    assert!(chain.recall(&first_id));
    mine(&chain, 3);
    assert_eq!(standing(&chain, 0, &second_id), Standing::Excluded(first_id));
}

#[test]
fn a_reorganisation_gives_back_coins_and_transactions() {
    let chain = chain();
    let (raw, txid) = transaction(0, 20, "bob");
    chain.submit(&raw);
    mine(&chain, 2);
    assert_eq!(chain.spendable(&lane(), &coin(), &[]), 890);
    assert_eq!(chain.reorg(2), 2);
    assert_eq!(standing(&chain, 0, &txid), Standing::Waiting);
    assert_eq!(chain.spendable(&lane(), &coin(), &[0]), 1_000);
    chain.forget_mempool();
    mine(&chain, 5);
    assert_eq!(standing(&chain, 0, &txid), Standing::Unknown);
    assert!(chain.recall(&txid));
    mine(&chain, 3);
    assert_eq!(chain.holding("bob", &coin()), amount(100));
}

#[test]
fn a_rise_of_the_fee_makes_transactions_wait() {
    let chain = chain();
    let (raw, txid) = transaction(0, 20, "bob");
    chain.submit(&raw);
    chain.set_fee_level(amount(25));
    mine(&chain, 5);
    assert_eq!(standing(&chain, 0, &txid), Standing::Waiting);
    let (cheap, _) = transaction(1, 20, "bob");
    assert_eq!(chain.submit(&cheap), Handover::Underpriced);
    chain.set_fee_level(amount(20));
    mine(&chain, 3);
    assert_eq!(
        standing(&chain, 0, &txid),
        Standing::Final { fee: amount(20), reverted: false, unpaid: vec![] }
    );
}

#[test]
fn an_undone_transaction_is_charged_for_and_pays_nobody() {
    let chain = chain();
    chain.revert_payments_to("bob");
    let (raw, txid) = transaction(0, 20, "bob");
    chain.submit(&raw);
    mine(&chain, 3);
    assert_eq!(
        standing(&chain, 0, &txid),
        Standing::Final { fee: amount(10), reverted: true, unpaid: vec![] }
    );
    assert_eq!(chain.holding(ADDRESS, &coin()), amount(990));
    assert_eq!(chain.holding("bob", &coin()), Amount::ZERO);
    assert!(chain.payments().is_empty());
    assert_eq!(chain.final_transactions(0).len(), 1);
    assert!(chain.final_transactions(1).is_empty());
}

#[test]
fn a_wallet_cannot_be_overdrawn() {
    let chain = chain();
    for sequence in 0..20 {
        chain.submit(&transaction(sequence, 20, "bob").0);
    }
    mine(&chain, 3);
    assert_eq!(chain.holding("bob", &coin()), amount(900));
    assert_eq!(chain.holding(ADDRESS, &coin()), amount(10));
    chain.fund(ADDRESS, &coin(), amount(5_000));
    mine(&chain, 3);
    assert_eq!(chain.holding("bob", &coin()), amount(2_000));
}

#[test]
fn a_copy_falls_behind_and_what_it_hears_arrives_late() {
    let chain = chain();
    let behind = chain.snapshot();
    let (raw, txid) = transaction(0, 20, "bob");
    behind.submit(&raw);
    mine(&chain, 3);
    assert_eq!(standing(&chain, 0, &txid), Standing::Unknown);
    chain.hear(&behind);
    assert!(chain.recall(&txid));
    mine(&chain, 3);
    assert_eq!(chain.payments().len(), 1);
    assert!(behind.payments().is_empty());
}

#[test]
fn somebody_else_can_take_a_number() {
    let chain = chain();
    let (raw, txid) = transaction(0, 20, "bob");
    chain.submit(&raw);
    let theirs = Payload { payments: vec![], ..payload(0, 20, "") };
    let (outside, waits) = chain.spend_outside(&theirs).unwrap();
    assert!(waits);
    mine(&chain, 3);
    assert_eq!(standing(&chain, 0, &txid), Standing::Excluded(outside));
    assert_eq!(chain.holding(ADDRESS, &coin()), amount(990));
    assert!(!chain.spend_outside(&payload(0, 99, "bob")).unwrap().1);
}

#[test]
fn what_was_signed_for_the_chain_before_a_restart_is_taken() {
    let chain = chain();
    let resumed = SimChain::resume(
        ChainOptions {
            fee_asset: coin(),
            finality_depth: 2,
            fee_level: amount(10),
            of_coins: false,
        },
        [(ADDRESS.to_owned(), coin(), chain.holding(ADDRESS, &coin()))],
    );
    let (raw, txid) = transaction(3, 20, "bob");
    assert_eq!(resumed.submit(&raw), Handover::Accepted);
    mine(&resumed, 2);
    assert_eq!(standing(&resumed, 3, &txid), Standing::Waiting, "whose wallet is not known yet");
    resumed.open_wallet(&lane());
    mine(&resumed, 3);
    assert_eq!(resumed.holding("bob", &coin()), amount(100));
}
