//! What real nodes say to our transactions, and to those that are a little beyond our limits:
//!
//! `RUN_NODE_TESTS=1 BITCOIND=... LITECOIND=... cargo test -p rail-bitcoin --test it accepted`

use std::collections::BTreeMap;

use bitcoin::{
    ScriptBuf, Transaction, Txid, base58,
    bech32::{Fe32, Hrp, segwit},
};
use domain::{catalog::Network, chore::Chore, ports::Intent};
use rail_bitcoin::{
    drafting::{Coin, Draft, Order, Payment, Unmade, transaction},
    fees::{self, Paid, Price},
    lock::{self, LaneKind},
    psbt::{self, Sent},
    weight::Shape,
};
use serde_json::json;

use crate::{
    regtest::{self, Regtest},
    wallet::{self, Wallet},
};

const NETWORKS: [&str; 2] = ["bitcoin", "litecoin"];
const KINDS: [LaneKind; 2] = [LaneKind::P2wpkh, LaneKind::P2tr];
const LATER: u64 = 5_000;

/// A lane with coins on a node.
struct Scene {
    node: Regtest,
    wallet: Wallet,
    coins: Vec<Coin>,
    previous: BTreeMap<Txid, Transaction>,
}

impl Scene {
    fn new(network: &str, kind: LaneKind, name: &str) -> Option<Self> {
        let node = Regtest::start(network, &format!("{name}-{kind:?}"))?;
        let wallet = Wallet::first(network, kind);
        let made = node.mine(&wallet.script, 3);
        // So many more that these may be spent.
        node.mine(&ScriptBuf::from(vec![0x51]), 101);
        let coins = made.iter().map(|(coin, _)| *coin).collect();
        let previous = made.into_iter().map(|(_, tx)| (tx.compute_txid(), tx)).collect();
        Some(Self { node, wallet, coins, previous })
    }

    /// All of them that there are nodes for.
    fn all(name: &str) -> impl Iterator<Item = Self> {
        let scenes = NETWORKS.into_iter().flat_map(|it| KINDS.map(|kind| (it, kind)));
        scenes.filter_map(move |(network, kind)| Self::new(network, kind, name))
    }

    fn dust_rate(&self) -> u64 {
        lock::dust_sat_per_kvb(&self.wallet.network).unwrap()
    }

    fn draft(
        &self,
        payments: &[Payment],
        required: &[Coin],
        price: Price,
    ) -> Result<Draft, Unmade> {
        let order = Order {
            lane: &self.wallet.script,
            payments,
            coins: &self.coins,
            required,
            price,
            later_sat_per_kvb: LATER,
            dust_sat_per_kvb: self.dust_rate(),
            fee_max_sat: 100_000_000,
        };
        order.draft()
    }

    /// Signs a draft for what it pays.
    fn sign(&self, draft: &Draft, chore: Option<Chore>) -> Sent {
        let payload = psbt::unsigned(draft, &self.wallet.script, &self.previous).unwrap();
        let unsigned = wallet::unsigned(payload, draft.fee_sat);
        let paid = draft.tx.output.iter().filter(|it| it.script_pubkey != self.wallet.script);
        let paid: Vec<(String, u64)> = paid
            .map(|it| (address(&self.wallet.network, &it.script_pubkey), it.value.to_sat()))
            .collect();
        let payments = paid.iter().map(|(address, sat)| (address.as_str(), *sat));
        let intent = self.wallet.intent(payments, draft.fee_sat);
        let intent = Intent { chore, ..intent };
        let signature = self.wallet.sign(&unsigned, &intent).unwrap();
        let signed = psbt::finalize(&unsigned, &signature).unwrap();
        let sent = Sent::read(&signed.raw).unwrap();
        assert_eq!(signed.txid.as_str(), sent.txid.to_string());
        sent
    }

    /// Makes, signs and hands over.
    fn pay(&self, payments: &[Payment], required: &[Coin], price: Price) -> (Draft, Sent) {
        let draft = self.draft(payments, required, price).unwrap();
        let sent = self.sign(&draft, None);
        let told = self.node.judge(&sent.tx);
        assert_eq!(told, Ok((sent.tx.vsize() as u64, draft.fee_sat)));
        self.node.send(&sent.tx);
        (draft, sent)
    }

    /// The same with so much less of a fee, which goes to the change.
    fn with_less(&self, draft: &Draft, less_sat: u64) -> Draft {
        let mut changed = draft.clone();
        let mut outputs = changed.tx.output.iter_mut();
        let change = outputs.find(|it| it.script_pubkey == self.wallet.script).unwrap();
        change.value += bitcoin::Amount::from_sat(less_sat);
        changed.fee_sat -= less_sat;
        changed
    }
}

/// The address of a script on a network.
pub(crate) fn address(network: &Network, script: &ScriptBuf) -> String {
    let bytes = script.as_bytes();
    let byte = |name: &str| network.parameters[name].parse::<u8>().unwrap();
    let spelled = |version: u8, hash: &[u8]| base58::encode_check(&[&[version], hash].concat());
    if script.is_p2pkh() {
        return spelled(byte("p2pkh"), &bytes[3..23]);
    }
    if script.is_p2sh() {
        return spelled(byte("p2sh"), &bytes[2..22]);
    }
    let hrp = Hrp::parse(&network.parameters["hrp"]).unwrap();
    let version = if script.is_p2tr() { Fe32::P } else { Fe32::Q };
    segwit::encode(hrp, version, &bytes[2..]).unwrap()
}

fn scripts() -> [ScriptBuf; 5] {
    [
        "76a914751e76e8199196d454941c45d1b3a323f1433bd688ac",
        "a914751e76e8199196d454941c45d1b3a323f1433bd687",
        "0014751e76e8199196d454941c45d1b3a323f1433bd6",
        "00201863143c14c5166804bd19203356da136c985678cd4d27a1b8c6329604903262",
        "512079be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
    ]
    .map(|hex| ScriptBuf::from_hex(hex).unwrap())
}

fn payments(count: u64) -> Vec<Payment> {
    let kinds = scripts();
    let script = |at: u64| kinds[usize::try_from(at % 5).unwrap()].clone();
    (0..count).map(|at| Payment { script: script(at), amount_sat: 20_000 + at }).collect()
}

#[test]
fn batches_of_every_size_are_taken() {
    for scene in Scene::all("batches") {
        let price = Price::of_rate(1_000);
        for count in [1, 10, 100] {
            scene.node.mine(&ScriptBuf::from(vec![0x51]), 1);
            let draft = scene.draft(&payments(count), &[], price).unwrap();
            let sent = scene.sign(&draft, None);
            let size = sent.tx.vsize() as u64;
            assert_eq!(scene.node.judge(&sent.tx), Ok((size, draft.fee_sat)));
        }
        // As many as there is room for, and one more.
        let all = payments(4_000);
        let Err(Unmade::Heavy { fits }) = scene.draft(&all, &[], price) else { panic!() };
        let (draft, sent) = scene.pay(&all[..fits], &[], price);
        let outputs = all[..=fits].iter().map(|it| (it.script.clone(), it.amount_sat));
        let change = draft.change_sat.unwrap() - 100_000;
        let outputs = outputs.chain([(scene.wallet.script.clone(), change)]);
        let tx = transaction(sent.spends(), outputs);
        let heavy = scene.sign(&Draft { tx, fee_sat: draft.fee_sat + 100_000, ..draft }, None);
        assert_eq!(scene.node.judge(&heavy.tx), Err("tx-size".to_owned()));
        let block = scene.node.mine(&ScriptBuf::from(vec![0x51]), 1);
        assert_eq!(block.len(), 1);
        let waiting = scene.node.ask("getrawmempool", &json!([]));
        assert_eq!(waiting, json!([]), "it is in the block");
    }
}

#[test]
fn dust_is_what_nodes_call_so() {
    for scene in Scene::all("dust") {
        for script in scripts() {
            let limit = lock::dust_limit_sat(scene.dust_rate(), &script);
            let payment = |amount_sat| [Payment { script: script.clone(), amount_sat }];
            let draft = scene.draft(&payment(limit), &[], Price::of_rate(1_000)).unwrap();
            let sent = scene.sign(&draft, None);
            assert!(scene.node.judge(&sent.tx).is_ok(), "{limit} to {script}");

            let less = scene.draft(&payment(limit - 1), &[], Price::of_rate(1_000));
            assert_eq!(less, Err(Unmade::Dust { places: vec![0] }));
            let mut tx = draft.tx.clone();
            let mut outputs = tx.output.iter_mut();
            let paid = outputs.find(|it| it.script_pubkey == script).unwrap();
            paid.value -= bitcoin::Amount::ONE_SAT;
            let less = scene.sign(&Draft { tx, fee_sat: draft.fee_sat + 1, ..draft }, None);
            let why = scene.node.judge(&less.tx).unwrap_err();
            assert!(why.contains("dust"), "{why}: {limit} to {script}");
        }
    }
}

/// The rates that a node tells, in satoshi for 1,000 virtual bytes.
fn rate(node: &Regtest, method: &str, field: &str) -> u64 {
    regtest::sat(&node.ask(method, &json!([]))[field])
}

#[test]
fn one_satoshi_less_is_too_little() {
    for scene in Scene::all("floor") {
        let floor = rate(&scene.node, "getmempoolinfo", "mempoolminfee");
        let draft = scene.draft(&payments(7), &[], Price::of_rate(floor)).unwrap();
        let sent = scene.sign(&draft, None);
        let size = sent.tx.vsize() as u64;
        assert_eq!(scene.node.judge(&sent.tx), Ok((size, draft.fee_sat)));
        // A signature that has a byte less than its most may make it smaller.
        let spare = draft.fee_sat - fees::of_size(floor, size);
        let less = scene.sign(&scene.with_less(&draft, spare + 1), None);
        if less.tx.vsize() as u64 == size {
            let why = scene.node.judge(&less.tx).unwrap_err();
            assert!(why.contains("min relay fee not met"), "{why}");
        }
    }
}

#[test]
fn replacements_are_taken_and_no_cheaper_ones_would_be() {
    for scene in Scene::all("replaced") {
        let increment = rate(&scene.node, "getnetworkinfo", "incrementalfee");
        let (first, sent) = scene.pay(&payments(10), &[], Price::of_rate(2_000));
        let all = first.spent.iter().map(|it| it.value_sat).sum();
        let paid = sent.paid(all).unwrap();
        assert_eq!(paid.fee_sat, first.fee_sat);

        // The least there is: the nodes' increment on top.
        let least = Price {
            rate_sat_per_kvb: paid.rate_sat_per_kvb() + 1,
            replaced_fee_sat: paid.fee_sat,
            increment_sat_per_kvb: increment,
        };
        let draft = scene.draft(&payments(10), &first.spent, least).unwrap();
        let size = scene.sign(&draft, None).tx.vsize() as u64;
        let spare = draft.fee_sat - least.fee_sat(size);
        let cheaper = scene.sign(&scene.with_less(&draft, spare + 1), None);
        if cheaper.tx.vsize() as u64 == size {
            let why = scene.node.judge(&cheaper.tx).unwrap_err();
            assert!(why.contains("insufficient fee"), "{why}");
        }
        assert!(scene.node.judge(&scene.sign(&draft, None).tx).is_ok());

        // Twice as we do it, the second time with a batch that grew.
        let price = fees::replacement(paid, 0, 2_100, increment);
        let (second, sent) = scene.pay(&payments(10), &first.spent, price);
        let paid = sent.paid(second.spent.iter().map(|it| it.value_sat).sum()).unwrap();
        let price = fees::replacement(paid, 0, 10_000, increment);
        let (third, sent) = scene.pay(&payments(10), &second.spent, price);
        assert_eq!(third.spent, first.spent);
        let waiting = scene.node.ask("getrawmempool", &json!([]));
        assert_eq!(waiting, json!([sent.txid.to_string()]));
    }
}

#[test]
fn a_child_lifts_its_parent() {
    for mut scene in Scene::all("lifted") {
        let (parent, sent) = scene.pay(&payments(20), &[], Price::of_rate(1_000));
        let (outpoint, value_sat) = sent.outputs_to(&scene.wallet.script).next().unwrap();
        let change = Coin { outpoint, value_sat };
        scene.previous.insert(sent.txid, sent.tx.clone());
        let kind = LaneKind::of(&scene.wallet.script).unwrap();
        let child = Shape::new(kind, [scene.wallet.script.as_script()]).vsize(1);
        let vsize = sent.tx.vsize() as u64;
        let parents = Paid { fee_sat: parent.fee_sat, vsize };
        let price = Price::of_child(25_000, parents.missing_sat(25_000));
        let fee_sat = price.fee_sat(child);
        let draft = scene.draft(&[], &[change], price).unwrap();
        assert_eq!((draft.fee_sat, draft.spent.as_slice()), (fee_sat, [change].as_slice()));
        let lift = Chore::Prepare(format!("lift {}", sent.txid));
        let lifted = scene.sign(&draft, Some(lift));
        scene.node.send(&lifted.tx);
        let entry = scene.node.ask("getmempoolentry", &json!([lifted.txid.to_string()]));
        assert_eq!(entry["ancestorcount"], json!(2));
        let size = entry["ancestorsize"].as_u64().unwrap();
        let together = Paid { fee_sat: parent.fee_sat + fee_sat, vsize: size };
        assert!(together.suffices(25_000), "{together:?}");
        scene.node.mine(&ScriptBuf::from(vec![0x51]), 1);
        assert_eq!(scene.node.ask("getrawmempool", &json!([])), json!([]));
    }
}
