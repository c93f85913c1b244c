//! The fakes pass the suites that they are made to judge others by.

use std::{
    collections::BTreeMap,
    pin::pin,
    sync::Arc,
    task::{Context, Waker},
};

use domain::{
    BoxFuture,
    catalog::{Asset, Destination, Network},
    ids::{AssetId, LaneId, NetworkId},
    lane::Lane,
    money::Amount,
    ports::{Rail, RailProfile, Signer},
};
use rail_sim::{ChainOptions, SimChain, SimRail};
use sim::{
    conformance::{self, rail::RailHarness},
    faults::Faults,
    ports::FaultySigner,
    store::MemoryStore,
};

#[test]
fn the_store_in_memory_is_a_store() {
    conformance::store::run_all(&|| Box::new(MemoryStore::default()));
}

struct Harness {
    rail: SimRail,
    signer: FaultySigner,
    network: Network,
    asset: Asset,
    lane: Lane,
}

const FINALITY_DEPTH: u8 = 2;

fn amount(units: u128) -> Amount {
    Amount::from_units(units).expect("a small amount")
}

fn harness() -> Harness {
    let id = NetworkId::new("net");
    let asset = AssetId::new("COIN@net");
    let lane = Lane {
        id: LaneId::new("net/hot"),
        network: id.clone(),
        address: "hot".to_owned(),
        key_path: "m/0".to_owned(),
        next_sequence: 4,
        version: 1,
    };
    let options = ChainOptions {
        fee_asset: asset.clone(),
        finality_depth: usize::from(FINALITY_DEPTH),
        fee_level: amount(10),
        of_coins: false,
    };
    let funds = (lane.address.clone(), asset.clone(), amount(1_000_000));
    let profile = RailProfile {
        network: id.clone(),
        batch_max: 3,
        batch_wait_ms: 0,
        economy_apart: false,
        in_flight_max: 1,
        attempts_max: 5,
        poll_ms: 1_000,
        retry_ms: 1_000,
        replace_after_ms: Some(1_000),
    };
    let chain = SimChain::resume(options, [funds]);
    Harness {
        rail: SimRail::new(chain, profile, asset.clone(), amount(1_000)),
        signer: FaultySigner(Arc::new(Faults::none(1))),
        network: Network {
            id: id.clone(),
            title: "Net".to_owned(),
            family: "sim".to_owned(),
            fee_asset: asset.clone(),
            explorer_url: String::new(),
            has_priorities: false,
            parameters: BTreeMap::new(),
        },
        asset: Asset {
            id: asset,
            network: id,
            ticker: "COIN".to_owned(),
            title: "Coin".to_owned(),
            decimals: 6,
            contract: None,
            stablecoin: false,
            symbols: vec![],
        },
        lane,
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
        amount(500)
    }

    fn destination(&self, number: u32) -> Destination {
        Destination { address: format!("to-{number}"), memo: None }
    }

    fn mine(&self) -> BoxFuture<'_, ()> {
        Box::pin(async { self.rail.chain().mine() })
    }

    fn blocks_to_finality(&self) -> u32 {
        u32::from(FINALITY_DEPTH) + 1
    }

    fn undo_block(&self) -> BoxFuture<'_, bool> {
        Box::pin(async {
            let undone = self.rail.chain().reorg(1) == 1;
            self.rail.chain().forget_mempool();
            undone
        })
    }

    fn raise_fees(&self) -> BoxFuture<'_, bool> {
        Box::pin(async {
            self.rail.chain().set_fee_level(amount(200));
            true
        })
    }

    fn received<'a>(&'a self, destination: &'a Destination) -> BoxFuture<'a, Amount> {
        Box::pin(async {
            let payments = self.rail.chain().payments().into_iter();
            let ours = payments.filter(|it| it.address == destination.address);
            ours.fold(Amount::ZERO, |sum, it| amount(sum.units() + it.amount.units()))
        })
    }
}

#[test]
fn the_chain_in_memory_is_a_rail() {
    let make = || -> BoxFuture<'static, Box<dyn RailHarness>> {
        Box::pin(async { Box::new(harness()) as Box<dyn RailHarness> })
    };
    // The signer waits between its steps; everything else is ready at once.
    let mut suite = pin!(conformance::rail::run_all(&make));
    let mut context = Context::from_waker(Waker::noop());
    while suite.as_mut().poll(&mut context).is_pending() {}
}
