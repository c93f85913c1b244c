//! What the processes that are measured have in common: they say in one line that they are ready,
//! do what lines of their input say, and end with it, however whoever started them ended.

use std::io::{BufRead as _, Write as _, stdin, stdout};

use tokio::sync::mpsc;

use super::{
    child::{Part, Ready},
    echo, gateway,
};

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

/// Says that this process serves.
///
/// # Errors
/// If nobody listens.
pub(super) fn say(ready: &Ready) -> anyhow::Result<()> {
    let mut out = stdout().lock();
    writeln!(out, "{}", serde_json::to_string(ready)?)?;
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
        let mut out = stdout().lock();
        if writeln!(out, "{word}").and_then(|()| out.flush()).is_err() {
            return;
        }
    }
}
