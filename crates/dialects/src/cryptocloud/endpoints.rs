//! The calls of `CryptoCloud`'s API.

use schemars::SchemaGenerator;

use super::wire::Created;
use crate::{
    about::PAYING,
    endpoint::{Body, Endpoint},
    field::Field,
};

/// Which call it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Create,
}

pub(super) const ENDPOINTS: &[Endpoint<Route>] = &[Endpoint {
    summary: "Ask for a withdrawal",
    detail: "A request with an `order_id` or an `Idempotency-Key` is safe to repeat: the first \
             outcome is answered again. The same name with other content is refused.",
    fields: CREATE,
    subjects: PAYING,
    idempotency_key: true,
    golden: include_str!("golden/create.txt"),
    ..Endpoint::post(
        Route::Create,
        "/v2/invoice/api/out/create",
        Body::JsonOrForm,
        SchemaGenerator::subschema_for::<Created>,
    )
}];

const CREATE: &[Field] = &[
    Field::text("currency_code", "USDT_TRC20").required().about("The code of coin and network."),
    Field::text("to_address", "TNPeeaaFB7K9cmo4uQpcU32zGK8G1NYqeL")
        .required()
        .about("Who is paid."),
    Field::text_or_number("amount", "12.5")
        .required()
        .about("How much; fees come on top. No more places than the coin has."),
    Field::text_or_number("order_id", "17")
        .about("Your own name of the withdrawal (beyond the provider's documents)."),
    Field::text("memo", "")
        .about("What some networks need beside an address (beyond the provider's documents)."),
];
