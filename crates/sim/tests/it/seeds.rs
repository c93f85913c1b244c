//! Histories by chance.

use sim::runner::simulate;

#[test]
fn every_seed_pays_once_and_balances() {
    for seed in 0..50 {
        if let Err(violation) = simulate(seed, false) {
            panic!("seed {seed}: {violation}");
        }
    }
}

#[test]
fn a_seed_is_one_history() {
    let run = || {
        let report = simulate(7, false).unwrap();
        (report.steps, report.lasted_ms, report.fired, report.ends, report.events)
    };
    assert_eq!(run(), run());
}
