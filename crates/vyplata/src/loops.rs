//! The loops that do what is due: one thread per lane, one task for prices, one
//! for rates. Webhooks have a loop of their own, in `deliveries`.
//!
//! A lane's work blocks on the disk, so it has a thread of its own and never holds up requests.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, atomic::Ordering},
    thread,
    time::Duration,
};

use domain::{
    Timestamp,
    command::Command,
    ports::{CommitError, Unreachable},
    reconcile::{Comparison, Verdict},
};
use futures_util::FutureExt as _;
use tokio::{
    runtime::Handle,
    sync::watch,
    time::{sleep, timeout},
};

use crate::{
    acceptor::Acceptor,
    app::{App, LaneWork},
    clock,
    leases::UPKEEP,
    prices::Pricing,
    rates::Rates,
    turn::{self, Turns},
};

/// How long a loop without work sleeps at most, in milliseconds.
pub(crate) const IDLE_MS: u64 = 500;
/// How long a loop waits after a failure, in milliseconds.
pub(crate) const FAILURE_MS: u64 = 1_000;
/// How long a lane from which coins are missing waits before it looks again, in milliseconds.
const DIFFERENCE_MS: u64 = 60_000;
/// How often what a lane's coins are spent by is looked through for what was not signed here, in
/// milliseconds.
const DOUBT_MS: u64 = 60_000;
/// How often approvals are looked for whose time is over, in milliseconds.
const EXPIRY_MS: u64 = 1_000;
/// How many of them are withdrawn in one turn.
const EXPIRED_MAX: u32 = 256;
/// How often fees are asked for, in milliseconds.
const PRICES_MS: u64 = 15_000;

/// How often is looked whether the store may still be used.
const STORE: Duration = Duration::from_millis(1_500);

/// Tells loops to end.
pub(crate) type Stop = watch::Receiver<bool>;

/// Returns once the store may not be used any more, and says why.
pub(crate) async fn watch_store(app: Arc<App>) -> String {
    loop {
        sleep(STORE).await;
        // Silence says nothing: whoever asks for something is told then.
        if let Ok(Some(why)) = app.store.retired().await {
            tracing::error!("{why}");
            return why;
        }
    }
}

/// Starts the thread of a lane.
///
/// # Panics
/// If the operating system gives no thread.
pub(crate) fn start_lane(app: Arc<App>, work: LaneWork, mut stop: Stop) -> thread::JoinHandle<()> {
    let runtime = Handle::current();
    let run = move || {
        let failed = work.failed.clone();
        let pays = AssertUnwindSafe(|| runtime.block_on(pay(&app, &work, &mut stop)));
        if catch_unwind(pays).is_err() {
            tracing::error!(lane = %work.lane, "this is a bug: the lane has ended; report it");
            failed.store(true, Ordering::Relaxed);
        }
    };
    thread::Builder::new()
        .name("lane".to_owned())
        .spawn(run)
        .expect("the operating system gives a thread")
}

/// Does a lane's work until told to stop. Where the code fails, it begins anew after a while.
async fn pay(app: &App, work: &LaneWork, stop: &mut Stop) {
    let mut turns = Turns::default();
    let mut books = Books::default();
    let mut had = None;
    while !*stop.borrow() {
        let Some(fence) = app.leases.fence(work.lane.as_str()) else {
            rest(IDLE_MS, stop).await;
            continue;
        };
        if had.as_ref() != Some(&fence) {
            // Others may have paid from it meanwhile.
            books = Books::default();
            had = Some(fence.clone());
        }
        let turn = async {
            let withheld_until = books.withheld_until(app, work).await;
            turns.take(app, work, stop, withheld_until, &fence).await
        };
        let done = AssertUnwindSafe(turn).catch_unwind().await;
        work.failed.store(done.is_err(), Ordering::Relaxed);
        let idle_ms = match done {
            Ok(Ok(())) => turn::idle_ms(work).min(IDLE_MS),
            Ok(Err(error)) => {
                failed(app, work.lane.as_str(), error);
                FAILURE_MS
            }
            Err(_) => {
                tracing::error!(lane = %work.lane, "this is a bug: the lane's turn failed; report it");
                FAILURE_MS
            }
        };
        let rang = work.rang.notified();
        let wait = timeout(Duration::from_millis(idle_ms), rang);
        tokio::select! {
            _ = wait => {}
            _ = stop.changed() => {}
        }
    }
}

/// Waits, but no longer than until told to stop.
pub(crate) async fn rest(ms: u64, stop: &mut Stop) {
    tokio::select! {
        () = tokio::time::sleep(Duration::from_millis(ms)) => {}
        _ = stop.changed() => {}
    }
}

/// Whether nothing is missing from a lane that its ledger says is there, as far as it was looked.
///
/// If coins are missing on the chain, the ledger does not know of a payment: it may be an old copy
/// that was put back, and paying on could pay again what was paid since. What it does know of goes
/// on: that was stored before it left, and its end may be what is missing.
///
/// Where wallets are made of coins, what such a payment spends is seen before it is final, and looked
/// for now and then: from there on nothing is signed until it is final and the books agree.
#[derive(Default)]
struct Books {
    agree: bool,
    look_at: Timestamp,
}

impl Books {
    /// Looks, if it is time; says until when nothing new is signed.
    async fn withheld_until(&mut self, app: &App, work: &LaneWork) -> Option<Timestamp> {
        if app.pay_although_coins_are_missing {
            return None;
        }
        if self.look_at.is_due(clock::now()) {
            let wait_ms = self.look(app, work).await;
            self.look_at = clock::now().plus_ms(wait_ms);
        }
        (!self.agree).then_some(self.look_at)
    }

    /// Looks; says for how long, in milliseconds, what was found holds.
    async fn look(&mut self, app: &App, work: &LaneWork) -> u64 {
        let lane = &work.lane;
        let stranger = engine::key_used_elsewhere(&*app.store, &*work.rail, lane).await;
        match stranger {
            Ok(None) if self.agree => return DOUBT_MS,
            Ok(None) => {}
            Ok(Some(hold)) => {
                self.agree = false;
                tracing::error!(%lane, "not paying: {}", hold.detail);
                return DIFFERENCE_MS;
            }
            // Where a transaction is made, it is asked again.
            Err(Unreachable) => return FAILURE_MS,
        }
        match missing(app, work).await {
            Ok(missing) if missing.is_empty() => {
                self.agree = true;
                DOUBT_MS
            }
            Ok(missing) => {
                let missing = missing.join(", ");
                tracing::error!(
                    %lane,
                    missing,
                    "not paying: the chain holds less than the ledger says. Is this an old copy of \
                     the database, or was a deposit booked that is not final yet? `vyplata \
                     reconcile` shows the difference; to pay all the same, `vyplata serve \
                     --pay-although-coins-are-missing`"
                );
                DIFFERENCE_MS
            }
            Err(error) => {
                failed(app, work.lane.as_str(), error);
                FAILURE_MS
            }
        }
    }
}

/// The assets of a lane of which the chain holds less than the ledger says, beyond what is on its
/// way.
async fn missing(app: &App, work: &LaneWork) -> Result<Vec<String>, CommitError> {
    let compared = app.compare(work).await.map_err(|_| CommitError::Unreachable)?;
    let is_missing = |it: &Comparison| matches!(it.verdict(), Verdict::Differ { units: 1.. });
    Ok(compared.iter().filter(|it| is_missing(it)).map(|it| it.asset.to_string()).collect())
}

/// Withdraws payouts that nobody approved in time, while that is for this process to do.
pub(crate) async fn expire(app: Arc<App>, acceptor: Acceptor, mut stop: Stop) {
    while !*stop.borrow() {
        if app.leases.fence(UPKEEP).is_none() {
            rest(IDLE_MS, &mut stop).await;
            continue;
        }
        let expired = app.store.expired_approvals(clock::now(), EXPIRED_MAX).await;
        for payout in expired.unwrap_or_default() {
            // Whoever judged it meanwhile was first.
            if let Err(why) = acceptor.submit(None, Command::Expire(payout)).await {
                tracing::debug!("{payout} does not expire: {why:?}");
            }
        }
        rest(EXPIRY_MS, &mut stop).await;
    }
}

/// Renews the terms until told to stop.
pub(crate) async fn price(app: Arc<App>, pricing: Arc<Pricing>, mut stop: Stop) {
    while !*stop.borrow() {
        let complete = pricing.renew(&app, clock::now()).await;
        let wait_ms = if complete { PRICES_MS } else { FAILURE_MS };
        rest(wait_ms, &mut stop).await;
    }
}

/// Asks the sources of rates until told to stop.
pub(crate) async fn rates(app: Arc<App>, rates: Arc<Rates>, mut stop: Stop) {
    while !rates.is_empty() && !*stop.borrow() {
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(rates.refresh_ms())) => {}
            _ = stop.changed() => return,
        }
        tokio::select! {
            _ = rates.renew(&app, clock::now()) => {}
            _ = stop.changed() => return,
        }
    }
}

pub(crate) fn failed(app: &App, whose: &str, error: CommitError) {
    app.metrics.loop_failures.inc();
    let at: Timestamp = clock::now();
    tracing::warn!(whose, ?error, at_ms = at.0, "store or network did not answer; trying again");
}
