//! Cryptomus's payout API, under `/v1/`. See its README for sources and quirks.

mod about;
mod assets;
mod balances;
mod decode;
mod endpoints;
mod listing;
mod refusal;
mod services;
mod sign;
mod sum;
mod testing;
mod wire;

use domain::{
    command::{Direction, Refusal},
    money::Amount,
};

use self::{
    balances::{BalancesBody, TransferBody},
    endpoints::{ENDPOINTS, Route},
    listing::PageBody,
    refusal::{SERVER_ERROR, Topic},
    wire::{CalculationBody, PayoutBody, Success, WebhookBody},
};
use crate::{
    About, Action, Call, Caller, Context, Dialect, Message, NewKey, Outcome, Request, Webhook,
    endpoint::{self, Found},
    http, identity,
    shown::Shown,
};

/// Cryptomus's payout API, under one of its brands.
pub(crate) struct Cryptomus {
    profile: &'static Profile,
}

/// What sets a brand apart.
struct Profile {
    name: &'static str,
    title: &'static str,
    /// How long the address of a webhook may be.
    url_characters_max: usize,
    /// Whether answers have what is charged for a payout and what was sold for it, and lists of what
    /// can be paid the contracts of tokens.
    shows_charges: bool,
}

/// The brand that the API is known by.
pub(crate) const CRYPTOMUS: Cryptomus = Cryptomus {
    profile: &Profile {
        name: "cryptomus",
        title: "Cryptomus",
        url_characters_max: http::URL_CHARACTERS_MAX,
        shows_charges: false,
    },
};
/// Its twin.
pub(crate) const HELEKET: Cryptomus = Cryptomus {
    profile: &Profile {
        name: "heleket",
        title: "Heleket",
        url_characters_max: 255,
        shows_charges: true,
    },
};

const ROOT: &str = "/v1/";

/// What the provider's other half has below [`ROOT`]: taking payments. Each is a call or a folder of
/// calls.
const PAY_IN: [&str; 6] = [
    "payment",
    "wallet",
    "static-wallet",
    "recurrence",
    "test-webhook/payment",
    "test-webhook/wallet",
];

fn is_pay_in(path: &str) -> bool {
    let below = path.strip_prefix(ROOT).unwrap_or_default();
    PAY_IN.iter().any(|it| {
        below.strip_prefix(it).is_some_and(|rest| matches!(rest.as_bytes(), [] | [b'/', ..]))
    })
}

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

    fn answer_openly(
        &self,
        request: &Request<'_>,
        _callers: &[Caller],
        context: &Context<'_>,
    ) -> Option<Message> {
        let found = endpoint::route(ENDPOINTS, request).ok().filter(|it| it.endpoint.open)?;
        let answer = exchange_rates(&found, context);
        Some(answer.unwrap_or_else(|refusal| self.refuse(request, &refusal, context)))
    }

    fn lookup(&self, request: &Request<'_>) -> Result<String, Refusal> {
        if is_pay_in(request.path) {
            return Err(Refusal::NotSupported("Payments are not taken by this gateway."));
        }
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
        let action = self.action(request, &found, caller, context)?;
        Ok(Call {
            merchant: caller.merchant.id,
            key: caller.key.id,
            nonce: None,
            action,
            // Lists say whose they are.
            note: caller.key.lookup.clone(),
        })
    }

    fn encode(&self, call: &Call, outcome: &Outcome, context: &Context<'_>) -> Message {
        let catalog = context.catalog;
        match (outcome, &call.action) {
            (Outcome::Payout { payout, available, .. }, _) => {
                let shown = Shown::now(payout, catalog);
                let body = PayoutBody::new(self.profile, &shown, *available, catalog);
                http::json(200, &Success::new(body))
            }
            (Outcome::Balances { available, personal }, _) => {
                let body = BalancesBody::new(call.merchant, available, personal, context);
                http::json(200, &Success::new([body]))
            }
            (Outcome::Moved { available, personal }, _) => {
                http::json(200, &Success::new(TransferBody::new(*available, *personal, context)))
            }
            (Outcome::Quoted(quote, locked), _) => match catalog.asset(locked.asset.as_str()) {
                Some(asset) => http::json(200, &Success::new(CalculationBody::new(quote, asset))),
                None => unanswerable(),
            },
            (Outcome::Payouts { page, more, available }, Action::List(query)) => {
                let body = PageBody::new(&call.note, query, page, *more, available, catalog);
                http::json(200, &Success::new(body))
            }
            (Outcome::Posted { acknowledged: true, .. }, _) => {
                http::json(200, &Success::new([(); 0]))
            }
            (Outcome::Posted { acknowledged: false, result }, _) => {
                let text = format!("The webhook was not acknowledged with HTTP 200: {result}");
                let (status, body) = refusal::message(&text);
                http::json(status, &body)
            }
            (Outcome::Payouts { .. } | Outcome::Delivery(..), _) => unanswerable(),
        }
    }

    fn refuse(&self, request: &Request<'_>, refusal: &Refusal, context: &Context<'_>) -> Message {
        let found = endpoint::route(ENDPOINTS, request).ok();
        let route = found.as_ref().map(Found::call);
        let names_coin = matches!(route, Some(Route::Create | Route::Calculate));
        let fields = found.as_ref().filter(|_| names_coin).and_then(|it| it.fields(request).ok());
        let print = |amount: Amount| {
            let coin = decode::coin(fields.as_ref()?, context).ok()?;
            Some(format!("{} {}", coin.asset.text(amount), coin.currency))
        };
        let topic = match route {
            Some(Route::TestPayout) => Topic::Testing,
            _ => fields.as_ref().map_or(Topic::Coin, decode::topic),
        };
        let (status, body) = if let Refusal::MissingField { field } = refusal
            && let Some(found) = &found
        {
            if found.call() == Route::Info {
                refusal::neither_identifier()
            } else {
                refusal::missing(&found.missing(request, field))
            }
        } else {
            refusal::describe(refusal, topic, &print)
        };
        let answer =
            if status == 500 { http::json(500, &SERVER_ERROR) } else { http::json(status, &body) };
        answer.explaining(refusal, ENDPOINTS, request.path)
    }

    fn webhook(&self, webhook: &Webhook<'_>, context: &Context<'_>) -> Message {
        let shown = Shown::told(webhook, context.catalog);
        sign::sealed(http::json(200, &WebhookBody::new(&shown)), webhook.secret)
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

impl Cryptomus {
    /// What a request asks, once it is known who does.
    fn action(
        &self,
        request: &Request<'_>,
        found: &Found<'_, Route>,
        caller: &Caller,
        context: &Context<'_>,
    ) -> Result<Action, Refusal> {
        let (profile, merchant) = (self.profile, &caller.merchant);
        let fields = found.fields(request)?;
        // Webhooks are signed with the same key in the same way, and have an amount and a currency:
        // whoever was sent one must not be able to send it back as a transfer.
        if fields.has(wire::ONLY_IN_WEBHOOKS) {
            return Err(Refusal::Unauthenticated);
        }
        Ok(match found.call() {
            Route::Create => {
                Action::Create(Box::new(decode::create(profile, &fields, caller, context)?))
            }
            Route::Calculate => {
                Action::Quote(Box::new(decode::calculate(profile, &fields, caller, context)?))
            }
            Route::Info => Action::Show(decode::payout_key(&fields, merchant.id)?),
            Route::List => Action::List(listing::query(&fields, request.query, merchant.id)?),
            Route::Services => {
                let rows = services::services(profile, &merchant.name, context);
                Action::Answer(Box::new(http::json(200, &Success::new(rows))))
            }
            Route::ToPersonal => decode::transfer(&fields, Direction::ToPersonal)?,
            Route::ToBusiness => decode::transfer(&fields, Direction::ToBusiness)?,
            Route::TestPayout => testing::webhook(&fields, caller, context)?,
            Route::Balance => Action::Balances,
            Route::ExchangeRates => Action::Answer(Box::new(exchange_rates(found, context)?)),
        })
    }
}

fn exchange_rates(found: &Found<'_, Route>, context: &Context<'_>) -> Result<Message, Refusal> {
    let currency = found.variables.first().copied().unwrap_or_default();
    Ok(http::json(200, &Success::new(services::courses(currency, context)?)))
}

/// What is said where no call has this outcome.
fn unanswerable() -> Message {
    let (status, body) = refusal::describe(&Refusal::UnknownPath, Topic::Coin, &|_| None);
    http::json(status, &body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_payments_is_told_apart_from_what_pays() {
        for path in ["/v1/payment", "/v1/payment/", "/v1/payment/refund", "/v1/test-webhook/wallet"]
        {
            assert!(is_pay_in(path), "{path}");
        }
        for path in ["/v1/payout", "/v1/payments", "/v1/test-webhook/payout", "/v1/", "/payment"] {
            assert!(!is_pay_in(path), "{path}");
        }
    }
}
