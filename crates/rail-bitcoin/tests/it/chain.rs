//! The conformance suite of [`Chain`]: the same questions to every implementation, over a real node
//! of each network.

mod canned;
mod coins;
mod confidential;
mod fees;
mod hostile;
mod movements;
mod outages;
mod places;
mod pruned;
mod sending;

use std::{collections::BTreeSet, sync::Arc};

use bitcoin::{OutPoint, ScriptBuf, Transaction, Txid};
use domain::ports::{Handover, Unreachable};
use net::{Endpoint, Rest};
use rail_bitcoin::chain::{Chain, Coin, Movement, Place, RelayRules, core::Core, esplora::Esplora};

use crate::house::{
    self, Kind, Lease, Node, WALLET,
    facade::Facade,
    keys::{Input, Key},
};

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Via {
    /// The node, by RPC.
    Core,
    /// A server with Esplora's API over the node.
    Esplora,
}

/// What a test has.
pub(crate) struct Scene {
    pub(crate) node: Lease,
    pub(crate) via: Via,
    pub(crate) chain: Box<dyn Chain>,
    /// The test's own name, from which its keys are made.
    name: String,
    /// The server that is asked, if it is not the node itself.
    facade: Option<Facade>,
}

/// What an Esplora server's node relays, as the operator says.
const RULES: RelayRules = RelayRules {
    fee_rate_min_sat_per_kvb: 1_000,
    increment_sat_per_kvb: 1_000,
    replaces: true,
    replaces_is_assumed: true,
};

impl Scene {
    async fn open(kind: Kind, via: Via, topic: &str) -> Option<Self> {
        let node = house::lease(kind).await?;
        let facade = match via {
            Via::Core => None,
            Via::Esplora => Some(Facade::start(&node.client(), &node.url()).await),
        };
        let name = format!("{kind:?} {via:?} {topic}");
        let chain = chain(&node, facade.as_ref());
        Some(Self { node, via, chain, name, facade })
    }

    /// Another process: nothing is remembered of what was found out before.
    pub(crate) fn again(&self) -> Box<dyn Chain> {
        chain(&self.node, self.facade.as_ref())
    }

    /// Somebody's key of this test, spent by the hash of a key.
    pub(crate) fn key(&self, who: &str) -> Key {
        Key::p2wpkh(&format!("{} {who}", self.name))
    }

    /// The gateway's key of this test, which is followed: of one kind in some tests, and of the
    /// other in others.
    pub(crate) async fn lane(&self) -> Key {
        let key = self.unfollowed_lane();
        self.chain.follow(&key.script()).await.unwrap();
        key
    }

    /// The same, before it is followed.
    pub(crate) fn unfollowed_lane(&self) -> Key {
        let name = format!("{} lane", self.name);
        if self.name.len().is_multiple_of(2) { Key::p2wpkh(&name) } else { Key::p2tr(&name) }
    }

    /// Pays the lane, and makes a block of it.
    pub(crate) async fn give(&self, key: &Key, sat: u64) -> Input {
        let tx = self.node.fund(&[(key.script(), sat)]).await;
        self.node.mine(1).await;
        Input { height: self.node.height().await, ..Input::of(&tx, &key.script()) }
    }

    /// So many transactions of a crowd that wait to be sent, each of which pays somebody so much and
    /// a fee of 2,200 satoshi (20,000 for 1,000 virtual bytes); their coins are in a block.
    pub(crate) async fn crowd(&self, count: u32, script: &ScriptBuf, sat: u64) -> Vec<Transaction> {
        let crowd = self.key("crowd");
        let output = (crowd.script(), sat + 2_200);
        let paid = self.node.fund(&vec![output; usize::try_from(count).unwrap()]).await;
        self.node.mine(1).await;
        let txid = paid.compute_txid();
        let input =
            |vout| Input { outpoint: OutPoint { txid, vout }, value_sat: sat + 2_200, height: 0 };
        (0..count).map(|vout| crowd.pay(&[input(vout)], &[(script.clone(), sat)])).collect()
    }

    /// Somebody who is paid.
    pub(crate) fn recipient(&self) -> ScriptBuf {
        self.key("recipient").script()
    }

    pub(crate) async fn coins(&self, key: &Key) -> Vec<Coin> {
        self.chain.coins(&key.script()).await.unwrap()
    }

    /// Which outputs a key has.
    pub(crate) async fn outpoints(&self, key: &Key) -> Vec<OutPoint> {
        self.coins(key).await.iter().map(|it| it.outpoint).collect()
    }

    /// What moved a key's coins in blocks above a height, and what spends them and waits.
    pub(crate) async fn moved(&self, key: &Key, height: u32) -> Vec<Movement> {
        let script = key.script();
        let mut moved = self.chain.movements_above(&script, height).await.unwrap();
        assert!(moved.iter().all(|it| matches!(it.place, Place::Block(_))), "{moved:?}");
        moved.extend(self.chain.waiting(&script, &BTreeSet::new()).await.unwrap());
        moved
    }

    pub(crate) async fn place(&self, tx: &Transaction) -> Place {
        self.chain.place(tx.compute_txid()).await.unwrap()
    }

    pub(crate) async fn spender(&self, input: &Input) -> Option<(Txid, Place)> {
        self.chain.spender(input.outpoint).await.unwrap()
    }

    pub(crate) async fn send(&self, tx: &Transaction) -> Handover {
        self.chain.send(tx).await.unwrap()
    }

    /// Hands over a transaction that has to be refused; tells the words.
    pub(crate) async fn refused(&self, tx: &Transaction) -> String {
        match self.send(tx).await {
            Handover::Refused(words) => words,
            other @ (Handover::Accepted | Handover::Underpriced | Handover::Excluded) => {
                panic!("{other:?}")
            }
        }
    }
}

fn chain(node: &Node, facade: Option<&Facade>) -> Box<dyn Chain> {
    let Some(facade) = facade else {
        return Box::new(Core::new(node.links(), WALLET, true));
    };
    let endpoint = Endpoint::new(node.client(), &facade.url, &[], Endpoint::LIMITS).unwrap();
    Box::new(Esplora::new(Rest::new(Arc::new(endpoint)), RULES))
}

/// A test of the suite for every implementation and network.
macro_rules! suite {
    ($($module:ident: $($topic:ident),+;)+) => {
        $($(mod $topic {
            use super::{Kind, Scene, Via, house, $module};

            fn test(kind: Kind, via: Via) {
                house::run(async {
                    if let Some(scene) = Scene::open(kind, via, stringify!($topic)).await {
                        $module::$topic(scene).await;
                    }
                });
            }

            #[test]
            fn bitcoin_core() {
                test(Kind::Bitcoin, Via::Core);
            }

            #[test]
            fn bitcoin_esplora() {
                test(Kind::Bitcoin, Via::Esplora);
            }

            #[test]
            fn litecoin_core() {
                test(Kind::Litecoin, Via::Core);
            }

            #[test]
            fn litecoin_esplora() {
                test(Kind::Litecoin, Via::Esplora);
            }
        })+)+
    };
}

suite! {
    coins: coins_come_and_go, coins_of_blocks_are_marked, a_script_followed_late_finds_its_old_coins,
        following_goes_on_where_it_stopped, what_was_evicted_spends_nothing;
    fees: nothing_is_known_of_fees_at_first, fees_are_estimated_once_there_are_some;
    movements: movements_add_up, pages_of_movements_are_read_to_their_end,
        what_is_our_own_is_found_among_deposits_that_wait;
    outages: a_node_that_is_away_is_unreachable, a_wallet_that_was_unloaded_is_loaded_again;
    places: the_newest_block_is_known, a_transaction_goes_through_a_reorganisation,
        a_conflicting_spend_is_found, a_conflict_in_a_block_undoes_ours, what_was_never_seen_is_nowhere,
        what_others_made_of_it_is_told;
    sending: an_evicted_transaction_is_taken_again, a_replacement_must_pay_more,
        what_is_in_a_block_is_accepted, what_breaks_the_rules_is_refused,
        nothing_is_replaced_where_nothing_may_be, any_fee_is_taken_by_nodes_that_are_asked;
    hostile: no_answer_makes_it_panic;
}

/// Nothing can be said at present.
pub(crate) fn unreachable<T: std::fmt::Debug>(told: Result<T, Unreachable>) {
    let Unreachable = told.unwrap_err();
}
