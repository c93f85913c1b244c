//! Takes connections: a bounded number, and of each address too, each with a bound on its silence.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, extract::ConnectInfo};
use hyper::{
    Request,
    body::Incoming,
    server::conn::http1,
    service::{Service as _, service_fn},
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use prometheus_client::metrics::counter::Counter;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{sleep, timeout},
};
use tokio_io_timeout::TimeoutStream;

use crate::{connections::Connections, loops::Stop};

/// How many connections are open at once; more wait in the operating system's queue. Where a process may
/// have few files, it is half of those.
const CONNECTIONS_MAX: u32 = 4_096;
/// How many files are left for all else: the database, nodes, webhooks.
const OTHER_FILES: u64 = 128;
/// How many connections are open at once at least, however few files there are.
const CONNECTIONS_MIN: u32 = 16;
/// How long a connection may take until the head of its next request is there.
const HEAD_TIME_MAX: Duration = Duration::from_secs(75);
/// How long a client may take nothing of an answer.
const READ_TIME_MAX: Duration = Duration::from_secs(30);
/// How long requests that are being answered may take when the gateway stops.
const FAREWELL_TIME_MAX: Duration = Duration::from_secs(20);
/// How long to wait when the operating system gives no connection (it may be out of files).
const REFUSED_WAIT: Duration = Duration::from_millis(100);

/// Serves until told to stop, then lets what is being answered end.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    most: u32,
    connections: Arc<Connections>,
    refused: Counter,
    mut stop: Stop,
) {
    let permits = Arc::new(Semaphore::new(usize::try_from(most).unwrap_or(usize::MAX)));
    let open = GracefulShutdown::new();
    while !*stop.borrow() {
        let accepted = tokio::select! {
            accepted = accept(&listener, &permits) => accepted,
            _ = stop.changed() => continue,
        };
        let Some((stream, peer, permit)) = accepted else {
            sleep(REFUSED_WAIT).await;
            continue;
        };
        let Some(place) = connections.open(peer.ip()) else {
            refused.inc();
            continue;
        };
        let mut stream = Box::pin(TimeoutStream::new(stream));
        stream.as_mut().set_write_timeout_pinned(Some(READ_TIME_MAX));
        let router = TowerToHyperService::new(router.clone());
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(peer));
            router.call(request)
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIME_MAX)
            .serve_connection(TokioIo::new(stream), service);
        let connection = open.watch(connection);
        tokio::spawn(async move {
            // What goes wrong on a connection is its client's business.
            let _ = connection.await;
            drop((permit, place));
        });
    }
    if timeout(FAREWELL_TIME_MAX, open.shutdown()).await.is_err() {
        tracing::warn!("some connections did not end in time and are cut");
    }
}

/// Asks the operating system for as many files as connections and all else may need.
pub(crate) fn connections_max() -> u32 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = 2 * u64::from(CONNECTIONS_MAX) + OTHER_FILES;
    let granted = maximum.map_or(wanted, |most| most.min(wanted));
    let is_enough = current.is_none_or(|files| files >= granted);
    let files = match (is_enough, current) {
        (true, files) => files.unwrap_or(wanted),
        (false, files) => {
            let more = Rlimit { current: Some(granted), maximum };
            setrlimit(Resource::Nofile, more).map_or(files.unwrap_or(wanted), |()| granted)
        }
    };
    let most = u32::try_from(files.saturating_sub(OTHER_FILES) / 2).unwrap_or(u32::MAX);
    let most = most.clamp(CONNECTIONS_MIN, CONNECTIONS_MAX);
    if most < CONNECTIONS_MAX {
        tracing::warn!(
            "this process may have {files} files, so that it serves {most} connections at once: raise \
             `ulimit -n` to {wanted}"
        );
    }
    most
}

async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let permit = permits.clone().acquire_owned().await.ok()?;
    let (stream, peer) = listener.accept().await.ok()?;
    // Answers are small: waiting to fill a packet only delays them.
    let _ = stream.set_nodelay(true);
    Some((stream, peer, permit))
}
