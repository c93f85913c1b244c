//! Asks several endpoints the same, each for itself, and takes down where they disagree.

use alloy_primitives::Address;
use domain::{
    batch::{Attempt, Observation, SignedTx},
    ports::{Handover, Hold, HoldReason, Unreachable},
};
use futures_util::future::join_all;
use net::RpcError;

use crate::{
    contract,
    disputes::Subject,
    handover,
    node::lost,
    observing,
    pool::{Member, Pool},
    preparing::{code_at, had_code},
    quorum::{self, Branches, Conclusion, FinalBlocks, Finding},
    settings::Finality,
    tokens::Tokens,
    tx::Sent,
};

/// Hands a transaction to all endpoints at once.
pub(crate) async fn hand_over(pool: &Pool, tx: &SignedTx) -> Result<Handover, Unreachable> {
    let hand = async |at: usize| {
        let member = pool.member(at).await?;
        let answer = pool.took(at, hand_to(member, tx).await);
        Some((member.name.as_str(), answer.ok_or(Unreachable)))
    };
    let told = join_all(pool.at_once().into_iter().map(hand)).await;
    quorum::handover(told.into_iter().flatten().collect())
}

async fn hand_to(member: &Member, tx: &SignedTx) -> Result<Handover, Unreachable> {
    match member.node.send(&tx.raw).await {
        Ok(hash) if hash.to_string() == tx.txid.as_str() => Ok(Handover::Accepted),
        Ok(hash) => {
            let endpoint = &member.name;
            tracing::error!(txid = %tx.txid, %hash, endpoint, "it calls the transaction otherwise");
            Ok(Handover::Refused(format!("the node calls it {hash}")))
        }
        Err(RpcError::Refused { code, message, data: _ }) => Ok(handover::sort(code, &message)),
        Err(error @ RpcError::Unreachable(_)) => Err(lost("eth_sendRawTransaction", &error)),
    }
}

/// Asks what became of `attempts` of `lane`: the preferred endpoint, and all if it concludes an
/// end, if endpoints disagree at the moment, or now and then.
pub(crate) async fn observe(
    pool: &Pool,
    tokens: &Tokens,
    finality: &Finality,
    lane: Address,
    attempts: &[Attempt],
) -> Result<Vec<Observation>, Unreachable> {
    let sent = observing::read_all(lane, attempts)?;
    let Some(nonce) = sent.first().map(|it| it.tx.nonce) else { return Ok(vec![]) };
    let question = Question { pool, finality, lane, sent: &sent };
    let mut findings = vec![];
    if !pool.is_paused() && !pool.round_is_due() {
        let (at, finding) = question.ask_one().await?;
        // What one cannot make sense of, others may.
        if finding.unclear.is_none() && (!finding.ends() || pool.needed() == 1) {
            pool.riddles.found(lane, nonce, None);
            stop_odd_token(tokens, &finding);
            return Ok(finding.verdicts);
        }
        findings.push((at, finding));
    }
    question.ask_the_others(&mut findings).await;
    if findings.is_empty() {
        return Err(Unreachable);
    }
    let heads = findings.iter().map(|(at, it)| (*at, it.final_head)).collect();
    compare_blocks(pool, heads).await;
    let needed = pool.needed();
    let named: Vec<(&str, &Finding)> =
        findings.iter().map(|(at, it)| (pool.name(*at), it)).collect();
    let conclusion = quorum::conclude(&named, needed);
    let subject = Subject::Number(lane, nonce);
    match &conclusion {
        Conclusion::Disagreement(words) => pool.disputes.disagree(subject, words.clone()),
        Conclusion::Ended(_) | Conclusion::Open if findings.len() >= needed => {
            pool.disputes.agree(subject);
        }
        Conclusion::Ended(_) | Conclusion::Open => {}
    }
    let is_open = matches!(conclusion, Conclusion::Open);
    let unclear = named.iter().find_map(|(_, it)| it.unclear.as_ref()).filter(|_| is_open);
    pool.riddles.found(lane, nonce, unclear);
    match conclusion {
        Conclusion::Ended(verdicts) if !pool.is_paused() => {
            for (_, finding) in &named {
                stop_odd_token(tokens, finding);
            }
            Ok(verdicts)
        }
        Conclusion::Ended(_) | Conclusion::Open | Conclusion::Disagreement(_) => {
            if named.iter().any(|(_, it)| it.ends()) {
                tracing::info!(%lane, nonce, needed, ?named, "waits until the nodes agree on it");
            }
            Ok(quorum::while_open(&named))
        }
    }
}

/// A token is stopped if a transaction that is final shows that it paid otherwise than it was asked
/// to.
fn stop_odd_token(tokens: &Tokens, finding: &Finding) {
    if let Some((token, hash)) = finding.paid_otherwise.filter(|_| finding.ends()) {
        tokens.paid_otherwise(token, hash);
    }
}

/// What became of the attempts of one number.
struct Question<'a> {
    pool: &'a Pool,
    finality: &'a Finality,
    lane: Address,
    sent: &'a [Sent],
}

impl Question<'_> {
    async fn ask(&self, at: usize) -> Option<(usize, Finding)> {
        let member = self.pool.member(at).await?;
        let seen = observing::look(&member.node, self.finality, self.lane, self.sent).await;
        self.pool.took(at, seen).map(|finding| (at, finding))
    }

    /// Asks in order until one answers.
    async fn ask_one(&self) -> Result<(usize, Finding), Unreachable> {
        for at in self.pool.in_order() {
            if let Some(found) = self.ask(at).await {
                return Ok(found);
            }
        }
        Err(Unreachable)
    }

    /// Asks all that are not among `findings` yet. All of them tell their latest block too: at the
    /// same time, since heights of different moments tell nothing about who lags.
    async fn ask_the_others(&self, findings: &mut Vec<(usize, Finding)>) {
        let asked = self.pool.at_once();
        let told = join_all(asked.iter().map(|at| self.pool.ask_head(*at))).await;
        self.pool.compare_heads();
        // One that is silent is not asked again: each question may take as long as the first.
        let is_other = |(at, told): (usize, bool)| {
            let is_known = findings.iter().any(|(answered, _)| *answered == at);
            (told && !is_known).then_some(at)
        };
        let others: Vec<usize> = asked.into_iter().zip(told).filter_map(is_other).collect();
        let found = join_all(others.into_iter().map(|at| self.ask(at))).await;
        findings.extend(found.into_iter().flatten());
        findings.sort_by_key(|(at, _)| *at);
        for (at, finding) in findings {
            finding.head = self.pool.head(*at);
        }
    }
}

/// Compares the blocks of endpoints at each height up to which one of them is final, as far as they
/// are final for both.
async fn compare_blocks(pool: &Pool, heads: Vec<(usize, Option<u64>)>) {
    let mut heights: Vec<u64> = heads.iter().filter_map(|(_, head)| *head).collect();
    heights.sort_unstable();
    heights.dedup();
    let ask = async |(at, head): (usize, Option<u64>)| {
        let member = pool.member(at).await?;
        let head = head?;
        let own: Vec<u64> = heights.iter().copied().filter(|it| *it <= head).collect();
        let blocks = pool.took(at, member.node.blocks(&own).await)?;
        let known = blocks.into_iter().flatten().map(|it| (it.number.to::<u64>(), it.hash));
        Some((member.name.as_str(), known.collect::<FinalBlocks>()))
    };
    let told: Vec<(&str, FinalBlocks)> =
        join_all(heads.into_iter().map(ask)).await.into_iter().flatten().collect();
    match quorum::compare(&told) {
        Branches::Forked(words) => pool.disputes.disagree(Subject::Blocks, words),
        Branches::Same(count) if count >= pool.needed() => pool.disputes.agree(Subject::Blocks),
        Branches::Same(_) => {}
    }
}

/// Asks all endpoints for their latest and their final blocks, and compares these.
pub(crate) async fn compare(pool: &Pool, finality: &Finality) {
    if !pool.is_several() {
        return;
    }
    let ask = async |at: usize| {
        if !pool.ask_head(at).await {
            return None;
        }
        let member = pool.member(at).await?;
        Some((at, pool.took(at, member.node.final_head(finality).await)?))
    };
    let heads = join_all(pool.at_once().into_iter().map(ask)).await;
    pool.compare_heads();
    compare_blocks(pool, heads.into_iter().flatten().collect()).await;
}

/// Why nothing may be built at the moment: endpoints disagree, and, if it is about blocks, another
/// look finds that they still do.
pub(crate) async fn pause(pool: &Pool, finality: &Finality) -> Option<Hold> {
    if pool.disputes.is_about(Subject::Blocks) {
        compare(pool, finality).await;
    }
    let detail = pool.disputes.words()?;
    Some(Hold { reason: HoldReason::NodesDisagree, detail })
}

/// Why a number beyond the lane's own, which one endpoint counted as of a final block, may not be
/// used: a number that was skipped by mistake holds up everything that comes after it.
pub(crate) async fn doubt_of_count(
    pool: &Pool,
    counted_by: usize,
    lane: Address,
    number: u64,
    final_block: u64,
) -> Option<Hold> {
    let needed = pool.needed();
    if needed == 1 {
        return None;
    }
    let ask = async |at: usize| {
        if at == counted_by {
            return (pool.name(at), Some(number));
        }
        let Some(member) = pool.member(at).await else { return (pool.name(at), None) };
        let counted = pool.took(at, member.node.count_at(lane, final_block).await);
        (pool.name(at), counted.flatten())
    };
    let mut asked = pool.at_once();
    if !asked.contains(&counted_by) {
        asked.push(counted_by);
    }
    let told = join_all(asked.into_iter().map(ask)).await;
    let doubt = quorum::doubt_of_count(number, &told, needed)?;
    let detail = format!(
        "the lane's key was used elsewhere: one node has counted {number} transactions of {lane} \
         up to final block {final_block}, and {needed} must: {doubt}"
    );
    Some(Hold { reason: HoldReason::KeyUsedElsewhere, detail })
}

/// Why the contract that pays many may not be called yet: coins that are sent with a call to where
/// it is not are lost, so as many endpoints as the quorum must have it, each as of its own final
/// block.
pub(crate) async fn doubt_of_contract(pool: &Pool, finality: &Finality) -> Option<String> {
    let ask = async |at: usize| {
        let Some(member) = pool.member(at).await else { return (pool.name(at), None) };
        let looked = async {
            let Some(head) = member.node.final_head(finality).await? else { return Ok(None) };
            let told = member.node.batch(vec![code_at(contract::ADDRESS, head)]).await?;
            Ok(told.into_iter().next().and_then(|it| had_code(it, contract::runtime())))
        };
        (pool.name(at), pool.took(at, looked.await).flatten())
    };
    let told = join_all(pool.at_once().into_iter().map(ask)).await;
    quorum::doubt_of_code(&told, pool.needed())
}
