//! A server of PostgreSQL of our own for tests: a cluster in a folder, on a free port of this machine,
//! encrypted, durable, and gone afterwards.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};

use crate::{
    kill::http,
    process::{self, Guarded},
};

/// How long the server may take until it can be used.
const START_MAX: Duration = Duration::from_mins(1);

/// What the server is called in the variables that tests read.
const URL: &str = "POSTGRES";
/// Where the certificate of the authority is that signed the server's.
const AUTHORITY: &str = "POSTGRES_CA";

/// What the folder of a cluster is called, before the number of our process.
const FOLDER: &str = "vyplata-postgres-";

/// Where distributions put the programs that are not for everybody's path.
const VERSIONS: &str = "/usr/lib/postgresql";

/// The configuration of `openssl` for the authority and for the server's certificate.
const CERTIFICATES: &str = "\
[req]
distinguished_name = name
[name]
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
[server]
basicConstraints = critical, CA:FALSE
subjectAltName = DNS:localhost, IP:127.0.0.1
";

/// Runs a command beside a server: `postgres [--] COMMAND…`.
///
/// # Errors
/// If the server does not start, or the command does not succeed.
pub(crate) fn run(root: &Path, arguments: &[String]) -> Result<()> {
    let words = arguments.strip_prefix(&["--".to_owned()]).unwrap_or(arguments);
    let (program, rest) = words.split_first().context("which command? postgres -- COMMAND…")?;
    let server = Server::start(root)?;
    let mut command = Command::new(program);
    process::run(server.told_to(command.args(rest)))
}

/// A server that tests may use as they like.
pub(crate) enum Server {
    /// The one that the variable `POSTGRES` names.
    Theirs,
    /// One of our own.
    Ours(Cluster),
}

impl Server {
    /// Starts one, unless the variable `POSTGRES` names one.
    ///
    /// # Errors
    /// If it does not start; says what to install where something is missing.
    pub(crate) fn start(root: &Path) -> Result<Self> {
        if env::var_os(URL).is_some() {
            return Ok(Self::Theirs);
        }
        let began = Instant::now();
        let cluster = Cluster::start(root).context("starting a server of PostgreSQL")?;
        let (url, elapsed) = (cluster.url(), began.elapsed());
        println!("{URL}={url} after {}.{:03} s", elapsed.as_secs(), elapsed.subsec_millis());
        Ok(Self::Ours(cluster))
    }

    /// The command, told where the server is.
    pub(crate) fn told_to<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        match self {
            Self::Theirs => command,
            Self::Ours(it) => command.env(URL, it.url()).env(AUTHORITY, it.at("authority.crt")),
        }
    }
}

/// A running cluster. Its folder holds the data, the certificates and the log.
pub(crate) struct Cluster {
    programs: PathBuf,
    folder: PathBuf,
    user: User,
    port: u16,
    process: Option<Guarded>,
}

impl Cluster {
    /// Starts one.
    ///
    /// # Errors
    /// If it does not start; says what to install where something is missing.
    pub(crate) fn start(root: &Path) -> Result<Self> {
        let programs = programs()?;
        let user = User::of_servers()?;
        let folder = user.folder(&[process::target_dir(root).join("tmp"), env::temp_dir()])?;
        // Whatever fails from here on, the folder is removed.
        let mut cluster =
            Self { programs, folder, user, port: http::free_address()?.port(), process: None };
        cluster.make_certificates()?;
        cluster.make_data()?;
        cluster.serve()?;
        Ok(cluster)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Kills the server, and starts it again on what it left.
    ///
    /// # Errors
    /// If it does not start again.
    pub(crate) fn crash(&mut self) -> Result<()> {
        self.stop();
        self.serve()
    }

    /// Ends the server as a crash does: it takes nothing to its end.
    fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            // It takes its own processes with it. If it cannot, they see that it is gone.
            let mut stop = self.command(self.programs.join("pg_ctl"));
            stop.args(["stop", "-D", "data", "-m", "immediate", "-s"]);
            drop(process::output(&mut stop));
            process.kill();
        }
    }

    /// Where it can be reached.
    pub(crate) fn url(&self) -> String {
        // Tests talk to it in plain words too.
        format!("postgres://vyplata@127.0.0.1:{}/postgres?sslmode=disable", self.port)
    }

    /// A program, run as the server's user in the cluster's folder.
    fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = self.user.command(program.as_ref());
        command.current_dir(&self.folder);
        command
    }

    fn make_data(&self) -> Result<()> {
        let mut command = self.command(self.programs.join("initdb"));
        command.args(["--username=vyplata", "--auth=trust", "--encoding=UTF8", "--locale=C"]);
        // Only what is written later must be durable.
        process::output(command.args(["--no-sync", "--pgdata=data"])).map(drop)
    }

    /// An authority, and the server's certificate, which it signed.
    fn make_certificates(&self) -> Result<()> {
        ensure!(process::is_installed("openssl"), "openssl is missing: install it");
        fs::write(self.at("openssl.cnf"), CERTIFICATES)?;
        let openssl = |line: &str| {
            let mut command = Command::new("openssl");
            let command = command.current_dir(&self.folder).args(line.split(' '));
            process::output(command).map(drop)
        };
        let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -config openssl.cnf";
        openssl(&format!(
            "req -x509 {key} -extensions authority -subj /CN=authority -days 2 \
             -keyout authority.key -out authority.crt"
        ))?;
        openssl(&format!("req {key} -subj /CN=server -keyout server.key -out server.csr"))?;
        openssl(
            "x509 -req -in server.csr -CA authority.crt -CAkey authority.key -CAcreateserial \
             -extfile openssl.cnf -extensions server -days 2 -out server.crt",
        )?;
        self.user.give(&self.folder)
    }

    fn serve(&mut self) -> Result<()> {
        let mut command = self.command(self.programs.join("postgres"));
        command.args(["-D", "data", "-p", &self.port.to_string()]);
        for setting in [
            "listen_addresses=127.0.0.1",
            // The path to the folder may be longer than that of a socket can be.
            "unix_socket_directories=",
            "max_connections=200",
            "fsync=on",
            "ssl=on",
            "ssl_cert_file=../server.crt",
            "ssl_key_file=../server.key",
        ] {
            command.args(["-c", setting]);
        }
        let log = fs::File::create(self.at("log"))?;
        command.stdout(log.try_clone()?).stderr(log);
        let process = self.process.insert(Guarded::start(&mut command)?);
        let began = Instant::now();
        while !is_ready(&self.folder.join("data/postmaster.pid")) {
            let ended = process.ended();
            if ended.is_some() || began.elapsed() > START_MAX {
                let log = fs::read_to_string(self.folder.join("log"))?;
                bail!("the server does not start ({}):\n{log}", ended.unwrap_or_default());
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.stop();
        drop(fs::remove_dir_all(&self.folder));
    }
}

/// Whether the file that a server keeps while it runs says that it can be used: in its eighth line.
fn is_ready(file: &Path) -> bool {
    let text = fs::read_to_string(file).unwrap_or_default();
    text.lines().nth(7).is_some_and(|it| it.trim() == "ready")
}

/// Who the server's processes belong to. PostgreSQL refuses to run as root.
enum User {
    /// Whoever runs us.
    Ourselves,
    /// Nobody.
    Nobody,
}

impl User {
    fn of_servers() -> Result<Self> {
        if process::output(Command::new("id").arg("-u"))?.trim() != "0" {
            return Ok(Self::Ourselves);
        }
        let is_there = process::is_installed("setpriv");
        ensure!(
            is_there,
            "setpriv is missing, and the server must not be root's: install util-linux"
        );
        Ok(Self::Nobody)
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("setpriv");
        match self {
            Self::Ourselves => return Command::new(program),
            // If we are killed, the server is told to end too.
            Self::Nobody => command.args([
                "--reuid=nobody",
                "--regid=nogroup",
                "--clear-groups",
                "--pdeathsig=QUIT",
                "--",
            ]),
        };
        command.arg(program);
        command
    }

    /// Makes a folder that belongs to the user, in the first of the places that the user can enter.
    fn folder(&self, places: &[PathBuf]) -> Result<PathBuf> {
        for place in places {
            remove_left_behind(place);
            let folder = place.join(format!("{FOLDER}{}", std::process::id()));
            fs::create_dir_all(&folder)?;
            self.give(&folder)?;
            let mut enter = self.command(Path::new("ls"));
            if process::output(enter.arg(&folder)).is_ok() {
                return Ok(folder);
            }
            fs::remove_dir_all(folder)?;
        }
        bail!("nobody but root can enter the target folder, nor the one for temporary files")
    }

    /// Gives a folder to the user, with all that is in it.
    fn give(&self, folder: &Path) -> Result<()> {
        match self {
            Self::Ourselves => Ok(()),
            Self::Nobody => {
                let mut chown = Command::new("chown");
                process::output(chown.args(["-R", "nobody:nogroup"]).arg(folder)).map(drop)
            }
        }
    }
}

/// Removes folders of those that were killed, as far as the system can tell.
fn remove_left_behind(place: &Path) {
    let processes = Path::new("/proc");
    if !processes.join("self").exists() {
        return;
    }
    for folder in fs::read_dir(place).into_iter().flatten().flatten().map(|it| it.path()) {
        let name = folder.file_name().and_then(|it| it.to_str()).unwrap_or_default();
        let whose = name.strip_prefix(FOLDER).filter(|it| it.parse::<u32>().is_ok());
        if whose.is_some_and(|it| !processes.join(it).exists()) {
            drop(fs::remove_dir_all(folder));
        }
    }
}

/// The folder of `initdb` and `postgres`: what the variable `POSTGRES_BIN` names, one in the path, or
/// the newest of those that Debian installs.
fn programs() -> Result<PathBuf> {
    let named = env::var_os("POSTGRES_BIN").map(PathBuf::from);
    let paths = env::var_os("PATH").unwrap_or_default();
    let installed = fs::read_dir(VERSIONS).into_iter().flatten().flatten().map(|it| it.path());
    let found = named.into_iter().chain(env::split_paths(&paths)).chain(newest_first(installed));
    found.into_iter().find(|it| has_server(it)).context(
        "PostgreSQL is missing: install it (Debian: postgresql), name the folder of its programs in \
         POSTGRES_BIN, or a server in POSTGRES",
    )
}

/// Whether the programs that we need are in a folder.
fn has_server(folder: &Path) -> bool {
    ["initdb", "postgres", "pg_ctl"].iter().all(|it| folder.join(it).is_file())
}

/// The folders of programs in the folders of versions.
fn newest_first(versions: impl Iterator<Item = PathBuf>) -> Vec<PathBuf> {
    let version = |it: &PathBuf| it.file_name()?.to_str()?.parse::<u32>().ok();
    let mut versions: Vec<PathBuf> = versions.filter(|it| version(it).is_some()).collect();
    versions.sort_by_key(|it| std::cmp::Reverse(version(it)));
    versions.into_iter().map(|it| it.join("bin")).collect()
}

#[cfg(test)]
mod tests {
    use super::{PathBuf, fs, is_ready, newest_first};

    #[test]
    fn the_newest_version_is_taken() {
        let paths = |names: &[&str]| names.iter().map(PathBuf::from).collect::<Vec<_>>();
        let found = newest_first(paths(&["/p/9", "/p/15", "/p/notes", "/p/13"]).into_iter());
        assert_eq!(found, paths(&["/p/15/bin", "/p/13/bin", "/p/9/bin"]));
    }

    #[test]
    fn a_server_is_ready_when_it_says_so() {
        let folder = std::env::temp_dir().join(format!("vyplata-ready-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let file = folder.join("postmaster.pid");
        assert!(!is_ready(&file));
        let begin = "1\n/data\n1\n5432\n/tmp\n127.0.0.1\n  1 2\n";
        for (last, expected) in [("", false), ("starting\n", false), ("ready   \n", true)] {
            fs::write(&file, format!("{begin}{last}")).unwrap();
            assert_eq!(is_ready(&file), expected, "{last}");
        }
        fs::remove_dir_all(folder).unwrap();
    }
}
