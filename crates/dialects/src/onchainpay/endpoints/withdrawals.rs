//! Withdrawals: asked for, shown, approved, found.

use schemars::SchemaGenerator;

use super::{
    super::{
        from_address::{AddressWithdrawal, FeeToken},
        wire::{Found, Success, Withdrawal},
    },
    BALANCE_ID, NONCE, Route,
};
use crate::{
    about::{PAYING, Subject},
    endpoint::{Body, Endpoint},
    field::Field,
    http::URL_CHARACTERS_MAX,
    token::TOKEN_CHARACTERS_MAX,
};

const ID: Field = Field::text("id", "658aafd4-f91e-4368-8db2-d7fc21466b90")
    .required()
    .about("The withdrawal's `id`.");

const WEBHOOK_URL: Field = Field::text("webhookUrl", "https://shop.example/hook")
    .at_most(URL_CHARACTERS_MAX)
    .about("Where to tell of its states.");

pub(super) const CREATE: Endpoint<Route> = Endpoint {
    aliases: &["/api-gateway/auto-swaps/create", "/api-gateway/auto_swaps/create"],
    summary: "Ask for a withdrawal",
    detail: "What is paid is bought with the coin that is agreed with the merchant; where none \
             is, it is paid out of its own balance. With the header `Idempotency-Key` it is safe \
             to repeat: the first outcome is answered again. The same key with other content is \
             refused.",
    fields: CREATE_FIELDS,
    subjects: PAYING,
    idempotency_key: true,
    golden: include_str!("../golden/create.txt"),
    ..Endpoint::post(
        Route::Create,
        "/api-gateway/auto-withdrawals/create",
        Body::Json,
        SchemaGenerator::subschema_for::<Success<Withdrawal<'static>>>,
    )
};

const CREATE_FIELDS: &[Field] = &[
    Field::text("currency", "USDT").required().about("The coin that arrives."),
    Field::text("network", "tron").required().about("Its network."),
    Field::text("address", "TNPeeaaFB7K9cmo4uQpcU32zGK8G1NYqeL").required().about("Who is paid."),
    Field::text_or_number("amountFrom", "100").about(
        "How much of the coin that is agreed with the merchant is spent. One of `amountFrom` and \
         `amountTo` must be there, or else `requestedCurrency` and `requestedAmount`.",
    ),
    Field::text_or_number("amountTo", "")
        .about("How much of `currency` is paid, if there is no `amountFrom`."),
    Field::bool("feeInAmount", "true")
        .about("Whether fees come on top (`true`) or out of the amount (`false`, the default)."),
    Field::text("tag", "").about("What some networks need beside an address."),
    Field::text("memo", "").about("Another name of `tag`."),
    WEBHOOK_URL,
    Field::text("approveUrl", "").at_most(URL_CHARACTERS_MAX).about(
        "Where to ask whether it may be paid, as the provider's widget does. It waits for \
         `auto-withdrawals/approve` then.",
    ),
    Field::text("approvalUrl", "")
        .at_most(URL_CHARACTERS_MAX)
        .about("Another name of `approveUrl`."),
    Field::text_or_number("requestedClientId", "").about(
        "The user who wishes it, in the merchant's words. If an address for approvals is agreed \
         with the merchant, it is asked.",
    ),
    Field::text("requestedCurrency", "").about("The currency of the wish, also a fiat one."),
    Field::text_or_number("requestedAmount", "").about(
        "How much of it. If neither `amountFrom` nor `amountTo` is there, as much is paid as it is \
         worth.",
    ),
    BALANCE_ID,
    NONCE,
];

pub(super) const GET: Endpoint<Route> = Endpoint {
    aliases: &["/api-gateway/auto-swaps/get", "/api-gateway/auto_swaps/get"],
    summary: "Show a withdrawal",
    fields: &[ID, NONCE],
    subjects: &[Subject::Existence],
    golden: include_str!("../golden/create.txt"),
    ..Endpoint::post(
        Route::Get,
        "/api-gateway/auto-withdrawals/get",
        Body::Json,
        SchemaGenerator::subschema_for::<Success<Withdrawal<'static>>>,
    )
};

pub(super) const APPROVE: Endpoint<Route> = Endpoint {
    summary: "Approve or decline a withdrawal",
    detail: "The same answer twice is answered again; another one is refused.",
    fields: &[
        ID,
        Field::bool("approve", "true").required().about("Whether it may be paid."),
        NONCE,
    ],
    subjects: &[Subject::Existence, Subject::Approving],
    golden: include_str!("../golden/approve.txt"),
    ..Endpoint::post(
        Route::Approve,
        "/api-gateway/auto-withdrawals/approve",
        Body::Json,
        SchemaGenerator::subschema_for::<Success<Withdrawal<'static>>>,
    )
};

const ADDRESS_ID: Field = Field::text("addressId", "6a2a4d2a-6c52-4b1a-9d9b-4c0a3d0b5b0e")
    .required()
    .about("The `id` of one of the addresses: says which coin on which network is paid.");

const AMOUNT: Field = Field::text_or_number("amount", "25").required().about("What arrives.");

pub(super) const FEE_TOKEN: Endpoint<Route> = Endpoint {
    aliases: &["/api-gateway/fee-token"],
    summary: "Ask for the fee of a withdrawal from an address",
    detail: "The fee holds until `until` for whoever shows `token`.",
    fields: &[
        BALANCE_ID,
        ADDRESS_ID,
        AMOUNT,
        Field::bool("native", "false").about("Not looked at: fees come out of the coin's balance."),
        NONCE,
    ],
    subjects: &[Subject::Amount, Subject::Pricing, Subject::Asset],
    golden: include_str!("../golden/make_withdrawal.txt"),
    ..Endpoint::post(
        Route::FeeToken,
        "/api-gateway/withdrawal-fee-token",
        Body::Json,
        SchemaGenerator::subschema_for::<Success<FeeToken<'static>>>,
    )
};

pub(super) const MAKE_WITHDRAWAL: Endpoint<Route> = Endpoint {
    aliases: &["/api-gateway/make-withdrawal"],
    summary: "Ask for a withdrawal from an address",
    detail: "Both paths answer at once. Fees come on top of the amount. With the header \
             `Idempotency-Key` it is safe to repeat.",
    fields: &[
        BALANCE_ID,
        ADDRESS_ID,
        Field::text("address", "TNPeeaaFB7K9cmo4uQpcU32zGK8G1NYqeL")
            .required()
            .about("Who is paid."),
        Field::text("tag", "").about("What some networks need beside an address."),
        AMOUNT,
        Field::text("feeToken", "eyJhc3NldCI6IlVTRFRAdHJvbiJ9.2i7t6Iv-nLQqI2uIGnUTvEJRNPghWBtqpA4")
            .required()
            .at_most(TOKEN_CHARACTERS_MAX)
            .about("The `token` of `withdrawal-fee-token`."),
        WEBHOOK_URL,
        NONCE,
    ],
    subjects: PAYING,
    idempotency_key: true,
    golden: include_str!("../golden/make_withdrawal.txt"),
    ..Endpoint::post(
        Route::MakeWithdrawal,
        "/api-gateway/make-withdrawal-async",
        Body::Json,
        SchemaGenerator::subschema_for::<Success<AddressWithdrawal<'static>>>,
    )
};

pub(super) const GET_WITHDRAWAL: Endpoint<Route> = Endpoint {
    summary: "Show a withdrawal in the form of those from an address",
    fields: &[
        Field::text("withdrawalId", "658aafd4-f91e-4368-8db2-d7fc21466b90")
            .required()
            .about("The withdrawal's `id`."),
        NONCE,
    ],
    subjects: &[Subject::Existence],
    golden: include_str!("../golden/make_withdrawal.txt"),
    ..Endpoint::post(
        Route::GetWithdrawal,
        "/api-gateway/get-withdrawal",
        Body::Json,
        SchemaGenerator::subschema_for::<Success<AddressWithdrawal<'static>>>,
    )
};

pub(super) const FIND_TX: Endpoint<Route> = Endpoint {
    aliases: &["/api-gateway/operation-by-tx-hash"],
    summary: "Find a withdrawal by its transaction",
    fields: &[
        Field::text("tx", "0xadcc95b8bcd123e41612c46b057df889e32a73297e973c21e8b38046ac04130a")
            .required()
            .about("The transaction's identifier on its network."),
        NONCE,
    ],
    subjects: &[Subject::Existence],
    golden: include_str!("../golden/find_tx.txt"),
    ..Endpoint::post(
        Route::FindTx,
        "/api-gateway/find-tx",
        Body::Json,
        SchemaGenerator::subschema_for::<Success<Found<'static>>>,
    )
};

pub(super) const HISTORY: Endpoint<Route> = Endpoint {
    summary: "List withdrawals",
    detail: "Newest first.",
    fields: &[
        Field::text("type", "withdrawal")
            .about("`withdrawal`; there are no deposits, so `deposit` lists none."),
        Field::text("date", "2026-01-31").about("Only those asked for on this day, in UTC."),
        Field::text("currency", "USDT")
            .about("Only this coin; needs `network` where it is on several."),
        Field::text("network", "tron").about("Only this network."),
        Field::text_or_number("limit", "100").about("At most so many: up to 1000, 100 by default."),
        Field::text_or_number("offset", "0").about("How many to leave out at the beginning."),
        Field::text("sortDate", "DESC").about("`DESC`: there is no other order."),
        NONCE,
    ],
    subjects: &[Subject::Asset],
    golden: include_str!("../golden/history.txt"),
    ..Endpoint::post(
        Route::History,
        "/api-gateway/get-transaction-history",
        Body::Json,
        SchemaGenerator::subschema_for::<Success<Vec<Withdrawal<'static>>>>,
    )
};
