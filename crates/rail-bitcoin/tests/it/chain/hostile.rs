//! Nodes that answer nonsense.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use bitcoin::{OutPoint, Transaction};
use net::{Answer, BoxFuture, Endpoint, JsonRpc, Question, Rest, Transport};
use rail_bitcoin::chain::{
    Chain,
    core::{Core, Links},
    esplora::Esplora,
};
use serde_json::{Value, json};

use super::{RULES, Scene, Via};
use crate::house::{Kind, WALLET, keys::Key, once};

/// How many places of the answers to one question are spoiled.
const PLACES_MAX: usize = 60;

/// What is changed in a node's answers.
#[derive(Clone, Default)]
enum Spoil {
    /// Nothing.
    #[default]
    Nothing,
    /// The value at one place, counted over all answers.
    Place(usize, Value),
    /// Every value of this name.
    Name(&'static str, Value),
}

/// A connection that spoils answers.
struct Wire {
    inner: Endpoint,
    spoil: Arc<Mutex<Spoil>>,
    places: Arc<AtomicUsize>,
}

impl Wire {
    fn change(&self, answer: &mut Answer) {
        let spoil = self.spoil.lock().unwrap().clone();
        let mut at = |name: &str, value: &mut Value| {
            let place = self.places.fetch_add(1, Ordering::Relaxed);
            match &spoil {
                Spoil::Place(wanted, other) if *wanted == place => *value = other.clone(),
                Spoil::Name(wanted, other) if *wanted == name => *value = other.clone(),
                Spoil::Nothing | Spoil::Place(..) | Spoil::Name(..) => {}
            }
        };
        let results: Vec<&mut Value> = match &mut answer.body {
            Value::Array(answers) => {
                answers.iter_mut().filter_map(|it| it.get_mut("result")).collect()
            }
            Value::Object(answer) => answer.get_mut("result").into_iter().collect(),
            Value::String(text) => {
                if let Ok(mut value) = serde_json::from_str(text) {
                    visit("", &mut value, &mut at);
                    *text = value.to_string();
                } else {
                    let mut value = Value::String(text.clone());
                    visit("", &mut value, &mut at);
                    *text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                }
                return;
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => return,
        };
        for result in results {
            visit("", result, &mut at);
        }
    }
}

/// Shows every value in a document, each before what is in it.
fn visit(name: &str, value: &mut Value, at: &mut dyn FnMut(&str, &mut Value)) {
    at(name, value);
    match value {
        Value::Array(items) => items.iter_mut().for_each(|it| visit("", it, at)),
        Value::Object(fields) => fields.iter_mut().for_each(|(name, it)| visit(name, it, at)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

impl Transport for Wire {
    fn send<'a>(
        &'a self,
        question: &'a Question,
    ) -> BoxFuture<'a, Result<Answer, net::Unreachable>> {
        Box::pin(async move {
            let mut answer = self.inner.send(question).await?;
            self.change(&mut answer);
            Ok(answer)
        })
    }
}

/// What is asked about.
struct Asked {
    lane: Key,
    spent: OutPoint,
    spends: Transaction,
    next: Transaction,
}

/// A chain whose answers are spoiled.
struct Liar<'a> {
    scene: &'a Scene,
    spoil: Arc<Mutex<Spoil>>,
    places: Arc<AtomicUsize>,
}

impl Liar<'_> {
    fn wire(&self, url: &str) -> Arc<dyn Transport> {
        let inner =
            Endpoint::new(self.scene.node.client(), url, &once(), Endpoint::LIMITS).unwrap();
        let (spoil, places) = (Arc::clone(&self.spoil), Arc::clone(&self.places));
        Arc::new(Wire { inner, spoil, places })
    }

    fn chain(&self) -> Box<dyn Chain> {
        if let Some(facade) = &self.scene.facade {
            return Box::new(Esplora::new(Rest::new(self.wire(&facade.url)), RULES));
        }
        let url = self.scene.node.url();
        let rpc = |path: &str| JsonRpc::new(self.wire(&format!("{url}{path}")));
        let wallet = format!("/wallet/{WALLET}");
        let links = Links {
            node: rpc(""),
            wallet: rpc(&wallet),
            patient_node: rpc(""),
            patient_wallet: rpc(&wallet),
        };
        Box::new(Core::new(links, WALLET, true))
    }

    /// The answers to a question, spoiled.
    async fn asked(&self, asked: &Asked, number: usize, spoil: Spoil) -> (bool, usize) {
        *self.spoil.lock().unwrap() = spoil;
        self.places.store(0, Ordering::Relaxed);
        let chain = self.chain();
        let script = asked.lane.script();
        let txid = asked.spends.compute_txid();
        let is_answer = match number {
            0 => chain.block(0).await.is_ok(),
            1 => chain.tip().await.is_ok(),
            2 => chain.coins(&script).await.is_ok(),
            3 => chain.movements_above(&script, 0).await.is_ok(),
            4 => chain.place(txid).await.is_ok(),
            5 => chain.spender(asked.spent).await.is_ok(),
            6 => chain.transaction(txid).await.is_ok(),
            7 => chain.fee_rate(6).await.is_ok(),
            8 => chain.relay_rules().await.is_ok(),
            9 => chain.send(&asked.next).await.is_ok(),
            10 => chain.held(&script).await.is_ok(),
            11 => chain.waiting(&script, &BTreeSet::from([txid])).await.is_ok(),
            _ => chain.follow(&script).await.is_ok(),
        };
        (is_answer, self.places.load(Ordering::Relaxed))
    }
}

pub(super) async fn no_answer_makes_it_panic(scene: Scene) {
    let lane = scene.lane().await;
    let (coin, other) = (scene.give(&lane, 100_000).await, scene.give(&lane, 200_000).await);
    let spends = lane.pay(&[coin], &[(scene.recipient(), 50_000), (lane.script(), 49_000)]);
    scene.node.send(&spends).await;
    scene.node.mine(1).await;
    let next = lane.pay(&[other], &[(scene.recipient(), 199_000)]);
    scene.node.send(&next).await;
    let asked = Asked { lane, spent: coin.outpoint, spends, next };
    let liar = Liar { scene: &scene, spoil: Arc::default(), places: Arc::default() };
    let nonsense = [
        json!(null),
        json!(-1),
        json!(4_294_967_295_u32),
        json!(u64::MAX),
        json!(1e300),
        json!(-1e-300),
        json!("zz"),
        json!(""),
        json!({"a": []}),
        json!([[], null]),
        json!(true),
    ];
    for number in 0..=12 {
        let (is_answer, places) = liar.asked(&asked, number, Spoil::Nothing).await;
        assert!(is_answer, "question {number}");
        // Following again reads all blocks again.
        let places_max = if number == 12 { PLACES_MAX / 5 } else { PLACES_MAX };
        let step = places.div_ceil(places_max).max(1);
        for place in (0..places).step_by(step) {
            let value = nonsense[place / step % nonsense.len()].clone();
            liar.asked(&asked, number, Spoil::Place(place, value)).await;
        }
    }
    for (number, name, value) in lies(scene.via, scene.node.kind) {
        let (is_answer, _) = liar.asked(&asked, number, Spoil::Name(name, value.clone())).await;
        assert!(!is_answer, "question {number} with {name} = {value}");
    }
}

/// Lies that have to be noticed: the question, the name of a value in the answers, and the value.
fn lies(via: Via, kind: Kind) -> Vec<(usize, &'static str, Value)> {
    let amounts = [json!(-1), json!(1e300), json!(u64::MAX), json!("1"), json!(67_108_864)];
    let mut lies = vec![];
    let mut all = |number, name, values: &[Value]| {
        lies.extend(values.iter().map(|it| (number, name, it.clone())));
    };
    let heights = [json!(4_000_000_000_u32), json!(1_000_000), json!(-1), json!("1"), json!(1.5)];
    match via {
        Via::Core => {
            all(1, "blocks", &heights);
            all(1, "bestblockhash", &[json!("00"), json!(null), json!("00".repeat(32))]);
            all(2, "value", &amounts);
            all(2, "value", &[json!(0.000_000_001)]);
            all(2, "confirmations", &heights);
            all(2, "txid", &[json!("zz"), json!(7), json!("00".repeat(31))]);
            all(2, "bestblock", &[json!("00".repeat(32)), json!(7)]);
            all(2, "labels", &[json!([]), json!(["rescan from 7"]), json!("followed")]);
            all(3, "blockheight", &heights[..2]);
            all(3, "hex", &[json!(""), json!("00"), json!("zz")]);
            all(10, "value", &amounts);
            all(11, "hex", &[json!(""), json!("00"), json!("zz")]);
            all(4, "blockheight", &heights);
            all(4, "blockheight", &[json!(null)]);
            all(5, "hex", &[json!(""), json!("00")]);
            all(6, "hex", &[json!(""), json!("00"), json!(7)]);
            all(8, "mempoolminfee", &amounts[..4]);
            let increment = match kind {
                Kind::Bitcoin => "incrementalrelayfee",
                Kind::Litecoin => "incrementalfee",
            };
            all(8, increment, &[json!(-1), json!("1")]);
        }
        Via::Esplora => {
            all(1, "height", &[json!(-1), json!("1"), json!(4_294_967_296_u64)]);
            all(1, "id", &[json!("00"), json!("00".repeat(32))]);
            let amounts = [json!(-1), json!(1.5), json!(u64::MAX), json!("1")];
            all(2, "value", &amounts);
            all(2, "block_height", &heights);
            all(2, "txid", &[json!("zz"), json!(7)]);
            all(3, "value", &amounts);
            all(10, "funded_txo_sum", &[json!(0), json!(-1), json!(1.5), json!(u64::MAX)]);
            all(10, "spent_txo_sum", &[json!(u64::MAX), json!(-1)]);
            all(11, "value", &amounts);
            all(4, "block_height", &heights);
            all(4, "txid", &[json!("00".repeat(32)), json!("zz")]);
            all(5, "txid", &[json!(null), json!("zz")]);
            all(5, "block_height", &heights);
        }
    }
    lies
}
