//! `vyplata keys`: the keystore.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Subcommand;
use signer::Keystore;

use super::ask;
use crate::{clock, config::Config, wiring};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Make a keystore with fresh words, which are shown once: write them down.
    Init {
        /// Take existing words instead; they are asked for.
        #[arg(long)]
        restore: bool,
    },
    /// Add a single secp256k1 private key under a name; it is asked for. Its path is
    /// `imported:NAME`.
    Import {
        /// What to call it.
        name: String,
    },
    /// Show the addresses of the configured wallets.
    ShowAddresses,
    /// Write the key that opens merchants' API secrets to a file of its own: what `serve` needs
    /// without the role rails. It opens no wallet.
    Vault {
        /// The new file; `vault.key` in the data directory, or `vault` of the configuration, if it is
        /// left out.
        file: Option<PathBuf>,
    },
}

pub(super) fn run(config: &Config, command: Command) -> anyhow::Result<()> {
    let file = config.keystore_file();
    match command {
        Command::Init { restore } => {
            let passphrase = wiring::passphrase(config)?;
            if let Some(directory) = file.parent() {
                std::fs::create_dir_all(directory)?;
            }
            if restore {
                let words = ask("Words: ")?;
                Keystore::import(&file, &words, &passphrase, &mut clock::fill)
                    .with_context(|| format!("keystore {}", file.display()))?;
                println!("{} is made from your words", file.display());
            } else {
                let keystore = Keystore::create(&file, &passphrase, &mut clock::fill)
                    .with_context(|| format!("keystore {}", file.display()))?;
                let words = keystore.mnemonic();
                println!("{} is made. Its words, shown only now:\n", file.display());
                println!("  {}\n", words.as_str());
                println!("Whoever has the words has the money. Without them and without the file,");
                println!(
                    "nobody has it. The words bring back the wallets only: imported keys are in"
                );
                println!(
                    "the file only, and so is the key that opens the merchants' API secrets in"
                );
                println!("the database. Keep a copy of the file.");
            }
            Ok(())
        }
        Command::Import { name } => {
            let passphrase = wiring::passphrase(config)?;
            let secret = ask("Private key (hexadecimal): ")?;
            Keystore::add_key(&file, &passphrase, &name, &secret, &mut clock::fill)
                .with_context(|| format!("keystore {}", file.display()))?;
            println!("imported; use it with key = \"imported:{name}\"");
            Ok(())
        }
        Command::Vault { file } => {
            let file = file.unwrap_or_else(|| config.vault_file());
            let written = wiring::open_keystore(config)?.write_vault(&file);
            written.with_context(|| format!("vault {}", file.display()))?;
            println!("{} is made; whoever has it can read merchants' API secrets", file.display());
            println!("in the database, and sign nothing");
            Ok(())
        }
        Command::ShowAddresses => {
            let keystore = wiring::open_keystore(config)?;
            let catalog = wiring::catalog(config)?;
            anyhow::ensure!(!config.lanes.is_empty(), "there is no [[lane]] in the configuration");
            for lane in &config.lanes {
                let address = wiring::lane_address(config, &keystore, &catalog, lane)?;
                println!("{}/{}  {address}  ({})", lane.network, lane.name, lane.key);
            }
            Ok(())
        }
    }
}
