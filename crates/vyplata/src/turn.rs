//! What a lane's loop does in one turn: everything that is due, several batches at a time.
//!
//! Most of the time of a step goes by with the node's answer on its way, so the steps of different
//! batches overlap. Those that make a transaction do not: each takes the lane's next number, and of
//! two at once one would be a conflict. Whoever makes one holds the pen. All of it happens on the
//! lane's own thread.

use std::{
    collections::BTreeSet,
    panic::{AssertUnwindSafe, resume_unwind},
    pin::pin,
    sync::{MutexGuard, PoisonError},
    time::Duration,
};

use domain::{Timestamp, ids::BatchId, lease::Fence, ports::CommitError};
use engine::{Look, Progress, World};
use futures_util::{FutureExt as _, Stream, StreamExt as _, stream::FuturesUnordered};
use tokio::{
    sync::{Mutex, Semaphore},
    time::sleep,
};

use crate::{
    app::{App, LaneWork},
    clock,
    loops::Stop,
    upkeep::Upkeep,
};

/// How many batches are taken up at once: those that wait for the pen, and the others.
const UNDER_WAY_MAX: u32 = 512;
/// How many batches at most ask the node at once, beside the one that makes a transaction.
const EXCHANGES_MAX: usize = 16;
/// How many batches get their transactions in one commit at most.
const SIGNED_TOGETHER_MAX: usize = 64;
/// How many steps a batch may take before others have their turn.
const STEPS_MAX: u32 = 8;
/// How many batches of a lane may fail in a row before its turn ends.
const FAILURES_MAX: u32 = 3;
/// How long a turn waits, while batches are under way, until it looks for more, in milliseconds.
const LOOK_MS: u64 = 20;
/// The part of the time between looks at a transaction that a lane sleeps when nothing is due.
const IDLE_PART: u64 = 4;

/// What a lane's loop remembers between turns.
#[derive(Default)]
pub(crate) struct Turns {
    /// Batches on which the code failed an assertion: they are left alone until the process is
    /// started again.
    broken: BTreeSet<BatchId>,
    upkeep: Upkeep,
}

/// How far a batch was taken.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Went {
    /// As far as it goes now.
    On,
    /// To where it would make a transaction, which is withheld.
    Withheld,
}

/// A batch that was taken as far as it went; `None` if the code failed an assertion.
type Done = (BatchId, Option<Result<Went, CommitError>>);

/// How long a lane without work sleeps, in milliseconds.
pub(crate) fn idle_ms(work: &LaneWork) -> u64 {
    (work.rail.profile().poll_ms / IDLE_PART).max(LOOK_MS)
}

impl Turns {
    /// Does what is due for a lane, until nothing is, or it is time to look after the lane itself.
    /// Makes no transactions before `withheld_until`, if it is given: what was made before is
    /// followed to its end. Ends soon when the lane is somebody else's, of which `fence` sees to it that
    /// nothing more is stored.
    ///
    /// # Errors
    /// If store or network did not answer several times in a row.
    pub(crate) async fn take(
        &mut self,
        app: &App,
        work: &LaneWork,
        stop: &Stop,
        withheld_until: Option<Timestamp>,
        fence: &Fence,
    ) -> Result<(), CommitError> {
        let Some(signer) = &app.signer else { return Ok(()) };
        let (store, rail) = (&*app.store, &*work.rail);
        let (catalog, signer) = (&*app.catalog, &**signer);
        let world = World { catalog, store, rail, signer, fence: Some(fence) };
        let signs = withheld_until.is_none();
        if signs {
            self.tend(app, &world, work).await;
        }
        let hands = Hands::new(signs);
        let (mut under_way, mut done) = (FuturesUnordered::new(), vec![]);
        let mut taken = BTreeSet::new();
        let mut looked_at = None::<Timestamp>;
        // What failed in this turn, or is withheld, is tried again in the next.
        let mut failed = BTreeSet::new();
        let mut failures = 0;
        let mut result = Ok(());
        loop {
            let ends = withheld_until.map_or(self.upkeep.is_due(), |at| at.is_due(clock::now()));
            let is_ours = app.leases.fence(&fence.name).as_ref() == Some(fence);
            let is_over = result.is_err() || *stop.borrow() || ends || !is_ours;
            let since = |it: Timestamp| clock::now().0.saturating_sub(it.0);
            let is_time = taken.is_empty() || looked_at.is_none_or(|it| since(it) >= LOOK_MS);
            if is_time && !is_over {
                looked_at = Some(clock::now());
                let due = self.due(app, &world, work, signs, [&taken, &failed]);
                match beside(due, &mut under_way, &mut done).await {
                    Ok(due) => {
                        for id in due {
                            taken.insert(id);
                            let steps = AssertUnwindSafe(steps(app, &world, &hands, id));
                            under_way.push(steps.catch_unwind().map(move |it| (id, it.ok())));
                        }
                    }
                    Err(error) => result = Err(error),
                }
            }
            if taken.is_empty() {
                return result;
            }
            if done.is_empty() {
                let soon = sleep(Duration::from_millis(LOOK_MS));
                tokio::select! {
                    Some(it) = under_way.next() => done.push(it),
                    () = soon => {}
                }
            }
            for done in done.drain(..) {
                taken.remove(&done.0);
                if matches!(done.1, Some(Err(_) | Ok(Went::Withheld))) {
                    failed.insert(done.0);
                }
                result = result.and(self.took(app, done, &mut failures));
                app.deliveries_rang.notify_one();
            }
        }
    }

    /// Looks after the lane itself, if it is time.
    async fn tend(&mut self, app: &App, world: &World<'_>, work: &LaneWork) {
        let tend = AssertUnwindSafe(self.upkeep.tend(app, world, work)).catch_unwind();
        if tend.await.is_err() {
            tracing::error!(lane = %work.lane, "this is a bug: the lane is not looked after; report it");
        }
    }

    /// Puts what waits into batches, if they may be signed, and finds those that are due and not
    /// taken up yet.
    async fn due(
        &self,
        app: &App,
        world: &World<'_>,
        work: &LaneWork,
        signs: bool,
        [taken, failed]: [&BTreeSet<BatchId>; 2],
    ) -> Result<Vec<BatchId>, CommitError> {
        let now = clock::now();
        let mut draw = || BatchId(clock::uuid_v7(now));
        if work.pays && signs {
            match engine::group(world, &work.lane, &mut draw, now).await {
                // Whoever withdrew a payout meanwhile was first.
                Ok(_) | Err(CommitError::Conflict) => {}
                Err(error) => return Err(error),
            }
        }
        let count = |it: usize| u32::try_from(it).unwrap_or(u32::MAX);
        let passed_over = [taken, failed, &self.broken];
        let count_max =
            UNDER_WAY_MAX.saturating_add(passed_over.map(|it| count(it.len())).iter().sum());
        let due = app.store.due_batches(&work.lane, now, count_max).await;
        let due = due.map_err(|_| CommitError::Unreachable)?;
        let is_free = |id: &BatchId| !passed_over.iter().any(|it| it.contains(id));
        let room = UNDER_WAY_MAX.saturating_sub(count(taken.len()));
        let room = usize::try_from(room).unwrap_or(0);
        Ok(due.into_iter().filter(is_free).take(room).collect())
    }

    /// Takes down what came of a batch. One that cannot be read must not hold up the others.
    fn took(&mut self, app: &App, (id, done): Done, failures: &mut u32) -> Result<(), CommitError> {
        match done {
            Some(Ok(Went::On | Went::Withheld)) => *failures = 0,
            Some(Err(error)) => {
                *failures += 1;
                if *failures >= FAILURES_MAX {
                    return Err(error);
                }
                tracing::warn!(batch = %id, ?error, "the batch did not get on; it is tried again");
            }
            None => {
                tracing::error!(batch = %id, "this is a bug: the batch is left alone; report it");
                app.metrics.broken_batches.inc();
                self.broken.insert(id);
            }
        }
        Ok(())
    }
}

/// Waits for an answer while the batches that are under way get on: they may hold what it waits for,
/// connections to the database above all, and give that back only then.
async fn beside<T>(
    answer: impl Future<Output = T>,
    under_way: &mut (impl Stream<Item = Done> + Unpin),
    done: &mut Vec<Done>,
) -> T {
    let mut answer = pin!(answer);
    loop {
        tokio::select! {
            answer = &mut answer => return answer,
            Some(it) = under_way.next() => done.push(it),
        }
    }
}

/// What the batches of a turn share.
struct Hands {
    /// Whether transactions are made.
    signs: bool,
    /// Held by whoever makes a transaction.
    pen: Mutex<()>,
    /// The batches that wait for it. Whoever gets it makes transactions for several of them.
    waiting: std::sync::Mutex<Vec<BatchId>>,
    /// Bounds how many ask the node at once.
    exchanges: Semaphore,
}

impl Hands {
    fn new(signs: bool) -> Self {
        let (pen, waiting) = Default::default();
        Self { signs, pen, waiting, exchanges: Semaphore::new(EXCHANGES_MAX) }
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<BatchId>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes a batch as far as it goes now.
async fn steps(
    app: &App,
    world: &World<'_>,
    hands: &Hands,
    id: BatchId,
) -> Result<Went, CommitError> {
    for _ in 0..STEPS_MAX {
        match step(world, hands, id).await {
            Ok(Some(Progress::Advanced)) => app.metrics.steps.inc(),
            // Somebody else moved it; it is still due if it needs to be.
            Ok(Some(Progress::Idle(_))) | Err(CommitError::Conflict) => break,
            Ok(None) => return Ok(Went::Withheld),
            Err(error) => return Err(error),
        };
    }
    Ok(Went::On)
}

/// Takes one step of a batch; `None` if that would make a transaction and none are made.
async fn step(
    world: &World<'_>,
    hands: &Hands,
    id: BatchId,
) -> Result<Option<Progress>, CommitError> {
    let look = {
        let _place = hands.exchanges.acquire().await.map_err(|_| CommitError::Unreachable)?;
        engine::look(world, id, clock::now()).await?
    };
    match look {
        Look::Idle(until) => return Ok(Some(Progress::Idle(until))),
        Look::Signs if !hands.signs => return Ok(None),
        Look::Signs => {}
        Look::Change(change) => {
            world.commit(*change).await?;
            return Ok(Some(Progress::Advanced));
        }
    }
    hands.waiting().push(id);
    let _pen = hands.pen.lock().await;
    let mut ids = vec![];
    {
        let mut waiting = hands.waiting();
        // Whoever held the pen before may have done it.
        let Some(place) = waiting.iter().position(|it| *it == id) else {
            return Ok(Some(Progress::Advanced));
        };
        ids.push(waiting.remove(place));
        let more = waiting.len().min(SIGNED_TOGETHER_MAX - 1);
        ids.extend(waiting.drain(..more));
    }
    let together = AssertUnwindSafe(engine::sign_together(world, &ids, clock::now()));
    match together.catch_unwind().await {
        // Whichever of them the code fails on, it is not this one's fault until it fails alone.
        Err(_) if ids.len() > 1 => engine::advance(world, id, clock::now()).await,
        Err(panic) => resume_unwind(panic),
        Ok(done) => done,
    }
    .map(Some)
}

#[cfg(test)]
mod tests {
    use tokio::{task::yield_now, time::timeout};

    use super::*;

    #[tokio::test]
    async fn what_a_batch_holds_is_given_back_while_something_else_waits_for_it() {
        let places = Semaphore::new(1);
        let holds = async {
            let _place = places.acquire().await;
            yield_now().await;
            (BatchId(1), None)
        };
        let mut under_way: FuturesUnordered<_> = [Box::pin(holds)].into_iter().collect();
        assert!(under_way.next().now_or_never().is_none());
        let mut done: Vec<Done> = vec![];
        let waits = beside(places.acquire(), &mut under_way, &mut done);
        assert!(timeout(Duration::from_secs(10), waits).await.is_ok(), "it is not given back");
    }
}
