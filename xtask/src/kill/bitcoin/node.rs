//! A real node in the regression test mode, with a wallet that mines, and the questions put to it.

use std::{
    fs,
    net::SocketAddr,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use bitcoin::{
    Amount, Block, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Txid, Witness,
    absolute::LockTime,
    consensus::encode::{deserialize_hex, serialize_hex},
    transaction::Version,
};
use serde_json::{Value, json};

use super::{FINAL_BLOCKS, coin::Coin};
use crate::{
    kill::http::{self, Message},
    process::Guarded,
};

/// How long the node may take to answer for the first time.
const START_MAX: Duration = Duration::from_secs(20);

/// How many blocks there are before anything else: those that are a hundred deep pay the miner.
const BLOCKS_FIRST: u32 = 120;

/// How many blocks are asked for in one request.
const BLOCKS_AT_ONCE: usize = 100;

/// What a transaction of the miner offers beside its payments, in satoshi: more than any other.
const FEE_SAT: u64 = 500_000;

/// The wallet that gets what is mined.
const MINER: &str = "/wallet/miner";

/// A running node.
pub(crate) struct Node {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    process: Guarded,
    /// Where it is paid for blocks.
    reward: String,
    /// The script of that.
    reward_script: ScriptBuf,
}

impl Node {
    /// Starts it with its files in `folder`.
    ///
    /// # Errors
    /// If it does not start.
    pub(crate) fn start(coin: Coin, folder: &Path) -> Result<Self> {
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
        fs::create_dir_all(folder)?;
        let address = http::free_address()?;
        let mut command = Command::new(coin.program()?);
        command.args(["-regtest", "-server=1", "-listen=0", "-printtoconsole=0", "-rpcuser=u"]);
        command.args(["-rpcpassword=p", "-acceptnonstdtxn=0", "-rpcworkqueue=64", "-keypool=5"]);
        command.arg(format!("-rpcport={}", address.port()));
        command.arg(format!("-datadir={}", folder.display())).args(coin.options());
        let process = Guarded::start(command.stdout(Stdio::null()).stderr(Stdio::null()))?;
        let (reward, reward_script) = (String::new(), ScriptBuf::new());
        let mut node = Self { address, process, reward, reward_script };
        let start = Instant::now();
        while node.call("getblockcount", &json!([])).is_err() {
            if let Some(how) = node.process.ended() {
                bail!("the node ended: {how}");
            }
            ensure!(start.elapsed() < START_MAX, "the node does not answer");
            thread::sleep(Duration::from_millis(20));
        }
        node.call("createwallet", &json!(["miner"]))?;
        node.reward = text(&node.wallet("getnewaddress", &json!([]))?)?;
        let told = node.wallet("getaddressinfo", &json!([node.reward]))?;
        node.reward_script = ScriptBuf::from_hex(&text(&told["scriptPubKey"])?)?;
        node.call("generatetoaddress", &json!([BLOCKS_FIRST, node.reward]))?;
        Ok(node)
    }

    /// Asks one question.
    ///
    /// # Errors
    /// If the node does not answer, or with an error.
    pub(crate) fn call(&self, method: &str, parameters: &Value) -> Result<Value> {
        self.ask("/", method, parameters)
    }

    fn wallet(&self, method: &str, parameters: &Value) -> Result<Value> {
        self.ask(MINER, method, parameters)
    }

    fn ask(&self, path: &str, method: &str, parameters: &Value) -> Result<Value> {
        let mut answer = self.send(path, &question(method, parameters))?;
        let error = answer.get("error").filter(|it| !it.is_null());
        ensure!(error.is_none(), "{method}: the node answers {answer}");
        Ok(answer["result"].take())
    }

    fn send(&self, path: &str, body: &Value) -> Result<Value> {
        let credentials = format!("Basic {}", BASE64_STANDARD.encode("u:p"));
        let request = Message::post(path, body.to_string()).with("authorization", &credentials);
        let response = http::exchange(self.address, &request)?;
        serde_json::from_slice(&response.body).with_context(|| response.start.clone())
    }

    /// Makes a block of what waits.
    ///
    /// # Errors
    /// If the node does not answer.
    pub(crate) fn mine(&self) -> Result<()> {
        self.call("generatetoaddress", &json!([1, self.reward])).map(drop)
    }

    /// Makes a block of these transactions alone.
    ///
    /// # Errors
    /// If the node does not answer, or takes one of them for wrong.
    pub(crate) fn mine_only(&self, transactions: &[Transaction]) -> Result<()> {
        let all: Vec<String> = transactions.iter().map(serialize_hex).collect();
        self.call("generateblock", &json!([self.reward, all])).map(drop)
    }

    /// Undoes so many of the newest blocks; as many empty ones take their place, and one more.
    ///
    /// # Errors
    /// If the node does not answer.
    pub(crate) fn undo_blocks(&self, count: u64) -> Result<()> {
        let newest = self.call("getblockcount", &json!([]))?.as_u64().context("no height")?;
        let first = newest.saturating_sub(count.saturating_sub(1));
        let hash = self.call("getblockhash", &json!([first]))?;
        self.call("invalidateblock", &json!([hash]))?;
        for _ in 0..=count {
            self.mine_only(&[])?;
        }
        Ok(())
    }

    /// Every block of the chain that is not undone, the oldest first.
    ///
    /// # Errors
    /// If the node does not answer.
    pub(crate) fn blocks(&self) -> Result<Vec<Block>> {
        let newest = self.call("getblockcount", &json!([]))?.as_u64().context("no height")?;
        let heights: Vec<u64> = (1..=newest).collect();
        let mut blocks = Vec::new();
        for some in heights.chunks(BLOCKS_AT_ONCE) {
            let hashes: Vec<_> = some.iter().map(|it| ("getblockhash", json!([it]))).collect();
            let hashes = self.ask_all(&hashes)?;
            let bodies: Vec<_> = hashes.iter().map(|it| ("getblock", json!([it, 0]))).collect();
            for body in self.ask_all(&bodies)? {
                blocks.push(deserialize_hex::<Block>(&text(&body)?)?);
            }
        }
        Ok(blocks)
    }

    /// Asks several questions in one request; the answers come in the same order.
    fn ask_all(&self, questions: &[(&str, Value)]) -> Result<Vec<Value>> {
        let body: Value = questions.iter().map(|(method, it)| question(method, it)).collect();
        let Value::Array(answers) = self.send("/", &body)? else { bail!("no list of answers") };
        ensure!(answers.len() == questions.len(), "the node left out answers");
        let result = |mut answer: Value| {
            let is_error = answer.get("error").is_some_and(|it| !it.is_null());
            ensure!(!is_error, "the node answers {answer}");
            Ok(answer["result"].take())
        };
        answers.into_iter().map(result).collect()
    }

    /// What waits to be in a block.
    ///
    /// # Errors
    /// If the node does not answer.
    pub(crate) fn pool(&self) -> Result<Vec<Transaction>> {
        let Value::Array(txids) = self.call("getrawmempool", &json!([]))? else {
            bail!("no list of what waits")
        };
        let mut pool = Vec::new();
        for txid in txids {
            // It may be in a block meanwhile.
            if let Ok(raw) = self.call("getrawtransaction", &json!([txid])) {
                pool.push(deserialize_hex::<Transaction>(&text(&raw)?)?);
            }
        }
        Ok(pool)
    }

    /// Pays outputs of so many satoshi to a script, in one block, and makes it as deep as coins are
    /// that a gateway counts: what is booked before is missing to one that starts again.
    ///
    /// # Errors
    /// If the node does not answer, or there is not enough.
    pub(crate) fn pay(&self, script: &ScriptBuf, values_sat: &[u64]) -> Result<()> {
        let output =
            |it: &u64| TxOut { value: Amount::from_sat(*it), script_pubkey: script.clone() };
        let payment = self.draft(&[], values_sat.iter().map(output).collect())?;
        self.mine_only(&[self.sign(&payment, None)?])?;
        (1..FINAL_BLOCKS).try_for_each(|_| self.mine_only(&[]))
    }

    /// A transaction, not signed yet, that spends these coins, whose value is among the payments
    /// again, and of the miner what is needed beside.
    fn draft(&self, coins: &[OutPoint], payments: Vec<TxOut>) -> Result<Transaction> {
        let input = |it: &OutPoint| TxIn {
            previous_output: *it,
            script_sig: ScriptBuf::new(),
            sequence: Sequence::ENABLE_RBF_NO_LOCKTIME,
            witness: Witness::new(),
        };
        let needed: u64 = payments.iter().map(|it| it.value.to_sat()).sum();
        let needed = if coins.is_empty() { needed + FEE_SAT } else { FEE_SAT };
        let (mut inputs, mut have) = (coins.iter().map(input).collect::<Vec<_>>(), 0);
        let Value::Array(unspent) = self.wallet("listunspent", &json!([1]))? else {
            bail!("no list of coins")
        };
        for coin in unspent {
            if have >= needed {
                break;
            }
            let txid = text(&coin["txid"])?.parse::<Txid>()?;
            let vout = u32::try_from(coin["vout"].as_u64().context("a coin without a place")?)?;
            let told = self.wallet("gettransaction", &json!([txid.to_string()]))?;
            let origin: Transaction = deserialize_hex(&text(&told["hex"])?)?;
            let output = origin.output.get(vout as usize).context("a coin of nothing")?;
            have += output.value.to_sat();
            inputs.push(input(&OutPoint { txid, vout }));
        }
        let change = have.checked_sub(needed).context("the miner has too little")?;
        let change = Amount::from_sat(change);
        let change = TxOut { value: change, script_pubkey: self.reward_script.clone() };
        let output = payments.into_iter().chain([change]).collect();
        Ok(Transaction { version: Version::TWO, lock_time: LockTime::ZERO, input: inputs, output })
    }

    fn sign(&self, transaction: &Transaction, key: Option<&str>) -> Result<Transaction> {
        let mut raw = serialize_hex(transaction);
        if let Some(key) = key {
            let told = self.call("signrawtransactionwithkey", &json!([raw, [key]]))?;
            raw = text(&told["hex"])?;
        }
        let told = self.wallet("signrawtransactionwithwallet", &json!([raw]))?;
        ensure!(told["complete"] == json!(true), "not all is signed: {told}");
        Ok(deserialize_hex(&text(&told["hex"])?)?)
    }

    /// A transaction by somebody who has the key of `script`: it spends these of its coins, and pays
    /// what they are worth back in one. The fee is the miner's, so that nothing is missing.
    ///
    /// # Errors
    /// If the node does not answer, or the coins are not known.
    pub(crate) fn taken(
        &self,
        script: &ScriptBuf,
        key: &str,
        coins: &[(OutPoint, u64)],
    ) -> Result<Transaction> {
        let value = Amount::from_sat(coins.iter().map(|it| it.1).sum());
        let back = TxOut { value, script_pubkey: script.clone() };
        let outpoints: Vec<OutPoint> = coins.iter().map(|it| it.0).collect();
        self.sign(&self.draft(&outpoints, vec![back])?, Some(key))
    }

    /// Hands a transaction to the node, whatever it pays.
    ///
    /// # Errors
    /// If the node refuses it.
    pub(crate) fn hand_over(&self, transaction: &Transaction) -> Result<()> {
        self.call("sendrawtransaction", &json!([serialize_hex(transaction), 0])).map(drop)
    }
}

fn question(method: &str, parameters: &Value) -> Value {
    json!({ "jsonrpc": "1.0", "id": 1, "method": method, "params": parameters })
}

fn text(value: &Value) -> Result<String> {
    value.as_str().map(String::from).with_context(|| format!("{value} is no text"))
}
