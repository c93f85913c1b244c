//! A node of one test, in the regression test mode, with coins for the lanes.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::Duration,
};

use bitcoin::{
    OutPoint, ScriptBuf, Transaction,
    consensus::encode::{deserialize_hex, serialize_hex},
};
use rail_bitcoin::drafting::Coin;
use serde_json::{Value, json};

/// How long a node may take to start, in steps of 20 ms.
const STEPS_MAX: usize = 3_000;

/// How many were started, so that each has a folder of its own.
static STARTED: AtomicU32 = AtomicU32::new(0);

/// A running node; it ends when this is dropped.
pub(crate) struct Regtest {
    process: Child,
    network: String,
    folder: PathBuf,
    port: u16,
}

/// Blocks with confidential parts need somebody who makes some.
const LITECOIN: &[&str] = &["-vbparams=mweb:9223372036854775800:9223372036854775807"];

impl Drop for Regtest {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Regtest {
    /// Starts a node of a network of the catalog that replaces what waits; `None` if no tests with
    /// real nodes are wanted.
    pub(crate) fn start(network: &str, name: &str) -> Option<Self> {
        let replaces: &[&str] =
            if network == "litecoin" { &["-mempoolreplacement=1"] } else { &[] };
        Self::start_with(network, name, replaces)
    }

    /// Starts one with these options and no others.
    pub(crate) fn start_with(network: &str, name: &str, options: &[&str]) -> Option<Self> {
        std::env::var_os("RUN_NODE_TESTS").filter(|wanted| wanted == "1")?;
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let folder = format!("{name}-{network}-{}-{number}", std::process::id());
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(folder);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let process = spawn(network, &folder, port, options);
        let node = Self { process, network: network.to_owned(), folder, port };
        node.wait();
        Some(node)
    }

    /// Ends the node, as an operator does, and starts it with these options; what happens in between
    /// happens while it is away.
    pub(crate) fn restart(&mut self, options: &[&str]) {
        self.stop();
        self.begin(options);
    }

    /// Ends the node, as an operator does.
    pub(crate) fn stop(&mut self) {
        self.ask("stop", &json!([]));
        self.process.wait().unwrap();
    }

    /// Starts it again.
    pub(crate) fn begin(&mut self, options: &[&str]) {
        self.process = spawn(&self.network, &self.folder, self.port, options);
        self.wait();
    }

    fn wait(&self) {
        for _ in 0..STEPS_MAX {
            if self.try_ask("getblockcount", &json!([])).is_some_and(|it| it.is_ok()) {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
        panic!("the node does not start");
    }

    /// Where it answers, with the credentials.
    pub(crate) fn url(&self) -> String {
        format!("http://u:p@127.0.0.1:{}", self.port)
    }

    /// Asks; `None` if nobody answers.
    pub(crate) fn try_ask(&self, method: &str, params: &Value) -> Option<Result<Value, Value>> {
        let body = json!({ "jsonrpc": "1.0", "id": 1, "method": method, "params": params });
        let body = body.to_string();
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        // The credentials are `u:p`.
        let head = format!(
            "POST / HTTP/1.1\r\nHost: node\r\nAuthorization: Basic dTpw\r\nConnection: close\r\n\
             Content-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).ok()?;
        stream.write_all(body.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (_, body) = answer.split_once("\r\n\r\n")?;
        let mut value: Value = serde_json::from_str(body).ok()?;
        let error = value["error"].take();
        Some(if error.is_null() { Ok(value["result"].take()) } else { Err(error) })
    }

    #[track_caller]
    pub(crate) fn ask(&self, method: &str, params: &Value) -> Value {
        let told = self.try_ask(method, params).expect("the node answers");
        told.unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    /// Makes blocks that pay a script, and gives what each pays.
    pub(crate) fn mine(&self, script: &ScriptBuf, blocks: u32) -> Vec<(Coin, Transaction)> {
        let descriptor = format!("raw({})", script.to_hex_string());
        let hashes = self.ask("generatetodescriptor", &json!([blocks, descriptor]));
        let made = hashes.as_array().unwrap().iter().map(|hash| {
            let block = self.ask("getblock", &json!([hash, 2]));
            let tx: Transaction = deserialize_hex(block["tx"][0]["hex"].as_str().unwrap()).unwrap();
            let outpoint = OutPoint { txid: tx.compute_txid(), vout: 0 };
            (Coin { outpoint, value_sat: tx.output[0].value.to_sat() }, tx)
        });
        made.collect()
    }

    /// What the node would say to a transaction: its size and its fee in satoshi, or why not.
    pub(crate) fn judge(&self, tx: &Transaction) -> Result<(u64, u64), String> {
        let told = self.ask("testmempoolaccept", &json!([[serialize_hex(tx)], 0]));
        if told[0]["allowed"] == json!(true) {
            return Ok((told[0]["vsize"].as_u64().unwrap(), sat(&told[0]["fees"]["base"])));
        }
        Err(told[0]["reject-reason"].as_str().unwrap().to_owned())
    }

    pub(crate) fn send(&self, tx: &Transaction) {
        let txid = self.ask("sendrawtransaction", &json!([serialize_hex(tx), 0]));
        assert_eq!(txid, json!(tx.compute_txid().to_string()));
    }
}

fn spawn(network: &str, folder: &Path, port: u16, options: &[&str]) -> Child {
    let (variable, always): (_, &[&str]) = match network {
        "bitcoin" => ("BITCOIND", &[]),
        "litecoin" => ("LITECOIND", LITECOIN),
        other => panic!("{other}"),
    };
    let program = std::env::var_os(variable);
    let program = program.unwrap_or_else(|| panic!("RUN_NODE_TESTS=1 needs {variable}"));
    let mut command = Command::new(program);
    command.args(["-regtest", "-server=1", "-listen=0", "-printtoconsole=0", "-rpcuser=u"]);
    command.args(["-rpcpassword=p", "-acceptnonstdtxn=0", &format!("-rpcport={port}")]);
    command.arg(format!("-datadir={}", folder.display())).args(always).args(options);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// An amount that a node wrote, in satoshi.
pub(crate) fn sat(coins: &Value) -> u64 {
    let text = format!("{:.8}", coins.as_f64().unwrap());
    bitcoin::Amount::from_str_in(&text, bitcoin::Denomination::Bitcoin).unwrap().to_sat()
}
