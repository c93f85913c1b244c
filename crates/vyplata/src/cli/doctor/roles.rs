//! What the doctor says of processes: whether somebody does each part of the work.

use std::time::Duration;

use domain::{lease::Lease, ports::Unreachable};

use super::{Report, good, note};
use crate::{
    app::{App, LaneWork},
    cli::silent,
    clock,
    roles::Role,
};

/// How long leases are watched at least, in milliseconds: a process at work gives two signs of life
/// meanwhile.
const WATCHED_MS: u64 = 3_000;

/// Leases, and when they were looked at.
pub(super) struct Watch {
    leases: Vec<Lease>,
    since_ms: u64,
}

impl Watch {
    /// Looks at the leases for the first time.
    ///
    /// # Errors
    /// If the store does not answer.
    pub(super) async fn begin(app: &App) -> Result<Self, Unreachable> {
        Ok(Self { leases: app.store.leases().await?, since_ms: clock::uptime_ms() })
    }

    /// Looks at them again, and says what nobody works on.
    pub(super) async fn end(self, app: &App, report: &mut Report) -> anyhow::Result<()> {
        if self.leases.iter().any(|it| it.holder.is_some()) {
            let watched_ms = clock::uptime_ms().saturating_sub(self.since_ms);
            let rest_ms = WATCHED_MS.saturating_sub(watched_ms);
            tokio::time::sleep(Duration::from_millis(rest_ms)).await;
        }
        let now = app.store.leases().await.map_err(silent)?;
        let lives = |name: &str| lives(name, &self.leases, &now);
        if !now.iter().any(|it| lives(&it.name)) {
            note("no process is at work that pays, delivers or looks after approvals");
            return Ok(());
        }
        let left: Vec<(Role, &str)> = all(&app.lanes).filter(|it| !lives(it.1)).collect();
        for (role, name) in &left {
            report.wrong(
                &format!("nobody works on {name}"),
                &format!(
                    "start a process with the role {0}: `vyplata serve --{0}`; after a crash, \
                     another takes over within 12 seconds",
                    role.word()
                ),
            );
        }
        if left.is_empty() {
            good("each wallet, webhooks and upkeep have a process that works on them");
        }
        Ok(())
    }
}

/// Every lease there should be, with the role of who has it.
fn all(lanes: &[LaneWork]) -> impl Iterator<Item = (Role, &str)> {
    Role::ALL.into_iter().flat_map(|role| role.leases(lanes).into_iter().map(move |it| (role, it)))
}

/// Whether somebody has a lease and gave a sign of life between two looks.
fn lives(name: &str, before: &[Lease], after: &[Lease]) -> bool {
    let find = |leases: &[Lease]| leases.iter().find(|it| it.name == name).cloned();
    let Some(now) = find(after).filter(|it| it.holder.is_some()) else { return false };
    find(before).is_none_or(|it| it.version != now.version)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease(holder: Option<&str>, version: u64) -> Vec<Lease> {
        let (name, holder) = ("net/hot".to_owned(), holder.map(str::to_owned));
        vec![Lease { name, holder, token: 1, version }]
    }

    #[test]
    fn only_who_gives_signs_of_life_works() {
        let lives = |before: &[Lease], after: &[Lease]| lives("net/hot", before, after);
        assert!(lives(&lease(Some("one"), 1), &lease(Some("one"), 2)));
        assert!(lives(&lease(None, 1), &lease(Some("one"), 2)));
        assert!(lives(&[], &lease(Some("one"), 1)));
        assert!(!lives(&lease(Some("one"), 1), &lease(Some("one"), 1)), "it was killed");
        assert!(!lives(&lease(Some("one"), 1), &lease(None, 2)), "it was given back");
        assert!(!lives(&[], &[]));
    }

    #[test]
    fn there_is_somebody_for_everything_but_accepting() {
        let words: Vec<&str> = all(&[]).map(|it| it.0.word()).collect();
        assert_eq!(words, ["deliver", "admin"]);
    }
}
