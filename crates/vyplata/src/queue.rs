//! A bounded queue that is fair to whoever asks: each has a line of their own, and they are served in
//! turn, one of each.
//!
//! When it is full, room for one more is taken from whoever has most waiting. So somebody who floods
//! it waits behind their own requests, and is refused before anybody who asks for less.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use domain::ids::MerchantId;
use tokio::sync::Notify;

/// Whose line something waits in; nobody's are what the gateway asks of itself.
pub(crate) type Owner = Option<MerchantId>;

/// The lines, and whose turn it is. Pure.
struct Lines<T> {
    by_owner: BTreeMap<Owner, VecDeque<T>>,
    /// Those who have something waiting, in the order of their turns.
    turns: VecDeque<Owner>,
    count: usize,
    count_max: usize,
}

impl<T> Lines<T> {
    fn new(count_max: usize) -> Self {
        Self { by_owner: BTreeMap::new(), turns: VecDeque::new(), count: 0, count_max }
    }

    /// Puts one more at the end of its owner's line. If there is no room, gives back what has to go:
    /// the last in the longest line, which may be the new one.
    fn push(&mut self, owner: Owner, item: T) -> Option<T> {
        let mut out = None;
        if self.count >= self.count_max {
            let own = self.by_owner.get(&owner).map_or(0, VecDeque::len);
            let Some(longest) = self.longest_above(own + 1) else { return Some(item) };
            out = self.by_owner.get_mut(&longest).and_then(VecDeque::pop_back);
            self.count -= 1;
        }
        let line = self.by_owner.entry(owner).or_default();
        if line.is_empty() {
            self.turns.push_back(owner);
        }
        line.push_back(item);
        self.count += 1;
        out
    }

    /// Whose line is the longest of those that are longer than this.
    fn longest_above(&self, length: usize) -> Option<Owner> {
        let longest = self.by_owner.iter().max_by_key(|it| it.1.len());
        longest.filter(|it| it.1.len() > length).map(|it| *it.0)
    }

    /// Takes up to so many: the first of each line in turn.
    fn take(&mut self, most: usize) -> Vec<T> {
        let mut taken = Vec::with_capacity(self.count.min(most));
        while taken.len() < most {
            let Some(owner) = self.turns.pop_front() else { break };
            let Some(line) = self.by_owner.get_mut(&owner) else { continue };
            taken.extend(line.pop_front());
            if line.is_empty() {
                self.by_owner.remove(&owner);
            } else {
                self.turns.push_back(owner);
            }
        }
        self.count -= taken.len();
        taken
    }
}

/// The queue: many ask, one serves.
pub(crate) struct Queue<T> {
    state: Mutex<State<T>>,
    /// Rings when there is something, or nobody will ask any more.
    rang: Notify,
}

struct State<T> {
    lines: Lines<T>,
    /// How many must wait before whoever serves is waked.
    wanted: usize,
    is_closed: bool,
}

impl<T> Queue<T> {
    /// A queue in which so many may wait.
    pub(crate) fn new(count_max: usize) -> Self {
        let state = State { lines: Lines::new(count_max), wanted: 1, is_closed: false };
        Self { state: Mutex::new(state), rang: Notify::new() }
    }

    /// Puts something at the end of its owner's line. Gives back what there is no room for any more:
    /// this, or the last of whoever has more waiting.
    #[must_use]
    pub(crate) fn push(&self, owner: Owner, item: T) -> Option<T> {
        let mut state = self.state();
        if state.is_closed {
            return Some(item);
        }
        let out = state.lines.push(owner, item);
        let is_enough = state.lines.count == state.wanted;
        drop(state);
        if is_enough {
            self.rang.notify_one();
        }
        out
    }

    /// Waits until at least so many wait, and takes up to `most`. Takes what there is when the queue is
    /// closed, and then nothing.
    pub(crate) async fn take(&self, least: usize, most: usize) -> Vec<T> {
        loop {
            if let Some(taken) = self.take_at_once(least, most) {
                return taken;
            }
            self.rang.notified().await;
        }
    }

    fn take_at_once(&self, least: usize, most: usize) -> Option<Vec<T>> {
        let mut state = self.state();
        state.wanted = least;
        let is_enough = state.lines.count >= least || state.is_closed;
        is_enough.then(|| state.lines.take(most))
    }

    /// Nothing comes any more; what waits is still served.
    pub(crate) fn close(&self) {
        self.state().is_closed = true;
        self.rang.notify_one();
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn merchant(name: u8) -> MerchantId {
        MerchantId(name.into())
    }

    #[test]
    fn each_is_served_in_turn_and_in_their_own_order() {
        let mut lines = Lines::new(10);
        for item in ["a1", "a2", "a3", "a4", "b1", "c1", "c2"] {
            assert_eq!(lines.push(Some(merchant(item.as_bytes()[0])), item), None);
        }
        assert_eq!(lines.take(4), ["a1", "b1", "c1", "a2"]);
        assert_eq!(lines.push(Some(merchant(b'd')), "d1"), None);
        assert_eq!(lines.take(10), ["c2", "a3", "d1", "a4"]);
        assert_eq!(lines.take(10), [""; 0]);
        assert!(lines.by_owner.is_empty() && lines.turns.is_empty());
    }

    #[test]
    fn when_it_is_full_whoever_has_most_waiting_is_refused() {
        let mut lines = Lines::new(4);
        for item in 1..=4 {
            assert_eq!(lines.push(Some(merchant(1)), item), None);
        }
        assert_eq!(lines.push(Some(merchant(1)), 5), Some(5));
        assert_eq!(lines.push(Some(merchant(2)), 6), Some(4));
        assert_eq!(lines.push(Some(merchant(2)), 7), Some(3));
        assert_eq!(lines.push(Some(merchant(2)), 8), Some(8));
        assert_eq!(lines.push(None, 9), Some(7));
        assert_eq!(lines.take(9), [1, 6, 9, 2]);
    }

    proptest! {
        /// Nobody is refused who has fewer waiting than their part of the room, nothing is lost or
        /// served twice, and everybody's own order is kept.
        #[test]
        fn it_is_fair_and_loses_nothing(
            steps in vec((0_u8..5, prop::option::weighted(0.2, 0_usize..6)), 0..200),
            count_max in 1_usize..20,
        ) {
            let mut lines = Lines::new(count_max);
            let (mut gone, mut last) = (vec![], BTreeMap::new());
            let mut served = |taken: Vec<(Owner, usize)>, gone: &mut Vec<usize>| {
                for (owner, number) in taken {
                    let before = last.insert(owner, number);
                    prop_assert!(before < Some(number));
                    gone.push(number);
                }
                Ok(())
            };
            for (number, (owner, taken)) in steps.iter().enumerate() {
                let owner = Some(merchant(*owner));
                let out = lines.push(owner, (owner, number));
                if let Some((refused, number)) = out {
                    let left = lines.by_owner.get(&refused).map_or(0, VecDeque::len);
                    let most = lines.by_owner.values().map(VecDeque::len).max().unwrap_or(0);
                    prop_assert!(left + 1 >= most, "{left} of {most}");
                    prop_assert!((left + 1) * lines.by_owner.len().max(1) >= count_max);
                    gone.push(number);
                }
                prop_assert!(lines.count <= count_max);
                let total: usize = lines.by_owner.values().map(VecDeque::len).sum();
                prop_assert_eq!(total, lines.count);
                if let Some(most) = taken {
                    let taken = lines.take(*most);
                    prop_assert!(taken.len() <= *most);
                    served(taken, &mut gone)?;
                }
            }
            served(lines.take(usize::MAX), &mut gone)?;
            gone.sort_unstable();
            prop_assert!(gone.into_iter().eq(0..steps.len()));
        }
    }

    #[tokio::test]
    async fn nothing_is_taken_before_there_is_enough_or_the_end() {
        let queue = Queue::new(9);
        assert_eq!(queue.push(None, 1), None);
        let mut taken = Box::pin(queue.take(2, 9));
        assert_eq!((&mut taken).now_or_never(), None);
        assert_eq!(queue.push(None, 2), None);
        assert_eq!(taken.await, [1, 2]);
        let taken = Box::pin(queue.take(2, 9));
        assert_eq!(taken.now_or_never(), None);
        assert_eq!(queue.push(None, 3), None);
        assert_eq!(queue.take(1, 9).await, [3], "whoever waited for more has gone away");
        assert_eq!(queue.push(None, 4), None);
        let mut taken = Box::pin(queue.take(2, 9));
        assert_eq!((&mut taken).now_or_never(), None);
        queue.close();
        assert_eq!(taken.await, [4]);
    }

    #[tokio::test]
    async fn what_waits_is_served_after_the_end() {
        let queue = Queue::new(2);
        assert_eq!(queue.push(None, 1), None);
        queue.close();
        assert_eq!(queue.push(None, 2), Some(2));
        assert_eq!((queue.take(1, 9).await, queue.take(1, 9).await), (vec![1], vec![]));
    }
}
