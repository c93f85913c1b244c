//! Several nodes of one network: who is asked, and what they conclude together.

use bitcoin::ScriptBuf;
use domain::{batch::Observation, ports::Unreachable};
use futures_util::future::join_all;

use crate::{
    chain::{Chain, Tip},
    verdict::{self, Facts, Finality, Sent},
};

/// By how many blocks a node may be behind the highest one and still be built with.
const LAG_BLOCKS_MAX: u32 = 1;
/// How often a node is asked again because its chain went on meanwhile.
const LOOKS_MAX: usize = 3;

/// A node and its name for people, which holds no access key.
pub struct Endpoint {
    /// Its name.
    pub name: String,
    /// The node.
    pub chain: Box<dyn Chain>,
}

/// The nodes of one network, the preferred one first.
pub(crate) struct Nodes {
    endpoints: Vec<Endpoint>,
    /// How many must conclude the same before anything ends.
    quorum: usize,
}

/// A transaction to be looked for, with the outputs that it spends.
pub(crate) struct Wanted {
    /// What it is.
    pub(crate) sent: Sent,
    /// Which outputs it spends.
    pub(crate) spends: Vec<bitcoin::OutPoint>,
}

impl Nodes {
    /// Nodes of which so many must agree; by default two, or one if there is only one.
    ///
    /// # Errors
    /// If there are none, or fewer than have to agree.
    pub(crate) fn new(endpoints: Vec<Endpoint>, quorum: Option<u32>) -> Result<Self, String> {
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
        Ok(Self { endpoints, quorum })
    }

    /// All of them.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Endpoint> {
        self.endpoints.iter()
    }

    /// The first of those that are not behind, with the newest block that it knows.
    pub(crate) async fn best(&self) -> Result<(&dyn Chain, Tip), Unreachable> {
        let tips = join_all(self.endpoints.iter().map(|it| it.chain.tip())).await;
        let top = tips.iter().flatten().map(|it| it.height).max().ok_or(Unreachable)?;
        let keeps_up = |tip: &Tip| tip.height.saturating_add(LAG_BLOCKS_MAX) >= top;
        let mut found = self.endpoints.iter().zip(&tips).filter_map(|(it, tip)| {
            tip.as_ref().ok().filter(|tip| keeps_up(tip)).map(|tip| (&*it.chain, *tip))
        });
        found.next().ok_or(Unreachable)
    }

    /// What became of transactions of a lane, as far as enough of the nodes agree; the inner error
    /// says how they contradict each other.
    pub(crate) async fn observe(
        &self,
        lane: &ScriptBuf,
        wanted: &[Wanted],
        finality: Finality,
    ) -> Result<Result<Vec<Observation>, String>, Unreachable> {
        let asked = self.endpoints.iter().map(|it| look(&*it.chain, lane, wanted, finality));
        let answers = join_all(asked).await;
        for (endpoint, _) in self.endpoints.iter().zip(&answers).filter(|it| it.1.is_err()) {
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
}

/// What one node concludes. Its answers must be about one chain: if the newest block is another
/// afterwards, they are asked for again.
async fn look(
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
            let facts = facts(chain, it).await?;
            seen.push(verdict::of(it.sent, &facts, finality, tip.height));
        }
        if chain.tip().await? == tip {
            return Ok(seen);
        }
    }
    Err(Unreachable)
}

async fn facts(chain: &dyn Chain, wanted: &Wanted) -> Result<Facts, Unreachable> {
    let place = chain.place(wanted.sent.txid).await?;
    let mut spenders = vec![];
    if place == crate::chain::Place::Nowhere {
        for outpoint in &wanted.spends {
            spenders.extend(chain.spender(*outpoint).await?);
        }
    }
    Ok(Facts { place, spenders })
}

/// What several nodes conclude together about one transaction. An end needs a quorum and nobody who
/// contradicts it; anything else is as far as the one that saw most has seen.
///
/// # Errors
/// If one has seen it final and another has proof that it never will be.
fn agreed(said: &[&Observation], quorum: usize) -> Result<Observation, String> {
    let count = |is: fn(&Observation) -> bool| said.iter().filter(|it| is(it)).count();
    let is_final = |it: &Observation| matches!(it, Observation::Final { .. });
    let is_in = |it: &Observation| matches!(it, Observation::InBlock);
    let finals = count(is_final);
    let dead = count(|it| matches!(it, Observation::Dead));
    let included = finals + count(is_in);
    if finals > 0 && dead > 0 {
        return Err("one has a payment in a final block, and another has it excluded".to_owned());
    }
    if finals >= quorum
        && let Some(found) = said.iter().find(|it| is_final(it))
    {
        return Ok((*found).clone());
    }
    if dead >= quorum && included == 0 {
        return Ok(Observation::Dead);
    }
    Ok(match (included, count(|it| matches!(it, Observation::Pending))) {
        (0, 0) => Observation::Missing,
        (0, _) => Observation::Pending,
        (_, _) => Observation::InBlock,
    })
}

#[cfg(test)]
mod tests {
    use domain::money::Amount;

    use super::*;

    const FINAL: Observation = Observation::Final { fee: Amount::MAX, unpaid: vec![] };

    #[test]
    fn an_end_needs_a_quorum_and_no_contradiction() {
        use Observation::{Dead, InBlock, Missing, Pending};
        for (said, quorum, expected) in [
            (vec![FINAL], 1, Some(FINAL)),
            (vec![FINAL, InBlock], 1, Some(FINAL)),
            (vec![FINAL, InBlock], 2, Some(InBlock)),
            (vec![FINAL, FINAL, Missing], 2, Some(FINAL)),
            (vec![FINAL, Dead], 1, None),
            (vec![Dead, Missing], 1, Some(Dead)),
            (vec![Dead, Missing], 2, Some(Missing)),
            (vec![Dead, Dead, InBlock], 2, Some(InBlock)),
            (vec![Missing, Pending], 1, Some(Pending)),
            (vec![Missing, Missing], 1, Some(Missing)),
        ] {
            let all: Vec<&Observation> = said.iter().collect();
            assert_eq!(agreed(&all, quorum).ok(), expected, "{said:?} of which {quorum}");
        }
    }

    #[test]
    fn nobody_is_no_quorum() {
        assert!(Nodes::new(vec![], None).is_err());
        assert!(Nodes::new(vec![], Some(1)).is_err());
    }
}
