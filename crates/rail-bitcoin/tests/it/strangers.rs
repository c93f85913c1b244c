//! What recipients do with their outputs while a transaction waits, by the real engine, signer and rail
//! on real nodes.

use bitcoin::{OutPoint, Transaction, Txid, Witness};
use domain::{batch::Attempt, chore::Chore, ids::PayoutId, payout::Status};
use rail_bitcoin::drafting::transaction;

use crate::desk::{Desk, REPLACING, Server, address_of, anybody, kinds, nobody, read, status_in};

const COIN: u64 = 100_000_000;

/// A payout that waits at five satoshi for a virtual byte, and what its recipient got.
async fn paid(desk: &Desk) -> (PayoutId, Attempt, OutPoint) {
    let id = desk.ask(&address_of(&desk.network, &anybody().0), COIN / 5).await;
    desk.wait(500);
    desk.turn().await;
    let first = desk.newest_of(&[id]);
    let tx = read(&first);
    let vout = tx.output.iter().position(|it| it.script_pubkey == anybody().0).unwrap();
    let vout = u32::try_from(vout).unwrap();
    (id, first, OutPoint { txid: tx.compute_txid(), vout })
}

/// The recipient pays so many others with it, for this fee.
fn passed_on(from: OutPoint, others: u64, fee_of: impl Fn(u64) -> u64) -> (Transaction, u64) {
    let outputs: Vec<_> = (0..others).map(|it| (kinds("other", it * 5), 20_000)).collect();
    let with = |rest: u64| {
        let all = outputs.clone().into_iter().chain([(anybody().0, rest)]);
        let mut tx = transaction([from], all);
        tx.input[0].witness = Witness::from_slice(&[anybody().1.as_bytes()]);
        tx
    };
    let fee = fee_of(with(1_000).vsize() as u64);
    (with(COIN / 5 - others * 20_000 - fee), fee)
}

/// What it would cost to replace it is what all that he made of it pays, so it is lifted.
#[tokio::test]
async fn a_recipient_who_spends_at_once_does_not_keep_it_from_being_included() {
    for stage in [REPLACING[0], REPLACING[2]] {
        let Some(mut desk) = Desk::start(stage, "pinned", &[COIN, COIN]).await else { return };
        desk.node.restart(&[&stage.options()[..], &["-blockmintxfee=0.0001"]].concat());
        desk.restart();
        let (id, first, outpoint) = paid(&desk).await;
        desk.node.send(&passed_on(outpoint, 300, |vsize| vsize * 5).0);
        desk.set(|it| it.rate_default_sat_per_kvb = Some(12_000));
        for _ in 0..20 {
            desk.wait(60_000);
            desk.turn().await;
            desk.tend().await;
            desk.turn().await;
            desk.node.mine(&nobody(), 1);
        }
        desk.until("paid", |it| status_in(it, id) == Status::Paid).await;
        assert_eq!(desk.batch_of(id).attempts.len(), 1, "nothing is signed that is refused");
        let lift = Chore::Prepare(format!("lift {}", first.tx.txid));
        assert_eq!(desk.chores(), [lift], "{}", desk.report());
    }
}

/// A server of Esplora's API tells it as well, from one transaction to the next.
#[tokio::test]
async fn a_server_tells_what_he_made_of_it() {
    let stage = REPLACING[0];
    let Some(mut desk) = Desk::start(stage, "told", &[COIN, COIN]).await else { return };
    let server = Server::start(&desk.node.url()).await;
    desk.connect(vec![server.endpoint()]);
    let (id, first, outpoint) = paid(&desk).await;
    desk.node.send(&passed_on(outpoint, 300, |vsize| vsize * 5).0);
    desk.settings.rate_default_sat_per_kvb = Some(12_000);
    desk.connect(vec![server.endpoint()]);
    for _ in 0..4 {
        desk.node.block_of(&[]);
        desk.wait(60_000);
        desk.turn().await;
        desk.tend().await;
        desk.turn().await;
    }
    assert_eq!(desk.batch_of(id).attempts.len(), 1, "nothing is signed that is refused");
    let lift = Chore::Prepare(format!("lift {}", first.tx.txid));
    assert_eq!(desk.chores(), [lift], "{}", desk.report());
    desk.until("paid", |it| status_in(it, id) == Status::Paid).await;
}

/// What he pays is little: whoever replaces it pays that, too.
#[tokio::test]
async fn what_others_pay_is_paid_by_what_replaces_it() {
    for stage in [REPLACING[0], REPLACING[2]] {
        let Some(mut desk) = Desk::start(stage, "evicted", &[COIN, COIN]).await else { return };
        let (id, first, outpoint) = paid(&desk).await;
        let (his, fee) = passed_on(outpoint, 0, |_| 1_000);
        desk.node.send(&his);
        desk.set(|it| it.rate_default_sat_per_kvb = Some(12_000));
        desk.wait(60_000);
        desk.turn().await;
        let second = desk.newest_of(&[id]);
        assert_ne!(first, second, "{}", desk.report());
        assert!(second.fee_max.units() > first.fee_max.units() + u128::from(fee));
        assert_eq!(desk.node.waiting(), [second.tx.txid.to_string()], "it is taken");
        desk.end(&[id]).await;
    }
}

/// Its fee is right, so no child helps; a node may keep it and never include it.
#[tokio::test]
async fn what_waits_too_long_is_replaced_although_he_spends_it() {
    let stage = REPLACING[0];
    let Some(desk) = Desk::start(stage, "kept", &[COIN, COIN]).await else { return };
    let (id, first, outpoint) = paid(&desk).await;
    desk.node.send(&passed_on(outpoint, 0, |_| 1_000).0);
    for _ in 0..4 {
        assert_eq!(desk.newest_of(&[id]), first);
        desk.wait(60_000);
        desk.turn().await;
    }
    let second = desk.newest_of(&[id]);
    assert_ne!(first, second, "{}", desk.report());
    assert_eq!(desk.node.waiting(), [second.tx.txid.to_string()], "it is taken");
    desk.end(&[id]).await;
}

/// He spends it after it was looked at, so what replaces it is refused; the next is not.
#[tokio::test]
async fn what_he_made_of_one_that_was_to_be_replaced_counts_too() {
    let stage = REPLACING[0];
    let Some(mut desk) = Desk::start(stage, "raced", &[COIN, COIN]).await else { return };
    let (id, first, outpoint) = paid(&desk).await;
    desk.set(|it| it.rate_default_sat_per_kvb = Some(12_000));
    desk.wait(60_000);
    // Signed, and not handed over yet.
    assert_eq!(desk.step(desk.batch_of(id).id).await, engine::Progress::Advanced);
    let second = desk.newest_of(&[id]);
    assert_ne!(first, second);
    desk.node.send(&passed_on(outpoint, 300, |vsize| vsize * 5).0);
    for _ in 0..5 {
        desk.turn().await;
        desk.wait(60_000);
    }
    assert_eq!(desk.batch_of(id).attempts.len(), 2, "{}", desk.report());
    let txid: Txid = first.tx.txid.as_str().parse().unwrap();
    assert!(desk.node.waiting().contains(&txid.to_string()));
    for _ in 0..4 {
        desk.node.block_of(&[]);
        desk.wait(60_000);
        desk.turn().await;
        desk.tend().await;
    }
    let lift = Chore::Prepare(format!("lift {}", first.tx.txid));
    assert_eq!(desk.chores(), [lift], "{}", desk.report());
    desk.until("paid", |it| status_in(it, id) == Status::Paid).await;
}
