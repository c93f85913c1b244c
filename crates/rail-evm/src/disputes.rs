//! What endpoints disagree about at the moment. While there is anything, the network is paused.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use alloy_primitives::Address;
use domain::ids::NetworkId;

/// How many disagreements are kept. One is enough to pause the network; the others are found again.
const DISPUTES_MAX: usize = 64;

/// What endpoints can disagree about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Subject {
    /// Which blocks are final.
    Blocks,
    /// What became of the transactions of an account with a number.
    Number(Address, u64),
}

/// The disagreements of one network.
#[derive(Debug)]
pub(crate) struct Disputes {
    network: NetworkId,
    open: Mutex<BTreeMap<Subject, String>>,
}

impl Disputes {
    pub(crate) fn new(network: NetworkId) -> Self {
        Self { network, open: Mutex::default() }
    }

    /// Takes down a disagreement, and tells the log when it is new. The first words stand, so that
    /// what a batch waits for reads the same for as long as it waits.
    pub(crate) fn disagree(&self, subject: Subject, words: String) {
        let mut open = self.open();
        if open.contains_key(&subject) || open.len() >= DISPUTES_MAX {
            return;
        }
        let network = &self.network;
        tracing::error!(%network, ?subject, words, "paused: the network's nodes disagree");
        open.insert(subject, words);
    }

    /// Takes down that a later round agreed.
    pub(crate) fn agree(&self, subject: Subject) {
        if self.open().remove(&subject).is_some() {
            let network = &self.network;
            tracing::warn!(%network, ?subject, "the network's nodes agree again");
        }
    }

    /// Whether there is a disagreement about a subject.
    pub(crate) fn is_about(&self, subject: Subject) -> bool {
        self.open().contains_key(&subject)
    }

    /// What endpoints disagree about, for people; nothing if they do not.
    pub(crate) fn words(&self) -> Option<String> {
        let open = self.open();
        let first = open.values().next()?;
        let more = match open.len() {
            1 => String::new(),
            count => format!(" (and {} more)", count - 1),
        };
        Some(format!("the nodes of {} disagree: {first}{more}", self.network))
    }

    fn open(&self) -> MutexGuard<'_, BTreeMap<Subject, String>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
