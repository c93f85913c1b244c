//! The rail passes the suite that every rail must.

use std::slice;

use domain::{
    BoxFuture,
    catalog::{Asset, Destination, Network},
    lane::Lane,
    money::Amount,
    ports::{Rail, Signer},
};
use rail_tron::{Settings, Tron};
use signer::{LocalSigner, Policy};
use sim::conformance::rail::{RailHarness, run_all};
use tron_node::{Address, TronNode};

use crate::house::{self, SOLID, amount, coin, network, somebody};

struct Harness {
    node: TronNode,
    rail: Tron,
    signer: LocalSigner,
    network: Network,
    asset: Asset,
    lane: Lane,
}

impl Harness {
    fn new() -> Self {
        let (keystore, address) = house::wallet();
        let (node, _) = house::founded(Address::parse(&address).unwrap());
        let settings = Settings { expires_after_ms: 180_000, ..Settings::default() };
        let rail = house::rail(slice::from_ref(&node), &[coin()], settings, &address, None);
        let mut policy = Policy::default();
        policy.lane_addresses.insert(network().id, [somebody(u64::from(u32::MAX))].into());
        Self {
            node,
            rail,
            signer: LocalSigner::new(keystore, policy),
            network: network(),
            asset: coin(),
            lane: house::lane(&address),
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
        amount(1_000_000)
    }

    fn destination(&self, number: u32) -> Destination {
        Destination { address: somebody(number.into()), memo: None }
    }

    fn mine(&self) -> BoxFuture<'_, ()> {
        self.node.chain(tron_node::Chain::mine);
        Box::pin(std::future::ready(()))
    }

    fn blocks_to_finality(&self) -> u32 {
        u32::try_from(SOLID).unwrap()
    }

    fn undo_block(&self) -> BoxFuture<'_, bool> {
        self.node.chain(|chain| {
            chain.undo(1).unwrap();
            chain.forget_all_pending();
        });
        Box::pin(std::future::ready(true))
    }

    fn raise_fees(&self) -> BoxFuture<'_, bool> {
        Box::pin(std::future::ready(false))
    }

    fn received<'a>(&'a self, destination: &'a Destination) -> BoxFuture<'a, Amount> {
        let address = Address::parse(&destination.address).unwrap();
        let held = self.node.chain(|chain| chain.balance(&address).unwrap_or(0));
        Box::pin(std::future::ready(amount(u128::try_from(held).unwrap())))
    }
}

#[tokio::test]
async fn it_is_a_rail() {
    let make = || -> BoxFuture<'_, Box<dyn RailHarness>> {
        Box::pin(async { Box::new(Harness::new()) as Box<dyn RailHarness> })
    };
    run_all(&make).await;
}
