//! The gateway under test: its configuration, its command line, its life and its deaths.

use std::{
    fs::{self, File, OpenOptions},
    io::Write as _,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};

use super::{
    api::Api,
    chain::{Around, Files},
    http::{self, Message},
    workload::{Asset, lock},
};
use crate::process::{self, Guarded};

/// How long a start may take until it is ready.
const READY_MAX: Duration = Duration::from_secs(30);

/// The configuration.
const FILE: &str = "vyplata.toml";

/// The passphrase of the keystore, which holds keys of no value.
const PASSPHRASE: &str = "a passphrase of no value";

/// The running process, if there is one. Shared with whoever may kill it.
pub(crate) type Process = Arc<Mutex<Option<Guarded>>>;

/// A gateway in a folder of its own.
pub(crate) struct Gateway {
    program: PathBuf,
    folder: PathBuf,
    address: SocketAddr,
    process: Process,
    is_control: bool,
    /// The database that it shares with others, if it has none of its own.
    database: Option<String>,
    /// The part of the work that it does, in options of `serve`; none of them is all.
    roles: &'static [&'static str],
    /// Whether it has the passphrase of the keystore.
    has_passphrase: bool,
}

impl Gateway {
    /// Writes the configuration of a gateway that asks `node` and may call `receiver`, and copies the
    /// program beside it: whoever builds meanwhile does not matter.
    ///
    /// # Errors
    /// If the folder cannot be made anew.
    pub(crate) fn new(
        program: &Path,
        folder: &Path,
        process: Process,
        (node, receiver): (SocketAddr, SocketAddr),
        files: impl FnOnce(Around) -> Files,
        is_control: bool,
    ) -> Result<Self> {
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
        fs::create_dir_all(folder)?;
        let copy = folder.join("vyplata");
        fs::copy(program, &copy).with_context(|| program.display().to_string())?;
        let address = http::free_address()?;
        for (name, text) in files(Around { gateway: address, node, receiver }) {
            fs::write(folder.join(name), text)?;
        }
        let (folder, database, roles, has_passphrase) = (folder.into(), None, &[][..], true);
        let program = copy;
        Ok(Self { program, folder, address, process, is_control, database, roles, has_passphrase })
    }

    /// The same with a part of the work.
    pub(crate) fn with_roles(self, roles: &'static [&'static str]) -> Self {
        Self { roles, ..self }
    }

    /// The same on a database that it shares with others.
    pub(crate) fn with_database(self, url: String) -> Self {
        Self { database: Some(url), ..self }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Gives it the keys of another.
    ///
    /// # Errors
    /// If they cannot be copied.
    pub(crate) fn take_keystore_of(&self, other: &Self) -> Result<()> {
        let file = "data/keystore.json";
        fs::create_dir_all(self.folder.join("data"))?;
        fs::copy(other.folder.join(file), self.folder.join(file)).context(file)?;
        Ok(())
    }

    /// Gives it what opens merchants' secrets, and nothing of another's wallets.
    ///
    /// # Errors
    /// If the other does not give it.
    pub(crate) fn take_vault_of(&mut self, other: &Self) -> Result<()> {
        self.has_passphrase = false;
        fs::create_dir_all(self.folder.join("data"))?;
        let file = std::path::absolute(self.folder.join("data/vault.key"))?;
        other.operate(&["keys", "vault", &file.display().to_string()])?;
        Ok(())
    }

    /// How much it works on, of all that those on its database share; `None` if it does not answer.
    pub(crate) fn leases_held(&self) -> Option<usize> {
        let asked = Message::get("/metrics");
        let answer = http::exchange_within(self.address, &asked, Duration::from_secs(1)).ok()?;
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        text.lines().find_map(|it| it.strip_prefix("vyplata_leases_held "))?.parse().ok()
    }

    /// Sends its process a signal.
    ///
    /// # Errors
    /// If it does not run.
    pub(crate) fn signal(&self, name: &str) -> Result<()> {
        let id = lock(&self.process).as_ref().map(Guarded::id).context("it does not run")?;
        process::run(Command::new("kill").args([format!("-{name}"), id.to_string()]))
    }

    /// Writes another configuration, made of what it is.
    ///
    /// # Errors
    /// If it cannot be read or written.
    pub(crate) fn reconfigure(&self, change: impl FnOnce(String) -> String) -> Result<()> {
        let path = self.folder.join("vyplata.toml");
        Ok(fs::write(&path, change(fs::read_to_string(&path)?))?)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.current_dir(&self.folder);
        if self.has_passphrase {
            command.env("VYPLATA_PASSPHRASE", PASSPHRASE);
        }
        command.envs(self.database.as_ref().map(|it| ("DATABASE_URL", it)));
        command.args(["--config", FILE]).args(arguments);
        command
    }

    /// Runs one command of the operator and returns what it prints.
    ///
    /// # Errors
    /// If it does not succeed.
    pub(crate) fn operate(&self, arguments: &[&str]) -> Result<String> {
        process::output(&mut self.command(arguments))
    }

    /// Puts another limit in the place of the station's, for the next start.
    ///
    /// # Errors
    /// If there is no station.
    pub(crate) fn limit_a_day(&self, coins: &str) -> Result<()> {
        let file = self.folder.join(FILE);
        let text = fs::read_to_string(&file)?;
        let line = text.lines().find(|it| it.starts_with("daily_max")).context("no station")?;
        Ok(fs::write(file, text.replace(line, &format!("daily_max = \"{coins}\"")))?)
    }

    /// Writes into the database that a lane's next number was used, and says which; the gateway must
    /// not run.
    ///
    /// # Errors
    /// If there is no such lane.
    pub(crate) fn skip_a_number(&self, lane: &str) -> Result<u128> {
        let tool = "sqlite3";
        if !process::is_installed(tool) {
            process::apt_install(&[tool])?;
        }
        let change = format!(
            "UPDATE lanes SET next_sequence = next_sequence + 1 WHERE id = '{lane}' \
             RETURNING next_sequence - 1"
        );
        let mut command = Command::new(tool);
        let said = process::output(command.arg(self.folder.join("data/vyplata.db")).arg(change))?;
        said.trim().parse().with_context(|| format!("{tool} says {said:?}"))
    }

    /// Imports a private key under a name into the keystore.
    ///
    /// # Errors
    /// If it does not succeed.
    pub(crate) fn import_key(&self, name: &str, secret: &str) -> Result<()> {
        let mut command = self.command(&["keys", "import", name]);
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::inherit());
        let mut child = piped.spawn().with_context(|| process::shown(&self.command(&[])))?;
        let mut input = child.stdin.take().context("nobody listens")?;
        writeln!(input, "{secret}")?;
        drop(input);
        let status = child.wait()?;
        ensure!(status.success(), "the key is not imported: {status}");
        Ok(())
    }

    /// The addresses of the wallets, in the order of the configuration.
    ///
    /// # Errors
    /// If they are not shown.
    pub(crate) fn wallets(&self) -> Result<Vec<String>> {
        let shown = self.operate(&["keys", "show-addresses"])?;
        let address = |line: &str| {
            let word = line.split_whitespace().nth(1);
            word.map(String::from).with_context(|| format!("no address in {shown}"))
        };
        shown.lines().map(address).collect()
    }

    /// Creates a merchant whose webhooks go to `receiver`.
    ///
    /// # Errors
    /// If its credentials are not shown.
    pub(crate) fn merchant(&self, name: &str, receiver: SocketAddr, coin: Asset) -> Result<Api> {
        let shown = self.operate(&["merchant", "create", name])?;
        let credential = |api: &str, what: &str| {
            let is_it = |line: &&str| line.contains(api) && line.contains(what);
            let value = shown.lines().find(is_it).and_then(|line| line.split_whitespace().last());
            value.map(String::from).with_context(|| format!("no {what} of {api} in\n{shown}"))
        };
        let (merchant, key) =
            (credential("cryptomus", "merchant")?, credential("cryptomus", "payout")?);
        let token = credential("native", "token")?;
        Ok(Api { gateway: self.address, receiver, merchant, key, token, coin })
    }

    /// Starts it and waits until it is ready; returns how long that took.
    ///
    /// # Errors
    /// If it ends, or is not ready in time.
    pub(crate) fn start(&self) -> Result<Duration> {
        let start = self.spawn(None)?;
        while !self.is_ready() {
            self.check_alive()?;
            self.check_patience(start)?;
        }
        Ok(start.elapsed())
    }

    /// Starts it so that it dies at a crash point, and waits until it is ready or has died.
    ///
    /// # Errors
    /// If it ends in another way, or is neither in time.
    pub(crate) fn start_armed(&self, death: &str) -> Result<()> {
        let start = self.spawn(Some(death))?;
        while !self.has_died()? && !self.is_ready() {
            self.check_patience(start)?;
        }
        Ok(())
    }

    fn check_patience(&self, start: Instant) -> Result<()> {
        ensure!(start.elapsed() < READY_MAX, "the gateway is not ready: see {}", self.place());
        thread::sleep(Duration::from_millis(5));
        Ok(())
    }

    fn spawn(&self, death: Option<&str>) -> Result<Instant> {
        let log = self.log()?;
        let mut command = self.command(&[&["serve"], self.roles].concat());
        command.envs(death.map(|it| ("VYPLATA_CRASH_AT", it)));
        if self.is_control {
            // The bug makes payments that the ledger does not know, and a gateway from which coins
            // are missing does not pay: this second guard would hide what the first one is for.
            command.arg("--pay-although-coins-are-missing");
        }
        command.stdout(log.try_clone()?).stderr(log);
        let start = Instant::now();
        *lock(&self.process) = Some(Guarded::start(&mut command)?);
        Ok(start)
    }

    /// Whether it was killed, or killed itself.
    ///
    /// # Errors
    /// If it ended in another way.
    pub(crate) fn has_died(&self) -> Result<bool> {
        match lock(&self.process).as_mut().map(Guarded::ended) {
            Some(None) => Ok(false),
            Some(Some(how)) if !how.contains("SIGKILL") => {
                bail!("the gateway ended by itself ({how}): see {}", self.place())
            }
            Some(Some(_)) | None => Ok(true),
        }
    }

    fn log(&self) -> Result<File> {
        Ok(OpenOptions::new().create(true).append(true).open(self.folder.join("gateway.log"))?)
    }

    fn place(&self) -> String {
        self.folder.join("gateway.log").display().to_string()
    }

    fn is_ready(&self) -> bool {
        let answer = http::exchange(self.address, &Message::get("/readyz"));
        answer.is_ok_and(|answer| answer.status() == Some(200))
    }

    /// Checks that it has not ended by itself.
    ///
    /// # Errors
    /// If it has.
    pub(crate) fn check_alive(&self) -> Result<()> {
        if let Some(how) = lock(&self.process).as_mut().and_then(Guarded::ended) {
            bail!("the gateway ended by itself ({how}): see {}", self.place());
        }
        Ok(())
    }
}

/// Kills the gateway, if it runs.
pub(crate) fn kill(process: &Process) {
    drop(lock(process).take());
}
