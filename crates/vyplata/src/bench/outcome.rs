//! What was measured, as tables and pictures.

use serde::Serialize;
use serde_json::{Value, json};

use super::{
    accept::{self, Run},
    deliver,
    figure::{or_unknown, time},
    ground::{Memory, Resident},
    history,
    latency::{Latency, STEPS},
    load::MARK_MS,
    recover,
    report::Plot,
    settle::{self, Cost},
    telling::{Outcome, Table, counted},
};

/// What accepting came to.
///
/// # Errors
/// If the figures cannot be written.
pub(super) fn accept(wish: &accept::Wish, measured: &accept::Measured) -> anyhow::Result<Outcome> {
    let runs = &measured.runs;
    let mut plots = vec![];
    for run in runs {
        let [creates, echoes] = run.marks.each_ref().map(|it| per_second(it));
        plots.push(Plot {
            title: format!("Per second, {} connections", run.connections),
            axes: ["seconds of rounds".to_owned(), "per second".to_owned()],
            lines: vec![("creates".to_owned(), creates), ("echo".to_owned(), echoes)],
            steps: vec![],
            logarithmic: false,
        });
    }
    let name = |it: &Run| format!("{} connections", it.connections);
    plots.push(latency_plot(runs.iter().map(|it| (name(it), &it.latency)).collect()));
    plots.push(memory_plot(runs.iter().map(|it| (name(it), &it.memory)).collect()));
    let asked = json!({
        "api": wish.speech.name(),
        "merchants": wish.merchants,
        "seconds": wish.seconds,
        "rounds": wish.rounds,
        "pays": wish.pays,
        "slice": wish.slice,
        "nodes": wish.nodes,
    });
    Ok(Outcome {
        bench: "accept",
        title: format!(
            "Payouts accepted through the API of {}, by {} merchants, {} rounds of {} s",
            wish.speech.name(),
            wish.merchants,
            wish.rounds,
            wish.seconds
        ),
        figures: together(asked, measured)?,
        table: accept_table(wish, measured),
        plots,
    })
}

fn accept_table(wish: &accept::Wish, measured: &accept::Measured) -> Table {
    let runs = &measured.runs;
    let mut table = vec![];
    let mut row = |name: &str, cell: &dyn Fn(&Run) -> String| {
        table.push((name.to_owned(), runs.iter().map(cell).collect()));
    };
    row("connections", &|it| it.connections.to_string());
    row("creates per second", &|it| counted(it.creates_per_second, ""));
    row("echo per second", &|it| counted(it.echo_per_second, ""));
    row("ratio to echo", &|it| it.ratio_to_echo.to_string());
    if let Some(slice) = wish.slice {
        row(&format!("creates per second, at most {slice} per commit"), &|it| {
            or_unknown(it.sliced_per_second, |it| counted(it, ""))
        });
        row("group commit to that", &|it| {
            or_unknown(it.ratio_group_to_single, |it| it.to_string())
        });
    }
    row("create p50", &|it| time(it.latency.p50));
    row("create p99", &|it| time(it.latency.p99));
    row("create p99.9", &|it| time(it.latency.p999));
    row("p99 in waits for the disk", &|it| it.p99_to_fsync.to_string());
    row("echo p99", &|it| time(it.echo.p99));
    row("transactions of the store", &|it| or_unknown(it.commits, |it| counted(it, "")));
    row("creates per transaction", &|it| or_unknown(it.payouts_per_commit, |it| it.to_string()));
    row("waits for the disk", &|it| or_unknown(it.fsyncs, |it| counted(it, "")));
    row("creates per wait for the disk", &|it| {
        or_unknown(it.payouts_per_fsync, |it| it.to_string())
    });
    row("gateway's processor per create", &|it| or_unknown(it.cpu_us_per_create, time));
    row("echo's processor per request", &|it| or_unknown(it.echo_cpu_us_per_request, time));
    row("load's processor per create", &|it| or_unknown(it.load_cpu_us_per_create, time));
    row("memory, first quarter", &|it| memory_text(it.resident.first_quarter));
    row("memory, last quarter", &|it| memory_text(it.resident.last_quarter));
    row("memory, most", &|it| memory_text(it.resident.max));
    if wish.nodes > 1 {
        table.insert(0, ("gateways".to_owned(), vec![wish.nodes.to_string()]));
    }
    let kept = format!("{} of {}", measured.durable, measured.acknowledged);
    table.push(("acknowledged and kept".to_owned(), vec![kept]));
    table
}

/// What settling came to.
///
/// # Errors
/// If the figures cannot be written.
pub(super) fn settle(wish: &settle::Wish, measured: &settle::Measured) -> anyhow::Result<Outcome> {
    let mut table = vec![];
    let mut row = |name: &str, cell: String| table.push((name.to_owned(), vec![cell]));
    row("payouts", counted(u64::try_from(measured.payouts)?, ""));
    row("wallets", measured.wallets.to_string());
    row("per transaction, at most", measured.batch.to_string());
    row("block of the simulated chain", format!("{} ms", measured.block_ms));
    row("paid per second", counted(measured.payouts_per_second, ""));
    table.extend(of_work("paid", &measured.latency, &measured.cost));
    Ok(Outcome {
        bench: "settle",
        title: format!("{} payouts settled on a simulated chain", measured.payouts),
        figures: together(json!({ "merchants": wish.merchants }), measured)?,
        table,
        plots: plots_of("payouts paid", &measured.marks, &measured.latency, &measured.memory),
    })
}

/// What delivering came to.
///
/// # Errors
/// If the figures cannot be written.
pub(super) fn deliver(
    wish: &deliver::Wish,
    measured: &deliver::Measured,
) -> anyhow::Result<Outcome> {
    let mut table = vec![];
    let mut row = |name: &str, cell: String| table.push((name.to_owned(), vec![cell]));
    row("webhooks, signed well", counted(u64::try_from(measured.webhooks)?, ""));
    row("receivers", measured.receivers.to_string());
    row("arrived more than once", counted(measured.repeated, ""));
    row("delivered per second", counted(measured.webhooks_per_second, ""));
    table.extend(of_work("delivered", &measured.latency, &measured.cost));
    Ok(Outcome {
        bench: "deliver",
        title: format!("{} webhooks delivered", measured.webhooks),
        figures: together(json!({ "merchants": wish.merchants }), measured)?,
        table,
        plots: plots_of("webhooks arrived", &measured.marks, &measured.latency, &measured.memory),
    })
}

/// What history came to.
///
/// # Errors
/// If the figures cannot be written.
pub(super) fn history(
    wish: &history::Wish,
    measured: &history::Measured,
) -> anyhow::Result<Outcome> {
    let heads = ["p50", "p50 beside", "ratio", "p99", "p99 beside", "ratio"].map(str::to_owned);
    let mut table = vec![("question".to_owned(), heads.to_vec())];
    for (name, it) in &measured.questions {
        let cells = vec![
            time(it.many.p50),
            time(it.few.p50),
            it.ratio_p50.to_string(),
            time(it.many.p99),
            time(it.few.p99),
            it.ratio_p99.to_string(),
        ];
        table.push(((*name).to_owned(), cells));
    }
    let mut row = |name: &str, cell: String| table.push((name.to_owned(), vec![cell]));
    row("payouts", counted(u64::try_from(measured.payouts)?, ""));
    row("payouts beside", counted(u64::try_from(measured.payouts_beside)?, ""));
    row("written per second", counted(measured.filled_per_second, ""));
    row("database", or_unknown(measured.bytes, |it| counted(it / 1_000_000, "MB")));
    row("database, per payout", or_unknown(measured.bytes_per_payout, |it| counted(it, "bytes")));
    row("ready after", time(measured.ready_ms * 1_000));
    row("ready after, beside", time(measured.ready_beside_ms * 1_000));
    row("answers compared with what was written", counted(measured.checked, ""));
    let of = |name: &str| measured.questions.get(name);
    let plots = ["create", "get_any", "list", "list_older"].into_iter().filter_map(|name| {
        let it = of(name)?;
        let lines = vec![(name.to_owned(), &it.many), (format!("{name}, beside"), &it.few)];
        Some(latency_plot(lines))
    });
    let asked = json!({
        "merchants": wish.merchants,
        "connections": wish.connections,
        "seconds": wish.seconds,
        "rounds": wish.rounds,
    });
    Ok(Outcome {
        bench: "history",
        title: format!(
            "Questions to a gateway with {} payouts behind it, and to one with few beside it, {} \
             connections, {} rounds of {} s",
            counted(u64::try_from(measured.payouts)?, ""),
            wish.connections,
            wish.rounds,
            wish.seconds
        ),
        plots: plots.collect(),
        figures: together(asked, measured)?,
        table,
    })
}

/// What recovering came to.
///
/// # Errors
/// If the figures cannot be written.
pub(super) fn recover(
    wish: &settle::Wish,
    measured: &recover::Measured,
) -> anyhow::Result<Outcome> {
    let rows = [
        ("acknowledged before", counted(u64::try_from(measured.acknowledged)?, "")),
        ("in flight when it was killed", counted(measured.in_flight, "")),
        ("of these in batches", counted(measured.in_batches, "")),
        ("ready after", time(measured.ready_ms * 1_000)),
        ("a payout accepted after", time(measured.accepted_ms * 1_000)),
        ("the first paid after", time(measured.first_paid_ms * 1_000)),
        ("all paid after", time(measured.all_paid_ms * 1_000)),
        ("stored as paid at the end", counted(u64::try_from(measured.paid)?, "")),
    ];
    let asked = json!({
        "merchants": wish.merchants,
        "payouts": wish.payouts,
        "batch": wish.batch,
        "block_ms": wish.block_ms,
    });
    Ok(Outcome {
        bench: "recover",
        title: format!(
            "A gateway killed with {} payouts in flight, and started again",
            measured.in_flight
        ),
        figures: together(asked, measured)?,
        table: rows.map(|(name, cell)| (name.to_owned(), vec![cell])).to_vec(),
        plots: vec![],
    })
}

/// Rows about work that was there at the start.
fn of_work(done: &str, latency: &Latency, cost: &Cost) -> Table {
    let Resident { first_quarter, last_quarter, max, .. } = cost.resident;
    let rows = [
        (format!("half {done} after"), time(latency.p50)),
        (format!("99 % {done} after"), time(latency.p99)),
        (format!("all {done} after"), time(latency.max)),
        ("transactions of the store".to_owned(), or_unknown(cost.commits, |it| counted(it, ""))),
        (
            format!("{done} per transaction of the store"),
            or_unknown(cost.per_commit, |it| it.to_string()),
        ),
        ("waits for the disk".to_owned(), or_unknown(cost.fsyncs, |it| counted(it, ""))),
        ("gateway's processor for each".to_owned(), or_unknown(cost.cpu_us_each, time)),
        ("memory, first quarter".to_owned(), memory_text(first_quarter)),
        ("memory, last quarter".to_owned(), memory_text(last_quarter)),
        ("memory, most".to_owned(), memory_text(max)),
    ];
    rows.map(|(name, cell)| (name, vec![cell])).to_vec()
}

fn memory_text(kb: Option<u64>) -> String {
    or_unknown(kb, |it| counted(it / 1_000, "MB"))
}

fn together(asked: Value, measured: &impl Serialize) -> anyhow::Result<Value> {
    let (Value::Object(mut all), Value::Object(figures)) = (asked, serde_json::to_value(measured)?)
    else {
        anyhow::bail!("figures are an object");
    };
    all.extend(figures);
    Ok(Value::Object(all))
}

fn plots_of(what: &str, marks: &[u64], latency: &Latency, memory: &Memory) -> Vec<Plot> {
    let line = |points| vec![(what.to_owned(), points)];
    vec![
        Plot {
            title: "Per second".to_owned(),
            axes: ["seconds".to_owned(), "per second".to_owned()],
            lines: line(per_second(marks)),
            steps: vec![],
            logarithmic: false,
        },
        latency_plot(vec![(what.to_owned(), latency)]),
        memory_plot(vec![("gateway".to_owned(), memory)]),
    ]
}

/// What happened in each second; a part of one at the end counts as if it had gone on like that.
fn per_second(marks: &[u64]) -> Vec<(u64, u64)> {
    let in_second = usize::try_from(1_000 / MARK_MS).unwrap_or(1);
    let seconds = marks.chunks(in_second).map(|it| {
        let passed = MARK_MS * u64::try_from(it.len()).unwrap_or(1);
        it.iter().sum::<u64>() * 1_000 / passed
    });
    (1..).zip(seconds).collect()
}

fn latency_plot(lines: Vec<(String, &Latency)>) -> Plot {
    let line = |(name, it): (String, &Latency)| (name, (0..).zip(it.curve.clone()).collect());
    Plot {
        title: "How long it took".to_owned(),
        axes: ["percent took no longer".to_owned(), "microseconds".to_owned()],
        lines: lines.into_iter().map(line).collect(),
        steps: STEPS.map(|it| it.1).to_vec(),
        logarithmic: true,
    }
}

fn memory_plot(lines: Vec<(String, &Memory)>) -> Plot {
    let line = |(name, it): (String, &Memory)| {
        (name, it.iter().map(|(at, kb)| (*at, kb / 1_000)).collect())
    };
    Plot {
        title: "Resident memory of the gateway".to_owned(),
        axes: ["milliseconds".to_owned(), "MB".to_owned()],
        lines: lines.into_iter().map(line).collect(),
        steps: vec![],
        logarithmic: false,
    }
}
