//! Answers as nodes print them.

use domain::ports::Handover;
use serde::Deserialize;

use super::{Block, Call};
use crate::{
    abi,
    plan::Resources,
    receipt::{Log, Receipt},
};

/// The most transactions of a block that are read: blocks are of two megabytes at the most.
const TRANSACTIONS_MAX: usize = 20_000;
/// The most events of a transaction.
const LOGS_MAX: usize = 10_000;
/// How a call may have failed (`Transaction.Result.contractResult`).
const FAILURES: [&str; 14] = [
    "REVERT",
    "BAD_JUMP_DESTINATION",
    "OUT_OF_MEMORY",
    "PRECOMPILED_CONTRACT",
    "STACK_TOO_SMALL",
    "STACK_TOO_LARGE",
    "ILLEGAL_OPERATION",
    "STACK_OVERFLOW",
    "OUT_OF_ENERGY",
    "OUT_OF_TIME",
    "JVM_STACK_OVER_FLOW",
    "UNKNOWN",
    "TRANSFER_FAILED",
    "INVALID_CODE",
];
/// Moments before and after which no block of the network was or will be made for long, in
/// milliseconds: 2018, and 2100.
const TIMES_MS: (i64, i64) = (1_500_000_000_000, 4_102_444_800_000);
/// What a node says that runs no calls for others.
const NOT_SUPPORTED: &str = "does not support";
/// The longest explanation that is repeated.
const MESSAGE_CHARS_MAX: usize = 300;

/// A block.
#[derive(Debug, Deserialize)]
pub(super) struct Printed {
    #[serde(rename = "blockID")]
    id: Option<String>,
    block_header: Option<Header>,
    #[serde(default)]
    transactions: Vec<Named>,
}

#[derive(Debug, Deserialize)]
struct Header {
    raw_data: RawHeader,
}

#[derive(Debug, Deserialize)]
struct RawHeader {
    #[serde(default)]
    number: u64,
    #[serde(default)]
    timestamp: i64,
    #[serde(rename = "parentHash")]
    parent: String,
    #[serde(default, rename = "txTrieRoot")]
    root: String,
}

#[derive(Debug, Deserialize)]
struct Named {
    #[serde(rename = "txID")]
    txid: String,
}

/// A block, understood.
pub(super) struct Read {
    pub(super) block: Block,
    pub(super) transactions: Vec<[u8; 32]>,
    /// Whether there are transactions in the block, although perhaps none was told.
    pub(super) is_full: bool,
}

impl Printed {
    /// The block; nothing if it is unknown.
    pub(super) fn read(self) -> Result<Option<Read>, ()> {
        let (Some(id), Some(header)) = (self.id, self.block_header) else { return Ok(None) };
        let RawHeader { number, timestamp, parent, root } = header.raw_data;
        let id = hash(&id).ok_or(())?;
        let parent = hash(&parent).ok_or(())?;
        // An identifier begins with the number, or it is of another block.
        if id[..8] != number.to_be_bytes() || self.transactions.len() > TRANSACTIONS_MAX {
            return Err(());
        }
        // The first block is as old as its network says.
        if number > 0 && !(TIMES_MS.0..TIMES_MS.1).contains(&timestamp) {
            return Err(());
        }
        let block = Block { number, id, parent, time_ms: timestamp };
        let transactions = self.transactions.iter().map(|it| hash(&it.txid));
        let transactions: Option<Vec<_>> = transactions.collect();
        let transactions = transactions.ok_or(())?;
        let is_full = root.bytes().any(|it| it != b'0') || !transactions.is_empty();
        Ok(Some(Read { block, transactions, is_full }))
    }
}

/// What a transaction did.
#[derive(Debug, Deserialize)]
pub(super) struct Info {
    pub(super) id: Option<String>,
    #[serde(default)]
    fee: u64,
    #[serde(default)]
    receipt: Resourced,
    #[serde(default)]
    log: Vec<Event>,
    result: Option<String>,
    #[serde(rename = "resMessage")]
    message: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Resourced {
    result: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Event {
    #[serde(default)]
    address: String,
    #[serde(default)]
    topics: Vec<String>,
    #[serde(default)]
    data: String,
}

impl Info {
    /// The receipt, if the answer makes sense.
    pub(super) fn read(self) -> Option<Receipt> {
        if self.log.len() > LOGS_MAX {
            return None;
        }
        let logs: Option<Vec<Log>> = self.log.into_iter().map(Event::read).collect();
        // Payments of coins have no result of their own. What is neither known to be good nor known
        // to be bad is no answer: a payment must not count as undone that was made.
        let failed = match self.result.as_deref() {
            None | Some("SUCESS" | "SUCCESS") => false,
            Some("FAILED") => true,
            Some(_) => return None,
        };
        let undone = match self.receipt.result.as_deref() {
            None | Some("SUCCESS") if !failed => None,
            None => Some("FAILED"),
            Some(how) if failed && FAILURES.contains(&how) => Some(how),
            Some(_) => return None,
        };
        let why = self.message.as_deref().map(words).unwrap_or_default();
        let undone = undone.map(|how| match why.as_str() {
            "" => how.to_owned(),
            why => format!("{how}: {why}"),
        });
        Some(Receipt { fee_sun: self.fee, undone, logs: logs? })
    }
}

impl Event {
    fn read(self) -> Option<Log> {
        let address = hex::decode(&self.address).ok()?;
        // Some nodes print the network's prefix, too.
        let account = match address.len() {
            20 => address,
            21 => address.get(1..)?.to_vec(),
            _ => return None,
        };
        let topics: Option<Vec<_>> = self.topics.iter().map(|it| hash(it)).collect();
        let data = hex::decode(&self.data).ok()?;
        Some(Log { account: account.try_into().ok()?, topics: topics?, data })
    }
}

/// An account.
#[derive(Debug, Deserialize)]
pub(super) struct Holder {
    pub(super) address: Option<String>,
    #[serde(default)]
    pub(super) balance: i64,
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
}

/// What an account has of bandwidth and energy.
#[derive(Debug, Deserialize)]
pub(super) struct Stock {
    #[serde(default, rename = "freeNetLimit")]
    free_bytes: u64,
    #[serde(default, rename = "freeNetUsed")]
    free_bytes_used: u64,
    #[serde(default, rename = "NetLimit")]
    staked_bytes: u64,
    #[serde(default, rename = "NetUsed")]
    staked_bytes_used: u64,
    #[serde(default, rename = "EnergyLimit")]
    energy: u64,
    #[serde(default, rename = "EnergyUsed")]
    energy_used: u64,
}

impl Stock {
    pub(super) fn read(&self) -> Resources {
        Resources {
            staked_bytes: self.staked_bytes.saturating_sub(self.staked_bytes_used),
            free_bytes: self.free_bytes.saturating_sub(self.free_bytes_used),
            energy: self.energy.saturating_sub(self.energy_used),
        }
    }
}

/// What the network asks for.
#[derive(Debug, Deserialize)]
pub(super) struct Parameters {
    #[serde(rename = "chainParameter")]
    pub(super) all: Vec<Parameter>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Parameter {
    pub(super) key: String,
    #[serde(default)]
    pub(super) value: i64,
}

/// A simulated call.
#[derive(Debug, Deserialize)]
pub(super) struct Called {
    #[serde(default)]
    result: Outcome,
    #[serde(default)]
    energy_used: u64,
    #[serde(default)]
    constant_result: Vec<String>,
    #[serde(default)]
    transaction: Simulated,
}

#[derive(Debug, Default, Deserialize)]
struct Outcome {
    #[serde(default)]
    result: bool,
    code: Option<String>,
    message: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Simulated {
    #[serde(default)]
    ret: Vec<Ret>,
}

#[derive(Debug, Deserialize)]
struct Ret {
    ret: Option<String>,
}

impl Called {
    /// What it did. Nothing if the node could not tell.
    pub(super) fn read(self) -> Option<Call> {
        let output = match self.constant_result.first() {
            Some(text) => hex::decode(text).ok()?,
            None => vec![],
        };
        let message = self.result.message.as_deref().map(words).unwrap_or_default();
        let failed = self.transaction.ret.iter().any(|it| it.ret.as_deref() == Some("FAILED"));
        if failed || (self.result.result && !message.is_empty()) {
            return Some(Call::Undone(abi::reason(&output).unwrap_or(message)));
        }
        if self.result.result {
            return Some(Call::Done { output, energy: self.energy_used });
        }
        match self.result.code.as_deref() {
            // A node that is not set to run calls for others says it like what it refuses before it
            // runs: that there is no such contract.
            Some("CONTRACT_VALIDATE_ERROR") if message.contains(NOT_SUPPORTED) => {
                tracing::warn!(message, "the node must be started with vm.supportConstant = true");
                None
            }
            Some("CONTRACT_VALIDATE_ERROR" | "CONTRACT_EXE_ERROR") => Some(Call::Undone(message)),
            // The call ended in an exception, or the node failed.
            Some("OTHER_ERROR") => Some(Call::Failed(message)),
            Some(_) | None => None,
        }
    }
}

/// What became of a transaction that was handed over.
#[derive(Debug, Deserialize)]
pub(super) struct Broadcast {
    #[serde(default)]
    result: bool,
    pub(super) txid: Option<String>,
    code: Option<String>,
    message: Option<String>,
}

impl Broadcast {
    /// How it was taken; nothing if the node was too busy to look at it.
    pub(super) fn read(self) -> Option<Handover> {
        let code = self.code.as_deref().unwrap_or_default();
        match (self.result, code) {
            (true, _) | (_, "DUP_TRANSACTION_ERROR") => Some(Handover::Accepted),
            (
                false,
                ""
                | "SERVER_BUSY"
                | "NO_CONNECTION"
                | "NOT_ENOUGH_EFFECTIVE_CONNECTION"
                | "BLOCK_UNSOLIDIFIED",
            ) => None,
            (false, code) => {
                let why = self.message.as_deref().map(words).unwrap_or_default();
                Some(Handover::Refused(format!("{code}: {why}")))
            }
        }
    }
}

/// 32 bytes.
fn hash(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes).ok()?;
    Some(bytes)
}

/// An explanation, which nodes print in hexadecimal, or not.
fn words(text: &str) -> String {
    let decoded = hex::decode(text).ok().and_then(|it| String::from_utf8(it).ok());
    let words = decoded.unwrap_or_else(|| text.to_owned());
    words.chars().filter(|it| !it.is_control()).take(MESSAGE_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn sent(told: Value) -> Option<Handover> {
        serde_json::from_value::<Broadcast>(told).unwrap().read()
    }

    #[test]
    fn what_the_node_has_is_accepted_and_a_busy_node_says_nothing() {
        assert_eq!(sent(json!({"result": true, "code": "SUCCESS"})), Some(Handover::Accepted));
        assert_eq!(sent(json!({"code": "DUP_TRANSACTION_ERROR"})), Some(Handover::Accepted));
        for code in ["SERVER_BUSY", "NO_CONNECTION", "BLOCK_UNSOLIDIFIED", ""] {
            assert_eq!(sent(json!({"code": code, "message": "6869"})), None, "{code}");
        }
        let told = sent(json!({"code": "TAPOS_ERROR", "message": hex::encode("other\nfork")}));
        assert_eq!(told, Some(Handover::Refused("TAPOS_ERROR: otherfork".to_owned())));
    }

    fn called(told: Value) -> Option<Call> {
        serde_json::from_value::<Called>(told).unwrap().read()
    }

    #[test]
    fn a_call_that_was_undone_is_never_taken_for_one_that_went_through() {
        let done = json!({"result": {"result": true}, "energy_used": 7, "constant_result": ["00ff"],
            "transaction": {"ret": [{}]}});
        assert_eq!(called(done), Some(Call::Done { output: vec![0, 255], energy: 7 }));
        let message = hex::encode("REVERT opcode executed");
        let undone = json!({"result": {"result": true, "message": message}, "energy_used": 7,
            "constant_result": [""], "transaction": {"ret": [{"ret": "FAILED"}]}});
        assert_eq!(called(undone), Some(Call::Undone("REVERT opcode executed".to_owned())));
        let nobody = json!({"result": {"code": "CONTRACT_VALIDATE_ERROR", "message": "no"}});
        assert_eq!(called(nobody), Some(Call::Undone("no".to_owned())));
        let exception = json!({"result": {"code": "OTHER_ERROR", "message": "opCode[fe]"}});
        assert_eq!(called(exception), Some(Call::Failed("opCode[fe]".to_owned())));
        for nonsense in [
            json!({}),
            json!({"result": {"code": "CONTRACT_VALIDATE_ERROR",
                "message": hex::encode("this node does not support constant")}}),
            json!({"result": {"result": true}, "constant_result": ["xy"]}),
        ] {
            assert_eq!(called(nonsense.clone()), None, "{nonsense}");
        }
    }

    #[test]
    fn a_block_with_a_number_that_is_not_its_own_is_none() {
        let block = |id: &str, number: u64| {
            let told = json!({"blockID": id, "block_header": {"raw_data": {"number": number,
                "timestamp": 1_700_000_000_000_i64, "parentHash": "00".repeat(32)}}});
            serde_json::from_value::<Printed>(told).unwrap().read().map(|it| it.is_some())
        };
        let id = format!("{:016x}{}", 7, "ab".repeat(24));
        assert_eq!(block(&id, 7), Ok(true));
        assert_eq!(block(&id, 8), Err(()));
        assert_eq!(block("xy", 7), Err(()));
        let unknown: Printed = serde_json::from_value(json!({})).unwrap();
        assert!(unknown.read().is_ok_and(|it| it.is_none()));
    }

    #[test]
    fn failures_are_told_as_the_network_calls_them() {
        let info = |told: Value| serde_json::from_value::<Info>(told).unwrap().read().unwrap();
        let coins = info(json!({"id": "a", "fee": 5, "receipt": {"net_fee": 5}}));
        assert_eq!(coins.undone, None);
        let done = info(json!({"id": "a", "receipt": {"result": "SUCCESS"}}));
        assert_eq!(done.undone, None);
        let out =
            info(json!({"id": "a", "result": "FAILED", "resMessage": hex::encode("Not enough"),
            "receipt": {"result": "OUT_OF_ENERGY"}}));
        assert_eq!(out.undone.as_deref(), Some("OUT_OF_ENERGY: Not enough"));
        for unknown in [
            json!({"id": "a", "receipt": {"result": "SOMETHING_NEW"}}),
            json!({"id": "a", "result": "FAILED", "receipt": {"result": "SOMETHING_NEW"}}),
            json!({"id": "a", "receipt": {"result": "REVERT"}}),
            json!({"id": "a", "result": "FAILED", "receipt": {"result": "SUCCESS"}}),
            json!({"id": "a", "result": "PERHAPS"}),
        ] {
            let info: Info = serde_json::from_value(unknown.clone()).unwrap();
            assert_eq!(info.read(), None, "{unknown}");
        }
    }
}
