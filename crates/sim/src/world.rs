//! The false world as a whole: its clock, its processes, and what happens between them.

use std::{
    collections::BTreeMap,
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::Poll,
};

use domain::{
    Timestamp,
    accept::Desk,
    catalog::Catalog,
    command::{Command, Refusal},
    ids::{BatchId, DeliveryId, LaneId, NetworkId, PayoutId},
    ledger::{self, Cause, LedgerAccount, Posting},
    payout::PayoutState,
    ports::{ChangeSet, CommitError, Store},
};
use engine::{Progress, World as Engine};

use crate::{
    auditor::{Auditor, Violation, must},
    executor::{self, block_on},
    faults::{Fault, Faults},
    market::Market,
    ports::{FaultyCourier, FaultyRail, FaultySigner, FaultyStore},
    scene,
    store::MemoryStore,
    workload::{Answers, Moment, Slice, Trap, Workload},
};

mod nature;
mod operator;

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

/// A piece of work.
#[derive(Clone, Debug)]
pub enum Work {
    /// Decide about commands.
    Accept(Slice),
    /// Put what waits for a lane into batches.
    Group(LaneId),
    /// Move a batch of a network one step.
    Advance(NetworkId, BatchId),
    /// Try a delivery once.
    Deliver(DeliveryId),
    /// Withdraw a payout that nobody approved in time.
    Expire(PayoutId),
}

enum Outcome {
    Progress(Result<Progress, CommitError>),
    Answers(Answers),
}

type Job = Pin<Box<dyn Future<Output = Outcome> + Send>>;

struct Worker {
    work: Work,
    job: Job,
    /// When it was begun.
    at: Timestamp,
    /// What was known then.
    market: Arc<Market>,
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
        let rail = |network: &domain::catalog::Network| {
            (network.id.clone(), FaultyRail::new(scene::rail(network), faults.clone()))
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

    // --- Processes -----------------------------------------------------------------------------

    /// Somebody takes up a piece of work.
    pub fn start(&mut self, work: Work) {
        let (ports, now, market) = (self.ports.clone(), self.now, self.market.clone());
        let job: Job = match work.clone() {
            Work::Accept(slice) => {
                self.auditor.expect_payouts(&slice.commands, &market, now);
                self.workload.begin(&slice);
                accept(ports, market.clone(), slice.commands, now)
            }
            Work::Group(lane) => Box::pin(async move {
                let mut draw =
                    || BatchId(u128::from(ports.batches_drawn.fetch_add(1, Ordering::Relaxed)));
                let network = lane.as_str().split('/').next().unwrap_or_default();
                let engine = ports.engine(network);
                Outcome::Progress(engine::group(&engine, &lane, &mut draw, now).await)
            }),
            Work::Advance(network, batch) => Box::pin(async move {
                let engine = ports.engine(network.as_str());
                Outcome::Progress(engine::advance(&engine, batch, now).await)
            }),
            Work::Deliver(id) => Box::pin(async move {
                let done = engine::deliver(&ports.store, &ports.courier, id, now).await;
                Outcome::Progress(done)
            }),
            Work::Expire(id) => {
                let commands = Arc::new(vec![Command::Expire(id)]);
                accept(ports, market.clone(), commands, now)
            }
        };
        self.faults.note(|| format!("{:>9} begin {}", self.now.0, name(&work)));
        self.workers.push(Worker { work, job, at: now, market });
    }

    /// How many pieces of work are under way.
    pub fn busy(&self) -> usize {
        self.workers.len()
    }

    /// Lets one worker go on until it waits; `Some` once it is done.
    ///
    /// # Errors
    /// Says what was seen that must never be.
    pub fn poll(&mut self, worker: usize) -> Result<Option<Work>, Violation> {
        self.steps += 1;
        let Some(it) = self.workers.get_mut(worker) else { return Ok(None) };
        let Poll::Ready(outcome) = executor::poll(&mut it.job) else {
            self.look()?;
            return Ok(None);
        };
        let done = self.workers.remove(worker);
        let (faults, now) = (self.faults.clone(), self.now);
        match (&done.work, outcome) {
            (Work::Accept(slice), Outcome::Answers(answers)) => {
                faults.note(|| format!("{:>9} answer {}", now.0, short_answers(&answers)));
                self.look()?;
                let workload = &mut self.workload;
                let moment = Moment { at: done.at, market: &done.market };
                self.store.look(|contents| workload.hear(slice, &answers, contents, &moment))?;
            }
            (Work::Expire(payout), Outcome::Answers(answers)) => {
                let may_be = |it: &Result<_, Refusal>| {
                    let why = it.as_ref().err();
                    why.is_none_or(|why| {
                        matches!(why, Refusal::NotAwaitingApproval | Refusal::Unavailable(_))
                    })
                };
                must!(answers.iter().all(may_be), "{payout} could not expire: {answers:?}");
            }
            (work, Outcome::Progress(progress)) => {
                faults.note(|| format!("{:>9} done  {} {progress:?}", now.0, name(work)));
            }
            (_, Outcome::Answers(_)) => {}
        }
        self.look()?;
        Ok(Some(done.work))
    }

    /// Takes up a piece of work and ends it before anything else happens.
    ///
    /// # Errors
    /// Says what was seen that must never be.
    pub fn run(&mut self, work: Work) -> Result<(), Violation> {
        self.start(work);
        let worker = self.workers.len() - 1;
        while self.poll(worker)?.is_none() {}
        Ok(())
    }

    /// The process dies. What it had in memory is gone.
    pub fn crash(&mut self) {
        self.faults.note(|| format!("{:>9} CRASH", self.now.0));
        self.workers.clear();
    }

    /// The auditor looks at what has changed.
    ///
    /// # Errors
    /// Says what was seen that must never be.
    pub fn look(&mut self) -> Result<(), Violation> {
        let chains: Vec<_> = self
            .ports
            .rails
            .iter()
            .map(|(network, rail)| (network.clone(), rail.node().chain().clone()))
            .collect();
        let heard = self.ports.courier.heard();
        self.auditor.look(self.store.take_journal(), &chains, &heard)?;
        drop(heard);
        self.faults.violated().map_or(Ok(()), Err)
    }

    /// Everything that is worth doing now.
    pub fn due(&self) -> Vec<Work> {
        let now = self.now;
        self.store.look(|contents| {
            let mut due = vec![];
            for lane in contents.lanes.values() {
                let open = contents.batches.values().filter(|it| !it.closed && it.lane == lane.id);
                let full = open.count() >= scene::IN_FLIGHT_MAX;
                let queued = contents
                    .payouts
                    .values()
                    .any(|it| it.network == lane.network && it.state == PayoutState::Queued);
                if queued && !full {
                    due.push(Work::Group(lane.id.clone()));
                }
                let batches = contents.due_batches(&lane.id, now, u32::MAX);
                due.extend(batches.into_iter().map(|it| Work::Advance(lane.network.clone(), it)));
            }
            due.extend(contents.due_deliveries(now, u32::MAX).into_iter().map(Work::Deliver));
            due.extend(contents.expired_approvals(now, u32::MAX).into_iter().map(Work::Expire));
            due
        })
    }

    // --- A history -----------------------------------------------------------------------------

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

    fn begin_due(&mut self) {
        let due = self.due();
        let Some(work) = self.faults.pick(&due).cloned() else { return };
        if self.workers.len() > 6 {
            return;
        }
        let again = self.workers.iter().any(|it| same(&it.work, &work));
        if again && !self.faults.strikes(Fault::TwoWorkers) {
            return;
        }
        self.start(work);
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
        Engine { catalog: &self.catalog, store: &self.store, rail, signer: &self.signer }
    }
}

/// Decides about commands, by what was known when it was begun.
fn accept(
    ports: Arc<Ports>,
    market: Arc<Market>,
    commands: Arc<Vec<Command>>,
    now: Timestamp,
) -> Job {
    Box::pin(async move {
        let desk = Desk {
            catalog: &ports.catalog,
            rules: &scene::Rules,
            book: &market.book,
            own_addresses: &ports.own_addresses,
        };
        Outcome::Answers(engine::accept(&ports.store, &desk, &commands, now).await)
    })
}

fn same(one: &Work, other: &Work) -> bool {
    match (one, other) {
        (Work::Group(one), Work::Group(other)) => one == other,
        (Work::Advance(_, one), Work::Advance(_, other)) => one == other,
        (Work::Deliver(one), Work::Deliver(other)) => one == other,
        (Work::Expire(one), Work::Expire(other)) => one == other,
        _ => false,
    }
}

fn name(work: &Work) -> String {
    match work {
        Work::Accept(slice) => format!("accept {} commands", slice.commands.len()),
        Work::Group(lane) => format!("group {lane}"),
        Work::Advance(_, batch) => format!("advance {batch}"),
        Work::Deliver(delivery) => format!("deliver {delivery}"),
        Work::Expire(payout) => format!("expire {payout}"),
    }
}

fn short_answers(answers: &Answers) -> String {
    let words = answers.iter().map(|it| match it {
        Ok(accepted) => {
            let payout = accepted.payout().map(|it| it.id.0).unwrap_or_default();
            format!("{payout}{}", if accepted.changed().is_some() { "" } else { " again" })
        }
        Err(refusal) => format!("{refusal:?}"),
    });
    words.collect::<Vec<_>>().join(", ")
}
