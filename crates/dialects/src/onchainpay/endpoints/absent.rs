//! Calls of the provider that have nothing to do with payouts: they are named to be refused with
//! their reason.

use schemars::SchemaGenerator;

use super::{super::refusal::ErrorBody, NONCE, Route};
use crate::{
    about::Subject,
    endpoint::{Body, Endpoint},
};

const fn absent(
    route: Route,
    path: &'static str,
    aliases: &'static [&'static str],
    summary: &'static str,
) -> Endpoint<Route> {
    let mut endpoint =
        Endpoint::post(route, path, Body::Json, SchemaGenerator::subschema_for::<ErrorBody>);
    endpoint.aliases = aliases;
    endpoint.summary = summary;
    endpoint.fields = &[NONCE];
    endpoint.subjects = &[Subject::Support];
    endpoint.statuses = &[];
    endpoint
}

pub(super) const ORDERS: Endpoint<Route> = absent(
    Route::Orders,
    "/api-gateway/make-order",
    &[
        "/api-gateway/order",
        "/api-gateway/orders",
        "/api-gateway/make-invoice",
        "/api-gateway/get-invoice",
        "/api-gateway/get-invoices",
    ],
    "Not available: orders and invoices",
);

pub(super) const DEPOSITS: Endpoint<Route> = absent(
    Route::Deposits,
    "/api-gateway/advanced-balance-deposit-address",
    &[
        "/api-gateway/personal-addresses/create-user",
        "/api-gateway/personal-addresses/get-user",
        "/api-gateway/personal-addresses/get-user-address",
        "/api-gateway/personal-addresses/get-user-addresses",
        "/api-gateway/orphan-deposits/get-deposit",
        "/api-gateway/orphan-deposits/get-deposits",
        "/api-gateway/orphan-deposits/withdrawal-token",
        "/api-gateway/orphan-deposits/withdrawal",
    ],
    "Not available: deposits",
);

pub(super) const EXCHANGES: Endpoint<Route> = absent(
    Route::Exchanges,
    "/api-gateway/swaps/create",
    &[
        "/api-gateway/swaps/fee-token",
        "/api-gateway/swaps/limit",
        "/api-gateway/swaps/get",
        "/api-gateway/bridge/create",
        "/api-gateway/bridge/fee-token",
        "/api-gateway/bridge/limit",
        "/api-gateway/bridge/get",
    ],
    "Not available: exchanges and bridges",
);

pub(super) const RECURRENTS: Endpoint<Route> = absent(
    Route::Recurrents,
    "/api-gateway/recurrents/create-subscription",
    &[
        "/api-gateway/recurrents/get-subscription",
        "/api-gateway/recurrents/cancel-subscription",
        "/api-gateway/recurrents/cancel-subscriptionn",
        "/api-gateway/recurrents/create-subscriber-billing-link",
        "/api-gateway/recurrents/get-billing-link",
        "/api-gateway/recurrents/get-billing-links-by-subscriber",
        "/api-gateway/recurrents/disable-subscriber-billing-link",
        "/api-gateway/recurrents/make-payment",
        "/api-gateway/recurrent-addresses",
    ],
    "Not available: subscriptions",
);

pub(super) const ADDRESS_KEEPING: Endpoint<Route> = absent(
    Route::AddressKeeping,
    "/api-gateway/business-address",
    &[
        "/api-gateway/payout-address",
        "/api-gateway/create-payout-address",
        "/api-gateway/addresses/find-by-id",
        "/api-gateway/addresses/find-by-address",
        "/api-gateway/addresses/set-meta",
        "/api-gateway/addresses/transactions",
        "/api-gateway/addresses/address-transactions",
        "/api-gateway/addresses/last-transaction",
        "/api-gateway/track-addresses/add-address",
        "/api-gateway/address-book/add",
        "/api-gateway/address-book/get",
        "/api-gateway/address-book/remove",
        "/api-gateway/address-book/update",
    ],
    "Not available: addresses of one's own",
);

pub(super) const SCREENING: Endpoint<Route> = absent(
    Route::Screening,
    "/api-gateway/kyt/check-transfer",
    &["/api-gateway/kyt/check-withdrawal-address", "/api-gateway/kyt/withdrawal-address-screening"],
    "Not available: assessment of addresses",
);
