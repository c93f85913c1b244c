//! One thread that drains a bounded queue of commands into slices: concurrency becomes batch size. It
//! decides about one slice while another waits for the disk.

use std::{
    panic::AssertUnwindSafe,
    slice,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use domain::{
    command::{Accepted, Command, Refusal},
    payout::Payout,
    ports::CommitError,
};
use futures_util::FutureExt as _;
use tokio::{runtime::Handle, sync::oneshot, task::JoinSet, time::sleep};

use crate::{
    app::App,
    clock,
    queue::{Owner, Queue},
};

/// How many commands may wait. Whoever has most waiting is refused one more at once, instead of
/// waiting for ever; fewer than there are requests that are worked on, so that one merchant's cannot
/// all wait here and keep others from being understood.
const QUEUE_MAX: usize = 1_536;
/// How many commands are decided and committed together, unless fewer are asked for.
const SLICE_MAX: usize = 512;
/// How many slices are decided or wait for the disk at the same time. More would be smaller, and cost
/// more.
const UNDER_WAY_MAX: usize = 2;
/// How many commands there must be to decide about while others wait for the disk: fewer cost more
/// each, and wait until those are there, or [`PATIENCE_BESIDE`] is over.
const NEXT_MIN: usize = 12;
/// How long commands that wait are waited for others to join at most.
const PATIENCE: Duration = Duration::from_millis(1);
/// The same while other slices are under way: longer than a disk takes.
const PATIENCE_BESIDE: Duration = Duration::from_millis(5);

type Outcome = Result<Accepted, Refusal>;

struct Waiting {
    command: Command,
    answer: oneshot::Sender<Outcome>,
}

/// The entrance to the ledger.
#[derive(Clone)]
pub(crate) struct Acceptor(Arc<Entrance>);

struct Entrance {
    queue: Arc<Queue<Waiting>>,
    figures: Arc<Figures>,
}

struct Figures {
    /// How many commands are decided together at most.
    slice_max: AtomicUsize,
    /// How many requests are being worked on; some of them will come to the queue.
    busy: AtomicUsize,
}

/// A request is being worked on until this is dropped.
pub(crate) struct Busy<'a>(&'a AtomicUsize);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for Entrance {
    fn drop(&mut self) {
        self.queue.close();
    }
}

impl Acceptor {
    /// Starts the thread. It ends when the last entrance is dropped.
    ///
    /// # Panics
    /// If the operating system gives no thread.
    pub(crate) fn start(app: Arc<App>) -> (Self, thread::JoinHandle<()>) {
        let queue = Arc::new(Queue::new(QUEUE_MAX));
        let waiting = queue.clone();
        let (slice_max, busy) = (AtomicUsize::new(SLICE_MAX), AtomicUsize::new(0));
        let figures = Arc::new(Figures { slice_max, busy });
        let looked_at = figures.clone();
        let runtime = Handle::current();
        let thread = thread::Builder::new()
            .name("acceptor".to_owned())
            .spawn(move || runtime.block_on(drain(&app, &waiting, &looked_at)))
            .expect("the operating system gives a thread");
        (Self(Arc::new(Entrance { queue, figures })), thread)
    }

    /// From the next slice on, at most so many commands are decided and committed together: 1 is
    /// one commit for each, one after another, for comparison. More than the usual number is not done.
    pub(crate) fn limit_slices(&self, most: usize) {
        self.0.figures.slice_max.store(most.clamp(1, SLICE_MAX), Ordering::Relaxed);
    }

    /// Notes that a request is being worked on.
    pub(crate) fn busy(&self) -> Busy<'_> {
        let busy = &self.0.figures.busy;
        busy.fetch_add(1, Ordering::Relaxed);
        Busy(busy)
    }

    /// Decides about one command of `owner`. When this returns, an accepted one is durable.
    ///
    /// # Errors
    /// Says why not.
    pub(crate) async fn submit(&self, owner: Owner, command: Command) -> Outcome {
        let (answer, outcome) = oneshot::channel();
        if let Some(refused) = self.0.queue.push(owner, Waiting { command, answer }) {
            let full = Refusal::Unavailable("too many requests are waiting; ask again");
            // It may be another one, and whoever asked for that may be gone.
            let _ = refused.answer.send(Err(full));
        }
        outcome.await.unwrap_or(Err(Refusal::Unavailable("this was not decided; ask again")))
    }
}

/// Serves until nobody can ask any more. While slices wait for the disk, the next is decided; and
/// when one is done, half of the requests that are being worked on are waited for, so that they are
/// decided in turns, one half while the other is read and answered: smaller slices cost more.
async fn drain(app: &Arc<App>, waiting: &Queue<Waiting>, figures: &Figures) {
    let half = || (figures.busy.load(Ordering::Relaxed) / 2).max(1);
    let mut under_way = JoinSet::new();
    let mut least = 1;
    loop {
        let most = figures.slice_max.load(Ordering::Relaxed);
        let room = if most == 1 { 1 } else { UNDER_WAY_MAX };
        let patience = if under_way.is_empty() { PATIENCE } else { PATIENCE_BESIDE };
        tokio::select! {
            biased;
            Some(_) = under_way.join_next() => least = half(),
            slice = waiting.take(least.min(most), most), if under_way.len() < room => {
                if slice.is_empty() {
                    break;
                }
                let mut serving = Box::pin(serve(Arc::clone(app), slice));
                // A store in this process decides before it waits for the first time, on this thread
                // and no other; all that is left then is waiting and answering, which this thread has
                // no time for: the next slice would be decided before anybody is answered.
                if (&mut serving).now_or_never().is_none() {
                    under_way.spawn(serving);
                }
                least = if under_way.is_empty() { half() } else { NEXT_MIN };
            }
            // Somebody may wait for what another process holds, and must not keep others waiting.
            () = sleep(patience), if least > 1 => least = 1,
        }
    }
    while under_way.join_next().await.is_some() {}
}

/// Decides about a slice, and answers when it is durable.
async fn serve(app: Arc<App>, slice: Vec<Waiting>) {
    let (commands, answers): (Vec<_>, Vec<_>) =
        slice.into_iter().map(|it| (it.command, it.answer)).unzip();
    let book = app.book();
    let desk = app.desk(&book);
    let together = |some| {
        app.metrics.slices.inc();
        engine::accept(&*app.store, &desk, some, clock::now())
    };
    let outcomes = decide(&commands, together).await;
    app.metrics.commands.inc_by(u64::try_from(commands.len()).unwrap_or(0));
    ring(&app, &outcomes);
    for (answer, outcome) in answers.into_iter().zip(outcomes) {
        // Whoever asked may be gone; what was decided stands.
        let _ = answer.send(outcome);
    }
}

/// Decides about commands together. If one of them is such that none can be decided, which is a bug,
/// the others do not suffer: each is decided alone then.
async fn decide<'a, D>(
    commands: &'a [Command],
    together: impl Fn(&'a [Command]) -> D,
) -> Vec<Outcome>
where
    D: Future<Output = Result<Vec<Outcome>, CommitError>>,
{
    let unknown = || Err(Refusal::Unavailable("the ledger did not answer; ask again"));
    let together = |some| safely(together(some));
    let mut undecided = match together(commands).await {
        Ok(outcomes) => return outcomes,
        Err(undecided) => undecided,
    };
    let mut outcomes = Vec::with_capacity(commands.len());
    for it in commands {
        // Whatever keeps the store from one keeps it from all, and they wait already.
        let is_tried = undecided == Undecided::Bug && commands.len() > 1;
        let alone = if is_tried { together(slice::from_ref(it)).await } else { Err(undecided) };
        undecided = alone.as_ref().err().copied().unwrap_or(Undecided::Bug);
        outcomes.push(alone.ok().and_then(|mut it| it.pop()).unwrap_or_else(unknown));
    }
    outcomes
}

/// Why nothing was decided.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Undecided {
    /// The store did not answer, or others were faster all the time.
    Store,
    /// It cannot be.
    Bug,
}

/// A bug in a decision must not take the entrance down with it: nothing was committed.
async fn safely(
    deciding: impl Future<Output = Result<Vec<Outcome>, CommitError>>,
) -> Result<Vec<Outcome>, Undecided> {
    match AssertUnwindSafe(deciding).catch_unwind().await {
        Ok(Ok(outcomes)) => Ok(outcomes),
        Ok(Err(CommitError::Conflict | CommitError::Unreachable)) => Err(Undecided::Store),
        Ok(Err(CommitError::Overdrawn)) => {
            tracing::error!("this is a bug, report it: an account would be overdrawn");
            Err(Undecided::Bug)
        }
        Err(_) => {
            tracing::error!("this is a bug, report it: a decision failed");
            Err(Undecided::Bug)
        }
    }
}

/// Wakes the lanes that have something new to pay, and the deliveries if there are new ones.
fn ring(app: &App, outcomes: &[Outcome]) {
    let changed = outcomes.iter().flatten().filter_map(Accepted::changed);
    let changed: Vec<&Payout> = changed.collect();
    for work in app.lanes.iter().filter(|it| it.pays) {
        if changed.iter().any(|it| it.network == work.network) {
            work.rang.notify_one();
        }
    }
    if changed.iter().any(|it| it.delivery_count > 0) {
        app.deliveries_rang.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use domain::ids::{MerchantId, PayoutId};

    use super::*;

    fn commands() -> Vec<Command> {
        let one = |number| Command::Cancel { merchant: MerchantId(1), payout: PayoutId(number) };
        (0..5).map(one).collect()
    }

    fn number(command: &Command) -> u128 {
        let Command::Cancel { payout, .. } = command else { panic!("all of them cancel") };
        payout.0
    }

    /// What comes of five commands if one of them is such that none can be decided.
    fn decided(bad: u128, fault: fn() -> CommitError) -> (Vec<Outcome>, usize) {
        let asked = AtomicUsize::new(0);
        let commands = commands();
        let together = async |some: &[Command]| {
            asked.fetch_add(1, Ordering::Relaxed);
            if some.iter().any(|it| number(it) == bad) {
                return Err(fault());
            }
            Ok(some.iter().map(|_| Err(Refusal::NotFound)).collect())
        };
        let outcomes = decide(&commands, together).now_or_never().expect("nothing waits");
        (outcomes, asked.into_inner())
    }

    #[test]
    fn a_command_that_cannot_be_decided_refuses_no_other() {
        let faults: [fn() -> CommitError; 2] = [|| CommitError::Overdrawn, || panic!("a bug")];
        for fault in faults {
            let (outcomes, asked) = decided(3, fault);
            assert_eq!(asked, 1 + 5, "together, then each alone");
            for (place, outcome) in (0..).zip(&outcomes) {
                let is_bad = matches!(outcome, Err(Refusal::Unavailable(_)));
                assert_eq!(is_bad, place == 3, "{place}: {outcome:?}");
            }
            assert_eq!(outcomes.len(), 5);
        }
    }

    #[test]
    fn a_store_that_does_not_answer_is_asked_once() {
        for fault in [|| CommitError::Unreachable, || CommitError::Conflict] {
            let (outcomes, asked) = decided(3, fault);
            assert_eq!((outcomes.len(), asked), (5, 1));
            assert!(outcomes.iter().all(|it| matches!(it, Err(Refusal::Unavailable(_)))));
        }
        assert_eq!(decided(9, || CommitError::Conflict).1, 1);
    }
}
