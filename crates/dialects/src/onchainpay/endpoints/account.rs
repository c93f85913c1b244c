//! What the merchant has, where it lies, and what it was told.

use schemars::SchemaGenerator;

use super::{
    super::{
        account::AdvancedBalance,
        addresses::AddressBody,
        webhooks::{SentBody, WebhookBody},
        wire::Success,
    },
    BALANCE_ID, NONCE, Route,
};
use crate::{
    about::Subject,
    endpoint::{Body, Endpoint},
    field::Field,
};

pub(super) const ADVANCED_BALANCES: Endpoint<Route> = Endpoint {
    summary: "List prepaid balances",
    detail: "There is one: what all coins of the merchant are worth in US dollars.",
    fields: &[BALANCE_ID, NONCE],
    golden: include_str!("../golden/advanced_balances.txt"),
    ..Endpoint::post(
        Route::AdvancedBalances,
        "/api-gateway/advanced-balances",
        Body::Json,
        SchemaGenerator::subschema_for::<Success<[AdvancedBalance; 1]>>,
    )
};

pub(super) const ADVANCED_BALANCE: Endpoint<Route> = Endpoint {
    summary: "Show the prepaid balance",
    detail: "What all coins of the merchant are worth in US dollars.",
    fields: &[BALANCE_ID, NONCE],
    golden: include_str!("../golden/advanced_balances.txt"),
    ..Endpoint::post(
        Route::AdvancedBalance,
        "/api-gateway/advanced-balance",
        Body::Json,
        SchemaGenerator::subschema_for::<Success<AdvancedBalance>>,
    )
};

pub(super) const ADDRESSES: Endpoint<Route> = Endpoint {
    aliases: &[
        "/api-gateway/business-addresses",
        "/api-gateway/payout-addresses",
        "/api-gateway/payout-balances",
    ],
    summary: "List addresses with balances",
    detail: "One for each coin on each network, the same under all these paths. They are the \
             gateway's own wallets: nothing that arrives there is credited to anybody by itself.",
    fields: &[BALANCE_ID, NONCE],
    golden: include_str!("../golden/addresses.txt"),
    ..Endpoint::post(
        Route::Addresses,
        "/api-gateway/account-addresses",
        Body::Json,
        SchemaGenerator::subschema_for::<Success<Vec<AddressBody<'static>>>>,
    )
};

const WEBHOOK_ID: Field = Field::text("webhookId", "658aafd4-f91e-4368-8db2-d7fc21466b90-0")
    .required()
    .about("What the webhook's header `x-webhook-id` says.");

pub(super) const WEBHOOK: Endpoint<Route> = Endpoint {
    summary: "Show the body of a webhook",
    detail: "Null until the first try.",
    fields: &[WEBHOOK_ID, NONCE],
    subjects: &[Subject::Existence],
    golden: include_str!("../golden/webhooks.txt"),
    ..Endpoint::post(
        Route::Webhook,
        "/api-gateway/webhooks/get",
        Body::Json,
        SchemaGenerator::subschema_for::<Success<SentBody>>,
    )
};

pub(super) const WEBHOOK_VERBOSE: Endpoint<Route> = Endpoint {
    summary: "Show everything about a webhook",
    fields: &[
        WEBHOOK_ID,
        Field::texts("fields", "responseStatus").about("Only these fields; all if there are none."),
        NONCE,
    ],
    subjects: &[Subject::Existence],
    golden: include_str!("../golden/webhooks.txt"),
    ..Endpoint::post(
        Route::WebhookVerbose,
        "/api-gateway/webhooks/get-verbose",
        Body::Json,
        SchemaGenerator::subschema_for::<Success<WebhookBody<'static>>>,
    )
};
