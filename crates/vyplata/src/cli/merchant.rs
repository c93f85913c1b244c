//! `vyplata merchant`: merchants and their credentials.

use anyhow::anyhow;
use axum::http::Uri;
use clap::Subcommand;
use dialects::{DIALECTS, Dialect, NewKey};
use domain::{
    ids::{DialectId, KeyId, MerchantId},
    merchant::{ApiKey, Merchant},
    ports::{ChangeSet, Store},
};
use signer::Vault;

use super::{find_merchant, not_committed, silent};
use crate::{clock, config::Config, wiring};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Create a merchant with fresh credentials for every API; they are shown once.
    Create {
        /// What to call it.
        name: String,
        /// Where webhooks go in APIs whose requests name no address (`CryptoCloud`).
        #[arg(long)]
        webhook_url: Option<String>,
    },
    /// List merchants.
    List,
    /// List a merchant's credentials, without secrets.
    Keys {
        /// The merchant.
        name: String,
    },
    /// Make fresh credentials for an API and revoke the old ones.
    Rotate {
        /// The merchant.
        name: String,
        /// The API.
        #[arg(long)]
        dialect: String,
    },
    /// Take over a credential that the merchant has from its provider, so that its programs need
    /// no new one.
    Adopt {
        /// The merchant.
        name: String,
        /// The API.
        #[arg(long)]
        dialect: String,
        /// What it is used for, in APIs that have several kinds (`payout`, `payment`).
        #[arg(long, default_value = "payout")]
        role: String,
        /// Its public part (a merchant number or public key), in APIs that have one.
        #[arg(long, default_value = "")]
        public: String,
        /// Take requests without a nonce, in APIs that have one.
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
    let store = wiring::open_store(config)?;
    match command {
        Command::Create { name, webhook_url } => {
            let vault = wiring::open_keystore(config)?.vault();
            let merchant = create(&*store, &vault, &name, webhook_url).await?;
            println!("merchant {} is {}", merchant.0.name, merchant.0.id);
            merchant.1.iter().for_each(show);
            println!("These secrets are not shown again.");
            Ok(())
        }
        Command::List => list(&*store).await,
        Command::Keys { name } => keys(&*store, &name).await,
        Command::Rotate { name, dialect } => {
            let vault = wiring::open_keystore(config)?.vault();
            rotate(&*store, &vault, &name, &dialect).await
        }
        Command::Adopt { name, dialect, role, public, lenient_nonce } => {
            let vault = wiring::open_keystore(config)?.vault();
            let secret = rpassword::prompt_password("Secret part: ")?;
            let merchant = find_merchant(&*store, &name).await?;
            let chosen = find_dialect(&dialect)?;
            let adopted = chosen.adopt_key(&role, &public, &secret);
            let new = adopted.ok_or_else(|| anyhow!("{dialect} has no credential of that kind"))?;
            let key = api_key(&vault, merchant.id, chosen, &new, lenient_nonce);
            commit(&*store, ChangeSet { keys: vec![key], ..ChangeSet::default() }).await?;
            println!("{name} can use it from now on");
            Ok(())
        }
        Command::Pause { name } => pause(&*store, &name, true).await,
        Command::Resume { name } => pause(&*store, &name, false).await,
    }
}

async fn commit(store: &dyn Store, change: ChangeSet) -> anyhow::Result<()> {
    store.commit(change).await.map_err(not_committed)
}

/// Creates a merchant with fresh credentials for every dialect.
async fn create(
    store: &dyn Store,
    vault: &Vault,
    name: &str,
    webhook_url: Option<String>,
) -> anyhow::Result<(Merchant, Vec<(&'static str, NewKey)>)> {
    anyhow::ensure!(
        !name.trim().is_empty() && !name.contains(char::is_control),
        "a merchant's name is text, and not empty"
    );
    if let Some(url) = &webhook_url {
        let web = url.parse::<Uri>().ok().filter(|it| it.host().is_some());
        let web = web.is_some_and(|it| matches!(it.scheme_str(), Some("http" | "https")));
        anyhow::ensure!(web, "{url:?} is not an http or https address");
    }
    let taken = store.merchants().await.map_err(silent)?.iter().any(|it| it.name == name);
    anyhow::ensure!(!taken, "there is a merchant {name:?} already");
    let merchant = new_merchant(name, webhook_url);
    let mut change = ChangeSet { merchants: vec![merchant.clone()], ..ChangeSet::default() };
    let mut shown = vec![];
    for dialect in DIALECTS {
        for new in draw(*dialect) {
            change.keys.push(api_key(vault, merchant.id, *dialect, &new, false));
            shown.push((dialect.name(), new));
        }
    }
    commit(store, change).await?;
    Ok((merchant, shown))
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

fn draw(dialect: &dyn Dialect) -> Vec<NewKey> {
    dialect.draw_keys(&mut |count| {
        let mut bytes = vec![0; count];
        clock::fill(&mut bytes);
        bytes
    })
}

/// A credential that is not stored yet.
pub(crate) fn api_key(
    vault: &Vault,
    merchant: MerchantId,
    dialect: &dyn Dialect,
    new: &NewKey,
    lenient_nonce: bool,
) -> ApiKey {
    let now = clock::now();
    let id = KeyId(clock::uuid_v7(now));
    ApiKey {
        id,
        merchant,
        dialect: DialectId::new(dialect.name()),
        role: new.role.to_owned(),
        lookup: new.lookup.clone(),
        secret: vault.seal(&new.secret, &id.to_string(), clock::random()),
        lenient_nonce,
        created_at: now,
        revoked_at: None,
        version: 1,
    }
}

fn show((dialect, new): &(&'static str, NewKey)) {
    for (label, value) in &new.shown {
        println!("  {dialect:<12} {label:<24} {}", value.as_str());
    }
}

fn find_dialect(name: &str) -> anyhow::Result<&'static dyn Dialect> {
    let names = || DIALECTS.iter().map(|it| it.name()).collect::<Vec<_>>().join(", ");
    dialects::dialect(name).ok_or_else(|| anyhow!("no API {name:?}; there are {}", names()))
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

async fn rotate(store: &dyn Store, vault: &Vault, name: &str, dialect: &str) -> anyhow::Result<()> {
    let dialect = find_dialect(dialect)?;
    let merchant = find_merchant(store, name).await?;
    let now = clock::now();
    let mut change = ChangeSet::default();
    for mut key in store.keys_of(merchant.id).await.map_err(silent)? {
        if key.dialect.as_str() == dialect.name() && key.revoked_at.is_none() {
            key.revoked_at = Some(now);
            key.version += 1;
            change.keys.push(key);
        }
    }
    let revoked = change.keys.len();
    let fresh = draw(dialect);
    change.keys.extend(fresh.iter().map(|it| api_key(vault, merchant.id, dialect, it, false)));
    commit(store, change).await?;
    println!("{revoked} old credentials of {name} are good for nothing any more; the new ones:");
    for new in fresh {
        show(&(dialect.name(), new));
    }
    println!("These secrets are not shown again.");
    Ok(())
}

async fn pause(store: &dyn Store, name: &str, paused: bool) -> anyhow::Result<()> {
    let mut merchant = find_merchant(store, name).await?;
    merchant.paused = paused;
    merchant.version += 1;
    commit(store, ChangeSet { merchants: vec![merchant], ..ChangeSet::default() }).await?;
    let word = if paused { "paused; what was accepted is still paid" } else { "resumed" };
    println!("{name} is {word}");
    Ok(())
}
