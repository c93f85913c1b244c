//! `sim --seeds N [--from S]` runs many histories; `sim SEED` replays one and tells it.

use std::{collections::BTreeMap, process::ExitCode};

use sim::{faults::Fault, runner::simulate};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let number = |text: &str| text.parse::<u64>().ok();
    let asked = match words.as_slice() {
        [seed] => number(seed).map(|seed| (seed, None)),
        ["--seeds", count] => number(count).map(|count| (0, Some(count))),
        ["--seeds", count, "--from", from] | ["--from", from, "--seeds", count] => {
            number(from).zip(number(count)).map(|(from, count)| (from, Some(count)))
        }
        _ => None,
    };
    match asked {
        Some((seed, None)) => replay(seed),
        Some((from, Some(count))) => run(from, count),
        None => {
            eprintln!("usage: sim SEED | sim --seeds COUNT [--from SEED]");
            ExitCode::from(2)
        }
    }
}

fn replay(seed: u64) -> ExitCode {
    match simulate(seed, true) {
        Ok(report) => {
            println!(
                "seed {seed}: {} steps, payouts {:?}, no violation",
                report.steps, report.ends
            );
            ExitCode::SUCCESS
        }
        Err(violation) => {
            println!("violation: seed={seed} {violation}");
            ExitCode::FAILURE
        }
    }
}

fn run(from: u64, count: u64) -> ExitCode {
    // A panic is a violation like any other, and is told as one.
    std::panic::set_hook(Box::new(|_| {}));
    let mut fired: BTreeMap<Fault, u64> = BTreeMap::new();
    let mut ends: BTreeMap<&str, u64> = BTreeMap::new();
    let mut events: BTreeMap<&str, u64> = BTreeMap::new();
    let (mut steps, mut lasted_ms, mut violations) = (0, 0, 0u64);
    for seed in from..from.saturating_add(count) {
        match simulate(seed, false) {
            Ok(report) => {
                steps += report.steps;
                lasted_ms += report.lasted_ms;
                report.fired.into_iter().for_each(|it| *fired.entry(it.0).or_default() += it.1);
                report.events.into_iter().for_each(|it| *events.entry(it.0).or_default() += it.1);
                report.ends.into_iter().for_each(|it| *ends.entry(it.0).or_default() += it.1);
            }
            Err(violation) => {
                violations += 1;
                println!("violation: seed={seed} {violation}");
            }
        }
    }
    for fault in Fault::ALL {
        println!("{:>9}  {}", fired.get(fault).copied().unwrap_or_default(), fault.word());
    }
    for (word, number) in events {
        println!("{number:>9}  events {word}");
    }
    for (word, number) in ends {
        println!("{number:>9}  payouts {word}");
    }
    println!("{:>9}  hours of the simulated world", lasted_ms / 3_600_000);
    let faults: u64 = fired.values().sum();
    println!("sim: seeds={count} steps={steps} faults={faults} violations={violations}");
    if violations == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
