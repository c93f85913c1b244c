//! What the processes that are measured have in common: they say in one line that they are ready,
//! do what lines of their input say, and end with it, however whoever started them ended.

use std::io::{BufRead as _, Write as _, stdin, stdout};

use anyhow::Context as _;
use tokio::{sync::mpsc, task::spawn_blocking};

use super::{
    child::{Part, Ready},
    echo, gateway,
};

/// What a gateway says when all is prepared, and what it is told then.
pub(super) const PREPARED: &str = "prepared";
/// See [`PREPARED`].
pub(super) const BEGIN: &str = "begin";

/// Is a part of the bench.
///
/// # Errors
/// Says what is in the way.
pub(crate) async fn run(part: &str) -> anyhow::Result<()> {
    match serde_json::from_str(part)? {
        Part::Echo => echo::run().await,
        Part::Gateway(plan) => gateway::run(plan).await,
    }
}

/// Says that all is prepared, and waits to be told to begin: whoever started this process looks at it
/// first.
///
/// # Errors
/// If nobody says so.
pub(super) async fn prepared() -> anyhow::Result<()> {
    write(PREPARED)?;
    let told = spawn_blocking(|| {
        let mut line = String::new();
        stdin().lock().read_line(&mut line).map(|_| line)
    });
    let told = told.await.context("this is a bug in the bench")??;
    anyhow::ensure!(told.trim() == BEGIN, "whoever measures said {told:?}");
    Ok(())
}

/// Says that this process serves.
///
/// # Errors
/// If nobody listens.
pub(super) fn say(ready: &Ready) -> anyhow::Result<()> {
    write(&serde_json::to_string(ready)?)
}

fn write(line: &str) -> anyhow::Result<()> {
    let mut out = stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}

/// Does what each line of the input says, until there is no more of it. `act` says whether it knows
/// what to do.
pub(super) async fn obey(act: impl Fn(&str) -> bool) {
    let (told, mut heard) = mpsc::channel(1);
    std::thread::spawn(move || {
        for line in stdin().lock().lines().map_while(Result::ok) {
            if told.blocking_send(line).is_err() {
                return;
            }
        }
    });
    while let Some(line) = heard.recv().await {
        let word = if act(line.trim()) { "ok" } else { "what?" };
        if write(word).is_err() {
            return;
        }
    }
}
