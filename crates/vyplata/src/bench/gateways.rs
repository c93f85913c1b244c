//! Gateways that share one database, as an operator runs them: each is a process with a data directory of
//! its own, and all have the same configuration and keys.

use std::net::SocketAddr;

use super::{
    child::{Child, Part},
    gateway::Plan,
};

/// At least one gateway.
pub(super) struct Gateways(Vec<Child>);

impl Gateways {
    /// Starts them one after another: the first one makes the merchants.
    ///
    /// # Errors
    /// If one does not start.
    pub(super) fn start(first: &Plan, count: usize) -> anyhow::Result<Self> {
        let started = plans(first, count).map(|it| Child::start(&Part::Gateway(it)));
        Ok(Self(started.collect::<anyhow::Result<_>>()?))
    }

    /// Their processes.
    pub(super) fn children(&self) -> &[Child] {
        &self.0
    }

    /// Where they take requests.
    pub(super) fn addresses(&self) -> Vec<SocketAddr> {
        self.0.iter().map(|it| it.ready.address).collect()
    }

    /// The newest payout that their store had before the first of them.
    pub(super) fn newest_before(&self) -> Option<&str> {
        self.0.first()?.ready.newest_before.as_deref()
    }

    /// Tells all of them something and waits until they have done so.
    ///
    /// # Errors
    /// If one has ended.
    pub(super) fn tell(&mut self, what: &str) -> anyhow::Result<()> {
        self.0.iter_mut().try_for_each(|it| it.tell(what))
    }

    /// What all of them have used of the processor, in microseconds.
    pub(super) fn cpu_us(&self) -> Option<u64> {
        self.0.iter().map(Child::cpu_us).sum()
    }

    /// How often all of them have waited for the disk, if their store counts that.
    pub(super) fn waits(&self) -> Option<u64> {
        self.0.iter().map(Child::waits).sum()
    }
}

/// How each of them is run. The simulated chain is in the first one's memory, so only that one pays.
fn plans(first: &Plan, count: usize) -> impl Iterator<Item = Plan> {
    let others = (1..count).map(|number| Plan {
        data: first.data.join(format!("node-{number}")),
        has_chain: false,
        ..first.clone()
    });
    std::iter::once(first.clone()).chain(others)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::bench::{gateway::Prepared, shops::Speech};

    #[test]
    fn each_has_a_folder_of_its_own_and_one_has_the_chain() {
        let first = Plan {
            store: "postgres://localhost/bench".to_owned(),
            data: "bench".into(),
            run: "run".to_owned(),
            speech: Speech::Native,
            merchants: 2,
            prepared: Prepared::Nothing,
            has_chain: true,
            pays: true,
            block_ms: 50,
            wallets: 1,
            batch_max: 1,
            in_flight_max: 1,
            receivers: vec![],
        };
        let plans: Vec<Plan> = plans(&first, 3).collect();
        assert_eq!(plans.iter().map(|it| &it.data).collect::<BTreeSet<_>>().len(), 3);
        assert!(plans.iter().all(|it| it.store == first.store && it.run == first.run));
        assert_eq!(plans.iter().map(|it| it.has_chain).collect::<Vec<_>>(), [true, false, false]);
        assert_eq!(plans[0].data, first.data);
    }
}
