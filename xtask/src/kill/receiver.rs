//! The merchant's end of webhooks: remembers what it was told, and now and then refuses to listen.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use anyhow::Result;

use super::{
    api::Told,
    http::{self, Message},
    workload::lock,
};

/// One of so many webhooks is answered with an error when it comes for the first time.
const REFUSED_ONE_OF: usize = 7;

/// What came.
#[derive(Default)]
struct Inbox {
    /// How many webhooks came, refused ones included.
    count: usize,
    /// So many webhooks are refused that were not refused before.
    deaf: usize,
    /// What was refused once and will be listened to the next time.
    refused: BTreeSet<(String, String)>,
    /// Statuses that were acknowledged, by reference.
    heard: BTreeMap<String, BTreeSet<String>>,
}

/// A running receiver.
pub(crate) struct Receiver {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    inbox: Arc<Mutex<Inbox>>,
}

impl Receiver {
    /// Starts it.
    ///
    /// # Errors
    /// If there is no port.
    pub(crate) fn start() -> Result<Self> {
        let inbox = Arc::new(Mutex::new(Inbox::default()));
        let shared = Arc::clone(&inbox);
        let address = http::serve(move |request| {
            let is_heard = Told::read(&request).is_some_and(|told| lock(&shared).hear(told));
            Some(Message::answer(if is_heard { "200 OK" } else { "500 Internal Server Error" }))
        })?;
        Ok(Self { address, inbox })
    }

    /// Whether a status of a payout was heard.
    pub(crate) fn has_heard(&self, reference: &str, status: &str) -> bool {
        lock(&self.inbox).heard.get(reference).is_some_and(|it| it.contains(status))
    }

    /// Refuses so many webhooks that were not refused before; none any more if it is zero.
    pub(crate) fn be_deaf(&self, count: usize) {
        lock(&self.inbox).deaf = count;
    }

    /// How many webhooks came.
    pub(crate) fn count(&self) -> usize {
        lock(&self.inbox).count
    }
}

impl Inbox {
    /// Listens, or not.
    fn hear(&mut self, told: Told) -> bool {
        self.count += 1;
        let Told { reference, status } = told;
        // Never twice the same: the time until the third try is longer than the test.
        let is_refused = self.deaf > 0 || self.count.is_multiple_of(REFUSED_ONE_OF);
        if is_refused && self.refused.insert((reference.clone(), status.clone())) {
            self.deaf = self.deaf.saturating_sub(1);
            return false;
        }
        self.heard.entry(reference).or_default().insert(status);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::{Inbox, REFUSED_ONE_OF, Told};

    #[test]
    fn what_is_refused_is_not_heard_until_it_comes_again() {
        let told = || Told { reference: "a".into(), status: "paid".into() };
        let mut inbox = Inbox { count: REFUSED_ONE_OF - 1, ..Inbox::default() };
        assert!(!inbox.hear(told()));
        assert!(inbox.heard.is_empty());
        assert!(inbox.hear(told()));
        assert!(inbox.heard["a"].contains("paid"));
        inbox.count = 2 * REFUSED_ONE_OF - 1;
        assert!(inbox.hear(told()));
        inbox.deaf = 1;
        assert!(inbox.hear(told()), "it was refused before");
        let other = || Told { reference: "b".into(), status: "paid".into() };
        assert!(!inbox.hear(other()));
        assert!(inbox.hear(other()));
    }
}
