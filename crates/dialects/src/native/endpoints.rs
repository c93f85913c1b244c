//! The calls of our own API.

use schemars::SchemaGenerator;

use super::wire::{BEARERS, BalancesBody, PageBody, PayoutBody, STATUSES};
use crate::{
    about::{PAYING, Subject},
    endpoint::{Body, Endpoint},
    field::Field,
    http::URL_CHARACTERS_MAX,
};

/// Which call it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Create,
    List,
    Show,
    Cancel,
    Balances,
}

const ID: Field = Field::text("id", "ref:order-17")
    .required()
    .at_most(255 + "ref:".len())
    .about("The payout's `id` (`po_…`), its `public_id`, or `ref:` and its `merchant_ref`.");

pub(super) const ENDPOINTS: &[Endpoint<Route>] = &[
    Endpoint {
        summary: "List payouts",
        detail: "Newest first. `next_before` of one page asks for the next one.",
        parameters: &[
            Field::text("status", "paid").one_of(&STATUSES).about("Only those in this status."),
            Field::number("limit", "20").about("How many: 1 to 100, 20 if it is left out."),
            Field::text("before", "po_019b7c00000070008000000000000001")
                .about("Only those older than the payout with this `id`."),
        ],
        golden: include_str!("golden/list.txt"),
        ..Endpoint::get(
            Route::List,
            "/vyplata/v1/payouts",
            SchemaGenerator::subschema_for::<PageBody<'static>>,
        )
    },
    Endpoint {
        summary: "Ask for a payout",
        detail: "Give `merchant_ref` or the header `Idempotency-Key`, so that a repeated request \
                 cannot pay twice: the same name with the same content gets the payout that \
                 exists (200 instead of 201), with other content it is refused.",
        fields: CREATE,
        subjects: PAYING,
        idempotency_key: true,
        statuses: &[201, 200],
        golden: include_str!("golden/create.txt"),
        ..Endpoint::post(
            Route::Create,
            "/vyplata/v1/payouts",
            Body::StrictJson,
            SchemaGenerator::subschema_for::<PayoutBody<'static>>,
        )
    },
    Endpoint {
        summary: "Show a payout",
        parameters: &[ID],
        subjects: &[Subject::Existence],
        golden: include_str!("golden/create.txt"),
        ..Endpoint::get(
            Route::Show,
            "/vyplata/v1/payouts/{id}",
            SchemaGenerator::subschema_for::<PayoutBody<'static>>,
        )
    },
    Endpoint {
        summary: "Cancel a payout",
        detail: "As long as no transaction exists for it. The request has no body.",
        parameters: &[ID],
        subjects: &[Subject::Existence, Subject::Cancelling],
        golden: include_str!("golden/cancel.txt"),
        ..Endpoint::post(
            Route::Cancel,
            "/vyplata/v1/payouts/{id}/cancel",
            Body::Ignored,
            SchemaGenerator::subschema_for::<PayoutBody<'static>>,
        )
    },
    Endpoint {
        summary: "Show balances",
        detail: "What can be spent, where it is not zero.",
        golden: include_str!("golden/balances.txt"),
        ..Endpoint::get(
            Route::Balances,
            "/vyplata/v1/balances",
            SchemaGenerator::subschema_for::<BalancesBody<'static>>,
        )
    },
];

const CREATE: &[Field] = &[
    Field::text("asset", "USDT").required().about("A ticker, or `TICKER@network`."),
    Field::text("network", "tron").about("May be left out where the asset is on one network only."),
    Field::text("amount", "12.5")
        .required()
        .about("A plain decimal with no more places than the asset has."),
    Field::text("address", "TNPeeaaFB7K9cmo4uQpcU32zGK8G1NYqeL").required().about("Who is paid."),
    Field::text("memo", "").about("What some networks need beside an address."),
    Field::text("fee_bearer", "merchant")
        .one_of(&BEARERS)
        .about("Whether fees come on top (`merchant`, the default) or out of the amount."),
    Field::text("merchant_ref", "order-17").about("Your own name of the payout."),
    Field::text("webhook_url", "https://shop.example/hook")
        .at_most(URL_CHARACTERS_MAX)
        .about("Where to tell of its states; your account's address if it is left out."),
];
