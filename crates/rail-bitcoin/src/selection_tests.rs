//! The choice against all choices there are, and against another library's.

use std::time::Instant;

use bdk_coin_select::{
    Candidate, ChangePolicy, CoinSelector, DrainWeights, FeeRate, Target, TargetFee, TargetOutputs,
    metrics::LowestFee,
};
use bitcoin::ScriptBuf;
use proptest::{collection::vec, prelude::*};

use super::*;
use crate::{fees, lock::LaneKind, weight::Shape};

const DUST_SAT: u64 = 294;

/// A market, and what is to be paid in it.
#[derive(Clone, Copy, Debug)]
struct Scene {
    rate: u64,
    later: u64,
    paid_sat: u64,
    outputs: usize,
}

impl Scene {
    fn bare(self) -> Shape {
        let script = ScriptBuf::from(vec![0; 22]);
        Shape::new(LaneKind::P2wpkh, (0..self.outputs).map(|_| script.as_script()))
    }

    fn changed(self) -> Shape {
        self.bare().with(&ScriptBuf::from(vec![0; 22]))
    }

    fn fee(self, shape: &Shape, inputs: usize) -> u64 {
        fees::of_size(self.rate, shape.vsize(inputs))
    }

    fn later_sat(self) -> u64 {
        fees::of_size(self.later, 68)
    }

    fn change_min(self) -> u64 {
        DUST_SAT.max(self.later_sat() + 1)
    }

    fn levels(self, most: usize) -> Vec<Level> {
        let mut before = 0;
        let level = |count: usize| {
            let (bare, changed) = (self.fee(&self.bare(), count), self.fee(&self.changed(), count));
            let saved = self.later_sat() * count as u64;
            before = bare.saturating_sub(saved + self.fee(&self.bare(), 0)).max(before);
            Level {
                needed_sat: self.paid_sat + bare,
                change_from_sat: self.paid_sat + changed + self.change_min(),
                waste_sat: before,
                change_waste_sat: changed - bare + self.later_sat(),
            }
        };
        (0..=most).map(level).collect()
    }

    /// Those that are worth spending, the largest first.
    fn worth(self, coins: &[u64]) -> Vec<u64> {
        let cost = fees::of_size(self.rate, 71);
        let mut values: Vec<u64> = coins.iter().copied().filter(|it| *it > cost).collect();
        values.sort_unstable_by(|a, b| b.cmp(a));
        values
    }

    /// What is paid now and, for change, later, in satoshi.
    fn cost(self, count: usize, sum: u64) -> u64 {
        let over = sum - self.paid_sat;
        let change = over.saturating_sub(self.fee(&self.changed(), count));
        if change >= self.change_min() { over - change + self.later_sat() } else { over }
    }
}

fn scenes() -> impl Strategy<Value = Scene> {
    (1_000..200_000_u64, 1_000..20_000_u64, 500..3_000_000_u64, 1..20_usize).prop_map(
        |(rate, later, paid_sat, outputs)| Scene {
            rate,
            later: later.min(rate / 2),
            paid_sat,
            outputs,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// No choice of at most ten coins wastes less, and if there is one that is enough, one is made.
    #[test]
    fn nothing_wastes_less(scene in scenes(), coins in vec(1_000..2_000_000_u64, 0..10)) {
        let values = scene.worth(&coins);
        let levels = scene.levels(values.len());
        let task = Task { values: &values, levels: &levels, useful_sat: scene.paid_sat };
        let all = (0..1_u32 << values.len()).map(|set| -> Vec<usize> {
            (0..values.len()).filter(|at| set >> at & 1 == 1).collect()
        });
        let enough =
            all.filter(|places| task.sum(places) >= levels[places.len()].needed_sat);
        let best = enough.map(|places| task.waste(&places)).min();
        let found = task.choose();
        prop_assert_eq!(found.is_some(), best.is_some());
        if let (Some(places), Some(best)) = (found, best) {
            // Sizes are rounded up to whole virtual bytes, so a choice may look one byte better
            // than it is.
            prop_assert!(task.waste(&places) <= best + fees::of_size(scene.rate, 1));
            prop_assert!(places.is_sorted());
            prop_assert!(task.sum(&places) >= levels[places.len()].needed_sat);
        }
    }

    /// Values of any size, equal ones, and more coins than there is room for.
    #[test]
    fn nothing_is_too_large(values in vec(prop_oneof![any::<u64>(), Just(u64::MAX), Just(7)], 0..40),
        needed: u64, room in 0..50_usize) {
        let mut values = values;
        values.sort_unstable_by(|a, b| b.cmp(a));
        let level = |at: usize| {
            let needed_sat = needed.saturating_add(at as u64);
            let change_from_sat = needed_sat.saturating_add(5);
            Level { needed_sat, change_from_sat, waste_sat: at as u64, change_waste_sat: 9 }
        };
        let levels: Vec<Level> = (0..=room.min(values.len())).map(level).collect();
        let task = Task { values: &values, levels: &levels, useful_sat: u64::MAX };
        if let Some(places) = task.choose() {
            prop_assert!(task.sum(&places) >= levels[places.len()].needed_sat);
        }
    }
}

#[test]
fn change_is_of_use_and_large_coins_stay() {
    let scene = Scene { rate: 10_000, later: 5_000, paid_sat: 100_000, outputs: 1 };
    let choose = |values: &[u64]| {
        let levels = scene.levels(values.len());
        let task = Task { values, levels: &levels, useful_sat: scene.paid_sat };
        task.choose().map(|it| it.into_iter().map(|place| values[place]).collect::<Vec<_>>())
    };
    assert_eq!(choose(&[9_000_000, 500_000, 300_000, 150_000]), Some(vec![300_000]));
    assert_eq!(choose(&[9_000_000, 150_000, 140_000]), Some(vec![9_000_000]));
    assert_eq!(choose(&[180_000, 150_000]), Some(vec![180_000]), "the largest, if none is of use");
    assert_eq!(choose(&[80_000, 70_000, 60_000]), Some(vec![80_000, 70_000]));
    assert_eq!(choose(&[60_000, 40_000]), None, "the fee is missing");
    // 1 in, 1 out are 110 virtual bytes: exactly paid for.
    assert_eq!(choose(&[9_000_000, 500_000, 101_100]), Some(vec![101_100]));
}

/// Numbers that look random.
struct Numbers(u64);

impl Numbers {
    /// Splitmix64 (<https://prng.di.unimi.it/splitmix64.c>).
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut it = self.0;
        it = (it ^ (it >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        it = (it ^ (it >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (it ^ (it >> 31)) % below
    }
}

/// What `bdk_coin_select` 0.4.1 chooses.
fn other(scene: Scene, values: &[u64], rounds: usize) -> Option<(usize, u64)> {
    let rate = |it: u64| FeeRate::from_wu(it, 4_000);
    let input_wu = scene.bare().input_wu();
    let candidate = |value: &u64| Candidate {
        value: *value,
        weight: input_wu,
        input_count: 1,
        is_segwit: true,
    };
    let candidates: Vec<Candidate> = values.iter().map(candidate).collect();
    let drain_weights = DrainWeights { output_weight: 124, spend_weight: input_wu, n_outputs: 1 };
    let target = Target {
        fee: TargetFee { rate: rate(scene.rate), replace: None },
        outputs: TargetOutputs {
            value_sum: scene.paid_sat,
            weight_sum: 124 * scene.outputs as u64,
            n_outputs: scene.outputs,
        },
    };
    let metric = LowestFee {
        target,
        long_term_feerate: rate(scene.later),
        change_policy: ChangePolicy::min_value(drain_weights, scene.change_min() - 1),
    };
    let mut selector = CoinSelector::new(&candidates);
    if selector.run_bnb(metric, rounds).is_err() {
        selector.sort_candidates_by_descending_value_pwu();
        selector.select_until_target_met(target).ok()?;
    }
    Some((selector.selected().count(), selector.selected_value()))
}

/// Costs of one library's choices, in satoshi.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    /// Paid now and for the change later.
    cost: u64,
    /// What the coins that were spent need not pay later.
    saved: u64,
    micros: u128,
}

impl Sum {
    fn add(&mut self, scene: Scene, (count, sum): (usize, u64), begin: Instant) {
        self.micros += begin.elapsed().as_micros();
        self.cost += scene.cost(count, sum);
        self.saved += scene.later_sat() * count as u64;
    }
}

/// `cargo test -p rail-bitcoin selection -- --nocapture` prints what both cost.
#[test]
#[expect(clippy::disallowed_methods, reason = "both are timed")]
fn costs_no_more_than_the_library() {
    println!(
        "| coins | sat/vB | fees: ours | library | saved: ours | library | ms: ours | library |"
    );
    let mut numbers = Numbers(1);
    for (count, rounds) in [(10, 100), (50, 10), (500, 2)] {
        for rate in [1_000, 10_000, 100_000] {
            let (mut ours, mut theirs) = (Sum::default(), Sum::default());
            for _ in 0..rounds {
                let coins: Vec<u64> =
                    (0..count).map(|_| 10_000 + numbers.next(2_000_000)).collect();
                let (paid_sat, outputs) = (50_000 + numbers.next(3_000_000), 10);
                let scene = Scene { rate, later: 10_000.min(rate / 2), paid_sat, outputs };
                let values = scene.worth(&coins);
                let levels = scene.levels(values.len());
                let task = Task { values: &values, levels: &levels, useful_sat: paid_sat };
                let begin = Instant::now();
                let Some(found) = task.choose() else { continue };
                ours.add(scene, (found.len(), task.sum(&found)), begin);
                let begin = Instant::now();
                theirs.add(scene, other(scene, &values, 2_000).unwrap(), begin);
            }
            let ms = [ours.micros / 1_000, theirs.micros / 1_000];
            println!(
                "| {count} | {} | {} | {} | {} | {} | {} | {} |",
                rate / 1_000,
                ours.cost,
                theirs.cost,
                ours.saved,
                theirs.saved,
                ms[0],
                ms[1],
            );
            assert!(
                ours.cost + theirs.saved <= theirs.cost + ours.saved,
                "{count} coins at {rate}"
            );
        }
    }
}

/// Why it is not the library that chooses: it counts in floats of 32 bits, and with coins of some
/// thousand whole ones an assertion of it fails (`metrics/lowest_fee.rs`).
#[test]
#[should_panic(expected = "ideal_fee >= 0.0")]
fn the_library_cannot_count_large_coins() {
    let mut numbers = Numbers(3);
    for _ in 0..30 {
        let coins: Vec<u64> =
            (0..30).map(|_| 1_000_000_000 + numbers.next(1_000_000_000_000)).collect();
        let paid_sat = 5_000_000_000_000 + numbers.next(1_000_000_000_000);
        let scene = Scene { rate: 5_000, later: 2_500, paid_sat, outputs: 2 };
        let _ = other(scene, &scene.worth(&coins), 1_000);
    }
}
