//! The rail on a real node passes the suite that every rail must, paying one by one and many at
//! once.
//!
//! Runs only with `RUN_NODE_TESTS=1` and `ANVIL` set to the path of the anvil binary.

use std::collections::BTreeSet;

use domain::{
    BoxFuture, Timestamp,
    batch::{Attempt, AttemptStatus, Observation},
    catalog::{Asset, Destination, Network},
    chore::Chore,
    lane::Lane,
    money::Amount,
    ports::{Draft, Handover, Intent, Rail, Signer},
};
use rail_evm::{Evm, pay_call::Method};
use serde_json::{Value, json};
use signer::{Keystore, LocalSigner, Policy};
use sim::conformance::rail::{RailHarness, run_all};

use crate::{
    anvil::{Anvil, program},
    bulk::somebody,
    house::{MNEMONIC, settings},
    scene::{self, coin},
};

/// A thousandth of an ether; the lane has ten thousand of them.
const UNIT: u128 = 1_000_000_000_000_000;
/// How many recipients have accounts: coins for others travel alone.
const ACCOUNTS: u32 = 5;
/// Two blocks on top make a block final.
const BLOCKS_TO_FINALITY: u32 = 3;

struct Harness {
    anvil: Anvil,
    rail: Evm,
    signer: LocalSigner,
    network: Network,
    asset: Asset,
    lane: Lane,
}

fn recipient(number: u32) -> String {
    somebody("conformance", u64::from(number)).to_string()
}

impl Harness {
    async fn start(program: &std::ffi::OsStr, batching: Option<Method>) -> Self {
        let anvil = Anvil::start(program);
        for number in 1..=ACCOUNTS {
            let one = json!([recipient(number), "0x1"]);
            let _: Value = anvil.ask("anvil_setBalance", one).await;
        }
        // There is something that can be undone without touching what is final.
        anvil.mine(BLOCKS_TO_FINALITY).await;
        let network = scene::network("finalized");
        let mut policy = Policy::default();
        policy.lane_addresses.insert(network.id.clone(), [recipient(u32::MAX)].into());
        let keystore = Keystore::in_memory(MNEMONIC, [1; 32]).unwrap();
        let lane = Lane { key_path: "m/44'/60'/0'/0/0".to_owned(), ..scene::lane(0) };
        let endpoints = scene::alone(anvil.client());
        let mut harness = Self {
            rail: scene::over(endpoints, &[coin()], settings(batching)),
            anvil,
            signer: LocalSigner::new(keystore, policy),
            network,
            asset: coin(),
            lane,
        };
        harness.prepare().await;
        let pays_many = Rail::batch_size(&harness.rail, &harness.lane, &coin().id).max > 1;
        assert_eq!(pays_many, batching.is_some());
        harness
    }

    /// Does what the rail asks the lane to do first.
    async fn prepare(&mut self) {
        while let Some(chore) = Rail::chore(&self.rail, &self.lane, &BTreeSet::new()).await.unwrap()
        {
            let attempt = self.sign(&chore).await;
            let taken = Rail::broadcast(&self.rail, &attempt.tx).await;
            assert_eq!(taken, Ok(Handover::Accepted), "{chore:?}");
            self.anvil.mine(BLOCKS_TO_FINALITY).await;
            let seen = Rail::observe(&self.rail, &self.lane, &[attempt], &[]).await.unwrap();
            assert!(matches!(seen[..], [Observation::Final { .. }]), "{chore:?}: {seen:?}");
        }
    }

    async fn sign(&mut self, chore: &Chore) -> Attempt {
        let draft = Draft { chore: Some(chore), ..Draft::alone(&self.lane) };
        let unsigned = Rail::build(&self.rail, draft).await.unwrap();
        let intent = Intent {
            network: self.network.clone(),
            payments: vec![],
            chore: Some(chore.clone()),
            fee_max: unsigned.fee_max,
            sequence: unsigned.sequence,
            spends: vec![],
        };
        let signature = self.signer.sign(&self.lane, &unsigned, &intent).await.unwrap();
        self.lane.next_sequence = unsigned.sequence.unwrap() + unsigned.sequences_used;
        Attempt {
            tx: self.rail.finalize(&unsigned, &signature).unwrap(),
            sequence: unsigned.sequence,
            fee_max: unsigned.fee_max,
            status: AttemptStatus::Signed,
            signed_at: Timestamp(0),
            fee: None,
            unpaid: vec![],
            spends: vec![],
        }
    }
}

impl RailHarness for Harness {
    fn rail(&self) -> &dyn Rail {
        &self.rail
    }

    fn signer(&self) -> &dyn Signer {
        &self.signer
    }

    fn network(&self) -> &Network {
        &self.network
    }

    fn asset(&self) -> &Asset {
        &self.asset
    }

    fn lane(&self) -> &Lane {
        &self.lane
    }

    fn unit(&self) -> Amount {
        Amount::from_units(UNIT).unwrap()
    }

    fn destination(&self, number: u32) -> Destination {
        Destination { address: recipient(number), memo: None }
    }

    fn mine(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.anvil.mine(1))
    }

    fn blocks_to_finality(&self) -> u32 {
        BLOCKS_TO_FINALITY
    }

    fn undo_block(&self) -> BoxFuture<'_, bool> {
        Box::pin(async {
            let _: Value = self.anvil.ask("anvil_reorg", json!([1, []])).await;
            let _: Value = self.anvil.ask("anvil_dropAllTransactions", json!([])).await;
            true
        })
    }

    fn raise_fees(&self) -> BoxFuture<'_, bool> {
        Box::pin(async {
            let jump = json!(["0x4a817c800"]);
            let _: Value = self.anvil.ask("anvil_setNextBlockBaseFeePerGas", jump).await;
            // This node forgets transactions that the base fee has outgrown.
            self.anvil.mine(1).await;
            true
        })
    }

    fn received<'a>(&'a self, destination: &'a Destination) -> BoxFuture<'a, Amount> {
        Box::pin(async {
            let held = self.anvil.balance(&destination.address).await;
            let has_account = (1..=ACCOUNTS).any(|it| recipient(it) == destination.address);
            Amount::from_units(held - u128::from(has_account)).unwrap()
        })
    }
}

async fn run(batching: Option<Method>) {
    let Some(program) = program() else { return };
    let make = || -> BoxFuture<'_, Box<dyn RailHarness>> {
        Box::pin(async { Box::new(Harness::start(&program, batching).await) as Box<_> })
    };
    run_all(&make).await;
}

#[tokio::test]
async fn it_is_a_rail_that_pays_one_by_one() {
    run(None).await;
}

#[tokio::test]
async fn it_is_a_rail_that_pays_many_by_the_contract() {
    run(Some(Method::Contract)).await;
}

#[tokio::test]
async fn it_is_a_rail_that_pays_many_by_its_own_code() {
    run(Some(Method::Delegate)).await;
}
