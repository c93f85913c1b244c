//! The loops that do what is due: one thread per lane, one task for webhooks, one for prices.
//!
//! A lane's work blocks on the disk, so it has a thread of its own and never holds up requests.

use std::{collections::BTreeSet, panic::AssertUnwindSafe, sync::Arc, thread, time::Duration};

use domain::{
    Timestamp,
    ids::{BatchId, DeliveryId},
    ports::CommitError,
};
use engine::{Progress, World};
use futures_util::{FutureExt as _, StreamExt as _, stream};
use tokio::{runtime::Handle, sync::watch, time::timeout};

use crate::{
    app::{App, LaneWork},
    clock,
    courier::HttpCourier,
    prices::Pricing,
};

/// How many due things are taken at once.
const DUE_MAX: u32 = 64;
/// How many steps a batch may take before others have their turn.
const STEPS_MAX: u32 = 8;
/// How many webhooks are on their way at once.
const DELIVERIES_AT_ONCE: usize = 16;
/// How long a loop without work sleeps at most, in milliseconds.
const IDLE_MS: u64 = 500;
/// How long a loop waits after a failure, in milliseconds.
const FAILURE_MS: u64 = 1_000;
/// How often fees are asked for, in milliseconds.
const PRICES_MS: u64 = 15_000;

/// Tells loops to end.
pub(crate) type Stop = watch::Receiver<bool>;

/// Starts the thread of a lane.
///
/// # Panics
/// If the operating system gives no thread.
pub(crate) fn start_lane(app: Arc<App>, work: LaneWork, mut stop: Stop) -> thread::JoinHandle<()> {
    let runtime = Handle::current();
    let run = move || {
        runtime.block_on(async {
            let mut broken = BTreeSet::new();
            while !*stop.borrow() {
                let idle_ms = match lane_turn(&app, &work, &mut broken).await {
                    Ok(true) => continue,
                    Ok(false) => IDLE_MS.min(work.rail.profile().poll_ms),
                    Err(error) => {
                        failed(&app, work.lane.as_str(), error);
                        FAILURE_MS
                    }
                };
                let rang = app.payouts_rang.notified();
                let wait = timeout(Duration::from_millis(idle_ms), rang);
                tokio::select! {
                    _ = wait => {}
                    _ = stop.changed() => {}
                }
            }
        });
    };
    thread::Builder::new()
        .name("lane".to_owned())
        .spawn(run)
        .expect("the operating system gives a thread")
}

/// Does what is due for a lane; says whether there may be more. A batch on which the code fails an
/// assertion is left alone until the process is started again: `broken` remembers it.
async fn lane_turn(
    app: &App,
    work: &LaneWork,
    broken: &mut BTreeSet<BatchId>,
) -> Result<bool, CommitError> {
    let Some(signer) = &app.signer else { return Ok(false) };
    let world =
        World { catalog: &app.catalog, store: &*app.store, rail: &*work.rail, signer: &**signer };
    let now = clock::now();
    let mut draw = || BatchId(clock::uuid_v7(now));
    engine::group(&world, &work.lane, &mut draw, now).await?;
    let due = app.store.due_batches(&work.lane, now, DUE_MAX).await;
    let due = due.map_err(|_| CommitError::Unreachable)?;
    let more = due.len() >= usize::try_from(DUE_MAX).unwrap_or(usize::MAX);
    for id in due {
        if broken.contains(&id) {
            continue;
        }
        let steps = AssertUnwindSafe(steps(app, &world, id)).catch_unwind();
        match steps.await {
            Ok(result) => result?,
            Err(_) => {
                tracing::error!(batch = %id, "this is a bug: the batch is left alone; report it");
                app.metrics.broken_batches.inc();
                broken.insert(id);
            }
        }
    }
    app.deliveries_rang.notify_waiters();
    Ok(more)
}

/// Takes a batch as far as it goes now.
async fn steps(app: &App, world: &World<'_>, id: BatchId) -> Result<(), CommitError> {
    for _ in 0..STEPS_MAX {
        match engine::advance(world, id, clock::now()).await {
            Ok(Progress::Advanced) => app.metrics.steps.inc(),
            // Somebody else moved it; it is still due if it needs to be.
            Ok(Progress::Idle(_)) | Err(CommitError::Conflict) => break,
            Err(error) => return Err(error),
        };
    }
    Ok(())
}

/// Delivers webhooks until told to stop.
pub(crate) async fn deliver(app: Arc<App>, courier: Arc<HttpCourier>, mut stop: Stop) {
    while !*stop.borrow() {
        let now = clock::now();
        let due = app.store.due_deliveries(now, DUE_MAX).await;
        let waits = match due {
            Ok(due) if due.is_empty() => IDLE_MS,
            Ok(due) => {
                let each = due.into_iter().map(|id| deliver_one(&app, &courier, id));
                let done = stream::iter(each).buffer_unordered(DELIVERIES_AT_ONCE);
                done.collect::<Vec<()>>().await;
                continue;
            }
            Err(_) => {
                failed(&app, "webhooks", CommitError::Unreachable);
                FAILURE_MS
            }
        };
        let rang = app.deliveries_rang.notified();
        let wait = timeout(Duration::from_millis(waits), rang);
        tokio::select! {
            _ = wait => {}
            _ = stop.changed() => {}
        }
    }
}

async fn deliver_one(app: &App, courier: &HttpCourier, id: DeliveryId) {
    match engine::deliver(&*app.store, courier, id, clock::now()).await {
        Ok(_) | Err(CommitError::Conflict) => {}
        Err(error) => {
            failed(app, "webhooks", error);
            tokio::time::sleep(Duration::from_millis(FAILURE_MS)).await;
        }
    }
}

/// Renews the terms until told to stop.
pub(crate) async fn price(app: Arc<App>, pricing: Arc<Pricing>, mut stop: Stop) {
    while !*stop.borrow() {
        let complete = pricing.renew(&app, clock::now()).await;
        let wait_ms = if complete { PRICES_MS } else { FAILURE_MS };
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(wait_ms)) => {}
            _ = stop.changed() => {}
        }
    }
}

fn failed(app: &App, whose: &str, error: CommitError) {
    app.metrics.loop_failures.inc();
    let at: Timestamp = clock::now();
    tracing::warn!(whose, ?error, at_ms = at.0, "store or network did not answer; trying again");
}
