//! What `CryptoCloud` writes: the invoice object, both envelopes of an answer, and the postback.

use domain::{
    Timestamp,
    catalog::{Asset, Catalog},
    money::{Amount, Rate, Rounding},
    payout::{Payout, Status},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    assets,
    currency::{Currency, ListedCurrency},
};
use crate::{
    decimal::{Number, with_places},
    shown::{Shown, moment},
};

/// How exact figures in US dollars are, in places.
const USD_PLACES: u8 = 8;

/// What is kept with a payout for its answers.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Note {
    /// The merchant's name, which stands for the provider's project.
    pub(super) project: String,
}

impl Note {
    /// Reads the note of a payout; that of another dialect is empty.
    pub(super) fn of(payout: &Payout) -> Self {
        serde_json::from_str(&payout.note).unwrap_or_default()
    }
}

/// The answer to a question.
#[derive(Serialize, JsonSchema)]
pub(super) struct Success<T> {
    status: &'static str,
    result: T,
}

impl<T> Success<T> {
    /// Answers with this.
    pub(super) fn new(result: T) -> Self {
        Self { status: "success", result }
    }
}

/// The answer to a request for a payout: the newer page's envelope and the older page's.
#[derive(Serialize, JsonSchema)]
pub(super) struct Created {
    pub(super) status: &'static str,
    pub(super) result: Invoice,
    pub(super) data: Data,
}

/// What the older page answers.
#[derive(Serialize, JsonSchema)]
pub(super) struct Data {
    invoice_id: String,
    status: &'static str,
    currency: String,
    amount: Number,
}

/// The invoice object, all of the newer page's keys in its order.
#[derive(Serialize, JsonSchema)]
#[expect(
    clippy::struct_excessive_bools,
    clippy::struct_field_names,
    reason = "it is the provider's object"
)]
pub(super) struct Invoice {
    uuid: String,
    created: String,
    address: String,
    currency: Currency,
    date_finished: Option<String>,
    expiry_date: Option<()>,
    side_commission: &'static str,
    side_commission_cc: &'static str,
    type_payments: &'static str,
    status: &'static str,
    invoice_status: &'static str,
    is_email_required: bool,
    project: Project,
    tx_list: Vec<String>,
    step: u8,
    test_mode: bool,
    r#type: &'static str,
    user_email: &'static str,
    pay_url: &'static str,
    phone: &'static str,
    order_id: String,
    amount_in_crypto: Option<()>,
    amount_in_fiat: u8,
    amount: Number,
    amount_usd: Number,
    amount_to_pay: Number,
    amount_to_pay_usd: Number,
    amount_paid: Number,
    amount_paid_usd: Number,
    fee: Number,
    fee_usd: Number,
    service_fee: Number,
    service_fee_usd: Number,
    received: Number,
    received_usd: Number,
    to_surcharge: Number,
    to_surcharge_usd: Number,
    total_rub: u8,
    currency_list: [ListedCurrency; 1],
    aml_enabled: bool,
    aml_side: &'static str,
    aml_cost: Number,
    aml_cost_usd: Number,
    aml_checks: [(); 0],
    links: [(); 0],
    quiz_result: bool,
    quiz_detail: QuizDetail,
    memo: String,
    invoice_id: String,
}

#[derive(Serialize, JsonSchema)]
struct Project {
    id: u8,
    name: String,
    fail: &'static str,
    success: &'static str,
    logo: &'static str,
}

#[derive(Default, Serialize, JsonSchema)]
struct QuizDetail {
    invoice: Option<()>,
    rating: Option<()>,
    comment: Option<()>,
    created: Option<()>,
}

/// A postback.
#[derive(Serialize, JsonSchema)]
pub(super) struct Postback<'a> {
    status: &'static str,
    invoice_id: &'a str,
    amount_crypto: Number,
    currency: String,
    order_id: Option<&'a str>,
    token: String,
    invoice_info: Invoice,
}

/// The words of a status: the invoice's, and that of its course.
pub(super) fn words(status: Status) -> (&'static str, &'static str) {
    match status {
        Status::AwaitingApproval | Status::Queued | Status::Sending | Status::InBlock => {
            ("created", "start")
        }
        Status::Paid => ("paid", "success"),
        Status::Failed | Status::Cancelled => ("canceled", "fail"),
    }
}

/// Writes the answer to a request for a payout.
pub(super) fn created(shown: &Shown<'_>, catalog: &Catalog) -> Created {
    let data = Data {
        invoice_id: shown.payout.public_id.clone(),
        status: words(shown.status).0,
        currency: assets::name(shown.asset).code,
        amount: crypto(shown, shown.payout.quote.asked),
    };
    Created { status: "success", result: invoice(shown, catalog), data }
}

/// The identifier of an invoice without its prefix, as postbacks have it.
pub(super) fn bare_id(payout: &Payout) -> &str {
    payout.public_id.strip_prefix("INV-").unwrap_or(&payout.public_id)
}

/// Writes a postback.
pub(super) fn postback<'a>(shown: &Shown<'a>, token: String, catalog: &Catalog) -> Postback<'a> {
    Postback {
        status: if shown.status == Status::Paid { "success" } else { "fail" },
        invoice_id: bare_id(shown.payout),
        amount_crypto: crypto(shown, shown.payout.quote.asked),
        currency: assets::name(shown.asset).code,
        order_id: shown.payout.merchant_ref.as_deref(),
        token,
        invoice_info: invoice(shown, catalog),
    }
}

/// Writes the invoice object of a payout.
pub(super) fn invoice(shown: &Shown<'_>, catalog: &Catalog) -> Invoice {
    let payout = shown.payout;
    let quote = &payout.quote;
    let paid = shown.status == Status::Paid;
    let when_paid = |amount| if paid { amount } else { Amount::ZERO };
    let open = if shown.status.is_final() { Amount::ZERO } else { quote.price() };
    let (status, invoice_status) = words(shown.status);
    let (coin, dollars) = (|it| crypto(shown, it), |it| usd(shown, it));
    Invoice {
        uuid: payout.public_id.clone(),
        created: created_text(payout.created_at),
        address: payout.destination.address.clone(),
        currency: Currency::new(shown.asset, catalog),
        date_finished: shown.status.is_final().then(|| created_text(shown.updated_at)),
        expiry_date: None,
        side_commission: "client",
        side_commission_cc: "merchant",
        type_payments: "crypto",
        status,
        invoice_status,
        is_email_required: false,
        project: Project { id: 1, name: Note::of(payout).project, fail: "", success: "", logo: "" },
        tx_list: shown.txid.map(str::to_owned).into_iter().collect(),
        step: if paid { 3 } else { 1 },
        test_mode: false,
        r#type: "dw",
        user_email: "",
        pay_url: "None",
        phone: "",
        order_id: payout.merchant_ref.clone().unwrap_or_else(|| "None".to_owned()),
        amount_in_crypto: None,
        amount_in_fiat: 0,
        amount: coin(quote.asked),
        amount_usd: dollars(quote.asked),
        amount_to_pay: coin(quote.price()),
        amount_to_pay_usd: dollars(quote.price()),
        amount_paid: coin(when_paid(quote.price())),
        amount_paid_usd: dollars(when_paid(quote.price())),
        fee: coin(quote.network_fee),
        fee_usd: dollars(quote.network_fee),
        service_fee: coin(quote.service_fee),
        service_fee_usd: dollars(quote.service_fee),
        received: coin(when_paid(quote.amount)),
        received_usd: dollars(when_paid(quote.amount)),
        to_surcharge: coin(open),
        to_surcharge_usd: dollars(open),
        total_rub: 0,
        currency_list: [ListedCurrency::new(shown.asset, catalog)],
        aml_enabled: false,
        aml_side: "merchant",
        aml_cost: coin(Amount::ZERO),
        aml_cost_usd: dollars(Amount::ZERO),
        aml_checks: [],
        links: [],
        quiz_result: false,
        quiz_detail: QuizDetail::default(),
        memo: payout.destination.memo.clone().unwrap_or_default(),
        invoice_id: payout.public_id.clone(),
    }
}

/// An amount of the payout's asset, with at least one place, as Python prints such numbers.
fn crypto(shown: &Shown<'_>, amount: Amount) -> Number {
    coins(shown.asset, amount)
}

/// Its worth in US dollars; zero where no price was known.
fn usd(shown: &Shown<'_>, amount: Amount) -> Number {
    dollars(shown.dollars(amount, USD_PLACES).unwrap_or_default())
}

/// What was asked for in US dollars, as the invoice shows it: so many of the smallest unit that
/// [`dollars`] takes.
pub(super) fn worth(shown: &Shown<'_>) -> Amount {
    shown.dollars(shown.payout.quote.asked, USD_PLACES).unwrap_or_default()
}

/// Writes a sum of US dollars.
pub(super) fn dollars(sum: Amount) -> Number {
    Number::new(with_places(&sum.to_text(USD_PLACES), 1))
}

/// Writes an amount of an asset's smallest units.
pub(super) fn coins(asset: &Asset, amount: Amount) -> Number {
    Number::new(with_places(&asset.text(amount), 1))
}

/// What so much of an asset costs at a price, in what [`dollars`] takes; zero where there is none.
pub(super) fn priced(asset: &Asset, amount: Amount, price: Option<Rate>) -> Amount {
    let sum = price.and_then(|it| it.price(amount, asset.decimals, USD_PLACES, Rounding::Down));
    sum.unwrap_or_default()
}

fn created_text(at: Timestamp) -> String {
    moment(
        at,
        time::macros::format_description!(
            "[year]-[month]-[day] [hour]:[minute]:[second].[subsecond digits:6]"
        ),
    )
}
