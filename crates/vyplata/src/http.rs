//! The API over HTTP: bytes in, the dialect of the path, bytes out.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes, to_bytes},
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse as _, Response},
    routing::get,
};
use dialects::{Action, Caller, Context, Dialect, Message};
use domain::{
    command::{CreatePayout, Refusal},
    ids::{KeyId, PayoutId},
    ports::PayoutKey,
};
use http_body_util::LengthLimitError;
use ipnet::IpNet;
use tokio::{sync::Semaphore, time::timeout};

use crate::{
    acceptor::Acceptor,
    app::App,
    calls::{Answer, unreachable},
    client, clock, concerns,
    courier::HttpCourier,
    docs, elsewhere,
    limiter::{Limiter, TooOften},
    metrics::{LimitLabels, RequestLabels},
    roles::Role,
};

/// The largest body that is read.
pub(crate) const BODY_BYTES_MAX: usize = 64 * 1_024;
/// How long a body may take to arrive.
const BODY_TIME_MAX: Duration = Duration::from_secs(10);
/// How many requests are worked on at once; more wait.
const REQUESTS_MAX: usize = 2_048;

/// How many receivers are tested at once: each may take as long as a webhook may, and a request is
/// worked on until it has answered.
const TESTS_MAX: usize = 32;
/// How many long lists are read at once.
const LONG_LISTS_MAX: usize = 2;
/// How many lists are looked for at once among payouts that do not belong to them.
const SEARCHES_MAX: usize = 4;

/// What handlers share.
pub(crate) struct Api {
    /// The gateway.
    pub(crate) app: Arc<App>,
    /// The entrance to the ledger.
    pub(crate) acceptor: Acceptor,
    /// Brings webhooks to their receivers.
    pub(crate) courier: Arc<HttpCourier>,
    /// Places for tests of receivers.
    pub(crate) tests: Semaphore,
    /// Places for long lists.
    pub(crate) long_lists: Semaphore,
    /// Places for lists that are looked for.
    pub(crate) searches: Semaphore,
    permits: Semaphore,
    limiter: Limiter,
    trusted_proxies: Box<[IpNet]>,
}

impl Api {
    /// Puts the API together.
    pub(crate) fn new(
        app: Arc<App>,
        acceptor: Acceptor,
        courier: Arc<HttpCourier>,
        limiter: Limiter,
        trusted_proxies: &[IpNet],
    ) -> Self {
        Self {
            app,
            acceptor,
            courier,
            tests: Semaphore::new(TESTS_MAX),
            long_lists: Semaphore::new(LONG_LISTS_MAX),
            searches: Semaphore::new(SEARCHES_MAX),
            permits: Semaphore::new(REQUESTS_MAX),
            limiter,
            trusted_proxies: trusted_proxies.into(),
        }
    }

    /// The routes: those of every process, and the APIs where it has the role for them.
    pub(crate) fn router(self: Arc<Self>) -> Router {
        let app = self.app.clone();
        let others = if app.roles.has(Role::Accept) {
            docs::router().fallback(serve).with_state(self)
        } else {
            Router::new().fallback(elsewhere::answer).with_state(app.clone())
        };
        let own = Router::new()
            .route("/healthz", get(|| async { "ok\n" }))
            .route("/readyz", get(ready))
            .route("/metrics", get(metrics));
        own.with_state(app).merge(others)
    }
}

async fn ready(State(app): State<Arc<App>>) -> Response {
    let (book, now) = (app.book(), clock::now());
    // All balances are only read where there may be something to find.
    let looked = if book.conversion.overdrafts.is_empty() {
        let answered = app.store.lanes().await;
        answered.map(|_| concerns::prices(&app, &book, now))
    } else {
        concerns::look(&app, &book, now).await
    };
    let Ok(concerns) = looked else {
        return (StatusCode::SERVICE_UNAVAILABLE, "the store does not answer\n").into_response();
    };
    // These concern some payouts only: whoever asks for others is served.
    let of_lanes = concerns::lanes(&app.lanes).into_iter().chain(concerns::networks(&app));
    let concerns = concerns.into_iter().chain(of_lanes);
    let notes: Vec<String> =
        concerns.map(|it| format!("note: {}; {}\n", it.what, it.remedy)).collect();
    let notes = notes.concat();
    match book.terms.values().filter(|it| it.network_fee.is_none()).count() {
        0 => format!("ready\n{notes}").into_response(),
        unpriced => {
            let text = format!("the network fee of {unpriced} assets is not known yet\n{notes}");
            (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
        }
    }
}

async fn metrics(State(app): State<Arc<App>>) -> Response {
    let counts = app.store.counts().await.unwrap_or_default();
    for work in &app.lanes {
        app.metrics.network(work.network.as_str(), work.rail.alert().is_some());
    }
    app.metrics.leases(app.leases.held());
    let text = app.metrics.text(&counts, &*app.store);
    ([(CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text)
        .into_response()
}

async fn serve(
    State(api): State<Arc<Api>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let (head, body) = request.into_parts();
    // A base URL that ends with a slash makes two of them.
    let path = format!("/{}", head.uri.path().trim_start_matches('/'));
    let Some(first) = dialects::owners(&path).next() else {
        return (StatusCode::NOT_FOUND, "no API has this path; see /docs\n").into_response();
    };
    let headers = text_headers(&head.headers);
    let client = client::address(peer.ip(), &headers, &api.trusted_proxies);
    // Whoever asks too often is not even listened to.
    let read = match api.limited(first, api.limiter.request(client)) {
        Ok(()) => read_body(body).await,
        Err(refusal) => Err(refusal),
    };
    let Ok(_permit) = api.permits.acquire().await else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let request = dialects::Request {
        method: head.method.as_str(),
        path: &path,
        query: head.uri.query().unwrap_or(""),
        headers: &headers,
        body: read.as_deref().unwrap_or_default(),
        client: Some(client),
    };
    let _busy = api.acceptor.busy();
    let now = clock::now();
    let (book, random) = (api.app.book(), clock::random());
    let context = api.app.context(&book, now, PayoutId(clock::uuid_v7(now)), &random);
    let (dialect, answered) = match &read {
        Ok(_) => api.answer(first, &request, client, &context).await,
        Err(refusal) => (first, Err(refusal.clone())),
    };
    let message = answered.unwrap_or_else(|why| dialect.refuse(&request, &why, &context));
    let labels = RequestLabels { dialect: dialect.name(), status: message.status };
    api.app.metrics.requests.get_or_create(&labels).inc();
    #[cfg(feature = "crash-points")]
    crate::crash::reach(crate::crash::Point::new(
        crate::crash::Act::Answer,
        crate::crash::Side::Before,
    ));
    response(message)
}

async fn read_body(body: Body) -> Result<Bytes, Refusal> {
    let malformed = |detail: &str| Refusal::Malformed { detail: detail.to_owned() };
    match timeout(BODY_TIME_MAX, to_bytes(body, BODY_BYTES_MAX)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) if is_too_long(&error) => Err(Refusal::BodyTooLarge),
        Ok(Err(_)) => Err(malformed("the body did not arrive whole")),
        Err(_) => Err(malformed("the body took too long")),
    }
}

impl Api {
    /// Answers a request, and tells which dialect does: `first`, or a twin of it.
    async fn answer(
        &self,
        first: &'static dyn Dialect,
        request: &dialects::Request<'_>,
        client: IpAddr,
        context: &Context<'_>,
    ) -> (&'static dyn Dialect, Result<Message, Refusal>) {
        let served = self.serving(request, context).await;
        let (dialect, callers, refusal) = match served {
            Ok(Some((dialect, callers))) => (dialect, callers, None),
            Ok(None) => (first, Arc::default(), None),
            Err(refusal) => (first, Arc::default(), Some(refusal)),
        };
        if let Some(message) = dialect.answer_openly(request, &callers, context) {
            return (dialect, Ok(message));
        }
        if let Some(refusal) = refusal {
            return (dialect, Err(refusal));
        }
        (dialect, self.answer_by(dialect, &callers, request, client, context).await)
    }

    /// Finds the dialect that serves a request, and the credentials it may have been made with.
    async fn serving(
        &self,
        request: &dialects::Request<'_>,
        context: &Context<'_>,
    ) -> Result<Option<(&'static dyn Dialect, Arc<[Caller]>)>, Refusal> {
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
        client: IpAddr,
        context: &Context<'_>,
    ) -> Result<Message, Refusal> {
        let call = match dialect.decode(request, callers, context) {
            Err(Refusal::Unauthenticated) => {
                self.limited(dialect, self.limiter.failure(client))?;
                return Err(Refusal::Unauthenticated);
            }
            understood => understood?,
        };
        self.limited(dialect, self.limiter.authenticated(call.key))?;
        if let Action::Create(create) = &call.action {
            self.space(dialect, call.key, create).await?;
        }
        Ok(match self.run(dialect, &call).await? {
            Answer::Outcome(outcome) => dialect.encode(&call, &outcome, context),
            Answer::Written(message) => message,
        })
    }

    /// Keeps requests for payouts apart, as the API's provider does. One that comes too soon is let
    /// through all the same if its reference is that of a payout: whoever lost an answer asks again
    /// at once, and nothing new is asked for.
    async fn space(
        &self,
        dialect: &dyn Dialect,
        key: KeyId,
        create: &CreatePayout,
    ) -> Result<(), Refusal> {
        let Err(too_soon) = self.limiter.payout(dialect.name(), key) else { return Ok(()) };
        if let Some(text) = &create.merchant_ref {
            let named = PayoutKey::MerchantRef(create.merchant, text.clone());
            if self.app.store.find_payout(&named).await.map_err(unreachable)?.is_some() {
                return Ok(());
            }
        }
        self.limited(dialect, Err(too_soon))
    }

    /// Turns what the limiter says into a refusal, and counts it.
    fn limited(&self, dialect: &dyn Dialect, said: Result<(), TooOften>) -> Result<(), Refusal> {
        said.map_err(|too_often| {
            let labels = LimitLabels { dialect: dialect.name(), limit: too_often.limit };
            self.app.metrics.limited.get_or_create(&labels).inc();
            too_often.into()
        })
    }
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

/// A message as it is sent.
pub(crate) fn response(message: Message) -> Response {
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
