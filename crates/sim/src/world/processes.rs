//! Pieces of work, and the workers who do them, each a little at a time.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, atomic::Ordering},
    task::Poll,
};

use domain::{
    Timestamp,
    accept::Desk,
    batch::Batch,
    command::{Command, Refusal},
    ids::{BatchId, DeliveryId, LaneId, NetworkId, PayoutId},
    payout::PayoutState,
    ports::CommitError,
};
use engine::Progress;

use super::{Fault, Ports, Violation, World, must, scene};
use crate::{
    auditor::Balances,
    executor,
    market::Market,
    workload::{Answers, Moment, Slice},
};

/// A piece of work.
#[derive(Clone, Debug)]
pub enum Work {
    /// Decide about commands.
    Accept(Slice),
    /// Put what waits for a lane into batches.
    Group(LaneId),
    /// Move a batch of a network one step.
    Advance(NetworkId, BatchId),
    /// Sign for several batches of a network in one commit.
    Sign(NetworkId, Vec<BatchId>),
    /// Try a delivery once.
    Deliver(DeliveryId),
    /// Withdraw a payout that nobody approved in time.
    Expire(PayoutId),
    /// Bring a lane coins.
    Refuel,
}

enum Outcome {
    Progress(Result<Progress, CommitError>),
    Answers(Answers),
}

type Job = Pin<Box<dyn Future<Output = Outcome> + Send>>;

pub(super) struct Worker {
    work: Work,
    job: Job,
    /// When it was begun.
    at: Timestamp,
    /// What was known then.
    market: Arc<Market>,
    /// What everybody had when it was decided.
    balances: Balances,
}

impl World {
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
            Work::Sign(network, batches) => Box::pin(async move {
                let engine = ports.engine(network.as_str());
                Outcome::Progress(engine::sign_together(&engine, &batches, now).await)
            }),
            Work::Deliver(id) => Box::pin(async move {
                let done = engine::deliver(&ports.store, &ports.courier, id, None, now).await;
                Outcome::Progress(done)
            }),
            Work::Refuel => Box::pin(async move {
                let id = BatchId(u128::from(ports.batches_drawn.fetch_add(1, Ordering::Relaxed)));
                let (lane, station) = scene::station();
                let engine = ports.engine("fast");
                let done = engine::refuel(&engine, &lane, &station, id, now).await;
                Outcome::Progress(done.map(|it| it.progress))
            }),
            Work::Expire(id) => {
                let commands = Arc::new(vec![Command::Expire(id)]);
                accept(ports, market.clone(), commands, now)
            }
        };
        self.faults.note(|| format!("{:>9} begin {}", self.now.0, name(&work)));
        self.workers.push(Worker { work, job, at: now, market, balances: Balances::new() });
    }

    /// Somebody takes up something that is worth doing, if hands are free.
    pub(super) fn begin_due(&mut self) {
        let mut due = self.due();
        if self.faults.chance(2) {
            // Somebody whose clock is ahead takes the time of some approvals for over.
            let asked = self.store.look(|it| {
                let asked = it.payouts.values().filter(|it| it.approval.is_some());
                asked.map(|it| Work::Expire(it.id)).collect::<Vec<_>>()
            });
            due.extend(asked);
        }
        if self.faults.chance(1) {
            due.push(Work::Refuel);
        }
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
        let balances = matches!(it.work, Work::Accept(_)).then(|| self.auditor.balances().clone());
        let polled = executor::poll(&mut it.job);
        // The auditor has seen everything but what was committed just now.
        let is_decided = self.store.look(|it| !it.journal.is_empty());
        if let Some(balances) = balances.filter(|_| is_decided) {
            it.balances = balances;
        }
        let Poll::Ready(outcome) = polled else {
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
                let (at, market, balances) = (done.at, &*done.market, Some(&done.balances));
                let moment = Moment { at, market, balances };
                self.store.look(|contents| workload.hear(slice, &answers, contents, moment))?;
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
                let is_flying = |it: &&Batch| !it.attempts.iter().any(|it| it.status.is_included());
                let full = open.filter(is_flying).count() >= scene::IN_FLIGHT_MAX;
                let queued = contents
                    .payouts
                    .values()
                    .any(|it| it.network == lane.network && it.state == PayoutState::Queued);
                if queued && !full {
                    due.push(Work::Group(lane.id.clone()));
                }
                let batches = contents.due_batches(&lane.id, now, u32::MAX);
                let is_new = |id: &BatchId| {
                    contents.batches.get(id).is_some_and(|it| it.attempts.is_empty())
                };
                let (mut new, mut old): (Vec<BatchId>, Vec<BatchId>) =
                    batches.into_iter().partition(is_new);
                if new.len() > 1 {
                    due.push(Work::Sign(lane.network.clone(), new));
                } else {
                    old.append(&mut new);
                }
                due.extend(old.into_iter().map(|it| Work::Advance(lane.network.clone(), it)));
            }
            let told = contents.due_deliveries(now, None, u32::MAX);
            due.extend(told.into_iter().map(|it| Work::Deliver(it.id)));
            due.extend(contents.expired_approvals(now, u32::MAX).into_iter().map(Work::Expire));
            due
        })
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
        let answers = engine::accept(&ports.store, &desk, &commands, now).await;
        let unknown =
            |_| commands.iter().map(|_| Err(Refusal::Unavailable("not decided"))).collect();
        Outcome::Answers(answers.unwrap_or_else(unknown))
    })
}

fn same(one: &Work, other: &Work) -> bool {
    match (one, other) {
        (Work::Group(one), Work::Group(other)) => one == other,
        (Work::Advance(_, one), Work::Advance(_, other)) => one == other,
        (Work::Sign(_, one), Work::Sign(_, other)) => one == other,
        (Work::Deliver(one), Work::Deliver(other)) => one == other,
        (Work::Expire(one), Work::Expire(other)) => one == other,
        (Work::Refuel, Work::Refuel) => true,
        _ => false,
    }
}

fn name(work: &Work) -> String {
    match work {
        Work::Accept(slice) => format!("accept {} commands", slice.commands.len()),
        Work::Group(lane) => format!("group {lane}"),
        Work::Advance(_, batch) => format!("advance {batch}"),
        Work::Sign(_, batches) => format!("sign {batches:?}"),
        Work::Deliver(delivery) => format!("deliver {delivery}"),
        Work::Expire(payout) => format!("expire {payout}"),
        Work::Refuel => "refuel".to_owned(),
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
