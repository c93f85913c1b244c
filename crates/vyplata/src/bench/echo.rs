//! The measure of the server itself: JSON in, the same JSON out, and nothing else.

use axum::{Json, Router, routing::post, serve::ListenerExt as _};
use serde_json::Value;
use tokio::net::TcpListener;

use super::{child::Ready, part};
use crate::clock;

/// Serves until nobody listens to it any more.
///
/// # Errors
/// If there is no port.
pub(crate) async fn run() -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let router = Router::new().fallback(post(|Json(value): Json<Value>| async { Json(value) }));
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    let serving = tokio::spawn(async move { axum::serve(listener, router).await });
    let ready =
        Ready { address, begun_at_ms: clock::now().0, newest_before: None, waits_before: None };
    part::say(&ready)?;
    part::obey(|_| false).await;
    serving.abort();
    Ok(())
}
