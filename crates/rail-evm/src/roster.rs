//! What is known of a network's endpoints, and whom to ask because of it. Pure.
//!
//! There is no clock here. Time is counted in turns: one passes with each question that has to
//! choose among the endpoints.

/// How many turns an endpoint is left out at most, however often it has failed.
const RESTS_MAX: u32 = 256;
/// One of so many turns asks all endpoints, as a power of two.
const ROUND_OF_TURNS_LOG2: u32 = 4;
/// How far one of two may be ahead of what was known before, in `lag_blocks_max` (about a minute's
/// blocks): a day's.
const LEAP_OF_LAGS: u64 = 24 * 60;

/// What is known of one endpoint.
#[derive(Clone, Debug, Default)]
struct Health {
    /// Whether it was found to be on the network's chain since it failed last.
    chain_is_right: bool,
    /// The height of the latest block that it told, unless it has failed since.
    head: Option<u64>,
    /// How often it has failed in a row.
    failures: u32,
    /// How many turns it is still left out.
    rests: u32,
    /// Whether it lagged, or was absurdly far ahead, when all told their latest blocks last.
    is_apart: bool,
}

/// The endpoints of one network, in the configured order.
#[derive(Clone, Debug)]
pub(crate) struct Roster {
    all: Vec<Health>,
    lag_blocks_max: u64,
    turns: u64,
    /// The highest block that was believed, once two endpoints told theirs; 0 before.
    believed: u64,
}

impl Roster {
    /// A roster of `count` endpoints of which nothing is known.
    pub(crate) fn new(count: usize, lag_blocks_max: u64) -> Self {
        Self { all: vec![Health::default(); count], lag_blocks_max, turns: 0, believed: 0 }
    }

    /// Whether this is a turn in which all are asked. The first is one.
    pub(crate) fn round_is_due(&mut self) -> bool {
        let mixed = mixed(self.turns);
        self.turns = self.turns.wrapping_add(1);
        mixed >> (u64::BITS - ROUND_OF_TURNS_LOG2) == 0
    }

    /// All endpoints in the order in which to ask until one answers: those that answer and do not
    /// lag, those that lag, those that failed lately; in each group as configured.
    pub(crate) fn in_order(&mut self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.all.len()).collect();
        order.sort_by_key(|at| (self.rests(*at), self.lags(*at)));
        self.turn();
        order
    }

    /// The endpoints to ask at once: those that did not fail lately, even if they are fewer than a
    /// quorum, for one that hangs would hold up everything each time; all if there are none.
    pub(crate) fn at_once(&mut self) -> Vec<usize> {
        let all = 0..self.all.len();
        let mut asked: Vec<usize> = all.clone().filter(|at| !self.rests(*at)).collect();
        if asked.is_empty() {
            asked = all.collect();
        }
        self.turn();
        asked
    }

    fn turn(&mut self) {
        for it in &mut self.all {
            it.rests = it.rests.saturating_sub(1);
        }
    }

    fn rests(&self, at: usize) -> bool {
        self.all.get(at).is_some_and(|it| it.rests > 0)
    }

    /// Whether an endpoint's latest block is too far behind.
    pub(crate) fn lags(&self, at: usize) -> bool {
        let head = self.all.get(at).and_then(|it| it.head);
        let (Some(head), Some(known)) = (head, self.known_head()) else { return false };
        head.saturating_add(self.lag_blocks_max) < known
    }

    /// The height that others are measured by: the highest, or, where three or more tell one, the
    /// second highest, so that nobody is first by a claim that no other bears out. Of two, the
    /// higher is believed unless it is absurdly far ahead.
    fn known_head(&self) -> Option<u64> {
        let mut heads: Vec<u64> = self.all.iter().filter_map(|it| it.head).collect();
        heads.sort_unstable_by_key(|head| std::cmp::Reverse(*head));
        match heads.as_slice() {
            [_, second, _, ..] => Some(*second),
            [first, second] if self.is_absurd(*first, *second) => Some(*second),
            [first, ..] => Some(*first),
            [] => None,
        }
    }

    /// Whether a block is too far ahead of another and of all that was believed before to be the
    /// chain's.
    fn is_absurd(&self, head: u64, other: u64) -> bool {
        let leap_max = self.lag_blocks_max.saturating_mul(LEAP_OF_LAGS);
        head > other.max(self.believed).saturating_add(leap_max)
    }

    /// Takes down how far the chain has come. Two that answer are the beginning; from there on, one
    /// may go on alone, as far as it does not leap.
    fn believe(&mut self) {
        let told = self.all.iter().filter(|it| it.head.is_some()).count();
        let Some(known) = self.known_head() else { return };
        if told > 1 || !self.is_absurd(known, 0) {
            self.believed = self.believed.max(known);
        }
    }

    /// Takes down the latest block that an endpoint told.
    pub(crate) fn told_head(&mut self, at: usize, head: u64) {
        if let Some(it) = self.all.get_mut(at) {
            it.head = Some(head);
        }
        self.believe();
    }

    /// Takes down that an endpoint is on the network's chain.
    pub(crate) fn chain_is_right(&mut self, at: usize) {
        if let Some(it) = self.all.get_mut(at) {
            it.chain_is_right = true;
        }
    }

    /// Whether an endpoint is known to be on the network's chain.
    pub(crate) fn is_checked(&self, at: usize) -> bool {
        self.all.get(at).is_some_and(|it| it.chain_is_right)
    }

    /// Takes down that an endpoint answered.
    pub(crate) fn answered(&mut self, at: usize) {
        if let Some(it) = self.all.get_mut(at) {
            (it.failures, it.rests) = (0, 0);
        }
    }

    /// Takes down that an endpoint did not answer, or nothing that makes sense. Whatever was known
    /// of it is forgotten, for another node may answer there next; and each failure doubles the
    /// number of turns for which it is left out.
    pub(crate) fn failed(&mut self, at: usize) {
        if let Some(it) = self.all.get_mut(at) {
            let failures = it.failures.saturating_add(1);
            let rests = 1_u32.checked_shl(failures).unwrap_or(RESTS_MAX).min(RESTS_MAX);
            *it = Health { failures, rests, ..Health::default() };
        }
    }

    /// The latest block that an endpoint told, unless it has failed since.
    pub(crate) fn head(&self, at: usize) -> Option<u64> {
        self.all.get(at).and_then(|it| it.head)
    }

    /// Takes down who is not where the others are. Only to be asked for when all that answer have
    /// told their latest blocks at the same time: of others, one is older than the other.
    pub(crate) fn compare_heads(&mut self) {
        let known = self.known_head();
        for at in 0..self.all.len() {
            let head = self.head(at);
            let is_ahead = |(head, known)| self.is_absurd(head, known);
            let is_apart = self.lags(at) || head.zip(known).is_some_and(is_ahead);
            if let Some(it) = self.all.get_mut(at) {
                it.is_apart = is_apart;
            }
        }
    }

    /// The endpoints that answer, and lagged or were absurdly far ahead at the last comparison.
    pub(crate) fn apart(&self) -> impl Iterator<Item = usize> {
        let all = self.all.iter().enumerate();
        all.filter(|(_, it)| it.failures == 0 && it.is_apart).map(|(at, _)| at)
    }

    /// The endpoints whose last question was not answered.
    pub(crate) fn silent(&self) -> impl Iterator<Item = usize> {
        self.all.iter().enumerate().filter(|(_, it)| it.failures > 0).map(|(at, _)| at)
    }
}

/// Scatters consecutive numbers, so that no batch that is looked at in a fixed rhythm is always
/// passed over. The function of `SplitMix64` (<https://prng.di.unimi.it/splitmix64.c>); 0 stays 0.
fn mixed(number: u64) -> u64 {
    let mut mixed = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
#[path = "roster_tests.rs"]
mod tests;
