//! What a process answers that has not the role accept: that it takes no requests.
//!
//! A merchant's request gets here by a balancer that knows no better. It is answered in its API's
//! words that it was not decided and may be asked again, and never that something is not found: whoever
//! reads that of a payout may pay it by other means.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use domain::{command::Refusal, ids::PayoutId};

use crate::{app::App, clock, http::response};

/// Answers any request.
pub(crate) async fn answer(State(app): State<Arc<App>>, request: Request) -> Response {
    let path = format!("/{}", request.uri().path().trim_start_matches('/'));
    let Some(dialect) = dialects::owners(&path).next() else {
        let text = format!(
            "this process does not serve the APIs; ask one with the role accept (this one has: {})\n",
            app.roles
        );
        return (StatusCode::NOT_FOUND, text).into_response();
    };
    let asked = dialects::Request {
        method: request.method().as_str(),
        path: &path,
        query: request.uri().query().unwrap_or(""),
        headers: &[],
        body: &[],
        client: None,
    };
    let now = clock::now();
    let (book, random) = (app.book(), clock::random());
    let context = app.context(&book, now, PayoutId(clock::uuid_v7(now)), &random);
    let why = Refusal::Unavailable("this process takes no requests; ask another");
    response(dialect.refuse(&asked, &why, &context))
}
