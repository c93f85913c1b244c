//! The sandbox's webhook receiver: takes every webhook, keeps the last ones, shows them.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::HeaderMap,
    routing::{get, post},
};

/// How many webhooks are kept.
const KEPT_MAX: usize = 1_000;

/// The webhooks that arrived.
#[derive(Clone, Default)]
pub(crate) struct Receiver {
    arrived: Arc<Mutex<VecDeque<String>>>,
}

impl Receiver {
    /// The routes: webhooks are posted to `/sandbox/webhooks` and read there.
    pub(crate) fn router(&self) -> Router {
        Router::new()
            .route("/sandbox/webhooks", post(take))
            .route("/sandbox/webhooks", get(show))
            .with_state(self.clone())
    }
}

async fn take(State(receiver): State<Receiver>, headers: HeaderMap, body: Bytes) -> &'static str {
    let named = |name: &&str| headers.get(*name).and_then(|it| it.to_str().ok());
    let signed = ["vyplata-signature", "x-api-signature"].iter().find_map(named);
    let line = format!("{} {}", signed.unwrap_or("-"), String::from_utf8_lossy(&body));
    if let Ok(mut arrived) = receiver.arrived.lock() {
        if arrived.len() == KEPT_MAX {
            arrived.pop_front();
        }
        arrived.push_back(line);
    }
    "ok\n"
}

async fn show(State(receiver): State<Receiver>) -> String {
    let Ok(arrived) = receiver.arrived.lock() else { return String::new() };
    arrived.iter().fold(String::new(), |all, line| all + line + "\n")
}
