//! Why nothing was made, in the port's words.

use bitcoin::Script;
use domain::ports::{BuildError, HoldReason};

use crate::{
    budget::Ceiling,
    building::hold,
    drafting::{Payment, Unmade},
    fees, lock,
    lock::LaneKind,
    rail::Bitcoin,
    wallet::Wallet,
    weight::Shape,
};

/// What a first transaction is made with.
#[derive(Clone, Copy)]
pub(crate) struct Means<'a> {
    pub(crate) lane: &'a Script,
    pub(crate) wallet: &'a Wallet,
    pub(crate) rate_sat_per_kvb: u64,
}

/// Payments that are more than all that a lane has.
#[derive(Debug, PartialEq, Eq)]
enum Beyond {
    /// It has as good as nothing: nobody would be paid.
    All,
    /// The largest, by their places: without them it has enough for the others and their fee.
    Some(Vec<usize>),
}

impl Bitcoin {
    /// Why nothing was made. `means` are those of a first transaction: what is too little for one
    /// that replaces another says nothing about its payments.
    pub(crate) fn unmade(
        &self,
        why: Unmade,
        payments: &[Payment],
        ceiling: Ceiling,
        means: Option<Means<'_>>,
    ) -> BuildError {
        let count = payments.len();
        match why {
            Unmade::NoLane => BuildError::Refused("no lane has such a script".to_owned()),
            Unmade::Dust { places } => {
                let detail = "it is so little that nodes do not relay it (dust)".to_owned();
                if count == 1 { BuildError::Refused(detail) } else { split(&places, detail) }
            }
            Unmade::Heavy { fits } => match means {
                Some(_) if count > 1 => {
                    // Where not even the first has room, nothing is known of the others.
                    let beyond: Vec<usize> =
                        if fits == 0 { vec![0] } else { (fits..count).collect() };
                    split(&beyond, "the transaction would be larger than nodes relay".to_owned())
                }
                Some(Means { lane, wallet, .. }) => self.crowded(lane, wallet),
                None => {
                    let detail = "the replacement would be larger than nodes relay".to_owned();
                    hold(HoldReason::AwaitingFunds, detail)
                }
            },
            Unmade::Short { missing_sat } => self.short(missing_sat, payments, means),
            Unmade::AboveCeiling { fee_sat } => {
                let words = ceiling.limit.words(fee_sat, |sat| self.text(sat));
                hold(HoldReason::FeeAboveCap, words)
            }
        }
    }

    fn short(
        &self,
        missing_sat: u64,
        payments: &[Payment],
        means: Option<Means<'_>>,
    ) -> BuildError {
        let mut detail =
            format!("the lane needs {} more that it may spend now", self.text(missing_sat));
        let arriving = means.map_or(0, |it| it.wallet.arriving_sat);
        if arriving > 0 {
            detail.push_str("; not final yet, of what it was sent: ");
            detail.push_str(&self.text(arriving));
        }
        let dust_sat =
            |it: &Means<'_>| lock::dust_limit_sat(self.parameters.dust_sat_per_kvb, it.lane);
        match means.and_then(|it| beyond(payments, &it, dust_sat(&it))) {
            Some(Beyond::Some(_)) if payments.len() == 1 => {
                detail.push_str("; it is more than all that the lane holds, so others go on");
                hold(HoldReason::MoreThanHeld, detail)
            }
            Some(Beyond::Some(places)) => split(&places, detail),
            Some(Beyond::All) | None => hold(HoldReason::AwaitingFunds, detail),
        }
    }
}

fn split(places: &[usize], detail: String) -> BuildError {
    let alone = places.iter().filter_map(|it| u32::try_from(*it).ok()).collect();
    BuildError::Split { alone, detail }
}

/// What of the payments is too much, if all that the lane has, also what waits for a block or is not
/// final yet, is too little for all of them.
fn beyond(payments: &[Payment], means: &Means<'_>, dust_sat: u64) -> Option<Beyond> {
    let Means { lane, wallet, rate_sat_per_kvb: rate } = *means;
    let bare = Shape::new(LaneKind::of(lane)?, []);
    let input_sat = fees::of_size(rate, bare.input_wu().div_ceil(4));
    let worth = wallet.coins.iter().map(|it| it.value_sat.saturating_sub(input_sat));
    let all = worth.fold(wallet.arriving_sat, u64::saturating_add);
    let price = |it: &Payment| {
        let output = bare.with(&it.script).vsize(0).saturating_sub(bare.vsize(0));
        it.amount_sat.saturating_add(fees::of_size(rate, output))
    };
    let prices: Vec<u64> = payments.iter().map(price).collect();
    let frame_sat = fees::of_size(rate, bare.vsize(0));
    let mut needed = prices.iter().fold(frame_sat, |sum, it| sum.saturating_add(*it));
    let mut sorted: Vec<(usize, u64)> = prices.into_iter().enumerate().collect();
    sorted.sort_by_key(|it| std::cmp::Reverse(it.1));
    let mut alone = vec![];
    for (place, price) in sorted {
        if needed <= all {
            break;
        }
        needed = needed.saturating_sub(price);
        alone.push(place);
    }
    if alone.is_empty() {
        return None;
    }
    // Of several that are all too large, none is sent away from the others.
    let has_some = all > frame_sat.saturating_add(dust_sat);
    if !has_some || (payments.len() > 1 && alone.len() == payments.len()) {
        return Some(Beyond::All);
    }
    alone.sort_unstable();
    Some(Beyond::Some(alone))
}

#[cfg(test)]
mod tests {
    use bitcoin::{BlockHash, OutPoint, ScriptBuf, Txid, hashes::Hash as _};

    use super::*;
    use crate::{
        chain::{Coin, Tip},
        wallet::Unconfirmed,
    };

    /// What of these payments is too much for a lane with these coins, and this on its way.
    fn found(amounts: &[u64], coins: &[u64], arriving_sat: u64) -> Option<Beyond> {
        let lane = ScriptBuf::from([vec![0, 20], vec![7; 20]].concat());
        let coin = |(vout, value_sat): (u32, &u64)| Coin {
            outpoint: OutPoint { txid: Txid::all_zeros(), vout },
            value_sat: *value_sat,
            height: Some(1),
            is_coinbase: false,
        };
        let wallet = Wallet {
            tip: Tip { height: 9, hash: BlockHash::all_zeros() },
            coins: (0..).zip(coins).map(coin).collect(),
            arriving_sat,
            own: Unconfirmed::default(),
            is_idle: true,
        };
        let payment = |it: &u64| Payment { script: lane.clone(), amount_sat: *it };
        let payments: Vec<Payment> = amounts.iter().map(payment).collect();
        beyond(&payments, &Means { lane: &lane, wallet: &wallet, rate_sat_per_kvb: 1_000 }, 294)
    }

    #[test]
    fn the_largest_are_too_much_and_what_arrives_counts() {
        assert_eq!(found(&[5_000, 9_000, 5_000], &[11_000], 0), Some(Beyond::Some(vec![1])));
        assert_eq!(found(&[5_000, 9_000, 5_000], &[11_000], 9_000), None);
        assert_eq!(
            found(&[9_000], &[9_000], 0),
            Some(Beyond::Some(vec![0])),
            "nothing for the fee"
        );
        assert_eq!(found(&[9_000], &[9_300], 0), None);
    }

    #[test]
    fn where_nobody_can_be_paid_nobody_is_sent_away() {
        assert_eq!(found(&[5_000, 9_000], &[4_000], 0), Some(Beyond::All));
        assert_eq!(found(&[5_000, 9_000], &[], 0), Some(Beyond::All));
        assert_eq!(found(&[5_000], &[], 0), Some(Beyond::All), "an empty lane");
        assert_eq!(found(&[5_000], &[300], 0), Some(Beyond::All), "as good as empty");
    }
}
