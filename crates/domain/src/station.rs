//! The gas station: when a lane is brought coins for fees, by whom, and how many.

use crate::{ids::LaneId, money::Amount};

/// How long the span is for which [`Station::daily_max`] holds.
pub const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// What the operator allows for one lane. Amounts are in the network's fee asset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Station {
    /// The lane that the coins come from.
    pub from: LaneId,
    /// Coins are brought when the lane holds less than this.
    pub below: Amount,
    /// So many that it holds this afterwards.
    pub up_to: Amount,
    /// At most so many within a day.
    pub daily_max: Amount,
}

/// What is to be done for a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refuel {
    /// It has enough.
    Enough,
    /// It is to be brought this.
    Bring(Amount),
    /// It needs coins, and the day's limit does not allow any more.
    LimitReached,
}

impl Station {
    /// Decides, given what the lane holds, what the transaction lacks that waits for coins for fees,
    /// and what the lane was brought within the last day. As long as something waits, there is too
    /// little, however much it is.
    pub fn decide(&self, held: Amount, lacks: Amount, brought: Amount) -> Refuel {
        if held >= self.below && lacks.is_zero() {
            return Refuel::Enough;
        }
        let wanted = self.up_to.checked_sub(held).unwrap_or_default().max(lacks);
        let left = self.daily_max.checked_sub(brought).unwrap_or_default();
        match wanted.min(left) {
            Amount::ZERO => Refuel::LimitReached,
            // What is left of the limit may be less than it needs: better than nothing.
            amount => Refuel::Bring(amount),
        }
    }
}

/// For how many payouts what a lane holds is enough, at so much for each; `None` if they cost
/// nothing.
pub fn runway_payouts(held: Amount, fee: Amount) -> Option<u64> {
    let count = held.units().checked_div(fee.units())?;
    Some(u64::try_from(count).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amount(units: u128) -> Amount {
        Amount::from_units(units).unwrap()
    }

    #[test]
    fn coins_are_brought_within_limits() {
        let station = Station {
            from: LaneId::new("net/station"),
            below: amount(10),
            up_to: amount(50),
            daily_max: amount(100),
        };
        let decide = |held, brought| station.decide(amount(held), Amount::ZERO, amount(brought));
        assert_eq!(decide(10, 0), Refuel::Enough);
        assert_eq!(decide(9, 0), Refuel::Bring(amount(41)));
        assert_eq!(decide(0, 40), Refuel::Bring(amount(50)));
        assert_eq!(decide(0, 70), Refuel::Bring(amount(30)));
        assert_eq!(decide(0, 100), Refuel::LimitReached);
        assert_eq!(decide(0, 101), Refuel::LimitReached);
        // What waits lacks something, although there is as much as usual.
        let decide = |held, lacks| station.decide(amount(held), amount(lacks), amount(40));
        assert_eq!(decide(10, 5), Refuel::Bring(amount(40)));
        assert_eq!(decide(30, 25), Refuel::Bring(amount(25)));
        assert_eq!(decide(60, 1), Refuel::Bring(amount(1)));
        assert_eq!(decide(60, 1_000), Refuel::Bring(amount(60)));
        assert_eq!(decide(5, 1_000), Refuel::Bring(amount(60)));
    }

    #[test]
    fn a_runway_is_counted_in_payouts() {
        assert_eq!(runway_payouts(amount(100), amount(30)), Some(3));
        assert_eq!(runway_payouts(amount(29), amount(30)), Some(0));
        assert_eq!(runway_payouts(amount(29), amount(0)), None);
    }
}
