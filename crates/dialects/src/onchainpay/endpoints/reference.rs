//! What can be answered without the ledger.

use schemars::SchemaGenerator;

use super::{
    super::{
        currencies::{AddressCheck, CurrencyBody},
        sign::SignatureCheck,
        wire::Success,
    },
    NONCE, Route,
};
use crate::{
    about::Subject,
    endpoint::{Body, Endpoint},
    field::Field,
};

pub(super) const AVAILABLE_CURRENCIES: Endpoint<Route> = Endpoint {
    summary: "List coins and networks",
    fields: &[
        Field::texts("currency", "USDT").about("Only these coins."),
        Field::texts("networks", "tron").about("Only these networks."),
        NONCE,
    ],
    golden: include_str!("../golden/available_currencies.txt"),
    ..Endpoint::post(
        Route::AvailableCurrencies,
        "/api-gateway/available-currencies",
        Body::Json,
        SchemaGenerator::subschema_for::<Success<Vec<CurrencyBody<'static>>>>,
    )
};

pub(super) const PRICE_RATE: Endpoint<Route> = Endpoint {
    summary: "Price one currency in another",
    detail: "Eight places, rounded down.",
    fields: &[
        Field::text("from", "BTC").required().about("The currency that is priced."),
        Field::text("to", "USDT").required().about("The currency of the price."),
        NONCE,
    ],
    subjects: &[Subject::Asset, Subject::Pricing, Subject::Amount],
    golden: include_str!("../golden/price_rate.txt"),
    ..Endpoint::post(
        Route::PriceRate,
        "/api-gateway/price-rate",
        Body::Json,
        SchemaGenerator::subschema_for::<Success<String>>,
    )
};

pub(super) const VALIDATE_ADDRESS: Endpoint<Route> = Endpoint {
    summary: "Check an address",
    fields: &[
        Field::text("address", "TNPeeaaFB7K9cmo4uQpcU32zGK8G1NYqeL").required().about("The text."),
        Field::text("network", "tron").required().about("The network."),
        NONCE,
    ],
    subjects: &[Subject::Asset],
    golden: include_str!("../golden/validate_address.txt"),
    ..Endpoint::post(
        Route::ValidateAddress,
        "/api-gateway/utils/validate-address",
        Body::Json,
        SchemaGenerator::subschema_for::<Success<AddressCheck>>,
    )
};

pub(super) const TEST_SIGNATURE: Endpoint<Route> = Endpoint {
    summary: "Check a signature",
    detail: "Succeeds without credentials and with wrong ones: it says what is wrong. Needs no \
             nonce, and uses none up. `signature` is the one that was shown.",
    fields: &[NONCE],
    open: true,
    golden: include_str!("../golden/test_signature.txt"),
    ..Endpoint::post(
        Route::TestSignature,
        "/api-gateway/test-signature",
        Body::Json,
        SchemaGenerator::subschema_for::<Success<SignatureCheck>>,
    )
};
