//! Litecoin's blocks with confidential parts (MWEB), which real ones have.

use bitcoin::Txid;
use domain::ports::Handover;
use rail_bitcoin::chain::{Chain, Place, core::Core};
use serde_json::{Value, json};

use crate::house::{
    self, Kind, Node, WALLET,
    keys::{Input, Key},
};

/// The block with the first confidential part; somebody has to pay into it before.
const FIRST_HEIGHT: u32 = 432;

/// Blocks until what left the confidential part may be spent.
const MATURITY_BLOCKS: u32 = 6;

/// A node with a wallet `confidential` that has nothing but confidential coins.
async fn node() -> Option<Node> {
    let node = Node::alone(Kind::Litecoin, &["-fallbackfee=0.0001", "-walletbroadcast=1"]).await?;
    for name in ["open", "confidential"] {
        let _: Value = node.ask("createwallet", json!([name])).await;
    }
    let open: String = node.ask_wallet("open", "getnewaddress", json!(["", "bech32"])).await;
    let made = json!([FIRST_HEIGHT - 1, open]);
    let _: Vec<String> = node.ask("generatetoaddress", made).await;
    let hidden = json!(["", "mweb"]);
    let hidden: String = node.ask_wallet("confidential", "getnewaddress", hidden).await;
    let _: String = node.ask_wallet("open", "sendtoaddress", json!([hidden, 5])).await;
    node.mine(10).await;
    Some(node)
}

/// Lets the wallet of confidential coins pay a script; tells by which transaction.
async fn pay_out(node: &Node, key: &Key) -> Txid {
    let paid = json!([node.address(&key.script()).await, 0.3]);
    let txid: String = node.ask_wallet("confidential", "sendtoaddress", paid).await;
    txid.parse().unwrap()
}

#[test]
fn what_leaves_the_confidential_part_is_a_coin() {
    house::run(async {
        let Some(node) = node().await else { return };
        let chain = Core::new(node.links(), WALLET, true);
        let (lane, late) = (Key::p2wpkh("confidential lane"), Key::p2wpkh("late lane"));
        chain.follow(&lane.script()).await.unwrap();
        let before = node.height().await;
        let paid = pay_out(&node, &lane).await;
        // It waits, and has no output yet.
        assert_eq!(chain.place(paid).await, Ok(Place::Mempool));
        assert_eq!(chain.coins(&lane.script()).await, Ok(vec![]));
        assert_eq!(chain.movements_above(&lane.script(), before).await, Ok(vec![]));
        pay_out(&node, &late).await;
        node.mine(1).await;
        assert_eq!(chain.place(paid).await, Ok(Place::Block(before + 1)));
        chain.follow(&late.script()).await.unwrap();
        for key in [&lane, &late] {
            let [coin] = chain.coins(&key.script()).await.unwrap()[..] else { panic!("one coin") };
            assert_eq!((coin.value_sat, coin.height), (30_000_000, Some(before + 1)));
            assert!(coin.is_coinbase, "{coin:?}");
            let whole = chain.transaction(coin.outpoint.txid).await.unwrap();
            assert_eq!(Input::of(&whole, &key.script()).outpoint, coin.outpoint);
            let movements = chain.movements_above(&key.script(), 0).await.unwrap();
            let [movement] = &movements[..] else { panic!("{movements:?}") };
            assert_eq!((movement.txid, movement.received_sat), (coin.outpoint.txid, 30_000_000));
            assert_eq!(chain.spender(coin.outpoint).await, Ok(None));
        }
        spend(&node, &chain, &lane).await;
    });
}

/// Spends what left the confidential part, first too early and then in time.
async fn spend(node: &Node, chain: &Core, lane: &Key) {
    let coin = chain.coins(&lane.script()).await.unwrap()[0];
    let input = Input { outpoint: coin.outpoint, value_sat: coin.value_sat, height: 0 };
    let outputs = [(lane.script(), 10_000_000), (Key::p2wpkh("somebody").script(), 19_990_000)];
    let tx = lane.pay(&[input], &outputs);
    let early = chain.send(&tx).await.unwrap();
    assert!(matches!(early, Handover::Refused(_)), "{early:?}");
    node.mine(MATURITY_BLOCKS - 1).await;
    let ripe = chain.coins(&lane.script()).await.unwrap()[0];
    let accepted = chain.send(&tx).await.unwrap();
    assert_eq!((ripe.is_coinbase, accepted), (false, Handover::Accepted));
    node.mine(1).await;
    let height = node.height().await;
    let spender = Some((tx.compute_txid(), Place::Block(height)));
    assert_eq!(chain.spender(coin.outpoint).await, Ok(spender));
    let movements = chain.movements_above(&lane.script(), height - 1).await.unwrap();
    let [movement] = &movements[..] else { panic!("{movements:?}") };
    assert_eq!((movement.received_sat, movement.spent_sat), (10_000_000, 30_000_000));
    let mut outputs: Vec<_> = chain.coins(&lane.script()).await.unwrap();
    assert_eq!(outputs.pop().map(|it| it.value_sat), Some(10_000_000));
    assert_eq!(outputs, []);
}
