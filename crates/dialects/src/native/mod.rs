//! Our own API, under `/vyplata/v1/`: small, strict, and with nothing to guess. See its README.

mod about;
mod assets;
mod decode;
mod endpoints;
mod figures;
mod queries;
mod refusal;
mod sign;
mod terms;
mod wire;

use domain::{command::Refusal, money::Amount, ports::PayoutKey};

use self::{
    decode::BODY,
    endpoints::{ENDPOINTS, Route},
    figures::QuoteBody,
    refusal::{ErrorBody, ErrorDetail},
    terms::AssetsBody,
    wire::{BalancesBody, PageBody, PayoutBody, TransferBody, WebhookBody},
};
use crate::{
    About, Action, Call, Caller, Context, Dialect, Message, NewKey, Outcome, Request, Secret,
    Webhook,
    endpoint::{self, Found},
    http, identity,
    shown::Shown,
    token,
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

/// Reads which payout a call changes that has no body.
fn changed(
    found: &Found<'_, Route>,
    request: &Request<'_>,
    caller: &Caller,
) -> Result<PayoutKey, Refusal> {
    if !matches!(request.body.trim_ascii(), b"" | b"{}") {
        return Err(Refusal::Malformed { detail: "this request has no body".to_owned() });
    }
    decode::payout_key(caller.merchant.id, found.variables.first().copied())
}

fn action(
    found: &Found<'_, Route>,
    request: &Request<'_>,
    caller: &Caller,
    context: &Context<'_>,
) -> Result<Action, Refusal> {
    let merchant = caller.merchant.id;
    let judge = |approve| -> Result<Action, Refusal> {
        let key = changed(found, request, caller)?;
        Ok(Action::Judge(key, decode::verdict(approve, request, caller, context)))
    };
    Ok(match found.call() {
        Route::Create => {
            let idempotency_key = http::idempotency_key(request)?;
            let fields = found.fields(request)?;
            let create = decode::create(&fields, idempotency_key, caller, context)?;
            Action::Create(Box::new(create))
        }
        Route::Quote => {
            let fields = found.fields(request)?;
            Action::Quote(Box::new(decode::quote(&fields, caller, context)?))
        }
        Route::List => {
            let query = queries::read(found, request)?;
            Action::List(queries::page(&query, merchant, context)?)
        }
        Route::Show => {
            Action::Show(decode::payout_key(merchant, found.variables.first().copied())?)
        }
        Route::Cancel => Action::Cancel(changed(found, request, caller)?),
        Route::Approve => judge(true)?,
        Route::Decline => judge(false)?,
        Route::Balances => Action::Balances,
        Route::Transfer => decode::transfer(&found.fields(request)?)?,
        Route::Rates => queries::rates(&queries::read(found, request)?, caller, context)?,
        Route::Assets => {
            let body = AssetsBody::new(&caller.merchant.name, context);
            Action::Answer(Box::new(http::json(200, &body)))
        }
    })
}

fn no_answer() -> Message {
    let message = "this gateway has no answer to that".to_owned();
    let error = ErrorDetail { code: "unknown_path", message, field: None };
    http::json(404, &ErrorBody { error })
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
        let action = action(&found, request, caller, context)?;
        // Whoever writes the answer makes the token of a quote.
        let note = match &action {
            Action::Quote(_) => token::sealing_key(&caller.secret).to_string(),
            Action::Create(_)
            | Action::Cancel(_)
            | Action::Judge(..)
            | Action::Show(_)
            | Action::ShowAll(_)
            | Action::List(_)
            | Action::Balances
            | Action::Transfer { .. }
            | Action::ShowDelivery(..)
            | Action::TestWebhook { .. }
            | Action::Answer(_) => String::new(),
        };
        Ok(Call { merchant: caller.merchant.id, key: caller.key.id, nonce: None, action, note })
    }

    fn encode(&self, call: &Call, outcome: &Outcome, context: &Context<'_>) -> Message {
        let catalog = context.catalog;
        match outcome {
            Outcome::Payout { payout, events, fresh, .. } => {
                let created = *fresh && matches!(call.action, Action::Create(_));
                let shown = Shown::now(payout, catalog);
                let body = PayoutBody::new(&shown, catalog, Some(events));
                http::json(if created { 201 } else { 200 }, &body)
            }
            Outcome::Quoted(quote, locked) => {
                let token = token::seal(locked, &Secret::new(call.note.clone()));
                let body = QuoteBody::new(quote, locked, token, context);
                body.map_or_else(no_answer, |it| http::json(200, &it))
            }
            Outcome::Payouts { page, more, .. } => {
                let is_after = matches!(&call.action, Action::List(it) if it.after.is_some());
                http::json(200, &PageBody::new(page, *more, is_after, catalog))
            }
            Outcome::Balances { available, personal } => {
                http::json(200, &BalancesBody::new(available, personal, catalog))
            }
            Outcome::Moved { available, personal } => {
                let Action::Transfer { ticker, .. } = &call.action else { return no_answer() };
                http::json(200, &TransferBody::new(ticker, *available, *personal))
            }
            Outcome::Delivery(..) | Outcome::Posted { .. } => no_answer(),
        }
    }

    fn refuse(&self, request: &Request<'_>, refusal: &Refusal, context: &Context<'_>) -> Message {
        let found = route(request).ok();
        let fields = || found.as_ref()?.fields(request).ok();
        // What is asked for with an asset and an amount of it, or of something else.
        let asked = || {
            let asks =
                found.as_ref().is_some_and(|it| matches!(it.call(), Route::Create | Route::Quote));
            fields().filter(|_| asks)
        };
        let print = |amount: Amount| match asked()
            .and_then(|it| decode::asset(&it, context.catalog).ok())
        {
            Some(asset) => format!("{} {}", asset.text(amount), asset.ticker),
            None => "another amount".to_owned(),
        };
        let (status, code, message) = refusal::describe(refusal, &print);
        let field = match refusal::field(refusal) {
            Some(BODY) => {
                let unknown = fields().and_then(|it| it.unknown().map(str::to_owned));
                Some(unknown.unwrap_or_else(|| BODY.to_owned()))
            }
            Some("amount") => {
                let given = asked().and_then(|it| decode::amount_field(&it));
                Some(given.unwrap_or("amount").to_owned())
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
