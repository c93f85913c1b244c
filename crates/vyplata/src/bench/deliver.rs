//! Delivering: webhooks that are due reach receivers on this machine, signed, until all have.

use std::{
    collections::BTreeMap,
    net::{SocketAddr, TcpListener},
    slice,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::Context as _;
use axum::{
    Router,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    routing::post,
};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::Serialize;
use sha2::Sha256;
use tokio::sync::oneshot;

use super::{
    child::{Child, Part},
    gateway::{Plan, Prepared},
    ground::{self, Ground, Memory},
    latency::Latency,
    settle::{Cost, DELIVERED, Timeline, wait_for},
    shops::{self, Shop, Speech},
    telling::Telling,
};
use crate::clock;

/// For about how long the memory is looked at.
const WATCHED: Duration = Duration::from_secs(10);
/// What names a webhook, and what signs it.
const NAME: &str = "vyplata-delivery";
const SIGNATURE: &str = "vyplata-signature";

/// What to measure.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    /// How many webhooks are due.
    pub(crate) webhooks: usize,
    /// How many merchants they are of, and how many receivers there are.
    pub(crate) merchants: usize,
}

/// What was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Measured {
    /// How many were delivered, each with a good signature.
    pub(crate) webhooks: usize,
    /// How many arrived more than once.
    pub(crate) repeated: u64,
    /// How many receivers there were.
    pub(crate) receivers: usize,
    /// Webhooks per second, from the start until the last arrived.
    pub(crate) webhooks_per_second: u64,
    /// How long after the start they arrived.
    #[serde(flatten)]
    pub(crate) latency: Latency,
    /// What the work took.
    #[serde(flatten)]
    pub(crate) cost: Cost,
    /// For plots: how many arrived in each quarter of a second.
    #[serde(skip)]
    pub(crate) marks: Vec<u64>,
    /// For plots.
    #[serde(skip)]
    pub(crate) memory: Memory,
}

/// Measures.
///
/// # Errors
/// If not all arrive, or not all are signed well.
pub(crate) fn measure(ground: &Ground, wish: &Wish, tell: &Telling) -> anyhow::Result<Measured> {
    let receivers = Receivers::start(&shops::all(&ground.run, wish.merchants))?;
    tell.progress(&format!("making {} webhooks due", wish.webhooks));
    let gateway = Child::start(&Part::Gateway(Plan {
        prepared: Prepared::Webhooks(wish.webhooks),
        receivers: receivers.addresses.clone(),
        ..ground.plan(Speech::Native, wish.merchants)
    }))?;
    let mut memory = vec![];
    let delivered = || wait_for(ground, &gateway, DELIVERED, wish.webhooks, tell);
    ground::watch(slice::from_ref(&gateway), WATCHED, &mut memory, delivered)?;
    let cost = Cost::of(&gateway, ground, wish.webhooks, &memory);
    let begun = gateway.ready.begun_at_ms;
    drop(gateway);
    let arrived = receivers.arrived();
    anyhow::ensure!(arrived.bad == 0, "{} webhooks were not signed well", arrived.bad);
    anyhow::ensure!(
        arrived.at_ms.len() == wish.webhooks,
        "{} webhooks were due, and {} arrived",
        wish.webhooks,
        arrived.at_ms.len()
    );
    let after: Vec<u64> = arrived.at_ms.values().map(|at| at.saturating_sub(begun)).collect();
    let Timeline { per_second, latency, marks } = Timeline::of(&after);
    Ok(Measured {
        webhooks: wish.webhooks,
        repeated: arrived.repeated,
        receivers: receivers.addresses.len(),
        webhooks_per_second: per_second,
        latency,
        cost,
        marks,
        memory,
    })
}

/// What arrived.
#[derive(Default)]
struct Arrived {
    /// When each webhook arrived first, in milliseconds since 1970.
    at_ms: BTreeMap<String, u64>,
    repeated: u64,
    bad: u64,
}

#[derive(Clone)]
struct Desk {
    secrets: Arc<Vec<String>>,
    arrived: Arc<Mutex<Arrived>>,
}

impl Desk {
    fn arrived(&self) -> MutexGuard<'_, Arrived> {
        self.arrived.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A receiver for each merchant, on a port of its own: to the gateway, each is a host.
struct Receivers {
    addresses: Vec<SocketAddr>,
    desk: Desk,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Receivers {
    fn start(shops: &[Shop]) -> anyhow::Result<Self> {
        let secrets = Arc::new(shops.iter().map(|it| it.secret.clone()).collect());
        let desk = Desk { secrets, arrived: Arc::default() };
        let (mut addresses, mut listeners) = (vec![], vec![]);
        for _ in shops {
            let listener = TcpListener::bind("127.0.0.1:0").context("no port for a receiver")?;
            listener.set_nonblocking(true)?;
            addresses.push(listener.local_addr()?);
            listeners.push(listener);
        }
        let router = Router::new().route("/{merchant}", post(take)).with_state(desk.clone());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let serve = async move {
            for listener in listeners {
                let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { continue };
                let router = router.clone();
                tokio::spawn(async move { axum::serve(listener, router).await });
            }
            let _ = stopped.await;
        };
        let thread = thread::spawn(move || runtime.block_on(serve));
        Ok(Self { addresses, desk, stop: Some(stop), thread: Some(thread) })
    }

    fn arrived(&self) -> MutexGuard<'_, Arrived> {
        self.desk.arrived()
    }
}

impl Drop for Receivers {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn take(
    State(desk): State<Desk>,
    Path(merchant): Path<usize>,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let named = |name: &str| headers.get(name).and_then(|it| it.to_str().ok());
    let secret = desk.secrets.get(merchant);
    let is_signed = secret.zip(named(SIGNATURE)).is_some_and(|it| is_signed(it.0, it.1, &body));
    let Some(name) = named(NAME).filter(|_| is_signed) else {
        desk.arrived().bad += 1;
        return StatusCode::FORBIDDEN;
    };
    let at = clock::now().0;
    let mut arrived = desk.arrived();
    if arrived.at_ms.contains_key(name) {
        arrived.repeated += 1;
    } else {
        arrived.at_ms.insert(name.to_owned(), at);
    }
    StatusCode::OK
}

/// Checks `t=SECONDS,v1=HMAC`, as merchants do.
fn is_signed(secret: &str, shown: &str, body: &[u8]) -> bool {
    let parts = shown.strip_prefix("t=").and_then(|it| it.split_once(",v1="));
    let Some((seconds, signature)) = parts else { return false };
    let (Ok(signature), Ok(mut mac)) =
        (hex::decode(signature), Hmac::<Sha256>::new_from_slice(secret.as_bytes()))
    else {
        return false;
    };
    mac.update(format!("{seconds}.").as_bytes());
    mac.update(body);
    mac.verify_slice(&signature).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_signed_counts() {
        let mut mac = Hmac::<Sha256>::new_from_slice(b"secret").unwrap();
        mac.update(b"17.{}");
        let good = format!("t=17,v1={}", hex::encode(mac.finalize().into_bytes()));
        assert!(is_signed("secret", &good, b"{}"));
        assert!(!is_signed("secret", &good, b"[]") && !is_signed("other", &good, b"{}"));
        for bad in ["", "t=17", "t=17,v1=zz", &good.replace("t=17", "t=18")] {
            assert!(!is_signed("secret", bad, b"{}"), "{bad}");
        }
    }
}
