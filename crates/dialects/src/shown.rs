//! A payout as it is shown: as it is, or as it was when a delivery became due.

use domain::{
    Timestamp,
    catalog::{Asset, Catalog},
    ids::TxId,
    money::{Amount, Rounding},
    payout::{Failure, Payout, PayoutState, Status},
};
use time::{OffsetDateTime, format_description::BorrowedFormatItem};

use crate::wire::Webhook;

/// What is shown of a payout.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shown<'a> {
    /// The payout.
    pub(crate) payout: &'a Payout,
    /// Its asset.
    pub(crate) asset: &'a Asset,
    /// Its status at that moment.
    pub(crate) status: Status,
    /// Its transaction, as far as it was known at that moment.
    pub(crate) txid: Option<&'a str>,
    /// When it reached the status.
    pub(crate) updated_at: Timestamp,
}

impl<'a> Shown<'a> {
    /// Shows a payout as it is.
    pub(crate) fn now(payout: &'a Payout, catalog: &'a Catalog) -> Self {
        Self {
            payout,
            asset: asset_of(payout, catalog),
            status: payout.state.status(),
            txid: payout.state.txid().map(TxId::as_str),
            updated_at: payout.updated_at,
        }
    }

    /// Shows a payout as its delivery saw it.
    pub(crate) fn told(webhook: &Webhook<'a>, catalog: &'a Catalog) -> Self {
        Self {
            payout: webhook.payout,
            asset: asset_of(webhook.payout, catalog),
            status: webhook.delivery.status,
            txid: webhook.delivery.txid.as_ref().map(TxId::as_str),
            updated_at: webhook.delivery.occurred_at,
        }
    }

    /// Why it failed, if it had at that moment.
    pub(crate) fn failure(&self) -> Option<&'a Failure> {
        match &self.payout.state {
            PayoutState::Failed { failure, .. } if self.status == Status::Failed => Some(failure),
            PayoutState::Failed { .. }
            | PayoutState::AwaitingApproval
            | PayoutState::Queued
            | PayoutState::Sending { .. }
            | PayoutState::Paid { .. }
            | PayoutState::Cancelled => None,
        }
    }

    /// Prints an amount of its asset without idle zeros.
    pub(crate) fn text(&self, amount: Amount) -> String {
        self.asset.text(amount)
    }

    /// Prices an amount of its asset in US dollars, to `places` places, rounded down; `None` where
    /// no price was known when the payout was accepted.
    pub(crate) fn usd(&self, amount: Amount, places: u8) -> Option<String> {
        Some(self.dollars(amount, places)?.to_text(places))
    }

    /// Like [`Self::usd`], as a number of the smallest unit of so many places.
    pub(crate) fn dollars(&self, amount: Amount, places: u8) -> Option<Amount> {
        let rate = self.payout.quote.usd.as_ref()?;
        rate.usd.price(amount, self.asset.decimals, places, Rounding::Down)
    }
}

fn asset_of<'a>(payout: &Payout, catalog: &'a Catalog) -> &'a Asset {
    let asset = catalog.asset(payout.asset.as_str());
    asset.expect("rows of the catalog that payouts were made of are never taken out of it")
}

/// Prints a moment in UTC; what lies beyond the year 9999 is printed as 1970.
pub(crate) fn moment(at: Timestamp, format: &[BorrowedFormatItem<'_>]) -> String {
    let nanoseconds = i128::from(at.0) * 1_000_000;
    let moment = OffsetDateTime::from_unix_timestamp_nanos(nanoseconds);
    let text = moment.unwrap_or(OffsetDateTime::UNIX_EPOCH).format(format);
    text.expect("a moment has all components of the format")
}

/// Prints a moment as RFC 3339 says, in UTC with milliseconds.
pub(crate) fn rfc3339(at: Timestamp) -> String {
    moment(
        at,
        time::macros::format_description!(
            "[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_moments() {
        assert_eq!(rfc3339(Timestamp(1_749_475_091_513)), "2025-06-09T13:18:11.513Z");
        assert_eq!(rfc3339(Timestamp::NEVER), "1970-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(Timestamp(u64::MAX)), "1970-01-01T00:00:00.000Z");
    }
}
