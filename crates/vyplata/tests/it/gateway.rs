//! A gateway as a process of its own, on a free port, with a data directory that goes with it.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader},
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
    thread,
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;

use crate::{
    api::Credentials,
    http::{Connection, Reply, Request},
};

/// How long to wait between two looks.
const LOOK: Duration = Duration::from_millis(20);
/// How many looks a thing is worth: a minute.
const LOOKS_MAX: u32 = 3_000;

/// Looks until there is something to see.
pub(crate) fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    for _ in 0..LOOKS_MAX {
        if let Some(seen) = look() {
            return seen;
        }
        thread::sleep(LOOK);
    }
    panic!("waited in vain: {what}");
}

/// A free port that stays free while nobody listens there: below those that the operating system
/// gives to others, in a `range` (0, 1, 2, ...) of its own for each test that asks.
pub(crate) fn quiet_port(range: u16) -> u16 {
    let first = 20_000 + range * 2_000 + u16::try_from(std::process::id() % 1_000).unwrap();
    let mut ports = first..first + 1_000;
    let free = ports.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    free.expect("one of a thousand ports is free")
}

/// A gateway at work; it is killed when this is dropped.
pub(crate) struct Gateway {
    child: Child,
    // Held, so that the process can always write.
    _stdout: BufReader<ChildStdout>,
    pub(crate) address: SocketAddr,
    pub(crate) data: PathBuf,
    pub(crate) log: PathBuf,
    directory: Option<TempDir>,
}

impl Gateway {
    /// A sandbox with a new database.
    pub(crate) fn sandbox() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut gateway = Self::sandbox_on(directory.path(), 0);
        gateway.directory = Some(directory);
        gateway
    }

    /// A sandbox on a directory that outlives it.
    pub(crate) fn sandbox_on(data: &Path, port: u16) -> Self {
        let mut command = Self::sandbox_command(data, port);
        // Whoever runs the tests may have one for something else.
        command.env_remove("DATABASE_URL");
        Self::start(command, data)
    }

    /// A sandbox on a directory and a database that outlive it.
    pub(crate) fn sandbox_on_database(data: &Path, url: &str) -> Self {
        let mut command = Self::sandbox_command(data, 0);
        command.env("DATABASE_URL", url);
        Self::start(command, data)
    }

    pub(crate) fn sandbox_command(data: &Path, port: u16) -> Command {
        let listen = format!("127.0.0.1:{port}");
        let mut command = Command::new(env!("CARGO_BIN_EXE_vyplata"));
        command.args(["sandbox", "--no-examples", "--listen", &listen, "--data"]).arg(data);
        command
    }

    /// Starts a command that says in its first line where it serves.
    pub(crate) fn start(mut command: Command, data: &Path) -> Self {
        fs::create_dir_all(data).unwrap();
        let log = data.join("log.txt");
        command.stdout(Stdio::piped()).stderr(File::create(&log).unwrap()).stdin(Stdio::null());
        let mut child = command.env("RUST_LOG", "warn").spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let address = line.split("http://").nth(1).and_then(|it| it.split(',').next());
        let Some(address) = address.and_then(|it| it.trim().parse().ok()) else {
            let _ = child.kill();
            let _ = child.wait();
            panic!("{line:?} says no address; {}", fs::read_to_string(&log).unwrap());
        };
        let data = data.to_owned();
        Self { child, _stdout: stdout, address, data, log, directory: None }
    }

    /// Where it is served.
    pub(crate) fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Kills it as `kill -9` does.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// How it ended by itself, and what it wrote into its log.
    pub(crate) fn end(&mut self) -> (ExitStatus, String) {
        let child = &mut self.child;
        let status = wait_for("the gateway ends", || child.try_wait().unwrap());
        (status, fs::read_to_string(&self.log).unwrap())
    }

    /// Asks over a connection of its own.
    pub(crate) fn send(&self, request: &Request) -> Reply {
        Connection::open(self.address).unwrap().send(request).unwrap()
    }

    /// Asks our own API as the demo merchant.
    pub(crate) fn native(&self, path: &str) -> Value {
        let token = format!("Bearer {}", Credentials::sandbox().native_token);
        let reply = self.send(&Request::get(path).header("authorization", &token));
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        reply.json()
    }

    /// A payout, by any of its identifiers, as our own API shows it.
    pub(crate) fn payout(&self, id: &str) -> Value {
        self.native(&format!("/vyplata/v1/payouts/{id}"))
    }

    /// Waits until a payout has this status.
    pub(crate) fn wait_for_status(&self, id: &str, status: &str) -> Value {
        wait_for(&format!("{id} is {status}"), || {
            Some(self.payout(id)).filter(|it| it["status"] == status)
        })
    }

    /// The bodies of the webhooks that the sandbox's receiver has, each after its signature.
    pub(crate) fn webhooks(&self) -> Vec<(String, String)> {
        let text = self.send(&Request::get("/sandbox/webhooks")).text();
        let split = |line: &str| line.split_once(' ').map(|it| (it.0.to_owned(), it.1.to_owned()));
        text.lines().filter_map(split).collect()
    }

    /// Fails unless it answers that it is well.
    pub(crate) fn assert_healthy(&self) {
        for path in ["/healthz", "/readyz"] {
            assert_eq!(self.send(&Request::get(path)).status, 200, "{path}");
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("the gateway's log: {}", fs::read_to_string(&self.log).unwrap_or_default());
        }
    }
}
