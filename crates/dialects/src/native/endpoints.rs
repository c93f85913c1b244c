//! The calls of our own API.

use schemars::SchemaGenerator;

use super::{
    decode::DIRECTIONS,
    figures::{BEARERS, PRIORITIES, QuoteBody},
    terms::{AssetsBody, RatesBody},
    wire::{BalancesBody, PageBody, PayoutBody, STATUSES, TransferBody},
};
use crate::{
    about::{PAYING, Subject},
    endpoint::{Body, Endpoint},
    field::Field,
    http::URL_CHARACTERS_MAX,
    token::TOKEN_CHARACTERS_MAX,
};

/// Which call it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Create,
    Quote,
    List,
    Show,
    Cancel,
    Approve,
    Decline,
    Balances,
    Transfer,
    Rates,
    Assets,
}

const ID: Field = Field::text("id", "ref:order-17")
    .required()
    .at_most(255 + "ref:".len())
    .about("The payout's `id` (`po_…`), its `public_id`, or `ref:` and its `merchant_ref`.");

/// A call that changes a payout and has no body.
const fn change(call: Route, path: &'static str) -> Endpoint<Route> {
    let answer = SchemaGenerator::subschema_for::<PayoutBody<'static>>;
    let mut endpoint = Endpoint::post(call, path, Body::Ignored, answer);
    endpoint.parameters = &[ID];
    endpoint
}

pub(super) const ENDPOINTS: &[Endpoint<Route>] = &[
    Endpoint {
        summary: "List payouts",
        detail: "Newest first. `next_before` of one page asks for older ones; after a question \
                 with `after`, `next_after` asks for newer ones.",
        parameters: LIST,
        subjects: &[Subject::Asset],
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
        summary: "Price a payout",
        detail: "As if you had enough of everything. Until `valid_until`, one payout of just this, \
                 to whomever, with the `token` as its `quote` gets these prices and this network \
                 fee.",
        fields: QUOTE,
        subjects: &[Subject::Asset, Subject::Amount, Subject::Pricing],
        golden: include_str!("golden/quote.txt"),
        ..Endpoint::post(
            Route::Quote,
            "/vyplata/v1/quotes",
            Body::StrictJson,
            SchemaGenerator::subschema_for::<QuoteBody<'static>>,
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
        detail: "As long as no transaction exists for it and none is just being made. The request has no \
                 body.",
        subjects: &[Subject::Existence, Subject::Cancelling],
        golden: include_str!("golden/cancel.txt"),
        ..change(Route::Cancel, "/vyplata/v1/payouts/{id}/cancel")
    },
    Endpoint {
        summary: "Approve a payout",
        detail: "One that is `awaiting_approval`: it is paid. The request has no body. Who answered \
                 is kept: the token, the address and the program.",
        subjects: &[Subject::Existence, Subject::Approving],
        golden: include_str!("golden/approve.txt"),
        ..change(Route::Approve, "/vyplata/v1/payouts/{id}/approve")
    },
    Endpoint {
        summary: "Decline a payout",
        detail: "One that is `awaiting_approval`: it is cancelled. The request has no body.",
        subjects: &[Subject::Existence, Subject::Approving],
        golden: include_str!("golden/decline.txt"),
        ..change(Route::Decline, "/vyplata/v1/payouts/{id}/decline")
    },
    Endpoint {
        summary: "Show balances",
        detail: "What can be spent (`available`) and what is set apart from payouts (`personal`), \
                 where either is not zero.",
        golden: include_str!("golden/balances.txt"),
        ..Endpoint::get(
            Route::Balances,
            "/vyplata/v1/balances",
            SchemaGenerator::subschema_for::<BalancesBody<'static>>,
        )
    },
    Endpoint {
        summary: "Set money apart, or take it back",
        detail: "A repeated request moves it again: after a lost answer, look at the balances.",
        fields: TRANSFER,
        subjects: &[Subject::Asset, Subject::Amount, Subject::Merchant],
        golden: include_str!("golden/transfer.txt"),
        ..Endpoint::post(
            Route::Transfer,
            "/vyplata/v1/transfers",
            Body::StrictJson,
            SchemaGenerator::subschema_for::<TransferBody<'static>>,
        )
    },
    Endpoint {
        summary: "Show prices",
        detail: "What one whole coin, or one of a currency, is worth in US dollars; those that \
                 cannot be relied on now are left out.",
        parameters: &[
            Field::text("currency", "EUR").about("Only this one."),
            Field::text("source", "binance").about(
                "Who tells them; your account's source if it is left out, or else the median.",
            ),
        ],
        golden: include_str!("golden/rates.txt"),
        ..Endpoint::get(
            Route::Rates,
            "/vyplata/v1/rates",
            SchemaGenerator::subschema_for::<RatesBody<'static>>,
        )
    },
    Endpoint {
        summary: "Show what is paid",
        detail: "Every asset, its limits, and what is charged for it now.",
        golden: include_str!("golden/assets.txt"),
        ..Endpoint::get(
            Route::Assets,
            "/vyplata/v1/assets",
            SchemaGenerator::subschema_for::<AssetsBody<'static>>,
        )
    },
];

const LIST: &[Field] = &[
    Field::text("status", "paid").one_of(&STATUSES).about("Only those in this status."),
    Field::text("asset", "USDT@tron").about("Only those of this asset; a ticker with `network`."),
    Field::text("network", "tron").about("Only those on this network."),
    Field::text("created_from", "2026-01-01T00:00:00Z")
        .about("Only those accepted at this moment (RFC 3339) or later."),
    Field::text("created_until", "2026-01-31T23:59:59Z")
        .about("Only those accepted at this moment (RFC 3339) or earlier."),
    Field::number("limit", "20").about("How many: 1 to 100, 20 if it is left out."),
    Field::text("before", "po_019b7c00000070008000000000000001")
        .about("Only those older than the payout with this `id`."),
    Field::text("after", "")
        .about("Only those newer than the payout with this `id`, and of them the oldest."),
];

const ASSET: Field =
    Field::text("asset", "USDT").required().about("A ticker, or `TICKER@network`.");
const NETWORK: Field =
    Field::text("network", "tron").about("May be left out where the asset is on one network only.");
const AMOUNT: Field = Field::text("amount", "12.5").about(
    "How much, as a plain decimal with no more places than the asset has. Exactly one of `amount`, \
     `worth_amount` and `spend_amount` says how much.",
);
const WORTH_AMOUNT: Field = Field::text("worth_amount", "")
    .about("As much of the asset as so much of `worth_currency` is worth, rounded up.");
const WORTH_CURRENCY: Field = Field::text("worth_currency", "")
    .at_most(16)
    .about("A currency or coin that has a price, in capitals.");
const SPEND_AMOUNT: Field = Field::text("spend_amount", "")
    .about("As much of the asset as is bought by selling so much of `pay_from`.");
const FEE_BEARER: Field = Field::text("fee_bearer", "merchant")
    .one_of(&BEARERS)
    .about("Whether fees come on top (`merchant`, the default) or out of the amount.");
const PAY_FROM: Field = Field::text("pay_from", "own").about(
    "`own` (the default): the asset itself, and the same coin of other networks where that is \
     exchanged one for one; a ticker: that coin is sold; `configured`: as your account's settings \
     say.",
);
const RATE_SOURCE: Field = Field::text("rate_source", "")
    .at_most(64)
    .about("Who tells the prices of `worth_amount`; your account's source if it is left out.");
const PRIORITY: Field = Field::text("priority", "recommended")
    .one_of(&PRIORITIES)
    .about("How much to spend for speed, on networks where that makes a difference.");
const INSURED: Field = Field::bool("insured", "false")
    .about("Set something aside against a change of prices until the payout ends.");

const CREATE: &[Field] = &[
    ASSET,
    NETWORK,
    AMOUNT,
    WORTH_AMOUNT,
    WORTH_CURRENCY,
    SPEND_AMOUNT,
    Field::text("address", "TNPeeaaFB7K9cmo4uQpcU32zGK8G1NYqeL").required().about("Who is paid."),
    Field::text("memo", "").about("What some networks need beside an address."),
    FEE_BEARER,
    PAY_FROM,
    RATE_SOURCE,
    PRIORITY,
    INSURED,
    Field::text("quote", "").at_most(TOKEN_CHARACTERS_MAX).about(
        "The `token` of a quote for the same asset and priority: its prices and its network fee \
         are used.",
    ),
    Field::bool("approval", "")
        .about("Whether somebody must approve it first. It is cancelled if nobody does in time."),
    Field::text("approval_url", "")
        .at_most(URL_CHARACTERS_MAX)
        .about("Where to post that it waits; alone, it says that somebody must approve it."),
    Field::text("merchant_ref", "order-17").about("Your own name of the payout."),
    Field::text("webhook_url", "https://shop.example/hook")
        .at_most(URL_CHARACTERS_MAX)
        .about("Where to tell of its states; your account's address if it is left out."),
];

const QUOTE: &[Field] = &[
    ASSET,
    NETWORK,
    AMOUNT,
    WORTH_AMOUNT,
    WORTH_CURRENCY,
    SPEND_AMOUNT,
    FEE_BEARER,
    PAY_FROM,
    RATE_SOURCE,
    PRIORITY,
    INSURED,
];

const TRANSFER: &[Field] = &[
    Field::text("asset", "USDT").required().about("A ticker: what there is on all networks."),
    Field::text("amount", "100").required().about("A plain decimal."),
    Field::text("direction", "to_personal").required().one_of(&DIRECTIONS).about(
        "Away from what payouts are paid from (`to_personal`), or back to it (`to_business`).",
    ),
];
