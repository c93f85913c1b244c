//! The rail on real nodes passes the suite that every rail must.
//!
//! `RUN_NODE_TESTS=1 BITCOIND=... LITECOIND=... cargo test -p rail-bitcoin --test it conformance`

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use domain::{
    BoxFuture,
    catalog::{Asset, Destination, Network},
    lane::Lane,
    money::Amount,
    ports::{Rail, Signer},
};
use rail_bitcoin::lock;
use serde_json::{Value, json};
use signer::{LocalSigner, Policy};
use sim::conformance::rail::{RailHarness, run_all};

use crate::{
    desk::{Desk, Edit, NEVER_REPLACING, REPLACING, Stage, edited, nobody},
    regtest::sat,
    wallet,
};

const COIN: u64 = 100_000_000;
/// What is paid; less than what needs more blocks to be final.
const UNIT_SAT: u64 = 100_000;

struct Harness {
    desk: Desk,
    signer: LocalSigner,
    /// What the node estimates, in satoshi for 1,000 virtual bytes.
    rate: Arc<AtomicU64>,
}

impl Harness {
    async fn start(stage: Stage) -> Option<Self> {
        let mut desk = Desk::start(stage, "conformance", &[COIN, COIN]).await?;
        let rate = Arc::new(AtomicU64::new(5_000));
        let edit: Edit = {
            let rate = rate.clone();
            Arc::new(move |call: &Value, answer: &mut Value| {
                if call["method"] == "estimatesmartfee" {
                    let sat = rate.load(Ordering::Relaxed);
                    let coins: Value = serde_json::from_str(&format!("0.{sat:08}")).unwrap();
                    answer["result"] = json!({"feerate": coins, "blocks": 6});
                }
            })
        };
        desk.settings.rate_default_sat_per_kvb = None;
        desk.connect(vec![edited("#1", &desk.node.url(), stage.replaces, &edit)]);
        let mut policy = Policy::default();
        let other = desk.friend("conformance", u64::from(u32::MAX));
        policy.lane_addresses.insert(desk.network.id.clone(), [other].into());
        Some(Self { desk, signer: LocalSigner::new(wallet::keystore(), policy), rate })
    }
}

impl RailHarness for Harness {
    fn rail(&self) -> &dyn Rail {
        &self.desk.rail
    }

    fn signer(&self) -> &dyn Signer {
        &self.signer
    }

    fn network(&self) -> &Network {
        &self.desk.network
    }

    fn asset(&self) -> &Asset {
        &self.desk.wallet.asset
    }

    fn lane(&self) -> &Lane {
        &self.desk.wallet.lane
    }

    fn unit(&self) -> Amount {
        Amount::from_units(u128::from(UNIT_SAT)).unwrap()
    }

    fn destination(&self, number: u32) -> Destination {
        Destination { address: self.desk.friend("conformance", u64::from(number)), memo: None }
    }

    fn mine(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            self.desk.node.mine(&nobody(), 1);
        })
    }

    fn blocks_to_finality(&self) -> u32 {
        self.desk.blocks_to_any_finality()
    }

    fn undo_block(&self) -> BoxFuture<'_, bool> {
        Box::pin(async {
            self.desk.node.undo(1);
            // Another one in its place; with the same content it would be the same.
            self.desk.node.block_of(&[]);
            true
        })
    }

    fn raise_fees(&self) -> BoxFuture<'_, bool> {
        Box::pin(async {
            self.rate.store(20_000, Ordering::Relaxed);
            self.desk.stage.replaces
        })
    }

    fn received<'a>(&'a self, destination: &'a Destination) -> BoxFuture<'a, Amount> {
        Box::pin(async {
            let script = lock::script(&self.desk.network, &destination.address).unwrap();
            let held = self.desk.held_by(&[&script.to_hex_string()]);
            Amount::from_units(held.values().map(|it| u128::from(*it)).sum()).unwrap()
        })
    }
}

#[tokio::test]
async fn it_is_a_rail() {
    for stage in REPLACING.into_iter().chain([NEVER_REPLACING[0]]) {
        if std::env::var_os("RUN_NODE_TESTS").is_none() {
            return;
        }
        let make = || -> BoxFuture<'_, Box<dyn RailHarness>> {
            Box::pin(async move { Box::new(Harness::start(stage).await.unwrap()) as Box<_> })
        };
        run_all(&make).await;
    }
}

#[tokio::test]
async fn what_nodes_estimate_is_offered_to_the_last_satoshi() {
    for stage in REPLACING {
        let Some(harness) = Harness::start(stage).await else { return };
        harness.rate.store(7_001, Ordering::Relaxed);
        let id = harness.desk.ask(&harness.desk.friend("estimate", 0), UNIT_SAT).await;
        harness.desk.wait(500);
        harness.desk.turn().await;
        let attempt = harness.desk.newest_of(&[id]);
        let entry = harness.desk.node.ask("getmempoolentry", &json!([attempt.tx.txid.as_str()]));
        let vsize = entry["vsize"].as_u64().unwrap();
        let fee = harness.desk.node.fee_of(attempt.tx.txid.as_str());
        let least = (7_001 * vsize).div_ceil(1_000);
        assert!((least..=least + 8).contains(&fee), "{fee} for {vsize}");
        assert_eq!(sat(&json!(0.5)), COIN / 2);
    }
}
