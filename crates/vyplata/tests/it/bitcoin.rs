//! What the doctor says of nodes of Bitcoin. With a real node, `RUN_NODE_TESTS=1` and `BITCOIND` set
//! to its path.

use std::{
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
};

use crate::{receiver::Receiver, vyplata::Installation};

/// The first block of the regression test mode.
const REGTEST: &str = "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206";

/// A node with no block but the first; ended when dropped.
struct Node(Child);

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn node(program: &std::ffi::OsStr, folder: &Path, port: u16) -> Node {
    let mut command = Command::new(program);
    command.args(["-regtest", "-server=1", "-listen=0", "-printtoconsole=0", "-rpcuser=u"]);
    command.args(["-rpcpassword=p".to_owned(), format!("-rpcport={port}")]);
    command.arg(format!("-datadir={}", folder.display()));
    let silent = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    Node(silent.spawn().unwrap())
}

fn config(port: u16, more: &str) -> String {
    format!(
        "data = \"data\"\nlisten = \"127.0.0.1:0\"\n[rates]\nBTC = \"100000\"\n\
         [[network]]\nid = \"bitcoin\"\nrpc = [\"http://u:p@127.0.0.1:{port}\"]\n{more}\n\
         [[lane]]\nnetwork = \"bitcoin\"\nname = \"hot\"\nkey = \"m/84'/0'/0'/0/0\"\n"
    )
}

#[test]
fn a_node_that_does_not_answer_is_told() {
    let it = Installation::new(&config(9, ""));
    it.ok(&["keys", "init"]);
    let words =
        ["WRONG  bitcoin: node #1", "does not answer", "no node knows what transactions cost"];
    it.refuses(&["doctor"], &words);
}

#[test]
fn a_node_that_refuses_the_password_is_not_called_silent() {
    let node =
        Receiver::start(0, |_| ("401 Unauthorized".to_owned(), String::new(), String::new()));
    let it = Installation::new(&config(node.address.port(), ""));
    it.ok(&["keys", "init"]);
    let said = it.run(&["doctor"]).stdout;
    assert!(said.contains("WRONG  bitcoin: node #1 127.0.0.1"), "{said}");
    assert!(said.contains("refuses the user, the password or the access key"), "{said}");
    assert!(!said.contains("does not answer"), "{said}");
    let of_ethereum = Installation::new(&Installation::ethereum(node.address, ""));
    of_ethereum.ok(&["keys", "init"]);
    of_ethereum.refuses(&["doctor"], &["WRONG  ethereum: node #1", "refuses the user"]);
}

#[test]
fn the_key_of_another_coin_is_noted() {
    let it = Installation::new(&config(9, "").replace("84'/0'", "84'/2'"));
    it.ok(&["keys", "init"]);
    it.refuses(&["doctor"], &["note   bitcoin/hot: m/84'/2'/0'/0/0 is the path of another coin"]);
    it.configure(&config(9, "").replace("84'/0'", "86'/2'"));
    let at = "a wallet that is made of the words looks for Bitcoin at m/86'/0'/0'/0/0";
    it.refuses(&["doctor"], &[at]);
    it.configure(&config(9, ""));
    let said = it.run(&["doctor"]).stdout;
    assert!(!said.contains("another coin"), "{said}");
}

/// As with `reconcile | head -0`.
#[test]
fn what_nobody_reads_ends_quietly() {
    let it = Installation::new(&config(9, ""));
    it.ok(&["keys", "init"]);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let said = it.command(&["doctor"]).stdout(writer).stderr(Stdio::piped()).output().unwrap();
    assert_eq!(said.status.code(), Some(141), "{said:?}");
    let log = String::from_utf8(said.stderr).unwrap();
    assert!(!log.contains("panicked"), "{log}");
}

#[test]
fn the_doctor_says_what_payouts_depend_on() {
    if std::env::var_os("RUN_NODE_TESTS").is_none_or(|wanted| wanted != "1") {
        return;
    }
    let program = std::env::var_os("BITCOIND").expect("RUN_NODE_TESTS=1 needs BITCOIND");
    let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
    let _node = node(&program, folder.path(), port);
    let regtest = format!("parameters = {{ genesis = \"{REGTEST}\" }}");
    let it = Installation::new(&config(port, &regtest));
    it.ok(&["keys", "init"]);
    // It takes a while to start.
    for _ in 0..100 {
        if it.run(&["doctor"]).stdout.contains("is on the right network") {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    it.refuses(
        &["doctor"],
        &[
            "is on the right network, at block 0",
            "does not know yet what transactions cost",
            "replaces what waits",
            "WRONG  bitcoin: no node knows what transactions cost",
            "set fee_default_sat_per_vbyte",
        ],
    );
    it.configure(&config(port, &format!("fee_default_sat_per_vbyte = 7\n{regtest}")));
    drop(it.serve());
    let said = it.run(&["doctor"]).stdout;
    assert!(said.contains("ok     bitcoin: a payout offers 7.000 sat/vB"), "{said}");
    assert!(said.contains("has 0 coins of bc1q"), "{said}");
    it.configure(&config(port, ""));
    it.refuses(
        &["doctor"],
        &[
            "WRONG",
            "is on another network than Bitcoin",
            REGTEST,
            "and not 000000000019d",
            "genesis",
        ],
    );
}
