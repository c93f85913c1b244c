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
        /// What the ledger says is there less what the chain says; what cannot be represented is the
        /// nearest to it that can.
        units: i128,
    },
}

impl Comparison {
    /// Judges the comparison.
    pub fn verdict(&self) -> Verdict {
        // A chain tells what it likes, and no amount explains a difference that is cut here.
        let units = self.ledger_units.saturating_sub(self.chain.signed());
        let most = if units > 0 { self.in_flight_max } else { self.arriving_max };
        match units {
            0 => Verdict::Agree,
            _ if units.unsigned_abs() <= most.units() => Verdict::InFlight { units },
            _ => Verdict::Differ { units },
        }
    }
}

/// Whether no transaction of a batch can take anything from its lane, as it is.
pub fn takes_nothing(batch: &Batch) -> bool {
    batch.closed || batch.attempts.iter().all(|it| it.status == AttemptStatus::Dead)
}

/// The most of `asset` that an open batch may take from its lane.
pub fn in_flight_max(
    batch: &Batch,
    payouts: &[Payout],
    asset: &AssetId,
    fee_asset: &AssetId,
) -> Option<Amount> {
    if takes_nothing(batch) {
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

    #[test]
    fn whatever_a_chain_tells_is_judged() {
        let most = Amount::MAX.units();
        for (ledger_units, chain, units) in [
            (0, most, i128::MIN + 1),
            (-1, most, i128::MIN),
            (-2, most, i128::MIN),
            (i128::MIN, most, i128::MIN),
            (i128::MAX, 0, i128::MAX),
        ] {
            let chain = Amount::from_units(chain).unwrap();
            for (on_its_way, is_explained) in [(Amount::ZERO, false), (Amount::MAX, true)] {
                let comparison = Comparison {
                    lane: LaneId::new("net/hot"),
                    asset: AssetId::new("COIN@net"),
                    ledger_units,
                    chain,
                    in_flight_max: on_its_way,
                    arriving_max: on_its_way,
                };
                let expected = if is_explained && units != i128::MIN {
                    Verdict::InFlight { units }
                } else {
                    Verdict::Differ { units }
                };
                assert_eq!(comparison.verdict(), expected, "{ledger_units}");
            }
        }
    }
}
