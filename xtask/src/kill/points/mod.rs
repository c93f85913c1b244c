//! The systematic kill test: the gateway is killed at every crash point that it has, while it does
//! what leads there.
//!
//! Each start is armed for the next death, so that what the last one left is taken up under the
//! next one's threat; meanwhile fees change, so that signing again would give another transaction.
//! In the end it starts unarmed, everything comes to its end, and payments are counted.
//!
//! What has to happen on the chain so that a point is reached is the chain's: [`super::chain::Repertoire::act`].

pub(crate) mod ordeal;
mod scene;

use std::{collections::BTreeSet, path::Path, time::Instant};

use anyhow::{Result, ensure};

use super::{Options, chain::Theatre, judge::Counts, settle::Verdict};
use ordeal::Ordeal;
use scene::{Death, out_of_reach};

/// What the deaths came to.
#[derive(Default)]
struct Tally {
    /// The points.
    points: BTreeSet<String>,
    /// The deaths that were not died.
    missed: Vec<Death>,
    /// The rail.
    rail: &'static str,
}

impl Tally {
    /// The points at which every death was died.
    fn reached(&self) -> usize {
        let missed: BTreeSet<&str> = self.missed.iter().map(|it| it.point.as_str()).collect();
        self.points.len() - missed.len()
    }

    fn line(&self, payouts: usize, counts: Counts) -> String {
        let Counts { paid, unpaid, duplicates, losses, stuck } = counts;
        format!(
            "kill: rail={} points={} reached={} payouts={payouts} paid={paid} unpaid={unpaid} \
             duplicates={duplicates} losses={losses} stuck={stuck}",
            self.rail,
            self.points.len(),
            self.reached(),
        )
    }
}

/// Runs the test on a chain, with a gateway that has crash points, and whose files go to `folder`.
///
/// # Errors
/// If the test itself cannot go on.
pub(crate) fn run<T: Theatre>(
    chain: T,
    program: &Path,
    folder: &Path,
    options: Options,
    times: usize,
) -> Result<Verdict> {
    let mut ordeal = Ordeal::set(chain, program, folder, options)?;
    let plays = ordeal.chain.plays();
    let (points, left_out): (Vec<String>, Vec<String>) =
        ordeal.points()?.into_iter().partition(|it| out_of_reach(&plays, it).is_none());
    ensure!(!points.is_empty(), "the gateway has no crash points");
    for point in &left_out {
        println!("{point:<32} left out: {}", out_of_reach(&plays, point).unwrap_or_default());
    }
    let deaths = scene::deaths(&plays, &points, times, options.seed);
    let mut tally = Tally {
        points: points.into_iter().collect(),
        rail: options.rail.word(),
        ..Tally::default()
    };
    for (number, death) in deaths.iter().enumerate() {
        let start = Instant::now();
        let has_died = ordeal.die(death)?;
        if !has_died {
            tally.missed.push(death.clone());
        }
        let came = if has_died { "died" } else { "NOT REACHED" };
        let Death { point, count } = death;
        let (number, all, after) = (number + 1, deaths.len(), start.elapsed());
        println!("{number:>4}/{all} {point:<32} time {count}: {came} after {after:.1?}");
        if options.is_control && ordeal.overpaid()? > 0 {
            println!("a recipient was paid twice");
            tally.missed.extend_from_slice(&deaths[number..]);
            break;
        }
    }
    let mut verdict = ordeal.settle()?;
    let missed = tally.missed.iter().map(|it| format!("point {} is not reached", it.point));
    verdict.findings.extend(missed);
    println!("{}", tally.line(ordeal.payouts(), verdict.counts));
    Ok(verdict)
}

#[cfg(test)]
mod tests {
    use super::{Counts, Death, Tally};

    #[test]
    fn a_point_counts_as_reached_if_every_death_was_died_there() {
        let death = |count| Death { point: "sign.before".into(), count };
        let points = ["sign.before", "sign.after"].map(String::from).into();
        let tally = Tally { points, missed: vec![death(1), death(2)], rail: "evm" };
        let counts = Counts { paid: 3, unpaid: 1, ..Counts::default() };
        assert_eq!(
            tally.line(4, counts),
            "kill: rail=evm points=2 reached=1 payouts=4 paid=3 unpaid=1 duplicates=0 losses=0 \
             stuck=0"
        );
    }
}
