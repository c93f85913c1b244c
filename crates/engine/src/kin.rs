//! What a lane's transactions have to do with each other, where its wallet is made of coins.

use std::collections::BTreeSet;

use domain::{
    batch::{Attempt, AttemptStatus},
    ids::{BatchId, CoinId, LaneId, TxId},
    lane::Lane,
    ports::{CommitError, Hold, HoldReason, Rail, Store, Unreachable},
};

/// How many transactions that others depend on are looked up at most; nodes take no chains of more
/// than 25.
const BEFORE_MAX: usize = 100;

/// The stored transactions that these depend on, one through the other, whichever batches they are
/// of. One that is final depends on nothing any more; and what is in a block for now needs nobody's
/// memory.
pub(crate) async fn before(
    store: &dyn Store,
    attempts: &[Attempt],
) -> Result<Vec<Attempt>, CommitError> {
    let waits = |it: &&Attempt| it.status != AttemptStatus::InBlock;
    let mut names = origins(attempts.iter().filter(waits));
    let mut seen = names.clone();
    let mut found: Vec<Attempt> = vec![];
    while !names.is_empty() && found.len() < BEFORE_MAX {
        let signed = store.signed(&names).await.map_err(|_| CommitError::Unreachable)?;
        let open = |it: &Attempt| it.status != AttemptStatus::Final;
        let signed: Vec<Attempt> = signed.into_iter().filter(open).collect();
        names = origins(signed.iter()).into_iter().filter(|it| seen.insert(it.clone())).collect();
        found.extend(signed);
    }
    Ok(found)
}

/// The names of what made the coins that these spend.
fn origins<'a>(attempts: impl Iterator<Item = &'a Attempt>) -> BTreeSet<TxId> {
    attempts.flat_map(|it| &it.spends).filter_map(CoinId::origin).collect()
}

/// Why a lane is to sign nothing new: its key is used elsewhere, and it is not final yet for what.
/// Tells nothing where wallets are not made of coins.
///
/// # Errors
/// If store or network did not answer.
pub async fn key_used_elsewhere(
    store: &dyn Store,
    rail: &dyn Rail,
    lane: &LaneId,
) -> Result<Option<Hold>, Unreachable> {
    let lane = store.load_lane(lane, 0).await?.ok_or(Unreachable)?.lane;
    let all = store.commitments(&lane.id, BatchId(0)).await?;
    let spent = all.into_iter().flat_map(|it| it.spends).collect();
    stranger(store, rail, &lane, &spent).await
}

/// Says so if a transaction that was not signed here spends a coin of a lane that none of its live
/// transactions spends, as far as the network tells. Either somebody else has the key, or this is an
/// old copy of the database, and what waits to be paid may have been. Once that transaction is final,
/// the ledger can be compared with it.
pub(crate) async fn stranger(
    store: &dyn Store,
    rail: &dyn Rail,
    lane: &Lane,
    spent: &BTreeSet<CoinId>,
) -> Result<Option<Hold>, Unreachable> {
    let spending = rail.spending(lane).await?;
    if spending.is_empty() {
        return Ok(None);
    }
    // The store is asked last: what was signed here is stored before anybody sees it.
    let names: BTreeSet<TxId> = spending.iter().map(|it| it.txid.clone()).collect();
    let signed = store.signed(&names).await?;
    let signed: BTreeSet<&TxId> = signed.iter().map(|it| &it.tx.txid).collect();
    for it in spending.iter().filter(|it| !signed.contains(&it.txid)) {
        if let Some(coin) = it.coins.iter().find(|it| !spent.contains(*it)) {
            let txid = &it.txid;
            let detail = format!(
                "{txid}, which was not signed here, spends {coin}: the wallet's key is used \
                 elsewhere, or this is an old copy of the database; nothing new is signed until it \
                 is final"
            );
            return Ok(Some(Hold { reason: HoldReason::KeyUsedElsewhere, detail }));
        }
    }
    Ok(None)
}
