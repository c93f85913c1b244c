//! The calls of `OnchainPay`'s API.

mod absent;
mod account;
mod reference;
mod withdrawals;

use serde::{Deserialize, Serialize};

use crate::{endpoint::Endpoint, field::Field};

/// Which call it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Route {
    Create,
    Get,
    Approve,
    FeeToken,
    MakeWithdrawal,
    GetWithdrawal,
    FindTx,
    History,
    AdvancedBalances,
    AdvancedBalance,
    Addresses,
    AvailableCurrencies,
    PriceRate,
    ValidateAddress,
    TestSignature,
    Webhook,
    WebhookVerbose,
    Orders,
    Deposits,
    Exchanges,
    Recurrents,
    AddressKeeping,
    Screening,
}

pub(super) const ENDPOINTS: &[Endpoint<Route>] = &[
    withdrawals::CREATE,
    withdrawals::GET,
    withdrawals::APPROVE,
    withdrawals::FEE_TOKEN,
    withdrawals::MAKE_WITHDRAWAL,
    withdrawals::GET_WITHDRAWAL,
    withdrawals::FIND_TX,
    withdrawals::HISTORY,
    account::ADVANCED_BALANCES,
    account::ADVANCED_BALANCE,
    account::ADDRESSES,
    account::WEBHOOK,
    account::WEBHOOK_VERBOSE,
    reference::AVAILABLE_CURRENCIES,
    reference::PRICE_RATE,
    reference::VALIDATE_ADDRESS,
    reference::TEST_SIGNATURE,
    absent::ORDERS,
    absent::DEPOSITS,
    absent::EXCHANGES,
    absent::RECURRENTS,
    absent::ADDRESS_KEEPING,
    absent::SCREENING,
];

const NONCE: Field = Field::text_or_number("nonce", "1749475091513").at_most(128).about(
    "A number or text that was never used before. Must be there, unless the account is set \
            to do without.",
);

const BALANCE_ID: Field =
    Field::text("advancedBalanceId", "").about("Any: there is one balance only.");
