//! Compares what was wanted with what the chain and the gateway say.

use std::collections::BTreeMap;

use super::workload::{End, REFUSED, Wanted};

/// What each recipient got: one amount in smallest units for each payment, by its place, as
/// [`Wanted::place`] has it.
pub(crate) type Payments = BTreeMap<String, Vec<u128>>;

/// The statuses that the gateway reports, by reference.
pub(crate) type Statuses = BTreeMap<String, String>;

/// The verdict. Every payout is counted in one of paid, unpaid, lost and stuck.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Payouts that arrived, and of which the gateway knows.
    pub(crate) paid: usize,
    /// Payouts that were not to arrive, did not, and of which the gateway knows.
    pub(crate) unpaid: usize,
    /// Payments beyond the first to the same recipient.
    pub(crate) duplicates: usize,
    /// Payouts that the gateway calls ended and that did not end on the chain as they were to.
    pub(crate) losses: usize,
    /// Payouts that have not ended, or of which the gateway does not know that they have.
    pub(crate) stuck: usize,
}

impl Counts {
    /// Whether everything ended as it was to.
    pub(crate) fn is_clean(&self) -> bool {
        self.duplicates == 0 && self.losses == 0 && self.stuck == 0
    }
}

/// Says in words what is wrong with a payout, if anything is.
pub(crate) fn complaint(wanted: &Wanted, amounts: &[u128], status: Option<&str>) -> Option<String> {
    let payments = Payments::from([(wanted.place.clone(), amounts.to_vec())]);
    let statuses = status.map(|it| (wanted.reference.clone(), it.to_owned())).into_iter().collect();
    let is_clean = judge(std::slice::from_ref(wanted), &payments, &statuses).is_clean();
    (!is_clean).then(|| format!("wrong: {wanted:?} got {amounts:?} and is {status:?}"))
}

/// Compares what was wanted with what the chain and the gateway say.
pub(crate) fn judge(plan: &[Wanted], payments: &Payments, statuses: &Statuses) -> Counts {
    let mut counts = Counts::default();
    for wanted in plan {
        let amounts = payments.get(&wanted.place).map_or(&[][..], Vec::as_slice);
        let status = statuses.get(&wanted.reference).map(String::as_str);
        counts.duplicates += amounts.len().saturating_sub(1);
        let has_arrived = amounts.contains(&wanted.units);
        match (status, wanted.end) {
            (Some("paid"), End::Paid) if has_arrived => counts.paid += 1,
            (Some("fail" | "cancel"), End::Unpaid) if amounts.is_empty() => counts.unpaid += 1,
            (Some(REFUSED), End::Refused) if amounts.is_empty() => counts.unpaid += 1,
            (Some("paid" | "fail" | "system_fail" | "cancel" | REFUSED), _) => counts.losses += 1,
            (Some(_) | None, _) => counts.stuck += 1,
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kill::evm;

    fn wanted(end: End) -> Wanted {
        let (reference, address, place) = ("r".into(), "0xa".into(), "0xa".into());
        let asset = evm::ETH;
        Wanted { reference, address, place, asset, units: 5, gift: 0, end, approval: None }
    }

    fn counts(amounts: &[u128], status: Option<&str>) -> Counts {
        counts_of(wanted(End::Paid), amounts, status)
    }

    fn counts_of(wanted: Wanted, amounts: &[u128], status: Option<&str>) -> Counts {
        let payments = Payments::from([("0xa".into(), amounts.to_vec())]);
        let statuses: Statuses = status.map(|it| ("r".into(), it.into())).into_iter().collect();
        judge(&[wanted], &payments, &statuses)
    }

    #[test]
    fn every_way_to_be_wrong_is_counted() {
        let clean = Counts { paid: 1, ..Counts::default() };
        assert_eq!(counts(&[5], Some("paid")), clean);
        assert_eq!(counts(&[5, 5], Some("paid")), Counts { duplicates: 1, ..clean });
        assert_eq!(counts(&[4], Some("paid")), Counts { losses: 1, ..Counts::default() });
        assert_eq!(counts(&[], Some("fail")), Counts { losses: 1, ..Counts::default() });
        assert_eq!(counts(&[5], Some("system_fail")), Counts { losses: 1, ..Counts::default() });
        assert_eq!(counts(&[], Some("process")), Counts { stuck: 1, ..Counts::default() });
        assert_eq!(counts(&[5], None), Counts { stuck: 1, ..Counts::default() });
        assert!(clean.is_clean() && !counts(&[5, 5], Some("paid")).is_clean());
    }

    #[test]
    fn what_was_not_to_be_paid_must_not_arrive() {
        let counts = |amounts: &[u128], status| counts_of(wanted(End::Unpaid), amounts, status);
        let unpaid = Counts { unpaid: 1, ..Counts::default() };
        let lost = Counts { losses: 1, ..Counts::default() };
        assert_eq!(counts(&[], Some("fail")), unpaid);
        assert_eq!(counts(&[], Some("cancel")), unpaid);
        assert_eq!(counts(&[5], Some("fail")), lost);
        assert_eq!(counts(&[5], Some("paid")), lost);
        assert_eq!(counts(&[], Some("paid")), lost);
        assert_eq!(counts(&[], Some("process")), Counts { stuck: 1, ..Counts::default() });
        assert_eq!(counts(&[], Some(REFUSED)), lost);
        let refused =
            |amounts: &[u128], status| counts_of(wanted(End::Refused), amounts, Some(status));
        assert_eq!(refused(&[], REFUSED), unpaid);
        assert_eq!(refused(&[5], REFUSED), lost);
        assert_eq!(refused(&[], "paid"), lost);
    }
}
