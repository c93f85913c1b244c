//! `OnchainPay`'s auto-withdrawals, under `/api-gateway/`. See its README for sources and quirks.

mod about;
mod assets;
mod decode;
mod endpoints;
mod sign;
mod wire;

use domain::{command::Refusal, ids::MerchantId, money::Amount, ports::PayoutKey};

use self::{
    endpoints::{ENDPOINTS, Route},
    wire::{AdvancedBalance, ErrorBody, Success, Withdrawal},
};
use crate::{
    About, Action, Call, Caller, Context, Dialect, Message, NewKey, Outcome, Request, Webhook,
    endpoint, http, identity, shown::Shown,
};

/// `OnchainPay`'s auto-withdrawals, under one of its brands.
pub(crate) struct OnchainPay {
    profile: &'static Profile,
}

/// What sets a brand apart.
struct Profile {
    name: &'static str,
    title: &'static str,
}

/// The brand that the API is known by.
pub(crate) const ONCHAINPAY: OnchainPay =
    OnchainPay { profile: &Profile { name: "onchainpay", title: "OnchainPay" } };
/// Its twin.
pub(crate) const APOLLO: OnchainPay =
    OnchainPay { profile: &Profile { name: "apollo", title: "Apollo" } };

const ROOT: &str = "/api-gateway/";

const PUBLIC_KEY: &str = "x-api-public-key";
const SIGNATURE: &str = "x-api-signature";

/// The waits between tries of a webhook: how many, and how long each, in seconds.
/// <https://docs.onchainpay.io/webhooks>
const RETRY_DELAYS: [(u16, u64); 4] = [(6, 10), (5, 1_800), (4, 7_200), (3, 43_200)];

/// What asks for a single balance object instead of a list.
const SINGLE: &str = "single";

impl Dialect for OnchainPay {
    fn name(&self) -> &'static str {
        self.profile.name
    }

    fn owns(&self, path: &str) -> bool {
        path.starts_with(ROOT)
    }

    fn lookup(&self, request: &Request<'_>) -> Result<String, Refusal> {
        endpoint::route(ENDPOINTS, request)?;
        identity::public_part(request, PUBLIC_KEY).map(str::to_owned)
    }

    fn decode(
        &self,
        request: &Request<'_>,
        callers: &[Caller],
        context: &Context<'_>,
    ) -> Result<Call, Refusal> {
        let found = endpoint::route(ENDPOINTS, request)?;
        let verifies =
            |signature: &str, it: &Caller| sign::verifies(signature, request.body, &it.secret);
        let headers = [PUBLIC_KEY, SIGNATURE];
        let caller =
            identity::by_signature(request, headers, callers, self.name(), context.now, verifies)?;
        let fields = found.fields(request)?;
        let mut nonce = decode::nonce(&fields, caller)?;
        let mut note = String::new();
        let action = match found.call() {
            Route::Create => {
                let mut create = decode::create(self.name(), request, &fields, caller, context)?;
                create.nonce = nonce.take();
                Action::Create(Box::new(create))
            }
            Route::Get => {
                Action::Show(PayoutKey::PublicId(identity::public_id(fields.required("id")?)))
            }
            Route::AdvancedBalances => Action::Balances,
            Route::AdvancedBalance => {
                SINGLE.clone_into(&mut note);
                Action::Balances
            }
        };
        Ok(Call { merchant: caller.merchant.id, key: caller.key.id, nonce, action, note })
    }

    fn encode(&self, call: &Call, outcome: &Outcome, context: &Context<'_>) -> Message {
        match outcome {
            Outcome::Payout { payout, .. } => {
                let shown = Shown::now(payout, context.catalog);
                http::json(200, &Success::new(Withdrawal::new(&shown)))
            }
            Outcome::Balances { .. } if call.note == SINGLE => {
                http::json(200, &Success::new(advanced_balance(call.merchant)))
            }
            Outcome::Balances { .. } => {
                http::json(200, &Success::new([advanced_balance(call.merchant)]))
            }
            Outcome::Payouts { .. }
            | Outcome::Quoted(..)
            | Outcome::Moved { .. }
            | Outcome::Delivery(..)
            | Outcome::Posted { .. } => {
                write_refusal(&Refusal::UnknownPath, &|_| String::new(), context)
            }
        }
    }

    fn refuse(&self, request: &Request<'_>, refusal: &Refusal, context: &Context<'_>) -> Message {
        let asset = || {
            let found = endpoint::route(ENDPOINTS, request).ok();
            let found = found.filter(|it| it.call() == Route::Create)?;
            decode::asset(&found.fields(request).ok()?, context.catalog).ok()
        };
        let print = |amount: Amount| match asset() {
            Some(asset) => format!("{} {}", asset.text(amount), asset.ticker),
            None => "another amount".to_owned(),
        };
        write_refusal(refusal, &print, context).explaining(refusal, ENDPOINTS, request.path)
    }

    fn webhook(&self, webhook: &Webhook<'_>, context: &Context<'_>) -> Message {
        let shown = Shown::told(webhook, context.catalog);
        let message = http::json(200, &Withdrawal::new(&shown));
        let signature = sign::signature(&message.body, webhook.secret);
        message.with(PUBLIC_KEY, &webhook.key.lookup).with(SIGNATURE, signature)
    }

    fn retry_delay_ms(&self, tries: u16) -> Option<u64> {
        let mut left = tries.max(1);
        for (count, delay_s) in RETRY_DELAYS {
            if left <= count {
                return Some(delay_s * 1_000);
            }
            left -= count;
        }
        None
    }

    fn acknowledges(&self, status: u16) -> bool {
        status == 200
    }

    fn about(&self) -> About {
        about::about(self.profile.title)
    }

    fn draw_keys(&self, random: &mut dyn FnMut(usize) -> Vec<u8>) -> Vec<NewKey> {
        vec![sign::draw(random)]
    }

    fn adopt_key(&self, role: &str, public: &str, secret: &str) -> Option<NewKey> {
        sign::adopt(role, public, secret)
    }
}

fn write_refusal(
    refusal: &Refusal,
    print: &dyn Fn(Amount) -> String,
    context: &Context<'_>,
) -> Message {
    let error = wire::describe(refusal, print);
    let status = error.code;
    let request_id = identity::request_id(context.random);
    http::json(status, &ErrorBody { success: false, error, request_id })
}

fn advanced_balance(merchant: MerchantId) -> AdvancedBalance {
    AdvancedBalance {
        id: identity::uuid_of(merchant.0),
        currency: "USD",
        blocked: false,
        block_reason: None,
        balance: "0",
        available_currencies_for_deposit: [],
        tariffs: [],
    }
}
