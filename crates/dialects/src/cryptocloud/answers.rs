//! What `CryptoCloud` answers to questions: invoices, balances and statistics.

use std::collections::BTreeMap;

use domain::{
    catalog::{Asset, Catalog},
    ids::AssetId,
    money::Amount,
    payout::{Payout, Status},
};
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    assets,
    currency::HeldCurrency,
    wire::{self, Invoice},
};
use crate::{Context, decimal::Number, shown::Shown};

/// What a merchant holds of a currency.
#[derive(Serialize, JsonSchema)]
pub(super) struct Held {
    currency: HeldCurrency,
    balance_crypto: Number,
    balance_usd: Number,
    available_balance: Number,
    available_balance_usd: Number,
}

/// How many withdrawals there were, and what they were worth in US dollars.
#[derive(Serialize, JsonSchema)]
pub(super) struct Statistics {
    count: ByStatus<u64>,
    amount: ByStatus<Number>,
}

/// Figures by the status of an invoice.
#[derive(Serialize, JsonSchema)]
struct ByStatus<T> {
    all: T,
    created: T,
    paid: T,
    overpaid: T,
    partial: T,
    canceled: T,
}

/// Writes the invoice objects of payouts.
pub(super) fn invoices(page: &[Payout], catalog: &Catalog) -> Vec<Invoice> {
    page.iter().map(|it| wire::invoice(&Shown::now(it, catalog), catalog)).collect()
}

/// Writes what a merchant holds of every currency that has a code: all of it, and what can be spent
/// of it, at the prices of the moment.
pub(super) fn balances(
    available: &[(AssetId, Amount)],
    personal: &[(AssetId, Amount)],
    context: &Context<'_>,
) -> Vec<Held> {
    let by_asset = |held: &[(AssetId, Amount)]| -> BTreeMap<AssetId, Amount> {
        held.iter().cloned().collect()
    };
    let (available, personal) = (by_asset(available), by_asset(personal));
    let held =
        |from: &BTreeMap<AssetId, Amount>, id: &AssetId| from.get(id).copied().unwrap_or_default();
    let row = |asset: &Asset| {
        let spendable = held(&available, &asset.id);
        let all = spendable.checked_add(held(&personal, &asset.id)).unwrap_or(Amount::MAX);
        let price = context.book.rates.price(&asset.ticker, None, context.now).ok();
        let usd =
            |amount| wire::dollars(wire::priced(asset, amount, price.as_ref().map(|it| it.usd)));
        let is_paid = context.book.terms.contains_key(&asset.id);
        Held {
            currency: HeldCurrency::new(asset, context.catalog, is_paid),
            balance_crypto: wire::coins(asset, all),
            balance_usd: usd(all),
            available_balance: wire::coins(asset, spendable),
            available_balance_usd: usd(spendable),
        }
    };
    assets::all(context.catalog).map(row).collect()
}

/// Adds up payouts: what the invoices of all of them show as `amount_usd`.
pub(super) fn statistics(payouts: &[Payout], catalog: &Catalog) -> Statistics {
    let (mut created, mut paid, mut canceled) = <(Sum, Sum, Sum)>::default();
    for payout in payouts {
        let shown = Shown::now(payout, catalog);
        let sum = match shown.status {
            Status::AwaitingApproval | Status::Queued | Status::Sending | Status::InBlock => {
                &mut created
            }
            Status::Paid => &mut paid,
            Status::Failed | Status::Cancelled => &mut canceled,
        };
        *sum = sum.and(Sum { count: 1, usd: wire::worth(&shown) });
    }
    let none = Sum::default;
    let all = created.and(paid).and(canceled);
    let by_status = ByStatus { all, created, paid, overpaid: none(), partial: none(), canceled };
    Statistics {
        count: by_status.map(|it| it.count),
        amount: by_status.map(|it| wire::dollars(it.usd)),
    }
}

/// How many payouts, and what they are worth.
#[derive(Clone, Copy, Default)]
struct Sum {
    count: u64,
    usd: Amount,
}

impl Sum {
    /// Both together; more dollars than can be counted stay at the most that can.
    fn and(self, other: Self) -> Self {
        let usd = self.usd.checked_add(other.usd).unwrap_or(Amount::MAX);
        Self { count: self.count.saturating_add(other.count), usd }
    }
}

impl ByStatus<Sum> {
    fn map<T>(&self, figure: impl Fn(Sum) -> T) -> ByStatus<T> {
        ByStatus {
            all: figure(self.all),
            created: figure(self.created),
            paid: figure(self.paid),
            overpaid: figure(self.overpaid),
            partial: figure(self.partial),
            canceled: figure(self.canceled),
        }
    }
}
