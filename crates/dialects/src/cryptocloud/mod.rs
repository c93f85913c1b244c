//! `CryptoCloud`'s withdrawals, and the questions about them, under `/v2/`. See its README for sources
//! and quirks.

mod about;
mod answers;
mod assets;
mod currency;
mod decode;
mod endpoints;
mod questions;
mod refusal;
mod sign;
mod wire;

use domain::command::Refusal;

use self::{
    endpoints::{ENDPOINTS, Route},
    wire::Success,
};
use crate::{
    About, Action, Call, Caller, Context, Dialect, Message, NewKey, Outcome, Request, Webhook,
    endpoint::{self, Found},
    http, identity,
    shown::Shown,
};

/// `CryptoCloud`'s withdrawal API.
pub(crate) struct CryptoCloud;

const NAME: &str = "cryptocloud";
const ROOT: &str = "/v2/";

/// The waits between tries of a postback, in seconds; the provider publishes none.
const RETRY_DELAYS_S: [u64; 7] = [5, 300, 1_800, 7_200, 18_000, 36_000, 36_000];

/// The provider asks for at least 12 seconds between withdrawals of one key.
/// <https://docs.cryptocloud.plus/en/api-reference-v2/withdrawals>
const SPACING_MS: u64 = 12_000;

/// What a call keeps in mind that adds up what is listed.
const STATISTICS: &str = "statistics";

/// Whether a credential of this role may make a call: the project's key pays nobody.
fn may_ask(route: Route, role: &str) -> bool {
    match route {
        Route::Create => role == sign::WITHDRAWAL,
        Route::Balance
        | Route::Info
        | Route::List
        | Route::Statistics
        | Route::Cancel
        | Route::OutInfo
        | Route::OutList
        | Route::OutBalance
        | Route::CreateInvoice
        | Route::CreateStatic
        | Route::SubscribeStatic
        | Route::ListStatic => true,
    }
}

fn action(
    found: &Found<'_, Route>,
    request: &Request<'_>,
    caller: &Caller,
    context: &Context<'_>,
) -> Result<Action, Refusal> {
    let merchant = caller.merchant.id;
    Ok(match found.call() {
        Route::Create => {
            let fields = found.fields(request)?;
            Action::Create(Box::new(decode::create(request, &fields, caller, context)?))
        }
        Route::Balance | Route::OutBalance => Action::Balances,
        Route::Info => Action::ShowAll(questions::keys(&found.fields(request)?)?),
        Route::List => {
            let fields = found.fields(request)?;
            questions::both_days(&fields)?;
            Action::List(questions::page(&fields, merchant)?)
        }
        Route::Statistics => {
            let fields = found.fields(request)?;
            questions::both_days(&fields)?;
            Action::List(questions::all(&fields, merchant)?)
        }
        Route::Cancel => {
            found.fields(request)?.required("uuid")?;
            return Err(Refusal::NotCancellable);
        }
        Route::OutInfo => {
            let id = found.variables.first().ok_or(Refusal::NotFound)?;
            Action::Show(questions::key(id))
        }
        Route::OutList => Action::List(questions::page(&found.query(request)?, merchant)?),
        Route::CreateInvoice | Route::CreateStatic | Route::SubscribeStatic | Route::ListStatic => {
            return Err(Refusal::NotSupported("payments are not taken by this gateway"));
        }
    })
}

impl Dialect for CryptoCloud {
    fn name(&self) -> &'static str {
        NAME
    }

    fn owns(&self, path: &str) -> bool {
        path.starts_with(ROOT)
    }

    fn lookup(&self, request: &Request<'_>) -> Result<String, Refusal> {
        endpoint::route(ENDPOINTS, request)?;
        Ok(identity::token_lookup(identity::bearer(request, "Token")?))
    }

    fn decode(
        &self,
        request: &Request<'_>,
        callers: &[Caller],
        context: &Context<'_>,
    ) -> Result<Call, Refusal> {
        let found = endpoint::route(ENDPOINTS, request)?;
        let good = callers.iter().filter(|it| may_ask(found.call(), &it.key.role));
        let good: Vec<Caller> = good.cloned().collect();
        let caller = identity::by_token(request, "Token", &good, NAME, context.now)?;
        let action = action(&found, request, caller, context)?;
        let (merchant, key) = (caller.merchant.id, caller.key.id);
        let note = if found.call() == Route::Statistics { STATISTICS } else { "" };
        Ok(Call { merchant, key, nonce: None, action, note: note.to_owned() })
    }

    fn encode(&self, call: &Call, outcome: &Outcome, context: &Context<'_>) -> Message {
        let catalog = context.catalog;
        match outcome {
            Outcome::Payout { payout, .. } => {
                http::json(200, &wire::created(&Shown::now(payout, catalog), catalog))
            }
            Outcome::Payouts { page, more, .. } if call.note == STATISTICS => {
                if *more {
                    return refusal::write_field("end", "too many withdrawals: shorten the period");
                }
                http::json(200, &Success::new(answers::statistics(page, catalog)))
            }
            Outcome::Payouts { page, .. } => {
                http::json(200, &Success::new(answers::invoices(page, catalog)))
            }
            Outcome::Balances { available, personal } => {
                http::json(200, &Success::new(answers::balances(available, personal, context)))
            }
            Outcome::Quoted(..)
            | Outcome::Moved { .. }
            | Outcome::Delivery(..)
            | Outcome::Posted { .. } => refusal::write(&Refusal::UnknownPath),
        }
    }

    fn refuse(&self, request: &Request<'_>, refusal: &Refusal, _: &Context<'_>) -> Message {
        let found = endpoint::find(ENDPOINTS, request.method, request.path).ok();
        let message = match found {
            Some(found) if found.call() != Route::Create => {
                refusal::write_by_field(&found, request, refusal)
            }
            Some(_) | None => refusal::write(refusal),
        };
        message.explaining(refusal, ENDPOINTS, request.path)
    }

    fn webhook(&self, webhook: &Webhook<'_>, context: &Context<'_>) -> Message {
        let shown = Shown::told(webhook, context.catalog);
        let id = wire::bare_id(webhook.payout);
        let token = sign::postback_token(webhook.secret, id, context.now);
        http::json(200, &wire::postback(&shown, token, context.catalog))
    }

    fn retry_delay_ms(&self, tries: u16) -> Option<u64> {
        let index = usize::from(tries.saturating_sub(1));
        RETRY_DELAYS_S.get(index).map(|seconds| seconds * 1_000)
    }

    fn spacing_ms(&self) -> Option<u64> {
        Some(SPACING_MS)
    }

    fn about(&self) -> About {
        about::about()
    }

    fn draw_keys(&self, random: &mut dyn FnMut(usize) -> Vec<u8>) -> Vec<NewKey> {
        sign::draw(random)
    }

    fn adopt_key(&self, role: &str, public: &str, secret: &str) -> Option<NewKey> {
        sign::adopt(role, public, secret)
    }
}
