//! Several nodes of one network: who is asked, and what they conclude together.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use bitcoin::{BlockHash, OutPoint, ScriptBuf, Txid};
use domain::{agreement::agreed, batch::Observation, ports::Unreachable};
use futures_util::future::join_all;

use crate::{
    chain::{Chain, Place, RelayRules, Tip},
    fees,
    verdict::{self, Facts, Finality, Sent},
};

/// By how many blocks a node may be behind the highest one and still be built with.
const LAG_BLOCKS_MAX: u32 = 1;
/// How often a node is asked again because its chain went on meanwhile.
const LOOKS_MAX: usize = 3;
/// How many transactions are remembered by what they spend.
const REMEMBERED_MAX: usize = 50_000;
/// How many transactions that are nowhere are looked through for one that can be included no more.
const ANCESTORS_MAX: usize = 100;

/// A node and its name for people, which holds no access key.
pub struct Endpoint {
    /// Its name.
    pub name: String,
    /// The node.
    pub chain: Box<dyn Chain>,
}

/// The nodes of one network, the preferred one first.
pub(crate) struct Nodes {
    endpoints: Vec<Known>,
    genesis: BlockHash,
    /// How many must conclude the same before anything ends.
    quorum: usize,
    /// What transactions of ours spend, for those that no node knows any more.
    ours: Mutex<BTreeMap<Txid, Vec<OutPoint>>>,
}

/// A node, and whether it was found to be on the right network.
struct Known {
    endpoint: Endpoint,
    is_right: AtomicBool,
}

/// A node that is not behind.
pub(crate) struct Current<'a> {
    /// The node.
    pub(crate) chain: &'a dyn Chain,
    /// The newest block that it knows.
    pub(crate) tip: Tip,
}

/// A transaction to be looked for, with the outputs that it spends.
pub(crate) struct Wanted {
    /// What it is.
    pub(crate) sent: Sent,
    /// Which outputs it spends.
    pub(crate) spends: Vec<OutPoint>,
}

impl Nodes {
    /// Nodes of the network with this first block, of which so many must agree; by default two, or
    /// one if there is only one.
    ///
    /// # Errors
    /// If there are none, or fewer than have to agree.
    pub(crate) fn new(
        endpoints: Vec<Endpoint>,
        quorum: Option<u32>,
        genesis: BlockHash,
    ) -> Result<Self, String> {
        let most = endpoints.len();
        let quorum = match quorum {
            None => most.min(2),
            Some(it) => usize::try_from(it).unwrap_or(usize::MAX),
        };
        if most == 0 {
            return Err("there is no node".to_owned());
        }
        if quorum == 0 || quorum > most {
            return Err(format!("quorum must be from 1 to {most}, the number of nodes"));
        }
        let known = |endpoint| Known { endpoint, is_right: AtomicBool::new(false) };
        let endpoints = endpoints.into_iter().map(known).collect();
        Ok(Self { endpoints, genesis, quorum, ours: Mutex::default() })
    }

    /// All of them, whichever network they are on.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Endpoint> {
        self.endpoints.iter().map(|it| &it.endpoint)
    }

    /// Those that are on the right network, as far as they answer. One that did not answer when the
    /// gateway started, and is on another network, must not be believed later.
    pub(crate) async fn right(&self) -> Vec<&Endpoint> {
        let asked = self.endpoints.iter().map(|it| async move {
            let is_right = it.is_right.load(Ordering::Relaxed) || self.is_right(it).await;
            is_right.then_some(&it.endpoint)
        });
        join_all(asked).await.into_iter().flatten().collect()
    }

    async fn is_right(&self, it: &Known) -> bool {
        let name = it.endpoint.name.as_str();
        match it.endpoint.chain.genesis().await {
            Ok(found) if found == self.genesis => {
                it.is_right.store(true, Ordering::Relaxed);
                true
            }
            Ok(found) => {
                tracing::error!(endpoint = name, %found, "the node is on another network");
                false
            }
            Err(Unreachable) => false,
        }
    }

    /// Those that are not behind, the preferred one first; never none.
    pub(crate) async fn current(&self) -> Result<Vec<Current<'_>>, Unreachable> {
        let right = self.right().await;
        let tips = join_all(right.iter().map(|it| it.chain.tip())).await;
        let mut heights: Vec<u32> = tips.iter().flatten().map(|it| it.height).collect();
        heights.sort_unstable_by(|one, other| other.cmp(one));
        // One of several that claims to be far ahead does not make all others be behind.
        let top = heights.get(1).filter(|_| heights.len() > 2).or(heights.first());
        let top = *top.ok_or(Unreachable)?;
        let keeps_up = |tip: &Tip| tip.height.saturating_add(LAG_BLOCKS_MAX) >= top;
        let found = right.iter().zip(tips).filter_map(|(it, tip)| {
            tip.ok().filter(keeps_up).map(|tip| Current { chain: &*it.chain, tip })
        });
        Ok(found.collect())
    }

    fn ours(&self) -> MutexGuard<'_, BTreeMap<Txid, Vec<OutPoint>>> {
        self.ours.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers what transactions of ours spend.
    fn remember(&self, wanted: &[Wanted]) {
        let mut ours = self.ours();
        for it in wanted {
            ours.entry(it.sent.txid).or_insert_with(|| it.spends.clone());
        }
        while ours.len() > REMEMBERED_MAX {
            ours.pop_first();
        }
    }

    /// What became of transactions of a lane, as far as enough of the nodes agree; the inner error
    /// says how they contradict each other.
    pub(crate) async fn observe(
        &self,
        lane: &ScriptBuf,
        wanted: &[Wanted],
        finality: Finality,
    ) -> Result<Result<Vec<Observation>, String>, Unreachable> {
        self.remember(wanted);
        let right = self.right().await;
        let asked = right.iter().map(|it| self.look(&*it.chain, lane, wanted, finality));
        let answers = join_all(asked).await;
        for (endpoint, _) in right.iter().zip(&answers).filter(|it| it.1.is_err()) {
            tracing::warn!(endpoint = endpoint.name, "the node is of no use for now");
        }
        let answers: Vec<Vec<Observation>> = answers.into_iter().flatten().collect();
        if answers.is_empty() {
            return Err(Unreachable);
        }
        let of = |place: usize| {
            let said: Vec<&Observation> = answers.iter().filter_map(|it| it.get(place)).collect();
            agreed(&said, self.quorum)
        };
        Ok((0..wanted.len()).map(of).collect())
    }

    /// What one node concludes. Its answers must be about one chain: if the newest block is another
    /// afterwards, they are asked for again.
    async fn look(
        &self,
        chain: &dyn Chain,
        lane: &ScriptBuf,
        wanted: &[Wanted],
        finality: Finality,
    ) -> Result<Vec<Observation>, Unreachable> {
        chain.follow(lane).await?;
        for _ in 0..LOOKS_MAX {
            let tip = chain.tip().await?;
            let mut seen = vec![];
            for it in wanted {
                let facts = self.facts(chain, it).await?;
                seen.push(verdict::of(it.sent, &facts, finality, tip.height));
            }
            if chain.tip().await? == tip {
                return Ok(seen);
            }
        }
        Err(Unreachable)
    }

    async fn facts(&self, chain: &dyn Chain, wanted: &Wanted) -> Result<Facts, Unreachable> {
        let place = chain.place(wanted.sent.txid).await?;
        let spenders = match place {
            Place::Nowhere => self.spenders(chain, wanted).await?,
            Place::Block(_) | Place::Mempool => vec![],
        };
        Ok(Facts { place, spenders })
    }

    /// What spends the inputs of a transaction that is nowhere, and those of transactions that it
    /// depends on and that are nowhere either: where one of those can never be included, neither
    /// can this.
    async fn spenders(
        &self,
        chain: &dyn Chain,
        wanted: &Wanted,
    ) -> Result<Vec<(Txid, Place)>, Unreachable> {
        let mut spenders = vec![];
        let mut seen = BTreeSet::from([wanted.sent.txid]);
        let mut open = vec![(wanted.sent.txid, wanted.spends.clone())];
        let mut looked_through = 0;
        while let Some((owner, spends)) = open.pop() {
            looked_through += 1;
            for outpoint in spends {
                if let Some((spender, place)) = chain.spender(outpoint).await? {
                    if spender != owner {
                        spenders.push((spender, place));
                    }
                    continue;
                }
                let parent = outpoint.txid;
                let is_new = looked_through < ANCESTORS_MAX && seen.insert(parent);
                if is_new && chain.place(parent).await? == Place::Nowhere {
                    let inputs = self.inputs_of(chain, parent).await;
                    open.extend(inputs.map(|it| (parent, it)));
                }
            }
        }
        Ok(spenders)
    }

    /// What a transaction that is nowhere spends, if anybody remembers.
    async fn inputs_of(&self, chain: &dyn Chain, txid: Txid) -> Option<Vec<OutPoint>> {
        let known = self.ours().get(&txid).cloned();
        if known.is_some() {
            return known;
        }
        let tx = chain.transaction(txid).await.ok().filter(|it| it.compute_txid() == txid)?;
        Some(tx.input.iter().map(|it| it.previous_output).collect())
    }
}

/// What is to be kept to: what the first of these nodes takes, but of what they relay the middle one
/// counts, of two the lower, so that no single one sets the price. Servers that are told what they
/// relay say nothing about it, unless there are no others.
pub(crate) async fn rules(nodes: &[Current<'_>]) -> Result<RelayRules, Unreachable> {
    let answers = join_all(nodes.iter().map(|it| it.chain.relay_rules())).await;
    let first = *answers.first().ok_or(Unreachable)?;
    let told = nodes.iter().zip(&answers).filter(|it| it.0.chain.is_node());
    let told: Vec<RelayRules> = told.filter_map(|it| it.1.ok()).collect();
    Ok(middle(first?, &told))
}

fn middle(first: RelayRules, told: &[RelayRules]) -> RelayRules {
    let of = |what: &dyn Fn(&RelayRules) -> u64| {
        let all: Vec<Option<u64>> = told.iter().map(|it| Some(what(it))).collect();
        fees::agreed(&all).unwrap_or_else(|| what(&first))
    };
    RelayRules {
        fee_rate_min_sat_per_kvb: of(&|it| it.fee_rate_min_sat_per_kvb),
        increment_sat_per_kvb: of(&|it| it.increment_sat_per_kvb),
        replaces: first.replaces,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_single_node_sets_what_is_relayed() {
        let rules = |fee_rate_min_sat_per_kvb| RelayRules {
            fee_rate_min_sat_per_kvb,
            increment_sat_per_kvb: 1_000,
            replaces: true,
        };
        let of = |told: &[u64]| {
            let told: Vec<RelayRules> = told.iter().map(|it| rules(*it)).collect();
            middle(rules(499_000), &told).fee_rate_min_sat_per_kvb
        };
        assert_eq!(of(&[499_000, 1_000, 2_000]), 2_000);
        assert_eq!(of(&[499_000, 1_000]), 1_000, "of two the lower");
        assert_eq!(of(&[]), 499_000);
    }

    #[test]
    fn nobody_is_no_quorum() {
        let genesis = bitcoin::hashes::Hash::all_zeros();
        assert!(Nodes::new(vec![], None, genesis).is_err());
        assert!(Nodes::new(vec![], Some(1), genesis).is_err());
    }
}
