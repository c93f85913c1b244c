//! `vyplata merchant`: merchants and their credentials.

use anyhow::anyhow;
use clap::Subcommand;
use dialects::{Dialect, NewKey};
use domain::{
    ids::MerchantId,
    merchant::Merchant,
    ports::{ChangeSet, Store},
};
use signer::Vault;

use super::{
    ask,
    credentials::{api_key, draw_all, find_dialect, rotate, show, store_keys},
    find_merchant, not_committed, silent,
};
use crate::{clock, config::Config, terms::is_web_address, wiring};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Create a merchant with fresh credentials for every API; they are shown once.
    Create {
        /// What to call it.
        name: String,
        /// Where webhooks go when a request names no address: in the API of `CryptoCloud`, whose
        /// requests never do, and in our own, where they may.
        #[arg(long)]
        webhook_url: Option<String>,
        /// Take `OnchainPay` requests without a nonce, like the sample in its documentation.
        #[arg(long)]
        lenient_nonce: bool,
    },
    /// List merchants.
    List,
    /// List a merchant's credentials, without secrets.
    Keys {
        /// The merchant.
        name: String,
    },
    /// Make fresh secrets for an API and revoke all old ones, those taken over with `adopt` too.
    ///
    /// Public parts stay as they are: the merchant number of `Cryptomus` (both its payout and its
    /// payment key get new secrets), the public key of `OnchainPay`. In the other APIs the secret
    /// is all there is.
    Rotate {
        /// The merchant.
        name: String,
        /// The API: native, cryptocloud, cryptomus, heleket, onchainpay, apollo.
        #[arg(long)]
        dialect: String,
        /// Whether `OnchainPay` requests without a nonce are taken, like the sample in its
        /// documentation; left out: as before.
        #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
        lenient_nonce: Option<bool>,
    },
    /// Take over a credential that the merchant has from its provider, so that its programs need
    /// no new one. Its secret part is asked for, or read from standard input.
    Adopt {
        /// The merchant.
        name: String,
        /// The API: native, cryptocloud, cryptomus, heleket, onchainpay, apollo.
        #[arg(long)]
        dialect: String,
        /// What it is used for: in the API of `Cryptomus` `payout` or `payment`, in that of
        /// `CryptoCloud` `payout` (the withdrawal key) or `project`.
        #[arg(long, default_value = "payout")]
        role: String,
        /// Its public part: the merchant number of `Cryptomus`, the public key of `OnchainPay`.
        #[arg(long, default_value = "")]
        public: String,
        /// Take `OnchainPay` requests without a nonce, like the sample in its documentation.
        #[arg(long)]
        lenient_nonce: bool,
    },
    /// Accept no new payouts from a merchant.
    Pause {
        /// The merchant.
        name: String,
    },
    /// Accept payouts from a merchant again.
    Resume {
        /// The merchant.
        name: String,
    },
}

pub(super) async fn run(config: &Config, command: Command) -> anyhow::Result<()> {
    let store = wiring::open_store(config, wiring::Use::Command).await?;
    match command {
        Command::Create { name, webhook_url, lenient_nonce } => {
            let vault = wiring::open_keystore(config)?.vault();
            let _lock = wiring::lock_credentials(config)?;
            let (merchant, keys) =
                create(&*store, &vault, &name, webhook_url, lenient_nonce).await?;
            println!("merchant {} is {}", merchant.name, merchant.id);
            show(keys.iter().map(|(dialect, new)| (*dialect, new)));
            Ok(())
        }
        Command::List => list(&*store).await,
        Command::Keys { name } => keys(&*store, &name).await,
        Command::Rotate { name, dialect, lenient_nonce } => {
            let dialect = find_dialect(&dialect)?;
            let merchant = find_merchant(&*store, &name).await?;
            let vault = wiring::open_keystore(config)?.vault();
            let _lock = wiring::lock_credentials(config)?;
            rotate(&*store, &vault, &merchant, dialect, lenient_nonce).await
        }
        Command::Adopt { name, dialect, role, public, lenient_nonce } => {
            let dialect = find_dialect(&dialect)?;
            let merchant = find_merchant(&*store, &name).await?;
            let vault = wiring::open_keystore(config)?.vault();
            let new = adopted(dialect, &role, &public)?;
            let _lock = wiring::lock_credentials(config)?;
            let key = api_key(&vault, merchant.id, dialect, &new, lenient_nonce);
            store_keys(&*store, ChangeSet { keys: vec![key], ..ChangeSet::default() }).await?;
            println!("{name} can use it from now on");
            Ok(())
        }
        Command::Pause { name } => pause(&*store, &name, true).await,
        Command::Resume { name } => pause(&*store, &name, false).await,
    }
}

/// Asks for the secret part of a credential.
fn adopted(dialect: &dyn Dialect, role: &str, public: &str) -> anyhow::Result<NewKey> {
    let secret = ask("Secret part: ")?;
    anyhow::ensure!(!secret.is_empty(), "there is no secret part");
    dialect.adopt_key(role, public, &secret).ok_or_else(|| {
        anyhow!(
            "{} has no such credential: look at --role ({role:?}), at --public ({public:?}; the \
             merchant number of cryptomus, the public key of onchainpay, nothing in other APIs), \
             and whether the secret part is whole",
            dialect.name()
        )
    })
}

/// Creates a merchant with fresh credentials for every dialect.
async fn create(
    store: &dyn Store,
    vault: &Vault,
    name: &str,
    webhook_url: Option<String>,
    lenient_nonce: bool,
) -> anyhow::Result<(Merchant, Vec<(&'static dyn Dialect, NewKey)>)> {
    anyhow::ensure!(
        !name.trim().is_empty() && !name.contains(char::is_control),
        "a merchant's name is text, and not empty"
    );
    if let Some(url) = &webhook_url {
        anyhow::ensure!(is_web_address(url), "{url:?} is not an http or https address");
    }
    let taken = store.merchants().await.map_err(silent)?.iter().any(|it| it.name == name);
    anyhow::ensure!(!taken, "there is a merchant {name:?} already");
    let merchant = new_merchant(name, webhook_url);
    let drawn = draw_all();
    let keys = drawn.iter().map(|it| api_key(vault, merchant.id, it.0, &it.1, lenient_nonce));
    let change = ChangeSet {
        merchants: vec![merchant.clone()],
        keys: keys.collect(),
        ..ChangeSet::default()
    };
    store_keys(store, change).await?;
    Ok((merchant, drawn))
}

/// A merchant that is not stored yet.
pub(crate) fn new_merchant(name: &str, webhook_url: Option<String>) -> Merchant {
    let now = clock::now();
    Merchant {
        id: MerchantId(clock::uuid_v7(now)),
        name: name.to_owned(),
        webhook_url,
        paused: false,
        created_at: now,
        version: 1,
    }
}

async fn list(store: &dyn Store) -> anyhow::Result<()> {
    for merchant in store.merchants().await.map_err(silent)? {
        let paused = if merchant.paused { "  paused" } else { "" };
        println!("{}  {}{paused}", merchant.id, merchant.name);
    }
    Ok(())
}

async fn keys(store: &dyn Store, name: &str) -> anyhow::Result<()> {
    let merchant = find_merchant(store, name).await?;
    for key in store.keys_of(merchant.id).await.map_err(silent)? {
        let state = if key.revoked_at.is_some() { "revoked" } else { "good" };
        let dialect = key.dialect.as_str();
        println!("{}  {dialect:<12} {:<8} {state:<8} {}", key.id, key.role, key.lookup);
    }
    Ok(())
}

async fn pause(store: &dyn Store, name: &str, paused: bool) -> anyhow::Result<()> {
    let mut merchant = find_merchant(store, name).await?;
    merchant.paused = paused;
    merchant.version += 1;
    let change = ChangeSet { merchants: vec![merchant], ..ChangeSet::default() };
    store.commit(change).await.map_err(not_committed)?;
    let word = if paused { "paused; what was accepted is still paid" } else { "resumed" };
    println!("{name} is {word}");
    Ok(())
}
