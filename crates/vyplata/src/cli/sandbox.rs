//! `vyplata sandbox`: everything on simulated chains, with one example payout through each API.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use anyhow::{Context as _, anyhow};
use clap::Args as ClapArgs;
use domain::{
    delivery::DeliveryState,
    payout::Status,
    ports::{PayoutKey, PayoutView},
};
use net::{Client, Guard, Limits, Reach};
use serde_json::Value;
use tokio::{net::TcpListener, time::sleep};

use super::silent;
use crate::{
    clock, explain,
    limiter::Settings,
    sandbox::{Example, Sandbox, config, examples, start},
};

/// How long an example may take, in milliseconds.
const EXAMPLE_MS_MAX: u64 = 60_000;
/// How often an example is looked at, in milliseconds.
const LOOK_MS: u64 = 100;

#[derive(ClapArgs)]
pub(crate) struct Args {
    /// Where to serve.
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Where the database is kept; made if it is not there.
    #[arg(long, default_value = "vyplata-sandbox")]
    data: PathBuf,
    /// Make the example payouts and end: exits 0 only if all were paid and their webhooks
    /// delivered.
    #[arg(long, conflicts_with = "no_examples")]
    once: bool,
    /// Make no example payouts.
    #[arg(long)]
    no_examples: bool,
    /// Limit requests as `vyplata serve` does by default; otherwise they are not limited.
    #[arg(long)]
    limits: bool,
}

pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    let listener = TcpListener::bind(args.listen).await.with_context(|| {
        format!("cannot listen on {}; choose another address with --listen", args.listen)
    })?;
    let mut config = config(&args.data).with_database_of_environment()?;
    if args.limits {
        config.requests = Settings::default();
    }
    let mut sandbox = start(config, listener).await?;
    println!("Vyplata sandbox on {}, database in {}\n", sandbox.base, args.data.display());
    if args.no_examples {
        println!("Serving on {}; Ctrl-C ends.", sandbox.base);
        let ended = sandbox.until_stopped().await;
        sandbox.stop().await;
        return ended;
    }
    let run = hex::encode(clock::random::<4>());
    let examples = examples(&sandbox.base, &run);
    let outcome = make_all(&sandbox, &examples, !args.once).await;
    if !args.once {
        outcome?;
        println!("The same requests by hand (the same reference is answered, not paid, again):\n");
        for example in &examples {
            println!("# {}: {}\n{}\n", example.dialect, example.title, example.curl);
        }
        println!("Webhooks that arrived: curl -s {}/sandbox/webhooks", sandbox.base);
        println!("All calls of all APIs: {}/docs", sandbox.base);
        println!("Serving on {}; Ctrl-C ends.", sandbox.base);
        let ended = sandbox.until_stopped().await;
        sandbox.stop().await;
        return ended;
    }
    sandbox.stop().await;
    outcome
}

/// Sends all examples, then follows each to its end.
async fn make_all(sandbox: &Sandbox, examples: &[Example], tell: bool) -> anyhow::Result<()> {
    let guard = Guard::new(Reach::Anywhere, &[]).map_err(|error| anyhow!("{error}"))?;
    let client = Client::new(guard)?;
    let mut ids = vec![];
    for example in examples {
        ids.push(send(&client, sandbox, example).await.with_context(|| example.dialect)?);
    }
    let mut unpaid = 0;
    for (example, id) in examples.iter().zip(ids) {
        let view = follow(sandbox, &id).await?;
        let good = is_done(&view);
        unpaid += usize::from(!good);
        let status = view.payout.state.status().word();
        let word = if good || status != "paid" { status } else { "paid, webhook not delivered" };
        println!("{:<12} {:<25} {}  {word}", example.dialect, example.title, view.payout.id);
        if tell {
            print_timeline(&view);
        }
    }
    anyhow::ensure!(unpaid == 0, "{unpaid} examples did not end well");
    Ok(())
}

async fn send(client: &Client, sandbox: &Sandbox, example: &Example) -> anyhow::Result<PayoutKey> {
    let url = format!("{}{}", sandbox.base, example.path);
    let limits = Limits { timeout_ms: 10_000, body_bytes_max: 64 * 1_024 };
    let body = example.body.clone().into_bytes();
    let answer = client.post(&url, &example.headers, body, limits).await;
    let answer = answer.map_err(|error| anyhow!("{error:?}"))?;
    let text = String::from_utf8_lossy(&answer.body);
    anyhow::ensure!(answer.status < 300, "HTTP {}: {text}", answer.status);
    let value: Value = serde_json::from_str(&text)?;
    let id = value.pointer(example.id_at).and_then(Value::as_str);
    let id = id.with_context(|| format!("no {} in {text}", example.id_at))?;
    Ok(id.parse().map_or_else(|_| PayoutKey::PublicId(id.to_owned()), PayoutKey::Id))
}

/// Waits until a payout has ended and its webhooks are delivered, or for as long as is sensible.
async fn follow(sandbox: &Sandbox, key: &PayoutKey) -> anyhow::Result<PayoutView> {
    let started = clock::now();
    loop {
        let found = sandbox.app.store.find_payout(key).await.map_err(silent)?;
        let view = found.context("the payout that was just accepted is in the ledger")?;
        if is_done(&view) || clock::now().since_ms(started) > EXAMPLE_MS_MAX {
            return Ok(view);
        }
        sleep(Duration::from_millis(LOOK_MS)).await;
    }
}

fn is_done(view: &PayoutView) -> bool {
    view.payout.state.status() == Status::Paid
        && view.deliveries.iter().any(|it| it.status == Status::Paid)
        && view.deliveries.iter().all(|it| it.state == DeliveryState::Delivered)
}

fn print_timeline(view: &PayoutView) {
    let begun = view.payout.created_at;
    for event in &view.events {
        let after = event.at.since_ms(begun);
        println!("    {after:>6} ms  {:<10} {}", event.kind.word(), event.detail);
    }
    let explained = explain::next(view);
    println!("    next: {explained}\n");
}
