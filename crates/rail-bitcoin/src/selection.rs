//! Which coins a transaction spends.
//!
//! All coins of a lane cost the same to spend, whatever they are worth, so a choice is judged by how
//! many it takes and what it leaves over. Without change, what is left over goes to the fee. With
//! change, an output is paid for now and its spending later. The sum of that, above what the coins
//! would cost to spend at another time, is the waste
//! (<https://bitcoin.stackexchange.com/questions/113622>); the choice that wastes least is taken.
//!
//! With change the fewest coins waste least, and those are the largest. Without, a search by branch
//! and bound looks for coins that come out even (Murch, "An Evaluation of Coin Selection
//! Strategies", 2016; `SelectCoinsBnB` in Bitcoin Core's `wallet/coinselection.cpp`).

/// How many steps the search may take; Bitcoin Core's `TOTAL_TRIES`.
const STEPS_MAX: u32 = 100_000;

/// What it means to choose so many coins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_field_names, reason = "units stand last")]
pub(crate) struct Level {
    /// What they must be worth together, in satoshi.
    pub(crate) needed_sat: u64,
    /// From which sum on there is change, in satoshi; not less.
    pub(crate) change_from_sat: u64,
    /// What it wastes to spend them now, in satoshi; never falls from level to level.
    pub(crate) waste_sat: u64,
    /// What change wastes besides, in satoshi.
    pub(crate) change_waste_sat: u64,
}

/// A choice to be made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Task<'a> {
    /// What each coin is worth, in satoshi, falling. Each is worth more than it costs to spend.
    pub(crate) values: &'a [u64],
    /// What it means to choose none, one, two and so on, as far as there is room. Not empty.
    pub(crate) levels: &'a [Level],
    /// What change should be worth, in satoshi, so that it is of use for the next payments.
    pub(crate) useful_sat: u64,
}

impl Task<'_> {
    /// Chooses coins by their places, rising, or says that no choice is enough.
    pub(crate) fn choose(&self) -> Option<Vec<usize>> {
        let with_change = self.fewest(|level| level.change_from_sat).map(|count| {
            let places = self.with_useful_change(count);
            (self.waste(&places), places)
        });
        let fallback = with_change.or_else(|| {
            let places: Vec<usize> = (0..self.fewest(|level| level.needed_sat)?).collect();
            Some((self.waste(&places), places))
        });
        let (waste, places) = fallback?;
        Some(self.search(waste).unwrap_or(places))
    }

    /// How many of the largest it takes.
    fn fewest(&self, wanted: impl Fn(&Level) -> u64) -> Option<usize> {
        let mut sum = 0_u64;
        for (count, level) in self.levels.iter().enumerate() {
            if sum >= wanted(level) {
                return Some(count);
            }
            sum = sum.saturating_add(*self.values.get(count)?);
        }
        None
    }

    /// So many coins with change: the largest, but in place of the last of them the smallest that
    /// leaves useful change. It wastes no more, and leaves larger coins to other transactions that
    /// are made meanwhile.
    fn with_useful_change(&self, count: usize) -> Vec<usize> {
        let mut places: Vec<usize> = (0..count).collect();
        let Some(last) = places.pop() else { return places };
        let sum = self.sum(&places);
        let wanted = self.levels[count].change_from_sat.saturating_add(self.useful_sat);
        let suffices = |value: &u64| sum.saturating_add(*value) >= wanted;
        let suffice = self.values[last..].partition_point(suffices);
        places.push(last + suffice.saturating_sub(1));
        places
    }

    fn sum(&self, places: &[usize]) -> u64 {
        places.iter().fold(0, |sum, place| sum.saturating_add(self.values[*place]))
    }

    /// What a choice wastes that is enough.
    fn waste(&self, places: &[usize]) -> u64 {
        self.waste_of(places.len(), self.sum(places))
    }

    fn waste_of(&self, count: usize, sum: u64) -> u64 {
        let level = self.levels[count];
        let beside = if sum >= level.change_from_sat {
            level.change_waste_sat
        } else {
            sum.saturating_sub(level.needed_sat)
        };
        level.waste_sat.saturating_add(beside)
    }

    /// Looks for coins without change that waste less. Takes each coin first and leaves it then;
    /// turns round where the coins are too many or too much, where all that are left are too
    /// little, and where the waste is as much as that of the best found.
    fn search(&self, mut best: u64) -> Option<Vec<usize>> {
        let left = self.left();
        if left[0] == u64::MAX {
            // More than there is of any coin: somebody errs, and sums cannot be relied on.
            return None;
        }
        let (mut chosen, mut sum, mut at) = (Vec::new(), 0_u64, 0);
        let mut found = None;
        for _ in 0..STEPS_MAX {
            let level = self.levels[chosen.len()];
            let enough = sum >= level.needed_sat;
            if enough && sum < level.change_from_sat {
                let waste = self.waste_of(chosen.len(), sum);
                if waste < best {
                    best = waste;
                    found = Some(chosen.clone());
                }
            }
            let out_of_reach = sum.saturating_add(left[at]) < level.needed_sat;
            let last_level = chosen.len() + 1 == self.levels.len() || at == self.values.len();
            if !enough && !out_of_reach && !last_level && level.waste_sat < best {
                sum += self.values[at];
                chosen.push(at);
                at += 1;
                continue;
            }
            let Some(last) = chosen.pop() else { break };
            let value = self.values[last];
            sum -= value;
            // Another coin of the same worth would do no better.
            at = last + 1 + self.values[last + 1..].iter().take_while(|it| **it == value).count();
        }
        found
    }

    /// What the coins from each place on are worth together.
    fn left(&self) -> Vec<u64> {
        let mut left = vec![0; self.values.len() + 1];
        for (at, value) in self.values.iter().enumerate().rev() {
            left[at] = value.saturating_add(left[at + 1]);
        }
        left
    }
}

#[cfg(test)]
#[path = "selection_tests.rs"]
mod tests;
