//! Published clients of the providers' APIs, with nothing but the host changed.
//!
//! They are installed from `PyPI`, so this runs only where the environment variable
//! `RUN_CLIENT_TESTS` is set, and needs Python 3 with `venv`. The packages stay in
//! `target/clients`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{gateway::Gateway, ledger::Ledger, vyplata::said};

/// What is installed.
const PACKAGES: [&str; 4] =
    ["requests==2.32.5", "cryptomus==1.1", "milkpay-cryptomus==1.3.0", "onchainpay-api==0.0.8"];

/// The program of each client, and how many payouts it makes.
const PROGRAMS: [(&str, usize); 4] = [
    ("cryptocloud_docs.py", 2),
    ("cryptomus_pypi.py", 1),
    ("milkpay_cryptomus.py", 1),
    ("onchainpay_pypi.py", 2),
];

/// Installs the packages, once; returns the interpreter that knows them.
fn python() -> PathBuf {
    let target = Path::new(env!("CARGO_BIN_EXE_vyplata")).ancestors().nth(2).unwrap();
    let folder = target.join("clients");
    let python = folder.join("bin/python");
    let done = folder.join("installed.txt");
    if fs::read_to_string(&done).is_ok_and(|it| it == PACKAGES.join("\n")) {
        return python;
    }
    run(Command::new("python3").args(["-m", "venv"]).arg(&folder));
    run(Command::new(&python).args(["-m", "pip", "install", "--quiet"]).args(PACKAGES));
    fs::write(done, PACKAGES.join("\n")).unwrap();
    python
}

/// Runs a command that must succeed; returns what it prints.
fn run(command: &mut Command) -> String {
    let said = said(command);
    assert!(said.success, "{command:?}: {said:?}");
    said.stdout
}

#[test]
fn published_clients_work_with_nothing_but_the_host_changed() {
    if std::env::var_os("RUN_CLIENT_TESTS").is_none() {
        return;
    }
    let python = python();
    let gateway = Gateway::sandbox();
    let ledger = Ledger::open(&gateway.data);
    let before = ledger.balances("available:");
    let mut made = 0;
    for (program, payouts) in PROGRAMS {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(program);
        let said = run(Command::new(&python).arg(file).env("BASE", gateway.base()));
        assert_eq!(said.lines().count(), payouts, "{program}: {said}");
        for id in said.lines() {
            gateway.wait_for_status(id, "paid");
        }
        println!("{program}: {payouts} payouts paid");
        made += payouts;
    }
    assert_eq!(ledger.payouts().len(), made);
    ledger.assert_settled(&before);
}
