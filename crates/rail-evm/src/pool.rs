//! The endpoints of one network: each a node of its own, asked through here only, so that what it
//! answers (and that it does not) is taken down in the [`Roster`].

use std::sync::{Mutex, MutexGuard, PoisonError};

use domain::{catalog::Network, ids::NetworkId, ports::Unreachable};
use futures_util::future::join_all;
use net::{JsonRpc, NodeError};

use crate::{
    disputes::Disputes,
    node::Node,
    riddles::Riddles,
    roster::Roster,
    settings::{Parameters, Settings},
};

/// How many endpoints a network may have: all are asked at once now and then.
const ENDPOINTS_MAX: usize = 16;

/// An endpoint of a network.
pub struct Endpoint {
    /// What people know it by. It is logged and stored, so it must not hold a secret, as URLs of
    /// nodes often do.
    pub name: String,
    /// The way to it.
    pub rpc: JsonRpc,
}

/// An endpoint and what is asked of it.
pub(crate) struct Member {
    /// What people know it by.
    pub(crate) name: String,
    /// The node there. If it is several behind one address, all count as one.
    pub(crate) node: Node,
}

/// All endpoints of one network.
pub(crate) struct Pool {
    members: Vec<Member>,
    network: NetworkId,
    chain_id: u64,
    quorum: usize,
    roster: Mutex<Roster>,
    /// What they disagree about.
    pub(crate) disputes: Disputes,
    /// The transactions of which nobody can tell what they paid.
    pub(crate) riddles: Riddles,
}

impl Pool {
    /// A pool of `endpoints`, the preferred one first. Asks none of them.
    ///
    /// # Errors
    /// If there are none or too many, or if the quorum cannot be one of them.
    pub(crate) fn new(
        network: &Network,
        parameters: &Parameters,
        endpoints: Vec<Endpoint>,
        settings: &Settings,
    ) -> Result<Self, String> {
        let count = endpoints.len();
        if count == 0 || count > ENDPOINTS_MAX {
            return Err(format!("{count} endpoints: there must be 1 to {ENDPOINTS_MAX}"));
        }
        let quorum = settings.quorum.map_or(count.min(2), |it| it.try_into().unwrap_or(usize::MAX));
        if quorum == 0 || quorum > count {
            return Err(format!(
                "setting quorum cannot be {quorum}: of {count} endpoints, 1 to {count} can agree"
            ));
        }
        let lag_blocks_max = settings.lag_blocks_max.unwrap_or(parameters.lag_blocks_max);
        let member = |it: Endpoint| {
            let node = Node::new(network.id.clone(), it.rpc);
            Member { name: it.name, node }
        };
        Ok(Self {
            members: endpoints.into_iter().map(member).collect(),
            network: network.id.clone(),
            chain_id: parameters.chain_id,
            quorum,
            roster: Mutex::new(Roster::new(count, lag_blocks_max)),
            disputes: Disputes::new(network.id.clone()),
            riddles: Riddles::default(),
        })
    }

    /// How many endpoints must agree. While they disagree about anything, never less than two.
    pub(crate) fn needed(&self) -> usize {
        if self.is_paused() { self.quorum.max(2) } else { self.quorum }
    }

    /// Whether there are several endpoints.
    pub(crate) fn is_several(&self) -> bool {
        self.members.len() > 1
    }

    /// Whether endpoints disagree about anything.
    pub(crate) fn is_paused(&self) -> bool {
        self.disputes.words().is_some()
    }

    /// What an operator must know now: that endpoints disagree, that nobody can tell what a
    /// transaction paid, or that too few answer.
    pub(crate) fn alert(&self) -> Option<String> {
        let words = self.disputes.words().or_else(|| self.riddles.words(&self.network));
        if words.is_some() {
            return words;
        }
        let (silent, apart) = {
            let roster = self.roster();
            (roster.silent().collect::<Vec<_>>(), roster.apart().collect::<Vec<_>>())
        };
        let useful = self.members.len().saturating_sub(silent.len()).saturating_sub(apart.len());
        if useful >= self.quorum {
            return None;
        }
        let (network, needed) = (&self.network, self.quorum);
        let count = format!("of the nodes of {network}, {useful} answer and {needed} are needed");
        let mut words = vec![count];
        for (which, what) in [(silent, "silent"), (apart, "not where the others are")] {
            let names: Vec<&str> = which.iter().map(|at| self.name(*at)).collect();
            if !names.is_empty() {
                words.push(format!("{what}: {}", names.join(", ")));
            }
        }
        Some(words.join("; "))
    }

    /// Whether this is a turn in which all endpoints are asked although one would do, to learn who
    /// lags, who is back, and whether they agree.
    pub(crate) fn round_is_due(&self) -> bool {
        self.is_several() && self.roster().round_is_due()
    }

    /// The endpoints in the order in which to ask until one answers.
    pub(crate) fn in_order(&self) -> Vec<usize> {
        self.roster().in_order()
    }

    /// The same, after looking now and then who lags.
    pub(crate) async fn in_order_after_survey(&self) -> Vec<usize> {
        if self.round_is_due() {
            self.survey().await;
        }
        self.in_order()
    }

    /// The endpoints to ask at once.
    pub(crate) fn at_once(&self) -> Vec<usize> {
        self.roster().at_once()
    }

    /// Asks all endpoints for their latest block, at once, so that the answers can be compared.
    pub(crate) async fn survey(&self) {
        if self.is_several() {
            join_all(self.at_once().into_iter().map(|at| self.ask_head(at))).await;
            self.compare_heads();
        }
    }

    /// Takes down who is not where the others are, after all that answer told their latest blocks at
    /// the same time.
    pub(crate) fn compare_heads(&self) {
        self.roster().compare_heads();
    }

    /// The latest block that an endpoint told, as far as is known.
    pub(crate) fn head(&self, at: usize) -> Option<u64> {
        self.roster().head(at)
    }

    /// Asks one endpoint for its latest block; says whether it answered.
    pub(crate) async fn ask_head(&self, at: usize) -> bool {
        let Some(member) = self.member(at).await else { return false };
        let Some(head) = self.took(at, member.node.head().await) else { return false };
        self.roster().told_head(at, head);
        true
    }

    /// Takes down the latest block that an endpoint told with another answer; says whether it keeps
    /// up with the others.
    pub(crate) fn keeps_up(&self, at: usize, head: u64) -> bool {
        let mut roster = self.roster();
        roster.told_head(at, head);
        let lags = roster.lags(at);
        if lags {
            tracing::warn!(endpoint = self.name(at), head, "the endpoint lags behind the others");
        }
        !lags
    }

    /// Whether an endpoint lags, as far as is known.
    pub(crate) fn lags(&self, at: usize) -> bool {
        self.roster().lags(at)
    }

    /// An endpoint, after asking for its chain if it is not known to be the right one. There is
    /// none on another chain.
    pub(crate) async fn member(&self, at: usize) -> Option<&Member> {
        let member = self.members.get(at)?;
        match self.check(at).await {
            Ok(()) => Some(member),
            Err(error @ NodeError::OtherChain(_)) => {
                tracing::error!("{error}");
                None
            }
            Err(error @ NodeError::Silent(_)) => {
                tracing::warn!("{error}");
                None
            }
        }
    }

    /// Takes down whether an endpoint answered, and passes the answer on.
    pub(crate) fn took<T>(&self, at: usize, answer: Result<T, Unreachable>) -> Option<T> {
        match answer {
            Ok(answer) => {
                self.roster().answered(at);
                Some(answer)
            }
            Err(Unreachable) => {
                tracing::warn!(endpoint = self.name(at), "the endpoint is of no use for now");
                self.roster().failed(at);
                None
            }
        }
    }

    /// An endpoint's name.
    pub(crate) fn name(&self, at: usize) -> &str {
        self.members.get(at).map_or("", |it| &it.name)
    }

    /// Checks that no endpoint is on another chain, and that one answers.
    ///
    /// # Errors
    /// Says which is on another chain, or that none answers.
    pub(crate) async fn check_all(&self) -> Result<(), NodeError> {
        let checked = join_all((0..self.members.len()).map(|at| self.check(at))).await;
        let mut silent = vec![];
        let mut is_answered = false;
        for result in checked {
            match result {
                Ok(()) => is_answered = true,
                Err(NodeError::Silent(why)) => silent.push(why),
                Err(error @ NodeError::OtherChain(_)) => return Err(error),
            }
        }
        if !is_answered {
            return Err(NodeError::Silent(silent.join("; ")));
        }
        for why in silent {
            tracing::warn!("{why}");
        }
        Ok(())
    }

    async fn check(&self, at: usize) -> Result<(), NodeError> {
        let Some(member) = self.members.get(at) else { return Ok(()) };
        if self.roster().is_checked(at) {
            return Ok(());
        }
        let (network, name, expected) = (&self.network, &member.name, self.chain_id);
        let found = member.node.chain_id().await;
        let mut roster = self.roster();
        match found {
            Ok(found) if found == expected => {
                roster.chain_is_right(at);
                Ok(())
            }
            Ok(found) => {
                roster.failed(at);
                Err(NodeError::OtherChain(format!(
                    "the node {name} of network {network} is on chain {found}, and the network is \
                     chain {expected}: check its URL"
                )))
            }
            Err(error) => {
                roster.failed(at);
                Err(NodeError::Silent(format!(
                    "the node {name} of network {network} does not answer: {error}"
                )))
            }
        }
    }

    fn roster(&self) -> MutexGuard<'_, Roster> {
        self.roster.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
