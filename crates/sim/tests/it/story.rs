//! One payout in a world where nothing goes wrong by itself.

use domain::{
    batch::Batch,
    command::CreatePayout,
    delivery::Delivery,
    event::EventKind,
    ids::{NetworkId, PayoutId},
    payout::{Payout, Status},
};
use sim::{
    faults::Faults,
    world::{Work, World},
};

/// A world with one payout in it.
pub(crate) struct Story {
    pub(crate) world: World,
}

impl Story {
    /// Somebody has asked for a payout of a token on the fast network.
    pub(crate) fn begin() -> Self {
        let mut story = Self { world: World::new(Faults::none(1)) };
        story.ask();
        assert_eq!(story.status(), Status::Queued);
        story
    }

    pub(crate) fn ask(&mut self) {
        let workload = &mut self.world.workload;
        let slice = self.world.store.look(|it| workload.simple("TOKEN@fast", 250, it));
        self.run(Work::Accept(slice));
    }

    /// Somebody has asked for a payout like it, but for what is changed in it.
    pub(crate) fn begin_with(asset: &str, change: impl FnOnce(&mut CreatePayout)) -> Self {
        let mut story = Self { world: World::new(Faults::none(1)) };
        let workload = &mut story.world.workload;
        let slice = story.world.store.look(|it| workload.special(asset, 250, it, change));
        story.run(Work::Accept(slice));
        story
    }

    /// Does a piece of work to its end.
    #[track_caller]
    pub(crate) fn run(&mut self, work: Work) {
        self.world.run(work).expect("nothing is wrong");
    }

    /// Does all that is due.
    #[track_caller]
    pub(crate) fn run_due(&mut self) {
        for work in self.world.due() {
            self.run(work);
        }
    }

    /// Lets a worker go on until it waits.
    #[track_caller]
    pub(crate) fn poll(&mut self, worker: usize) {
        self.world.poll(worker).expect("nothing is wrong");
    }

    /// Does the next thing that is due, if anything but a webhook is.
    pub(crate) fn step(&mut self) -> bool {
        let due = self.world.due();
        let next = due.into_iter().find(|it| !matches!(it, Work::Deliver(_)));
        next.map(|it| self.run(it)).is_some()
    }

    /// Does what is due, makes blocks and lets time pass until this has happened.
    #[track_caller]
    pub(crate) fn until(&mut self, kind: EventKind) {
        for _ in 0..100 {
            if self.happened(kind) > 0 {
                return;
            }
            if !self.step() {
                self.pass(1_000);
            }
        }
        panic!("{kind:?} did not happen: {:?}", self.batch());
    }

    /// Lets time pass; the networks make a block.
    pub(crate) fn pass(&mut self, ms: u64) {
        self.world.now = self.world.now.plus_ms(ms);
        self.world.mine();
        self.world.look().expect("nothing is wrong");
    }

    /// Everything comes to its end and is audited.
    pub(crate) fn end(&mut self) -> Status {
        self.world.settle_down().expect("nothing is wrong");
        self.status()
    }

    pub(crate) fn payout(&self) -> Payout {
        let id = self.world.workload.newest().expect("the merchant was told");
        self.world.store.look(|it| it.payouts[&id].clone())
    }

    pub(crate) fn id(&self) -> PayoutId {
        self.payout().id
    }

    pub(crate) fn status(&self) -> Status {
        self.payout().state.status()
    }

    pub(crate) fn batch(&self) -> Option<Batch> {
        self.world.store.look(|it| it.batches.values().next_back().cloned())
    }

    /// How often something happened to the payout.
    pub(crate) fn happened(&self, kind: EventKind) -> usize {
        let id = self.id();
        self.world.store.look(|it| {
            it.events.iter().filter(|event| event.payout == id && event.kind == kind).count()
        })
    }

    pub(crate) fn deliveries(&self) -> Vec<Delivery> {
        self.world.store.look(|it| it.deliveries.values().cloned().collect())
    }

    /// How many payments the chain holds for good.
    pub(crate) fn payments(&self) -> usize {
        self.world.chain("fast").payments().len()
    }

    /// How many different transactions the network has ever seen.
    pub(crate) fn arrivals(&self) -> usize {
        self.world.chain("fast").arrivals(0).len()
    }

    /// The work of moving the payout's batch.
    pub(crate) fn advance(&self) -> Work {
        let batch = self.batch().expect("the payout is in a batch");
        Work::Advance(NetworkId::new("fast"), batch.id)
    }
}
