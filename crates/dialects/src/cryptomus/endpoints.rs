//! The calls of Cryptomus's API.

use schemars::SchemaGenerator;

use super::{
    sign::{PAYMENT, PAYOUT},
    wire::{BalancesBody, PayoutBody, Success},
};
use crate::{
    about::{PAYING, Subject},
    endpoint::{Body, Endpoint},
    field::Field,
};

/// Which call it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Create,
    Info,
    Balance,
}

impl Route {
    /// Which of a merchant's keys signs it.
    pub(super) fn role(self) -> &'static str {
        match self {
            Self::Create | Self::Info => PAYOUT,
            Self::Balance => PAYMENT,
        }
    }
}

pub(super) const ENDPOINTS: &[Endpoint<Route>] = &[
    Endpoint {
        summary: "Ask for a payout",
        detail: "Signed with the payout key. An `order_id` that was used before gets the payout \
                 that exists.",
        fields: CREATE,
        subjects: PAYING,
        golden: include_str!("golden/create.txt"),
        ..Endpoint::post(
            Route::Create,
            "/v1/payout",
            Body::JsonOrNothing,
            SchemaGenerator::subschema_for::<Success<PayoutBody<'static>>>,
        )
    },
    Endpoint {
        summary: "Show a payout",
        detail: "Signed with the payout key. One of the fields must be there; where both are, \
                 `order_id` counts.",
        fields: &[
            Field::text("uuid", "658aafd4-f91e-4368-8db2-d7fc21466b90").about("The payout's uuid."),
            ORDER_ID,
        ],
        subjects: &[Subject::Existence],
        golden: include_str!("golden/info.txt"),
        ..Endpoint::post(
            Route::Info,
            "/v1/payout/info",
            Body::JsonOrNothing,
            SchemaGenerator::subschema_for::<Success<PayoutBody<'static>>>,
        )
    },
    Endpoint {
        summary: "Show balances",
        detail: "Signed with the payment key. One sum per currency, over its networks.",
        golden: include_str!("golden/balance.txt"),
        ..Endpoint::post(
            Route::Balance,
            "/v1/balance",
            Body::JsonOrNothing,
            SchemaGenerator::subschema_for::<Success<[BalancesBody; 1]>>,
        )
    },
];

/// The words for how fast a payout is wanted.
pub(super) const PRIORITIES: [&str; 4] = ["recommended", "economy", "high", "highest"];

const ORDER_ID: Field = Field::text("order_id", "17")
    .at_most(100)
    .about("Your own name of the payout: letters, digits, dashes and underscores.");

const CREATE: &[Field] = &[
    Field::text_or_number("amount", "12.5").required().about("How much."),
    Field::text("currency", "USDT").required().about("The code of the coin."),
    Field::text("network", "TRON").about("May be left out where the coin is on one network only."),
    ORDER_ID.required(),
    Field::text("address", "TNPeeaaFB7K9cmo4uQpcU32zGK8G1NYqeL").required().about("Who is paid."),
    Field::flag("is_subtract", "1")
        .required()
        .about("Whether fees are taken from the balance (`1`) or out of the amount (`0`)."),
    Field::text("url_callback", "https://shop.example/hook")
        .at_most(255)
        .about("Where to tell of its states."),
    Field::text("memo", "").at_most(30).about("What some networks need beside an address."),
    Field::text("priority", "recommended").one_of(&PRIORITIES).about("Kept, without effect."),
    Field::text("to_currency", "").about("Only `currency` itself: coins are not converted."),
    Field::text("from_currency", "").about("Only `currency` itself: coins are not converted."),
];
