//! Our own API, under `/vyplata/v1/`: small, strict, and with nothing to guess. See its README.

mod about;
mod assets;
mod decode;
mod endpoints;
mod sign;
mod wire;

use domain::{command::Refusal, money::Amount};

use self::{
    decode::BODY,
    endpoints::{ENDPOINTS, Route},
    wire::{BalancesBody, ErrorBody, ErrorDetail, PageBody, PayoutBody, WebhookBody},
};
use crate::{
    About, Action, Call, Caller, Context, Dialect, Message, NewKey, Outcome, Request, Webhook,
    endpoint::{self, Found},
    http, identity,
    shown::Shown,
};

/// Our own API.
pub(crate) struct Native;

const NAME: &str = "native";
const ROOT: &str = "/vyplata/";

/// The waits between tries of a webhook, in seconds.
const RETRY_DELAYS_S: [u64; 7] = [5, 300, 1_800, 7_200, 18_000, 36_000, 36_000];

/// Finds the call of a request. Slashes at the end of a path count here: without its identifier, a
/// question about one payout would become one about all of them.
fn route<'a>(request: &Request<'a>) -> Result<Found<'a, Route>, Refusal> {
    if request.path.ends_with('/') {
        return Err(Refusal::UnknownPath);
    }
    endpoint::route(ENDPOINTS, request)
}

impl Dialect for Native {
    fn name(&self) -> &'static str {
        NAME
    }

    fn owns(&self, path: &str) -> bool {
        path.starts_with(ROOT)
    }

    fn lookup(&self, request: &Request<'_>) -> Result<String, Refusal> {
        route(request)?;
        Ok(identity::token_lookup(identity::bearer(request, "Bearer")?))
    }

    fn decode(
        &self,
        request: &Request<'_>,
        callers: &[Caller],
        context: &Context<'_>,
    ) -> Result<Call, Refusal> {
        let found = route(request)?;
        let caller = identity::by_token(request, "Bearer", callers, NAME, context.now)?;
        let merchant = caller.merchant.id;
        let key = || decode::payout_key(merchant, found.variables.first().copied());
        let action = match found.call() {
            Route::Create => {
                let idempotency_key = http::idempotency_key(request)?;
                let fields = found.fields(request)?;
                let create = decode::create(&fields, idempotency_key, caller, context)?;
                Action::Create(Box::new(create))
            }
            Route::List => Action::List(decode::page_query(request.query, merchant)?),
            Route::Show => Action::Show(key()?),
            Route::Cancel => {
                if !matches!(request.body.trim_ascii(), b"" | b"{}") {
                    let detail = "this request has no body".to_owned();
                    return Err(Refusal::Malformed { detail });
                }
                Action::Cancel(key()?)
            }
            Route::Balances => Action::Balances,
        };
        Ok(Call { merchant, key: caller.key.id, nonce: None, action, note: String::new() })
    }

    fn encode(&self, call: &Call, outcome: &Outcome, context: &Context<'_>) -> Message {
        match outcome {
            Outcome::Payout { payout, events, fresh, .. } => {
                let created = *fresh && matches!(call.action, Action::Create(_));
                let shown = Shown::now(payout, context.catalog);
                let body = PayoutBody::new(&shown, context.catalog, Some(events));
                http::json(if created { 201 } else { 200 }, &body)
            }
            Outcome::Payouts { page, more, .. } => {
                http::json(200, &PageBody::new(page, *more, context.catalog))
            }
            Outcome::Balances { available, .. } => {
                http::json(200, &BalancesBody::new(available, context.catalog))
            }
            Outcome::Quoted(..)
            | Outcome::Moved { .. }
            | Outcome::Delivery(..)
            | Outcome::Posted { .. } => {
                let message = "this gateway has no answer to that".to_owned();
                let error = ErrorDetail { code: "unknown_path", message, field: None };
                http::json(404, &ErrorBody { error })
            }
        }
    }

    fn refuse(&self, request: &Request<'_>, refusal: &Refusal, context: &Context<'_>) -> Message {
        let fields = || route(request).ok()?.fields(request).ok();
        let print = |amount: Amount| match fields()
            .and_then(|it| decode::asset(&it, context.catalog).ok())
        {
            Some(asset) => format!("{} {}", asset.text(amount), asset.ticker),
            None => "another amount".to_owned(),
        };
        let (status, code, message) = wire::describe(refusal, &print);
        let field = match wire::field(refusal) {
            Some(BODY) => {
                let unknown = fields().and_then(|it| it.unknown().map(str::to_owned));
                Some(unknown.unwrap_or_else(|| BODY.to_owned()))
            }
            field => field.map(str::to_owned),
        };
        let error = ErrorDetail { code, message, field };
        let mut answer = http::json(status, &ErrorBody { error });
        if *refusal == Refusal::Unauthenticated {
            answer = answer.with("www-authenticate", "Bearer");
        }
        answer.explaining(refusal, ENDPOINTS, request.path)
    }

    fn webhook(&self, webhook: &Webhook<'_>, context: &Context<'_>) -> Message {
        let shown = Shown::told(webhook, context.catalog);
        let body = WebhookBody {
            r#type: format!("payout.{}", shown.status.word()),
            id: webhook.id().to_string(),
            payout: PayoutBody::new(&shown, context.catalog, None),
        };
        let message = http::json(200, &body);
        let signature = sign::webhook_signature(webhook.secret, context.now, &message.body);
        message.with("vyplata-signature", signature).with("vyplata-delivery", body.id)
    }

    fn retry_delay_ms(&self, tries: u16) -> Option<u64> {
        let index = usize::from(tries.saturating_sub(1));
        RETRY_DELAYS_S.get(index).map(|seconds| seconds * 1_000)
    }

    fn about(&self) -> About {
        about::about()
    }

    fn draw_keys(&self, random: &mut dyn FnMut(usize) -> Vec<u8>) -> Vec<NewKey> {
        vec![sign::draw(random)]
    }

    fn adopt_key(&self, role: &str, public: &str, secret: &str) -> Option<NewKey> {
        sign::adopt(role, public, secret)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_without_an_identifier_is_none_about_all() {
        for path in ["/vyplata/v1/payouts/", "/vyplata/v1/payouts//", "/vyplata/v1/payouts//cancel"]
        {
            for method in ["GET", "POST"] {
                let request =
                    Request { method, path, query: "", headers: &[], body: b"", client: None };
                assert_eq!(Native.lookup(&request), Err(Refusal::UnknownPath), "{method} {path}");
            }
        }
    }
}
