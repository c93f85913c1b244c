//! What one wallet brought another, by what the chain says.

use super::{
    TRX,
    audit::Findings,
    setup::{BELOW_SUN, UP_TO_SUN},
};

/// How many sun were brought in all.
pub(super) fn sum(found: &Findings) -> u128 {
    found.transfers.iter().map(|it| it.sun).sum()
}

/// Says what is wrong: a shortage that was answered twice leaves the wallet with much more than it is
/// to have, and within the day of the test there is a limit. `drained` is what the test took out of
/// the wallet, each time after the block of that number; `first` is what it had in the beginning.
pub(super) fn complaints(
    found: &Findings,
    first: u128,
    drained: &[(i64, u128)],
    daily_max: u128,
) -> Vec<String> {
    let mut complaints = Vec::new();
    for transfer in &found.transfers {
        let has = held_after(found, first, drained, transfer.block);
        // What is brought is what was lacking when it was asked for.
        if has.is_none_or(|it| it > UP_TO_SUN + BELOW_SUN) {
            let (block, sun) = (transfer.block, TRX.text(transfer.sun));
            complaints
                .push(format!("{sun} were brought in block {block}, so that there are {has:?}"));
        }
    }
    let (count, sum) = (found.transfers.len(), sum(found));
    println!("top-ups: {count}, {} in all", TRX.text(sum));
    if sum > daily_max {
        complaints.push(format!("{} were brought within a day", TRX.text(sum)));
    }
    complaints
}

/// What the wallet that pays had after a block, in sun; `None` if it had less than nothing.
fn held_after(found: &Findings, first: u128, drained: &[(i64, u128)], block: i64) -> Option<u128> {
    let flows: i128 = found.flows.iter().filter(|it| it.0 <= block).map(|it| it.1).sum();
    let drained: u128 = drained.iter().filter(|it| it.0 < block).map(|it| it.1).sum();
    first.checked_add_signed(flows)?.checked_sub(drained)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kill::tron::audit::Transfer;

    #[test]
    fn a_shortage_that_was_answered_twice_is_seen() {
        let transfer = |block| Transfer { block, sun: UP_TO_SUN };
        let flow = |block| (block, i128::try_from(UP_TO_SUN).unwrap());
        let found = |blocks: &[i64]| Findings {
            transfers: blocks.iter().map(|it| transfer(*it)).collect(),
            flows: blocks.iter().map(|it| flow(*it)).collect(),
            ..Findings::default()
        };
        let check = |blocks: &[i64], drained: &[(i64, u128)], daily_max| {
            complaints(&found(blocks), UP_TO_SUN, drained, daily_max).len()
        };
        let drained = [(3, UP_TO_SUN)];
        assert_eq!(check(&[5], &drained, UP_TO_SUN), 0);
        assert_eq!(check(&[5, 6], &drained, 2 * UP_TO_SUN), 1);
        assert_eq!(check(&[5], &drained, UP_TO_SUN - 1), 1);
        assert_eq!(check(&[5], &[], UP_TO_SUN), 1);
        assert_eq!(check(&[3], &drained, UP_TO_SUN), 1, "it was not needed yet");
    }
}
