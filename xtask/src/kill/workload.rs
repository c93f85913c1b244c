//! What is to be paid, and the clients who ask for it until they are told that it will be.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use anyhow::{Result, bail};

use super::api::{Answer, Api};

/// How many clients ask at the same time.
const CLIENTS: usize = 4;

/// How long a client waits before it asks again, or looks whether there is more to ask for.
const PAUSE: Duration = Duration::from_millis(10);

/// One payout to ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// The merchant's own name for it.
    pub(crate) reference: String,
    /// A recipient, as the API is told it.
    pub(crate) address: String,
    /// The place at which the audit counts what arrives: that of no other payout.
    pub(crate) place: String,
    /// What is paid.
    pub(crate) asset: Asset,
    /// What is to arrive, in smallest units; different in every payout of a plan.
    pub(crate) units: u128,
    /// What the recipient has before, in the coin's smallest units.
    pub(crate) gift: u128,
    /// How it must end.
    pub(crate) end: End,
    /// If somebody must approve it: what is answered.
    pub(crate) approval: Option<Reply>,
}

/// What is paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Asset {
    /// Its name in the gateway's catalog.
    pub(crate) id: &'static str,
    /// The name that other APIs have for it and for its network; `None` if they do not know it.
    pub(crate) ticker: Option<&'static str>,
    /// How many decimals a whole one has.
    pub(crate) decimals: u32,
}

impl Asset {
    /// Writes smallest units as whole ones and all their decimals.
    pub(crate) fn text(self, units: u128) -> String {
        let whole = 10_u128.pow(self.decimals);
        let width = self.decimals as usize;
        format!("{}.{:0width$}", units / whole, units % whole)
    }
}

impl Wanted {
    /// The amount in whole ones and decimals.
    pub(crate) fn amount(&self) -> String {
        self.asset.text(self.units)
    }
}

/// How a payout must end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Paid, once.
    Paid,
    /// Failed or withdrawn, and nothing paid.
    Unpaid,
    /// Refused when it is asked for, and nothing paid.
    Refused,
}

/// What stands in the place of an identifier for payouts that were refused as they had to be.
pub(crate) const REFUSED: &str = "refused";

/// What is answered to the question whether a payout is to be paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    /// Yes.
    Approve,
    /// No.
    Decline,
    /// Whoever asked for it withdraws it.
    Cancel,
    /// Nothing, until its time is over.
    Silence,
}

/// What the clients have done.
#[derive(Default)]
struct Progress {
    /// How many payouts may be asked for so far.
    released: AtomicUsize,
    /// The gateway's identifiers of acknowledged payouts, by reference.
    acknowledged: Mutex<BTreeMap<String, String>>,
    /// What went wrong first.
    failure: Mutex<Option<String>>,
}

/// The clients at work.
pub(crate) struct Clients {
    progress: Arc<Progress>,
}

impl Clients {
    /// Starts them; they wait for the first release.
    pub(crate) fn start(api: &Api, plan: &Arc<Vec<Wanted>>) -> Self {
        let progress = Arc::new(Progress::default());
        let next = Arc::new(AtomicUsize::new(0));
        for _ in 0..CLIENTS {
            let (api, plan) = (api.clone(), Arc::clone(plan));
            let (progress, next) = (Arc::clone(&progress), Arc::clone(&next));
            thread::spawn(move || {
                loop {
                    let index = next.fetch_add(1, Ordering::SeqCst);
                    let Some(wanted) = plan.get(index) else { return };
                    while progress.released.load(Ordering::SeqCst) <= index {
                        thread::sleep(PAUSE);
                    }
                    progress.ask(&api, wanted);
                }
            });
        }
        Self { progress }
    }

    /// Lets them ask for the first `count` payouts of the plan.
    pub(crate) fn release(&self, count: usize) {
        self.progress.released.store(count, Ordering::SeqCst);
    }

    /// The gateway's identifiers of what it has acknowledged, by reference.
    ///
    /// # Errors
    /// If a client was refused, or told something else the second time.
    pub(crate) fn acknowledged(&self) -> Result<BTreeMap<String, String>> {
        if let Some(failure) = &*lock(&self.progress.failure) {
            bail!("a client says: {failure}");
        }
        Ok(lock(&self.progress.acknowledged).clone())
    }
}

impl Progress {
    /// Asks until there is an answer, and then once more: it must be the same. Then answers the
    /// question for an approval, if there is one.
    fn ask(&self, api: &Api, wanted: &Wanted) {
        if self.insist(api, wanted).is_none() {
            return;
        }
        loop {
            match api.reply(wanted) {
                Answer::Lost => thread::sleep(PAUSE),
                Answer::Refused(why) => return self.fail(format!("{}: {why}", wanted.reference)),
                Answer::Accepted(_) => return,
            }
        }
    }

    fn insist(&self, api: &Api, wanted: &Wanted) -> Option<String> {
        let mut known = None;
        loop {
            match api.create(wanted) {
                Answer::Lost => thread::sleep(PAUSE),
                Answer::Refused(_) if known.is_none() && wanted.end == End::Refused => {
                    lock(&self.acknowledged).insert(wanted.reference.clone(), REFUSED.into());
                    return None;
                }
                Answer::Refused(why) => {
                    self.fail(format!("{}: {why}", wanted.reference));
                    return None;
                }
                Answer::Accepted(id) if known.is_none() => {
                    lock(&self.acknowledged).insert(wanted.reference.clone(), id.clone());
                    known = Some(id);
                }
                Answer::Accepted(id) if known.as_ref() == Some(&id) => return known,
                Answer::Accepted(id) => {
                    self.fail(format!("{}: {known:?} became {id}", wanted.reference));
                    return None;
                }
            }
        }
    }

    fn fail(&self, what: String) {
        lock(&self.failure).get_or_insert(what);
    }
}

/// A thread that panicked has left nothing half done behind these locks.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::Asset;

    #[test]
    fn amounts_are_written_exactly() {
        let asset = |decimals| Asset { id: "X@x", ticker: None, decimals };
        assert_eq!(asset(18).text(1_000_000_000_000_000_001), "1.000000000000000001");
        assert_eq!(asset(18).text(20), "0.000000000000000020");
        assert_eq!(asset(6).text(1_000_001), "1.000001");
        assert_eq!(asset(8).text(546), "0.00000546");
    }
}
