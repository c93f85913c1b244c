//! A real node that lives as long as one test and mines when told: anvil, or whatever else speaks as
//! it does ([`crate::edr`]).

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use net::{
    Answer, BoxFuture, Client, Endpoint, Guard, JsonRpc, Question, Reach, RpcError, Transport,
    Unreachable,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::scene::{CHAIN_ID, LANE, RECIPIENT};

/// How often the node is looked at until it has fees of its last block.
const LOOKS_MAX: usize = 10_000;

/// The program to run, if tests with real nodes are wanted.
pub(crate) fn program() -> Option<std::ffi::OsString> {
    std::env::var_os("RUN_NODE_TESTS").filter(|wanted| wanted == "1")?;
    Some(std::env::var_os("ANVIL").expect("RUN_NODE_TESTS=1 needs ANVIL, the path of anvil"))
}

/// A node; killed when dropped. Two blocks on top make a block final.
pub(crate) struct Anvil {
    process: Child,
    pub(crate) wire: Arc<Wire>,
    rpc: JsonRpc,
}

/// The connection to the node, which can lose answers.
pub(crate) struct Wire {
    inner: Endpoint,
    loses_answers: AtomicBool,
    refuses_overrides: AtomicBool,
}

impl Wire {
    /// Answers calls with state overrides as nodes do that have none.
    fn refuse_overrides(question: &Question, answer: &mut Answer) {
        let (Question::JsonRpc(Value::Array(calls)), Some(answers)) =
            (question, answer.body.as_array_mut())
        else {
            return;
        };
        let has_overrides = |it: &Value| it["method"] == "eth_call" && !it["params"][2].is_null();
        for call in calls.iter().filter(|it| has_overrides(it)) {
            let place = answers.iter_mut().find(|it| it["id"] == call["id"]).unwrap();
            let error = json!({"code": -32602, "message": "too many arguments, want at most 2"});
            *place = json!({"jsonrpc": "2.0", "id": call["id"], "error": error});
        }
    }
}

impl Transport for Wire {
    fn send<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Result<Answer, Unreachable>> {
        Box::pin(async move {
            let answer = self.inner.send(question).await;
            if self.loses_answers.load(Ordering::Relaxed) {
                return Err(Unreachable("lost".to_owned()));
            }
            let mut answer = answer?;
            if self.refuses_overrides.load(Ordering::Relaxed) {
                Self::refuse_overrides(question, &mut answer);
            }
            Ok(answer)
        })
    }
}

impl Anvil {
    /// Starts a node with an empty chain.
    pub(crate) fn start(program: &std::ffi::OsStr) -> Self {
        Self::start_as(program, &CHAIN_ID.to_string(), &[])
    }

    /// Starts two nodes with the same chain. Told the same, they make the same blocks.
    pub(crate) async fn twins(program: &std::ffi::OsStr) -> [Self; 2] {
        let more = ["--timestamp", "1700000000"];
        let start = || Self::start_as(program, &CHAIN_ID.to_string(), &more);
        let twins = [start(), start()];
        for twin in &twins {
            let _: Value = twin.ask("anvil_setBlockTimestampInterval", json!([1])).await;
        }
        twins
    }

    /// Starts a node with an empty chain of this number, and with more of anvil's options.
    pub(crate) fn start_as(program: &std::ffi::OsStr, chain_id: &str, more: &[&str]) -> Self {
        let mut command = Command::new(program);
        command.args(["--port", "0", "--no-mining", "--slots-in-an-epoch", "1"]);
        Self::spawn(command.args(["--chain-id", chain_id]).args(more), "Listening on ")
    }

    /// Starts a node that says where it listens after these words.
    pub(crate) fn spawn(command: &mut Command, words: &str) -> Self {
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let address = lines
            .find_map(|line| {
                let line = line.unwrap();
                let (_, address) = line.split_once(words)?;
                Some(address.trim().trim_matches('/').to_owned())
            })
            .unwrap();
        // Somebody has to read what the node writes, or it stands still one day.
        std::thread::spawn(move || lines.for_each(drop));
        let client = Client::new(Guard::new(Reach::Anywhere, &[]).unwrap()).unwrap();
        let url = format!("http://{address}");
        let inner = Endpoint::new(client, &url, &[], Endpoint::LIMITS).unwrap();
        let (loses_answers, refuses_overrides) = Default::default();
        let wire = Arc::new(Wire { inner, loses_answers, refuses_overrides });
        let rpc = JsonRpc::new(wire.clone());
        Self { process, wire, rpc }
    }

    /// A client for the rail.
    pub(crate) fn client(&self) -> JsonRpc {
        JsonRpc::new(self.wire.clone())
    }

    /// Whether answers are lost from here on. Questions reach the node all the same.
    pub(crate) fn lose_answers(&self, lose: bool) {
        self.wire.loses_answers.store(lose, Ordering::Relaxed);
    }

    /// Whether calls with state overrides are refused from here on.
    pub(crate) fn refuse_overrides(&self, refuse: bool) {
        self.wire.refuses_overrides.store(refuse, Ordering::Relaxed);
    }

    /// Hands over a transaction past the rail; tells what the node says if it does not take it.
    pub(crate) async fn send_raw(&self, raw: &[u8]) -> Result<String, RpcError> {
        let raw = alloy_primitives::hex::encode_prefixed(raw);
        self.rpc.call("eth_sendRawTransaction", json!([raw])).await
    }

    /// Asks the node.
    pub(crate) async fn ask<T: DeserializeOwned>(&self, method: &str, params: Value) -> T {
        self.rpc.call(method, params).await.unwrap()
    }

    /// Makes blocks, and waits until the node's history of fees, which it keeps beside its chain,
    /// has the last: what is asked for after that is asked as of that block.
    pub(crate) async fn mine(&self, blocks: u32) {
        for _ in 0..blocks {
            let _: Value = self.ask("evm_mine", json!([])).await;
        }
        for _ in 0..LOOKS_MAX {
            let history: Value = self.ask("eth_feeHistory", json!(["0x1", "latest", []])).await;
            // Of the block itself, and of the next.
            if history["baseFeePerGas"].as_array().is_some_and(|it| it.len() == 2) {
                return;
            }
        }
        panic!("the node has no fees of its last block after {LOOKS_MAX} looks");
    }

    /// What an account holds of the node's coin, in wei.
    pub(crate) async fn balance(&self, account: &str) -> u128 {
        let text: String = self.ask("eth_getBalance", json!([account, "latest"])).await;
        u128::from_str_radix(&text[2..], 16).unwrap()
    }

    /// What an account holds of a token.
    pub(crate) async fn token_balance(&self, token: &str, account: &str) -> u128 {
        let data = format!("0x70a08231{:0>64}", &account[2..]);
        let call = json!([{"to": token, "data": data}, "latest"]);
        let text: String = self.ask("eth_call", call).await;
        u128::from_str_radix(&text[34..], 16).unwrap()
    }

    /// Puts a test token with a million units of the lane on the chain.
    pub(crate) async fn deploy_token(&self, habit: u8) -> String {
        let code = include_str!("../data/TestToken.hex").trim();
        let token = self.deploy(&format!("{code}{habit:064x}{:064x}", 1_000_000)).await;
        assert_eq!(self.token_balance(&token, LANE).await, 1_000_000);
        token
    }

    /// Lets the lane put a contract on the chain; tells where.
    pub(crate) async fn deploy(&self, code: &str) -> String {
        let data = format!("0x{}", code.trim());
        let call = json!([{"from": LANE, "data": data, "gas": "0x200000"}]);
        let hash: String = self.ask("eth_sendTransaction", call).await;
        self.mine(1).await;
        let receipt: Value = self.ask("eth_getTransactionReceipt", json!([hash])).await;
        assert_eq!(receipt["status"], "0x1");
        receipt["contractAddress"].as_str().unwrap().to_owned()
    }

    /// Lets the recipient (everybody may) pause a test token.
    pub(crate) async fn pause_token(&self, token: &str) {
        self.admin(token, &format!("0x16c38b3c{:064x}", 1)).await;
    }

    /// Lets the recipient blacklist itself in a test token.
    pub(crate) async fn blacklist_recipient(&self, token: &str) {
        self.admin(token, &format!("0xd01dd6d2{:0>64}{:064x}", &RECIPIENT[2..], 1)).await;
    }

    /// Lets the recipient call a contract.
    pub(crate) async fn admin(&self, token: &str, data: &str) {
        let call = json!([{"from": RECIPIENT, "to": token, "data": data, "gas": "0x20000"}]);
        let hash: String = self.ask("eth_sendTransaction", call).await;
        self.mine(1).await;
        let receipt: Value = self.ask("eth_getTransactionReceipt", json!([hash])).await;
        assert_eq!(receipt["status"], "0x1");
    }
}

impl Drop for Anvil {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
