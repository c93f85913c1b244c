//! A real node of the EVM family with a chain of its own, and the questions put to it.

use std::{
    net::SocketAddr,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};

use crate::{
    kill::http::{self, Message},
    process::Guarded,
};

/// How long the node may take to answer for the first time.
const START_MAX: Duration = Duration::from_secs(20);

/// When blocks are made.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Blocks {
    /// Four a second.
    ByTime,
    /// Four a second, and so much gas in each at the most.
    Limited {
        /// The gas limit of a block.
        gas: u64,
    },
    /// When they are asked for.
    ByHand,
}

/// A running node.
pub(crate) struct Node {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    process: Guarded,
}

impl Node {
    /// Starts anvil; a block is final when two more stand on it.
    ///
    /// # Errors
    /// If it does not start.
    pub(crate) fn start(anvil: &Path, blocks: Blocks) -> Result<Self> {
        let address = http::free_address()?;
        let mut command = Command::new(anvil);
        command.args(["--silent", "--chain-id", "1"]);
        match blocks {
            Blocks::ByTime => command.args(["--block-time", "0.25"]),
            Blocks::Limited { gas } => {
                command.args(["--block-time", "0.25", "--gas-limit", &gas.to_string()])
            }
            Blocks::ByHand => command.arg("--no-mining"),
        };
        command.args(["--slots-in-an-epoch", "1", "--port", &address.port().to_string()]);
        let process = Guarded::start(command.stdout(Stdio::null()))?;
        let mut node = Self { address, process };
        let start = Instant::now();
        while node.call("eth_chainId", &json!([])).is_err() {
            if let Some(how) = node.process.ended() {
                bail!("anvil ended: {how}");
            }
            ensure!(start.elapsed() < START_MAX, "anvil does not answer");
            thread::sleep(Duration::from_millis(20));
        }
        Ok(node)
    }

    /// The number of its process.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Asks one question.
    ///
    /// # Errors
    /// If the node does not answer, or with an error.
    pub(crate) fn call(&self, method: &str, parameters: &Value) -> Result<Value> {
        let mut answers = self.ask(&[(method, parameters.clone())])?;
        Ok(answers.remove(0))
    }

    /// Asks several questions in one request; the answers come in the same order.
    ///
    /// # Errors
    /// If the node does not answer, or one of them with an error.
    pub(crate) fn ask(&self, questions: &[(&str, Value)]) -> Result<Vec<Value>> {
        if questions.is_empty() {
            return Ok(vec![]);
        }
        let body: Value = (0..).zip(questions).map(|(id, it)| question(id, it)).collect();
        let response = http::exchange(self.address, &Message::post("/", body.to_string()))?;
        let answers: Vec<Value> = serde_json::from_slice(&response.body)?;
        ensure!(answers.len() == questions.len(), "the node left out answers");
        let mut results = vec![Value::Null; questions.len()];
        for mut answer in answers {
            let id = answer["id"].as_u64().and_then(|id| usize::try_from(id).ok());
            let place = id.and_then(|id| results.get_mut(id)).context("an answer to nothing")?;
            ensure!(answer.get("error").is_none(), "the node answers {answer}");
            *place = answer["result"].take();
        }
        Ok(results)
    }

    /// Gives an address a balance, in wei.
    ///
    /// # Errors
    /// If the node does not answer.
    pub(crate) fn set_balance(&self, address: &str, wei: u128) -> Result<()> {
        self.call("anvil_setBalance", &json!([address, format!("{wei:#x}")])).map(drop)
    }

    /// Raises the base fee of the next block to 140 % of the newest one's.
    ///
    /// # Errors
    /// If the node does not answer.
    pub(crate) fn raise_base_fee(&self) -> Result<()> {
        let block = self.call("eth_getBlockByNumber", &json!(["latest", false]))?;
        self.set_base_fee(quantity(&block["baseFeePerGas"])? * 7 / 5)
    }

    /// Sets the base fee of the next block, in wei per gas.
    ///
    /// # Errors
    /// If the node does not answer.
    pub(crate) fn set_base_fee(&self, wei: u128) -> Result<()> {
        self.call("anvil_setNextBlockBaseFeePerGas", &json!([format!("{wei:#x}")])).map(drop)
    }

    /// Makes a block.
    ///
    /// # Errors
    /// If the node does not answer.
    pub(crate) fn mine(&self) -> Result<()> {
        self.call("evm_mine", &json!([])).map(drop)
    }
}

fn question(id: u32, (method, parameters): &(&str, Value)) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": parameters })
}

/// Reads a number as nodes write it: `"0x1f"`.
///
/// # Errors
/// If it is not one.
pub(crate) fn quantity(value: &Value) -> Result<u128> {
    let digits = value.as_str().and_then(|text| text.strip_prefix("0x"));
    let number = digits.and_then(|digits| u128::from_str_radix(digits, 16).ok());
    number.with_context(|| format!("{value} is not a quantity"))
}
