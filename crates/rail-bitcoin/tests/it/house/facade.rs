//! A server of the Esplora API over a real node.
//!
//! No registry has such a server, so the documented answers
//! (<https://github.com/Blockstream/esplora/blob/master/API.md>) are made of the node's blocks and
//! mempool, which are read anew for each question. What is modelled beside the paths and shapes: 25
//! transactions to a page of history, 50 of the mempool, newest first; 500 coins in blocks at most; a
//! transaction that was in a block is remembered as one that waits when its block is none any more, and one that was never in
//! a block is forgotten with the mempool, as [electrs](https://github.com/Blockstream/electrs) does;
//! refusals of a transaction are the node's words behind `sendrawtransaction RPC error`; and 504
//! while the node is away. Not modelled: the server's own delay behind the node.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bitcoin::{
    OutPoint, Transaction, TxOut, Txid,
    consensus::encode::{deserialize_hex, serialize_hex},
    hashes::{Hash as _, sha256},
};
use net::{Client, Endpoint, JsonRpc, RpcError};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::Mutex,
    task::JoinHandle,
};

use super::once;

/// Transactions of a page of history.
const PAGE: usize = 25;

/// Transactions of a mempool that are listed.
const WAITING_MAX: usize = 50;

/// Coins of a script that are listed, in blocks (`--utxos-limit`).
const UNSPENT_MAX: usize = 500;

/// Targets of `/fee-estimates`.
const TARGETS: [u16; 11] = [2, 3, 4, 5, 6, 10, 20, 25, 144, 504, 1_008];

/// An answer: status and text.
type Said = (u16, String);

/// The server.
pub(crate) struct Facade {
    pub(crate) url: String,
    task: JoinHandle<()>,
}

impl Drop for Facade {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Facade {
    /// Serves what the node at `node_url` knows.
    pub(crate) async fn start(client: &Client, node_url: &str) -> Self {
        let endpoint = Endpoint::new(client.clone(), node_url, &once(), Endpoint::LIMITS).unwrap();
        let rpc = JsonRpc::new(Arc::new(endpoint));
        let index = Arc::new(Mutex::new(Index::new(rpc)));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&index)));
            }
        });
        Self { url, task }
    }
}

async fn serve(mut stream: TcpStream, index: Arc<Mutex<Index>>) {
    let Some((line, body)) = read_request(&mut stream).await else { return };
    let words: Vec<&str> = line.split(' ').collect();
    let said = index.lock().await.say(words[0], words[1], &body).await;
    let (status, text) = said.unwrap_or_else(|error| match error {
        RpcError::Unreachable(why) => (504, why),
        RpcError::Refused { code: -28, message, .. } => (503, message),
        RpcError::Refused { code, message, .. } => (400, format!("RPC error {code}: {message}")),
    });
    let head = format!("HTTP/1.1 {status} -\r\ncontent-length: {}\r\n", text.len());
    let text = format!("{head}connection: close\r\n\r\n{text}");
    // A client that is gone has no use for it.
    let _ = stream.write_all(text.as_bytes()).await;
}

/// The request's first line and its body.
async fn read_request(stream: &mut TcpStream) -> Option<(String, String)> {
    let mut text = String::new();
    loop {
        let mut chunk = [0_u8; 8_192];
        let count = stream.read(&mut chunk).await.ok()?;
        text.push_str(std::str::from_utf8(&chunk[..count]).ok()?);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return Some((head.lines().next()?.to_owned(), body.to_owned()));
            }
        }
        if count == 0 {
            return None;
        }
    }
}

/// What the server knows.
struct Index {
    rpc: JsonRpc,
    /// The chain: hashes of blocks and their transactions, by height.
    blocks: Vec<(String, Vec<Txid>)>,
    /// What waits.
    waiting: BTreeSet<Txid>,
    /// All transactions that were ever in a block, and those that wait.
    transactions: BTreeMap<Txid, Transaction>,
    /// Which of them were ever in a block.
    were_in_blocks: BTreeSet<Txid>,
}

impl Index {
    fn new(rpc: JsonRpc) -> Self {
        Self {
            rpc,
            blocks: vec![],
            waiting: BTreeSet::new(),
            transactions: BTreeMap::new(),
            were_in_blocks: BTreeSet::new(),
        }
    }

    /// Reads what the node has that this has not.
    async fn catch_up(&mut self) -> Result<(), RpcError> {
        let newest: usize = self.rpc.call("getblockcount", json!([])).await?;
        self.blocks.truncate(newest + 1);
        while let Some((hash, _)) = self.blocks.last() {
            let told: String =
                self.rpc.call("getblockhash", json!([self.blocks.len() - 1])).await?;
            if told == *hash {
                break;
            }
            self.blocks.pop();
        }
        for height in self.blocks.len()..=newest {
            let hash: String = self.rpc.call("getblockhash", json!([height])).await?;
            let block: Value = self.rpc.call("getblock", json!([hash, 2])).await?;
            let mut txids = vec![];
            for tx in block["tx"].as_array().unwrap() {
                let tx: Transaction = deserialize_hex(tx["hex"].as_str().unwrap()).unwrap();
                txids.push(self.learn(tx));
            }
            self.were_in_blocks.extend(&txids);
            self.blocks.push((hash, txids));
        }
        let waiting: Vec<String> = self.rpc.call("getrawmempool", json!([])).await?;
        self.waiting.clear();
        for txid in waiting {
            let txid: Txid = txid.parse().unwrap();
            if !self.transactions.contains_key(&txid) {
                let params = json!([txid.to_string()]);
                let hex: String = self.rpc.call("getrawtransaction", params).await?;
                self.learn(deserialize_hex(&hex).unwrap());
            }
            self.waiting.insert(txid);
        }
        let (waiting, were) = (&self.waiting, &self.were_in_blocks);
        self.transactions.retain(|txid, _| waiting.contains(txid) || were.contains(txid));
        Ok(())
    }

    fn learn(&mut self, tx: Transaction) -> Txid {
        let txid = tx.compute_txid();
        self.transactions.insert(txid, tx);
        txid
    }

    /// The answer to a question.
    async fn say(&mut self, verb: &str, path: &str, body: &str) -> Result<Said, RpcError> {
        self.catch_up().await?;
        let words: Vec<&str> = path.trim_matches('/').split('/').collect();
        match (verb, &words[..]) {
            ("POST", ["tx"]) => self.broadcast(body).await,
            ("GET", ["fee-estimates"]) => self.estimates().await,
            ("GET", ["block-height", height]) => {
                let block = height.parse::<usize>().ok().and_then(|it| self.blocks.get(it));
                Ok(block.map_or_else(|| unknown("Block not found"), |(it, _)| (200, it.clone())))
            }
            ("GET", ["blocks", "tip", "hash"]) => Ok((200, self.blocks.last().unwrap().0.clone())),
            ("GET", ["block", hash]) => {
                let height = self.blocks.iter().position(|(it, _)| it == hash);
                Ok(height.map_or_else(
                    || unknown("Block not found"),
                    |height| (200, json!({"id": hash, "height": height}).to_string()),
                ))
            }
            ("GET", ["scripthash", hash, rest @ ..]) => Ok(self.script(hash, rest)),
            ("GET", ["tx", txid, rest @ ..]) => Ok(self.transaction(txid, rest)),
            _ => Ok(unknown("endpoint does not exist")),
        }
    }

    async fn broadcast(&self, hex: &str) -> Result<Said, RpcError> {
        match self.rpc.call("sendrawtransaction", json!([hex])).await {
            Ok(txid) => Ok((200, txid)),
            Err(RpcError::Refused { code, message, .. }) => {
                Ok((400, format!("sendrawtransaction RPC error {code}: {message}")))
            }
            Err(error) => Err(error),
        }
    }

    async fn estimates(&self) -> Result<Said, RpcError> {
        let mut estimates = json!({});
        for target in TARGETS {
            let told: Value = self.rpc.call("estimatesmartfee", json!([target])).await?;
            if let Some(rate) = told["feerate"].as_number() {
                let rate = rate.to_string();
                let rate = bitcoin::Amount::from_str_in(&rate, bitcoin::Denomination::Bitcoin);
                let rate = rate.unwrap().to_sat();
                let rate = format!("{}.{:03}", rate / 1_000, rate % 1_000);
                estimates[target.to_string()] = serde_json::from_str(&rate).unwrap();
            }
        }
        Ok((200, estimates.to_string()))
    }

    // --- What is where -----------------------------------------------------------------------

    fn height(&self, txid: Txid) -> Option<usize> {
        self.blocks.iter().position(|(_, txids)| txids.contains(&txid))
    }

    fn status(&self, txid: Txid) -> Value {
        match self.height(txid) {
            Some(height) => {
                let hash = &self.blocks[height].0;
                json!({"confirmed": true, "block_height": height, "block_hash": hash})
            }
            None => json!({"confirmed": false}),
        }
    }

    fn prevout(&self, outpoint: OutPoint) -> Option<&TxOut> {
        self.transactions.get(&outpoint.txid)?.output.get(usize::try_from(outpoint.vout).unwrap())
    }

    fn shown(&self, txid: Txid) -> Value {
        let output = |it: &TxOut| {
            let script = it.script_pubkey.to_hex_string();
            json!({"scriptpubkey": script, "value": it.value.to_sat()})
        };
        let tx = &self.transactions[&txid];
        let input = |it: &bitcoin::TxIn| {
            json!({
                "txid": it.previous_output.txid.to_string(),
                "vout": it.previous_output.vout,
                "is_coinbase": tx.is_coinbase(),
                "prevout": self.prevout(it.previous_output).map(output),
            })
        };
        let (vin, vout): (Vec<_>, Vec<_>) =
            (tx.input.iter().map(input).collect(), tx.output.iter().map(output).collect());
        let spent = tx.input.iter().filter_map(|it| self.prevout(it.previous_output));
        let [spent, made] = [spent.collect::<Vec<_>>(), tx.output.iter().collect()]
            .map(|all| all.into_iter().map(|it| it.value.to_sat()).sum::<u64>());
        json!({
            "txid": txid.to_string(),
            "vin": vin,
            "vout": vout,
            "weight": tx.weight().to_wu(),
            "fee": spent.saturating_sub(made),
            "status": self.status(txid),
        })
    }

    /// What spends an output, in the chain or else while it waits.
    fn spender(&self, outpoint: OutPoint) -> Option<Txid> {
        let in_chain = self.blocks.iter().flat_map(|(_, txids)| txids);
        let mut all = in_chain.chain(&self.waiting);
        let spends = |it: &&Txid| {
            self.transactions[*it].input.iter().any(|it| it.previous_output == outpoint)
        };
        all.find(spends).copied()
    }

    fn transaction(&self, txid: &str, rest: &[&str]) -> Said {
        let Ok(txid) = txid.parse::<Txid>() else { return (400, "Invalid hash string".to_owned()) };
        match (rest, self.transactions.get(&txid)) {
            ([], Some(_)) => (200, self.shown(txid).to_string()),
            (["hex"], Some(tx)) => (200, serialize_hex(tx)),
            (["outspend", vout], _) => {
                let outpoint = OutPoint { txid, vout: vout.parse().unwrap() };
                (200, self.outspend(outpoint).to_string())
            }
            (["outspends"], Some(tx)) => {
                let vouts = 0..u32::try_from(tx.output.len()).unwrap();
                let all = vouts.map(|vout| self.outspend(OutPoint { txid, vout }));
                (200, json!(all.collect::<Vec<Value>>()).to_string())
            }
            (_, Some(_) | None) => unknown("Transaction not found"),
        }
    }

    fn outspend(&self, outpoint: OutPoint) -> Value {
        match self.spender(outpoint) {
            Some(by) => {
                let status = self.status(by);
                json!({"spent": true, "txid": by.to_string(), "vin": 0, "status": status})
            }
            None => json!({"spent": false}),
        }
    }

    /// What touches a script: in blocks, newest first, and waiting.
    fn history(&self, hash: &str) -> (Vec<Txid>, Vec<Txid>) {
        let is_ours =
            |it: &TxOut| sha256::Hash::hash(it.script_pubkey.as_bytes()).to_string() == hash;
        let touches = |it: &&Txid| {
            let tx = &self.transactions[*it];
            let mut spent = tx.input.iter().filter_map(|it| self.prevout(it.previous_output));
            tx.output.iter().any(is_ours) || spent.any(is_ours)
        };
        let newest_first = self.blocks.iter().rev().flat_map(|(_, txids)| txids.iter().rev());
        let in_blocks = newest_first.filter(touches).copied().collect();
        (in_blocks, self.waiting.iter().filter(touches).copied().collect())
    }

    fn script(&self, hash: &str, rest: &[&str]) -> Said {
        let (in_blocks, waiting) = self.history(hash);
        let shown = |txids: &[Txid]| {
            let all: Vec<Value> = txids.iter().map(|it| self.shown(*it)).collect();
            (200, json!(all).to_string())
        };
        match rest {
            [] => {
                let (funded, spent) = self.sums(&in_blocks, hash);
                let stats = json!({"chain_stats": {
                    "tx_count": in_blocks.len(), "funded_txo_sum": funded, "spent_txo_sum": spent,
                }});
                (200, stats.to_string())
            }
            ["txs", "mempool"] => shown(&waiting[..waiting.len().min(WAITING_MAX)]),
            ["txs", "chain"] => shown(&in_blocks[..in_blocks.len().min(PAGE)]),
            ["txs", "chain", last] => {
                let seen = in_blocks.iter().position(|it| it.to_string() == *last);
                let rest = &in_blocks[seen.map_or(0, |it| it + 1)..];
                shown(&rest[..rest.len().min(PAGE)])
            }
            ["utxo"] => {
                let unspent = |txids: &[Txid]| -> Vec<Value> {
                    txids.iter().flat_map(|it| self.unspent(*it, hash)).collect()
                };
                let (mut all, waiting) = (unspent(&in_blocks), unspent(&waiting));
                if all.len() > UNSPENT_MAX {
                    return (400, "Too many unspent transaction outputs".to_owned());
                }
                all.extend(waiting);
                (200, json!(all).to_string())
            }
            _ => unknown("endpoint does not exist"),
        }
    }

    /// What transactions brought a script and took from it.
    fn sums(&self, txids: &[Txid], hash: &str) -> (u64, u64) {
        let is_ours =
            |it: &&TxOut| sha256::Hash::hash(it.script_pubkey.as_bytes()).to_string() == hash;
        let sat = |it: &TxOut| it.value.to_sat();
        let all = || txids.iter().map(|it| &self.transactions[it]);
        let spent =
            all().flat_map(|it| &it.input).filter_map(|it| self.prevout(it.previous_output));
        let funded = all().flat_map(|it| &it.output).filter(is_ours).map(sat).sum();
        (funded, spent.filter(is_ours).map(sat).sum())
    }

    fn unspent(&self, txid: Txid, hash: &str) -> Vec<Value> {
        let mut unspent = vec![];
        for (vout, output) in (0_u32..).zip(&self.transactions[&txid].output) {
            let script = sha256::Hash::hash(output.script_pubkey.as_bytes()).to_string();
            if script == hash && self.spender(OutPoint { txid, vout }).is_none() {
                let (value, status) = (output.value.to_sat(), self.status(txid));
                let txid = txid.to_string();
                unspent.push(json!({"txid": txid, "vout": vout, "value": value, "status": status}));
            }
        }
        unspent
    }
}

fn unknown(what: &str) -> Said {
    (404, what.to_owned())
}
