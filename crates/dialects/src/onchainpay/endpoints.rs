//! The calls of `OnchainPay`'s API.

use schemars::SchemaGenerator;

use super::wire::{AdvancedBalance, Success, Withdrawal};
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
    Get,
    AdvancedBalances,
    AdvancedBalance,
}

pub(super) const ENDPOINTS: &[Endpoint<Route>] = &[
    Endpoint {
        aliases: &["/api-gateway/auto-swaps/create", "/api-gateway/auto_swaps/create"],
        summary: "Ask for a withdrawal",
        detail: "With the header `Idempotency-Key` it is safe to repeat: the first outcome is \
                 answered again. The same key with other content is refused.",
        fields: CREATE,
        subjects: PAYING,
        idempotency_key: true,
        golden: include_str!("golden/create.txt"),
        ..Endpoint::post(
            Route::Create,
            "/api-gateway/auto-withdrawals/create",
            Body::Json,
            SchemaGenerator::subschema_for::<Success<Withdrawal<'static>>>,
        )
    },
    Endpoint {
        aliases: &["/api-gateway/auto-swaps/get", "/api-gateway/auto_swaps/get"],
        summary: "Show a withdrawal",
        fields: &[
            Field::text("id", "658aafd4-f91e-4368-8db2-d7fc21466b90")
                .required()
                .about("The withdrawal's `id`."),
            NONCE,
        ],
        subjects: &[Subject::Existence],
        golden: include_str!("golden/create.txt"),
        ..Endpoint::post(
            Route::Get,
            "/api-gateway/auto-withdrawals/get",
            Body::Json,
            SchemaGenerator::subschema_for::<Success<Withdrawal<'static>>>,
        )
    },
    Endpoint {
        summary: "List prepaid balances",
        detail: "There is one, and it is always zero: fees come out of the coin that is paid.",
        fields: &[NONCE],
        golden: include_str!("golden/advanced_balances.txt"),
        ..Endpoint::post(
            Route::AdvancedBalances,
            "/api-gateway/advanced-balances",
            Body::Json,
            SchemaGenerator::subschema_for::<Success<[AdvancedBalance; 1]>>,
        )
    },
    Endpoint {
        summary: "Show the prepaid balance",
        detail: "It is always zero: fees come out of the coin that is paid.",
        fields: &[
            Field::text("advancedBalanceId", "").about("Any: there is one balance only."),
            NONCE,
        ],
        golden: include_str!("golden/advanced_balances.txt"),
        ..Endpoint::post(
            Route::AdvancedBalance,
            "/api-gateway/advanced-balance",
            Body::Json,
            SchemaGenerator::subschema_for::<Success<AdvancedBalance>>,
        )
    },
];

const NONCE: Field = Field::text_or_number("nonce", "1749475091513").at_most(128).about(
    "A number or text that was never used before. Must be there, unless the account is set \
            to do without.",
);

const CREATE: &[Field] = &[
    Field::text("currency", "USDT").required().about("The coin."),
    Field::text("network", "tron").required().about("Its network."),
    Field::text("address", "TNPeeaaFB7K9cmo4uQpcU32zGK8G1NYqeL").required().about("Who is paid."),
    Field::text_or_number("amountFrom", "12.5").about(
        "How much, in coins of `currency`. One of `amountFrom` and `amountTo` must be there.",
    ),
    Field::text_or_number("amountTo", "").about("How much, if there is no `amountFrom`."),
    Field::bool("feeInAmount", "true")
        .about("Whether fees come on top (`true`) or out of the amount (`false`, the default)."),
    Field::text("tag", "").about("What some networks need beside an address."),
    Field::text("memo", "").about("Another name of `tag`."),
    Field::text("webhookUrl", "https://shop.example/hook")
        .at_most(URL_CHARACTERS_MAX)
        .about("Where to tell of its states."),
    Field::text("advancedBalanceId", "").about("Any: there is one balance only."),
    NONCE,
];
