//! The calls of `CryptoCloud`'s API.

use schemars::{Schema, SchemaGenerator};

use super::{
    answers::{Held, Statistics},
    questions::STATISTICS_MAX,
    wire::{Created, Invoice, Success},
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
    Balance,
    Info,
    List,
    Statistics,
    Cancel,
    OutInfo,
    OutList,
    OutBalance,
    CreateInvoice,
    CreateStatic,
    SubscribeStatic,
    ListStatic,
}

const UNDOCUMENTED: &str = "The provider does not document this call; programs use it.";

const INFO: &[Field] = &[Field::texts("uuids", "INV-R3U2GD6W").required().about(
    "Identifiers, with or without `INV-`. Those of no withdrawal are left out of the answer.",
)];

const START: Field = Field::text("start", "01.01.2026").about("The first day, `dd.mm.yyyy`, UTC.");
const END: Field = Field::text("end", "31.01.2026").about("The last day, `dd.mm.yyyy`, UTC.");
const OFFSET: Field =
    Field::text_or_number("offset", "").about("How many to leave out, beginning with the newest.");
const LIMIT: Field =
    Field::text_or_number("limit", "").about("How many: 10 if it is left out, 100 at the most.");

const LIST: &[Field] = &[START.required(), END.required(), OFFSET, LIMIT];
const OUT_LIST: &[Field] = &[START, END, OFFSET, LIMIT];
const STATISTICS: &[Field] = &[START.required(), END.required()];
const CANCEL: &[Field] = &[Field::text("uuid", "INV-R3U2GD6W").required()];
const ID: &[Field] = &[Field::text("id", "INV-R3U2GD6W")
    .required()
    .about("The withdrawal's `uuid`, with or without `INV-`.")];

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

fn invoices(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<Success<Vec<Invoice>>>()
}

fn balances(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<Success<Vec<Held>>>()
}

/// A call of the provider's that never succeeds here.
const fn refused(
    call: Route,
    path: &'static str,
    body: Body,
    subjects: &'static [Subject],
) -> Endpoint<Route> {
    let mut endpoint = Endpoint::post(call, path, body, SchemaGenerator::subschema_for::<()>);
    endpoint.subjects = subjects;
    endpoint.statuses = &[];
    endpoint
}

/// A call of the provider's that is about being paid.
const fn pay_in(call: Route, path: &'static str, summary: &'static str) -> Endpoint<Route> {
    let mut endpoint = refused(call, path, Body::Ignored, &[Subject::Support]);
    endpoint.summary = summary;
    endpoint.detail = "Payments are not taken by this gateway.";
    endpoint
}

pub(super) const ENDPOINTS: &[Endpoint<Route>] = &[
    Endpoint {
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
    },
    Endpoint {
        summary: "Show balances",
        detail: "Of every currency that has a code, at the prices of the moment. `balance_crypto` \
                 has what is set apart from payouts in it, `available_balance` has not.",
        golden: include_str!("golden/balance.txt"),
        ..Endpoint::post(Route::Balance, "/v2/merchant/wallet/balance/all", Body::Ignored, balances)
    },
    Endpoint {
        summary: "Show withdrawals",
        detail: "In the order of the question.",
        fields: INFO,
        golden: include_str!("golden/info.txt"),
        ..Endpoint::post(Route::Info, "/v2/invoice/merchant/info", Body::JsonOrForm, invoices)
    },
    Endpoint {
        summary: "List withdrawals",
        detail: "Of some days, newest first.",
        fields: LIST,
        golden: include_str!("golden/list.txt"),
        ..Endpoint::post(Route::List, "/v2/invoice/merchant/list", Body::JsonOrForm, invoices)
    },
    Endpoint {
        summary: "Count withdrawals",
        detail: "Of some days, with what their `amount_usd` adds up to. A period of more than \
                 10,000 withdrawals is refused.",
        fields: STATISTICS,
        golden: include_str!("golden/statistics.txt"),
        ..Endpoint::post(
            Route::Statistics,
            "/v2/invoice/merchant/statistics",
            Body::JsonOrForm,
            SchemaGenerator::subschema_for::<Success<Statistics>>,
        )
    },
    Endpoint {
        summary: "Not available: a withdrawal cannot be canceled",
        fields: CANCEL,
        ..refused(
            Route::Cancel,
            "/v2/invoice/merchant/canceled",
            Body::JsonOrForm,
            &[Subject::Cancelling],
        )
    },
    Endpoint {
        summary: "Show a withdrawal",
        detail: UNDOCUMENTED,
        parameters: ID,
        subjects: &[Subject::Existence],
        golden: include_str!("golden/out.txt"),
        ..Endpoint::get(
            Route::OutInfo,
            "/v2/invoice/api/out/info/{id}",
            SchemaGenerator::subschema_for::<Created>,
        )
    },
    Endpoint {
        summary: "List withdrawals, of all days if none are named",
        detail: UNDOCUMENTED,
        parameters: OUT_LIST,
        golden: include_str!("golden/out.txt"),
        ..Endpoint::get(Route::OutList, "/v2/invoice/api/out/list", invoices)
    },
    Endpoint {
        summary: "Show balances",
        detail: UNDOCUMENTED,
        golden: include_str!("golden/out.txt"),
        ..Endpoint::get(Route::OutBalance, "/v2/invoice/api/out/balance", balances)
    },
    pay_in(Route::CreateInvoice, "/v2/invoice/create", "Not available: invoices"),
    pay_in(Route::CreateStatic, "/v2/invoice/static/create", "Not available: static wallets"),
    pay_in(Route::SubscribeStatic, "/v2/invoice/static/subscribe", "Not available: static wallets"),
    pay_in(Route::ListStatic, "/v2/invoice/static/list", "Not available: static wallets"),
];

const _: () = assert!(STATISTICS_MAX == 10_000, "the description of the call says so");
