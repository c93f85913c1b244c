//! Recovering: a gateway that is killed while very many payouts are on their way, and started again.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use anyhow::{Context as _, ensure};
use domain::{
    ids::PayoutId,
    payout::Status,
    ports::{PayoutKey, Store},
};
use governor::clock::Clock as _;
use serde::Serialize;
use serde_json::json;

use super::{
    asking,
    child::{Child, Part},
    gateway::{self, Plan, Prepared},
    ground::Ground,
    history, latency,
    settle::{PAID, Wish},
    shops::{self, ADDRESS, Shop, Speech},
    telling::Telling,
};
use crate::clock::Uptime;

/// How often is looked how far it is.
const LOOK: Duration = Duration::from_millis(20);
/// How long nothing may happen.
const SILENCE: Duration = Duration::from_mins(1);
/// How many transactions may be on their way at once: as many batches as a lane takes up.
const IN_FLIGHT_MAX: u32 = 512;
/// One payout of so many is paid before the gateway is killed, so that others are on their way.
const PAID_BEFORE: u64 = 50;

/// What was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Measured {
    /// How many payouts had been acknowledged when the gateway was killed.
    pub(crate) acknowledged: usize,
    /// How many of them had not ended.
    pub(crate) in_flight: u64,
    /// How many of those were in a batch.
    pub(crate) in_batches: u64,
    /// How long it took from the start until the gateway said that it is ready, in milliseconds.
    pub(crate) ready_ms: u64,
    /// Until it had accepted a payout.
    pub(crate) accepted_ms: u64,
    /// Until the first payout was paid.
    pub(crate) first_paid_ms: u64,
    /// Until all were.
    pub(crate) all_paid_ms: u64,
    /// How many are stored as paid at the end: all that were acknowledged, before and after.
    pub(crate) paid: usize,
}

/// Measures.
///
/// # Errors
/// If a payout that was acknowledged is missing, or not all are paid.
pub(crate) fn measure(ground: &Ground, wish: &Wish, tell: &Telling) -> anyhow::Result<Measured> {
    tell.progress(&format!("accepting {} payouts", wish.payouts));
    let plan = Plan {
        pays: true,
        block_ms: wish.block_ms,
        wallets: wish.wallets,
        batch_max: wish.batch,
        in_flight_max: IN_FLIGHT_MAX,
        ..ground.plan(Speech::Native, wish.merchants)
    };
    let prepared = Prepared::Payouts(wish.payouts);
    let gateway = Child::start(&Part::Gateway(Plan { prepared, ..plan.clone() }))?;
    let before = gateway.ready.newest_before.clone();
    let shops = shops::all(&ground.run, wish.merchants);
    let mut asked = kill_in_the_middle(ground, wish, gateway, &shops)?;
    let counts = gateway::read_without(&ground.store, async |store| open(store).await)?;
    let in_batches = counts[1] + counts[2];
    let in_flight = counts[0] + in_batches;
    tell.progress(&format!("killed with {in_flight} in flight, {in_batches} of them in batches"));
    let begun = Uptime.now();
    let since_ms = || latency::us(Uptime.now().saturating_sub(begun)) / 1_000;
    let gateway = Child::start(&Part::Gateway(plan))?;
    history::await_ready(&gateway)?;
    let ready_ms = since_ms();
    let again = create(gateway.ready.address, &shops[0], &format!("{}-again", ground.run))?;
    let accepted_ms = since_ms();
    asked.push(again.context("the gateway that was started again accepts nothing")?);
    let (mut first_paid_ms, mut last, mut changed) = (None, 0, Uptime.now());
    let all_paid_ms = loop {
        let paid = gateway.figure(PAID)?;
        if paid > 0 && first_paid_ms.is_none() {
            first_paid_ms = Some(since_ms());
        }
        if paid != last {
            (last, changed) = (paid, Uptime.now());
        }
        if paid > in_flight {
            break since_ms();
        }
        let silent = Uptime.now().saturating_sub(changed);
        ensure!(silent < SILENCE, "{paid} of {in_flight} are paid, and nothing happens");
        ground.go_on()?;
        thread::sleep(LOOK);
    };
    drop(gateway);
    let paid = check(ground, wish, before.as_deref(), &asked)?;
    Ok(Measured {
        acknowledged: wish.payouts + asked.len() - 1,
        in_flight,
        in_batches,
        ready_ms,
        accepted_ms,
        first_paid_ms: first_paid_ms.unwrap_or(all_paid_ms),
        all_paid_ms,
        paid,
    })
}

/// Asks for payouts, one after another, until the gateway is killed in the middle of paying; says which
/// were acknowledged.
fn kill_in_the_middle(
    ground: &Ground,
    wish: &Wish,
    gateway: Child,
    shops: &[Shop],
) -> anyhow::Result<Vec<PayoutId>> {
    let enough = u64::try_from(wish.payouts)? / PAID_BEFORE + 1;
    let (is_killed, address) = (&AtomicBool::new(false), gateway.ready.address);
    thread::scope(|scope| {
        let asking = scope.spawn(move || {
            let mut acknowledged = vec![];
            while !is_killed.load(Ordering::Relaxed) {
                let name = format!("{}-late-{}", ground.run, acknowledged.len());
                // Once it is killed, nobody answers any more.
                let Ok(created) = create(address, &shops[0], &name) else { break };
                acknowledged.extend(created);
            }
            acknowledged
        });
        let waited = wait_for(ground, &gateway, enough);
        drop(gateway);
        is_killed.store(true, Ordering::Relaxed);
        let acknowledged = asking.join().unwrap_or_default();
        waited.map(|()| acknowledged)
    })
}

/// Waits until so many payouts are paid.
fn wait_for(ground: &Ground, gateway: &Child, enough: u64) -> anyhow::Result<()> {
    let begun = Uptime.now();
    while gateway.figure(PAID)? < enough {
        let waited = Uptime.now().saturating_sub(begun);
        ensure!(waited < SILENCE, "nothing is paid");
        ground.go_on()?;
        thread::sleep(LOOK);
    }
    Ok(())
}

/// Asks for a payout; says what it is called if that was acknowledged.
fn create(address: SocketAddr, shop: &Shop, name: &str) -> anyhow::Result<Option<PayoutId>> {
    let body = json!({
        "asset": "USDT",
        "network": shops::NETWORK,
        "amount": "25",
        "address": ADDRESS,
        "merchant_ref": name,
    });
    let answer = asking::post(address, "/vyplata/v1/payouts", &shop.secret, &body.to_string())?;
    if answer.status != 201 {
        return Ok(None);
    }
    Ok(answer.json()?["id"].as_str().and_then(|it| it.parse().ok()))
}

/// How many payouts are queued, sent, and in a block.
async fn open(store: &dyn Store) -> anyhow::Result<[u64; 3]> {
    let counts = store.counts().await.ok().context("the store does not answer")?;
    let count = |it: Status| counts.get(&format!("payouts.{}", it.word())).copied().unwrap_or(0);
    Ok([Status::Queued, Status::Sending, Status::InBlock].map(count))
}

/// Looks whether all payouts that were acknowledged are there and paid; says how many are.
fn check(
    ground: &Ground,
    wish: &Wish,
    before: Option<&str>,
    asked: &[PayoutId],
) -> anyhow::Result<usize> {
    let stored = usize::try_from(gateway::count_without(&ground.store, before)?)?;
    let acknowledged = wish.payouts + asked.len();
    // One may have been stored whose answer was cut off.
    ensure!(
        (acknowledged..=acknowledged + 1).contains(&stored),
        "{acknowledged} payouts were acknowledged, and {stored} are stored"
    );
    gateway::read_without(&ground.store, async |store| {
        for id in asked {
            let found = store.find_payout(&PayoutKey::Id(*id)).await.ok();
            let found = found.context("the store does not answer")?;
            let found = found.with_context(|| format!("{id} was acknowledged and is missing"))?;
            let status = found.payout.state.status();
            ensure!(status == Status::Paid, "{id} is {}", status.word());
        }
        let left = open(store).await?;
        ensure!(left == [0; 3], "{left:?} have not ended");
        Ok(stored)
    })
}
