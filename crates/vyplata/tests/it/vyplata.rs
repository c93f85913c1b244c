//! The commands of an operator, on a configuration of their own.

use std::{
    fs,
    io::Write as _,
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
};

use tempfile::TempDir;

use crate::{api::Credentials, gateway::Gateway};

/// What opens the keystore.
const PASSPHRASE: &str = "correct horse battery staple";

/// What a command said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) success: bool,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A directory with a configuration file, and a data directory in it.
pub(crate) struct Installation {
    directory: TempDir,
    /// What opens the keystore; none where there must be none.
    pub(crate) passphrase: Option<String>,
}

impl Installation {
    /// Writes a configuration file.
    pub(crate) fn new(config: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let installation = Self { directory, passphrase: Some(PASSPHRASE.to_owned()) };
        installation.configure(config);
        installation
    }

    /// The configuration of one wallet on Ethereum, whose node is at `node`; `more` is put before
    /// its tables.
    pub(crate) fn ethereum(node: SocketAddr, more: &str) -> String {
        format!(
            "data = \"data\"\nlisten = \"127.0.0.1:0\"\n{more}\n\
             [[network]]\nid = \"ethereum\"\nrpc = [\"http://{node}\"]\nin_flight_max = 1\n\n\
             [[lane]]\nnetwork = \"ethereum\"\nname = \"hot\"\nkey = \"m/44'/60'/0'/0/0\"\n"
        )
    }

    /// Writes another configuration file in its place.
    pub(crate) fn configure(&self, config: &str) {
        fs::write(self.config(), config).unwrap();
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.directory.path().join("vyplata.toml")
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vyplata"));
        command.arg("--config").arg(self.config()).args(arguments);
        command.env_remove("VYPLATA_PASSPHRASE").env_remove("VYPLATA_CONFIG");
        command.env("RUST_LOG", "warn").stdin(Stdio::null());
        command.envs(self.passphrase.iter().map(|it| ("VYPLATA_PASSPHRASE", it)));
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        said(&mut self.command(arguments))
    }

    /// Starts a command that reads `input` from its standard input.
    pub(crate) fn start_with(&self, arguments: &[&str], input: &str) -> Child {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // Whoever refuses before it reads closes its end.
        let _ = stdin.write_all(input.as_bytes());
        child
    }

    /// Runs a command that reads `input` from its standard input.
    pub(crate) fn run_with(&self, arguments: &[&str], input: &str) -> Said {
        heard(self.start_with(arguments, input).wait_with_output().unwrap())
    }

    /// Runs a command that must succeed; returns what it prints.
    pub(crate) fn ok(&self, arguments: &[&str]) -> String {
        let said = self.run(arguments);
        assert!(said.success, "{arguments:?}: {said:?}");
        said.stdout
    }

    /// Runs a command that must fail and must say why in these words.
    pub(crate) fn refuses(&self, arguments: &[&str], words: &[&str]) -> String {
        let said = self.run(arguments);
        assert!(!said.success, "{arguments:?}: {said:?}");
        let text = format!("{}{}", said.stdout, said.stderr);
        for word in words {
            assert!(text.contains(word), "{arguments:?} does not say {word:?}: {text}");
        }
        assert!(!text.contains("panicked"), "{arguments:?}: {text}");
        text
    }

    /// Starts the gateway itself.
    pub(crate) fn serve(&self) -> Gateway {
        Gateway::start(self.command(&["serve"]), &self.data())
    }

    /// Starts the gateway itself, told to pay although the node does not know of its coins.
    pub(crate) fn serve_all_the_same(&self) -> Gateway {
        let all_the_same = ["serve", "--pay-although-coins-are-missing"];
        Gateway::start(self.command(&all_the_same), &self.data())
    }

    /// Creates a merchant and reads its credentials off the screen.
    pub(crate) fn merchant(&self, arguments: &[&str]) -> Credentials {
        let shown = self.ok(&[&["merchant", "create"], arguments].concat());
        let value = |dialect: &str, label: &str| {
            let mut lines = shown.lines().map(str::trim);
            let line = lines.find(|it| it.starts_with(dialect) && it.contains(label));
            let value = line.and_then(|it| it.split_whitespace().last()).map(str::to_owned);
            value.unwrap_or_else(|| panic!("no {label} of {dialect} in {shown}"))
        };
        Credentials {
            native_token: value("native", "API token"),
            cryptocloud_key: value("cryptocloud", "API key"),
            cryptomus_merchant: value("cryptomus", "merchant"),
            cryptomus_payment_key: value("cryptomus", "payment API key"),
            cryptomus_payout_key: value("cryptomus", "payout API key"),
            onchainpay_public: value("onchainpay", "public key"),
            onchainpay_private: value("onchainpay", "private key"),
        }
    }
}

/// Runs a command to its end.
pub(crate) fn said(command: &mut Command) -> Said {
    heard(command.output().unwrap())
}

/// What a command said that has ended.
pub(crate) fn heard(output: Output) -> Said {
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Said {
        success: output.status.success(),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}
