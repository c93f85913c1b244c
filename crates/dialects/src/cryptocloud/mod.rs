//! `CryptoCloud`'s withdrawal API, under `/v2/`. See its README for sources and quirks.

mod about;
mod assets;
mod decode;
mod endpoints;
mod refusal;
mod sign;
mod wire;

use domain::command::Refusal;

use self::endpoints::{ENDPOINTS, Route};
use crate::{
    About, Action, Call, Caller, Context, Dialect, Message, NewKey, Outcome, Request, Webhook,
    endpoint, http, identity, shown::Shown,
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
        let caller = identity::by_token(request, "Token", callers, NAME, context.now)?;
        let fields = found.fields(request)?;
        let action = match found.call() {
            Route::Create => {
                Action::Create(Box::new(decode::create(request, &fields, caller, context)?))
            }
        };
        Ok(Call {
            merchant: caller.merchant.id,
            key: caller.key.id,
            nonce: None,
            action,
            note: String::new(),
        })
    }

    fn encode(&self, _call: &Call, outcome: &Outcome, context: &Context<'_>) -> Message {
        match outcome {
            Outcome::Payout { payout, .. } => {
                let shown = Shown::now(payout, context.catalog);
                http::json(200, &wire::created(&shown, context.catalog))
            }
            Outcome::Payouts { .. }
            | Outcome::Balances { .. }
            | Outcome::Quoted(..)
            | Outcome::Moved { .. }
            | Outcome::Delivery(..)
            | Outcome::Posted { .. } => refusal::write(&Refusal::UnknownPath),
        }
    }

    fn refuse(&self, request: &Request<'_>, refusal: &Refusal, _: &Context<'_>) -> Message {
        refusal::write(refusal).explaining(refusal, ENDPOINTS, request.path)
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
        vec![sign::draw(random)]
    }

    fn adopt_key(&self, role: &str, public: &str, secret: &str) -> Option<NewKey> {
        sign::adopt(role, public, secret)
    }
}
