//! Real nodes for tests: one of each network for all tests of this program, one test at a time.
//!
//! Everybody has keys of their own, and blocks are made when a test wants one.

pub(crate) mod facade;
pub(crate) mod keys;

use std::{
    ffi::OsString,
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        LazyLock,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use bitcoin::{OutPoint, ScriptBuf, Transaction, Txid, consensus::encode::serialize_hex};
use net::{Client, Guard, JsonRpc, Reach, RpcError};
use rail_bitcoin::chain::core::Links;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::{
    runtime::Runtime,
    sync::{MappedMutexGuard, Mutex, MutexGuard},
};

use self::keys::{Input, Key};

/// The name of the gateway's wallet in the nodes.
pub(crate) const WALLET: &str = "vyplata";

/// What a transaction of the house pays for itself, in satoshi.
const FEE_SAT: u64 = 10_000;

/// How long a node may take to start or to stop, in steps of 20 ms.
const STEPS_MAX: usize = 3_000;

/// Which network a node is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Bitcoin,
    Litecoin,
}

/// Where all tests run, so that connections outlive them.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

/// Runs a test that has nodes.
pub(crate) fn run(test: impl Future<Output = ()>) {
    RUNTIME.block_on(test);
}

static BITCOIN: Mutex<Option<Node>> = Mutex::const_new(None);
static LITECOIN: Mutex<Option<Node>> = Mutex::const_new(None);

/// A node that nobody else uses until this is dropped.
pub(crate) type Lease = MappedMutexGuard<'static, Node>;

/// The node of a network, running, with nothing that waits for a block and with coins to give away;
/// `None` if no tests with real nodes are wanted.
pub(crate) async fn lease(kind: Kind) -> Option<Lease> {
    let program = program(kind)?;
    let place = match kind {
        Kind::Bitcoin => &BITCOIN,
        Kind::Litecoin => &LITECOIN,
    };
    let mut lease = place.lock().await;
    if lease.is_none() {
        *lease = Some(Node::new(kind, program));
    }
    let mut node = MutexGuard::map(lease, |it| it.as_mut().unwrap());
    node.prepare().await;
    Some(node)
}

/// The program to run, if tests with real nodes are wanted.
fn program(kind: Kind) -> Option<OsString> {
    std::env::var_os("RUN_NODE_TESTS").filter(|wanted| wanted == "1")?;
    let variable = match kind {
        Kind::Bitcoin => "BITCOIND",
        Kind::Litecoin => "LITECOIND",
    };
    let path = std::env::var_os(variable);
    Some(
        path.unwrap_or_else(|| {
            panic!("RUN_NODE_TESTS=1 needs {variable}, as cargo xtask nodes says")
        }),
    )
}

/// A node in the regression test mode.
pub(crate) struct Node {
    pub(crate) kind: Kind,
    program: OsString,
    folder: PathBuf,
    port: u16,
    process: Option<Child>,
    /// A client that may connect to this machine.
    client: Client,
    /// What asks the node.
    rpc: JsonRpc,
    /// Options that it was started with beside those that all have.
    options: Vec<String>,
    /// How many blocks were made that have to differ from all others.
    odd_blocks: AtomicU32,
    /// Whether the next block has to: it may be at the height of an invalid one, and blocks of the
    /// same second with the same in them are the same.
    is_forked: AtomicBool,
    /// Ends the node and removes its folder when this program ends, however it does.
    _guard: Child,
}

impl Node {
    fn new(kind: Kind, program: OsString) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("{kind:?}-{}-{number}", std::process::id());
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&folder).unwrap();
        // It reads until the pipe ends, which nobody but this program holds.
        let script = "read line; kill -9 $(cat \"$0/node.pid\") 2>/dev/null; rm -rf \"$0\"";
        let mut guard = Command::new("sh");
        guard.args(["-c", script]).arg(&folder).stdin(Stdio::piped());
        let guard = guard.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let (odd_blocks, is_forked) = Default::default();
        let client = Client::new(Guard::new(Reach::Anywhere, &[]).unwrap()).unwrap();
        let (process, options) = (None, vec![]);
        let rpc = links(&client, port).node;
        Self {
            kind,
            program,
            folder,
            port,
            process,
            client,
            rpc,
            options,
            odd_blocks,
            is_forked,
            _guard: guard,
        }
    }

    /// A node that only one test has, with an empty chain and options of its own; `None` if no tests
    /// with real nodes are wanted.
    pub(crate) async fn alone(kind: Kind, options: &[&str]) -> Option<Self> {
        let mut node = Self::new(kind, program(kind)?);
        node.options = options.iter().map(|it| (*it).to_owned()).collect();
        node.start().await;
        Some(node)
    }

    /// Options that make the house's nodes what tests need: nothing but what they are told is in
    /// their mempools, standard transactions only, and replacements are taken.
    fn usual_options(kind: Kind) -> Vec<String> {
        match kind {
            Kind::Bitcoin => vec![],
            // Blocks with confidential parts need somebody who makes some.
            Kind::Litecoin => vec![
                "-vbparams=mweb:9223372036854775800:9223372036854775807".to_owned(),
                "-mempoolreplacement=1".to_owned(),
            ],
        }
    }

    fn spawn(&mut self) {
        let mut command = Command::new(&self.program);
        command.args(["-regtest", "-server=1", "-listen=0", "-printtoconsole=0", "-rpcuser=u"]);
        command.args(["-rpcpassword=p", "-persistmempool=0", "-walletbroadcast=0"]);
        command.args(["-acceptnonstdtxn=0", &format!("-rpcport={}", self.port)]);
        command.arg(format!("-datadir={}", self.folder.display()));
        command.arg(format!("-pid={}", self.folder.join("node.pid").display()));
        command.args(&self.options);
        let silent = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.process = Some(silent.spawn().unwrap());
    }

    /// Brings it into the state that tests begin with.
    async fn prepare(&mut self) {
        let usual = Self::usual_options(self.kind);
        if self.process.is_some() && self.options != usual {
            self.stop().await;
        }
        self.options = usual;
        self.start().await;
        if self.height().await < 130 {
            self.mine(130).await;
        }
        self.mine(1).await;
    }

    /// Starts it, unless it runs.
    pub(crate) async fn start(&mut self) {
        if self.process.is_none() {
            self.spawn();
        }
        for _ in 0..STEPS_MAX {
            if self.rpc.call::<u32>("getblockcount", json!([])).await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the node does not start");
    }

    /// Lets it end in good order.
    pub(crate) async fn stop(&mut self) {
        let Some(mut process) = self.process.take() else { return };
        let _: Value = self.ask("stop", json!([])).await;
        for _ in 0..STEPS_MAX {
            if process.try_wait().unwrap().is_some() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the node does not stop");
    }

    /// Starts it again, with an empty mempool.
    pub(crate) async fn restart(&mut self) {
        self.stop().await;
        self.start().await;
    }

    /// Starts it again with other options than usual, until somebody else has it.
    pub(crate) async fn restart_with(&mut self, options: &[&str]) {
        self.stop().await;
        self.options = options.iter().map(|it| (*it).to_owned()).collect();
        self.start().await;
    }

    /// Makes it forget what it knows of fees.
    pub(crate) async fn forget_fees(&mut self) {
        self.stop().await;
        let file = self.folder.join("regtest/fee_estimates.dat");
        if file.exists() {
            fs::remove_file(file).unwrap();
        }
        self.start().await;
    }

    pub(crate) fn url(&self) -> String {
        url(self.port)
    }

    /// A client that may connect to this machine.
    pub(crate) fn client(&self) -> Client {
        self.client.clone()
    }

    /// Clients of the node and of the gateway's wallet in it.
    pub(crate) fn links(&self) -> Links {
        links(&self.client, self.port)
    }

    pub(crate) async fn try_ask(&self, method: &str, params: Value) -> Result<Value, RpcError> {
        self.rpc.call(method, params).await
    }

    /// Asks a wallet of the house's own, which holds keys.
    pub(crate) async fn ask_wallet<T: DeserializeOwned>(
        &self,
        name: &str,
        method: &str,
        params: Value,
    ) -> T {
        let wallet = Links::at(&self.client, &self.url(), &once(), name).unwrap().wallet;
        wallet.call(method, params).await.unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    pub(crate) async fn ask<T: DeserializeOwned>(&self, method: &str, params: Value) -> T {
        let told = self.try_ask(method, params).await;
        let told = told.unwrap_or_else(|error| panic!("{method}: {error}"));
        serde_json::from_value(told).unwrap()
    }

    // --- Blocks ------------------------------------------------------------------------------

    pub(crate) async fn height(&self) -> u32 {
        self.ask("getblockcount", json!([])).await
    }

    /// Makes blocks of all that waits.
    pub(crate) async fn mine(&self, mut blocks: u32) {
        if self.is_forked.swap(false, Ordering::Relaxed) && blocks > 0 {
            self.mine_to(&self.somebody(), 1).await;
            blocks -= 1;
        }
        self.mine_to(&miner().script(), blocks).await;
    }

    /// Somebody who is paid by one block only.
    fn somebody(&self) -> ScriptBuf {
        let number = self.odd_blocks.fetch_add(1, Ordering::Relaxed);
        Key::p2wpkh(&format!("block {number}")).script()
    }

    /// Makes blocks that pay a script.
    pub(crate) async fn mine_to(&self, script: &ScriptBuf, blocks: u32) {
        let told: Vec<String> =
            self.ask("generatetodescriptor", json!([blocks, raw(script)])).await;
        assert_eq!(told.len(), usize::try_from(blocks).unwrap());
    }

    /// Makes a block of nothing but these, whatever waits.
    pub(crate) async fn mine_only(&self, transactions: &[&Transaction]) {
        let hex: Vec<String> = transactions.iter().map(|it| serialize_hex(*it)).collect();
        let descriptor: Value =
            self.ask("getdescriptorinfo", json!([raw(&miner().script())])).await;
        let _: Value = self.ask("generateblock", json!([descriptor["descriptor"], hex])).await;
    }

    /// Makes the newest blocks invalid. What was in them waits again, if it can.
    pub(crate) async fn unmine(&self, blocks: u32) {
        let lowest = self.height().await + 1 - blocks;
        let hash: String = self.ask("getblockhash", json!([lowest])).await;
        let _: Value = self.ask("invalidateblock", json!([hash])).await;
        assert_eq!(self.height().await, lowest - 1);
        self.is_forked.store(true, Ordering::Relaxed);
    }

    // --- Transactions ------------------------------------------------------------------------

    /// Hands over a transaction past the gateway.
    pub(crate) async fn send(&self, tx: &Transaction) {
        let txid: String = self.ask("sendrawtransaction", json!([serialize_hex(tx)])).await;
        assert_eq!(txid, tx.compute_txid().to_string());
    }

    /// A script as an address of the node's network.
    pub(crate) async fn address(&self, script: &ScriptBuf) -> String {
        let told: Value = self.ask("getdescriptorinfo", json!([raw(script)])).await;
        let addresses: Vec<String> = self.ask("deriveaddresses", json!([told["descriptor"]])).await;
        addresses[0].clone()
    }

    pub(crate) async fn is_waiting(&self, txid: Txid) -> bool {
        let waiting: Vec<String> = self.ask("getrawmempool", json!([])).await;
        waiting.contains(&txid.to_string())
    }

    /// What a script has in blocks: which outputs, and what they are worth.
    pub(crate) async fn scan(&self, script: &ScriptBuf) -> Vec<Input> {
        let scan: Value = self.ask("scantxoutset", json!(["start", [raw(script)]])).await;
        let coin = |it: &Value| Input {
            outpoint: OutPoint {
                txid: it["txid"].as_str().unwrap().parse().unwrap(),
                vout: it["vout"].as_u64().unwrap().try_into().unwrap(),
            },
            value_sat: sat(&it["amount"]),
            height: it["height"].as_u64().unwrap().try_into().unwrap(),
        };
        scan["unspents"].as_array().unwrap().iter().map(coin).collect()
    }

    /// Pays scripts in one transaction, which waits for a block.
    pub(crate) async fn fund(&self, outputs: &[(ScriptBuf, u64)]) -> Transaction {
        let wanted: u64 = outputs.iter().map(|(_, sat)| sat).sum();
        let newest = self.height().await;
        let mut coins = self.scan(&miner().script()).await;
        coins.sort_by_key(|it| it.height);
        for coin in coins.iter().filter(|it| it.height + 100 <= newest + 1) {
            let output = [json!(coin.outpoint.txid.to_string()), json!(coin.outpoint.vout)];
            let waits: Value = self.ask("gettxout", json!([output[0], output[1], true])).await;
            let Some(change) = coin.value_sat.checked_sub(wanted + FEE_SAT) else { continue };
            if waits.is_null() {
                continue;
            }
            let mut outputs = outputs.to_vec();
            outputs.push((miner().script(), change));
            let tx = miner().pay(&[*coin], &outputs);
            self.send(&tx).await;
            return tx;
        }
        panic!("the house has no coin for {wanted} satoshi");
    }
}

/// Who is paid by blocks.
fn miner() -> Key {
    Key::p2wpkh("miner")
}

fn url(port: u16) -> String {
    format!("http://u:p@127.0.0.1:{port}")
}

/// Headers that end a connection with its answer. A node gives up connections that nobody uses, and a
/// question that is sent at that instant is lost; and a node that ends waits for those that are open.
pub(crate) fn once() -> [(String, String); 1] {
    [("connection".to_owned(), "close".to_owned())]
}

fn links(client: &Client, port: u16) -> Links {
    Links::at(client, &url(port), &once(), WALLET).unwrap()
}

/// A script as a descriptor.
fn raw(script: &ScriptBuf) -> String {
    format!("raw({})", script.to_hex_string())
}

/// An amount that a node wrote, in satoshi.
fn sat(coins: &Value) -> u64 {
    let text = coins.to_string();
    let amount = bitcoin::Amount::from_str_in(&text, bitcoin::Denomination::Bitcoin);
    amount.unwrap_or_else(|_| panic!("{text}")).to_sat()
}
