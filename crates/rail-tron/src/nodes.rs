//! Several nodes of the network: who is asked, and what they find.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use domain::ports::Unreachable;
use futures_util::future::join_all;
use net::Rest;

use crate::{
    node::{As, Block, Node},
    tx::Sent,
    verdict::{self, Facts, Proof},
};

/// By how many blocks a node may be behind the highest one and still be paid through.
const LAG_BLOCKS_MAX: u64 = 3;
/// How many blocks are read for one transaction at the most: an hour of them, and those that are not
/// solid for some time after it.
const BLOCKS_READ_MAX: usize = 2_400;
/// How much older than its expiration the block is that a transaction names, at the most, in
/// milliseconds: a day, and 65,536 blocks, which take two days and a quarter if none is missing.
const NAMED_AGE_MS_MAX: i64 = 7 * 24 * 3_600 * 1_000;
/// After how many blocks the two bytes of a height by which a transaction names one come again.
const ROUND: u64 = 1 << 16;
/// How far back a proof looks at blocks, at the most: a week of them, and a round.
pub(crate) const BLOCKS_BACK_MAX: u64 = 4 * ROUND;
/// How many solid blocks of each node are kept: all that one proof reads, as one that was broken off
/// would else begin anew each time. With 300 transactions a block that is 25 MB.
const BLOCKS_KEPT_MAX: usize = BLOCKS_READ_MAX;
/// How far two nodes may be apart, in blocks, and both be believed: five minutes.
const APART_BLOCKS_MAX: u64 = 100;
/// How far the newest blocks of two nodes may be apart by their moments, in milliseconds.
const APART_MS_MAX: i64 = 600_000;

/// A node and its name for people, which holds no access key.
pub struct Endpoint {
    /// Its name.
    pub name: String,
    /// The way to it.
    pub rest: Rest,
    /// The way to what it tells below `/walletsolidity`, which java-tron has at another port.
    pub solid: Rest,
}

/// The nodes of the network, the preferred one first.
pub(crate) struct Nodes {
    members: Vec<Member>,
    genesis: [u8; 32],
    /// How many must conclude the same before anything ends.
    pub(crate) quorum: usize,
    /// Why not all is well with them.
    trouble: Mutex<Option<String>>,
}

/// A node, and whether it was found to be on the right network.
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) node: Node,
    /// The network's first block.
    genesis: [u8; 32],
    is_right: AtomicBool,
    /// Solid blocks that were read, by their height: the proofs of several transactions are about the
    /// same ones, and one that was broken off goes on.
    read: Mutex<BTreeMap<u64, Arc<Solid>>>,
}

/// A block that is not undone any more, and what it holds.
struct Solid {
    block: Block,
    transactions: Vec<[u8; 32]>,
}

impl Member {
    async fn solid(&self, number: u64) -> Result<Option<Arc<Solid>>, Unreachable> {
        if let Some(known) = self.read().get(&number) {
            return Ok(Some(Arc::clone(known)));
        }
        let Some((block, transactions)) = self.node.solid_block(number).await? else {
            return Ok(None);
        };
        let solid = Arc::new(Solid { block, transactions });
        let mut read = self.read();
        read.insert(number, Arc::clone(&solid));
        while read.len() > BLOCKS_KEPT_MAX {
            read.pop_first();
        }
        Ok(Some(solid))
    }

    /// Whether it is still on the right network: an address may come to lead elsewhere. One that is
    /// not is believed no more until it is again.
    async fn stays(&self) -> Result<bool, Unreachable> {
        let first = self.node.solid_header(0).await?;
        let stays = first.is_some_and(|it| it.id == self.genesis);
        self.is_right.fetch_and(stays, Ordering::Relaxed);
        Ok(stays)
    }

    fn read(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Solid>>> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
        genesis: [u8; 32],
    ) -> Result<Self, String> {
        let most = endpoints.len();
        let quorum = quorum.map_or(most.min(2), |it| usize::try_from(it).unwrap_or(usize::MAX));
        if most == 0 {
            return Err("there is no node".to_owned());
        }
        if quorum == 0 || quorum > most {
            return Err(format!("quorum must be from 1 to {most}, the number of nodes"));
        }
        let member = |Endpoint { name, rest, solid }| Member {
            name,
            node: Node::new(rest, solid),
            genesis,
            is_right: AtomicBool::new(false),
            read: Mutex::default(),
        };
        let members = endpoints.into_iter().map(member).collect();
        Ok(Self { members, genesis, quorum, trouble: Mutex::default() })
    }

    /// All of them, whichever network they are on.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Member> {
        self.members.iter()
    }

    /// The first block of another network, if one of these is.
    pub(crate) fn other_network(&self, first_blocks: &[[u8; 32]; 2]) -> Option<String> {
        first_blocks.iter().find(|it| **it != self.genesis).map(hex::encode)
    }

    /// Those that are on the right network, as far as they answer.
    pub(crate) async fn right(&self) -> Vec<&Member> {
        let asked = self.members.iter().map(|it| async move {
            let is_right = it.is_right.load(Ordering::Relaxed) || self.is_right(it).await;
            is_right.then_some(it)
        });
        join_all(asked).await.into_iter().flatten().collect()
    }

    async fn is_right(&self, it: &Member) -> bool {
        let Ok(found) = it.node.genesis().await else { return false };
        let Some(found) = self.other_network(&found) else {
            it.is_right.store(true, Ordering::Relaxed);
            return true;
        };
        tracing::error!(endpoint = it.name, found, "the node is on another network");
        false
    }

    /// The preferred one of those that are not behind, with its newest block.
    pub(crate) async fn current(&self) -> Result<(&Member, Block), Unreachable> {
        let right = self.right().await;
        let heads = join_all(right.iter().map(|it| it.node.head(As::Newest))).await;
        let told = right.into_iter().zip(heads).filter_map(|(it, head)| Some((it, head.ok()?)));
        let told: Vec<(&Member, Block)> = told.collect();
        // One of several that claims to be far ahead does not make all others be behind, and one
        // whose clock is another does not date a transaction.
        let top = second(told.iter().map(|(_, head)| head.number)).unwrap_or_default();
        let now_ms = second(told.iter().map(|(_, head)| head.time_ms)).unwrap_or_default();
        let keeps_up = |head: &Block| {
            head.number.saturating_add(LAG_BLOCKS_MAX) >= top
                && (told.len() < 2 || head.time_ms.abs_diff(now_ms) <= APART_MS_MAX.unsigned_abs())
        };
        let split = self.split_between(&told);
        let is_split = split.is_some();
        *self.trouble() = split.or_else(|| self.too_few(&told, keeps_up));
        if is_split {
            return Err(Unreachable);
        }
        told.iter().find(|(_, head)| keeps_up(head)).cloned().ok_or(Unreachable)
    }

    /// How the only two that told their newest blocks are too far apart to agree: nobody knows which
    /// one is right.
    fn split_between(&self, told: &[(&Member, Block)]) -> Option<String> {
        let [(one, first), (other, second)] = told else { return None };
        let blocks = first.number.abs_diff(second.number);
        let is_apart = blocks > APART_BLOCKS_MAX
            || first.time_ms.abs_diff(second.time_ms) > APART_MS_MAX.unsigned_abs();
        if self.quorum != 2 || !is_apart {
            return None;
        }
        let place = |it: &Block| format!("block {} of the moment {} ms", it.number, it.time_ms);
        Some(format!(
            "nothing is paid: {} is at {} and {} at {}; take out of rpc the one that is not where a \
             block explorer is",
            one.name,
            place(first),
            other.name,
            place(second)
        ))
    }

    /// Who is in the way, if fewer keep up than must agree. One that stands still ends nothing, as one
    /// that is silent.
    fn too_few(
        &self,
        told: &[(&Member, Block)],
        keeps_up: impl Fn(&Block) -> bool,
    ) -> Option<String> {
        let needed = self.quorum;
        if told.iter().filter(|(_, head)| keeps_up(head)).count() >= needed {
            return None;
        }
        let excuse = |it: &Member| {
            let name = &it.name;
            match told.iter().find(|(member, _)| member.name == *name) {
                None => Some(format!("{name} does not answer")),
                Some((_, head)) if keeps_up(head) => None,
                Some(_) => Some(format!("{name} is not where the others are")),
            }
        };
        let excuses: Vec<String> = self.members.iter().filter_map(excuse).collect();
        let excuses = excuses.join(", ");
        Some(format!("nothing ends: {needed} nodes must agree, and {excuses}"))
    }

    /// What an operator must know about the nodes, as of the last look.
    pub(crate) fn alert(&self) -> Option<String> {
        self.trouble().clone()
    }

    fn trouble(&self) -> MutexGuard<'_, Option<String>> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The second highest if there are three or more, and else the highest.
fn second<T: Ord + Copy>(all: impl Iterator<Item = T>) -> Option<T> {
    let mut all: Vec<T> = all.collect();
    all.sort_unstable_by(|one, other| other.cmp(one));
    all.get(1).filter(|_| all.len() > 2).or(all.first()).copied()
}

/// What one node says about a transaction. Most questions are about one that is in a block, so that is
/// asked first.
pub(crate) async fn look(member: &Member, sent: &Sent) -> Result<Facts, Unreachable> {
    let node = &member.node;
    let txid = sent.txid.as_str();
    let mut facts = Facts {
        solid: node.receipt(As::Solid, txid).await?,
        newest: None,
        head_ms: i64::MIN,
        waits: false,
        proof: Proof::Open,
    };
    if facts.solid.is_some() {
        return Ok(facts);
    }
    facts.newest = node.receipt(As::Newest, txid).await?;
    if facts.newest.is_some() {
        return Ok(facts);
    }
    facts.head_ms = node.head(As::Newest).await?.time_ms;
    if !verdict::is_over(&sent.tx, facts.head_ms) {
        facts.waits = node.is_waiting(txid).await?;
        return Ok(facts);
    }
    let solid_head = node.head(As::Solid).await?;
    if verdict::is_over(&sent.tx, solid_head.time_ms) {
        facts.proof = prove(member, sent, &solid_head).await?;
    }
    Ok(facts)
}

/// The block that a transaction names.
enum Named {
    /// This one.
    Block(Block),
    /// The chain has none like that.
    Nowhere,
    /// The node does not have one that it could be.
    Unknown(u64),
    /// The node is on another network by now.
    Elsewhere,
}

/// Whether no block can hold a transaction that is over as of `solid_head`: every one that may is there,
/// they follow each other, and none does; or the block that it names is not in the chain.
async fn prove(member: &Member, sent: &Sent, solid_head: &Block) -> Result<Proof, Unreachable> {
    let name = &member.name;
    let lacks = |number| {
        Proof::Impossible(format!("{name} does not have block {number}, so that it proves nothing"))
    };
    let mut before = match named_block(member, sent, solid_head).await? {
        Named::Block(block) => block,
        Named::Nowhere => return Ok(Proof::Excluded),
        Named::Unknown(number) => return Ok(lacks(number)),
        Named::Elsewhere => {
            return Ok(Proof::Impossible(format!("{name} is on another network now")));
        }
    };
    let txid = sent.digest;
    for _ in 0..BLOCKS_READ_MAX {
        let Some(number) = before.number.checked_add(1).filter(|it| *it <= solid_head.number)
        else {
            return Ok(Proof::Open);
        };
        let Some(solid) = member.solid(number).await? else { return Ok(lacks(number)) };
        let is_held = solid.transactions.contains(&txid);
        if solid.block.parent != before.id || is_held {
            let what = if is_held { "holds it, and it has no receipt" } else { "does not follow" };
            return Ok(Proof::Impossible(format!("by {name}, block {number} {what}")));
        }
        if verdict::is_over(&sent.tx, solid.block.time_ms) {
            return Ok(Proof::Excluded);
        }
        before = solid.block.clone();
    }
    Ok(Proof::Impossible(format!("by {name}, too many blocks may hold it")))
}

/// Looks for the block that a transaction names by two bytes of its height and eight of its identifier.
/// A block that holds the transaction is at most a day older than its expiration, and names one of the
/// 65,536 before it. That there is none proves something on the network only that it was made for.
async fn named_block(
    member: &Member,
    sent: &Sent,
    solid_head: &Block,
) -> Result<Named, Unreachable> {
    let low = u64::from(u16::from_be_bytes(sent.tx.ref_block.height));
    let back = solid_head.number.wrapping_sub(low) % ROUND;
    let oldest_ms = sent.tx.expires_ms.saturating_sub(NAMED_AGE_MS_MAX);
    let mut number = solid_head.number.checked_sub(back);
    while let Some(at) = number {
        let Some(block) = member.node.solid_header(at).await? else {
            return Ok(Named::Unknown(at));
        };
        if block.as_reference() == sent.tx.ref_block {
            return Ok(Named::Block(block));
        }
        if block.time_ms < oldest_ms {
            break;
        }
        number = at.checked_sub(ROUND);
    }
    Ok(if member.stays().await? { Named::Nowhere } else { Named::Elsewhere })
}
