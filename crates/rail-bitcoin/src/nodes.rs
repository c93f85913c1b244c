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
    standing::{self, Stand, Told},
    verdict::{self, Facts, Finality, Sent},
};

/// How often a node is asked again because its chain went on meanwhile.
const LOOKS_MAX: usize = 3;
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
    /// Which blocks are final.
    finality: Finality,
    /// How many must conclude the same before anything ends, and have a coin before it is spent.
    quorum: usize,
    /// Whether they were asked for their newest blocks already.
    is_surveyed: AtomicBool,
    /// Which final blocks two of them do not have in common, for people.
    fork: Mutex<Option<String>>,
}

/// A node, and what was found out about it.
struct Known {
    endpoint: Endpoint,
    /// Whether it is on the right network.
    is_right: AtomicBool,
    /// The newest block that it told last; none if it does not answer.
    height: Mutex<Option<u32>>,
    /// Whether it could say nothing of what lanes did when it was asked last.
    is_mute: AtomicBool,
}

/// A node that answers.
pub(crate) struct Current<'a> {
    /// The node.
    pub(crate) chain: &'a dyn Chain,
    /// The newest block that it knows.
    pub(crate) tip: Tip,
    /// Whether it is a few blocks behind the others.
    pub(crate) is_behind: bool,
    is_mute: &'a AtomicBool,
}

impl Current<'_> {
    /// Takes down whether it could say what a lane did.
    pub(crate) fn told(&self, is_told: bool) {
        self.is_mute.store(!is_told, Ordering::Relaxed);
    }
}

/// Nodes that are where the others are, or a few blocks behind.
pub(crate) struct Together<'a> {
    /// Those that are not behind come first, of them those that told what lanes did when they were
    /// asked last, in their order; there is one at least.
    pub(crate) all: Vec<Current<'a>>,
    /// How many of them must have a coin before it is spent.
    pub(crate) quorum: usize,
}

impl<'a> Together<'a> {
    /// The one to build with: the preferred one of those that are not behind.
    pub(crate) fn first(&self) -> Option<&Current<'a>> {
        self.all.first()
    }

    /// The lowest of the newest blocks that those tell which are not behind: none of them makes a block
    /// final by a claim of its own.
    pub(crate) fn height(&self) -> u32 {
        let abreast = self.all.iter().filter(|it| !it.is_behind);
        abreast.map(|it| it.tip.height).min().unwrap_or(0)
    }
}

/// A transaction to be looked for, with the outputs that it spends.
pub(crate) struct Wanted {
    /// What it is.
    pub(crate) sent: Sent,
    /// Which outputs it spends.
    pub(crate) spends: Vec<OutPoint>,
}

/// What is to be found out about transactions of a lane.
pub(crate) struct Question<'a> {
    /// The lane.
    pub(crate) lane: &'a ScriptBuf,
    /// The transactions.
    pub(crate) wanted: &'a [Wanted],
    /// What these and those before them spend, whether a node remembers that or not.
    pub(crate) ours: BTreeMap<Txid, Vec<OutPoint>>,
}

/// What was found out about one transaction.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// What became of it.
    pub(crate) observation: Observation,
    /// A coin that it spends, or that what it depends on does, and of which nobody knows where it comes
    /// from.
    pub(crate) lost: Option<OutPoint>,
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
        finality: Finality,
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
        let known = |endpoint| {
            let (is_right, height, is_mute) = Default::default();
            Known { endpoint, is_right, height, is_mute }
        };
        let endpoints = endpoints.into_iter().map(known).collect();
        let (is_surveyed, fork) = Default::default();
        Ok(Self { endpoints, genesis, finality, quorum, is_surveyed, fork })
    }

    /// All of them, whichever network they are on.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Endpoint> {
        self.endpoints.iter().map(|it| &it.endpoint)
    }

    /// Those that are on the right network, as far as they answer. One that did not answer when the
    /// gateway started, and is on another network, must not be believed later.
    pub(crate) async fn right(&self) -> Vec<&Endpoint> {
        let asked = self.endpoints.iter().map(|it| async move {
            let is_right = self.is_right(it).await;
            is_right.then_some(&it.endpoint)
        });
        join_all(asked).await.into_iter().flatten().collect()
    }

    async fn is_right(&self, it: &Known) -> bool {
        if it.is_right.load(Ordering::Relaxed) {
            return true;
        }
        let name = it.endpoint.name.as_str();
        match it.endpoint.chain.block(0).await {
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

    /// Asks all for their newest block at the same time, and those that have it for the blocks that are
    /// final for others.
    async fn survey(&self) -> Vec<Option<Tip>> {
        let asked = self.endpoints.iter().map(|it| async move {
            let tip =
                if self.is_right(it).await { it.endpoint.chain.tip().await.ok() } else { None };
            *it.height() = tip.map(|it| it.height);
            tip
        });
        let tips = join_all(asked).await;
        self.is_surveyed.store(true, Ordering::Relaxed);
        if self.endpoints.len() > 1 {
            self.compare(&tips).await;
        }
        tips
    }

    /// Compares the blocks that are final for two nodes. What they do not have in common stands until
    /// two have.
    async fn compare(&self, tips: &[Option<Tip>]) {
        let final_height = |it: &Option<Tip>| it.and_then(|it| self.finality.height(it.height));
        let finals: Vec<Option<u32>> = tips.iter().map(final_height).collect();
        let heights: BTreeSet<u32> = finals.iter().flatten().copied().collect();
        let mut is_borne_out = false;
        for height in heights {
            let has = |(_, own): &(&Known, &Option<u32>)| own.is_some_and(|own| own >= height);
            let having: Vec<&Known> =
                self.endpoints.iter().zip(&finals).filter(has).map(|(it, _)| it).collect();
            if having.len() < 2 {
                continue;
            }
            let told = join_all(having.iter().map(|it| it.endpoint.chain.block(height))).await;
            let mut told = having.iter().zip(told).filter_map(|(it, hash)| {
                let name = it.endpoint.name.as_str();
                hash.ok().map(|hash| (name, hash))
            });
            let Some((first, expected)) = told.next() else { continue };
            for (name, hash) in told {
                if hash != expected {
                    let words = format!(
                        "of final block {height}, {first} says {expected}; {name} says {hash}"
                    );
                    let mut fork = self.fork();
                    if fork.is_none() {
                        tracing::error!(words, "paused: the network's nodes disagree");
                        // The first words stand, so that what a batch waits for reads the same.
                        *fork = Some(words);
                    }
                    return;
                }
                is_borne_out = true;
            }
        }
        if is_borne_out && self.fork().take().is_some() {
            tracing::warn!("the network's nodes agree again");
        }
    }

    fn fork(&self) -> MutexGuard<'_, Option<String>> {
        self.fork.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Which final blocks two nodes do not have in common.
    pub(crate) fn disagreement(&self) -> Option<String> {
        self.fork().clone()
    }

    /// Who says what, if fewer are of use than have to agree; nothing before they were asked.
    pub(crate) fn too_few(&self) -> Option<String> {
        let told = |it: &Known| Told {
            name: it.endpoint.name.clone(),
            height: *it.height(),
            is_mute: it.is_mute.load(Ordering::Relaxed),
        };
        let told: Vec<Told> = self.endpoints.iter().map(told).collect();
        let is_surveyed = self.is_surveyed.load(Ordering::Relaxed);
        is_surveyed.then(|| standing::too_few(&told, self.quorum)).flatten()
    }

    /// Those that are where the others are, and those that are a few blocks behind, however few they
    /// are.
    pub(crate) async fn leading(&self) -> Result<Together<'_>, Unreachable> {
        let tips = self.survey().await;
        let heights: Vec<Option<u32>> = tips.iter().map(|tip| tip.map(|it| it.height)).collect();
        let stands = standing::stands(&heights);
        let mut all = vec![];
        for ((it, tip), stand) in self.endpoints.iter().zip(tips).zip(stands) {
            let is_behind = match stand {
                Stand::Abreast => false,
                Stand::Behind => true,
                Stand::Apart | Stand::Silent => continue,
            };
            let (chain, is_mute) = (&*it.endpoint.chain, &it.is_mute);
            all.extend(tip.map(|tip| Current { chain, tip, is_behind, is_mute }));
        }
        all.sort_by_key(|it| (it.is_behind, it.is_mute.load(Ordering::Relaxed)));
        if all.is_empty() {
            return Err(Unreachable);
        }
        Ok(Together { all, quorum: self.quorum })
    }

    /// The same, to build with: as many as have to agree, and no two that disagree about what is final.
    pub(crate) async fn current(&self) -> Result<Together<'_>, Unreachable> {
        let found = self.leading().await?;
        if found.all.len() < self.quorum || self.disagreement().is_some() {
            return Err(Unreachable);
        }
        Ok(found)
    }

    /// What became of transactions of a lane, as far as enough of the nodes agree; the inner error
    /// says how they contradict each other.
    pub(crate) async fn observe(
        &self,
        question: &Question<'_>,
    ) -> Result<Result<Vec<Seen>, String>, Unreachable> {
        let tips = self.survey().await;
        let answering = self.endpoints.iter().zip(&tips).filter(|(_, tip)| tip.is_some());
        let asked: Vec<&Known> = answering.map(|(it, _)| it).collect();
        let told = asked.iter().map(|it| self.look(&*it.endpoint.chain, question));
        let told = join_all(told).await;
        for (it, seen) in asked.iter().zip(&told) {
            it.is_mute.store(seen.is_err(), Ordering::Relaxed);
            if seen.is_err() {
                let endpoint = it.endpoint.name.as_str();
                tracing::warn!(endpoint, "the node is of no use for now");
            }
        }
        let names = asked.iter().map(|it| it.endpoint.name.as_str());
        let told = names.zip(told).filter_map(|(name, seen)| Some((name, seen.ok()?)));
        let told: Vec<(&str, Vec<Seen>)> = told.collect();
        if told.is_empty() {
            return Err(Unreachable);
        }
        let of = |place: usize| {
            let seen = told.iter().filter_map(|(name, it)| Some((*name, it.get(place)?)));
            let seen: Vec<(&str, &Seen)> = seen.collect();
            let said: Vec<(&str, &Observation)> =
                seen.iter().map(|(name, it)| (*name, &it.observation)).collect();
            let observation = agreed(&said, self.quorum)?;
            let is_lost = seen.iter().all(|(_, it)| it.lost.is_some());
            let lost = seen.iter().find_map(|(_, it)| it.lost).filter(|_| is_lost);
            Ok(Seen { observation, lost })
        };
        Ok((0..question.wanted.len()).map(of).collect())
    }

    /// What one node concludes. Its answers must be about one chain: if the newest block is another
    /// afterwards, they are asked for again.
    async fn look(
        &self,
        chain: &dyn Chain,
        question: &Question<'_>,
    ) -> Result<Vec<Seen>, Unreachable> {
        chain.follow(question.lane).await?;
        for _ in 0..LOOKS_MAX {
            let tip = chain.tip().await?;
            let mut seen = vec![];
            let mut told = Spenders::new();
            for it in question.wanted {
                let (facts, lost) = facts(chain, it, &question.ours, &mut told).await?;
                let observation = verdict::of(it.sent, &facts, self.finality, tip.height);
                seen.push(Seen { observation, lost });
            }
            if chain.tip().await? == tip {
                return Ok(seen);
            }
        }
        Err(Unreachable)
    }
}

impl Known {
    fn height(&self) -> MutexGuard<'_, Option<u32>> {
        self.height.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a node said of who spends what. Transactions that exclude each other have coins in common, and
/// finding who spends one may take a node long.
type Spenders = BTreeMap<OutPoint, Option<(Txid, Place)>>;

async fn facts(
    chain: &dyn Chain,
    wanted: &Wanted,
    ours: &BTreeMap<Txid, Vec<OutPoint>>,
    told: &mut Spenders,
) -> Result<(Facts, Option<OutPoint>), Unreachable> {
    let place = chain.place(wanted.sent.txid).await?;
    let (spenders, lost) = match place {
        Place::Nowhere => spenders(chain, wanted, ours, told).await?,
        Place::Block(_) | Place::Mempool => (vec![], None),
    };
    Ok((Facts { place, spenders }, lost))
}

/// What spends the inputs of a transaction that is nowhere, and those of transactions that it
/// depends on and that are nowhere either: where one of those can never be included, neither
/// can this. A coin whose transaction is nowhere and known to nobody is told, too.
async fn spenders(
    chain: &dyn Chain,
    wanted: &Wanted,
    ours: &BTreeMap<Txid, Vec<OutPoint>>,
    told: &mut Spenders,
) -> Result<(Vec<(Txid, Place)>, Option<OutPoint>), Unreachable> {
    let mut spenders = vec![];
    let mut lost = None;
    let mut seen = BTreeSet::from([wanted.sent.txid]);
    let mut open = vec![(wanted.sent.txid, wanted.spends.clone())];
    let mut looked_through = 0;
    while let Some((owner, spends)) = open.pop() {
        looked_through += 1;
        for outpoint in spends {
            let spender = match told.get(&outpoint) {
                Some(known) => *known,
                None => chain.spender(outpoint).await?,
            };
            told.insert(outpoint, spender);
            if let Some((spender, place)) = spender {
                // One of ours may spend thousands, as what it replaced did.
                let others = ours.get(&spender).into_iter().flatten();
                told.extend(others.map(|it| (*it, Some((spender, place)))));
                if spender != owner {
                    spenders.push((spender, place));
                }
                continue;
            }
            let parent = outpoint.txid;
            let is_new = looked_through < ANCESTORS_MAX && seen.insert(parent);
            if is_new && chain.place(parent).await? == Place::Nowhere {
                match inputs_of(chain, parent, ours).await {
                    Some(inputs) => open.push((parent, inputs)),
                    None => lost = Some(outpoint),
                }
            }
        }
    }
    Ok((spenders, lost))
}

/// What a transaction that is nowhere spends, if anybody remembers.
async fn inputs_of(
    chain: &dyn Chain,
    txid: Txid,
    ours: &BTreeMap<Txid, Vec<OutPoint>>,
) -> Option<Vec<OutPoint>> {
    if let Some(known) = ours.get(&txid) {
        return Some(known.clone());
    }
    let tx = chain.transaction(txid).await.ok().filter(|it| it.compute_txid() == txid)?;
    Some(tx.input.iter().map(|it| it.previous_output).collect())
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
        ..first
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
            replaces_is_assumed: false,
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
        let finality = Finality { blocks: 1, blocks_large: 1, large_sat: 1 };
        assert!(Nodes::new(vec![], None, genesis, finality).is_err());
        assert!(Nodes::new(vec![], Some(1), genesis, finality).is_err());
    }
}
