//! The chain against the ledger.

use crate::{
    batch::{AttemptStatus, Batch},
    chore::Chore,
    ids::{AssetId, LaneId},
    money::Amount,
    payout::Payout,
};

/// What the ledger and the chain say about one asset of one lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// The lane.
    pub lane: LaneId,
    /// The asset.
    pub asset: AssetId,
    /// What the ledger says the lane holds, in smallest units; below zero if it was overspent.
    pub ledger_units: i128,
    /// What the chain says, as far as it is final.
    pub chain: Amount,
    /// The most that may have left the lane on the chain without being in the ledger yet: what
    /// batches that have not ended may pay and be charged.
    pub in_flight_max: Amount,
    /// The most that may have arrived in the lane on the chain without being in the ledger yet: what
    /// other lanes may be bringing it.
    pub arriving_max: Amount,
}

/// Whether chain and ledger agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// To the last unit.
    Agree,
    /// The difference is not larger than what is on its way.
    InFlight {
        /// What the ledger says is there less what the chain says.
        units: i128,
    },
    /// They differ, and nothing that is on its way explains it.
    Differ {
        /// What the ledger says is there less what the chain says.
        units: i128,
    },
}

impl Comparison {
    /// Judges the comparison.
    pub fn verdict(&self) -> Verdict {
        let units = self.ledger_units - self.chain.signed();
        match units {
            0 => Verdict::Agree,
            1.. if units <= self.in_flight_max.signed() => Verdict::InFlight { units },
            ..=-1 if -units <= self.arriving_max.signed() => Verdict::InFlight { units },
            _ => Verdict::Differ { units },
        }
    }
}

/// The most of `asset` that an open batch may take from its lane.
pub fn in_flight_max(
    batch: &Batch,
    payouts: &[Payout],
    asset: &AssetId,
    fee_asset: &AssetId,
) -> Option<Amount> {
    if batch.closed || batch.attempts.iter().all(|it| it.status == AttemptStatus::Dead) {
        return Some(Amount::ZERO);
    }
    let mut sum = Amount::ZERO;
    for payout in payouts.iter().filter(|it| it.asset == *asset) {
        sum = sum.checked_add(payout.quote.amount)?;
    }
    if let Some(top_up) =
        batch.chore.as_ref().and_then(Chore::top_up).filter(|it| it.asset == *asset)
    {
        sum = sum.checked_add(top_up.amount)?;
    }
    if asset == fee_asset {
        let fee = batch.attempts.iter().map(|it| it.fee_max).max().unwrap_or_default();
        sum = sum.checked_add(fee)?;
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_on_its_way_may_be_missing() {
        let verdict = |ledger_units, chain, in_flight_max, arriving_max| {
            let amount = |units| Amount::from_units(units).unwrap();
            Comparison {
                lane: LaneId::new("net/hot"),
                asset: AssetId::new("COIN@net"),
                ledger_units,
                chain: amount(chain),
                in_flight_max: amount(in_flight_max),
                arriving_max: amount(arriving_max),
            }
            .verdict()
        };
        assert_eq!(verdict(10, 10, 0, 0), Verdict::Agree);
        assert_eq!(verdict(10, 7, 3, 9), Verdict::InFlight { units: 3 });
        assert_eq!(verdict(10, 6, 3, 9), Verdict::Differ { units: 4 });
        assert_eq!(verdict(10, 11, 3, 0), Verdict::Differ { units: -1 });
        assert_eq!(verdict(-1, 0, 3, 0), Verdict::Differ { units: -1 });
        assert_eq!(verdict(10, 14, 3, 4), Verdict::InFlight { units: -4 });
        assert_eq!(verdict(10, 15, 3, 4), Verdict::Differ { units: -5 });
    }
}
