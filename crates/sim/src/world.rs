//! The false world as a whole: its clock, its processes, and what happens between them.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::AtomicU64},
};

use domain::{
    Timestamp,
    catalog::Catalog,
    ids::{LaneId, NetworkId},
    ledger::{self, Cause, LedgerAccount, Posting},
    ports::{ChangeSet, Store},
};
use engine::World as Engine;

use crate::{
    auditor::{Auditor, Violation, must},
    executor::block_on,
    faults::{Fault, Faults},
    market::Market,
    ports::{FaultyCourier, FaultyRail, FaultySigner, FaultyStore},
    scene,
    store::MemoryStore,
    workload::{Trap, Workload},
};

mod nature;
mod operator;
mod processes;

pub use processes::Work;
use processes::Worker;

/// What the processes are connected to.
pub(crate) struct Ports {
    catalog: Catalog,
    own_addresses: std::collections::BTreeSet<(NetworkId, String)>,
    store: FaultyStore,
    rails: BTreeMap<NetworkId, FaultyRail>,
    signer: FaultySigner,
    courier: FaultyCourier,
    batches_drawn: AtomicU64,
}

/// The world.
pub struct World {
    /// What goes wrong.
    pub faults: Arc<Faults>,
    /// What is durable.
    pub store: Arc<MemoryStore>,
    /// The merchants.
    pub workload: Workload,
    /// Who looks on.
    pub auditor: Auditor,
    /// What time it is.
    pub now: Timestamp,
    /// How often anything was done.
    pub steps: u64,
    ports: Arc<Ports>,
    market: Arc<Market>,
    workers: Vec<Worker>,
    /// Coins that a lane should have and does not have yet.
    short: Vec<(LaneId, domain::ids::AssetId, u128)>,
}

impl World {
    /// A world in which something goes wrong.
    pub fn new(faults: Faults) -> Self {
        let faults = Arc::new(faults);
        let store = Arc::new(MemoryStore::default());
        let catalog = scene::catalog();
        let of_coins = faults.are_drawn() && faults.below(2) == 1;
        let rail = |network: &domain::catalog::Network| {
            (network.id.clone(), FaultyRail::new(scene::rail(network, of_coins), faults.clone()))
        };
        let ports = Ports {
            rails: catalog.networks().map(rail).collect(),
            catalog,
            own_addresses: scene::own_addresses(),
            store: FaultyStore::new(store.clone(), faults.clone()),
            signer: FaultySigner(faults.clone()),
            courier: FaultyCourier::new(faults.clone()),
            batches_drawn: AtomicU64::new(0),
        };
        let now = Timestamp(1_000_000);
        let mut world = Self {
            market: Arc::new(Market::open(&faults, now)),
            workload: Workload::new(faults.clone()),
            faults,
            store,
            auditor: Auditor::default(),
            now,
            steps: 0,
            ports: Arc::new(ports),
            workers: vec![],
            short: vec![],
        };
        world.set_up();
        world
    }

    /// One network's rail.
    pub fn rail(&self, network: &str) -> &FaultyRail {
        self.ports.rails.get(network).expect("a network of the scene")
    }

    /// One network's chain.
    pub fn chain(&self, network: &str) -> &rail_sim::SimChain {
        self.rail(network).node().chain()
    }

    /// What receivers of webhooks have heard.
    pub fn courier(&self) -> &FaultyCourier {
        &self.ports.courier
    }

    /// Lets something happen.
    ///
    /// # Errors
    /// Says what was seen that must never be.
    pub fn step(&mut self) -> Result<(), Violation> {
        if self.faults.chance(7) && self.busy() > 0 && self.faults.strikes(Fault::Crash) {
            self.crash();
        }
        match self.faults.below(100) {
            0..=76 if !self.workers.is_empty() => {
                let worker = self.faults.below(self.workers.len() as u64);
                self.poll(usize::try_from(worker).unwrap_or_default()).map(drop)
            }
            0..=88 => {
                self.begin_due();
                Ok(())
            }
            89..=91 => {
                let faults = self.faults.clone();
                let now = self.now;
                let (slice, traps) = self.store.look(|it| self.workload.next_slice(it, now));
                for trap in traps {
                    self.lay(&trap);
                }
                if !slice.commands.is_empty() {
                    faults.note(|| format!("          ask {:?}", slice.commands));
                    self.start(Work::Accept(slice));
                }
                Ok(())
            }
            92..=98 => self.elapse(),
            _ => self.reconcile(),
        }
    }

    /// Everything goes right from here on: does all that is to be done until nothing is.
    ///
    /// # Errors
    /// Says what was seen that must never be, or what does not come to an end.
    pub fn settle_down(&mut self) -> Result<(), Violation> {
        const ROUNDS_MAX: u32 = 400;
        self.heal()?;
        for _ in 0..ROUNDS_MAX {
            while !self.workers.is_empty() {
                self.poll(0)?;
            }
            if let Some(slice) = self.store.look(|it| self.workload.unanswered(it)) {
                self.run(Work::Accept(slice))?;
            }
            self.do_all_due()?;
            let next = self.store.look(|it| {
                let open = it.batches.values().any(|it| !it.closed);
                let queued = it.payouts.values().any(|it| !it.state.status().is_final());
                let deliveries = it.deliveries.values();
                let due = deliveries.map(|it| it.due_at).filter(|it| *it < Timestamp::NEVER).min();
                (open || queued, due)
            });
            self.now = match next {
                (true, _) => self.now.plus_ms(3_000),
                (false, Some(due)) => self.now.max(due),
                (false, None) => return self.final_look(),
            };
            self.mine();
            self.look()?;
        }
        must!(false, "after healing, something does not come to an end: {:?}", self.due());
        Ok(())
    }

    fn do_all_due(&mut self) -> Result<(), Violation> {
        // A batch needs a handful of steps; a loop that goes on would be one that waits for
        // nothing.
        for _ in 0..60 {
            let due = self.due();
            let before = self.store.look(|it| it.events.len() + it.postings.len());
            let versions = |world: &Self| {
                world.store.look(|it| it.batches.values().map(|it| it.version).sum::<u64>())
            };
            let at_first = versions(self);
            for work in due {
                self.run(work)?;
            }
            let after = self.store.look(|it| it.events.len() + it.postings.len());
            if before == after && at_first == versions(self) {
                return Ok(());
            }
        }
        Err(format!("it goes round in circles: {:?}", self.due()))
    }

    fn final_look(&mut self) -> Result<(), Violation> {
        self.look()?;
        self.auditor.close()?;
        let auditor = &self.auditor;
        self.workload.check_transfers(|account, asset| auditor.balance(account, asset))?;
        self.book_outside()?;
        self.look()?;
        self.check_agreement()
    }
}

impl Ports {
    fn engine(&self, network: &str) -> Engine<'_> {
        let rail = self.rails.get(network).expect("a network of the scene");
        let (catalog, store, signer) = (&self.catalog, &self.store, &self.signer);
        Engine { catalog, store, rail, signer, fence: None }
    }
}
