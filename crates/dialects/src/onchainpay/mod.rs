//! `OnchainPay`'s withdrawals, under `/api-gateway/`. See its README for sources and quirks.

mod about;
mod account;
mod addresses;
mod answer;
mod ask;
mod assets;
mod currencies;
mod decode;
mod endpoints;
mod from_address;
mod history;
mod refusal;
mod sign;
mod source;
mod webhooks;
mod wire;

use domain::{catalog::Asset, command::Refusal, money::Amount};

use self::{
    answer::Kept,
    ask::Asked,
    endpoints::{ENDPOINTS, Route},
    webhooks::{Told, WEBHOOK_ID},
    wire::Success,
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

    fn answer_openly(
        &self,
        request: &Request<'_>,
        callers: &[Caller],
        context: &Context<'_>,
    ) -> Option<Message> {
        let found = endpoint::route(ENDPOINTS, request).ok()?;
        let check = || sign::SignatureCheck::new(request, callers, self.name(), context.now);
        (found.call() == Route::TestSignature).then(|| http::json(200, &Success::new(check())))
    }

    fn decode(
        &self,
        request: &Request<'_>,
        callers: &[Caller],
        context: &Context<'_>,
    ) -> Result<Call, Refusal> {
        let found = endpoint::route(ENDPOINTS, request)?;
        let caller = sign::caller(request, callers, self.name(), context.now)?;
        let fields = found.fields(request)?;
        let mut nonce = decode::nonce(&fields, caller)?;
        let asked = Asked { dialect: self.name(), request, fields: &fields, caller, context };
        let (mut action, text) = asked.action(found.call())?;
        if let Action::Create(create) = &mut action {
            create.nonce = nonce.take();
        }
        let note = Kept { route: found.call(), text }.note();
        Ok(Call { merchant: caller.merchant.id, key: caller.key.id, nonce, action, note })
    }

    fn encode(&self, call: &Call, outcome: &Outcome, context: &Context<'_>) -> Message {
        let answered = Kept::of(call).and_then(|kept| answer::write(call, &kept, outcome, context));
        let nothing = || refusal::write(&Refusal::UnknownPath, &|_| String::new(), context);
        answered.unwrap_or_else(nothing)
    }

    fn refuse(&self, request: &Request<'_>, refusal: &Refusal, context: &Context<'_>) -> Message {
        let print = |amount: Amount| match asset(request, context) {
            Some(asset) => format!("{} {}", asset.text(amount), asset.ticker),
            None => "another amount".to_owned(),
        };
        // That there is no such currency is said here and not before the ledger was asked: a
        // repetition is answered with its payout, also while nobody tells prices.
        let is_none = matches!(refusal, Refusal::RateUnknown { currency }
            if !currencies::is_known(currency, context));
        let refusal = if is_none { &Refusal::UnknownAsset } else { refusal };
        refusal::write(refusal, &print, context).explaining(refusal, ENDPOINTS, request.path)
    }

    fn webhook(&self, webhook: &Webhook<'_>, context: &Context<'_>) -> Message {
        let shown = Shown::told(webhook, context.catalog);
        let message = http::json(200, &Told::new(&shown, context));
        let signature = sign::signature(&message.body, webhook.secret);
        message
            .with(PUBLIC_KEY, &webhook.key.lookup)
            .with(SIGNATURE, signature)
            .with(WEBHOOK_ID, webhooks::name(webhook.payout, webhook.delivery))
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

/// The asset that a request is about, as far as it says.
fn asset<'a>(request: &Request<'_>, context: &Context<'a>) -> Option<&'a Asset> {
    let found = endpoint::route(ENDPOINTS, request).ok()?;
    let fields = found.fields(request).ok()?;
    if found.call() == Route::Create {
        return decode::asset(&fields, context.catalog).ok();
    }
    let has_address = found.endpoint.fields.iter().any(|it| it.name == "addressId");
    let address = has_address.then(|| fields.required("addressId").ok()).flatten()?;
    addresses::find(context.catalog, address).ok()
}
