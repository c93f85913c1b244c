//! The chart of accounts and the rules by which money moves between them.
//!
//! A balance is what was credited less what was debited. Merchants' accounts and our income are
//! credit balances (at or above zero); coins we hold and what networks charged us are debit
//! balances (at or below zero). The sum over all accounts is zero for every asset, always.

use std::{fmt, str::FromStr};

use crate::{
    Timestamp,
    batch::Batch,
    chore::TopUp,
    command::Direction,
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
    /// A merchant's money that is set apart from payouts until the merchant moves it back. Never
    /// below zero.
    Personal(MerchantId),
    /// What is the house's own. Not below zero, or not further than the operator allows.
    Inventory,
    /// What of the house's own is promised to conversions of payouts that have not ended. Never
    /// below zero.
    InventoryReserved,
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
    /// Whether the balance must not go below zero. The one exception is the house's inventory, as
    /// far as a commit says so ([`crate::ports::ChangeSet::overdrafts`]).
    pub fn must_not_be_negative(&self) -> bool {
        match self {
            Self::Available(_)
            | Self::Reserved(_)
            | Self::Personal(_)
            | Self::Inventory
            | Self::InventoryReserved => true,
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
            Self::Personal(merchant) => write!(f, "personal:{merchant}"),
            Self::Inventory => f.write_str("inventory"),
            Self::InventoryReserved => f.write_str("inventory_reserved"),
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
            ("personal", false) => whose.parse().map(Self::Personal),
            ("hot_wallet", false) => Ok(Self::HotWallet(LaneId::new(whose))),
            ("inventory", true) => Ok(Self::Inventory),
            ("inventory_reserved", true) => Ok(Self::InventoryReserved),
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
    /// A transaction was charged for by its network, or brought coins from lane to lane.
    Batch(BatchId),
    /// A payout's share of what the network charged for the transaction of its batch.
    Carriage(BatchId, PayoutId),
    /// A merchant moved money of its own.
    Merchant(MerchantId),
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

/// Coins of the house's own have left a lane by other ways than a payout.
pub fn withdraw(
    lane: &LaneId,
    asset: &AssetId,
    amount: Amount,
    note: String,
    at: Timestamp,
) -> Vec<Posting> {
    let credit = LedgerAccount::HotWallet(lane.clone());
    let (cause, debit) = (Cause::Manual(note), LedgerAccount::Inventory);
    nonzero(vec![Posting { at, cause, asset: asset.clone(), debit, credit, amount }])
}

/// A payout was accepted: its price leaves the merchant's spendable money. What the merchant buys
/// for it is promised by the house, and what the merchant sells for that is set aside.
pub fn reserve(payout: &Payout, at: Timestamp) -> Vec<Posting> {
    let (available, reserved) = accounts(payout);
    let own = payout.quote.own_part();
    let mut postings = vec![post(payout, at, available.clone(), reserved.clone(), own)];
    for it in &payout.quote.conversions {
        let set_aside = post(payout, at, available.clone(), reserved.clone(), it.set_aside());
        postings.push(Posting { asset: it.from.clone(), ..set_aside });
        let (from, to) = (LedgerAccount::Inventory, LedgerAccount::InventoryReserved);
        postings.push(post(payout, at, from, to, it.bought));
    }
    nonzero(postings)
}

/// A payout can never be paid any more: everything returns to where it came from.
pub fn release(payout: &Payout, at: Timestamp) -> Vec<Posting> {
    reserve(payout, at)
        .into_iter()
        .map(|it| Posting { debit: it.credit, credit: it.debit, ..it })
        .collect()
}

/// A payout's transaction is final: conversions are done at the agreed price, what was set aside
/// beyond it returns, the coins are gone and the fees are earned.
pub fn settle(payout: &Payout, lane: &LaneId, at: Timestamp) -> Vec<Posting> {
    let (available, reserved) = accounts(payout);
    let quote = &payout.quote;
    let mut postings = vec![];
    for it in &quote.conversions {
        let sold = post(payout, at, reserved.clone(), LedgerAccount::Inventory, it.cost);
        postings.push(Posting { asset: it.from.clone(), ..sold });
        let returned = post(payout, at, reserved.clone(), available.clone(), it.insurance);
        postings.push(Posting { asset: it.from.clone(), ..returned });
        let promised = LedgerAccount::InventoryReserved;
        postings.push(post(payout, at, promised, reserved.clone(), it.bought));
    }
    let to = |credit, amount| post(payout, at, reserved.clone(), credit, amount);
    postings.extend([
        to(LedgerAccount::HotWallet(lane.clone()), quote.amount),
        to(LedgerAccount::ServiceFee, quote.service_fee),
        to(LedgerAccount::NetworkFeeCharged, quote.network_fee),
    ]);
    nonzero(postings)
}

/// A merchant sets money apart from payouts, or takes it back.
pub fn transfer(
    merchant: MerchantId,
    asset: &AssetId,
    amount: Amount,
    direction: Direction,
    at: Timestamp,
) -> Posting {
    let (available, personal) =
        (LedgerAccount::Available(merchant), LedgerAccount::Personal(merchant));
    let (debit, credit) = match direction {
        Direction::ToPersonal => (available, personal),
        Direction::ToBusiness => (personal, available),
    };
    let cause = Cause::Merchant(merchant);
    Posting { at, cause, asset: asset.clone(), debit, credit, amount }
}

/// A network charged a lane for a transaction, whether or not it paid anybody. The payouts that
/// travelled with it bear equal shares; what does not divide is borne by the first of them, a unit
/// each.
pub fn network_charged(
    batch: &Batch,
    fee_asset: &AssetId,
    fee: Amount,
    at: Timestamp,
) -> Vec<Posting> {
    let charged = |cause, amount| Posting {
        at,
        cause,
        asset: fee_asset.clone(),
        debit: LedgerAccount::NetworkFee,
        credit: LedgerAccount::HotWallet(batch.lane.clone()),
        amount,
    };
    if batch.payouts.is_empty() {
        return nonzero(vec![charged(Cause::Batch(batch.id), fee)]);
    }
    let shares = fee.shares(batch.payouts.len());
    let of =
        |(payout, share): (&PayoutId, Amount)| charged(Cause::Carriage(batch.id, *payout), share);
    nonzero(batch.payouts.iter().zip(shares).map(of).collect())
}

/// A lane's coins have arrived in another lane.
pub fn top_up(batch: &Batch, top_up: &TopUp, at: Timestamp) -> Vec<Posting> {
    nonzero(vec![Posting {
        at,
        cause: Cause::Batch(batch.id),
        asset: top_up.asset.clone(),
        debit: LedgerAccount::HotWallet(top_up.to.clone()),
        credit: LedgerAccount::HotWallet(batch.lane.clone()),
        amount: top_up.amount,
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
            LedgerAccount::Personal(MerchantId(9)),
            LedgerAccount::Inventory,
            LedgerAccount::InventoryReserved,
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
