//! What happens on the chain, block by block, and what it costs the two processes.

use std::{
    fs,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::kill::{
    evm::node::{Node, quantity},
    workload::lock,
};

/// How often it is looked whether there is a new block.
const LOOK: Duration = Duration::from_millis(20);
/// What the base fee is put back to, in wei per gas.
const BASE_FEE_WEI: u128 = 1_000_000_000;
/// How many blocks are asked for in one request.
const BLOCKS_AT_ONCE: u64 = 4;
/// Ticks of a processor's time in a second: `USER_HZ` of Linux.
const TICKS_PER_SECOND: u64 = 100;

/// A new block, when it was seen, and what the processes had used until then.
#[derive(Clone, Copy, Debug)]
struct Sighting {
    number: u64,
    at: Instant,
    ticks: [u64; 2],
}

/// Sees blocks come, and puts the base fee back after each.
pub(crate) struct Watcher {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    seen: Arc<Mutex<Vec<Sighting>>>,
}

impl Watcher {
    /// Starts to look, at the node and at what two processes use: gateway and node.
    pub(crate) fn start(node: &Arc<Node>, processes: [u32; 2]) -> Self {
        let (stop, seen) = (Arc::new(AtomicBool::new(false)), Arc::default());
        let (shared, list) = (Arc::clone(&stop), Arc::clone(&seen));
        let node = Arc::clone(node);
        let watch = move || {
            let list: Arc<Mutex<Vec<Sighting>>> = list;
            let mut last = 0;
            while !shared.load(Ordering::Relaxed) {
                if let Ok(number) = head(&node)
                    && number != last
                {
                    last = number;
                    let ticks = processes.map(ticks_of);
                    lock(&list).push(Sighting { number, at: Instant::now(), ticks });
                    // If the node is too busy to hear it, it hears it after the next block.
                    drop(node.set_base_fee(BASE_FEE_WEI));
                }
                thread::sleep(LOOK);
            }
        };
        Self { stop, thread: Some(thread::spawn(watch)), seen }
    }

    /// Stops looking, and reads what the blocks hold of `sender`'s payments.
    ///
    /// # Errors
    /// If the node does not answer, or there is too little to measure.
    pub(crate) fn end(mut self, node: &Node, sender: &str, gas_limit: u64) -> Result<Pace> {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            ensure!(thread.join().is_ok(), "the watcher of the chain died");
        }
        let seen = lock(&self.seen).clone();
        let (first, last) = match (seen.first(), seen.last()) {
            (Some(first), Some(last)) => (first.number, last.number),
            _ => (0, 0),
        };
        let mut blocks = vec![];
        for from in (first..=last).step_by(usize::try_from(BLOCKS_AT_ONCE)?) {
            blocks.extend(read(node, sender, from..=last.min(from + BLOCKS_AT_ONCE - 1))?);
        }
        pace(&seen, &blocks, gas_limit)
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// The latest block's height.
///
/// # Errors
/// If the node does not answer.
pub(crate) fn head(node: &Node) -> Result<u64> {
    Ok(u64::try_from(quantity(&node.call("eth_blockNumber", &json!([]))?)?)?)
}

fn ticks_of(process: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // The name, in brackets, may hold spaces. Then: state is the third field, the fourteenth and
    // the fifteenth are the time as a user and within the system.
    let after_name = stat.rsplit_once(") ").map_or("", |it| it.1);
    let fields = after_name.split(' ').skip(11).take(2);
    fields.filter_map(|it| it.parse::<u64>().ok()).sum()
}

/// A block, as far as it counts here.
#[derive(Clone, Copy, Debug)]
struct Block {
    number: u64,
    gas: u64,
    payments: u64,
    gas_of_payments: u64,
}

fn read(node: &Node, sender: &str, numbers: std::ops::RangeInclusive<u64>) -> Result<Vec<Block>> {
    let block = |it| ("eth_getBlockByNumber", json!([format!("{it:#x}"), true]));
    let receipts = |it| ("eth_getBlockReceipts", json!([format!("{it:#x}")]));
    let questions: Vec<_> = numbers.clone().flat_map(|it| [block(it), receipts(it)]).collect();
    let answers = node.ask(&questions)?;
    let mut blocks = vec![];
    for (number, pair) in numbers.zip(answers.chunks(2)) {
        let [block, receipts] = pair else { continue };
        let transactions = block["transactions"].as_array().context("a block without a list")?;
        let receipts = receipts.as_array().context("a block without receipts")?;
        ensure!(transactions.len() == receipts.len(), "the node left out receipts");
        let mut found = Block { number, gas: 0, payments: 0, gas_of_payments: 0 };
        found.gas = u64::try_from(quantity(&block["gasUsed"])?)?;
        for (transaction, receipt) in transactions.iter().zip(receipts) {
            let is_theirs =
                transaction["from"].as_str().is_some_and(|it| it.eq_ignore_ascii_case(sender));
            if is_theirs && quantity(&receipt["status"])? == 1 {
                let payments = payments_of(transaction);
                found.payments += payments;
                if payments > 0 {
                    found.gas_of_payments += u64::try_from(quantity(&receipt["gasUsed"])?)?;
                }
            }
        }
        blocks.push(found);
    }
    Ok(blocks)
}

/// How many payments a transaction makes.
pub(crate) fn payments_of(transaction: &Value) -> u64 {
    /// `transfer(address,uint256)`.
    const TRANSFER: &str = "0xa9059cbb";
    let input = transaction["input"].as_str().unwrap_or("0x");
    if input.starts_with(TRANSFER) {
        return 1;
    }
    if input == "0x" {
        return u64::from(transaction["to"].is_string());
    }
    // `pay(address,uint256[])`: the token, where the list begins, how long it is, and the list.
    let words = input.len().saturating_sub(2 + 8) / 64;
    let count = input.get(2 + 8 + 128..2 + 8 + 192);
    let count = count.and_then(|it| u64::from_str_radix(it, 16).ok()).unwrap_or(0);
    if words > 3 && u64::try_from(words - 3) == Ok(count) { count } else { 0 }
}

/// How fast payments went in the sustained part.
#[derive(Clone, Debug)]
pub(crate) struct Pace {
    /// All payments, from the first to the last block.
    pub(crate) payments: u64,
    /// Payments in the sustained part.
    pub(crate) sustained: u64,
    /// How long that took, in milliseconds.
    pub(crate) sustained_ms: u64,
    /// How many blocks that were.
    pub(crate) blocks: u64,
    /// The gas of these blocks.
    pub(crate) gas: u64,
    /// What one payment took.
    pub(crate) gas_each: u64,
    /// The gas limit of a block.
    pub(crate) gas_limit: u64,
    /// What gateway and node used of a processor meanwhile, in percent of one.
    pub(crate) cpu_percent: [u64; 2],
}

impl Pace {
    /// Payments per second.
    pub(crate) fn per_second(&self) -> u64 {
        self.sustained * 1_000 / self.sustained_ms.max(1)
    }

    /// How full the blocks were, in percent.
    pub(crate) fn full_percent(&self) -> u64 {
        self.gas * 100 / (self.gas_limit * self.blocks).max(1)
    }

    /// How long a block took, in milliseconds.
    pub(crate) fn block_ms(&self) -> u64 {
        self.sustained_ms / self.blocks.max(1)
    }
}

/// The sustained part is from the block by which a tenth of the payments were made to the one by
/// which nine tenths were.
fn pace(seen: &[Sighting], blocks: &[Block], gas_limit: u64) -> Result<Pace> {
    let all: u64 = blocks.iter().map(|it| it.payments).sum();
    let gas_of_payments: u64 = blocks.iter().map(|it| it.gas_of_payments).sum();
    let mut sum = 0;
    let mut first = None;
    let mut last = None;
    for block in blocks {
        sum += block.payments;
        let Some(sighting) = seen.iter().find(|it| it.number == block.number) else { continue };
        if first.is_none() && sum * 10 >= all {
            first = Some(sighting);
        }
        if sum * 10 <= all * 9 {
            last = Some(sighting);
        }
    }
    let (first, last) = first.zip(last).context("no payments")?;
    ensure!(last.number > first.number, "too few payments to measure: more are needed");
    let part = || blocks.iter().filter(|it| (first.number + 1..=last.number).contains(&it.number));
    let sustained_ms = u64::try_from((last.at - first.at).as_millis())?.max(1);
    let percent = |at: usize| {
        let ticks = last.ticks[at].saturating_sub(first.ticks[at]);
        ticks * 1_000 * 100 / TICKS_PER_SECOND / sustained_ms
    };
    Ok(Pace {
        payments: all,
        sustained: part().map(|it| it.payments).sum(),
        sustained_ms,
        blocks: last.number - first.number,
        gas: part().map(|it| it.gas).sum(),
        gas_each: gas_of_payments / all.max(1),
        gas_limit,
        cpu_percent: [percent(0), percent(1)],
    })
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use serde_json::json;

    use super::{Block, Sighting, pace, payments_of};

    #[test]
    fn payments_are_counted_by_what_a_transaction_says() {
        assert_eq!(payments_of(&json!({"to": "0x1", "input": "0x"})), 1);
        assert_eq!(payments_of(&json!({"to": "0x1", "input": "0xa9059cbb00"})), 1);
        let call = |count: usize, words: usize| {
            let word = |number: usize| format!("{number:064x}");
            let list: String = (0..words).map(word).collect();
            json!({"to": "0x1", "input": format!("0x12345678{}{}{}{list}", word(0), word(64), word(count))})
        };
        assert_eq!(payments_of(&call(3, 3)), 3);
        assert_eq!(payments_of(&call(3, 2)), 0);
        assert_eq!(payments_of(&json!({"to": "0x1", "input": "0x095ea7b3"})), 0);
    }

    #[test]
    fn the_sustained_part_leaves_out_both_ends() {
        let start = Instant::now();
        let at = |number: u64| start + Duration::from_millis(250 * number);
        let sighting = |number| Sighting { number, at: at(number), ticks: [10 * number, 0] };
        let seen: Vec<_> = (0..12).map(sighting).collect();
        let block = |number: u64| Block {
            number,
            gas: if (1..11).contains(&number) { 90 } else { 0 },
            payments: if (1..11).contains(&number) { 10 } else { 0 },
            gas_of_payments: if (1..11).contains(&number) { 90 } else { 0 },
        };
        let blocks: Vec<_> = (0..12).map(block).collect();
        let pace = pace(&seen, &blocks, 100).unwrap();
        assert_eq!((pace.payments, pace.sustained, pace.blocks), (100, 80, 8));
        assert_eq!((pace.per_second(), pace.full_percent(), pace.block_ms()), (40, 90, 250));
        assert_eq!((pace.gas_each, pace.cpu_percent), (9, [40, 0]));
    }
}
