//! The API over HTTP: bytes in, the dialect of the path, bytes out.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse as _, Response},
    routing::get,
};
use dialects::{Action, Call, Caller, Context, Dialect, Message, Outcome};
use domain::{
    command::{Command, Refusal},
    event::{Event, EventKind},
    ids::{MerchantId, PayoutId},
    payout::{Payout, PayoutState},
    ports::{PageQuery, PayoutKey, PayoutView, Unreachable},
};
use http_body_util::LengthLimitError;
use tokio::{sync::Semaphore, time::timeout};

use crate::{acceptor::Acceptor, app::App, clock, docs, metrics::RequestLabels};

/// The largest body that is read.
pub(crate) const BODY_BYTES_MAX: usize = 64 * 1_024;
/// How long a body may take to arrive.
const BODY_TIME_MAX: Duration = Duration::from_secs(10);
/// How many requests are worked on at once; more wait.
const REQUESTS_MAX: usize = 2_048;

/// What handlers share.
#[derive(Clone)]
pub(crate) struct Api {
    /// The gateway.
    pub(crate) app: Arc<App>,
    /// The entrance to the ledger.
    pub(crate) acceptor: Acceptor,
    permits: Arc<Semaphore>,
}

impl Api {
    /// Puts the API together.
    pub(crate) fn new(app: Arc<App>, acceptor: Acceptor) -> Self {
        Self { app, acceptor, permits: Arc::new(Semaphore::new(REQUESTS_MAX)) }
    }

    /// The routes: our own, and everything else by dialect.
    pub(crate) fn router(self) -> Router {
        Router::new()
            .route("/healthz", get(|| async { "ok\n" }))
            .route("/readyz", get(ready))
            .route("/metrics", get(metrics))
            .merge(docs::router())
            .fallback(serve)
            .with_state(self)
    }
}

async fn ready(State(api): State<Api>) -> Response {
    let reachable = api.app.store.counts().await.is_ok();
    let unpriced = api.app.book().terms.values().filter(|it| it.network_fee.is_none()).count();
    match (reachable, unpriced) {
        (false, _) => {
            (StatusCode::SERVICE_UNAVAILABLE, "the store does not answer\n").into_response()
        }
        (true, 0) => "ready\n".into_response(),
        (true, _) => {
            let text = format!("the network fee of {unpriced} assets is not known yet\n");
            (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
        }
    }
}

async fn metrics(State(api): State<Api>) -> Response {
    let counts = api.app.store.counts().await.unwrap_or_default();
    let text = api.app.metrics.text(&counts);
    ([(CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text)
        .into_response()
}

async fn serve(State(api): State<Api>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let Some(first) = dialects::owners(head.uri.path()).next() else {
        return (StatusCode::NOT_FOUND, "no API has this path; see /docs\n").into_response();
    };
    let headers = text_headers(&head.headers);
    let read = timeout(BODY_TIME_MAX, to_bytes(body, BODY_BYTES_MAX)).await;
    let is_in_time = read.is_ok();
    let read = read.unwrap_or_else(|late| Err(axum::Error::new(late)));
    let Ok(_permit) = api.permits.acquire().await else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let request = dialects::Request {
        method: head.method.as_str(),
        path: head.uri.path(),
        query: head.uri.query().unwrap_or(""),
        headers: &headers,
        body: read.as_deref().unwrap_or_default(),
    };
    let now = clock::now();
    let context = Context {
        catalog: &api.app.catalog,
        now,
        payout_id: PayoutId(clock::uuid_v7(now)),
        random: &clock::random(),
    };
    let unread = |why| (first, Err(why));
    let (dialect, answered) = match &read {
        Ok(_) => api.answer(first, &request, &context).await,
        Err(error) if is_too_long(error) => unread(Refusal::BodyTooLarge),
        Err(_) if is_in_time => {
            unread(Refusal::Malformed { detail: "the body did not arrive whole".to_owned() })
        }
        Err(_) => unread(Refusal::Malformed { detail: "the body took too long".to_owned() }),
    };
    let message = answered.unwrap_or_else(|why| dialect.refuse(&request, &why, &context));
    let labels = RequestLabels { dialect: dialect.name(), status: message.status };
    api.app.metrics.requests.get_or_create(&labels).inc();
    response(message)
}

impl Api {
    /// Answers a request, and tells which dialect does: `first`, or a twin of it.
    async fn answer(
        &self,
        first: &'static dyn Dialect,
        request: &dialects::Request<'_>,
        context: &Context<'_>,
    ) -> (&'static dyn Dialect, Result<Message, Refusal>) {
        let (dialect, callers) = match self.serving(request, context).await {
            Ok(Some(serving)) => serving,
            Ok(None) => (first, vec![]),
            Err(refusal) => return (first, Err(refusal)),
        };
        (dialect, self.answer_by(dialect, &callers, request, context).await)
    }

    /// Finds the dialect that serves a request, and the credentials it may have been made with.
    async fn serving(
        &self,
        request: &dialects::Request<'_>,
        context: &Context<'_>,
    ) -> Result<Option<(&'static dyn Dialect, Vec<Caller>)>, Refusal> {
        for dialect in dialects::owners(request.path) {
            let lookup = dialect.lookup(request)?;
            let callers = self.app.callers(dialect.name(), &lookup).await.map_err(unreachable)?;
            if dialects::knows(&callers, context.now) {
                return Ok(Some((dialect, callers)));
            }
        }
        Ok(None)
    }

    async fn answer_by(
        &self,
        dialect: &dyn Dialect,
        callers: &[Caller],
        request: &dialects::Request<'_>,
        context: &Context<'_>,
    ) -> Result<Message, Refusal> {
        let call = dialect.decode(request, callers, context)?;
        let outcome = self.run(&call).await?;
        Ok(dialect.encode(&call, &outcome, context))
    }

    async fn run(&self, call: &Call) -> Result<Outcome, Refusal> {
        if let Some(nonce) = &call.nonce {
            self.acceptor.submit(Command::UseNonce(nonce.clone())).await?;
        }
        match &call.action {
            Action::Create(create) => self.command(Command::Create(create.clone())).await,
            Action::Cancel(key) => {
                let payout = self.find(call.merchant, key).await?.payout.id;
                self.command(Command::Cancel { merchant: call.merchant, payout }).await
            }
            Action::Show(key) => {
                let view = self.find(call.merchant, key).await?;
                Ok(Outcome::Payout {
                    payout: Box::new(view.payout),
                    events: view.events,
                    available: view.available,
                    fresh: false,
                })
            }
            Action::List(query) => self.list(call.merchant, query).await,
            Action::Balances => {
                let balances = self.app.store.available(call.merchant).await;
                Ok(Outcome::Balances(balances.map_err(unreachable)?))
            }
        }
    }

    async fn command(&self, command: Command) -> Result<Outcome, Refusal> {
        let accepted = self.acceptor.submit(command).await?;
        let payout = accepted.payout.ok_or(Refusal::NotFound)?;
        let key = PayoutKey::Id(payout.id);
        let is_new = accepted.fresh && payout.state == PayoutState::Queued;
        let events = if is_new {
            vec![accepted_event(&payout)]
        } else {
            let view = self.app.store.find_payout(&key).await.map_err(unreachable)?;
            view.map(|it| it.events).unwrap_or_default()
        };
        Ok(Outcome::Payout {
            payout: Box::new(payout),
            events,
            available: accepted.available,
            fresh: accepted.fresh,
        })
    }

    async fn find(&self, merchant: MerchantId, key: &PayoutKey) -> Result<PayoutView, Refusal> {
        let found = self.app.store.find_payout(key).await.map_err(unreachable)?;
        found.filter(|it| it.payout.merchant == merchant).ok_or(Refusal::NotFound)
    }

    async fn list(&self, merchant: MerchantId, query: &PageQuery) -> Result<Outcome, Refusal> {
        let count = usize::try_from(query.count_max).unwrap_or(usize::MAX);
        let query = PageQuery {
            merchant: Some(merchant),
            count_max: query.count_max.saturating_add(1),
            ..query.clone()
        };
        let mut page = self.app.store.page(&query).await.map_err(unreachable)?;
        let more = page.len() > count;
        page.truncate(count);
        Ok(Outcome::Payouts { page, more })
    }
}

/// All that has happened to a payout that was just accepted.
fn accepted_event(payout: &Payout) -> Event {
    Event {
        payout: payout.id,
        at: payout.created_at,
        kind: EventKind::Accepted,
        detail: String::new(),
    }
}

fn unreachable(_: Unreachable) -> Refusal {
    Refusal::Unavailable("the ledger did not answer; ask again")
}

fn is_too_long(error: &axum::Error) -> bool {
    std::error::Error::source(error).is_some_and(<dyn std::error::Error>::is::<LengthLimitError>)
}

/// Header values as text. Bytes that are no text are kept as the replacement character, so that
/// whoever reads the header sees that something is wrong with it: a header that is dropped in
/// silence (an idempotency key, say) would be worse than one that is refused.
fn text_headers(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |(name, value): (&HeaderName, &HeaderValue)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    headers.iter().map(text).collect()
}

fn response(message: Message) -> Response {
    let mut response = Response::new(Body::from(message.body));
    *response.status_mut() =
        StatusCode::from_u16(message.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in message.headers {
        let name = HeaderName::try_from(name);
        let value = HeaderValue::try_from(value);
        if let (Ok(name), Ok(value)) = (name, value) {
            response.headers_mut().append(name, value);
        }
    }
    response
}
