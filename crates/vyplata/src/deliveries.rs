//! The loop that brings webhooks to their receivers.
//!
//! Receivers share the places that there are, so that one that does not answer delays nobody else's
//! webhooks, however many are due to it: what is due is looked through past those that have to wait.

use std::{
    collections::{BTreeMap, BTreeSet},
    panic::AssertUnwindSafe,
    sync::Arc,
    time::Duration,
};

use domain::{
    ids::DeliveryId,
    lease::Fence,
    ports::{CommitError, DuePlace, Unreachable},
};
use futures_util::FutureExt as _;
use tokio::{task::JoinSet, time::timeout};

use crate::{
    app::App,
    clock,
    courier::HttpCourier,
    leases::DELIVERIES,
    loops::{FAILURE_MS, IDLE_MS, Stop, failed, rest},
};

/// How many due webhooks are asked for at once.
const PAGE: u32 = 512;
/// How many times in one turn. What is due beyond those is looked at in the next turn.
const PAGES_MAX: usize = 32;
/// How many webhooks are on their way at once.
const AT_ONCE: usize = 64;
/// How many of them go to one host.
const PER_HOST: usize = 4;

/// Delivers webhooks until told to stop, while that is for this process to do.
pub(crate) async fn deliver(app: Arc<App>, courier: Arc<HttpCourier>, mut stop: Stop) {
    let mut round = Round { app, courier, under_way: JoinSet::new(), busy: Busy::default() };
    let mut after = None;
    while !*stop.borrow() {
        while let Some(Ok(done)) = round.under_way.try_join_next() {
            round.busy.end(&done);
        }
        let Some(fence) = round.app.leases.fence(DELIVERIES) else {
            rest(IDLE_MS, &mut stop).await;
            continue;
        };
        after = round.begin(after, &fence).await.unwrap_or_else(|Unreachable| {
            failed(&round.app, "webhooks", CommitError::Unreachable);
            None
        });
        let rang = round.app.deliveries_rang.notified();
        tokio::select! {
            Some(Ok(done)) = round.under_way.join_next() => round.busy.end(&done),
            _ = timeout(Duration::from_millis(IDLE_MS), rang) => {}
            _ = stop.changed() => {}
        }
    }
    // What was sent is written down, so that it is not sent again after the start.
    while round.under_way.join_next().await.is_some() {}
}

/// What is delivered, and by what.
struct Round {
    app: Arc<App>,
    courier: Arc<HttpCourier>,
    under_way: JoinSet<(String, DeliveryId)>,
    busy: Busy,
}

impl Round {
    /// Begins to deliver what is due and has a place, the longest due first, from after a place among
    /// those. Says after which place there is more to look at; from the beginning, if there is not.
    async fn begin(
        &mut self,
        mut after: Option<DuePlace>,
        fence: &Fence,
    ) -> Result<Option<DuePlace>, Unreachable> {
        let now = clock::now();
        for _ in 0..PAGES_MAX {
            let due = self.app.store.due_deliveries(now, after, PAGE).await?;
            let before = self.under_way.len();
            for it in &due {
                if let Some(host) = self.busy.begin(it.id, &it.url) {
                    self.send(it.id, host, fence);
                }
            }
            let Some(last) = due.get(PAGE as usize - 1) else { return Ok(None) };
            if self.busy.is_full() || self.under_way.len() > before {
                // When places are free again, these are looked at once more.
                return Ok(after);
            }
            after = Some(last.place());
        }
        Ok(after)
    }

    fn send(&mut self, id: DeliveryId, host: String, fence: &Fence) {
        let (app, courier, fence) = (self.app.clone(), self.courier.clone(), fence.clone());
        self.under_way.spawn(async move {
            let tried = AssertUnwindSafe(deliver_one(&app, &courier, id, &fence));
            if tried.catch_unwind().await.is_err() {
                tracing::error!(delivery = %id, "this is a bug: report it");
                tokio::time::sleep(Duration::from_millis(FAILURE_MS)).await;
            }
            (host, id)
        });
    }
}

/// The webhooks that are under way.
#[derive(Default)]
struct Busy {
    ids: BTreeSet<DeliveryId>,
    hosts: BTreeMap<String, usize>,
}

impl Busy {
    fn is_full(&self) -> bool {
        self.ids.len() >= AT_ONCE
    }

    /// Takes a place for a delivery, if there is one; returns its host.
    fn begin(&mut self, id: DeliveryId, url: &str) -> Option<String> {
        if self.is_full() || self.ids.contains(&id) {
            return None;
        }
        let host = host(url);
        let places = self.hosts.entry(host.clone()).or_default();
        if *places >= PER_HOST {
            return None;
        }
        *places += 1;
        self.ids.insert(id);
        Some(host)
    }

    fn end(&mut self, (host, id): &(String, DeliveryId)) {
        self.ids.remove(id);
        if let Some(places) = self.hosts.get_mut(host) {
            *places -= 1;
            if *places == 0 {
                self.hosts.remove(host);
            }
        }
    }
}

/// What stands between the scheme and the path of an address.
fn host(url: &str) -> String {
    let after_scheme = url.split_once("://").map_or(url, |it| it.1);
    after_scheme.split(['/', '?', '#']).next().unwrap_or("").to_ascii_lowercase()
}

async fn deliver_one(app: &App, courier: &HttpCourier, id: DeliveryId, fence: &Fence) {
    #[cfg(feature = "crash-points")]
    let courier = &crate::crash::courier(courier);
    match engine::deliver(&*app.store, courier, id, Some(fence), clock::now()).await {
        Ok(_) => {}
        Err(error) => {
            if error != CommitError::Conflict {
                failed(app, "webhooks", error);
            }
            // What another has taken over must not be sent again and again until that is known.
            tokio::time::sleep(Duration::from_millis(FAILURE_MS)).await;
        }
    }
}
