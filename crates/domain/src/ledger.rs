//! The chart of accounts and the rules by which money moves between them.
//!
//! A balance is what was credited less what was debited. Merchants' accounts and our income are
//! credit balances (at or above zero); coins we hold and what networks charged us are debit
//! balances (at or below zero). The sum over all accounts is zero for every asset, always.

use std::{fmt, str::FromStr};

use crate::{
    Timestamp,
    ids::{AssetId, BatchId, InvalidId, LaneId, MerchantId, PayoutId},
    money::Amount,
    payout::Payout,
};

/// A line of the chart of accounts. Every line exists once per asset.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LedgerAccount {
    /// What a merchant may still spend. Never below zero.
    Available(MerchantId),
    /// What a merchant has committed to payouts that have not ended. Never below zero.
    Reserved(MerchantId),
    /// What is the house's own. Never below zero.
    Inventory,
    /// The coins that a network says a lane holds.
    HotWallet(LaneId),
    /// What we charged merchants for our service.
    ServiceFee,
    /// What we charged merchants for the network's fees.
    NetworkFeeCharged,
    /// What networks charged us.
    NetworkFee,
    /// Differences that a person has yet to explain.
    Suspense,
}

impl LedgerAccount {
    /// Whether the balance must never be below zero.
    pub fn must_not_be_negative(&self) -> bool {
        match self {
            Self::Available(_) | Self::Reserved(_) | Self::Inventory => true,
            Self::HotWallet(_)
            | Self::ServiceFee
            | Self::NetworkFeeCharged
            | Self::NetworkFee
            | Self::Suspense => false,
        }
    }
}

impl fmt::Display for LedgerAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Available(merchant) => write!(f, "available:{merchant}"),
            Self::Reserved(merchant) => write!(f, "reserved:{merchant}"),
            Self::Inventory => f.write_str("inventory"),
            Self::HotWallet(lane) => write!(f, "hot_wallet:{lane}"),
            Self::ServiceFee => f.write_str("service_fee"),
            Self::NetworkFeeCharged => f.write_str("network_fee_charged"),
            Self::NetworkFee => f.write_str("network_fee"),
            Self::Suspense => f.write_str("suspense"),
        }
    }
}

impl FromStr for LedgerAccount {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let (kind, whose) = text.split_once(':').unwrap_or((text, ""));
        match (kind, whose.is_empty()) {
            ("available", false) => whose.parse().map(Self::Available),
            ("reserved", false) => whose.parse().map(Self::Reserved),
            ("hot_wallet", false) => Ok(Self::HotWallet(LaneId::new(whose))),
            ("inventory", true) => Ok(Self::Inventory),
            ("service_fee", true) => Ok(Self::ServiceFee),
            ("network_fee_charged", true) => Ok(Self::NetworkFeeCharged),
            ("network_fee", true) => Ok(Self::NetworkFee),
            ("suspense", true) => Ok(Self::Suspense),
            _ => Err(InvalidId),
        }
    }
}

/// Why money moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A payout was accepted, paid, or ended without payment.
    Payout(PayoutId),
    /// A transaction was charged for by its network.
    Batch(BatchId),
    /// A person said so; the text says who and why.
    Manual(String),
}

/// One balanced entry: `debit` is debited and `credit` credited with `amount` of `asset`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posting {
    /// When.
    pub at: Timestamp,
    /// Why.
    pub cause: Cause,
    /// The asset moved.
    pub asset: AssetId,
    /// The account debited: a merchant's money shrinks, our coins or expenses grow.
    pub debit: LedgerAccount,
    /// The account credited: a merchant's money or our income grows, our coins shrink.
    pub credit: LedgerAccount,
    /// How much.
    pub amount: Amount,
}

/// Coins arrived in a lane and belong to `owner`.
pub fn fund(
    lane: &LaneId,
    asset: &AssetId,
    owner: LedgerAccount,
    amount: Amount,
    note: String,
    at: Timestamp,
) -> Vec<Posting> {
    let debit = LedgerAccount::HotWallet(lane.clone());
    let cause = Cause::Manual(note);
    nonzero(vec![Posting { at, cause, asset: asset.clone(), debit, credit: owner, amount }])
}

/// A payout was accepted: its price leaves the merchant's spendable money.
pub fn reserve(payout: &Payout, at: Timestamp) -> Vec<Posting> {
    let (available, reserved) = accounts(payout);
    nonzero(vec![post(payout, at, available, reserved, payout.quote.price())])
}

/// A payout can never be paid any more: its price returns.
pub fn release(payout: &Payout, at: Timestamp) -> Vec<Posting> {
    let (available, reserved) = accounts(payout);
    nonzero(vec![post(payout, at, reserved, available, payout.quote.price())])
}

/// A payout's transaction is final: the coins are gone and the fees are earned.
pub fn settle(payout: &Payout, lane: &LaneId, at: Timestamp) -> Vec<Posting> {
    let (_, reserved) = accounts(payout);
    let quote = &payout.quote;
    let to = |credit, amount| post(payout, at, reserved.clone(), credit, amount);
    nonzero(vec![
        to(LedgerAccount::HotWallet(lane.clone()), quote.amount),
        to(LedgerAccount::ServiceFee, quote.service_fee),
        to(LedgerAccount::NetworkFeeCharged, quote.network_fee),
    ])
}

/// A network charged a lane for a transaction, whether or not it paid anybody.
pub fn network_charged(
    batch: BatchId,
    lane: &LaneId,
    fee_asset: &AssetId,
    fee: Amount,
    at: Timestamp,
) -> Vec<Posting> {
    nonzero(vec![Posting {
        at,
        cause: Cause::Batch(batch),
        asset: fee_asset.clone(),
        debit: LedgerAccount::NetworkFee,
        credit: LedgerAccount::HotWallet(lane.clone()),
        amount: fee,
    }])
}

fn accounts(payout: &Payout) -> (LedgerAccount, LedgerAccount) {
    (LedgerAccount::Available(payout.merchant), LedgerAccount::Reserved(payout.merchant))
}

fn post(
    payout: &Payout,
    at: Timestamp,
    debit: LedgerAccount,
    credit: LedgerAccount,
    amount: Amount,
) -> Posting {
    let cause = Cause::Payout(payout.id);
    Posting { at, cause, asset: payout.asset.clone(), debit, credit, amount }
}

fn nonzero(mut postings: Vec<Posting>) -> Vec<Posting> {
    postings.retain(|it| !it.amount.is_zero());
    postings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_have_names() {
        for account in [
            LedgerAccount::Available(MerchantId(7)),
            LedgerAccount::Reserved(MerchantId(8)),
            LedgerAccount::Inventory,
            LedgerAccount::HotWallet(LaneId::new("net/hot:1")),
            LedgerAccount::ServiceFee,
            LedgerAccount::NetworkFeeCharged,
            LedgerAccount::NetworkFee,
            LedgerAccount::Suspense,
        ] {
            assert_eq!(account.to_string().parse(), Ok(account));
        }
        for text in ["", "available", "available:", "available:x", "inventory:x", "equity"] {
            assert_eq!(text.parse::<LedgerAccount>(), Err(InvalidId), "{text}");
        }
    }
}
