//! Finds out what became of attempts. What is asked, and in which order, makes the facts of
//! [`crate::verdict`] proofs:
//!
//! 1. the final head, before all else: what is in the chain up to there stays;
//! 2. receipts, transactions, and the account's count at that head;
//! 3. the blocks that the receipts name, as the chain has them at those heights;
//! 4. only if the number is used up and none of our receipts explains it: the block in which the
//!    account's count passed it, for the transaction that used it.
//!
//! All of it is one endpoint's own finding; what several find is put together in
//! [`crate::agreeing`]. Behind one endpoint there may be several nodes all the same. Final blocks
//! are the same for every node, so it does no harm if several answer in turn: one that
//! lags behind cannot make a block final, nor put another transaction into one. What it says of
//! counts only leads to a block, and proves nothing.

use alloy_primitives::{Address, B256};
use domain::{batch::Attempt, money::Amount, ports::Unreachable};

use crate::{
    errand::{Errand, Outcome},
    l1_fee,
    node::{Node, Placed, Receipt, Sighting},
    quorum::{Finding, Proof},
    riddles::Unclear,
    settings::Finality,
    tx::{self, Sent},
    verdict::{Fact, Facts, Included},
};

/// Asks one node what became of the transactions of `lane` that share a number.
pub(crate) async fn look(
    node: &Node,
    finality: &Finality,
    lane: Address,
    sent: &[Sent],
) -> Result<Finding, Unreachable> {
    let Some(nonce) = sent.first().map(|it| it.tx.nonce) else { return Err(Unreachable) };
    let hashes: Vec<B256> = sent.iter().map(|it| it.hash).collect();
    let final_head = node.final_head(finality).await?;
    let (sightings, count) = node.sightings(lane, final_head, &hashes).await?;
    let heights: Vec<u64> = sightings
        .iter()
        .filter_map(|it| it.receipt.as_ref())
        .map(|receipt| receipt.block_number.to())
        .collect();
    let mut blocks = Vec::new();
    if !heights.is_empty() {
        blocks = node.blocks(&heights).await?;
    }
    let in_chain = |receipt: &Receipt| {
        blocks
            .iter()
            .flatten()
            .any(|block| block.number == receipt.block_number && block.hash == receipt.block_hash)
    };
    let mut facts = Facts { final_head, taken_by: vec![], attempts: vec![] };
    let (mut paid_otherwise, mut unclear) = (None, None);
    for (sent, sighting) in sent.iter().zip(&sightings) {
        let odd = (&mut paid_otherwise, &mut unclear);
        let place = |receipt| included(sent, receipt, in_chain(receipt), odd);
        let included = sighting.receipt.as_ref().map(place).transpose()?;
        facts.attempts.push(Fact { hash: sent.hash, included, known: sighting.known });
    }
    if let (Some(head), Some(count)) = (final_head, count)
        && count > nonce
        && facts.settled().next().is_none()
        && !facts.has_unclear()
    {
        facts.taken_by = taken_by(node, lane, nonce, head).await?;
    }
    let verdicts = facts.verdicts().ok_or_else(|| {
        tracing::warn!(%lane, nonce, ?facts, "the node contradicts itself");
        Unreachable
    })?;
    let proof = proof(&facts, &sightings);
    Ok(Finding { verdicts, final_head, head: None, proof, paid_otherwise, unclear })
}

/// What the verdicts that follow from facts rest on, if they are an end.
fn proof(facts: &Facts, sightings: &[Sighting]) -> Option<Proof> {
    if !facts.taken_by.is_empty() {
        return Some(Proof::TakenBy(facts.taken_by.clone()));
    }
    let hash = facts.settled().next()?.hash;
    let receipts = sightings.iter().filter_map(|it| it.receipt.as_ref());
    let settled = receipts.into_iter().find(|it| it.transaction_hash == hash)?;
    Some(Proof::Settled { block: settled.block_number.to(), hash: settled.block_hash })
}

/// Reads the attempts' bytes. They were made by this program, so whatever does not fit is damage
/// that a person must look at; no answer of a node would mean anything for them.
pub(crate) fn read_all(lane: Address, attempts: &[Attempt]) -> Result<Vec<Sent>, Unreachable> {
    let mut all: Vec<Sent> = Vec::new();
    for attempt in attempts {
        let damaged = |what: &str| {
            tracing::error!(txid = %attempt.tx.txid, what, "a stored transaction is damaged");
            Unreachable
        };
        let sent = tx::read(&attempt.tx.raw).map_err(|error| damaged(&error))?;
        if sent.hash.to_string() != attempt.tx.txid.as_str() {
            return Err(damaged("its bytes have another hash"));
        }
        if sent.sender != lane {
            return Err(damaged("another account than the lane's signed it"));
        }
        let nonce = all.first().map_or(sent.tx.nonce, |first| first.tx.nonce);
        if sent.tx.nonce != nonce || attempt.sequence != Some(nonce) {
            return Err(damaged("its number is not the one of its batch"));
        }
        all.push(sent);
    }
    Ok(all)
}

fn included(
    sent: &Sent,
    receipt: &Receipt,
    canonical: bool,
    (paid_otherwise, unclear): (&mut Option<(Address, B256)>, &mut Option<Unclear>),
) -> Result<Included, Unreachable> {
    let odd = || {
        tracing::warn!(txid = %sent.hash, ?receipt, "the receipt makes no sense");
        Unreachable
    };
    let fee = l1_fee::charged(receipt).and_then(Amount::from_units).ok_or_else(odd)?;
    let errand = Errand::read(sent);
    let token = errand.as_ref().and_then(Errand::token);
    let outcome = match receipt.status.to::<u64>() {
        0 => Outcome::NotPaid,
        1 => errand.ok_or_else(odd)?.outcome(sent.sender, &receipt.logs),
        _ => return Err(odd()),
    };
    let mut is_unclear = false;
    let (paid, unpaid) = match outcome {
        Outcome::NotPaid => (false, vec![]),
        Outcome::Done(unpaid) => (true, unpaid),
        Outcome::PaidOtherwise(unpaid) => {
            if let (Some(token), true) = (token, canonical) {
                *paid_otherwise = Some((token, sent.hash));
            }
            (true, unpaid)
        }
        // No token moves without announcing it: whatever was called was not there.
        Outcome::Unclear(_) if token.is_some() && receipt.logs.is_empty() => (false, vec![]),
        Outcome::Unclear(why) => {
            if canonical {
                *unclear = Some(Unclear { hash: sent.hash, why });
            }
            is_unclear = true;
            (false, vec![])
        }
    };
    let block = receipt.block_number.to();
    Ok(Included { block, canonical, paid, unpaid, unclear: is_unclear, fee })
}

/// The transactions of `lane` with the number `nonce` in the final block that its count at old
/// blocks leads to. There are none if the node does not keep enough state to tell, if its answers
/// do not fit together, or if the number was used up without a transaction of the lane (EIP-7702).
async fn taken_by(
    node: &Node,
    lane: Address,
    nonce: u64,
    head: u64,
) -> Result<Vec<B256>, Unreachable> {
    let Some(block) = passed_in(node, lane, nonce, head).await? else {
        tracing::warn!(%lane, nonce, "the number is used, but the node cannot tell where");
        return Ok(vec![]);
    };
    let transactions = node.transactions(block).await?.ok_or_else(|| {
        tracing::warn!(%lane, nonce, block, "the node does not have a final block");
        Unreachable
    })?;
    let takes = |it: &Placed| {
        it.from == Some(lane) && it.nonce.is_some_and(|number| number.to::<u64>() == nonce)
    };
    let takers: Vec<B256> = transactions.iter().filter(|it| takes(it)).map(|it| it.hash).collect();
    if takers.is_empty() {
        tracing::warn!(%lane, nonce, block, "the number is used, but no transaction there used it");
    }
    Ok(takers)
}

/// The block in which the count of `lane` passed `nonce`, which it has at the final block `head`;
/// `None` if the node does not keep enough state to tell. Several nodes that answer in turn may
/// lead to another block.
///
/// Goes back in strides that double, then halves the last one, so that a number that was used
/// lately is found without asking for old state.
async fn passed_in(
    node: &Node,
    lane: Address,
    nonce: u64,
    head: u64,
) -> Result<Option<u64>, Unreachable> {
    let mut passed = head;
    let mut stride = 1_u64;
    let mut before = loop {
        let Some(probe) = passed.checked_sub(1).map(|it| it.saturating_sub(stride - 1)) else {
            return Ok(None);
        };
        match node.count_at(lane, probe).await? {
            None => return Ok(None),
            Some(count) if count <= nonce => break probe,
            Some(_) => passed = probe,
        }
        stride = stride.saturating_mul(2);
    };
    while passed - before > 1 {
        let middle = before + (passed - before) / 2;
        match node.count_at(lane, middle).await? {
            None => return Ok(None),
            Some(count) if count <= nonce => before = middle,
            Some(_) => passed = middle,
        }
    }
    Ok(Some(passed))
}
