//! Crash points: named moments at which the process can be made to die, for the kill test
//! (`cargo xtask kill --rail evm --every-point`, or `bitcoin` or `tron` in the place of `evm`).
//!
//! They are at the ports, so that engine and domain know nothing of them, and in builds with the
//! feature `crash-points` only. `VYPLATA_CRASH_AT=NAME:COUNT` arms one of them: when it is reached
//! for the `COUNT`-th time, the process is killed with a signal that it cannot catch, so nothing is
//! flushed, dropped or written any more. `vyplata crash-points` prints the names.

mod chore;
mod point;
#[cfg(feature = "crash-points")]
mod ports;

#[cfg(feature = "crash-points")]
pub(crate) use point::{Act, Armed, Point, Side};
#[cfg(feature = "crash-points")]
pub(crate) use ports::{courier, rail, signer, store};

#[cfg(feature = "crash-points")]
static ARMED: std::sync::OnceLock<Armed> = std::sync::OnceLock::new();

/// The variable that arms a point.
#[cfg(feature = "crash-points")]
const VARIABLE: &str = "VYPLATA_CRASH_AT";

/// Arms the point that the environment names, if it names one.
///
/// # Errors
/// If there is no such point.
#[cfg(feature = "crash-points")]
#[expect(clippy::disallowed_methods, reason = "the point comes from the environment")]
pub(crate) fn arm() -> anyhow::Result<()> {
    let Ok(text) = std::env::var(VARIABLE) else { return Ok(()) };
    let armed = Armed::read(&text).map_err(|why| anyhow::anyhow!("{VARIABLE}: {why}"))?;
    tracing::warn!("this process dies at {text}");
    anyhow::ensure!(ARMED.set(armed).is_ok(), "{VARIABLE} was read before");
    Ok(())
}

/// Says that a point is reached. If it is the armed one and it was its turn, this does not return.
#[cfg(feature = "crash-points")]
pub(crate) fn reach(point: Point) {
    if ARMED.get().is_some_and(|armed| armed.is_due(point)) {
        // The signal cannot be caught or held up; sending it to oneself cannot fail.
        let _ = rustix::process::kill_process(rustix::process::getpid(), KILL);
        loop {
            std::thread::park();
        }
    }
}

#[cfg(feature = "crash-points")]
const KILL: rustix::process::Signal = rustix::process::Signal::KILL;

/// Prints the names of all points, one a line.
#[cfg(feature = "crash-points")]
pub(crate) fn print() {
    for point in Point::all() {
        println!("{point}");
    }
}
