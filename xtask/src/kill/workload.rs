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

use super::{
    api::{Answer, Api, coins},
    random::Random,
    token,
};

/// How many clients ask at the same time.
const CLIENTS: usize = 4;

/// How long a client waits before it asks again, or looks whether there is more to ask for.
const PAUSE: Duration = Duration::from_millis(10);

/// One payout to ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// The merchant's own name for it.
    pub(crate) reference: String,
    /// A recipient that nobody else pays, in small letters.
    pub(crate) address: String,
    /// What is paid.
    pub(crate) asset: Asset,
    /// What is to arrive, in smallest units; different in every payout of a plan.
    pub(crate) units: u128,
    /// What the recipient has before, in wei: an account that has nothing is not there yet, and is
    /// paid coins alone.
    pub(crate) gift: u128,
    /// How it must end.
    pub(crate) end: End,
    /// If somebody must approve it: what is answered.
    pub(crate) approval: Option<Reply>,
}

/// What is paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asset {
    /// The network's coin.
    Coin,
    /// The token of [`super::token`].
    Token,
}

impl Asset {
    /// Its name in the gateway's catalog.
    pub(crate) fn id(self) -> &'static str {
        match self {
            Self::Coin => "ETH@ethereum",
            Self::Token => token::ID,
        }
    }
}

impl Wanted {
    /// The place at which the audit counts what arrives.
    pub(crate) fn place(&self) -> String {
        match self.asset {
            Asset::Coin => self.address.clone(),
            Asset::Token => token::place(&self.address),
        }
    }

    /// The amount in whole coins and decimals.
    pub(crate) fn amount(&self) -> String {
        match self.asset {
            Asset::Coin => coins(self.units),
            Asset::Token => token::text(self.units),
        }
    }
}

/// How a payout must end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Paid, once.
    Paid,
    /// Failed or withdrawn, and nothing paid.
    Unpaid,
}

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

/// Draws payouts from a seed.
pub(crate) fn plan(count: usize, seed: u64) -> Vec<Wanted> {
    let mut random = Random::new(seed);
    let wanted = |index: usize| Wanted {
        reference: format!("kill-{seed}-{index}"),
        address: format!(
            "0x{:016x}{:016x}{:08x}",
            random.next(),
            random.next(),
            random.below(1 << 32)
        ),
        asset: Asset::Coin,
        // About a thousandth of a coin; the last six digits are the index.
        units: 1_000_000_000_000_000
            + u128::from(random.below(1 << 30)) * 1_000_000
            + index as u128,
        gift: 0,
        end: End::Paid,
        approval: None,
    };
    (0..count).map(wanted).collect()
}

/// Draws payouts that can travel together: every second one is of the token, and who gets coins has
/// some.
pub(crate) fn mixed(count: usize, seed: u64) -> Vec<Wanted> {
    let mut all = plan(count, seed);
    for (index, wanted) in all.iter_mut().enumerate() {
        if index.is_multiple_of(2) {
            wanted.gift = 1;
        } else {
            wanted.pay_token();
        }
    }
    all
}

impl Wanted {
    /// Makes it a payout of the token: about a thousand, and as different from others as before.
    pub(crate) fn pay_token(&mut self) {
        (self.asset, self.units) = (Asset::Token, self.units / 1_000_000);
    }
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
    use std::collections::BTreeSet;

    use super::{Asset, mixed, plan};

    #[test]
    fn a_plan_is_the_same_for_a_seed_and_all_its_payouts_differ() {
        let wanted = plan(500, 7);
        assert_eq!(wanted, plan(500, 7));
        assert_ne!(wanted, plan(500, 8));
        assert_eq!(wanted.iter().map(|it| &it.address).collect::<BTreeSet<_>>().len(), 500);
        assert_eq!(wanted.iter().map(|it| it.units).collect::<BTreeSet<_>>().len(), 500);
        assert!(wanted.iter().all(|it| it.address.len() == 42));
    }

    #[test]
    fn payouts_that_can_travel_together_are_of_two_assets() {
        let wanted = mixed(500, 7);
        let tokens: Vec<_> = wanted.iter().filter(|it| it.asset == Asset::Token).collect();
        assert_eq!(tokens.len(), 250);
        assert!(wanted.iter().all(|it| (it.asset == Asset::Coin) == (it.gift > 0)));
        assert_eq!(wanted.iter().map(|it| it.units).collect::<BTreeSet<_>>().len(), 500);
        assert_eq!(tokens[0].place(), format!("TOKEN {}", tokens[0].address));
    }
}
