//! Transactions that spend change which waits for too little, and pay for what made it: whoever makes
//! blocks takes them only together.
//!
//! What they pay for those before them is bounded as a replacement of those would be.

use std::collections::BTreeSet;

use bitcoin::Txid;
use domain::ports::{BuildError, HoldReason};

use crate::{
    building::hold,
    drafting::{Coin, Draft, Order, Unmade},
    fees::{Paid, Price},
    rail::Bitcoin,
    wallet::Unconfirmed,
};

impl Bitcoin {
    /// Makes an order with coins that wait in vain beside its own: those of as few transactions as
    /// do, and the ones first that are short of the least.
    ///
    /// # Errors
    /// If what is paid for them would be above the budget.
    pub(crate) fn draft_with_parents(
        &self,
        order: Order<'_>,
        own: &Unconfirmed,
        in_vain: &[Coin],
    ) -> Result<Result<Draft, Unmade>, BuildError> {
        let rate = order.price.rate_sat_per_kvb;
        let parents: BTreeSet<Txid> = in_vain.iter().map(|it| it.outpoint.txid).collect();
        let mut parents: Vec<Txid> = parents.into_iter().collect();
        parents.sort_by_key(|it| own.missing_sat([*it], rate));
        let with = |parents: &[Txid]| {
            let theirs = in_vain.iter().filter(|it| parents.contains(&it.outpoint.txid));
            let coins: Vec<Coin> = order.coins.iter().chain(theirs).copied().collect();
            let missing_sat = own.missing_sat(parents.iter().copied(), rate);
            let price = Price::of_child(rate, missing_sat);
            Order { coins: &coins, required: &[], price, ..order }.draft()
        };
        let mut count = parents.len().min(1);
        let mut drafted = with(&parents[..count]);
        while count < parents.len() && !matches!(drafted, Ok(_) | Err(Unmade::AboveCeiling { .. }))
        {
            count += 1;
            drafted = with(&parents[..count]);
        }
        let Ok(found) = &drafted else { return Ok(drafted) };
        // Nothing is paid for those of which nothing is spent.
        parents.retain(|txid| found.spent.iter().any(|it| it.outpoint.txid == *txid));
        self.check_parents(own.short(parents.iter().copied(), rate), rate)?;
        Ok(if parents.len() == count { drafted } else { with(&parents) })
    }

    /// Whether those that wait for too little may be paid for.
    ///
    /// # Errors
    /// If that would be above the budget.
    pub(crate) fn check_parents(
        &self,
        short: Paid,
        rate_sat_per_kvb: u64,
    ) -> Result<(), BuildError> {
        let needed_sat = short.missing_sat(rate_sat_per_kvb);
        self.settings.limits.check_parents(short, needed_sat).map_err(|limit| {
            hold(HoldReason::FeeAboveCap, limit.words(needed_sat, |sat| self.text(sat)))
        })
    }
}
