//! Cryptomus's payout API, under `/v1/`. See its README for sources and quirks.

mod about;
mod assets;
mod decode;
mod endpoints;
mod sign;
mod wire;

use domain::{command::Refusal, money::Amount};

use self::{
    endpoints::{ENDPOINTS, Route},
    wire::{BalancesBody, PayoutBody, SERVER_ERROR, Success, WebhookBody},
};
use crate::{
    About, Action, Call, Caller, Context, Dialect, Message, NewKey, Outcome, Request, Webhook,
    endpoint, http, identity, shown::Shown,
};

/// Cryptomus's payout API, under one of its brands.
pub(crate) struct Cryptomus {
    profile: &'static Profile,
}

/// What sets a brand apart.
struct Profile {
    name: &'static str,
    title: &'static str,
}

/// The brand that the API is known by.
pub(crate) const CRYPTOMUS: Cryptomus =
    Cryptomus { profile: &Profile { name: "cryptomus", title: "Cryptomus" } };
/// Its twin.
pub(crate) const HELEKET: Cryptomus =
    Cryptomus { profile: &Profile { name: "heleket", title: "Heleket" } };

const ROOT: &str = "/v1/";

/// The first wait between tries of a webhook; each is twice the one before.
const RETRY_DELAY_MS: u64 = 10_000;
/// How many waits there are: together 22 h 45 min.
const RETRY_COUNT: u16 = 13;

impl Dialect for Cryptomus {
    fn name(&self) -> &'static str {
        self.profile.name
    }

    fn owns(&self, path: &str) -> bool {
        path.starts_with(ROOT)
    }

    fn lookup(&self, request: &Request<'_>) -> Result<String, Refusal> {
        endpoint::route(ENDPOINTS, request)?;
        identity::public_part(request, "merchant").map(str::to_owned)
    }

    fn decode(
        &self,
        request: &Request<'_>,
        callers: &[Caller],
        context: &Context<'_>,
    ) -> Result<Call, Refusal> {
        let found = endpoint::route(ENDPOINTS, request)?;
        let route = found.call();
        let verifies = |signature: &str, it: &Caller| {
            it.key.role == route.role() && sign::verifies(signature, request.body, &it.secret)
        };
        let headers = ["merchant", "sign"];
        let caller =
            identity::by_signature(request, headers, callers, self.name(), context.now, verifies)?;
        let fields = found.fields(request)?;
        let action = match route {
            Route::Create => {
                let create = decode::create(self.name(), &fields, caller, context)?;
                Action::Create(Box::new(create))
            }
            Route::Info => Action::Show(decode::payout_key(&fields, caller.merchant.id)?),
            Route::Balance => Action::Balances,
        };
        Ok(Call {
            merchant: caller.merchant.id,
            key: caller.key.id,
            nonce: None,
            action,
            note: String::new(),
        })
    }

    fn encode(&self, call: &Call, outcome: &Outcome, context: &Context<'_>) -> Message {
        match outcome {
            Outcome::Payout { payout, available, .. } => {
                let shown = Shown::now(payout, context.catalog);
                http::json(200, &Success::new(PayoutBody::new(&shown, *available)))
            }
            Outcome::Balances { available, .. } => {
                let body = BalancesBody::new(call.merchant, available, context.catalog);
                http::json(200, &Success::new([body]))
            }
            Outcome::Payouts { .. }
            | Outcome::Quoted(..)
            | Outcome::Moved { .. }
            | Outcome::Delivery(..)
            | Outcome::Posted { .. } => {
                let (status, body) = wire::describe(&Refusal::UnknownPath, &|_| None);
                http::json(status, &body)
            }
        }
    }

    fn refuse(&self, request: &Request<'_>, refusal: &Refusal, context: &Context<'_>) -> Message {
        let found = endpoint::route(ENDPOINTS, request).ok();
        let print = |amount: Amount| {
            let found = found.as_ref().filter(|it| it.call() == Route::Create)?;
            let coin = decode::coin(&found.fields(request).ok()?, context).ok()?;
            Some(format!("{} {}", coin.asset.text(amount), coin.currency))
        };
        let neither = matches!(refusal, Refusal::MissingField { .. });
        let (status, body) = if neither && found.as_ref().is_some_and(|it| it.call() == Route::Info)
        {
            wire::neither_identifier()
        } else {
            wire::describe(refusal, &print)
        };
        let answer =
            if status == 500 { http::json(500, &SERVER_ERROR) } else { http::json(status, &body) };
        answer.explaining(refusal, ENDPOINTS, request.path)
    }

    fn webhook(&self, webhook: &Webhook<'_>, context: &Context<'_>) -> Message {
        let shown = Shown::told(webhook, context.catalog);
        let mut message = http::json(200, &WebhookBody::new(&shown));
        let text = String::from_utf8_lossy(&message.body);
        message.body = sign::seal(&text, webhook.secret);
        message
    }

    fn retry_delay_ms(&self, tries: u16) -> Option<u64> {
        let doublings = tries.saturating_sub(1);
        (doublings < RETRY_COUNT).then(|| RETRY_DELAY_MS << doublings)
    }

    fn acknowledges(&self, status: u16) -> bool {
        status == 200
    }

    fn about(&self) -> About {
        about::about(self.profile.title)
    }

    fn draw_keys(&self, random: &mut dyn FnMut(usize) -> Vec<u8>) -> Vec<NewKey> {
        sign::draw(random)
    }

    fn adopt_key(&self, role: &str, public: &str, secret: &str) -> Option<NewKey> {
        sign::adopt(role, public, secret)
    }
}
