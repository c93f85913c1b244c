//! The calls of Cryptomus's API.

use schemars::SchemaGenerator;

use super::{
    balances::{BalancesBody, TransferBody},
    listing::PageBody,
    services::{CourseBody, ServiceBody},
    sign::{PAYMENT, PAYOUT},
    wire::{CalculationBody, PayoutBody, STATUSES, Success},
};
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
    Info,
    List,
    Services,
    Calculate,
    ToPersonal,
    ToBusiness,
    TestPayout,
    Balance,
    ExchangeRates,
}

impl Route {
    /// Which of a merchant's keys signs it.
    pub(super) fn role(self) -> &'static str {
        match self {
            Self::Create
            | Self::Info
            | Self::List
            | Self::Services
            | Self::Calculate
            | Self::ToPersonal
            | Self::ToBusiness
            | Self::TestPayout => PAYOUT,
            Self::Balance | Self::ExchangeRates => PAYMENT,
        }
    }
}

pub(super) const ENDPOINTS: &[Endpoint<Route>] = &[
    Endpoint {
        summary: "Ask for a payout",
        detail: "Signed with the payout key. The amount is one of the coin, or of a fiat currency \
                 (then `to_currency` is the coin); it is paid from the coin itself, or from USDT if \
                 `from_currency` says so. An `order_id` that was used before gets the payout that \
                 exists.",
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
        fields: &[UUID, ORDER_ID],
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
        summary: "List payouts",
        detail: "Signed with the payout key. Newest first, 15 on a page. Times are those of Moscow.",
        parameters: &[
            Field::text("cursor", "").about("`nextCursor` or `previousCursor` of a page.")
        ],
        fields: &[
            Field::text("date_from", "2023-05-04 00:00:00")
                .about("Accepted at this time or later."),
            Field::text("date_to", "2033-05-04 00:00:00")
                .about("Accepted at this time or earlier."),
            Field::text("data_from", "")
                .about("The same as `date_from`, as some clients write it."),
        ],
        golden: include_str!("golden/list.txt"),
        ..Endpoint::post(
            Route::List,
            "/v1/payout/list",
            Body::JsonOrNothing,
            SchemaGenerator::subschema_for::<Success<PageBody<'static>>>,
        )
    },
    Endpoint {
        summary: "Show what can be paid",
        detail: "Signed with the payout key. Every coin on every network, its limits, and what \
                 paying it costs.",
        golden: include_str!("golden/services.txt"),
        ..Endpoint::post(
            Route::Services,
            "/v1/payout/services",
            Body::JsonOrNothing,
            SchemaGenerator::subschema_for::<Success<Vec<ServiceBody<'static>>>>,
        )
    },
    Endpoint {
        aliases: &["/v1/payout/calculate"],
        summary: "Calculate a payout",
        detail: "Signed with the payout key. What a payout would cost; nothing is promised. The sums \
                 are of the coin that would be paid.",
        fields: CALCULATE,
        subjects: &[Subject::Asset, Subject::Amount, Subject::Pricing],
        golden: include_str!("golden/calculate.txt"),
        ..Endpoint::post(
            Route::Calculate,
            "/v1/payout/calc",
            Body::JsonOrNothing,
            SchemaGenerator::subschema_for::<Success<CalculationBody>>,
        )
    },
    Endpoint {
        summary: "Set money apart",
        detail: "Signed with the payout key. What is in the personal wallet is not paid out.",
        fields: TRANSFER,
        subjects: TRANSFERRING,
        golden: include_str!("golden/transfer.txt"),
        ..Endpoint::post(
            Route::ToPersonal,
            "/v1/transfer/to-personal",
            Body::JsonOrNothing,
            SchemaGenerator::subschema_for::<Success<TransferBody>>,
        )
    },
    Endpoint {
        summary: "Take money back that was set apart",
        detail: "Signed with the payout key.",
        fields: TRANSFER,
        subjects: TRANSFERRING,
        golden: include_str!("golden/transfer.txt"),
        ..Endpoint::post(
            Route::ToBusiness,
            "/v1/transfer/to-business",
            Body::JsonOrNothing,
            SchemaGenerator::subschema_for::<Success<TransferBody>>,
        )
    },
    Endpoint {
        summary: "Send a webhook for a test",
        detail: "Signed with the payout key. The webhook tells of a payout that is made up, and is \
                 sent once. A payout that `uuid` or `order_id` names must be there; where both are \
                 given, `uuid` counts.",
        fields: TEST,
        subjects: &[Subject::Asset, Subject::Existence],
        golden: include_str!("golden/test_webhook.txt"),
        ..Endpoint::post(
            Route::TestPayout,
            "/v1/test-webhook/payout",
            Body::JsonOrNothing,
            SchemaGenerator::subschema_for::<Success<[(); 0]>>,
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
    Endpoint {
        summary: "Show exchange rates",
        detail: "Needs no credential. What one of a currency is worth in others.",
        parameters: &[Field::text("currency", "BTC")
            .required()
            .about("A coin or a fiat currency.")],
        open: true,
        subjects: &[Subject::Asset],
        golden: include_str!("golden/exchange_rates.txt"),
        ..Endpoint::get(
            Route::ExchangeRates,
            "/v1/exchange-rate/{currency}/list",
            SchemaGenerator::subschema_for::<Success<Vec<CourseBody>>>,
        )
    },
];

const TRANSFERRING: &[Subject] = &[Subject::Asset, Subject::Amount, Subject::Merchant];

/// The words for how fast a payout is wanted.
const PRIORITIES: [&str; 4] = ["recommended", "economy", "high", "highest"];

const UUID: Field =
    Field::text("uuid", "658aafd4-f91e-4368-8db2-d7fc21466b90").about("The payout's uuid.");
const ORDER_ID: Field = Field::text("order_id", "17")
    .at_most(100)
    .about("Your own name of the payout: letters, digits, dashes and underscores.");
const AMOUNT: Field = Field::text_or_number("amount", "12.5").required();
const CURRENCY: Field = Field::text("currency", "USDT").required();
const NETWORK: Field = Field::text("network", "TRON");
const URL: Field = Field::text("url_callback", "https://shop.example/hook");

const ASKED: Field = AMOUNT.about("How much.");
const ASKED_IN: Field = CURRENCY.about("The code of the coin, or of a fiat currency.");
const ON: Field = NETWORK.about("May be left out where the coin is on one network only.");
const IS_SUBTRACT: Field = Field::flag("is_subtract", "1")
    .required()
    .about("Whether fees are taken from the balance (`1`) or out of the amount (`0`).");
const TO_CURRENCY: Field =
    Field::text("to_currency", "").about("The coin, where `currency` is a fiat currency.");
const COURSE_SOURCE: Field = Field::text("course_source", "").about(
    "Where prices are taken from if `currency` is a fiat currency: `Binance`, `BinanceP2p`, `Exmo` \
     or `Kucoin`. The merchant's setting if left out.",
);
const FROM_CURRENCY: Field = Field::text("from_currency", "")
    .about("`USDT` to sell USDT for the payout. It is paid from the coin itself if left out.");
const PRIORITY: Field = Field::text("priority", "recommended")
    .one_of(&PRIORITIES)
    .about("How much is spent for speed, and charged, on networks where that makes a difference.");
const ADDRESS: Field = Field::text("address", "TNPeeaaFB7K9cmo4uQpcU32zGK8G1NYqeL");

const CREATE: &[Field] = &[
    ASKED,
    ASKED_IN,
    ON,
    ORDER_ID.required(),
    ADDRESS.required().about("Who is paid."),
    IS_SUBTRACT,
    URL.at_most(URL_CHARACTERS_MAX)
        .about("Where to tell of its states; Heleket takes 255 characters at most."),
    Field::text("memo", "").at_most(30).about("What some networks need beside an address."),
    PRIORITY,
    TO_CURRENCY,
    COURSE_SOURCE,
    FROM_CURRENCY,
];

const CALCULATE: &[Field] = &[
    ASKED,
    ASKED_IN,
    ON,
    ADDRESS.about("Not looked at."),
    IS_SUBTRACT,
    PRIORITY,
    TO_CURRENCY,
    COURSE_SOURCE,
    FROM_CURRENCY,
];

const TRANSFER: &[Field] =
    &[AMOUNT.about("How much."), CURRENCY.about("The code of the coin, on whichever networks.")];

const TEST: &[Field] = &[
    URL.required().at_most(150).about("Where the webhook goes."),
    CURRENCY.about("The code of the coin."),
    NETWORK.required().about("The code of the network."),
    Field::text("status", "paid").one_of(&STATUSES).about("What it tells; `paid` if left out."),
    UUID,
    ORDER_ID,
];
