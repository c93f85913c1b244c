//! What Cryptomus writes about what a merchant has.

use std::collections::BTreeMap;

use domain::{
    ids::{AssetId, MerchantId},
    money::{Amount, Decimal},
};
use schemars::JsonSchema;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::sum::{self, PLACES, Sum};
use crate::{
    Context,
    decimal::with_places,
    identity::{self, uuid_v4},
};

/// What a merchant can pay out, and what it has set apart: the provider's business and personal
/// wallets.
#[derive(Serialize, JsonSchema)]
pub(super) struct BalancesBody {
    balance: Balances,
}

#[derive(Serialize, JsonSchema)]
struct Balances {
    merchant: Vec<BalanceBody>,
    user: Vec<BalanceBody>,
}

#[derive(Serialize, JsonSchema)]
struct BalanceBody {
    uuid: String,
    balance: String,
    currency_code: String,
    balance_usd: String,
}

/// What stands where no price is known: the field has to be a number.
const UNPRICED: &str = "0.00000000";

impl BalancesBody {
    /// Writes balances: one per currency, summed over its networks.
    pub(super) fn new(
        owner: MerchantId,
        available: &[(AssetId, Amount)],
        personal: &[(AssetId, Amount)],
        context: &Context<'_>,
    ) -> Self {
        let rows = |sums: BTreeMap<&str, Sum>, kind: &str| {
            let rows = sums.into_iter();
            rows.map(|(currency, sum)| row(owner, kind, currency, sum, context)).collect()
        };
        Self {
            balance: Balances {
                merchant: rows(sum::by_ticker(available, context.catalog), ""),
                user: rows(sum::by_ticker(personal, context.catalog), " personal"),
            },
        }
    }
}

fn row(
    owner: MerchantId,
    kind: &str,
    currency: &str,
    sum: Sum,
    context: &Context<'_>,
) -> BalanceBody {
    let price = context.book.rates.price(currency, None, context.now).ok();
    let worth = price.and_then(|it| sum.worth(it.usd));
    BalanceBody {
        uuid: wallet_uuid(owner, &format!("{currency}{kind}")),
        balance: sum.text(),
        currency_code: currency.to_owned(),
        balance_usd: worth.unwrap_or_else(|| UNPRICED.to_owned()),
    }
}

/// The provider's wallets have identifiers: ours are made of the merchant and the currency.
fn wallet_uuid(merchant: MerchantId, wallet: &str) -> String {
    let digest = Sha256::digest(format!("{merchant} {wallet}"));
    uuid_v4(*digest.first_chunk().expect("a SHA-256 has 32 bytes"))
}

/// A transfer: how each side of it is called, and what it has now.
#[derive(Serialize, JsonSchema)]
pub(super) struct TransferBody {
    user_wallet_transaction_uuid: String,
    user_wallet_balance: String,
    merchant_transaction_uuid: String,
    merchant_balance: String,
}

impl TransferBody {
    /// Writes what both sides have after a transfer.
    pub(super) fn new(available: Decimal, personal: Decimal, context: &Context<'_>) -> Self {
        let [of_user, of_merchant] = identity::two_uuids(context.random);
        let text = |balance: Decimal| with_places(&balance.to_string(), PLACES);
        Self {
            user_wallet_transaction_uuid: of_user,
            user_wallet_balance: text(personal),
            merchant_transaction_uuid: of_merchant,
            merchant_balance: text(available),
        }
    }
}
