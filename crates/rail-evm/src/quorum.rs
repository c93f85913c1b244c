//! What several endpoints together say, each from its own facts. Pure.
//!
//! An end (final, reverted, dead) needs as many endpoints as the quorum that conclude exactly the
//! same. Whoever says less (missing, pending, in a block) may only lag, and neither confirms nor
//! contradicts. Two that conclude different ends, or that have different blocks at a height that
//! is final for both, contradict each other: then nothing ends, whatever a majority says.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256};
use domain::{
    batch::Observation,
    ports::{Handover, Unreachable},
};

use crate::riddles::Unclear;

/// What an end rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    /// One of our transactions lies in this final block.
    Settled {
        /// The block's height.
        block: u64,
        /// The block's hash.
        hash: B256,
    },
    /// This transaction, none of ours, used up the number.
    TakenBy(Vec<B256>),
}

/// What one endpoint found out about the attempts of one number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// One for each attempt, in order.
    pub(crate) verdicts: Vec<Observation>,
    /// The height up to which blocks are final for it.
    pub(crate) final_head: Option<u64>,
    /// The height of its latest block, if it told that in the same round.
    pub(crate) head: Option<u64>,
    /// What its verdicts rest on, if they are an end.
    pub(crate) proof: Option<Proof>,
    /// The token, and the transaction by which it paid otherwise than it was asked to.
    pub(crate) paid_otherwise: Option<(Address, B256)>,
    /// The one of which nobody can tell what it paid. It is in the chain, and ends nothing.
    pub(crate) unclear: Option<Unclear>,
}

impl Finding {
    /// Whether it would end anything.
    pub(crate) fn ends(&self) -> bool {
        self.verdicts.iter().any(|it| weakened(it) != *it)
    }

    fn says_the_same(&self, other: &Self) -> bool {
        self.verdicts == other.verdicts && self.proof == other.proof
    }
}

/// What follows from several findings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Conclusion {
    /// Nothing ends yet.
    Open,
    /// As many as needed conclude this end.
    Ended(Vec<Observation>),
    /// Endpoints contradict each other; who says what.
    Disagreement(String),
}

/// Concludes from what endpoints, by name, found; an end needs `needed` of them.
pub(crate) fn conclude(findings: &[(&str, &Finding)], needed: usize) -> Conclusion {
    let mut ends = findings.iter().filter(|(_, it)| it.ends());
    let Some((name, first)) = ends.next() else { return Conclusion::Open };
    let mut confirmed = 1;
    for (other_name, other) in ends {
        if !other.says_the_same(first) {
            return Conclusion::Disagreement(format!(
                "{name} says {}; {other_name} says {}",
                words(first),
                words(other)
            ));
        }
        confirmed += 1;
    }
    if confirmed < needed { Conclusion::Open } else { Conclusion::Ended(first.verdicts.clone()) }
}

/// What is told of attempts that have not ended: the most that an endpoint says that claims no end,
/// or, if all claim one, what it would be a little earlier. One that has not come as far as the block
/// that an end rests on stands still or lags: that it misses the transaction says nothing, and
/// handing that over again and again would not help.
pub(crate) fn while_open(findings: &[(&str, &Finding)]) -> Vec<Observation> {
    let block = |(_, it): &(&str, &Finding)| match it.proof {
        Some(Proof::Settled { block, .. }) => Some(block),
        Some(Proof::TakenBy(_)) | None => None,
    };
    let proven = findings.iter().filter_map(block).min();
    let lags = |it: &Finding| {
        let (Some(head), Some(block)) = (it.head, proven) else { return false };
        head < block
    };
    let is_open = |(_, it): &&(&str, &Finding)| !it.ends() && !lags(it);
    let mut open: Vec<&Finding> = findings.iter().filter(is_open).map(|(_, it)| *it).collect();
    if open.is_empty() {
        open = findings.iter().map(|(_, it)| *it).collect();
    }
    let attempts = open.iter().map(|it| it.verdicts.len()).max().unwrap_or(0);
    let most = |attempt: usize| {
        let told = open.iter().filter_map(|it| it.verdicts.get(attempt)).map(weakened);
        told.max_by_key(weight).unwrap_or(Observation::Missing)
    };
    (0..attempts).map(most).collect()
}

/// A verdict as it is while it is not borne out: an attempt that is not known to have ended.
fn weakened(verdict: &Observation) -> Observation {
    match verdict {
        Observation::Final { .. } | Observation::Reverted { .. } => Observation::InBlock,
        Observation::Dead => Observation::Pending,
        Observation::InBlock | Observation::Pending | Observation::Missing => verdict.clone(),
    }
}

fn weight(verdict: &Observation) -> u8 {
    match verdict {
        Observation::Missing => 0,
        Observation::Pending => 1,
        Observation::InBlock => 2,
        Observation::Dead | Observation::Final { .. } | Observation::Reverted { .. } => 3,
    }
}

fn words(finding: &Finding) -> String {
    let verdicts: Vec<String> = finding.verdicts.iter().map(|it| format!("{it:?}")).collect();
    let proof = match &finding.proof {
        Some(Proof::Settled { block, hash }) => format!(", by block {block} {hash}"),
        Some(Proof::TakenBy(hashes)) => {
            let hashes: Vec<String> = hashes.iter().map(B256::to_string).collect();
            format!(", by transaction {}", hashes.join(", "))
        }
        None => String::new(),
    };
    format!("{}{proof}", verdicts.join(", "))
}

/// The blocks that an endpoint has at heights that are final for it.
pub(crate) type FinalBlocks = BTreeMap<u64, B256>;

/// What a comparison of final blocks shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Branches {
    /// Two endpoints have different blocks at one height; who has which.
    Forked(String),
    /// All are the same, and so many endpoints have one and the same block.
    Same(usize),
}

/// Compares the final blocks of endpoints by name.
pub(crate) fn compare(told: &[(&str, FinalBlocks)]) -> Branches {
    let mut by_height: BTreeMap<u64, (&str, B256, usize)> = BTreeMap::new();
    for (name, blocks) in told {
        for (height, hash) in blocks {
            let (first, expected, count) = by_height.entry(*height).or_insert((name, *hash, 0));
            if expected != hash {
                return Branches::Forked(format!(
                    "of final block {height}, {first} says {expected}; {name} says {hash}"
                ));
            }
            *count += 1;
        }
    }
    Branches::Same(by_height.values().map(|(_, _, count)| *count).max().unwrap_or(0))
}

/// Says what is missing for a number beyond the lane's own to be used: `needed` endpoints that have
/// counted so many transactions of the account.
pub(crate) fn doubt_of_count(
    number: u64,
    told: &[(&str, Option<u64>)],
    needed: usize,
) -> Option<String> {
    if told.iter().filter(|(_, count)| *count == Some(number)).count() >= needed {
        return None;
    }
    let say = |(name, count): &(&str, Option<u64>)| match count {
        Some(count) => format!("{name} says {count}"),
        None => format!("{name} cannot tell"),
    };
    Some(told.iter().map(say).collect::<Vec<_>>().join(", "))
}

/// Says what is missing for the code of the contract that pays many to be relied on: `needed`
/// endpoints that had it as of their final blocks. One that does not keep that state cannot tell.
pub(crate) fn doubt_of_code(told: &[(&str, Option<bool>)], needed: usize) -> Option<String> {
    if told.iter().filter(|(_, had)| *had == Some(true)).count() >= needed {
        return None;
    }
    let say = |(name, had): &(&str, Option<bool>)| match had {
        Some(true) => format!("{name} has it"),
        Some(false) => format!("{name} does not have it"),
        None => format!("{name} cannot tell"),
    };
    let told: Vec<String> = told.iter().map(say).collect();
    Some(format!("{needed} must have its code as of a final block: {}", told.join(", ")))
}

/// What is told of a transaction that several endpoints were handed. One that takes it is enough;
/// otherwise that its fee is too low tells more than other refusals, since it can be mended.
pub(crate) fn handover(
    told: Vec<(&str, Result<Handover, Unreachable>)>,
) -> Result<Handover, Unreachable> {
    let is_alone = told.len() == 1;
    let mut refusals = vec![];
    let mut is_underpriced = false;
    for (name, answer) in told {
        match answer {
            Ok(Handover::Accepted) => return Ok(Handover::Accepted),
            Ok(Handover::Underpriced) => is_underpriced = true,
            Ok(Handover::Excluded) => {
                refusals.push(format!("{name}: it keeps another transaction"));
            }
            Ok(Handover::Refused(why)) if is_alone => refusals.push(why),
            Ok(Handover::Refused(why)) => refusals.push(format!("{name}: {why}")),
            Err(Unreachable) => {}
        }
    }
    if is_underpriced {
        return Ok(Handover::Underpriced);
    }
    if refusals.is_empty() { Err(Unreachable) } else { Ok(Handover::Refused(refusals.join("; "))) }
}

#[cfg(test)]
#[path = "quorum_tests.rs"]
mod tests;
