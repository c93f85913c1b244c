//! The end of a run: everything comes to its end, and is counted.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::Result;

use super::{
    api::Api,
    chain::Chain,
    gateway::Gateway,
    judge::{self, Counts, Statuses},
    receiver::Receiver,
    workload::{Clients, End, REFUSED, Wanted},
};

/// How long nothing may happen at the end before what is open counts as stuck.
const STANDSTILL_MAX: Duration = Duration::from_secs(90);

/// How long chores may take until ledger and chain are compared.
const QUIET_MAX: Duration = Duration::from_secs(30);

/// What came out.
pub(crate) struct Verdict {
    /// The payouts.
    pub(crate) counts: Counts,
    /// What else is wrong.
    pub(crate) findings: Vec<String>,
}

/// What has to come to its end.
pub(crate) struct Ending<'a> {
    /// The chain.
    pub(crate) chain: &'a dyn Chain,
    /// The merchant's end of webhooks.
    pub(crate) receiver: &'a Receiver,
    /// The gateway, which runs.
    pub(crate) gateway: &'a Gateway,
    /// The merchant's way to ask.
    pub(crate) api: &'a Api,
    /// Everything that was asked for.
    pub(crate) plan: &'a [Wanted],
    /// Whether the gateway is one that pays twice.
    pub(crate) is_control: bool,
}

impl Ending<'_> {
    /// Waits until all has ended or nothing moves any more, then counts.
    ///
    /// # Errors
    /// If the test itself cannot go on.
    pub(crate) fn settle(&self, clients: &[&Clients]) -> Result<Verdict> {
        let mut statuses = Statuses::new();
        let mut before = None;
        let mut moved = Instant::now();
        loop {
            self.gateway.check_alive()?;
            for client in clients {
                for (reference, id) in client.acknowledged()? {
                    if id == REFUSED {
                        statuses.insert(reference, id);
                    } else if statuses.get(&reference).is_none_or(|status| !is_final(status)) {
                        let status = self.api.status(&reference)?;
                        statuses.insert(reference, status);
                    }
                }
            }
            let unheard = self.unheard(&statuses);
            let ended = statuses.values().filter(|status| is_final(status)).count();
            let caught = self.is_control && self.chain.overpaid(self.plan)? > 0;
            if caught || (ended == self.plan.len() && unheard == 0) {
                break;
            }
            let state = Some((statuses.clone(), unheard));
            if state != before {
                (before, moved) = (state, Instant::now());
            }
            if moved.elapsed() > STANDSTILL_MAX {
                break;
            }
            thread::sleep(Duration::from_millis(250));
        }
        self.count(&statuses)
    }

    /// How many webhooks that must come have not: the last one of each payout, and each question
    /// for an approval.
    fn unheard(&self, statuses: &Statuses) -> usize {
        let last = |wanted: &&Wanted| {
            if wanted.end == End::Refused {
                return false;
            }
            let status = statuses.get(&wanted.reference).filter(|status| is_final(status));
            status.is_none_or(|status| !self.receiver.has_heard(&wanted.reference, status))
        };
        let question = |wanted: &&Wanted| {
            let reference = &wanted.reference;
            wanted.approval.is_some() && !self.receiver.has_heard(reference, "awaiting_approval")
        };
        self.plan.iter().filter(last).count() + self.plan.iter().filter(question).count()
    }

    /// Compares ledger and chain once nothing is on its way any more, chores included; tells what the
    /// gateway says, and what is wrong. A control is stopped while much is.
    fn reconcile(&self) -> Result<(String, Option<String>)> {
        let start = Instant::now();
        loop {
            let compared = self.gateway.operate(&["reconcile"]);
            let is_quiet = compared.as_ref().is_ok_and(|it| !it.contains("on its way"));
            if is_quiet || self.is_control || start.elapsed() > QUIET_MAX {
                return Ok(match compared {
                    Ok(text) => {
                        println!("reconcile: {}", text.trim().replace('\n', "; "));
                        let late = "something is still on its way".to_owned();
                        let is_late = !is_quiet && !self.is_control;
                        (text, is_late.then_some(late))
                    }
                    Err(error) => (String::new(), Some(format!("reconcile: {error:#}"))),
                });
            }
            self.gateway.check_alive()?;
            thread::sleep(Duration::from_millis(250));
        }
    }

    fn count(&self, statuses: &Statuses) -> Result<Verdict> {
        let mut findings = Vec::new();
        let unheard = self.unheard(statuses);
        if unheard > 0 {
            findings.push(format!("{unheard} webhooks never came"));
        }
        let (ledger, wrong) = self.reconcile()?;
        findings.extend(wrong);
        println!("webhooks: {} came, {unheard} that must come did not", self.receiver.count());
        let seen = self.chain.look(self.plan, &ledger, self.is_control)?;
        findings.extend(seen.findings);
        let payments = seen.payments;
        for wanted in self.plan {
            let amounts = payments.get(&wanted.place).map_or(&[][..], Vec::as_slice);
            let status = statuses.get(&wanted.reference).map(String::as_str);
            if let Some(wrong) = judge::complaint(wanted, amounts, status) {
                println!("{wrong}");
            }
        }
        Ok(Verdict { counts: judge::judge(self.plan, &payments, statuses), findings })
    }
}

/// Whether a payout with this status has come to its end.
pub(crate) fn is_final(status: &str) -> bool {
    matches!(status, "paid" | "fail" | "system_fail" | "cancel" | REFUSED)
}
