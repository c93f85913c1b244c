//! Lanes over servers of Esplora's API, by the real engine, signer and rail on real nodes.

use bitcoin::{OutPoint, Transaction, Txid, Witness, consensus::encode::serialize_hex};
use domain::{
    payout::Status,
    ports::{Rail as _, Weight},
    reconcile::Verdict,
};
use rail_bitcoin::drafting::transaction;

use crate::desk::{Desk, REPLACING, Server, Stage, anybody, read, spends};

const COIN: u64 = 100_000_000;

fn stages() -> [Stage; 2] {
    [REPLACING[0], REPLACING[3]]
}

/// A desk that asks a server over its node and nobody else.
async fn on_server(stage: Stage, name: &str, coins_sat: &[u64]) -> Option<(Desk, Server)> {
    let mut desk = Desk::start(stage, name, coins_sat).await?;
    let server = Server::start(&desk.node.url()).await;
    desk.connect(vec![server.endpoint()]);
    Some((desk, server))
}

fn by_anybody(mut tx: Transaction) -> Transaction {
    for input in &mut tx.input {
        input.witness = Witness::from_slice(&[anybody().1.as_bytes()]);
    }
    tx
}

/// So many transactions of strangers, each of which pays the lane a little; their coins are in a
/// block.
fn strangers(desk: &Desk, count: u64) -> Vec<Transaction> {
    let mut purse = desk.gift(&[COIN]);
    for output in &mut purse.output {
        if output.script_pubkey == desk.wallet.script {
            output.script_pubkey = anybody().0;
        }
    }
    let vout = purse.output.iter().position(|it| it.script_pubkey == anybody().0).unwrap();
    let from = OutPoint { txid: purse.compute_txid(), vout: u32::try_from(vout).unwrap() };
    desk.node.block_of(&[serialize_hex(&purse)]);
    let fan = by_anybody(transaction([from], (0..count).map(|it| (anybody().0, 10_000 + it))));
    desk.node.block_of(&[serialize_hex(&fan)]);
    let txid = fan.compute_txid();
    let deposit = |(vout, output): (u32, &bitcoin::TxOut)| {
        let paid = (desk.wallet.script.clone(), output.value.to_sat() - 200);
        by_anybody(transaction([OutPoint { txid, vout }], [paid]))
    };
    (0..).zip(&fan.output).map(deposit).collect()
}

/// Anybody can bring a lane as many coins as he likes, and leave them waiting for a block.
#[tokio::test]
async fn deposits_that_wait_stop_no_lane() {
    for stage in stages() {
        let Some((desk, _server)) = on_server(stage, "deposits", &[COIN]).await else { return };
        let before = desk.ask(&desk.friend("deposits", 0), COIN / 10).await;
        desk.wait(500);
        desk.turn().await;
        for tx in strangers(&desk, 60) {
            desk.node.send(&tx);
        }
        // It spends the change of the one before, which waits among the deposits or is in a block.
        let after = desk.ask(&desk.friend("deposits", 1), COIN / 10).await;
        desk.wait(500);
        desk.look_again().await;
        let attempts = desk.batch_of(after).attempts.len();
        assert_eq!(attempts, 1, "{:?}", desk.batch_of(after).hold);
        let verdict = desk.reconcile().await;
        assert!(matches!(verdict, Verdict::Agree | Verdict::InFlight { .. }), "{verdict:?}");
        for _ in 0..=desk.blocks_to_any_finality() {
            desk.node.block_of(
                &desk
                    .node
                    .waiting()
                    .into_iter()
                    .filter(|it| is_ours(&desk, it))
                    .collect::<Vec<_>>(),
            );
            desk.look_again().await;
        }
        desk.are(&[before, after], Status::Paid);
        assert_eq!(desk.reconcile().await, Verdict::Agree, "deposits that wait are nobody's yet");
    }
}

fn is_ours(desk: &Desk, txid: &str) -> bool {
    let is_it = |it: &domain::batch::Attempt| it.tx.txid.as_str() == txid;
    desk.store.look(|it| it.batches.values().flat_map(|it| &it.attempts).any(is_it))
}

/// A transaction that was replaced is included after all, while another spends the change of its
/// replacement; and the gateway is started again, so that nobody but the store remembers what that
/// replacement spent.
#[tokio::test]
async fn a_gateway_that_is_started_again_finds_out_what_can_never_be_included() {
    // Here what is final for the one is not deep enough for the proof about the other.
    for stage in [REPLACING[0], REPLACING[1]] {
        let Some((mut desk, server)) = on_server(stage, "again", &[COIN]).await else { return };
        let ids = desk.ask_many("again", 3).await;
        desk.wait(500);
        desk.turn().await;
        let first = desk.newest_of(&ids);
        desk.settings.rate_default_sat_per_kvb = Some(12_000);
        desk.connect(vec![server.endpoint()]);
        desk.wait(60_000);
        desk.turn().await;
        let second = desk.newest_of(&ids);
        assert_ne!(first, second);
        let more = desk.ask_many("again more", 2).await;
        desk.wait(500);
        desk.turn().await;
        let child = desk.newest_of(&more);
        let change: Txid = second.tx.txid.as_str().parse().unwrap();
        assert!(spends(&read(&child)).iter().any(|it| it.txid == change));
        desk.node.block_of(&[hex::encode(&first.tx.raw)]);
        desk.until("paid", |it| {
            ids.iter().all(|id| crate::desk::status_in(it, *id) == Status::Paid)
        })
        .await;
        assert!(desk.batch_of(more[0]).attempts[0].status.is_live(), "{}", desk.report());
        desk.connect(vec![server.endpoint()]);
        desk.end(&[ids, more.clone()].concat()).await;
        desk.are(&more, Status::Paid);
    }
}

/// A server lists so many coins of a wallet and no more.
#[tokio::test]
async fn a_wallet_of_too_many_coins_for_the_server_is_found_by_the_doctor() {
    let coins: Vec<u64> = (0..501).map(|it| 20_000 + it).collect();
    let Some((desk, _server)) = on_server(REPLACING[0], "many", &coins).await else { return };
    let lanes = [desk.wallet.lane.clone()];
    let found = desk.rail.examine(&lanes).await;
    let is_it = |it: &domain::ports::Finding| match it.weight {
        Weight::Wrong(remedy) => remedy.contains("--utxos-limit"),
        Weight::Good | Weight::Note => false,
    };
    assert!(found.iter().any(is_it), "{found:?}");
    // What it holds is known all the same.
    assert_eq!(desk.reconcile().await, Verdict::Agree);
}
