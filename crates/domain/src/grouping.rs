//! Which queued payouts travel together.

use crate::payout::Payout;

/// Splits a lane's queue, oldest first, into batches of at most `batch_max` payouts, and no more
/// batches than `room`. What does not fit stays queued.
pub fn group(queued: Vec<Payout>, batch_max: u32, room: u32) -> Vec<Vec<Payout>> {
    let batch_max = usize::try_from(batch_max.max(1)).unwrap_or(usize::MAX);
    let room = usize::try_from(room).unwrap_or(usize::MAX);
    let mut groups: Vec<Vec<Payout>> = vec![];
    for payout in queued {
        let made = groups.len();
        match groups.last_mut() {
            Some(group) if group.len() < batch_max => group.push(payout),
            _ if made < room => groups.push(vec![payout]),
            _ => break,
        }
    }
    groups
}
